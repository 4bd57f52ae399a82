"""Plain SGD for sparse linear models on a page: what the kernels do in float64, to the bit.

Rows are lists of (feature, value) pairs, numbers are Python's floats, the order is given from
outside. It is written a second time, apart from the kernels, so that either can tell when the other
is wrong; the order of the operations is part of what it defines.

Standard library only; nothing of this package. Imported by tests and tutorials.
"""

import math
from collections.abc import Sequence

ADAGRAD_FLOOR = 1e-10

Row = Sequence[tuple[int, float]]


def loss_and_slope(loss: str, z: float, y: float, constant: float = 1.0) -> tuple[float, float]:
    """Return a loss and its derivative in the prediction z.

    `constant` is Huber's delta, or the half-width epsilon of the tube.

    Examples
    --------
    >>> loss_and_slope("squared", 3.0, 1.0), loss_and_slope("hinge", 0.25, 1.0)
    ((4.0, 4.0), (0.75, -1.0))
    """
    error, margin = z - y, y * z
    sign = 1.0 if error > 0.0 else -1.0 if error < 0.0 else 0.0
    short = 1.0 - margin if margin < 1.0 else 0.0
    if loss == "squared":
        return error * error, 2.0 * error
    if loss == "absolute":
        return abs(error), sign
    if loss == "huber":
        if abs(error) <= constant:
            return 0.5 * abs(error) * abs(error), error
        return constant * (abs(error) - 0.5 * constant), sign * constant
    if loss == "epsilon_insensitive":
        outside = abs(error) > constant
        return (abs(error) - constant, sign) if outside else (0.0, 0.0)
    if loss == "logistic":
        decay = math.exp(-abs(margin))  # never above 1: nothing overflows
        if margin > 0.0:
            return math.log1p(decay), -y * (decay / (1.0 + decay))
        return math.log1p(decay) - margin, -y / (1.0 + decay)
    if loss == "hinge":
        return short, -y if margin < 1.0 else 0.0
    if loss == "squared_hinge":
        return short * short, -2.0 * y * short
    raise ValueError(f"unknown loss {loss!r}")


def shares(rows: Sequence[Row], n_features: int) -> list[float]:
    """Return m / d of each feature, which d of the m rows have; 0 for none, and for the intercept.

    A feature pays its penalty only when touched, so it pays m / d of it each time.

    Examples
    --------
    >>> shares([[(0, 1.0)], [(0, 1.0), (1, 1.0)]], 3)
    [1.0, 2.0, 0.0, 0.0]
    """
    occurs = [0] * (n_features + 1)
    for row in rows:
        for j, _ in row:
            occurs[j] += 1
    return [len(rows) / d if d else 0.0 for d in occurs]


def sgd(
    rows: Sequence[Row],
    y: Sequence[float],
    w: list[float],
    batches: Sequence[Sequence[int]],
    steps: Sequence[float],
    *,
    loss: str = "squared",
    constant: float = 1.0,
    weights: Sequence[float] | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    sparse_l2: float = 0.0,
    threshold: float | None = None,
    squares: list[float] | None = None,
    intercept: bool = True,
) -> float:
    """Update `w` once for every batch, by the mean gradient of its rows; return the summed loss.

    For a batch B with slopes g_i = weight_i slope(z_i, y_i) / |B|, all of them at the old w::

        G_j = sum_{i in B} g_i x_ij
        w_j <- prox(w_j - step G_j)   for the features j of B,       b <- b - step sum_i g_i

    and then all weights, not the intercept, are divided by 1 + step l2. That division is kept in
    one number: w = scale v, and v is what is stored until the end of the call.

    Parameters
    ----------
    rows, y : the examples
    w : list of float, length n_features + 1     updated in place
        The weights, and at the end the intercept.
    batches : for each update the numbers of its rows, in order
    steps : for each update its learning rate
    weights : the rows' weights, of mean 1; by default 1
    l2, l1, sparse_l2 : dense l2/2 |w|^2; l1 |w|_1, and sparse_l2/2 |w|^2 paid when touched
    threshold : coordinates with |G_j| <= threshold stand still
    squares : list of float, length n_features + 1     updated in place
        AdaGrad's sums of squared gradients; without the list the steps are taken as they are.

    Examples
    --------
    >>> w = [0.0, 0.0]
    >>> sgd([[(0, 2.0)]], [1.0], w, [[0]], [0.25])  # g = -2: w 0 + .25 * 2 * 2, b 0 + .25 * 2
    1.0
    >>> w
    [1.0, 0.5]
    """
    share = shares(rows, len(w) - 1)
    proximal = l1 > 0.0 or sparse_l2 > 0.0
    scale, total = 1.0, 0.0
    for batch, step in zip(batches, steps, strict=True):
        gradient: dict[int, float] = {}
        count: dict[int, int] = {}
        slopes = 0.0
        for i in batch:
            z = 0.0
            for j, x in rows[i]:
                z += x * w[j]
            weight = 1.0 if weights is None else weights[i]
            value, slope = loss_and_slope(loss, z * scale + w[-1], y[i], constant)
            total += weight * value
            g = weight * slope / len(batch)
            slopes += g
            for j, x in rows[i]:
                gradient[j] = gradient.get(j, 0.0) + g * x
                count[j] = count.get(j, 0) + 1
        if intercept:
            gradient[len(w) - 1] = slopes
        for j, G in gradient.items():
            if threshold is not None and abs(G) <= threshold:
                continue
            own = scale if j < len(w) - 1 else 1.0  # the intercept is not scaled
            slower = 1.0
            if squares is not None:
                squares[j] += G * G
                slower = 1.0 / (math.sqrt(squares[j]) + ADAGRAD_FLOOR)
            new = w[j] - step / own * slower * G
            if proximal:
                due = step * slower * share[j] * (count.get(j, 0) / len(batch))
                shrunk = soft_threshold(new, due * (l1 / own)) / (1.0 + due * sparse_l2)
                new = w[j] + (shrunk - w[j])  # an update is something added, so that others' stay
            w[j] = new
        scale = scale * (1.0 / (1.0 + step * l2))
    if scale != 1.0:
        w[:-1] = [scale * v for v in w[:-1]]
    return total


def soft_threshold(x: float, bound: float) -> float:
    """Return x moved towards 0 by `bound`, and 0 where that would pass 0: the proximal step of L1.

    Examples
    --------
    >>> soft_threshold(3.0, 1.0), soft_threshold(-0.5, 1.0)
    (2.0, 0.0)
    """
    return x - min(max(x, -bound), bound)
