"""Spark's two optimizers, a page each: as Spark ran them, by hand, and beside ``hogwild.mllib``."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mllib_cases import GRADIENTS, UPDATERS, clouds, golden, relative, sample_rows

from hogwild.mllib import LocalPartitions, run_lbfgs
from hogwild.mllib import run_mini_batch_sgd as fast_sgd
from hogwild.mllib.cost import CostFunction
from hogwild.mllib.local import as_partitions
from hogwild.mllib.sampling import BernoulliSample
from hogwild.reference.gradient_descent import (
    cost,
    hinge,
    l1,
    least_squares,
    logistic,
    run_mini_batch_sgd,
    simple,
    squared_l2,
)
from hogwild.reference.lbfgs import Failed, direction, lbfgs, search

LOSSES = {"logistic": logistic, "least_squares": least_squares, "hinge": hinge}
PENALTIES = {"simple": simple, "l2": squared_l2, "l1": l1}

TWO = (np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1.0, 0.0]))


@pytest.fixture
def rows(shared_data):
    """X and y of Spark's sample file with a bias, the features divided by `scale`."""

    def scaled(scale=1.0):
        X, y = sample_rows(shared_data, scale)
        return X.toarray(), y

    return scaled


class Counted:
    """Counts the passes over the data: the last point costs none."""

    def __init__(self, F):
        self.F, self.passes, self.at = F, 0, None

    def __call__(self, w):
        if self.at is None or not (w == self.at).all():
            self.at, self.found = w, self.F(w)
            self.passes += 1
        return self.found


# ---- Spark's runs ------------------------------------------------------------------------------


def test_losses_and_gradients_of_a_row_are_sparks(shared_data):
    names = {"logistic2": "logistic", "least_squares": "least_squares", "hinge": "hinge"}
    cases = golden(shared_data, "gradient_unit.json")["cases"]
    cases = [case for case in cases if case["gradient"] in names and "error" not in case]
    assert len(cases) > 100
    for case in cases:
        x, w = np.array(case["x"]), np.array(case["weights"])
        loss, found = LOSSES[names[case["gradient"]]](x, case["label"], w)
        assert loss == pytest.approx(case["loss"], rel=1e-14, abs=1e-14)
        assert found == pytest.approx(np.array(case["grad"]), rel=1e-14, abs=1e-14)


def test_steps_and_penalties_are_sparks(shared_data):
    cases = golden(shared_data, "updater_unit.json")["cases"]
    assert len(cases) == 90
    for case in cases:
        w, penalty = PENALTIES[case["updater"]](
            np.array(case["weightsOld"]), np.array(case["gradient"]), case["stepSize"],
            case["iter"], case["regParam"],
        )  # fmt: skip
        assert w == pytest.approx(np.array(case["weights"]), rel=1e-14, abs=1e-14)
        assert penalty == pytest.approx(case["regVal"], rel=1e-14, abs=1e-14)


def test_gradient_descent_goes_sparks_way(shared_data, rows):
    X, y = rows(255.0)
    runs = golden(shared_data, "gd_matrix_full100_scaled255_step0.01_tol0.json")["runs"]
    assert len(runs) == 18
    for run in runs:
        w, losses = run_mini_batch_sgd(
            X, y, LOSSES[run["gradient"]], PENALTIES[run["updater"]], 0.01, 20, run["regParam"],
            np.zeros(693), 0.0,
        )  # fmt: skip
        assert relative(losses, run["loss"]) < 1e-12
        assert w == pytest.approx(np.array(run["weights"]), rel=1e-12, abs=1e-15)


def test_lbfgs_goes_sparks_way(shared_data, rows):
    X, y = rows(255.0)
    runs = golden(shared_data, "lbfgs_full100_scaled255.json")["runs"]
    assert len(runs) == 6
    for run in runs:
        F = cost(X, y, logistic, squared_l2, run["regParam"])
        w, losses, why = lbfgs(F, np.zeros(693), 10, run["convergenceTol"], run["maxNumIterations"])
        assert relative(losses, run["loss"]) < 1e-9
        assert w == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
        assert why == "gradient converged"


