"""The loss of counts and other amounts that are never negative: generalised Kullback-Leibler.

``kernels.losses`` says what a loss is, and lists this one among those of factor models; a linear
model has none that keeps its predictions above 0.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hogwild.kernels.margins import Scalar


@dataclass(frozen=True)
class KullbackLeibler:
    """Generalised Kullback-Leibler divergence of the prediction from the target (LIBMF's loss 2).

    Domain: y >= 0, z > 0.  Formula: y ln(y / z) - y + z with 0 ln 0 = 0, slope 1 - y / z.

    At the border z = 0 the value is infinite and the slope is -infinity, unless y = 0 too (then 0,
    and 1); the same is said of z < 0, where the value is infinite for every y.  So a model that
    leaves the domain shows it: keep its factors from falling below 0.

    Examples
    --------
    >>> value, slope = KullbackLeibler().pair()
    >>> value(2.0, 2.0), slope(2.0, 2.0), value(3.0, 0.0), slope(2.0, 4.0)
    (0.0, 0.0, 3.0, -1.0)
    """

    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = math.inf

    def pair(self) -> tuple[Scalar, Scalar]:
        """Return value(z, y) and slope(z, y) for scalars."""

        def value(z, y):
            if z > 0.0:
                # not the logarithm of y / z, which may be 0 or infinite
                return (y * (math.log(y) - math.log(z)) if y > 0.0 else 0.0) - y + z
            if z == 0.0 and y == 0.0:
                return 0.0
            return z if math.isnan(z) else math.inf

        def slope(z, y):
            if z > 0.0:
                return 1.0 - y / z
            return z if math.isnan(z) else (-math.inf if y > 0.0 else 1.0)

        return value, slope

    def values(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the value of every prediction."""
        inside = np.where(z > 0.0, z, 1.0).astype(z.dtype)
        logs = np.log(np.where(y > 0.0, y, 1.0).astype(z.dtype)) - np.log(inside)
        outside = np.where((z == 0.0) & (y == 0.0), 0.0, np.where(np.isnan(z), z, np.inf))
        return np.where(z > 0.0, y * logs - y + z, outside).astype(z.dtype)

    def slopes(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the slope at every prediction."""
        inside = np.where(z > 0.0, z, 1.0).astype(z.dtype)
        outside = np.where(np.isnan(z), z, np.where(y > 0.0, -np.inf, 1.0))
        with np.errstate(over="ignore"):  # so near to 0 the slope is as good as infinite
            return np.where(z > 0.0, 1.0 - y / inside, outside).astype(z.dtype)
