"""Which ratings: those of a test part, and those that are not said twice.

Contract: rows are told by a boolean or a number for each, so that the parts keep the order of the
whole; the same seed gives the same rows.

Called by `hogwild.data.ratings`, and `random_rows` by `hogwild.data.field_rows`.
"""

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from hogwild.data.arrays import Array
from hogwild.errors import DataError

if TYPE_CHECKING:
    from hogwild.data.ratings import Ratings

DUPLICATES = ("keep", "error", "last")


def check_duplicates_option(duplicates: str) -> None:
    """Raise ValueError for a choice that does not exist."""
    if duplicates not in DUPLICATES:
        raise ValueError(f"duplicates must be 'keep', 'error' or 'last', got {duplicates!r}")


def without_duplicates(ratings: "Ratings", duplicates: str) -> tuple[Array, Array, Array]:
    """Return u, i and r as the option wants them.

    Raises
    ------
    DataError
        For "error", if a user has rated an item twice.
    """
    u, i, r = ratings.u, ratings.i, ratings.r
    if duplicates == "keep":
        return u, i, r
    earlier, later = repeated_rows(ratings)
    if not len(earlier):
        return u, i, r
    if duplicates == "error":
        first = np.argmin(later)
        raise DataError(repetition(f"rows {earlier[first]} and {later[first]}"))
    stays = np.ones(len(r), dtype=bool)
    stays[earlier] = False
    return u[stays], i[stays], r[stays]


def repetition(places: str) -> str:
    """Return the sentence on a pair that occurs twice."""
    return (
        f"the same user has rated the same item twice, in {places}; duplicates='last' keeps the "
        "later one, 'keep' both"
    )


def repeated_rows(ratings: "Ratings") -> tuple[Array, Array]:
    """Return the rows whose user and item come again, and the next row where they do."""
    pair = ratings.u.astype(np.int64)
    pair *= ratings.n_items
    pair += ratings.i
    order = np.argsort(pair, kind="stable")
    pair = pair[order]
    again = np.flatnonzero(pair[1:] == pair[:-1])
    return order[again], order[again + 1]


def random_rows(n_rows: int, test: float | int, seed: Any, what: str = "ratings") -> Array:
    """Return a boolean array that is true for a random share, or number, of the rows."""
    if isinstance(test, float | np.floating):
        if not 0.0 <= test <= 1.0:
            raise ValueError(f"a share of test {what} must be 0.0 to 1.0, got {test}")
        n_test = round(float(test) * n_rows)
    else:
        n_test = operator.index(test)
        if not 0 <= n_test <= n_rows:
            raise ValueError(f"the number of test {what} must be 0 to {n_rows}, got {n_test}")
    chosen = np.zeros(n_rows, dtype=bool)
    chosen[:n_test] = True
    np.random.default_rng(seed).shuffle(chosen)
    return chosen


def rows_by_user(u: Array, n_users: int, per_user: int, start: int) -> Array:
    """Return a boolean array, true for each user's ratings at places start to start + per_user."""
    if operator.index(per_user) < 1:
        raise ValueError(f"per_user must be 1 or more, got {per_user}")
    counts = np.bincount(u, minlength=n_users)
    order = np.argsort(u, kind="stable")
    chosen = np.zeros(len(u), dtype=bool)
    begin = np.cumsum(counts) - counts
    first = np.minimum(start, counts) if start >= 0 else np.maximum(counts + start, 0)
    stop = counts + start + per_user if start < 0 else first + per_user
    n_chosen = np.clip(np.minimum(stop, counts) - first, 0, None)
    # the chosen places of one user after the other
    offset = np.arange(n_chosen.sum()) - np.repeat(np.cumsum(n_chosen) - n_chosen, n_chosen)
    chosen[order[np.repeat(begin + first, n_chosen) + offset]] = True
    return chosen


def random_folds(n_rows: int, k: int, seed: Any) -> Array:
    """Return the number of the fold of each row, 0 to k - 1, as evenly as can be."""
    if not 2 <= operator.index(k) <= n_rows:
        raise ValueError(f"k must be 2 to the number of ratings, {n_rows}, got {k}")
    fold = (np.arange(n_rows) % k).astype(np.int32)
    np.random.default_rng(seed).shuffle(fold)
    return fold
