"""The worker loop: every block once, under every start method; deaths, failures, no remains."""

import gc
import multiprocessing
import os
import select
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from hogwild.data import sparse_classification
from hogwild.engine.loop import Crew, context_of, drain
from hogwild.engine.schedules import RoundRobin, Serial, make_schedule
from hogwild.engine.shared import SharedArray
from hogwild.engine.trace import Trace
from hogwild.errors import WorkerDied, WorkerFailed
from hogwild.models import fit_linear

pytestmark = pytest.mark.timeout(60)

N_BLOCKS = 20


@pytest.fixture(autouse=True)
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


# what the workers build: at the top of the module, so that they can be sent


def build_adder(worker, visits, wait_for_all):
    """Each update adds the block to its own place, so that a second one would show."""

    def update(grant, task):
        visits.array[worker, grant.block] += task
        while wait_for_all and not visits.array.any(axis=1).all():
            pass  # so that no worker takes all the blocks before the other has begun
        return float(grant.block)

    return update


def build_victim(worker, pids):
    def update(grant, task):
        pids.array[worker] = os.getpid(), grant.block
        if task == "wait":
            while True:
                time.sleep(60)
        if task == "raise":
            raise ValueError(f"block {grant.block} is bad")
        if task == "die" and worker == 1:
            while not pids.array[0, 0]:
                pass
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    return update


def build_nothing(worker, reason):
    raise OSError(reason)


def schedule_of(name, start_method, n_workers=2):
    return make_schedule(name, N_BLOCKS, n_workers, context_of(start_method))


def ends_of(pids):
    return [os.pidfd_open(int(pid)) for pid in pids]


def all_gone(ends, seconds):
    deadline = time.monotonic() + seconds
    gone = all(
        select.select([end], [], [], max(0.0, deadline - time.monotonic()))[0] for end in ends
    )
    for end in ends:
        os.close(end)
    return gone


# the loop alone


def test_the_loop_acquires_updates_and_releases_until_nothing_is_left():
    class Noting(Serial):
        def acquire(self, worker):
            grant = super().acquire(worker)
            seen.append(("acquire", grant and grant.block))
            return grant

        def release(self, worker, grant):
            seen.append(("release", grant.block))

    seen = []
    schedule = Noting()
    schedule.start(np.array([2, 0]), np.ones(2, np.int64))

    def update(grant, task):
        seen.append(("update", grant.block, task))
        return 0.5

    report = drain(schedule, 0, update, "task")
    assert seen == [
        ("acquire", 2), ("update", 2, "task"), ("release", 2),
        ("acquire", 0), ("update", 0, "task"), ("release", 0), ("acquire", None),
    ]  # fmt: skip
    assert (report.loss, report.n_blocks, report.events) == (1.0, 2, [])
    assert report.seconds >= 0.0


def test_traced_the_events_enclose_the_updates():
    schedule = Serial()
    schedule.start(np.array([1, 0]), np.ones(2, np.int64))
    times = []

    def update(grant, task):
        times.append(time.monotonic_ns())
        return 0.0

    events = drain(schedule, 0, update, traced=True).events
    assert [(e.event, e.number, e.block) for e in events] == [
        ("acquire", 0, 1), ("release", 0, 1), ("acquire", 1, 0), ("release", 1, 0),
    ]  # fmt: skip
    assert events[0].t <= times[0] <= events[1].t <= events[2].t <= times[1] <= events[3].t


def test_what_a_worker_holds_can_be_seen_from_outside_while_it_works():
    schedule = RoundRobin(4, 2)
    schedule.start(np.array([3, 2, 1, 0]), np.ones(4, np.int64))
    held, seen = SharedArray((2, 16), np.int64), []

    def update(grant, task):
        seen.append(held.array[:, 0].tolist())
        return 0.0

    drain(schedule, 1, update, held=held)
    assert seen == [[0, 3], [0, 1]]  # blocks 2 and 0, counted from 1
    assert not held.array.any()


# with workers


