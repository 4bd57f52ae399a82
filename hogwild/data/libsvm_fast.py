"""A chunk of LIBSVM text becomes arrays, or is refused as a whole.

Contract: `parse_chunk` returns what the strict parser would return, to the bit, or None when it
meets anything that it doesn't know for sure: see `hogwild.data.entries_fast`.

Called by `hogwild.data.libsvm`; `parse_chunk` by `hogwild.data.ratings_fast` and by
`hogwild.mllib.libsvm_chunks`, too.
"""

import re
from typing import NamedTuple

from hogwild.data import entries_fast
from hogwild.data.arrays import Array


class Rows(NamedTuple):
    """Rows of one chunk: labels, entries a row, and the entries one after the other.

    Column numbers are as written in the file, whatever their base.
    """

    labels: Array  # float64
    counts: Array  # int64, entries of each row
    columns: Array  # int64
    values: Array  # float64


_QID = re.compile(rb"^([^ \n]+) qid:-?[0-9]+(?=[ \n])", re.MULTILINE)


def tidy(text: bytes) -> tuple[bytes, bool] | None:
    r"""Return the text with one blank between two fields and nothing besides, and if it had qid.

    Query numbers go, with all that `hogwild.data.entries_fast.tidy` clears away.

    >>> tidy(b"# a comment\n1\tqid:7 2:3  4:5 \r\n\n")
    (b'1 2:3 4:5\n', True)
    """
    tidied = entries_fast.tidy(text)
    if tidied is None:
        return None
    without, n_qid = _QID.subn(rb"\1", tidied) if b"qid:" in tidied else (tidied, 0)
    return without, n_qid > 0


def parse_chunk(text: bytes) -> Rows | None:
    r"""Return the rows of a chunk of whole lines, or None if anything in it is out of the ordinary.

    Parameters
    ----------
    text : bytes
        Lines that all end with a newline, fields separated by one blank (see `tidy`).

    Returns
    -------
    Rows or None
        Numbers are correctly rounded and finite; column numbers are exact, but their order and
        range are not checked.

    Examples
    --------
    >>> rows = parse_chunk(b"+1 3:0.5 7:-2e1\n-1\n")
    >>> rows.labels.tolist(), rows.counts.tolist(), rows.columns.tolist(), rows.values.tolist()
    ([1.0, -1.0], [2, 0], [3, 7], [0.5, -20.0])
    >>> parse_chunk(b"1 2:0x10\n") is None
    True
    """
    parts = entries_fast.parse_entries(text, n_ids=1)
    return None if parts is None else Rows(*parts)
