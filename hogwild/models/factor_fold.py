"""Factors for a user who came after training: the items stand still, one small problem is solved.

Contract: `fold_in` minimises what the fit minimises, over one user's row alone::

    sum_j h(c_j + a_j . x, r_j) + omega reg/2 |x|^2     over his omega ratings

Here a_j = q_j and c_j = 0, x = p; in a model with biases a_j = (q_j, 1) and c_j = mean + b_j,
x = (p, b_u). h is the loss, halved where its formula lacks the 1/2 (the squared ones): for the
squared loss this is half of eq. (1) of Zhuang et al. 2013, with the ridge weight counted once a
rating.  What a fit may have had besides, an L1 penalty or factors kept above 0, is left out.

Called by ``models.factor_model``.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.data.ratings_values import as_values
from hogwild.kernels.factors import share_of_slope
from hogwild.kernels.losses import Loss
from hogwild.models.checks import check_count
from hogwild.models.factor_neighbours import ranked
from hogwild.models.factor_predict import id_at, is_single, refuse

if TYPE_CHECKING:
    from hogwild.models.factor_model import FactorModel

Array = npt.NDArray[Any]

MAX_STEPS = 20_000
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class FoldedUser:
    """A user that the model was not fitted to, and his row.

    Attributes
    ----------
    model : FactorModel
    p : float64 array, shape (k,)
    bias : float
        0 in a model without biases.
    rated : int array
        Indices of the items whose ratings he gave.

    Examples
    --------
    >>> from hogwild.models.factor_model import FactorModel
    >>> model = FactorModel(np.zeros((0, 1)), np.array([[1.0], [2.0], [3.0]]))
    >>> user = model.fold_in([0], [4.0], reg=1.0)  # (4 - p)^2 + p^2 is least at p = 2
    >>> user.p, user.predict([0, 1]), user.recommend(1)
    (array([2.]), array([2., 4.]), (array([2]), array([6.])))
    """

    model: "FactorModel"
    p: Array
    bias: float
    rated: Array

    def __repr__(self) -> str:
        return f"FoldedUser({len(self.rated)} ratings, {len(self.p)} factors)"

    def predict(self, items: Any) -> Any:
        """Return the prediction for every item id; the mean and his bias where it is unknown."""
        scores = self._scores()[self.model.encode_items(items)]
        return scores[0] if is_single(items) else scores

    def recommend(self, n: int = 10, *, exclude: Any = None) -> tuple[Array, Array]:
        """Return (item ids, scores) of the n best items, best first, ties by id.

        `exclude` is a sequence of ids to leave out; by default those that he has rated.
        """
        check_count("n", n)
        if isinstance(exclude, Ratings):
            raise ValueError("a folded-in user has no id in Ratings: pass the ids of items")
        left_out = self.rated if exclude is None else self.model.encode_items(exclude)
        return ranked(self.model, self._scores()[:-1], n, left_out)

    def _scores(self) -> Array:
        """Return the score of every item, and at the end that of an unknown one."""
        model = self.model
        offsets = _offsets(model)
        known = offsets + self.bias + np.einsum("nk,k->n", model.Q, self.p)
        nothing = model.mean + self.bias
        return np.append(np.where(model.seen_items, known, nothing), nothing)


def _offsets(model: "FactorModel") -> Array:
    """Return what a prediction adds for each item, whoever the user is."""
    if model.item_bias is None:
        return np.zeros(model.n_items)
    return model.mean + model.item_bias.astype(np.float64)


def fold_in(model: "FactorModel", items: Any, values: npt.ArrayLike, reg: float) -> FoldedUser:
    """Return the user who gave these ratings to these items."""
    index, values = model.encode_items(items), as_values(values, np.float64)
    if len(values) != len(index) or not len(index):
        raise ValueError(
            "a new user needs one value an item, and at least one item; got "
            f"{len(index)} items and {len(values)} values"
        )
    refuse(model, "item", index, lambda place: id_at(items, place))
    rows, offsets = model.Q[index].astype(np.float64), _offsets(model)[index]
    if model.biased:
        rows = np.column_stack([rows, np.ones(len(rows))])
    x = minimise(model.loss, rows, offsets, values, len(values) * reg)
    p, bias = (x[:-1], float(x[-1])) if model.biased else (x, 0.0)
    return FoldedUser(model, p, bias, np.unique(index))


def minimise(loss: Loss, rows: Array, offsets: Array, values: Array, ridge: float) -> Array:
    """Return the x that minimises sum_j h(offset_j + row_j . x, value_j) + ridge/2 |x|^2.

    Newton's method with the bound h'' <= c in place of h'' (Boehning and Lindsay 1988): no step
    raises the objective, one matrix is inverted once, and for the squared loss, where the bound is
    the curvature, the first step lands on the least squares solution.

    Examples
    --------
    >>> from hogwild.kernels.losses import Squared
    >>> x = minimise(Squared(), np.array([[1.0]]), np.zeros(1), np.array([4.0]), 1.0)
    >>> x  # (4 - x)^2 + x^2
    array([2.])
    """
    if not math.isfinite(loss.curvature):
        raise ValueError(
            f"a user can be folded in under a loss whose slope does not jump (squared, huber, "
            f"logistic, squared hinge); {loss} has no bound on its second derivative"
        )
    share = share_of_slope(loss)
    bound = share * loss.curvature * rows.T @ rows + ridge * np.eye(rows.shape[1])
    x = np.zeros(rows.shape[1])
    # without a ridge the matrix may lack full rank: the pseudo-inverse takes the shortest step
    inverse = np.linalg.pinv(bound, hermitian=True)
    for _ in range(MAX_STEPS):
        step = inverse @ (rows.T @ (share * loss.slopes(offsets + rows @ x, values)) + ridge * x)
        x = x - step
        if np.abs(step).max(initial=0.0) <= TOLERANCE * (1.0 + np.abs(x).max(initial=0.0)):
            return x
    raise ValueError(
        f"no rest after {MAX_STEPS} steps under {loss}; without a ridge weight labels that can be "
        f"told apart have no best factors: try reg above {ridge / max(1, len(values)):g}"
    )
