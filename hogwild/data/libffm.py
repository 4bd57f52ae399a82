"""libFFM text files: read exactly or refused with file, line and reason; written to the bit.

Contract: every number read is the one nearest to the decimal in the file, and every number written
reads back to the same bits. Nothing is guessed and nothing is dropped. Clean chunks go through
`hogwild.data.libffm_fast`, the others through `hogwild.data.libffm_strict`; both give the same
bits.

Called by users, by the command line and by the estimators.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import checked_count, float_dtype
from hogwild.data.decimal import shortest
from hogwild.data.entries_fast import tidy
from hogwild.data.entries_strict import IdLimits
from hogwild.data.entries_text import (
    joined_lines,
    largest_allowed,
    read_entries,
    write_entries,
)
from hogwild.data.field_rows import FieldRows
from hogwild.data.libffm_fast import Entries, parse_chunk
from hogwild.data.libffm_strict import Limits, StrictParser
from hogwild.data.textio import shown

_ENTRIES_AT_A_TIME = 1 << 17


def read_libffm(
    path: str | os.PathLike[str],
    *,
    n_fields: int | None = None,
    n_features: int | None = None,
    max_fields: int | None = None,
    max_features: int | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> FieldRows:
    r"""Return the rows of a libFFM text file.

    One row a line, ``label field:feature:value field:feature:value ...``, fields and features
    numbered from 0, in any order. Taken as they come: blanks and tabs, trailing ones too; LF and CR
    LF; a byte-order mark; blank lines; comments from ``#`` to the end of the line; a last line
    without a line end; entries with value 0 (kept); lines of any length (libFFM itself cuts those
    of 100 000 characters).

    Parameters
    ----------
    path : str or path-like
        The file; gzip, bzip2 and xz are recognised by their content. ``-`` reads standard input.
    n_fields, n_features : int, optional
        How many there are at least. What the file holds beyond them counts too: a test file may
        have features that the training file has not, and a model skips those.
    max_fields, max_features : int, optional
        Refuse more than these: a model has n_features x n_fields x k weights, so that one damaged
        number can ask for gigabytes.
    dtype : float32 or float64
        Of the values; libFFM's is float32. Numbers are read as float64, then rounded to this type.
        Labels stay float64.

    Returns
    -------
    rows : FieldRows
        One row for each line that is neither blank nor only a comment.

    Raises
    ------
    DataError
        With `path`, `line` (counted from 1) and `reason`: a field or feature that is negative, no
        whole number or too large; a number that is not a finite decimal one (``nan``, ``1e999``,
        ``0x1p3``); a missing label, colon or value; several labels; a carriage return inside a
        line; compressed data that is damaged or ends early.
    OSError
        The file can't be opened or read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.txt")
    >>> _ = path.write_text("1 0:3:0.5 2:7:1 # a comment\n0 2:8:1\n")
    >>> rows = read_libffm(path)
    >>> rows
    FieldRows(2 rows, 3 fields, 9 features, 3 entries, float32)
    >>> rows.y.tolist(), rows.fields.tolist(), rows.features.tolist()
    ([1.0, 0.0], [0, 2, 2], [3, 7, 8])
    """
    float_type = float_dtype(dtype, np.dtype(np.float64), "dtype")
    least_fields = checked_count(n_fields, "n_fields") or 0
    least_features = checked_count(n_features, "n_features") or 0
    limits = Limits(_limit("field", max_fields), _limit("feature", max_features), float_type)
    indptr, parts = read_entries(path, _Text(shown(path), limits))
    labels, fields, features, values = parts
    return FieldRows._trusted(
        indptr,
        fields,
        features,
        values,
        labels,
        max(least_fields, int(fields.max(initial=-1)) + 1),
        max(least_features, int(features.max(initial=-1)) + 1),
    )


def _limit(what: str, most: Any) -> IdLimits:
    allowed, reason = largest_allowed({f"max_{what}s": most})
    return IdLimits(what, 0, allowed - 1, reason)


class _Text:
    """Both parsers of libFFM text; rows come out with all types final."""

    def __init__(self, name: str, limits: Limits):
        self.limits, self._strict = limits, StrictParser(name, limits)

    def fast(self, text: bytes) -> Entries | None:
        """Return the rows, or None if the strict parser has to decide."""
        rows = parse_chunk(text)
        if rows is None or not (
            self.limits.field.hold(rows.fields) and self.limits.feature.hold(rows.features)
        ):
            return None
        final = self._final(rows)
        finite = np.isfinite(final.values).all() and np.isfinite(final.labels).all()
        return final if finite else None

    def tidied(self, text: bytes) -> Entries | None:
        """Return the rows without what `tidy` clears away, or None as above."""
        tidied = tidy(text)
        return None if tidied is None else self.fast(tidied)

    def strict(self, text: bytes, first_line: int) -> Entries:
        """Return the rows, or raise DataError."""
        return self._final(self._strict.parse(text, first_line))

    def _final(self, rows: Entries) -> Entries:
        with np.errstate(over="ignore"):
            values = rows.values.astype(self.limits.dtype, copy=False)
        return Entries(
            rows.labels,
            rows.counts,
            rows.fields.astype(np.int32),
            rows.features.astype(np.int32),
            values,
        )


def write_libffm(rows: FieldRows, path: str | os.PathLike[str]) -> None:
    r"""Write rows as libFFM text that `read_libffm` reads back to the same bits.

    Every number is the shortest decimal that reads back to it. The file appears under its name only
    when it is complete: it is written beside it and then renamed. The numbers of fields and
    features are not part of the format: pass ``n_fields`` and ``n_features`` when reading, if the
    last ones may not occur.

    Parameters
    ----------
    rows : FieldRows
    path : str or path-like
        ``.gz``, ``.bz2`` and ``.xz`` are compressed; ``-`` writes to standard output.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "one.txt")
    >>> write_libffm(FieldRows([0, 2], [0, 3], [5, 7], [1.0, 0.1], [1]), path)
    >>> path.read_text()
    '1 0:5:1 3:7:0.1\n'
    """
    write_entries(path, rows.indptr, lambda picked: _lines(rows.rows(picked)), _ENTRIES_AT_A_TIME)


def _lines(rows: FieldRows) -> bytes:
    parts = (rows.fields.tolist(), rows.features.tolist(), shortest(rows.values))
    entries = map("%d:%d:%s".__mod__, zip(*parts, strict=True))
    return joined_lines(rows.y, entries, rows.indptr)
