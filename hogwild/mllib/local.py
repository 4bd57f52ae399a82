"""Partitions on this machine: rows that a pool of processes reads where they lie.

With one worker there is no process at all. With more, a `Pool` is started at the first sum; the
rows reach the workers once, while they are being started: under ``fork`` the workers read the very
pages of this process, so nothing is copied; under ``spawn`` and ``forkserver`` the rows are copied
once, into shared memory. A task is a rule, an operation with the current weights, and a partition's
number; never rows.

Called by whoever has rows in arrays; `as_partitions` makes one when an optimizer is given arrays.
"""

import copy
import itertools
import multiprocessing
import operator
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples
from hogwild.engine.shared import SharedArray
from hogwild.engine.workers import Pool
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.partitions import (
    Accumulator,
    Partitions,
    Rows,
    Rule,
    chosen_chunks,
    chunks,
    combine,
    fold,
    points,
    span,
    stacked,
)
from hogwild.mllib.sampling import layout
from hogwild.mllib.vectors import SparseVector, as_vector


class LocalPartitions(Partitions):
    """Labelled rows in this machine's memory, cut into contiguous partitions.

    Parameters
    ----------
    data : (X, y), Examples, list of LabeledPoint, or Rows
        X an array of shape (n, d) or a scipy sparse matrix; y of shape (n,). float64 in C order or
        CSR is used as it is, without a copy; write to neither afterwards.
    num_partitions : int, default 2
        Sizes as by Spark's ``parallelize``. There are at least as many as workers, who would have
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
        num_partitions: int = 2,
        n_workers: int = 1,
        *,
        sizes: Sequence[int] | None = None,
        start_method: str | None = None,
    ):
        for name, value in (("num_partitions", num_partitions), ("n_workers", n_workers)):
            if operator.index(value) < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        self._rows = as_rows(data)
        n_rows = len(self._rows)
        if sizes is None:
            sizes = layout(n_rows, max(num_partitions, n_workers))
        if sum(sizes) != n_rows or min(sizes, default=-1) < 0:
            raise ValueError(
                f"sizes must be 0 or more and add up to the {n_rows} rows, got {list(sizes)}"
            )
        self._sizes = [int(size) for size in sizes]
        self._n_workers, self._start_method = n_workers, start_method
        self._rules: tuple[Rule, ...] = ()
        self._crew = _Crew(self._rows, self._sizes, n_workers, start_method)
        self.n_features: int = self._rows.X.shape[1]
        self.num_partitions = len(self._sizes)

    def sizes(self) -> list[int]:
        """Rows of each partition; under a rule it is asked again."""
        if not self._rules:
            return list(self._sizes)
        return [len(_places(self._rules, p, size)) for p, size in enumerate(self._sizes)]

    def select(self, rule: Rule) -> "LocalPartitions":
        """A view with one more rule: the same rows and workers."""
        chosen = copy.copy(self)
        chosen._rules = (*self._rules, rule)
        return chosen

    def map_rows(self, function: Callable[[Rows], Rows], n_features: int) -> "LocalPartitions":
        """New rows, with workers of their own; a copy."""
        kept = self.persist()
        parts = [function(rows) for rows in kept._parts()]
        return self._of(stacked(parts, n_features), kept._sizes)

    def persist(self) -> "LocalPartitions":
        """The rows that are left, copied, with workers of their own."""
        if not self._rules:
            return self
        firsts = np.cumsum([0, *self._sizes[:-1]])
        places = [
            first + _places(self._rules, p, size)
            for p, (first, size) in enumerate(zip(firsts, self._sizes, strict=True))
        ]
        at = np.concatenate(places)
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
        return combine(self._crew.fold_all(_Task(self._rules, zero, seq_op)), comb_op)

    def take(self, n: int) -> list[LabeledPoint]:
        """The first `n` rows, fewer if there are not so many."""
        found: list[LabeledPoint] = []
        for p, rows in enumerate(self._parts()):
            if len(found) >= n:
                break
            places = _places(self._rules, p, len(rows))[: n - len(found)]
            found += points(Rows(rows.X[places], rows.y[places]))
        return found

    def collect(self) -> Rows:
        """All rows; without a rule they are the arrays that were given, not copies."""
        return self.persist()._rows

    def close(self) -> None:
        """End the workers. Parts that were split off have workers of their own."""
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


# ---- what callers hold becomes rows --------------------------------------------------------------


def as_rows(data: Any) -> Rows:
    """Return `data` as checked `Rows`, sharing its memory where it is float64 in C or CSR order."""
    if isinstance(data, Examples):
        if data.sample_weight is not None:
            raise ValueError("sample_weight is not known to MLlib's optimizers; leave it out")
        X, y = data.to_scipy(), data.y
    elif isinstance(data, Partitions):
        return data.collect()
    elif isinstance(data, list) and all(isinstance(point, LabeledPoint) for point in data):
        return _rows_of_points(data)
    else:
        try:
            X, y = data
        except (TypeError, ValueError):
            raise ValueError(
                "data must be a pair (X, y), Examples, a list of LabeledPoint, Partitions or an "
                f"RDD of labelled points, got {type(data).__name__}"
            ) from None
    return _checked(X, y)


def _checked(X: Any, y: Any) -> Rows:
    if sp.issparse(X):
        rows = sp.csr_matrix(X, dtype=np.float64)  # shares what is CSR and float64 already
        if not rows.has_sorted_indices:
            rows = rows.sorted_indices()
    else:
        rows = _real(X, "X")
        if rows.ndim != 2:
            raise ValueError(f"X must have 2 dimensions, got shape {rows.shape}")
    labels = _real(y, "y")
    if labels.shape != (rows.shape[0],):
        raise ValueError(f"X has {rows.shape[0]} rows and y has shape {labels.shape}")
    return Rows(rows, labels)


def _real(values: Any, what: str) -> npt.NDArray[np.float64]:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "biuf":
        raise ValueError(f"{what} must hold real numbers, got {found.dtype}")
    return np.ascontiguousarray(found, dtype=np.float64)


def _rows_of_points(given: Sequence[LabeledPoint]) -> Rows:
    """Labelled points as rows: dense only if all are dense."""
    vectors = [as_vector(point.features) for point in given]
    widths = [len(vector) for vector in vectors]
    if len(set(widths)) > 1:
        odd = next(i for i, width in enumerate(widths) if width != widths[0])
        raise ValueError(
            f"row {odd} has {widths[odd]} features, and the rows before it have {widths[0]}"
        )
    labels = np.array([point.label for point in given], dtype=np.float64)
    width = widths[0] if widths else 0
    if not any(isinstance(vector, SparseVector) for vector in vectors):
        return Rows(np.array(vectors, dtype=np.float64).reshape(-1, width), labels)
    pairs = [_stored(vector) for vector in vectors]
    indptr = np.cumsum([0, *(len(places) for places, _ in pairs)])
    indices, data = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return Rows(sp.csr_matrix((data, indices, indptr), shape=(len(given), width)), labels)


def _stored(vector: Any) -> tuple[Any, Any]:
    """Places and values of the stored entries; a dense row's are its non-zeros."""
    if isinstance(vector, SparseVector):
        return vector.indices, vector.values
    places = np.flatnonzero(vector)
    return places, vector[places]


