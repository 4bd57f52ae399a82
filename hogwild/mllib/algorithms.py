"""Spark's five training classes on gradient descent: a loss, an updater and defaults each.

=============================  =============  ==========  =======
class                          gradient       updater     labels
=============================  =============  ==========  =======
`LogisticRegressionWithSGD`    logistic       squared L2  0 and 1
`SVMWithSGD`                   hinge          squared L2  0 and 1
`LinearRegressionWithSGD`      least squares  none        any
`LassoWithSGD`                 least squares  L1          any
`RidgeRegressionWithSGD`       least squares  squared L2  any
=============================  =============  ==========  =======

What they do with rows and weights is in `generalized_linear`. Step 1, 100 iterations, all rows in
each batch, reg_param 0.01 (linear regression: 0), convergence_tol 0.001. The ``train`` functions
have the arguments of pyspark's, in its order.
"""

from typing import Any, ClassVar, TypeVar

from hogwild.mllib.classification import LogisticRegressionModel, SVMModel
from hogwild.mllib.generalized_linear import GeneralizedLinearAlgorithm, train, updater_named
from hogwild.mllib.gradient_descent import GradientDescent
from hogwild.mllib.gradients import Gradient, HingeGradient, LeastSquaresGradient, LogisticGradient
from hogwild.mllib.regression import (
    GeneralizedLinearModel,
    LassoModel,
    LinearRegressionModel,
    RidgeRegressionModel,
)
from hogwild.mllib.updaters import L1Updater, SimpleUpdater, SquaredL2Updater, Updater
from hogwild.mllib.vectors import Array

Model = TypeVar("Model", bound=GeneralizedLinearModel)


class _WithSGD(GeneralizedLinearAlgorithm[Model]):
    """Settings of gradient descent; a subclass names loss, updater and model.

    Parameters
    ----------
    step_size, num_iterations, reg_param, mini_batch_fraction
        Of ``optimizer``, a `GradientDescent`; checked by its setters.
    """

    _gradient: ClassVar[type[Gradient]]
    _updater: ClassVar[type[Updater]]
    _model: ClassVar[type[Any]]

    def __init__(
        self,
        step_size: float = 1.0,
        num_iterations: int = 100,
        reg_param: float = 0.01,
        mini_batch_fraction: float = 1.0,
    ):
        optimizer = GradientDescent(self._gradient(), self._updater())
        optimizer.set_step_size(step_size).set_num_iterations(num_iterations)
        optimizer.set_reg_param(reg_param).set_mini_batch_fraction(mini_batch_fraction)
        super().__init__(optimizer)

    def create_model(self, weights: Array, intercept: float) -> Model:
        model: Model = self._model(weights, intercept)
        return model


class LogisticRegressionWithSGD(_WithSGD[LogisticRegressionModel]):
    """Logistic regression of two classes by gradient descent, with a squared L2 penalty.

    Examples
    --------
    >>> data = [[-1.0], [1.0]], [0, 1]
    >>> model = LogisticRegressionWithSGD(num_iterations=1, reg_param=0.0).run(data)
    >>> model.weights, model.result.losses.round(6)  # gradient -1/2; log 2, log(1 + e^-1/2)
    (array([0.5]), array([0.693147, 0.474077]))
    """

    num_classes = 2
    _gradient, _updater, _model = LogisticGradient, SquaredL2Updater, LogisticRegressionModel

    @classmethod
    def train(
        cls,
        data: Any,
        iterations: int = 100,
        step: float = 1.0,
        mini_batch_fraction: float = 1.0,
        initial_weights: Any = None,
        reg_param: float = 0.01,
        reg_type: str | None = "l2",
        intercept: bool = False,
        validate_data: bool = True,
        convergence_tol: float = 0.001,
    ) -> LogisticRegressionModel:
        """Train so: see `run_mini_batch_sgd` and `run`; reg_type is "l2", "l1" or None."""
        sgd = cls(step, iterations, reg_param, mini_batch_fraction)
        sgd.optimizer.set_convergence_tol(convergence_tol).set_updater(updater_named(reg_type))
        return train(sgd, data, initial_weights, intercept=intercept, validate_data=validate_data)


