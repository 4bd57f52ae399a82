"""Files of pairs: a user and an item a line, without a rating, to predict one for.

Contract: ids are read as the model has them, numbers or text, in the order of the file; what can't
be raises `DataError` with file and line.  Files of ratings are ``data.read_ratings``' business.

Used by ``hogwild predict``.
"""

from collections.abc import Iterator
from typing import Any

from hogwild.data.ratings_columns import recognised
from hogwild.data.ratings_layout import DELIMITERS
from hogwild.data.ratings_strict import INTEGER, fields_of
from hogwild.data.textio import line_chunks, shown
from hogwild.errors import DataError
from hogwild.models import FactorModel

Columns = tuple[int, int]


def n_fields(path: str, layout: dict[str, Any]) -> int:
    """Return into how many fields the first line that is not blank falls; 0 without one."""
    for number, line in _lines(path):
        return len(_fields(line, _delimiter(line, layout, path, number), path, number))
    return 0


def read_pairs(
    path: str, layout: dict[str, Any], model: FactorModel
) -> tuple[list[Any], list[Any]]:
    """Return the users and the items of a file, as ids of the model's kind.

    Parameters
    ----------
    path : str
    layout : dict
        "delimiter", "header", and "columns" of two, where the first line is not to tell them.
    model : FactorModel
    """
    kinds = [ids.dtype.kind in "iu" for ids in (model.user_ids, model.item_ids)]
    found: tuple[list[Any], list[Any]] = ([], [])
    columns: Columns | None = None
    delimiter, width = b"", 0
    for number, line in _lines(path):
        if columns is None:
            delimiter = _delimiter(line, layout, path, number)
            fields = _fields(line, delimiter, path, number)
            columns, is_header = _columns(fields, layout, path, number)
            width = len(fields)
            if is_header:
                continue
        fields = _fields(line, delimiter, path, number)
        if len(fields) != width:
            raise DataError(f"expected {width} fields, as in the first line, got {len(fields)}",
                            path=shown(path), line=number)  # fmt: skip
        for ids, column, whole in zip(found, columns, kinds, strict=True):
            ids.append(_id(fields[column], whole, path, number))
    if not found[0]:
        raise DataError("the file has no pairs", path=shown(path))
    return found


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers."""
    number = 0
    for chunk in line_chunks(path):
        for line in chunk.split(b"\n")[:-1]:
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield number, line


def _fields(line: bytes, delimiter: bytes, path: str, number: int) -> list[bytes]:
    try:
        return fields_of(line, delimiter)
    except ValueError as error:
        raise DataError(str(error), path=shown(path), line=number) from None


def _delimiter(line: bytes, layout: dict[str, Any], path: str, number: int) -> bytes:
    """Return the delimiter: as said, else the first that cuts the line in two."""
    if layout.get("delimiter"):
        return str(layout["delimiter"]).encode()
    each = (text.encode() for text in DELIMITERS)
    return next((one for one in each if len(_fields(line, one, path, number)) > 1), b" ")


def _columns(
    fields: list[bytes], layout: dict[str, Any], path: str, number: int
) -> tuple[Columns, bool]:
    """Return where user and item are, and whether the line names the columns."""
    names = [field.decode() for field in fields]
    by_name = recognised(names)
    told = layout.get("columns")
    is_header = layout.get("header")
    if is_header is None:
        is_header = len(by_name["user"]) == len(by_name["item"]) == 1
        is_header = is_header or any(isinstance(part, str) for part in told or ())
    if told is None and is_header and len(by_name["user"]) == len(by_name["item"]) == 1:
        told = (by_name["user"][0], by_name["item"][0])
    places = [names.index(part) if part in names else part for part in (told or (0, 1))]
    if len(places) != 2 or not all(isinstance(p, int) and p < len(fields) for p in places):
        raise DataError(
            f"expected a user and an item, got the fields {', '.join(map(repr, names[:5]))}",
            path=shown(path), line=number,
        )  # fmt: skip
    return (places[0], places[1]), bool(is_header)


def _id(field: bytes, whole: bool, path: str, number: int) -> Any:
    if not whole:
        return field.decode()
    if not INTEGER.fullmatch(field):
        raise DataError(
            f"expected a whole number, as the model's ids are, got {field.decode()[:40]!r}",
            path=shown(path), line=number,
        )  # fmt: skip
    return int(field)