# ---- sums in worker processes --------------------------------------------------------------------


def partition_rows(rows: Rows, sizes: Sequence[int]) -> list[Rows]:
    """The rows of each partition, sharing the memory of all."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [Rows(span(rows.X, a, b), rows.y[a:b]) for a, b in itertools.pairwise(ends)]


class _Task(NamedTuple):
    """What is done with each partition."""

    rules: tuple[Rule, ...]
    zero: Any
    seq_op: Callable[..., Any]


class _Crew:
    """Folds partitions: here, or in workers that it starts when first needed."""

    def __init__(self, rows: Rows, sizes: Sequence[int], n_workers: int, start_method: str | None):
        self._rows, self._sizes = rows, list(sizes)
        self._n_workers, self._start_method = n_workers, start_method
        self._pool: Pool | None = None
        self._here: _Bench | None = None
        self._closed = False

    def fold_all(self, task: _Task) -> list[Any]:
        if self._closed:
            raise ValueError("these partitions have been closed")
        numbers = range(len(self._sizes))
        if self._n_workers == 1:
            if self._here is None:
                self._here = _Bench(self._rows, self._sizes)
            return [self._here.fold(task, number) for number in numbers]
        if self._pool is None:
            self._pool = self._start()
        return self._pool.map(_fold, [(task, number) for number in numbers])

    def _start(self) -> Pool:
        method = self._start_method or multiprocessing.get_start_method()
        way = _inherited if method == "fork" else _shared
        pool = Pool(
            self._n_workers,
            _take_place,
            (*way(self._rows), self._sizes),
            start_method=method,
        )
        weakref.finalize(self, pool.terminate)
        return pool

    def close(self) -> None:
        self._closed = True
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None
        self._here = None


class _Bench:
    """The partitions in chunks, cut once and kept: to cut sparse rows costs what a product costs."""

    def __init__(self, rows: Rows, sizes: Sequence[int]):
        self._parts = partition_rows(rows, sizes)
        self._chunks: dict[int, list[Rows]] = {}

    def fold(self, task: _Task, number: int) -> Any:
        rows = self._parts[number]
        parts: Iterator[Rows] | list[Rows]
        if task.rules:
            parts = chosen_chunks(rows, _places(task.rules, number, len(rows)))
        else:
            if number not in self._chunks:
                self._chunks[number] = list(chunks(rows))
            parts = self._chunks[number]
        return fold(parts, task.zero, task.seq_op)


def _places(rules: Sequence[Rule], partition: int, n_rows: int) -> npt.NDArray[np.int64]:
    """The rows of a partition that all rules keep, each asked about what the last has kept."""
    places = np.arange(n_rows)
    for rule in rules:
        places = places[rule(partition, len(places))]
    return places


_bench: _Bench  # of this worker


def _inherited(rows: Rows) -> tuple[Any, ...]:
    """Under fork: the arrays themselves."""
    return (rows,)


def _shared(rows: Rows) -> tuple[Any, ...]:
    """Under spawn and forkserver: copies in shared memory, and the shape."""
    X = rows.X
    arrays = (X.indptr, X.indices, X.data, rows.y) if sp.issparse(X) else (X, rows.y)
    return ((tuple(map(SharedArray.copy_of, arrays)), X.shape),)


def _take_place(given: Any, sizes: Sequence[int]) -> None:
    """Runs in each worker as it starts."""
    global _bench
    if not isinstance(given, Rows):
        (*X, y), shape = given
        parts = [shared.array for shared in X]
        rows = parts[0] if len(parts) == 1 else sp.csr_matrix((parts[2], parts[1], parts[0]), shape)
        given = Rows(rows, y.array)
    _bench = _Bench(given, sizes)


def _fold(work: tuple[_Task, int]) -> Any:
    task, number = work
    return _bench.fold(task, number)
