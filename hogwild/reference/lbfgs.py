"""MLlib's L-BFGS on a page: ``LBFGS.scala`` of Spark 3.5 over Breeze 2.1's minimiser.

L-BFGS goes downhill as Newton does, with a curvature that it reads off its last m steps; a line
search says how far. Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4, 3.5 and
3.6, leave open what a history depends on:

* The first trial is 1/|d| at the first step, then 1; one too short is made half as long again.
* Ten trials may pass, and ten more between two of them. A failure throws the pairs away, F is noted
  once more, and the next step goes straight downhill. A second in a row is the end.
* The end is also where F is near the *highest* of its last 20 values. An infinity stands before the
  first, so that this can't be within 20 steps.

F comes from ``gradient_descent.cost``, or from anywhere.

Numpy only. Imported by tests and tutorials.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Function = Callable[[Array], tuple[Any, Array]]


class Failed(Exception):
    """There is no step from here."""


class Trial(NamedTuple):
    """A step's length t along d, F(w + t d), and the slope there."""

    t: Any
    value: Any
    slope: Any


def direction(pairs: list[tuple[Array, Array]], g: Array) -> Array:
    """Return -H g, by two loops over the pairs (s, y) of steps and changes of g, the newest first.

    Examples
    --------
    >>> direction([(np.array([1.0]), np.array([2.0]))], np.array([4.0]))  # F'' = 2 / 1
    array([-2.])
    """
    scale: Any = 1.0
    q, alphas = g, []
    for s, y in pairs:
        alphas.append((s @ q) / (s @ y))
        q = q - alphas[-1] * y
    if pairs:
        s, y = pairs[0]
        scale = (s @ y) / (y @ y)
        if np.isnan(alphas).any() or not s @ y >= 0.0:
            raise Failed
    q = scale * q
    for (s, y), alpha in zip(reversed(pairs), reversed(alphas), strict=True):
        q = q + (alpha - (y @ q) / (s @ y)) * s
    return -q


def search(F: Function, w: Array, d: Array, t: Any) -> Any:
    """Return a step's length that fulfils the strong Wolfe conditions; t is tried first."""

    def phi(t: Any) -> Trial:
        value, g = F(t * d + w)
        return Trial(t, np.float64(value), g @ d)

    if np.isnan(t):
        raise ValueError("the direction is not a number")
    start = lo = phi(0.0)
    if start.slope > 0.0:
        raise Failed
    for trial in range(10):
        c = phi(t)
        if not np.isfinite(c.value):
            t = t / 2.0
        elif _is_high(c, start) or (trial > 0 and c.value >= lo.value):
            return zoom(phi, start, lo, c)
        elif _is_flat(c, start):
            return t
        elif c.slope >= 0.0:
            return zoom(phi, start, c, lo)
        else:
            lo, t = c, 1.5 * t
    raise Failed


def zoom(phi: Callable[[Any], Trial], start: Trial, lo: Trial, hi: Trial) -> Any:
    """Return such a length between two, the lower value being `lo`'s."""
    for _ in range(10):
        a, b = (hi, lo) if lo.t > hi.t else (lo, hi)
        d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)  # a cubic's minimum
        d2 = np.sqrt(d1 * d1 - a.slope * b.slope)
        t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2)
        c = phi(np.clip(t, a.t + 0.1 * (b.t - a.t), a.t + 0.9 * (b.t - a.t)))
        if np.isnan(c.t):
            raise Failed
        if _is_high(c, start) or c.value >= lo.value:
            hi = c
        elif _is_flat(c, start):
            return c.t
        else:
            lo, hi = c, (lo if c.slope * (hi.t - lo.t) >= 0.0 else hi)
    raise Failed


def _is_high(c: Trial, start: Trial) -> bool:
    return bool(c.value > start.value + 1e-4 * c.t * start.slope)


def _is_flat(c: Trial, start: Trial) -> bool:
    return bool(abs(c.slope) <= 0.9 * abs(start.slope))


@np.errstate(all="ignore")  # every comparison says what follows where something is not a number
def lbfgs(F: Function, w: Array, m: int, tol: float, n_iterations: int) -> tuple[Array, Array, str]:
    """Return the last w, F at the start and after each step or failure, and why it ended.

    At most m pairs are kept; n_iterations below 0 is no limit.

    Examples
    --------
    >>> def F(w):
    ...     return (w[0] - 3.0) ** 2, 2.0 * (w - 3.0)
    >>> lbfgs(F, np.array([0.0]), m=10, tol=1e-6, n_iterations=9)  # 1 long; then F'' is known
    (array([3.]), array([9., 4., 0.]), 'gradient converged')
    """
    value, g = F(w)
    losses, window, pairs = [value], [np.float64(np.inf)], list[tuple[Array, Array]]()
    k = failures = 0
    while True:
        if 0 <= n_iterations <= k:
            return w, np.array(losses), "max iterations reached"
        if len(window) > 1 and abs(value - max(window)) <= tol * abs(losses[0]):
            return w, np.array(losses), "function values converged"
        if np.linalg.norm(g) <= max(tol * abs(value), 1e-8):
            return w, np.array(losses), "gradient converged"
        if failures == 2:
            return w, np.array(losses), "line search failed"
        try:
            d = direction(pairs, g)
            t = search(F, w, d, 1.0 if k > 0 else 1.0 / np.linalg.norm(d))
            if t * np.linalg.norm(g) < 1e-10:
                raise Failed
        except Failed:
            pairs, failures = [], failures + 1
        else:
            new = t * d + w
            value, new_g = F(new)
            pairs = [(new - w, new_g - g), *pairs][:m]
            w, g, k, failures = new, new_g, k + 1, 0
            window = [*window, value][-20:]
        losses.append(value)
