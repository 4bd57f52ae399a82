"""Models whose prediction is w . x + b itself: least squares, lasso and ridge; and what every
linear model of Spark's has in common.

Contract: a model's numbers don't change once it is made (a classifier's threshold does), and a row
gets the same prediction, to the bit, alone or among others. Rows of data may be one vector, a
matrix, or partitions, which are predicted where they lie.

Made by the training classes of this package; kept by `model_files`, exported by `pmml`.
"""

import operator
import os
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TextIO, overload

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples
from hogwild.mllib.gradients import as_matrix
from hogwild.mllib.java_text import java_double
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.products import times
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.vectors import Array, SparseVector, as_vector


class GeneralizedLinearModel:
    """Weights and an intercept, fixed; a subclass says what w . x + b means.

    Attributes
    ----------
    weights : float64 array, shape (d,), read-only
    intercept : float
        May be infinite: training on one class alone ends there, as in Spark.
    num_features : int
    result : OptimizerResult, optional
        How it was trained: losses, and why it stopped. None for a model made by hand or read back.
    """

    result: OptimizerResult | None = None
    spark_class: ClassVar[str]
    """The class of Spark's that it stands for: the name in its text and in its files."""
    pmml_name: ClassVar[str]
    """What Spark calls it in PMML."""
    pmml_normalization: ClassVar[str | None] = None
    """How PMML makes a class of w . x + b: "logit", "none", or None for regression."""

    def __init__(self, weights: Any, intercept: float):
        vector = as_vector(weights)
        dense = vector.toarray() if isinstance(vector, SparseVector) else vector.copy()
        dense.flags.writeable = False
        self.weights: Array = dense
        self.intercept = real(intercept, "intercept")
        self.num_features = len(dense)

    def predict(self, x: Any) -> Any:
        """Return the prediction of a row, or of each row.

        Parameters
        ----------
        x : vector of shape (d,) (a list, an array, a `SparseVector`, a vector of pyspark), or rows:
            array-like or scipy sparse of shape (n, d), `Examples`, or `Partitions`

        Returns
        -------
        float
            For a vector.
        float64 array, shape (n,)
            For rows, be it one. Rows of partitions are predicted where they lie; only the
            predictions come here.

        Raises
        ------
        ValueError
            When the model has another number of features.
        """
        if isinstance(x, Partitions):
            self._check_features(x.n_features)
            return x.map_rows(_Predictions(self), 1).collect().X[:, 0]
        X, alone = rows_to_predict(x)
        self._check_features(X.shape[1])
        with np.errstate(all="ignore"):  # infinite and NaN are results here, as in Spark
            predictions = self._predict_rows(X)
        return float(predictions[0]) if alone else predictions

    def _predict_rows(self, X: Any) -> Array:
        return self._margins(X)

    def _margins(self, X: Any) -> Array:
        return times(X, self.weights) + self.intercept

    def _check_features(self, found: int) -> None:
        if found != self.num_features:
            raise ValueError(f"the model has {self.num_features} features, the data {found}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep the model: see `hogwild.mllib.model_files.save`."""
        from hogwild.mllib import model_files

        model_files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model of this class: see `hogwild.mllib.model_files.load`."""
        from hogwild.mllib import model_files

        return model_files.load(path, cls)

    @overload
    def to_pmml(self) -> str: ...
    @overload
    def to_pmml(self, target: str | os.PathLike[str] | TextIO) -> None: ...
    def to_pmml(self, target: Any = None) -> str | None:
        """Export the model as PMML 4.2: see `hogwild.mllib.pmml.to_pmml`."""
        from hogwild.mllib import pmml

        return pmml.to_pmml(self, target)

    def pmml_tables(self) -> list[tuple[float, str | None, Array]]:
        """The tables of PMML's regression model: intercept, category, and coefficients of each."""
        return [(self.intercept, None, self.weights)]

    def __repr__(self) -> str:
        """Return the text that Spark gives of such a model; it counts weights, not features."""
        return (
            f"{self.spark_class}: intercept = {java_double(self.intercept)}, "
            f"numFeatures = {len(self.weights)}"
        )


class LinearRegressionModel(GeneralizedLinearModel):
    """Least squares: predicts w . x + b.

    Examples
    --------
    >>> model = LinearRegressionModel([1.0, -2.0], 0.5)
    >>> model.predict([3.0, 1.0]), model.predict([[3.0, 1.0], [0.0, 0.0]])  # 3 - 2 + .5
    (1.5, array([1.5, 0.5]))
    >>> model
    org.apache.spark.mllib.regression.LinearRegressionModel: intercept = 0.5, numFeatures = 2
    """

    spark_class = "org.apache.spark.mllib.regression.LinearRegressionModel"
    pmml_name = "linear regression"


class LassoModel(GeneralizedLinearModel):
    """Least squares with an L1 penalty: predicts w . x + b."""

    spark_class = "org.apache.spark.mllib.regression.LassoModel"
    pmml_name = "lasso regression"


class RidgeRegressionModel(GeneralizedLinearModel):
    """Least squares with a squared L2 penalty: predicts w . x + b."""

    spark_class = "org.apache.spark.mllib.regression.RidgeRegressionModel"
    pmml_name = "ridge regression"


@dataclass(frozen=True)
class _Predictions:
    """Rows in, their predictions as a column out; is sent to where the rows lie."""

    model: GeneralizedLinearModel

    def __call__(self, rows: Rows) -> Rows:
        return Rows(self.model.predict(rows.X).reshape(-1, 1), rows.y)


def rows_to_predict(x: Any) -> tuple[Any, bool]:
    """Return `x` as a float64 matrix (n, d), C-ordered or CSR, and whether it was a single vector.

    >>> rows_to_predict([1, 2])
    (array([[1., 2.]]), True)
    """
    if isinstance(x, Examples):
        return sp.csr_matrix(x.to_scipy(), dtype=np.float64), False
    if sp.issparse(x) and x.ndim == 2:
        return sp.csr_matrix(_checked(x), dtype=np.float64), False
    if not sp.issparse(x) and not isinstance(x, SparseVector) and not hasattr(x, "toArray"):
        x = np.asarray(x)
        if x.ndim == 2:
            return np.ascontiguousarray(_checked(x), dtype=np.float64), False
    return as_matrix(as_vector(x)), True


def _checked(X: Any) -> Any:
    if X.dtype.kind not in "biuf":
        raise ValueError(f"the entries of rows must be real numbers, got {X.dtype}")
    return X


def real(value: Any, name: str) -> float:
    """Return a number as a float; ``ValueError`` with its name for what is none.

    >>> real("1", "intercept")
    Traceback (most recent call last):
    ValueError: intercept must be a number, got '1'
    """
    found: npt.NDArray[Any] = np.asarray(value)
    if found.ndim or found.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(found)


def whole(value: Any, name: str) -> int:
    """Return a whole number as an int; ``ValueError`` with its name for what is none.

    >>> whole(2.5, "num_classes")
    Traceback (most recent call last):
    ValueError: num_classes must be a whole number, got 2.5
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None
