"""Ratings as text that `read_ratings` reads back to the same bits.

Contract: every value is the shortest decimal that reads back to it; an id that would be read
otherwise is refused with its row; the file appears under its name only when it is complete.

Called by users and by the command line.
"""

import os
import re
from typing import Any

import numpy as np

from hogwild.data.arrays import Array
from hogwild.data.decimal import shortest
from hogwild.data.ratings import Ratings
from hogwild.data.ratings_layout import FORMATS
from hogwild.data.ratings_strict import LONGEST_ID
from hogwild.data.textio import replacing
from hogwild.errors import DataError

_AT_A_TIME = 1 << 16
_NEVER = re.compile(r"[\r\n\0\ud800-\udfff]|^[ \t]|[ \t]$|^$")
_DELIMITING = re.compile(r"[ \t,;]|::")
_QUOTED = re.compile(r'[,"]')


def write_ratings(
    ratings: Ratings,
    path: str | os.PathLike[str],
    *,
    format: str = "libmf",
    numbers: bool = False,
) -> None:
    r"""Write ratings as text, one a line, in their order.

    Parameters
    ----------
    ratings : Ratings
    path : str or path-like
        ``.gz``, ``.bz2`` and ``.xz`` are compressed; ``-`` writes to standard output.
    format : {"libmf", "ratings.csv", "ratings.dat", "u.data"}
        ``user item value`` with blanks between, LIBMF's text (the default); MovieLens' CSV with the
        header ``userId,movieId,rating``; its ``::`` or tabs. No format has a place for users and
        items without ratings.
    numbers : bool
        Write users and items as their numbers, from 0, and not as their ids: what LIBMF's own
        programs want where ids are strings or large.

    Raises
    ------
    DataError
        An id that is empty, has blanks at its ends, a line end, or more than 255 bytes; in all
        formats but CSV (which quotes it) also one with a blank, tab, comma, semicolon or ``::``, in
        ``ratings.dat`` one with a colon at an end.
        Strings that look like integers are written; pass ``ids="str"`` when reading them back.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "ratings.txt")
    >>> write_ratings(Ratings([7, 2], [50, 50], [3.5, 4.0]), path)
    >>> path.read_text()
    '7 50 3.5\n2 50 4\n'
    """
    if format not in FORMATS:
        known = ", ".join(map(repr, FORMATS))
        raise ValueError(f"format must be one of {known}, got {format!r}")
    wishes = FORMATS[format]
    users = _texts(ratings.user_ids, wishes.delimiter, "user", numbers)
    items = _texts(ratings.item_ids, wishes.delimiter, "item", numbers)
    pattern = f"%s{wishes.delimiter}%s{wishes.delimiter}%s\n"
    with replacing(path) as file:
        if wishes.header:
            file.write((pattern % ("userId", "movieId", "rating")).encode())
        for start in range(0, len(ratings), _AT_A_TIME):
            file.write(
                _lines(ratings.rows(slice(start, start + _AT_A_TIME)), users, items, pattern)
            )


def _lines(ratings: Ratings, users: Array, items: Array, pattern: str) -> bytes:
    columns = users[ratings.u].tolist(), items[ratings.i].tolist(), shortest(ratings.r)
    return "".join(map(pattern.__mod__, zip(*columns, strict=True))).encode()


def _texts(ids: Array, delimiter: str | None, what: str, numbers: bool) -> Array:
    """Return what is written for each number: an integer, or a string object."""
    if numbers:
        return np.arange(len(ids))
    if ids.dtype.kind in "iu":
        return ids
    texts: list[Any] = ids.tolist()
    for number, text in enumerate(texts):
        _check(text, delimiter, what)
        if delimiter == "," and _QUOTED.search(text):
            texts[number] = '"' + text.replace('"', '""') + '"'
    result = np.empty(len(texts), dtype=object)
    result[:] = texts
    return result


def _check(text: str, delimiter: str | None, what: str) -> None:
    if _NEVER.search(text):
        reason = "is empty, or has a line end, or blanks at its ends"
    elif len(text.encode()) > LONGEST_ID:
        reason = f"has more than {LONGEST_ID} bytes"
    elif delimiter != "," and _DELIMITING.search(text):
        reason = "has a delimiter in it; format='ratings.csv' puts it in quotes"
    elif delimiter == "::" and (text[0] == ":" or text[-1] == ":"):
        # beside the delimiter nobody could tell where that begins
        reason = "has a colon at an end; format='ratings.csv' does not mind it"
    else:
        return
    raise DataError(
        f"the {what} id {text[:40]!r} can't be written: it {reason}. numbers=True writes numbers"
    )
