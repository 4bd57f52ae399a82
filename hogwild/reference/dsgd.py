"""DSGD on a page: algorithm 2 of Zhuang et al. 2013, after Gemulla et al. 2011.

R is cut into s x s blocks. A *pattern* is s blocks of which no two share a row or a column of the
grid; s patterns hold every block once. The s workers do one pattern, a block each, and **all wait
for the slowest**; then they do the next. Blocks of a pattern have no user and no item in common, so
it does not matter which is done first: here they are done one after the other.

Numpy only. Imported by tests and tutorials.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.reference.factors import sgd_factors

Array = npt.NDArray[Any]


def cut(u: Array, i: Array, n_users: int, n_items: int, s: int) -> list[list[Array]]:
    """Return the numbers of the ratings in each of s x s blocks; bands of ids are equally wide.

    Examples
    --------
    >>> blocks = cut(np.array([0, 3, 1]), np.array([0, 0, 1]), n_users=4, n_items=2, s=2)
    >>> [[block.tolist() for block in row] for row in blocks]
    [[[0], [2]], [[1], []]]
    """
    row, column = u * s // n_users, i * s // n_items
    return [[np.flatnonzero((row == a) & (column == c)) for c in range(s)] for a in range(s)]


def patterns(s: int) -> list[list[tuple[int, int]]]:
    """Return s patterns that cover the grid: the diagonals, each wrapped around.

    Examples
    --------
    >>> for pattern in patterns(3):
    ...     print(pattern)
    [(0, 0), (1, 1), (2, 2)]
    [(0, 1), (1, 2), (2, 0)]
    [(0, 2), (1, 0), (2, 1)]
    """
    return [[(a, (a + shift) % s) for a in range(s)] for shift in range(s)]


def dsgd(
    u: Array,
    i: Array,
    r: Array,
    P: Array,
    Q: Array,
    step: float,
    reg: float,
    s: int,
    n_passes: int,
    random: np.random.Generator,
) -> None:
    """Pass over all ratings so many times, pattern by pattern, in an order drawn for each pass.

    Inside a block each rating is taken once, in random order.

    Parameters
    ----------
    u, i, r : arrays, shape (n_ratings,)
    P : float array, shape (n_users, k)     updated in place
    Q : float array, shape (n_items, k)     updated in place
    step, reg : float
    s : int
        Workers, and blocks a side.
    n_passes : int
    random : Generator
    """
    blocks = cut(u, i, len(P), len(Q), s)
    for _ in range(n_passes):
        for number in random.permutation(s):
            for a, c in patterns(s)[number]:  # at the same time, on s workers
                rows = random.permutation(blocks[a][c])
                sgd_factors(u[rows], i[rows], r[rows], P, Q, step, reg)
            # the barrier: the next pattern begins when all blocks of this one are done
