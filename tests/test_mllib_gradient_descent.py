"""Gradient descent: Spark's runs, the rules of its history, settings, trouble."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from mllib_cases import GRADIENTS, UPDATERS, clouds, golden, relative, sample_rows

from hogwild.errors import DivergenceError
from hogwild.mllib import (
    GradientDescent,
    HingeGradient,
    LeastSquaresGradient,
    LocalPartitions,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    Updater,
    run_mini_batch_sgd,
)

TWO = ([[1.0, 2.0], [2.0, 1.0]], [1.0, 0.0])  # the rows of the golden messages


def descend(data, gradient=None, updater=None, **settings):
    """`run_mini_batch_sgd` with the class's defaults."""
    given_ = {
        "step_size": 1.0, "num_iterations": 100, "reg_param": 0.0, "mini_batch_fraction": 1.0,
        "initial_weights": np.zeros(np.shape(data[0])[1] if isinstance(data, tuple) else 1),
        "convergence_tol": 0.0, **settings,
    }  # fmt: skip
    return run_mini_batch_sgd(
        data, gradient or LogisticGradient(), updater or SimpleUpdater(), **given_
    )


def test_every_gradient_with_every_updater_goes_sparks_way(shared_data):
    X, y = sample_rows(shared_data, 255.0)
    runs = golden(shared_data, "gd_matrix_full100_scaled255_step0.01_tol0.json")["runs"]
    assert len(runs) == 18
    for run in runs:
        weights, losses = run_mini_batch_sgd(
            (X, y), GRADIENTS[run["gradient"]], UPDATERS[run["updater"]], 0.01, 20,
            run["regParam"], 1.0, np.zeros(693), 0.0,
        )  # fmt: skip
        assert relative(losses, run["loss"]) < 1e-12
        assert weights == pytest.approx(np.array(run["weights"]), rel=1e-12, abs=1e-15)


def test_two_steps_by_hand():
    """Rows 1 and 3 for a mean of 2: each step goes 1/sqrt(i) of the way there."""
    data = (np.ones((2, 1)), [1.0, 3.0])
    result = descend(data, LeastSquaresGradient(), step_size=0.5, num_iterations=2)
    first = 1.0  # 0 + .5 * 2
    second = first + 0.5 / np.sqrt(2.0)
    assert result.weights == pytest.approx([second], rel=1e-15)
    expected = [((w - 1) ** 2 + (w - 3) ** 2) / 4 for w in (0.0, first, second)]
    assert result.losses == pytest.approx(expected, rel=1e-15)
    assert (result.stopped, result.n_iterations) == ("max iterations reached", 2)


def test_the_history_has_one_loss_more_than_steps(shared_data):
    assert len(descend(TWO, num_iterations=7).losses) == 8
    weights, losses = descend(
        TWO, updater=SquaredL2Updater(), num_iterations=0, reg_param=0.1,
        initial_weights=[0.5, 0.25],
    )  # fmt: skip
    assert weights.tolist() == [0.5, 0.25]
    messages = dict(golden(shared_data, "errors_and_formats.json")["messages"])
    assert str((weights.tolist(), losses.tolist())) == str(
        tuple(eval(messages["GD numIterations=0: weights, losses"]))
    )


def test_a_negative_number_of_iterations_makes_no_pass():
    result = descend(TWO, num_iterations=-1, initial_weights=[0.5, 0.25])
    assert (result.weights.tolist(), result.losses.tolist()) == ([0.5, 0.25], [])


def test_convergence_ends_at_once_without_a_closing_loss():
    data = (np.ones((2, 1)), [1.0, 3.0])
    result = descend(data, LeastSquaresGradient(), convergence_tol=0.001)
    assert (result.stopped, result.n_iterations, len(result.losses)) == ("weights converged", 2, 2)


def test_the_first_step_is_never_the_last():
    """The start is not compared: weights that never move stop after the second step."""
    result = descend(TWO, step_size=0.0, convergence_tol=0.5)
    assert result.n_iterations == 2


