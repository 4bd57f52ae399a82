"""The free-block table: a block is free if its grid row and its grid column are.

Zhuang et al. 2013, section 4.1: "free" is a block that shares neither its row nor its column of the
grid with any block being processed.  Two such blocks have no user and no item in common, so two
workers may update them at the same time, and the result is that of some order one after the other.

::

    busy rows        busy columns         block = row * columns + column
    |0 . . .         who is in it,        updates of a block are counted when it is given back
    |1 A . .         1 + worker
    |2 . . B

All its numbers lie in one int64 array, which can be given: in shared memory, say.  The table never
waits and takes no lock; whoever shares it calls it from one place at a time.

Used by the schedules over a grid, ``fpsgd`` and ``dsgd``.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

SMALL = 64
"""Blocks up to which a loop is faster than numpy's calls."""


class FreeBlocks:
    """Which blocks of a grid are free, who holds the others, how often each was updated.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns.
    state : int64 array of ``FreeBlocks.size(grid)`` numbers, optional
        Where to keep everything, taken as it stands; zeros are a table with nothing held.

    Attributes
    ----------
    tick : int
        Decisions so far: takes and returns.
    counts : int64 array, shape (rows * columns,)
        Updates of each block.

    Examples
    --------
    Worker 0 holds block (0, 0) of a 3 x 3 grid: four of nine are free.

    >>> table = FreeBlocks((3, 3))
    >>> table.take(0, 0)
    1
    >>> table.free()
    [4, 5, 7, 8]
    """

    def __init__(self, grid: tuple[int, int], state: npt.NDArray[np.int64] | None = None):
        self.grid = rows, columns = checked_grid(grid)
        size = self.size(grid)
        self.state = checked_state(state, size) if state is not None else np.zeros(size, np.int64)
        counts = 1 + rows + columns
        self.counts = self.state[counts:]
        self._rows, self._columns = self.state[1 : 1 + rows], self.state[1 + rows : counts]
        # views that give plain ints: reading one number out of numpy costs three times as much
        self._tick = self.state[:1].data
        self._in_row, self._in_column = self._rows.data, self._columns.data
        self._updates = self.counts.data

    @staticmethod
    def size(grid: tuple[int, int]) -> int:
        """Return how many numbers the table of such a grid has."""
        rows, columns = grid
        return 1 + rows + columns + rows * columns

    def __reduce__(self) -> Any:
        return type(self), (self.grid, self.state)

    @property
    def tick(self) -> int:
        """Decisions so far."""
        return self._tick[0]

    def place(self, block: int) -> tuple[int, int]:
        """Return the block's row and column."""
        return divmod(block, self.grid[1])

    def is_free(self, block: int) -> bool:
        """Return whether neither its row nor its column is busy."""
        row, column = divmod(block, self.grid[1])
        return not self._in_row[row] and not self._in_column[column]

    def free(self) -> list[int]:
        """Return the free blocks, ascending."""
        n = self.grid[1]
        columns = [column for column, holder in enumerate(self._in_column) if not holder]
        return [
            row * n + column
            for row, holder in enumerate(self._in_row)
            if not holder
            for column in columns
        ]

    def least_updated(self) -> list[int]:
        """Return the free blocks with the fewest updates, ascending; none if nothing is free."""
        if len(self.counts) > SMALL:
            return self._least_updated_of_many()
        free = self.free()
        if not free:
            return free
        updates = self._updates
        least = min([updates[block] for block in free])
        return [block for block in free if updates[block] == least]

    def _least_updated_of_many(self) -> list[int]:
        free = np.flatnonzero(np.logical_or.outer(self._rows, self._columns).ravel() == 0)
        if not len(free):
            return []
        updates = self.counts[free]
        return free[updates == updates.min()].tolist()

    def take(self, worker: int, block: int) -> int:
        """Mark the block's row and column as this worker's; return the tick."""
        row, column = divmod(block, self.grid[1])
        if self._in_row[row] or self._in_column[column]:
            raise ValueError(f"block {(row, column)} can't be taken: its row or column is busy")
        self._in_row[row] = self._in_column[column] = 1 + worker
        return self._next_tick()

    def give_back(self, worker: int, block: int) -> int:
        """Free the block's row and column, count its update; return the tick."""
        row, column = divmod(block, self.grid[1])
        if self._in_row[row] != 1 + worker or self._in_column[column] != 1 + worker:
            raise ValueError(
                f"worker {worker} can't release block {(row, column)}, which it does not hold"
            )
        self._in_row[row] = self._in_column[column] = 0
        self._updates[block] += 1
        return self._next_tick()

    def held(self) -> dict[int, tuple[int, int]]:
        """Return (row, column) of the block that each worker holds."""
        columns = {holder: column for column, holder in enumerate(self._in_column) if holder}
        return {
            holder - 1: (row, columns[holder]) for row, holder in enumerate(self._in_row) if holder
        }

    def _next_tick(self) -> int:
        self._tick[0] += 1
        return self._tick[0]

    def _check(self) -> Self:
        """Raise unless a worker's row and column go together, and the ticks add up."""
        in_rows = sorted(holder for holder in self._in_row if holder)
        in_columns = sorted(holder for holder in self._in_column if holder)
        if in_rows != in_columns or len(set(in_rows)) != len(in_rows):
            raise ValueError(f"rows are held by {in_rows}, columns by {in_columns}")
        if self.tick < 2 * int(self.counts.sum()) or self.counts.min() < 0:
            raise ValueError(f"{self.tick} ticks for {int(self.counts.sum())} updates")
        return self


def imbalance(counts: npt.ArrayLike, t: float | None = None) -> float:
    """Return the degree of imbalance, (most updates - fewest updates) / t.

    Zhuang et al. 2013, figure 7; `t` counts epochs, that is as many updates as there
    are blocks.

    Parameters
    ----------
    counts : int array
        Updates of each block.
    t : float, optional
        By default the mean of the counts.

    Examples
    --------
    >>> imbalance([2, 3, 4, 3])  # a gap of 2 after 12 updates of 4 blocks: 3 epochs
    0.6666666666666666
    """
    updates = np.asarray(counts)
    epochs = float(updates.mean()) if t is None else t
    return float(updates.max() - updates.min()) / epochs if epochs else 0.0


def checked_grid(grid: Any) -> tuple[int, int]:
    """Return the grid as two ints, 1 or more each."""
    sizes = tuple(grid) if isinstance(grid, tuple | list) else (grid,)
    if len(sizes) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in sizes):
        raise ValueError(f"grid must be (rows, columns), each 1 or more, got {grid!r}")
    return int(sizes[0]), int(sizes[1])


def checked_state(state: npt.NDArray[Any], size: int) -> npt.NDArray[np.int64]:
    """Return the given array, if a schedule can keep its numbers there."""
    if state.dtype != np.int64 or state.shape != (size,) or not state.flags.c_contiguous:
        raise ValueError(
            f"state must be a contiguous int64 array of shape ({size},), "
            f"got {state.dtype} of shape {state.shape}"
        )
    return state
