"""The learning rate of every update, as a rule that can be asked for any stretch of updates.

``rule.at(epoch, t)`` gives the steps of the updates numbered t (int array, counted from 0 over the
whole fit) in that epoch (counted from 1).  The number follows from the position in the epoch, not
from a shared counter, so workers agree on it without talking to one another.

A rule of your own is a frozen dataclass with ``at`` and ``adaptive``.  Called by ``models.linear``.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.models.checks import check_number, check_positive

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class StepRule(Protocol):
    """What ``fit`` needs of a rule."""

    @property
    def adaptive(self) -> bool:
        """Whether AdaGrad divides the step of each coordinate."""

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of every update t of the epoch."""


@dataclass(frozen=True)
class Constant:
    """The same step for ever, as in the blog.

    Examples
    --------
    >>> Constant(0.5).at(3, np.array([7, 8]))
    array([0.5, 0.5])
    """

    step: float
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step", self.step)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of every update."""
        return np.full(len(t), float(self.step))


@dataclass(frozen=True)
class Backoff:
    """Constant within an epoch, ``beta`` times smaller in the next (.9 in the paper's experiments).

    Niu et al. 2011, sections 5 and 7.

    Examples
    --------
    >>> Backoff(0.5, beta=0.5).at(3, np.array([7, 8]))
    array([0.125, 0.125])
    """

    step: float
    beta: float = 0.9
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step", self.step)
        check_number("beta", self.beta)
        if not 0.0 < self.beta <= 1.0:
            raise ValueError(f"beta must be above 0 and at most 1, got {self.beta!r}")

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of every update."""
        return np.full(len(t), float(self.step) * self.beta ** (epoch - 1))


@dataclass(frozen=True)
class InverseScaling:
    """step / (1 + decay t)^power: slower from update to update.

    Examples
    --------
    >>> InverseScaling(1.0, decay=1.0, power=1.0).at(1, np.array([0, 1, 3]))
    array([1.  , 0.5 , 0.25])
    """

    step: float
    decay: float = 1e-3
    power: float = 0.75
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step", self.step)
        check_positive("decay", self.decay)
        check_positive("power", self.power)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of every update."""
        return np.asarray(self.step / (1.0 + self.decay * t) ** self.power, np.float64)


@dataclass(frozen=True)
class InverseSqrt:
    """step / sqrt(1 + t), the textbook's rule for convex functions with kinks.

    Examples
    --------
    >>> InverseSqrt(1.0).at(1, np.array([0, 3]))
    array([1. , 0.5])
    """

    step: float
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step", self.step)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of every update."""
        return self.step / np.sqrt(1.0 + t)


@dataclass(frozen=True)
class AdaGrad:
    """step / root of the coordinate's sum of squared gradients (Duchi, Hazan, Singer 2011).

    Rare features keep long steps.  ``at`` gives the numerator; the kernel divides.

    Examples
    --------
    >>> AdaGrad(0.1).at(1, np.array([0])), AdaGrad(0.1).adaptive
    (array([0.1]), True)
    """

    step: float
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("step", self.step)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the numerator of every update."""
        return np.full(len(t), float(self.step))


STEPS: dict[str, type[Constant | Backoff | InverseScaling | InverseSqrt | AdaGrad]] = {
    "constant": Constant,
    "backoff": Backoff,
    "inverse": InverseScaling,
    "inverse_sqrt": InverseSqrt,
    "adagrad": AdaGrad,
}


def find_step(step: "float | StepRule") -> StepRule:
    """Return the rule, or ``Constant`` for a number.

    Examples
    --------
    >>> find_step(0.1)
    Constant(step=0.1)
    """
    if isinstance(step, type):
        raise ValueError(f"step must be a rule, not its class, got {step!r}; call it with numbers")
    if isinstance(step, bool) or not (
        isinstance(step, int | float | np.number)
        or (hasattr(step, "at") and hasattr(step, "adaptive"))
    ):
        raise ValueError(f"step must be a number or a rule with at() and adaptive, got {step!r}")
    return Constant(float(step)) if isinstance(step, int | float | np.number) else step
