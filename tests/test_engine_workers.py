"""The pools: dynamic tasks, one task for each worker, and an end to every misuse.

Everything is tried with our pool under the three start methods. The standard pool under its watch
gets the same cases; it is slower to end, and those that no watch can mend are left out.
"""

import contextlib
import gc
import multiprocessing
import os
import random
import select
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pool_tasks
import pytest

from hogwild.engine.shared import SharedArray
from hogwild.engine.starting import quiet_start
from hogwild.engine.stdlib_pool import StdlibPool
from hogwild.engine.workers import Pool, worker_number
from hogwild.errors import DivergenceError, WorkerDied, WorkerFailed

pytestmark = pytest.mark.timeout(60)

PATHS = os.pathsep.join(path or os.getcwd() for path in [str(Path(__file__).parent), *sys.path])


@pytest.fixture(params=["own", "stdlib"])
def make(request, start_method):
    """Makes pools of either kind, under each start method; none of their processes may be left."""
    return _maker(pool_tasks.POOLS[request.param], start_method)


PROGRAMS = [("own", "fork"), ("own", "spawn"), ("own", "forkserver"), ("stdlib", "fork")]


@pytest.fixture(params=PROGRAMS, ids="-".join)
def make_most(request):
    """The same without the two slowest: what is tried does not depend on how workers start."""
    kind, method = request.param
    return _maker(pool_tasks.POOLS[kind], method)


@pytest.fixture
def own(start_method):
    """Makes our pools only."""
    return _maker(Pool, start_method)


def _maker(kind, start_method):
    def make_one(processes=2, *args, **options):
        return kind(processes, *args, start_method=start_method, **options)

    make_one.kind = kind
    return make_one


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    assert multiprocessing.active_children() == []


