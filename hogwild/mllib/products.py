"""The two products of a gradient, X w and X' r, for dense and sparse rows.

``einsum`` and scipy's loops run in one thread and add in an order that depends on the shapes alone:
the same bits in every process, where a BLAS divides a product by the number of its threads. For the
few hundred rows of a chunk, einsum is also the faster of the two.

Used by the gradients; a user's vectorised gradient may use them, too.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.vectors import Array

LONGEST_DOT = 10_000
"""Above it OpenBLAS divides a product among threads, which then spin on for some 20 ms."""


def dot(a: Array, b: Array) -> Any:
    """A . b in one thread: a spinning one would take a processor from the workers' next sum.

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.float64(11.0)
    """
    return np.dot(a, b) if len(a) <= LONGEST_DOT else np.einsum("i,i->", a, b)


def times(X: Any, w: Array) -> Array:
    """X w: one number a row.

    Examples
    --------
    >>> times(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    return X @ w if sp.issparse(X) else np.einsum("ij,j->i", X, w)


def add_transposed(X: Any, r: Array, out: Array) -> None:
    """Add X' r, the rows weighted by `r`, to `out`.

    Examples
    --------
    >>> out = np.zeros(2)
    >>> add_transposed(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]), out)
    >>> out
    array([31., 42.])
    """
    out += _transposed(X) @ r if sp.issparse(X) else np.einsum("ij,i->j", X, r)


def _transposed(X: Any) -> Any:
    """X', made once for each chunk: making it costs scipy more than a small product."""
    data, made = X.__dict__.get("_transposed", (None, None))
    if data is not X.data:  # also where somebody has put other values in
        made = matrix_of(sp.csc_matrix, X.data, X.indices, X.indptr, X.shape[::-1])
        X.__dict__["_transposed"] = X.data, made
    return made


def matrix_of(kind: Any, data: Array, indices: Any, indptr: Any, shape: tuple[int, int]) -> Any:
    """A scipy matrix of these very arrays.

    Its constructor, and so ``X.T``, copies arrays that are small parts of others, as a chunk's are:
    all chunks together would be the data once more.
    """
    made = kind(shape, dtype=data.dtype)
    made.data, made.indices, made.indptr = data, indices, indptr
    return made
