"""How a file of ratings is laid out: its delimiter, its header, which field is what.

Contract: what the caller says is taken; the rest is read off the first line that is not blank, and
off nothing else. What that line doesn't show for sure raises `DataError` with the option that would
say it.

Called by `hogwild.data.ratings_text`.
"""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hogwild.data.ratings_columns import ROLES, recognised
from hogwild.data.ratings_strict import INTEGER, NUMBER, fields_of, fits_64_bits, too_few
from hogwild.data.textio import line_chunks, shown
from hogwild.errors import DataError

_BOM = b"\xef\xbb\xbf"

BLANKS = " "  # as a delimiter: any number of blanks and tabs
DELIMITERS = ("::", "\t", ";", ",", BLANKS)
"""What separates fields, in the order in which they are looked for."""


@dataclass(frozen=True)
class Layout:
    """How to read each line.

    Attributes
    ----------
    delimiter : bytes
        A single blank stands for any number of blanks and tabs.
    n_fields : int
        Fields of every line.
    columns : tuple of three ints
        Where user, item and rating stand, counted from 0.
    integers : tuple of two bools
        Whether users, and items, are integers.
    first_line : int
        The line that told n_fields, for messages.
    has_header : bool
        Whether that line names the columns.
    """

    delimiter: bytes
    n_fields: int
    columns: tuple[int, int, int]
    integers: tuple[bool, bool]
    first_line: int
    has_header: bool


@dataclass(frozen=True)
class Wishes:
    """What the caller has said; None where the first line is to tell."""

    delimiter: str | None = None
    header: bool | None = None
    columns: tuple[int | str, ...] | None = None
    ids: str = "auto"


FORMATS: dict[str, Wishes] = {
    "u.data": Wishes("\t", False, (0, 1, 2), "int"),
    "ratings.dat": Wishes("::", False, (0, 1, 2), "int"),
    "ratings.csv": Wishes(",", True, ("userId", "movieId", "rating"), "int"),
    "libmf": Wishes(BLANKS, False, (0, 1, 2), "int"),
}
"""Layouts by the name of the file that has made them known."""


def wishes_of(
    format: str | None,
    delimiter: str | None,
    header: bool | None,
    columns: Sequence[int | str] | None,
    ids: str | None,
) -> Wishes:
    """Return what the caller says, checked; single options go before the format's."""
    if format is not None and format not in FORMATS:
        known = ", ".join(map(repr, FORMATS))
        raise ValueError(f"format must be one of {known}, or None to look; got {format!r}")
    if delimiter is not None and not re.fullmatch(r"""[^\w\r\n\0"'.+-]+""", delimiter):
        raise ValueError(
            "delimiter must be a string such as ',' or '::', without letters, digits, points, "
            f"signs, quotes and line ends; got {delimiter!r}"
        )
    if ids not in (None, "auto", "int", "str"):
        raise ValueError(f"ids must be 'auto', 'int' or 'str', got {ids!r}")
    if columns is not None:
        columns = _checked_columns(columns)
    given: dict[str, Any] = {
        "delimiter": delimiter, "header": header, "columns": columns, "ids": ids
    }  # fmt: skip
    base = FORMATS[format] if format is not None else Wishes()
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def _checked_columns(columns: Sequence[Any]) -> tuple[int | str, ...]:
    chosen = tuple(columns)
    good = all(
        isinstance(column, str) or (isinstance(column, int) and column >= 0) for column in chosen
    )
    if not good or len(chosen) != 3 or len(set(chosen)) != 3:
        raise ValueError(
            "columns must be three different names or places (from 0) of user, item and rating, "
            f"got {columns!r}"
        )
    return chosen


def opened(
    path: str | os.PathLike[str], wishes: Wishes
) -> tuple[Layout, Iterator[tuple[int, bytes]]]:
    """Return a file's layout, and its lines of data: chunks, each with the number of its first
    line.
    """
    chunks = line_chunks(path)
    first, head = 1, b""  # the number of the first line of `head`
    shown_lines: list[tuple[int, int]] = []
    for number, chunk in enumerate(chunks):
        head += chunk if number else chunk.removeprefix(_BOM)
        shown_lines = _not_blank(head)
        if len(shown_lines) == 2:
            break
        if not shown_lines:
            first, head = first + head.count(b"\n"), b""
    if not shown_lines:
        raise DataError("the file has no ratings", path=shown(path))
    (start, stop), *second = shown_lines
    line = first + head.count(b"\n", 0, start)
    following = head[slice(*second[0])] if second else None
    try:
        layout = layout_of(head[start:stop], following, line, wishes)
    except ValueError as error:
        raise DataError(str(error), path=shown(path), line=line) from None
    if layout.has_header:
        head, first = head[stop + 1 :], line + 1
    return layout, _numbered(head, first, chunks)


