"""Lines ``label id:value ...``, one by one: what is accepted in them, and the words for what is
not.

Contract: fields are separated by blanks or tabs; a ``#`` begins a comment; blank lines hold no row.
Numbers are ASCII decimals; everything else raises ValueError with the reason, to which
`parse_lines` adds the file and the line.

Called by `hogwild.data.libsvm_strict` and `hogwild.data.libffm_strict`.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hogwild.data.arrays import Array
from hogwild.errors import DataError

_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(rb"[0-9]+")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class IdLimits:
    """What an id is called and where it begins and ends, in the base of the file."""

    what: str  # "index", "field", "feature"
    first: int
    last: int
    last_reason: str  # where `last` comes from
    first_hint: str = ""  # what an id below `first` may mean

    def read(self, text: bytes, field: bytes) -> int:
        """Return the id that stands at the start of the field."""
        if not _WHOLE.fullmatch(text):
            article = "an" if self.what[0] in "aeiou" else "a"
            raise ValueError(
                f"expected {article} {self.what} of digits only before ':', got {show(field)}"
            )
        text = text.lstrip(b"0") or b"0"
        # at most ten digits go to int(): it refuses thousands of them
        number = int(text) if len(text) <= 10 else self.last + 1
        if number > self.last:
            raise ValueError(
                f"{self.what} {show(text)[1:-1]} is too large: "
                f"{self.last} is the largest that {self.last_reason}"
            )
        if number < self.first:
            raise ValueError(f"{self.what} {number}, but {self.first_hint}")
        return number

    def hold(self, ids: Array) -> bool:
        """Return whether all ids are within the limits."""
        return not len(ids) or bool(ids.min() >= self.first and ids.max() <= self.last)


def parse_lines(
    text: bytes, name: str, first_line: int, n_ids: int, read_line: "ReadLine"
) -> tuple[Array, ...]:
    """Return the rows of the text in the form of `entries_fast.parse_entries`.

    Parameters
    ----------
    text : bytes
        Lines that all end with a newline.
    name : str
        The file as messages show it.
    first_line : int
        The number of the first line.
    n_ids : int
        How many whole numbers stand before the value of an entry.
    read_line : callable
        Given a line and the lists of ids and values, appends to them and returns the label, or
        None for a line without a row.

    Raises
    ------
    DataError
        With file and line, for what `read_line` raises.
    """
    labels: list[float] = []
    counts: list[int] = []
    ids: tuple[list[int], ...] = tuple([] for _ in range(n_ids))
    values: list[float] = []
    for number, line in enumerate(text.split(b"\n")[:-1], first_line):
        before = len(values)
        try:
            label = read_line(line, ids, values)
        except ValueError as error:
            raise DataError(str(error), path=name, line=number) from None
        if label is not None:
            labels.append(label)
            counts.append(len(values) - before)
    return (
        np.array(labels, dtype=np.float64),
        np.array(counts, dtype=np.int64),
        *(np.array(column, dtype=np.int64) for column in ids),
        np.array(values, dtype=np.float64),
    )


ReadLine = Callable[[bytes, tuple[list[int], ...], list[float]], float | None]


def fields_of(line: bytes) -> list[bytes]:
    """Return label and entries, without the comment."""
    line = line.removesuffix(b"\r")
    if b"\r" in line:
        raise ValueError(
            "a carriage return inside the line; line ends must be LF or CR LF (a file with "
            "CR alone would be one single line)"
        )
    if b"\0" in line:
        raise ValueError("a NUL byte; is this a binary file, or text in UTF-16?")
    return [part for part in re.split(rb"[ \t]+", line.partition(b"#")[0]) if part]


def label_of(field: bytes, dtype: np.dtype[np.floating]) -> float:
    """Return the label that the first field of a line is."""
    if b":" in field:
        raise ValueError(f"expected a label at the start of the line, got {show(field)}")
    if b"," in field:
        raise ValueError(f"expected one label, got {show(field)}; several labels are not read")
    return number_of(field, "label", dtype)


def number_of(text: bytes, what: str, dtype: np.dtype[np.floating]) -> float:
    """Return the finite decimal number that the text is."""
    if _NUMBER.fullmatch(text):
        number = float(text)
        if abs(number) < overflow(dtype):
            return number
        reason = f"is too large for {dtype}"
    elif _NOT_FINITE.fullmatch(text):
        reason = "must be finite"
    else:
        reason = "must be a decimal number"
    raise ValueError(f"the {what} {reason}, got {show(text)}")


def overflow(dtype: np.dtype[np.floating]) -> float:
    """The smallest positive double that is too large: it would be rounded to infinity."""
    return math.inf if dtype == np.float64 else 2.0**128 - 2.0**103


def show(field: bytes) -> str:
    """Return the field in quotes, cut if it is long, with escapes for what is not printable."""
    return repr(field if len(field) <= _LONGEST_SHOWN else field[:_LONGEST_SHOWN] + b"...")[1:]
