"""What is done to one row of P and one row of Q, as plain loops: the source of all row operations.

``make_rows(lo, hi)`` returns the four operations over the dimensions lo <= d < hi::

    dot      p . q
    move     p <- p + step_p (s q - reg_p p),  q <- q + step_q (s p - reg_q q)    both old p, q
    squares  sum (s q - reg_p p)^2,  sum (s p - reg_q q)^2                          changes nothing
    shrink   x <- sign(x) max(|x| - bound, 0), and not below 0 if asked

They run as they are, or compiled by numba with the same bits in float64.  ``kernels.vectors`` does
the same to a whole row at a time, for float32.  Called by ``kernels.factors``.
"""

from collections.abc import Callable
from typing import NamedTuple


class RowOperations(NamedTuple):
    """The four operations over one range of dimensions."""

    dot: Callable
    move: Callable
    squares: Callable
    shrink: Callable


def make_rows(lo: int, hi: int, *, nonnegative: bool = False) -> RowOperations:
    """Return the operations over the dimensions lo <= d < hi.

    Examples
    --------
    >>> import numpy as np
    >>> P, Q = np.array([[1.0, 5.0]]), np.array([[2.0, 5.0]])
    >>> rows = make_rows(0, 1)
    >>> float(rows.dot(P, 0, Q, 0))
    2.0
    >>> [float(x) for x in rows.squares(P, 0, Q, 0, 0.0, 0.0, 1.0)]
    [4.0, 1.0]
    >>> rows.move(P, 0, Q, 0, 0.1, 0.1, 0.0, 0.0, 1.0)
    >>> P.tolist(), Q.tolist()  # dimension 1 is out of range, and stays
    ([[1.2, 5.0]], [[2.1, 5.0]])
    """

    def dot(P, a, Q, b):
        z = 0.0
        for d in range(lo, hi):
            z += P[a, d] * Q[b, d]
        return z

    def move(P, a, Q, b, step_p, step_q, reg_p, reg_q, s):
        for d in range(lo, hi):
            p, q = P[a, d], Q[b, d]
            P[a, d] = p + step_p * (s * q - reg_p * p)
            Q[b, d] = q + step_q * (s * p - reg_q * q)

    def squares(P, a, Q, b, reg_p, reg_q, s):
        sum_p, sum_q = 0.0, 0.0
        for d in range(lo, hi):
            p, q = P[a, d], Q[b, d]
            g_p, g_q = s * q - reg_p * p, s * p - reg_q * q
            sum_p += g_p * g_p
            sum_q += g_q * g_q
        return sum_p, sum_q

    def shrink(X, a, bound):
        for d in range(lo, hi):
            x = X[a, d]
            x = x - min(max(x, -bound), bound)
            X[a, d] = max(x, 0.0) if nonnegative else x

    return RowOperations(dot, move, squares, shrink)
