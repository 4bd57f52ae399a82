"""A file of labelled entries is read chunk by chunk, the fast way where it can be; and written.

Contract: the rows are those of the strict parser, whatever the chunks and whichever parser took
them; memory grows with the rows and not with the text.

Called by `hogwild.data.libsvm` and `hogwild.data.libffm`.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from hogwild.data.arrays import MAX_FEATURES, Array, checked_count
from hogwild.data.decimal import shortest
from hogwild.data.textio import line_chunks, replacing

_BOM = b"\xef\xbb\xbf"

Parts = tuple[Array, ...]
"""Labels, entries a row, and then what an entry has, one array each."""


class Format(Protocol):
    """The two parsers of one format; both return arrays in their final types."""

    def fast(self, text: bytes) -> Parts | None:
        """Return the rows of whole lines without anything odd, or None if the text is not so."""

    def tidied(self, text: bytes) -> Parts | None:
        """Return the same for text that has to be cleared of oddities first."""

    def strict(self, text: bytes, first_line: int) -> Parts:
        """Return the rows of whole lines, or raise DataError with the line."""


def read_entries(path: str | os.PathLike[str], format: Format) -> tuple[Array, Parts]:
    """Return (indptr, (labels, ids ..., values)) of a file."""
    parts = list(_parsed(path, format))
    labels, counts, *entries = (
        np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))
    )
    indptr = np.zeros(len(labels) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr, (labels, *entries)


def _parsed(path: str | os.PathLike[str], format: Format) -> Iterator[Parts]:
    line, untidy = 1, False
    yield format.strict(b"", line)  # an empty file has the right types, too
    for chunk in line_chunks(path):
        if line == 1:
            chunk = chunk.removeprefix(_BOM)
        parts = None if untidy else format.fast(chunk)
        if parts is None:
            untidy = True  # and the next chunk will be like this one
            parts = format.tidied(chunk)
        if parts is None:
            parts = format.strict(chunk, line)
        line += chunk.count(b"\n")
        yield parts


def largest_allowed(given: dict[str, Any]) -> tuple[int, str]:
    """Return the number of ids allowed, and why no more: the least of the caller's numbers.

    Parameters
    ----------
    given : dict
        Arguments by their names; None for those not given.

    Examples
    --------
    >>> largest_allowed({"max_features": 9, "n_features": None})
    (9, 'max_features=9 allows')
    """
    allowed = {"fits 32-bit column numbers": MAX_FEATURES}
    for name, number in given.items():
        if checked_count(number, name) is not None:
            allowed[f"{name}={number} allows"] = int(number)
    reason = min(allowed, key=allowed.__getitem__)
    return allowed[reason], reason


def write_entries(
    path: str | os.PathLike[str],
    indptr: Array,
    lines: Callable[[slice], bytes],
    at_a_time: int,
) -> None:
    """Write rows in pieces of about so many entries; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
    indptr : int64 array, shape (n_rows + 1,)
    lines : callable
        Given a slice of rows, returns their text.
    at_a_time : int
    """
    n_rows = len(indptr) - 1
    with replacing(path) as file:
        start = 0
        while start < n_rows:
            limit = indptr[start] + at_a_time
            stop = max(start + 1, int(np.searchsorted(indptr, limit, side="right")) - 1)
            stop = min(stop, start + at_a_time, n_rows)
            file.write(lines(slice(start, stop)))
            start = stop


def joined_lines(labels: Array, entries: Iterable[str], indptr: Array) -> bytes:
    r"""Return one line a row: the label and the entries, written already, separated by blanks.

    >>> joined_lines(np.array([1.0, 0.5]), ["0:7:1", "1:8:1"], np.array([0, 2, 2]))
    b'1 0:7:1 1:8:1\n0.5\n'
    """
    texts, borders = list(entries), indptr.tolist()
    lines = [
        " ".join([label, *texts[begin:end]])
        for label, begin, end in zip(shortest(labels), borders, borders[1:], strict=False)
    ]
    return ("\n".join(lines) + "\n").encode("ascii")
