"""Ctrl-C ends a command wherever it comes, and with one line."""

import contextlib
import ctypes
import gc
import os
import re
import select
import signal
import subprocess
import sys
import threading

import pytest
from replay_cases import planted
from test_cli import process

import hogwild.cli.fit_factors
from hogwild.cli import main
from hogwild.cli.interrupt import AGAIN, Interrupt, is_interrupt
from hogwild.data import write_ratings
from hogwild.models import fit_factors

pytestmark = pytest.mark.timeout(60)

SERIAL = ["fit", "factors", "r.dat", "--kernel", "numpy", "--factors", "4", "--schedule", "serial"]


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C interrupts, also where the tests run as a shell's background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with ratings, which is the current one."""
    write_ratings(planted(), tmp_path / "r.dat", format="ratings.dat")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys, here):
    """Runs a fit of factors; gives exit code, stdout and stderr."""

    def run_one(*options):
        code = main([*SERIAL, *options])
        return code, *capsys.readouterr()

    return run_one


@pytest.fixture
def run_instead(run, monkeypatch):
    """Runs a command that does this, and then waits; gives exit code, stdout and stderr."""

    def run_one(function, *options):
        def fit(*_, **__):
            function()
            assert not any(select.select([], [], [], 20)), "nobody ends it"

        monkeypatch.setattr(hogwild.cli.fit_factors, "fit_factors", fit)
        return run(*options)

    return run_one


def ctrl_c(*_):
    signal.raise_signal(signal.SIGINT)


# ---- lost --------------------------------------------------------------------------------------


def in_a_callback():
    """As numba's compiler does: an exception in a ctypes callback has nowhere to go."""
    ctypes.CFUNCTYPE(None)(ctrl_c)()


def in_c_code_that_drops_errors():
    """As numpy does, where it asks whether a type is one of ctypes: nobody is told of the error."""
    has = ctypes.pythonapi.PyObject_HasAttrString
    has.argtypes = [ctypes.py_object, ctypes.c_char_p]
    asked = type("Asked", (), {"__getattr__": ctrl_c})()
    assert has(asked, b"x") == 0


def in_a_finalizer():
    type("Gone", (), {"__del__": ctrl_c})()
    gc.collect()


def in_code_that_catches_all():
    with contextlib.suppress(BaseException):
        ctrl_c()


def three_times():
    in_a_callback()
    in_c_code_that_drops_errors()
    in_a_finalizer()


@pytest.mark.parametrize(
    "lose",
    [in_a_callback, in_c_code_that_drops_errors, in_a_finalizer, in_code_that_catches_all,
     three_times],
)  # fmt: skip
def test_an_interrupt_that_is_lost_is_raised_again(run_instead, lose):
    assert run_instead(lose) == (130, "", "hogwild: interrupted\n")


def test_one_that_is_lost_again_and_again_is_raised_until_it_is_not(run_instead):
    lost = []

    def lose():
        for _ in range(3):
            try:
                ctrl_c() if not lost else select.select([], [], [], 20)
            except BaseException as error:
                lost.append(error)

    assert run_instead(lose) == (130, "", "hogwild: interrupted\n")
    assert [type(error) for error in lost] == [KeyboardInterrupt] * 3


def test_one_that_is_lost_after_a_long_clean_up_is_raised_again(run_instead):
    def lose():
        with contextlib.suppress(BaseException):
            try:
                ctrl_c()
            finally:
                select.select([], [], [], 3 * AGAIN)

    assert run_instead(lose) == (130, "", "hogwild: interrupted\n")


def test_where_it_is_raised_again_respects_who_holds_it_back(run_instead):
    seen = []

    def hold_back():
        in_c_code_that_drops_errors()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        select.select([], [], [], 2 * AGAIN)
        seen.append("not yet")
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert run_instead(hold_back)[0] == 130
    assert seen == ["not yet"]


# ---- hidden ------------------------------------------------------------------------------------


def test_an_error_of_the_clean_up_does_not_hide_the_interrupt(run, monkeypatch):
    """As zipfile's in an .npz that is half written: it says that a member is still open."""

    def interrupted_after_an_epoch(*arguments, **settings):
        try:
            fit_factors(*arguments, **settings | {"callback": ctrl_c})
        finally:
            raise ValueError("Can't close the ZIP file while there is an open writing handle on it")

    monkeypatch.setattr(hogwild.cli.fit_factors, "fit_factors", interrupted_after_an_epoch)
    held = r"hogwild: interrupted; m\.npz\.checkpoint holds epoch 1 of 20: .*\n"
    code, out, err = run("--model", "m.npz")
    assert (code, out) == (130, "")
    assert re.fullmatch(held, err), err
    code, out, err = run()
    assert (code, out, err) == (130, "", "hogwild: interrupted\n")


