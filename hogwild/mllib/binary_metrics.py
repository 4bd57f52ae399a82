"""How well scores tell positives from negatives: one sort, then every curve is a few divisions.

Contract: the rows are sorted once, when the object is made; what is kept is one entry a distinct
score: the score, and the weights of the positives and of the negatives at or above it. The curves
are new float64 arrays of shape (n, 2). Spark's `BinaryClassificationMetrics` says what they hold,
its oddities included.

Called by users; F_beta also by ``mllib.multiclass_metrics``.
"""

import math
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.mllib.regression_metrics import columns

Array = npt.NDArray[np.float64]


class BinaryClassificationMetrics:
    """Curves and areas of scores against labels, one point a distinct score, highest first.

    At a threshold t, TP and FP are the weights of the positives and negatives that score t or
    more; P and N are those of all (Spark's `BinaryClassificationMetrics`):

        precision            TP / (TP + FP)        1 if nothing scores t or more
        recall               TP / P                0 without positives
        false positive rate  FP / N                0 without negatives

    Equal scores make one point; -0.0 is 0.0; NaN is a score above all others. With one class only
    these rules still give finite curves and areas, which mean nothing.

    Parameters
    ----------
    scores, labels : array-like of numbers, shape (n,)
        A label above 0.5 is positive, so 0/1 and -1/+1 both do. Or `scores` alone: rows of
        (score, label) or (score, label, weight), as a sequence, an array of shape (n, 2) or (n, 3),
        or an RDD.
    weights : array-like of numbers of 0 or more, shape (n,), optional
        1 each if left out.
    num_bins : int
        0: every point. Otherwise, with g = distinct scores // num_bins, each g points become one
        at the lowest of their thresholds, and what is left over one more; g below 2 leaves all.
        pyspark has 1000 here, the Scala class 0 in its short form. Spark bins each partition
        by itself, so its points change with the partitions; these are Spark's for one partition.

    Raises
    ------
    ValueError
        Columns of different lengths, text, labels that are not finite, weights or bins below 0.

    Notes
    -----
    Costs one stable sort, O(n log n), and about 75 bytes a row while it lasts; the curves are
    O(distinct scores).

    Examples
    --------
    >>> metrics = BinaryClassificationMetrics([(0.9, 1), (0.7, 0), (0.7, 1), (0.2, 0)])
    >>> metrics.roc()
    array([[0. , 0. ],
           [0. , 0.5],
           [0.5, 1. ],
           [1. , 1. ],
           [1. , 1. ]])
    >>> metrics.area_under_roc  # 1/2 (0.5 + 1) / 2 + 1/2 * 1
    0.875
    >>> metrics.recall_by_threshold()
    array([[0.9, 0.5],
           [0.7, 1. ],
           [0.2, 1. ]])
    """

    def __init__(
        self,
        scores: Any,
        labels: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
        num_bins: int = 0,
    ):
        _check_bins(num_bins)
        score, label, weight = columns(scores=scores, labels=labels, weights=weights)
        points = _binned(*_distinct(score, label > 0.5, weight), num_bins)
        self._thresholds = points[0]
        # one after the other, as Spark adds them: pairwise sums would differ in the last digit
        self._true_positives, self._false_positives = np.cumsum(points[1]), np.cumsum(points[2])

    def thresholds(self) -> Array:
        """The distinct scores (of bins: the lowest), highest first, shape (n,).

        Examples
        --------
        >>> BinaryClassificationMetrics([0.1, 0.9, 0.1], [0, 1, 1]).thresholds()
        array([0.9, 0.1])
        """
        return self._thresholds.copy()

    def roc(self) -> Array:
        """The receiver operating characteristic: (false positive rate, recall), shape (n + 2, 2).

        It starts with (0, 0) and ends with (1, 1), put there whatever the data; the last threshold
        is usually at (1, 1) already, which then comes twice.
        """
        curve = np.empty((len(self._thresholds) + 2, 2))
        curve[0], curve[-1] = 0.0, 1.0
        curve[1:-1, 0], curve[1:-1, 1] = self._false_positive_rate(), self._recall()
        return curve

    def pr(self) -> Array:
        """The precision-recall curve: (recall, precision), shape (n + 1, 2).

        It starts at (0, precision at the highest threshold), not at (0, 1).

        Raises
        ------
        ValueError
            Without rows: there is no first precision.

        Examples
        --------
        >>> BinaryClassificationMetrics([0.9, 0.7], [0, 1]).pr()
        array([[0. , 0. ],
               [0. , 0. ],
               [1. , 0.5]])
        """
        if not len(self._thresholds):
            raise ValueError("no precision-recall curve of an empty collection: give some scores")
        curve = np.empty((len(self._thresholds) + 1, 2))
        curve[1:, 0], curve[1:, 1] = self._recall(), self._precision()
        curve[0] = 0.0, curve[1, 1]
        return curve

    def precision_by_threshold(self) -> Array:
        """(threshold, precision), highest threshold first, shape (n, 2)."""
        return np.column_stack([self._thresholds, self._precision()])

    def recall_by_threshold(self) -> Array:
        """(threshold, recall), highest threshold first, shape (n, 2)."""
        return np.column_stack([self._thresholds, self._recall()])

    def f_measure_by_threshold(self, beta: float = 1.0) -> Array:
        """(threshold, F_beta), highest threshold first, shape (n, 2); see `f_beta`."""
        return np.column_stack([self._thresholds, f_beta(self._precision(), self._recall(), beta)])

    @property
    def area_under_roc(self) -> float:
        """How often a positive scores above a negative, ties one half; 0.5 without rows."""
        return area_under_curve(self.roc())

    @property
    def area_under_pr(self) -> float:
        """The area under `pr`, by straight lines between its points; ValueError without rows."""
        return area_under_curve(self.pr())

    def _precision(self) -> Array:
        return _share(self._true_positives, self._true_positives + self._false_positives, 1.0)

    def _recall(self) -> Array:
        return _share(self._true_positives, self._true_positives[-1:], 0.0)

    def _false_positive_rate(self) -> Array:
        return _share(self._false_positives, self._false_positives[-1:], 0.0)


