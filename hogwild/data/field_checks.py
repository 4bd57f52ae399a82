"""The checks of a `FieldRows`: borders rise, ids are whole and not negative, values are finite.

Contract: an array that is good comes back itself; DataError names row and entry of the first that
is not.

Called by `hogwild.data.field_rows`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import MAX_FEATURES, Array, as_array, cast, float_dtype, row_of
from hogwild.errors import DataError


def as_borders(indptr: Any) -> Array:
    """Return the row borders as int64."""
    array = as_array(indptr, "indptr")
    if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array):
        raise DataError(
            "indptr must be integers in one dimension, one more than there are rows, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if array[0] != 0 or (array[1:] < array[:-1]).any():
        raise DataError("indptr must start at 0 and never fall")
    return np.ascontiguousarray(array, dtype=np.int64)


def as_values(values: Any, indptr: Array, wanted: npt.DTypeLike | None) -> Array:
    """Return finite values in the wanted type, float32 by default."""
    array = _entries(values, indptr, "values")
    dtype = float_dtype(np.float32 if wanted is None else wanted, array.dtype, "values")
    result = cast(array, dtype)
    finite = np.isfinite(result)
    if not finite.all():
        place = int(np.argmin(finite))
        note = f" in {dtype}" if np.isfinite(array[place]) else ""
        raise DataError(f"values must be finite{note}; found {array[place]} {_at(indptr, place)}")
    return result


def as_ids(ids: Any, indptr: Array, what: str) -> tuple[Array, int]:
    """Return field or feature numbers as int32, and one more than the largest."""
    array = _entries(ids, indptr, f"{what}s")
    if array.dtype.kind not in "iu" and len(array):
        raise DataError(f"{what}s must hold whole numbers, got dtype {array.dtype}")
    if not len(array):
        return np.empty(0, np.int32), 0
    if array.min() < 0 or array.max() >= MAX_FEATURES:
        place = int(np.argmax((array < 0) | (array >= MAX_FEATURES)))
        raise DataError(
            f"{what} {array[place]} {_at(indptr, place)}; "
            f"{what}s are numbered from 0 to {MAX_FEATURES - 1}"
        )
    return np.ascontiguousarray(array, dtype=np.int32), int(array.max()) + 1


def _entries(values: Any, indptr: Array, what: str) -> Array:
    array = as_array(values, what)
    if array.ndim != 1 or len(array) != indptr[-1]:
        raise DataError(
            f"{what} must have one dimension and one number an entry: {indptr[-1]} entries "
            f"by indptr, got shape {array.shape}"
        )
    return array


def _at(indptr: Array, place: int) -> str:
    row = row_of(indptr, place)
    return f"in row {row}, entry {place - indptr[row]}"