def test_what_is_half_made_complains_to_nobody(run_instead):
    def half_made():
        kept = type("Half", (), {"__del__": lambda self: self.never_set})()
        try:
            ctrl_c()
        finally:
            del kept

    assert run_instead(half_made) == (130, "", "hogwild: interrupted\n")


def test_who_complains_without_an_interrupt_is_heard(run_instead, monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)

    def complain_and_end():
        type("Half", (), {"__del__": lambda self: self.never_set})()
        gc.collect()
        raise ValueError("at the end")

    assert run_instead(complain_and_end)[0] == 2
    assert [complaint.exc_type for complaint in heard] == [AttributeError]


# ---- on its way --------------------------------------------------------------------------------


def test_a_clean_up_may_take_its_time(run_instead):
    """The workers' end, say: an interrupt that is on its way is not raised a second time."""
    done = []

    def clean_up_slowly():
        try:
            ctrl_c()
        finally:
            try:
                {}["half done"]
            except KeyError:
                select.select([], [], [], 4 * AGAIN)
                done.append("clean")

    assert run_instead(clean_up_slowly) == (130, "", "hogwild: interrupted\n")
    assert done == ["clean"]


def test_who_interrupts_twice_does_not_wait_for_the_clean_up(run_instead):
    def clean_up_for_ever():
        try:
            ctrl_c()
        finally:
            ctrl_c()
            select.select([], [], [], 20)

    assert run_instead(clean_up_for_ever) == (130, "", "hogwild: interrupted\n")


def test_an_interrupt_while_it_is_said_is_one_too_many(run_instead, monkeypatch):
    said = []

    def say(message):
        ctrl_c()
        said.append(message)
        select.select([], [], [], 2 * AGAIN)

    monkeypatch.setattr(hogwild.cli.report, "note", say)
    assert run_instead(ctrl_c)[0] == 130
    assert said == ["interrupted"]


def test_an_error_that_came_before_an_interrupt_is_none():
    before, interrupt = KeyError(), KeyboardInterrupt()
    interrupt.__context__ = before
    assert [is_interrupt(error) for error in (before, interrupt, None)] == [False, True, False]


# ---- whose signals -----------------------------------------------------------------------------


def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.unraisablehook


def test_all_is_left_as_it_was(run_instead):
    before = handlers()
    assert run_instead(in_a_callback)[0] == 130
    assert handlers() == before


def test_an_alarm_of_someone_else_s_goes_on(run_instead):
    rung = []
    alarm = signal.signal(signal.SIGALRM, lambda *_: rung.append("rung"))
    timer = signal.setitimer(signal.ITIMER_REAL, 1000.0, 500.0)
    try:
        assert run_instead(in_a_callback)[0] == 130
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 900 < left <= 1000
        assert interval == 500
        signal.raise_signal(signal.SIGALRM)
        assert rung == ["rung"]
    finally:
        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, *timer)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, print])
def test_who_ignores_or_handles_ctrl_c_goes_on_to(handler):
    signal.signal(signal.SIGINT, handler)
    before = handlers()
    with Interrupt():
        assert handlers() == before
    assert handlers() == before


def test_off_the_main_thread_a_command_runs_too(run):
    before, codes = handlers(), []
    thread = threading.Thread(target=lambda: codes.append(main([*SERIAL, "--quiet"])))
    thread.start()
    thread.join(30)
    assert codes == [0]
    assert handlers() == before


# ---- wherever it comes -------------------------------------------------------------------------


INTERRUPTED_CHILDREN = """
import os, random, signal, sys
import hogwild.cli

def run_interrupted(argv):
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, after)
    return run(argv)

hogwild.cli.main([*sys.argv[1:], "--epochs", "1", "--json"])  # imports what a fit needs
run, hogwild.cli._run = hogwild.cli._run, run_interrupted
random.seed(0)
for _ in range(500):
    after = 0.01 + 0.08 * random.random()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 2)
        os._exit(hogwild.cli.main(sys.argv[1:]))
    os.close(writing)
    with os.fdopen(reading) as said:
        line = said.read()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), line, end="")
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_interrupt_at_any_time_ends_a_fit_with_its_line(here):
    """Each time in a new process: what multiprocessing has of its heap may be half done then."""
    options = ["--epochs", "1000000", "--model", "m.npz", "--checkpoint-every", "0"]
    done = process(*SERIAL, *options, program=["-c", INTERRUPTED_CHILDREN], stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()[1:]
    said = r"hogwild: interrupted(| before the first epoch's end|; m\.npz\.checkpoint holds .*)"
    assert [line for line in lines if not re.fullmatch(f"130 {said}", line)] == []
    assert len(lines) == 500
    assert any("holds" in line for line in lines)
    assert not [name for name in os.listdir() if name.startswith(".")]
