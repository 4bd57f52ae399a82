"""One schedule for several processes: in shared memory and in a Manager; deaths and no remains."""

import gc
import multiprocessing
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hogwild.engine import manager as manager_module
from hogwild.engine import server_process
from hogwild.engine.coordination import InManager, InSharedMemory, serve
from hogwild.engine.dsgd import DSGD, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.loop import Crew, context_of, drain
from hogwild.engine.schedules import Grant
from hogwild.engine.shared import SharedArray
from hogwild.engine.trace import Trace
from hogwild.errors import ManagerDied, WorkerDied, WorkerFailed

pytestmark = pytest.mark.timeout(60)

B = 3
BLOCKS = B * B
FORK = multiprocessing.get_context("fork")
BOTH = pytest.mark.parametrize("coordination", ["shared", "manager"])


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """A folder for the Managers' sockets; neither they nor any process may be left."""
    # short, for a socket's name may have 108 letters
    room = Path(tempfile.mkdtemp(prefix="hw"))
    make = partial(tempfile.mkdtemp, dir=room)
    monkeypatch.setattr(server_process, "tempfile", SimpleNamespace(mkdtemp=make))
    yield room
    gc.collect()
    assert multiprocessing.active_children() == []
    assert sockets(room) == []
    shutil.rmtree(room)


def sockets(room):
    return [path for path in room.iterdir() if path.name.startswith("hogwild-")]


def plain_of(name, seed=0):
    return FPSGD((B, B), seed) if name == "fpsgd" else DSGD((B, B))


def order():
    return strata_order(B, np.random.default_rng(0))


def ones():
    return np.ones(BLOCKS, np.int64)


# what the workers build


def build_meeting(worker, seen):
    """Each worker waits in its first block until the other has one too."""

    def update(grant, task):
        seen.array[worker, task] += 1
        while not seen.array[:, task].all():
            time.sleep(0)
        return float(grant.block)

    return update


def build_held(worker, places):
    """Tell the parent where this worker is, and stay there; or follow the task."""

    def update(grant, task):
        places.array[worker, 0] = 1 + grant.block
        while task == "stay":
            time.sleep(60)
        while task == "meet" and not places.array[:, 0].all():
            time.sleep(0)
        if task == "meet" and worker == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        while task == "meet":
            time.sleep(60)
        return 0.0

    return update


def build_idle(worker):
    return lambda grant, task: 0.0


# what both do


@BOTH
@pytest.mark.parametrize("name", ["fpsgd", "dsgd"])
def test_served_it_decides_as_it_does_alone(name, coordination):
    alone, served = plain_of(name, 3), serve(plain_of(name, 3), coordination, FORK)
    alone.start(order(), ones())
    served.start(order(), ones())
    grant = alone.acquire(0)
    assert served.acquire(0) == grant
    for number in range(BLOCKS):
        tick, following = served.swap(0, grant)
        assert tick == alone.release(0, grant) == 2 * number + 2
        grant = alone.acquire(0)
        assert following == grant
    assert grant is None
    assert np.array_equal(served.counts(), alone.counts())
    assert served.counts().tolist() == [[1] * B] * B
    served.start(order(), ones())
    grant = served.acquire(1)
    assert served.release(1, grant) == 2 * BLOCKS + 2
    assert served.grid == (B, B)
    served.close()
    served.close()  # twice does no harm


@BOTH
def test_an_error_of_the_schedule_comes_back_as_itself(coordination):
    served = serve(DSGD((B, B)), coordination, FORK)
    with pytest.raises(ValueError, match="order must be whole strata of 3 blocks"):
        served.start(np.arange(4), np.ones(4, np.int64))
    served.start(order(), ones())
    with pytest.raises(ValueError, match=r"worker 0 can't release block \(1, 1\)"):
        served.release(0, Grant(0, 4))
    served.close()


@BOTH
def test_whoever_finds_nothing_free_waits_until_another_releases(coordination):
    served = serve(FPSGD((1, 1)), coordination, FORK)
    served.start(np.zeros(2, np.int64), np.ones(2, np.int64))
    first, second = served.acquire(0), []
    waiting = threading.Thread(target=lambda: second.append(served.acquire(1)))
    waiting.start()
    waiting.join(0.02)  # long enough to begin to sleep; not needed for the test to hold
    assert second == []
    assert served.release(0, first) == 2
    waiting.join(10)
    assert second == [Grant(1, 0, 3)]
    last = []
    ending = threading.Thread(target=lambda: last.append(served.acquire(0)))
    ending.start()
    assert served.swap(1, second[0]) == (4, None)
    ending.join(10)
    assert last == [None]
    served.close()


