"""`FieldEncoder`: a frame's columns become the fields of a field-aware factorization machine.

Contract: one field a column, in the order of the columns; one numbering of features for all fields:
first the buckets that hashed columns share, then each other column's own features, column by
column. `transform` gives the same entries for the same cells in every process, and after `save` and
`load` as before. Frames are those of pandas or polars, or dicts of columns; neither library is
needed.

Called by users and by the estimators.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import MAX_FEATURES, Array, as_vector, float_dtype
from hogwild.data.field_encoder_cells import (
    Cells,
    Name,
    cells_of,
    holds_numbers,
    names_of,
    numbers_of,
)
from hogwild.data.field_encoder_kind import UNSEEN, Kind
from hogwild.data.field_encoder_kinds import as_kind, from_plain, to_plain
from hogwild.data.field_encoder_numbers import Binned, Scaled
from hogwild.data.field_encoder_parts import Part, joined
from hogwild.data.field_encoder_words import Hashed, Indexed
from hogwild.data.field_rows import FieldRows
from hogwild.data.textio import replacing
from hogwild.errors import DataError

__all__ = ["Binned", "FieldEncoder", "Hashed", "Indexed", "Scaled"]

_FORMAT, _VERSION = "hogwild-field-encoder", 1


class FieldEncoder:
    """Turn the columns of a frame into fields, their cells into features.

    Parameters
    ----------
    columns : dict or sequence of column names, optional
        The columns to take, each with its kind in a dict: ``"hashed"``, ``"indexed"``,
        ``"binned"``, ``"scaled"``, or a `Hashed`, `Indexed`, `Binned` or `Scaled` with its options;
        None for what the cells suggest. Default: all but the label.
    label : str, optional
        The column of labels: numbers or truth values.
    categories : kind
        For columns of words, dates, truth values and lists that `columns` gives no kind.
    numbers : kind
        The same for columns of numbers. Numbers that are names (ids, postcodes) are categories: say
        so in `columns`.
    dtype : float32 or float64
        Of the values.

    Attributes
    ----------
    kinds : dict
        What each column has become; after `fit`, with all that was learned.
    n_fields, n_features : int
        After `fit`.
    unseen : dict
        How many cells of each column the last `transform` has left out because `fit` had not seen
        their category.

    Examples
    --------
    >>> frame = {"city": ["Oslo", "Bonn", None], "age": [18.0, 40.0, 31.0], "click": [1, 0, 0]}
    >>> encoder = FieldEncoder({"city": "indexed", "age": Binned(edges=[30])}, label="click")
    >>> rows = encoder.fit_transform(frame)
    >>> rows
    FieldRows(3 rows, 2 fields, 4 features, 5 entries, float32)
    >>> encoder.feature_names()
    ['city=Bonn', 'city=Oslo', 'age < 30', '30 <= age']
    >>> rows.fields.tolist(), rows.features.tolist(), rows.y.tolist()
    ([0, 1, 0, 1, 1], [1, 2, 0, 3, 3], [1.0, 0.0, 0.0])
    """

    def __init__(
        self,
        columns: Mapping[Name, Any] | Iterable[Name] | None = None,
        *,
        label: Name | None = None,
        categories: Any = "indexed",
        numbers: Any = "binned",
        dtype: npt.DTypeLike = np.float32,
    ):
        if isinstance(columns, str):
            raise ValueError(f"columns must be names or a dict of kinds, got {columns!r}")
        given = columns if isinstance(columns, Mapping) else dict.fromkeys(columns or ())
        self._given = {
            name: None if kind is None else as_kind(kind) for name, kind in given.items()
        }
        self._all = columns is None
        self.label = label
        self.categories, self.numbers = as_kind(categories), as_kind(numbers)
        self.dtype = float_dtype(dtype, np.dtype(np.float32), "dtype")
        self.kinds: dict[Name, Kind] = {}
        self.unseen: dict[Name, int] = {}

    def __repr__(self) -> str:
        if not self.kinds:
            return "FieldEncoder(not fitted)"
        return f"FieldEncoder({self.n_fields} fields, {self.n_features} features)"

    @property
    def n_fields(self) -> int:
        """Number of columns taken."""
        return len(self.kinds)

    @property
    def n_features(self) -> int:
        """Buckets and own features of all columns."""
        own = (kind.n_features for kind in self.kinds.values() if not isinstance(kind, Hashed))
        return self._n_buckets + sum(own)

    @property
    def _n_buckets(self) -> int:
        found = {kind.n_buckets for kind in self.kinds.values() if isinstance(kind, Hashed)}
        return max(found, default=0)

    def fit(self, frame: Any) -> Self:
        """Learn categories, edges and scales from a frame; returns the encoder.

        Raises
        ------
        DataError
            No such column, or a cell that its column's kind can't take, with column and row.
        """
        names = self._given
        if self._all:
            names = dict.fromkeys(name for name in names_of(frame) if name != self.label)
        if not names:
            raise DataError("the frame has no columns to make fields of")
        kinds: dict[Name, Kind] = {}
        for name, kind in names.items():
            cells = cells_of(frame, name)
            if kind is None:
                kind = self.numbers if holds_numbers(cells) else self.categories
            kinds[name] = kind.fit(cells)
        sizes = {kind.n_buckets for kind in kinds.values() if isinstance(kind, Hashed)}
        if len(sizes) > 1:
            raise ValueError(
                f"hashed columns share their buckets, so n_buckets must agree; got {sorted(sizes)}"
            )
        self.kinds, self.unseen = kinds, {}
        if self.n_features > MAX_FEATURES:
            raise ValueError(f"{self.n_features} features; at most {MAX_FEATURES} have numbers")
        return self

    def transform(self, frame: Any, y: Any = None) -> FieldRows:
        """Return the rows of a frame, entries in the order of the columns.

        Parameters
        ----------
        frame : frame or dict of columns
        y : array-like, optional
            Labels; default: the label column. Where the frame has none, labels are 0: enough for
            predicting.

        Raises
        ------
        DataError
            As for `fit`; columns of differing lengths; a label that is missing.
        """
        self._check_fitted()
        parts, unseen, first = [], {}, self._n_buckets
        # hashed columns share the first features, the others have their own
        n_rows = _n_rows(frame, list(self.kinds))
        for field, (name, kind) in enumerate(self.kinds.items()):
            cells = cells_of(frame, name)
            numbers, values = kind.encode(cells)
            unseen[name] = int((numbers == UNSEEN).sum())
            kept = numbers >= 0
            hashed = isinstance(kind, Hashed)
            features = numbers[kept] + (0 if hashed else first)
            first += 0 if hashed else kind.n_features
            parts.append(Part(field, cells.rows[kept], features, self._finite(cells, values)[kept]))
        self.unseen = unseen
        indptr, entries = joined(parts, n_rows)
        return FieldRows._trusted(
            indptr, *entries, self._labels(frame, y, n_rows), self.n_fields, self.n_features
        )

    def fit_transform(self, frame: Any, y: Any = None) -> FieldRows:
        """Return the rows of the frame that the encoder is fitted to.

        Raises
        ------
        DataError
            Also when the frame has no column of the label's name, and no `y` is given.
        """
        if y is None and self.label is not None and self.label not in names_of(frame):
            raise DataError(f"there is no column {self.label!r} with the labels")
        return self.fit(frame).transform(frame, y)

    def feature_names(self) -> list[str]:
        """Return the name of each feature: ``column=category``, ``low <= column < high`` ..."""
        self._check_fitted()
        names = [f"bucket {number}" for number in range(self._n_buckets)]
        for name, kind in self.kinds.items():
            names += [] if isinstance(kind, Hashed) else kind.names(name)
        return names

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted encoder as JSON, whole or not at all."""
        self._check_fitted()
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "label": self.label,
            "dtype": str(self.dtype),
            "columns": [{"name": name, **to_plain(kind)} for name, kind in self.kinds.items()],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        with replacing(Path(path), compress=False) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the encoder that `save` has written.

        Raises
        ------
        DataError
            The file is no such encoder, or is damaged.
        """
        name = os.fspath(path)
        try:
            content = json.loads(Path(path).read_bytes())
            if content.get("format") != _FORMAT:
                raise DataError(f"not a file of the format {_FORMAT}", path=name)
            if content["version"] != _VERSION:
                raise DataError(
                    f"version {content['version']!r} of the format; this release reads {_VERSION}",
                    path=name,
                )
            columns = {plain.pop("name"): from_plain(plain) for plain in content["columns"]}
            encoder = cls(columns, label=content["label"], dtype=content["dtype"])
        except DataError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"not a saved FieldEncoder ({error!r})", path=name) from None
        encoder.kinds = columns
        return encoder

    def _check_fitted(self) -> None:
        if not self.kinds:
            raise ValueError("this FieldEncoder is not fitted yet; call fit first")

    def _finite(self, cells: Cells, values: Array) -> Array:
        with np.errstate(over="ignore"):
            final = values.astype(self.dtype)
        bad = np.flatnonzero(~np.isfinite(final))
        if len(bad):
            raise DataError(
                f"column {cells.name!r}, row {cells.rows[bad[0]]}: {values[bad[0]]} is too large "
                f"for {self.dtype}"
            )
        return final

    def _labels(self, frame: Any, y: Any, n_rows: int) -> Array:
        float64 = np.dtype(np.float64)
        if y is not None:
            return as_vector(y, n_rows, float64, "y")
        if self.label is None or self.label not in names_of(frame):
            return np.zeros(n_rows)
        cells = cells_of(frame, self.label)
        if len(cells.flat) != n_rows:
            raise DataError(f"the label column {self.label!r} must have one label a row")
        labels = numbers_of(cells)
        missing = np.flatnonzero(np.isnan(labels))
        if len(missing):
            raise DataError(f"column {self.label!r}, row {missing[0]}: the label is missing")
        return labels


def _n_rows(frame: Any, names: list[Name]) -> int:
    known = names_of(frame)
    lengths = {name: len(frame[name]) for name in names if name in known}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in length: {lengths}")
    return next(iter(lengths.values()), 0)
