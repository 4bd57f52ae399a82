"""The rules of the schedules over a grid: free blocks, the least updated, strata, nobody starves.

Written anew, and not with ``table``: a checker that shares the code shares its faults.

*Nobody starves.*  How evenly a right run updates its blocks depends on what they cost: a block a
hundred times as long as the others keeps its row and column busy, and then even a large grid has
blocks that others pass a hundred times.  So no bound on the counts holds for all right runs.  What
does hold: with n workers on n + 1 rows and columns or more, whoever asks can choose, for the other
n - 1 leave at least two rows and two columns idle.  On n x n he finds one free block only, the one
he has just given back, and takes it again and again.  The rule: a worker *without a choice* is
not given a block that is two or more updates ahead of the least updated one that nobody holds.

Used by ``judge``.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hogwild.engine.rules import Rule

if TYPE_CHECKING:
    from hogwild.engine.trace import Event

Grid = tuple[int, int]


class Held(NamedTuple):
    """A block in somebody's hands, since which line."""

    line: int
    event: "Event"


def shared_line(one: int, other: int, grid: Grid) -> str | None:
    """Return which grid row or column two blocks have in common, in words."""
    (row, column), (other_row, other_column) = divmod(one, grid[1]), divmod(other, grid[1])
    if row == other_row:
        return f"shares row {row}"
    if column == other_column:
        return f"shares column {column}"
    return None


def place(block: int, grid: Grid) -> str:
    """Return the block as (row, column)."""
    return str(divmod(block, grid[1]))


class FreeOnly(Rule):
    """In the order of the lines, no two held blocks share a grid row or a grid column."""

    def __init__(self, grid: Grid):
        self.grid = grid
        self.held: dict[int, Held] = {}

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "release":
            self.held.pop(event.worker, None)
            return None
        for line, other in self.held.values():
            shared = shared_line(event.block, other.block, self.grid)
            if shared:
                it = f"it {shared} with block {place(other.block, self.grid)}, which"
                return (
                    f"block {place(event.block, self.grid)} is not free for worker "
                    f"{event.worker}: {'' if event.block == other.block else it + ' '}"
                    f"worker {other.worker} holds {'it ' if event.block == other.block else ''}"
                    f"since line {line}"
                )
        self.held[event.worker] = Held(number, event)
        return None


class ApartByTheClocks(Rule):
    """By the workers' own clocks, nobody works in a grid row or column in which another does.

    The ticks could be in order while somebody gives a block back before he is done with it.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        self.begun: dict[int, Held] = {}
        self.spans: list[tuple[int, int, Held]] = []

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "acquire":
            self.begun[event.worker] = Held(number, event)
        else:
            begun = self.begun.pop(event.worker)
            self.spans.append((begun.event.t, event.t, begun))
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end."""
        rows: dict[int, tuple[int, Held]] = {}
        columns: dict[int, tuple[int, Held]] = {}
        for begin, end, held in sorted(self.spans):
            row, column = divmod(held.event.block, self.grid[1])
            for lines, index in ((rows, row), (columns, column)):
                until, other = lines.get(index, (begin, held))
                if until > begin:
                    return self._sentence(held, other, until)
                lines[index] = end, held
        return None

    def _sentence(self, held: Held, other: Held, until: int) -> str:
        same = held.event.block == other.event.block
        shared = shared_line(held.event.block, other.event.block, self.grid)
        with_it = "" if same else f", which {shared} with it"
        return (
            f"line {held.line}: worker {held.event.worker} begins block "
            f"{place(held.event.block, self.grid)} at t={held.event.t}, while by its own clock "
            f"worker {other.event.worker} works on block {place(other.event.block, self.grid)}"
            f"{with_it}, until t={until} (acquired in line {other.line})"
        )


class Strata(Rule):
    """A stratum has no row and no column twice, and begins when the one before is done."""

    def __init__(self, grid: Grid):
        self.grid, self.width = grid, min(grid)
        self.held: dict[int, Held] = {}
        self.strata: dict[tuple[int, int], list[Held]] = {}

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "release":
            self.held.pop(event.worker, None)
            return None
        stratum = event.epoch, event.number // self.width
        for line, other in self.held.values():
            if (other.epoch, other.number // self.width) != stratum:
                return (
                    f"the barrier is broken: block {place(event.block, self.grid)} of stratum "
                    f"{stratum[1]} is acquired while worker {other.worker} holds block "
                    f"{place(other.block, self.grid)} of stratum {other.number // self.width} "
                    f"since line {line}"
                )
        blocks = self.strata.setdefault(stratum, [])
        for line, other in blocks:
            shared = shared_line(event.block, other.block, self.grid)
            if shared:
                return (
                    f"stratum {stratum[1]} of epoch {event.epoch} is none: block "
                    f"{place(event.block, self.grid)} {shared} with block "
                    f"{place(other.block, self.grid)} of line {line}"
                )
        blocks.append(Held(number, event))
        self.held[event.worker] = blocks[-1]
        return None


class LeastUpdated(Rule):
    """Whoever asks gets one of the free blocks with the fewest updates; and nobody starves."""

    def __init__(self, grid: Grid, n_workers: int | None):
        self.grid, self.n_workers = grid, n_workers
        self.updates = np.zeros(grid, np.int64)  # counted at the release
        self.rows, self.columns = np.zeros(grid[0], bool), np.zeros(grid[1], bool)
        self.held: set[tuple[int, int]] = set()
        self.tick = 0

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        row, column = at = divmod(event.block, self.grid[1])
        if event.tick <= self.tick:  # a run that was resumed: its schedule is new
            self.updates[...] = 0
        self.tick = event.tick
        if event.event == "release":
            self.updates[at] += 1
            self.held.discard(at)
            self.rows[row] = self.columns[column] = False
            return None
        busy = np.logical_or.outer(self.rows, self.columns)
        wrong = self._not_least(at, busy) or self._starved(at, busy)
        self.held.add(at)
        self.rows[row] = self.columns[column] = True
        return wrong

    def _not_least(self, at: tuple[int, int], busy: np.ndarray) -> str | None:
        masked = np.where(busy, np.iinfo(np.int64).max, self.updates)
        least = np.unravel_index(int(masked.argmin()), self.grid)
        if masked[least] >= self.updates[at]:
            return None
        return (
            f"block {at} with {_updates(self.updates[at])} is acquired while block "
            f"{(int(least[0]), int(least[1]))} with {_updates(masked[least])} is free"
        )

    def _starved(self, at: tuple[int, int], busy: np.ndarray) -> str | None:
        if busy.size - busy.sum() > 1:
            return None  # there was a choice
        idle = self.updates.copy()
        for held in self.held:
            idle[held] = self.updates[at]
        least = np.unravel_index(int(idle.argmin()), self.grid)
        if self.updates[at] - idle[least] < 2:
            return None
        many = f"{self.n_workers} workers" if self.n_workers else "so many workers"
        return (
            f"block {(int(least[0]), int(least[1]))} starves with {_updates(idle[least])}: block "
            f"{at} with {_updates(self.updates[at])} was the only free one; a "
            f"{self.grid[0]} x {self.grid[1]} grid is too small for {many}"
        )


def _updates(count: int) -> str:
    return f"{int(count)} update{'' if count == 1 else 's'}"
