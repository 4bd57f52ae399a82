"""Chunks of LIBSVM text read fast where they are common, line by line where they are odd.

Contract: `parse` returns, to the bit, what `hogwild.mllib.libsvm_lines.parse_lines` returns for the
same text, and raises what it raises. `parse_common` never raises for bad text: it returns None when
it meets anything that it doesn't know for sure, and needs no words for what was wrong.

Called by `hogwild.mllib.libsvm_files`.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.libsvm_fast import parse_chunk
from hogwild.mllib.libsvm_lines import LARGEST_INT, Lines, parse_lines

_COMMENT = re.compile(rb"\n#[^\n]*")
_FEW_BYTES = 1 << 13  # of text are read line by line when a line among them is odd


def parse(text: bytes, name: str = "", first_line: int = 1) -> Lines:
    r"""Return what `parse_lines` returns, most of it the fast way, wherever the odd lines stand.

    The arguments, the result and the errors are those of `parse_lines`; the last line ends with LF.

    >>> parse(b"1 2:0.5\n1  2:0x1p3\n").values.tolist()
    [0.5, 8.0]
    """
    rows = parse_common(text)
    if rows is None and (tidied := tidy(text)) != text:
        rows = parse_common(text, tidied)
    if rows is not None:
        return rows
    half = text.find(b"\n", len(text) // 2) + 1
    if len(text) <= _FEW_BYTES or half == len(text):
        return parse_lines(text, name, first_line)
    one = parse(text[:half], name, first_line)
    two = parse(text[half:], name, first_line + count_lines(text[:half]))
    two = two._replace(starts=two.starts + half)
    pairs: Iterator[tuple[Any, Any]] = zip(one, two, strict=True)
    return Lines(*map(np.concatenate, pairs))


def parse_common(text: bytes, tidied: bytes | None = None) -> Lines | None:
    r"""Return what `parse_lines` returns, or None if the text is out of the ordinary.

    Parameters
    ----------
    text : bytes
        Whole lines, the last one ended by LF.
    tidied : bytes, optional
        What `tidy` makes of the text; without, blanks, empty lines, comments and carriage returns
        that it would clear away are out of the ordinary, and that is told sooner.

    Examples
    --------
    >>> parse_common(b"1 2:0.5\n").columns.tolist()
    [1]
    >>> text = b"# c\n1  2:0.5\n"
    >>> parse_common(text) is None, parse_common(text, tidy(text)).starts.tolist()
    (True, [4])
    """
    rows = parse_chunk(text if tidied is None else tidied)
    if rows is None:
        return None
    columns = rows.columns
    if len(columns) and (columns.min() < 1 or columns.max() > LARGEST_INT):
        return None
    falls = columns[1:] <= columns[:-1]
    borders = np.cumsum(rows.counts)[:-1]
    falls[borders[(borders > 0) & (borders < len(columns))] - 1] = False
    if falls.any():
        return None
    simple = count_lines(text) == text.count(b"\n") == len(rows.labels)  # every line is a row
    starts = _line_starts(text) if simple else row_starts(text)
    return Lines(rows.labels, rows.counts, (columns - 1).astype(np.int32), rows.values, starts)


def tidy(text: bytes) -> bytes:
    r"""Return the text with one blank between two fields, LF after each row, and nothing besides.

    >>> tidy(b" 1  2:3 \r\n\n # c\r0")
    b'1 2:3\n0'
    """
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = b"\n" + text
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b" \n", b"\n").replace(b"\n ", b"\n")
    if b"#" in text:
        text = _COMMENT.sub(b"", text)
    while b"\n\n" in text:
        text = text.replace(b"\n\n", b"\n")
    return text[1:]


def _line_starts(text: bytes) -> npt.NDArray[np.int64]:
    """Where the lines begin, if all end with LF (and perhaps CR before it)."""
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
    return np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends


def row_starts(text: bytes) -> npt.NDArray[np.int64]:
    r"""Return where the lines begin that hold more than blanks and are no comment.

    >>> row_starts(b"1 1:1\r\n\n # c\n  2 1:1\n").tolist()
    [0, 13]
    """
    data = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero((data == ord("\n")) | (data == ord("\r")))
    starts = np.concatenate([[0], ends + 1])
    # the end of the text stands behind the last byte that shows: no line has it
    shows = np.append(np.flatnonzero(data > ord(" ")), len(data))
    first = shows[np.searchsorted(shows, starts)]
    is_row = first < np.append(ends, len(data))
    is_row[is_row] = data[first[is_row]] != ord("#")
    return starts[is_row]


def count_lines(text: bytes) -> int:
    r"""Return how many lines end in the text.

    >>> count_lines(b"1\r\n2\r3\n")
    3
    """
    if b"\r" not in text:
        return text.count(b"\n")
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
