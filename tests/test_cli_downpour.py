"""Downpour on the command line: what a run tells, who may join it, and what is left of it."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from test_cli import Command, environment

from hogwild.cli.downpour_options import NOT_OF_FACTORS, NOT_OF_LINEAR, USUAL
from hogwild.cli.fit_downpour import stale_words
from hogwild.data import read_libsvm, write_ratings
from hogwild.downpour.keys import write_key
from hogwild.models import FactorModel, LinearModel

pytestmark = pytest.mark.timeout(60)

FORK = ["--start-method", "fork"]
QUICK = ["--schedule", "downpour", "--batch-size", "4", "--seed", "0", *FORK]


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """A file of two labels, 0 and 1, in the current folder, which has nothing else."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    X = random.standard_normal((120, 4)).round(3)
    y = (X @ [1.0, -2.0, 0.5, 0.0] > 0.2).astype(int)
    path = tmp_path / "rows.txt"
    lines = [
        f"{label} " + " ".join(f"{j + 1}:{x}" for j, x in enumerate(row))
        for label, row in zip(y, X, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


# ---- fit ---------------------------------------------------------------------------------------


def test_a_linear_fit_by_downpour_tells_its_exchanges(rows, run_json, tmp_path):
    found = run_json(
        "fit", "linear", rows, "--loss", "logistic", "--penalty", "l2", "--reg", "1e-3",
        "--replicas", "2", "--shards", "2", "--n-fetch", "2", "--n-push", "3", "--epochs", "5",
        "--test", rows, "--model", tmp_path / "m.npz", *QUICK,
    )  # fmt: skip
    assert (found["replicas"], found["shards"], found["n_fetch"], found["n_push"]) == (2, 2, 2, 3)
    assert (found["epochs"], found["updates"], found["labels"]) == (5, 150, [0.0, 1.0])
    assert found["dropped"] == found["restored"] == []
    assert sum(found["staleness"]["counts"].values()) == 2 * found["pushes"]  # at both shards
    assert found["test"]["accuracy"] > 0.9
    assert sum(each["rows"] for each in found["work"].values()) == 5 * 120
    model = LinearModel.load(tmp_path / "m.npz")
    assert set(np.unique(model.predict(read_libsvm(rows)))) == {0.0, 1.0}


def test_the_summary_shows_staleness_and_who_was_lost(rows, run):
    code, out, err = run("fit", "linear", rows, "--epochs", "2", "--shards", "2", *QUICK)
    assert (code, err) == (0, "")
    told = dict(line.split(None, 1) for line in out.splitlines())
    assert re.fullmatch(r"[12] at work, none dropped", told["replicas"])
    assert told["shards"] == "2, none restored"
    assert re.fullmatch(r"mean \S+, largest \d+", told["staleness"])
    assert re.fullmatch(r"pushes +\d+-?\d*\+? #+ .*%", told["of"])
    assert max(map(len, out.splitlines())) <= 80


def test_a_histogram_of_staleness_by_hand():
    assert stale_words(Counter({0: 2, 1: 1, 5: 1})) == "0 ##### 50 %, 1 ## 25 %, 4-7 ## 25 %"
    assert stale_words(Counter({0: 999, 20: 1, -1: 3})) == (
        "0 ########## 100 %, 16+ # <1 %, 3 across a restart"
    )
    assert stale_words(Counter()) == "none"


def test_one_replica_has_the_same_bits_for_a_seed(rows, run, tmp_path):
    for name in "ab":
        assert run(
            "fit", "linear", rows, "--replicas", "1", "--epochs", "2", "--model",
            tmp_path / f"{name}.npz", *QUICK,
        )[0] == 0  # fmt: skip
    a, b = (LinearModel.load(tmp_path / f"{name}.npz") for name in "ab")
    assert a.w.tobytes() == b.w.tobytes()


def test_factors_by_downpour(run_json, tmp_path):
    write_ratings(ratings(), tmp_path / "r.dat", format="ratings.dat")
    found = run_json(
        "fit", "factors", tmp_path / "r.dat", "--factors", "2", "--biases", "--epochs", "3",
        "--replicas", "2", "--shards", "2", "--test", tmp_path / "r.dat",
        "--model", tmp_path / "m.npz", *QUICK,
    )  # fmt: skip
    assert (found["n_factors"], found["shards"], found["rows"]) == (2, 2, 90)
    assert found["test"]["rmse"] < 1.0
    assert FactorModel.load(tmp_path / "m.npz").n_factors == 2


def ratings():
    from replay_cases import planted

    return planted().rows(np.arange(90))


@pytest.mark.parametrize("kind", ["linear", "factors"])
def test_options_that_downpour_has_not_are_refused_by_name(rows, run, kind):
    given = {
        "workers": "2", "kernel": "numpy", "write": "atomic", "trace": "t.json", "tol": "1",
        "threshold": "1", "l1_ratio": ".5", "grid": "3", "order": "item", "balance": "ratings",
        "strata": "sgd", "coordination": "shared", "dtype": "float64", "pool": "stdlib",
        "master": "local", "reg_l1": "1", "start": "uniform", "start_from": "m.npz",
        "step_rule": "yun", "beta": "1", "patience": "1", "checkpoint": "c",
        "checkpoint_every": "9",
    }  # fmt: skip
    for name, usual in {"linear": NOT_OF_LINEAR, "factors": NOT_OF_FACTORS}[kind].items():
        option = f"--{name.replace('_', '-')}"
        values = [] if usual is False else [choice(kind, name) or given[name]]
        code, out, err = run("fit", kind, rows, "--schedule", "downpour", option, *values)
        assert (code, out) == (2, ""), (option, err)
        assert f"--schedule downpour takes no {option}" in err
        assert err.count("\n") == 1


def choice(kind, name):
    """Another than the usual value of an option that has choices."""
    from hogwild.engine.coordination import COORDINATIONS
    from hogwild.engine.dsgd import STRATA
    from hogwild.kernels.records import WRITES
    from hogwild.models.factor_options import STARTS
    from hogwild.models.grid import BALANCES
    from hogwild.models.layout import ORDERS

    choices = {
        "write": WRITES, "strata": STRATA, "start": STARTS, "balance": BALANCES, "order": ORDERS,
        "coordination": COORDINATIONS,
    }  # fmt: skip
    return tuple(choices[name])[-1] if name in choices else None


@pytest.mark.parametrize("kind", ["linear", "factors"])
def test_options_of_downpour_need_its_schedule(rows, run, kind):
    values = {"rule": "fixed", "push_order": "paper"}
    for name in USUAL:
        option = f"--{name.replace('_', '-')}"
        code, out, err = run("fit", kind, rows, option, values.get(name, "2"))
        assert (code, out) == (2, "")
        assert f"{option} belongs to --schedule downpour, not " in err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--penalty", "l1"], "penalties of Downpour are none, l2, sparse_l2; got --penalty l1"),
        (["--reg", "1"], "--reg needs a --penalty"),
        (["--shards", "99"], "--shards must be at most the 5 parameters, got 99"),
        (["--replicas", "0"], "argument --replicas: must be a whole number, 1 or more, got '0'"),
    ],
)
def test_what_downpour_does_not_accept_is_one_sentence(rows, run, options, sentence):
    code, out, err = run("fit", "linear", rows, "--schedule", "downpour", *options)
    assert (code, out) == (2, "")
    assert sentence in err


