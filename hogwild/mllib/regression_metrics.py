"""How far predictions are from observations: Spark's `RegressionMetrics`, every figure of one pass.

Contract: the rows are read once, when the object is made, and the figures are plain floats from
then on. The columns of all three metrics classes come through `columns` here, so that they take
the same things: arrays, rows of (prediction, truth[, weight]), or an RDD of such rows.

Called by users, by ``mllib.binary_metrics`` and by ``mllib.multiclass_metrics``.
"""

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class RegressionMetrics:
    """Errors and explained shares of predictions p for observations y, with weights w.

    With W = sum w, mean = sum w y / W and SSE = sum w (y - p)^2 (Spark's `RegressionMetrics`)::

        explained_variance       sum w (p - mean)^2 / W
        mean_absolute_error      sum w |y - p| / W
        mean_squared_error       SSE / W
        root_mean_squared_error  sqrt(SSE / W)
        r2                       1 - SSE / (V (W - 1))    V = sum w (y - mean)^2 / (W - sum w^2 / W)
                                 1 - SSE / sum w y^2      through the origin

    V is the sample variance. With weights of 1 the first r2 is the usual one; with others it is
    not, because of W - 1, and it is so in Spark. The explained variance is the spread of the
    predictions about the mean observation: it can exceed the variance of the observations. (Spark
    takes it as a difference of large sums, which costs it digits where the mean is far from 0.)

    Parameters
    ----------
    predictions, observations : array-like of numbers, shape (n,)
        Or `predictions` alone: rows of (prediction, observation) or (prediction, observation,
        weight), as a sequence, an array of shape (n, 2) or (n, 3), or an RDD.
    weights : array-like of numbers of 0 or more, shape (n,), optional
        1 each if left out.
    through_origin : bool
        Whether the model that predicted has no intercept; it changes `r2` alone.

    Attributes
    ----------
    explained_variance, mean_absolute_error, mean_squared_error, root_mean_squared_error, r2 : float
        In the observations' units (absolute, root), those squared (explained, squared), or without
        unit (r2). A prediction that is NaN makes them NaN; observations that are all the same make
        r2 -inf, or NaN if they were predicted exactly (0 / 0). Both are as in Spark.

    Raises
    ------
    ValueError
        Columns of different lengths, text, observations that are not finite, weights below 0, or
        no row with a weight above 0.

    Examples
    --------
    >>> metrics = RegressionMetrics([(2.0, 1.0), (2.0, 3.0), (8.0, 8.0)])  # mean: 4
    >>> metrics.mean_absolute_error == 2 / 3 == metrics.mean_squared_error
    True
    >>> metrics.explained_variance  # (4 + 4 + 16) / 3
    8.0
    >>> round(metrics.r2, 12) == round(1 - 2 / 26, 12)  # 26 = 9 + 1 + 16
    True
    """

    def __init__(
        self,
        predictions: Any,
        observations: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
        through_origin: bool = False,
    ):
        if not isinstance(through_origin, bool | np.bool_):
            raise ValueError(f"through_origin must be True or False, got {through_origin!r}")
        p, y, w = columns(predictions=predictions, observations=observations, weights=weights)
        counted = w > 0.0
        if not counted.any():
            raise ValueError(f"nothing to measure: none of {len(y)} rows has a weight above 0")
        if not counted.all():  # 0 times a prediction of NaN would be NaN
            p, y, w = p[counted], y[counted], w[counted]
        # numbers too large to square give infinite errors: results, as they are on the JVM
        with np.errstate(all="ignore"):
            total = w.sum()
            # told from an observation instead of 0: constant ones have a variance of exactly 0,
            # and a mean far from 0 costs no digits
            mean = (w * (y - y[0])).sum() / total
            sse = (w * (y - p) ** 2).sum()
            self.explained_variance = float((w * (p - y[0] - mean) ** 2).sum() / total)
            self.mean_absolute_error = float((w * np.abs(y - p)).sum() / total)
            self.mean_squared_error = float(sse / total)
            self.root_mean_squared_error = math.sqrt(self.mean_squared_error)
            if through_origin:
                self.r2 = float(1.0 - sse / (w * y**2).sum())
            else:
                self.r2 = float(1.0 - sse / (_variance(y - y[0] - mean, w) * (total - 1.0)))


