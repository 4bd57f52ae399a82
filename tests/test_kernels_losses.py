"""The seven losses: values by hand, slopes by differences, and three ways of writing that agree."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.kernels.losses import LOSSES, EpsilonInsensitive, Huber, Logistic, Squared, find_loss
from hogwild.reference.linear import loss_and_slope

NAMES = sorted(LOSSES)
LABELS = {name: (-1.0, 1.0) if LOSSES[name].classifies else (-2.5, 0.0, 1.0) for name in NAMES}
CONSTANT = {"huber": 1.0, "epsilon_insensitive": 0.1}

LOG2 = math.log(2.0)
BY_HAND = [  # loss, z, y, value, slope
    (Squared(), 3.0, 1.0, 4.0, 4.0),
    (Squared(), -0.5, 1.0, 2.25, -3.0),
    (find_loss("absolute"), 3.0, 1.0, 2.0, 1.0),
    (find_loss("absolute"), -3.0, 1.0, 4.0, -1.0),
    (Huber(), 1.5, 1.0, 0.125, 0.5),
    (Huber(), -2.0, 1.0, 2.5, -1.0),
    (Huber(delta=2.0), 4.0, 1.0, 4.0, 2.0),
    (EpsilonInsensitive(), 1.35, 1.0, 0.25, 1.0),
    (EpsilonInsensitive(), 1.05, 1.0, 0.0, 0.0),
    (EpsilonInsensitive(epsilon=1.0), -2.0, 1.0, 2.0, -1.0),
    (Logistic(), 0.0, 1.0, LOG2, -0.5),
    (Logistic(), LOG2, 1.0, math.log(1.5), -1 / 3),
    (Logistic(), LOG2, -1.0, math.log(3.0), 2 / 3),
    (find_loss("hinge"), 0.25, 1.0, 0.75, -1.0),
    (find_loss("hinge"), 0.25, -1.0, 1.25, 1.0),
    (find_loss("hinge"), 2.0, 1.0, 0.0, 0.0),
    (find_loss("squared_hinge"), 0.5, 1.0, 0.25, -1.0),
    (find_loss("squared_hinge"), 0.5, -1.0, 2.25, 3.0),
    (find_loss("squared_hinge"), 2.0, 1.0, 0.0, 0.0),
]
KINKS = [  # loss, z, y, the slope that scikit-learn takes there
    ("absolute", 1.0, 1.0, 0.0),
    ("epsilon_insensitive", 0.1, 0.0, 0.0),
    ("epsilon_insensitive", -0.1, 0.0, 0.0),
    ("hinge", 1.0, 1.0, 0.0),
    ("hinge", -1.0, -1.0, 0.0),
]


@pytest.mark.parametrize("loss, z, y, value, slope", BY_HAND, ids=str)
def test_value_and_slope_by_hand(loss, z, y, value, slope):
    scalar_value, scalar_slope = loss.pair()
    assert scalar_value(z, y) == pytest.approx(value, rel=1e-14)
    assert scalar_slope(z, y) == pytest.approx(slope, rel=1e-14)
    assert loss.values(np.array([z]), np.array([y])) == pytest.approx([value], rel=1e-14)
    assert loss.slopes(np.array([z]), np.array([y])) == pytest.approx([slope], rel=1e-14)


@pytest.mark.parametrize("name, z, y, slope", KINKS)
def test_the_slope_at_a_kink_is_the_documented_one(name, z, y, slope):
    loss = find_loss(name)
    assert loss.pair()[1](z, y) == slope
    assert loss.slopes(np.array([z]), np.array([y])).tolist() == [slope]


@pytest.mark.parametrize("name", NAMES)
def test_the_slope_is_the_derivative_of_the_value(name):
    value, slope = find_loss(name).pair()
    h = 1e-6
    for y in LABELS[name]:
        for z in (-7.3, -1.8, -0.23, 0.31, 0.77, 1.42, 9.1):
            difference = (value(z + h, y) - value(z - h, y)) / (2 * h)
            assert slope(z, y) == pytest.approx(difference, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("z", [-800.0, 800.0])
def test_extreme_predictions_keep_finite_values_and_the_right_slope(name, z):
    value, slope = find_loss(name).pair()
    for y in (-1.0, 1.0):
        h = 0.25
        difference = (value(z + h, y) - value(z - h, y)) / (2 * h)
        assert math.isfinite(value(z, y))
        assert slope(z, y) == pytest.approx(difference, rel=1e-12, abs=1e-300)


def test_far_out_the_logistic_loss_is_the_margin_or_nothing():
    value, slope = Logistic().pair()
    assert (value(-800.0, 1.0), slope(-800.0, 1.0)) == (800.0, -1.0)
    assert value(700.0, 1.0) == pytest.approx(math.exp(-700.0), rel=1e-12)  # not rounded away
    assert slope(700.0, 1.0) == pytest.approx(-math.exp(-700.0), rel=1e-12)
    assert (value(800.0, 1.0), slope(800.0, 1.0)) == (0.0, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_infinite_and_missing_predictions_raise_nothing_and_are_passed_on(name):
    value, slope = find_loss(name).pair()
    for y in (-1.0, 1.0):
        assert not math.isfinite(value(math.inf, y) + value(-math.inf, y))
        slope(math.inf, y)
        slope(-math.inf, y)
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(find_loss(name).values(np.array([np.nan]), np.array([1.0]))).any()


numbers = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 0.1, 1.0, -1.0, 800.0, -800.0])


@given(name=st.sampled_from(NAMES), z=numbers, y=numbers)
@settings(max_examples=300)
def test_scalars_arrays_and_reference_agree(name, z, y):
    loss = find_loss(name)
    y = math.copysign(1.0, y) if loss.classifies else y
    value, slope = loss.pair()
    by_reference = loss_and_slope(name, z, y, CONSTANT.get(name, 1.0))
    assert (value(z, y), slope(z, y)) == by_reference  # to the bit
    arrays = loss.values(np.array([z]), np.array([y])), loss.slopes(np.array([z]), np.array([y]))
    assert [float(a[0]) for a in arrays] == pytest.approx(by_reference, rel=1e-14, abs=1e-300)


@given(
    name=st.sampled_from(NAMES), y=st.sampled_from([-1.0, 1.0]),
    a=st.floats(-50, 50), b=st.floats(-50, 50),
)  # fmt: skip
def test_every_loss_is_convex_with_slopes_below_its_chords(name, y, a, b):
    value, slope = find_loss(name).pair()
    assert value(a, y) >= 0.0
    assert value(b, y) >= value(a, y) + slope(a, y) * (b - a) - 1e-9 * (1 + abs(a) + abs(b)) ** 2


@given(name=st.sampled_from(NAMES), a=st.floats(-20, 20), b=st.floats(-20, 20))
def test_the_curvature_bounds_how_fast_a_slope_changes(name, a, b):
    loss = find_loss(name)
    _, slope = loss.pair()
    if math.isfinite(loss.curvature):
        change = abs(slope(a, 1.0) - slope(b, 1.0))
        assert change <= loss.curvature * abs(a - b) * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_pair_gives_the_same_bits(name):
    pytest.importorskip("numba")
    from hogwild.kernels.compiled import jit

    loss = find_loss(name)
    value, slope = loss.pair()
    compiled_value, compiled_slope = jit(value), jit(slope)
    random = np.random.default_rng(7)
    around = np.concatenate([random.normal(size=300) * 3, [-800.0, 800.0, 0.0, 0.1, 1.0, -1.0]])
    for z in around.tolist():
        for y in LABELS[name]:
            assert compiled_value(z, y) == value(z, y)
            assert compiled_slope(z, y) == slope(z, y)


def test_float32_arrays_stay_float32_close_to_float64():
    z, y = np.linspace(-3, 3, 41), np.where(np.arange(41) % 2, 1.0, -1.0)
    for name in NAMES:
        loss = find_loss(name)
        short = loss.values(z.astype("f4"), y.astype("f4"))
        assert short.dtype == np.float32
        assert short == pytest.approx(loss.values(z, y), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_travels_to_a_worker_and_equals_itself(name):
    loss = find_loss(name)
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert hash(loss) == hash(LOSSES[name]())


def test_an_unknown_loss_is_named_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"unknown loss 'sqared'; the losses are squared, absolute"
    ):
        find_loss("sqared")


def test_something_that_is_no_loss_is_shown():
    with pytest.raises(ValueError, match=r"a loss needs pair, .* got 3"):
        find_loss(3)


def test_a_class_in_place_of_a_loss_is_refused():
    with pytest.raises(ValueError, match=r"got <class .*Huber'>; call the class to make a loss"):
        find_loss(Huber)


def test_a_loss_without_a_curvature_is_refused():
    class Bare:
        classifies, pair, values, slopes = False, None, None, None

    with pytest.raises(ValueError, match=r"a loss needs .* and curvature; got .*Bare"):
        find_loss(Bare())


def test_a_loss_that_cannot_be_a_key_is_refused():
    class Mutable(Squared):
        __hash__ = None

    with pytest.raises(ValueError, match="a loss must be hashable, as a frozen dataclass is"):
        find_loss(Mutable())


@pytest.mark.parametrize("delta", [0.0, -1.0, math.inf, math.nan])
def test_huber_refuses_a_delta_that_is_not_above_0(delta):
    with pytest.raises(ValueError, match="delta of the Huber loss must be"):
        Huber(delta=delta)


@pytest.mark.parametrize("epsilon", [-0.1, math.inf, math.nan])
def test_the_tube_refuses_a_negative_width(epsilon):
    with pytest.raises(ValueError, match="epsilon of the loss must be"):
        EpsilonInsensitive(epsilon=epsilon)


def test_the_gradient_of_a_row_has_the_sign_of_the_error_not_the_post_s():
    # the article prints -2 (w.x - y) x; differences of (w.x - y)^2 say +2 (w.x - y) x
    x, w, y, h = np.array([0.5, 2.0]), np.array([1.0, -0.3]), 4.0, 1e-6
    value, slope = Squared().pair()
    for j, unit in enumerate(np.eye(2)):
        difference = (value(float((w + h * unit) @ x), y) - value(float((w - h * unit) @ x), y)) / (
            2 * h
        )
        assert slope(float(w @ x), y) * x[j] == pytest.approx(difference, rel=1e-6)
