"""Ratings as users of scikit-learn have them: two columns of ids and a target, or all in one.

Called by ``estimators.matrix``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Ratings
from hogwild.data.arrays import as_array
from hogwild.data.ratings_columns import recognised
from hogwild.errors import DataError
from hogwild.estimators import doors

Array = npt.NDArray[Any]


def as_ratings(X: Any, y: Any, estimator: str, dtype: Any) -> Ratings:
    """Return the ratings that X and y are.

    Examples
    --------
    >>> as_ratings([["ann", 7], ["bob", 7]], [3.0, 4.0], "E", "float32")
    Ratings(2 ratings, 2 users, 1 items, float32)
    """
    sparse = sp.issparse(X)
    whole = isinstance(X, Ratings) or sparse or (y is None and doors.is_frame(X))
    if whole and y is not None:
        raise ValueError(
            f"{'sparse data' if sparse else 'Ratings'} passed for X brings its own ratings: y must "
            "be None; for ratings in y, X is dense, two columns of ids"
        )
    if isinstance(X, Ratings):
        return X
    if whole:
        make = Ratings.from_scipy if sparse else Ratings.from_frame
        return make(X, dtype=np.dtype(dtype))
    r = doors.checked_target(y, estimator)
    if r.dtype == object:
        r = r.astype(np.float64)  # numpy's own error names what is no number
    users, items = as_pairs(X)
    if len(users) != len(r):
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: {len(users)} pairs in X, "
            f"{len(r)} ratings in y"
        )
    return Ratings(users, items, r, dtype=np.dtype(dtype))


def as_pairs(X: Any) -> tuple[Array, Array]:
    """Return users and items: two columns, those that a sparse matrix has stored, a frame's."""
    if sp.issparse(X):
        coo = X.tocoo()
        return coo.row, coo.col
    if doors.is_frame(X):
        return _columns(X)
    if isinstance(X, list | tuple):
        # numpy would make text of a number that stands beside text
        rows = [tuple(row) if isinstance(row, list | tuple | np.ndarray) else row for row in X]
        array = np.array(rows, dtype=object)
    else:
        array = as_array(X, "X")
    if array.ndim != 2:
        raise DataError(
            f"Expected 2D array, got shape {array.shape} instead: a user and an item a row. "
            "Reshape your data: X.reshape(1, -1) if it is a single pair"
        )
    if len(array) == 0:
        raise DataError("Found array with 0 sample(s) while a minimum of 1 is required.")
    if array.shape[1] != 2:
        raise DataError(
            f"X must have exactly 2 columns, user and item; found {array.shape[1]} feature(s) "
            f"(shape={array.shape})"
            + (" while a minimum of 2 is required." if array.shape[1] < 2 else "; ratings go to y")
        )
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: ids are whole numbers or text")
    return _ids(array[:, 0], "user"), _ids(array[:, 1], "item")


def split(ratings: Ratings, fraction: Any, seed: Any) -> tuple[Ratings, Ratings]:
    """Return the ratings to fit to, and a share of them to watch."""
    if isinstance(fraction, bool) or not isinstance(fraction, float) or not 0.0 < fraction < 1.0:
        raise ValueError(f"validation_fraction must be above 0 and below 1, got {fraction!r}")
    train, held = ratings.split(fraction, seed=np.random.default_rng(seed))
    if not len(train) or not len(held):
        raise ValueError(
            f"validation_fraction={fraction} leaves {len(train)} of {len(ratings)} ratings to fit "
            f"to and {len(held)} to watch; both need one"
        )
    return train, held


def _columns(frame: Any) -> tuple[Array, Array]:
    """Return a frame's users and items: by the names of its columns, else the only two."""
    names = list(frame.columns)
    found = recognised(names)
    if len(found["user"]) == len(found["item"]) == 1:
        names = [names[found["user"][0]], names[found["item"][0]]]
    if len(names) != 2:
        raise DataError(
            "X must have two columns, user and item, or name them so; its columns are "
            + ", ".join(map(repr, names[:10]))
        )
    users, items = (as_array(frame[name], f"column {name!r}") for name in names)
    return _ids(users, "user"), _ids(items, "item")


def _ids(ids: Array, what: str) -> Array:
    """Return ids; whole numbers that have become floats on their way are whole numbers again."""
    if ids.dtype.kind != "f":
        return ids
    if not np.isfinite(ids).all():
        row = int(np.argmin(np.isfinite(ids)))
        raise DataError(f"{what} ids must not contain NaN or infinity; found {ids[row]}, row {row}")
    wrong = np.flatnonzero(~(np.abs(ids) < 2.0**53) | (ids != np.floor(ids)))
    if len(wrong):
        raise DataError(
            f"{what} ids must be whole numbers or text; found {ids[wrong[0]]} at row {wrong[0]}"
        )
    return ids.astype(np.int64)
