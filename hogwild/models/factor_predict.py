"""Predictions of many pairs: ids become indices once, and rows are gathered a chunk at a time.

Contract: 10 million pairs take the memory of their indices and of the result, and no more; a side
that is unknown or had no training ratings adds nothing but the mean.

Called by ``models.factor_model`` and ``models.factor_neighbours``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.models.factor_ids import as_ids

if TYPE_CHECKING:
    from hogwild.models.factor_model import FactorModel

Array = npt.NDArray[Any]

CHUNK_NUMBERS = 1 << 18
"""Numbers of gathered rows in hand at a time: they fit a processor's second-level cache."""


UNKNOWN = ("mean", "error")


def predict_any(model: "FactorModel", users: Any, items: Any, unknown: str) -> Any:
    """Return the prediction for pairs of ids, or for Ratings."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, got {unknown!r}")
    if not hasattr(users, "user_ids"):
        if items is None:
            raise ValueError("predict takes users and items, or Ratings; the items are missing")
        return predict_ids(model, users, items, unknown)
    if items is not None:
        raise ValueError("Ratings bring their own items: leave out the second argument")
    return predict_ratings(model, users, unknown)


def predict_ids(model: "FactorModel", users: Any, items: Any, unknown: str) -> Any:
    """Return the prediction for every pair of ids."""
    users, items = as_ids(users, "users"), as_ids(items, "items")
    if users.ndim and items.ndim and users.shape != items.shape:
        raise ValueError(f"{len(users)} users and {len(items)} items do not make pairs")
    u, i = model.users.find(users), model.items.find(items)
    if unknown == "error":
        refuse(model, "user", u.reshape(-1), users.reshape(-1).__getitem__)
        refuse(model, "item", i.reshape(-1), items.reshape(-1).__getitem__)
    u, i = np.broadcast_arrays(u, i)
    return predict_pairs(model, u.reshape(-1), i.reshape(-1)).reshape(u.shape)[()]


def predict_ratings(model: "FactorModel", ratings: Any, unknown: str) -> Array:
    """Return the prediction for every rating; each id is looked up once, not once a rating."""
    u = model.users.find(ratings.user_ids)[ratings.u]
    i = model.items.find(ratings.item_ids)[ratings.i]
    if unknown == "error":
        refuse(model, "user", u, lambda place: ratings.user_ids[ratings.u[place]])
        refuse(model, "item", i, lambda place: ratings.item_ids[ratings.i[place]])
    return predict_pairs(model, u, i)


def refuse(model: "FactorModel", side: str, index: Array, id_at: Callable[[int], Any]) -> None:
    """Raise ValueError for the first index that is unknown or had no ratings, by its id."""
    missing = np.flatnonzero(~model.seen(side, index))
    if len(missing):
        place = int(missing[0])
        why = "is unknown" if index[place] < 0 else "had no training ratings"
        name = np.asarray(id_at(place)).item()
        raise ValueError(f"{side} {name!r} at position {place} {why}")


def check_indices(model: "FactorModel", side: str, index: npt.ArrayLike) -> Array:
    """Return row numbers as an array, once all are found to be rows of the model, or -1."""
    index = np.asarray(index)
    n_rows = model.n_users if side == "user" else model.n_items
    if index.ndim != 1 or (index.dtype.kind not in "iu" and index.size):
        raise ValueError(
            f"{side} indices must be integers in one dimension, got {index.dtype} of shape "
            f"{index.shape}"
        )
    if index.size and (index.min() < -1 or index.max() >= n_rows):
        place = int(np.flatnonzero((index < -1) | (index >= n_rows))[0])
        raise ValueError(
            f"{side} index {index[place]} at position {place}; the model has {n_rows} {side}s, "
            "numbered from 0, and -1 is an unknown one"
        )
    return index if index.size else index.astype(np.intp)


def predict_pairs(model: "FactorModel", u: Array, i: Array) -> Array:
    """Return the prediction for every pair of row numbers, as float64.

    Parameters
    ----------
    u, i : integer arrays, shape (n,)
        Checked; -1 is an unknown user or item.
    """
    z = np.empty(len(u))
    size = max(1, CHUNK_NUMBERS // max(1, model.n_factors))
    for start in range(0, len(u), size):
        part = slice(start, start + size)
        z[part] = _predict_chunk(model, u[part], i[part])
    return z


def _predict_chunk(model: "FactorModel", u: Array, i: Array) -> Array:
    has_user, has_item = model.seen("user", u), model.seen("item", i)
    both = has_user & has_item
    z = np.full(len(u), float(model.mean))
    if model.user_bias is not None and model.item_bias is not None:
        z[has_user] += model.user_bias[u[has_user]]
        z[has_item] += model.item_bias[i[has_item]]
    else:
        z[both] = 0.0
    if both.all():  # the rule; picking the pairs would copy them once more
        return z + np.einsum("nk,nk->n", model.P[u], model.Q[i])
    z[both] += np.einsum("nk,nk->n", model.P[u[both]], model.Q[i[both]])
    return z
