"""A loss is a pair of scalar functions, its value and its slope in the prediction z.

Each class gives the pair twice: ``pair()`` returns plain scalar functions, which the Python kernel
runs as they are and numba compiles; ``values`` and ``slopes`` are the same formulas over whole
arrays, for mini-batches and for the objective.  A slope is the derivative dvalue/dz; where there
is none (a kink) it is the one that scikit-learn takes, named in the class.  The gradient of one
example (x, y) is then ``slope(w . x, y) * x``.

The losses of real targets are here; those of the labels -1 and +1 come from ``kernels.margins``,
that of amounts from ``kernels.divergence``.
Called by the kernels, which get the scalar pair, and by ``models.linear`` for the objective.  A
loss of your own is a frozen dataclass with the same five members.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hogwild.kernels.divergence import KullbackLeibler
from hogwild.kernels.margins import Hinge, Logistic, Scalar, SquaredHinge


@dataclass(frozen=True)
class Squared:
    """Squared error, the loss of the blog (no factor 1/2).

    Domain: y real.  Formula: (z - y)^2, slope 2 (z - y).

    The article prints the gradient with the sign turned; its code, and this slope, are right.

    Examples
    --------
    >>> value, slope = Squared().pair()
    >>> value(3.0, 1.0), slope(3.0, 1.0)
    (4.0, 4.0)
    """

    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = 2.0

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            return (z - y) * (z - y)

        def slope(z, y):
            return 2.0 * (z - y)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        return (z - y) * (z - y)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return 2.0 * (z - y)


@dataclass(frozen=True)
class Absolute:
    """Absolute error.

    Domain: y real.  Formula: |z - y|, slope sign(z - y), 0 at the kink.

    Examples
    --------
    >>> value, slope = Absolute().pair()
    >>> value(0.5, 2.0), slope(0.5, 2.0), slope(2.0, 2.0)
    (1.5, -1.0, 0.0)
    """

    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = math.inf

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            return abs(z - y)

        def slope(z, y):
            return 1.0 if z > y else (-1.0 if z < y else 0.0)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        return np.abs(z - y)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return np.sign(z - y)


@dataclass(frozen=True)
class Huber:
    """Squared near the target and linear beyond ``delta``.

    Domain: y real, delta > 0.  With e = z - y: e^2/2 if |e| <= delta, else delta (|e| - delta/2);
    slope e, cut to [-delta, delta].

    Examples
    --------
    >>> value, slope = Huber(delta=1.0).pair()
    >>> value(0.5, 0.0), slope(0.5, 0.0), value(3.0, 0.0), slope(3.0, 0.0)
    (0.125, 0.5, 2.5, 1.0)
    """

    delta: float = 1.0
    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if not self.delta > 0 or not math.isfinite(self.delta):
            raise ValueError(f"delta of the Huber loss must be above 0, got {self.delta!r}")

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""
        delta = float(self.delta)

        def value(z, y):
            e = abs(z - y)
            return 0.5 * e * e if e <= delta else delta * (e - 0.5 * delta)

        def slope(z, y):
            return min(max(z - y, -delta), delta)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        e = np.abs(z - y)
        return np.where(e <= self.delta, 0.5 * e * e, self.delta * (e - 0.5 * self.delta))

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return np.clip(z - y, -self.delta, self.delta)


@dataclass(frozen=True)
class EpsilonInsensitive:
    """Absolute error beyond a tube of half-width ``epsilon`` (support vector regression).

    Domain: y real, epsilon >= 0.  Formula: max(|z - y| - epsilon, 0), slope sign(z - y) outside the
    tube, 0 inside and on its edge.

    Examples
    --------
    >>> value, slope = EpsilonInsensitive(epsilon=0.5).pair()
    >>> value(2.0, 1.0), slope(2.0, 1.0), slope(1.25, 1.0)
    (0.5, 1.0, 0.0)
    """

    epsilon: float = 0.1
    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < math.inf:
            raise ValueError(f"epsilon of the loss must be 0 or more, got {self.epsilon!r}")

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""
        epsilon = float(self.epsilon)

        def value(z, y):
            return max(abs(z - y) - epsilon, 0.0)

        def slope(z, y):
            return 1.0 if z - y > epsilon else (-1.0 if y - z > epsilon else 0.0)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        return np.maximum(np.abs(z - y) - self.epsilon, 0.0)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        return np.where(np.abs(z - y) > self.epsilon, np.sign(z - y), 0.0)


Loss = (
    Squared
    | Absolute
    | Huber
    | EpsilonInsensitive
    | Logistic
    | Hinge
    | SquaredHinge
    | KullbackLeibler
)

LOSSES: dict[str, type[Loss]] = {
    "squared": Squared,
    "absolute": Absolute,
    "huber": Huber,
    "epsilon_insensitive": EpsilonInsensitive,
    "logistic": Logistic,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
}
"""The losses of a linear model."""

FACTOR_LOSSES: dict[str, type[Loss]] = {**LOSSES, "kl": KullbackLeibler}
"""The losses of a factor model, whose predictions can be kept above 0."""

__all__ = [
    "FACTOR_LOSSES",
    "LOSSES",
    "Absolute",
    "EpsilonInsensitive",
    "Hinge",
    "Huber",
    "KullbackLeibler",
    "Logistic",
    "Loss",
    "Scalar",
    "Squared",
    "SquaredHinge",
    "find_loss",
]

_MEMBERS = ("pair", "values", "slopes", "classifies", "curvature")


def find_loss(loss: "str | Loss", known: Mapping[str, type[Loss]] = LOSSES) -> Loss:
    """Return the loss of that name with its default constants, or the loss itself.

    Parameters
    ----------
    loss : str or Loss
    known : dict of name to class
        LOSSES, or FACTOR_LOSSES.

    Raises
    ------
    ValueError
        For an unknown name, with the known ones; for a class in place of a loss; for what lacks a
        member or can't be hashed.

    Examples
    --------
    >>> find_loss("huber")
    Huber(delta=1.0)
    """
    if isinstance(loss, str):
        if loss not in known:
            raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(known)}")
        return known[loss]()
    if isinstance(loss, type) or not all(hasattr(loss, name) for name in _MEMBERS):
        hint = "; call the class to make a loss of it" if isinstance(loss, type) else ""
        raise ValueError(
            f"a loss needs pair, values, slopes, classifies and curvature; got {loss!r}{hint}"
        )
    try:
        hash(loss)
    except TypeError:
        raise ValueError(
            f"a loss must be hashable, as a frozen dataclass is, for its updates are kept; "
            f"got {loss!r}"
        ) from None
    return loss
