"""Models that predict a class: logistic regression of two or more classes, and the linear SVM.

Contract: as of every linear model of this package (`regression`), and: a score becomes class 1 only
when it is *greater* than the threshold. Spark's comments say "greater or equal", its code does not.
With the threshold cleared a prediction is the score itself.

Made by the training classes of this package; kept by `model_files`, exported by `pmml`.
"""

import math
import sys
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.java_text import java_double
from hogwild.mllib.products import times
from hogwild.mllib.regression import GeneralizedLinearModel, real, whole
from hogwild.mllib.vectors import Array, as_vector

_NOTHING = np.zeros(0)


class ClassificationModel(GeneralizedLinearModel):
    """A linear model with a threshold.

    Attributes
    ----------
    num_classes : int
    threshold : float or None
        None when cleared.
    """

    num_classes: int = 2
    threshold: float | None

    def set_threshold(self, value: float) -> Self:
        """Predict class 1 where the score is greater than `value`; any number, as in Spark."""
        self.threshold = real(value, "threshold")
        return self

    def get_threshold(self) -> float | None:
        """Return the threshold; None when it is cleared."""
        return self.threshold

    def clear_threshold(self) -> Self:
        """Predict the score itself from now on."""
        self.threshold = None
        return self

    def _decided(self, scores: Array) -> Array:
        return scores if self.threshold is None else np.where(scores > self.threshold, 1.0, 0.0)

    def pmml_tables(self) -> list[tuple[float, str | None, Array]]:
        """Class "1" with the weights, class "0" with the score that the first has to exceed."""
        return [
            (self.intercept, "1", self.weights),
            (self._threshold_margin(), "0", _NOTHING),
        ]

    def _threshold_margin(self) -> float:
        return 0.0 if self.threshold is None else self.threshold

    def __repr__(self) -> str:
        threshold = "None" if self.threshold is None else java_double(self.threshold)
        return f"{super().__repr__()}, numClasses = {self.num_classes}, threshold = {threshold}"


class SVMModel(ClassificationModel):
    """Linear support vector machine: class 1 where w . x + b > threshold (0 at first), else 0.

    With the threshold cleared it predicts the margin w . x + b.

    Examples
    --------
    >>> model = SVMModel([1.0, -2.0], 0.5)
    >>> model.predict([[3.0, 1.0], [1.5, 1.0]])  # margins 1.5 and 0: 0 is not greater than 0
    array([1., 0.])
    >>> model.clear_threshold().predict([3.0, 1.0])
    1.5
    """

    spark_class = "org.apache.spark.mllib.classification.SVMModel"
    pmml_name = "linear SVM"
    pmml_normalization = "none"

    def __init__(self, weights: Any, intercept: float):
        super().__init__(weights, intercept)
        self.threshold = 0.0

    def _predict_rows(self, X: Any) -> Array:
        return self._decided(self._margins(X))


class LogisticRegressionModel(ClassificationModel):
    """Logistic regression: the probability of class 1, or which of K classes.

    Two classes: score 1 / (1 + exp(-(w . x + b))), and class 1 where it is greater than the
    threshold (0.5 at first), else 0. With the threshold cleared it predicts the probability.

    K classes: `weights` is K - 1 blocks, for the classes 1 to K - 1, each of d weights and
    perhaps an intercept after them. The class is that of the largest w_i . x + b_i above 0, of
    equal ones the lowest, and 0 where none is above 0. `intercept` and threshold have no effect.

    Parameters
    ----------
    weights : array-like, shape (d,), or ((K - 1) d,), or ((K - 1) (d + 1),); not sparse
    intercept : float
    num_features : int, optional
        d; by default the number of weights, which is right for two classes.
    num_classes : int
        K.

    Raises
    ------
    ValueError
        For weights of another length.

    Examples
    --------
    >>> model = LogisticRegressionModel([2.0, 0.0], -2.0)
    >>> model.predict([[1.0, 7.0], [1.5, 7.0]])  # margins 0 and 1; 0.5 is not greater than 0.5
    array([0., 1.])
    >>> model.clear_threshold().predict([1.0, 7.0])
    0.5
    >>> three = LogisticRegressionModel([1.0, 0.0, 0.0, 1.0], 0.0, num_features=2, num_classes=3)
    >>> three.predict([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0], [-1.0, 0.0]])
    array([1., 2., 1., 0.])
    """

    spark_class = "org.apache.spark.mllib.classification.LogisticRegressionModel"
    pmml_name = "logistic regression"
    pmml_normalization = "logit"

    def __init__(
        self,
        weights: Any,
        intercept: float,
        num_features: int | None = None,
        num_classes: int = 2,
    ):
        vector = as_vector(weights)
        if not isinstance(vector, np.ndarray):
            raise ValueError(f"weights must be dense, got {type(weights).__name__}")
        super().__init__(vector, intercept)
        self.num_classes = whole(num_classes, "num_classes")
        if num_features is not None:
            self.num_features = whole(num_features, "num_features")
        self.threshold = 0.5
        self._check_lengths()

    def _check_lengths(self) -> None:
        found, d, blocks = len(self.weights), self.num_features, self.num_classes - 1
        if blocks < 1:
            raise ValueError(f"num_classes must be 2 or more, got {self.num_classes}")
        if blocks == 1 and found != d:
            raise ValueError(f"2 classes with num_features={d} need {d} weights, got {found}")
        if blocks > 1 and found not in (blocks * d, blocks * (d + 1)):
            raise ValueError(
                f"num_classes={self.num_classes} with num_features={d} needs {blocks * d} weights "
                f"(without intercepts) or {blocks * (d + 1)} (with), got {found}"
            )

    def _predict_rows(self, X: Any) -> Array:
        if self.num_classes > 2:
            return self._best_class(X)
        return self._decided(1.0 / (1.0 + np.exp(-self._margins(X))))

    def _best_class(self, X: Any) -> Array:
        blocks = self.weights.reshape(self.num_classes - 1, -1)
        if not np.isfinite(blocks).all():  # Spark passes zeros over here: 0 * inf is not NaN
            X = sp.csr_matrix(X, copy=True)
            X.eliminate_zeros()
        best, largest = np.zeros(X.shape[0]), np.zeros(X.shape[0])
        for label, block in enumerate(blocks, start=1):
            margins = times(X, block[: self.num_features]) + block[self.num_features :].sum()
            higher = margins > largest  # strict: of equal margins the lower class stays
            best[higher], largest[higher] = label, margins[higher]
        return best

    def _threshold_margin(self) -> float:
        """The margin whose probability is the threshold: -log(1/t - 1)."""
        t = 0.5 if self.threshold is None else self.threshold
        if t <= 0.0:
            return -sys.float_info.max
        return sys.float_info.max if t >= 1.0 else -math.log(1.0 / t - 1.0)

    def pmml_tables(self) -> list[tuple[float, str | None, Array]]:
        """As of every classifier of two classes; ``ValueError`` for more, as in Spark."""
        if self.num_classes > 2:
            raise ValueError(
                "PMML is written for two classes only: Spark has no export of multinomial "
                f"logistic regression, and this model has num_classes={self.num_classes}"
            )
        return super().pmml_tables()
