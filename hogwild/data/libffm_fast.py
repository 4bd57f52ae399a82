"""A chunk of libFFM text becomes arrays, or is refused as a whole.

Contract: `parse_chunk` returns what the strict parser would return, to the bit, or None when it
meets anything that it doesn't know for sure: see `hogwild.data.entries_fast`.

Called by `hogwild.data.libffm`.
"""

from typing import NamedTuple

from hogwild.data.arrays import Array
from hogwild.data.entries_fast import parse_entries


class Entries(NamedTuple):
    """Rows of one chunk: labels, entries a row, and the entries one after the other."""

    labels: Array  # float64
    counts: Array  # int64, entries of each row
    fields: Array  # int64
    features: Array  # int64
    values: Array  # float64


def parse_chunk(text: bytes) -> Entries | None:
    r"""Return the rows of a chunk of whole lines, or None if anything in it is out of the ordinary.

    The text is as `hogwild.data.entries_fast.tidy` leaves it. Numbers are correctly rounded and
    finite; field and feature numbers are exact, but their range is not checked.

    >>> entries = parse_chunk(b"1 0:3:0.5 4:7:1\n0\n")
    >>> entries.labels.tolist(), entries.counts.tolist()
    ([1.0, 0.0], [2, 0])
    >>> entries.fields.tolist(), entries.features.tolist(), entries.values.tolist()
    ([0, 4], [3, 7], [0.5, 1.0])
    """
    parts = parse_entries(text, n_ids=2)
    return None if parts is None else Entries(*parts)
