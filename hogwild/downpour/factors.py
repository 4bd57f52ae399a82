"""The factors of a matrix of ratings as a problem of Downpour: P, Q (and the biases) in one vector.

The objective is that of ``fit_factors``, a mean over the ratings::

    (1/n) sum over ratings of  loss(z, r) + reg (|p_u|^2 + |q_i|^2 [+ b_u^2 + b_i^2])
    z = p_u . q_i   or   mean + b_u + b_i + p_u . q_i

and its gradient is taken without the factor 2 of the squares, as the article's update has it
(Zhuang et al. 2013, eq. 2-3): e q_i - reg p_u for the squared loss.  For losses without a square
the penalty counts by halves, so that the updates are still its derivative.

Called by ``downpour.fit``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.downpour.problem import distinct, sums_at
from hogwild.downpour.rules import FixedStep, Rule
from hogwild.errors import DataError
from hogwild.kernels.factors import share_of_slope
from hogwild.kernels.losses import FACTOR_LOSSES, Loss, find_loss
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.factor_model import FactorModel
from hogwild.models.measures import measure

Array = npt.NDArray[Any]


class FactorProblem:
    """Ratings, a number of factors and a ridge weight.

    Parameters
    ----------
    ratings : Ratings
    n_factors : int
    loss : str or Loss
    reg : float
    biases : bool
    validation : Ratings, optional

    Examples
    --------
    >>> ratings = Ratings.of_indices([0, 0], [0, 1], [3.0, 1.0])
    >>> problem = FactorProblem(ratings, n_factors=1, reg=0.0)
    >>> params = np.array([1.0, 2.0, 1.0])  # P = [[1]], Q = [[2], [1]]
    >>> problem.gradient(params, np.array([0]))  # e = 3 - 1*2: -e q and -e p
    (1.0, array([0, 1]), array([-2., -1.]))
    """

    def __init__(
        self,
        ratings: Ratings,
        *,
        n_factors: int = 8,
        loss: str | Loss = "squared",
        reg: float = 0.05,
        biases: bool = False,
        validation: Ratings | None = None,
    ):
        check_count("n_factors", n_factors)
        check_not_negative("reg", reg)
        check_switches(biases=biases)
        self.loss = find_loss(loss, FACTOR_LOSSES)
        if self.loss.classifies and not bool((np.abs(ratings.r) == 1.0).all()):
            raise DataError("ratings must be -1 and +1 for a loss that classifies")
        if validation is not None and not isinstance(validation, Ratings):
            raise ValueError(f"validation must be Ratings, got {type(validation).__name__}")
        self.k, self.reg, self.biases = int(n_factors), float(reg), bool(biases)
        self.n_rows = len(ratings)
        self.n_users, self.n_items = ratings.n_users, ratings.n_items
        self.mean = float(ratings.r.mean(dtype=float)) if len(ratings) else 0.0
        lines = self.n_users + self.n_items
        self.n_parameters = lines * (self.k + self.biases)
        far = 1.0 if self.loss.classifies or biases else abs(self.mean) or 1.0
        self._start = (far / self.k) ** 0.5
        self._ratings, self.validation = ratings, validation
        self._share = share_of_slope(self.loss)
        self.arrays: dict[str, Array] = {"u": ratings.u, "i": ratings.i, "r": ratings.r}

    def __getstate__(self) -> dict[str, Any]:
        # a replica takes gradients; the objective and the metrics are its parent's
        return self.__dict__ | {"_ratings": None, "validation": None}

    def begin(self, random: np.random.Generator) -> Array:
        """Return factors from U(0, sqrt(mean / k)), or U(0, sqrt(1 / k)) beside biases of 0."""
        params = np.zeros(self.n_parameters, np.float32)
        n = (self.n_users + self.n_items) * self.k
        params[:n] = random.random(n) * self._start
        return params

    def support(self, rows: Array) -> Array:
        """Return the coordinates of the rows' users and items."""
        u, i = self.arrays["u"][rows], self.arrays["i"][rows]
        lines = np.concatenate([distinct(u).astype(np.int64), distinct(i) + np.int64(self.n_users)])
        where = (lines[:, None] * self.k + np.arange(self.k)).ravel()
        if self.biases:
            where = np.concatenate([where, lines + (self.n_users + self.n_items) * self.k])
        return where

    def gradient(self, params: Array, rows: Array) -> tuple[float, Array, Array]:
        """Return the sum of losses, the coordinates, and the mean gradient at them."""
        u = self.arrays["u"][rows].astype(np.int64)
        i = self.arrays["i"][rows] + np.int64(self.n_users)
        r = self.arrays["r"][rows]
        lines = self.n_users + self.n_items
        X = params[: lines * self.k].reshape(lines, self.k)
        p, q = X[u], X[i]
        z = np.einsum("td,td->t", p, q)
        bias = params[lines * self.k :]
        if self.biases:
            z = z + self.mean + bias[u] + bias[i]
        slopes = (self._share * self.loss.slopes(z, r)).astype(params.dtype)
        reg = params.dtype.type(self.reg)
        both = np.concatenate([u, i])
        pulls = np.concatenate([slopes[:, None] * q + reg * p, slopes[:, None] * p + reg * q])
        found, place = np.unique(both, return_inverse=True)
        sums = np.zeros((len(found), self.k), params.dtype)
        np.add.at(sums, place, pulls)
        where = (found[:, None] * self.k + np.arange(self.k)).ravel()
        gradient = sums.ravel()
        if self.biases:
            pull = np.concatenate([slopes + reg * bias[u], slopes + reg * bias[i]])
            where = np.concatenate([where, found + lines * self.k])
            gradient = np.concatenate([gradient, sums_at(both, pull)[1]])
        loss = float(self.loss.values(z, r).sum(dtype=float))
        return loss, where, gradient / params.dtype.type(len(rows))

    def objective(self, params: Array) -> float:
        """Return the mean over the ratings of loss and penalty."""
        model, ratings = self.model(params), self._ratings
        with np.errstate(over="ignore", invalid="ignore"):
            z = model.predict_indices(ratings.u, ratings.i)
            total = float(self.loss.values(z, ratings.r).sum(dtype=float))
            for rows, side, bias in (
                (model.P, ratings.u, model.user_bias), (model.Q, ratings.i, model.item_bias),
            ):  # fmt: skip
                squares = np.square(rows, dtype=float).sum(axis=1)
                if bias is not None:
                    squares += np.square(bias, dtype=float)
                counts = np.bincount(side, minlength=len(rows))
                total += 0.5 / self._share * self.reg * float(squares @ counts)
        return total / self.n_rows

    def measure(self, params: Array) -> dict[str, float]:
        """Return "loss" and the loss's metrics on the validation ratings."""
        if self.validation is None:
            return {}
        z = self.model(params).predict(self.validation)
        if not np.isfinite(z).all():
            return {}
        loss = float(np.mean(self.loss.values(z, self.validation.r)))
        return {"loss": loss, **measure(self.loss, self.validation.r, z)}

    def model(self, params: Array) -> FactorModel:
        """Return the factors with the ids of the ratings."""
        lines, ratings = self.n_users + self.n_items, self._ratings
        X = params[: lines * self.k].reshape(lines, self.k)
        bias = params[lines * self.k :] if self.biases else None
        seen_users = np.bincount(ratings.u, minlength=self.n_users) > 0
        seen_items = np.bincount(ratings.i, minlength=self.n_items) > 0
        return FactorModel(
            X[: self.n_users].copy(),
            X[self.n_users :].copy(),
            user_bias=None if bias is None else bias[: self.n_users].copy(),
            item_bias=None if bias is None else bias[self.n_users :].copy(),
            mean=self.mean,
            user_ids=ratings.user_ids,
            item_ids=ratings.item_ids,
            seen_users=seen_users,
            seen_items=seen_items,
            loss=self.loss,
        )

    def default_step(self, batch_size: int, rule: Rule) -> float:
        """Return the step of the first epoch: of one rating times the batch, or half a start."""
        return 0.03 * batch_size if isinstance(rule, FixedStep) else self._start / 2.0
