"""What Spark computes in the page's example, and what else of Spark's stands in the report.

The page ("Optimization - RDD-based API", Spark 3.5) prints programs and no figures.  These are
Spark 3.5.9's own, run by us once: Java 17, master ``local[2]``, its ``sample_libsvm_data.txt`` in
two partitions of 50 rows.  Nothing else in this target's report is written down beforehand.

Called by ``mllib`` and its parts.
"""

from typing import NamedTuple

# The page's program: settings of L-BFGS, and of the split.
CORRECTIONS, TOLERANCE, ITERATIONS, REG = 10, 1e-4, 20, 0.1
SHARES, SPLIT_SEED = (0.6, 0.4), 11

# The file these figures belong to: copies with other bytes are about.
SHA256 = "c364e35720bf65dc35b78dba63fb808a4b8a800b73944a41edb93258a28304db"


class Run(NamedTuple):
    """A run of L-BFGS: the losses, passes over the data, and the weights in three numbers."""

    losses: tuple[float, ...]
    passes: int
    norm: float
    intercept: float
    nonzeros: int


SCALA = Run(
    (
        0.6931471805599448, 0.28779766209580493, 0.0009288589815468767, 0.0008243570035207355,
        0.0007087891532536652, 0.0006653578827660693, 0.0006413237184206646, 0.0006298922271897646,
        0.0006241413336635196, 0.0006213133654521298, 0.0006198898791622348, 0.0006191178840651283,
        0.0005261082723316119, 0.0001616628618343676, 7.284016865992359e-05, 6.280829957366774e-05,
        5.14530901382317e-05, 4.706313751261806e-05, 4.430893703079347e-05, 3.984022741040274e-05,
        3.5599199835688635e-05,
    ),
    34, 0.025375823466908518, 3.855481364694141e-06, 407,
)  # fmt: skip
TRAINING_ROWS, TEST_ROWS = 61, 39
LOWEST_OF_ONES, HIGHEST_OF_ZEROS = 0.9962526416288316, 5.1386081746723654e-05
"""Scores of the test rows: the lowest of those labelled 1, the highest of those labelled 0."""
AREA = 1.0

# The same L-BFGS on all 100 rows, as in the page's Java program.
JAVA = Run(
    (
        0.6931471805599446, 0.33430243421184924, 0.19473095533260126, 0.0020928873302654702,
        0.00071007812519668, 0.00071007812519668, 0.0005751637018492142, 9.26768520807992e-05,
        5.7726172673543774e-05, 5.5503714882828966e-05, 4.411477667803286e-05,
        3.494215153606342e-05, 3.142697044088911e-05, 2.66651045014406e-05, 2.4223215971563277e-05,
        2.3573285798423955e-05, 2.3273476657210256e-05, 2.298278358009023e-05,
        2.283017776547114e-05, 2.2654041219780234e-05, 2.2515791851518804e-05,
        2.2500163487864937e-05,
    ),
    38, 0.01964409704184401, 3.377773683947818e-06, 419,
)  # fmt: skip

# All rows, pixels divided by 255: loss after 20 steps of gradient descent of size 0.01, reg 0.1.
DESCENT_STEP, DESCENT_STEPS = 0.01, 20
DESCENT = {
    ("logistic", "simple"): 0.5028196007608596,
    ("logistic", "l2"): 0.5041010539115847,
    ("logistic", "l1"): 0.6657280887495913,
    ("least squares", "simple"): 0.04285821959978121,
    ("least squares", "l2"): 0.04395642931040354,
    ("least squares", "l1"): 0.15355413402888374,
    ("hinge", "simple"): 0.18703920699518073,
    ("hinge", "l2"): 0.1917207863570463,
    ("hinge", "l1"): 0.6078207551351232,
}


class Scaled(NamedTuple):
    """L-BFGS on the same rows, logistic with L2, at most 50 steps: how many losses, the last."""

    reg: float
    tolerance: float
    n_losses: int
    last: float


SCALED_STEPS = 50
SCALED = (
    Scaled(0.1, 1e-4, 15, 0.09390316438484174),
    Scaled(0.1, 1e-12, 21, 0.09390316433024093),
    Scaled(0.01, 1e-4, 19, 0.02185656636667343),
    Scaled(0.01, 1e-12, 28, 0.02185656631031475),
)

FRACTION = 0.1
BATCHES = {2: (13, 4), 4: (11, 7)}
"""Rows in the first two batches of a tenth of 100 rows, by the number of partitions."""

MARGIN, LOSS_AT_MARGIN = -30.0, 9.237055564881302e-14
"""The logistic loss of a row labelled 0 at that margin."""
