"""A step length with strong Wolfe conditions: Breeze's ``StrongWolfeLineSearch``.

Nocedal and Wright, Numerical Optimization, algorithms 3.5 (bracketing) and 3.6 (zoom), c1 = 1e-4,
c2 = 0.9. Along a direction, phi(t) = F(x + t d); a step is accepted where::

    phi(t) <= phi(0) + c1 t phi'(0)    and    |phi'(t)| <= c2 |phi'(0)|

Ten trials find a bracket, ten more shrink it; then the search has failed, which the caller deals
with (`first_order`). Which trials are made decides the history of losses: each comparison counts.

Called by `lbfgs`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from hogwild.mllib.first_order import StepFailed

C1, C2 = 1e-4, 0.9
TRIALS = 10


class Trial(NamedTuple):
    """A step length, with phi and its derivative there."""

    t: float
    value: float
    slope: float


Phi = Callable[[float], Trial]


def strong_wolfe(phi: Phi, first: float) -> float:
    """Return a step length that fulfils both conditions, trying `first` first.

    Raises
    ------
    StepFailed
        Uphill, or no such step within the trials.
    ValueError
        `first` is NaN: the objective was NaN where the search starts.

    Examples
    --------
    >>> strong_wolfe(lambda t: Trial(t, (t - 3.0) ** 2, 2.0 * (t - 3.0)), 1.0)
    1.0
    """
    if math.isnan(first):
        raise ValueError("requirement failed: the first trial of the line search is NaN")
    zero = phi(0.0)
    if zero.slope > 0.0:
        raise StepFailed(f"Line search invoked with non-descent direction: {zero.slope}")
    low, t = zero, first
    for i in range(TRIALS):
        trial = phi(t)
        if not math.isfinite(trial.value):
            t /= 2.0
            continue
        if _too_high(trial, zero) or (i > 0 and trial.value >= low.value):
            return _zoom(phi, zero, low, trial)
        if abs(trial.slope) <= C2 * abs(zero.slope):
            return trial.t
        if trial.slope >= 0.0:
            return _zoom(phi, zero, trial, low)
        low, t = trial, t * 1.5
    raise StepFailed("Line search failed")


def _zoom(phi: Phi, zero: Trial, low: Trial, high: Trial) -> float:
    """Shrink the bracket between `low`, the lower one, and `high`, on whichever side."""
    for _ in range(TRIALS):
        t = _interpolated(low, high)
        trial = phi(t)
        if math.isnan(t):
            break
        if _too_high(trial, zero) or trial.value >= low.value:
            high = trial
            continue
        if abs(trial.slope) <= C2 * abs(zero.slope):
            return trial.t
        if trial.slope * (high.t - low.t) >= 0.0:
            high = low
        low = trial
    raise StepFailed("Line search zoom failed")


def _too_high(trial: Trial, zero: Trial) -> bool:
    """The decrease is less than Armijo's."""
    return trial.value > zero.value + C1 * trial.t * zero.slope


def _interpolated(low: Trial, high: Trial) -> float:
    """The minimum of the cubic through both, at least a tenth of the bracket away from its ends."""
    left, right = (high, low) if low.t > high.t else (low, high)
    width = right.t - left.t
    d1 = left.slope + right.slope - _ratio(3.0 * (left.value - right.value), left.t - right.t)
    square = d1 * d1 - left.slope * right.slope
    d2 = math.sqrt(square) if square >= 0.0 else math.nan
    t = right.t - _ratio(width * (right.slope + d2 - d1), right.slope - left.slope + 2.0 * d2)
    if t < left.t + 0.1 * width:
        return left.t + 0.1 * width
    if t > left.t + 0.9 * width:
        return left.t + 0.9 * width
    return t


def _ratio(a: float, b: float) -> float:
    """A / b as Java divides."""
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a)
