"""Shards in processes of their own: equal to plain ones, and back from their checkpoints."""

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hogwild.downpour import checkpoints
from hogwild.downpour.checkpoints import KeptShard, read_state, write_state
from hogwild.downpour.rules import AdaGrad
from hogwild.downpour.shard import ACROSS, Shard
from hogwild.downpour.shards import Shards
from hogwild.engine.shared import SharedArray
from hogwild.errors import DataError, ServerGone

pytestmark = pytest.mark.timeout(60)

FORK = multiprocessing.get_context("fork")
NEVER = 1000.0  # seconds: no checkpoint but those that a test asks for


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    gc.collect()
    assert multiprocessing.active_children() == []


def states(n=2):
    return [Shard(np.arange(4.0) + k, AdaGrad(1.0), step=0.5).state() for k in range(n)]


def kill(shards, number=0, how=signal.SIGKILL):
    """End a shard's process, and wait until its parent can know."""
    process = shards._servers[number].process
    os.kill(process.pid, how)
    process.join(10)
    assert process.exitcode is not None


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def test_in_a_process_it_does_to_the_bit_what_it_does_alone():
    generator = np.random.default_rng(0)
    alone = Shard.from_state(states(1)[0])
    with Shards(states(1), FORK) as shards:
        (served,) = shards.connect()
        _, version = served.fetch()
        for _ in range(20):
            where, gradient = generator.permutation(4)[:2], generator.normal(size=2)
            assert served.push(where, gradient, version) == alone.push(where, gradient, version)
        values, after = served.fetch(np.array([3, 0]))
        assert np.array_equal(values, alone.fetch(np.array([3, 0]))[0])
        assert after == alone.fetch()[1] == (0, 20)
        assert same(served.state(), alone.state())
        assert served.summary() == alone.summary()


LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize(
    "host, start_method",
    [(None, "fork"), (LOOPBACK, "fork"), (None, "spawn"), (LOOPBACK, "forkserver")],
)
def test_a_killed_shard_goes_on_at_its_address_from_its_checkpoint(host, start_method):
    context = multiprocessing.get_context(start_method)
    with Shards(states(), context, host=host, checkpoint_seconds=NEVER) as shards:
        first, second = shards.connect(patience=0.0)
        addresses, pids = shards.addresses, shards.pids
        _, version = first.fetch()
        one = np.ones(4)
        assert [first.push(None, one, version) for _ in range(3)] == [0, 1, 2]
        assert first.checkpoint() == 3
        kept = first.state()
        first.push(None, one, version)
        first.push(None, one, version)
        second.push(None, one, second.fetch()[1])
        assert shards.check() == []
        kill(shards)
        (restore,) = shards.check()
        assert restore[:-1] == (0, pids[0], -signal.SIGKILL, 1, 3, 2)
        assert shards.restores == [restore]
        assert (shards.addresses, shards.pids[1]) == (addresses, pids[1])
        assert shards.pids[0] != pids[0]
        values, after = first.fetch()  # the same proxy
        assert (after, first.life, second.life) == ((1, 3), 1, 0)
        assert np.array_equal(values, kept["values"])
        assert np.array_equal(first.state()["kept"], kept["kept"])
        assert first.push(None, one, version) == ACROSS  # fetched in another life
        assert first.push(None, one, after) == 1
        assert second.summary()["pushes"] == 1


