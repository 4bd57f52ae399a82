"""The one contract between the optimizers and the place where rows lie: `Partitions`.

::

    rows     partition 0 | partition 1 | partition 2           the *layout*: contiguous sizes
                 |             |             |
             fold chunk    fold chunk    fold chunk            tree_aggregate: seq_op, in row order,
             by chunk      by chunk      by chunk              where the partition lies
                 '------.------'             |
                        '------------.-------'                 comb_op, in a tree that follows from
                                     |                         the number of partitions alone
                                  the sum

So the bits of a sum depend on the layout and on nothing else: not on the number of workers, not on
who is ready first, not on the place (one process, a pool, a Spark cluster).

Implemented by `LocalPartitions` and `SparkPartitions`, which share what is below the class; used by
every optimizer of this package. The layout matters for the rounding of sums, for sampling and for
splits (as in Spark), and for nothing else.
"""

import copy
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.products import matrix_of
from hogwild.mllib.sampling import BernoulliSample, fold_rules, split_rules
from hogwild.mllib.vectors import Array, SparseVector

Accumulator = TypeVar("Accumulator")
Rule = Callable[[int, int], npt.NDArray[np.int64]]
"""``rule(partition, n_rows)``: the rows of a partition that are kept, ascending."""

DENSE_CHUNK, SPARSE_CHUNK, LONGEST_CHUNK = 2**19, 2**21, 8192
"""Bytes of the rows that one call sees (dense ones fit a core's cache), and the most rows."""


class Rows(NamedTuple):
    """Some rows and their labels; it unpacks as ``X, y``.

    Attributes
    ----------
    X : float64 array, C-contiguous, or scipy ``csr_matrix``, shape (n, d)
    y : float64 array, shape (n,)
    """

    X: Any
    y: Array

    def __len__(self) -> int:  # rows, not fields
        return len(self.y)


class Partitions(ABC):
    """Labelled rows in numbered partitions, wherever they lie.

    Attributes
    ----------
    n_features : int
        Length d of each row.
    num_partitions : int
    """

    n_features: int
    num_partitions: int

    # ---- what a place to run has to give ---------------------------------------------------------

    @abstractmethod
    def sizes(self) -> list[int]:
        """Number of rows of each partition."""

    @abstractmethod
    def select(self, rule: Rule) -> "Partitions":
        """The rows that ``rule(partition, n_rows)`` keeps, in the same partitions; found when used.

        Spark's ``mapPartitionsWithIndex`` with a filter. ``rule`` is asked again at each use, so it
        must answer the same each time; it is sent to where the rows lie, so it must pickle.
        """

    @abstractmethod
    def map_rows(self, function: Callable[[Rows], Rows], n_features: int) -> "Partitions":
        """Each partition's rows become ``function(rows)``: as many, of `n_features` features."""

    @abstractmethod
    def persist(self) -> "Partitions":
        """The same rows, found once and kept: for those that will be read many times."""

    @abstractmethod
    def tree_aggregate(
        self,
        zero: Accumulator,
        seq_op: Callable[[Accumulator, Rows], Accumulator],
        comb_op: Callable[[Accumulator, Accumulator], Accumulator],
    ) -> Accumulator:
        """Fold every partition's rows into a copy of `zero`, then combine the partitions' results.

        Parameters
        ----------
        zero : object
            Copied (``copy.deepcopy``) for each partition, so `seq_op` may change it in place.
        seq_op : callable
            ``seq_op(accumulator, rows)`` takes some consecutive `Rows` and returns the accumulator.
        comb_op : callable
            ``comb_op(left, right)``: `left` has the rows before those of `right`, and may be
            changed.
        """

    @abstractmethod
    def take(self, n: int) -> list[LabeledPoint]:
        """The first `n` rows, fewer if there are not so many."""

    @abstractmethod
    def collect(self) -> Rows:
        """All rows, in order, in this process."""

    @abstractmethod
    def close(self) -> None:
        """End what was started for it: workers, kept rows. It can't be used afterwards.

        A view (`select`, `sample`, `k_fold`) has nothing of its own, and its close does nothing.
        """

    # ---- what follows ---------------------------------------------------------------------------

    def count(self) -> int:
        """Number of rows."""
        return sum(self.sizes())

    def sample(self, fraction: float, seed: int) -> "Partitions":
        """Each row with probability `fraction`: the very rows that Spark draws for this layout.

        ``RDD.sample`` without replacement; found again at each use, never stored.
        """
        return self.select(BernoulliSample(fraction, seed))

    def random_split(self, weights: Sequence[float], seed: int) -> list["Partitions"]:
        """Disjoint parts of about the given shares: the very rows of ``RDD.randomSplit``.

        Examples
        --------
        >>> from hogwild.mllib import LocalPartitions
        >>> data = LocalPartitions(([[i] for i in range(10)], [0] * 10), sizes=[5, 5])
        >>> for part in data.random_split([0.6, 0.4], seed=11):
        ...     print(part.collect().X.ravel())
        [0. 1. 2. 3. 4. 5. 8. 9.]
        [6. 7.]
        """
        return [self.select(rule).persist() for rule in split_rules(weights, seed)]

    def k_fold(self, num_folds: int, seed: int) -> list[tuple["Partitions", "Partitions"]]:
        """(training, validation) for each fold: the very rows of ``MLUtils.kFold``.

        They are views, as Spark's are: `persist` one that will be read many times.
        """
        return [
            (self.select(training), self.select(validation))
            for training, validation in fold_rules(num_folds, seed)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.n_features} features, {self.num_partitions} partitions)"
        )


