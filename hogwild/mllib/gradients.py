"""Loss and gradient of one data point at the current weights: Spark's `Gradient`.

The objective is F(w) = (1/n) sum_i L(w; x_i, y_i) + reg R(w); a gradient is about L, an updater
about R. `compute` takes one row. `compute_rows` takes many and is what the optimizers call; whoever
writes a gradient gives one of the two. Labels are numbers here and are not checked, as in Spark.

Used by the optimizers; see "How to write a gradient" in the docs.
"""

from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.products import add_transposed, times
from hogwild.mllib.vectors import Array, SparseVector, Vector, as_vector


class Gradient:
    """Loss and gradient, one row at a time or many.

    A subclass overrides `compute` (its four-argument form), or `compute_rows`, which is faster; the
    base makes one of the other. Weights may be longer than a row (several classes). An object is
    sent to the workers, so it must pickle.

    Examples
    --------
    >>> class Absolute(Gradient):
    ...     def compute(self, data, label, weights, cum_gradient):
    ...         error = data @ weights - label
    ...         cum_gradient += np.sign(error) * data
    ...         return abs(error)
    >>> out = np.zeros(2)
    >>> X, y = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, -1.0])
    >>> Absolute().compute_rows(X, y, np.array([1.0, 0.0]), out), out  # errors -2 and 1
    (3.0, array([-1., -1.]))
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse a class that gives neither (cloudpickle makes classes empty, and fills them)."""
        if cls.compute is Gradient.compute and cls.compute_rows is Gradient.compute_rows:
            raise TypeError(f"{cls.__name__} must define compute or compute_rows")
        return super().__new__(cls)

    def compute(
        self, data: Any, label: float, weights: Any, cum_gradient: Array | None = None
    ) -> Any:
        """Loss and gradient of one data point, not averaged.

        Parameters
        ----------
        data : vector (see `as_vector`), shape (d,)
            A user's own method is called with float64 arrays.
        label : float
        weights : array, shape (d,), or more for several classes
        cum_gradient : float64 array, shape of the weights, optional
            The gradient is added to it.

        Returns
        -------
        (gradient, loss) : (array or SparseVector, float)
            Without `cum_gradient`.
        loss : float
            With it.

        Raises
        ------
        ValueError
            Sizes that don't match, or a `cum_gradient` that can't be added to.
        """
        self._check_dense(weights, cum_gradient)
        x, w = as_vector(data), as_vector(weights)
        if isinstance(w, SparseVector):
            w = w.toarray()
        out: Any = np.zeros(len(w)) if cum_gradient is None else cum_gradient
        if not isinstance(out, np.ndarray) or out.dtype != np.float64:
            kind = getattr(out, "dtype", type(out).__name__)
            raise ValueError(f"cum_gradient is added to, so it must be a float64 array, got {kind}")
        with np.errstate(all="ignore"):
            loss = self.compute_rows(as_matrix(x), np.array([float(label)]), w, out)
        return loss if cum_gradient is not None else (self._like(x, out, loss), loss)

    def compute_rows(self, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
        """Add the gradients of all rows to `cum_gradient`; return the sum of their losses.

        Parameters
        ----------
        X : float64 array or scipy ``csr_matrix``, shape (n, d)
        y : float64 array, shape (n,)
        weights : float64 array, shape (d,), or more for several classes
        cum_gradient : float64 array, shape of the weights        added to
        """
        return row_by_row(self, X, y, weights, cum_gradient)

    def _check_dense(self, weights: Any, cum_gradient: Any) -> None:
        """Only the logistic gradient minds what holds its weights."""

    def _like(self, x: Vector, gradient: Array, loss: float) -> Vector:
        """The gradient of one row in the form that Spark gives it."""
        return gradient


def row_by_row(gradient: Any, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
    """The sum over the rows of a gradient that takes one, each as a dense array."""
    total = 0.0
    for i, label in enumerate(y.tolist()):
        row = X[i].toarray().ravel() if sp.issparse(X) else X[i]
        loss = gradient.compute(row, label, weights, cum_gradient)
        if loss is None:
            raise TypeError(
                f"{type(gradient).__name__}.compute returned None; it must add the gradient to "
                "cum_gradient and return the loss"
            )
        total += float(loss)
    return total


def as_matrix(x: Vector) -> Any:
    """One row as a matrix of one."""
    if isinstance(x, SparseVector):
        return sp.csr_matrix((x.values, x.indices, [0, len(x.indices)]), shape=(1, x.size))
    return x.reshape(1, -1)


class LogisticGradient(Gradient):
    """Logistic loss: of two classes, or multinomial with class 0 as the pivot.

    Two classes, with m = -x.w (Spark's ``LogisticGradient``)::

        L = log(1 + exp(m))           if y > 0, else   log(1 + exp(m)) - m
        gradient = (1 / (1 + exp(m)) - y) x

    For labels 0 and 1; nothing is clipped. The loss of a negative is a difference, as in Spark, and
    loses digits where the margin is very negative.

    K classes, labels 0 to K - 1: `weights` is K - 1 blocks of length d, block i for class i + 1,
    with margins a_i = w_i.x::

        L = log(1 + sum_i exp(a_i)) - (a_{y-1} if y > 0)
        gradient of block i = (exp(a_i) / (1 + sum exp(a)) - [y = i + 1]) x

    computed after the largest margin, if above 0, is taken off.

    Parameters
    ----------
    num_classes : int, default 2

    Examples
    --------
    >>> LogisticGradient().compute([1.0, 2.0], 1.0, [0.0, 0.0])  # m = 0: p = 1/2
    (array([-0.5, -1. ]), 0.6931471805599453)
    """

    def __init__(self, num_classes: int = 2):
        if num_classes < 2:
            raise ValueError(f"num_classes must be 2 or more, got {num_classes}")
        self.num_classes = num_classes

    def _check_dense(self, weights: Any, cum_gradient: Any) -> None:
        for what, vector in (("weights", weights), ("cumGradient", cum_gradient)):
            if isinstance(vector, SparseVector) or sp.issparse(vector):
                kind = type(vector).__name__
                raise ValueError(f"{what} only supports dense vector but got type {kind}")

    def compute_rows(self, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
        """Binary or multinomial, by `num_classes`."""
        n_features = X.shape[1]
        if n_features == 0 or len(weights) != n_features * (self.num_classes - 1):
            raise ValueError(
                f"requirement failed: {self.num_classes} classes of {n_features} features need "
                f"{n_features * (self.num_classes - 1)} weights, got {len(weights)}"
            )
        return (self._binary if self.num_classes == 2 else self._multinomial)(
            X, y, weights, cum_gradient
        )

    def _binary(self, X: Any, y: Array, w: Array, out: Array) -> float:
        m = -times(X, w)
        add_transposed(X, 1.0 / (1.0 + np.exp(m)) - y, out)
        losses = log1p_exp(m)
        losses -= np.where(y > 0.0, 0.0, m)
        return float(losses.sum())

    def _multinomial(self, X: Any, y: Array, w: Array, out: Array) -> float:
        blocks, gradients = w.reshape(-1, X.shape[1]), out.reshape(-1, X.shape[1])
        a = np.stack([times(X, block) for block in blocks], axis=1)
        largest = np.maximum(a.max(axis=1), 0.0)
        classes = np.trunc(y) - 1  # of the margin; -1 for the pivot
        known = (classes >= 0) & (classes < len(blocks))
        at = np.where(known, classes, 0).astype(np.intp)
        own = np.where(known & (y > 0), a[np.arange(len(y)), at], 0.0)
        powers = np.exp(a - largest[:, None])
        total = _sum_of_powers(a, powers, largest)
        for i, gradient in enumerate(gradients):
            multiplier = powers[:, i] / (total + 1.0) - ((y != 0.0) & (y == i + 1))
            add_transposed(X, multiplier, gradient)
        losses = np.log1p(total) - own
        return float((losses + largest).sum())


class LeastSquaresGradient(Gradient):
    """Squared error: L = (x.w - y)^2 / 2, gradient (x.w - y) x.

    Examples
    --------
    >>> LeastSquaresGradient().compute([1.0, 2.0], 3.0, [1.0, 0.0])  # error -2
    (array([-2., -4.]), 2.0)
    """

    def compute_rows(self, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
        """(x.w - y) x and (x.w - y)^2 / 2, summed."""
        _check_sizes(X, weights)
        error = times(X, weights) - y
        add_transposed(X, error, cum_gradient)
        return float((error * error / 2.0).sum())

    def _like(self, x: Vector, gradient: Array, loss: float) -> Vector:
        return _at_stored(x, gradient)


class HingeGradient(Gradient):
    """Hinge loss for labels 0 and 1: with t = 2y - 1, L = max(0, 1 - t x.w), subgradient -t x or 0.

    At a margin of exactly 1 the subgradient is 0. Labels -1 and +1 are not noticed: t is -3 and 1.

    Examples
    --------
    >>> HingeGradient().compute([1.0, 2.0], 0.0, [0.0, 0.5])  # t = -1, margin -1
    (array([1., 2.]), 2.0)
    """

    def compute_rows(self, X: Any, y: Array, weights: Array, cum_gradient: Array) -> float:
        """-t x and 1 - t x.w where that is above 0, summed."""
        _check_sizes(X, weights)
        t = 2.0 * y - 1.0
        margin = t * times(X, weights)
        inside = margin < 1.0
        add_transposed(X, np.where(inside, -t, 0.0), cum_gradient)
        losses = np.where(inside, 1.0 - margin, 0.0)
        losses[np.isnan(margin)] = np.nan  # Spark's comparison is false there, and hides it
        return float(losses.sum())

    def _like(self, x: Vector, gradient: Array, loss: float) -> Vector:
        return SparseVector(len(gradient), [], []) if loss == 0.0 else _at_stored(x, gradient)


def log1p_exp(z: Array) -> Array:
    """log(1 + exp(z)) without overflow, as ``MLUtils.log1pExp``.

    Examples
    --------
    >>> log1p_exp(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def _sum_of_powers(a: Array, powers: Array, largest: Array) -> Array:
    """S of Spark's multinomial loss: exp(-M) and all powers but the first largest if M > 0."""
    above = largest > 0.0
    rest = powers.copy()
    rest[above, a[above].argmax(axis=1)] = np.exp(-largest[above])
    return rest.sum(axis=1)


def _at_stored(x: Vector, gradient: Array) -> Vector:
    """Sparse if the row is."""
    if isinstance(x, SparseVector):
        return SparseVector(x.size, x.indices, gradient[x.indices])
    return gradient


def _check_sizes(X: Any, w: Array) -> None:
    if X.shape[1] != len(w):
        raise ValueError(
            "requirement failed: x.w needs vectors of one size, got x.size = "
            f"{X.shape[1]}, w.size = {len(w)}"
        )