class Seen:
    """The processes with these pids, whose end can be waited for (a pid may be used again)."""

    def __init__(self, pids):
        self.ends = [os.pidfd_open(int(pid)) for pid in pids]

    def gone(self, seconds):
        """Whether all have ended within so many seconds."""
        deadline = time.monotonic() + seconds
        for end in self.ends:
            if not select.select([end], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return False
        for end in self.ends:
            os.close(end)
        return True


# what it is for


def test_map_gives_the_results_in_order_and_is_reusable(make):
    with make(2) as pool:
        assert pool.map(pool_tasks.square, range(20)) == [x * x for x in range(20)]
        assert pool.map(pool_tasks.square, []) == []
        assert pool.map(pool_tasks.square, iter([3])) == [9]
        assert pool.run_on_each(pool_tasks.square, [3, 4]) == [9, 16]
        assert len(set(pool.pids)) == 2


def test_run_on_each_gives_each_worker_its_own_argument_exactly_once(make_most):
    with make_most(3) as pool:
        for _ in range(5):
            answers = pool.run_on_each(pool_tasks.who_and_what, ["a", "b", "c"])
            assert answers == [(w, pool.pids[w], x) for w, x in enumerate("abc")]
        with pytest.raises(ValueError, match=r"one argument for each of the 3 workers, got 2"):
            pool.run_on_each(pool_tasks.square, [1, 2])
        assert pool.map(pool_tasks.square, [2]) == [4]


def test_map_hands_the_next_task_to_whoever_is_free():
    with Pool(2, start_method="fork") as pool:
        workers = pool.map(pool_tasks.slow_if_zero, range(20))
    assert workers.count(workers[0]) == 1


def test_initializer_and_tasks_know_their_worker_number(make):
    array = SharedArray(2, np.int64)
    with make(2, pool_tasks.take_and_sign, (array,)) as pool:
        assert array.array.tolist() == [1, 2]
        assert sorted(set(pool.run_on_each(pool_tasks.number, [None, None]))) == [0, 1]


def test_there_is_no_worker_number_outside_a_worker():
    with pytest.raises(RuntimeError, match="outside a worker"):
        worker_number()


def test_large_messages_pass_both_ways(own):
    with own(2) as pool:
        sizes = [5_000_000, 0, 3_000_000, 1]
        assert [len(b) for b in pool.map(pool_tasks.big, sizes)] == sizes
        assert pool.map(len, [bytes(n) for n in sizes]) == sizes


@pytest.mark.parametrize("processes", [0, -1, 1.5, "2", True], ids=repr)
def test_an_impossible_number_of_workers_is_refused(processes):
    for kind in pool_tasks.POOLS.values():
        with pytest.raises(ValueError, match="processes must be a whole number, 1 or more, got"):
            kind(processes)


def test_without_a_number_there_are_as_many_workers_as_processors():
    with Pool(start_method="fork") as pool:
        assert len(pool.pids) == pool.processes == len(os.sched_getaffinity(0))


def test_the_start_method_is_the_library_s_unless_given():
    with Pool(1) as pool:
        assert pool.start_method == multiprocessing.get_start_method()


def test_an_epoch_s_round_trip_is_short():
    with Pool(2, start_method="fork") as pool:
        times = []
        for _ in range(300):
            start = time.perf_counter()
            pool.run_on_each(pool_tasks.square, [1, 2])
            times.append(time.perf_counter() - start)
    assert statistics.median(times) < 5e-3  # .07 to .15 ms on a quiet machine


# errors in tasks


def test_a_task_that_raises_is_told_with_its_traceback(make_most):
    with make_most(2) as pool, pytest.raises(WorkerFailed) as caught:
        pool.map(pool_tasks.boom, [7])
    error = caught.value
    assert error.worker in (0, 1)
    assert "raised ValueError: no use for 7" in str(error)
    assert 'pool_tasks.py", line' in error.cause
    assert isinstance(error.pid, int)


MISUSES = [
    (pool_tasks.raise_two_arguments, None, "TwoArguments: a"),
    (pool_tasks.raise_unpicklable, None, "ValueError: holds a lock"),
    (pool_tasks.raise_unpicklable_of_ours, None, "DataError"),
    (pool_tasks.unpicklable_result, None, "cannot pickle"),
    (pool_tasks.unreadable_result, None, "could not be unpickled in the parent"),
    (pool_tasks.leave, 3, "SystemExit: 3"),
    (pool_tasks.interrupt, None, "KeyboardInterrupt"),
    (abs, pool_tasks.Unreadable(), "invalid literal for int"),
]


@pytest.mark.parametrize("task, argument, told", MISUSES)
def test_every_misuse_ends_in_a_clear_error(make_most, task, argument, told):
    with make_most(1) as pool:
        workers = Seen(pool.pids)
        with pytest.raises(WorkerFailed, match=told):
            pool.map(task, [argument])
        assert workers.gone(2)


def test_an_error_of_this_package_is_raised_as_itself(make_most):
    with make_most(2) as pool, pytest.raises(DivergenceError) as caught:
        pool.run_on_each(pool_tasks.raise_diverged, [3, 3])
    assert (caught.value.epoch, caught.value.step) == (3, 0.5)
    assert "raise DivergenceError(epoch" in caught.value.__notes__[0]


def test_an_error_in_one_worker_ends_the_others_at_once(make_most):
    with make_most(2) as pool:
        workers = Seen(pool.pids)
        start = time.monotonic()
        with pytest.raises(WorkerFailed, match="no use for it"):
            pool.run_on_each(pool_tasks.boom_or_spin, ["it", None])
        assert time.monotonic() - start < 2
        assert workers.gone(2)


def test_what_cannot_be_pickled_is_told_before_it_is_sent(make_most):
    with make_most(1) as pool, pytest.raises(Exception, match="pickle"):
        pool.map(lambda x: x, [1])


def test_a_pool_that_had_an_error_says_so_when_used_again(own):
    with own(1) as pool:
        with pytest.raises(WorkerFailed):
            pool.map(pool_tasks.boom, [0])
        assert pool.pids == []
        with pytest.raises(RuntimeError, match=r"an earlier call failed \(WorkerFailed\)"):
            pool.map(pool_tasks.square, [1])
        pool.terminate()


# initializers


def test_an_initializer_that_raises_is_told_at_once_and_nothing_is_started_again(make):
    start = time.monotonic()
    with pytest.raises(WorkerFailed, match="raised OSError: no such disk") as caught:
        make(2, pool_tasks.fail_to_start, ("no such disk",))
    assert time.monotonic() - start < 10
    assert "fail_to_start" in caught.value.cause


@pytest.mark.parametrize("who", [0, 1])
def test_a_worker_that_dies_in_its_initializer_is_told_at_once(make_most, who):
    start = time.monotonic()
    with pytest.raises(WorkerDied) as caught:
        make_most(2, pool_tasks.die_at_start, (who,))
    assert time.monotonic() - start < 10
    if make_most.kind is Pool:  # the standard one may have buried it before it is looked at
        assert caught.value.exitcode == -signal.SIGKILL
        assert caught.value.worker == who
        assert '__name__ == "__main__"' in caught.value.__notes__[0]


def test_initargs_that_cannot_be_pickled_start_nothing():
    for method in ("spawn", "forkserver"):
        with pytest.raises(TypeError, match="cannot pickle"):
            Pool(2, pool_tasks.take, (threading.Lock(),), start_method=method)


# deaths


def test_a_killed_worker_is_told_within_a_second(make):
    with make(2) as pool:
        pids = pool.pids
        workers = Seen(pids)
        start = time.monotonic()
        with pytest.raises(WorkerDied, match="was killed by SIGKILL") as caught:
            pool.run_on_each(pool_tasks.die_if, [False, True])
        assert time.monotonic() - start < 1.5  # of which .02 to .1 on a quiet machine
        assert workers.gone(2)
    assert (caught.value.worker, caught.value.pid) == (1, pids[1])
    assert caught.value.exitcode == -signal.SIGKILL
    with pytest.raises(RuntimeError, match=r"this pool has ended: .*\(WorkerDied\)"):
        pool.map(pool_tasks.square, [1])


def test_a_death_tells_the_task_or_what_describe_says(own):
    with pytest.raises(WorkerDied, match="while it held 17"), own(2) as pool:
        pool.map(pool_tasks.kill_me, [17])
    blocks = SharedArray(2, np.int64)

    def block(worker):
        return f"block {blocks.array[worker]}"

    pool = own(2, pool_tasks.take, (blocks,), describe=block)
    with pytest.raises(WorkerDied, match="while it held block 42") as caught:
        pool.run_on_each(pool_tasks.note_and_die, [42, 42])
    assert caught.value.holding == "block 42"


def test_the_standard_pool_tells_what_describe_says():
    blocks = SharedArray(2, np.int64)
    options = {"start_method": "fork", "describe": lambda worker: int(blocks.array[worker])}
    pool = StdlibPool(2, pool_tasks.take, (blocks,), **options)
    with pytest.raises(WorkerDied, match="while it held 42"):
        pool.run_on_each(pool_tasks.note_and_die, [42, 42])


def test_a_worker_that_leaves_by_itself_is_dead_too(make_most):
    with make_most(2) as pool, pytest.raises(WorkerDied, match=r"exit code 3") as caught:
        pool.map(pool_tasks.leave_at_once, [3])
    assert caught.value.exitcode == 3


def test_a_worker_killed_while_idle_is_told_by_the_next_call(make_most):
    with make_most(2) as pool:
        workers = Seen(pool.pids)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        with pytest.raises(WorkerDied, match="was killed by SIGKILL") as caught:
            pool.run_on_each(pool_tasks.square, [1, 2])
        assert time.monotonic() - start < 2
        assert workers.gone(2)
    assert caught.value.worker in (0, 1)


def test_a_death_is_seen_even_while_another_process_holds_the_pipe(monkeypatch):
    """As when another thread forks in the wrong moment: the dead worker's end then stays open."""
    ends = []
    release = multiprocessing.process.BaseProcess.start

    def start(self):
        ends.append(os.dup(self._args[1].fileno()))
        release(self)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", start)
    with Pool(2, start_method="fork") as pool, pytest.raises(WorkerDied):
        pool.run_on_each(pool_tasks.die_if, [True, False])
    for end in ends:
        os.close(end)


def _random_kills(kind, method, seed, kills):
    """Kill a random worker at a random moment of a call; the outcomes, seconds to the error."""
    draw = random.Random(seed)
    outcomes, waits, at = Counter(), [0.0], 0.0

    def kill(pid):
        nonlocal at
        at = time.monotonic()
        os.kill(pid, signal.SIGKILL)

    for _ in range(kills):
        with kind(2, start_method=method, timeout=20) as pool:
            killer = threading.Timer(draw.uniform(0, 0.03), kill, [draw.choice(pool.pids)])
            killer.start()
            try:
                results = pool.map(pool_tasks.some_work, [20_000] * 400)
            except WorkerDied as error:
                waits.append(time.monotonic() - at)
                outcomes["died" if error.exitcode == -signal.SIGKILL else "otherwise"] += 1
            else:
                outcomes["right" if results == [199990000.0] * 400 else "wrong"] += 1
            killer.join()
    assert outcomes["right"] + outcomes["died"] == kills, outcomes
    return outcomes, max(waits)


def test_a_kill_at_any_moment_gives_the_right_result_or_a_death(start_method):
    kills = 24 if start_method == "fork" else 5
    outcomes, longest = _random_kills(Pool, start_method, seed=1, kills=kills)
    assert outcomes["died"] > 0
    assert longest < 1  # .07 s was the longest of 300 on a busy machine


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_kills_under_each_start_method(start_method):
    outcomes, longest = _random_kills(Pool, start_method, seed=2, kills=100)
    assert outcomes["died"] > 20
    assert longest < 1


# the end


def test_close_and_join_let_the_workers_leave(own):
    pool = own(2)
    workers = Seen(pool.pids)
    with pytest.raises(RuntimeError, match="before join"):
        pool.join()
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError, match=r"close\(\) was called"):
        pool.map(pool_tasks.square, [1])
    pool.join()
    assert workers.gone(0)
    pool.terminate()


