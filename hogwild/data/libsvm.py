"""LIBSVM text files: read exactly or refused with file, line and reason; written to the bit.

Contract: every number read is the double nearest to the decimal in the file, and every number
written reads back to the same bits. Nothing is guessed (the base of the indices is an argument) and
nothing is dropped. Clean chunks go through `hogwild.data.libsvm_fast`, the others through
`hogwild.data.libsvm_strict`; both give the same bits.

Called by users, by the command line and by the estimators.
"""

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import MAX_FEATURES, Array, float_dtype
from hogwild.data.decimal import shortest
from hogwild.data.examples import Examples
from hogwild.data.libsvm_fast import Rows, parse_chunk, tidy
from hogwild.data.libsvm_strict import Limits, StrictParser
from hogwild.data.textio import line_chunks, replacing, shown

_BOM = b"\xef\xbb\xbf"
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
    limits = _limits(n_features, max_features, zero_based, float_type)
    parts = list(_parsed(path, limits))
    labels, counts, columns, values = (_joined(parts, place) for place in range(4))
    found = int(columns.max(initial=-1)) + 1
    indptr = np.zeros(len(labels) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return Examples._trusted(
        indptr, columns, values, labels, None, found if n_features is None else int(n_features)
    )


def _limits(
    n_features: Any, max_features: Any, zero_based: bool, dtype: np.dtype[np.floating]
) -> Limits:
    allowed = {"fits 32-bit column numbers": MAX_FEATURES}
    for name, number in (("max_features", max_features), ("n_features", n_features)):
        if number is None:
            continue
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 0 <= number <= MAX_FEATURES:
            raise ValueError(f"{name} must be a whole number, 0 to {MAX_FEATURES}, got {number!r}")
        allowed[f"{name}={number} allows"] = int(number)
    reason = min(allowed, key=allowed.__getitem__)
    first = 0 if zero_based else 1
    return Limits(first, allowed[reason] - 1 + first, reason, dtype)


def _parsed(path: str | os.PathLike[str], limits: Limits) -> Iterator[Rows]:
    """Yield the rows of each chunk, with columns counted from 0 and all types final."""
    strict = StrictParser(shown(path), limits)
    line, untidy, warned = 1, False, False
    yield _final(strict.parse(b"", line), limits)  # an empty file has the right types, too
    for chunk in line_chunks(path):
        if line == 1:
            chunk = chunk.removeprefix(_BOM)
        rows, qid = (None, False) if untidy else (_within(parse_chunk(chunk), limits), False)
        if rows is None:
            untidy = True  # and the next chunk will be like this one
            rows, qid = _tidied(chunk, limits)
        if rows is None:
            rows = _final(strict.parse(chunk, line), limits)
            qid = strict.found_qid
        if qid and not warned:
            warned = True
            warnings.warn(f"{shown(path)}: query numbers (qid:) are not read", stacklevel=3)
        line += chunk.count(b"\n")
        yield rows


def _tidied(chunk: bytes, limits: Limits) -> tuple[Rows | None, bool]:
    tidied = tidy(chunk)
    if tidied is None:
        return None, False
    text, qid = tidied
    return _within(parse_chunk(text), limits), qid


def _within(rows: Rows | None, limits: Limits) -> Rows | None:
    """Return the rows in their final types, or None if the strict parser would refuse them."""
    if rows is None:
        return None
    columns = rows.columns
    if len(columns) and (columns.min() < limits.first or columns.max() > limits.last):
        return None
    falls = columns[1:] <= columns[:-1]
    borders = np.cumsum(rows.counts)[:-1]
    falls[borders[(borders > 0) & (borders < len(columns))] - 1] = False
    if falls.any():
        return None
    final = _final(rows, limits)
    if not (np.isfinite(final.values).all() and np.isfinite(final.labels).all()):
        return None
    return final


def _final(rows: Rows, limits: Limits) -> Rows:
    with np.errstate(over="ignore"):
        return Rows(
            rows.labels.astype(limits.dtype, copy=False),
            rows.counts,
            (rows.columns - limits.first).astype(np.int32),
            rows.values.astype(limits.dtype, copy=False),
        )


def _joined(parts: list[Rows], place: int) -> Array:
    return np.concatenate([part[place] for part in parts])


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
    with replacing(path) as file:
        start = 0
        while start < examples.n_rows:
            limit = examples.indptr[start] + _ENTRIES_AT_A_TIME
            stop = max(start + 1, int(np.searchsorted(examples.indptr, limit, side="right")) - 1)
            stop = min(stop, start + _ENTRIES_AT_A_TIME, examples.n_rows)
            file.write(_lines(examples.rows(slice(start, stop)), 0 if zero_based else 1))
            start = stop


def _lines(examples: Examples, first: int) -> bytes:
    columns = (examples.indices + np.int64(first)).tolist()
    values, labels = shortest(examples.data), shortest(examples.y)
    entries = list(map("%d:%s".__mod__, zip(columns, values, strict=True)))
    borders = examples.indptr.tolist()
    lines = [
        " ".join([label, *entries[begin:end]])
        for label, begin, end in zip(labels, borders, borders[1:], strict=False)
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
