"""The mean logistic loss on standardised features, computed from rows that are never copied.

The unknowns z = (u, b'), or u without intercept, belong to centred features of deviation 1. With
the means mu_j, and e_j = 1 / deviation_j, or 0 for a constant feature (``spark.ml``)::

    margin_i = sum_j u_j e_j (x_ij - mu_j) + b'                (without intercept: not centred)
    f = mean logistic loss + 1/2 l2 sum_j c_j u_j^2            L-BFGS
        + sum_j l1_j |u_j|                                     OWL-QN, if there is an L1 penalty

Scaling and centring are done to the weights, w_j = u_j e_j and b = b' - sum_j w_j mu_j: the rows
are read as they lie, wherever they lie, and only the model moves to and fro.

Used by `standardised`.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hogwild.mllib.cost import CostFunction, starting_weights
from hogwild.mllib.first_order import Method
from hogwild.mllib.gradients import Gradient, log1p_exp
from hogwild.mllib.lbfgs import Wolfe
from hogwild.mllib.moments import Moments
from hogwild.mllib.owlqn import Orthant
from hogwild.mllib.partitions import Partitions
from hogwild.mllib.products import add_transposed, times
from hogwild.mllib.updaters import SimpleUpdater
from hogwild.mllib.validators import LabelCounts
from hogwild.mllib.vectors import Array

logger = logging.getLogger("hogwild.mllib")


class Penalty(NamedTuple):
    """What is added to the loss.

    Attributes
    ----------
    reg_param : float
    l1 : bool
        reg_param |u|_1 instead of reg_param |u|^2 / 2.
    standardised : bool
        On u as it is. Otherwise on u_j e_j, the weights of the features as they are.
    """

    reg_param: float
    l1: bool = False
    standardised: bool = True


@dataclass(frozen=True)
class Standardised:
    """From unknowns z = (u, b'), or u, to weights and intercept (w, b), and back.

    Examples
    --------
    >>> space = Standardised(Moments(np.array([3.0, 1.0]), np.array([2.0, 0.0])), True)
    >>> space.original(np.array([4.0, 7.0, 1.0]))  # w = 4 / 2, b = 1 - 2 * 3; 7 is of a constant
    array([ 2.,  0., -5.])
    >>> space.gradient(np.array([10.0, 5.0, 1.0]))  # (10 - 3) / 2
    array([3.5, 0. , 1. ])
    """

    moments: Moments
    intercept: bool

    def original(self, z: Array) -> Array:
        """(w, b); b = 0 without intercept."""
        d = len(self.moments.mean)
        w = z[:d] * self.moments.inverse
        return np.append(w, z[d] - np.dot(w, self.moments.mean) if self.intercept else 0.0)

    def gradient(self, by_original: Array) -> Array:
        """The gradient by z, from that by (w, b)."""
        by_w, by_b = by_original[:-1], by_original[-1]
        if not self.intercept:
            return by_w * self.moments.inverse
        return np.append((by_w - self.moments.mean * by_b) * self.moments.inverse, by_b)

    def start(self, labels: LabelCounts, given: Any) -> Array:
        """Z where the run starts: at `given` and the intercept 1, or at 0 and the log odds."""
        d = len(self.moments.mean)
        if given is not None:
            w = starting_weights(given)
            if self.intercept and len(w) == d:
                b = 1.0 + np.dot(w, np.where(self.moments.deviation > 0.0, self.moments.mean, 0.0))
                return np.append(w * self.moments.deviation, b)
            logger.warning(
                "Initial coefficients will be ignored! Its dimensions (1, %d) did not match the "
                "expected size (1, %d)",
                len(w),
                d,
            )
        if not self.intercept:
            return np.zeros(d)
        return np.append(np.zeros(d), math.log(labels.ones / (labels.n - labels.ones)))

    def warn_of_constants(self) -> None:
        """Without intercept a constant feature could stand for one, and does not."""
        constant = (self.moments.deviation == 0.0) & (self.moments.mean != 0.0)
        if not self.intercept and constant.any():
            logger.warning(
                "Fitting LogisticRegressionModel without intercept on dataset with constant "
                "nonzero column, Spark MLlib outputs zero coefficients for constant nonzero "
                "columns. This behavior is the same as R glmnet but different from LIBSVM."
            )


class StandardisedCost(CostFunction):
    """The smooth part of the objective at z, and the method that suits the other part."""

    def __init__(self, data: Partitions, space: Standardised, penalty: Penalty):
        super().__init__(data, LogisticWithIntercept(), SimpleUpdater(), 0.0)
        self._space = space
        factors = space.moments.inverse
        if penalty.standardised:
            factors = np.ones(len(factors))
        if space.intercept:
            factors = np.append(factors, 0.0)
        self.method: Method = Wolfe()
        self._ridge = np.zeros(len(factors))
        if not penalty.l1:
            self._ridge = penalty.reg_param * factors * factors
        elif penalty.reg_param != 0.0:
            self.method = Orthant(penalty.reg_param * factors)

    def _evaluate(self, z: Array) -> tuple[float, Array]:
        loss, gradient = super()._evaluate(self._space.original(z))
        pull = self._ridge * z
        return loss + 0.5 * float(np.dot(pull, z)), self._space.gradient(gradient) + pull


class LogisticWithIntercept(Gradient):
    """The loss of `LogisticGradient` for two classes, with an intercept after the weights.

    Examples
    --------
    >>> LogisticWithIntercept().compute([3.0], 1.0, [1.0, -3.0])  # margin 0: p = 1/2
    (array([-1.5, -0.5]), 0.6931471805599453)
    """

    def compute_rows(self, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
        """As of every gradient; the last weight is the intercept."""
        m = -(times(X, weights[:-1]) + weights[-1])
        multipliers = 1.0 / (1.0 + np.exp(m)) - y
        add_transposed(X, multipliers, cum_gradient[:-1])
        cum_gradient[-1] += multipliers.sum()
        losses = log1p_exp(m)
        losses[y <= 0] -= m[y <= 0]
        return float(losses.sum())
