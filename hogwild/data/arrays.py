"""Whatever a user holds becomes three CSR arrays, checked once, at the door.

Contract: dense arrays and lists, scipy's sparse matrices and arrays of any format, and frames that
look like those of pandas or polars go in; ``indptr`` (int64), ``indices`` (int32) and ``data``
(float64 or float32) come out, sorted and without repetition inside each row, finite, and never
written to. Anything else raises `DataError` with the place.

Called by `hogwild.data.examples`; the smaller parts by `hogwild.data.ratings` and
`hogwild.data.field_rows`, too.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.errors import DataError

Array = npt.NDArray[Any]

MAX_FEATURES = 2**31 - 1
"""The largest number of columns: column numbers are int32."""


def float_dtype(wanted: npt.DTypeLike | None, found: np.dtype[Any], what: str) -> np.dtype[Any]:
    """Return the wanted type, else float32 for float32 and float64 for other numbers."""
    if found.kind not in "biuf":
        hint = {
            "O": "; missing values and mixed types are the usual cause",
            "U": "; convert text to numbers first",
            "c": "; complex values have no order and can't be fitted",
        }.get(found.kind, "")
        raise DataError(f"{what} must hold real numbers, got dtype {found}{hint}")
    if wanted is None:
        return np.dtype(np.float32 if found == np.float32 else np.float64)
    dtype = np.dtype(wanted)
    if dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"dtype must be float64 or float32, got {dtype}")
    return dtype


def cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return the values in `dtype`, the same array if they already are.

    A value beyond the range becomes infinite without a warning: the check for finite values, which
    knows the place, comes after it.
    """
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=dtype)


def as_array(values: Any, what: str) -> Array:
    """Return a numpy array of any dtype from an array, nested lists, or a frame or series."""
    if _is_frame(values):
        columns = [
            as_array(column, f"{what}, column {name!r}") for name, column in _columns(values)
        ]
        for (name, _), column in zip(_columns(values), columns, strict=True):
            float_dtype(None, column.dtype, f"{what}, column {name!r}")
        return np.column_stack(columns) if columns else np.empty((len(values), 0))
    if hasattr(values, "to_numpy"):
        return _from_series(values)
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(f"{what} is a masked array; fill the missing values first")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"{what} can't be made an array ({error}); are all rows of one length?"
        ) from error


def _is_frame(values: Any) -> bool:
    return hasattr(values, "columns") and hasattr(values, "to_numpy")


