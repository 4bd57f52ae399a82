"""What is summed over a batch's portions, and what is not: losses by replicas, the ridge by the
slices.

Contract: for a problem with penalty, and its rows cut into portions in any way::

    objective(w)  =  sum over portions of loss / n   +  1/2 sum_j ridge_j w_j^2
    gradient      =  sum over portions of share      +  ridge_j w_j

A replica computes loss and share of a portion with the penalty left out; the slices add the ridge,
once and exactly, so a portion's gradient stays as sparse as its rows.  Only for losses with a
bounded second derivative: at a kink the gradient jumps, and the curvature that L-BFGS sees is none.

Called by ``downpour.sandblaster``.
"""

import copy
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.downpour.factors import FactorProblem
from hogwild.downpour.fields import FieldProblem
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.problem import Problem
from hogwild.kernels.factors import share_of_slope

Array = npt.NDArray[Any]


AT_A_TIME = 1 << 14
"""Rows of which the ridge is taken at a time."""


class Batch(NamedTuple):
    """A problem as Sandblaster takes it.

    Attributes
    ----------
    problem : Problem
        Without its penalty.
    scale : float
        What its gradients are multiplied by to be those of its objective.
    ridge : float64 array, shape (n_parameters,)
        The penalty is half the sum of ridge times w squared.  A replica's is empty: it needs none.
    """

    problem: Any
    scale: float
    ridge: Array


def as_batch(problem: Problem) -> Batch:
    """Return a problem's losses and its ridge, apart.

    Raises
    ------
    ValueError
        For a loss with a kink, or one whose second derivative has no bound; for a problem that has
        no such form.

    Examples
    --------
    >>> from hogwild.data import Examples
    >>> examples = Examples([[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0])
    >>> as_batch(LinearProblem(examples, penalty="l2", reg=0.5)).ridge  # not of the intercept
    array([0.5, 0.5, 0. ])
    """
    if isinstance(problem, LinearProblem):
        # under "sparse_l2", too: a whole batch pays the penalty whole
        ridge = np.append(np.full(problem.n_features, problem.reg), 0.0)
        batch = Batch(_with(problem, penalty="none", reg=0.0), 1.0, ridge)
    elif isinstance(problem, FactorProblem):
        scale = 1.0 / share_of_slope(problem.loss)
        batch = Batch(_with(problem, reg=0.0), scale, _ridge_by_rows(problem, scale))
    elif isinstance(problem, FieldProblem):
        batch = Batch(_with(problem, reg=0.0), 1.0, _ridge_by_rows(problem, 1.0))
    else:
        raise ValueError(
            "Sandblaster takes linear models, factors and field-aware factorization machines, "
            f"whose penalty is a ridge; got {type(problem).__name__}"
        )
    if not math.isfinite(problem.loss.curvature):
        raise ValueError(
            f"L-BFGS needs a smooth loss, and {problem.loss} has a kink or no bounded curvature; "
            "the squared, Huber, logistic and squared hinge losses are smooth"
        )
    return batch


def share_of(batch: Batch, params: Array, rows: Array) -> tuple[float, Array | None, Array]:
    """Return a portion's sum of losses, the coordinates, and its share of the whole gradient.

    A mean over the portion's n_p rows, times n_p / n.

    Examples
    --------
    >>> from hogwild.data import Examples
    >>> examples = Examples([[1.0], [2.0]], [1.0, 3.0])
    >>> batch = as_batch(LinearProblem(examples, intercept=False))
    >>> share_of(batch, np.zeros(2), np.array([1]))  # (0 - 3)^2, and 2 (0 - 3) 2 / 2
    (9.0, array([0]), array([-6.]))
    """
    problem = batch.problem
    with np.errstate(all="ignore"):  # far out on a line search; it sees what comes of it
        loss, where, mean = problem.gradient(params, rows)
        return loss, where, mean * (batch.scale * (len(rows) / problem.n_rows))


def _with(problem: Any, **changed: Any) -> Any:
    other = copy.copy(problem)
    other.__dict__.update(changed)
    return other


class _Flat:
    """A loss that is 0 everywhere: what is left of a gradient is the penalty's."""

    def values(self, z: Array, y: Array) -> Array:
        return np.zeros(len(z))

    slopes = values


def _ridge_by_rows(problem: Any, scale: float) -> Array:
    """Return the ridge of a penalty that a parameter pays with each row that uses it.

    It is the penalty's gradient where all parameters are 1.
    """
    ridge = np.zeros(problem.n_parameters)
    if problem.reg:
        batch = Batch(_with(problem, loss=_Flat()), scale, ridge)
        for first in range(0, problem.n_rows, AT_A_TIME):
            rows = np.arange(first, min(first + AT_A_TIME, problem.n_rows))
            _, where, share = share_of(batch, np.ones_like(ridge), rows)
            ridge[slice(None) if where is None else where] += share
    return ridge
