"""Sandblaster's coordinator: L-BFGS by commands, without ever touching a vector.

::

    coordinator   numbers: values, slopes, s.y, step lengths
         |  commands (short), partial dot products
    slices        x{k} g{k}   s{j} y{j} of the last steps   d  trial  gradient  ridge
         |  trial once a batch, gradients a portion each
    replicas      rows

The loop, its tests for stopping and what a failed line search costs are those of
``mllib.first_order`` (`k` steps made, pairs newest first), the line search is
``mllib.line_search``; with one slice and the same gradients the bits are the same, too.

A step from k writes x{k+1} and never over what k needs, and a checkpoint is made at its end.  So
when a slice was lost anywhere within, its checkpoint is of k (or of k+1), and the step is just made
again.

Called by ``downpour.sandblaster``.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from hogwild.downpour.sandblaster_direction import DIRECTION, direction
from hogwild.downpour.sandblaster_group import Again, SliceGroup
from hogwild.downpour.slices import Command
from hogwild.mllib.first_order import SMALLEST_GRADIENT, WINDOW, StepFailed
from hogwild.mllib.lbfgs import SMALLEST_STEP
from hogwild.mllib.line_search import Trial, strong_wolfe
from hogwild.mllib.result import (
    GRADIENT_CONVERGED,
    MAX_ITERATIONS,
    SEARCH_FAILED,
    VALUES_CONVERGED,
)

START, RIDGE = "x0", "ridge"
"""What the slices must have before the coordinator begins."""

TRIAL, GRADIENT, PULL = "trial", "gradient", "pull"
SCRATCH = (TRIAL, GRADIENT, DIRECTION, PULL)
RETRIES = 20
"""How often in a row a step is made again; slices that are lost faster than that are beyond
help."""

_log = logging.getLogger("hogwild.downpour")
_T = TypeVar("_T")


@dataclass(frozen=True)
class State:
    """Where the run is: all that the coordinator knows, in numbers.

    Attributes
    ----------
    k : int
        Steps made; x{k} and g{k} are parameters and gradient.
    value, norm : float
        The objective, and the gradient's norm.
    pairs : tuple of (int, float)
        Newest first: j and s{j} . y{j}.
    window : tuple of float
        The last values, for the test of the values.
    failures : int
        Line searches that failed since the last step.
    """

    k: int
    value: float
    norm: float
    pairs: tuple[tuple[int, float], ...] = ()
    window: tuple[float, ...] = (math.inf,)
    failures: int = 0


class Coordinator:
    """L-BFGS over slices and whoever evaluates batches.

    Parameters
    ----------
    group : SliceGroup
        With the vectors "x0" and "ridge", also in what a slice is restored from.
    gather : callable
        ``gather(batch)`` has a batch's portions evaluated at "trial"; it returns the sum of their
        losses over n, and how many portions there are.  It may raise `Again`.
    n_corrections : int
        Pairs kept.
    tol : float
        Stop once the gradient's norm is at most tol |F| (or 1e-8), or F has fallen by at most
        tol |F(x0)| from the highest of the last 20.
    max_iterations : int

    Attributes
    ----------
    evaluations : int
        Batches, those included that were evaluated again.
    repeated : int
        Steps made again.
    """

    def __init__(
        self,
        group: SliceGroup,
        gather: Callable[[int], tuple[float, int]],
        *,
        n_corrections: int = 10,
        tol: float = 1e-6,
        max_iterations: int = 100,
    ):
        self._group, self._gather = group, gather
        self._m, self._tol, self._limit = n_corrections, tol, max_iterations
        self._at = math.nan  # the step length that "trial" stands for
        self.evaluations = self.repeated = 0

    @np.errstate(all="ignore")  # comparisons deal with what overflows, as in mllib
    def run(self, callback: Callable[[State], object] | None = None) -> tuple[State, str]:
        """Return where it ended, and why.

        Parameters
        ----------
        callback : callable, optional
            Called with every state: the first, one after each step and one after each failure.  A
            true answer ends the run ("callback").

        Raises
        ------
        ValueError
            For an objective that is not finite at the start.
        """
        now = self._insist(self._begun)
        first = now.value
        while True:
            asked = callback is not None and callback(now)
            stopped = self._stopping(now, first) or ("callback" if asked else None)
            if stopped is not None:
                return now, stopped
            now = self._insist(partial(self._step, now))

    def _insist(self, act: Callable[[], _T]) -> _T:
        for _ in range(RETRIES):
            try:
                return act()
            except Again as reason:
                self.repeated += 1
                _log.warning("a step is made again: %s", reason)
        raise RuntimeError(f"a step was made {RETRIES} times, and each time something was lost")

    def _stopping(self, now: State, first: float) -> str | None:
        """Return the first test that holds, in the order of ``mllib.first_order``."""
        if now.k >= self._limit:
            return MAX_ITERATIONS
        fallen = abs(now.value - max(now.window))
        if len(now.window) >= 2 and fallen <= self._tol * abs(first):
            return VALUES_CONVERGED
        if now.norm <= max(self._tol * abs(now.value), SMALLEST_GRADIENT):
            return GRADIENT_CONVERGED
        return SEARCH_FAILED if now.failures > 1 else None

    def _begun(self) -> State:
        value, squares = self._measured(
            [("only", (START, RIDGE)), ("copy", TRIAL, START)], (GRADIENT, GRADIENT)
        )
        if not (math.isfinite(value) and math.isfinite(squares)):
            raise ValueError(
                f"the objective is {value} at the start, or its gradient is not finite"
            )
        self._group.obey(("copy", "g0", GRADIENT))
        self._checkpoint()
        return State(0, value, math.sqrt(squares))

    def _step(self, now: State) -> State:
        """Return the state after a step, or after one that failed."""
        self._group.obey(("only", _needed(now) + SCRATCH))
        try:
            squares, slope = direction(self._group, now.k, now.pairs)
            t, value = self._search(now, squares, slope)
            return self._moved(now, t, value)
        except StepFailed as failure:
            if now.failures:
                _log.error("the line search failed again: the run ends where it is")
                return replace(now, failures=2)
            _log.warning("a line search failed, and the history is cleared: %s", failure)
            return replace(now, pairs=(), failures=1)

    def _search(self, now: State, squares: float, slope: float) -> tuple[float, float]:
        """Return the step length that the line search accepts, and the objective there."""
        values = {}

        def phi(t: float) -> Trial:
            if t == 0.0:
                return Trial(0.0, now.value, slope)
            values[t], there = self._tried(now, t)
            return Trial(t, values[t], there)

        first = float(1.0 / np.sqrt(np.float64(squares))) if now.k == 0 else 1.0
        t = strong_wolfe(phi, first)
        if t * now.norm < SMALLEST_STEP:
            raise StepFailed("step size underflow")
        if t != self._at:  # another point was looked at since
            values[t], _ = self._tried(now, t)
        if not math.isfinite(values[t]):
            raise StepFailed(f"the objective is {values[t]} at the new point")
        return t, values[t]

    def _tried(self, now: State, t: float) -> tuple[float, float]:
        """Return objective and slope at x + t d; the vectors stay in "trial" and "gradient"."""
        self._at = t
        commands = [
            ("copy", TRIAL, DIRECTION),
            ("scale", TRIAL, t),
            ("add", TRIAL, 1.0, f"x{now.k}"),
        ]
        return self._measured(commands, (GRADIENT, DIRECTION))

    def _measured(
        self, commands: Sequence[Command], product: tuple[str, str]
    ) -> tuple[float, float]:
        """Evaluate a batch at "trial", once made; return the objective, and a dot product."""
        self.evaluations += 1
        batch = self.evaluations
        self._group.obey(*commands, ("begin", batch, TRIAL))
        loss, portions = self._gather(batch)
        gathered, *_, squares, dot = self._group.obey(
            ("collect", batch, GRADIENT),
            ("copy", PULL, TRIAL),
            ("multiply", PULL, RIDGE),
            ("add", GRADIENT, 1.0, PULL),
            ("dot", PULL, TRIAL),
            ("dot", *product),
        )
        if gathered != portions * len(self._group.slices):
            raise Again("the slices have not all portions of a batch")
        return loss + 0.5 * squares, dot

    def _moved(self, now: State, t: float, value: float) -> State:
        """Make the trial the new point, and remember the pair."""
        k, new = now.k, now.k + 1
        *_, rho, squares = self._group.obey(
            ("copy", f"x{new}", TRIAL), ("copy", f"g{new}", GRADIENT),
            ("copy", f"s{k}", TRIAL), ("add", f"s{k}", -1.0, f"x{k}"),
            ("copy", f"y{k}", GRADIENT), ("add", f"y{k}", -1.0, f"g{k}"),
            ("dot", f"s{k}", f"y{k}"), ("dot", GRADIENT, GRADIENT),
        )  # fmt: skip
        self._checkpoint()
        pairs = ((k, rho), *now.pairs)[: self._m]
        return State(new, value, math.sqrt(squares), pairs, (*now.window, value)[-WINDOW:])

    def _checkpoint(self) -> None:
        """Have all slices kept; raises `Again` when one was restored from the checkpoint before."""
        self._group.keep()
        self._group.obey()


def _needed(now: State) -> tuple[str, ...]:
    """Return the vectors that a step from here reads."""
    pairs: list[Any] = [f"{letter}{j}" for j, _ in now.pairs for letter in "sy"]
    return (RIDGE, f"x{now.k}", f"g{now.k}", *pairs)
