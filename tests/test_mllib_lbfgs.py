"""L-BFGS: Spark's runs, its line search by hand, its rules for stopping and failing, trouble."""

import logging
import pickle

import numpy as np
import pytest
from mllib_cases import GRADIENTS, clouds, golden, relative, sample_rows

from hogwild.mllib import (
    LBFGS,
    HingeGradient,
    L1Updater,
    LeastSquaresGradient,
    LocalPartitions,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    append_bias,
    load_libsvm_file,
    run_lbfgs,
)
from hogwild.mllib.first_order import StepFailed, two_loops
from hogwild.mllib.lbfgs import Wolfe
from hogwild.mllib.line_search import Trial, strong_wolfe

TWO = ([[1.0, 2.0], [2.0, 1.0]], [1.0, 0.0])


def minimized(data, gradient=None, updater=None, **settings):
    """`run_lbfgs` with the class's defaults."""
    given = {
        "num_corrections": 10, "convergence_tol": 1e-6, "max_num_iterations": 100,
        "reg_param": 0.0, "initial_weights": np.zeros(np.shape(data[0])[1]), **settings,
    }  # fmt: skip
    return run_lbfgs(data, gradient or LogisticGradient(), updater or SimpleUpdater(), **given)


# ---- Spark's runs ------------------------------------------------------------------------------


def test_well_scaled_rows_go_sparks_way(shared_data):
    X, y = sample_rows(shared_data, 255.0)
    runs = golden(shared_data, "lbfgs_full100_scaled255.json")["runs"]
    assert len(runs) == 6
    for run in runs:
        result = run_lbfgs(
            (X, y), LogisticGradient(), SquaredL2Updater(), 10, run["convergenceTol"],
            run["maxNumIterations"], run["regParam"], np.zeros(693),
        )  # fmt: skip
        assert relative(result.losses, run["loss"]) < 1e-9
        assert result.weights == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
        assert result.stopped == "gradient converged"


def test_unscaled_rows_fail_once_where_spark_fails(shared_data, caplog):
    run = golden(shared_data, "lbfgs_logistic_l2_full100.json")
    result = run_lbfgs(
        sample_rows(shared_data), LogisticGradient(), SquaredL2Updater(), 10, 1e-4, 20, 0.1,
        np.zeros(693),
    )  # fmt: skip
    assert relative(result.losses, run["loss"]) < 1e-9
    assert result.weights == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
    assert result.losses[4] == result.losses[5]
    assert (result.n_iterations, result.n_evaluations) == (20, 38)
    assert result.stopped == "max iterations reached"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Failure! Resetting history: Line search failed" in caplog.text


def test_the_pages_example(shared_data):
    """Split, training, and the losses; the scores and their area are the models' business."""
    run = golden(shared_data, "seed_example_split.json")
    data = load_libsvm_file(shared_data / "mllib" / "sample_libsvm_data.txt")
    training, test = data.random_split([0.6, 0.4], seed=11)
    assert (training.sizes(), test.sizes()) == ([27, 34], [23, 16])
    whole = data.collect().X.toarray()
    for part, indices in ((training, "train_row_indices"), (test, "test_row_indices")):
        places = [row for partition in run[indices] for row in partition]
        assert (part.collect().X.toarray() == whole[places]).all()
    result = run_lbfgs(
        append_bias(training), LogisticGradient(), SquaredL2Updater(), 10, 1e-4, 20, 0.1,
        np.zeros(693),
    )  # fmt: skip
    assert len(result.losses) == 21
    assert relative(result.losses, run["loss"]) < 1e-9
    assert result.weights == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
    assert result.n_evaluations == 34


def test_no_iterations_give_the_loss_of_the_start(shared_data):
    messages = dict(golden(shared_data, "errors_and_formats.json")["messages"])
    weights, losses = minimized(
        TWO, updater=SquaredL2Updater(), reg_param=0.1, max_num_iterations=0,
        initial_weights=[0.5, 0.25],
    )  # fmt: skip
    assert (
        str((weights.tolist(), losses.tolist()))
        == (messages["LBFGS maxNumIterations=0: weights, losses"])
    )


# ---- the line search ---------------------------------------------------------------------------


def along(f, slope):
    """phi from a function and its derivative, with the trials that were made."""
    trials = []

    def phi(t):
        trials.append(t)
        return Trial(t, f(t), slope(t))

    return phi, trials


