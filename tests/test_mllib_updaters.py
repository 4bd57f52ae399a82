"""Updaters: Spark's figures, and steps as derivatives of what they say they regularise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mllib_cases import UPDATERS, golden

from hogwild.mllib import L1Updater, SimpleUpdater, SparseVector, SquaredL2Updater

WEIGHTS = arrays(float, 4, elements=st.floats(-3, 3))


def test_every_step_is_sparks(shared_data):
    cases = golden(shared_data, "updater_unit.json")["cases"]
    assert len(cases) == 90
    for case in cases:
        old = np.array(case["weightsOld"])
        weights, value = UPDATERS[case["updater"]].compute(
            old, case["gradient"], case["stepSize"], case["iter"], case["regParam"]
        )
        assert old.tolist() == case["weightsOld"]
        for found, wanted in ((weights, case["weights"]), (value, case["regVal"])):
            assert found == pytest.approx(np.array(wanted), rel=1e-14, abs=1e-14)


@given(WEIGHTS, st.floats(0, 2))
def test_a_unit_step_without_data_removes_the_regularisers_gradient(w, reg):
    """What L-BFGS relies on."""
    still = np.zeros(4)
    assert SimpleUpdater().compute(w, still, 1.0, 1, reg)[0] == pytest.approx(w)
    removed = w - SquaredL2Updater().compute(w, still, 1.0, 1, reg)[0]
    assert removed == pytest.approx(reg * w)
    removed = w - L1Updater().compute(w, still, 1.0, 1, reg)[0]
    assert removed == pytest.approx(np.sign(w) * np.minimum(np.abs(w), reg))


@given(WEIGHTS, WEIGHTS, st.floats(0.01, 2), st.floats(0, 2))
def test_the_l1_step_minimises_its_proximal_problem(w, g, step, reg):
    new, value = L1Updater().compute(w, g, step, 1, reg)
    assert value == pytest.approx(reg * np.abs(new).sum())

    def objective(v):
        return np.sum((v - (w - step * g)) ** 2) / 2 + step * reg * np.abs(v).sum()

    for shift in (1e-3, -1e-3):
        assert (objective(new) <= objective(new + shift) + 1e-12).all()


def test_the_step_falls_with_the_root_of_its_number():
    assert SimpleUpdater().compute([0.0], [1.0], 1.0, 25, 0.0)[0].tolist() == [-0.2]


@pytest.mark.parametrize("updater", UPDATERS.values())
def test_a_step_of_size_zero_only_measures(updater):
    weights, value = updater.compute([2.0, -1.0], [5.0, 5.0], 0.0, 1, 0.5)
    assert weights.tolist() == [2.0, -1.0]
    expected = {SimpleUpdater: 0.0, SquaredL2Updater: 1.25, L1Updater: 1.5}[type(updater)]
    assert value == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("updater", UPDATERS.values())
def test_step_number_zero_is_javas_division_and_no_error(updater):
    weights, _ = updater.compute([2.0], [1.0], 1.0, 0, 0.0)
    assert not np.isfinite(weights).any()


def test_sparse_gradients_are_taken():
    sparse = SparseVector(2, [1], [4.0])
    assert SimpleUpdater().compute([1.0, 1.0], sparse, 0.5, 1, 0.0)[0].tolist() == [1.0, -1.0]