def _variance(deviations: Array, w: Array) -> np.float64:
    """Sample variance with weights; 0 where one row holds all the weight."""
    freedom = w.sum() - (w**2).sum() / w.sum()
    if not freedom > 0.0:
        return np.float64(0.0)
    return (w * deviations**2).sum() / freedom


def columns(**given: Any) -> list[Any]:
    """The columns of a metric: numbers first, then whatever else was given, untouched.

    Parameters
    ----------
    **given
        In this order and under the caller's names: the predictions, the truth, the weights, and
        possibly one column more. With None for the truth, the first holds rows of two fields or
        more instead, and each further field takes the place of a None.

    Returns
    -------
    list
        Float64 arrays of one length for the first three (weights of 1 where there were none), and
        the fourth as it came.

    Raises
    ------
    ValueError
        Names the column, the row (counted from 0) and the value.

    Examples
    --------
    >>> columns(scores=[(0.9, 1), (0.2, 0)], labels=None, weights=None)
    [array([0.9, 0.2]), array([1., 0.]), array([1., 1.])]
    """
    names = list(given)
    if given[names[1]] is None:
        found = dict(zip(names, _fields(given[names[0]], names), strict=False))
        for name in list(found)[1:]:
            if given[name] is not None:
                raise ValueError(f"{name} are given twice: in the rows and as an argument")
        given |= found
    truth, first = (_numbers(given[name], name) for name in names[1::-1])
    _check_lengths(names, first, truth)
    _check_each(np.isfinite(truth), truth, f"{names[1]} must be finite")
    if given[names[2]] is None:
        weights = np.broadcast_to(np.float64(1.0), truth.shape)
    else:
        weights = _numbers(given[names[2]], names[2])
        _check_lengths([names[0], names[2]], first, weights)
        fine = (weights >= 0.0) & (weights < math.inf)
        _check_each(fine, weights, f"{names[2]} must be finite and >= 0.0")
    return [first, truth, weights, *(given[name] for name in names[3:])]


def _fields(rows: Any, names: list[str]) -> list[Any]:
    """The columns of rows of at least two fields, as many as the rows have."""
    rows = _collected(rows, names[0])
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        lengths = {rows.shape[1]}
    else:
        rows = list(rows)
        try:
            lengths = {len(row) for row in rows}
        except TypeError:
            raise ValueError(
                f"{names[1]} are missing: give {names[0]} and {names[1]}, or rows of "
                f"({', '.join(names[:2])}[, {', '.join(names[2:])}])"
            ) from None
    if not lengths:
        lengths = {2}
    if len(lengths) > 1 or not 2 <= min(lengths) <= len(names):
        raise ValueError(
            f"rows must all have 2 to {len(names)} fields, {', '.join(names)}; found "
            f"{' and '.join(str(length) for length in sorted(lengths)[:5])}. For whole columns "
            f"give them one by one: {names[0]}, {names[1]}"
        )
    if isinstance(rows, np.ndarray):
        return list(rows.T)
    return [[row[place] for row in rows] for place in range(min(lengths))]


def _collected(values: Any, name: str) -> Any:
    """An array or a list of what is an array, a sequence, an iterator, or an RDD."""
    if callable(getattr(values, "collect", None)):
        values = values.collect()
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be an array or a sequence, got {values!r}")
    return values if isinstance(values, list | tuple) else list(values)


def _numbers(values: Any, name: str) -> Array:
    """A float64 array of real numbers in one dimension; text is none, even if it spells one."""
    values = _collected(values, name)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.empty(len(values), dtype=object)
    if array.ndim != 1:
        raise ValueError(f"{name} must be numbers in one dimension, got shape {array.shape}")
    if array.dtype.kind not in "biuf":
        for place, value in enumerate(values):
            if not isinstance(value, Real | np.bool_):
                raise ValueError(f"{name} must be numbers; found {value!r} at row {place}")
    return array.astype(np.float64, copy=False)


def _check_lengths(names: list[str], one: Array, other: Array) -> None:
    if len(one) != len(other):
        raise ValueError(
            f"{names[0]} and {names[1]} must have one length, got {len(one)} and {len(other)}"
        )


def _check_each(fine: npt.NDArray[np.bool_], values: Array, rule: str) -> None:
    if not fine.all():
        place = int((~fine).argmax())
        raise ValueError(f"{rule}; found {float(values[place])!r} at row {place}")
