"""Made ratings of any size that behave like MovieLens': long tails, planted factors, stars.

Contract: the same seed gives the same ratings, and numpy's global random state is neither read nor
changed; no pair of user and item occurs twice.

Called by tests, benchmarks, tutorials and the command line.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import Array, float_dtype
from hogwild.data.generate_pairs import distinct_pairs, item_weights, long_tail
from hogwild.data.ratings import Ratings
from hogwild.data.ratings_ids import MAX_IDS

MOVIELENS_SHAPES: dict[str, tuple[int, int, int]] = {
    "ml-100k": (943, 1_682, 100_000),
    "ml-1m": (6_040, 3_706, 1_000_209),
    "ml-10m": (69_878, 10_677, 10_000_054),
    "ml-20m": (138_493, 26_744, 20_000_263),
}
"""Users, items and ratings of the MovieLens sets: ``generate_ratings(*MOVIELENS_SHAPES["ml-1m"],
seed=0)``."""

# Ratings of the busiest user and of the busiest item of these sets.
_BUSIEST = {
    "ml-100k": (737, 583),
    "ml-1m": (2_314, 3_428),
    "ml-10m": (7_359, 34_864),
    "ml-20m": (9_254, 67_310),
}

MEAN = 3.65
"""What ratings are drawn around."""
USER_SPREAD, ITEM_SPREAD, TASTE_SPREAD = 0.45, 0.58, 0.50
"""Standard deviations of what a user adds, an item adds, and their factors' product adds."""

_STARS = {"whole": (1.0, 1.0), "half": (0.5, 0.5)}  # the lowest, and the distance of two
_AT_A_TIME = 1 << 16


