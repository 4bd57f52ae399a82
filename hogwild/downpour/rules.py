"""What a shard does with a gradient that arrives: a fixed step, or AdaGrad.

A rule moves the coordinates of one slice in place, with what it keeps of each of them.  It needs
nothing from the other shards: that is why every shard can act alone (Dean et al. 2012, section
4.1).

Called by ``downpour.shard``.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Rule(Protocol):
    """What a shard needs of a rule."""

    name: ClassVar[str]

    def begin(self, n: int) -> Array:
        """Return what is kept of each of n coordinates, before the first push."""

    def move(self, values: Array, kept: Array, where: Any, gradient: Array, step: float) -> None:
        """Move ``values[where]`` by a gradient, in place, and ``kept[where]`` with it."""


@dataclass(frozen=True)
class FixedStep:
    """w <- w - step g.

    Examples
    --------
    >>> values = np.array([1.0, 2.0])
    >>> FixedStep().move(values, np.zeros(0), slice(None), np.array([1.0, -1.0]), step=0.5)
    >>> values
    array([0.5, 2.5])
    """

    name: ClassVar[str] = "fixed"

    def begin(self, n: int) -> Array:
        """Return nothing: a fixed step remembers nothing."""
        return np.zeros(0)

    def move(self, values: Array, kept: Array, where: Any, gradient: Array, step: float) -> None:
        """Move the values."""
        values[where] -= values.dtype.type(step) * gradient


@dataclass(frozen=True)
class AdaGrad:
    """w <- w - step g / sqrt(start + the sum of g^2 over all pushes, this one included).

    Dean et al. 2012, section 4.1.  As printed there is no `start`, so the first update of a
    coordinate has the length of the step, whatever its gradient; libFFM starts at 1.  What is
    squared is the gradient as it was pushed: the sum of n_push gradients, not each of them.  A
    coordinate whose gradient is 0 stands still (0/0, as printed).

    Parameters
    ----------
    start : float
        What every sum of squares begins at.

    Examples
    --------
    >>> values, kept = np.array([0.0, 0.0, 5.0]), AdaGrad().begin(3)
    >>> AdaGrad().move(values, kept, slice(None), np.array([3.0, -0.001, 0.0]), step=0.5)
    >>> values
    array([-0.5,  0.5,  5. ])
    >>> AdaGrad().move(values, kept, np.array([0]), np.array([4.0]), step=0.5)  # 4 / sqrt(9 + 16)
    >>> values
    array([-0.9,  0.5,  5. ])
    """

    start: float = 0.0
    name: ClassVar[str] = "adagrad"

    def __post_init__(self) -> None:
        if not 0.0 <= self.start < math.inf:
            raise ValueError(f"AdaGrad must start at 0 or more, got {self.start!r}")

    def begin(self, n: int) -> Array:
        """Return the sums of squares."""
        return np.full(n, float(self.start))

    def move(self, values: Array, kept: Array, where: Any, gradient: Array, step: float) -> None:
        """Add to the sums, then move the values."""
        squares = kept[where] + np.square(gradient, dtype=np.float64)
        kept[where] = squares
        roots = np.sqrt(squares)
        roots[squares == 0.0] = 1.0
        values[where] -= (step * (gradient / roots)).astype(values.dtype)


RULES: dict[str, type[FixedStep] | type[AdaGrad]] = {"adagrad": AdaGrad, "fixed": FixedStep}


def find_rule(rule: Any) -> Any:
    """Return the rule of that name, or the rule itself.

    Raises
    ------
    ValueError
        For an unknown name, and for what is no rule.

    Examples
    --------
    >>> find_rule("adagrad")
    AdaGrad(start=0.0)
    """
    if isinstance(rule, str):
        if rule not in RULES:
            raise ValueError(f"unknown rule {rule!r}; the rules are {', '.join(RULES)}")
        return RULES[rule]()
    if not isinstance(rule, FixedStep | AdaGrad):
        # a shard is restored from a file, which knows rules by name
        raise ValueError(f"a server's rule must be one of {', '.join(RULES)}, got {rule!r}")
    return rule