def test_before_the_first_checkpoint_it_goes_back_to_the_start():
    with Shards(states(), FORK, checkpoint_seconds=NEVER) as shards:
        proxies = shards.connect()
        for proxy in proxies:
            proxy.push(None, np.ones(4), proxy.fetch()[1])
        kill(shards, 1)
        (restore,) = shards.check()
        assert (restore.shard, restore.pushes, restore.lost) == (1, 0, 1)
        assert proxies[1].fetch()[0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_checkpoint_is_due_after_so_many_pushes_or_seconds(tmp_path):
    for options in ({"checkpoint_pushes": 3}, {"checkpoint_seconds": 0.01}):
        options = {"checkpoint_seconds": NEVER, **options}
        with Shards(states(1), FORK, directory=tmp_path, **options) as shards:
            (shard,) = shards.connect()
            version = shard.fetch()[1]
            for _ in range(3):
                shard.push(None, np.ones(4), version)
            until(lambda: read_state(tmp_path / "shard-0.npz")["pushes"] == 3)
            assert same(read_state(tmp_path / "shard-0.npz"), shard.state())
    assert [path.name for path in tmp_path.iterdir()] == ["shard-0.npz"]  # it stays there


def test_a_step_outlives_the_process_that_was_told():
    with Shards(states(), FORK, checkpoint_seconds=NEVER) as shards:
        shards.set_step(0.125)
        kill(shards, 1)
        shards.check()
        assert [proxy.state()["step"] for proxy in shards.connect()] == [0.125, 0.125]


# the file, and its writing


def test_a_state_is_read_as_it_was_written(tmp_path):
    shard = Shard(np.arange(3, dtype=np.float32), AdaGrad(0.5), step=0.1)
    shard.push(np.array([1]), np.array([2.0], np.float32), (0, 0))
    write_state(tmp_path / "s", shard.state())
    found = read_state(tmp_path / "s")
    assert same(found, shard.state())
    assert found["values"].dtype == np.float32
    assert same(Shard.from_state(found).state(), shard.state())


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "s").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(DataError, match="not a model of this package"):
        read_state(tmp_path / "s")


def kept_shard(tmp_path, **options):
    path, pushed = tmp_path / "s.npz", SharedArray(1, np.int64)
    write_state(path, states(1)[0])
    return KeptShard(path, 0, pushed, 0, NEVER, **options), pushed.array


def test_pushes_do_not_wait_for_the_writing_of_a_checkpoint(tmp_path, monkeypatch):
    shard, pushed = kept_shard(tmp_path)
    writing, go_on, seen = threading.Event(), threading.Event(), []

    def slow(path, state):
        writing.set()
        assert go_on.wait(30)
        seen.append(state["pushes"])

    monkeypatch.setattr(checkpoints, "write_state", slow)
    shard.push(None, np.ones(4), (0, 0))
    thread = threading.Thread(target=shard.checkpoint)
    thread.start()
    assert writing.wait(10)
    for number in range(1, 6):
        assert shard.push(None, np.ones(4), (0, 0)) == number
    assert shard.fetch()[1].number == pushed[0] == 6
    go_on.set()
    thread.join(10)
    assert seen == [1]  # the state of the moment in which it was begun
    assert shard.checkpoint() == 6
    assert shard.checkpoint() == 6
    assert seen == [1, 6]  # nothing had changed the last time


