"""One step with the mean gradient, regularisation included: Spark's `Updater`.

The objective is F(w) = (1/n) sum_i L(w; x_i, y_i) + reg R(w); an updater knows R. Gradient descent
uses its steps; L-BFGS only reads R and its gradient out of two steps (`cost`). Every component is
penalised, an appended bias as well.

Used by the optimizers; see "How to write an updater" in the docs.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from hogwild.mllib.products import dot
from hogwild.mllib.vectors import Array, SparseVector, as_vector


class Updater(ABC):
    """A step: new weights, and the regularisation value there. A subclass gives `compute`.

    Examples
    --------
    >>> import math
    >>> class Quartic(Updater):  # R(w) = |w|^4 / 4
    ...     def compute(self, weights_old, gradient, step_size, iter, reg_param):
    ...         w = weights_old
    ...         w = w - step_size / math.sqrt(iter) * (gradient + reg_param * (w @ w) * w)
    ...         return w, reg_param * (w @ w) ** 2 / 4
    >>> Quartic().compute(np.array([2.0]), np.array([0.0]), 1.0, 4, 0.5)  # 2 - 1/2 * 1/2 * 8 = 0
    (array([0.]), np.float64(0.0))
    """

    @abstractmethod
    def compute(
        self, weights_old: Any, gradient: Any, step_size: float, iter: int, reg_param: float
    ) -> tuple[Array, float]:
        """The weights after step number `iter`, of size step_size / sqrt(iter), and reg R there.

        Parameters
        ----------
        weights_old, gradient : vectors, shape (d,)
            `weights_old` must not be written to. The gradient is the mean over the batch. A user's
            own method is called with float64 arrays.
        step_size, reg_param : float
            Not checked, as in Spark.
        iter : int
            From 1.
        """


class SimpleUpdater(Updater):
    """No regularisation: w - s g with s = step_size / sqrt(iter).  R = 0.

    Examples
    --------
    >>> SimpleUpdater().compute([1.0, 2.0], [1.0, 0.0], 0.5, 4, 0.0)  # s = 0.25
    (array([0.75, 2.  ]), 0.0)
    """

    def compute(
        self, weights_old: Any, gradient: Any, step_size: float, iter: int, reg_param: float
    ) -> tuple[Array, float]:
        """Return w - s g, and 0."""
        with np.errstate(all="ignore"):
            return _moved(weights_old, gradient, _step(step_size, iter)), 0.0


class SquaredL2Updater(Updater):
    """(1 - s reg) w - s g with s = step_size / sqrt(iter).  R = |w|^2 / 2.

    Examples
    --------
    >>> SquaredL2Updater().compute([4.0], [1.0], 0.5, 1, 0.1)  # 0.95 * 4 - 0.5
    (array([3.3]), 0.5445)
    """

    def compute(
        self, weights_old: Any, gradient: Any, step_size: float, iter: int, reg_param: float
    ) -> tuple[Array, float]:
        """Return (1 - s reg) w - s g, and reg |w|^2 / 2 there."""
        with np.errstate(all="ignore"):
            s = _step(step_size, iter)
            new = _moved(_dense(weights_old) * (1.0 - s * reg_param), gradient, s)
            norm = np.sqrt(dot(new, new))
            return new, float(0.5 * reg_param * norm * norm)


class L1Updater(Updater):
    """Soft thresholding of w - s g by s reg, a proximal step.  R = |w|_1.

    s = step_size / sqrt(iter).

    Examples
    --------
    >>> w, value = L1Updater().compute([1.0, -0.04], [1.0, 0.0], 0.5, 1, 0.1)
    >>> w, round(value, 15)  # 0.5 and -0.04, shrunk by 0.05
    (array([ 0.45, -0.  ]), 0.045)
    """

    def compute(
        self, weights_old: Any, gradient: Any, step_size: float, iter: int, reg_param: float
    ) -> tuple[Array, float]:
        """Return soft-thresholded w - s g, and reg |w|_1 there."""
        with np.errstate(all="ignore"):
            s = _step(step_size, iter)
            moved = _moved(weights_old, gradient, s)
            new = np.sign(moved) * np.maximum(0.0, np.abs(moved) - reg_param * s)
            return new, float(reg_param * np.abs(new).sum())


def _step(step_size: float, iter: int) -> float:
    return float(np.float64(step_size) / np.sqrt(np.float64(iter)))


def _moved(weights: Any, gradient: Any, step: float) -> Array:
    return _dense(weights) - step * _dense(gradient)


def _dense(vector: Any) -> Array:
    found = as_vector(vector)
    return found.toarray() if isinstance(found, SparseVector) else found
