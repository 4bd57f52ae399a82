"""A sparse linear model as a problem of Downpour: w and the intercept in one vector.

The objective is that of ``fit_linear``::

    (1/m) sum_i s_i loss(w . x_i + b, y_i)  +  reg/2 |w|^2        s_i example weights of mean 1

The penalty's gradient is dense; under "sparse_l2" a coordinate pays its part with the rows that
touch it, m/d as much for one that occurs in d of m rows, so that a pass over the rows pays it once
(Niu et al. 2011, section 2).

Called by ``downpour.fit``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.downpour.problem import distinct, entries_of, sums_at
from hogwild.downpour.rules import FixedStep, Rule
from hogwild.kernels.losses import Loss, find_loss
from hogwild.models.checks import check_not_negative, check_switches
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_options import (
    check_labels,
    check_validation,
    default_step,
    mean_one,
)
from hogwild.models.measures import measure

Array = npt.NDArray[Any]

PENALTIES = ("none", "l2", "sparse_l2")


class LinearProblem:
    """Sparse rows, a loss and a penalty.

    Parameters
    ----------
    examples : Examples
    loss : str or Loss
    penalty : {"none", "l2", "sparse_l2"}
    reg : float
    intercept : bool
    validation : Examples, optional
    start : array of shape (n_features,) or LinearModel, optional

    Examples
    --------
    >>> problem = LinearProblem(Examples([[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0]), intercept=False)
    >>> problem.gradient(np.zeros(3), np.array([1]))  # (0 - 3)^2, and 2 (0 - 3) times 2
    (9.0, array([1]), array([-12.]))
    >>> problem.objective(np.zeros(3))
    5.0
    """

    def __init__(
        self,
        examples: Examples,
        *,
        loss: str | Loss = "squared",
        penalty: str | None = "none",
        reg: float = 1e-4,
        intercept: bool = True,
        validation: Examples | None = None,
        start: Any = None,
    ):
        self.loss = find_loss(loss)
        self.penalty = "none" if penalty is None else penalty
        if self.penalty not in PENALTIES:
            raise ValueError(
                f"the penalties of Downpour are {', '.join(PENALTIES)}, got {penalty!r}"
            )
        check_not_negative("reg", reg)
        check_switches(intercept=intercept)
        check_labels(examples, self.loss)
        check_validation(validation, examples.n_features, self.loss)
        self.reg = 0.0 if self.penalty == "none" else float(reg)
        self.intercept, self.validation = bool(intercept), validation
        self.n_rows, self.n_features = len(examples), examples.n_features
        self.n_parameters = self.n_features + 1
        self._examples, self._start = examples, start
        occurs = np.bincount(examples.indices, minlength=self.n_features)
        share = np.where(occurs > 0, len(examples) / np.maximum(occurs, 1), 0.0)
        self.arrays: dict[str, Array] = {
            "indptr": examples.indptr, "indices": examples.indices, "data": examples.data,
            "y": examples.y, "weight": mean_one(examples), "share": np.append(share, 0.0),
        }  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        # a replica takes gradients; the objective and the metrics are its parent's
        return self.__dict__ | {"_examples": None, "validation": None, "_start": None}

    def begin(self, random: np.random.Generator) -> Array:
        """Return zeros, or what was given to start from."""
        params = np.zeros(self.n_parameters, self.arrays["data"].dtype)
        start = self._start
        if start is None:
            return params
        w = start.w if isinstance(start, LinearModel) else np.asarray(start, float)
        if w.shape != (self.n_features,) or not np.isfinite(w).all():
            raise ValueError(
                f"start must have {self.n_features} finite weights, got shape {w.shape}"
            )
        params[:-1] = w
        params[-1] = start.intercept if isinstance(start, LinearModel) else 0.0
        return params

    def support(self, rows: Array) -> Array | None:
        """Return the columns that occur in the rows, and the intercept's.

        Also without one: a start may have brought an intercept, which then stays as it is.
        """
        if self.penalty == "l2":
            return None
        places, _ = entries_of(self.arrays["indptr"], rows)
        found = distinct(self.arrays["indices"][places]).astype(np.int64)
        return np.append(found, self.n_features)

    def gradient(self, params: Array, rows: Array) -> tuple[float, Array | None, Array]:
        """Return the sum of losses, the coordinates, and the mean gradient at them."""
        arrays, n = self.arrays, self.n_features
        places, counts = entries_of(arrays["indptr"], rows)
        columns, data = arrays["indices"][places], arrays["data"][places]
        of = np.repeat(np.arange(len(rows)), counts)
        z = np.bincount(of, data * params[columns], minlength=len(rows)) + params[n]
        y, weight = arrays["y"][rows], arrays["weight"][rows]
        loss = float((weight * self.loss.values(z, y)).sum())
        slopes = weight * self.loss.slopes(z, y) / len(rows)
        pulls = slopes[of] * data
        if self.penalty == "l2":
            dense: Array = np.bincount(columns, pulls, minlength=n + 1)
            dense[:n] += self.reg * params[:n]
            dense[n] = slopes.sum() if self.intercept else 0.0
            return loss, None, dense
        where, sums = sums_at(columns.astype(np.int64), pulls)
        if self.penalty == "sparse_l2":
            touches = np.bincount(np.searchsorted(where, columns), minlength=len(where))
            due = self.reg * arrays["share"][where] * touches / len(rows)
            sums = sums + due * params[where]
        if self.intercept:
            where, sums = np.append(where, n), np.append(sums, slopes.sum())
        return loss, where, sums

    def objective(self, params: Array) -> float:
        """Return mean loss plus penalty."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = self.model(params).decision_function(self._examples)
            losses = self.loss.values(z, self._examples.y)
            mean = float((self.arrays["weight"] * losses).sum()) / self.n_rows
            return mean + self.reg / 2 * float(np.square(params[:-1], dtype=float).sum())

    def measure(self, params: Array) -> dict[str, float]:
        """Return "loss" and the loss's metrics on the validation rows."""
        if self.validation is None:
            return {}
        z = self.model(params).decision_function(self.validation)
        if not np.isfinite(z).all():
            return {}
        loss = float(np.mean(self.loss.values(z, self.validation.y)))
        return {"loss": loss, **measure(self.loss, self.validation.y, z)}

    def model(self, params: Array) -> LinearModel:
        """Return weights and intercept."""
        return LinearModel(params[:-1].copy(), float(params[-1]), self.loss)

    def default_step(self, batch_size: int, rule: Rule) -> float:
        """Return the step of the first epoch.

        A fixed step is that of ``fit_linear``.  AdaGrad's is a length of the weights: the spread of
        the targets over the root of the rows' mean squared norm, the intercept's 1 included.
        """
        if isinstance(rule, FixedStep):
            first = default_step(self._examples, self.loss, 1, self.intercept).at(
                1, np.zeros(1, int)
            )
            return float(first[0])
        spread = 1.0 if self.loss.classifies else float(self._examples.y.std()) or 1.0
        norm = float(np.square(self.arrays["data"], dtype=float).sum()) / self.n_rows
        return spread / float(np.sqrt(norm + self.intercept)) if norm or self.intercept else 1.0
