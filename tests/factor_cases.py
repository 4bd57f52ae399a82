"""Small ratings, and their updates by each kernel, for the tests of factor models."""

import numpy as np

from hogwild.data import Ratings
from hogwild.kernels import factor_levels, factors
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.factor_records import Entries, FactorConstants, Factors, FactorVariant
from hogwild.kernels.levels import levels
from hogwild.kernels.losses import FACTOR_LOSSES

SCALAR = ["python", *(["numba"] if have_numba() else [])]
KERNELS = [*SCALAR, "numpy"]


def few_ratings(seed=0, n_users=12, n_items=9, n=60, signs=False):
    """Distinct pairs in random order, stars 1 to 5 or signs."""
    random = np.random.default_rng(seed)
    pairs = random.permutation(n_users * n_items)[:n]
    r = random.integers(1, 6, n).astype(float)
    if signs:
        r = np.where(r > 3, 1.0, -1.0)
    return Ratings.of_indices(
        (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32), r,
        n_users=n_users, n_items=n_items,
    )  # fmt: skip


def start_factors(ratings, variant, dtype, seed=0, k=None):
    """Factors, biases and accumulators to begin with; zeros beyond k."""
    random = np.random.default_rng(seed)
    k = variant.width if k is None else k
    P = np.zeros((ratings.n_users, variant.width), dtype)
    Q = np.zeros((ratings.n_items, variant.width), dtype)
    P[:, :k] = random.random((ratings.n_users, k)) * 0.5 + 0.2
    Q[:, :k] = random.random((ratings.n_items, k)) * 0.5 + 0.2
    return Factors(
        P, Q,
        random.random(ratings.n_users).astype(dtype), random.random(ratings.n_items).astype(dtype),
        np.ones((ratings.n_users, 2), dtype), np.ones((ratings.n_items, 2), dtype),
    )  # fmt: skip


def update(
    kernel, ratings, factors_, *, loss="squared", variant, order=None, by_level=True, step=0.05,
    passes=1, **constants,
):  # fmt: skip
    """Run the ratings in the given order through a kernel; return the summed loss."""
    dtype = factors_.P.dtype
    numbers = FactorConstants(
        **{"mean": 3.0, "reg_p": 0.02, "reg_q": 0.03, "l1_p": 0.01, "l1_q": 0.02,
           "n_fast": max(-(-variant.width // 8) * 8 - 8, 1), "fast": True, **constants}
    )  # fmt: skip
    order = np.arange(len(ratings)) if order is None else order
    u, i = ratings.u[order], ratings.i[order]
    borders = np.array([0, len(order)])
    if by_level:
        level = levels(u, i, ratings.n_users, ratings.n_items)
        by = np.argsort(level, kind="stable")
        order, u, i = order[by], u[by], i[by]
        borders = np.concatenate([[0], np.cumsum(np.bincount(level))])
    entries = Entries(u.view(np.uint32), i.view(np.uint32), ratings.r[order].astype(dtype))
    kind = FACTOR_LOSSES[loss]()
    if kernel == "numpy":
        run = factor_levels.make_update(kind, variant)
    else:
        run = factors.make_update(
            kind, variant, compiled=kernel == "numba", single=dtype == np.float32
        )
    if kernel == "python":
        entries = Entries._make(memoryview(part) for part in entries)
        factors_ = Factors._make(memoryview(part) for part in factors_)
    with np.errstate(all="ignore"):
        return sum(run(borders, entries, factors_, step, numbers) for _ in range(passes))


def copies(factors_):
    return Factors._make(array.copy() for array in factors_)


def plain_variant(width, **switches):
    return FactorVariant(width, **switches)
