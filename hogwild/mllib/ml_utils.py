"""What the page's example needs besides an optimizer: a bias feature, samples, splits, folds.

``MLUtils`` and three methods of Spark's RDDs, for whatever `as_partitions` takes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.local import as_partitions
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.vectors import SparseVector, as_vector


def append_bias(data: Any) -> Any:
    """Append the feature 1.0 to a vector, a labelled point, or all rows of a data set.

    Dense stays dense, sparse stays sparse (the entry is stored).

    Parameters
    ----------
    data : vector (see `as_vector`), LabeledPoint, Partitions, or what makes one

    Examples
    --------
    >>> append_bias([2.0, 3.0])
    array([2., 3., 1.])
    >>> print(append_bias(SparseVector(3, [0, 2], [1.0, 3.0])))
    (4,[0,2,3],[1.0,3.0,1.0])
    >>> append_bias(([[2.0], [3.0]], [0, 1])).collect().X.tolist()
    [[2.0, 1.0], [3.0, 1.0]]
    """
    if isinstance(data, LabeledPoint):
        return LabeledPoint(data.label, append_bias(data.features))
    if _is_row(data):
        x = as_vector(data)
        if isinstance(x, SparseVector):
            places, values = np.append(x.indices, x.size), np.append(x.values, 1.0)
            return SparseVector(x.size + 1, places, values)
        return np.append(x, 1.0)
    rows = as_partitions(data)
    return rows.map_rows(_with_bias, rows.n_features + 1)


def _is_row(data: Any) -> bool:
    if isinstance(data, SparseVector) or hasattr(data, "toArray"):
        return True
    if sp.issparse(data):
        return data.ndim == 1 or data.shape[0] == 1
    if isinstance(data, np.ndarray):
        return data.ndim == 1 and data.dtype.kind in "biuf"
    return isinstance(data, list | tuple) and all(np.isscalar(value) for value in data)


def _with_bias(rows: Rows) -> Rows:
    ones = np.ones((len(rows), 1))
    if sp.issparse(rows.X):
        return Rows(sp.hstack([rows.X, sp.csr_matrix(ones)], format="csr"), rows.y)
    return Rows(np.hstack([rows.X, ones]), rows.y)


def sample(data: Any, fraction: float, seed: int) -> Partitions:
    """`Partitions.sample` of whatever holds rows."""
    return as_partitions(data).sample(fraction, seed)


def random_split(data: Any, weights: Sequence[float], seed: int) -> list[Partitions]:
    """`Partitions.random_split` of whatever holds rows."""
    return as_partitions(data).random_split(weights, seed)


def k_fold(data: Any, num_folds: int, seed: int) -> list[tuple[Partitions, Partitions]]:
    """`Partitions.k_fold` of whatever holds rows."""
    return as_partitions(data).k_fold(num_folds, seed)