def test_terminate_ends_a_stopped_worker(own):
    pool = own(2)
    workers = Seen(pool.pids)
    os.kill(pool.pids[0], signal.SIGSTOP)
    pool.terminate()
    assert workers.gone(0)


def test_the_deadline_ends_the_workers(make_most):
    pool = make_most(2, timeout=5.0)
    workers = Seen(pool.pids)
    pool.timeout = 0.2
    with pytest.raises(TimeoutError, match=r"no answer within 0.2 s"):
        pool.run_on_each(pool_tasks.spin, [None, None])
    assert workers.gone(2)
    with pytest.raises(RuntimeError, match="TimeoutError"):
        pool.map(pool_tasks.square, [1])


def test_an_error_of_the_caller_inside_with_ends_busy_workers(own):
    with contextlib.suppress(ZeroDivisionError), own(2) as pool:
        workers = Seen(pool.pids)
        1 / 0  # noqa: B018
    assert workers.gone(0)


def test_a_second_thread_is_refused_while_a_call_runs():
    with Pool(1, start_method="fork", timeout=5) as pool:
        pool._calling.acquire()  # as a call of another thread does
        with pytest.raises(RuntimeError, match="in the middle of another call"):
            pool.map(pool_tasks.square, [1])
        pool._calling.release()
        assert pool.map(pool_tasks.square, [2]) == [4]


