"""Which labels an algorithm takes, asked where the rows lie.

Spark's ``DataValidators``, and the checks of ``spark.ml``'s logistic regression: the same labels
are refused, by one sentence that names the first of them.

Called by the training classes.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from hogwild.errors import DataError
from hogwild.mllib.partitions import Partitions, Rows

logger = logging.getLogger("hogwild.mllib")


class InputValidationFailed(DataError, RuntimeError):
    """Labels that are no classes; also a ``RuntimeError``, as Spark fails the job for them."""

    def __reduce__(self) -> Any:
        return type(self), (self.reason,)


@dataclass(frozen=True)
class LabelCounts:
    """What labels there are.

    Attributes
    ----------
    n, ones, invalid : int
        Rows; those labelled 1; those whose label is none of the classes.
    first : (int, float), optional
        Row and label of the first invalid one.
    """

    n: int = 0
    ones: int = 0
    invalid: int = 0
    first: tuple[int, float] | None = None


@dataclass(frozen=True)
class _Count:
    """``seq_op``."""

    num_classes: int

    def __call__(self, counts: LabelCounts, rows: Rows) -> LabelCounts:
        y = rows.y
        wrong = np.flatnonzero(~((y >= 0) & (y < self.num_classes) & (y == np.floor(y))))
        first = (int(wrong[0]), float(y[wrong[0]])) if len(wrong) else None
        return _added(counts, LabelCounts(len(y), int((y == 1).sum()), len(wrong), first))


def _added(left: LabelCounts, right: LabelCounts) -> LabelCounts:
    """``comb_op``."""
    first = left.first
    if first is None and right.first is not None:
        first = left.n + right.first[0], right.first[1]
    return LabelCounts(
        left.n + right.n, left.ones + right.ones, left.invalid + right.invalid, first
    )


def count_labels(data: Partitions, num_classes: int = 2) -> LabelCounts:
    """Count the labels of `data`; the classes are the integers from 0 to num_classes - 1.

    Examples
    --------
    >>> from hogwild.mllib import LocalPartitions
    >>> count_labels(LocalPartitions(([[0.0]] * 4, [1.0, 0.0, 0.5, -1.0])))
    LabelCounts(n=4, ones=1, invalid=2, first=(2, 0.5))
    """
    return data.tree_aggregate(LabelCounts(), _Count(num_classes), _added)


def check_labels(data: Partitions, num_classes: int = 2) -> LabelCounts:
    """Count the labels; refuse those that are no classes.

    Raises
    ------
    InputValidationFailed
        With the first wrong label, and its row.

    Examples
    --------
    >>> from hogwild.mllib import LocalPartitions
    >>> check_labels(LocalPartitions(([[0.0]] * 2, [1.0, -1.0])))
    Traceback (most recent call last):
    hogwild.mllib.validators.InputValidationFailed: input validation failed: labels must be 0 or 1;
    found -1.0 at row 1 (1 of 2 labels are wrong). For labels -1 and +1 pass (y + 1) / 2.
    """
    counts = count_labels(data, num_classes)
    if counts.first is None:
        return counts
    wanted = "0 or 1" if num_classes == 2 else f"in {{0 to {num_classes - 1}}}"
    logger.error(
        "Classification labels should be %s. Found %d invalid labels", wanted, counts.invalid
    )
    row, label = counts.first
    if num_classes > 2:
        wanted = f"integers from 0 to {num_classes - 1}"
    raise InputValidationFailed(
        f"input validation failed: labels must be {wanted}; found {label} at row {row} "
        f"({counts.invalid} of {counts.n} labels are wrong){_advice(label)}"
    )


def _advice(label: float) -> str:
    """What was probably meant."""
    if label == -1.0:
        return ". For labels -1 and +1 pass (y + 1) / 2."
    if label >= 2.0 and label == np.floor(label) and np.isfinite(label):
        return (
            ". More classes are a multinomial model: "
            f"LogisticRegressionWithLBFGS().set_num_classes({int(label) + 1}) or more."
        )
    return "."
