"""How a fit meets the processor's caches: the default grid, and how far ahead rows are asked for.

A block's rows of P and Q should stay in a core's second-level cache while its ratings are worked
through.  Every row of P has to be brought there once for each band of items, every row of Q once
for each band of users; with room for C rows that costs least where a block has C/2 of each.
Measured on 20 million ratings of 138,493 users and 26,744 items, k = 32: 34 x 7 blocks took three
quarters of the time of 21 x 21.

Called by ``models.factor_options``.
"""

import warnings
from typing import Any

import numpy as np

from hogwild.data import Ratings
from hogwild.models.checks import check_count

L2_CACHE = 1 << 20  # bytes of P and Q that a block should touch at most
LARGE = 8 * L2_CACHE  # P and Q of this size come from far away
FAR, NEAR = 32, 4  # ratings between asking for a row and updating it
WIDE = 32  # rows of so many numbers are asked for ahead also where they are near

Pair = tuple[int, int]


def rows_ahead(ratings: Ratings, width: int, itemsize: int) -> int:
    """Return how many ratings ahead a row should be asked for; 0 where asking costs more than it
    saves.
    """
    if (ratings.n_users + ratings.n_items) * width * itemsize > LARGE:
        return FAR
    return NEAR if width >= WIDE else 0


def default_grid(
    ratings: Ratings, row_bytes: int, kernel: str, schedule: str, n_workers: int
) -> Pair:
    """Return user bands and item bands: enough for the workers, and for a block's rows to fit.

    FPSGD needs one more of each than there are workers (section 4.1); twice as many, as the
    article's own program takes, divide evenly among them.  DSGD needs a square, and shares the
    blocks of a stratum out among the workers: it takes a multiple of them.
    """
    users, items = ratings.n_users, ratings.n_items
    if schedule == "serial" and kernel == "numpy":
        return 1, 1  # numpy works on whole levels, which are longer in larger blocks
    if schedule == "dsgd":
        b = max(-(-(users + items) * row_bytes // L2_CACHE), n_workers)
        b = min(-(-b // n_workers) * n_workers, users, items)
        return b, b
    half = max(1, L2_CACHE // row_bytes // 2)
    least = 2 * n_workers
    return min(max(least, -(-users // half)), users), min(max(least, -(-items // half)), items)


def given_grid(grid: Any, ratings: Ratings, schedule: str, n_workers: int) -> Pair:
    """Return the grid that was asked for, if the ratings and the schedule can have it.

    A warning says that FPSGD's workers will starve blocks: on fewer than n_workers + 1 bands a
    worker finds only the block free that it has just given back.
    """
    both = tuple(grid) if isinstance(grid, tuple | list) else (grid, grid)
    if len(both) != 2:
        raise ValueError(f"grid must be a number of bands, or a pair of them; got {grid!r}")
    for part in both:
        check_count("grid", part)
    rows, columns = int(both[0]), int(both[1])
    if rows > ratings.n_users or columns > ratings.n_items:
        raise ValueError(
            f"a grid of {rows} x {columns} bands needs as many users and items; there are "
            f"{ratings.n_users} and {ratings.n_items}"
        )
    if schedule == "dsgd" and rows != columns:
        raise ValueError(f"DSGD needs a square grid, got {rows} x {columns}")
    if schedule == "fpsgd" and 1 < n_workers >= min(rows, columns):
        warnings.warn(
            f"a {rows} x {columns} grid is too small for {n_workers} workers under fpsgd: some "
            f"blocks may hardly ever be updated; take {n_workers + 1} x {n_workers + 1} or more",
            stacklevel=4,  # who has called fit_factors
        )
    return rows, columns


def row_bytes(width: int, dtype: str) -> int:
    """Return the bytes of a row of P or Q."""
    return width * np.dtype(dtype).itemsize