HOWEVER = [("fpsgd", "manager", method) for method in ("fork", "spawn", "forkserver")]


@pytest.mark.parametrize(
    "name, coordination, start_method",
    [
        *HOWEVER,
        ("dsgd", "shared", "spawn"),
        ("fpsgd", "shared", "fork"),
        ("dsgd", "manager", "fork"),
    ],
)
def test_workers_keep_the_rules_however_they_start(name, coordination, start_method):
    seen = SharedArray((2, 3), np.int64)
    served = serve(plain_of(name), coordination, context_of(start_method))
    trace = Trace({"schedule": name, "n_workers": 2, "grid": [B, B]})
    with Crew(
        served, build_meeting, (seen,), n_workers=2, start_method=start_method, traced=True
    ) as crew:
        for epoch in range(3):
            reports = crew.run(order(), ones(), epoch)
            trace.add(1 + epoch, [event for report in reports for event in report.events])
            assert sum(report.n_blocks for report in reports) == BLOCKS
            assert all(0.0 <= report.waited <= report.seconds for report in reports)
        assert served.counts().sum() == 3 * BLOCKS
    assert trace.check() is None
    assert [event.tick for event in trace.events] == list(range(1, 6 * BLOCKS + 1))
    assert [event.number for event in trace.serial_order()] == 3 * list(range(BLOCKS))
    assert seen.array.min() > 0  # both took part in every epoch


@BOTH
def test_workers_that_do_nothing_but_ask_never_decide_at_the_same_time(coordination):
    served = serve(FPSGD((B, B)), coordination, FORK)
    trace = Trace({"schedule": "fpsgd", "n_workers": 2, "grid": [B, B]})
    with Crew(served, build_idle, (), n_workers=2, start_method="fork", traced=True) as crew:
        for run in range(3):
            reports = crew.run(np.zeros(900, np.int64), np.ones(900, np.int64))
            trace.add(0, [event for report in reports for event in report.events])
            assert served.counts().sum() == 900 * (run + 1)
    assert [event.tick for event in trace.events] == list(range(1, 5401))
    assert trace.conflicts() == []


@BOTH
def test_the_standard_pool_serves_as_well(coordination):
    seen = SharedArray((2, 1), np.int64)
    served = serve(FPSGD((B, B)), coordination, FORK)
    with Crew(
        served, build_meeting, (seen,), n_workers=2, start_method="fork", pool="stdlib"
    ) as crew:
        crew.run(order(), ones(), 0)
        assert served.counts().sum() == BLOCKS


@BOTH
def test_more_workers_than_rows_only_wait(coordination):
    served = serve(FPSGD((2, 2)), coordination, FORK)
    with Crew(served, build_idle, (), n_workers=4, start_method="fork", traced=True) as crew:
        trace = Trace({"schedule": "fpsgd", "n_workers": 4, "grid": [2, 2]})
        reports = crew.run(np.arange(4), np.ones(4, np.int64))
        trace.add(1, [event for report in reports for event in report.events])
    assert sum(report.n_blocks for report in reports) == 4
    assert trace.conflicts() == []  # a block may starve there, and the check then says so


def test_time_without_a_block_is_told_as_waited():
    served = serve(FPSGD((1, 1)), "shared", FORK)
    served.start(np.zeros(1, np.int64), np.ones(1, np.int64))
    grant, reports = served.acquire(0), []
    waiting = threading.Thread(target=lambda: reports.append(drain(served, 1, lambda g, t: 0.0)))
    waiting.start()
    begin = time.monotonic()
    waiting.join(0.05)
    served.release(0, grant)
    waiting.join(10)
    assert reports[0].n_blocks == 0
    assert reports[0].waited == reports[0].seconds
    assert time.monotonic() - begin + 0.05 >= reports[0].waited >= 0.0


def test_an_unknown_coordination_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="coordination must be one of manager, shared, got 'x'"):
        serve(FPSGD((2, 2)), "x", FORK)


def test_a_schedule_that_is_not_served_is_refused_for_several_workers():
    with pytest.raises(ValueError, match=r"2 workers would each get a copy of this FPSGD: serve"):
        Crew(FPSGD((2, 2)), build_idle, (), n_workers=2)


