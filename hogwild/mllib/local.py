"""Partitions on this machine: rows that a pool of processes reads where they lie.

With one worker there is no process at all. With more, `crew` starts a `Pool` at the first sum; the
rows reach the workers once, while they are being started: under ``fork`` the workers read the very
pages of this process, so nothing is copied; under ``spawn`` and ``forkserver`` the rows are copied
once, into shared memory. A task is a rule, an operation with the current weights, and a partition's
number; never rows.

Called by whoever has rows in arrays; `as_partitions` makes one when an optimizer is given arrays.
"""

import copy
import operator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from hogwild.mllib.crew import Crew, Task, partition_rows
from hogwild.mllib.given import as_rows
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.layouts import layout
from hogwild.mllib.partitions import (
    Accumulator,
    Partitions,
    Rows,
    Rule,
    check_columns,
    combine,
    places_of,
    points,
    stacked,
)


class LocalPartitions(Partitions):
    """Labelled rows in this machine's memory, cut into contiguous partitions.

    Parameters
    ----------
    data : (X, y), Examples, list of LabeledPoint, or Rows
        X an array of shape (n, d) or a scipy sparse matrix; y of shape (n,). float64 in C order or
        CSR is used as it is, without a copy; write to neither afterwards.
    num_partitions : int, optional
        Sizes as by Spark's ``parallelize``; by default 2, or as many as workers, who would have
        nothing to do else. With another layout, sums round differently, and samples and splits are
        other rows.
    n_workers : int, default 1
        Processes that compute the sums; 1: this one.
    sizes : sequence of int, optional
        Rows of each partition, instead of `num_partitions`; 0 is allowed.
    start_method : {"fork", "spawn", "forkserver"}, optional
        By default that of ``multiprocessing``. ``fork`` copies no rows.

    Raises
    ------
    ValueError
        Shapes that don't match, entries that aren't real numbers, sizes that don't add up.

    Examples
    --------
    >>> data = LocalPartitions(([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 1, 1]))
    >>> data.sizes(), data.count()
    ([1, 2], 3)
    >>> data.tree_aggregate(0.0, lambda total, rows: total + rows.X.sum(), lambda a, b: a + b)
    np.float64(21.0)
    """

    def __init__(
        self,
        data: Any,
        num_partitions: int | None = None,
        n_workers: int = 1,
        *,
        sizes: Sequence[int] | None = None,
        start_method: str | None = None,
    ):
        for name, value in (("num_partitions", num_partitions), ("n_workers", n_workers)):
            if value is not None and operator.index(value) < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        self._rows = as_rows(data)
        n_rows = len(self._rows)
        if sizes is None:
            sizes = layout(n_rows, num_partitions or max(2, n_workers))
        if sum(sizes) != n_rows or min(sizes, default=0) < 0:
            raise ValueError(
                f"sizes must be 0 or more and add up to the {n_rows} rows, got {list(sizes)}"
            )
        self._sizes = [int(size) for size in sizes]
        self._n_workers, self._start_method = n_workers, start_method
        self._rules: tuple[Rule, ...] = ()
        self._crew = Crew(self._rows, self._sizes, n_workers, start_method)
        self.n_features: int = self._rows.X.shape[1]
        self.num_partitions = len(self._sizes)

    def sizes(self) -> list[int]:
        """Rows of each partition; under a rule it is asked again."""
        if not self._rules:
            return list(self._sizes)
        return [len(places_of(self._rules, p, size)) for p, size in enumerate(self._sizes)]

    def select(self, rule: Rule) -> "LocalPartitions":
        """A view with one more rule: the same rows and workers."""
        chosen = copy.copy(self)
        chosen._rules = (*self._rules, rule)
        return chosen

    def map_rows(self, function: Callable[[Rows], Rows], n_features: int) -> "LocalPartitions":
        """New rows, with workers of their own; a copy."""
        kept = self.persist()
        check_columns(kept._rows)
        made = stacked([function(rows) for rows in kept._parts()], n_features)
        expected = len(kept._rows), n_features
        if made.X.shape != expected:
            raise ValueError(f"the function made rows of shape {made.X.shape}, expected {expected}")
        return self._of(made, kept._sizes)

    def persist(self) -> "LocalPartitions":
        """The rows that are left, copied, with workers of their own."""
        if not self._rules:
            return self
        firsts = np.cumsum([0, *self._sizes])[:-1]
        places = [
            first + places_of(self._rules, p, size)
            for p, (first, size) in enumerate(zip(firsts, self._sizes, strict=True))
        ]
        at = np.concatenate([np.zeros(0, np.int64), *places])
        return self._of(Rows(self._rows.X[at], self._rows.y[at]), [len(some) for some in places])

    def _of(self, rows: Rows, sizes: Sequence[int]) -> "LocalPartitions":
        return type(self)(
            rows, n_workers=self._n_workers, sizes=sizes, start_method=self._start_method
        )

    def _parts(self) -> list[Rows]:
        return partition_rows(self._rows, self._sizes)

    def tree_aggregate(
        self,
        zero: Accumulator,
        seq_op: Callable[[Accumulator, Rows], Accumulator],
        comb_op: Callable[[Accumulator, Accumulator], Accumulator],
    ) -> Accumulator:
        """Fold and combine; with several workers, partitions are handed to whoever is free."""
        parts = self._crew.fold_all(Task(self._rules, zero, seq_op))
        return combine(parts, comb_op) if parts else copy.deepcopy(zero)

    def take(self, n: int) -> list[LabeledPoint]:
        """The first `n` rows, fewer if there are not so many."""
        found: list[LabeledPoint] = []
        for p, rows in enumerate(self._parts()):
            if len(found) >= n:
                break
            places = places_of(self._rules, p, len(rows))[: n - len(found)]
            found += points(Rows(rows.X[places], rows.y[places]))
        return found

    def collect(self) -> Rows:
        """All rows; without a rule they are the arrays that were given, not copies."""
        return self.persist()._rows

    def close(self) -> None:
        """End the workers. Parts that were split off have workers of their own."""
        if not self._rules:  # a view has the workers of another
            self._crew.close()


def as_partitions(data: Any) -> Partitions:
    """Return `data` if it is a `Partitions`, else one made of it: local, or on Spark for an RDD.

    Examples
    --------
    >>> as_partitions(([[1.0], [2.0]], [0, 1]))
    LocalPartitions(1 features, 2 partitions)
    """
    if isinstance(data, Partitions):
        return data
    if hasattr(data, "mapPartitionsWithIndex"):  # a pyspark RDD
        from hogwild.mllib.spark import SparkPartitions

        return SparkPartitions(data)
    return LocalPartitions(data)


def opened(data: Any) -> AbstractContextManager[Partitions]:
    """`as_partitions`, closed afterwards if it made them."""
    return nullcontext(data) if isinstance(data, Partitions) else as_partitions(data)
