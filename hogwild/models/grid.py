"""The ratings cut into blocks: ids shuffled, then bands of users by bands of items.

::

    users shuffled, then cut in bands          a block (a, c): the ratings of user band a and
        +-----+-----+-----+                    item band c; its number is a * columns + c
        | 0,0 | 0,1 | 0,2 |
        +-----+-----+-----+      two blocks that share neither a row nor a column of the grid
        | 1,0 | 1,1 | 1,2 |      share no user and no item; inside a block, ``models.layout``
        +-----+-----+-----+      says in which order the ratings come
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

Ints = npt.NDArray[Any]

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
