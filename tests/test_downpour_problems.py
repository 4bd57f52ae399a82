"""The problems of Downpour: gradients by differences, and what they agree with elsewhere."""

import numpy as np
import pytest

from hogwild.data import Examples, Ratings
from hogwild.downpour.factors import FactorProblem
from hogwild.downpour.fields import FieldProblem
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.problem import SharedProblem
from hogwild.models import fit_factors, fit_linear

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((12, 4)) * (RANDOM.random((12, 4)) < 0.6)
SIGNS = np.where(RANDOM.random(12) < 0.5, -1.0, 1.0)
WEIGHTS = RANDOM.random(12) + 0.1


def linear(**options):
    options = {"loss": "logistic"} | options
    return LinearProblem(Examples(X, SIGNS, sample_weight=WEIGHTS), **options)


def factors(signs=False, **options):
    random = np.random.default_rng(4)
    r = random.random(30) * 4.0
    r = np.where(r > 2.0, 1.0, -1.0) if signs else r
    ratings = Ratings.of_indices(random.integers(0, 4, 30), random.integers(0, 5, 30), r)
    return FactorProblem(ratings, n_factors=3, reg=0.1, **options)


def fields(**options):
    from hogwild.data.field_rows import FieldRows

    random = np.random.default_rng(5)
    counts = [3, 0, 1, 4, 3, 2]
    n = sum(counts)
    rows = FieldRows(
        np.concatenate([[0], np.cumsum(counts)]), random.integers(0, 3, n),
        random.integers(0, 5, n), random.random(n) + 0.1, random.integers(0, 2, len(counts)),
        n_fields=3, n_features=5, dtype=np.float64,
    )  # fmt: skip
    return FieldProblem(rows, n_factors=2, reg=0.3, **options)


def whole_gradient(problem, params, rows=None):
    rows = np.arange(problem.n_rows) if rows is None else rows
    _, where, gradient = problem.gradient(params, rows)
    whole = np.zeros(problem.n_parameters)
    whole[slice(None) if where is None else where] = gradient
    return whole


def differences(problem, params, h=1e-6):
    found = np.zeros(len(params))
    for j in range(len(params)):
        up, down = params.copy(), params.copy()
        up[j] += h
        down[j] -= h
        found[j] = (problem.objective(up) - problem.objective(down)) / (2.0 * h)
    return found


CASES = {
    "linear": (lambda: linear(), 1.0),
    "linear, L2": (lambda: linear(penalty="l2", reg=0.3), 1.0),
    "linear, sparse L2": (lambda: linear(penalty="sparse_l2", reg=0.3), 1.0),
    "linear, squared": (lambda: linear(loss="squared"), 1.0),
    # the article's update is half the derivative where the loss is a square
    "factors": (lambda: factors(), 0.5),
    "factors with biases": (lambda: factors(biases=True), 0.5),
    "factors, logistic": (lambda: factors(signs=True, loss="logistic"), 1.0),
    "fields": (lambda: fields(), 1.0),
    "fields, not normalised": (lambda: fields(normalise=False), 1.0),
    "fields, squared": (lambda: fields(loss="squared"), 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_over_all_rows_is_the_derivative_of_the_objective(case):
    make, share = CASES[case]
    problem = make()
    params = np.random.default_rng(6).standard_normal(problem.n_parameters)
    if case == "linear, no intercept":
        params[-1] = 0.0
    assert np.allclose(
        whole_gradient(problem, params), share * differences(problem, params), atol=2e-8
    )


@pytest.mark.parametrize("case", CASES)
def test_a_gradient_stays_within_its_support_and_reads_nothing_else(case):
    problem = CASES[case][0]()
    params = np.random.default_rng(7).standard_normal(problem.n_parameters)
    rows = np.array([4, 1])
    support = problem.support(rows)
    if support is None:
        assert case == "linear, L2"
        return
    assert (np.diff(support) > 0).all()
    hidden = np.full(problem.n_parameters, np.nan)
    hidden[support] = params[support]
    expected, found = problem.gradient(params, rows), problem.gradient(hidden, rows)
    assert np.isin(found[1], support).all()
    assert expected[0] == found[0]
    assert np.array_equal(expected[2], found[2])


@pytest.mark.parametrize("case", CASES)
def test_a_shared_problem_has_the_same_gradients(case):
    problem = CASES[case][0]()
    params = np.random.default_rng(8).standard_normal(problem.n_parameters)
    shared = SharedProblem(problem).open()
    assert np.array_equal(whole_gradient(problem, params), whole_gradient(shared, params))


def test_a_batch_of_repeated_users_sums_their_gradients():
    problem = factors()
    params = np.random.default_rng(9).standard_normal(problem.n_parameters)
    rows = np.arange(10)
    singly = sum(whole_gradient(problem, params, np.array([row])) for row in rows) / 10
    assert np.allclose(whole_gradient(problem, params, rows), singly, atol=1e-14)


@pytest.mark.parametrize("penalty", ["none", "l2", "sparse_l2"])
def test_the_objective_is_that_of_fit_linear(penalty):
    examples = Examples(X, SIGNS, sample_weight=WEIGHTS)
    fit = fit_linear(
        examples, loss="logistic", penalty=penalty, reg=0.2, schedule="serial", epochs=2, seed=0
    )
    problem = linear(penalty=penalty, reg=0.2)
    params = np.append(fit.model.w, fit.model.intercept)
    assert problem.objective(params) == pytest.approx(fit.history[-1].objective, rel=1e-12)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_objective_is_the_mean_of_that_of_fit_factors(biases, loss):
    signs = loss == "logistic"
    problem = factors(signs=signs, loss=loss, biases=biases)
    fit = fit_factors(
        problem._ratings, n_factors=3, loss=loss, reg=0.1, biases=biases, schedule="serial",
        epochs=1, evaluate=True, seed=0, dtype="float64", kernel="numpy", step=0.01,
    )  # fmt: skip
    model = fit.model
    parts = [model.P.ravel(), model.Q.ravel()]
    parts += [model.user_bias, model.item_bias] if biases else []
    mean = fit.history[-1].objective / problem.n_rows
    assert problem.objective(np.concatenate(parts)) == pytest.approx(mean, rel=1e-6)


def test_a_model_predicts_what_the_problem_scores():
    for make in (linear, factors, fields):
        problem = make()
        params = np.random.default_rng(11).standard_normal(problem.n_parameters)
        model = problem.model(params)
        assert type(model).__name__.endswith("Model")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": "l1"}, "penalties of Downpour are"),
        ({"reg": -1.0}, "reg must be 0 or more"),
        ({"loss": "log"}, "unknown loss"),
    ],
)
def test_a_wrong_option_of_a_linear_problem_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        linear(**options)
