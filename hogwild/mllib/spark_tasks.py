"""What an executor does with a partition of rows: fold it, make another of it, show some.

::

    elements of the RDD  --Pack-->  Rows Rows Rows ...     the chunks of the partition: Spark keeps
    (labelled points)               '------.------'        them, and sends them to Python
                                   Choice.chunks           chunks again, of the rows that are meant
                                           |
                        Fold, Remade, First: a result, other chunks, the first few rows

A partition travels from Spark to Python in chunks, which are folded as they come: however large it
is, the Python process holds one chunk at a time.  These are the chunks of `LocalPartitions`, so the
sums have the same bits.

Called by ``mllib.spark``, which sends them out.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.engine.spark import Failure, Guarded, Once, unfailed
from hogwild.mllib.given import as_rows
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.partitions import Rows, Rule, chunks, fold, places_of, points
from hogwild.mllib.spark_pack import Facts, in_one

# ---- rows that are kept ------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """Which rows of the kept ones are meant.

    Parameters
    ----------
    rules : tuple of rules, each asked about the rows that the one before has kept
    kept : tuple of Facts, of each partition
    n_features, sparse
        The kind of rows, also where there are none.
    """

    rules: tuple[Rule, ...]
    kept: tuple[Facts, ...]
    n_features: int
    sparse: bool

    def count(self, partition: int) -> int:
        """How many rows of that partition these are."""
        return len(places_of(self.rules, partition, self.kept[partition].n_rows))

    def chunks(self, partition: int, pieces: Iterator[Any]) -> Iterator[Rows]:
        """The chunks of these rows; all of `pieces` is taken.

        Raises
        ------
        RuntimeError
            There are not as many rows as at the first time.
        """
        n_rows = self.kept[partition].n_rows
        counted = _Counted(unfailed(partition, pieces))
        if self.rules:
            yield from regrouped(counted, places_of(self.rules, partition, n_rows))
        else:
            yield from counted
        if counted.n_rows != n_rows:
            raise RuntimeError(
                f"partition {partition} of the RDD had {n_rows} rows when it was first computed, "
                f"and {counted.n_rows} when it was computed again. What it is made of must not "
                "change, or a lost executor changes the result: checkpoint the RDD first"
            )

    def rows(self, partition: int, pieces: Iterator[Any]) -> Rows:
        """These rows in one."""
        parts = list(self.chunks(partition, pieces))
        if not parts:
            parts = [Rows(np.zeros((0, self.n_features)), np.zeros(0))]
        return in_one(parts, self.n_features, self.sparse)


class _Counted:
    """Rows that pass through, counted."""

    def __init__(self, pieces: Iterable[Rows]):
        self._pieces, self.n_rows = pieces, 0

    def __iter__(self) -> Iterator[Rows]:
        for rows in self._pieces:
            self.n_rows += len(rows)
            yield rows


def regrouped(pieces: Iterable[Rows], places: npt.NDArray[np.int64]) -> Iterator[Rows]:
    """``partitions.chosen_chunks``, of rows that come in pieces.

    The first piece is as long as a chunk, or is all there is.

    >>> X, y = np.arange(7.0).reshape(7, 1), np.zeros(7)
    >>> pieces = [Rows(X[:3], y[:3]), Rows(X[3:6], y[3:6]), Rows(X[6:], y[6:])]
    >>> [rows.X.ravel().tolist() for rows in regrouped(pieces, np.array([0, 2, 3, 5, 6]))]
    [[0.0, 2.0, 3.0], [5.0, 6.0]]
    """
    waiting: list[Rows] = []
    first = length = missing = 0
    for rows in pieces:
        if first == 0:
            length = missing = len(rows)
        start, stop = np.searchsorted(places, (first, first + len(rows)))
        here = places[start:stop] - first
        first += len(rows)
        while len(here):
            some, here = here[:missing], here[missing:]
            waiting.append(Rows(rows.X[some], rows.y[some]))
            missing -= len(some)
            if missing == 0:
                yield in_one(waiting, rows.X.shape[1], False)
                waiting, missing = [], length
    if waiting:
        yield in_one(waiting, waiting[0].X.shape[1], False)


# ---- what is done with them --------------------------------------------------------------------


@dataclass(frozen=True)
class Fold:
    """A partition's result of ``tree_aggregate``; `fetch` gives zero, seq_op and comb_op."""

    choice: Choice
    fetch: Callable[[], tuple[Any, Any, Any]]

    def __call__(self, partition: int, pieces: Iterator[Any]) -> Any:
        """Return the result."""
        zero, seq_op, _ = self.fetch()
        return fold(self.choice.chunks(partition, pieces), zero, seq_op)


@dataclass(frozen=True)
class FoldForGroup:
    """The same, as (group, (partition, result)): on its way to where its group is combined."""

    fold: Fold
    width: int

    def __call__(self, partition: int, pieces: Iterator[Any]) -> Iterator[Any]:
        """Yield it, once."""
        for result in Guarded(Once(self.fold))(partition, pieces):
            yield partition // self.width, (partition, result)


@dataclass(frozen=True)
class CombineGroup:
    """The results of a group of neighbours made one: in their order, whenever they came."""

    fetch: Callable[[], tuple[Any, Any, Any]]

    def __call__(self, group: int, results: Iterator[Any]) -> Any:
        """Return the group's result."""
        arrived = sorted((part for _, part in results), key=lambda part: part[0])
        for partition, result in arrived:
            if isinstance(result, Failure):
                raise result.raised(partition)
        return reduce(self.fetch()[2], [result for _, result in arrived])


@dataclass(frozen=True)
class Remade:
    """Other rows in place of the chosen ones, in chunks: the same, or ``function(rows)``."""

    choice: Choice
    function: Callable[[Rows], Rows] | None
    n_features: int
    sparse: bool

    def __call__(self, partition: int, pieces: Iterator[Any]) -> Iterator[Rows]:
        """Yield the chunks of the other rows."""
        rows = self.choice.rows(partition, pieces)
        if self.function is not None:
            made = as_rows(tuple(self.function(rows)))
            if made.X.shape != (len(rows), self.n_features):
                raise ValueError(
                    f"the function made rows of shape {made.X.shape} of partition {partition}, "
                    f"expected {(len(rows), self.n_features)}"
                )
            rows = made
        yield from chunks(in_one([rows], self.n_features, self.sparse))


@dataclass(frozen=True)
class First:
    """The first `n` of the chosen rows, one by one."""

    choice: Choice
    n: int

    def __call__(self, partition: int, pieces: Iterator[Any]) -> list[LabeledPoint]:
        """Return them."""
        found: list[LabeledPoint] = []
        for rows in self.choice.chunks(partition, pieces):
            n = self.n - len(found)
            found += points(Rows(rows.X[:n], rows.y[:n])) if n else []
        return found
