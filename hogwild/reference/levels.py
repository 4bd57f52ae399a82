"""Levels on a page: which ratings of a sequence can be done together, to the same bits.

Two updates that share neither user nor item read and write different rows: either may go first.
So an order means nothing but which rating comes first *in each row of P and in each row of Q*. Give
each rating the level behind the highest level of the earlier ratings of its user and of its item:
going level by level then keeps that, and inside a level all ratings are disjoint. It is the rule of
the free blocks once more, for blocks of one rating.

Numpy only. Imported by tests and tutorials.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def levels(u: Array, i: Array) -> Array:
    """Return the level of each rating, from 0, in one pass.

    Parameters
    ----------
    u, i : int arrays, shape (n_ratings,)
        User and item of each rating, in the order that is meant.

    Examples
    --------
    By user, a full 2 x 3 matrix: the levels are its anti-diagonals u + i.

    >>> levels(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2]))
    array([0, 1, 2, 1, 2, 3])
    """
    next_of_user = np.zeros(u.max(initial=-1) + 1, int)
    next_of_item = np.zeros(i.max(initial=-1) + 1, int)
    found = np.empty(len(u), int)
    for t, (a, c) in enumerate(zip(u, i, strict=True)):
        found[t] = max(next_of_user[a], next_of_item[c])
        next_of_user[a] = next_of_item[c] = found[t] + 1
    return found


def by_level(u: Array, i: Array) -> Array:
    """Return the numbers of the ratings, level after level; inside a level as they came.

    Examples
    --------
    >>> by_level(np.array([0, 0, 1]), np.array([0, 1, 2]))  # the third shares nothing with them
    array([0, 2, 1])
    """
    return np.argsort(levels(u, i), kind="stable")