def _columns(frame: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (name, series): pandas has `items`, polars has `iter_columns`."""
    if hasattr(frame, "iter_columns"):
        return zip(frame.columns, frame.iter_columns(), strict=True)
    return iter(frame.items())


def _from_series(series: Any) -> Array:
    values = np.asarray(series.to_numpy())
    # pandas' nullable numbers come out as objects when one is missing: NaN lets the check below
    # name its row
    if values.dtype == object and getattr(series.dtype, "kind", "O") in "biuf":
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return values


def as_vector(values: Any, n_rows: int, dtype: np.dtype[Any], what: str) -> Array:
    """Return one finite number a row, in `dtype`; DataError names the first row that has none."""
    array = as_array(values, what)
    if array.ndim != 1:
        hint = f"; pass {what}.ravel()" if array.ndim == 2 and array.shape[1] == 1 else ""
        raise DataError(f"{what} must have one dimension, got shape {array.shape}{hint}")
    if len(array) != n_rows:
        raise DataError(
            f"{what} must have one value a row: {n_rows} rows in X, {len(array)} in {what}"
        )
    float_dtype(None, array.dtype, what)
    result = cast(array, dtype)
    bad = np.flatnonzero(~np.isfinite(result))
    if len(bad):
        row = int(bad[0])
        note = _range_note(array[row], dtype)
        raise DataError(f"{what} must be finite{note}; found {array[row]} at row {row}")
    return result


def _range_note(value: Any, dtype: np.dtype[Any]) -> str:
    return f" in {dtype}" if np.isfinite(value) else ""


def as_csr(X: Any, wanted: npt.DTypeLike | None) -> tuple[Array, Array, Array, int]:
    """Return (indptr, indices, data, n_features), checked; the input is never modified."""
    if not sp.issparse(X) and _is_frame(X):
        all_sparse = len(X.dtypes) and all(hasattr(dtype, "fill_value") for dtype in X.dtypes)
        X = X.sparse.to_coo() if all_sparse else as_array(X, "X")
    if not sp.issparse(X):
        X = as_array(X, "X")
    if X.ndim != 2:
        raise DataError(
            f"X must have two dimensions (rows, features), got shape {X.shape}; "
            "for a single feature pass X.reshape(-1, 1)"
        )
    dtype = float_dtype(wanted, X.dtype, "X")
    if X.shape[1] > MAX_FEATURES:
        raise DataError(
            f"X has {X.shape[1]} features; at most {MAX_FEATURES} fit 32-bit column numbers"
        )
    indptr, indices, data = _sparse_parts(X) if sp.issparse(X) else _dense_parts(X)
    cast_data = cast(data, dtype)
    _check_finite(indptr, indices, data, cast_data)
    return (
        indptr.astype(np.int64, copy=False),
        indices.astype(np.int32, copy=False),
        cast_data,
        X.shape[1],
    )


def _dense_parts(X: Array) -> tuple[Array, Array, Array]:
    rows, columns = np.nonzero(X)
    indptr = np.zeros(X.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=X.shape[0]), out=indptr[1:])
    return indptr, columns, X[rows, columns]


def _sparse_parts(X: Any) -> tuple[Array, Array, Array]:
    csr = X if X.format == "csr" else X.tocsr()
    indptr = csr.indptr
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any() or indptr[-1] > len(csr.indices):
        raise DataError("X.indptr must start at 0, never fall, and end within X.indices")
    nnz = int(indptr[-1])
    indices, data = csr.indices[:nnz], csr.data[:nnz]
    if nnz and not (indices.min() >= 0 and indices.max() < X.shape[1]):
        place = int(np.flatnonzero((indices < 0) | (indices >= X.shape[1]))[0])
        raise DataError(
            f"column number {indices[place]} in row {row_of(indptr, place)}; "
            f"X has {X.shape[1]} columns, numbered from 0"
        )
    steps = _steps_within_rows(indptr, indices)
    if (steps < 0).any():
        order = np.lexsort((indices, np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))))
        indices, data = indices[order], data[order]
        steps = _steps_within_rows(indptr, indices)
    if (steps == 0).any():
        place = int(np.flatnonzero(steps == 0)[0]) + 1
        raise DataError(
            f"column {indices[place]} occurs twice in row {row_of(indptr, place)}; "
            "X.sum_duplicates() adds such entries up, if that is meant"
        )
    return indptr, indices, data


def _steps_within_rows(indptr: Array, indices: Array) -> Array:
    """Differences of neighbouring column numbers; 1 where a new row begins."""
    steps = np.diff(indices)
    borders = indptr[1:-1]
    steps[borders[(borders > 0) & (borders < len(indices))] - 1] = 1
    return steps


def _check_finite(indptr: Array, indices: Array, given: Array, data: Array) -> None:
    finite = np.isfinite(data)
    if finite.all():
        return
    place = int(np.flatnonzero(~finite)[0])
    raise DataError(
        f"X must be finite{_range_note(given[place], data.dtype)}; found {given[place]} "
        f"at row {row_of(indptr, place)}, column {indices[place]}"
    )


def row_of(indptr: Array, place: int) -> int:
    """Return the row that the entry at `place` of the CSR arrays belongs to.

    >>> row_of(np.array([0, 2, 2, 3]), 2)  # rows hold entries 0-1, none, 2
    2
    """
    return int(np.searchsorted(indptr, place, side="right")) - 1


def checked_count(number: Any, name: str) -> int | None:
    """Return a number of columns as an int, None for None; ValueError if it can't be one."""
    if number is None:
        return None
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not 0 <= number <= MAX_FEATURES:
        raise ValueError(f"{name} must be a whole number, 0 to {MAX_FEATURES}, got {number!r}")
    return int(number)


def entries_of(indptr: Array, rows: Array) -> tuple[Array, Array]:
    """Return the `indptr` of the picked rows alone, and the places of their entries in order.

    >>> indptr, places = entries_of(np.array([0, 2, 2, 3]), np.array([2, 0]))
    >>> indptr.tolist(), places.tolist()
    ([0, 1, 3], [2, 0, 1])
    """
    lengths = np.diff(indptr)[rows]
    picked = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=picked[1:])
    return picked, np.arange(picked[-1]) + np.repeat(indptr[rows] - picked[:-1], lengths)


def distinct(values: Array) -> Array:
    """Return the different values, rising; where there are many this is ten times faster than
    ``np.unique``, which hashes them first (numpy 2.3), and runs that rise already cost less.

    >>> distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ranked = np.sort(values, kind="stable")
    first = np.ones(len(ranked), dtype=bool)
    np.not_equal(ranked[1:], ranked[:-1], out=first[1:])
    return ranked[first]


def checked_selection(selection: slice | npt.ArrayLike) -> slice | Array:
    """Return what selects rows as a slice, or as an integer or boolean array of one dimension."""
    if isinstance(selection, slice):
        return selection
    picked = np.asarray(selection)
    if picked.ndim != 1 or (picked.dtype.kind not in "biu" and picked.size):
        raise ValueError(
            "rows are selected by a slice or a one-dimensional integer or boolean array, "
            f"got {picked.dtype} of shape {picked.shape}"
        )
    return picked if picked.size or picked.dtype.kind == "b" else picked.astype(np.intp)
