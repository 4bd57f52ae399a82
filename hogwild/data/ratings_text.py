"""Files of ratings: read exactly or refused with file, line and reason; written to the bit.

Contract: every rating read is the number nearest to the decimal in the file, every one written
reads back to the same bits, and nothing is dropped. Memory besides the result stays below twice the
result. Clean chunks go through `hogwild.data.ratings_fast`, the others through
`hogwild.data.ratings_strict`; both give the same.

Called by users and by the command line.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import Array, float_dtype
from hogwild.data.ratings import Ratings
from hogwild.data.ratings_fast import parse_chunk, tidy
from hogwild.data.ratings_ids import Integers, Texts
from hogwild.data.ratings_layout import Layout, opened, wishes_of
from hogwild.data.ratings_rows import (
    check_duplicates_option,
    repeated_rows,
    repetition,
    without_duplicates,
)
from hogwild.data.ratings_strict import StrictParser, Triples
from hogwild.data.textio import shown
from hogwild.errors import DataError


def read_ratings(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    columns: Sequence[int | str] | None = None,
    ids: str | None = None,
    duplicates: str = "keep",
    dtype: npt.DTypeLike = np.float32,
) -> Ratings:
    r"""Return the ratings of a text file, one a line.

    MovieLens' files (``u.data``, ``ratings.dat``, ``ratings.csv``), LIBMF's text and other
    delimited text need no option: the first line that is not blank shows the delimiter, whether it
    is a header, and whether ids are integers. What the options say is not looked for.

    Taken as they come: blanks around fields; LF and CR LF; a byte-order mark; blank lines; a last
    line without a line end; further fields (times, say), of which every line must have as many as
    the first. Integer ids are read as numbers, so ``007`` is 7. There are no comments.

    Parameters
    ----------
    path : str or path-like
        The file, UTF-8; gzip, bzip2 and xz are recognised by their content. ``-`` reads standard
        input.
    format : {"u.data", "ratings.dat", "ratings.csv", "libmf"}, optional
        All of the next four at once.
    delimiter : str, optional
        What separates fields; default: the first of ``::``, tab, ``;``, ``,`` and blanks that gives
        three fields or more. ``" "`` stands for any number of blanks and tabs. Between commas and
        semicolons a field may stand in quotes, if it ends on its line.
    header : bool, optional
        Whether the first line names the columns; default: whether none of its fields is a number.
    columns : three ints or strings, optional
        Which columns hold user, item and rating: places from 0, or names in the header; default:
        the columns of a header whose names say so, else the first three.
    ids : {"auto", "int", "str"}, optional
        What ids are. By default ("auto") a column whose first id is an integer holds integers, and
        any other id in it is an error: nothing turns 20 million integers into strings because of
        one misprint. Integers beyond 64 bits need "str", which keeps ids as they are written.
    duplicates : {"keep", "error", "last"}
        What happens to several ratings of one item by one user: all are kept (the default), an
        error, or the last one stays.
    dtype : float32 or float64
        Of the values, which are read as float64 and then rounded to this type.

    Returns
    -------
    ratings : Ratings
        In the order of the file. Users and items are numbered by the rank of their ids.

    Raises
    ------
    DataError
        With `path`, `line` (counted from 1) and `reason`: too few fields, or more than the first
        line has; a rating that is not a finite decimal number; an id that is empty, no integer
        where others are, or longer than 255 bytes; a file without ratings; a pair that occurs
        twice, if that is an error; text that is not UTF-8; compressed data that is damaged.
    OSError
        The file can't be opened or read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "ratings.csv")
    >>> _ = path.write_text("userId,movieId,rating,timestamp\n7,50,3.5,0\n2,50,4.0,0\n")
    >>> ratings = read_ratings(path)
    >>> ratings.user_ids.tolist(), ratings.u.tolist(), ratings.r.tolist()
    ([2, 7], [1, 0], [3.5, 4.0])
    """
    wishes = wishes_of(format, delimiter, header, columns, ids)
    check_duplicates_option(duplicates)
    float_type = float_dtype(dtype, np.dtype(np.float64), "dtype")
    layout, chunks = opened(path, wishes)
    parser = _Parser(shown(path), layout, float_type)
    users, items = (
        Integers(what) if is_integer else Texts(what)
        for what, is_integer in zip(("user", "item"), layout.integers, strict=True)
    )
    values = []
    for line, text in chunks:
        triples = parser.parse(text, line)
        users.add(triples.users)
        items.add(triples.items)
        values.append(triples.values)
    r = np.concatenate(values)
    del values
    if not len(r):
        raise DataError("the file has no ratings", path=parser.name)
    (u, user_ids), (i, item_ids) = users.finish(), items.finish()
    ratings = Ratings._trusted(u, i, r, user_ids, item_ids)
    if duplicates == "error":
        parser.refuse_repetitions(ratings)
    elif duplicates == "last":
        ratings = Ratings._trusted(*without_duplicates(ratings, duplicates), user_ids, item_ids)
    return ratings


class _Parser:
    """Parse one chunk after the other, and remember where the rows stood."""

    def __init__(self, name: str, layout: Layout, dtype: np.dtype[Any]):
        self.name, self.layout, self.dtype = name, layout, dtype
        self._strict = StrictParser(name, layout, dtype)
        self._untidy = False
        # of each chunk: its first line, its rows, and the lines that hold them if not all do
        self._places: list[tuple[int, int, Array | None]] = []

    def parse(self, text: bytes, line: int) -> Triples:
        """Return the ratings of a chunk that begins with this line; all types are final."""
        triples = None if self._untidy else self._quickly(text)
        if triples is None:
            self._untidy = True  # and the next chunk will be like this one
            triples = self._quickly(tidy(text, self.layout.delimiter))
        if triples is None:
            triples = self._final(self._strict.parse(text, line))
        n_lines, n_rows = text.count(b"\n"), len(triples.values)
        held = None
        if n_rows != n_lines:
            lines = text.split(b"\n")[:-1]
            held = np.flatnonzero([bool(each.strip(b" \t\r")) for each in lines])
        self._places.append((line, n_rows, held))
        return triples

    def _quickly(self, text: bytes) -> Triples | None:
        triples = parse_chunk(text, self.layout)
        if triples is None:
            return None
        final = self._final(triples)
        return final if np.isfinite(final.values).all() else None

    def _final(self, triples: Triples) -> Triples:
        with np.errstate(over="ignore"):
            return triples._replace(values=triples.values.astype(self.dtype, copy=False))

    def refuse_repetitions(self, ratings: Ratings) -> None:
        """Raise DataError with the line if a user has rated an item twice."""
        earlier, later = repeated_rows(ratings)
        if len(later):
            first = np.argmin(later)
            lines = self._line_of(int(earlier[first])), self._line_of(int(later[first]))
            reason = repetition(f"lines {lines[0]} and {lines[1]}")
            raise DataError(reason, path=self.name, line=lines[1])

    def _line_of(self, row: int) -> int:
        for line, n_rows, held in self._places:
            if row < n_rows:
                return line + (row if held is None else int(held[row]))
            row -= n_rows
        raise IndexError(f"the file has no row {row}")