@pytest.mark.parametrize(
    "name, start_method",
    [("hogwild", "fork"), ("hogwild", "spawn"), ("hogwild", "forkserver"), ("round_robin", "fork")],
)
def test_a_crew_makes_every_update_exactly_once(name, start_method):
    visits = SharedArray((2, N_BLOCKS), np.int64)
    schedule = schedule_of(name, start_method)
    order = np.random.default_rng(0).permutation(N_BLOCKS)
    with Crew(
        schedule, build_adder, (visits, True), n_workers=2, start_method=start_method, traced=True
    ) as crew:
        assert len(set(crew.pids())) == 2
        for epoch, task in ((1, 1), (2, 10)):
            reports = crew.run(order, np.ones(N_BLOCKS, np.int64), task)
            assert sum(report.n_blocks for report in reports) == N_BLOCKS
            assert sum(report.loss for report in reports) == sum(range(N_BLOCKS))
            trace = Trace({"schedule": name, "n_blocks": N_BLOCKS})
            trace.add(epoch, [event for report in reports for event in report.events])
            assert trace.check() is None
    assert visits.array.sum(axis=0).tolist() == [11] * N_BLOCKS
    assert visits.array.any(axis=1).all()  # both took part


def test_the_standard_pool_does_the_same():
    visits = SharedArray((2, N_BLOCKS), np.int64)
    with Crew(
        schedule_of("hogwild", "fork"), build_adder, (visits, True), n_workers=2, pool="stdlib",
        start_method="fork",
    ) as crew:  # fmt: skip
        crew.run(np.arange(N_BLOCKS), np.ones(N_BLOCKS, np.int64), 1)
    assert visits.array.sum(axis=0).tolist() == [1] * N_BLOCKS


def test_serial_runs_here_without_any_process():
    visits = SharedArray((1, N_BLOCKS), np.int64)
    with Crew(Serial(), build_adder, (visits, False)) as crew:
        (report,) = crew.run(np.arange(N_BLOCKS), np.ones(N_BLOCKS, np.int64), 1)
        assert crew.pids() == []
        assert multiprocessing.active_children() == []
    assert report.n_blocks == N_BLOCKS
    assert visits.array.tolist() == [[1] * N_BLOCKS]


def test_a_part_of_the_blocks_is_a_run_as_well():
    visits = SharedArray((2, N_BLOCKS), np.int64)
    with Crew(
        schedule_of("hogwild", "fork"), build_adder, (visits, False), n_workers=2,
        start_method="fork",
    ) as crew:  # fmt: skip
        crew.run(np.array([7, 3]), np.ones(2, np.int64), 1)
        reports = crew.run(np.zeros(0, np.int64), np.zeros(0, np.int64), 1)
    assert np.flatnonzero(visits.array.sum(axis=0)).tolist() == [3, 7]
    assert [report.n_blocks for report in reports] == [0, 0]


# deaths and failures


def test_a_worker_killed_in_mid_epoch_is_told_within_a_second_with_its_block(start_method):
    pids = SharedArray((2, 2), np.int64)
    crew = Crew(
        schedule_of("hogwild", start_method), build_victim, (pids,), n_workers=2,
        start_method=start_method,
    )  # fmt: skip
    workers = crew.pids()
    ends = ends_of(workers)
    killer = os.fork()  # a third process, which waits until both are at work
    if killer == 0:
        while not pids.array[:, 0].all():
            time.sleep(0.001)
        pids.array[0, 1] = time.monotonic_ns()
        os.kill(int(pids.array[1, 0]), signal.SIGKILL)
        os._exit(0)
    with crew, pytest.raises(WorkerDied, match="by SIGKILL while it held block") as caught:
        crew.run(np.arange(N_BLOCKS), np.ones(N_BLOCKS, np.int64), "wait")
    seconds = (time.monotonic_ns() - int(pids.array[0, 1])) / 1e9
    os.waitpid(killer, 0)
    assert seconds < 1.0
    assert (caught.value.worker, caught.value.pid) == (1, workers[1])
    assert caught.value.exitcode == -signal.SIGKILL
    assert caught.value.holding == f"block {pids.array[1, 1]}"
    assert all_gone(ends, 2.0)
    # and the parent goes on
    visits = SharedArray((1, N_BLOCKS), np.int64)
    Crew(Serial(), build_adder, (visits, False)).run(np.array([0]), np.ones(1, np.int64), 1)
    assert visits.array[0, 0] == 1


