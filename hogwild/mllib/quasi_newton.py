"""The settings of L-BFGS and OWL-QN: setters, defaults and requirements of Spark's ``LBFGS``.

Called by `lbfgs` and `owlqn`.
"""

from abc import ABC, abstractmethod
from typing import Any, Self

from hogwild.mllib.checks import require
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.vectors import Array


class QuasiNewton(ABC):
    """Settings of an optimizer, each with a setter that returns the optimizer.

    Attributes
    ----------
    num_corrections : int, default 10
    convergence_tol : float, default 1e-6
    max_num_iterations : int, default 100
    reg_param : float, default 0.0
    """

    def __init__(self, gradient: Any):
        self.gradient = gradient
        self.num_corrections, self.convergence_tol = 10, 1e-6
        self.max_num_iterations, self.reg_param = 100, 0.0

    def set_num_corrections(self, corrections: int) -> Self:
        """Pairs kept; above 0."""
        require(corrections > 0, "number of corrections must be positive", corrections)
        self.num_corrections = corrections
        return self

    def set_convergence_tol(self, tolerance: float) -> Self:
        """Of values and gradient; 0 or more."""
        require(tolerance >= 0, "convergence tolerance must be nonnegative", float(tolerance))
        self.convergence_tol = tolerance
        return self

    def set_num_iterations(self, iterations: int) -> Self:
        """Most steps; 0 or more."""
        require(iterations >= 0, "maximum of iterations must be nonnegative", iterations)
        self.max_num_iterations = iterations
        return self

    def set_reg_param(self, reg_param: float) -> Self:
        """Weight of the regulariser; 0 or more."""
        require(reg_param >= 0, "regularization parameter must be nonnegative", float(reg_param))
        self.reg_param = reg_param
        return self

    def set_gradient(self, gradient: Any) -> Self:
        """Another loss."""
        self.gradient = gradient
        return self

    def optimize(self, data: Any, initial_weights: Any) -> Array:
        """The weights of `optimize_with_loss_returned`."""
        return self.optimize_with_loss_returned(data, initial_weights).weights

    @abstractmethod
    def optimize_with_loss_returned(self, data: Any, initial_weights: Any) -> OptimizerResult:
        """Minimise with these settings."""
