"""What an update of ``kernels.linear`` is told: what to do, the arrays, and the numbers that stay.

Named tuples, for numba takes them as they are.  Made by ``models.linear_options`` and
``models.linear_memory``, and read by both kernels.
"""

from typing import Any, NamedTuple

WRITES = ("plain", "add_at", "locked", "atomic")


class Variant(NamedTuple):
    """What an update has to do besides the plain step; each switch costs nothing when off.

    Attributes
    ----------
    batched : bool
        Several rows an update.
    filtered : bool
        A coordinate stands still while its gradient is within the threshold (the blog's .01).
    penalised : bool
        Coordinates pay an L1 or a sparse L2 penalty when touched.
    adaptive : bool
        AdaGrad: a coordinate's step is divided by the root of its sum of squared gradients.
    recorded : bool
        Applied deltas are summed into the worker's own array, to find what the weights lost.
    write : str
        One of WRITES, or "turn" for the round-robin order.
    """

    batched: bool = False
    filtered: bool = False
    penalised: bool = False
    adaptive: bool = False
    recorded: bool = False
    write: str = "plain"


class Shared(NamedTuple):
    """The arrays that one update may touch; all but `applied` are common to the workers.

    Attributes
    ----------
    indptr, indices, data, y, weight : arrays
        The examples as CSR rows, with labels and example weights.
    w : float array, shape (n_features + 1,)     updated in place
        Weights divided by the scale; the last one is the intercept, never scaled.
    share : float array, shape (n_features + 1,)
        m / d of each coordinate, what it pays when touched; 0 for the intercept.
    squares : float array, shape (n_features + 1,) or (1,)     updated in place
        AdaGrad's sums of squared gradients.
    applied : float64 array, shape (n_features + 3,) or (1,)     updated in place
        This worker's sum of deltas for each coordinate, as `w` is kept; then the sum of their
        sizes, times the scale that each met; then their number.
    """

    indptr: Any
    indices: Any
    data: Any
    y: Any
    weight: Any
    w: Any
    share: Any
    squares: Any
    applied: Any


class Constants(NamedTuple):
    """The numbers of an update that don't change from row to row."""

    batch_size: int
    intercept: bool
    l1: float
    sparse_l2: float
    threshold: float
    worker: int
