"""DSGD: blocks that share no row and no column together, then a barrier, then the next of them.

Gemulla et al., KDD 2011; Zhuang et al. 2013, algorithm 2.  A set of such blocks is a *stratum*; on
a b x b grid it has b blocks, and b disjoint strata make an epoch.  A stratum lasts as long as its
slowest block: that is the locking problem, which FPSGD avoids.

Served to workers by ``coordination``; driven alone by tests and by ``simulate``.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.engine.schedules import WAIT, Grant, Wait
from hogwild.engine.table import FreeBlocks, checked_grid, checked_state

_GIVEN, _LAST, _DONE, _OWN = range(4)  # places in the state: grants so far, in all, given back

STRATA = ("seq", "wor", "wr")
"""The orders that ``strata_order`` knows."""


class DSGD:
    """The strata in the order given, with a barrier after each.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns; a stratum has as many blocks as the smaller of them.
    longest : int, optional
        The most blocks that ``start`` will be given; by default those of the grid.
    state : int64 array, optional
        Where to keep everything, taken as it stands.

    Examples
    --------
    >>> schedule = DSGD((2, 2))
    >>> schedule.start(np.array([0, 3, 1, 2]), np.ones(4, np.int64))
    >>> one, two = schedule.acquire(0), schedule.acquire(1)
    >>> one.block, two.block
    (0, 3)
    >>> _ = schedule.release(0, one)
    >>> schedule.acquire(0) is WAIT  # the barrier: worker 1 is not done
    True
    >>> _ = schedule.release(1, two)
    >>> schedule.acquire(0).block
    1
    """

    name = "dsgd"

    def __init__(
        self,
        grid: tuple[int, int],
        *,
        longest: int | None = None,
        state: npt.NDArray[np.int64] | None = None,
    ):
        self.grid = checked_grid(grid)
        self.longest = self.grid[0] * self.grid[1] if longest is None else longest
        size = _OWN + self.longest + FreeBlocks.size(self.grid)
        self.state = np.zeros(size, np.int64) if state is None else checked_state(state, size)
        self.table = FreeBlocks(self.grid, self.state[_OWN + self.longest :])
        self._run = self.state[:_OWN].data
        self._order = self.state[_OWN : _OWN + self.longest].data

    def over(self, state: npt.NDArray[np.int64]) -> Self:
        """Return the same schedule with its state in that array."""
        return type(self)(self.grid, longest=self.longest, state=state)

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.grid, self.longest, self.state)

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Take the strata, one after the other in `order`."""
        _check_strata(order, self.grid, self.longest)
        self.state[_OWN : _OWN + len(order)] = order
        self._run[_GIVEN], self._run[_LAST], self._run[_DONE] = 0, len(order), 0

    def acquire(self, worker: int) -> Grant | Wait | None:
        """Return the stratum's next block; WAIT at the barrier, None at the end."""
        number = self._run[_GIVEN]
        if number == self._run[_LAST]:
            return None
        if number % min(self.grid) == 0 and self._run[_DONE] < number:
            return WAIT
        block = self._order[number]
        self._run[_GIVEN] = number + 1
        return Grant(number, block, self.table.take(worker, block))

    def release(self, worker: int, grant: Grant) -> int:
        """Free the block; return the tick."""
        tick = self.table.give_back(worker, grant.block)
        self._run[_DONE] += 1
        return tick

    @property
    def tick(self) -> int:
        """Decisions so far, acquires and releases."""
        return self.table.tick

    def counts(self) -> npt.NDArray[np.int64]:
        """Return a copy of the updates of each block, in the grid's shape."""
        return self.table.counts.reshape(self.grid).copy()


def _restored(
    kind: type[DSGD], grid: tuple[int, int], longest: int, state: npt.NDArray[np.int64]
) -> DSGD:
    return kind(grid, longest=longest, state=state)


def _check_strata(order: npt.NDArray[np.int64], grid: tuple[int, int], longest: int) -> None:
    """Raise unless `order` is whole strata, in each of which no row and no column comes twice."""
    width = min(grid)
    if len(order) % width or len(order) > longest:
        raise ValueError(
            f"order must be whole strata of {width} blocks, {longest} blocks at most, "
            f"got {len(order)} blocks"
        )
    strata = np.asarray(order).reshape(-1, width)
    for lines in (strata // grid[1], strata % grid[1]):
        lines = np.sort(lines, axis=1)
        wrong = np.flatnonzero((lines[:, 1:] == lines[:, :-1]).any(axis=1))
        if len(wrong):
            stratum = [divmod(int(block), grid[1]) for block in strata[wrong[0]]]
            raise ValueError(
                f"stratum {int(wrong[0])} of the order has two blocks in one row or column: "
                f"{stratum}"
            )


def strata_order(b: int, random: np.random.Generator, kind: str = "seq") -> npt.NDArray[np.int64]:
    """Return an epoch's blocks of a b x b grid, b strata of b blocks, one after the other.

    The stratum schedules of Makari et al. (2013):

    - "seq": stratum l takes column (row + l) mod b of each row; the same in every epoch;
    - "wor": without replacement, each block exactly once.  Rows and columns of "seq" are renamed at
      random and the strata shuffled; for b up to 3 these are all the ways there are, for larger b
      a part of them;
    - "wr": with replacement, each stratum a random permutation: a block may be missed.

    Parameters
    ----------
    b : int
    random : numpy Generator
        Not drawn from for "seq".
    kind : {"seq", "wor", "wr"}

    Examples
    --------
    >>> strata_order(3, np.random.default_rng(0)).tolist()
    [0, 4, 8, 1, 5, 6, 2, 3, 7]
    """
    if kind not in STRATA:
        raise ValueError(f"strata must be one of {', '.join(STRATA)}, got {kind!r}")
    rows = np.arange(b)
    if kind == "wr":
        columns = np.array([random.permutation(b) for _ in range(b)])
    elif kind == "wor":
        renamed_rows, renamed_columns = random.permutation(b), random.permutation(b)
        columns = renamed_columns[(renamed_rows + random.permutation(b)[:, None]) % b]
    else:
        columns = (rows + rows[:, None]) % b
    return (rows * b + columns).ravel()