# ---- serve and join ----------------------------------------------------------------------------


@pytest.fixture
def serve(rows):
    """Starts servers beside the rows; gives each one's command, what to type to join, and key."""
    with contextlib.ExitStack() as stack:

        def start(*options, address="127.0.0.1:0"):
            key = rows.parent / "run.key"
            command = Command(
                "downpour", "serve", "rows.txt", "--address", address, "--key-file", key,
                "--loss", "logistic", "--batch-size", "4", *FORK, *options, cwd=rows.parent,
            )  # fmt: skip
            stack.callback(command.close)
            command.read_until("hogwild: waits for replicas\r\n")
            found = re.search(r"to join: hogwild (downpour join (\S+) .*)\r\n", command.seen)
            return command, found[1].split(), key

        yield start


@pytest.fixture
def join(rows):
    """Starts a replica in the background; gives its process."""
    with contextlib.ExitStack() as stack:

        def start(words, *options):
            process = subprocess.Popen(
                [sys.executable, "-m", "hogwild", *words, *FORK, *options],
                cwd=rows.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL, env=environment(), text=True,
            )  # fmt: skip
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


def ended(replica, seconds=20):
    """Exit code, stdout and stderr of a replica."""
    out, err = replica.communicate(timeout=seconds)
    return replica.returncode, out, err


ENDLESS = ["--epochs", "1000000"]


def test_replicas_join_over_tcp_and_the_run_ends_for_all(serve, join, rows):
    server, words, key = serve("--epochs", "30", "--model", "m.npz", "--test", "rows.txt")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"a new key is in {key}, which only its owner may read" in server.seen
    one = join(words, "--json")
    server.read_until("replica 0 (")
    one.send_signal(signal.SIGSTOP)  # with a portion in hand: nobody can end the run without it
    two = join(words, "--replicas", "2")
    server.read_until("replica 2 (")
    one.send_signal(signal.SIGCONT)
    assert server.code_within(20) == 0
    code, out, err = ended(one)
    assert (code, json.loads(out)["replicas"]) == (0, 1), err
    code, out, err = ended(two)
    assert (code, out) == (0, f"run  {words[2]} has ended\n"), err
    told = server.process.stdout.read().decode()
    assert "3 at work, none dropped" in told
    assert "test accuracy" in told
    assert LinearModel.load(rows.parent / "m.npz").labels == (0.0, 1.0)