# ---- shared by the places to run ---------------------------------------------------------------


def chunk_length(X: Any) -> int:
    """How many rows of `X` make a chunk.

    A chunk is read twice, for the margins and for the gradient, and the second time it should come
    from the cache. Sparse ones are larger because a product costs scipy some microseconds whatever
    its size.
    """
    if sp.issparse(X):
        per_row = 12 * X.nnz / max(1, X.shape[0]) + 4
        limit: float = SPARSE_CHUNK
    else:
        per_row, limit = 8 * max(1, X.shape[1]), DENSE_CHUNK
    return max(1, min(LONGEST_CHUNK, int(limit / per_row)))


def chunks(rows: Rows) -> Iterator[Rows]:
    """The rows, some at a time, without copying them."""
    length = chunk_length(rows.X)
    for first in range(0, len(rows), length):
        yield Rows(span(rows.X, first, first + length), rows.y[first : first + length])


def chosen_chunks(rows: Rows, places: npt.NDArray[np.int64]) -> Iterator[Rows]:
    """The rows at `places`, some at a time; only a chunk at once is copied."""
    length = chunk_length(rows.X)
    for first in range(0, len(places), length):
        some = places[first : first + length]
        yield Rows(rows.X[some], rows.y[some])


def places_of(rules: Sequence[Rule], partition: int, n_rows: int) -> npt.NDArray[np.int64]:
    """The rows of a partition that all rules keep, each asked about what the last has kept."""
    places = np.arange(n_rows)
    for rule in rules:
        places = places[rule(partition, len(places))]
    return places


def fold(
    parts: Iterable[Rows],
    zero: Accumulator,
    seq_op: Callable[[Accumulator, Rows], Accumulator],
) -> Accumulator:
    """A partition's result: `seq_op` over its chunks, from a copy of `zero`."""
    return reduce(seq_op, parts, copy.deepcopy(zero))


def check_columns(rows: Rows) -> None:
    """Raise ``IndexError`` where a row has an entry beyond the number of features.

    A LIBSVM file that is loaded with too small a ``num_features`` has such, and Spark, too, finds
    out when the rows are used. A product with them would read memory that isn't ours.
    """
    X = rows.X
    if not sp.issparse(X) or not X.nnz or X.indices.max() < X.shape[1]:
        return
    entry = int(np.flatnonzero(X.indices >= X.shape[1])[0])
    row = int(np.searchsorted(X.indptr, entry, side="right")) - 1
    raise IndexError(
        f"row {row} has a feature at index {X.indices[entry]} (from 0); the rows have "
        f"{X.shape[1]} features"
    )


def tree_groups(n_parts: int) -> list[range]:
    """Which results are combined with one another first; empty when all go into one.

    As many levels as Spark's ``treeAggregate`` of depth 2 makes, but of neighbours:

    >>> tree_groups(5), tree_groups(9)
    ([], [range(0, 3), range(3, 6), range(6, 9)])
    """
    scale = max(math.ceil(math.sqrt(n_parts)), 2)
    if n_parts <= scale + math.ceil(n_parts / scale):
        return []
    return [range(first, min(first + scale, n_parts)) for first in range(0, n_parts, scale)]


def combine(
    parts: Sequence[Accumulator], comb_op: Callable[[Accumulator, Accumulator], Accumulator]
) -> Accumulator:
    """The partitions' results, in order of their number, made one."""
    results = list(parts)
    while groups := tree_groups(len(results)):
        results = [reduce(comb_op, [results[i] for i in group]) for group in groups]
    return reduce(comb_op, results)


def points(rows: Rows) -> list[LabeledPoint]:
    """The rows one by one."""
    if not sp.issparse(rows.X):
        return [LabeledPoint(float(y), x) for x, y in zip(rows.X, rows.y, strict=True)]
    X = rows.X
    return [
        LabeledPoint(float(y), SparseVector(X.shape[1], X.indices[a:b], X.data[a:b]))
        for y, (a, b) in zip(rows.y, itertools.pairwise(X.indptr), strict=True)
    ]


def stacked(parts: Sequence[Rows], n_features: int) -> Rows:
    """Rows one after the other; all dense, or all sparse."""
    labels = np.concatenate([part.y for part in parts]) if parts else np.zeros(0)
    if any(sp.issparse(part.X) for part in parts):
        X = sp.vstack([sp.csr_matrix(part.X) for part in parts], format="csr", dtype=np.float64)
        return Rows(X, labels)
    dense = [part.X for part in parts]
    return Rows(np.concatenate(dense) if dense else np.zeros((0, n_features)), labels)


def span(X: Any, first: int, stop: int) -> Any:
    """Rows `first` to `stop` of `X`, sharing its memory."""
    if not sp.issparse(X):
        return X[first:stop]
    pointers = X.indptr[first : stop + 1]
    a, b = pointers[0], pointers[-1]
    shape = (len(pointers) - 1, X.shape[1])
    return matrix_of(sp.csr_matrix, X.data[a:b], X.indices[a:b], pointers - a, shape)
