"""A chunk of rating lines becomes arrays with a few dozen numpy calls, or is refused as a whole.

Contract: `parse_chunk` returns what the strict parser would return, to the bit, or None when it
meets anything that it doesn't know for sure: then the strict parser reads the same chunk and
decides.

How: one comparison finds all delimiters and line ends; since every line has the same number of
fields, their places form a table, a row a line. Only the three columns wanted are read then, whole
columns at a time (`hogwild.data.digits`). Ratings that are longer than eight bytes are cut out and
read as a LIBSVM file that has nothing but labels.

Called by `hogwild.data.ratings_text`.
"""

from typing import Any

import numpy as np

from hogwild.data import libsvm_fast
from hogwild.data.arrays import Array
from hogwild.data.digits import MARGIN, short_decimals, whole_numbers, words_of
from hogwild.data.ratings_layout import Layout
from hogwild.data.ratings_strict import LONGEST_ID, QUOTING, Triples

_NEWLINE = np.uint8(ord("\n"))
_UNIT = b"\x1f"  # stands for a delimiter of several bytes


def tidy(text: bytes, delimiter: bytes) -> bytes:
    r"""Return the text without carriage returns at line ends, blank lines and, where blanks are the
    delimiter, with one blank between two fields.

    >>> tidy(b"1  2\t3 \r\n\n", b" "), tidy(b"1,2,3\r\n", b",")
    (b'1 2 3\n', b'1,2,3\n')
    """
    text = text.replace(b"\r\n", b"\n")
    if delimiter == b" ":
        text = text.replace(b"\t", b" ")
        while b"  " in text:
            text = text.replace(b"  ", b" ")
        text = text.replace(b" \n", b"\n").replace(b"\n ", b"\n").lstrip(b" ")
    while b"\n\n" in text:
        text = text.replace(b"\n\n", b"\n")
    return text.removeprefix(b"\n")


def parse_chunk(text: bytes, layout: Layout) -> Triples | None:
    r"""Return the ratings of a chunk of whole lines, or None if anything is out of the ordinary.

    Parameters
    ----------
    text : bytes
        Lines that all end with a newline (see `tidy`).
    layout : Layout

    Examples
    --------
    >>> layout = Layout(b"::", 4, (0, 1, 2), (True, True), 1, False)
    >>> triples = parse_chunk(b"7::12::3.5::0\n8::12::4::0\n", layout)
    >>> triples.users.tolist(), triples.items.tolist(), triples.values.tolist()
    ([7, 8], [12, 12], [3.5, 4.0])
    >>> parse_chunk(b"7::12::nan::0\n", layout) is None
    True
    """
    delimiter = layout.delimiter
    if delimiter in QUOTING and b'"' in text:
        return None
    if len(delimiter) > 1:
        if _UNIT in text:
            return None
        text, delimiter = text.replace(delimiter, _UNIT), _UNIT
    padded = b"\n" * MARGIN + text
    data = np.frombuffer(padded, dtype=np.uint8)
    table = _table(data, ord(delimiter), layout.n_fields)
    # what the strict parser refuses wherever it stands
    if table is None or not _is_text(text):
        return None
    words = words_of(padded)
    start, end = table
    columns: list[Any] = []
    for place, is_integer in zip(layout.columns[:2], layout.integers, strict=True):
        read = (
            whole_numbers(words, start[place], end[place])
            if is_integer
            else (_texts(data, start[place], end[place]))
        )
        if read is None:
            return None
        columns.append(read)
    place = layout.columns[2]
    values = short_decimals(words, start[place], end[place])
    if values is None:
        values = _long_decimals(data, start[place], end[place])
    return None if values is None else Triples(columns[0], columns[1], values)


def _table(data: Array, delimiter: int, n_fields: int) -> tuple[Array, Array] | None:
    """Return where each field begins and ends, shape (n_fields, n_lines); None if lines differ."""
    text = data[MARGIN:]
    is_newline = text == _NEWLINE
    ends = np.flatnonzero(is_newline | (text == np.uint8(delimiter)))
    n_lines = np.count_nonzero(is_newline)
    if len(ends) != n_lines * n_fields or not is_newline[ends[n_fields - 1 :: n_fields]].all():
        return None
    ends += MARGIN
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = MARGIN, ends[:-1] + 1
    return (
        np.ascontiguousarray(starts.reshape(n_lines, n_fields).T),
        np.ascontiguousarray(ends.reshape(n_lines, n_fields).T),
    )


def _is_text(text: bytes) -> bool:
    if b"\r" in text or b"\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _texts(data: Array, start: Array, end: Array) -> list[bytes] | None:
    """Return each field as bytes; None if one is empty, too long, or has blanks around it."""
    if not len(start):
        return []
    length = end - start
    if length.min() < 1 or length.max() > LONGEST_ID:
        return None
    outer = np.concatenate([data[start], data[end - 1]])
    if ((outer == ord(" ")) | (outer == ord("\t"))).any():
        return None
    offset = np.arange(length.max())
    inside = offset < length[:, None]
    places = np.minimum(start[:, None] + offset, len(data) - 1)
    letters = np.where(inside, data[places], np.uint8(0))
    return letters.view(f"S{len(offset)}").ravel().tolist()


def _long_decimals(data: Array, start: Array, end: Array) -> Array | None:
    """Return each field as a double; None if one is no decimal number."""
    # with the delimiter behind it, which becomes the end of a line
    length = end - start + 1
    last = np.cumsum(length)
    places = np.arange(last[-1]) + np.repeat(start - (last - length), length)
    column = data[places]
    column[last - 1] = _NEWLINE
    rows = libsvm_fast.parse_chunk(column.tobytes())
    if rows is None or len(rows.columns) or len(rows.labels) != len(start):
        return None
    return rows.labels
