"""LIBSVM text, line by line: the definition of what is accepted, and the words for what is not.

A line is ``label index:value index:value ...``. Contract: what `hogwild.data.entries_strict` says;
``qid:7`` may follow the label and is reported; indices rise within a line. Everything else raises
`DataError` with the file, the line and the reason.

Called by `hogwild.data.libsvm` for the chunks that `hogwild.data.libsvm_fast` does not take.
"""

import re
from dataclasses import dataclass

import numpy as np

from hogwild.data.entries_strict import (
    IdLimits,
    fields_of,
    label_of,
    number_of,
    parse_lines,
    show,
)
from hogwild.data.libsvm_fast import Rows

_QID = re.compile(rb"qid:-?[0-9]+")
_FIELD_ENTRY = re.compile(rb"[0-9]+:[0-9]+:[^:]+")


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
    def index(self) -> IdLimits:
        """The same for one index, with the words for it."""
        hint = "indices begin at 1; pass zero_based=True if they begin at 0"
        return IdLimits("index", self.first, self.last, self.last_reason, hint)


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
        self.name, self.dtype, self.index = name, limits.dtype, limits.index
        self.found_qid = False

    def parse(self, text: bytes, first_line: int) -> Rows:
        """Return the rows of the text, whose first line has the number `first_line`."""
        return Rows(*parse_lines(text, self.name, first_line, 1, self._row))

    def _row(self, line: bytes, ids: tuple[list[int], ...], values: list[float]) -> float | None:
        fields = fields_of(line)
        if len(fields) > 1 and fields[1].startswith(b"qid:"):
            if not _QID.fullmatch(fields[1]):
                raise ValueError(f"expected 'qid:' and an integer, got {show(fields[1])}")
            self.found_qid = True
            del fields[1]
        if not fields:
            return None
        label = label_of(fields[0], self.dtype)
        self._entries(fields[1:], ids[0], values)
        return label

    def _entries(self, fields: list[bytes], columns: list[int], values: list[float]) -> None:
        previous = -1
        for field in fields:
            index, colon, value = field.partition(b":")
            if not colon:
                raise ValueError(f"expected 'index:value', got {show(field)}")
            if _FIELD_ENTRY.fullmatch(field):
                hint = "this looks like libFFM's text, which names a field too"
                raise ValueError(f"expected 'index:value', got {show(field)}; {hint}")
            column = self.index.read(index, field)
            if column <= previous:
                what = "is repeated" if column == previous else f"comes after {previous}"
                raise ValueError(f"index {column} {what}; indices must rise within a line")
            columns.append(column)
            values.append(number_of(value, f"value of index {column}", self.dtype))
            previous = column
