"""The ratings written block after block, each block in its order: its meaning and its execution.

Inside a block ratings are sorted by user, by item, or shuffled once: that is the *meaning* of the
block's order (the article's partial random method sorts).  They are then laid out level by level
(``kernels.levels``), which is how that order is *executed*: the same bits, without the stalls of
ratings that wait for the one before.  Called by ``models.factor_memory``, and by hand in the
lessons.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.kernels.levels import levels
from hogwild.models.grid import CHUNK, Plan

Ints = npt.NDArray[Any]

ORDERS = ("user", "item", "random")


def fill(
    plan: Plan,
    ratings: Ratings,
    u: Ints,
    i: Ints,
    r: npt.NDArray[Any],
    seed: Any = None,
    *,
    order: str = "user",
    by_level: bool = True,
    compiled: bool = False,
) -> list[Ints] | None:
    """Write the ratings to `u`, `i` and `r`, block after block, each in its order.

    Parameters
    ----------
    plan : Plan
    ratings : Ratings
    u, i : int32 or uint32 arrays, shape (n_ratings,)     written
        Rows of P and of Q.
    r : float array, shape (n_ratings,)     written
    seed : int, SeedSequence or Generator
        Of the runs, and of ``order="random"``.
    order : {"user", "item", "random"}
        In which order a block's ratings are meant: sorted by user and item; by item and user; or
        shuffled once.  Runs of HogWild's are random whatever is asked for.
    by_level : bool
        Lay the ratings out level by level: the same bits, without the stalls of ratings that wait
        for the one before.
    compiled : bool
        Find the levels by the extra ``fast``.

    Returns
    -------
    list of int64 arrays, or None
        For each block where its levels begin, and its end; None where `by_level` is off.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
    random = np.random.default_rng(seed)
    if plan.is_grid:
        _scatter(plan, ratings, u, i, r)
    else:
        _draw(plan, ratings, u, i, r, random)
        order = "given"
    borders = []
    for block in range(plan.n_blocks):
        part = slice(int(plan.starts[block]), int(plan.starts[block + 1]))
        found = _lay_out(plan, block, u[part], i[part], r[part], order, random, by_level, compiled)
        borders.append(found + part.start)
    return borders if by_level else None


def _lay_out(
    plan: Plan,
    block: int,
    u: Ints,
    i: Ints,
    r: npt.NDArray[Any],
    order: str,
    random: np.random.Generator,
    by_level: bool,
    compiled: bool,
) -> Ints:
    """Bring one block into its order, in place; return the borders of its levels."""
    a, c = divmod(block, plan.shape[1]) if plan.is_grid else (0, 0)
    n_users = int(plan.user_edges[a + 1] - plan.user_edges[a])
    n_items = int(plan.item_edges[c + 1] - plan.item_edges[c])
    x = (u.astype(np.int64) - plan.user_edges[a]).astype(np.int32)
    y = (i.astype(np.int64) - plan.item_edges[c]).astype(np.int32)
    place = _order(x, y, order, n_users, n_items, random)
    if place is not None:
        x, y = x[place], y[place]
    borders = np.array([0, len(u)])
    if by_level:
        if len(x) < n_users + n_items:  # a run of HogWild's: number only those that occur
            x, y = (np.unique(ids, return_inverse=True)[1].astype(np.int32) for ids in (x, y))
            n_users = n_items = len(x)
        level = levels(x, y, n_users, n_items, compiled=compiled)
        borders = np.concatenate([[0], np.cumsum(np.bincount(level))])
        by = np.argsort(level, kind="stable")
        place = by if place is None else place[by]
    if place is not None:
        u[:], i[:], r[:] = u[place], i[place], r[place]
    return borders


def _order(
    x: Ints, y: Ints, order: str, n_users: int, n_items: int, random: np.random.Generator
) -> Ints | None:
    """Return the permutation that brings a block's ratings into their order."""
    if order == "user":
        return np.argsort(x.astype(np.int64) * n_items + y, kind="stable")
    if order == "item":
        return np.argsort(y.astype(np.int64) * n_users + x, kind="stable")
    return random.permutation(len(x)) if order == "random" else None


def _scatter(plan: Plan, ratings: Ratings, u: Ints, i: Ints, r: npt.NDArray[Any]) -> None:
    """Write every rating to its block, chunk by chunk, in the order of the ratings."""
    filled = plan.starts[:-1].copy()
    for first in range(0, len(ratings), CHUNK):
        part = slice(first, first + CHUNK)
        users, items = ratings.u[part], ratings.i[part]
        block = plan.block_of(users, items)
        if plan.n_blocks < 1 << 16:
            block = block.astype(np.uint16)  # sorted by radix, in one pass
        by = np.argsort(block, kind="stable")
        counts = np.bincount(block, minlength=plan.n_blocks)
        within = np.arange(len(by)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = np.repeat(filled, counts) + within
        u[place] = plan.user_row[users[by]]
        i[place] = plan.item_row[items[by]]
        r[place] = ratings.r[part][by]
        filled += counts


def _draw(
    plan: Plan,
    ratings: Ratings,
    u: Ints,
    i: Ints,
    r: npt.NDArray[Any],
    random: np.random.Generator,
) -> None:
    """Write the ratings in random order."""
    place = random.permutation(np.arange(len(ratings), dtype=np.int32))
    for first in range(0, len(ratings), CHUNK):
        part = place[first : first + CHUNK]
        to = slice(first, first + len(part))
        u[to], i[to] = plan.user_row[ratings.u[part]], plan.item_row[ratings.i[part]]
        r[to] = ratings.r[part]
