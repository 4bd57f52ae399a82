"""Generalised Kullback-Leibler: values by hand, the slope by differences, and its borders."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.kernels.losses import FACTOR_LOSSES, LOSSES, KullbackLeibler, find_loss

LOSS = KullbackLeibler()
VALUE, SLOPE = LOSS.pair()

BY_HAND = [  # z, y, value, slope
    (2.0, 2.0, 0.0, 0.0),
    (1.0, math.e, 1.0, 1.0 - math.e),  # e ln e - e + 1
    (4.0, 1.0, 3.0 - math.log(4.0), 0.75),
    (3.0, 0.0, 3.0, 1.0),
    (2.0, 5e-324, 2.0, 1.0),  # y / z is 0
    (5e-324, 1.0, 1074 * math.log(2.0) - 1.0, -math.inf),  # y / z is infinite
    (0.0, 0.0, 0.0, 1.0),
    (0.0, 2.0, math.inf, -math.inf),
    (-1.0, 2.0, math.inf, -math.inf),
    (-1.0, 0.0, math.inf, 1.0),
]


@pytest.mark.parametrize("z, y, value, slope", BY_HAND)
def test_value_and_slope_by_hand(z, y, value, slope):
    assert VALUE(z, y) == pytest.approx(value, rel=1e-14)
    assert SLOPE(z, y) == pytest.approx(slope, rel=1e-14)
    assert LOSS.values(np.array([z]), np.array([y])) == pytest.approx([value], rel=1e-14)
    assert LOSS.slopes(np.array([z]), np.array([y])) == pytest.approx([slope], rel=1e-14)


inside = st.floats(1e-3, 1e3)


@given(z=inside, y=st.just(0.0) | inside)
def test_the_slope_is_the_derivative_of_the_value(z, y):
    h = 1e-6 * z
    difference = (VALUE(z + h, y) - VALUE(z - h, y)) / (2 * h)
    assert SLOPE(z, y) == pytest.approx(difference, rel=1e-5, abs=1e-5 * (1 + abs(y / z)))


@given(z=st.floats(-10, 1e3) | st.just(5e-324), y=st.just(0.0) | inside | st.just(5e-324))
def test_scalars_and_arrays_agree(z, y):
    arrays = LOSS.values(np.array([z]), np.array([y])), LOSS.slopes(np.array([z]), np.array([y]))
    assert [float(a[0]) for a in arrays] == pytest.approx([VALUE(z, y), SLOPE(z, y)], rel=1e-13)


@given(y=st.just(0.0) | inside, a=inside, b=inside)
def test_it_is_convex_and_never_negative(y, a, b):
    slack = 1e-12 * (1 + y + a + b)
    assert VALUE(a, y) >= -slack
    assert VALUE(b, y) >= VALUE(a, y) + SLOPE(a, y) * (b - a) - slack * (1 + y / a)


def test_a_prediction_that_is_not_a_number_stays_none():
    assert math.isnan(VALUE(math.nan, 1.0))
    assert math.isnan(SLOPE(math.nan, 1.0))
    assert np.isnan(LOSS.values(np.array([np.nan]), np.array([1.0]))).all()
    assert np.isnan(LOSS.slopes(np.array([np.nan]), np.array([1.0]))).all()


def test_float32_arrays_stay_float32():
    z, y = np.linspace(0.5, 3, 11, dtype="f4"), np.linspace(0, 5, 11, dtype="f4")
    for found, wanted in (
        (LOSS.values(z, y), LOSS.values(z.astype("f8"), y.astype("f8"))),
        (LOSS.slopes(z, y), LOSS.slopes(z.astype("f8"), y.astype("f8"))),
    ):
        assert found.dtype == np.float32
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_the_compiled_pair_gives_the_same_bits():
    pytest.importorskip("numba")
    from hogwild.kernels.compiled import jit

    value, slope = jit(VALUE), jit(SLOPE)
    for z in (0.3, 1.0, 7.25, 0.0, -2.0):
        for y in (0.0, 0.5, 1.0, 5.0):
            assert value(z, y) == VALUE(z, y)
            assert slope(z, y) == SLOPE(z, y)


def test_it_is_a_loss_of_factor_models_and_of_no_linear_model():
    assert find_loss("kl", FACTOR_LOSSES) == LOSS
    assert {*FACTOR_LOSSES} == {*LOSSES, "kl"}
    with pytest.raises(ValueError, match="unknown loss 'kl'; the losses are squared"):
        find_loss("kl")
    assert pickle.loads(pickle.dumps(LOSS)) == LOSS
