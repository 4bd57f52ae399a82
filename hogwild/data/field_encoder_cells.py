"""The cells of a frame's column, as words or as numbers, missing ones known.

Contract: frames that look like those of pandas or polars and dicts of columns go in; neither
library is imported. ``None``, NaN, NaT and pandas' NA are missing. A word is text: strings as they
are, whole numbers in digits whatever their type (3 and 3.0 are ``"3"``: pandas makes floats of
integers when one is missing), other floats as their shortest decimal, ``True`` and ``False``, dates
and times as in ISO 8601. A list in a cell stands for several cells of one row.

Called by `hogwild.data.field_encoder` and, for its words, by `hogwild.data.field_encoder_kinds`.
"""

import datetime
import decimal
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hogwild.data.arrays import Array, as_array
from hogwild.data.decimal import shortest
from hogwild.errors import DataError

Name = str | int
"""What a column is called."""

EXACT = 2**53
"""Whole numbers up to this are floats, too."""

_LISTS = (list, tuple, np.ndarray)


class Cells(NamedTuple):
    """A column whose lists are laid out flat."""

    name: Name
    flat: Array  # any dtype
    rows: Array  # int64: the row of each flat cell, never falling
    has_lists: bool


class Words(NamedTuple):
    """Different words of a column, and which one each cell holds."""

    codes: Array  # int64, shape (n_cells,); -1 for a missing cell
    texts: list[str]


def names_of(frame: Any) -> list[Name]:
    """Return the names of a frame's columns; DataError if it is no frame or a name is repeated."""
    if hasattr(frame, "collect"):
        raise DataError("the frame is a lazy one; pass frame.collect()")
    if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
        raise DataError(
            f"expected a pandas or polars frame or a dict of columns, got {type(frame).__name__}"
        )
    names = list(frame if isinstance(frame, Mapping) else frame.columns)
    for name in names:
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise DataError(f"column names must be strings or whole numbers, got {name!r}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the column {twice!r} occurs twice")
    return names


def cells_of(frame: Any, name: Name) -> Cells:
    """Return the cells of a column; DataError if the frame has none of that name."""
    names = names_of(frame)
    if name not in names:
        listed = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
        raise DataError(f"no column {name!r}; the frame has {listed or 'no columns'}")
    values = as_cells(frame[name], f"column {name!r}")
    if values.dtype == object:
        lists = {kind for kind in set(map(type, values)) if _holds_many(kind)}
        if lists:
            return _laid_out(name, values, [type(cell) in lists for cell in values])
    return Cells(name, values, np.arange(len(values)), has_lists=False)


def as_cells(values: Any, what: str) -> Array:
    """Return a column as an array of one dimension; lists of differing lengths stay cells."""
    if isinstance(values, _LISTS[:2]):
        array = np.empty(len(values), dtype=object)
        array[:] = [list(cell) if isinstance(cell, np.ndarray) else cell for cell in values]
        return _typed(array)
    if hasattr(values, "to_numpy") and getattr(values.dtype, "kind", "O") == "b":
        return np.asarray(values.to_numpy())  # as_array makes numbers of truth values with a gap
    exact = _long_integers(values)
    array = as_array(values, what) if exact is None else exact
    if array.ndim == 2 and array.dtype != object:  # polars' arrays of one length
        return as_cells(list(array), what)
    if array.ndim != 1:
        raise DataError(f"{what} must have one dimension, got shape {array.shape}")
    return array


def _long_integers(values: Any) -> Array | None:
    """Return the cells of a series of whole numbers with gaps, if some are no floats; else None.

    numpy has no whole numbers with gaps: as floats, ids that differ in the last digit would meet.
    """
    if hasattr(values, "null_count"):  # polars
        if not values.dtype.is_integer() or not values.null_count():
            return None
        cells = np.array(values.to_list(), dtype=object)
    elif getattr(getattr(values, "dtype", None), "kind", "O") in "iu" and hasattr(values, "isna"):
        if not values.isna().any():
            return None
        cells = np.asarray(values.to_numpy(dtype=object))
    else:
        return None
    if all(is_missing(cell) or abs(cell) <= EXACT for cell in cells):
        return None
    return cells


def _typed(array: Array) -> Array:
    """Return numbers as an array of numbers, where that holds them exactly; all else as it is."""
    kinds = set(map(type, array))
    if kinds == {int} and all(-(2**63) <= cell < 2**63 for cell in array):
        return array.astype(np.int64)
    if not kinds or not kinds <= {int, float}:
        return array
    if all(type(cell) is float or abs(cell) <= EXACT for cell in array):
        return array.astype(np.float64)
    return array


def _holds_many(kind: type) -> bool:
    return issubclass(kind, _LISTS) or hasattr(kind, "to_list")


def _laid_out(name: Name, values: Array, is_list: list[bool]) -> Cells:
    parts = [list(cell) if many else [cell] for cell, many in zip(values, is_list, strict=True)]
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    flat = np.empty(int(lengths.sum()), dtype=object)
    flat[:] = [cell for part in parts for cell in part]
    rows = np.repeat(np.arange(len(parts)), lengths)
    return Cells(name, _typed(flat), rows, has_lists=True)


