"""OWL-QN: L-BFGS for an L1 penalty, which has a kink at every zero.

F(w) = f(w) + sum_j l_j |w_j| with f the mean loss. Andrew and Gao, "Scalable training of
L1-regularized log-linear models", ICML 2007, as Breeze's ``OWLQN`` and ``BacktrackingLineSearch``
have it, quirks included (the first trial is judged by the loss where the search starts; the
twentieth step length is tried and thrown away).

A step stays within one orthant: a component may reach 0, and not go beyond it. That is what lets
weights become exactly zero and stay there.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.mllib.cost import CostFunction, starting_weights
from hogwild.mllib.first_order import Pair, Point, StepFailed, minimize, norm, two_loops
from hogwild.mllib.local import opened
from hogwild.mllib.products import dot
from hogwild.mllib.quasi_newton import QuasiNewton
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.updaters import L1Updater, SimpleUpdater
from hogwild.mllib.vectors import Array

TRIALS = 20
SHORTEST, LONGEST = 1e-10, 1e10


def run_owlqn(
    data: Any,
    gradient: Any,
    num_corrections: int,
    convergence_tol: float,
    max_num_iterations: int,
    reg_param: float,
    initial_weights: Any,
    *,
    l1: npt.ArrayLike | None = None,
    callback: Callable[[int, float], object] | None = None,
) -> OptimizerResult:
    """Minimise the mean loss plus reg_param |w|_1 by OWL-QN.

    Parameters
    ----------
    data, gradient, num_corrections, convergence_tol, max_num_iterations, initial_weights, callback
        As for `run_lbfgs`.
    reg_param : float
        Weight of the L1 penalty; 0 or more.
    l1 : array-like, shape of the weights, optional
        A factor on `reg_param` for each weight, 0 or more; say, 0 for an intercept. Default: 1.

    Returns
    -------
    OptimizerResult
        As `run_lbfgs`; the losses are F, penalty included.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient
    >>> data = [[1.0, 0.0], [0.0, 1.0]], [2.0, 0.5]  # F = sum (w - y)^2 / 4 + .3 |w|_1
    >>> run_owlqn(data, LeastSquaresGradient(), 10, 1e-9, 50, 0.3, [0.0, 0.0]).weights.round(6)
    array([1.4, 0. ])
    """
    start = starting_weights(initial_weights)
    method = Orthant(penalties(reg_param, l1, len(start)))
    with opened(data) as rows:
        cost = CostFunction(rows, gradient, SimpleUpdater(), 0.0)
        return minimize(
            cost, method, start, num_corrections, convergence_tol, max_num_iterations, callback
        )


def penalties(reg_param: float, factors: npt.ArrayLike | None, n_weights: int) -> Array:
    """The L1 weight of each component, checked."""
    given = np.ones(n_weights) if factors is None else np.asarray(factors, dtype=np.float64)
    l1 = reg_param * given
    if l1.shape != (n_weights,) or not (l1 >= 0.0).all():
        raise ValueError(
            f"reg_param and l1 must give {n_weights} numbers of 0 or more, got reg_param "
            f"{reg_param} and l1 of shape {given.shape}"
        )
    return l1


class Orthant:
    """OWL-QN: pseudo-gradient, orthant-wise direction and projection, backtracking.

    Parameters
    ----------
    l1 : float64 array, shape (d,)
        Penalty of each component.
    """

    def __init__(self, l1: Array):
        self.l1 = l1

    def point(self, x: Array, smooth: float, gradient: Array, k: int) -> Point:
        """Return it with the penalty, and the pseudo-gradient."""
        value = smooth + float((self.l1 * np.abs(x)).sum())
        return Point(x, smooth, gradient, value, self.pseudo_gradient(x, gradient), k)

    def pseudo_gradient(self, x: Array, gradient: Array) -> Array:
        """The steepest of the one-sided derivatives; 0 where neither side goes down.

        Examples
        --------
        >>> Orthant(np.ones(4)).pseudo_gradient(
        ...     np.array([2.0, 0.0, 0.0, 0.0]), np.array([1.0, 3.0, -3.0, 0.5])
        ... )
        array([ 2.,  2., -2.,  0.])
        """
        right, left = gradient + self.l1, gradient - self.l1
        at_zero = np.where(left > 0.0, left, np.where(right < 0.0, right, 0.0))
        return np.where(x == 0.0, at_zero, gradient + np.sign(x) * self.l1)

    def direction(self, at: Point, pairs: Sequence[Pair]) -> Array:
        """The L-BFGS direction; where it does not go down the pseudo-gradient, 0.

        Also where it is NaN. All of it is then, and the step, to the same place, counts.
        """
        d = two_loops(pairs, at.slope)
        return np.where(d * at.slope < 0.0, d, 0.0)

    def search(self, cost: CostFunction, at: Point, d: Array) -> Array:
        """The point that backtracking accepts, within the orthant."""
        orthant = np.where(at.x != 0.0, np.sign(at.x), np.sign(-at.slope))

        def landing(t: float) -> Array:
            z = at.x + t * d
            return np.where(np.sign(z) == orthant, z, 0.0)

        def phi(t: float) -> tuple[float, float]:
            z = landing(t)
            found = self.point(z, *cost(z), 0)
            return found.value, float(dot(found.slope, d))

        first = at.k == 0
        t = float(0.5 / np.float64(norm(at.gradient))) if first else 1.0
        # phi(0) is the point itself, once more: a pass only where the last trial was elsewhere
        return landing(_backtrack(phi, t, at.smooth, shrink=0.1 if first else 0.5))


def _backtrack(
    phi: Callable[[float], tuple[float, float]], t: float, judged_by: float, shrink: float
) -> float:
    """The step length; the first trial is judged by `judged_by` in the place of its own value."""
    value_0, slope_0 = phi(0.0)
    value, slope = judged_by, phi(t)[1]
    for trial in range(1, TRIALS + 1):
        if value > value_0 + 1e-4 * t * slope_0:
            factor = shrink
        elif slope < 0.9 * slope_0:
            factor = 2.1
        elif slope > -0.9 * slope_0:
            factor = shrink
        else:
            break
        following = t * factor
        if following < SHORTEST:
            raise StepFailed("Step size underflow")
        if following > LONGEST:
            raise StepFailed("Step size overflow")
        value, slope = phi(following)
        if trial < TRIALS:  # the last one is made, and not used
            t = following
    return t


class OWLQN(QuasiNewton):
    """`run_owlqn` with the setters of `LBFGS` and their defaults.

    Parameters
    ----------
    gradient : Gradient
    updater : L1Updater, optional
        Accepted so that the call reads as for the other optimizers; any other updater is refused.

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient
    >>> owlqn = OWLQN(LeastSquaresGradient()).set_reg_param(0.5)
    >>> owlqn.optimize(([[1.0], [1.0]], [1.0, 3.0]), [0.0]).round(9)  # the mean less 0.5
    array([1.5])
    """

    def __init__(self, gradient: Any, updater: Any = None):
        super().__init__(gradient)
        self.l1: npt.ArrayLike | None = None
        self.set_updater(updater)

    def set_updater(self, updater: Any) -> Self:
        """L1, which is all that OWL-QN knows; L-BFGS is for the others."""
        if not (updater is None or isinstance(updater, L1Updater)):
            raise ValueError(
                f"OWLQN minimizes an L1 penalty, got {type(updater).__name__}; take LBFGS for it"
            )
        return self

    def set_l1(self, factors: npt.ArrayLike | None) -> Self:
        """A factor on the penalty of each weight; None: 1."""
        self.l1 = factors
        return self

    def optimize_with_loss_returned(self, data: Any, initial_weights: Any) -> OptimizerResult:
        """Run `run_owlqn` with these settings."""
        return run_owlqn(
            data,
            self.gradient,
            self.num_corrections,
            self.convergence_tol,
            self.max_num_iterations,
            self.reg_param,
            initial_weights,
            l1=self.l1,
        )
