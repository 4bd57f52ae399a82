"""The entries of all fields, which come field by field, put in the order of the rows.

Called by `hogwild.data.field_encoder`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hogwild.data.arrays import Array


class Part(NamedTuple):
    """The entries of one field."""

    field: int
    rows: Array  # never falling
    features: Array
    values: Array


def joined(parts: Sequence[Part], n_rows: int) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return (indptr, (fields, features, values)), each row's entries in the order of the parts.

    >>> one = Part(0, np.array([0, 1]), np.array([5, 6]), np.array([1.0, 1.0]))
    >>> two = Part(1, np.array([1, 1]), np.array([8, 9]), np.array([0.5, 2.0]))
    >>> indptr, entries = joined([one, two], n_rows=2)
    >>> indptr.tolist(), [part.tolist() for part in entries]
    ([0, 1, 4], [[0, 0, 1, 1], [5, 6, 8, 9], [1.0, 1.0, 0.5, 2.0]])
    """
    counts = [np.bincount(part.rows, minlength=n_rows) for part in parts]
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(sum(counts), out=indptr[1:])
    fields = np.empty(indptr[-1], dtype=np.int32)
    features = np.empty(indptr[-1], dtype=np.int32)
    values = np.empty(indptr[-1], dtype=parts[0].values.dtype)
    free = indptr[:-1].copy()  # the first free place of each row
    for part, count in zip(parts, counts, strict=True):
        before = np.cumsum(count) - count  # entries of the part in earlier rows
        places = (free - before)[part.rows] + np.arange(len(part.rows))
        fields[places], features[places] = part.field, part.features
        values[places] = part.values
        free += count
    return indptr, (fields, features, values)
