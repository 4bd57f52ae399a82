"""The workers of one fit: started once, then a run of the worker loop for every epoch.

::

    parent                                   worker 0 .. n - 1  (or the parent itself, for "serial")
    ------                                   --------------------------------------------------
    Crew(schedule, build, args)    ----->    update = build(worker, *args)      once, at the start
    run(order, task)               ----->    grant = schedule.acquire(worker)
                                             while grant is not None:
                                                 loss += update(grant, task)    writes shared memory
                                                 tick, grant = schedule.swap(worker, grant)
    one Report a worker            <-----    loss, blocks, seconds, waited, events

``args`` carry the shared arrays and travel once; ``task`` is a small record sent for every run.

Called by the models.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hogwild.engine.coordination import Served
from hogwild.engine.schedules import Schedule, Serial
from hogwild.engine.shared import SharedArray
from hogwild.engine.stdlib_pool import StdlibPool
from hogwild.engine.worker_loop import Report, Update, drain
from hogwild.engine.workers import Pool, worker_number
from hogwild.errors import ManagerDied

__all__ = ["POOLS", "Build", "Crew", "Report", "Update", "context_of", "drain"]

Build = Callable[..., Update]

POOLS: dict[str, type[Pool] | type[StdlibPool]] = {"own": Pool, "stdlib": StdlibPool}


class _Job(NamedTuple):
    update: Update
    schedule: Schedule | Served
    held: SharedArray | None
    traced: bool


_job: _Job | None = None  # a worker process's own; set once, by the Pool's initializer


def _open_worker(
    build: Build, args: tuple, schedule: Schedule | Served, held: SharedArray, traced: bool
) -> None:
    global _job
    _job = _Job(build(worker_number(), *args), schedule, held, traced)
    connect = getattr(schedule, "connect", None)
    if connect is not None:
        connect()


def _run_worker(task: Any) -> Report:
    if _job is None:
        raise RuntimeError("this process was not started by a Crew")
    return drain(
        _job.schedule, worker_number(), _job.update, task, held=_job.held, traced=_job.traced
    )


class Crew:
    """The workers of one fit: processes of a Pool, or this process alone.

    Alone it is for ``Serial``, and for one worker on a schedule over a grid that is not served.

    Parameters
    ----------
    schedule : Schedule or Served
        It is closed with the crew.
    build : callable
        ``build(worker, *args) -> update``; at the top of a module, for it is sent to the workers.
    args : tuple
        Shared arrays, and small values.
    n_workers : int
    start_method : {"fork", "spawn", "forkserver"}, optional
        By default that of ``multiprocessing``.
    pool : {"own", "stdlib"}
        ``engine.workers.Pool``, or the standard library's pool with a watchdog.
    traced : bool
        Record events.

    Raises
    ------
    WorkerDied, WorkerFailed, ManagerDied
        From the constructor and from ``run``; the workers are gone by then.
    """

    def __init__(
        self,
        schedule: Schedule | Served,
        build: Build,
        args: tuple,
        *,
        n_workers: int = 1,
        start_method: str | None = None,
        pool: str = "own",
        traced: bool = False,
    ):
        if pool not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}, got {pool!r}")
        self.schedule, self.n_workers = schedule, n_workers
        self._pool: Pool | StdlibPool | None = None
        if isinstance(schedule, Serial) or _is_plain(schedule, n_workers):
            self._job = _Job(build(0, *args), schedule, None, traced)
            return
        held = SharedArray((n_workers, 16), np.int64)
        try:
            self._pool = POOLS[pool](
                n_workers,
                _open_worker,
                (build, args, schedule, held, traced),
                start_method=start_method,
                describe=lambda worker: _held_block(held, worker, schedule),
                watch=getattr(schedule, "check", None),
            )
        except BaseException:
            self._close_schedule()
            raise

    def run(
        self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64], task: Any = None
    ) -> list[Report]:
        """Let the workers update these blocks; return when all are done.

        Parameters
        ----------
        order : int64 array
            Block numbers, in the order in which they are to be handed out.
        updates : int64 array
            The number of updates in each of them.
        task : object
            A small record for every update of this run.
        """
        try:
            self.schedule.start(order, updates)
            if self._pool is None:
                job = self._job
                return [drain(job.schedule, 0, job.update, task, traced=job.traced)]
            return self._pool.run_on_each(_run_worker, [task] * self.n_workers)
        except ManagerDied:
            # the workers go first: what they may still hold can't be given back to anybody
            self.__exit__(ManagerDied, None, None)
            raise

    def pids(self) -> Sequence[int | None]:
        """Return the process ids of the workers; none without a pool."""
        return [] if self._pool is None else self._pool.pids

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._pool is not None:
                self._pool.__exit__(kind, error, trace)
        finally:
            self._close_schedule()

    def _close_schedule(self) -> None:
        close = getattr(self.schedule, "close", None)
        if close is not None:
            close()


def _is_plain(schedule: object, n_workers: int) -> bool:
    """Whether the schedule can be driven by one caller only; ValueError if there are more."""
    plain = hasattr(schedule, "state")
    if plain and n_workers > 1:
        raise ValueError(
            f"{n_workers} workers would each get a copy of this {type(schedule).__name__}: "
            "serve it with engine.serve(schedule, 'manager', context)"
        )
    return plain


def _held_block(held: SharedArray, worker: int, schedule: object) -> str | None:
    """Say which block a worker held, from what it left in shared memory."""
    block = int(held.array[worker, 0]) - 1
    if block < 0:
        return None
    grid = getattr(schedule, "grid", None)
    return f"block {block if grid is None else divmod(block, grid[1])}"


def context_of(start_method: str | None) -> multiprocessing.context.BaseContext:
    """Return the multiprocessing context of that start method.

    Raises
    ------
    ValueError
        When this system does not have it.
    """
    methods = multiprocessing.get_all_start_methods()
    if start_method is not None and start_method not in methods:
        raise ValueError(f"start_method must be one of {', '.join(methods)}, got {start_method!r}")
    return multiprocessing.get_context(start_method)
