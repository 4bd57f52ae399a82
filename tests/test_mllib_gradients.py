"""Gradients: Spark's figures, derivatives by differences, one row against many."""

import math
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mllib_cases import GRADIENTS, golden

from hogwild.mllib import (
    Gradient,
    HingeGradient,
    LeastSquaresGradient,
    LogisticGradient,
    SparseVector,
)
from hogwild.mllib.cost import AddRows, Sums
from hogwild.mllib.partitions import Rows

FINITE = st.floats(-5, 5, allow_subnormal=False)


def near(found, expected):
    """Within 1e-14 of the value, or of 1 where that is more; equal where not finite."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    with np.errstate(invalid="ignore"):
        good = np.abs(found - expected) <= 1e-14 * np.maximum(1.0, np.abs(expected))
    assert (good | (found == expected)).all(), (found, expected)


def test_every_gradient_and_loss_is_sparks(shared_data):
    cases = golden(shared_data, "gradient_unit.json")["cases"]
    assert len(cases) == 217
    for case in cases:
        gradient, x = GRADIENTS[case["gradient"]], np.array(case["x"], dtype=float)
        weights, label = np.array(case["weights"], dtype=float), case["label"]
        if "error" in case:
            with pytest.raises(ValueError, match="requirement failed"):
                gradient.compute(x, label, weights)
            continue
        vector = sp.csr_matrix(x[None, :]) if case["sparse"] else x
        found, loss = gradient.compute(vector, label, weights)
        near(found, case["grad"])
        near(loss, case["loss"])
        total = np.ones(len(weights))
        near(gradient.compute(vector, label, weights, total), case["loss"])
        # added to ones, a gradient of 1e300 keeps no more digits than the sum has
        near(total, 1.0 + np.array(case["grad"]))


def test_values_by_hand():
    gradient, loss = LogisticGradient().compute([1.0, 2.0], 0.0, [math.log(3.0), 0.0])
    assert loss == pytest.approx(math.log(4.0), rel=1e-15)  # p = 3/4, a negative
    assert gradient == pytest.approx([0.75, 1.5], rel=1e-15)
    gradient, loss = LogisticGradient(3).compute([1.0], 2.0, [0.0, math.log(2.0)])
    assert loss == pytest.approx(math.log(2.0), rel=1e-15)  # 1 + 1 + 2 in all, its own share 2
    assert gradient == pytest.approx([0.25, -0.5], rel=1e-15)
    assert HingeGradient().compute([1.0], 1.0, [1.0])[1] == 0.0  # a margin of exactly 1
    gradient, loss = HingeGradient().compute([2.0], 1.0, [0.25])
    assert (gradient.tolist(), loss) == ([-2.0], 0.5)


@pytest.mark.parametrize("name", ["logistic2", "logistic3", "logistic4", "least_squares"])
@given(data=st.data())
def test_the_gradient_is_the_derivative_of_the_loss(name, data):
    gradient = GRADIENTS[name]
    d, blocks = 3, getattr(gradient, "num_classes", 2) - 1
    x = data.draw(arrays(float, d, elements=st.floats(-2, 2)))
    w = data.draw(arrays(float, d * blocks, elements=st.floats(-2, 2)))
    label = float(data.draw(st.integers(0, blocks)))
    found, _ = gradient.compute(x, label, w)
    for j in range(len(w)):
        h = np.zeros(len(w))
        h[j] = 1e-6
        up, down = gradient.compute(x, label, w + h)[1], gradient.compute(x, label, w - h)[1]
        assert found[j] == pytest.approx((up - down) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("name", GRADIENTS)
@given(data=st.data())
def test_many_rows_are_the_sum_of_each(name, data):
    gradient = GRADIENTS[name]
    n, d, blocks = data.draw(st.integers(1, 6)), 3, getattr(gradient, "num_classes", 2) - 1
    X = data.draw(arrays(float, (n, d), elements=FINITE))
    w = data.draw(arrays(float, d * blocks, elements=FINITE))
    y = data.draw(arrays(float, n, elements=st.integers(0, blocks)))
    each, total = np.zeros(len(w)), 0.0
    for x, label in zip(X, y, strict=True):
        total += gradient.compute(x, label, w, each)
    for rows in (X, sp.csr_matrix(X)):
        out = np.zeros(len(w))
        loss = gradient.compute_rows(rows, y, w, out)
        assert loss == pytest.approx(total, rel=1e-12, abs=1e-12)
        assert out == pytest.approx(each, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("cumulated", [[0.0, 0.0], np.zeros(2, int), np.zeros(2, np.float32)])
def test_what_gradients_are_added_to_can_take_them(cumulated):
    for gradient in (LogisticGradient(), LeastSquaresGradient(), HingeGradient()):
        with pytest.raises(ValueError, match="cum_gradient is added to"):
            gradient.compute([1.0, 2.0], 1.0, [0.0, 0.0], cumulated)
    assert list(cumulated) == [0.0, 0.0]


def test_sparse_rows_give_the_kind_of_gradient_that_spark_gives():
    x = SparseVector(4, [1, 3], [2.0, -1.0])
    assert isinstance(LogisticGradient().compute(x, 1.0, np.zeros(4))[0], np.ndarray)
    found, _ = LeastSquaresGradient().compute(x, 1.0, np.zeros(4))
    assert found == SparseVector(4, [1, 3], [-2.0, 1.0])
    found, loss = HingeGradient().compute(x, 1.0, [0.0, 1.0, 0.0, 0.0])
    assert (found, loss) == (SparseVector(4, [], []), 0.0)


@pytest.mark.parametrize("gradient", [LeastSquaresGradient(), HingeGradient()])
def test_another_number_of_weights_is_an_error_that_names_both(gradient):
    with pytest.raises(ValueError, match=r"x\.size = 2, w\.size = 3"):
        gradient.compute([1.0, 2.0], 1.0, [0.0, 0.0, 0.0])


def test_the_logistic_gradient_wants_dense_weights_and_a_dense_sum():
    sparse = SparseVector(2, [0], [1.0])
    with pytest.raises(ValueError, match="weights only supports dense vector but got type Sparse"):
        LogisticGradient().compute([1.0, 2.0], 1.0, sparse)
    with pytest.raises(ValueError, match="cumGradient only supports dense vector"):
        LogisticGradient().compute([1.0, 2.0], 1.0, [0.0, 0.0], sparse)
    with pytest.raises(ValueError, match="num_classes must be 2 or more, got 1"):
        LogisticGradient(1)


class Absolute(Gradient):
    """Ten lines of a user's."""

    def compute(self, data, label, weights, cum_gradient):
        error = data @ weights - label
        cum_gradient += np.sign(error) * data
        return abs(error)