class SVMWithSGD(_WithSGD[SVMModel]):
    """Linear support vector machine of two classes by gradient descent, with a squared L2 penalty.

    Examples
    --------
    >>> data = [[-1.0], [1.0]], [0, 1]
    >>> model = SVMWithSGD.train(data, iterations=1, reg_param=0.0)
    >>> model.weights, model.result.losses  # gradient -1 while the margin is below 1
    (array([1.]), array([1., 0.]))
    """

    num_classes = 2
    _gradient, _updater, _model = HingeGradient, SquaredL2Updater, SVMModel

    @classmethod
    def train(
        cls,
        data: Any,
        iterations: int = 100,
        step: float = 1.0,
        reg_param: float = 0.01,
        mini_batch_fraction: float = 1.0,
        initial_weights: Any = None,
        reg_type: str | None = "l2",
        intercept: bool = False,
        validate_data: bool = True,
        convergence_tol: float = 0.001,
    ) -> SVMModel:
        """Train so: see `run_mini_batch_sgd` and `run`; reg_type is "l2", "l1" or None."""
        sgd = cls(step, iterations, reg_param, mini_batch_fraction)
        sgd.optimizer.set_convergence_tol(convergence_tol).set_updater(updater_named(reg_type))
        return train(sgd, data, initial_weights, intercept=intercept, validate_data=validate_data)


class LinearRegressionWithSGD(_WithSGD[LinearRegressionModel]):
    """Least squares by gradient descent, without a penalty.

    Examples
    --------
    >>> model = LinearRegressionWithSGD.train(([[1.0], [1.0]], [1.0, 3.0]))
    >>> model.weights, model.result.stopped
    (array([2.]), 'weights converged')
    """

    _gradient, _updater, _model = LeastSquaresGradient, SimpleUpdater, LinearRegressionModel

    def __init__(
        self,
        step_size: float = 1.0,
        num_iterations: int = 100,
        reg_param: float = 0.0,
        mini_batch_fraction: float = 1.0,
    ):
        super().__init__(step_size, num_iterations, reg_param, mini_batch_fraction)

    @classmethod
    def train(
        cls,
        data: Any,
        iterations: int = 100,
        step: float = 1.0,
        mini_batch_fraction: float = 1.0,
        initial_weights: Any = None,
        reg_param: float = 0.0,
        reg_type: str | None = None,
        intercept: bool = False,
        validate_data: bool = True,
        convergence_tol: float = 0.001,
    ) -> LinearRegressionModel:
        """Train so: see `run_mini_batch_sgd` and `run`; reg_type is "l2", "l1" or None."""
        sgd = cls(step, iterations, reg_param, mini_batch_fraction)
        sgd.optimizer.set_convergence_tol(convergence_tol).set_updater(updater_named(reg_type))
        return train(sgd, data, initial_weights, intercept=intercept, validate_data=validate_data)


class _Penalised(_WithSGD[Model]):
    """The ``train`` of lasso and ridge, whose updater is their meaning."""

    @classmethod
    def train(
        cls,
        data: Any,
        iterations: int = 100,
        step: float = 1.0,
        reg_param: float = 0.01,
        mini_batch_fraction: float = 1.0,
        initial_weights: Any = None,
        intercept: bool = False,
        validate_data: bool = True,
        convergence_tol: float = 0.001,
    ) -> Model:
        """Train so: see `run_mini_batch_sgd` and `run`."""
        sgd = cls(step, iterations, reg_param, mini_batch_fraction)
        sgd.optimizer.set_convergence_tol(convergence_tol)
        return train(sgd, data, initial_weights, intercept=intercept, validate_data=validate_data)


class LassoWithSGD(_Penalised[LassoModel]):
    """Least squares with an L1 penalty by gradient descent.

    Examples
    --------
    >>> LassoWithSGD.train(([[1.0], [1.0]], [1.0, 3.0]), reg_param=0.5).weights  # the mean less 0.5
    array([1.5])
    """

    _gradient, _updater, _model = LeastSquaresGradient, L1Updater, LassoModel


class RidgeRegressionWithSGD(_Penalised[RidgeRegressionModel]):
    """Least squares with a squared L2 penalty by gradient descent.

    Examples
    --------
    >>> model = RidgeRegressionWithSGD.train(([[1.0], [1.0]], [1.0, 3.0]), reg_param=1.0)
    >>> model.weights.round(3)  # half the mean
    array([1.])
    """

    _gradient, _updater, _model = LeastSquaresGradient, SquaredL2Updater, RidgeRegressionModel
