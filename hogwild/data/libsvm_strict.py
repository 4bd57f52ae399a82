"""LIBSVM text, line by line: the definition of what is accepted, and the words for what is not.

A line is ``label index:value index:value ...``. Contract: fields are separated by blanks or tabs; a
``#`` begins a comment; ``qid:7`` may follow the label and is reported; blank lines hold no row.
Numbers are ASCII decimals; everything else raises `DataError` with the file, the line and the
reason.

Called by `hogwild.data.libsvm` for the chunks that `hogwild.data.libsvm_fast` does not take.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from hogwild.data.libsvm_fast import Rows
from hogwild.errors import DataError

_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INDEX = re.compile(rb"[0-9]+")
_QID = re.compile(rb"qid:-?[0-9]+")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Limits:
    """What the caller allows: the base of the column numbers, the largest one, and the number
    type.
    """

    first: int  # 1, or 0 for zero-based files
    last: int  # the largest column number as written
    last_reason: str  # where `last` comes from
    dtype: np.dtype[np.floating]

    @property
    def overflow(self) -> float:
        """The smallest positive double that is too large: it would be rounded to infinity."""
        return math.inf if self.dtype == np.float64 else 2.0**128 - 2.0**103


class StrictParser:
    """Parse chunks of whole lines one line at a time.

    Parameters
    ----------
    name : str
        The file as messages show it.
    limits : Limits

    Attributes
    ----------
    found_qid : bool
        Whether a line had a ``qid:``.
    """

    def __init__(self, name: str, limits: Limits):
        self.name, self.limits = name, limits
        self.overflow = limits.overflow
        self.found_qid = False

    def parse(self, text: bytes, first_line: int) -> Rows:
        """Return the rows of the text, whose first line has the number `first_line`."""
        labels: list[float] = []
        counts: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for number, line in enumerate(text.split(b"\n")[:-1], first_line):
            try:
                fields = self._fields(line)
                if not fields:
                    continue
                labels.append(self._label(fields[0]))
                self._entries(fields[1:], columns, values)
            except ValueError as error:
                raise DataError(str(error), path=self.name, line=number) from None
            counts.append(len(fields) - 1)
        return Rows(
            np.array(labels, dtype=np.float64),
            np.array(counts, dtype=np.int64),
            np.array(columns, dtype=np.int64),
            np.array(values, dtype=np.float64),
        )

    def _fields(self, line: bytes) -> list[bytes]:
        """Return label and entries, without comment and qid."""
        line = line.removesuffix(b"\r")
        if b"\r" in line:
            raise ValueError(
                "a carriage return inside the line; line ends must be LF or CR LF (a file with "
                "CR alone would be one single line)"
            )
        if b"\0" in line:
            raise ValueError("a NUL byte; is this a binary file, or text in UTF-16?")
        fields = [part for part in re.split(rb"[ \t]+", line.partition(b"#")[0]) if part]
        if len(fields) > 1 and fields[1].startswith(b"qid:"):
            if not _QID.fullmatch(fields[1]):
                raise ValueError(f"expected 'qid:' and an integer, got {_show(fields[1])}")
            self.found_qid = True
            del fields[1]
        return fields

    def _label(self, field: bytes) -> float:
        if b":" in field:
            raise ValueError(f"expected a label at the start of the line, got {_show(field)}")
        if b"," in field:
            raise ValueError(f"expected one label, got {_show(field)}; several labels are not read")
        return self._number(field, None)

    def _entries(self, fields: list[bytes], columns: list[int], values: list[float]) -> None:
        previous = -1
        for field in fields:
            index, colon, value = field.partition(b":")
            if not colon:
                raise ValueError(f"expected 'index:value', got {_show(field)}")
            column = self._index(index, field)
            if column <= previous:
                what = "is repeated" if column == previous else f"comes after {previous}"
                raise ValueError(f"index {column} {what}; indices must rise within a line")
            columns.append(column)
            values.append(self._number(value, column))
            previous = column

    def _index(self, text: bytes, field: bytes) -> int:
        if not _INDEX.fullmatch(text):
            raise ValueError(f"expected an index of digits only before ':', got {_show(field)}")
        text = text.lstrip(b"0") or b"0"
        # at most ten digits go to int(): it refuses thousands of them
        column = int(text) if len(text) <= 10 else self.limits.last + 1
        if column > self.limits.last:
            raise ValueError(
                f"index {_show(text)[1:-1]} is too large: "
                f"{self.limits.last} is the largest that {self.limits.last_reason}"
            )
        if column < self.limits.first:
            raise ValueError(
                "index 0, but indices begin at 1; pass zero_based=True if they begin at 0"
            )
        return column

    def _number(self, text: bytes, column: int | None) -> float:
        """Return the value of a column, or the label for None."""
        if _NUMBER.fullmatch(text):
            number = float(text)
            if abs(number) < self.overflow:
                return number
            reason = f"is too large for {self.limits.dtype}"
        elif _NOT_FINITE.fullmatch(text):
            reason = "must be finite"
        else:
            reason = "must be a decimal number"
        what = "label" if column is None else f"value of index {column}"
        raise ValueError(f"the {what} {reason}, got {_show(text)}")


def _show(field: bytes) -> str:
    """Return the field in quotes, cut if it is long, with escapes for what is not printable."""
    return repr(field if len(field) <= _LONGEST_SHOWN else field[:_LONGEST_SHOWN] + b"...")[1:]