def test_who_has_another_key_or_other_rows_is_refused_and_the_server_goes_on(serve, run, rows):
    server, words, _ = serve("--epochs", "1", "--n-features", "9")
    write_key(rows.parent / "other.key")
    code, _, err = run(*words[:-1], "other.key", "--patience", "0")
    assert code == 3
    assert re.fullmatch(
        "hogwild: error: the server at .* has another key: take the key file .*\n", err
    )
    server.read_until("refused 127.0.0.1:")
    server.read_until("it has another key\r\n")
    lines = rows.read_text().splitlines()
    (rows.parent / "other.txt").write_text("\n".join([lines[1], *lines[1:]]) + "\n")
    code, _, err = run(*words[:3], "other.txt", *words[4:], "--replicas", "2")
    assert code == 3
    assert err.endswith(
        "hogwild: error: other.txt: the rows here are not those of the run, though equally many\n"
    )
    assert run(*words)[0] == 0
    assert server.code_within(20) == 0


def test_a_replica_that_is_killed_is_told_of_and_the_run_goes_on(serve, join, run):
    server, words, _ = serve("--epochs", "40", "--json")
    victim = join(words)
    server.read_until("replica 0 (")
    os.kill(victim.pid, signal.SIGKILL)
    server.read_until("was lost; what it had in hand goes to others\r\n")
    server.read_until("no replica is left; the run waits for others\r\n")
    assert run(*words)[0] == 0
    assert server.code_within(20) == 0
    found = json.loads(server.process.stdout.read())
    assert (found["dropped"], found["epochs"]) == ([0], 40)
    assert found["rows"] == 120


def test_of_two_replicas_side_by_side_one_may_be_killed(serve, join):
    server, words, _ = serve("--epochs", "40")
    both = join(words, "--replicas", "2")
    server.read_until("replica 1 (")
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(both.pid)], stdout=subprocess.PIPE)
    children = listed.stdout.decode().split()
    assert len(children) == 2
    os.kill(int(children[0]), signal.SIGKILL)
    server.read_until("was lost; what it had in hand goes to others\r\n")
    assert server.code_within(20) == 0
    code, out, err = ended(both)
    assert (code, out) == (0, f"run  {words[2]} has ended\n"), err
    assert f"a replica of this machine (pid {children[0]}) was lost" in err


def test_who_comes_to_a_shard_is_told_that_it_is_one(serve, run):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    server, words, _ = serve(*ENDLESS, "--shard-port", port)
    code, _, err = run(*words[:2], f"127.0.0.1:{port}", *words[3:], "--patience", "0")
    assert code == 3
    assert "a shard listens there; the coordinator, which replicas join, has another port" in err
    assert server.process.poll() is None


@pytest.mark.parametrize("replicas", ["1", "2"])
def test_ctrl_c_at_a_replica_leaves_the_run_and_nobody_behind(serve, rows, replicas):
    server, words, _ = serve(*ENDLESS, "--model", "m.npz")
    replica = Command(*words, "--replicas", replicas, *FORK, cwd=rows.parent)
    try:
        server.read_until("has joined")
        os.killpg(replica.process.pid, signal.SIGINT)
        assert replica.code_within(5) == 130
        assert replica.seen.endswith(
            f"hogwild: interrupted; the run at {words[2]} goes on without it\r\n"
        )
        assert "Traceback" not in replica.seen
    finally:
        replica.close()
    server.read_until("was lost")
    assert server.process.poll() is None


def test_ctrl_c_at_the_server_ends_the_run_and_the_replicas_say_so(serve, join, rows):
    server, words, key = serve(*ENDLESS, "--model", "m.npz", "--shards", "2")
    one, two = join(words), join(words, "--replicas", "2")
    for number in range(3):
        server.read_until(f"replica {number} (")
    os.killpg(server.process.pid, signal.SIGINT)
    assert server.code_within(5) == 130
    assert server.seen.endswith(
        "hogwild: interrupted; the run has ended, for the replicas that had joined it too\r\n"
    )
    for replica in (one, two):
        code, out, err = ended(replica, 5)
        assert (code, out) == (5, "")
        assert err.endswith(
            f"hogwild: error: the server at {words[2]} has gone before its run was done.\n"
        )
        assert "Traceback" not in err
    assert sorted(os.listdir(rows.parent)) == ["rows.txt", key.name]


