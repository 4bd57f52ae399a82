"""Small ratings of a planted rank, which the tests of checkpoints, replay and commands fit to."""

import numpy as np

from hogwild.data import Ratings


def planted(n_users=60, n_items=40, n_ratings=900, seed=0):
    """Ratings of rank 2 and a little noise, from 1 to 5 in tenths; ids are numbers."""
    random = np.random.default_rng(seed)
    pairs = random.choice(n_users * n_items, n_ratings, replace=False)
    u, i = np.divmod(pairs, n_items)
    P, Q = random.normal(size=(n_users, 2)), random.normal(size=(n_items, 2))
    r = 3.0 + (P[u] * Q[i]).sum(1) + random.normal(0, 0.3, n_ratings)
    return Ratings.of_indices(
        u, i, np.clip(r, 1, 5).round(1).astype(np.float32), n_users=n_users, n_items=n_items
    )
