"""A field-aware factorization machine as a problem of Downpour: all w_{j,f} in one vector.

The score of a row is that of libFFM (Juan et al. 2016, section 3)::

    phi = R sum_{a<b} <w_{j_a,f_b}, w_{j_b,f_a}> v_a v_b        R = 1 / sum_a v_a^2, or 1

and the objective what its updates descend, with the ridge once for each pair that uses a vector::

    (1/n) sum over rows of  loss(phi, y) + reg/2 sum_{a<b} (|w_{j_a,f_b}|^2 + |w_{j_b,f_a}|^2)

Called by ``downpour.fit``.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.downpour.problem import distinct
from hogwild.downpour.rules import FixedStep, Rule
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.field_model import FieldModel
from hogwild.models.field_rows import find_field_loss, targets
from hogwild.models.measures import measure

Array = npt.NDArray[Any]

PAIRS_AT_A_TIME = 1 << 18


class _Pairs(NamedTuple):
    """The pairs of some rows: which row, the two vectors' numbers, and the product v_a v_b R."""

    row: Array
    one: Array
    two: Array
    v: Array


class FieldProblem:
    """Rows of (field, feature, value), and a number of factors.

    Parameters
    ----------
    rows : FieldRows
    n_factors : int
    loss : {"logistic", "squared"}
    reg : float
    normalise : bool
    validation : FieldRows, optional

    Examples
    --------
    >>> rows = FieldRows([0, 2], [0, 1], [0, 1], [1.0, 1.0], [1.0])
    >>> problem = FieldProblem(rows, n_factors=1, reg=0.0, normalise=False)
    >>> params = np.array([0.0, 2.0, 3.0, 0.0])  # w_{0,1} = 2 and w_{1,0} = 3
    >>> loss, where, gradient = problem.gradient(params, np.array([0]))  # phi = 6
    >>> round(loss, 6), where, (gradient / gradient[1]).tolist()
    (0.002476, array([1, 2]), [1.5, 1.0])
    """

    def __init__(
        self,
        rows: FieldRows,
        *,
        n_factors: int = 4,
        loss: str = "logistic",
        reg: float = 2e-5,
        normalise: bool = True,
        validation: FieldRows | None = None,
    ):
        check_count("n_factors", n_factors)
        check_not_negative("reg", reg)
        check_switches(normalise=normalise)
        if validation is not None and not isinstance(validation, FieldRows):
            raise ValueError(f"validation must be FieldRows, got {type(validation).__name__}")
        self.loss, self._loss_name = find_field_loss(loss), loss
        self.k, self.reg, self.normalise = int(n_factors), float(reg), bool(normalise)
        self.n_rows, self.n_fields, self.n_features = rows.n_rows, rows.n_fields, rows.n_features
        self.n_parameters = self.n_features * self.n_fields * self.k
        self.validation = validation
        y = targets(rows, loss)
        self.arrays: dict[str, Array] = {
            "indptr": rows.indptr, "fields": rows.fields, "features": rows.features,
            "values": rows.values, "y": y,
        }  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"validation": None}  # the metrics are the parent's

    def begin(self, random: np.random.Generator) -> Array:
        """Return weights drawn from U(0, 1/sqrt(k))."""
        return random.random(self.n_parameters, np.float32) / np.float32(self.k**0.5)

    def support(self, rows: Array) -> Array:
        """Return the coordinates of every vector that a pair of these rows uses."""
        found = [distinct(np.concatenate([p.one, p.two])) for p in self._pairs(rows)]
        return self._coordinates(distinct(np.concatenate(found or [np.zeros(0, int)])))

    def gradient(self, params: Array, rows: Array) -> tuple[float, Array, Array]:
        """Return the sum of losses, the coordinates, and the mean gradient at them."""
        W = params.reshape(-1, self.k)
        phi = np.zeros(len(rows))
        parts = list(self._pairs(rows))
        for pairs in parts:
            products = np.einsum("tk,tk->t", W[pairs.one], W[pairs.two]) * pairs.v
            phi += np.bincount(pairs.row, products, minlength=len(rows))
        y = self.arrays["y"][rows]
        kappa = self.loss.slopes(phi, y)
        loss = float(self.loss.values(phi, y).sum())
        every = np.concatenate(
            [part for pairs in parts for part in (pairs.one, pairs.two)] or [np.zeros(0, int)]
        )
        found, place = np.unique(every, return_inverse=True)
        sums = np.zeros((len(found), self.k))
        first = 0
        for pairs in parts:
            one, two = W[pairs.one], W[pairs.two]
            pull = (kappa[pairs.row] * pairs.v)[:, None]
            for mine, other in ((one, two), (two, one)):
                at = place[first : first + len(mine)]
                moved = pull * other + self.reg * mine
                for d in range(self.k):
                    sums[:, d] += np.bincount(at, moved[:, d], minlength=len(found))
                first += len(mine)
        gradient = (sums.ravel() / len(rows)).astype(params.dtype)
        return loss, self._coordinates(found), gradient

    def objective(self, params: Array) -> float:
        """Return the mean over the rows of loss and penalty."""
        W = params.reshape(-1, self.k)
        every = np.arange(self.n_rows)
        phi, penalty = np.zeros(self.n_rows), 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for pairs in self._pairs(every):
                one, two = W[pairs.one], W[pairs.two]
                products = np.einsum("tk,tk->t", one, two) * pairs.v
                phi += np.bincount(pairs.row, products, minlength=self.n_rows)
                squares = np.square(one, dtype=float).sum() + np.square(two, dtype=float).sum()
                penalty += self.reg / 2 * float(squares)
            losses = self.loss.values(phi, self.arrays["y"])
        return (float(losses.sum()) + penalty) / self.n_rows

    def measure(self, params: Array) -> dict[str, float]:
        """Return "loss" and the loss's metrics on the validation rows."""
        if self.validation is None:
            return {}
        z = self.model(params).decision_function(self.validation)
        y = targets(self.validation, self._loss_name)
        if not np.isfinite(z).all():
            return {}
        return {"loss": float(np.mean(self.loss.values(z, y))), **measure(self.loss, y, z)}

    def model(self, params: Array) -> FieldModel:
        """Return the weights as a model."""
        shape = (self.n_features, self.n_fields, self.k)
        w = params.reshape(shape).copy()
        return FieldModel(w, normalise=self.normalise, loss=self._loss_name)

    def default_step(self, batch_size: int, rule: Rule) -> float:
        """Return the step of the first epoch: of one row times the batch, or a fifth of a start."""
        return 0.5 * batch_size if isinstance(rule, FixedStep) else 0.2 / float(self.k) ** 0.5

    def _coordinates(self, vectors: Array) -> Array:
        return (vectors[:, None] * self.k + np.arange(self.k)).ravel()

    def _pairs(self, rows: Array) -> Iterator[_Pairs]:
        """Yield the pairs of these rows: rows of one length together, not too many at a time."""
        indptr = self.arrays["indptr"]
        counts = indptr[rows + 1] - indptr[rows]
        for d in np.unique(counts[counts > 1]).tolist():
            of = np.flatnonzero(counts == d)
            a, b = np.triu_indices(d, 1)
            size = max(1, PAIRS_AT_A_TIME // len(a))
            for begin in range(0, len(of), size):
                yield self._pairs_of(rows, of[begin : begin + size], d, a, b)

    def _pairs_of(self, rows: Array, of: Array, d: int, a: Array, b: Array) -> _Pairs:
        arrays, m = self.arrays, self.n_fields
        places = arrays["indptr"][rows[of]][:, None] + np.arange(d)
        fields = arrays["fields"][places].astype(np.int64)
        features = arrays["features"][places].astype(np.int64)
        values = arrays["values"][places].astype(float)
        R = 1.0 / np.square(values).sum(axis=1) if self.normalise else np.ones(len(of))
        one = features[:, a] * m + fields[:, b]
        two = features[:, b] * m + fields[:, a]
        v = values[:, a] * values[:, b] * R[:, None]
        return _Pairs(np.repeat(of, len(a)), one.ravel(), two.ravel(), v.ravel())
