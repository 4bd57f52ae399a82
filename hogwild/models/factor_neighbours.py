"""The best items for a user and the nearest to an item: the highest of many scores, ties by id.

Contract: an item without training ratings is never among them, for its row means nothing.

Called by ``models.factor_model`` and ``models.factor_fold``.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.models.factor_predict import is_single, predict_pairs

if TYPE_CHECKING:
    from hogwild.models.factor_model import FactorModel

Array = npt.NDArray[Any]


def best_items(model: "FactorModel", user: Any, n: int, exclude: Any) -> tuple[Array, Array]:
    """Return (item ids, scores) of the n best items for a user of the model.

    `exclude` is None, a sequence of item ids, or Ratings: those of this user are left out.
    """
    u = row_of(model, "user", user)
    if isinstance(exclude, Ratings):
        own = exclude.i[exclude.u == exclude.encode_users([user])[0]]
        exclude = exclude.item_ids[own]
    scores = predict_pairs(model, np.full(model.n_items, u), np.arange(model.n_items))
    return ranked(model, scores, n, () if exclude is None else model.encode_items(exclude))


def nearest_items(model: "FactorModel", item: Any, n: int) -> tuple[Array, Array]:
    """Return (item ids, cosines) of the n other items whose rows point most nearly the same way."""
    i = row_of(model, "item", item)
    return ranked(model, cosines(model.Q, i), n, [i])


def row_of(model: "FactorModel", side: str, one: Any) -> int:
    """Return the row of one "user" or "item" id, or raise ValueError where it means nothing."""
    if not is_single(one):
        raise ValueError(f"one {side} is asked for, got {one!r}")
    row = int((model.encode_users if side == "user" else model.encode_items)(one)[0])
    if not model.seen(side, row):
        why = "is unknown" if row < 0 else "had no training ratings"
        hint = "; fold_in takes a new user's ratings" if side == "user" else ""
        raise ValueError(f"{side} {one!r} {why}{hint}")
    return row


def ranked(
    model: "FactorModel", scores: Array, n: int, left_out: npt.ArrayLike
) -> tuple[Array, Array]:
    """Return (item ids, scores) of the n highest scores, best first, ties by id.

    Parameters
    ----------
    scores : float array, shape (n_items,)
    left_out : indices of items that are not wanted; -1 is none
    """
    index = np.asarray(left_out, dtype=np.intp)
    allowed = model.seen_items.copy()
    allowed[index[index >= 0]] = False
    among = np.flatnonzero(allowed)
    top = among[np.lexsort((model.item_rank[among], -scores[among]))[:n]]
    return model.item_ids[top], scores[top]


def cosines(Q: Array, item: int) -> Array:
    """Return the cosine of the angle between one row and every row; 0 where a row is 0.

    Examples
    --------
    >>> cosines(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0], [-3.0, 0.0]]), 0).round(6)
    array([ 1.      ,  0.707107,  0.      , -1.      ])
    """
    rows = Q.astype(np.float64)
    # the largest entry is divided out first: the squares of tiny or huge rows would leave the range
    scale = np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
    rows /= np.where(scale > 0.0, scale, 1.0)
    lengths = np.sqrt(np.einsum("nk,nk->n", rows, rows))
    rows /= np.where(lengths > 0.0, lengths, 1.0)[:, None]
    return np.einsum("nk,k->n", rows, rows[item])
