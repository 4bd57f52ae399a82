"""Which classes are taken for which: Spark's `MulticlassMetrics`, from three sums a class.

Contract: the rows are counted once, when the object is made: for each class that is a true label,
the weight of its rows, of those predicted right, and of other rows predicted as it. All figures
come from these; only `confusion_matrix` and `log_loss` go back to the rows.

Called by users.
"""

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.mllib.binary_metrics import f_beta
from hogwild.mllib.regression_metrics import columns

Array = npt.NDArray[np.float64]


class MulticlassMetrics:
    """Figures of each class, and their means weighted by the classes' shares.

    C[l, p] is the weight of the rows with label l that were predicted as p, T_l = sum_p C[l, p],
    W = sum_l T_l (Spark's `MulticlassMetrics`). A class is a value that occurs as a true label. One
    that is only predicted is a mistake in every row: it has no row and no column in the matrix,
    and asking for its figures is a KeyError. A prediction of NaN is such a mistake, too.

    Parameters
    ----------
    predictions, labels : array-like of numbers, shape (n,)
        Or `predictions` alone: rows of (prediction, label[, weight[, probabilities]]), as a
        sequence, an array of shape (n, 2) or (n, 3), or an RDD.
    weights : array-like of numbers of 0 or more, shape (n,), optional
        1 each if left out.
    probabilities : array-like, shape (n, n_classes), optional
        Of the classes 0, 1, ..., n_classes - 1; `log_loss` alone needs them.

    Attributes
    ----------
    labels : float64 array, shape (n_labels,)
        The classes, ascending.

    Raises
    ------
    ValueError
        Columns of different lengths, text, labels that are not finite, weights below 0,
        probabilities of another shape or NaN.

    Notes
    -----
    Where Spark's Python names are attributes these are properties; where they are functions
    (`weighted_f_measure`, `log_loss`, those of one label) these are methods. `confusion_matrix` is
    a property and an ndarray, as in Scala without its parentheses.

    A figure whose denominator is 0 is NaN, as in Spark: the false positive rate of the only class,
    the recall of a class without weight, everything over W without rows.

    Examples
    --------
    >>> metrics = MulticlassMetrics([0, 0, 2, 1, 0, 2], [0, 1, 1, 1, 0, 0])  # 2: only predicted
    >>> metrics.labels
    array([0., 1.])
    >>> metrics.confusion_matrix
    array([[2., 0.],
           [1., 1.]])
    >>> metrics.accuracy, metrics.precision(1.0), metrics.weighted_recall
    (0.5, 1.0, 0.5)
    >>> metrics.recall(2.0)
    Traceback (most recent call last):
    KeyError: 'key not found: 2.0; the true labels are [0.0, 1.0]'
    """

    labels: Array

    def __init__(
        self,
        predictions: Any,
        labels: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
        probabilities: npt.ArrayLike | None = None,
    ):
        predicted, truth, weight, chances = columns(
            predictions=predictions, labels=labels, weights=weights, probabilities=probabilities
        )
        self._weight = np.array(weight)  # the caller may change theirs
        self._chances = None if chances is None else _probabilities(chances, len(truth))
        self.labels = np.unique(truth) + 0.0  # -0.0 becomes 0.0
        self._row = np.searchsorted(self.labels, truth)
        self._column = self._columns(predicted)
        right = self._row == self._column
        n = len(self.labels)
        # bincount adds in the order of the rows
        self._totals = np.bincount(self._row, weight, n)
        self._hits = np.bincount(self._row[right], weight[right], n)
        # the last is of what is no label
        self._misses = np.bincount(self._column[~right], weight[~right], n + 1)
        with np.errstate(all="ignore"):
            whole = self._totals.sum()
            called = self._hits + self._misses[:n]
            self._precision = np.where(called == 0.0, 0.0, self._hits / called)
            self._recall = self._hits / self._totals
            self._false_positive_rate = self._misses[:n] / (whole - self._totals)
            self._shares = self._totals / whole
            self._right, self._wrong = self._hits.sum() / whole, self._misses.sum() / whole

    @property
    def confusion_matrix(self) -> Array:
        """C: weights by true label (rows) and prediction (columns), shape (n_labels, n_labels).

        Rows predicted as something that is no label are missing from it.
        """
        n = len(self.labels)
        cells: Array = np.bincount(
            self._row * (n + 1) + self._column, self._weight, n * (n + 1)
        ).astype(np.float64)
        return cells.reshape(n, n + 1)[:, :n].copy()

    @property
    def accuracy(self) -> float:
        """The share of what was predicted right, sum_l C[l, l] / W."""
        return float(self._right)

    @property
    def hamming_loss(self) -> float:
        """The share of what was predicted wrong, 1 - accuracy."""
        return float(self._wrong)

    def precision(self, label: float) -> float:
        """Of all that was predicted as this label, the share that is: 0 if nothing was."""
        return float(self._precision[self._place(label)])

    def recall(self, label: float) -> float:
        """Of all that is this label, the share predicted so: C[l, l] / T_l."""
        return float(self._recall[self._place(label)])

    def true_positive_rate(self, label: float) -> float:
        """The recall by its other name."""
        return self.recall(label)

    def false_positive_rate(self, label: float) -> float:
        """Of all that is another label, the share predicted as this one: NaN with one label."""
        return float(self._false_positive_rate[self._place(label)])

    def f_measure(self, label: float, beta: float = 1.0) -> float:
        """F_beta of this label's precision and recall, 0 if both are 0.

        Examples
        --------
        >>> MulticlassMetrics([0, 0, 1], [0, 1, 1]).f_measure(0.0)  # precision 1/2, recall 1
        0.6666666666666666
        """
        place = self._place(label)
        return float(f_beta(self._precision[place], self._recall[place], beta))

    @property
    def weighted_precision(self) -> float:
        """The mean precision, each label's counted by its share T_l / W."""
        return self._mean(self._precision)

    @property
    def weighted_recall(self) -> float:
        """The mean recall, each label's counted by its share: the accuracy, in exact numbers."""
        return self._mean(self._recall)

    @property
    def weighted_true_positive_rate(self) -> float:
        """The weighted recall by its other name."""
        return self.weighted_recall

    @property
    def weighted_false_positive_rate(self) -> float:
        """The mean false positive rate, each label's counted by its share."""
        return self._mean(self._false_positive_rate)

    def weighted_f_measure(self, beta: float = 1.0) -> float:
        """The mean F_beta, each label's counted by its share."""
        return self._mean(f_beta(self._precision, self._recall, beta))

    def log_loss(self, eps: float = 1e-15) -> float:
        """The weighted mean of -ln(probability of the true class).

        Parameters
        ----------
        eps : float
            Probabilities are moved into [eps, 1 - eps].

        Raises
        ------
        ValueError
            Without probabilities, for an eps outside (0, 0.5), for a label that is no whole number
            of 0 or more.
        IndexError
            For a label that has no probability.

        Examples
        --------
        >>> MulticlassMetrics([(1, 1, 1.0, [0.5, 0.5])]).log_loss()
        0.6931471805599453
        """
        if not isinstance(eps, Real) or not 0.0 < eps < 0.5:
            raise ValueError(f"eps must be in range (0, 0.5), but got {eps!r}")
        if self._chances is None:
            raise ValueError("log_loss needs the probabilities of the classes, and none were given")
        numbers = _class_numbers(self.labels, self._chances.shape[1])
        chance = self._chances[np.arange(len(self._row)), numbers[self._row]]
        losses = np.where(chance > 1.0 - eps, -np.log1p(-eps), -np.log(np.maximum(chance, eps)))
        with np.errstate(invalid="ignore"):
            return float((self._weight * losses).sum() / self._weight.sum())

    def _mean(self, figures: Array) -> float:
        return float((self._shares * figures).sum())

    def _columns(self, predicted: Array) -> npt.NDArray[np.intp]:
        """The place of each prediction among the labels, or their number where it is none."""
        places = np.searchsorted(self.labels, predicted)
        known = places < len(self.labels)
        known[known] = self.labels[places[known]] == predicted[known]
        return np.where(known, places, len(self.labels))

    def _place(self, label: float) -> int:
        if not isinstance(label, Real):
            raise ValueError(f"a label is a number, got {label!r}")
        places = np.flatnonzero(self.labels == label)
        if not len(places):
            known = ", ".join(str(one) for one in self.labels[:10].tolist())
            more = ", ..." if len(self.labels) > 10 else ""
            raise KeyError(f"key not found: {float(label)}; the true labels are [{known}{more}]")
        return int(places[0])


