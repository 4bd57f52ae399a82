"""L-BFGS as Spark runs it: every trial of the line search, every loss, every stopping test.

``LBFGS.scala`` over Breeze's ``LBFGS``, ``StrongWolfeLineSearch`` and ``FirstOrderMinimizer``. All
rows are read at each trial point: with changing batches, the differences of gradients would show
the sampling more than the curvature.

The loop is in `first_order`, the line search in `line_search`, the objective in `cost`.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from hogwild.mllib.cost import CostFunction, starting_weights
from hogwild.mllib.first_order import Pair, Point, StepFailed, minimize, norm, two_loops
from hogwild.mllib.line_search import Trial, strong_wolfe
from hogwild.mllib.local import opened
from hogwild.mllib.products import dot
from hogwild.mllib.quasi_newton import QuasiNewton
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.updaters import L1Updater
from hogwild.mllib.vectors import Array

logger = logging.getLogger("hogwild.mllib")

SMALLEST_STEP = 1e-10


def run_lbfgs(
    data: Any,
    gradient: Any,
    updater: Any,
    num_corrections: int,
    convergence_tol: float,
    max_num_iterations: int,
    reg_param: float,
    initial_weights: Any,
    *,
    callback: Callable[[int, float], object] | None = None,
) -> OptimizerResult:
    """Minimise the mean loss plus reg_param R(w) by L-BFGS.

    Parameters
    ----------
    data : Partitions, or what `as_partitions` makes one of
    gradient : Gradient, or an object with its `compute`
    updater : Updater, or an object with its `compute`
        Read for R and its gradient only. L1 has none where a weight is 0: see `run_owlqn`.
    num_corrections : int
        Pairs of steps and gradient differences kept; 10 is usual.
    convergence_tol : float
        Stop once the gradient's norm is at most convergence_tol |F| (or 1e-8), or, after 20 steps,
        once F has fallen by at most convergence_tol |F(w_0)| from the highest of the last 20.
    max_num_iterations : int
        Steps; negative: no limit.
    reg_param : float
    initial_weights : vector, shape (d,), or (K - 1) d for K classes
        Copied.
    callback : callable, optional
        ``callback(steps, loss)`` before each step and at the end.

    Returns
    -------
    OptimizerResult
        The pair (weights, losses): F at the start and after each step. A failed line search repeats
        the loss; two repetitions at the end mean that it gave up (``stopped`` says so).

    Raises
    ------
    ValueError
        num_corrections below 1, no rows, weights of another size than the rows, data that aren't
        finite.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient, SimpleUpdater
    >>> data = [[1.0], [1.0]], [1.0, 3.0]
    >>> result = run_lbfgs(data, LeastSquaresGradient(), SimpleUpdater(), 10, 1e-6, 9, 0.0, [0.0])
    >>> result.weights, result.losses, result.stopped
    (array([2.]), array([2.5, 1. , 0.5]), 'gradient converged')
    """
    if isinstance(updater, L1Updater):
        logger.warning(
            "L-BFGS takes the L1 penalty for smooth: its line searches fail, and no weight returns "
            "to zero. OWLQN minimizes it."
        )
    start = starting_weights(initial_weights)
    with opened(data) as rows:
        cost = CostFunction(rows, gradient, updater, reg_param)
        return minimize(
            cost, Wolfe(), start, num_corrections, convergence_tol, max_num_iterations, callback
        )


class Wolfe:
    """L-BFGS: the objective is smooth, a step fulfils the strong Wolfe conditions."""

    def point(self, x: Array, smooth: float, gradient: Array, k: int) -> Point:
        """Return it as it is."""
        return Point(x, smooth, gradient, smooth, gradient, k)

    def direction(self, at: Point, pairs: Sequence[Pair]) -> Array:
        """Minus the inverse Hessian of the pairs, times the gradient."""
        d = two_loops(pairs, at.gradient)
        if np.isnan(d).any():  # Breeze finds out by eleven passes over the rows
            raise StepFailed("the newest pair has no curvature")
        return d

    def search(self, cost: CostFunction, at: Point, d: Array) -> Array:
        """Return the point that the line search accepts."""

        def phi(t: float) -> Trial:
            value, gradient = cost(t * d + at.x)
            return Trial(t, value, float(dot(gradient, d)))

        first = float(1.0 / np.float64(norm(d))) if at.k == 0 else 1.0
        t = strong_wolfe(phi, first)
        if t * norm(at.gradient) < SMALLEST_STEP:
            raise StepFailed("step size underflow")
        return t * d + at.x


class LBFGS(QuasiNewton):
    """`run_lbfgs` with Spark's setters and their defaults.

    Parameters
    ----------
    gradient, updater
        As for `run_lbfgs`.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient, SimpleUpdater
    >>> lbfgs = LBFGS(LeastSquaresGradient(), SimpleUpdater()).set_convergence_tol(1e-9)
    >>> lbfgs.optimize(([[1.0], [1.0]], [1.0, 3.0]), [0.0])
    array([2.])
    """

    def __init__(self, gradient: Any, updater: Any):
        super().__init__(gradient)
        self.updater = updater

    def set_updater(self, updater: Any) -> Self:
        """Another regulariser."""
        self.updater = updater
        return self

    def optimize_with_loss_returned(self, data: Any, initial_weights: Any) -> OptimizerResult:
        """Run `run_lbfgs` with these settings."""
        return run_lbfgs(
            data,
            self.gradient,
            self.updater,
            self.num_corrections,
            self.convergence_tol,
            self.max_num_iterations,
            self.reg_param,
            initial_weights,
        )
