"""Logistic regression of two classes as ``spark.ml`` trains it: on standardised features.

That is what Spark's ``LogisticRegressionWithLBFGS`` runs where its updater is L1 or L2: the
objective of `standardised_cost` by L-BFGS, or by OWL-QN if there is an L1 penalty, ten pairs kept.
The intercept is not penalised and starts at the log odds of the labels.

Called by ``LogisticRegressionWithLBFGS``.
"""

import logging
import math
from typing import Any, NamedTuple

import numpy as np

from hogwild.mllib.first_order import minimize
from hogwild.mllib.moments import moments
from hogwild.mllib.partitions import Partitions
from hogwild.mllib.result import OptimizerResult
from hogwild.mllib.standardised_cost import Penalty, Standardised, StandardisedCost
from hogwild.mllib.validators import LabelCounts, check_labels
from hogwild.mllib.vectors import Array

logger = logging.getLogger("hogwild.mllib")

NUM_CORRECTIONS = 10
ONE_CLASS = "all labels are the same"


class Trained(NamedTuple):
    """Weights and intercept for the features as they are, and the record in terms of (u, b')."""

    weights: Array
    intercept: float
    result: OptimizerResult


@np.errstate(all="ignore")  # what overflows is found in the objective and in the weights
def fit_standardised(
    data: Partitions,
    penalty: Penalty,
    *,
    intercept: bool,
    tol: float,
    max_iterations: int,
    initial_weights: Any = None,
) -> Trained:
    """Train as ``spark.ml`` does.

    Parameters
    ----------
    data : Partitions
        Labels 0 and 1.
    penalty : Penalty
    intercept : bool
        Train one; it starts at the log odds of the labels.
    tol, max_iterations
        As ``convergence_tol`` and ``max_num_iterations`` of `run_lbfgs`.
    initial_weights : vector of shape (d,), optional
        For the features as they are, with the intercept 1. Without `intercept`, or of another
        length, they are ignored with a warning, as in Spark.

    Returns
    -------
    Trained
        With an intercept and one class only: weights 0, an infinite intercept, and no losses.

    Raises
    ------
    InputValidationFailed
        Labels other than 0 and 1.
    ValueError
        No rows, data that are not finite, or of a scale that leads out of the doubles.

    Examples
    --------
    >>> from hogwild.mllib import LocalPartitions
    >>> data = LocalPartitions(([[-1.0], [1.0], [-1.0], [1.0]], [0, 1, 1, 1]))
    >>> found = fit_standardised(data, Penalty(0.0), intercept=True, tol=1e-12, max_iterations=50)
    >>> margin = found.weights[0] * -1 + found.intercept  # at x = -1 one of two is 1: log odds 0
    >>> abs(round(float(margin), 6))
    0.0
    """
    labels = check_labels(data)
    if labels.n == 0:
        raise ValueError("there are no rows to train on")
    if labels.ones in (0, labels.n):
        if intercept:
            return _one_class(data.n_features, labels)
        logger.warning(
            "All labels belong to a single class and fitIntercept=false. It's a dangerous ground, "
            "so the algorithm may not converge."
        )
    space = Standardised(moments(data), intercept)
    space.warn_of_constants()
    start = space.start(labels, initial_weights)
    cost = StandardisedCost(data, space, penalty)
    result = minimize(cost, cost.method, start, NUM_CORRECTIONS, tol, max_iterations)
    found = space.original(result.weights)
    if not np.isfinite(found).all():
        raise ValueError("the weights overflow for features as small as these: scale them first")
    return Trained(found[:-1], float(found[-1]), result)


def _one_class(n_features: int, labels: LabelCounts) -> Trained:
    """No loss has a minimum here; Spark answers with its limit."""
    logger.warning(
        "All labels are the same value and fitIntercept=true, so the coefficients will be zeros. "
        "Training is not needed."
    )
    weights = np.zeros(n_features)
    intercept = math.inf if labels.ones else -math.inf
    result = OptimizerResult(np.append(weights, intercept), np.zeros(0), ONE_CLASS, 0, 0)
    return Trained(weights, intercept, result)
