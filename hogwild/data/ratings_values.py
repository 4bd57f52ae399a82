"""The checks of a `Ratings`: values finite, numbers in range, as many of the one as of the other.

Contract: an array that is good comes back itself; what is looked at is looked at in pieces, so that
checking 20 million ratings takes no memory to speak of.

Called by `hogwild.data.ratings`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import Array, as_array, cast, float_dtype
from hogwild.data.ratings_ids import MAX_IDS, as_ids
from hogwild.errors import DataError

_AT_A_TIME = 1 << 16


def as_values(values: Any, wanted: npt.DTypeLike | None) -> Array:
    """Return finite ratings in the wanted type, else float64 for a float64 array and float32."""
    array = as_array(values, "values")
    if array.ndim != 1:
        raise DataError(f"values must have one dimension, got shape {array.shape}")
    if wanted is None and not (hasattr(values, "dtype") and array.dtype == np.float64):
        wanted = np.float32
    result = cast(array, float_dtype(wanted, array.dtype, "values"))
    for start in range(0, len(result), _AT_A_TIME):
        finite = np.isfinite(result[start : start + _AT_A_TIME])
        if not finite.all():
            row = start + int(np.argmin(finite))
            note = f" in {result.dtype}" if np.isfinite(array[row]) else ""
            raise DataError(f"values must be finite{note}; found {array[row]} at row {row}")
    return result


def check_lengths(u: Array, i: Array, r: Array, least: int = 0) -> None:
    """Raise DataError unless all three have the same length, `least` or more."""
    if not len(u) == len(i) == len(r):
        raise DataError(
            f"each rating needs a user, an item and a value; got {len(u)} users, {len(i)} items "
            f"and {len(r)} values"
        )
    if len(r) < least:
        raise DataError("there are no ratings")


def as_ids_of(ids: Any, n_ids: int | None, what: str) -> Array | None:
    """Return the ids that a caller gives to numbers, checked; None if there are none."""
    if ids is None:
        return None
    array = as_ids(ids, what)
    array = array.astype(np.int64 if array.dtype.kind in "iu" else np.str_, copy=False)
    if n_ids is not None and len(array) != n_ids:
        raise DataError(f"{len(array)} {what} ids, but n_{what}s={n_ids}")
    ranked = np.sort(array)
    twice = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(twice):
        raise DataError(f"the {what} id {ranked[twice[0]].item()!r} is given to several numbers")
    return array


def as_numbers(values: Any, ids: Array | None, n_ids: int | None, what: str) -> tuple[Array, Array]:
    """Return user or item numbers as int32, checked, and the id of each number."""
    array = as_array(values, f"{what}s")
    if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
        raise DataError(
            f"{what} numbers must be integers in one dimension, got {array.dtype} of shape "
            f"{array.shape}; for ids of other kinds use Ratings(users, items, values)"
        )
    least, most = (int(array.min()), int(array.max())) if len(array) else (0, -1)
    if ids is not None:
        n_ids = len(ids)
    elif n_ids is None:
        n_ids = most + 1
    if not 0 <= n_ids <= MAX_IDS:
        raise DataError(f"n_{what}s must be 0 to {MAX_IDS}, got {n_ids}")
    if least < 0 or most >= n_ids:
        row = int(np.argmax((array < 0) | (array >= n_ids)))
        raise DataError(f"{what} number {array[row]} at row {row}; there are {n_ids} {what}s, "
                        "numbered from 0")  # fmt: skip
    known = np.arange(n_ids, dtype=np.int64) if ids is None else ids
    return np.ascontiguousarray(array, dtype=np.int32), known