def test_a_first_trial_that_is_good_is_taken():
    phi, trials = along(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
    assert strong_wolfe(phi, 1.0) == 1.0
    assert trials == [0.0, 1.0]


def test_a_trial_that_is_too_short_grows_by_half():
    phi, trials = along(lambda t: (t - 30) ** 2, lambda t: 2 * (t - 30))
    assert strong_wolfe(phi, 1.0) == 3.375  # the first with a slope of at most 9/10
    assert trials == [0.0, 1.0, 1.5, 2.25, 3.375]


def test_a_trial_that_is_too_long_is_zoomed_by_the_cubic():
    """A parabola: the cubic through two of its points is itself, its minimum the answer."""
    phi, trials = along(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
    assert strong_wolfe(phi, 4.0) == pytest.approx(1.0)
    assert trials[:2] == [0.0, 4.0]
    assert len(trials) == 3


def test_a_minimum_near_the_brackets_end_is_moved_a_tenth_inwards():
    phi, trials = along(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
    strong_wolfe(phi, 40.0)
    assert trials[2] == pytest.approx(4.0)  # not 1


def test_where_the_function_is_infinite_the_trial_is_halved():
    phi, trials = along(lambda t: np.inf if t > 1.5 else (t - 1) ** 2, lambda t: 2 * (t - 1))
    assert strong_wolfe(phi, 4.0) == 1.0
    assert trials == [0.0, 4.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("f", "slope", "reason", "n_trials"),
    [
        (lambda t: t, lambda t: 1.0, "non-descent direction: 1.0", 1),
        (lambda t: -t, lambda t: -1.0, "Line search failed", 11),
        (lambda t: np.inf if t else 0.0, lambda t: -1.0, "Line search failed", 11),
        # uphill although the slope says down: a gradient that is wrong
        (lambda t: t, lambda t: -1.0, "zoom failed", 12),
    ],
)
def test_a_search_that_fails_says_how_after_so_many_trials(f, slope, reason, n_trials):
    phi, trials = along(f, slope)
    with pytest.raises(StepFailed, match=reason):
        strong_wolfe(phi, 1.0)
    assert len(trials) == n_trials


def test_two_loops_with_all_pairs_of_a_parabola_are_newtons_step():
    H = np.array([[4.0, 1.0], [1.0, 3.0]])
    steps = [np.array([1.0, 0.0]), np.array([-0.25, 1.0])]  # conjugate: s1 H s2 = 0
    pairs = [(s, H @ s, s @ H @ s) for s in reversed(steps)]
    g = np.array([3.0, -2.0])
    assert two_loops(pairs, g) == pytest.approx(-np.linalg.solve(H, g))


@pytest.mark.parametrize("y", [[-1.0, 0.0], [np.nan, 0.0]])
def test_pairs_of_negative_curvature_fail(y):
    with pytest.raises(StepFailed), np.errstate(all="ignore"):
        two_loops([(np.array([1.0, 0.0]), np.array(y), y[0])], np.array([1.0, 1.0]))


def test_a_pair_without_curvature_makes_a_direction_that_fails():
    x, g = np.zeros(2), np.array([1.0, 1.0])
    pairs = [(np.array([1.0, 0.0]), np.zeros(2), 0.0)]
    with np.errstate(all="ignore"):
        assert np.isnan(two_loops(pairs, g)).all()
        with pytest.raises(StepFailed, match="no curvature"):
            Wolfe().direction(Wolfe().point(x, 1.0, g, 1), pairs)


# ---- stopping and failing ----------------------------------------------------------------------


class Wrong(LeastSquaresGradient):
    """Its gradient points uphill, so no line search can succeed."""

    def compute_rows(self, X, y, weights, cum_gradient):
        uphill = np.zeros(len(weights))
        loss = super().compute_rows(X, y, weights, uphill)
        cum_gradient -= uphill
        return loss


def test_two_failures_in_a_row_end_the_run_with_two_repeated_losses(caplog):
    result = minimized(([[1.0], [1.0]], [1.0, 3.0]), Wrong())
    assert result.stopped == "line search failed"
    assert result.losses.tolist() == [2.5, 2.5, 2.5]
    assert "Failure again! Giving up and returning." in caplog.text
    assert result.weights.tolist() == [0.0]


def test_the_test_of_values_waits_for_twenty_steps():
    """Values that hardly change from the start, and a gradient that stays steep."""
    X, y = clouds(60, 5)
    X = X * np.geomspace(1, 1e4, 5)
    result = minimized((X, y), updater=SquaredL2Updater(), reg_param=1e-3, convergence_tol=1e-2)
    if result.stopped == "function values converged":
        assert result.n_iterations >= 20
        assert abs(result.losses[-1] - result.losses[-20:].max()) <= 1e-2 * result.losses[0]
    else:
        assert result.stopped == "gradient converged"


def test_tolerance_zero_still_ends_at_the_smallest_gradient():
    X, y = clouds()
    result = minimized((X, y), updater=SquaredL2Updater(), reg_param=0.1, convergence_tol=0.0)
    assert result.stopped in ("gradient converged", "function values converged")
    w = result.weights
    gradient = X.T @ (1 / (1 + np.exp(-X @ w)) - y) / len(y) + 0.1 * w
    assert np.linalg.norm(gradient) < 1e-7


def test_a_negative_limit_is_none():
    X, y = clouds()
    result = minimized((X, y), max_num_iterations=-1)
    assert result.stopped == "gradient converged"


def test_the_losses_never_rise():
    X, y = clouds(50, 6)
    result = minimized((X, y), convergence_tol=1e-10)
    assert (np.diff(result.losses) <= 0).all()


@pytest.mark.parametrize("name", ["logistic", "least_squares"])
def test_the_optimum_is_scipys(name):
    from scipy.optimize import minimize

    X, y = clouds(80, 4, seed=3)
    gradient = GRADIENTS[name]

    def objective(w):
        out = np.zeros(4)
        loss = gradient.compute_rows(X, y, w, out)
        return loss / 80 + 0.05 * w @ w, out / 80 + 0.1 * w

    best = minimize(objective, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-10})
    result = minimized((X, y), gradient, SquaredL2Updater(), reg_param=0.1, convergence_tol=1e-12)
    assert result.weights == pytest.approx(best.x, abs=1e-7)
    assert result.losses[-1] == pytest.approx(best.fun, rel=1e-12)


# ---- settings and trouble ----------------------------------------------------------------------


def test_l1_is_sparks_inconsistent_run_and_points_to_owlqn(caplog):
    X, y = clouds()
    with caplog.at_level(logging.WARNING, "hogwild.mllib"):
        result = minimized((X, y), updater=L1Updater(), reg_param=0.2)
    assert "OWLQN minimizes it" in caplog.text
    assert np.isfinite(result.losses).all()


def test_no_rows_and_numbers_that_are_not_finite_are_errors_with_the_reason():
    with pytest.raises(ValueError, match="no rows"):
        minimized((np.zeros((0, 2)), []), initial_weights=[0.0, 0.0])
    nothing = minimized((np.zeros((0, 2)), []), initial_weights=[0.0, 0.0], max_num_iterations=0)
    assert len(nothing.losses) == 1
    assert np.isnan(nothing.losses[0])
    X = np.ones((3, 2))
    X[2, 0] = np.nan
    with pytest.raises(ValueError, match="found a feature nan at row 2"):
        minimized((X, [0.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match="scale the features"):
        minimized((np.ones((2, 1)), [0.0, 1.0]), LeastSquaresGradient(), initial_weights=[1e200])


@pytest.mark.parametrize("corrections", [0, -1])
def test_corrections_must_be_positive(corrections):
    with pytest.raises(ValueError, match=f"corrections must be positive, got {corrections}"):
        minimized(TWO, num_corrections=corrections)


@pytest.mark.parametrize(
    ("setter", "value"),
    [("num_corrections", 0), ("convergence_tol", -1.0), ("num_iterations", -1),
     ("reg_param", -1.0)],
)  # fmt: skip
def test_setters_refuse_with_the_value(setter, value):
    with pytest.raises(ValueError, match=f"got {value}$"):
        getattr(LBFGS(LogisticGradient(), SimpleUpdater()), f"set_{setter}")(value)


def test_the_class_runs_the_function_with_its_settings():
    X, y = clouds()
    lbfgs = LBFGS(HingeGradient(), SimpleUpdater())
    assert (lbfgs.num_corrections, lbfgs.convergence_tol) == (10, 1e-6)
    assert (lbfgs.max_num_iterations, lbfgs.reg_param) == (100, 0.0)
    lbfgs.set_gradient(LogisticGradient()).set_updater(SquaredL2Updater()).set_num_corrections(3)
    lbfgs.set_convergence_tol(1e-8).set_num_iterations(7).set_reg_param(0.01)
    result = lbfgs.optimize_with_loss_returned((X, y), np.zeros(3))
    same = minimized(
        (X, y), updater=SquaredL2Updater(), num_corrections=3, convergence_tol=1e-8,
        max_num_iterations=7, reg_param=0.01,
    )  # fmt: skip
    assert result.losses.tolist() == same.losses.tolist()
    assert lbfgs.optimize((X, y), np.zeros(3)).tolist() == same.weights.tolist()


@pytest.mark.timeout(60)
def test_workers_change_no_bit(start_method):
    X, y = clouds(500, 5)
    results = []
    for n_workers in (1, 2):
        with LocalPartitions(
            (X, y), num_partitions=3, n_workers=n_workers, start_method=start_method
        ) as data:
            results.append(
                run_lbfgs(
                    data, LogisticGradient(), SquaredL2Updater(), 10, 1e-9, 50, 0.1, np.zeros(5)
                )
            )
    alone, together = results
    assert alone.losses.tobytes() == together.losses.tobytes()
    assert alone.weights.tobytes() == together.weights.tobytes()


def test_a_result_unpacks_as_sparks_and_pickles():
    result = minimized(TWO)
    weights, losses = result
    assert weights is result.weights
    assert losses is result.losses
    assert len(result) == 2
    again = pickle.loads(pickle.dumps(result))
    assert again.stopped == result.stopped
    assert again.n_evaluations == result.n_evaluations


def test_the_callback_sees_each_state():
    seen = []
    result = minimized(TWO, callback=lambda k, loss: seen.append((k, loss)))
    assert [loss for _, loss in seen] == result.losses.tolist()
    assert seen[-1][0] == result.n_iterations
