"""What callers hold becomes checked `Rows`: arrays, sparse matrices, `Examples`, labelled points.

Contract: float64 in C order or CSR with rising columns (an entry given in several parts is their
sum), as many labels as rows; arrays that are so
already are shared, not copied. Values need not be finite: files may hold such, and whoever finds a
sum that isn't finite looks for the row (`checks.check_finite`).

Called by `LocalPartitions`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.vectors import SparseVector, as_vector


def as_rows(data: Any) -> Rows:
    """Return `data` as checked `Rows`, sharing its memory where it is float64 in C or CSR order."""
    if isinstance(data, Examples):
        if data.sample_weight is not None:
            raise ValueError("sample_weight is not known to MLlib's optimizers; leave it out")
        X, y = data.to_scipy(), data.y
    elif isinstance(data, Partitions):
        return data.collect()
    elif isinstance(data, list | tuple) and all(isinstance(point, LabeledPoint) for point in data):
        return _rows_of_points(data)
    elif isinstance(data, Rows) or (isinstance(data, list | tuple) and len(data) == 2):
        X, y = data  # not an array, which may have two rows
    else:
        raise ValueError(
            "data must be a pair (X, y), Examples, a list of LabeledPoint, Partitions or an RDD of "
            f"labelled points, got {type(data).__name__}"
        )
    return _checked(X, y)


def _checked(X: Any, y: Any) -> Rows:
    if sp.issparse(X):
        rows = sp.csr_matrix(X, dtype=np.float64)  # shares what is CSR and float64 already
        if not rows.has_canonical_format:
            rows = rows.copy()  # what the caller has stays as it is
            rows.sum_duplicates()
    else:
        rows = _real(X, "X")
        if rows.ndim != 2:
            raise ValueError(f"X must have 2 dimensions, got shape {rows.shape}")
    labels = _real(y, "y")
    if labels.shape != (rows.shape[0],):
        raise ValueError(f"X has {rows.shape[0]} rows and y has shape {labels.shape}")
    return Rows(rows, labels)


def _real(values: Any, what: str) -> npt.NDArray[np.float64]:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "biuf":
        raise ValueError(f"{what} must hold real numbers, got {found.dtype}")
    return np.ascontiguousarray(found, dtype=np.float64)


def _rows_of_points(given: Sequence[LabeledPoint]) -> Rows:
    """Labelled points as rows: dense only if all are dense."""
    vectors = [as_vector(point.features) for point in given]
    widths = [len(vector) for vector in vectors]
    if len(set(widths)) > 1:
        odd = next(i for i, width in enumerate(widths) if width != widths[0])
        raise ValueError(
            f"row {odd} has {widths[odd]} features, and the rows before it have {widths[0]}"
        )
    labels = np.array([point.label for point in given], dtype=np.float64)
    width = widths[0] if widths else 0
    if not any(isinstance(vector, SparseVector) for vector in vectors):
        return Rows(np.array(vectors, dtype=np.float64).reshape(len(given), width), labels)
    pairs = [_stored(vector) for vector in vectors]
    indptr = np.cumsum([0, *(len(places) for places, _ in pairs)])
    indices, data = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return Rows(sp.csr_matrix((data, indices, indptr), shape=(len(given), width)), labels)


def _stored(vector: Any) -> tuple[Any, Any]:
    """Places and values of the stored entries; a dense row's are its non-zeros."""
    if isinstance(vector, SparseVector):
        return vector.indices, vector.values
    places = np.flatnonzero(vector)
    return places, vector[places]
