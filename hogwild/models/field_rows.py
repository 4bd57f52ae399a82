"""Rows made ready for the kernels: labels, norms, and only what the model has vectors for.

Contract: entries of features or fields that the model has no vector for are left out of the sum,
but count in R, as libFFM has it.

Called by ``models.field_memory`` for training rows and by ``models.field_predict``.
"""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.kernels.field_records import FieldData
from hogwild.kernels.losses import Logistic, Loss, Squared

Array = npt.NDArray[Any]
_ROOM = 1 << 18  # bytes that a row's vectors may take

FIELD_LOSSES: dict[str, type[Logistic] | type[Squared]] = {
    "logistic": Logistic,
    "squared": Squared,
}


def find_field_loss(name: Any) -> Loss:
    """Return the loss of that name.

    Raises
    ------
    ValueError
        For another name.
    """
    if not isinstance(name, str) or name not in FIELD_LOSSES:
        raise ValueError(f"unknown loss {name!r}; the losses are {', '.join(FIELD_LOSSES)}")
    return FIELD_LOSSES[name]()


def check_rows(rows: Any, what: str) -> None:
    """Raise ValueError unless these are FieldRows, at least one."""
    if not isinstance(rows, FieldRows):
        raise ValueError(f"{what} must be FieldRows, got {type(rows).__name__}")
    if len(rows) == 0:
        raise ValueError(f"there are no rows in {what}")


def targets(rows: FieldRows, loss: str) -> npt.NDArray[np.float64]:
    """Return the labels as the loss takes them: +1 and -1 for the logistic one, else as they are.

    A label is positive if its whole part is above 0 (libFFM's rule): 1 and 2 are, 0, -1 and 0.7 are
    not.

    Examples
    --------
    >>> rows = FieldRows([0, 0, 0, 0], [], [], [], [2.0, 0.0, 0.7])
    >>> targets(rows, "logistic").tolist()
    [1.0, -1.0, -1.0]
    """
    if loss == "squared":
        return rows.y
    return np.where(np.trunc(rows.y) > 0.0, 1.0, -1.0)


def warn_of_fractions(rows: FieldRows, loss: str, what: str) -> None:
    """Warn where a logistic fit cuts labels to whole numbers: 0.7 becomes 0, and so negative."""
    if loss != "logistic":
        return
    cut = np.flatnonzero(np.trunc(rows.y) != rows.y)
    if len(cut):
        warnings.warn(
            f"{len(cut)} labels of {what} are no whole numbers, the first {rows.y[cut[0]]} at row "
            f"{cut[0]}; only their whole part is looked at, and 0 is negative. For real targets "
            "take loss='squared'.",
            stacklevel=3,
        )


def scales(indptr: npt.NDArray[np.int64], values: Array, *, normalise: bool) -> Array:
    """Return R = 1 / sum of v^2 of each row, added from left to right; 1 where the sum is 0.

    Without `normalise` R is 1.

    Examples
    --------
    >>> scales(np.array([0, 2, 2, 3]), np.array([1.0, 1.0, 2.0]), normalise=True).tolist()
    [0.5, 1.0, 0.25]
    """
    n_rows = len(indptr) - 1
    total = np.zeros(n_rows, values.dtype)
    if normalise:
        lengths = np.diff(indptr)
        longer = np.arange(n_rows)
        # place by place, for a float's sum depends on its order; libFFM's is this one
        for place in range(int(lengths.max(initial=0))):
            longer = longer[lengths[longer] > place]
            v = values[indptr[longer] + place]
            total[longer] += v * v
    with np.errstate(over="ignore"):
        return np.divide(1, total, out=np.ones_like(total), where=total > 0)


def make_data(
    rows: FieldRows,
    shape: tuple[int, int],
    *,
    loss: str,
    normalise: bool,
    one_field: bool,
    dtype: npt.DTypeLike,
) -> FieldData:
    """Return the rows as the kernels take them, in their own order.

    Parameters
    ----------
    shape : (int, int)
        Features and fields that the model has vectors for.
    """
    with np.errstate(over="ignore"):
        values = rows.values.astype(dtype, copy=False)
        scale = scales(rows.indptr, values, normalise=normalise)
    indptr, fields, features = rows.indptr, rows.fields, rows.features
    if one_field:
        fields = np.zeros_like(fields)
    n_features, n_fields = shape
    if rows.n_features > n_features or (rows.n_fields > n_fields and not one_field):
        known = (features < n_features) & (fields < n_fields)
        if not known.all():
            indptr = np.append(0, np.cumsum(known))[indptr]
            fields, features, values = fields[known], features[known], values[known]
    return FieldData(
        order=np.arange(len(rows), dtype=np.uint32),
        indptr=indptr,
        fields=fields.view(np.uint32),
        features=features.view(np.uint32),
        values=values,
        scale=scale,
        y=targets(rows, loss),
    )


def are_worth_asking_for(data: FieldData, n_fields: int, slot: int) -> bool:
    """Tell whether the vectors of a row should be asked for while the row before is worked on.

    All vectors of its features are, so a row should use a good part of them, and those of two rows
    must find room in a core's second-level cache.

    Parameters
    ----------
    slot : int
        Numbers from one vector to the next.
    """
    mean = len(data.values) / max(len(data.scale), 1)
    return 2 * mean >= n_fields and mean * n_fields * slot * data.values.itemsize <= _ROOM


def have_twins(data: FieldData) -> bool:
    """Tell whether some row has two entries of one feature and one field."""
    step = 1 << 16
    for first in range(0, len(data.scale), step):
        indptr = data.indptr[first : first + step + 1]
        entries = slice(int(indptr[0]), int(indptr[-1]))
        if _repeats(indptr, data.fields[entries], data.features[entries]):
            return True
    return False


def _repeats(indptr: Array, fields: Array, features: Array) -> bool:
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    # neighbours that differ in nothing; the sort is spared where fields rise from entry to entry
    same_row = rows[1:] == rows[:-1]
    if (~same_row | (fields[1:] > fields[:-1])).all():
        return False
    order = np.lexsort((features, fields, rows))
    rows, fields, features = rows[order], fields[order], features[order]
    same = (rows[1:] == rows[:-1]) & (fields[1:] == fields[:-1]) & (features[1:] == features[:-1])
    return bool(same.any())
