"""A schedule says which updates may run at the same time: acquire a block, update, release it.

Contract, the same for every schedule::

    start(order, updates)       the parent, before the workers run: these blocks, in this order
    acquire(worker) -> Grant    a block to work on, and the grant's number; None when none is left;
                                WAIT when none is free now: ask again after a release
    release(worker, grant)      the block is done; the tick of that, where the schedule counts them

``order`` holds block numbers, ``updates`` how many updates each of them will make.  A schedule
keeps its state in shared memory, so the same object serves all workers; it reaches them as an
initial argument of the Pool.  Driven alone, without any process, it can be tested and simulated.

For sparse linear models a block is a run of consecutive rows, and any two may run at the same time:
that is what makes Hogwild! a schedule like the others.  Where blocks exclude each other, as those
of a grid do (``fpsgd``, ``dsgd``), the schedule is a plain object with all its numbers in one
array, and ``coordination`` serves it to the workers, and waits there for those told to WAIT.

Called by ``engine.loop`` and ``engine.simulate``.
"""

from enum import Enum
from multiprocessing.context import BaseContext
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.engine.shared import SharedArray


class Grant(NamedTuple):
    """A block given to a worker: the how-manieth of this start it is, and which block.

    ``tick`` counts the decisions of a schedule over a grid, acquires and releases, one at a time:
    it puts them into their true order, which clocks read by the workers can't.
    """

    number: int
    block: int
    tick: int = -1


class Wait(Enum):
    """The type of WAIT, its only value."""

    WAIT = "wait"


WAIT: Final = Wait.WAIT
"""No block is free now; there will be one after some release."""


class Schedule(Protocol):
    """What the worker loop needs of a schedule."""

    name: str

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Take a new list of blocks; only the parent calls it, while no worker runs."""

    def acquire(self, worker: int) -> Grant | Wait | None:
        """Return a block that this worker may update now; WAIT; or None when there is none left."""

    def release(self, worker: int, grant: Grant) -> int | None:
        """Give the block back; return the tick, if there is one."""


class Serial:
    """One block after the other, in one process: plain SGD, the measure of all others.

    Examples
    --------
    >>> schedule = Serial()
    >>> schedule.start(np.array([2, 0]), np.array([10, 10]))
    >>> schedule.acquire(0), schedule.acquire(0), schedule.acquire(0)
    (Grant(number=0, block=2, tick=-1), Grant(number=1, block=0, tick=-1), None)
    """

    name = "serial"

    def __init__(self) -> None:
        self._order: list[int] = []
        self._next = 0

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Take the blocks."""
        self._order, self._next = [int(block) for block in order], 0

    def acquire(self, worker: int) -> Grant | None:
        """Return the next block."""
        if self._next == len(self._order):
            return None
        self._next += 1
        return Grant(self._next - 1, self._order[self._next - 1])

    def release(self, worker: int, grant: Grant) -> None:
        """Nothing waits for a block here."""


class Hogwild:
    """Every block is always free: whoever has time takes the next one (Niu et al. 2011, section 3).

    The blocks of an epoch are dealt out without replacement, as the article's experiments do.  The
    lock guards only the counter of blocks handed out, once for hundreds of updates; the updates
    themselves take no lock.

    Parameters
    ----------
    n_blocks : int
        The most blocks that ``start`` will be given.
    context : multiprocessing context
        Where the lock comes from.
    """

    name = "hogwild"

    def __init__(self, n_blocks: int, context: BaseContext):
        self._order = SharedArray(n_blocks, np.int64)
        self._taken = SharedArray(2, np.int64)  # blocks handed out, blocks in all
        self._lock = context.Lock()

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Take the blocks."""
        self._order.array[: len(order)] = order
        self._taken.array[:] = 0, len(order)

    def acquire(self, worker: int) -> Grant | None:
        """Return the next block that nobody has had yet."""
        taken = self._taken.array
        with self._lock:
            number = int(taken[0])
            if number == taken[1]:
                return None
            taken[0] = number + 1
        return Grant(number, int(self._order.array[number]))

    def release(self, worker: int, grant: Grant) -> None:
        """A block is had once an epoch, so nobody waits for it."""


class RoundRobin:
    """The workers compute at the same time and write in turn: the article's comparator (section 5).

    Blocks are dealt in a circle, worker p gets the p-th, the (p + n_workers)-th and so on.  The
    turn is taken at the write of each update, by the gate of ``kernels.gates``, with the state
    that ``start`` puts into ``gate``: whose turn it is, then how many updates each worker has left.

    Parameters
    ----------
    n_blocks : int
        The most blocks that ``start`` will be given.
    n_workers : int
    """

    name = "round_robin"

    def __init__(self, n_blocks: int, n_workers: int):
        self.n_workers = n_workers
        self.gate = SharedArray(1 + n_workers, np.int64)
        self._order = SharedArray(1 + n_blocks, np.int64)  # how many, then the blocks
        self._taken = SharedArray((n_workers, 16), np.int64)  # 128 bytes each: no line is shared

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Take the blocks, and give the first turn to the first worker with an update to make."""
        self._order.array[0] = len(order)
        self._order.array[1 : 1 + len(order)] = order
        self._taken.array[:] = 0
        left = [int(updates[p :: self.n_workers].sum()) for p in range(self.n_workers)]
        self.gate.array[1:] = left
        self.gate.array[0] = next((p for p, count in enumerate(left) if count), 0)

    def acquire(self, worker: int) -> Grant | None:
        """Return the next block of this worker's share."""
        number = worker + self.n_workers * int(self._taken.array[worker, 0])
        if number >= self._order.array[0]:
            return None
        self._taken.array[worker, 0] += 1
        return Grant(number, int(self._order.array[1 + number]))

    def release(self, worker: int, grant: Grant) -> None:
        """Each worker has a share of its own, so nobody waits for a block."""


SCHEDULES = ("serial", "hogwild", "round_robin")


def make_schedule(name: str, n_blocks: int, n_workers: int, context: BaseContext) -> Schedule:
    """Return the schedule of that name.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name == "serial":
        return Serial()
    if name == "hogwild":
        return Hogwild(n_blocks, context)
    if name == "round_robin":
        return RoundRobin(n_blocks, n_workers)
    raise ValueError(f"unknown schedule {name!r}; the schedules are {', '.join(SCHEDULES)}")
