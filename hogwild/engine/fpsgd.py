"""FPSGD: whoever is idle gets a free block with the fewest updates; nobody waits for another.

Zhuang, Chin, Juan, Lin, "A Fast Parallel SGD for Matrix Factorization in Shared Memory Systems",
RecSys 2013, section 4.1 and algorithm 4.  With s workers the grid should have s + 1 rows and
columns or more: on s x s a worker finds only the block free that it has just given back.

An epoch is as many block updates as there are blocks, whichever they were; the counts go on from
one to the next.

Served to workers by ``coordination``; driven alone by tests and by ``simulate``.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.engine.schedules import WAIT, Grant, Wait
from hogwild.engine.splitmix import MASK, below, splitmix
from hogwild.engine.table import FreeBlocks, checked_grid, checked_state

_GIVEN, _LAST, _RANDOM, _OWN = range(4)  # places in the state: grants so far, in all, ties


class FPSGD:
    """A free block with the fewest updates, ties at random.

    The printed algorithm keeps the last of equals; its text wants a random one, as here.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns.
    seed : int
        Of the ties.
    state : int64 array, optional
        Where to keep everything, taken as it stands (then `seed` is not used).

    Examples
    --------
    >>> schedule = FPSGD((2, 2), seed=1)
    >>> schedule.start(np.arange(4), np.ones(4, np.int64))
    >>> one = schedule.acquire(0)
    >>> two = schedule.acquire(1)  # the only one that shares no row and no column with it
    >>> one.block + two.block
    3
    >>> schedule.acquire(2) is WAIT
    True
    """

    name = "fpsgd"

    def __init__(
        self,
        grid: tuple[int, int],
        seed: int = 0,
        *,
        state: npt.NDArray[np.int64] | None = None,
    ):
        self.grid = checked_grid(grid)
        size = _OWN + FreeBlocks.size(self.grid)
        if state is None:
            self.state = np.zeros(size, np.int64)
            self.state[_RANDOM : _RANDOM + 1].view(np.uint64)[0] = seed & MASK
        else:
            self.state = checked_state(state, size)
        self.table = FreeBlocks(self.grid, self.state[_OWN:])
        self._run = self.state[:_RANDOM].data
        self._ties = self.state[_RANDOM:_OWN].view(np.uint64).data

    def over(self, state: npt.NDArray[np.int64]) -> Self:
        """Return the same schedule with its state in that array."""
        return type(self)(self.grid, state=state)

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.grid, self.state)

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Begin a run of as many grants as `order` has blocks; which blocks, is decided here."""
        self._run[_GIVEN], self._run[_LAST] = 0, len(order)

    def acquire(self, worker: int) -> Grant | Wait | None:
        """Return a free block with the fewest updates; WAIT if none is free, None at the end."""
        number = self._run[_GIVEN]
        if number == self._run[_LAST]:
            return None
        tied = self.table.least_updated()
        if not tied:
            return WAIT
        self._ties[0], drawn = splitmix(self._ties[0])
        block = tied[below(drawn, len(tied))]
        self._run[_GIVEN] = number + 1
        return Grant(number, block, self.table.take(worker, block))

    def release(self, worker: int, grant: Grant) -> int:
        """Free the block and count its update; return the tick."""
        return self.table.give_back(worker, grant.block)

    @property
    def tick(self) -> int:
        """Decisions so far, acquires and releases."""
        return self.table.tick

    def counts(self) -> npt.NDArray[np.int64]:
        """Return a copy of the updates of each block, in the grid's shape."""
        return self.table.counts.reshape(self.grid).copy()


def _restored(kind: type[FPSGD], grid: tuple[int, int], state: npt.NDArray[np.int64]) -> FPSGD:
    return kind(grid, state=state)