def area_under_curve(curve: npt.ArrayLike) -> float:
    """Area under the straight lines from point to point, added in their order.

    Each step adds (x2 - x1) (y2 + y1) / 2 (Spark's `AreaUnderCurve`); one point has no area.

    Parameters
    ----------
    curve : array-like, shape (n, 2)
        (x, y) of each point.

    Examples
    --------
    >>> area_under_curve([(0.0, 0.0), (1.0, 1.0), (3.0, 1.0)])
    2.5
    """
    x, y = np.asarray(curve, dtype=np.float64).reshape(-1, 2).T
    steps = np.diff(x) * (y[1:] + y[:-1]) / 2.0
    return float(np.cumsum(steps)[-1]) if len(steps) else 0.0


def f_beta(precision: Array, recall: Array, beta: float) -> Array:
    """F_beta = (1 + beta^2) precision recall / (beta^2 precision + recall), 0 if both are 0.

    With beta = 0 it is the precision, except at a recall of 0, where 0 / 0 is NaN as in Spark.

    Examples
    --------
    >>> f_beta(np.array([0.5, 0.0]), np.array([1.0, 0.0]), beta=2.0)  # 5 / 2 / (2 + 1)
    array([0.83333333, 0.        ])
    """
    if not isinstance(beta, Real) or math.isnan(beta):
        raise ValueError(f"beta must be a number, got {beta!r}")
    square = float(beta) * float(beta)
    with np.errstate(invalid="ignore"):
        f = (1.0 + square) * (precision * recall) / (square * precision + recall)
    return np.where(precision + recall == 0.0, 0.0, f)


def _check_bins(num_bins: Any) -> None:
    if isinstance(num_bins, bool) or not isinstance(num_bins, int | np.integer) or num_bins < 0:
        raise ValueError(f"num_bins must be a nonnegative whole number, got {num_bins!r}")


def _distinct(
    scores: Array, positive: npt.NDArray[np.bool_], weights: Array
) -> tuple[Array, Array, Array]:
    """Scores, highest first, each once; the weights of its positives, and of its negatives."""
    order = np.argsort(scores, kind="stable")  # within a score rows stay in order, so sums do too
    ranked = scores[order]
    # NaN differs from itself, and here it is one score like any other
    rises = (ranked[1:] != ranked[:-1]) & ~np.isnan(ranked[:-1])
    groups = np.zeros(len(ranked), dtype=np.intp)
    np.cumsum(rises, out=groups[1:])
    lasts = np.append(np.flatnonzero(rises), len(ranked) - 1)[: len(ranked)]  # none without rows
    thresholds = ranked[lasts[::-1]] + 0.0  # -0.0 becomes 0.0
    positive, weights = positive[order], weights[order]
    positives = _sums(groups, np.where(positive, weights, 0.0))
    negatives = _sums(groups, np.where(positive, 0.0, weights))
    return thresholds, positives[::-1], negatives[::-1]


def _binned(
    thresholds: Array, positives: Array, negatives: Array, num_bins: int
) -> tuple[Array, Array, Array]:
    """Each g = n // num_bins points as one: the last threshold, and the sums of the weights."""
    n = len(thresholds)
    g = n // num_bins if num_bins else 0
    if g < 2:
        return thresholds, positives, negatives
    bins = np.arange(n) // g
    lasts = np.append(np.arange(g - 1, n - 1, g), n - 1)
    return thresholds[lasts], _sums(bins, positives), _sums(bins, negatives)


def _sums(groups: npt.NDArray[np.intp], weights: Array) -> Array:
    """The sum of each group, added in the order of the rows."""
    return np.bincount(groups, weights).astype(np.float64, copy=False)


def _share(part: Array, whole: Array, of_nothing: float) -> Array:
    """The share part / whole, and `of_nothing` where whole is 0; `whole` may be one for all."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, of_nothing), where=whole != 0.0)