def test_a_schedule_that_is_not_served_runs_here_for_one_worker():
    schedule = FPSGD((B, B))
    with Crew(schedule, build_idle, (), traced=True) as crew:
        (report,) = crew.run(order(), ones())
        assert crew.pids() == []
    assert report.n_blocks == BLOCKS
    assert report.events[-1].tick == 2 * BLOCKS
    schedule.start(order(), ones())
    schedule.acquire(1)
    schedule.table.take(2, schedule.table.free()[0])
    schedule.table.take(3, schedule.table.free()[0])
    with pytest.raises(RuntimeError, match="FPSGD lets worker 0 wait, and nobody is there"):
        drain(schedule, 0, lambda grant, task: 0.0)


# deaths


def gone(pids, seconds):
    """Whether the processes end within so long; call it before anything can end them."""
    ends = [os.pidfd_open(pid) for pid in pids]

    def wait():
        deadline = time.monotonic() + seconds
        ended = all(
            select.select([end], [], [], max(0.0, deadline - time.monotonic()))[0] for end in ends
        )
        for end in ends:
            os.close(end)
        return ended

    return wait


def killer_of(pid, places):
    """A third process that kills when all workers hold a block."""
    child = os.fork()
    if child == 0:
        while not places.array[:, 0].all():
            time.sleep(0.001)
        places.array[0, 1] = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    return child


MANAGED = [("manager", method) for method in ("fork", "spawn", "forkserver")]
EACH_ONCE = pytest.mark.parametrize("coordination, start_method", [*MANAGED, ("shared", "fork")])


@EACH_ONCE
def test_a_killed_worker_is_told_with_the_row_and_column_of_its_block(coordination, start_method):
    places = SharedArray((2, 2), np.int64)
    served = serve(FPSGD((B, B)), coordination, context_of(start_method))
    crew = Crew(served, build_held, (places,), n_workers=2, start_method=start_method)
    ended = gone(crew.pids(), 2.0)
    with pytest.raises(WorkerDied) as caught, crew:
        crew.run(order(), ones(), "meet")
    assert caught.value.worker == 1
    assert caught.value.holding == f"block {divmod(int(places.array[1, 0]) - 1, B)}"
    assert ended()


def test_a_killed_manager_is_told_within_a_second(start_method):
    places = SharedArray((2, 2), np.int64)
    served = serve(FPSGD((B, B)), "manager", context_of(start_method))
    crew = Crew(served, build_held, (places,), n_workers=2, start_method=start_method)
    ended = gone([*crew.pids(), served.pid], 2.0)
    killer = killer_of(served.pid, places)
    with pytest.raises(ManagerDied, match=r"keeps the free-block table was killed by SIGKILL") as e:
        with crew:
            crew.run(order(), ones(), "stay")  # the workers don't notice: they are at work
    seconds = (time.monotonic_ns() - int(places.array[0, 1])) / 1e9
    os.waitpid(killer, 0)
    assert (e.value.pid, e.value.exitcode) == (served.pid, -signal.SIGKILL)
    assert ended()
    assert seconds < 1.0


def test_a_worker_that_calls_a_killed_manager_is_told_so():
    seen = SharedArray((2, 1), np.int64)
    served = serve(FPSGD((B, B)), "manager", FORK)
    crew = Crew(served, build_meeting, (seen,), n_workers=2, start_method="fork")
    crew.run(order(), ones(), 0)
    os.kill(served.pid, signal.SIGKILL)
    told = rf"the Manager process \(pid {served.pid}\) that keeps the free-block table ended\."
    with pytest.raises(ManagerDied, match=told), crew:
        crew._pool.run_on_each(_ask, [None, None])


def _ask(_):
    from hogwild.engine import loop

    return loop._job.schedule.acquire(0)


def test_a_manager_killed_between_epochs_is_told_by_the_parent():
    served = serve(FPSGD((B, B)), "manager", FORK)
    with Crew(served, build_idle, (), n_workers=1, start_method="fork") as crew:
        ended = gone(crew.pids(), 2.0)
        crew.run(order(), ones())
        os.kill(served.pid, signal.SIGKILL)
        with pytest.raises(ManagerDied, match="was killed by SIGKILL; running out of memory"):
            crew.run(order(), ones())
        assert ended()


def test_workers_that_wait_in_the_manager_end_with_a_killed_worker():
    places = SharedArray((1, 2), np.int64)
    served = serve(FPSGD((1, 1)), "manager", FORK)
    crew = Crew(served, build_held, (places,), n_workers=1, start_method="fork")
    ended = gone([*crew.pids(), served.pid], 2.0)
    killer = killer_of(crew.pids()[0], places)
    with pytest.raises(WorkerDied), crew:
        crew.run(np.zeros(2, np.int64), np.ones(2, np.int64), "stay")
    os.waitpid(killer, 0)
    assert ended()


