"""Logistic regression by L-BFGS, which is another problem for each updater and number of classes.

=======  ====================  =====================================================================
classes  updater               what is minimised
=======  ====================  =====================================================================
2        L2 (the default), L1  on standardised features, the intercept free (`standardised`)
2        another               on scaled features, the intercept a feature (`generalized_linear`)
K > 2    any                   the multinomial loss, as in the line above
=======  ====================  =====================================================================

``LogisticRegressionWithLBFGS`` of ``LogisticRegression.scala``; Spark's page says nothing of it.
"""

import operator
from typing import Any, Self

from hogwild.mllib.classification import LogisticRegressionModel
from hogwild.mllib.generalized_linear import GeneralizedLinearAlgorithm, train, updater_named
from hogwild.mllib.gradients import LogisticGradient
from hogwild.mllib.lbfgs import LBFGS
from hogwild.mllib.partitions import Partitions
from hogwild.mllib.standardised import fit_standardised
from hogwild.mllib.standardised_cost import Penalty
from hogwild.mllib.updaters import L1Updater, SquaredL2Updater
from hogwild.mllib.vectors import Array


class LogisticRegressionWithLBFGS(GeneralizedLinearAlgorithm[LogisticRegressionModel]):
    """Logistic regression of two or more classes by L-BFGS, or by OWL-QN for two with L1.

    ``optimizer`` is an `LBFGS` with squared L2, tolerance 1e-6, 100 iterations and reg_param 0.
    Of two classes with an L1 or L2 updater its ``num_corrections`` and gradient have no effect, and
    labels are always checked; scaling turned off (it is on by default) standardises still, and only
    penalises the weights of the features as they are. ``run`` without initial weights starts the
    intercept at the log odds there, otherwise it starts at 1.

    Examples
    --------
    >>> data = [[-1.0], [1.0], [-1.0], [1.0]], [0, 1, 1, 1]
    >>> algorithm = LogisticRegressionWithLBFGS().set_intercept(True)
    >>> _ = algorithm.optimizer.set_reg_param(0.1)
    >>> model = algorithm.run(data)
    >>> model.clear_threshold().predict([[-1.0], [1.0]]).mean().round(
    ...     4
    ... )  # 3 of 4: b is not penalised
    np.float64(0.75)
    >>> model.result.stopped
    'gradient converged'
    """

    num_classes: int = 2

    def __init__(self) -> None:
        super().__init__(LBFGS(LogisticGradient(), SquaredL2Updater()))
        self.feature_scaling = True

    def set_num_classes(self, num_classes: int) -> Self:
        """Labels 0 to num_classes - 1; the gradient becomes `LogisticGradient(num_classes)`.

        Raises
        ------
        ValueError
            Below 2.
        """
        if operator.index(num_classes) < 2:
            raise ValueError(f"num_classes must be 2 or more, got {num_classes}")
        self.num_classes = operator.index(num_classes)
        if num_classes > 2 or isinstance(self.optimizer.gradient, LogisticGradient):
            self.optimizer.set_gradient(LogisticGradient(self.num_classes))
        return self

    def create_model(self, weights: Array, intercept: float) -> LogisticRegressionModel:
        """The model, which knows the number of classes."""
        if self.num_classes == 2:
            return LogisticRegressionModel(weights, intercept)
        return LogisticRegressionModel(weights, intercept, self.num_features, self.num_classes)

    def _trained(self, rows: Partitions, initial_weights: Any) -> LogisticRegressionModel:
        optimizer = self.optimizer
        l1 = isinstance(optimizer.updater, L1Updater)
        if self.num_classes > 2 or not (l1 or isinstance(optimizer.updater, SquaredL2Updater)):
            return super()._trained(rows, initial_weights)
        weights, intercept, result = fit_standardised(
            rows,
            Penalty(optimizer.reg_param, l1, self.feature_scaling),
            intercept=self.add_intercept,
            tol=optimizer.convergence_tol,
            max_iterations=optimizer.max_num_iterations,
            initial_weights=initial_weights,
        )
        model = self.create_model(weights, intercept)
        model.result = result
        return model

    @classmethod
    def train(
        cls,
        data: Any,
        iterations: int = 100,
        initial_weights: Any = None,
        reg_param: float = 0.0,
        reg_type: str | None = "l2",
        intercept: bool = False,
        corrections: int = 10,
        tolerance: float = 1e-6,
        validate_data: bool = True,
        num_classes: int = 2,
    ) -> LogisticRegressionModel:
        """Train with these settings, from the given weights or from zeros, as pyspark does.

        Parameters
        ----------
        data : Partitions, or what `as_partitions` makes one of
        iterations, reg_param, corrections, tolerance
            Of the optimizer: see `run_lbfgs`.
        initial_weights, intercept, validate_data, num_classes
            See `run` and the setters.
        reg_type : {"l2", "l1", None}

        Examples
        --------
        >>> data = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        >>> LogisticRegressionWithLBFGS.train(data, reg_param=0.1, intercept=True).predict([[0.9]])
        array([0.])
        """
        algorithm = cls().set_num_classes(num_classes)
        algorithm.optimizer.set_num_iterations(iterations).set_reg_param(reg_param)
        algorithm.optimizer.set_num_corrections(corrections).set_convergence_tol(tolerance)
        algorithm.optimizer.set_updater(updater_named(reg_type))
        return train(
            algorithm, data, initial_weights, intercept=intercept, validate_data=validate_data
        )
