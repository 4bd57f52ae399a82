"""What an update of ``kernels.factors`` is told: what to do, the arrays, and the numbers that stay.

Named tuples, for numba takes them as they are.  Made by ``models.factor_memory``, and read by the
scalar loop and by ``kernels.factor_levels``.
"""

from typing import Any, NamedTuple

N_SLOW = 8
"""Dimensions of a row that share AdaGrad's slow accumulator; the others share the fast one."""


class FactorVariant(NamedTuple):
    """What an update has to do besides the plain step; each switch costs nothing when off.

    Attributes
    ----------
    width : int
        Numbers in a row of P and of Q: the factors, and zeros up to a multiple of 8 where rows are
        updated as vectors.
    biased : bool
        Predict mean + b_u + b_i + p.q, and move the biases too.
    adaptive : bool
        AdaGrad with two accumulators a row.
    sparse : bool
        An L1 penalty: rows are shrunk towards 0 after their step.
    nonnegative : bool
        Factors below 0 become 0.
    ahead : int
        Ratings between asking memory for a row and updating it, where rows are updated as vectors;
        0 for rows that come in time by themselves.
    """

    width: int
    biased: bool = False
    adaptive: bool = False
    sparse: bool = False
    nonnegative: bool = False
    ahead: int = 0


class Entries(NamedTuple):
    """The ratings, block after block, each block in the order in which it is worked through.

    Attributes
    ----------
    u, i : uint32 arrays, shape (n_ratings,)
        Rows of P and of Q; unsigned, so that compiled code needs no test for indices from the end.
    r : float array, shape (n_ratings,)
    """

    u: Any
    i: Any
    r: Any


class Factors(NamedTuple):
    """The arrays that an update changes, common to all workers.

    Attributes
    ----------
    P : float array, shape (n_users, width)
    Q : float array, shape (n_items, width)
    user_bias, item_bias : float arrays, shape (n_users,) and (n_items,), or (1,) where unused
    user_squares, item_squares : float arrays, shape (n_users, 2) and (n_items, 2), or (1, 2)
        AdaGrad's accumulators: slow, fast.
    """

    P: Any
    Q: Any
    user_bias: Any
    item_bias: Any
    user_squares: Any
    item_squares: Any


class FactorConstants(NamedTuple):
    """The numbers of an update that don't change from rating to rating.

    Attributes
    ----------
    mean : float
        Of the training ratings; used by biased models.
    reg_p, reg_q : float
        Ridge weights (the article's lambda_P, lambda_Q), also of the biases.
    l1_p, l1_q : float
    n_fast : int
        What the fast accumulator divides by: the fast dimensions, zeros up to a multiple of 8
        included.
    fast : bool
        Whether the fast dimensions move; LIBMF keeps them still in the first epoch.
    """

    mean: float
    reg_p: float
    reg_q: float
    l1_p: float
    l1_q: float
    n_fast: int
    fast: bool
