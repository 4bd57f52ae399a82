"""What Spark's training classes have in common: rows in, optimizer, model out.

::

    labels checked -> features scaled -> 1.0 appended -> optimizer -> scaling undone -> model
       (classes)      (if asked for)     (intercept)                   (on the weights)

``GeneralizedLinearAlgorithm.scala``. The penalty therefore acts on the scaled weights, and on the
intercept, which starts at 1.

The classes are in `algorithms` and `logistic_lbfgs`; a class of one's own gives an optimizer and
`create_model`.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.cost import starting_weights
from hogwild.mllib.local import opened
from hogwild.mllib.moments import moments, scaled_back
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.regression import GeneralizedLinearModel
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.updaters import L1Updater, SimpleUpdater, SquaredL2Updater, Updater
from hogwild.mllib.validators import check_labels
from hogwild.mllib.vectors import Array

Model = TypeVar("Model", bound=GeneralizedLinearModel)


class GeneralizedLinearAlgorithm(ABC, Generic[Model]):
    """An optimizer, what is done to the rows before it, and to the weights after it.

    Attributes
    ----------
    optimizer : GradientDescent, LBFGS, or an object with ``optimize_with_loss_returned``
        Its setters are the settings of the training.
    num_classes : int, optional
        Labels are the integers below it; None: any numbers (regression).
    add_intercept, validate_data, feature_scaling : bool
        See the setters.
    num_features : int, optional
        Of the first data trained on; the zeros that training starts from are as many from then on.

    Examples
    --------
    >>> from hogwild.mllib import GradientDescent, LeastSquaresGradient, SimpleUpdater
    >>> from hogwild.mllib.regression import LinearRegressionModel
    >>> class Plain(GeneralizedLinearAlgorithm[LinearRegressionModel]):
    ...     def create_model(self, weights, intercept):
    ...         return LinearRegressionModel(weights, intercept)
    >>> algorithm = Plain(GradientDescent(LeastSquaresGradient(), SimpleUpdater()))
    >>> model = algorithm.run(([[1.0], [1.0]], [1.0, 3.0]))
    >>> model.weights, model.result.losses  # as in `run_mini_batch_sgd`
    (array([2.]), array([2.5, 0.5]))
    """

    num_classes: int | None = None

    def __init__(self, optimizer: Any):
        self.optimizer = optimizer
        self.add_intercept, self.validate_data, self.feature_scaling = False, True, False
        self.num_features: int | None = None

    def set_intercept(self, add_intercept: bool) -> Self:
        """Train an intercept, which starts at 1 and is penalised as a weight is. Default: no."""
        self.add_intercept = add_intercept
        return self

    def set_validate_data(self, validate_data: bool) -> Self:
        """Check the labels of classes before training. Default: yes."""
        self.validate_data = validate_data
        return self

    def set_feature_scaling(self, feature_scaling: bool) -> Self:
        """Divide each feature by its sample deviation while training; constant ones become 0."""
        self.feature_scaling = feature_scaling
        return self

    @abstractmethod
    def create_model(self, weights: Array, intercept: float) -> Model:
        """The model of these weights, which are for the features as they are."""

    def run(self, data: Any, initial_weights: Any = None) -> Model:
        """Train on `data`.

        Parameters
        ----------
        data : Partitions, or what `as_partitions` makes one of
        initial_weights : vector of shape (d,), optional
            Default: zeros. They are taken for scaled features if there is scaling. For K > 2
            classes (K - 1) d, or (K - 1) (d + 1) with intercepts, each after its block.

        Returns
        -------
        model
            Its ``result`` is the optimizer's record: losses, and why it stopped.

        Raises
        ------
        ValueError
            No rows, data that are not finite, weights of another size than the rows.
        InputValidationFailed
            Labels that are no classes; it is a ``ValueError`` and a ``RuntimeError``.
        DivergenceError
            Gradient descent ran away: a smaller step, or scaled features, help.
        """
        with opened(data) as rows:
            if rows.count() == 0:
                raise ValueError("there are no rows to train on")
            if self.num_features is None:
                self.num_features = rows.n_features
            return self._trained(rows, initial_weights)

    def _trained(self, rows: Partitions, initial_weights: Any) -> Model:
        """Train by this class's optimizer."""
        if self.validate_data and self.num_classes is not None:
            check_labels(rows, self.num_classes)
        factors = moments(rows).inverse if self.feature_scaling else None
        start = self._start(initial_weights)
        with self._prepared(rows, factors) as prepared:
            result = self.optimizer.optimize_with_loss_returned(prepared, start)
        return self._model_of(result, factors)

    @property
    def _n_blocks(self) -> int:
        """How many w . x there are."""
        return 1 if self.num_classes is None else self.num_classes - 1

    def _start(self, initial_weights: Any) -> Array:
        if initial_weights is None:
            initial_weights = self._zeros(self.num_features or 0)
        w = starting_weights(initial_weights)
        return np.append(w, 1.0) if self.add_intercept and self._n_blocks == 1 else w

    def _zeros(self, n_features: int) -> Array:
        """Initial weights; those of several classes contain the intercepts."""
        inside = self.add_intercept and self._n_blocks > 1
        return np.zeros((n_features + inside) * self._n_blocks)

    def _prepared(
        self, rows: Partitions, factors: Array | None
    ) -> AbstractContextManager[Partitions]:
        """The rows that the optimizer is given, to be closed if they are other ones."""
        if factors is None and not self.add_intercept:
            return nullcontext(rows)
        prepare = _Prepare(factors, self.add_intercept)
        return rows.map_rows(prepare, rows.n_features + self.add_intercept).persist()

    def _model_of(self, result: OptimizerResult, factors: Array | None) -> Model:
        blocks = result.weights.reshape(self._n_blocks, -1).copy()
        if factors is not None:
            blocks[:, : len(factors)] = scaled_back(blocks[:, : len(factors)], factors)
        weights, intercept = blocks.ravel(), 0.0
        if self.add_intercept and self._n_blocks == 1:
            weights, intercept = weights[:-1], float(weights[-1])
        model = self.create_model(weights, intercept)
        model.result = result
        return model