def test_each_batch_is_the_sample_of_its_number():
    X, y = clouds(50, 2)
    data = LocalPartitions((X, y), sizes=[20, 30])
    result = descend(data, mini_batch_fraction=0.5, num_iterations=3, initial_weights=np.zeros(2))
    w, losses = np.zeros(2), []
    for i in range(1, 5):
        A, b = data.sample(0.5, 42 + i).collect()
        m = A @ w
        losses.append(np.mean(np.log1p(np.exp(m)) - b * m))
        if i < 4:
            w = w - 1.0 / np.sqrt(i) * (A.T @ (1 / (1 + np.exp(-m)) - b)) / len(b)
    assert result.losses == pytest.approx(losses, rel=1e-12)
    assert result.weights == pytest.approx(w, rel=1e-12)


def test_an_empty_batch_leaves_no_loss_and_uses_up_its_number(caplog):
    data = LocalPartitions(([[1.0], [1.0]], [1.0, 3.0]), sizes=[2])
    empty = [i for i in range(1, 8) if data.sample(0.3, 42 + i).count() == 0]
    assert empty
    assert len(empty) < 6
    with caplog.at_level(logging.WARNING, "hogwild.mllib"):
        result = descend(
            data, LeastSquaresGradient(), mini_batch_fraction=0.3, num_iterations=6,
            initial_weights=[0.0],
        )  # fmt: skip
    assert len(result.losses) == 7 - len(empty)
    for i in empty:
        assert f"Iteration ({i}/6). The size of sampled batch is zero" in caplog.text
    assert "The miniBatchFraction is too small" in caplog.text
    w = 0.0
    for i in range(1, 7):
        if i not in empty:
            w -= 1.0 / np.sqrt(i) * np.mean(w - data.sample(0.3, 42 + i).collect().y)
    assert result.weights == pytest.approx([w], rel=1e-12)


def test_no_rows_give_the_initial_weights_and_a_warning(caplog):
    result = descend((np.zeros((0, 2)), []), initial_weights=[0.5, 0.25])
    assert (result.weights.tolist(), result.losses.tolist()) == ([0.5, 0.25], [])
    assert result.stopped == "no data"
    assert "returning initial weights, no data found" in caplog.text


def test_warnings_are_sparks(caplog):
    descend(TWO, mini_batch_fraction=0.5, num_iterations=1, convergence_tol=0.1)
    assert "Testing against a convergenceTol when using miniBatchFraction < 1.0" in caplog.text
    assert "numIterations=1 and miniBatchFraction=0.5" in caplog.text


@pytest.mark.parametrize(
    ("fraction", "reason"),
    [(1.5, r"\[0, 1\].*1\.5"), (-0.5, r"nonnegative.*-0\.5")],
)
def test_a_fraction_that_is_none_is_refused_by_the_sampler(fraction, reason):
    with pytest.raises(ValueError, match=reason):
        descend(TWO, mini_batch_fraction=fraction)


def test_fraction_zero_is_an_empty_history():
    result = descend(TWO, mini_batch_fraction=0.0, num_iterations=3)
    assert len(result.losses) == 0
    assert result.weights.tolist() == [0.0, 0.0]


def test_the_initial_weights_are_not_written_to():
    start = np.zeros(2)
    descend(TWO, initial_weights=start, num_iterations=3)
    assert start.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("gradient", [HingeGradient(), LeastSquaresGradient(), LogisticGradient()])
def test_weights_of_another_size_are_refused(gradient):
    with pytest.raises(ValueError, match=r"got.*3"):
        descend(TWO, gradient, initial_weights=np.zeros(3))


def test_what_overflows_is_an_error_and_what_is_only_huge_a_result():
    data = (np.full((3, 1), 100.0), [1.0, 2.0, 3.0])
    huge = descend(data, LeastSquaresGradient(), num_iterations=30)
    assert np.isfinite(huge.losses).all()
    assert huge.losses[-1] > 1e100
    with pytest.raises(DivergenceError, match="Try a smaller step"):
        descend(data, LeastSquaresGradient(), num_iterations=300)


