"""The two loops of L-BFGS by commands: the direction is made on the slices, and stays there.

Contract: ``g{k}`` and the pairs ``s{j}``, ``y{j}`` are vectors of the slices; the sums are those of
``mllib.first_order.two_loops``, in the same order.  2 m + 2 messages for m pairs: each ends with
the dot product that the next one needs.

Called by ``downpour.sandblaster_coordinator``.
"""

import math
from collections.abc import Sequence

import numpy as np

from hogwild.downpour.sandblaster_group import SliceGroup
from hogwild.downpour.slices import Command
from hogwild.mllib.first_order import StepFailed

DIRECTION = "d"


def direction(group: SliceGroup, k: int, pairs: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Put minus the inverse Hessian that the pairs stand for, times g{k}, into "d".

    Parameters
    ----------
    group : SliceGroup
    k : int
        Steps made.
    pairs : sequence of (int, float)
        Newest first: j, and s{j} . y{j}.

    Returns
    -------
    (float, float)
        d . d and d . g{k}.

    Raises
    ------
    StepFailed
        For pairs without positive curvature.

    Examples
    --------
    >>> from hogwild.downpour.slices import Slice
    >>> part = Slice({"g1": [4.0], "s0": [1.0], "y0": [2.0]})
    >>> direction(SliceGroup([part], 1), 1, [(0, 2.0)])  # curvature 2: d = -2
    (4.0, -8.0)
    """
    d = _Unsent(group, [("copy", DIRECTION, f"g{k}")])
    scale, alphas = np.float64(1.0), []
    if pairs:
        newest, rho = pairs[0]
        if rho < 0.0 or math.isnan(rho):
            raise StepFailed("the newest pair has no positive curvature")
        scale = rho / d.dot(f"y{newest}", f"y{newest}")  # may be NaN, which is seen at the end
    for j, rho in pairs:
        alpha = d.dot(f"s{j}", DIRECTION) / rho
        if math.isnan(alpha):
            raise StepFailed("a pair without curvature makes the direction NaN")
        alphas.append(alpha)
        d.commands.append(("add", DIRECTION, float(-alpha), f"y{j}"))
    d.commands.append(("scale", DIRECTION, float(scale)))
    for (j, rho), alpha in zip(reversed(pairs), reversed(alphas), strict=True):
        beta = d.dot(f"y{j}", DIRECTION) / rho
        d.commands.append(("add", DIRECTION, float(alpha - beta), f"s{j}"))
    d.commands += [("scale", DIRECTION, -1.0), ("dot", DIRECTION, DIRECTION)]
    *_, squares, slope = group.obey(*d.commands, ("dot", f"g{k}", DIRECTION))
    if math.isnan(squares):
        raise StepFailed("the newest pair has no curvature")
    return squares, slope


class _Unsent:
    """Commands that wait for the next dot product, to travel in its message."""

    def __init__(self, group: SliceGroup, commands: list[Command]):
        self._group, self.commands = group, commands

    def dot(self, a: str, b: str) -> np.float64:
        """Send the commands, and return a . b after them."""
        answer = self._group.obey(*self.commands, ("dot", a, b))[-1]
        self.commands.clear()
        return np.float64(answer)