def generate_ratings(
    n_users: int,
    n_items: int,
    n_ratings: int,
    seed: Any,
    *,
    rank: int = 10,
    noise: float = 0.84,
    stars: str = "whole",
    least_per_user: int | None = None,
    busiest_user: int | None = None,
    busiest_item: int | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> Ratings:
    """Return ratings with long tails and planted factors, sorted by user, then item.

    A rating is MEAN + a_u + b_i + p_u . q_i + noise, rounded to the nearest star of 1 to 5, where
    a ~ N(0, USER_SPREAD**2), b ~ N(0, ITEM_SPREAD**2), the entries of p and q are normal so that
    their product has the standard deviation TASTE_SPREAD, and the noise is N(0, noise**2). The
    defaults make ratings of MovieLens 1M's shape about as hard to foretell as the real ones: the
    mean misses by 1.11 (root mean square) here and there, and SGD at the setting of Zhuang et al.
    2013 (k = 40, step .003, reg .05) by .85 at best, against .84.

    Parameters
    ----------
    n_users, n_items, n_ratings : int
        Every user and every item has a rating at least. The sizes of `MOVIELENS_SHAPES` also take
        their busiest user and item from there.
    seed : int, SeedSequence or Generator
    rank : int
        Length of p and q; 0 for none.
    noise : float
        Standard deviation of what nobody can learn, 0 or more. Rounding to whole stars adds what
        amounts to 0.29 more, in the root of the sum of squares.
    stars : {"whole", "half"}
        1 to 5, or 0.5 to 5 in halves (as MovieLens 10M and 20M have them).
    least_per_user : int, optional
        Ratings of the least busy users; default: 20 as in MovieLens, or half the mean if that is
        less.
    busiest_user, busiest_item : int, optional
        Ratings of the busiest user (kept) and item (in the mean over seeds, to a few per cent);
        default: 0.4 times the items, 0.5 times the users.
    dtype : float32 or float64

    Returns
    -------
    ratings : Ratings
        Ids are the numbers; which user or item is popular is random.

    Raises
    ------
    ValueError
        More ratings than pairs, or fewer than users or items; an option out of range.

    Examples
    --------
    >>> ratings = generate_ratings(50, 30, 400, seed=0)
    >>> ratings, np.unique(ratings.r).tolist()
    (Ratings(400 ratings, 50 users, 30 items, float32), [1.0, 2.0, 3.0, 4.0, 5.0])
    >>> int(np.bincount(ratings.u).min())
    4
    """
    float_type = float_dtype(dtype, np.dtype(np.float64), "dtype")
    _check_sizes(n_users, n_items, n_ratings)
    if rank < 0 or not 0.0 <= noise < np.inf:
        raise ValueError(f"rank and noise must be 0 or more, got {rank} and {noise}")
    if stars not in _STARS:
        raise ValueError(f"stars must be 'whole' or 'half', got {stars!r}")
    rng = np.random.default_rng(seed)
    tails = _Tails(n_users, n_items, n_ratings)
    user_counts = rng.permutation(tails.users(least_per_user, busiest_user))
    item_counts = rng.permutation(tails.items(busiest_item))
    u, i = distinct_pairs(user_counts, item_weights(user_counts, item_counts), rng)
    r = _values(u, i, (n_users, n_items), rank, noise, _STARS[stars], float_type, rng)
    return Ratings._trusted(u, i, r, np.arange(n_users), np.arange(n_items))


def _check_sizes(n_users: int, n_items: int, n_ratings: int) -> None:
    for name, number in (("n_users", n_users), ("n_items", n_items)):
        if not 1 <= number <= MAX_IDS:
            raise ValueError(f"{name} must be 1 to {MAX_IDS}, got {number}")
    if not max(n_users, n_items) <= n_ratings <= n_users * n_items:
        raise ValueError(
            f"n_ratings must be {max(n_users, n_items)} (one a user and an item) to "
            f"{n_users * n_items} (all pairs), got {n_ratings}"
        )


class _Tails:
    """How many ratings each user and each item has."""

    def __init__(self, n_users: int, n_items: int, n_ratings: int):
        self.sizes = (n_users, n_items, n_ratings)
        names = {sizes: name for name, sizes in MOVIELENS_SHAPES.items()}
        usual = (round(0.4 * n_items), round(0.5 * n_users))
        self.busiest = _BUSIEST[names[self.sizes]] if self.sizes in names else usual

    def users(self, least: int | None, busiest: int | None) -> Array:
        n_users, n_items, n_ratings = self.sizes
        if least is None:
            least = max(1, min(20, n_ratings // n_users // 2))
        if not 1 <= least <= n_ratings // n_users:
            raise ValueError(
                f"least_per_user must be 1 to the mean, {n_ratings // n_users}, got {least}"
            )
        return long_tail(n_users, n_ratings, least, self._checked(busiest, 0, n_items))

    def items(self, busiest: int | None) -> Array:
        n_users, n_items, n_ratings = self.sizes
        return long_tail(n_items, n_ratings, 1, self._checked(busiest, 1, n_users))

    def _checked(self, busiest: int | None, which: int, most: int) -> int:
        """Return the count of the busiest user (0) or item (1)."""
        mean = -(-self.sizes[2] // self.sizes[which])
        if busiest is None:
            return max(self.busiest[which], mean)
        if not mean <= busiest <= most:
            name = ("busiest_user", "busiest_item")[which]
            raise ValueError(f"{name} must be {mean} (the mean) to {most}, got {busiest}")
        return busiest


def _values(
    u: Array,
    i: Array,
    sizes: tuple[int, int],
    rank: int,
    noise: float,
    stars: tuple[float, float],
    dtype: np.dtype[Any],
    rng: np.random.Generator,
) -> Array:
    """Return a rating for each pair."""
    n_users, n_items = sizes
    user = USER_SPREAD * rng.standard_normal(n_users)
    item = ITEM_SPREAD * rng.standard_normal(n_items)
    scale = np.sqrt(TASTE_SPREAD / np.sqrt(max(rank, 1)))
    P = scale * rng.standard_normal((rank, n_users))
    Q = scale * rng.standard_normal((rank, n_items))
    lowest, distance = stars
    r = np.empty(len(u), dtype=dtype)
    for start in range(0, len(u), _AT_A_TIME):
        span = slice(start, start + _AT_A_TIME)
        users, items = u[span], i[span]
        x = noise * rng.standard_normal(len(users))
        x += MEAN + user[users] + item[items]
        for p, q in zip(P, Q, strict=True):  # in this order on every machine
            x += p[users] * q[items]
        np.rint((x - lowest) / distance, out=x)
        r[span] = np.clip(x * distance + lowest, lowest, 5.0)
    return r
