"""Logistic regression on standardised features: Spark's runs, the objective, starts, trouble."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mllib_cases import clouds, relative

from hogwild.mllib import L1Updater, LocalPartitions, SimpleUpdater, SquaredL2Updater
from hogwild.mllib.cost import sums_at
from hogwild.mllib.gradients import LogisticGradient
from hogwild.mllib.logistic_lbfgs import LogisticRegressionWithLBFGS
from hogwild.mllib.moments import moments
from hogwild.mllib.standardised import fit_standardised
from hogwild.mllib.standardised_cost import (
    LogisticWithIntercept,
    Penalty,
    Standardised,
    StandardisedCost,
)
from hogwild.mllib.validators import LabelCounts, check_labels

RUNS = json.loads(Path(__file__).with_name("spark_runs").joinpath(
    "standardised_logistic.json").read_text())["runs"]  # fmt: skip


NONE = Penalty(0.0)


def fitted(data, penalty=NONE, *, intercept=True, tol=1e-6, iterations=100, start=None):
    if not isinstance(data, LocalPartitions):
        data = LocalPartitions(data)
    return fit_standardised(
        data,
        penalty,
        intercept=intercept,
        tol=tol,
        max_iterations=iterations,
        initial_weights=start,
    )


# ---- Spark's runs ------------------------------------------------------------------------------


def svm_data(shared_data, **changes):
    table = np.loadtxt(shared_data / "mllib" / "sample_svm_data.txt")
    X, y = np.ascontiguousarray(table[:, 1:]), table[:, 0]
    if "second_feature" in changes:
        X[:, 1] = changes["second_feature"]
    y = np.full(len(y), changes["labels"]) if "labels" in changes else y
    return LocalPartitions((X, y), sizes=[161, 161])


def logistic(updater, reg_param, intercept=True, scaling=True):
    algorithm = LogisticRegressionWithLBFGS().set_intercept(intercept).set_feature_scaling(scaling)
    algorithm.optimizer.set_updater(updater).set_reg_param(reg_param)
    return algorithm


def test_l1_with_an_intercept_goes_sparks_way(shared_data):
    """The run that checks OWL-QN: 17 losses, 20 passes, 12 of 16 weights."""
    losses = [
        0.6931278910566463, 0.683499220148559, 0.6615188868500738, 0.6611071780790279,
        0.6610104963427622, 0.66098712185838, 0.6609735141442371, 0.6609623851048929,
        0.6609569219390473, 0.6609557830187992, 0.6609556446629428, 0.660955563427728,
        0.6609555538996239, 0.6609555530175619, 0.6609555528687281, 0.6609555528637437,
        0.6609555528609516,
    ]  # fmt: skip
    weights = [
        -0.17251362541438384, 0, -0.013577869431091962, 0.23038732233099674, -0.11657843391628135,
        0, 0.10834102567549678, -0.28717837892124126, 0, 0, 0.22655195810790285,
        -0.14445199679091855, 0.2117971081144323, -0.0888964774023935, -0.008042758193246142,
        0.01776782639838395,
    ]  # fmt: skip
    model = logistic(L1Updater(), 0.01).run(svm_data(shared_data))
    assert relative(model.result.losses, losses) < 1e-9
    assert (model.result.stopped, model.result.n_evaluations) == ("gradient converged", 20)
    assert model.weights == pytest.approx(np.array(weights), rel=1e-7, abs=0)
    assert (model.weights != 0.0).sum() == 12
    assert model.intercept == pytest.approx(0.14234155553955868, rel=1e-7)


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_every_run_of_spark_is_repeated(shared_data, number):
    run = RUNS[number]
    changes = {name: run[name] for name in ("second_feature", "labels") if name in run}
    updater = {"l1": L1Updater(), "l2": SquaredL2Updater()}[run["updater"]]
    algorithm = logistic(updater, run["reg_param"], run["intercept"], run["scaling"])
    start = np.full(16, run["initial_weights"]) if "initial_weights" in run else None
    model = algorithm.run(svm_data(shared_data, **changes), start)
    if run["losses"]:
        assert relative(model.result.losses, run["losses"]) < 1e-9
    weights = np.array(run["weights"])
    assert model.weights == pytest.approx(weights, rel=1e-8, abs=1e-14)
    assert ((model.weights == 0.0) == (weights == 0.0)).all()
    assert model.intercept == pytest.approx(run["intercept"], rel=1e-8)


# ---- the objective -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
def test_an_intercept_is_a_feature_of_1(form):
    X, y = clouds()
    w = np.array([0.3, -1.0, 2.0, -0.5])
    with_bias = np.hstack([X, np.ones((40, 1))])
    expected = sums_at(LocalPartitions((with_bias, y)), LogisticGradient(), w)
    found = sums_at(LocalPartitions((form(X), y)), LogisticWithIntercept(), w)
    assert found.loss == pytest.approx(expected.loss, rel=1e-14)
    assert found.gradient == pytest.approx(expected.gradient, rel=1e-13)


def naive(X, y, z, penalty, intercept):
    """The smooth part on features that really are standardised."""
    deviation = X.std(axis=0, ddof=1)
    inverse = np.array([1 / sigma if sigma > 1e-12 else 0.0 for sigma in deviation])
    Z = (X - X.mean(axis=0) if intercept else X) * inverse
    u, b = (z[:-1], z[-1]) if intercept else (z, 0.0)
    m = Z @ u + b
    loss = np.logaddexp(0.0, -np.where(y > 0, m, -m)).mean()
    c = np.ones(len(u)) if penalty.standardised else inverse**2
    return loss + (0.0 if penalty.l1 else 0.5 * penalty.reg_param * (u * u * c).sum())


CASES = [
    (intercept, Penalty(0.3, l1, standardised))
    for intercept in (False, True)
    for l1 in (False, True)
    for standardised in (False, True)
]


def cost_of(X, y, intercept, penalty):
    data = LocalPartitions((X, y))
    return StandardisedCost(data, Standardised(moments(data), intercept), penalty)


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("intercept, penalty", CASES)
def test_the_objective_is_that_of_standardised_features(form, intercept, penalty):
    X, y = clouds()
    X = X * [1.0, 20.0, 0.1] + [0.0, 5.0, -3.0]
    X[:, 1] = 7.0  # and constant
    z = np.array([0.7, -1.2, 0.4, 0.9][: 3 + intercept])
    value, gradient = cost_of(form(X), y, intercept, penalty)(z)
    assert value == pytest.approx(naive(X, y, z, penalty, intercept), rel=1e-12)
    assert len(gradient) == len(z)
    for j in range(len(z)):
        h = 1e-6 * np.eye(len(z))[j]
        slope = naive(X, y, z + h, penalty, intercept) - naive(X, y, z - h, penalty, intercept)
        assert gradient[j] == pytest.approx(slope / 2e-6, rel=1e-7, abs=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.booleans(), st.floats(0.0, 2.0), st.booleans())
def test_the_gradient_is_the_slope_of_the_objective(seed, intercept, reg_param, standardised):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(9, 2)) * [1.0, 50.0], (rng.random(9) < 0.5).astype(float)
    cost = cost_of(X, y, intercept, Penalty(reg_param, False, standardised))
    z, d = rng.normal(size=2 + intercept), rng.normal(size=2 + intercept)
    slope = (cost(z + 1e-6 * d)[0] - cost(z - 1e-6 * d)[0]) / 2e-6
    assert np.dot(cost(z)[1], d) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_weights_go_there_and_back():
    X, y = clouds()
    space = Standardised(moments(LocalPartitions((X, y))), True)
    z = space.start(LabelCounts(40, 10), [0.3, -0.2, 0.1])
    assert space.original(z) == pytest.approx([0.3, -0.2, 0.1, 1.0], rel=1e-14)


def test_scaling_a_feature_by_a_power_of_two_scales_its_weight_and_nothing_else():
    X, y = clouds()
    for penalty in (Penalty(0.1), Penalty(0.05, l1=True)):
        for intercept in (False, True):
            expected = fitted((X, y), penalty, intercept=intercept)
            found = fitted((X * [8.0, 1.0, 0.25], y), penalty, intercept=intercept)
            assert found.result.losses.tolist() == expected.result.losses.tolist()
            assert (found.weights * [8.0, 1.0, 0.25]).tolist() == expected.weights.tolist()
            assert found.intercept == expected.intercept


def test_shifting_the_features_changes_the_intercept_alone():
    X, y = clouds()
    expected = fitted((X, y), Penalty(0.1), tol=1e-12)
    found = fitted((X + [100.0, -3.0, 7.0], y), Penalty(0.1), tol=1e-12)
    assert found.weights == pytest.approx(expected.weights, rel=1e-6)
    shifted = expected.intercept - np.dot(expected.weights, [100.0, -3.0, 7.0])
    assert found.intercept == pytest.approx(shifted, rel=1e-6)


def test_without_a_penalty_l1_is_l2():
    data = clouds()
    l1, l2 = (fitted(data, Penalty(0.0, l1)) for l1 in (True, False))
    assert l1.weights.tolist() == l2.weights.tolist()
    assert l1.result.losses.tolist() == l2.result.losses.tolist()


# ---- where it starts ---------------------------------------------------------------------------


def test_without_initial_weights_it_starts_at_zero_and_the_log_odds():
    X, y = clouds()
    start = fitted((X, y), iterations=0)
    odds = math.log(y.sum() / (len(y) - y.sum()))
    assert (start.weights.tolist(), start.intercept) == ([0.0, 0.0, 0.0], odds)
    p = y.mean()
    assert start.result.losses == pytest.approx([-p * math.log(p) - (1 - p) * math.log(1 - p)])
    assert fitted((X, y), iterations=0, intercept=False).result.weights.tolist() == [0.0] * 3


def test_initial_weights_are_for_the_features_as_they_are_with_an_intercept_of_1():
    X, y = clouds()
    X = X * [1.0, 9.0, 0.1] + 3.0
    start = fitted((X, y), iterations=0, start=[0.3, -0.2, 0.1])
    assert start.weights == pytest.approx([0.3, -0.2, 0.1], rel=1e-15)
    assert start.intercept == pytest.approx(1.0, rel=1e-13)


def test_train_starts_at_the_intercept_1_and_run_at_the_log_odds():
    X, y = clouds()
    trained = LogisticRegressionWithLBFGS.train((X, y), 0, reg_param=0.1, intercept=True)
    assert (trained.weights.tolist(), trained.intercept) == ([0.0, 0.0, 0.0], 1.0)
    algorithm = logistic(SquaredL2Updater(), 0.1)
    ran = algorithm.run((X, y))
    algorithm.optimizer.set_num_iterations(0)
    assert algorithm.run((X, y)).intercept == math.log(y.sum() / (len(y) - y.sum()))
    trained = LogisticRegressionWithLBFGS.train((X, y), reg_param=0.1, intercept=True)
    assert trained.result.losses[0] != ran.result.losses[0]
    assert trained.weights == pytest.approx(ran.weights, rel=1e-3)  # the tolerance, not more
    assert trained.weights.tolist() != ran.weights.tolist()


@pytest.mark.parametrize("intercept, length", [(False, 3), (True, 2), (True, 4)])
def test_initial_weights_that_do_not_fit_are_ignored_and_said_so(intercept, length, caplog):
    expected = fitted(clouds(), Penalty(0.1), intercept=intercept)
    assert not caplog.records
    found = fitted(clouds(), Penalty(0.1), intercept=intercept, start=[5.0] * length)
    assert found.weights.tolist() == expected.weights.tolist()
    assert found.result.losses.tolist() == expected.result.losses.tolist()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == (
        f"Initial coefficients will be ignored! Its dimensions (1, {length}) did not match the "
        "expected size (1, 3)"
    )


def test_the_number_of_corrections_and_the_check_of_labels_have_no_effect():
    X, y = clouds()
    algorithm = logistic(SquaredL2Updater(), 0.01)
    expected = algorithm.run((X, y))
    algorithm.optimizer.set_num_corrections(1)
    assert algorithm.run((X, y)).weights.tolist() == expected.weights.tolist()
    with pytest.raises(ValueError, match=r"labels must be 0 or 1; found 0.5 at row 0"):
        algorithm.set_validate_data(False).run((X, np.full(40, 0.5)))


class Softer(L1Updater):
    """A user's own."""


