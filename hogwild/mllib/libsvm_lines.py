"""LIBSVM text as MLlib reads it, line by line: the definition, and the words for what is refused.

Contract: what is taken and what is refused is what Spark's ``MLUtils`` takes and refuses; every
error names the file, the line, the text, and the likely cause. It is not the grammar of
`hogwild.data.read_libsvm`: here a tab or a ``#`` inside a line is an error, while ``NaN``,
``0x1p3``, ``1d``, ``+1:2`` and ``1:2:3`` are fine, and a number that is too large is infinite.

Called by `hogwild.mllib.libsvm_chunks` for the lines that it doesn't know how to read faster.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.errors import DataError
from hogwild.mllib.java_text import BLANKS, java_split, parse_java_double

LARGEST_INT = 2**31 - 1

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")
_BLANKS = BLANKS.encode()
# Java's Integer.parseInt takes the digits of every script that has 16-bit ones
_INTEGER = re.compile(r"[+-]?(?:(?![\U00010000-\U0010ffff])\d)+")
_LONGEST_SHOWN, _LONGEST_LINE_SHOWN = 60, 200
_REMEMBERED = 1 << 14  # texts whose number is not found out again: most occur many times


class EntryError(DataError, IndexError):
    """An entry without its index or its value: bad data, and an index out of bounds in Spark."""

    def __reduce__(self) -> Any:
        return _rebuild_entry_error, (self.reason, self.path, self.line)


def _rebuild_entry_error(reason: str, path: str | None, line: int | None) -> EntryError:
    return EntryError(reason, path=path, line=line)


class Lines(NamedTuple):
    """The rows of some lines: labels, entries a row, the entries one after the other."""

    labels: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]  # entries of each row
    columns: npt.NDArray[np.int32]  # from 0
    values: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]  # the byte at which each row's line begins


def parse_lines(text: bytes, name: str = "", first_line: int = 1) -> Lines:
    r"""Return the rows of whole lines, each ended by LF, CR LF or CR.

    Parameters
    ----------
    text : bytes
        UTF-8; what is not is no number either.
    name : str
        The file as messages show it.
    first_line : int
        The number of the text's first line.

    Raises
    ------
    DataError
        With `path` and `line`; it is an `EntryError`, which is an IndexError too, when an entry has
        no value or nothing at all.

    Examples
    --------
    >>> rows = parse_lines(b"+1 1:NaN 3:0x1p3\n# a comment\n 0 \n")
    >>> rows.labels, rows.counts, rows.columns, rows.values, rows.starts
    (array([1., 0.]), array([2, 0]), array([0, 2], dtype=int32), array([nan,  8.]), array([ 0, 29]))
    >>> parse_lines(b"1 2:5 2:6\n", "a.txt")
    Traceback (most recent call last):
    hogwild.errors.DataError: a.txt, line 1: indices should be one-based and in ascending order;
    found current=1, previous=1 (counted from 0); line="1 2:5 2:6"
    """
    labels: list[float] = []
    counts: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    starts: list[int] = []
    for number, found in enumerate(_LINE.finditer(text), first_line):
        line = found[0].strip(_BLANKS)
        if not line or line.startswith(b"#"):
            continue
        before = len(columns)
        try:
            labels.append(_record(line.decode(errors="replace"), columns, values))
        except (ValueError, IndexError) as error:
            kind = EntryError if isinstance(error, IndexError) else DataError
            raise kind(str(error), path=name or None, line=number) from None
        counts.append(len(columns) - before)
        starts.append(found.start())
    return Lines(
        np.array(labels, dtype=np.float64),
        np.array(counts, dtype=np.int64),
        np.array(columns, dtype=np.int32),
        np.array(values, dtype=np.float64),
        np.array(starts, dtype=np.int64),
    )


def _record(line: str, columns: list[int], values: list[float]) -> float:
    """Return the label of a line, and append its entries."""
    fields = line.split(" ")
    label = _number(fields[0], "the label")
    before = len(columns)
    for field in fields[1:]:
        if not field:
            continue
        parts = java_split(field, ":")
        if parts:
            columns.append(_column(parts[0]))
        if len(parts) < 2:
            raise IndexError(
                f"Index {len(parts)} out of bounds for length {len(parts)}: "
                f"expected 'index:value', got '{_cut(field)}'"
            )
        values.append(_number(parts[1], "a value"))
    _check_rise(columns[before:], line)
    return label


@lru_cache(_REMEMBERED)
def _column(text: str) -> int:
    """Return the column that the index, counted from 1, stands for."""
    if _INTEGER.fullmatch(text):
        digits = "".join(str(int(digit)) for digit in text.lstrip("+-")).lstrip("0")
        # int() refuses thousands of digits, and eleven are enough to know that it is too large
        index = int(digits[:11] or "0") * (-1 if text.startswith("-") else 1)
        if -LARGEST_INT - 1 <= index <= LARGEST_INT:
            return index - 1
    raise ValueError(
        f'For input string: "{_cut(text)}": an index must be a whole number, 1 to {LARGEST_INT}'
        f"{_cause(text)}"
    )


@lru_cache(_REMEMBERED)
def _number(text: str, what: str) -> float:
    try:
        return parse_java_double(text)
    except ValueError:
        given = _cut(text.strip(BLANKS))
        found = f'For input string: "{given}"' if given else "empty String"
        raise ValueError(f"{found}: {what} must be a number{_cause(text)}") from None


def _check_rise(columns: list[int], line: str) -> None:
    for previous, current in pairwise([-1, *columns]):
        if current <= previous:
            raise ValueError(
                "indices should be one-based and in ascending order; "
                f"found current={current}, previous={previous} (counted from 0); "
                f'line="{_cut(line, _LONGEST_LINE_SHOWN)}"'
            )


def _cause(text: str) -> str:
    """What the writer of the text probably meant, as the end of a sentence."""
    causes = {
        "\0": "is this a binary file, or text in UTF-16?",
        "\t": "only blanks separate fields, a tab doesn't",
        "#": "a comment takes a line of its own",
        "qid": "query numbers are not read",
        ",": "a comma separates neither labels nor decimals",
        "_": "digits are not grouped",
    }
    for sign, cause in causes.items():
        if sign in text:
            return f"; {cause}"
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return "; it is written NaN or Infinity"
    return ""


def _cut(text: str, longest: int = _LONGEST_SHOWN) -> str:
    return text if len(text) <= longest else text[:longest] + "..."
