"""Ids of any kind become the numbers 0 to n - 1: an id's number is its rank among all ids.

Contract: ids are all integers (of 64 bits; also as floats that are whole and below 2**53) or all
strings; a column that mixes them, or has a gap, raises `DataError` with the row. Integers cost no
sort where they lie close together. `Integers` and `Texts` take a column piece by piece, and hold 4
bytes an id while the numbers stay below 2**31.

Called by `hogwild.data.ratings`, by the reader of rating files, and by models that keep ids.
"""

from typing import Any

import numpy as np

from hogwild.data.arrays import Array, as_array, distinct
from hogwild.errors import DataError

MAX_IDS = 2**31 - 1
"""The largest number of different users, or items: their numbers are int32."""

_AT_A_TIME = 1 << 16
_INT32 = np.iinfo(np.int32)
_EXACT = 2.0**53  # a double below it that is whole has lost nothing
# A table over the range of the ids costs 5 bytes an entry: no more of them than this a rating.
_TABLE_PER_ID, _TABLE_LEAST = 2, 1 << 20


class Integers:
    """A column of integer ids that comes in pieces."""

    def __init__(self, what: str):
        self.what = what
        self._pieces: list[Array] = []

    def add(self, ids: Array) -> None:
        """Take the next piece, an integer array."""
        if len(ids):
            small = ids.min() >= _INT32.min and ids.max() <= _INT32.max
            self._pieces.append(ids.astype(np.int32 if small else np.int64, copy=False))

    def finish(self) -> tuple[Array, Array]:
        """Return (the number of each id, the id of each number); the pieces are gone after it."""
        pieces, self._pieces = self._pieces, []
        low = min((int(piece.min()) for piece in pieces), default=0)
        high = max((int(piece.max()) for piece in pieces), default=-1)
        n_ids = sum(map(len, pieces))
        if high - low < max(_TABLE_PER_ID * n_ids, _TABLE_LEAST):
            seen = np.zeros(high - low + 1, dtype=bool)
            for piece in pieces:
                seen[piece.astype(np.int64) - low] = True
            ids = np.flatnonzero(seen) + low
            _check_count(len(ids), self.what)
            table = np.cumsum(seen, dtype=np.int32) - np.int32(1)
            return _numbered(pieces, lambda piece: table[piece.astype(np.int64) - low]), ids
        ids = distinct(np.concatenate([distinct(piece) for piece in pieces])).astype(np.int64)
        _check_count(len(ids), self.what)
        return _numbered(pieces, lambda piece: np.searchsorted(ids, piece)), ids


class _Numbers(dict[Any, int]):
    """The number of each id by first appearance; a new one gets the next number when asked for."""

    def __missing__(self, id: Any) -> int:
        number = self[id] = len(self)
        return number


class Texts:
    """A column of string ids that comes in pieces; bytes are UTF-8."""

    def __init__(self, what: str):
        self.what = what
        self._numbers = _Numbers()
        self._pieces: list[Array] = []

    def add(self, ids: list[Any]) -> None:
        """Take the next piece."""
        numbers = map(self._numbers.__getitem__, ids)
        self._pieces.append(np.fromiter(numbers, dtype=np.int32, count=len(ids)))
        _check_count(len(self._numbers), self.what)

    def finish(self) -> tuple[Array, Array]:
        """Return (the number of each id, the id of each number); the pieces are gone after it."""
        pieces, self._pieces = self._pieces, []
        known, self._numbers = list(self._numbers), _Numbers()
        order = np.array(sorted(range(len(known)), key=known.__getitem__), dtype=np.int64)
        rank = np.empty(len(known), dtype=np.int32)
        rank[order] = np.arange(len(known), dtype=np.int32)
        texts = [known[place] for place in order.tolist()]
        texts = [id.decode() if isinstance(id, bytes) else id for id in texts]
        for id in texts:
            if id.endswith("\0"):  # numpy would drop it, and make one id of two
                raise DataError(f"{self.what} ids must not end with a NUL character; found {id!r}")
        ids = np.array(texts, dtype=np.str_)
        return _numbered(pieces, lambda piece: rank[piece]), ids


def _numbered(pieces: list[Array], number: Any) -> Array:
    """Return the number of every id; each piece is let go when it is done."""
    result = np.empty(sum(map(len, pieces)), dtype=np.int32)
    start = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        result[start : start + len(piece)] = number(piece)
        start += len(piece)
    return result


def _check_count(n_ids: int, what: str) -> None:
    if n_ids > MAX_IDS:
        raise DataError(f"more than {MAX_IDS} different {what} ids; their numbers are 32-bit")


def number_ids(values: Any, what: str) -> tuple[Array, Array]:
    """Return (the number of each id, the id of each number) for a whole column.

    Parameters
    ----------
    values : array-like or series
        Integers, or strings.
    what : str
        "user" or "item", for messages.

    Examples
    --------
    >>> numbers, ids = number_ids([30, 10, 30, 20], "user")
    >>> numbers.tolist(), ids.tolist()
    ([2, 0, 2, 1], [10, 20, 30])
    >>> numbers, ids = number_ids(["b", "a"], "item")
    >>> numbers.tolist(), ids.tolist()
    ([1, 0], ['a', 'b'])
    """
    array = as_ids(values, what)
    spans = [slice(start, start + _AT_A_TIME) for start in range(0, len(array), _AT_A_TIME)]
    column: Integers | Texts
    if array.dtype.kind in "iu":
        column = Integers(what)
        for span in spans:
            column.add(array[span])
    else:
        column = Texts(what)
        for span in spans:
            column.add(array[span].tolist())
    return column.finish()


