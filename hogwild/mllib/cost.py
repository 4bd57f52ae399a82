"""Sums over all partitions, and the objective of L-BFGS built from them.

::

    F(w)      = loss sum / n + reg R(w)
    gradient  = gradient sum / n + reg grad R(w)

The updater is asked for both parts of the regulariser (Spark's ``LBFGS.CostFun``): a step of size 0
gives reg R(w), and w minus a step of size 1 without data gradient gives its gradient. So an updater
of the user's works here too.

Used by gradient descent (the sums), L-BFGS and OWL-QN.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from hogwild.mllib.checks import refuse_start
from hogwild.mllib.gradients import row_by_row
from hogwild.mllib.partitions import Partitions, Rows
from hogwild.mllib.vectors import Array, SparseVector, as_vector


@dataclass
class Sums:
    """What is added up over rows."""

    gradient: Array
    loss: float = 0.0
    count: int = 0

    def __deepcopy__(self, memo: object) -> "Sums":  # ten times faster than to find this out
        return Sums(self.gradient.copy(), self.loss, self.count)


@dataclass(frozen=True)
class AddRows:
    """``seq_op``: adds some rows' gradients and losses at `weights`."""

    gradient: Any
    weights: Array

    def __call__(self, sums: Sums, rows: Rows) -> Sums:
        """Return `sums`, changed in place."""
        with np.errstate(all="ignore"):  # what overflows is seen in the sums
            if hasattr(self.gradient, "compute_rows"):
                add = self.gradient.compute_rows
                loss = add(rows.X, rows.y, self.weights, sums.gradient)
            else:
                loss = row_by_row(self.gradient, rows.X, rows.y, self.weights, sums.gradient)
        sums.loss += float(loss)
        sums.count += len(rows)
        return sums


def add_sums(left: Sums, right: Sums) -> Sums:
    """``comb_op``."""
    with np.errstate(all="ignore"):
        left.gradient += right.gradient
        left.loss += right.loss
    left.count += right.count
    return left


def sums_at(data: Partitions, gradient: Any, weights: Array) -> Sums:
    """Gradients, losses and rows of `data`, summed at `weights`: one pass over the rows."""
    zero = Sums(np.zeros(len(weights)))
    return data.tree_aggregate(zero, AddRows(gradient, weights), add_sums)


def starting_weights(initial_weights: Any) -> Array:
    """A dense copy."""
    found = as_vector(initial_weights)
    return found.toarray() if isinstance(found, SparseVector) else found.copy()


class CostFunction:
    """F and its gradient at any point; the last point asked for is remembered.

    Parameters
    ----------
    data : Partitions
    gradient, updater : objects with Spark's `compute`
    reg_param : float

    Examples
    --------
    >>> from hogwild.mllib import LeastSquaresGradient, LocalPartitions, SquaredL2Updater
    >>> data = LocalPartitions(([[1.0], [2.0]], [1.0, 2.0]))
    >>> cost = CostFunction(data, LeastSquaresGradient(), SquaredL2Updater(), 0.5)
    >>> cost(np.array([2.0]))  # errors 1 and 2: 5/4 + 1, and 5/2 + 1
    (2.25, array([3.5]))
    """

    def __init__(self, data: Partitions, gradient: Any, updater: Any, reg_param: float):
        self._data, self._gradient = data, gradient
        self._updater, self._reg = updater, reg_param
        self._n = data.count()
        self._last: tuple[Array, float, Array] | None = None
        self.n_evaluations = 0

    def __call__(self, w: Array) -> tuple[float, Array]:
        """F(w) and its gradient; at the point of the call before, no pass over the data."""
        if self._last is None or not (self._last[0] == w).all():
            self._last = (w.copy(), *self._evaluate(w))
        return self._last[1:]

    def _evaluate(self, w: Array) -> tuple[float, Array]:
        self.n_evaluations += 1
        sums = sums_at(self._data, self._gradient, w)
        still = np.zeros(len(w))
        with np.errstate(all="ignore"):
            value = self._updater.compute(w, still, 0.0, 1, self._reg)[1]
            removed = w - self._updater.compute(w, still, 1.0, 1, self._reg)[0]
            loss = float(np.float64(sums.loss) / self._n) + value
            return loss, sums.gradient / self._n + removed

    def explain(self, value: float) -> NoReturn:
        """Raise ``ValueError`` saying why the objective is not finite at the initial weights."""
        if self._n == 0:
            raise ValueError("there are no rows, so the objective is NaN")
        refuse_start(self._data, value)
