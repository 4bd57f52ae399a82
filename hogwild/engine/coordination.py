"""One schedule for several processes: its numbers in shared memory, or all of it in a Manager.

::

    InSharedMemory                               InManager
    worker --lock--> the schedule's array        worker --one call a block--> Manager process
           decides there itself;                        the schedule decides there, alone;
           told to WAIT, it looks again                 told to WAIT, the call returns later

The schedule is the same plain object both times (``fpsgd``, ``dsgd``): all its numbers in one
int64 array ``state``, and ``over(array)`` gives the same schedule over another.  Served, it never
answers WAIT, and has one call more, ``swap``: release a block and acquire the next.

A Manager's call costs a few context switches; a lock in shared memory costs next to nothing, and
suits small blocks.  No worker holds a lock of the Manager's, so one that is killed leaves nothing
locked there; the lock in shared memory can be lost with its holder, and then the pool, which has
seen the death, ends the others.

Used by ``engine.loop`` and the models.
"""

import os
import time
from multiprocessing.context import BaseContext
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from hogwild.engine.manager import InManager
from hogwild.engine.schedules import WAIT, Grant, Schedule, Wait
from hogwild.engine.shared import SharedArray

__all__ = ["COORDINATIONS", "InManager", "InSharedMemory", "Plain", "Served", "serve"]

SPIN = 1e-3  # seconds of looking again at once, before sleeping in between
LONGEST_SLEEP = 1e-3


class Plain(Schedule, Protocol):
    """A schedule over a grid, driven by one caller at a time."""

    grid: tuple[int, int]
    state: npt.NDArray[np.int64]

    @property
    def tick(self) -> int:
        """Decisions so far."""

    def over(self, state: npt.NDArray[np.int64]) -> Self:
        """Return the same schedule with its numbers in that array, taken as they stand."""

    def counts(self) -> npt.NDArray[np.int64]:
        """Return a copy of the updates of each block, in the grid's shape."""


class Served(Protocol):
    """A schedule that several workers may call at once; it waits, instead of answering WAIT."""

    grid: tuple[int, int]

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Begin a run; only the parent calls it, while no worker runs."""

    def acquire(self, worker: int) -> Grant | None:
        """Return a block, or None when none is left."""

    def release(self, worker: int, grant: Grant) -> int | None:
        """Give the block back; return the tick."""

    def swap(self, worker: int, grant: Grant) -> tuple[int | None, Grant | None]:
        """Release and acquire in one; return the release's tick, and the next grant."""

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the updates of each block so far, in the grid's shape; between runs."""

    def connect(self) -> None:
        """Get ready in this worker, so that its first call is no slower than the others."""

    def check(self) -> None:
        """Raise when what serves the schedule has ended."""

    def close(self) -> None:
        """End what serves the schedule; nothing of it is left."""


class InSharedMemory:
    """A plain schedule whose array lies in shared memory, one decision at a time under a lock.

    Parameters
    ----------
    plain : Plain
        Copied as it stands.
    context : multiprocessing context
        Where the lock comes from.

    Examples
    --------
    >>> import multiprocessing
    >>> from hogwild.engine.fpsgd import FPSGD
    >>> schedule = InSharedMemory(FPSGD((2, 2)), multiprocessing.get_context("fork"))
    >>> schedule.start(np.arange(4), np.ones(4, np.int64))
    >>> grant = schedule.acquire(0)
    >>> schedule.swap(0, grant)[0]  # acquire was 1, release is 2, acquire 3
    2
    >>> schedule.counts().sum()
    np.int64(1)
    """

    def __init__(self, plain: Plain, context: BaseContext):
        self._bind(plain, SharedArray.copy_of(plain.state), context.Lock())

    def _bind(self, plain: Plain, memory: SharedArray, lock: Any) -> None:
        self.grid = plain.grid
        self._memory, self._lock = memory, lock
        self._plain = plain.over(memory.array)

    def __reduce__(self) -> Any:
        return _bound, (self._plain, self._memory, self._lock)

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Begin a run; only the parent calls it, while no worker runs."""
        self._plain.start(order, updates)

    def acquire(self, worker: int) -> Grant | None:
        """Return a block as soon as one is free, or None when none is left."""
        with self._lock:
            answer, tick = self._plain.acquire(worker), self._plain.tick
        return self._waited(worker, tick) if answer is WAIT else answer

    def release(self, worker: int, grant: Grant) -> int | None:
        """Give the block back; return the tick."""
        with self._lock:
            return self._plain.release(worker, grant)

    def swap(self, worker: int, grant: Grant) -> tuple[int | None, Grant | None]:
        """Release and acquire in one; return the release's tick, and the next grant."""
        with self._lock:
            released = self._plain.release(worker, grant)
            answer, tick = self._plain.acquire(worker), self._plain.tick
        return released, self._waited(worker, tick) if answer is WAIT else answer

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the updates of each block so far, in the grid's shape; between runs."""
        return self._plain.counts()

    def connect(self) -> None:
        """Nothing has to be reached but memory."""

    def check(self) -> None:
        """Nothing serves it but memory."""

    def close(self) -> None:
        """Nothing is left but memory, which goes with its last user."""

    def _waited(self, worker: int, tick: int) -> Grant | None:
        """Return a block once a decision after that tick has freed one; None at the end."""
        answer: Grant | Wait | None = WAIT
        begin, sleep = time.monotonic(), SPIN / 16
        while answer is WAIT:
            # without the lock, which the others need in order to release
            while self._plain.tick == tick:
                os.sched_yield()
                if time.monotonic() - begin > SPIN:
                    time.sleep(sleep)
                    sleep = min(2.0 * sleep, LONGEST_SLEEP)
            with self._lock:
                answer, tick = self._plain.acquire(worker), self._plain.tick
        return answer


def _bound(plain: Plain, memory: SharedArray, lock: Any) -> InSharedMemory:
    served = InSharedMemory.__new__(InSharedMemory)
    served._bind(plain, memory, lock)
    return served


COORDINATIONS: dict[str, type[InManager] | type[InSharedMemory]] = {
    "manager": InManager,
    "shared": InSharedMemory,
}
"""The ways to serve a schedule, by their names."""


def serve(plain: Plain, coordination: str, context: BaseContext) -> InManager | InSharedMemory:
    """Return the schedule as the workers can share it.

    Parameters
    ----------
    plain : Plain
        An ``FPSGD`` or a ``DSGD``.
    coordination : {"manager", "shared"}
    context : multiprocessing context
        That of the workers.
    """
    if coordination not in COORDINATIONS:
        raise ValueError(
            f"coordination must be one of {', '.join(COORDINATIONS)}, got {coordination!r}"
        )
    return COORDINATIONS[coordination](plain, context)