class Duck:
    """Not even a subclass: Spark's interface is enough."""

    def compute(self, data, label, weights, cum_gradient):
        return Absolute().compute(data, label, weights, cum_gradient)


@pytest.mark.parametrize("own", [Absolute(), Duck()])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_users_gradient_of_one_row_is_summed_over_all(own, sparse):
    X, y, w = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, -1.0]), np.array([1.0, 0.0])
    rows = Rows(sp.csr_matrix(X) if sparse else X, y)
    sums = AddRows(own, w)(Sums(np.zeros(2)), rows)
    assert (sums.gradient.tolist(), sums.loss, sums.count) == ([-1.0, -1.0], 3.0, 2)
    assert pickle.loads(pickle.dumps(own)) is not None


def test_a_gradient_without_either_method_is_refused_when_it_is_made():
    class Empty(Gradient):
        pass

    with pytest.raises(TypeError, match="Empty must define compute or compute_rows"):
        Empty()


def test_a_matrix_that_gets_other_values_is_not_remembered_with_the_old_ones():
    X, y, w = sp.csr_matrix(np.eye(2)), np.ones(2), np.zeros(2)
    for factor in (1.0, 3.0):
        X.data = factor * np.ones(2)
        out = np.zeros(2)
        LeastSquaresGradient().compute_rows(X, y, w, out)
        assert out.tolist() == [-factor, -factor]


def test_a_gradient_that_forgets_to_return_its_loss_is_told_so():
    class Forgetful(Gradient):
        def compute(self, data, label, weights, cum_gradient):
            cum_gradient += data

    with pytest.raises(TypeError, match=r"Forgetful\.compute returned None"):
        AddRows(Forgetful(), np.zeros(1))(Sums(np.zeros(1)), Rows(np.ones((1, 1)), np.ones(1)))
