"""One row of features: a dense array, or a `SparseVector` that stores its non-zeros.

Contract: inside this package a row is a float64 array of shape (d,) or a `SparseVector`;
`as_vector` makes one of everything else that callers hold, and nothing else needs to know those.

Used by the gradients (one data point), labelled points, and the models (one prediction).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Array = npt.NDArray[np.float64]


class SparseVector:
    """A vector of which only some entries are stored.

    Parameters
    ----------
    size : int
        Number of entries, stored or not.
    indices : array-like of int, shape (n,)
        Places of the stored entries, from 0, rising.
    values : array-like of float, shape (n,)
        The stored entries; zeros among them stay stored.

    Raises
    ------
    ValueError
        Lengths that differ, indices that don't rise or lie outside 0 to size - 1.

    Examples
    --------
    >>> x = SparseVector(4, [1, 3], [2.0, -1.0])
    >>> x.toarray()
    array([ 0.,  2.,  0., -1.])
    >>> print(x)
    (4,[1,3],[2.0,-1.0])
    """

    __slots__ = ("indices", "size", "values")
    size: int
    indices: npt.NDArray[np.int32]
    values: Array

    def __init__(self, size: int, indices: npt.ArrayLike, values: npt.ArrayLike):
        places = np.asarray(indices)
        entries = np.asarray(values, dtype=np.float64)
        if places.ndim != 1 or entries.shape != places.shape:
            raise ValueError(
                f"indices and values must be 1-D and of one length, got shapes {places.shape} "
                f"and {entries.shape}"
            )
        if len(places):
            if places.dtype.kind not in "iu":
                raise ValueError(f"indices must be integers, got {places.dtype}")
            if (np.diff(places.astype(np.int64)) <= 0).any():
                raise ValueError("indices must rise, and none may occur twice")
            if places[0] < 0 or places[-1] >= size:
                raise ValueError(
                    f"indices must be 0 to {size - 1}, found {min(places[0], 0) or places[-1]}"
                )
        self.size = int(size)
        self.indices, self.values = places.astype(np.int32), entries

    def __len__(self) -> int:
        return self.size

    def toarray(self) -> Array:
        """All entries, as a new array of shape (size,)."""
        dense = np.zeros(self.size)
        dense[self.indices] = self.values
        return dense

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self.toarray() if dtype is None else self.toarray().astype(dtype)

    def __getitem__(self, place: int) -> float:
        return float(self.toarray()[place])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SparseVector)
            and self.size == other.size
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    def __hash__(self) -> int:
        return hash((self.size, self.indices.tobytes()))

    def __str__(self) -> str:
        from hogwild.mllib.java_text import java_double

        places = ",".join(map(str, self.indices.tolist()))
        return f"({self.size},[{places}],[{','.join(map(java_double, self.values.tolist()))}])"

    def __repr__(self) -> str:
        return f"SparseVector({self.size}, {self.indices.tolist()}, {self.values.tolist()})"


Vector = Array | SparseVector


def as_vector(x: Any) -> Vector:
    """Return the row `x` as a float64 array or a `SparseVector`.

    Parameters
    ----------
    x : array-like of shape (d,), SparseVector, scipy sparse of shape (1, d) or (d,), or a vector of
        pyspark (which has ``toArray``, and if sparse ``size``, ``indices`` and ``values``)

    Raises
    ------
    ValueError
        More than one row, or entries that are not real numbers.

    Examples
    --------
    >>> as_vector([1, 2])
    array([1., 2.])
    >>> import scipy.sparse
    >>> as_vector(scipy.sparse.csr_matrix([[0.0, 5.0]]))
    SparseVector(2, [1], [5.0])
    """
    if isinstance(x, SparseVector) or _is_plain(x):
        return x
    if sp.issparse(x):
        if x.ndim == 2 and x.shape[0] != 1:
            raise ValueError(f"one row is expected, got a sparse matrix of shape {x.shape}")
        row = sp.csr_matrix(x.reshape(1, -1))
        if not row.has_canonical_format:
            row = row.copy()  # what the caller has stays as it is
            row.sum_duplicates()
        return SparseVector(row.shape[1], row.indices, row.data)
    if hasattr(x, "toArray"):  # a vector of pyspark
        if hasattr(x, "indices"):
            return SparseVector(x.size, x.indices, x.values)
        x = x.toArray()
    if hasattr(x, "features"):
        raise ValueError("one row is expected, got a labelled point; its row is point.features")
    dense = np.asarray(x)
    if dense.ndim != 1:
        raise ValueError(f"one row is expected, got an array of shape {dense.shape}")
    if dense.dtype.kind not in "biuf":
        raise ValueError(f"the entries of a row must be real numbers, got {dense.dtype}")
    return dense.astype(np.float64, copy=False)


def _is_plain(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype == np.float64 and x.ndim == 1
