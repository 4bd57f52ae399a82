"""The loop of L-BFGS and OWL-QN: when to stop, what to remember, what a failed search costs.

::

    repeat   stopping tests -> direction -> step length -> new point -> remember (s, y)
                                  '--------------'
                                  either may fail: once, and the memory is cleared;
                                  twice in a row, and the run ends where it is

Breeze's ``FirstOrderMinimizer``, on which Spark's optimizers run, with the tests that Spark sets. A
*method* says what differs: objective, direction, step length (`lbfgs.Wolfe`, `owlqn.Orthant`).
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hogwild.mllib.checks import require
from hogwild.mllib.cost import CostFunction
from hogwild.mllib.products import dot
from hogwild.mllib.result import (
    GRADIENT_CONVERGED,
    MAX_ITERATIONS,
    SEARCH_FAILED,
    VALUES_CONVERGED,
    OptimizerResult,
)
from hogwild.mllib.vectors import Array

logger = logging.getLogger("hogwild.mllib")

WINDOW = 20  # values that the test of the function values looks back to
SMALLEST_GRADIENT = 1e-8

Pair = tuple[Array, Array, float]
"""A step s, the difference of the gradients y, and s.y."""


class StepFailed(Exception):
    """No step could be made from here; the reason is the text."""


@dataclass(frozen=True)
class Point:
    """Where the run is.

    Attributes
    ----------
    x : float64 array, shape (d,)
    smooth, gradient : float, float64 array
        The smooth part of the objective there, and its gradient.
    value, slope : float, float64 array
        The whole objective, and what stands for its gradient (the pseudo-gradient of OWL-QN).
    k : int
        Steps made.
    """

    x: Array
    smooth: float
    gradient: Array
    value: float
    slope: Array
    k: int


class Method(Protocol):
    """What tells one minimizer from another."""

    def point(self, x: Array, smooth: float, gradient: Array, k: int) -> Point:
        """The point with its whole objective."""

    def direction(self, at: Point, pairs: Sequence[Pair]) -> Array:
        """Where to go; raises `StepFailed`.

        What `two_loops` gives is NaN after a step that left the gradient as it was (s.y = y.y = 0).
        """

    def search(self, cost: CostFunction, at: Point, d: Array) -> Array:
        """The new point on the way along `d`; raises `StepFailed`."""


@dataclass
class _Memory:
    """What the loop carries from step to step."""

    pairs: deque[Pair]
    window: deque[float] = field(default_factory=lambda: deque([math.inf], maxlen=WINDOW))
    failed_once: bool = False
    search_failed: bool = False


@np.errstate(all="ignore")  # Java's arithmetic: comparisons deal with what overflows
def minimize(
    cost: CostFunction,
    method: Method,
    start: Array,
    num_corrections: int,
    tol: float,
    max_iterations: int,
    callback: Callable[[int, float], object] | None = None,
) -> OptimizerResult:
    """Minimise from `start`; the losses are one for each state, that is also one for each failure.

    Parameters
    ----------
    cost : CostFunction
        ``cost(w) -> (value, gradient)`` of the smooth part.
    method : Method
    num_corrections : int
        Pairs kept.
    tol : float
        Of the tests of values (against the first value) and of the gradient (against the current).
    max_iterations : int
        Steps; negative: no limit.

    Raises
    ------
    ValueError
        num_corrections below 1; an objective that is not finite at the start, with the reason.
    """
    require(num_corrections > 0, "number of corrections must be positive", num_corrections)
    now = method.point(start, *cost(start), 0)
    if max_iterations != 0 and not (math.isfinite(now.value) and np.isfinite(now.slope).all()):
        cost.explain(now.value)
    memory = _Memory(deque(maxlen=num_corrections))
    first, losses = now.value, [now.value]
    while True:
        if callback is not None:
            callback(now.k, now.value)
        stopped = _stopping(now, memory, first, tol, max_iterations)
        if stopped is not None:
            break
        try:
            now = _step(cost, method, now, memory)
        except StepFailed as failure:
            _remember_failure(memory, failure)
        losses.append(now.value)
    return OptimizerResult(now.x, np.array(losses), stopped, now.k, cost.n_evaluations)


def _stopping(now: Point, memory: _Memory, first: float, tol: float, limit: int) -> str | None:
    """The first test that holds, in Breeze's order."""
    if 0 <= limit <= now.k:
        return MAX_ITERATIONS
    if len(memory.window) >= 2 and abs(now.value - max(memory.window)) <= tol * abs(first):
        return VALUES_CONVERGED
    if norm(now.slope) <= max(tol * abs(now.value), SMALLEST_GRADIENT):
        return GRADIENT_CONVERGED
    return SEARCH_FAILED if memory.search_failed else None


def _step(cost: CostFunction, method: Method, now: Point, memory: _Memory) -> Point:
    d = method.direction(now, memory.pairs)
    x = method.search(cost, now, d)
    new = method.point(x, *cost(x), now.k + 1)
    if not math.isfinite(new.value):  # Breeze's OWL-QN may accept it, and would return it
        raise StepFailed(f"the objective is {new.value} at the new point")
    s, y = new.x - now.x, new.gradient - now.gradient
    memory.pairs.appendleft((s, y, float(dot(s, y))))
    memory.window.append(new.value)
    memory.failed_once = False
    return new


def _remember_failure(memory: _Memory, failure: StepFailed) -> None:
    if memory.failed_once:
        logger.error(
            "Failure again! Giving up and returning. Maybe the objective is just poorly behaved?"
        )
        memory.search_failed = True
    else:
        logger.error("Failure! Resetting history: %s", failure)
        memory.pairs.clear()
        memory.failed_once = True


def two_loops(pairs: Sequence[Pair], gradient: Array) -> Array:
    """The L-BFGS direction: minus the inverse Hessian that the pairs (newest first) stand for.

    Nocedal's two-loop recursion, with s.y / y.y of the newest pair as the first guess.

    Examples
    --------
    >>> two_loops([(np.array([1.0]), np.array([2.0]), 2.0)], np.array([4.0]))  # curvature 2
    array([-2.])
    """
    q, moved = gradient.copy(), np.empty_like(gradient)
    if pairs:
        _, y, rho = pairs[0]
        if rho < 0.0 or math.isnan(rho):
            raise StepFailed("the newest pair has no positive curvature")
        scale = rho / dot(y, y)  # may be NaN: see `Method.direction`
    alphas: list[Any] = []
    for s, y, rho in pairs:
        alpha = dot(s, q) / rho
        if math.isnan(alpha):
            raise StepFailed("a pair without curvature makes the direction NaN")
        q -= np.multiply(y, alpha, out=moved)
        alphas.append(alpha)
    if pairs:
        q *= scale
    for (s, y, rho), alpha in zip(reversed(pairs), reversed(alphas), strict=True):
        q += np.multiply(s, alpha - dot(y, q) / rho, out=moved)
    return -q


def norm(x: Array) -> float:
    """The Euclidean norm."""
    return float(np.sqrt(dot(x, x)))
