"""What the FPSGD article and its authors' program published: every figure here has its source.

The article is Zhuang, Chin, Juan, Lin, "A Fast Parallel SGD for Matrix Factorization in Shared
Memory Systems", RecSys 2013.  Tables are as printed; what was read off a plot by eye says so.
Nothing else in this package's reports is written down beforehand.

Called by ``fpsgd`` and its parts.
"""

from typing import NamedTuple

# Section 5.1: the settings for MovieLens; the step (gamma) is constant.
FACTORS, REG, STEP = 40, 0.05, 0.003
THREADS = 8
GRID = 32  # bands each way in section 5.2
TRAINING_RATINGS = 9_301_274  # Table 1, MovieLens 10M


class Batches(NamedTuple):
    """A row of Table 2: seconds to the same RMSE, in batches with a barrier and without."""

    data: str
    batches: float
    fpsgd: float
    ratio: float
    rmse: float


TABLE_2 = (
    Batches("MovieLens", 18.71, 9.72, 1.9, 0.835),
    Batches("Netflix", 116.60, 90.37, 1.3, 0.919),
    Batches("Yahoo!Music", 728.23, 462.55, 1.6, 21.985),
)

# Figure 7, read off: 8 threads, 9 x 9 blocks, shuffled, 1000 iterations.  Iteration: lowest and
# highest degree of imbalance on MovieLens and Netflix.
IMBALANCE = {
    1: (2.0, 2.0),
    2: (1.0, 1.0),
    3: (0.67, 0.67),
    4: (0.5, 0.5),
    20: (0.0, 0.25),
    100: (0.03, 0.07),
    1000: (0.0, 0.0),
}


class Reached(NamedTuple):
    """A point of Figure 14a, MovieLens, read off."""

    method: str
    rmse: float
    seconds: float


FIGURE_14A = (
    Reached("FPSGD", 0.835, 10.0),
    Reached("CCD++", 0.842, 40.0),
    Reached("DSGD", 0.836, 100.0),
    Reached("HogWild", 0.835, 100.0),
)


class Orders(NamedTuple):
    """RMSE of the three orders at one time, Figures 9 and 11, Yahoo!Music, one thread, read off."""

    step: float
    seconds: float
    random: float
    ordered: float
    partial: float


FIGURE_11 = (
    Orders(1e-4, 1000.0, 28.0, 23.8, 23.0),
    Orders(1e-4, 5000.0, 22.8, 21.9, 21.8),
    Orders(5e-4, 1000.0, 23.0, 33.0, 22.1),
    Orders(5e-4, 5000.0, 22.1, 26.5, 22.1),
)


class Spent(NamedTuple):
    """Seconds of random and of partial random to about the same RMSE: Figure 13b, read off."""

    data: str
    rmse: str
    random: float
    partial: float


FIGURE_13B = (
    Spent("MovieLens", ".835 to .84", 95.0, 10.0),
    Spent("Netflix", ".92", 1000.0, 100.0),
    Spent("Yahoo!Music", "22", 2900.0, 800.0),
)

# The authors' slides (16 October 2013), page 39: seconds of one pass over Yahoo!Music.
PASS_ONE_THREAD, PASS_EIGHT_THREADS = 30.0, 4.0
# The slides, page 18: three blocks on three threads, seconds; one thread waits for 10 s.
SLIDE_BLOCKS, SLIDE_WASTE = (20.0, 10.0, 20.0), 10.0

# LIBMF 1.0 (9 September 2013), the authors' own program, run by us on MovieLens 1M with the split
# of ``fpsgd_data``: k = 40, reg .05, step .003, one thread, its 2 x 2 grid, start 0.1 U(0, 1).
# Test RMSE by iteration; it prints an iteration's figure about a quarter of a pass later.
LIBMF = {
    1: 1.253,
    2: 1.037,
    3: 0.977,
    5: 0.941,
    10: 0.924,
    20: 0.907,
    30: 0.886,
    50: 0.859,
    100: 0.843,
}


class LibmfOrders(NamedTuple):
    """Nanoseconds a rating of LIBMF 1.0, one thread, k = 40, run by us (AMD EPYC, SSE)."""

    data: str
    partial: float
    random_in_blocks: float
    random: float


LIBMF_ORDERS = (
    LibmfOrders("MovieLens 1M", 20.4, 17.1, 14.7),
    LibmfOrders("made, 9.3 million, shape of MovieLens 10M", 19.7, 20.2, 52.0),
)
