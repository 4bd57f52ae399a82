"""Metrics: values by hand, their definitions, and scikit-learn's opinion."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.kernels.losses import KullbackLeibler
from hogwild.metrics import accuracy, auc, generalised_kl, log_loss, mae, r2, rmse

numbers = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)


def test_errors_by_hand():
    y, z = [1.0, 2.0, 6.0], [1.0, 4.0, 5.0]
    assert rmse(y, z) == pytest.approx(math.sqrt(5 / 3), rel=1e-15)
    assert mae(y, z) == 1.0
    assert r2(y, z) == pytest.approx(1 - 5 / 14, rel=1e-15)


def test_r2_of_a_constant_target_is_not_a_number():
    assert math.isnan(r2([2.0, 2.0], [1.0, 3.0]))


def test_the_mean_explains_nothing_and_worse_predictions_less_than_that():
    assert r2([1.0, 3.0], [2.0, 2.0]) == 0.0
    assert r2([1.0, 3.0], [3.0, 1.0]) == -3.0


def test_accuracy_by_hand():
    assert accuracy([1, -1, 1, 1], [1, -1, -1, 1]) == 0.75


def test_log_loss_by_hand():
    assert log_loss([1, -1], [0.25, 0.25]) == pytest.approx(
        (math.log(4.0) + math.log(4 / 3)) / 2, rel=1e-15
    )


def test_a_certain_mistake_costs_much_and_stays_finite():
    assert 30.0 < log_loss([1], [0.0]) < math.inf
    assert 30.0 < log_loss([-1], [1.0]) < math.inf
    assert log_loss([1, -1], [1.0, 0.0]) == pytest.approx(0.0, abs=1e-15)


def test_generalised_kl_by_hand():
    assert generalised_kl([2.0, 1.0], [1.0, 2.0]) == pytest.approx(
        (2 * math.log(2.0) - 1.0 + 1.0 - math.log(2.0)) / 2, rel=1e-15
    )
    assert generalised_kl([0.0, 0.0, 3.0], [0.0, 6.0, 3.0]) == 2.0  # 0 ln 0 = 0


@pytest.mark.parametrize("y, z", [(1.0, 0.0), (1.0, -2.0), (0.0, -1e-9)])
def test_generalised_kl_of_a_prediction_outside_its_domain_is_infinite(y, z):
    assert generalised_kl([1.0, y], [1.0, z]) == math.inf


def test_generalised_kl_of_what_is_not_a_number_is_none_and_of_negative_targets_refused():
    assert math.isnan(generalised_kl([1.0], [math.nan]))
    with pytest.raises(ValueError, match=r"0 or more; found -2\.0 at position 1"):
        generalised_kl([1.0, -2.0], [1.0, 1.0])


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(5e-324, 100)), min_size=1, max_size=20))
def test_generalised_kl_is_the_mean_of_the_loss(pairs):
    y, z = np.array(pairs).T
    assert generalised_kl(y, z) == pytest.approx(KullbackLeibler().values(z, y).mean(), abs=1e-12)


@pytest.mark.parametrize(
    "score, area",
    [
        ([4, 3, 2, 1], 1.0),
        ([1, 2, 3, 4], 0.0),
        ([1, 1, 1, 1], 0.5),
        ([4, 2, 3, 1], 0.75),
        ([4, 2, 2, 1], 0.875),  # a tie counts one half
    ],
)
def test_area_under_the_curve_by_hand(score, area):
    assert auc([1, 1, -1, -1], score) == area


@pytest.mark.parametrize("y", [[1, 1], [-1, -1]])
def test_area_with_one_label_only_is_not_a_number(y):
    assert math.isnan(auc(y, np.arange(len(y))))


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_area_is_the_share_of_pairs_in_the_right_order(rows):
    positive = [score for label, score in rows if label]
    negative = [score for label, score in rows if not label]
    found = auc([1 if label else -1 for label, _ in rows], [score for _, score in rows])
    if not positive or not negative:
        assert math.isnan(found)
        return
    right = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    assert found == pytest.approx(right / (len(positive) * len(negative)), rel=1e-12)


@given(numbers, st.floats(-10, 10))
def test_a_constant_shift_is_both_errors(y, shift):
    z = np.asarray(y) + shift
    assert rmse(y, z) == pytest.approx(abs(shift), abs=1e-9)
    assert mae(y, z) == pytest.approx(abs(shift), abs=1e-9)


@given(numbers)
def test_the_mean_error_never_exceeds_the_root_of_the_mean_square(y):
    z = np.roll(y, 1)
    assert mae(y, z) <= rmse(y, z) * (1 + 1e-12) + 1e-150  # below that the squares underflow


def test_they_are_scikit_learn_s():
    theirs = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    y, z = random.normal(size=50), random.normal(size=50)
    labels, p = np.sign(y), random.uniform(size=50)
    assert rmse(y, z) == pytest.approx(theirs.root_mean_squared_error(y, z), rel=1e-14)
    assert mae(y, z) == pytest.approx(theirs.mean_absolute_error(y, z), rel=1e-14)
    assert r2(y, z) == pytest.approx(theirs.r2_score(y, z), rel=1e-14)
    assert log_loss(labels, p) == pytest.approx(theirs.log_loss(labels, p), rel=1e-14)
    assert auc(labels, z.round(1)) == pytest.approx(theirs.roc_auc_score(labels, z.round(1)))
    counts, rates = np.abs(y), np.abs(z) + 0.1
    assert generalised_kl(counts, rates) == pytest.approx(
        theirs.mean_poisson_deviance(counts, rates) / 2, rel=1e-13
    )
    assert accuracy(labels, np.sign(z)) == theirs.accuracy_score(labels, np.sign(z))


def test_area_with_a_score_that_is_not_a_number_is_not_a_number():
    assert math.isnan(auc([1, -1, 1], [0.5, math.nan, 0.1]))


@pytest.mark.parametrize("metric", [rmse, mae, r2, accuracy, log_loss, generalised_kl, auc])
@pytest.mark.parametrize(
    "y, z, shapes",
    [
        ([1, -1, 1], [0.5], r"\(3,\) and \(1,\)"),
        ([1], [0.5, 0.5], r"\(1,\) and \(2,\)"),
        ([1, -1], [[0.5], [0.5]], r"\(2,\) and \(2, 1\)"),
        ([[1], [-1]], [[0.5], [0.5]], r"\(2, 1\) and \(2, 1\)"),
        (1, 0.5, r"\(\) and \(\)"),
        ([], [], r"\(0,\) and \(0,\)"),
    ],
)
def test_what_does_not_belong_together_is_refused_not_broadcast(metric, y, z, shapes):
    with pytest.raises(ValueError, match=f"of one length, and not empty; got shapes {shapes}"):
        metric(y, z)
