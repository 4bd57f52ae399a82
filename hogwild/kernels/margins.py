"""The losses of the labels -1 and +1: functions of the margin y z alone.

``kernels.losses`` says what a loss is, and lists them with the others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Scalar = Callable[[float, float], float]


@dataclass(frozen=True)
class Logistic:
    """Negative log-likelihood of a logistic model.

    Domain: y in {-1, +1}.  Formula: log(1 + exp(-y z)), slope -y / (1 + exp(y z)).
    The sign of y z chooses a form in which nothing overflows, whatever z is.

    Examples
    --------
    >>> value, slope = Logistic().pair()
    >>> round(value(0.0, 1.0), 6), slope(0.0, 1.0), value(-800.0, 1.0), slope(800.0, -1.0)
    (0.693147, -0.5, 800.0, 1.0)
    """

    classifies: ClassVar[bool] = True
    curvature: ClassVar[float] = 0.25

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            margin = y * z
            if margin > 0.0:
                return math.log1p(math.exp(-margin))
            return math.log1p(math.exp(margin)) - margin

        def slope(z, y):
            margin = y * z
            if margin > 0.0:
                decay = math.exp(-margin)
                return -y * (decay / (1.0 + decay))
            return -y / (1.0 + math.exp(margin))

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        margin = y * z
        return np.log1p(np.exp(-np.abs(margin))) - np.minimum(margin, 0.0)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        margin = y * z
        decay = np.exp(-np.abs(margin))
        return -y * np.where(margin > 0.0, decay, 1.0) / (1.0 + decay)


@dataclass(frozen=True)
class Hinge:
    """The support vector machine's loss, as in the Hogwild! paper (section 2).

    Domain: y in {-1, +1}.  Formula: max(1 - y z, 0), slope -y if y z < 1, else 0.

    Examples
    --------
    >>> value, slope = Hinge().pair()
    >>> value(0.25, 1.0), slope(0.25, 1.0), slope(1.0, 1.0)
    (0.75, -1.0, 0.0)
    """

    classifies: ClassVar[bool] = True
    curvature: ClassVar[float] = math.inf

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            return max(1.0 - y * z, 0.0)

        def slope(z, y):
            return -y if y * z < 1.0 else 0.0

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        return np.maximum(1.0 - y * z, 0.0)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return np.where(y * z < 1.0, -y, 0.0)


@dataclass(frozen=True)
class SquaredHinge:
    """The hinge, squared: the same zero, and a slope without a jump.

    Domain: y in {-1, +1}.  Formula: max(1 - y z, 0)^2, slope -2 y max(1 - y z, 0).

    Examples
    --------
    >>> value, slope = SquaredHinge().pair()
    >>> value(-1.0, 1.0), slope(-1.0, 1.0), slope(2.0, 1.0) == 0.0
    (4.0, -4.0, True)
    """

    classifies: ClassVar[bool] = True
    curvature: ClassVar[float] = 2.0

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            short = max(1.0 - y * z, 0.0)
            return short * short

        def slope(z, y):
            return -2.0 * y * max(1.0 - y * z, 0.0)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        return np.maximum(1.0 - y * z, 0.0) ** 2

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return -2.0 * y * np.maximum(1.0 - y * z, 0.0)
