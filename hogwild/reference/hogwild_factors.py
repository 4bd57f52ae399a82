"""HogWild for matrix factorization on a page: algorithm 1 of Zhuang et al. 2013.

Each worker draws a rating from all of R, reads p_u and q_i, computes, and writes both rows back; no
locks, no order. Two workers that hold the same row at the same time lose one of the two updates;
that is rare if ratings are many and rows are touched by few of them, which is what it rests on.

Here the workers are simulated: at each turn a random one reads, or writes what it has read before,
so that a seed gives the same collisions again. Between a worker's read and its write the others
make about half an update each.

Numpy only. Imported by tests and tutorials.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.reference.factors import dot

Array = npt.NDArray[Any]


def hogwild(
    u: Array,
    i: Array,
    r: Array,
    P: Array,
    Q: Array,
    step: float,
    reg: float,
    n_updates: int,
    n_workers: int,
    random: np.random.Generator,
) -> int:
    """Make so many updates at random ratings; return how many wrote over another's.

    Parameters
    ----------
    u, i, r : arrays, shape (n_ratings,)
    P : float array, shape (n_users, k)     updated in place
    Q : float array, shape (n_items, k)     updated in place
    step, reg : float
    n_updates : int
        Ratings are drawn with replacement: as many as there are is a pass on the average only.
    n_workers : int
        With one this is SGD, and nothing is ever lost.
    random : Generator

    Examples
    --------
    Two workers on the only rating: both read p = q = 1, and each computes 1 + .1 (3 - 1) 1.

    >>> P, Q, one = np.ones((1, 1)), np.ones((1, 1)), np.array([0])
    >>> hogwild(one, one, np.array([3.0]), P, Q, 0.1, 0.0, 2, 2, np.random.default_rng(1))
    1
    >>> P.item()
    1.2
    """
    held: list[Any] = [None] * n_workers
    begun = done = lost = 0
    while done < n_updates:
        worker = random.integers(n_workers)
        if held[worker] is None:
            if begun < n_updates:
                t = random.integers(len(r))
                held[worker] = t, P[u[t]].copy(), Q[i[t]].copy()
                begun += 1
            continue
        t, p, q = held[worker]
        held[worker] = None
        lost += not (np.array_equal(p, P[u[t]]) and np.array_equal(q, Q[i[t]]))
        e = r[t] - dot(p, q)
        P[u[t]] = p + step * (e * q - reg * p)
        Q[i[t]] = q + step * (e * p - reg * q)
        done += 1
    return lost