@pytest.mark.parametrize("updater", [Softer(), SimpleUpdater()])
def test_an_updater_derived_from_l1_is_l1_and_another_goes_the_plain_way(updater):
    model = logistic(updater, 0.2).run(clouds())
    plain = not isinstance(updater, L1Updater)
    assert (model.weights == 0.0).any() != plain
    start = logistic(updater, 0.2)
    start.optimizer.set_num_iterations(0)
    assert (start.run(clouds()).intercept == 1.0) == plain


# ---- data in trouble ---------------------------------------------------------------------------


@pytest.mark.parametrize("label, intercept", [(1.0, math.inf), (0.0, -math.inf)])
@pytest.mark.parametrize("l1", [False, True])
def test_one_class_with_an_intercept_is_its_limit_and_no_training(label, intercept, l1, caplog):
    X, _ = clouds()
    found = fitted((X, np.full(40, label)), Penalty(0.1, l1), start=[1.0, 2.0, 3.0])
    assert (found.weights.tolist(), found.intercept) == ([0.0] * 3, intercept)
    assert len(found.result.losses) == found.result.n_evaluations == 0
    assert found.result.stopped == "all labels are the same"
    assert "Training is not needed" in caplog.text
    model = LogisticRegressionWithLBFGS.train((X, np.full(40, label)), intercept=True)
    assert model.predict(X).tolist() == [label] * 40