def _class_numbers(labels: Array, n_classes: int) -> npt.NDArray[np.intp]:
    """The labels, ascending, as columns of the probabilities."""
    odd = (labels < 0.0) | (labels != np.floor(labels))
    if odd.any():
        found = float(labels[odd.argmax()])
        raise ValueError(f"with probabilities labels must be 0, 1, 2, ...; found {found!r}")
    if len(labels) and labels[-1] >= n_classes:
        raise IndexError(
            f"label {float(labels[-1])!r} has no probability: each row has {n_classes}, of the "
            f"classes 0 to {n_classes - 1}"
        )
    return labels.astype(np.intp)


def _probabilities(values: npt.ArrayLike, n_rows: int) -> Array:
    """A float64 array of shape (n_rows, n_classes), without NaN."""
    rule = f"probabilities must be numbers, as many in each of {n_rows} rows"
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{rule}; the rows differ in length") from None
    if array.size == 0 and n_rows == 0:
        return np.empty((0, 0))
    if array.ndim != 2 or len(array) != n_rows or array.dtype.kind not in "biuf":
        raise ValueError(f"{rule}; got {array.dtype} of shape {array.shape}")
    missing = np.isnan(array).any(axis=1)
    if missing.any():
        raise ValueError(f"probabilities must not be NaN; found one at row {int(missing.argmax())}")
    return array.astype(np.float64)
