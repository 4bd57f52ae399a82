"""The rules of the learning rate: values by hand, and what every rule promises."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.models.steps import (
    STEPS,
    AdaGrad,
    Backoff,
    Constant,
    InverseScaling,
    InverseSqrt,
    find_step,
)

T = np.array([0, 1, 3, 8])
BY_HAND = [  # rule, epoch, steps of the updates 0, 1, 3, 8
    (Constant(0.3), 7, [0.3, 0.3, 0.3, 0.3]),
    (Backoff(0.8, beta=0.5), 1, [0.8, 0.8, 0.8, 0.8]),
    (Backoff(0.8, beta=0.5), 4, [0.1, 0.1, 0.1, 0.1]),
    (InverseScaling(1.0, decay=1.0, power=1.0), 2, [1.0, 1 / 2, 1 / 4, 1 / 9]),
    (InverseScaling(2.0, decay=0.5, power=2.0), 1, [2.0, 2 / 2.25, 2 / 6.25, 2 / 25]),
    (InverseSqrt(0.6), 2, [0.6, 0.6 / math.sqrt(2.0), 0.3, 0.2]),
    (AdaGrad(0.1), 3, [0.1, 0.1, 0.1, 0.1]),
]


@pytest.mark.parametrize("rule, epoch, steps", BY_HAND, ids=str)
def test_steps_by_hand(rule, epoch, steps):
    found = rule.at(epoch, T)
    assert found.dtype == np.float64
    assert found == pytest.approx(steps, rel=1e-15)


def test_the_paper_s_last_of_twenty_passes_has_a_seventh_of_the_first_step():
    assert Backoff(1.0).at(20, np.array([0]))[0] == pytest.approx(0.135, abs=5e-4)


@given(
    name=st.sampled_from(sorted(STEPS)), step=st.floats(1e-6, 1e6), epoch=st.integers(1, 50),
    border=st.integers(0, 20),
)  # fmt: skip
def test_asking_in_parts_gives_the_same_bits_as_asking_at_once(name, step, epoch, border):
    # workers ask for the steps of their own blocks; nobody holds a counter
    rule, t = STEPS[name](step), np.arange(1000, 1020)
    parts = np.concatenate([rule.at(epoch, t[:border]), rule.at(epoch, t[border:])])
    assert parts.tobytes() == rule.at(epoch, t).tobytes()


@given(name=st.sampled_from(sorted(STEPS)), step=st.floats(1e-6, 1e6), epoch=st.integers(1, 50))
def test_steps_are_above_0_and_never_grow(name, step, epoch):
    steps = STEPS[name](step).at(epoch, np.arange(50))
    assert (steps > 0.0).all()
    assert (np.diff(steps) <= 0.0).all()
    assert steps[0] >= STEPS[name](step).at(epoch + 1, np.array([50]))[0]


def test_only_adagrad_adapts_to_each_coordinate():
    assert {name for name, rule in STEPS.items() if rule(1.0).adaptive} == {"adagrad"}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_rule_travels_to_a_worker_and_equals_itself(name):
    rule = STEPS[name](0.25)
    assert pickle.loads(pickle.dumps(rule)) == rule


@pytest.mark.parametrize("name", sorted(STEPS))
@pytest.mark.parametrize("step", [0.0, -1.0, math.inf, math.nan])
def test_a_step_that_is_not_above_0_is_refused_by_value(name, step):
    with pytest.raises(ValueError, match=f"step must be a number above 0, got {step}"):
        STEPS[name](step)


@pytest.mark.parametrize("beta", [0.0, -0.5, 1.5, math.nan])
def test_a_beta_outside_0_to_1_is_refused(beta):
    with pytest.raises(ValueError, match="beta must be above 0 and at most 1, got"):
        Backoff(1.0, beta=beta)


@pytest.mark.parametrize("name", ["decay", "power"])
def test_a_decay_or_power_that_is_not_above_0_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name} must be a number above 0, got 0\.0"):
        InverseScaling(1.0, **{name: 0.0})


@pytest.mark.parametrize("step", [0.5, np.float32(0.5), np.float64(0.5)])
def test_a_number_is_a_constant_step(step):
    assert find_step(step) == Constant(0.5)
    assert find_step(2) == Constant(2.0)


def test_a_rule_is_taken_as_it_is():
    rule = AdaGrad(0.1)
    assert find_step(rule) is rule


@pytest.mark.parametrize("rule", [Constant, Backoff, InverseScaling, AdaGrad])
def test_numbers_given_as_text_are_refused_by_value(rule):
    with pytest.raises(ValueError, match=r"step must be a number, got '0\.1'"):
        rule("0.1")
    with pytest.raises(ValueError, match="step must be a number, got None"):
        rule(None)


def test_a_beta_given_as_text_is_refused_by_value():
    with pytest.raises(ValueError, match="beta must be a number, got 'x'"):
        Backoff(0.1, beta="x")
    with pytest.raises(ValueError, match="decay must be a number, got True"):
        InverseScaling(0.1, decay=True)


def test_a_class_in_place_of_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"step must be a rule, not its class, got .*AdaGrad"):
        find_step(AdaGrad)


def test_a_rule_must_say_whether_it_is_adaptive():
    class Halving:
        def at(self, epoch, t):
            return np.full(len(t), 0.5**epoch)

    with pytest.raises(ValueError, match=r"a rule with at.. and adaptive, got .*Halving"):
        find_step(Halving())


@pytest.mark.parametrize("step", ["0.1", True, None, [0.1]])
def test_what_is_neither_a_number_nor_a_rule_is_shown(step):
    with pytest.raises(ValueError, match="step must be a number or a rule with at"):
        find_step(step)
