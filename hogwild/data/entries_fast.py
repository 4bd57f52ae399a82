"""A chunk of lines ``label id:value ...`` becomes arrays with a few dozen numpy calls, or is
refused as a whole.

Contract: `parse_entries` returns what the strict parser would return, to the bit, or None when it
meets anything that it doesn't know for sure: then the strict parser reads the same chunk and
decides. So this module never raises for bad text, and never has to say what was wrong.

How: every byte that is no digit ends a piece. The bytes to the left and right of a piece (blank,
colon, newline, point, exponent letter) say what it is, and 14 pairs are legal, or 16 where an entry
has two ids (``label id:id:value ...``): that table is the whole grammar. `hogwild.data.digits` adds
up the digits, `hogwild.data.decimal` makes doubles of them.

Called by `hogwild.data.libsvm_fast` and `hogwild.data.libffm_fast`.
"""

import re

import numpy as np

from hogwild.data.arrays import Array
from hogwild.data.decimal import to_double
from hogwild.data.digits import MARGIN, digits, words_of

# What a byte that is no digit means. The order is used below: a number follows any of the first
# two. A colon is an INNER one if another id follows it.
NEWLINE, COLON, BLANK, POINT, EXPONENT, SIGN, OTHER, INNER = range(8)
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


def _legal(*ids: tuple[int, int]) -> Array:
    """Return legal[8 * left + right]: may a piece stand between these two?"""
    legal = np.zeros((8, 8), dtype=bool)
    for left, rights in (
        (NEWLINE, (BLANK, NEWLINE, POINT, EXPONENT)),  # a label
        (COLON, (BLANK, NEWLINE, POINT, EXPONENT)),  # a value
        (POINT, (BLANK, NEWLINE, EXPONENT)),  # the digits behind the point
        (EXPONENT, (BLANK, NEWLINE)),  # the digits of an exponent
    ):
        legal[left, rights] = True
    for left, right in ids:
        legal[left, right] = True
    return legal.ravel()


# by the number of ids in an entry
_LEGAL = {1: _legal((BLANK, COLON)), 2: _legal((BLANK, INNER), (INNER, COLON))}

_COMMENT = re.compile(rb"#[^\n]*")


def tidy(text: bytes) -> bytes | None:
    r"""Return the text with one blank between two fields and nothing besides.

    Comments, blank lines and carriage returns at line ends go. None if a carriage return or NUL is
    left: inside a comment, too, it is the strict parser's to refuse.

    >>> tidy(b"# a comment\n1\t2:3  4:5 \r\n\n")
    b'1 2:3 4:5\n'
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
    return text.lstrip(b" \n")


def parse_entries(text: bytes, n_ids: int) -> tuple[Array, ...] | None:
    r"""Return the rows of a chunk of whole lines, or None if anything in it is out of the ordinary.

    Parameters
    ----------
    text : bytes
        Lines that all end with a newline, fields separated by one blank (see `tidy`).
    n_ids : 1 or 2
        How many whole numbers stand before the value of an entry.

    Returns
    -------
    tuple of arrays, or None
        Labels (float64) and number of entries (int64) of each row; the ids (int64, `n_ids` arrays)
        and values (float64) of the entries. Numbers are correctly rounded and finite; ids are
        exact, but their range and order are not checked.

    Examples
    --------
    >>> labels, counts, ids, values = parse_entries(b"+1 3:0.5 7:-2e1\n-1\n", 1)
    >>> labels.tolist(), counts.tolist(), ids.tolist(), values.tolist()
    ([1.0, -1.0], [2, 0], [3, 7], [0.5, -20.0])
    >>> [part.tolist() for part in parse_entries(b"1 0:3:0.5 1:7:1\n", 2)]
    [[1.0], [2], [0, 1], [3, 7], [0.5, 1.0]]
    >>> parse_entries(b"1 0:3:0.5\n", 1) is None
    True
    """
    if not text:
        no_ids = (np.empty(0, np.int64) for _ in range(n_ids))
        return np.empty(0), np.empty(0, np.int64), *no_ids, np.empty(0)
    padded = b"\n" * MARGIN + text
    pieces = _split(np.frombuffer(padded, dtype=np.uint8), n_ids)
    if pieces is None:
        return None
    start, end, left, right, minus = pieces
    whole, fits = digits(words_of(padded), start, end)
    main = np.flatnonzero(left <= COLON)
    is_label = left[main] == NEWLINE
    value_at = main[~is_label]
    # by the grammar, the ids of an entry are the pieces just before its value
    ids_at = [value_at - back for back in range(n_ids, 0, -1)]
    all_fit = fits.all()
    if not (all_fit or all(fits[at].all() for at in ids_at)):
        return None
    has_point, has_exponent = right == POINT, right == EXPONENT
    if all_fit and not (has_point.any() or has_exponent.any() or minus.any()):
        numbers = whole[main].astype(np.float64)  # rounds 64 bits to the nearest double
    else:
        found = to_double(padded, main, start, end, has_point, has_exponent, minus, whole, fits)
        if found is None:
            return None
        numbers = found
    counts = np.diff(np.append(np.flatnonzero(is_label), len(main))) - 1
    ids = (whole[at].view(np.int64) for at in ids_at)
    return numbers[is_label], counts, *ids, numbers[~is_label]


def _split(data: Array, n_ids: int) -> tuple[Array, Array, Array, Array, Array] | None:
    """Return (start, end, left, right, minus) of every piece of digits; None if the grammar is
    broken.

    `start` is behind a sign; `left` and `right` are the meanings of the bytes around the piece.
    """
    # uint8 arithmetic wraps round, so this one comparison finds all that are not 0 to 9
    end = np.flatnonzero((data[MARGIN:] - np.uint8(48)) > 9) + MARGIN
    right = _MEANING[data[end]]
    if n_ids == 2:
        inner = np.flatnonzero((right[1:] == COLON) & (right[:-1] == BLANK)) + 1
        right[inner] = INNER
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
    if not _LEGAL[n_ids][left * np.uint8(8) + right].all():
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
