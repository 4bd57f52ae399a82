"""OWL-QN: the pseudo-gradient by hand, orthants, the optimum and its certificate."""

import numpy as np
import pytest
from mllib_cases import clouds

from hogwild.mllib import (
    OWLQN,
    HingeGradient,
    L1Updater,
    LeastSquaresGradient,
    LogisticGradient,
    SquaredL2Updater,
    run_lbfgs,
    run_owlqn,
)
from hogwild.mllib.owlqn import Orthant, _backtrack


def minimized(data, gradient, reg, tol=1e-10, **settings):
    start = np.zeros(len(data[0][0]))
    return run_owlqn(data, gradient, 10, tol, 200, reg, start, **settings)


def certificate(data, w, l1):
    """Distance from the optimum's conditions for logistic loss: the proximal gradient mapping."""
    X, y = data
    g = X.T @ (1 / (1 + np.exp(-X @ w)) - y) / len(y)
    moved = w - g
    return np.linalg.norm(w - np.sign(moved) * np.maximum(0, np.abs(moved) - l1))


def test_soft_thresholding_is_the_answer_where_features_are_alone():
    data = (np.eye(3), np.array([3.0, 0.6, -2.0]))  # F = sum (w - y)^2 / 6 + reg |w|_1
    result = minimized(data, LeastSquaresGradient(), 0.3)
    assert result.weights == pytest.approx([2.1, 0.0, -1.1], abs=1e-7)
    assert result.weights[1] == 0.0
    assert result.losses[0] == pytest.approx((9 + 0.36 + 4) / 6)


@pytest.mark.parametrize("reg", [0.001, 0.03, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_mapping_vanishes(reg, seed):
    data = clouds(80, 6, seed)
    result = minimized(data, LogisticGradient(), reg)
    assert certificate(data, result.weights, reg) < 1e-6


def test_a_large_penalty_leaves_nothing():
    result = minimized(clouds(), LogisticGradient(), 10.0)
    assert result.weights.tolist() == [0.0, 0.0, 0.0]
    assert result.n_iterations == 0


def test_each_weight_may_have_its_own_penalty():
    data = clouds(80, 4, 1)
    l1 = np.array([0.0, 1.0, 1.0, 3.0])
    result = minimized(data, LogisticGradient(), 0.05, l1=l1)
    assert certificate(data, result.weights, 0.05 * l1) < 1e-6
    assert result.losses[-1] == pytest.approx(
        np.mean(np.log1p(np.exp(data[0] @ result.weights)) - data[1] * (data[0] @ result.weights))
        + 0.05 * (l1 * np.abs(result.weights)).sum()
    )


def test_without_a_penalty_the_optimum_is_that_of_lbfgs():
    data = clouds(80, 4, 1)
    result = minimized(data, LogisticGradient(), 0.0)
    other = run_lbfgs(
        data, LogisticGradient(), SquaredL2Updater(), 10, 1e-10, 200, 0.0, np.zeros(4)
    )
    assert result.weights == pytest.approx(other.weights, abs=1e-6)


def test_a_step_does_not_leave_its_orthant():
    method = Orthant(np.full(2, 0.1))
    at = method.point(np.array([1.0, 0.0]), 1.0, np.array([5.0, -1.0]), 1)
    cost = lambda z: (0.5 * np.sum((z - 3.0) ** 2), z - 3.0)  # noqa: E731
    z = method.search(cost, at, np.array([-2.0, 2.0]))
    assert z[0] >= 0.0
    assert z[1] >= 0.0


def test_the_twentieth_trial_is_made_and_not_used():
    made = []

    def phi(t):
        made.append(t)
        return -t, -1.0  # always steeper than 9/10: grow

    t = _backtrack(phi, 1e-3, 0.0, 0.5)
    assert len(made) == 22  # 0, the first, and twenty replacements
    assert t == pytest.approx(1e-3 * 0.5 * 2.1**18)


def test_after_a_step_that_left_the_gradient_as_it_was_a_step_to_the_same_place_counts():
    # hinge, 1 - w while w < 1: y = 0, so s.y / y.y and the direction are NaN. As in Spark 3.5.9
    # that makes a step of 0; the direction fails only after it, when s = 0, too
    two, three = (
        run_owlqn(([[1.0]], [1.0]), HingeGradient(), 10, 0.0, limit, 0.1, [-100.0])
        for limit in (2, 3)
    )
    assert two.losses == pytest.approx([111.0, 1.0, 1.0], rel=1e-15)
    assert (two.weights.tolist(), two.n_iterations) == ([0.0], 2)
    assert three.losses[:4] == pytest.approx([111.0, 1.0, 1.0, 1.0], rel=1e-15)
    assert (len(three.losses), three.n_iterations) == (5, 3)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"l1": [1.0]}, "3 numbers of 0 or more"), ({"l1": [1.0, -1.0, 0.0]}, "0 or more")],
)
def test_penalties_are_checked(settings, reason):
    with pytest.raises(ValueError, match=reason):
        minimized(clouds(), LogisticGradient(), 0.1, **settings)
    with pytest.raises(ValueError, match="0 or more, got reg_param -1"):
        minimized(clouds(), LogisticGradient(), -1.0)


def test_the_class_runs_the_function_with_its_settings():
    data = clouds()
    owlqn = OWLQN(LogisticGradient(), L1Updater()).set_reg_param(0.05).set_convergence_tol(1e-8)
    owlqn.set_l1([1.0, 0.0, 1.0]).set_num_iterations(30).set_num_corrections(5)
    result = owlqn.optimize_with_loss_returned(data, np.zeros(3))
    same = run_owlqn(data, LogisticGradient(), 5, 1e-8, 30, 0.05, np.zeros(3), l1=[1.0, 0.0, 1.0])
    assert result.losses.tolist() == same.losses.tolist()
    with pytest.raises(ValueError, match="take LBFGS"):
        OWLQN(LogisticGradient(), SquaredL2Updater())