def test_lbfgs_fails_once_where_spark_fails_and_needs_as_many_passes(shared_data, rows):
    run = golden(shared_data, "lbfgs_logistic_l2_full100.json")
    F = Counted(cost(*rows(), logistic, squared_l2, 0.1))
    w, losses, why = lbfgs(F, np.zeros(693), 10, 1e-4, 20)
    assert relative(losses, run["loss"]) < 1e-9
    assert w == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
    assert [k for k in range(21) if losses[k] == losses[k + 1]] == [4]
    assert (F.passes, why) == (38, "max iterations reached")


def test_lbfgs_trains_the_model_of_sparks_page(shared_data, rows):
    run = golden(shared_data, "seed_example_split.json")
    chosen = [row for partition in run["train_row_indices"] for row in partition]
    X, y = rows()
    F = Counted(cost(X[chosen], y[chosen], logistic, squared_l2, 0.1))
    w, losses, _ = lbfgs(F, np.zeros(693), 10, 1e-4, 20)
    assert relative(losses, run["loss"]) < 1e-9
    assert w == pytest.approx(np.array(run["weights"]), rel=1e-8, abs=1e-12)
    assert F.passes == 34


# ---- gradient descent by hand ------------------------------------------------------------------


def test_a_label_between_the_classes_takes_the_loss_of_1_and_its_own_slope():
    loss, gradient = logistic(np.array([3.0]), 0.25, np.array([1.0]))
    assert loss == pytest.approx(np.log1p(np.exp(-3.0)), rel=1e-15)
    assert gradient == pytest.approx([3.0 * (1.0 / (1.0 + np.exp(-3.0)) - 0.25)], rel=1e-15)


def mean_of_1_and_3(step, n_iterations, w=0.0, tol=0.0, sample=None):
    """Least squares: the gradient is w - 2."""
    X, y = np.ones((2, 1)), np.array([1.0, 3.0])
    return run_mini_batch_sgd(
        X, y, least_squares, simple, step, n_iterations, 0.0, np.array([w]), tol, sample
    )


def test_steps_shorten_and_one_more_pass_takes_the_last_loss():
    w, losses = mean_of_1_and_3(0.5, 2)
    expected = [0.0, 1.0, 1.0 + 0.5 / np.sqrt(2.0)]
    assert w == pytest.approx(expected[-1:], rel=1e-15)
    assert losses == pytest.approx([((v - 1) ** 2 + (v - 3) ** 2) / 4 for v in expected], rel=1e-15)
    assert len(mean_of_1_and_3(0.5, 0)[1]) == 1
    assert len(mean_of_1_and_3(0.5, -1)[1]) == 0


def test_who_converges_has_as_many_losses_as_steps_two_at_least():
    assert len(mean_of_1_and_3(1.0, 9, w=2.0, tol=1e-9)[1]) == 2
    # from 0 by 1 and then by .5 / sqrt 2, which is .35 of a length of 1.35
    assert len(mean_of_1_and_3(0.5, 9, tol=0.27)[1]) == 2
    assert len(mean_of_1_and_3(0.5, 9, tol=0.26)[1]) == 3
    # .001 to .0012: the length counts as 1
    assert len(mean_of_1_and_3(1e-4, 9, w=0.0, tol=2e-4)[1]) == 2


def test_an_empty_sample_shortens_the_next_step():
    asked = []

    def sample(seed):
        asked.append(seed)
        return [] if seed == 43 else [0, 1]

    w, losses = mean_of_1_and_3(0.5, 2, sample=sample)
    assert asked == [43, 44, 45]
    assert w == pytest.approx([1 / np.sqrt(2.0)])
    assert len(losses) == 2


def test_no_rows_leave_the_start():
    nothing = np.zeros((0, 1)), np.zeros(0)
    w, losses = run_mini_batch_sgd(*nothing, hinge, l1, 1.0, 9, 0.1, np.array([3.0]))
    assert (w.tolist(), losses.tolist()) == ([3.0], [])


# ---- L-BFGS by hand ----------------------------------------------------------------------------


