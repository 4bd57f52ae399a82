"""Gradient descent with mini-batches, as Spark computes it: every step, sample and loss.

Step i (from 1) draws the rows of its batch with seed 42 + i, and with g their mean gradient::

    w_i = updater.compute(w_{i-1}, g, step_size, i, reg_param)       (steps fall as 1 / sqrt(i))

``GradientDescent.scala`` of Spark 3.5; docs/mllib.md says what its page doesn't.
"""

import logging
import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from hogwild.errors import DivergenceError
from hogwild.mllib.checks import check_finite, refuse_start, require
from hogwild.mllib.cost import starting_weights, sums_at
from hogwild.mllib.local import opened
from hogwild.mllib.partitions import Partitions
from hogwild.mllib.products import dot
from hogwild.mllib.result import MAX_ITERATIONS, NO_DATA, WEIGHTS_CONVERGED, OptimizerResult
from hogwild.mllib.vectors import Array

logger = logging.getLogger("hogwild.mllib")

FIRST_SEED = 42


def run_mini_batch_sgd(
    data: Any,
    gradient: Any,
    updater: Any,
    step_size: float,
    num_iterations: int,
    reg_param: float,
    mini_batch_fraction: float,
    initial_weights: Any,
    convergence_tol: float = 0.001,
    *,
    callback: Callable[[int, float], object] | None = None,
) -> OptimizerResult:
    """Minimise the mean loss plus reg_param R(w) by gradient steps over random batches.

    Parameters
    ----------
    data : Partitions, or what `as_partitions` makes one of
    gradient : Gradient, or an object with its `compute`
    updater : Updater, or an object with its `compute`
    step_size : float
        Of the first step; step i has step_size / sqrt(i).
    num_iterations : int
    reg_param : float
    mini_batch_fraction : float
        Probability of each row to be in a step's batch; 1: all rows. A batch costs a pass over the
        random numbers of all rows, whatever its size.
    initial_weights : vector, shape (d,), or (K - 1) d for K classes
        Copied.
    convergence_tol : float
        Stop once |w_{i-1} - w_i| < convergence_tol max(|w_i|, 1), from the second step on.
    callback : callable, optional
        ``callback(iteration, loss)`` after each loss.

    Returns
    -------
    OptimizerResult
        The pair (weights, losses). Loss k is that of batch k at the weights before step k, penalty
        included; ``num_iterations + 1`` of them, since the last pass only evaluates, fewer after
        convergence (as many as steps) and after batches that were empty (they leave no loss, make
        no step, and still count as an iteration).

    Raises
    ------
    ValueError
        A fraction outside 0 to 1, weights of another size than the rows, data that aren't finite,
        initial weights at which the objective isn't.
    DivergenceError
        A loss or a weight overflowed. Huge finite losses are results.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient, SimpleUpdater
    >>> data = [[1.0], [1.0]], [1.0, 3.0]
    >>> weights, losses = run_mini_batch_sgd(
    ...     data, LeastSquaresGradient(), SimpleUpdater(), 1.0, 3, 0.0, 1.0, [0.0]
    ... )
    >>> weights, losses  # one step to the mean; the second one doesn't move: the end
    (array([2.]), array([2.5, 0.5]))
    """
    _warn(num_iterations, mini_batch_fraction, convergence_tol)
    with opened(data) as rows:
        return _descend(
            rows,
            gradient,
            updater,
            step_size,
            num_iterations,
            reg_param,
            mini_batch_fraction,
            starting_weights(initial_weights),
            convergence_tol,
            callback,
        )


def _descend(
    rows: Partitions,
    gradient: Any,
    updater: Any,
    step_size: float,
    num_iterations: int,
    reg_param: float,
    mini_batch_fraction: float,
    w: Array,
    convergence_tol: float,
    callback: Callable[[int, float], object] | None,
) -> OptimizerResult:
    n = rows.count()
    if n == 0:
        logger.warning("GradientDescent.runMiniBatchSGD returning initial weights, no data found")
        return OptimizerResult(w, np.zeros(0), NO_DATA, 0, 0)
    if n * mini_batch_fraction < 1:
        logger.warning("The miniBatchFraction is too small")
    value = updater.compute(w, np.zeros(len(w)), 0.0, 1, reg_param)[1]
    losses: list[float] = []
    before: Array | None = None
    steps = passes = 0
    stopped = MAX_ITERATIONS
    for i in range(1, num_iterations + 2):
        sums = sums_at(_batch(rows, mini_batch_fraction, i), gradient, w)
        passes += 1
        if sums.count == 0:
            logger.warning(
                "Iteration (%d/%d). The size of sampled batch is zero", i, num_iterations
            )
            continue
        losses.append(sums.loss / sums.count + value)
        if not (math.isfinite(losses[-1]) and np.isfinite(sums.gradient).all()):
            if steps == 0:  # no step is to blame
                refuse_start(rows, losses[-1])
            _diverged(rows, i, step_size, losses[-1])
        if callback is not None:
            callback(i, losses[-1])
        if i == num_iterations + 1:
            break
        moved, value = updater.compute(w, sums.gradient / sums.count, step_size, i, reg_param)
        w = np.asarray(moved, dtype=np.float64)
        steps += 1
        if before is not None and _converged(before, w, convergence_tol):
            stopped = WEIGHTS_CONVERGED
            break
        before = w
    if not np.isfinite(w).all():
        _diverged(rows, steps, step_size, math.nan)
    return OptimizerResult(w, np.array(losses), stopped, steps, passes)


