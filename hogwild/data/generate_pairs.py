"""Who rates what: pairs of user and item, none twice, a few users and items in very many of them.

Contract: every user has as many pairs as `long_tail` says, every item has one at least, and the
busiest item has about as many as asked for; memory beside the pairs is that of a million.

Called by `hogwild.data.generate_ratings`.
"""

import numpy as np

from hogwild.data.arrays import Array, distinct

_PAIRS_AT_A_TIME = 1 << 20
_GROUPS = 32  # of users with like counts, when weights are fitted
_SCALINGS = 100
_ROUNDS = 8  # of redrawing, before the users left get one exact draw each


def long_tail(n: int, total: int, least: int, busiest: int) -> Array:
    """Return n counts with the sum `total`, falling, from about `busiest` down to `least`.

    The surplus over `least` falls like the quantiles of a Weibull law, (-log q)**(1 / shape) at
    q = 1 / 2n, 3 / 2n, ...; its shape is sought so that the first count is `busiest`. (MovieLens'
    users follow such a law with a shape near 0.7, its items with 0.4 to 0.8.) No count is above
    `busiest`, unless the sum leaves no choice.

    >>> long_tail(5, 100, 4, 60).tolist()
    [60, 21, 10, 5, 4]
    """
    quantile = -np.log((np.arange(n) + 0.5) / n)
    low, high = 0.02, 50.0
    for _ in range(60):
        shape = np.sqrt(low * high)
        surplus = (quantile / quantile[0]) ** (1.0 / shape)
        surplus *= (total - least * n) / surplus.sum()
        low, high = (shape, high) if least + surplus[0] > busiest else (low, shape)
    cap = max(busiest, -(-total // n))
    counts = np.minimum(least + np.floor(surplus).astype(np.int64), cap)
    while (left := total - int(counts.sum())) > 0:
        counts[np.flatnonzero(counts < cap)[:left]] += 1
    return counts


def item_weights(user_counts: Array, item_counts: Array) -> Array:
    """Return the weights with which items must be drawn to be drawn about so many times.

    A user who draws c different items, one after the other with probability proportional to the
    weights, has item j among them with probability of about 1 - exp(-t w_j), with t such that these
    add up to c. The most popular items are in nearly every long list, so their weights must rise
    more than their counts. Weights and t are found by scaling them in turns, as Sinkhorn does with
    the rows and columns of a table.
    """
    counts = np.sort(user_counts)
    groups = np.array_split(counts, min(_GROUPS, len(counts)))
    size = np.array([len(group) for group in groups], dtype=np.float64)
    wanted = np.array([group.mean() for group in groups])
    weights = item_counts / item_counts.sum()
    times = wanted.copy()
    for _ in range(_SCALINGS):
        drawn = -np.expm1(-times[:, None] * weights)
        times *= wanted / drawn.sum(axis=1)
        weights *= item_counts / (size[:, None] * drawn).sum(axis=0)
        weights /= weights.sum()
    return weights


def distinct_pairs(
    user_counts: Array, weights: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return (u, i), int32, sorted by user, then item: each user's items, drawn one after the other
    with probability proportional to their weights, repetitions thrown away.

    Every item is given to a user at random first, so that none goes without.
    """
    n_items, n_ratings = len(weights), int(user_counts.sum())
    ends = np.cumsum(user_counts)
    slots = rng.choice(n_ratings, size=n_items, replace=False, shuffle=False)
    owners = np.searchsorted(ends, rng.permutation(slots), side="right")
    order = np.argsort(owners, kind="stable")
    owners = owners[order]
    upto = np.cumsum(weights)
    u, i = np.empty(n_ratings, dtype=np.int32), np.empty(n_ratings, dtype=np.int32)
    first = 0
    while first < len(user_counts):
        begin = int(ends[first] - user_counts[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + _PAIRS_AT_A_TIME, side="right")))
        given = slice(*np.searchsorted(owners, [first, last]))
        keys = (owners[given] - first) * n_items + order[given]
        keys = _completed(np.sort(keys), user_counts[first:last], weights, upto / upto[-1], rng)
        span = slice(begin, int(ends[last - 1]))
        u[span], i[span] = np.divmod(keys, n_items)
        u[span] += first
        first = last
    return u, i


def _completed(
    keys: Array, counts: Array, weights: Array, upto: Array, rng: np.random.Generator
) -> Array:
    """Return the keys, user * n_items + item, with new ones until each user has its count."""
    n_items = len(weights)
    done = []
    is_open = np.ones(len(counts), dtype=bool)
    for redrawing in range(_ROUNDS + 1):
        owners = keys // n_items
        lacking = (counts - np.bincount(owners, minlength=len(counts))) * is_open
        is_open = lacking > 0
        full = ~is_open[owners]
        done.append(keys[full])
        keys = keys[~full]
        if redrawing == _ROUNDS or not is_open.any():
            break
        users = np.repeat(np.arange(len(counts)), lacking)
        items = np.searchsorted(upto, rng.random(len(users)), side="right")
        keys = distinct(np.concatenate([keys, np.sort(users * n_items + items)]))
    for user in np.flatnonzero(is_open).tolist():
        own = keys[slice(*np.searchsorted(keys, [user * n_items, (user + 1) * n_items]))]
        items = _race(own - user * n_items, int(counts[user]), weights, rng)
        done.append(user * n_items + items)
    return np.sort(np.concatenate(done))


def _race(own: Array, wanted: int, weights: Array, rng: np.random.Generator) -> Array:
    """Return the items a user has, and as many others as are missing, by one exact draw.

    The smallest of exponential variables divided by the weights are distributed like the first
    different ones of a stream of draws (Efraimidis and Spirakis 2006).
    """
    arrival = rng.standard_exponential(len(weights)) / np.maximum(weights, np.finfo(float).tiny)
    arrival[own] = -1.0
    return np.argpartition(arrival, wanted - 1)[:wanted]
