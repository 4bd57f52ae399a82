"""A chunk of LIBSVM text becomes arrays with a few dozen numpy calls, or is refused as a whole.

Contract: `parse_chunk` returns what the strict parser would return, to the bit, or None when it
meets anything that it doesn't know for sure: then the strict parser reads the same chunk and
decides. So this module never raises for bad text, and never has to say what was wrong.

How: every byte that is no digit ends a piece. The bytes to the left and right of a piece (blank,
colon, newline, point, exponent letter) say what it is, and 14 pairs are legal: that table is the
whole grammar. `hogwild.data.digits` adds up the digits, `hogwild.data.decimal` makes doubles of
them.

Called by `hogwild.data.libsvm`.
"""

import re
from typing import NamedTuple

import numpy as np

from hogwild.data.arrays import Array
from hogwild.data.decimal import to_double
from hogwild.data.digits import MARGIN, digits, words_of


class Rows(NamedTuple):
    """Rows of one chunk: labels, entries a row, and the entries one after the other.

    Column numbers are as written in the file, whatever their base.
    """

    labels: Array  # float64
    counts: Array  # int64, entries of each row
    columns: Array  # int64
    values: Array  # float64


# What a byte that is no digit means. The order is used below: a number follows any of the first
# two.
NEWLINE, COLON, BLANK, POINT, EXPONENT, SIGN, OTHER = range(7)
_MEANING = np.full(256, OTHER, dtype=np.uint8)
for _bytes, _meaning in (
    (b"\n", NEWLINE),
    (b":", COLON),
    (b" ", BLANK),
    (b".", POINT),
    (b"eE", EXPONENT),
    (b"+-", SIGN),
):
    _MEANING[list(_bytes)] = _meaning

# _LEGAL[left, right]: may a piece stand between these two?
_LEGAL = np.zeros((8, 8), dtype=bool)
for _left, _rights in (
    (NEWLINE, (BLANK, NEWLINE, POINT, EXPONENT)),  # a label
    (COLON, (BLANK, NEWLINE, POINT, EXPONENT)),  # a value
    (BLANK, (COLON,)),  # a column number
    (POINT, (BLANK, NEWLINE, EXPONENT)),  # the digits behind the point
    (EXPONENT, (BLANK, NEWLINE)),  # the digits of an exponent
):
    _LEGAL[_left, _rights] = True
_LEGAL_PAIRS = _LEGAL.ravel()

_COMMENT = re.compile(rb"#[^\n]*")
_QID = re.compile(rb"^([^ \n]+) qid:-?[0-9]+(?=[ \n])", re.MULTILINE)


def tidy(text: bytes) -> tuple[bytes, bool] | None:
    r"""Return the text with one blank between two fields and nothing besides, and if it had qid.

    Comments, query numbers, blank lines and carriage returns at line ends go. None if a carriage
    return or NUL is left: inside a comment, too, it is the strict parser's to refuse.

    >>> tidy(b"# a comment\n1\tqid:7 2:3  4:5 \r\n\n")
    (b'1 2:3 4:5\n', True)
    """
    text = text.replace(b"\r\n", b"\n").replace(b"\t", b" ")
    if b"\r" in text or b"\0" in text:
        return None
    if b"#" in text:
        text = _COMMENT.sub(b"", text)
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b" \n", b"\n").replace(b"\n ", b"\n")
    while b"\n\n" in text:
        text = text.replace(b"\n\n", b"\n")
    text, n_qid = _QID.subn(rb"\1", text.lstrip(b" \n")) if b"qid:" in text else (text, 0)
    return text.lstrip(b" \n"), n_qid > 0


def parse_chunk(text: bytes) -> Rows | None:
    r"""Return the rows of a chunk of whole lines, or None if anything in it is out of the ordinary.

    Parameters
    ----------
    text : bytes
        Lines that all end with a newline, fields separated by one blank (see `tidy`).

    Returns
    -------
    Rows or None
        Numbers are correctly rounded and finite; column numbers have at most ten digits, but their
        order and range are not checked.

    Examples
    --------
    >>> rows = parse_chunk(b"+1 3:0.5 7:-2e1\n-1\n")
    >>> rows.labels.tolist(), rows.counts.tolist(), rows.columns.tolist(), rows.values.tolist()
    ([1.0, -1.0], [2, 0], [3, 7], [0.5, -20.0])
    >>> parse_chunk(b"1 2:0x10\n") is None
    True
    """
    if not text:
        return Rows(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    padded = b"\n" * MARGIN + text
    pieces = _split(np.frombuffer(padded, dtype=np.uint8))
    if pieces is None:
        return None
    start, end, left, right, minus = pieces
    whole, fits = digits(words_of(padded), start, end)
    is_column = left == BLANK
    if (end - start)[is_column].max(initial=0) > 10:
        return None
    main = np.flatnonzero(left <= COLON)
    has_point, has_exponent = right == POINT, right == EXPONENT
    numbers = to_double(padded, main, start, end, has_point, has_exponent, minus, whole, fits)
    if numbers is None:
        return None
    is_label = left[main] == NEWLINE
    counts = np.diff(np.append(np.flatnonzero(is_label), len(main))) - 1
    return Rows(numbers[is_label], counts, whole[is_column].astype(np.int64), numbers[~is_label])


def _split(data: Array) -> tuple[Array, Array, Array, Array, Array] | None:
    """Return (start, end, left, right, minus) of every piece of digits; None if the grammar is
    broken.

    `start` is behind a sign; `left` and `right` are the meanings of the bytes around the piece.
    """
    # uint8 arithmetic wraps round, so this one comparison finds all that are not 0 to 9
    end = np.flatnonzero((data[MARGIN:] - np.uint8(48)) > 9) + MARGIN
    right = _MEANING[data[end]]
    start = np.empty_like(end)
    start[0], start[1:] = MARGIN, end[:-1] + 1
    left = np.empty_like(right)
    left[0], left[1:] = NEWLINE, right[:-1]
    minus = np.zeros(len(end), dtype=bool)
    is_sign = right == SIGN
    if is_sign.any():
        # a sign must follow its separator at once, and only where a number or an exponent begins
        before = left[is_sign]
        if (start != end)[is_sign].any() or not ((before <= COLON) | (before == EXPONENT)).all():
            return None
        signed = np.zeros_like(is_sign)
        signed[1:] = is_sign[:-1]
        left[1:][is_sign[:-1]] = before[: np.count_nonzero(is_sign[:-1])]
        keep = ~is_sign
        start, end, left, right = start[keep], end[keep], left[keep], right[keep]
        minus = signed[keep] & (data[start - 1] == ord("-"))
    if not _LEGAL_PAIRS[left * np.uint8(8) + right].all():
        return None
    empty = start == end
    if empty.any() and not _points_have_digits(empty, left, right):
        return None
    return start, end, left, right, minus


def _points_have_digits(empty: Array, left: Array, right: Array) -> bool:
    """Return whether digits lack only on one side of a point: "5." and ".5" are numbers."""
    if (empty & (left != POINT) & (right != POINT)).any():
        return False
    return not (empty[:-1] & empty[1:] & (right[:-1] == POINT)).any()