@pytest.mark.parametrize(
    "method, pools",
    [
        ("fork", 5),
        pytest.param("fork", 50, marks=pytest.mark.slow),
        pytest.param("spawn", 3, marks=pytest.mark.slow),
        pytest.param("forkserver", 3, marks=pytest.mark.slow),
    ],
)
def test_many_pools_in_a_row_leave_nothing(method, pools):
    def use_one(i):
        array = SharedArray(100)
        try:
            with Pool(2, pool_tasks.take, (array,), start_method=method) as pool:
                pool.run_on_each(pool_tasks.boom if i % 2 else pool_tasks.write, [1, 2])
        except WorkerFailed:
            pass

    for i in range(2):
        use_one(i)  # starts the library's own helper processes, and takes a first arena: they stay
    before = _held()
    for i in range(pools):
        use_one(i)
    assert _held() == before


def _held():
    """Open files, child processes, named shared memory and semaphores of this process."""
    gc.collect()  # what earlier tests left to the collector would be missed later
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    names = [name for name in os.listdir("/dev/shm") if f"-{os.getpid()}-" in name]
    return len(os.listdir("/proc/self/fd")), children, names, threading.active_count()


# signals, threads, parents


def test_workers_ignore_ctrl_c_and_block_nothing(make_most):
    with make_most(1) as pool:
        assert pool.map(pool_tasks.signals, [None]) == [(signal.SIG_IGN, False)]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_that_another_thread_takes_is_held_back_until_the_start_is_over():
    """As the threads of BLAS do: the mask of the thread that starts workers is not theirs."""
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    other.start()
    reached = []

    def start():
        with quiet_start("fork"):
            signal.pthread_kill(other.ident, signal.SIGINT)
            select.select([], [], [], 0.05)  # Python looks for signals where it lets threads run
            reached.append(True)

    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        waiting.set()
        other.join()
    assert reached
    assert signal.getsignal(signal.SIGINT) is handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_have_one_blas_thread(make):
    pytest.importorskip("threadpoolctl")
    before = dict(os.environ)
    with make(1) as pool:
        blas, environment = pool.map(pool_tasks.threads, [None])[0]
    assert blas
    assert set(blas) == {1}
    assert environment == ["1", "1"]
    assert dict(os.environ) == before