def _not_blank(text: bytes) -> list[tuple[int, int]]:
    """Return where the first two lines that are not blank begin and end."""
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text) and len(found) < 2:
        stop = text.index(b"\n", start)
        if text[start:stop].strip(b" \t\r"):
            found.append((start, stop))
        start = stop + 1
    return found


def _numbered(head: bytes, line: int, chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    for chunk in itertools.chain([head], chunks):
        yield line, chunk
        line += chunk.count(b"\n")


def layout_of(line: bytes, following: bytes | None, number: int, wishes: Wishes) -> Layout:
    """Return the layout that the first line shows.

    Parameters
    ----------
    line : bytes
        The first line that is not blank, without its end.
    following : bytes or None
        The next one, if there is one: after a header it shows what the ids are.
    number : int
        The line's number, for messages.
    wishes : Wishes

    Raises
    ------
    ValueError
        The reason, without the place.
    """
    delimiter = (wishes.delimiter or _delimiter_of(line)).encode()
    fields = [field.decode() for field in fields_of(line, delimiter)]
    if len(fields) < 3 and wishes.columns is None:
        raise ValueError(too_few(len(fields), 2))
    has_header = wishes.header
    if has_header is None:
        has_header = _is_header(fields, wishes)
    columns = _columns_of(fields, has_header, wishes)
    if len(fields) <= max(columns):
        raise ValueError(too_few(len(fields), max(columns)))
    row = [field.encode() for field in fields]
    if has_header:
        row = _fields_if_good(following, delimiter)
    users, items = (_is_integer(row, place, wishes.ids) for place in columns[:2])
    return Layout(delimiter, len(fields), columns, (users, items), number, has_header)


def _fields_if_good(line: bytes | None, delimiter: bytes) -> list[bytes]:
    """Return the fields, none if there is something wrong: the parser will say what."""
    try:
        return fields_of(line or b"", delimiter)
    except ValueError:
        return []


def _delimiter_of(line: bytes) -> str:
    """Return the first delimiter that cuts the line into three fields, or into the most below."""
    n_fields = {
        delimiter: min(len(_fields_if_good(line, delimiter.encode())), 3)
        for delimiter in DELIMITERS
    }
    return max(n_fields, key=n_fields.__getitem__)  # the first of several that are alike


def _is_header(fields: list[str], wishes: Wishes) -> bool:
    """Return whether the line names columns: the caller uses names, or no field is a number."""
    if wishes.columns is not None and any(isinstance(name, str) for name in wishes.columns):
        return True
    return not any(NUMBER.fullmatch(field.encode()) for field in fields)


def _columns_of(fields: list[str], has_header: bool, wishes: Wishes) -> tuple[int, int, int]:
    wanted = wishes.columns
    if wanted is None:
        if not has_header:
            return 0, 1, 2
        found = recognised(fields)
        if any(len(places) != 1 for places in found.values()):
            raise ValueError(
                f"can't tell user, item and rating among the columns {_listed(fields)}; "
                "pass columns=(user, item, rating), or header=False if these are no names"
            )
        wanted = tuple(found[role][0] for role in ROLES)
    places = [_place_of(column, fields, has_header) for column in wanted]
    return places[0], places[1], places[2]


def _place_of(column: int | str, fields: list[str], has_header: bool) -> int:
    if isinstance(column, int):
        return column
    if not has_header:
        raise ValueError(f"column {column!r} is a name, but header=False says there are none")
    if fields.count(column) != 1:
        what = "no column" if column not in fields else "several columns"
        raise ValueError(f"{what} {column!r} in the header, which has {_listed(fields)}")
    return fields.index(column)


def _listed(fields: list[str]) -> str:
    return ", ".join(map(repr, fields[:10])) + (", ..." if len(fields) > 10 else "")


def _is_integer(row: list[bytes], place: int, ids: str) -> bool:
    if ids != "auto":
        return ids == "int"
    if place >= len(row):
        return True  # the line is wrong, and the parser will say so
    return bool(INTEGER.fullmatch(row[place])) and fits_64_bits(row[place])
