"""Predictions of many pairs: ids become indices once, and rows are gathered a chunk at a time.

Contract: 10 million pairs take the memory of their indices and of the result, and no more; a side
that is unknown or had no training ratings adds nothing but the mean.

Called by ``models.factor_model`` and ``models.factor_neighbours``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings

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
    if isinstance(users, Ratings):
        if items is not None:
            raise ValueError("Ratings bring their own items: leave out the second argument")
        return _predict_ratings(model, users, unknown)
    if items is None:
        raise ValueError("predict takes users and items, or Ratings; the items are missing")
    return _predict_ids(model, users, items, unknown)


def _predict_ids(model: "FactorModel", users: Any, items: Any, unknown: str) -> Any:
    one_user, one_item = is_single(users), is_single(items)
    u, i = model.encode_users(users), model.encode_items(items)
    if unknown == "error":
        refuse(model, "user", u, lambda place: id_at(users, place))
        refuse(model, "item", i, lambda place: id_at(items, place))
    if one_user:
        u = np.broadcast_to(u, i.shape)
    elif one_item:
        i = np.broadcast_to(i, u.shape)
    if len(u) != len(i):
        raise ValueError(f"{len(u)} users and {len(i)} items do not make pairs")
    z = predict_pairs(model, u, i)
    return z[0] if one_user and one_item else z


def id_at(ids: Any, place: int) -> Any:
    """Return the id at a place of whatever the caller passed, for a message."""
    return ids if is_single(ids) else np.asarray(ids, dtype=object)[place]


def _predict_ratings(model: "FactorModel", ratings: Ratings, unknown: str) -> Array:
    """Look each id up once, not once a rating."""
    u = model.encode_users(ratings.user_ids)[ratings.u]
    i = model.encode_items(ratings.item_ids)[ratings.i]
    if unknown == "error":
        refuse(model, "user", u, lambda place: ratings.user_ids[ratings.u[place]])
        refuse(model, "item", i, lambda place: ratings.item_ids[ratings.i[place]])
    return predict_pairs(model, u, i)


def is_single(ids: Any) -> bool:
    """Return whether this is one id, and not a sequence of them."""
    return isinstance(ids, str | int | np.generic)


def refuse(model: "FactorModel", side: str, index: Array, name_of: Callable[[int], Any]) -> None:
    """Raise ValueError for the first index that is unknown or had no ratings, by its id."""
    missing = np.flatnonzero(~model.seen(side, index))
    if len(missing):
        place = int(missing[0])
        why = "is unknown" if index[place] < 0 else "had no training ratings"
        one = name_of(place)
        name = one.item() if isinstance(one, np.generic) else one
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
