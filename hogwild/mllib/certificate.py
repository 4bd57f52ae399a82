"""Is it the optimum? The gradient mapping says so, whichever optimizer came there.

One step of the updater from w, with the mean gradient g of all rows::

    G(w) = (w - updater.compute(w, g, step, 1, reg_param).weights) / step

is 0 exactly where no such step moves, that is at an optimum. (Nesterov, "Gradient methods for
minimizing composite functions", Mathematical Programming 140, 2013, section 2.) For a smooth
regulariser it is the gradient of the objective, for L1 the proximal gradient mapping; it is asked
of the updater, so it works with one of the user's, too.

A loss with kinks has several slopes where it bends, and the gradient gives one of them: at an
optimum of the hinge loss, G may be as large as the mean over all rows of |x_i| for those i whose
margin is 1.

For tests, for comparisons of optimizers, and for whoever doubts a result.
"""

import math
from typing import Any

import numpy as np

from hogwild.mllib.checks import check_finite, require
from hogwild.mllib.cost import starting_weights, sums_at
from hogwild.mllib.local import opened
from hogwild.mllib.vectors import Array


def gradient_mapping(
    data: Any,
    gradient: Any,
    updater: Any,
    weights: Any,
    reg_param: float,
    step: float = 1.0,
) -> Array:
    """How far from a standstill a gradient step is at `weights`; its norm is 0 at an optimum.

    Parameters
    ----------
    data : Partitions, or what `as_partitions` makes one of
    gradient, updater, reg_param
        Of the objective, as for `run_mini_batch_sgd`.
    weights : vector, shape (d,), or (K - 1) d for K classes
    step : float
        Above 0. Without effect for a smooth regulariser; for L1, where G is 0 doesn't depend on it.

    Returns
    -------
    float64 array, shape of the weights
        In units of the gradient.

    Raises
    ------
    ValueError
        No rows, weights of another size than the rows, data or weights that are not finite, or so
        large that the gradient overflows.

    Examples
    --------
    >>> from hogwild.mllib import L1Updater, LeastSquaresGradient
    >>> data = [[1.0], [1.0]], [1.0, 3.0]  # 1/2 (w - 2)^2 + 1/2 and |w| / 2: w = 1.5
    >>> gradient_mapping(data, LeastSquaresGradient(), L1Updater(), [1.5], 0.5)
    array([0.])
    >>> gradient_mapping(data, LeastSquaresGradient(), L1Updater(), [0.0], 0.5)
    array([-1.5])
    """
    require(0 < step < math.inf, "step must be positive and finite", step)
    w = starting_weights(weights)
    require(bool(np.isfinite(w).all()), "weights must be finite", w)
    with opened(data) as rows:
        sums = sums_at(rows, gradient, w)
        require(sums.count > 0, "a mean gradient needs rows", f"{sums.count} of them")
        moved = updater.compute(w, sums.gradient / sums.count, step, 1, reg_param)[0]
        mapping: Array = (w - moved) / step
        if not np.isfinite(mapping).all():
            check_finite(rows)
            raise ValueError("the gradient overflows at these weights: scale the features")
        return mapping
