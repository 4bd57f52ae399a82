"""`Examples`: rows in compressed sparse form with their labels, checked once and then trusted.

Contract: whoever holds an `Examples` holds finite numbers, column numbers that rise within each
row, and labels that match the rows; kernels need not look again. The arrays may be the caller's own
(nothing is copied that is good already): neither side should write to them afterwards.

Called by the readers and generators of this folder, and by every ``fit``.
"""

import operator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data.arrays import Array, as_csr, as_vector, checked_selection, entries_of
from hogwild.errors import DataError


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Examples:
    """Checked CSR rows with one label each: the training data of every linear model here.

    Row i holds the entries ``indptr[i]`` to ``indptr[i + 1]`` of `indices` (columns, rising) and
    `data` (values).

    Parameters
    ----------
    X : array-like, scipy sparse matrix or array, or frame, shape (n_rows, n_features)
        float32 stays float32, every other real type becomes float64 (64-bit integers are rounded to
        the nearest double). Dense zeros are left out; **zeros stored in a sparse X are kept**, so
        that nothing disappears silently. A sparse X with unsorted columns is sorted on a copy. A
        column that occurs twice in a CSR or CSC row is refused; in COO form scipy defines repeated
        entries as a sum, and so they are summed here.
    y : array-like, shape (n_rows,)
        Labels or targets.
    sample_weight : array-like, shape (n_rows,), optional
        How much each row counts; finite and not negative.
    dtype : float64 or float32, optional
        Of `data`, `y` and `sample_weight`; default: follow X.

    Attributes
    ----------
    indptr : int64 array, shape (n_rows + 1,)
    indices : int32 array, shape (nnz,)
    data : float array, shape (nnz,)
    y : float array, shape (n_rows,)
    sample_weight : float array, shape (n_rows,), or None
    n_features : int

    Raises
    ------
    DataError
        Shapes that don't match, values that are not finite (or not in `dtype`), column numbers out
        of range or repeated, types that are not real numbers. Rows and columns in the message are
        counted from 0.

    Examples
    --------
    >>> examples = Examples([[0.0, 2.0], [3.0, 4.0]], [1, -1])
    >>> examples
    Examples(2 rows, 2 features, 3 entries, float64)
    >>> examples.indptr.tolist(), examples.indices.tolist(), examples.data.tolist()
    ([0, 1, 3], [1, 0, 1], [2.0, 3.0, 4.0])
    """

    indptr: Array
    indices: Array
    data: Array
    y: Array
    sample_weight: Array | None
    n_features: int

    def __init__(
        self, X: Any, y: Any, *, sample_weight: Any = None, dtype: npt.DTypeLike | None = None
    ):
        indptr, indices, data, n_features = as_csr(X, dtype)
        labels = as_vector(y, len(indptr) - 1, data.dtype, "y")
        weights = None
        if sample_weight is not None:
            weights = as_vector(sample_weight, len(labels), data.dtype, "sample_weight")
            if (weights < 0).any():
                row = int(np.flatnonzero(weights < 0)[0])
                raise DataError(
                    f"sample_weight must be 0 or more; found {weights[row]} at row {row}"
                )
        self._set(indptr, indices, data, labels, weights, n_features)

    def _set(self, *values: Any) -> None:
        names = ("indptr", "indices", "data", "y", "sample_weight", "n_features")
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def _trusted(
        cls,
        indptr: Array,
        indices: Array,
        data: Array,
        y: Array,
        sample_weight: Array | None,
        n_features: int,
    ) -> Self:
        """Wrap arrays that this folder has made or checked itself."""
        examples = cls.__new__(cls)
        examples._set(indptr, indices, data, y, sample_weight, n_features)
        return examples

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def nnz(self) -> int:
        """Number of stored entries, stored zeros included."""
        return len(self.data)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64 or float32, the same for values, labels and weights."""
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        weighted = ", weighted" if self.sample_weight is not None else ""
        return (
            f"Examples({self.n_rows} rows, {self.n_features} features, "
            f"{self.nnz} entries, {self.dtype}{weighted})"
        )

    def to_scipy(self) -> sp.csr_matrix:
        """Return the rows as a scipy CSR matrix that shares `indices` and `data`."""
        matrix = sp.csr_matrix((self.n_rows, self.n_features), dtype=self.dtype)
        # the constructor from three arrays would copy indices to the type of indptr
        indptr = self.indptr.astype(np.int32) if self.nnz < 2**31 else self.indptr
        matrix.data, matrix.indices, matrix.indptr = self.data, self.indices, indptr
        matrix.has_canonical_format = True
        return matrix

    def rows(self, selection: slice | npt.ArrayLike) -> "Examples":
        """Return the selected rows, in the order asked for.

        Parameters
        ----------
        selection : slice, integer array or boolean array
            As for a numpy array: negative numbers count from the end, rows may be repeated. A slice
            of step 1 shares the arrays of this record, everything else copies.

        Raises
        ------
        IndexError
            A row number out of range, or a boolean array of another length.

        Examples
        --------
        >>> examples = Examples([[1.0, 0.0], [2.0, 3.0], [0.0, 4.0]], [7, 8, 9])
        >>> examples.rows([2, 0]).to_scipy().toarray().tolist()
        [[0.0, 4.0], [1.0, 0.0]]
        >>> examples.rows(slice(1, None)).y.tolist()
        [8.0, 9.0]
        """
        rows = checked_selection(selection)
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.n_rows)
            if step == 1:
                return self._span(start, max(start, stop))
        picked = np.arange(self.n_rows)[rows]
        return self._gather(picked)

    def _span(self, start: int, stop: int) -> "Examples":
        first, last = self.indptr[start], self.indptr[stop]
        weights = self.sample_weight
        return self._trusted(
            self.indptr[start : stop + 1] - first,
            self.indices[first:last],
            self.data[first:last],
            self.y[start:stop],
            None if weights is None else weights[start:stop],
            self.n_features,
        )

    def _gather(self, picked: Array) -> "Examples":
        indptr, places = entries_of(self.indptr, picked)
        weights = self.sample_weight
        return self._trusted(
            indptr,
            self.indices[places],
            self.data[places],
            self.y[picked],
            None if weights is None else weights[picked],
            self.n_features,
        )

    def split_at(self, place: int | float) -> tuple["Examples", "Examples"]:
        """Return the rows before a place and the rows from it on, without copying.

        Parameters
        ----------
        place : int or float
            A row number, 0 to n_rows, or a fraction of the rows, 0.0 to 1.0, rounded to the nearest
            row. The first 80 % for training, the rest for the test: ``train, test =
            examples.split_at(0.8)``. Rows keep their order, so shuffle before if the file is
            sorted.

        Examples
        --------
        >>> train, test = Examples(np.eye(5), np.arange(5)).split_at(0.8)
        >>> len(train), len(test)
        (4, 1)
        """
        if isinstance(place, float | np.floating):
            if not 0.0 <= place <= 1.0:
                raise ValueError(f"a fraction of the rows must be 0.0 to 1.0, got {place}")
            row = round(float(place) * self.n_rows)
        else:
            row = operator.index(place)
            if not 0 <= row <= self.n_rows:
                raise ValueError(f"a row number must be 0 to {self.n_rows}, got {row}")
        return self._span(0, row), self._span(row, self.n_rows)
