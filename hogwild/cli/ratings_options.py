"""How a file of ratings is laid out, as options: what is not said is read off the file.

Contract: what was said is a plain record, which a trace's header can hold, so that a replay reads
the same ratings.

Used by the commands that read ratings.
"""

import argparse
from argparse import Namespace
from typing import Any

from hogwild.data.ratings_layout import FORMATS

OPTIONS = ("format", "delimiter", "header", "columns", "ids", "duplicates", "dtype")
SPOKEN = {"tab": "\t", "blank": " "}  # delimiters that are hard to type

RATINGS_HELP = "user, item, rating a line, also compressed; - is standard input"


def add_ratings_layout(
    parser: argparse.ArgumentParser,
    *,
    pairs: bool = False,
    default: str = "as the first line shows",
) -> None:
    """Add how files of ratings are to be read."""
    group = parser.add_argument_group(f"the layout of rating files (default: {default})")
    group.add_argument("--format", choices=tuple(FORMATS), metavar="NAME", help=", ".join(FORMATS))
    group.add_argument(
        "--delimiter", metavar="TEXT", help="what separates fields; also: tab, blank (any number)"
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line names the columns, or not",
    )
    group.add_argument(
        "--columns",
        type=_columns_or_pair if pairs else _columns,
        metavar="U,I[,R]" if pairs else "U,I,R",
        help="which columns hold user, item and rating: places from 0, or names",
    )
    group.add_argument(
        "--ids",
        choices=("auto", "int", "str"),
        metavar="KIND",
        help="what ids are: int, str, or auto, whatever the first one is (default)",
    )
    group.add_argument(
        "--duplicates",
        choices=("keep", "error", "last"),
        metavar="WHAT",
        help="keep (default), error, last: of several ratings of an item by a user",
    )


def layout_of(args: Namespace) -> dict[str, Any]:
    """Return what was said, by the names of ``read_ratings``."""
    said = {name: getattr(args, name, None) for name in OPTIONS}
    found = {name: value for name, value in said.items() if value is not None}
    if "delimiter" in found:
        found["delimiter"] = SPOKEN.get(found["delimiter"], found["delimiter"])
    return found


def _columns(text: str) -> list[int | str]:
    """Return three places or names.

    >>> _columns("0,1,3"), _columns("user,film,stars")
    ([0, 1, 3], ['user', 'film', 'stars'])
    """
    return _places(text, (3,), "three")


def _columns_or_pair(text: str) -> list[int | str]:
    return _places(text, (2, 3), "two or three")


def _places(text: str, counts: tuple[int, ...], words: str) -> list[int | str]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in counts or not all(parts):
        raise argparse.ArgumentTypeError(
            f"must be {words} places or names with commas, got {text!r}"
        )
    return [int(part) if part.isdecimal() else part for part in parts]