@pytest.mark.parametrize("start", [np.nan, np.inf, 1e200])
def test_a_smaller_step_is_not_advised_where_none_was_made(start):
    with pytest.raises(ValueError, match="at the initial weights the objective is"):
        descend(TWO, LeastSquaresGradient(), initial_weights=[start, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("sparse", [False, True])
def test_data_that_are_not_finite_are_named(bad, sparse):
    X = np.ones((5, 2))
    X[3, 1] = bad
    data = LocalPartitions((sp.csr_matrix(X) if sparse else X, np.ones(5)), sizes=[2, 0, 3])
    for gradient in (LeastSquaresGradient(), LogisticGradient(), HingeGradient()):
        with pytest.raises(ValueError, match=f"found a feature {bad} at row 3"):
            descend(data, gradient, initial_weights=[0.1, 0.1], num_iterations=3)
    data = LocalPartitions((np.ones((5, 2)), [1.0, 1.0, 1.0, 1.0, bad]), sizes=[2, 3])
    with pytest.raises(ValueError, match=f"found a label {bad} at row 4"):
        descend(data, LeastSquaresGradient(), initial_weights=[0.1, 0.1])


@pytest.mark.parametrize(
    ("setter", "value", "shown"),
    [
        ("step_size", 0, "0.0"),
        ("step_size", -1.0, "-1.0"),
        ("step_size", float("nan"), "nan"),
        ("mini_batch_fraction", 0.0, "0.0"),
        ("mini_batch_fraction", 1.5, "1.5"),
        ("num_iterations", -1, "-1"),
        ("reg_param", -1.0, "-1.0"),
        ("convergence_tol", 2.0, "2.0"),
    ],
)
def test_setters_refuse_with_the_value(setter, value, shown):
    descent = GradientDescent(LogisticGradient(), SimpleUpdater())
    with pytest.raises(ValueError, match=f"got {shown}$"):
        getattr(descent, f"set_{setter}")(value)


def test_the_class_runs_the_function_with_its_settings():
    X, y = clouds()
    descent = GradientDescent(HingeGradient(), SimpleUpdater())
    assert (descent.step_size, descent.num_iterations, descent.reg_param) == (1.0, 100, 0.0)
    assert (descent.mini_batch_fraction, descent.convergence_tol) == (1.0, 0.001)
    descent.set_gradient(LogisticGradient()).set_updater(SquaredL2Updater()).set_step_size(0.5)
    descent.set_num_iterations(9).set_reg_param(0.1).set_mini_batch_fraction(0.7)
    descent.set_convergence_tol(0.0)
    result = descent.optimize_with_loss_returned((X, y), np.zeros(3))
    same = descend(
        (X, y), updater=SquaredL2Updater(), step_size=0.5, num_iterations=9, reg_param=0.1,
        mini_batch_fraction=0.7,
    )  # fmt: skip
    assert result.losses.tolist() == same.losses.tolist()
    assert descent.optimize((X, y), np.zeros(3)).tolist() == same.weights.tolist()


class Quartic(Updater):
    """R(w) = |w|^4 / 4: a user's."""

    def compute(self, weights_old, gradient, step_size, iter, reg_param):
        w = weights_old
        w = w - step_size / np.sqrt(iter) * (gradient + reg_param * (w @ w) * w)
        return w, reg_param * (w @ w) ** 2 / 4


def test_a_users_updater_is_used():
    X, y = clouds()
    result = descend((X, y), updater=Quartic(), reg_param=0.5, num_iterations=400)
    w = result.weights
    p = 1 / (1 + np.exp(-X @ w))
    gradient = X.T @ (p - y) / len(y) + 0.5 * (w @ w) * w
    assert np.linalg.norm(gradient) < 1e-3


class Listing:
    """No subclass, and no arrays."""

    def compute(self, weights_old, gradient, step_size, iter, reg_param):
        return list(weights_old - step_size / iter**0.5 * gradient), 0


def test_a_users_updater_may_return_a_list():
    X, y = clouds()
    ours, same = (
        descend((X, y), updater=u, num_iterations=5) for u in (Listing(), SimpleUpdater())
    )
    assert ours.weights == pytest.approx(same.weights, rel=1e-14)
    assert ours.losses == pytest.approx(same.losses, rel=1e-14)


@given(st.integers(1, 6), st.integers(0, 20))
def test_the_losses_are_those_of_the_layout_to_the_last_digits(n_partitions, seed):
    X, y = clouds(20, 3, seed)
    one, other = (
        descend(LocalPartitions((X, y), n), num_iterations=5, initial_weights=np.zeros(3))
        for n in (1, n_partitions)
    )
    assert relative(other.losses, one.losses) < 1e-13


def test_the_callback_sees_each_loss():
    seen = []
    result = descend(TWO, num_iterations=3, callback=lambda *given_: seen.append(given_))
    assert seen == list(zip(range(1, 5), result.losses, strict=True))