PROGRAM = """
import sys, time
import numpy as np
from hogwild.engine import Crew, FPSGD, context_of, serve

def build(worker):
    def update(grant, task):
        while True:
            time.sleep(60)
    return update

if __name__ == "__main__":
    method, coordination = sys.argv[1:]
    served = serve(FPSGD((3, 3)), coordination, context_of(method))
    crew = Crew(served, build, (), n_workers=2, start_method=method)
    print(*crew.pids(), *([served.pid] if coordination == "manager" else []), flush=True)
    crew.run(np.arange(9), np.ones(9, np.int64))
"""


def paths():
    import hogwild

    return str(Path(hogwild.__file__).parent.parent)


@EACH_ONCE
def test_when_the_parent_is_killed_all_others_end(coordination, start_method, tmp_path, room):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": paths(), "TMPDIR": str(room)}
    parent = subprocess.Popen(
        [sys.executable, program, start_method, coordination],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    ended = gone([int(pid) for pid in parent.stdout.readline().split()], 5.0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ended()
    # the socket's folder goes with the Manager, a moment before it


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_parent_that_is_asked_to_end_takes_the_manager_along(signal_name, tmp_path, room):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    parent = subprocess.Popen(
        [sys.executable, program, "fork", "manager"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": paths(), "TMPDIR": str(room)},
    )  # fmt: skip
    ended = gone([int(pid) for pid in parent.stdout.readline().split()], 5.0)
    os.killpg(parent.pid, getattr(signal, signal_name))  # as a terminal's Ctrl-C: to all of them
    assert parent.wait() != 0
    parent.stdout.close()
    assert ended()


# the Manager process itself


def test_the_manager_ends_with_the_crew_with_its_block_and_without_a_reference():
    served = serve(FPSGD((B, B)), "manager", FORK)
    ended = gone([served.pid], 2.0)
    with Crew(served, build_idle, (), n_workers=1, start_method="fork"):
        pass
    assert ended()
    with InManager(FPSGD((B, B)), FORK) as served:
        ended = gone([served.pid], 2.0)
    assert ended()
    with pytest.raises(ManagerDied):
        served.acquire(0)
    served = InManager(FPSGD((B, B)), FORK)
    ended = gone([served.pid], 2.0)
    del served
    gc.collect()
    assert ended()


def test_a_crew_that_can_not_be_started_takes_the_manager_along():
    served = serve(FPSGD((B, B)), "manager", FORK)
    ended = gone([served.pid], 2.0)
    with pytest.raises(WorkerFailed, match="TypeError"):
        Crew(served, build_idle, ("one too many",), n_workers=2, start_method="fork")
    assert ended()


def test_a_manager_that_ends_while_it_starts_is_told(monkeypatch):
    monkeypatch.setattr(manager_module, "Table", lambda plain: os._exit(3))
    with pytest.raises(ManagerDied, match=r"ended by itself \(exit code 3\)") as caught:
        InManager(FPSGD((B, B)), FORK)
    assert "before it could run anything" in caught.value.__notes__[0]


def test_its_socket_is_for_nobody_else_and_its_key_is_drawn(room):
    one, two = InManager(FPSGD((B, B)), FORK), InManager(FPSGD((B, B)), FORK)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in sockets(room)] == [0o700, 0o700]
    keys = [bytes(served._proxy._authkey) for served in (one, two)]
    assert len(set(keys)) == 2
    assert [len(key) for key in keys] == [32, 32]
    one.close()
    two.close()


def test_a_temporary_folder_too_deep_for_a_socket_is_passed_over(monkeypatch, tmp_path, room):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    make = partial(tempfile.mkdtemp, dir=deep)
    monkeypatch.setattr(server_process, "tempfile", SimpleNamespace(mkdtemp=make))
    monkeypatch.setattr(server_process, "_ROOM", str(room))
    with InManager(FPSGD((B, B)), FORK) as schedule:
        schedule.start(np.arange(BLOCKS), np.ones(BLOCKS, np.int64))
        assert schedule.acquire(0) is not None
    assert list(deep.iterdir()) == []


def test_in_shared_memory_nothing_has_to_be_ended():
    served = InSharedMemory(FPSGD((B, B)), FORK)
    served.connect()
    served.check()
    served.close()
    served.start(order(), ones())
    assert isinstance(served.acquire(0), Grant)