def test_a_disk_that_is_full_costs_a_line_in_the_log_and_the_old_checkpoint_stays(
    tmp_path, monkeypatch, caplog
):
    shard, _ = kept_shard(tmp_path, pushes=1)

    def full(path, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_state", full)
    with caplog.at_level(logging.WARNING, "hogwild.downpour"):
        shard.push(None, np.ones(4), (0, 0))
        until(lambda: caplog.records)
    assert caplog.records[0].getMessage().startswith("no checkpoint of shard 0: [Errno 28]")
    assert read_state(tmp_path / "s.npz")["pushes"] == 0
    with pytest.raises(OSError, match="No space left"):
        shard.checkpoint()


def test_killed_while_it_writes_it_goes_on_from_the_checkpoint_before(tmp_path, monkeypatch):
    true = checkpoints.write_state

    def deadly(path, state):
        if state["pushes"] == 2:
            Path(path).with_name(f".{path.name}.0123.tmp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        true(path, state)

    monkeypatch.setattr(checkpoints, "write_state", deadly)
    with Shards(states(1), FORK, directory=tmp_path, checkpoint_seconds=NEVER) as shards:
        (shard,) = shards.connect(patience=0.0)
        shard.push(None, np.ones(4), (0, 0))
        assert shard.checkpoint() == 1
        shard.push(None, np.ones(4), (0, 0))
        with pytest.raises(ServerGone):
            shard.checkpoint()
        until(lambda: shards._servers[0].exitcode is not None)
        (restore,) = shards.check()
        assert (restore.pushes, restore.lost) == (1, 1)
        assert [path.name for path in tmp_path.iterdir()] == ["shard-0.npz"]


def test_a_shard_that_dies_again_and_again_is_given_up(tmp_path):
    with Shards(states(1), FORK, most_restores=2) as shards:
        for life in (1, 2):
            kill(shards)
            assert shards.check()[0].life == life
        kill(shards)
        told = r"died 3 times within 60 s, the last time with exit code -9; shard 0 is not started"
        with pytest.raises(ServerGone, match=told):
            shards.check()
    with Shards(states(1), FORK, most_restores=1, within=0.0) as shards:
        for life in (1, 2, 3):
            kill(shards)
            assert shards.check()[0].life == life


def test_a_damaged_checkpoint_is_told_with_its_name(tmp_path):
    with Shards(states(1), FORK, directory=tmp_path) as shards:
        (tmp_path / "shard-0.npz").write_bytes(b"no more")
        kill(shards)
        with pytest.raises(DataError, match=r"shard-0\.npz: not an \.npz file"):
            shards.check()


def test_asked_to_end_a_shard_leaves_the_others_their_folder():
    with Shards(states(), FORK, checkpoint_seconds=NEVER) as shards:
        proxies = shards.connect()
        kill(shards, 0, signal.SIGTERM)
        assert [restore.exitcode for restore in shards.check()] == [1]
        assert [proxy.fetch()[1] for proxy in proxies] == [(1, 0), (0, 0)]


# replicas meet a death


def _push_for_ever(client, told, n_pushes):
    shard = client.connect()
    for number in range(n_pushes):
        shard.push(None, np.ones(4), shard.fetch()[1])
        told.array[0] = number + 1


@pytest.mark.parametrize("start_method, kills", [("fork", 3), ("spawn", 1), ("forkserver", 1)])
def test_replicas_wait_for_a_shard_and_no_push_is_unaccounted_for(start_method, kills):
    context = multiprocessing.get_context(start_method)
    n_pushes = 100 * (kills + 1)
    told = SharedArray(1, np.int64)
    with Shards(states(1), context, checkpoint_seconds=0.02) as shards:
        (client,) = shards.clients()
        replica = context.Process(target=_push_for_ever, args=(client, told, n_pushes))
        replica.start()
        for number in range(kills):
            until(lambda number=number: told.array[0] >= 100 * (number + 1))
            kill(shards)
            shards.check()
        replica.join(30)
        assert (replica.exitcode, told.array[0]) == (0, n_pushes)
        (shard,) = shards.connect()
        there = shard.summary()["pushes"] + sum(restore.lost for restore in shards.restores)
        # a push that was applied, but not answered, when its shard was killed was sent again
        assert n_pushes <= there <= n_pushes + kills
        assert shard.summary()["life"] == kills


def test_patience_has_an_end():
    with Shards(states(1), FORK) as shards:
        (client,) = shards.clients(patience=0.2)
        with client.connect() as shard:
            kill(shards)
            begin = time.monotonic()
            with pytest.raises(ServerGone, match=r"shard0 \(pid \d+\) can't be reached"):
                shard.fetch()
            assert 0.2 <= time.monotonic() - begin < 5.0


# no remains

PROGRAM = """
import sys, time, multiprocessing
from hogwild.downpour.shard import Shard
from hogwild.downpour.shards import Shards

if __name__ == "__main__":
    states = [Shard([1.0]).state() for _ in range(2)]
    shards = Shards(states, multiprocessing.get_context(sys.argv[1]), checkpoint_seconds=0.01)
    print(*shards.pids, shards.addresses[0], flush=True)
    if sys.argv[2] == "raise":
        raise RuntimeError
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "method, how",
    [("fork", "raise"), ("fork", "SIGINT"), ("fork", "SIGTERM"), ("spawn", "SIGKILL"),
     ("forkserver", "SIGKILL")],
)  # fmt: skip
def test_no_process_and_no_folder_outlives_the_parent(method, how, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    package = Path(checkpoints.__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, program, method, how], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(package)},
        start_new_session=True,
    )  # fmt: skip
    *pids, address = parent.stdout.readline().split()
    ends = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            ends.append(os.pidfd_open(int(pid)))
    if how == "SIGKILL":
        parent.kill()
    elif how != "raise":
        os.killpg(parent.pid, getattr(signal, how))
    assert parent.wait() != 0
    parent.stdout.close()
    deadline = time.monotonic() + 10
    for end in ends:
        assert multiprocessing.connection.wait([end], max(0.0, deadline - time.monotonic()))
        os.close(end)
    until(lambda: not Path(address).parent.exists())