def test_a_spawned_worker_is_born_with_one_thread_in_its_environment():
    for kind in pool_tasks.POOLS.values():
        with kind(1, start_method="spawn") as pool:
            assert b"OPENBLAS_NUM_THREADS=1" in pool.map(pool_tasks.born_with, [None])[0]


def _program(kind, method, task):
    """A parent of two workers in a process group of its own, and their pids, once they are busy."""
    code = f"import pool_tasks; pool_tasks.program({kind!r}, {method!r}, {task!r})"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": PATHS},
    )
    workers = Seen(parent.stdout.readline().split())
    if task != "idle":
        assert [parent.stdout.readline() for _ in range(2)] == ["busy\n"] * 2
    return parent, workers


@pytest.mark.parametrize("task", ["idle", "spin", "in_compiled_code"])
@pytest.mark.parametrize("kind, method", PROGRAMS)
def test_no_orphans_when_the_parent_is_killed(kind, method, task):
    parent, workers = _program(kind, method, task)
    parent.kill()
    assert workers.gone(2)
    parent.communicate()


@pytest.mark.parametrize("kind, method", PROGRAMS)
def test_ctrl_c_reaches_the_parent_alone_and_ends_all(kind, method):
    parent, workers = _program(kind, method, "spin")
    os.killpg(parent.pid, signal.SIGINT)
    assert workers.gone(2)
    _, errors = parent.communicate(timeout=10)
    assert parent.returncode != 0
    assert errors.count("KeyboardInterrupt") == 1, errors


UNGUARDED = """
from pool_tasks import POOLS, square
with POOLS["{kind}"](2, start_method="{method}") as pool:
    print(pool.map(square, [1, 2]))
"""


@pytest.mark.parametrize("fed", ["file", "stdin"])
@pytest.mark.parametrize("kind", pool_tasks.POOLS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_script_without_a_main_guard_ends_with_one_clear_error(tmp_path, kind, method, fed):
    code = UNGUARDED.format(kind=kind, method=method)
    script = tmp_path / "script.py"
    script.write_text(code)
    ran = subprocess.run(
        [sys.executable, str(script)] if fed == "file" else [sys.executable],
        input=code if fed == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": PATHS},
    )
    if fed == "stdin" and ran.returncode == 0:
        assert ran.stdout == "[1, 4]\n"  # some versions don't look for the script again
        return
    assert ran.returncode == 1
    assert "WorkerDied" in ran.stderr
    assert '__name__ == "__main__"' in ran.stderr.split("WorkerDied")[-1]
    if fed == "file":
        assert "would start workers of its own" in ran.stderr
    assert ran.stderr.count("Traceback") <= 12, ran.stderr


def _start_a_pool(maker, answers):
    """Say what comes of it in a process that may have no children."""
    try:
        maker(1).terminate()
    except RuntimeError as error:
        answers.send(str(error))


@pytest.mark.parametrize("kind", [Pool, StdlibPool])
def test_a_daemonic_process_is_told_that_it_can_not_start_workers(kind):
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_start_a_pool, args=(kind, writer), daemon=True
    )
    process.start()
    writer.close()
    assert reader.poll(30)
    assert reader.recv().startswith("a daemonic process, such as a worker of multiprocessing.Pool")
    process.join()
    reader.close()
