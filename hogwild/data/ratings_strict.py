"""Ratings as text, line by line: the definition of what is accepted, the words for what is not.

A line is some fields between delimiters; three of them are user, item and rating. Contract: blanks
around a field don't count; every line has as many fields as the first; blank lines hold no rating;
with a comma or semicolon between fields, a field may stand in quotes, within its line. Integer ids
and ratings are ASCII decimals. Everything else raises `DataError` with the file, the line and the
reason.

Called by `hogwild.data.ratings_text` for the chunks that `hogwild.data.ratings_fast` does not take.
"""

import csv
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hogwild.data.arrays import Array
from hogwild.errors import DataError

if TYPE_CHECKING:
    from hogwild.data.ratings_layout import Layout

NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(rb"[+-]?[0-9]+")
QUOTING = (b",", b";")
LONGEST_ID = 255
"""Bytes of a string id: a longer one is a sentence, or a wrong delimiter."""

_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_LONGEST_SHOWN = 40


class Triples(NamedTuple):
    """The ratings of one chunk: ids as an int64 array, or as a list of UTF-8 bytes."""

    users: Any
    items: Any
    values: Array  # float64


def fields_of(line: bytes, delimiter: bytes) -> list[bytes]:
    r"""Return the fields of a line without its end; no field for a blank line.

    >>> fields_of(b' 7 ,"a, b",3.5 ', b",")
    [b'7', b'a, b', b'3.5']
    >>> fields_of(b"1  2\t3", b" ")
    [b'1', b'2', b'3']
    """
    if b"\0" in line:
        raise ValueError("a NUL byte; is this a binary file, or text in UTF-16?")
    line = line.removesuffix(b"\r")
    if b"\r" in line:
        raise ValueError(
            "a carriage return inside the line; line ends must be LF or CR LF (a file with CR "
            "alone would be one single line)"
        )
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8: {error.reason} at byte {error.start}") from None
    bare = line.strip(b" \t")
    if not bare:
        return []
    if delimiter == b" ":
        return re.split(rb"[ \t]+", bare)
    if b'"' in line and delimiter in QUOTING:
        return _quoted(line, delimiter)
    return [field.strip(b" \t") for field in line.split(delimiter)]


def _quoted(line: bytes, delimiter: bytes) -> list[bytes]:
    reader = csv.reader(
        [line.decode()], delimiter=delimiter.decode(), strict=True, skipinitialspace=True
    )
    try:
        return [field.strip(" \t").encode() for field in next(reader)]
    except csv.Error as error:
        raise ValueError(
            f"bad quotes ({error}); a quoted field must end on its line, and a quote inside it is "
            "doubled"
        ) from None


def fits_64_bits(text: bytes) -> bool:
    """Return whether an integer that matches INTEGER fits 64 bits with a sign."""
    bare = text.lstrip(b"+-").lstrip(b"0")
    # int() refuses thousands of digits
    return len(bare) <= 19 and -(2**63) <= int(text) < 2**63


class StrictParser:
    """Parse chunks of whole lines one line at a time.

    Parameters
    ----------
    name : str
        The file as messages show it.
    layout : Layout
    dtype : float32 or float64
        Of the ratings: what rounds to infinity is refused.
    """

    def __init__(self, name: str, layout: "Layout", dtype: np.dtype[np.floating]):
        self.name, self.layout, self.dtype = name, layout, dtype
        self.overflow = math.inf if dtype == np.float64 else 2.0**128 - 2.0**103

    def parse(self, text: bytes, first_line: int) -> Triples:
        """Return the ratings of the text, whose first line has the number `first_line`."""
        user, item, rating = self.layout.columns
        users: list[Any] = []
        items: list[Any] = []
        values: list[float] = []
        for number, line in enumerate(text.split(b"\n")[:-1], first_line):
            try:
                fields = self._fields(line)
                if not fields:
                    continue
                users.append(self._id(fields[user], 0))
                items.append(self._id(fields[item], 1))
                values.append(self._rating(fields[rating]))
            except ValueError as error:
                raise DataError(str(error), path=self.name, line=number) from None
        columns = [
            np.array(ids, dtype=np.int64) if is_integer else ids
            for ids, is_integer in zip((users, items), self.layout.integers, strict=True)
        ]
        return Triples(columns[0], columns[1], np.array(values, dtype=np.float64))

    def _fields(self, line: bytes) -> list[bytes]:
        fields = fields_of(line, self.layout.delimiter)
        if not fields or len(fields) == self.layout.n_fields:
            return fields
        last = max(self.layout.columns)
        if len(fields) <= last:
            raise ValueError(too_few(len(fields), last))
        raise ValueError(
            f"expected {self.layout.n_fields} fields, as line {self.layout.first_line} has, "
            f"got {len(fields)}"
        )

    def _id(self, text: bytes, which: int) -> int | bytes:
        what = ("user", "item")[which]
        if not text:
            raise ValueError(f"the {what} id is empty")
        if not self.layout.integers[which]:
            if len(text) > LONGEST_ID:
                raise ValueError(
                    f"the {what} id has {len(text)} bytes, {LONGEST_ID} are allowed; "
                    f"is the delimiter wrong? It begins {_show(text)}"
                )
            return text
        if not INTEGER.fullmatch(text):
            raise ValueError(
                f"the {what} id must be an integer, got {_show(text)}; pass ids='str' where not "
                "all ids are integers"
            )
        if not fits_64_bits(text):
            raise ValueError(
                f"the {what} id {_show(text)[1:-1]} does not fit 64 bits; pass ids='str'"
            )
        return int(text)

    def _rating(self, text: bytes) -> float:
        if NUMBER.fullmatch(text):
            number = float(text)
            if abs(number) < self.overflow:
                return number
            reason = f"is too large for {self.dtype}"
        elif _NOT_FINITE.fullmatch(text):
            reason = "must be finite"
        else:
            reason = "must be a decimal number"
        raise ValueError(f"the rating {reason}, got {_show(text)}")


def too_few(n_fields: int, last: int) -> str:
    """Return the sentence on a line whose fields don't reach the `last` that is needed.

    >>> too_few(2, 2)
    "expected 'user item rating', got 2 fields"
    """
    wanted = "'user item rating'" if last == 2 else f"{last + 1} fields or more"
    return f"expected {wanted}, got {n_fields} field" + ("s" if n_fields != 1 else "")


def _show(field: bytes) -> str:
    """Return the field in quotes, cut if it is long, with escapes for what is not printable."""
    text = field.decode(errors="replace")
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