def test_one_class_without_an_intercept_is_trained_on(caplog):
    X, _ = clouds()
    found = fitted((X, np.ones(40)), Penalty(0.1), intercept=False)
    assert found.result.stopped == "gradient converged"
    assert (X @ found.weights).mean() > 0.0
    assert "dangerous ground" in caplog.text


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("l1", [False, True])
@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
def test_a_constant_column_gets_no_weight(intercept, l1, form, caplog):
    X, y = clouds()
    columns = np.hstack([X, np.full((40, 1), 0.1), np.zeros((40, 1))])
    for standardised in (False, True):
        caplog.clear()
        found = fitted((form(columns), y), Penalty(0.01, l1, standardised), intercept=intercept)
        assert found.weights[3:].tolist() == [0.0, 0.0]
        expected = fitted((X, y), Penalty(0.01, l1, standardised), intercept=intercept)
        assert found.weights[:3] == pytest.approx(expected.weights, rel=1e-9)
        assert ("constant nonzero" in caplog.text) != intercept


def test_a_column_of_zeros_is_no_constant_to_be_warned_of(caplog):
    X, y = clouds()
    fitted((X * [1.0, 0.0, 1.0], y), intercept=False)
    assert not caplog.records


def test_a_single_row_is_one_class_or_has_no_deviation():
    row = ([[1.0, 2.0]], [1.0])
    assert fitted(row).intercept == math.inf
    found = fitted(row, intercept=False)
    assert (found.weights.tolist(), found.intercept) == ([0.0, 0.0], 0.0)
    assert found.result.losses.tolist() == [math.log(2.0)]


def test_rows_without_features_leave_the_log_odds():
    found = fitted((np.zeros((4, 0)), [1.0, 1.0, 1.0, 0.0]))
    assert (found.weights.shape, found.intercept) == ((0,), math.log(3.0))


def test_no_rows_are_nothing_to_train_on():
    with pytest.raises(ValueError, match="there are no rows to train on"):
        fitted((np.zeros((0, 2)), []))


def test_separable_data_end_at_finite_weights_that_separate():
    X, _ = clouds(80)
    y = (X @ [1.0, -2.0, 0.5] > 0).astype(float)
    for intercept in (False, True):
        found = fitted((X, y), intercept=intercept)
        assert np.isfinite(found.weights).all()
        assert np.isfinite(found.intercept)
        assert ((X @ found.weights + found.intercept > 0) == y).all()


def test_the_rows_are_not_copied():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 50))
    data = LocalPartitions((X, (X[:, 0] + rng.normal(size=20_000) > 0).astype(float)))
    check_labels(data)
    tracemalloc.start()
    try:
        found = fitted(data, Penalty(0.1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.result.stopped == "gradient converged"
    assert peak < X.nbytes / 4
