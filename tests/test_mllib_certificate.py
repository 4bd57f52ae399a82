"""The gradient mapping: what it is, and that optimizers end where it is 0 and others end, too."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mllib_cases import GRADIENTS, UPDATERS, clouds
from scipy.optimize import linprog, minimize

from hogwild.errors import DivergenceError
from hogwild.mllib import (
    Gradient,
    HingeGradient,
    L1Updater,
    LeastSquaresGradient,
    LocalPartitions,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    Updater,
    run_lbfgs,
    run_mini_batch_sgd,
    run_owlqn,
)
from hogwild.mllib.certificate import gradient_mapping
from hogwild.mllib.cost import CostFunction


def norm_at(data, gradient, updater, result, reg_param):
    return float(np.linalg.norm(gradient_mapping(data, gradient, updater, result[0], reg_param)))


# ---- what it is --------------------------------------------------------------------------------


def test_it_is_0_at_the_optimum_and_not_beside_it():
    data = [[1.0], [1.0]], [1.0, 3.0]  # (w - 2)^2 / 2 + 1/2
    for updater, optimum in (
        (SimpleUpdater(), 2.0),
        (SquaredL2Updater(), 4 / 3),
        (L1Updater(), 1.5),
    ):
        there = gradient_mapping(data, LeastSquaresGradient(), updater, [optimum], 0.5)
        assert abs(there[0]) < 1e-15
        beside = gradient_mapping(data, LeastSquaresGradient(), updater, [optimum + 0.1], 0.5)
        assert beside[0] > 0.09


def test_a_weight_that_the_penalty_holds_at_0_counts_as_0():
    data = [[1.0], [1.0]], [0.2, 0.4]
    assert gradient_mapping(data, LeastSquaresGradient(), L1Updater(), [0.0], 0.5).tolist() == [0.0]
    pulled = gradient_mapping(data, LeastSquaresGradient(), L1Updater(), [0.0], 0.1)
    assert pulled[0] == pytest.approx(-0.2, rel=1e-15)  # gradient -.3, less .1


@settings(max_examples=40)
@given(
    st.sampled_from(["logistic", "least_squares"]), st.sampled_from(["simple", "l2"]),
    st.floats(0.0, 2.0), st.floats(0.05, 5.0), st.integers(0, 2**31),
)  # fmt: skip
def test_with_a_smooth_penalty_it_is_the_gradient_whatever_the_step(
    gradient, updater, reg_param, step, seed
):
    X, y = clouds(20, 3, seed)
    w = np.random.default_rng(seed).normal(size=3)
    found = gradient_mapping(
        (X, y), GRADIENTS[gradient], UPDATERS[updater], w, reg_param, step=step
    )
    data = LocalPartitions((X, y))
    _, expected = CostFunction(data, GRADIENTS[gradient], UPDATERS[updater], reg_param)(w)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_with_l1_it_is_0_for_every_step_where_the_pseudo_gradient_is(seed, reg_param):
    X, y = clouds(30, 3, seed)
    rows = (X, y)
    result = run_owlqn(rows, LeastSquaresGradient(), 10, 0.0, 100, reg_param, np.zeros(3))
    for step in (0.1, 1.0, 10.0):
        mapping = gradient_mapping(
            rows, LeastSquaresGradient(), L1Updater(), result.weights, reg_param, step=step
        )
        assert np.linalg.norm(mapping) < 1e-6


def test_it_asks_an_updater_of_the_users():
    class Quartic(Updater):
        def compute(self, weights_old, gradient, step_size, iter, reg_param):
            w = weights_old - step_size / iter**0.5 * (gradient + reg_param * weights_old**3)
            return w, reg_param * float((w**4).sum()) / 4

    data = [[1.0], [1.0]], [1.0, 3.0]
    result = run_lbfgs(data, LeastSquaresGradient(), Quartic(), 10, 0.0, 50, 1.0, [0.0])
    assert result.weights == pytest.approx([1.0], rel=1e-7)  # w - 2 + w^3
    assert norm_at(data, LeastSquaresGradient(), Quartic(), result, 1.0) < 1e-7


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"step": 0.0}, "step must be positive and finite, got 0.0"),
        ({"step": np.inf}, "step must be positive and finite, got inf"),
        ({"weights": [np.nan, 0.0]}, "weights must be finite"),
        ({"weights": [0.0]}, "x.size = 2, w.size = 1"),
        ({"weights": [1e200, 0.0]}, "the gradient overflows"),
        ({"data": ([[1.0, 2.0], [np.inf, 0.0]], [1.0, 0.0])}, "found a feature inf at row 1"),
        ({"data": (np.zeros((0, 2)), [])}, "a mean gradient needs rows"),
    ],
)
def test_what_it_cannot_answer_for_is_refused(changes, message):
    given = {
        "data": ([[1.0, 2.0], [1e150, 0.0]], [1.0, 0.0]), "gradient": LeastSquaresGradient(),
        "updater": SimpleUpdater(), "weights": [0.0, 0.0], "reg_param": 0.1, **changes,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        gradient_mapping(**given)


# ---- every gradient with every updater ---------------------------------------------------------

SMOOTH = ["logistic", "logistic3", "least_squares"]


def rows_for(name, n=200):
    X, y = clouds(n, 4)
    if name == "logistic3":
        noise = np.random.default_rng(1).gumbel(size=(3, n))
        margins = np.stack([0 * y, X[:, 0], X[:, 1] - X[:, 2]])
        y = (margins + noise).argmax(axis=0).astype(float)
    return X, y, np.zeros(8 if name == "logistic3" else 4)


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("updater", ["simple", "l2"])
@pytest.mark.parametrize("name", SMOOTH)
def test_lbfgs_ends_at_the_optimum_of_what_is_smooth(name, updater, form):
    X, y, start = rows_for(name)
    gradient, regulariser = GRADIENTS[name], UPDATERS[updater]
    result = run_lbfgs((form(X), y), gradient, regulariser, 10, 0.0, 200, 0.05, start)
    assert result.stopped == "gradient converged"
    assert norm_at((X, y), gradient, regulariser, result, 0.05) < 2e-8
    assert norm_at((X, y), gradient, regulariser, [start], 0.05) > 0.1


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("name", SMOOTH)
def test_owlqn_ends_at_the_optimum_with_an_l1_penalty(name, form):
    X, y, start = rows_for(name)
    result = run_owlqn((form(X), y), GRADIENTS[name], 10, 0.0, 200, 0.05, start)
    assert norm_at((X, y), GRADIENTS[name], L1Updater(), result, 0.05) < 1e-7
    assert (result.weights == 0.0).any()
    assert (result.weights != 0.0).any()


@pytest.mark.parametrize("updater", UPDATERS)
@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_descent_ends_at_the_same_optimum(name, updater):
    X, y, start = rows_for(name)
    gradient, regulariser = GRADIENTS[name], UPDATERS[updater]
    result = run_mini_batch_sgd(
        (X, y), gradient, regulariser, 1.0 if name == "least_squares" else 6.0, 600, 0.05, 1.0,
        start, 1e-12,
    )  # fmt: skip
    assert norm_at((X, y), gradient, regulariser, result, 0.05) < 1e-4
    if updater == "l1":
        best = run_owlqn((X, y), gradient, 10, 0.0, 200, 0.05, start)
        assert ((result.weights == 0.0) == (best.weights == 0.0)).all()
    else:
        best = run_lbfgs((X, y), gradient, regulariser, 10, 0.0, 200, 0.05, start)
    assert result.weights == pytest.approx(best.weights, abs=5e-3)
    assert result.losses[-1] == pytest.approx(best.losses[-1], rel=1e-6)


def test_lbfgs_with_l1_does_not_end_there_and_the_certificate_says_so(caplog):
    X, y, start = rows_for("logistic")
    result = run_lbfgs((X, y), LogisticGradient(), L1Updater(), 10, 0.0, 200, 0.05, start)
    assert norm_at((X, y), LogisticGradient(), L1Updater(), result, 0.05) > 1e-3
    assert "OWLQN minimizes it" in caplog.text


# ---- the hinge loss, which has kinks -----------------------------------------------------------


def hinge_descent(X, y, updater, reg_param, iterations=3000, step=1.0):
    start = np.zeros(X.shape[1])
    return run_mini_batch_sgd(
        (X, y), HingeGradient(), updater, step, iterations, reg_param, 1.0, start, 1e-12
    )


def test_hinge_without_a_penalty_ends_where_all_margins_are_1_or_more():
    X, _ = clouds(200, 4)
    X = X[np.abs(X @ [1.0, -2.0, 0.5, 0.0]) > 0.3]
    y = (X @ [1.0, -2.0, 0.5, 0.0] > 0).astype(float)
    result = hinge_descent(X, y, SimpleUpdater(), 0.0, step=10.0)
    assert result.losses[-1] == 0.0
    assert norm_at((X, y), HingeGradient(), SimpleUpdater(), result, 0.0) == 0.0


def test_hinge_with_a_penalty_that_keeps_all_margins_below_1():
    X, y = clouds(200, 4)
    result = hinge_descent(X, y, SquaredL2Updater(), 4.0)
    assert (np.abs(X @ result.weights) < 1).all()
    assert norm_at((X, y), HingeGradient(), SquaredL2Updater(), result, 4.0) < 1e-12
    assert result.weights == pytest.approx(X.T @ (2 * y - 1) / 200 / 4.0, rel=1e-9)


def test_hinge_with_an_l1_penalty_that_holds_every_weight_at_0():
    X, y = clouds(200, 4)
    result = hinge_descent(X, y, L1Updater(), 2.0)
    assert result.weights.tolist() == [0.0] * 4
    assert norm_at((X, y), HingeGradient(), L1Updater(), result, 2.0) == 0.0


@pytest.mark.parametrize("updater", UPDATERS)
def test_hinge_at_its_kinks_is_certified_up_to_the_rows_whose_margin_is_1(updater):
    X, y, _ = rows_for("hinge", 2000)
    result = hinge_descent(X, y, UPDATERS[updater], 0.05, 2000)
    margins = (2 * y - 1) * (X @ result.weights)
    kinks = np.linalg.norm(X[np.abs(margins - 1) < 0.02], axis=1).sum() / len(y)
    assert norm_at((X, y), HingeGradient(), UPDATERS[updater], result, 0.05) < kinks + 1e-3
    assert kinks < 0.05


@pytest.mark.parametrize("reg_param", [0.0, 0.05])
def test_hinge_with_l1_or_nothing_reaches_the_value_of_the_linear_program(reg_param):
    X, y, _ = rows_for("hinge")
    n, d = X.shape
    T = X * (2 * y - 1)[:, None]  # xi >= 1 - T (p - q), xi, p, q >= 0
    costs = np.concatenate([np.full(2 * d, reg_param), np.full(n, 1 / n)])
    exact = linprog(costs, -np.hstack([T, -T, np.eye(n)]), -np.ones(n))
    result = hinge_descent(X, y, L1Updater(), reg_param)
    assert exact.fun <= result.losses[-1] <= exact.fun * (1 + 1e-3)


# ---- other solvers, with the factors between their objectives and ours ---------------------------


@pytest.mark.parametrize("reg_param", [0.01, 0.5])
def test_scikit_learns_ridge_and_lasso_with_n_and_2(reg_param):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y, start = rows_for("least_squares")
    n = len(y)  # |y - Xw|^2 + alpha |w|^2, and |y - Xw|^2 / 2n + alpha |w|_1
    ridge = linear_model.Ridge(alpha=n * reg_param, fit_intercept=False).fit(X, y)
    result = run_lbfgs(
        (X, y), LeastSquaresGradient(), SquaredL2Updater(), 10, 0.0, 100, reg_param, start
    )
    assert result.weights == pytest.approx(ridge.coef_, rel=1e-6)
    lasso = linear_model.Lasso(alpha=reg_param, fit_intercept=False, tol=1e-12).fit(X, y)
    result = run_owlqn((X, y), LeastSquaresGradient(), 10, 0.0, 100, reg_param, start)
    assert result.weights == pytest.approx(lasso.coef_, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("reg_param", [0.001, 0.1])
def test_scikit_learns_logistic_regression_with_c_of_1_over_n_lambda(reg_param):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y, start = rows_for("logistic")
    theirs = linear_model.LogisticRegression(
        C=1 / (len(y) * reg_param), fit_intercept=False, tol=1e-10, max_iter=1000
    ).fit(X, y)
    result = run_lbfgs(
        (X, y), LogisticGradient(), SquaredL2Updater(), 10, 0.0, 100, reg_param, start
    )
    assert result.weights == pytest.approx(theirs.coef_[0], rel=1e-5)


def test_scikit_learns_multinomial_weights_less_those_of_class_0():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y, start = rows_for("logistic3")  # every class has weights there; their differences count
    theirs = linear_model.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(X, y)
    result = run_lbfgs((X, y), LogisticGradient(3), SimpleUpdater(), 10, 0.0, 200, 0.0, start)
    expected = (theirs.coef_[1:] - theirs.coef_[0]).ravel()
    assert result.weights == pytest.approx(expected, rel=1e-4)


def test_scikit_learns_svm_has_its_c_on_the_sum():
    svm = pytest.importorskip("sklearn.svm")
    X, y, _ = rows_for("hinge")
    theirs = svm.LinearSVC(
        C=1 / (len(y) * 0.1), loss="hinge", fit_intercept=False, tol=1e-8, max_iter=100_000
    ).fit(X, y)
    result = hinge_descent(X, y, SquaredL2Updater(), 0.1)
    assert result.weights == pytest.approx(theirs.coef_[0], abs=2e-3)


@pytest.mark.parametrize("name", SMOOTH)
def test_scipys_bounded_minimizer_with_a_penalty_on_both_halves(name):
    X, y, start = rows_for(name)
    gradient, d = GRADIENTS[name], len(start)
    cost = CostFunction(LocalPartitions((X, y)), gradient, SimpleUpdater(), 0.0)

    def halves(z):  # w = p - q with p, q >= 0, so |w|_1 is the sum of both
        value, g = cost(z[:d] - z[d:])
        return value + 0.05 * z.sum(), np.concatenate([g, -g]) + 0.05

    theirs = minimize(
        halves, np.zeros(2 * d), jac=True, method="L-BFGS-B", bounds=[(0, None)] * (2 * d),
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
    )  # fmt: skip
    result = run_owlqn((X, y), gradient, 10, 0.0, 200, 0.05, start)
    assert result.losses[-1] == pytest.approx(theirs.fun, rel=1e-9)
    assert result.weights == pytest.approx(theirs.x[:d] - theirs.x[d:], abs=1e-4)


# ---- hard least squares ------------------------------------------------------------------------

LONGLEY = """60323 83.0 234289 2356 1590 107608 1947  61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949  61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951  63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953  63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955  67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957  66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959  69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961  70551 116.9 554894 4007 2827 130081 1962"""
LONGLEY_CERTIFIED = [
    -3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359,
    -0.0511041056535807, 1829.15146461355,
]  # fmt: skip
NORRIS = """0.1 0.2 338.8 337.4 118.1 118.2 888.0 884.6 9.2 10.1 228.1 226.5 668.5 666.3 998.5 996.3
449.1 448.6 778.9 777.0 559.2 558.2 0.3 0.4 0.1 0.6 778.1 775.5 668.8 666.9 339.3 338.0 448.9 447.5
10.8 11.6 557.7 556.0 228.3 228.1 998.0 995.8 888.8 887.6 119.6 120.2 0.3 0.3 0.6 0.3 557.6 556.8
339.3 339.1 888.0 887.2 998.5 999.0 778.9 779.0 10.2 11.1 117.6 118.3 228.9 229.2 668.4 669.1 449.2
448.9 0.2 0.5"""
NORRIS_CERTIFIED = [-0.262323073774029, 1.00211681802045]


def wampler2():
    """A polynomial of degree 5 at 0, 1, ... 20, whose coefficients are 1, .1, ... exactly."""
    powers = np.arange(21.0)[:, None] ** np.arange(1, 6)
    return powers, 1.0 + powers @ 0.1 ** np.arange(1, 6)


def nist(name):
    """Rows, labels, and the certified coefficients, that of the constant first."""
    if name == "wampler2":
        return *wampler2(), 0.1 ** np.arange(6)
    text, width, certified = {
        "longley": (LONGLEY, 7, LONGLEY_CERTIFIED), "norris": (NORRIS, 2, NORRIS_CERTIFIED),
    }[name]  # fmt: skip
    table = np.array(text.split(), dtype=np.float64).reshape(-1, width)
    return table[:, 1:], table[:, 0], np.array(certified)


def least_squares(X, y, tol=0.0):
    with_ones = np.hstack([np.ones((len(y), 1)), X])
    result = run_lbfgs(
        (with_ones, y), LeastSquaresGradient(), SimpleUpdater(), 10, tol, 300, 0.0,
        np.zeros(X.shape[1] + 1),
    )  # fmt: skip
    return result, norm_at((with_ones, y), LeastSquaresGradient(), SimpleUpdater(), result, 0.0)


@pytest.mark.parametrize("name, digits", [("norris", 1e-10), ("longley", 1e-6), ("wampler2", 1e-4)])
def test_certified_coefficients_are_found_on_standardised_data(name, digits):
    X, y, certified = nist(name)
    mean, scale = X.mean(axis=0), X.std(axis=0, ddof=1)
    height, spread = y.mean(), y.std(ddof=1)
    result, norm = least_squares((X - mean) / scale, (y - height) / spread)
    assert (result.stopped, norm < 1.1e-8) == ("gradient converged", True)
    w = result.weights[1:] * spread / scale
    b = result.weights[0] * spread + height - w @ mean
    assert np.append(b, w) == pytest.approx(certified, rel=digits)


@pytest.mark.parametrize("name", ["longley", "wampler2"])
def test_on_the_data_as_they_are_the_result_says_that_it_is_no_optimum(name, caplog):
    """Spark's way ends there, too: it is the record and the certificate that tell."""
    X, y, _ = nist(name)
    result, norm = least_squares(X, y)
    assert result.stopped in ("line search failed", "max iterations reached")
    assert norm > 1.0
    assert np.isfinite(result.weights).all()
    assert np.isfinite(result.losses).all()
    assert "Resetting history" in caplog.text


