"""Which metrics go with which loss."""

import math

import numpy as np
import pytest

from hogwild import metrics
from hogwild.kernels.losses import FACTOR_LOSSES, find_loss
from hogwild.models.measures import measure

FIRST = {
    "squared": "rmse", "absolute": "mae", "huber": "rmse", "epsilon_insensitive": "rmse",
    "kl": "generalised_kl", "logistic": "log_loss", "hinge": "accuracy",
    "squared_hinge": "accuracy",
}  # fmt: skip


@pytest.mark.parametrize("name", FACTOR_LOSSES)
def test_the_first_metric_is_the_loss_s_own(name):
    loss = find_loss(name, FACTOR_LOSSES)
    y, z = np.array([1.0, -1.0, 1.0]), np.array([0.5, 0.25, 2.0])
    found = measure(loss, y if loss.classifies else np.abs(y), z)
    assert next(iter(found)) == FIRST[name]
    assert all(isinstance(value, float) for value in found.values())


def test_values_by_hand():
    assert measure(find_loss("absolute"), [1.0, 2.0], [1.0, 4.0]) == {
        "mae": 1.0, "rmse": math.sqrt(2.0),
    }  # fmt: skip
    found = measure(find_loss("logistic"), [1, -1], [0.0, math.log(3.0)])
    assert found["log_loss"] == pytest.approx((math.log(2.0) + math.log(4.0)) / 2, rel=1e-14)
    assert (found["accuracy"], found["auc"]) == (0.0, 0.0)  # a score of 0 is the class -1


def test_the_log_loss_of_scores_is_that_of_their_probabilities_and_has_no_ceiling():
    y, z = np.array([1.0, -1.0, -1.0, 1.0]), np.array([0.3, -2.0, 1.5, 4.0])
    found = measure(find_loss("logistic"), y, z)["log_loss"]
    assert found == pytest.approx(metrics.log_loss(y, 1 / (1 + np.exp(-z))), rel=1e-13)
    assert measure(find_loss("logistic"), [1.0], [-1000.0])["log_loss"] == 1000.0


@pytest.mark.parametrize("name", FACTOR_LOSSES)
def test_what_does_not_belong_together_is_refused(name):
    with pytest.raises(ValueError, match="of one length, and not empty"):
        measure(find_loss(name, FACTOR_LOSSES), [1.0, 1.0], [1.0])
