"""A fitted linear model: weights, intercept, and what they mean; predicts, and is kept in one file.

Made by ``models.linear.fit_linear``; used by the estimators and the command line.
"""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import expit

from hogwild.data import Examples
from hogwild.data.npz_file import read_npz, write_npz
from hogwild.errors import DataError
from hogwild.kernels.losses import Logistic, Loss, Squared
from hogwild.models.loss_header import loss_from_header, loss_to_header

FORMAT, VERSION = "hogwild-linear", 1


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Weights of w . x + b and the loss that they were fitted to.

    Attributes
    ----------
    w : float array, shape (n_features,)
    intercept : float
    loss : Loss
    labels : (float, float)
        What the classes -1 and +1 are called in predictions.

    Examples
    --------
    >>> model = LinearModel(np.array([1.0, -2.0]), 0.5, Logistic())
    >>> model.decision_function([[1.0, 1.0], [3.0, 1.0]]), model.predict([[1.0, 1.0], [3.0, 1.0]])
    (array([-0.5,  1.5]), array([-1.,  1.]))
    """

    w: npt.NDArray[Any]
    intercept: float = 0.0
    loss: Loss = Squared()  # noqa: RUF009  # a frozen record without state
    labels: tuple[float, float] = (-1.0, 1.0)

    @property
    def n_features(self) -> int:
        """The number of weights."""
        return len(self.w)

    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Return w . x + b of every row.

        Parameters
        ----------
        X : Examples, scipy sparse matrix, or array-like, shape (n_rows, n_features)
            Examples may have fewer features than the model: the missing ones are 0.

        Raises
        ------
        ValueError
            When X has another number of features.
        """
        rows = X.to_scipy() if isinstance(X, Examples) else X
        if not sp.issparse(rows):
            rows = np.asarray(rows)
            if rows.ndim != 2:
                raise ValueError(f"X must have two dimensions, got shape {rows.shape}")
        n_features = rows.shape[1]
        shorter = isinstance(X, Examples) and n_features < self.n_features
        if n_features != self.n_features and not shorter:
            raise ValueError(f"X has {n_features} features, the model has {self.n_features}")
        return np.asarray(rows @ self.w[:n_features] + self.intercept)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the predicted target, or for a classification loss the label, of every row."""
        z = self.decision_function(X)
        return np.where(z > 0.0, self.labels[1], self.labels[0]) if self.loss.classifies else z

    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the probabilities of both labels, shape (n_rows, 2); for the logistic loss only.

        Raises
        ------
        ValueError
            For another loss: its decision function is no log-odds.
        """
        if not isinstance(self.loss, Logistic):
            raise ValueError(
                f"probabilities mean something for the logistic loss only, not for {self.loss}"
            )
        z = self.decision_function(X)
        return np.column_stack([expit(-z), expit(z)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as ``.npz``: the weights, and a header in JSON; no pickle.

        The file appears whole or not at all; devices and pipes are written to directly.

        Raises
        ------
        ValueError
            For a loss of your own, which ``load`` would not know; and an intercept or labels that
            are not finite.
        """
        header = {
            **loss_to_header(self.loss),
            "intercept": float(self.intercept),
            "labels": list(self.labels),
        }
        write_npz(path, FORMAT, VERSION, header, {"w": self.w})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LinearModel":
        """Read what ``save`` has written.

        Raises
        ------
        DataError
            When the file is no such model, or is damaged.
        """
        header, arrays = read_npz(path, FORMAT, VERSION, ("w",))
        name, w = os.fspath(path), arrays["w"]
        if w.ndim != 1 or w.dtype.kind != "f":
            raise DataError(
                f"the weights are damaged: {w.dtype} of shape {w.shape}, not one float a feature",
                path=name,
            )
        try:
            low, high = (float(label) for label in header["labels"])
            return cls(w, float(header["intercept"]), loss_from_header(header), (low, high))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the header is damaged ({error!r})", path=name) from None