def _batch(rows: Partitions, fraction: float, iteration: int) -> Partitions:
    return rows if fraction == 1 else rows.sample(fraction, FIRST_SEED + iteration)


def _warn(num_iterations: int, fraction: float, tol: float) -> None:
    if fraction < 1.0 and tol > 0.0:
        logger.warning(
            "Testing against a convergenceTol when using miniBatchFraction < 1.0 can be unstable "
            "because of the stochasticity in sampling."
        )
    if num_iterations * fraction < 1.0:
        logger.warning(
            "Not all examples will be used if numIterations * miniBatchFraction < 1.0: "
            "numIterations=%s and miniBatchFraction=%s",
            num_iterations,
            fraction,
        )


def _converged(before: Array, now: Array, tol: float) -> bool:
    with np.errstate(over="ignore"):  # the norm of huge weights is infinite, as in Spark
        norm = max(float(np.sqrt(dot(now, now))), 1.0)
        moved = before - now
        return float(np.sqrt(dot(moved, moved))) < tol * norm


def _diverged(rows: Partitions, iteration: int, step_size: float, loss: float) -> None:
    check_finite(rows)
    what = "NaN" if math.isnan(loss) else "infinite"
    raise DivergenceError(iteration, step_size / math.sqrt(iteration), what)


class GradientDescent:
    """`run_mini_batch_sgd` with Spark's setters and their defaults.

    Parameters
    ----------
    gradient, updater
        As for `run_mini_batch_sgd`.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient, SimpleUpdater
    >>> descent = GradientDescent(LeastSquaresGradient(), SimpleUpdater()).set_num_iterations(5)
    >>> descent.optimize(([[1.0], [1.0]], [1.0, 3.0]), [0.0])
    array([2.])
    """

    def __init__(self, gradient: Any, updater: Any):
        self.gradient, self.updater = gradient, updater
        self.step_size, self.num_iterations, self.reg_param = 1.0, 100, 0.0
        self.mini_batch_fraction, self.convergence_tol = 1.0, 0.001

    def set_step_size(self, step: float) -> Self:
        """Size of the first step; above 0."""
        require(step > 0, "initial step size must be positive", float(step))
        self.step_size = step
        return self

    def set_mini_batch_fraction(self, fraction: float) -> Self:
        """Expected share of the rows in a batch; above 0, at most 1."""
        require(
            0 < fraction <= 1,
            "fraction for mini-batch SGD must be in range (0, 1]",
            float(fraction),
        )
        self.mini_batch_fraction = fraction
        return self

    def set_num_iterations(self, iterations: int) -> Self:
        """Number of steps; 0 or more."""
        require(iterations >= 0, "number of iterations must be nonnegative", iterations)
        self.num_iterations = iterations
        return self

    def set_reg_param(self, reg_param: float) -> Self:
        """Weight of the regulariser; 0 or more."""
        require(reg_param >= 0, "regularization parameter must be nonnegative", float(reg_param))
        self.reg_param = reg_param
        return self

    def set_convergence_tol(self, tolerance: float) -> Self:
        """Stop when the weights move less than this share of their norm; 0 to 1."""
        require(
            0 <= tolerance <= 1, "convergence tolerance must be in range [0, 1]", float(tolerance)
        )
        self.convergence_tol = tolerance
        return self

    def set_gradient(self, gradient: Any) -> Self:
        """Another loss."""
        self.gradient = gradient
        return self

    def set_updater(self, updater: Any) -> Self:
        """Another regulariser."""
        self.updater = updater
        return self

    def optimize(self, data: Any, initial_weights: Any) -> Array:
        """The weights of `optimize_with_loss_returned`."""
        return self.optimize_with_loss_returned(data, initial_weights).weights

    def optimize_with_loss_returned(self, data: Any, initial_weights: Any) -> OptimizerResult:
        """Run `run_mini_batch_sgd` with these settings."""
        return run_mini_batch_sgd(
            data,
            self.gradient,
            self.updater,
            self.step_size,
            self.num_iterations,
            self.reg_param,
            self.mini_batch_fraction,
            initial_weights,
            self.convergence_tol,
        )
