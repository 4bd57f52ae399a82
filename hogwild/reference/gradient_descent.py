"""MLlib's mini-batch gradient descent on a page: ``GradientDescent.scala`` of Spark 3.5.

Step i goes down the mean gradient of a new sample of the rows, step / sqrt(i) far. A gradient looks
at one row; an updater makes the step, and knows the penalty. What a history holds, which Spark's
documentation does not say:

* A loss is taken before its step, on that step's sample, with the penalty of the same weights.
  After the last step one more pass takes one more.
* Who converges ends without that pass, with as many losses as steps, and not before the second
  step: the start is compared with nothing.
* An empty sample makes no step and leaves no loss; the next step is the shorter all the same.

Two classes only. Numpy only. Imported by tests and tutorials.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.linalg import norm

Array = npt.NDArray[np.float64]
Gradient = Callable[[Array, float, Array], tuple[Any, Array]]
Updater = Callable[[Array, Array, float, int, float], tuple[Array, Any]]


@np.errstate(over="ignore")  # exp(m) may be infinite: a probability of 0
def logistic(x: Array, y: float, w: Array) -> tuple[Any, Array]:
    """Return log(1 + exp(m)), less m for a label of 0, with m = -x . w; and its gradient in w.

    >>> logistic(np.array([2.0]), 1.0, np.array([0.0]))[1]  # (1/2 - 1) 2
    array([-1.])
    """
    m = -(x @ w)
    loss = m + np.log1p(np.exp(-m)) if m > 0.0 else np.log1p(np.exp(m))
    return loss if y > 0.0 else loss - m, (1.0 / (1.0 + np.exp(m)) - y) * x


def least_squares(x: Array, y: float, w: Array) -> tuple[Any, Array]:
    """Return (x . w - y)^2 / 2 and its gradient in w."""
    error = x @ w - y
    return error * error / 2.0, error * x


def hinge(x: Array, y: float, w: Array) -> tuple[Any, Array]:
    """Return max(0, 1 - t x . w), t = 2 y - 1 being -1 or +1, and its gradient in w."""
    t = 2.0 * y - 1.0
    short = 1.0 - t * (x @ w)
    return (short, -t * x) if short > 0.0 else (0.0, 0.0 * x)


def simple(w: Array, g: Array, step: float, i: int, reg: float) -> tuple[Array, Any]:
    """Make step i, step / sqrt(i) long; return the new weights and their penalty, here none."""
    return w - step / np.sqrt(i) * g, 0.0


def squared_l2(w: Array, g: Array, step: float, i: int, reg: float) -> tuple[Array, Any]:
    """Make step i, with the penalty reg/2 |w|^2; every weight pays it, a bias too.

    >>> squared_l2(np.array([2.0]), np.array([1.0]), 1.0, 4, 0.5)[0]  # s = 1/2: (1 - 1/4) 2 - 1/2
    array([1.])
    """
    s = step / np.sqrt(i)
    w = (1.0 - s * reg) * w - s * g
    return w, 0.5 * reg * (w @ w)


def l1(w: Array, g: Array, step: float, i: int, reg: float) -> tuple[Array, Any]:
    """Make step i, with the penalty reg |w|_1: what is left of a weight moves towards 0, to 0."""
    s = step / np.sqrt(i)
    w = w - s * g
    w = np.sign(w) * np.maximum(0.0, np.abs(w) - s * reg)
    return w, reg * np.abs(w).sum()


def run_mini_batch_sgd(
    X: Array,
    y: Array,
    gradient: Gradient,
    updater: Updater,
    step: float,
    n_iterations: int,
    reg: float,
    w: Array,
    tol: float = 0.001,
    sample: Callable[[int], Sequence[int]] | None = None,
) -> tuple[Array, Array]:
    """Return the weights, and the losses on the way.

    X and y have shapes (n, d) and (n,), w (d,). The end is where |w_before - w| < tol max(|w|, 1).
    ``sample(seed)`` gives the numbers of a batch's rows; without it a batch is all of them.

    Examples
    --------
    >>> X, y = np.array([[1.0], [1.0]]), np.array([1.0, 3.0])
    >>> run_mini_batch_sgd(X, y, least_squares, simple, 1.0, 9, 0.0, np.array([0.0]))
    (array([2.]), array([2.5, 0.5]))
    """
    losses: list[Any] = []
    penalty = updater(w, 0.0 * w, 0.0, 1, reg)[1]
    before = None
    for i in range(1, n_iterations + 2):
        batch = range(len(y)) if sample is None else sample(42 + i)
        if len(batch) == 0:
            continue
        rows = [gradient(X[row], y[row], w) for row in batch]
        losses.append(sum(loss for loss, _ in rows) / len(batch) + penalty)
        if i == n_iterations + 1:
            break
        mean = sum((g for _, g in rows), 0.0 * w) / len(batch)
        w, penalty = updater(w, mean, step, i, reg)
        if before is not None and norm(before - w) < tol * max(float(norm(w)), 1.0):
            break
        before = w
    return w, np.array(losses)


def cost(
    X: Array, y: Array, gradient: Gradient, updater: Updater, reg: float
) -> Callable[[Array], tuple[Any, Array]]:
    """Return F(w) = mean loss + penalty, for L-BFGS: a function that gives value and gradient.

    The gradient of a penalty is what a step of 1 takes off weights that no data move.
    """

    def F(w: Array) -> tuple[Any, Array]:
        rows = [gradient(x, label, w) for x, label in zip(X, y, strict=True)]
        loss = sum(loss for loss, _ in rows) / np.float64(len(y))
        mean = sum((g for _, g in rows), 0.0 * w) / np.float64(len(y))
        penalty, left = updater(w, 0.0 * w, 0.0, 1, reg)[1], updater(w, 0.0 * w, 1.0, 1, reg)[0]
        return loss + penalty, mean + (w - left)

    return F
