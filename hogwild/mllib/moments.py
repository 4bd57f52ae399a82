"""Mean and sample deviation of each feature, in one pass over the rows wherever they lie.

Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983: squares summed up
over two parts, each about the mean of its own, make those of both::

    m2 = m2_a + m2_b + (mean_b - mean_a)^2 n_a n_b / (n_a + n_b)

Within a chunk, deviations are from one of its values: so a constant column has the deviation 0
exactly, which decides whether it gets a weight. Of sparse rows only the stored entries are read;
the zeros are one more part, taken in at the end.

Called by the training classes for the scaling of features.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.checks import check_finite
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.vectors import Array


@dataclass(frozen=True)
class Moments:
    """What is known of each feature.

    Attributes
    ----------
    mean, deviation : float64 arrays, shape (d,)
        The deviation has the divisor n - 1; of a single row it is 0.
    """

    mean: Array
    deviation: Array

    @cached_property
    def inverse(self) -> Array:
        """1 / deviation, and 0 where the deviation is 0."""
        varies = self.deviation != 0.0
        return np.divide(1.0, self.deviation, out=np.zeros(len(varies)), where=varies)


def moments(data: Partitions) -> Moments:
    """The mean and deviation of each feature of `data`.

    Raises
    ------
    ValueError
        Data that are not finite, with the first row that isn't; numbers so large that their
        squares overflow, or so small that 1 / deviation does.

    Examples
    --------
    >>> from hogwild.mllib import LocalPartitions
    >>> found = moments(LocalPartitions(([[1.0, 0.1], [2.0, 0.1], [6.0, 0.1]], [0, 0, 0])))
    >>> found.mean, found.deviation  # squares of -2, -1, 3 add up to 14: sqrt(14 / 2)
    (array([3. , 0.1]), array([2.64575131, 0.        ]))
    """
    with np.errstate(all="ignore"):  # what overflows is seen in the end
        found = data.tree_aggregate(_nothing(data.n_features), _add_rows, _merged)
        unseen = found.n - found.seen
        share = found.seen / max(found.n, 1)
        zeros = np.where(unseen > 0.0, found.mean * found.mean * share * unseen, 0.0)
        m2 = found.m2 + zeros
        deviation = np.sqrt(m2 / max(found.n - 1, 1))
        result = Moments(found.mean * share, deviation)
        bad = np.flatnonzero(~(np.isfinite(deviation) & np.isfinite(result.inverse)))
    if len(bad):
        check_finite(data)
        what = "small" if deviation[bad[0]] < 1.0 else "large"
        raise ValueError(
            f"feature {bad[0]} can't be scaled by its deviation, its values are too {what} for "
            "that: scale it yourself first"
        )
    return result


def scaled_back(weights: Array, factors: Array) -> Array:
    """The weights of scaled features made those of the features as they are.

    Raises
    ------
    ValueError
        They overflow.

    Examples
    --------
    >>> scaled_back(np.array([3.0, 5.0]), np.array([0.5, 0.0]))
    array([1.5, 0. ])
    """
    with np.errstate(over="ignore"):
        found: Array = weights * factors
    if not np.isfinite(found).all():
        raise ValueError("the weights overflow for features as small as these: scale them first")
    return found


@dataclass
class _Part:
    """Of each feature: mean and summed squares about it of the entries seen, and how many."""

    seen: Array
    mean: Array
    m2: Array
    n: int


def _nothing(n_features: int) -> _Part:
    seen, mean, m2 = np.zeros((3, n_features))
    return _Part(seen, mean, m2, 0)


def _add_rows(part: _Part, rows: Rows) -> _Part:
    """``seq_op``."""
    with np.errstate(all="ignore"):
        return _merged(part, (_sparse if sp.issparse(rows.X) else _dense)(rows.X))


def _dense(X: Any) -> _Part:
    n, d = X.shape
    if n == 0:
        return _nothing(d)
    deviations = X - X[0]
    shift = deviations.mean(axis=0)
    deviations -= shift
    m2 = np.einsum("ij,ij->j", deviations, deviations)
    return _Part(np.full(d, float(n)), X[0] + shift, m2, n)


def _sparse(X: Any) -> _Part:
    n, d = X.shape
    first = np.zeros(d)
    first[X.indices[::-1]] = X.data[::-1]  # of several the last one assigned stays
    seen = np.bincount(X.indices, minlength=d).astype(np.float64)
    deviations = X.data - first[X.indices]
    shift = np.bincount(X.indices, deviations, d) / np.maximum(seen, 1.0)
    deviations -= shift[X.indices]
    m2 = np.bincount(X.indices, deviations * deviations, d).astype(np.float64)  # ints if empty
    return _Part(seen, first + shift, m2, n)


def _merged(left: _Part, right: _Part) -> _Part:
    """``comb_op``."""
    seen = left.seen + right.seen
    share = right.seen / np.maximum(seen, 1.0)
    with np.errstate(all="ignore"):
        gap = np.where(left.seen > 0.0, right.mean - left.mean, 0.0)
        gap[right.seen == 0.0] = 0.0
        mean = np.where(left.seen > 0.0, left.mean + gap * share, right.mean)
        m2 = left.m2 + right.m2 + gap * gap * (left.seen * share)
    return _Part(seen, mean, m2, left.n + right.n)
