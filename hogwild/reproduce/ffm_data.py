"""The rows of the FFM reproduction: made click data in three parts, and libFFM's bigdata pair.

The same rows serve four models: a linear model takes a row's features as they are, Poly2 each pair
of them, hashed.

Called by ``ffm``, and by the command line before anything is run.
"""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples, FieldRows, generate_fields, read_libffm
from hogwild.reproduce.ffm_plan import Plan, full_plan
from hogwild.reproduce.folder import find_files

TRAINING, TEST = "bigdata.tr.txt", "bigdata.te.txt"
FOLDERS = (".", "ffm", "data/ffm")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Split:
    """Rows to fit to, to stop by, and to be judged by."""

    train: FieldRows
    validation: FieldRows
    test: FieldRows


def plan_with(folder: Path) -> Plan:
    """Return the real report's plan with the bigdata pair; DataError where it isn't there."""
    find(folder)
    return dataclasses.replace(full_plan(), data=folder)


def find(folder: Path) -> tuple[Path, Path]:
    """Return the paths of libFFM's training and test file in a folder.

    Raises
    ------
    DataError
        When they aren't there.
    """
    where = "nor in its folder ffm; they are the example of libFFM's archive"
    training, test = find_files(folder, FOLDERS, [TRAINING, TEST], where)
    return training, test


def pair(folder: Path) -> tuple[FieldRows, FieldRows]:
    """Return the bigdata pair: training rows and test rows."""
    training, test = find(folder)
    return read_libffm(training), read_libffm(test)


def made(plan: Plan) -> Split:
    """Return made click data: one category in each field, labels from planted vectors."""
    rows = generate_fields(*plan.shape, seed=0)
    train, held = rows.split(2.0 * plan.held, seed=0)
    validation, test = held.split(0.5, seed=1)
    return Split(train, validation, test)


def features(rows: FieldRows) -> Examples:
    """Return the rows for a linear model: the features, each row of length 1, labels -1 and +1.

    Examples
    --------
    >>> rows = FieldRows.of_lists([[(0, 0, 1), (1, 2, 1)]], [0])
    >>> found = features(rows)
    >>> found.indices.tolist(), found.data.round(3).tolist(), found.y.tolist()
    ([0, 2], [0.707, 0.707], [-1.0])
    """
    return _unit_rows(rows, rows.indptr, rows.features, rows.values, rows.n_features)


def pairs(rows: FieldRows, bins: int) -> Examples:
    """Return the rows for Poly2: each pair of features, hashed; each row of length 1.

    Examples
    --------
    >>> rows = FieldRows.of_lists([[(0, 0, 1), (1, 2, 1), (2, 5, 1)]], [1])
    >>> found = pairs(rows, 1000)
    >>> len(found.indices), found.data.round(3).tolist()
    (3, [0.577, 0.577, 0.577])
    """
    indptr, columns, values = [0], [], []
    for first, last in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        a, b = _places(int(last - first))
        j, v = rows.features[first:last].astype(np.uint64), rows.values[first:last]
        low, high = np.minimum(j[a], j[b]), np.maximum(j[a], j[b])
        columns.append(_hashed(low * np.uint64(rows.n_features) + high, bins))
        values.append(v[a] * v[b])
        indptr.append(indptr[-1] + len(a))
    empty = np.zeros(0)
    return _unit_rows(
        rows, np.array(indptr), np.concatenate([*columns, empty.astype(np.int64)]),
        np.concatenate([*values, empty]), bins,
    )  # fmt: skip


@functools.cache
def _places(n: int) -> tuple[Array, Array]:
    """Return the places a < b of all pairs of n entries."""
    return np.triu_indices(n, 1)


def _hashed(numbers: Array, bins: int) -> Array:
    """Return the numbers, mixed by a multiplication (Knuth) and cut to the bins."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(32)) % np.uint64(bins)).astype(np.int64)


def _unit_rows(rows: FieldRows, indptr: Array, columns: Array, values: Array, n: int) -> Examples:
    """Return a row's entries with repeated columns added up, scaled to length 1."""
    # copied: adding up sorts the columns in place, and those of `rows` must stay as they are
    matrix = sp.csr_matrix((values, columns, indptr), shape=(len(rows), n), dtype=float, copy=True)
    matrix.sum_duplicates()
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = sp.diags(1.0 / np.where(norms > 0.0, norms, 1.0)) @ matrix
    return Examples(sp.csr_matrix(matrix), signs(rows))


def signs(rows: FieldRows) -> Array:
    """Return the labels as -1 and +1, by libFFM's rule."""
    return np.where(np.trunc(rows.y) > 0, 1.0, -1.0)
