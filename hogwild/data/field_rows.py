"""`FieldRows`: labelled rows of (field, feature, value) entries, checked once, then trusted.

Contract: whoever holds a `FieldRows` holds finite numbers, field and feature numbers that are 0 or
more and below `n_fields` and `n_features`, and one label a row; kernels need not look again. The
entries of a row stay in the order given, for the order is part of what a field-aware machine
computes, and a row may hold several entries of one field, or even of one (field, feature). The
arrays may be the caller's own (nothing is copied that is good already): neither side should write
to them afterwards.

Called by the readers, the encoder and the generator of this folder, and by every fit of a
field-aware factorization machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import (
    Array,
    as_vector,
    checked_count,
    checked_selection,
    entries_of,
)
from hogwild.data.field_checks import as_borders, as_ids, as_values
from hogwild.data.ratings_rows import random_rows

_NAMES = ("indptr", "fields", "features", "values", "y", "n_fields", "n_features")


@dataclass(frozen=True, eq=False, init=False, repr=False)
class FieldRows:
    """Checked rows of entries (field, feature, value), one label each.

    Row i holds the entries ``indptr[i]`` to ``indptr[i + 1]`` of `fields`, `features` and `values`.

    Parameters
    ----------
    indptr : integer array-like, shape (n_rows + 1,)
        Where the entries of each row begin; the last number is the number of entries.
    fields, features : integer array-like, shape (n_entries,)
        Numbers from 0. One numbering of features for all fields, as in libFFM's files.
    values : array-like, shape (n_entries,)
        1 for a category, a number for a quantity.
    y : array-like, shape (n_rows,)
        Labels or targets, as they were read.
    n_fields, n_features : int, optional
        How many there are **at least**: names for fields and features that don't occur in these
        rows. What does occur counts anyway: a test file may hold features that the training file
        has not, and a model skips those.
    dtype : float32 or float64, optional
        Of `values`; default float32, which is libFFM's type.

    Attributes
    ----------
    indptr : int64 array, shape (n_rows + 1,)
    fields, features : int32 arrays, shape (n_entries,)
    values : float array, shape (n_entries,)
    y : float64 array, shape (n_rows,)
    n_fields, n_features : int
        Larger than every number in `fields` and `features`.

    Raises
    ------
    DataError
        Lengths that don't match, numbers that are negative or beyond 32 bits, values or labels that
        are not finite. Rows in the message are counted from 0.

    See Also
    --------
    FieldRows.of_lists : the same from a list of entries for each row.

    Examples
    --------
    >>> rows = FieldRows([0, 2, 3], [0, 1, 1], [0, 4, 2], [1.0, 0.5, 1.0], [1, 0])
    >>> rows
    FieldRows(2 rows, 2 fields, 5 features, 3 entries, float32)
    >>> rows.n_pairs
    1
    """

    indptr: Array
    fields: Array
    features: Array
    values: Array
    y: Array
    n_fields: int
    n_features: int

    def __init__(
        self,
        indptr: Any,
        fields: Any,
        features: Any,
        values: Any,
        y: Any,
        *,
        n_fields: int | None = None,
        n_features: int | None = None,
        dtype: npt.DTypeLike | None = None,
    ):
        borders = as_borders(indptr)
        numbers = as_values(values, borders, dtype)
        field_numbers, least_fields = as_ids(fields, borders, "field")
        feature_numbers, least_features = as_ids(features, borders, "feature")
        labels = as_vector(y, len(borders) - 1, np.dtype(np.float64), "y")
        self._set(
            borders,
            field_numbers,
            feature_numbers,
            numbers,
            labels,
            max(least_fields, checked_count(n_fields, "n_fields") or 0),
            max(least_features, checked_count(n_features, "n_features") or 0),
        )

    def _set(self, *values: Any) -> None:
        for name, value in zip(_NAMES, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def _trusted(
        cls,
        indptr: Array,
        fields: Array,
        features: Array,
        values: Array,
        y: Array,
        n_fields: int,
        n_features: int,
    ) -> Self:
        """Wrap arrays that this folder has made or checked itself."""
        rows = cls.__new__(cls)
        rows._set(indptr, fields, features, values, y, n_fields, n_features)
        return rows

    @classmethod
    def of_lists(
        cls, rows: Iterable[Sequence[tuple[int, int, float]]], y: Any, **options: Any
    ) -> Self:
        """Return rows given as lists of (field, feature, value); `options` as for the class.

        >>> FieldRows.of_lists([[(0, 0, 1.0), (1, 4, 0.5)], []], [1, 0]).indptr.tolist()
        [0, 2, 2]
        """
        lists = [list(row) for row in rows]
        borders = np.cumsum([0, *map(len, lists)])
        entries = [entry for row in lists for entry in row]
        fields, features, values = zip(*entries, strict=True) if entries else ((), (), ())
        return cls(borders, fields, features, values, y, **options)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def n_entries(self) -> int:
        """Number of stored entries, those with value 0 included."""
        return len(self.values)

    @property
    def n_pairs(self) -> int:
        """Pairs of entries in all rows, sum of d (d - 1) / 2: the work of one epoch."""
        lengths = np.diff(self.indptr)
        return int((lengths * (lengths - 1) // 2).sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, the type of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return (
            f"FieldRows({self.n_rows} rows, {self.n_fields} fields, {self.n_features} features, "
            f"{self.n_entries} entries, {self.dtype})"
        )

    def rows(self, selection: slice | npt.ArrayLike) -> "FieldRows":
        """Return the selected rows in the order asked for; fields and features keep their numbers.

        Parameters
        ----------
        selection : slice, integer array or boolean array
            As for a numpy array. A slice of step 1 shares the arrays of this record, everything
            else copies.

        Raises
        ------
        IndexError
            A row number out of range, or a boolean array of another length.

        Examples
        --------
        >>> rows = FieldRows([0, 2, 3], [0, 1, 1], [0, 4, 2], [1.0, 0.5, 1.0], [1, 0])
        >>> rows.rows([1, 0]).features.tolist(), rows.rows([1]).n_features
        ([2, 0, 4], 5)
        """
        picked = checked_selection(selection)
        places: slice | Array
        if isinstance(picked, slice) and picked.indices(self.n_rows)[2] == 1:
            start, stop, _ = picked.indices(self.n_rows)
            stop = max(start, stop)
            places = slice(int(self.indptr[start]), int(self.indptr[stop]))
            indptr, picked = self.indptr[start : stop + 1] - places.start, slice(start, stop)
        else:
            picked = np.arange(self.n_rows)[picked]
            indptr, places = entries_of(self.indptr, picked)
        arrays = (self.fields[places], self.features[places], self.values[places], self.y[picked])
        return self._trusted(indptr, *arrays, self.n_fields, self.n_features)

    def split(self, test: float | int = 0.1, *, seed: Any) -> tuple["FieldRows", "FieldRows"]:
        """Return (train, test): test rows drawn at random, both in the order of this record.

        Parameters
        ----------
        test : float or int
            Share of the rows, 0.0 to 1.0, rounded to the nearest; or how many.
        seed : int, SeedSequence or Generator

        Examples
        --------
        >>> train, test = FieldRows.of_lists([[(0, j, 1)] for j in range(10)], range(10)).split(
        ...     0.2, seed=0
        ... )
        >>> len(train), len(test)
        (8, 2)
        """
        is_test = random_rows(len(self), test, seed, "rows")
        return self.rows(~is_test), self.rows(is_test)

    def one_field(self) -> "FieldRows":
        """Return the same rows with every entry in field 0: a field-aware machine is plain then.

        >>> FieldRows([0, 2], [3, 1], [0, 4], [1, 1], [1]).one_field().fields.tolist()
        [0, 0]
        """
        return self._trusted(
            self.indptr,
            np.zeros_like(self.fields),
            self.features,
            self.values,
            self.y,
            min(self.n_fields, 1),
            self.n_features,
        )