def along(f, slope):
    """A function of one number, the places where it was asked for, and its start and direction."""
    asked = []

    def F(w):
        asked.append(float(w[0]))
        return f(w[0]), np.array([slope(w[0])])

    return (F, np.array([0.0]), np.array([1.0])), asked


@pytest.mark.parametrize(
    ("minimum", "first", "found", "trials"),
    [
        (1.0, 1.0, 1.0, [0, 1]),
        (30.0, 1.0, 3.375, [0, 1, 1.5, 2.25, 3.375]),  # the first slope of at most 9/10
        (1.0, 4.0, 1.0, [0, 4, 1]),  # the cubic through a parabola's points is the parabola
        (1.0, 1.9, 1.9, [0, 1.9]),  # beyond the minimum, and good enough
        (1.0, 1.95, 1.0, [0, 1.95, 1]),  # beyond it, lower than the start, and too steep
    ],
)
def test_the_search_of_a_parabola_is_known_by_hand(minimum, first, found, trials):
    arguments, asked = along(lambda t: (t - minimum) ** 2, lambda t: 2 * (t - minimum))
    assert search(*arguments, first) == pytest.approx(found)
    assert asked == pytest.approx(trials)


def test_a_minimum_near_an_end_is_moved_a_tenth_inwards():
    arguments, asked = along(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
    search(*arguments, 40.0)
    assert asked[2] == pytest.approx(4.0)
    # from the other end: where it is 9/10 of the way that it may be
    arguments, asked = along(lambda t: 0.0 if t < 2 else 1.0, lambda t: -1.0 if t < 2 else 1e-9)
    with pytest.raises(Failed):
        search(*arguments, 2.0)
    assert asked[2] <= 1.8


def test_where_f_is_infinite_or_none_a_trial_is_halved():
    for nowhere in (np.inf, np.nan):
        arguments, asked = along(
            lambda t, nowhere=nowhere: nowhere if t > 1.5 else (t - 1) ** 2, lambda t: 2 * (t - 1)
        )
        assert search(*arguments, 4.0) == 1.0
        assert asked == [0.0, 4.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("f", "slope", "n_trials"),
    [
        (lambda t: t, lambda t: 1.0, 1),  # uphill from the start
        (lambda t: -t, lambda t: -1.0, 11),  # downhill for ever
        (lambda t: np.inf if t else 0.0, lambda t: -1.0, 11),
        (lambda t: t, lambda t: -1.0, 12),  # uphill, with slopes that say down
    ],
)
def test_a_search_fails_after_so_many_trials(f, slope, n_trials):
    arguments, asked = along(f, slope)
    with pytest.raises(Failed), np.errstate(all="ignore"):
        search(*arguments, 1.0)
    assert len(asked) == n_trials


def test_a_direction_with_all_of_a_parabolas_pairs_is_newtons():
    H, g = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([3.0, -2.0])
    steps = [np.array([-0.25, 1.0]), np.array([1.0, 0.0])]  # conjugate: s1 H s2 = 0
    assert direction([(s, H @ s) for s in steps], g) == pytest.approx(-np.linalg.solve(H, g))
    assert direction([], g).tolist() == [-3.0, 2.0]


@pytest.mark.parametrize("y", [[-1.0, 0.0], [np.nan, 0.0]])
def test_pairs_without_curvature_fail(y):
    with pytest.raises(Failed), np.errstate(all="ignore"):
        direction([(np.array([1.0, 0.0]), np.array(y))], np.array([1.0, 1.0]))


def test_where_the_gradient_has_not_changed_the_search_fails():
    with np.errstate(all="ignore"):
        d = direction([(np.array([1.0]), np.array([0.0]))], np.array([1.0]))
        assert np.isnan(d).all()
        with pytest.raises(Failed):
            search(lambda w: (w[0], np.ones(1)), np.zeros(1), d, 1.0)


def test_two_failures_in_a_row_end_it_and_repeat_the_loss():
    w, losses, why = lbfgs(lambda w: (w[0], -np.ones(1)), np.array([5.0]), 10, 1e-6, 100)
    assert (w.tolist(), losses.tolist(), why) == ([5.0], [5.0, 5.0, 5.0], "line search failed")


def test_values_may_end_it_after_twenty_steps_and_not_before():
    """A deep and narrow valley: all values are alike from the start, and the slopes are steep."""
    a = np.geomspace(1.0, 1e8, 30)
    w, losses, why = lbfgs(
        lambda w: (1.0 + (a * w) @ w / 2.0, a * w), np.full(30, 1e-6), m=1, tol=1e-2,
        n_iterations=100,
    )  # fmt: skip
    assert (len(losses), why) == (21, "function values converged")
    assert abs(losses - 1.0).max() < 1e-2
    assert np.linalg.norm(a * w) > 1e-2 * losses[-1]


def test_no_steps_and_no_number():
    _, losses, why = lbfgs(cost(*TWO, logistic, squared_l2, 0.1), np.zeros(2), 10, 1e-6, 0)
    assert (len(losses), why) == (1, "max iterations reached")
    nothing = cost(np.zeros((0, 2)), np.zeros(0), logistic, simple, 0.0)
    with pytest.raises(ValueError, match="not a number"):
        lbfgs(nothing, np.zeros(2), 10, 1e-6, 100)


# ---- hogwild.mllib -----------------------------------------------------------------------------

few = settings(max_examples=40)
seeds = st.integers(0, 2**32)


@few
@given(
    seed=seeds, loss=st.sampled_from([*LOSSES]), penalty=st.sampled_from([*PENALTIES]),
    reg=st.sampled_from([0.0, 0.1, 1.0]), step=st.sampled_from([0.1, 1.0, 3.0]),
    tol=st.sampled_from([0.0, 1e-3, 0.1]), fraction=st.sampled_from([0.05, 0.3, 0.5, 1.0]),
)  # fmt: skip
def test_the_package_samples_and_descends_alike(seed, loss, penalty, reg, step, tol, fraction):
    X, y = clouds(24, 3, seed)
    data = LocalPartitions((X, y), num_partitions=2)

    def sample(number):
        rule = BernoulliSample(fraction, number)
        return [*rule(0, 12), *(12 + rule(1, 12))]

    result = fast_sgd(
        data, GRADIENTS[loss], UPDATERS[penalty], step, 15, reg, fraction, np.zeros(3), tol
    )
    w, losses = run_mini_batch_sgd(
        X, y, LOSSES[loss], PENALTIES[penalty], step, 15, reg, np.zeros(3), tol, sample
    )
    assert len(result.losses) == len(losses)
    assert result.losses == pytest.approx(losses, rel=1e-9, abs=1e-12)
    assert result.weights == pytest.approx(w, rel=1e-9, abs=1e-12)


@few
@given(
    seed=seeds, loss=st.sampled_from(["logistic", "least_squares"]),
    penalty=st.sampled_from(["simple", "l2"]), reg=st.sampled_from([0.01, 1.0]),
    m=st.integers(1, 10), n_iterations=st.integers(0, 12), own=st.booleans(),
)  # fmt: skip
def test_the_package_goes_down_alike(seed, loss, penalty, reg, m, n_iterations, own):
    """On its own function to the bit; this page's adds in another order."""
    X, y = clouds(30, 4, seed)
    F = (
        CostFunction(as_partitions((X, y)), GRADIENTS[loss], UPDATERS[penalty], reg)
        if own
        else cost(X, y, LOSSES[loss], PENALTIES[penalty], reg)
    )
    F = Counted(F)
    w, losses, why = lbfgs(F, np.zeros(4), m, 1e-4, n_iterations)
    result = run_lbfgs(
        (X, y), GRADIENTS[loss], UPDATERS[penalty], m, 1e-4, n_iterations, reg, np.zeros(4)
    )
    assert (result.stopped, len(result.losses)) == (why, len(losses))
    assert result.n_evaluations == F.passes
    if own:
        assert result.losses.tolist() == list(losses)
        assert result.weights.tobytes() == w.tobytes()
    assert result.losses == pytest.approx(losses, rel=1e-12)
    assert result.weights == pytest.approx(w, rel=1e-9, abs=1e-12)