def test_a_server_may_listen_everywhere_and_warns_of_it(serve, run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server, words, _ = serve("--epochs", "1", "--shard-port", str(port), address="0.0.0.0:0")
    socket.create_connection(("127.0.0.1", port), 5).close()
    assert server.seen.count("can be reached from other machines") == 1
    assert "listening at" not in server.seen
    port = words[2].rpartition(":")[2]
    assert run(*words[:2], f"127.0.0.1:{port}", *words[3:])[0] == 0
    assert server.code_within(20) == 0


def test_a_server_may_have_replicas_of_its_own_and_listen_at_a_socket(rows, run):
    code, out, err = run(
        "downpour", "serve", rows, "--address", rows.parent / "socket", "--key-file",
        rows.parent / "run.key", "--replicas", "1", "--epochs", "1", "--seed", "0", "--quiet",
        *FORK,
    )  # fmt: skip
    assert code == 0, err
    assert "1 at work" in out
    assert not (rows.parent / "socket").exists()


def test_ratings_and_fields_are_served_too(run, tmp_path, rows):
    write_ratings(ratings(), tmp_path / "r.dat", format="ratings.dat")
    fields = [f"{i % 2} 0:{i % 3}:1 1:{3 + i % 5}:1" for i in range(40)]
    (tmp_path / "f.txt").write_text("\n".join(fields) + "\n")
    for kind, name in (("factors", "r.dat"), ("ffm", "f.txt")):
        server = Command(
            "downpour", "serve", name, "--kind", kind, "--factors", "2", "--epochs", "2",
            "--batch-size", "4", "--test", name, *FORK, cwd=tmp_path,
        )  # fmt: skip
        try:
            server.read_until("waits for replicas")
            words = re.search(r"to join: hogwild (.*)\r\n", server.seen)[1].split()
            code, _, err = run(*words, "--kind", "linear")
            assert (code, err) == (3, f"hogwild: error: the run is of --kind {kind}, not linear\n")
            assert run(*words)[0] == 0
            assert server.code_within(20) == 0
            assert b"test " in server.process.stdout.read()
        finally:
            server.close()


def test_an_address_that_is_taken_is_one_line(rows, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = run(
            "downpour", "serve", rows, "--address", where, "--key-file", rows.parent / "k", *FORK
        )
    assert (code, out) == (1, "")
    assert f"hogwild: error: can't listen at {where}: " in err


def test_nobody_there_and_keys_that_are_none_are_one_line(run, rows):
    key = rows.parent / "run.key"
    write_key(key)
    words = ["downpour", "join", "127.0.0.1:1", rows, "--patience", "0", "--key-file"]
    assert run(*words, key)[::2] == (
        5, "hogwild: error: the server at 127.0.0.1:1 can't be reached: Connection refused.\n"
    )  # fmt: skip
    code, _, err = run(*words, rows.parent / "none")
    assert (code, "there is no such key file" in err) == (3, True)
    key.chmod(0o644)
    code, _, err = run(*words, key)
    assert (code, "others than its owner may use this key file" in err) == (3, True)
    code, _, err = run(*words[:2], "nowhere", *words[3:], key)
    assert (code, "an address is host:port" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--kind", "ffm", "--penalty", "l2"], "--penalty is not for --kind ffm"),
        (["--factors", "3"], "--factors is not for --kind linear"),
        (["--ids", "str"], "--ids is of files of ratings, not for --kind linear"),
        (["--kind", "ffm", "--loss", "hinge"], "the losses of --kind ffm are logistic, squared;"),
        (["--model", "-"], "--model needs a file"),
        (["--address", ":80"], "an address needs a host"),
    ],
)
def test_what_a_server_does_not_accept_is_said_before_a_key_is_made(rows, run, options, sentence):
    key = rows.parent / "run.key"
    code, out, err = run("downpour", "serve", rows, "--key-file", key, *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not key.exists()


@pytest.mark.parametrize(
    "command", ["downpour", "downpour serve", "downpour join", "fit linear", "fit factors"]
)
def test_help_fits_80_columns_and_gives_an_example(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert f"hogwild {command}" in out.partition("example")[2]


def test_ctrl_c_ends_a_fit_by_downpour_with_130_and_leaves_nothing(rows):
    fit = Command(
        "fit", "linear", "rows.txt", *QUICK, *ENDLESS, "--shards", "2", "--model", "m.npz",
        cwd=rows.parent,
    )  # fmt: skip
    try:
        fit.read_until("objective")
        assert len(fit.family()) == 1 + 2 + 1 + 2  # itself, shards, coordinator, replicas
        os.killpg(fit.process.pid, signal.SIGINT)
        assert fit.code_within(5) == 130
        assert fit.seen.endswith("hogwild: interrupted\r\n")
        assert "Traceback" not in fit.seen
        assert os.listdir(rows.parent) == ["rows.txt"]
    finally:
        fit.close()
