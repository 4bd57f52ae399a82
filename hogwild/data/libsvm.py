"""LIBSVM text files: read exactly or refused with file, line and reason; written to the bit.

Contract: every number read is the double nearest to the decimal in the file, and every number
written reads back to the same bits. Nothing is guessed (the base of the indices is an argument) and
nothing is dropped. Clean chunks go through `hogwild.data.libsvm_fast`, the others through
`hogwild.data.libsvm_strict`; both give the same bits.

Called by users, by the command line and by the estimators.
"""

import os
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import float_dtype
from hogwild.data.decimal import shortest
from hogwild.data.entries_text import (
    joined_lines,
    largest_allowed,
    read_entries,
    write_entries,
)
from hogwild.data.examples import Examples
from hogwild.data.libsvm_fast import Rows, parse_chunk, tidy
from hogwild.data.libsvm_strict import Limits, StrictParser
from hogwild.data.textio import shown

_ENTRIES_AT_A_TIME = 1 << 17


def read_libsvm(
    path: str | os.PathLike[str],
    *,
    n_features: int | None = None,
    max_features: int | None = None,
    zero_based: bool = False,
    dtype: npt.DTypeLike = np.float64,
) -> Examples:
    r"""Return the rows of a LIBSVM (svmlight) text file.

    One row a line, ``label index:value index:value ...``, indices rising. Taken as they come:
    blanks and tabs, trailing ones too; LF and CR LF; a byte-order mark; blank lines; comments from
    ``#`` to the end of the line; a last line without a line end; entries with value 0 (kept).

    Parameters
    ----------
    path : str or path-like
        The file; gzip, bzip2 and xz are recognised by their content. ``-`` reads standard input.
    n_features : int, optional
        Columns of the result; default: as many as the largest index asks for. Pass that of the
        training file when reading a test file.
    max_features : int, optional
        Refuse indices beyond this: one damaged index can otherwise ask for gigabytes of weights.
    zero_based : bool
        Whether indices begin at 0. Never guessed: a training and a test file could be guessed
        apart.
    dtype : float64 or float32
        Numbers are read as float64, then rounded to this type.

    Returns
    -------
    rows : Examples
        One row for each line that is neither blank nor only a comment.

    Raises
    ------
    DataError
        With `path`, `line` (counted from 1) and `reason`: an index of 0 in a one-based file,
        negative, too large, repeated or out of order; a number that is not a finite decimal one
        (``nan``, ``1e999``, ``0x1p3``, ``1_000``); a missing label, colon or value; several labels;
        a carriage return inside a line; compressed data that is damaged or ends early.
    OSError
        The file can't be opened or read.

    Warns
    -----
    UserWarning
        Once, if lines hold ``qid:``; query numbers are not part of `Examples`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.txt")
    >>> _ = path.write_text("+1 1:0.5 3:2 # a comment\n-1 2:1\n")
    >>> examples = read_libsvm(path)
    >>> examples.y.tolist(), examples.to_scipy().toarray().tolist()
    ([1.0, -1.0], [[0.5, 0.0, 2.0], [0.0, 1.0, 0.0]])
    """
    float_type = float_dtype(dtype, np.dtype(np.float64), "dtype")
    text = _Text(shown(path), _limits(n_features, max_features, zero_based, float_type))
    indptr, (labels, columns, values) = read_entries(path, text)
    if text.found_qid:
        warnings.warn(f"{shown(path)}: query numbers (qid:) are not read", stacklevel=2)
    found = int(columns.max(initial=-1)) + 1
    return Examples._trusted(
        indptr, columns, values, labels, None, found if n_features is None else int(n_features)
    )


def _limits(
    n_features: Any, max_features: Any, zero_based: bool, dtype: np.dtype[np.floating]
) -> Limits:
    allowed, reason = largest_allowed({"max_features": max_features, "n_features": n_features})
    first = 0 if zero_based else 1
    return Limits(first, allowed - 1 + first, reason, dtype)


class _Text:
    """Both parsers of LIBSVM text; rows come out with columns counted from 0 and all types
    final.
    """

    def __init__(self, name: str, limits: Limits):
        self.limits, self._strict = limits, StrictParser(name, limits)
        self._tidied_qid = False

    @property
    def found_qid(self) -> bool:
        """Whether a line had a ``qid:``."""
        return self._tidied_qid or self._strict.found_qid

    def fast(self, text: bytes) -> Rows | None:
        """Return the rows, or None if the strict parser has to decide."""
        rows = parse_chunk(text)
        if rows is None or not self.limits.index.hold(rows.columns):
            return None
        falls = rows.columns[1:] <= rows.columns[:-1]
        borders = np.cumsum(rows.counts)[:-1]
        falls[borders[(borders > 0) & (borders < len(rows.columns))] - 1] = False
        if falls.any():
            return None
        final = self._final(rows)
        finite = np.isfinite(final.values).all() and np.isfinite(final.labels).all()
        return final if finite else None

    def tidied(self, text: bytes) -> Rows | None:
        """Return the rows without what `tidy` clears away, or None as above."""
        tidied = tidy(text)
        if tidied is None:
            return None
        rows = self.fast(tidied[0])
        self._tidied_qid |= rows is not None and tidied[1]
        return rows

    def strict(self, text: bytes, first_line: int) -> Rows:
        """Return the rows, or raise DataError."""
        return self._final(self._strict.parse(text, first_line))

    def _final(self, rows: Rows) -> Rows:
        with np.errstate(over="ignore"):
            return Rows(
                rows.labels.astype(self.limits.dtype, copy=False),
                rows.counts,
                (rows.columns - self.limits.first).astype(np.int32),
                rows.values.astype(self.limits.dtype, copy=False),
            )


def write_libsvm(
    examples: Examples, path: str | os.PathLike[str], *, zero_based: bool = False
) -> None:
    r"""Write rows as LIBSVM text that `read_libsvm` reads back to the same bits.

    Every number is the shortest decimal that reads back to it. The file appears under its name only
    when it is complete: it is written beside it and then renamed. The number of features is not
    part of the format: pass ``n_features`` when reading, if the last columns may be empty.

    Parameters
    ----------
    examples : Examples
        Without sample weights, for which the format has no place.
    path : str or path-like
        ``.gz``, ``.bz2`` and ``.xz`` are compressed; ``-`` writes to standard output.
    zero_based : bool
        Whether indices begin at 0 in the file.

    Raises
    ------
    ValueError
        The examples have sample weights.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "one.txt")
    >>> write_libsvm(Examples([[0.1, 0.0, 3.0]], [1]), path)
    >>> path.read_text()
    '1 1:0.1 3:3\n'
    """
    if examples.sample_weight is not None:
        raise ValueError(
            "LIBSVM text has no place for sample_weight; write "
            "Examples(examples.to_scipy(), examples.y) and keep the weights in a file of their own"
        )
    first = 0 if zero_based else 1
    write_entries(
        path,
        examples.indptr,
        lambda rows: _lines(examples.rows(rows), first),
        _ENTRIES_AT_A_TIME,
    )


def _lines(examples: Examples, first: int) -> bytes:
    columns = (examples.indices + np.int64(first)).tolist()
    values = shortest(examples.data)
    entries = map("%d:%s".__mod__, zip(columns, values, strict=True))
    return joined_lines(examples.y, entries, examples.indptr)
