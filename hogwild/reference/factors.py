"""SGD for matrix factorization on a page: the update, one rating after the other, and its measures.

R is known at (u, i) for some pairs only; P Q^T shall be near it there, and tell it elsewhere. The
order of the ratings is given from outside: who chooses it, and who does it at the same time, is
what the schedules are about. In float64 the operations come in the order of the package's scalar
kernel, so either can tell when the other is wrong.

A fault of much code is to use the new p_u in the second line, where the article has the old one.

Numpy only. Imported by the other pages, by tests and by tutorials.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def sgd_factors(u: Array, i: Array, r: Array, P: Array, Q: Array, step: float, reg: float) -> None:
    """Update both factors once for every rating, in the order given.

    For each rating, with e = r - p_u . q_i  (Zhuang et al. 2013, eq. 2-3):

        p_u <- p_u + step (e q_i - reg p_u)
        q_i <- q_i + step (e p_u - reg q_i)        both right sides use the old p_u, q_i

    The gradient of eq. (1) has a factor 2, which the article leaves to the step.

    Parameters
    ----------
    u, i : int arrays, shape (n_ratings,)
        User and item of each rating: rows of P and of Q.
    r : float array, shape (n_ratings,)
        Ratings, in the data's units (stars, say).
    P : float array, shape (n_users, k)     updated in place
    Q : float array, shape (n_items, k)     updated in place
    step, reg : float
        Learning rate (the article's gamma) and ridge weight (lambda).

    Examples
    --------
    >>> P, Q = np.array([[1.0]]), np.array([[2.0]])
    >>> sgd_factors(np.array([0]), np.array([0]), np.array([3.0]), P, Q, step=0.1, reg=0.0)
    >>> P.item(), Q.item()  # e = 1: 1 + 0.1*1*2 and 2 + 0.1*1*1
    (1.2, 2.1)
    """
    for a, c, rating in zip(u, i, r, strict=True):
        p, q = P[a].copy(), Q[c].copy()
        e = rating - dot(p, q)
        P[a] = p + step * (e * q - reg * p)
        Q[c] = q + step * (e * p - reg * q)


def sgd_biased(
    u: Array,
    i: Array,
    r: Array,
    P: Array,
    Q: Array,
    user_bias: Array,
    item_bias: Array,
    mean: float,
    step: float,
    reg: float,
) -> None:
    """Update factors and biases once for every rating: the model of the article's appendix.

    For each rating, with e = r - (mean + b_u + b_i + p_u . q_i)  (eq. 5; its a_u is b_u here):

        b_u <- b_u + step (e - reg b_u)            b_i <- b_i + step (e - reg b_i)

    and p_u, q_i as in `sgd_factors`. The mean stays.

    Examples
    --------
    >>> P, Q, b, c = np.array([[1.0]]), np.array([[2.0]]), np.array([0.5]), np.array([-0.5])
    >>> one = np.array([0])
    >>> sgd_biased(one, one, np.array([6.0]), P, Q, b, c, mean=3.0, step=0.1, reg=0.0)
    >>> P.item(), Q.item(), b.item(), c.item()  # e = 6 - (3 + .5 - .5 + 2) = 1
    (1.2, 2.1, 0.6, -0.4)
    """
    for a, c, rating in zip(u, i, r, strict=True):
        p, q = P[a].copy(), Q[c].copy()
        e = rating - (mean + user_bias[a] + item_bias[c] + dot(p, q))
        P[a] = p + step * (e * q - reg * p)
        Q[c] = q + step * (e * p - reg * q)
        user_bias[a] += step * (e - reg * user_bias[a])
        item_bias[c] += step * (e - reg * item_bias[c])


def dot(p: Array, q: Array) -> Any:
    """Return p . q, added from left to right: ``@`` may add in another order.

    Examples
    --------
    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    return np.cumsum(p * q)[-1]


def objective(u: Array, i: Array, r: Array, P: Array, Q: Array, reg: float) -> float:
    """Return what SGD makes small (eq. 1):

        sum over ratings of (r - p_u . q_i)^2 + reg |p_u|^2 + reg |q_i|^2

    The penalty stands inside the sum: who has more ratings pays more.

    Examples
    --------
    >>> one = np.array([0])
    >>> P, Q = np.array([[1.0]]), np.array([[2.0]])
    >>> objective(one, one, np.array([5.0]), P, Q, reg=0.1)  # (5 - 2)^2 + .1 * 1 + .1 * 4
    9.5
    """
    penalties = (P[u] ** 2).sum() + (Q[i] ** 2).sum()
    return float(((r - (P[u] * Q[i]).sum(axis=1)) ** 2).sum() + reg * penalties)


def rmse(u: Array, i: Array, r: Array, P: Array, Q: Array) -> float:
    """Return the root of the mean squared error (eq. 4).

    Examples
    --------
    >>> one = np.array([0])
    >>> rmse(one, one, np.array([5.0]), np.array([[1.0]]), np.array([[2.0]]))
    3.0
    """
    return float(np.sqrt(((r - (P[u] * Q[i]).sum(axis=1)) ** 2).mean()))