def is_missing(cell: Any) -> bool:
    """Return whether a cell holds nothing: None, NaN, NaT, or pandas' NA."""
    if cell is None or type(cell).__name__ == "NAType":
        return True
    return isinstance(cell, float | np.floating | np.datetime64 | datetime.datetime) and bool(
        cell != cell  # true of NaN and of NaT
    )


def holds_numbers(cells: Cells) -> bool:
    """Return whether a column is one of numbers, to be binned or scaled unless told otherwise.

    Numbers in lists are names: of tags, of pages seen.
    """
    if cells.has_lists:
        return False
    if cells.flat.dtype != object:
        return cells.flat.dtype.kind in "iuf"
    kinds = set(map(type, cells.flat))
    if float in kinds or len(kinds) > 1:
        kinds = {type(cell) for cell in cells.flat if not is_missing(cell)}
    return bool(kinds) and all(
        issubclass(kind, int | float | np.number | decimal.Decimal) and kind is not bool
        for kind in kinds
    )


def words_of(cells: Cells) -> Words:
    """Return the words of a column, by first appearance or rising."""
    flat = cells.flat
    if flat.dtype.kind in "biuf":
        return _words_of_numbers(flat)
    if flat.dtype.kind == "M":
        flat = flat.astype("datetime64[us]").astype(object)
    keys: list[Any] = flat.tolist()
    if len(set(map(type, keys)) - {str, type(None)}) > 1:
        keys = [(type(cell), cell) for cell in keys]  # 1, 1.0 and True are equal, not one word
    by_key = _Numbers()
    try:
        codes = np.fromiter(map(by_key.__getitem__, keys), dtype=np.int64, count=len(keys))
    except TypeError:  # a cell that has no hash can't be a word
        raise _no_word(cells, _first_without_hash(keys)) from None
    firsts = np.full(len(by_key), -1)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]
    by_text = _Numbers()
    codes_of_keys = np.empty(len(by_key), dtype=np.int64)
    for key, first in enumerate(firsts.tolist()):
        cell = flat[first]
        text = cell if type(cell) is str else _text(cell)
        if text is None and not is_missing(cell):
            raise _no_word(cells, first)
        codes_of_keys[key] = -1 if text is None else by_text[text]
    return Words(codes_of_keys[codes], list(by_text))


def _first_without_hash(keys: list[Any]) -> int:
    for place, key in enumerate(keys):
        try:
            hash(key)
        except TypeError:
            return place
    return 0


class _Numbers(dict[Any, int]):
    """The number of each key by first appearance."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


def _words_of_numbers(flat: Array) -> Words:
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    distinct, codes = np.unique(flat, return_inverse=True)
    if flat.dtype.kind != "f":
        return Words(codes, [str(number) for number in distinct.tolist()])
    finite = distinct[~np.isnan(distinct)]
    codes[codes >= len(finite)] = -1
    return Words(codes, shortest(finite + finite.dtype.type(0)))  # -0.0 is 0


def _text(cell: Any) -> str | None:
    """Return the word that a cell is, None if it is missing or can't be one."""
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, bool | np.bool_ | int | np.integer | decimal.Decimal):
        return str(cell)
    if isinstance(cell, float | np.floating) and cell == cell:
        return str(cell + 0).removesuffix(".0")
    if isinstance(cell, datetime.date | datetime.time) and cell == cell:
        return cell.isoformat()
    return None


def _no_word(cells: Cells, place: int) -> DataError:
    cell = cells.flat[place]
    return DataError(
        f"column {cells.name!r}, row {cells.rows[place]}: a category must be text, a number, a "
        f"truth value or a date, or a list of them; got {type(cell).__name__}"
    )


def numbers_of(cells: Cells) -> Array:
    """Return the numbers of a column as float64, NaN where one is missing."""
    flat = cells.flat
    if flat.dtype.kind in "biuf":
        numbers = flat.astype(np.float64)
    elif flat.dtype == object:
        numbers = np.empty(len(flat))
        for place, cell in enumerate(flat):
            if is_missing(cell):
                numbers[place] = np.nan
                continue
            if not isinstance(cell, int | float | np.number | np.bool_ | decimal.Decimal):
                raise _no_number(cells, place)
            try:
                numbers[place] = cell
            except OverflowError:  # a whole number beyond all floats
                numbers[place] = np.inf
    else:
        raise _no_number(cells, 0)
    bad = np.flatnonzero(np.isinf(numbers))
    if len(bad):
        raise DataError(
            f"column {cells.name!r}, row {cells.rows[bad[0]]}: numbers must be finite, got "
            f"{numbers[bad[0]]}"
        )
    return numbers


def _no_number(cells: Cells, place: int) -> DataError:
    shown = repr(cells.flat[place])
    return DataError(
        f"column {cells.name!r}, row {cells.rows[place]}: expected a number, got {shown[:40]}; "
        "columns of words are hashed or indexed"
    )
