"""Which rows Spark draws: a rule picks them from the partition's number and its number of rows.

Contract: a rule is a small frozen object that can be pickled, and keeps no state:
``rule(partition, n_rows)`` returns the rows kept, int64, ascending, counted from 0 within the
partition; the same call always returns the same rows, the ones that Spark 3.5 would take.  So they
depend on the layout, that is on how many rows each partition holds, and on nothing else.

============================ ====================== =================== ==========================
Spark                        rule                   partition's seed    kept if
============================ ====================== =================== ==========================
``RDD.sample``, f > .4       ``BernoulliSample``    p-th long of Java's u <= f
``RDD.sample``, f <= .4      ``BernoulliSample``    p-th long of Java's a gap ends here
``RDD.randomSplit``          ``SplitCell``          seed + p            lower <= u < upper
``MLUtils.kFold``            ``FoldCell``           p-th long of Java's the same, float32 bounds
============================ ====================== =================== ==========================

u is one ``XORShiftRandom`` double a row; gaps are drawn for the rows kept alone.

Called by ``partitions`` and by those who make partitions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from hogwild.mllib.java_random import JavaRandom, XORShiftRandom, checked_seed, signed

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GAPS_UP_TO: Final = 0.4
_SMALLEST_DRAW = 5e-11
_LONGEST_GAP = 2**31 - 1  # a gap is an Int in Spark, and a number too large for one becomes this
_SLACK = 1e-6  # what rounding may have added to a fraction or bound
_BATCH = 1 << 16  # draws at a time: memory does not grow with the rows dropped


@dataclass(frozen=True, slots=True)
class BernoulliSample:
    """Keeps each row with probability `fraction`, independently (``RDD.sample``).

    One draw u a row for a fraction above .4: the row is kept if u <= fraction.  Up to .4 only the
    rows kept cost a draw: floor(log u / log(1 - fraction)) rows are dropped before each.

    Parameters
    ----------
    fraction : float
        From 0, no row, to 1, every row; at most 1e-6 above 1 is taken for 1.
    seed : int
        A signed 64-bit integer.

    Raises
    ------
    ValueError
        If the fraction or the seed is out of its range.

    Examples
    --------
    >>> [BernoulliSample(0.3, seed=43)(p, n_rows=10).tolist() for p in (0, 1)]
    [[2, 5, 7], [2, 6, 7, 8, 9]]
    """

    fraction: float
    seed: int

    def __post_init__(self) -> None:
        _set(self, fraction=float(self.fraction), seed=checked_seed(self.seed))
        if not self.fraction >= 0.0:
            raise ValueError(f"sampling fraction must be nonnegative, got {self.fraction}")
        if not self.fraction <= 1.0 + _SLACK:
            raise ValueError(
                f"sampling fraction must be on the interval [0, 1], got {self.fraction}"
            )

    def __call__(self, partition: int, n_rows: int) -> Rows:
        """Return the rows kept, ascending."""
        if self.fraction >= 1.0:
            return np.arange(n_rows, dtype=np.int64)
        if self.fraction <= 0.0:
            return np.empty(0, np.int64)
        seed = partition_seed(self.seed, partition)
        if self.fraction <= GAPS_UP_TO:
            return _rows_after_gaps(seed, n_rows, self.fraction)
        return _rows_where(lambda u: u <= self.fraction, seed, n_rows)


@dataclass(frozen=True, slots=True)
class SplitCell:
    """Keeps the rows whose draw u is in the cell: lower <= u < upper (``RDD.randomSplit``).

    Parameters
    ----------
    lower, upper : float
        From 0 to 1; rounding may have moved them by at most 1e-6.
    seed : int
        A signed 64-bit integer; partition p draws with seed + p, modulo 2^64.

    Raises
    ------
    ValueError
        If the bounds or the seed are out of their ranges.

    Examples
    --------
    >>> [SplitCell(0.6, 1.0, seed=11)(p, n_rows=5).tolist() for p in (0, 1)]
    [[], [1, 2]]
    """

    lower: float
    upper: float
    seed: int

    def __post_init__(self) -> None:
        _set(self, lower=float(self.lower), upper=float(self.upper), seed=checked_seed(self.seed))
        _check_cell(self.lower, self.upper)

    def __call__(self, partition: int, n_rows: int) -> Rows:
        """Return the rows kept, ascending."""
        seed = signed(self.seed + partition, 64)
        return _rows_where(lambda u: (self.lower <= u) & (u < self.upper), seed, n_rows)


@dataclass(frozen=True, slots=True)
class FoldCell:
    """Keeps the rows whose draw u is in the cell, or all the others (``MLUtils.kFold``).

    Parameters
    ----------
    lower, upper : float
        From 0 to 1, rounded to float32, as Spark does it for folds and nowhere else.
    seed : int
        A signed 64-bit integer.
    complement : bool
        Keep the rows outside the cell: the training part.

    Raises
    ------
    ValueError
        If the bounds or the seed are out of their ranges.

    Examples
    --------
    >>> FoldCell(0.0, 1 / 3, seed=7).upper
    0.3333333432674408
    >>> cell = FoldCell(0.0, 1 / 3, seed=7)(0, n_rows=6)
    >>> others = FoldCell(0.0, 1 / 3, seed=7, complement=True)(0, n_rows=6)
    >>> sorted([*cell.tolist(), *others.tolist()])
    [0, 1, 2, 3, 4, 5]
    """

    lower: float
    upper: float
    seed: int
    complement: bool = False

    def __post_init__(self) -> None:
        # a quotient of small integers rounds to the same float32 by way of a double
        lower, upper = float(np.float32(self.lower)), float(np.float32(self.upper))
        _set(self, lower=lower, upper=upper, seed=checked_seed(self.seed))
        _check_cell(lower, upper)

    def __call__(self, partition: int, n_rows: int) -> Rows:
        """Return the rows kept, ascending."""
        seed = partition_seed(self.seed, partition)
        return _rows_where(
            lambda u: ((self.lower <= u) & (u < self.upper)) != self.complement, seed, n_rows
        )


def split_rules(weights: Sequence[float], seed: int) -> list[SplitCell]:
    """Return the rules of disjoint random parts, one for each weight (``RDD.randomSplit``).

    Part k is the cell from c_(k-1) to c_k, where c_0 = 0 and c_k = c_(k-1) + w_k / sum(w), all sums
    from left to right.

    Parameters
    ----------
    weights : sequence of float
        Nonnegative, of positive sum; a part of weight 0 is empty.
    seed : int
        A signed 64-bit integer.

    Raises
    ------
    ValueError
        If a weight is negative or not a number, or their sum is zero or infinite.

    Examples
    --------
    >>> for rule in split_rules([3, 1], seed=11):
    ...     print(rule, rule(0, n_rows=8))
    SplitCell(lower=0.0, upper=0.75, seed=11) [0 1 2 3 4 7]
    SplitCell(lower=0.75, upper=1.0, seed=11) [5 6]
    """
    given = [float(weight) for weight in weights]
    if not all(weight >= 0.0 for weight in given):
        raise ValueError(f"weights must be nonnegative, got {given}")
    # Python's own sum corrects its rounding from 3.12 on, and Spark's doesn't
    total = list(accumulate(given, initial=0.0))[-1]
    if not 0.0 < total < math.inf:
        raise ValueError(f"sum of weights must be positive and finite, got {total} for {given}")
    bounds = accumulate((weight / total for weight in given), initial=0.0)
    return [SplitCell(lower, upper, seed) for lower, upper in pairwise(bounds)]


def fold_rules(num_folds: int, seed: int) -> list[tuple[FoldCell, FoldCell]]:
    """Return the (training, validation) rules of each fold (``MLUtils.kFold``).

    Fold k = 1 ... n validates on the cell from (k - 1) / n to k / n and trains on the other rows.
    As in Spark, one fold trains on no row, and no fold at all is an empty list.

    Parameters
    ----------
    num_folds : int
    seed : int
        A signed 64-bit integer.

    Examples
    --------
    >>> for training, validation in fold_rules(2, seed=11):
    ...     print(training(0, n_rows=6), validation(0, n_rows=6))
    [0 1 4] [2 3 5]
    [2 3 5] [0 1 4]
    """
    return [
        (FoldCell(*bounds, seed, complement=True), FoldCell(*bounds, seed, complement=False))
        for fold in range(1, num_folds + 1)
        for bounds in [((fold - 1) / num_folds, fold / num_folds)]
    ]


def partition_seed(seed: int, partition: int) -> int:
    """Return the seed of a partition: the long that ``JavaRandom(seed)`` gives it, in its turn.

    Examples
    --------
    >>> [partition_seed(11, partition) for partition in (0, 1)]
    [-4974335856783105384, 7883164322401693319]
    """
    random = JavaRandom(seed)
    random.skip(2 * partition)
    return random.next_long()


def _set(rule: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(rule, name, value)


def _check_cell(lower: float, upper: float) -> None:
    if not -_SLACK <= lower <= upper + _SLACK <= 1.0 + 2 * _SLACK:
        raise ValueError(f"bounds must be 0 <= lower <= upper <= 1, got {lower} and {upper}")


def _rows_where(kept: Callable[[Floats], npt.NDArray[np.bool_]], seed: int, n_rows: int) -> Rows:
    """The rows whose draw is one to keep."""
    random = XORShiftRandom(seed)
    found = [np.empty(0, np.int64)]
    for start in range(0, n_rows, _BATCH):
        draws = random.next_doubles(min(_BATCH, n_rows - start))
        found.append(start + np.flatnonzero(kept(draws)))
    return np.concatenate(found)


def _rows_after_gaps(seed: int, n_rows: int, fraction: float) -> Rows:
    """The rows at which a gap ends: each gap begins after the row before, the first one at 0."""
    random, log_dropped = XORShiftRandom(seed), math.log1p(-fraction)
    found, last = [], -1
    while last < n_rows:
        expected = (n_rows - last) * fraction
        size = min(int(expected + 4 * math.sqrt(expected)) + 2, _BATCH)
        found.append(last + np.cumsum(_gaps(random.next_doubles(size), log_dropped) + 1))
        last = int(found[-1][-1])
    rows = np.concatenate(found)
    return rows[: np.searchsorted(rows, n_rows)]


def _gaps(draws: Floats, log_dropped: float) -> Rows:
    """How many rows to drop for each draw: log u / log_dropped, rounded towards 0."""
    draws = np.maximum(draws, _SMALLEST_DRAW)
    with np.errstate(over="ignore"):
        lengths = np.minimum(np.log(draws) / log_dropped, _LONGEST_GAP)
    # numpy's logarithm may differ from the C library's, and with the processor, in its last bits;
    # that matters only next to a whole number
    for at in np.flatnonzero(np.abs(lengths - np.rint(lengths)) < 1e-13 * lengths):
        lengths[at] = min(math.log(draws[at]) / log_dropped, _LONGEST_GAP)
    return lengths.astype(np.int64)