@pytest.mark.parametrize("pool", ["own", "stdlib"])
def test_a_worker_that_kills_itself_is_told_with_its_block(pool):
    pids = SharedArray((2, 2), np.int64)
    with pytest.raises(WorkerDied) as caught:
        with Crew(
            schedule_of("round_robin", "fork"), build_victim, (pids,), n_workers=2, pool=pool,
            start_method="fork",
        ) as crew:  # fmt: skip
            crew.run(np.arange(N_BLOCKS), np.ones(N_BLOCKS, np.int64), "die")
    assert (caught.value.worker, caught.value.holding) == (1, "block 1")


def test_an_update_that_raises_ends_the_crew_with_its_reason():
    pids = SharedArray((2, 2), np.int64)
    with pytest.raises(WorkerFailed, match=r"raised ValueError: block \d+ is bad"):
        with Crew(
            schedule_of("hogwild", "fork"), build_victim, (pids,), n_workers=2, start_method="fork"
        ) as crew:
            crew.run(np.arange(N_BLOCKS), np.ones(N_BLOCKS, np.int64), "raise")


def test_a_build_that_fails_is_an_error_at_once(start_method):
    before = time.monotonic()
    with pytest.raises(WorkerFailed, match="raised OSError: no room"):
        Crew(
            schedule_of("hogwild", start_method), build_nothing, ("no room",), n_workers=2,
            start_method=start_method,
        )  # fmt: skip
    assert time.monotonic() - before < 20.0  # the start of two workers, on a busy machine


def test_a_build_that_fails_in_a_serial_run_raises_itself():
    with pytest.raises(OSError, match="no room"):
        Crew(Serial(), build_nothing, ("no room",))


def test_an_error_between_runs_ends_the_workers():
    visits = SharedArray((2, N_BLOCKS), np.int64)
    crew = Crew(
        schedule_of("hogwild", "fork"), build_adder, (visits, False), n_workers=2,
        start_method="fork",
    )  # fmt: skip
    ends = ends_of(crew.pids())

    def stumble():
        with crew:
            raise KeyError("mine")

    with pytest.raises(KeyError):
        stumble()
    assert all_gone(ends, 2.0)


def test_unknown_pools_and_start_methods_are_named_with_the_known_ones():
    with pytest.raises(ValueError, match="pool must be one of own, stdlib, got 'x'"):
        Crew(Serial(), build_nothing, (), pool="x")
    with pytest.raises(ValueError, match=r"start_method must be one of fork.*, got 'x'"):
        context_of("x")


# nothing is left


@pytest.fixture
def remains(monkeypatch):
    """Counts the open files, mappings and names of this process alone: others use /dev/shm too."""
    prefix = f"hogwild-test-{os.getpid()}"
    # the standard library's semaphores are named at random; let them be named after us
    monkeypatch.setitem(multiprocessing.current_process()._config, "semprefix", f"/{prefix}")
    mine = (f"sem.{prefix}", f"pym-{os.getpid()}-")

    def count():
        gc.collect()
        maps = Path("/proc/self/maps").read_text()
        return {
            "files": len(os.listdir("/proc/self/fd")),
            "arenas": maps.count("/pym-"),
            "semaphores": maps.count(f"sem.{prefix}"),
            "names": len([name for name in os.listdir("/dev/shm") if name.startswith(mine)]),
            "children": len(multiprocessing.active_children()),
        }

    return count


def many_fits(n, start_method, remains, pool="own"):
    examples = sparse_classification(40, 8, 3, 0)[0]
    options = {"n_workers": 2, "kernel": "python", "epochs": 1, "write": "locked", "pool": pool}
    for _ in range(2):  # what the library keeps for good is there after these
        fit_linear(examples, start_method=start_method, **options)
    before = remains()
    for _ in range(n):
        fit_linear(examples, start_method=start_method, **options)
    after = remains()
    assert after["children"] == after["names"] == after["semaphores"] == 0
    assert after["files"] <= before["files"]
    assert after["arenas"] <= before["arenas"]


@pytest.mark.slow
def test_fifty_fits_in_a_row_leave_nothing_behind(remains):
    many_fits(50, "fork", remains)


@pytest.mark.slow
@pytest.mark.timeout(600)  # a hundred workers that each import everything anew
@pytest.mark.parametrize("pool", ["own", "stdlib"])
def test_fifty_fits_leave_nothing_behind_however_workers_start(start_method, pool, remains):
    many_fits(50, start_method, remains, pool)
