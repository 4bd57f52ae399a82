"""The article's step and numbers of updates: by hand, by their ratios, and their refusals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.models.sparsity import Sparsity
from hogwild.models.theory import backoff_iterations, paper_iterations, paper_step

ALONE = Sparsity(omega=1, delta=0.25, rho=0.25)
CONSTANTS = {
    "lipschitz": 2.0,
    "strong_convexity": 0.5,
    "gradient_bound": 3.0,
    "target": 0.01,
    "safety": 0.5,
}


def test_the_step_by_hand():
    data = Sparsity(omega=4, delta=0.09, rho=0.3)
    # 1 + 6*0.3*5 + 4*25*4*0.3 = 130; 2*2*9*4*130 = 18720; 0.5*0.01*0.5 = 0.0025
    assert paper_step(data, delay=5, **CONSTANTS) == pytest.approx(0.0025 / 18720, rel=1e-13)


def test_the_updates_by_hand():
    data = Sparsity(omega=4, delta=0.09, rho=0.3)
    # 1 + 9 + 6*25*4*0.3 = 190; 2*2*9*4*190 = 27360; 0.25*0.5*0.01 = 0.00125; D0 = 25
    expected = 27360 * math.log(2 * 25 / 0.01) / 0.00125
    got = paper_iterations(data, delay=5, initial_distance=5.0, **CONSTANTS)
    assert got == math.ceil(expected)


def test_the_printed_four_and_six_are_kept_apart():
    sparse = Sparsity(omega=1, delta=1.0, rho=1e-300)
    serial = paper_step(sparse, delay=0, **CONSTANTS)
    assert serial / paper_step(sparse, delay=1000, **CONSTANTS) == pytest.approx(1 + 4e6)
    updates = [
        paper_iterations(sparse, delay=d, initial_distance=5.0, **CONSTANTS) for d in (0, 1000)
    ]
    assert updates[1] / updates[0] == pytest.approx(1 + 6e6, rel=1e-4)


@given(st.integers(0, 1000))
def test_more_delay_never_allows_a_longer_step(delay):
    assert paper_step(ALONE, delay=delay + 1, **CONSTANTS) < paper_step(
        ALONE, delay=delay, **CONSTANTS
    )


def test_without_delay_only_the_largest_row_matters():
    data = Sparsity(omega=1, delta=1.0, rho=1.0)
    assert paper_step(data, delay=0, **CONSTANTS) == paper_step(ALONE, delay=0, **CONSTANTS)


def test_a_start_within_the_target_needs_no_update():
    assert paper_iterations(ALONE, delay=3, initial_distance=1e-3, **CONSTANTS) == 0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lipschitz": 0.0}, "lipschitz must be positive and finite, got 0.0"),
        ({"gradient_bound": math.inf}, "gradient_bound must be positive and finite, got inf"),
        ({"target": math.nan}, "target must be positive and finite, got nan"),
        ({"strong_convexity": 2.5}, r"strong_convexity must be at most lipschitz \(2.0\), got 2.5"),
        ({"safety": 1.0}, "safety must lie between 0 and 1, got 1.0"),
        ({"delay": -1}, "delay must be a whole number, 0 or more, got -1"),
        ({"delay": 1.5}, "delay must be a whole number, 0 or more, got 1.5"),
        ({"delay": math.inf}, "delay must be a whole number, 0 or more, got inf"),
        ({"target": 1e9}, "the proof needs step .* target=1000000000.0 is too large"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(change, message):
    arguments = {"delay": 2, **CONSTANTS, **change}
    with pytest.raises(ValueError, match=message):
        paper_step(ALONE, **arguments)
    with pytest.raises(ValueError, match=message):
        paper_iterations(ALONE, initial_distance=1.0, **arguments)


def test_data_without_features_is_refused():
    with pytest.raises(ValueError, match="no features"):
        paper_step(Sparsity(omega=0, delta=0.0, rho=0.0), delay=0, **CONSTANTS)


def test_the_initial_distance_must_be_positive():
    with pytest.raises(ValueError, match="initial_distance must be positive and finite, got -1"):
        paper_iterations(ALONE, delay=0, initial_distance=-1.0, **CONSTANTS)


BACKOFF = {"curvature": 0.5, "noise": 2.0, "target": 1e-3, "initial_error": 40.0}


def test_the_updates_with_backoff_by_hand():
    # log(40*0.5/(0.2*2))/0.2 = 19.56; 2*2/(0.5*0.001) = 8000; log(2/0.8)/0.2 = 4.5815
    got = backoff_iterations(**BACKOFF, decay=0.8, safety=0.2)
    assert got == math.ceil(math.log(50) / 0.2 + 8000 * math.log(2.5) / 0.2)


def test_the_default_decay_is_the_best_and_its_constant_is_half_the_printed_one():
    asked = {b: backoff_iterations(**BACKOFF, decay=b) for b in (0.2, 0.3, 0.37, 0.45, 0.6)}
    assert min(asked, key=asked.get) == 0.37
    assert backoff_iterations(**BACKOFF) == asked[0.37]
    assert round(math.log(2 / 0.37) / (4 * (1 - 0.37)), 2) == 0.67


def test_a_good_start_is_no_credit_for_the_rounds():
    good = backoff_iterations(**{**BACKOFF, "initial_error": 1e-9})
    assert good == math.ceil(8000 * math.log(2 / 0.37) / 0.63)


@pytest.mark.parametrize("name", ["decay", "safety"])
@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
def test_shares_must_lie_strictly_between_0_and_1(name, value):
    with pytest.raises(ValueError, match=f"{name} must lie between 0 and 1, got {value}"):
        backoff_iterations(**BACKOFF, **{name: value})
