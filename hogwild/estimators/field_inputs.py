"""What a user passes to ``FieldAwareClassifier`` becomes rows of fields: each column is a field.

Contract: columns of numbers keep their numbers as values, a column being a field of one feature; in
columns of words each word becomes a feature, by a ``FieldEncoder`` that is fitted once.
``FieldRows`` pass as they are.

Called by ``estimators.field_aware``.
"""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples, FieldEncoder, FieldRows, Scaled
from hogwild.data.arrays import as_array
from hogwild.estimators import doors

Array = npt.NDArray[Any]


def has_words(X: Any) -> bool:
    """Tell whether X is a frame or an array of columns that are not all numbers.

    Examples
    --------
    >>> has_words([["Oslo", 3], ["Bonn", 4]]), has_words([[1, 2]])
    (True, False)
    """
    if sp.issparse(X):
        return False
    if doors.is_frame(X):
        return any(not _is_number(dtype) for dtype in X.dtypes)
    array = as_array(X, "X")
    if array.dtype.kind in "USM":
        return True
    return array.dtype == object and any(isinstance(cell, str) for cell in array.flat)


def _is_number(dtype: Any) -> bool:
    """Tell whether a pandas or polars type is one of numbers."""
    if hasattr(dtype, "is_numeric"):  # polars
        return bool(dtype.is_numeric())
    return getattr(dtype, "kind", "O") in "iuf"


def columns_of(X: Any) -> Any:
    """Return a frame as it is, and an array's columns by their numbers."""
    if doors.is_frame(X) or isinstance(X, dict):
        return X
    array = as_array(X, "X")
    if array.dtype.kind in "US":  # numpy makes words of the numbers beside words
        array = np.array(X, dtype=object) if not isinstance(X, np.ndarray) else array
    doors.check_shape(array)
    return {column: array[:, column] for column in range(array.shape[1])}


def names_of(X: Any) -> list[Any]:
    """Return the names of a frame's columns, the numbers of an array's."""
    return list(X.columns) if doors.is_frame(X) else list(columns_of(X))


def fitted_encoder(encoder: FieldEncoder | None, X: Any) -> FieldEncoder:
    """Return a copy of the encoder, or the usual one, fitted to the columns of X."""
    if encoder is None:
        encoder = FieldEncoder(categories="indexed", numbers=Scaled("as is"))
    elif not isinstance(encoder, FieldEncoder):
        raise ValueError(f"encoder must be a FieldEncoder or None, got {type(encoder).__name__}")
    return copy.deepcopy(encoder).fit(columns_of(X))


def rows_of_numbers(X: Any, dtype: Any) -> FieldRows:
    """Return rows in which column c's number is the value of feature c, in field c; zeros are left
    out.

    Examples
    --------
    >>> rows = rows_of_numbers([[0.0, 2.0], [3.0, 4.0]], "float32")
    >>> rows.fields.tolist(), rows.features.tolist(), rows.values.tolist()
    ([1, 0, 1], [1, 0, 1], [2.0, 3.0, 4.0])
    """
    checked = doors.checked_rows(X)
    examples = Examples(checked, np.zeros(checked.shape[0]))
    n = examples.n_features
    return FieldRows(
        examples.indptr, examples.indices, examples.indices, examples.data, examples.y,
        n_fields=n, n_features=n, dtype=dtype,
    )  # fmt: skip


def with_labels(rows: FieldRows, y: Array) -> FieldRows:
    """Return the same rows with other labels; DataError if there are more or fewer."""
    return FieldRows(
        rows.indptr, rows.fields, rows.features, rows.values, y,
        n_fields=rows.n_fields, n_features=rows.n_features, dtype=rows.dtype,
    )  # fmt: skip