def test_a_line_that_is_only_off_scale_is_found_without_scaling():
    X, y, certified = nist("norris")
    result, norm = least_squares(X, y)
    assert (result.stopped, norm < 1.1e-8) == ("gradient converged", True)
    assert result.weights == pytest.approx(certified, rel=1e-8)


@pytest.mark.parametrize("condition", [1e2, 1e4])
def test_a_known_solution_behind_a_bad_condition_is_found(condition):
    rng = np.random.default_rng(0)
    U, _ = np.linalg.qr(rng.normal(size=(60, 6)))
    V, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    X = np.sqrt(60) * U * np.geomspace(1.0, 1 / np.sqrt(condition), 6) @ V  # of X'X / n
    w = np.arange(1.0, 7.0)
    result = run_lbfgs(
        (X, X @ w), LeastSquaresGradient(), SimpleUpdater(), 10, 0.0, 500, 0.0, np.zeros(6)
    )
    assert result.stopped == "gradient converged"
    assert result.weights == pytest.approx(w, rel=2e-8 * condition)


# ---- data in trouble ---------------------------------------------------------------------------

TROUBLE = {
    "a single row": ([[1.0, 2.0]], [1.0]),
    "one class": ([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]], [1.0, 1.0, 1.0]),
    "separable": ([[1.0, 2.0], [2.0, 1.0], [-1.0, -2.0]], [1.0, 1.0, 0.0]),
    "equal columns": ([[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]], [1.0, 0.0, 1.0]),
    "a constant column": ([[1.0, 3.0], [2.0, 3.0], [-1.0, 3.0]], [1.0, 0.0, 1.0]),
    "columns of zeros": (np.zeros((3, 2)), [1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("name", ["logistic", "least_squares"])
def test_with_a_penalty_data_in_trouble_have_an_optimum_and_it_is_found(name, trouble):
    X, y = TROUBLE[trouble]
    data = LocalPartitions((X, y), sizes=[0, 1, 0, len(y) - 1])
    for updater in (SquaredL2Updater(), L1Updater()):
        if isinstance(updater, L1Updater):
            result = run_owlqn(data, GRADIENTS[name], 10, 0.0, 500, 0.05, [0.0, 0.0])
        else:
            result = run_lbfgs(data, GRADIENTS[name], updater, 10, 0.0, 500, 0.05, [0.1, 0.2])
        assert norm_at(data, GRADIENTS[name], updater, result, 0.05) < 1e-6


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("name", ["logistic", "logistic3", "least_squares", "hinge"])
def test_without_one_nothing_becomes_nan(name, trouble, caplog):
    caplog.set_level(logging.CRITICAL)
    X, y = TROUBLE[trouble]
    data = LocalPartitions((X, y), sizes=[0, 1, 0, len(y) - 1])
    gradient, start = GRADIENTS[name], np.full(4 if name == "logistic3" else 2, 0.1)
    results = [
        run_lbfgs(data, gradient, SimpleUpdater(), 10, 0.0, 300, 0.0, start),
        run_owlqn(data, gradient, 10, 0.0, 300, 0.0, start),
        run_mini_batch_sgd(data, gradient, SimpleUpdater(), 0.1, 300, 0.0, 1.0, start),
        run_mini_batch_sgd(data, gradient, SimpleUpdater(), 0.1, 300, 0.0, 0.5, start),
    ]
    for result in results:
        assert np.isfinite(result.weights).all()
        assert np.isfinite(result.losses).all()
    for result in results[:3]:  # a batch's loss may be above the one before
        assert result.losses[-1] <= result.losses[0]


SCALES = [0.0, 1e-320, 1e-200, 1e-16, 1.0, 1e16, 1e100, 1e155, 1e200, 1.7e308]


@settings(max_examples=15)
@given(
    st.integers(0, 2**31), st.lists(st.sampled_from(SCALES), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.1, 1e300]), st.sampled_from([0.0, 1.0, 1e200]), st.sampled_from([0, 3]),
)  # fmt: skip
def test_whatever_the_scale_the_result_is_finite_or_an_error(seed, scales, reg_param, far, sparse):
    rng = np.random.default_rng(seed)
    X = np.clip(rng.normal(size=(5, len(scales))), -1, 1) * scales
    y = (rng.random(5) < 0.5).astype(float)
    data = (sp.csr_matrix(X) if sparse else X, y)
    for name in ("logistic", "logistic3", "least_squares", "hinge"):
        start = far * rng.normal(size=len(scales) * (2 if name == "logistic3" else 1))
        runs = [
            lambda u, g=GRADIENTS[name], w=start: run_lbfgs(data, g, u, 5, 1e-6, 25, reg_param, w),
            lambda u, g=GRADIENTS[name], w=start: run_mini_batch_sgd(
                data, g, u, 1.0, 10, reg_param, 1.0, w
            ),
            lambda u, g=GRADIENTS[name], w=start: run_owlqn(data, g, 5, 1e-6, 25, reg_param, w),
        ]
        for run in runs:
            for updater in UPDATERS.values():
                try:
                    result = run(updater)
                except (ValueError, DivergenceError):
                    continue
                assert np.isfinite(result.weights).all()
                assert np.isfinite(result.losses).all()


class Cliff(Gradient):
    """Falls as -w up to 0.4, and is NaN from there on."""

    def compute(self, data, label, weights, cum_gradient):
        beyond = weights[0] > 0.4
        cum_gradient += np.nan if beyond else -1.0
        return np.nan if beyond else -weights[0]


def test_owlqn_takes_no_step_to_where_the_objective_is_not_finite(caplog):
    result = run_owlqn(([[1.0]], [1.0]), Cliff(), 5, 1e-6, 60, 0.0, [0.0])
    assert result.stopped == "line search failed"
    assert (result.weights.tolist(), result.losses.tolist()) == ([0.0], [0.0, 0.0, 0.0])
    assert "the objective is nan at the new point" in caplog.text