def as_ids(values: Any, what: str) -> Array:
    """Return a column of ids as an array of integers or of strings (of any string type)."""
    if isinstance(values, list | tuple):
        # numpy would make strings of numbers that stand beside strings
        array = np.empty(len(values), dtype=object)
        array[:] = values
    else:
        array = as_array(values, f"{what}s")
    if array.ndim != 1:
        raise DataError(f"{what}s must have one dimension, got shape {array.shape}")
    if array.dtype == object:
        return _from_objects(_without_floats(array), what)
    if array.dtype.kind == "f":
        return _whole(array, what)
    if array.dtype.kind in "iUT":
        return array
    if array.dtype.kind == "u":
        if array.max(initial=0) > np.iinfo(np.int64).max:
            raise DataError(f"{what} ids must fit 64-bit signed integers, found {array.max()}")
        return array
    raise DataError(f"{what} ids must be integers or strings, got dtype {array.dtype}")


def _whole(array: Array, what: str) -> Array:
    """Return floats as integers if they are exactly that, as where ids stood beside ratings."""
    wrong = np.flatnonzero(~(np.abs(array) < _EXACT) | (array != np.floor(array)))
    if len(wrong):
        row = int(wrong[0])
        _refuse(array[row].item(), row, what)
    return array.astype(np.int64)


def _is_whole(id: Any) -> bool:
    """Return whether an id is a float, and exactly an integer."""
    if not isinstance(id, float | np.floating):
        return False
    return abs(float(id)) < _EXACT and float(id).is_integer()


def _without_floats(array: Array) -> Array:
    """Return objects with an integer in place of each float that is one exactly."""
    if not any(issubclass(kind, float | np.floating) for kind in set(map(type, array))):
        return array
    whole = array.copy()
    for row, id in enumerate(array):
        if _is_whole(id):
            whole[row] = int(id)
    return whole


def _from_objects(array: Array, what: str) -> Array:
    """Return objects as integers, or as they are if all are strings."""
    kinds: dict[str, int] = {}  # the first row of each kind
    for start in range(0, len(array), _AT_A_TIME):
        piece = array[start : start + _AT_A_TIME].tolist()
        found = set(map(type, piece))
        for kind in found - {str, int}:
            if not issubclass(kind, str | int | np.integer) or kind is bool:
                row = next(row for row, id in enumerate(piece, start) if type(id) is kind)
                _refuse(array[row], row, what)
        for row, id in enumerate(piece, start) if len(found) > 1 else [(start, piece[0])]:
            kinds.setdefault("string" if isinstance(id, str) else "integer", row)
    if len(kinds) > 1:
        (one, first), (other, second) = kinds.items()
        raise DataError(
            f"{what} ids must be all integers or all strings; found the {one} {array[first]!r} at "
            f"row {first} and the {other} {array[second]!r} at row {second}"
        )
    if "string" in kinds:
        return array
    try:
        return array.astype(np.int64)
    except OverflowError:
        row = next(row for row, id in enumerate(array) if not -(2**63) <= int(id) < 2**63)
        raise DataError(
            f"{what} ids must fit 64-bit integers, found {array[row]} at row {row}; "
            "pass larger ones as strings"
        ) from None


def _refuse(id: Any, row: int, what: str) -> None:
    missing = id is None or id != id or type(id).__name__ in ("NAType", "NaTType")
    found = f"the {what} id at row {row} is missing" if missing else f"found {id!r} at row {row}"
    raise DataError(f"{what} ids must be integers or strings; {found}")


def encode_ids(known: Array, wanted: Any, what: str) -> Array:
    """Return the number of each wanted id among the known ones, -1 where it is not known.

    Parameters
    ----------
    known : array, shape (n,)
        Different ids; fastest if they rise.
    wanted : array-like
        Ids of the same kind; a single one gives an array of length 1.
    what : str
        "user" or "item", for messages.

    Raises
    ------
    DataError
        Integers are asked for where strings are known, or the other way round.

    Examples
    --------
    >>> encode_ids(np.array([10, 20, 30]), [30, 15], "user").tolist()
    [2, -1]
    """
    single = isinstance(wanted, str | int | float | np.generic)
    ids = as_ids([wanted] if single else wanted, what)
    if not len(ids) or not len(known):
        return np.full(len(ids), -1, dtype=np.int32)
    if (ids.dtype.kind in "iu") != (known.dtype.kind in "iu"):
        have, got = ("integers", "strings") if known.dtype.kind in "iu" else ("strings", "integers")
        raise DataError(f"{what} ids are {have} here, got {got}, such as {ids[:1].tolist()[0]!r}")
    # beside signed integers numpy would look for unsigned ones in double precision
    ids = ids.astype(np.int64 if known.dtype.kind in "iu" else np.str_, copy=False)
    order = None if (known[1:] > known[:-1]).all() else np.argsort(known, kind="stable")
    place = np.searchsorted(known, ids, sorter=order)
    place = np.minimum(place, len(known) - 1)
    place = place if order is None else order[place]
    return np.where(known[place] == ids, place, -1).astype(np.int32)
