"""The ratings cut into blocks: ids shuffled, b x b blocks, each contiguous and laid out to be run.

::

    users shuffled, then cut in bands          a block (a, c): the ratings of user band a and
        +-----+-----+-----+                    item band c; its number is a * columns + c
        | 0,0 | 0,1 | 0,2 |
        +-----+-----+-----+      inside a block: by user, by item or at random (its *meaning*),
        | 1,0 | 1,1 | 1,2 |      then level by level (its *execution*: the same bits, see
        +-----+-----+-----+      ``kernels.levels``)
        | 2,0 | 2,1 | 2,2 |
        +-----+-----+-----+

Shuffling evens the blocks out (Zhuang et al. 2013, section 4.1); the permutations are kept, so that
the model can undo them.  HogWild draws from the whole matrix: there a "block" is a run of ratings
in random order.  Called by ``models.factors``, and by hand in the lessons.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.kernels.levels import levels

Ints = npt.NDArray[Any]

ORDERS = ("user", "item", "random")
BALANCES = ("ids", "ratings")
CHUNK = 1 << 17  # ratings moved at once: what is needed besides the two copies stays small
RUN = 4096  # ratings in a run of HogWild's


@dataclass(frozen=True, eq=False)
class Plan:
    """Where each user, item and rating goes; made by ``plan_grid`` and ``plan_runs``.

    Attributes
    ----------
    shape : (int, int)
        Bands of users, bands of items; (1, 1) for runs.
    user_row, item_row : int32 arrays, shape (n_users,) and (n_items,)
        The row of P, of Q, that each user or item has.
    user_edges, item_edges : int64 arrays, shape (rows + 1,) and (columns + 1,)
        First row of each band, and the number of rows.
    starts : int64 array, shape (n_blocks + 1,)
        First rating of each block.
    is_grid : bool
        Whether blocks are cut by rows and columns, so that they can exclude one another.
    """

    shape: tuple[int, int]
    user_row: Ints
    item_row: Ints
    user_edges: Ints
    item_edges: Ints
    starts: Ints
    is_grid: bool = True

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> Ints:
        """Ratings in each block, shape (n_blocks,)."""
        return np.diff(self.starts)

    def block_of(self, u: Ints, i: Ints) -> Ints:
        """Return the block of each rating, from user and item indices (not rows)."""
        return self._user_band[u] * self.shape[1] + self._item_band[i]

    @functools.cached_property
    def _user_band(self) -> Ints:
        return _bands(self.user_edges, self.user_row)

    @functools.cached_property
    def _item_band(self) -> Ints:
        return _bands(self.item_edges, self.item_row)


def plan_grid(
    ratings: Ratings,
    shape: int | tuple[int, int],
    seed: Any = None,
    *,
    balance: str = "ids",
    shuffle: bool = True,
) -> Plan:
    """Return a plan that cuts the ratings into blocks of user bands by item bands.

    Parameters
    ----------
    ratings : Ratings
    shape : int or (int, int)
        Bands of users and of items.
    seed : int, SeedSequence or Generator
        Of the shuffling.
    balance : {"ids", "ratings"}
        Bands of as many ids, as in the article; or of as many ratings, as near as whole ids allow.
    shuffle : bool
        Without it ids stay as they are, and blocks are as uneven as the data.

    Examples
    --------
    >>> ratings = Ratings.of_indices([0, 0, 1, 1], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0])
    >>> plan = plan_grid(ratings, 2, shuffle=False)
    >>> plan.sizes.tolist(), plan.block_of(ratings.u, ratings.i).tolist()
    ([1, 1, 1, 1], [0, 1, 2, 3])
    """
    rows, columns = (shape, shape) if isinstance(shape, int | np.integer) else shape
    if balance not in BALANCES:
        raise ValueError(f"balance must be one of {', '.join(BALANCES)}, got {balance!r}")
    for name, bands, count in (("user", rows, ratings.n_users), ("item", columns, ratings.n_items)):
        if not 1 <= bands <= max(count, 1):
            raise ValueError(
                f"a grid needs 1 to {count} bands of {name}s, as many as there are {name}s; "
                f"got {bands}"
            )
    user_row, item_row = _shuffled(ratings, seed if shuffle else None, shuffle)
    plan = Plan(
        (int(rows), int(columns)),
        user_row,
        item_row,
        _edges(ratings.u, user_row, int(rows), balance),
        _edges(ratings.i, item_row, int(columns), balance),
        np.zeros(1, np.int64),
    )
    counts = np.zeros(rows * columns, np.int64)
    for first in range(0, len(ratings), CHUNK):
        part = slice(first, first + CHUNK)
        counts += np.bincount(
            plan.block_of(ratings.u[part], ratings.i[part]), minlength=rows * columns
        )
    return dataclasses.replace(plan, starts=np.concatenate([[0], np.cumsum(counts)]))


def plan_runs(ratings: Ratings, seed: Any = None, *, length: int = RUN) -> Plan:
    """Return a plan for HogWild: runs of ratings drawn from the whole matrix, without replacement.

    Examples
    --------
    >>> ratings = Ratings.of_indices([0, 0, 1], [0, 1, 0], [1.0, 2.0, 3.0])
    >>> plan_runs(ratings, 0, length=2).sizes.tolist()
    [2, 1]
    """
    user_row, item_row = _shuffled(ratings, seed, True)
    starts = np.append(np.arange(0, len(ratings), length), len(ratings)).astype(np.int64)
    return Plan(
        (1, 1),
        user_row,
        item_row,
        np.array([0, ratings.n_users]),
        np.array([0, ratings.n_items]),
        starts,
        is_grid=False,
    )


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


def _shuffled(ratings: Ratings, seed: Any, shuffle: bool) -> tuple[Ints, Ints]:
    """Return the rows of users and of items."""
    if not shuffle:
        return np.arange(ratings.n_users, dtype=np.int32), np.arange(
            ratings.n_items, dtype=np.int32
        )
    if isinstance(seed, int | np.integer):
        # a stream of its own: ratings made from the same number begin with the same permutation
        seed = np.random.SeedSequence(seed, spawn_key=(0,))
    random = np.random.default_rng(seed)
    users = random.permutation(ratings.n_users).astype(np.int32)
    return users, random.permutation(ratings.n_items).astype(np.int32)


def count_rows(ids: Ints, row: Ints) -> Ints:
    """Return the ratings of each row, shape of `row`, from the users or items of all ratings."""
    counts = np.zeros(len(row), np.int64)
    for first in range(0, len(ids), CHUNK):  # bincount makes a copy of 8 bytes a rating
        counts += np.bincount(ids[first : first + CHUNK], minlength=len(row))
    by_row = np.empty_like(counts)
    by_row[row] = counts
    return by_row


def _bands(edges: Ints, rows: Ints) -> Ints:
    """Return the band of each row."""
    return np.searchsorted(edges, rows, side="right").astype(np.int32) - 1


def _edges(ids: Ints, row: Ints, bands: int, balance: str) -> Ints:
    """Return the first row of each band, and the number of rows."""
    n = len(row)
    if balance == "ids":
        return np.arange(bands + 1, dtype=np.int64) * n // bands
    reached = np.cumsum(count_rows(ids, row))
    wanted = np.arange(1, bands) * reached[-1] / bands
    above = np.minimum(np.searchsorted(reached, wanted), n - 1)
    below = np.maximum(above - 1, 0)
    nearer = wanted - reached[below] < reached[above] - wanted
    inner = np.where(nearer, below, above) + 1
    edges = np.concatenate([[0], inner, [n]]).astype(np.int64)
    # a band has at least one id, whatever the counts
    edges = np.maximum.accumulate(edges - np.arange(bands + 1)) + np.arange(bands + 1)
    return np.minimum(edges, n - np.arange(bands, -1, -1))


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