@dataclass(frozen=True)
class _Prepare:
    """Rows in, rows with scaled features and an appended 1.0 out; sent to where the rows lie."""

    factors: Array | None
    intercept: bool

    def __call__(self, rows: Rows) -> Rows:
        return Rows((self._sparse if sp.issparse(rows.X) else self._dense)(rows.X), rows.y)

    def _dense(self, X: Array) -> Array:
        n, d = X.shape
        new = np.ones((n, d + self.intercept))
        with np.errstate(all="ignore"):  # what overflows is seen in the sums
            np.multiply(X, 1.0 if self.factors is None else self.factors, out=new[:, :d])
        return new

    def _sparse(self, X: Any) -> Any:
        if self.factors is not None:
            with np.errstate(all="ignore"):
                data = X.data * self.factors[X.indices]
            X = sp.csr_matrix((data, X.indices, X.indptr), shape=X.shape)
        if self.intercept:
            X = sp.hstack([X, sp.csr_matrix(np.ones((X.shape[0], 1)))], format="csr")
        return X


REG_TYPES: dict[str | None, type[Updater]] = {
    "l1": L1Updater,
    "l2": SquaredL2Updater,
    "none": SimpleUpdater,
    None: SimpleUpdater,
}


def updater_named(reg_type: str | None) -> Updater:
    """The updater that the `reg_type` of the ``train`` functions means.

    Examples
    --------
    >>> updater_named("l3")
    Traceback (most recent call last):
    ValueError: reg_type must be 'l1', 'l2' or None, got 'l3'
    """
    if reg_type not in REG_TYPES:
        raise ValueError(f"reg_type must be 'l1', 'l2' or None, got {reg_type!r}")
    return REG_TYPES[reg_type]()


def train(
    algorithm: GeneralizedLinearAlgorithm[Model],
    data: Any,
    initial_weights: Any,
    *,
    intercept: bool,
    validate_data: bool,
) -> Model:
    """What the ``train`` functions share: they always hand over initial weights, if only zeros."""
    algorithm.set_intercept(intercept).set_validate_data(validate_data)
    with opened(data) as rows:
        if initial_weights is None:
            initial_weights = algorithm._zeros(rows.n_features)
        return algorithm.run(rows, initial_weights)
