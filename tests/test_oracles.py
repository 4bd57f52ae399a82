"""The fit against other programs: the reference to the bit, scipy, scikit-learn to the optimum."""

import multiprocessing

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_cases import CONSTANT, rows_of
from scipy.optimize import minimize

from hogwild.data import Examples, blog_data, blog_start, read_libsvm, sparse_classification
from hogwild.kernels.losses import LOSSES, find_loss
from hogwild.models import fit_linear
from hogwild.models.linear_options import make_penalty, pick_run_length
from hogwild.models.steps import AdaGrad, Backoff, Constant, InverseScaling, InverseSqrt
from hogwild.reference import hogwild as blog
from hogwild.reference import linear as reference

pytestmark = pytest.mark.timeout(60)

STEPS = [Constant(0.05), Backoff(0.1, 0.5), InverseScaling(0.1), InverseSqrt(0.1), AdaGrad(0.1)]


@pytest.fixture
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


def reference_fit(
    examples, *, loss="squared", penalty="none", reg=1e-4, l1_ratio=0.15, step, epochs=2,
    batch_size=1, update_threshold=None, intercept=True, seed=0, shuffle=True,
):  # fmt: skip
    """Draw the same order from the same seed, and let the reference do everything else."""
    random = np.random.default_rng(np.random.SeedSequence(seed))
    m = len(examples)
    order = random.permutation(m) if shuffle else np.arange(m)
    rows = rows_of(examples.to_scipy()[order])
    weights = np.ones(m) if examples.sample_weight is None else examples.sample_weight
    weights = (weights * (m / weights.sum()))[order].tolist()
    l2, l1, sparse_l2 = make_penalty(penalty, reg, l1_ratio, step.adaptive)
    length = pick_run_length(m, batch_size, step, l2)
    blocks = [list(range(first, min(first + length, m))) for first in range(0, m, length)]
    w = [0.0] * (examples.n_features + 1)
    squares = [0.0] * len(w) if step.adaptive else None
    losses, t = [], 0
    for epoch in range(1, epochs + 1):
        runs = random.permutation(len(blocks)) if shuffle else range(len(blocks))
        batches = [
            blocks[k][at : at + batch_size]
            for k in runs
            for at in range(0, len(blocks[k]), batch_size)
        ]
        steps = step.at(epoch, np.arange(t, t + len(batches))).tolist()
        t += len(batches)
        losses.append(
            reference.sgd(
                rows, examples.y[order].tolist(), w, batches, steps, loss=loss, weights=weights,
                constant=CONSTANT.get(loss, 1.0), l2=l2, l1=l1, sparse_l2=sparse_l2,
                threshold=update_threshold, squares=squares, intercept=intercept,
            )
        )  # fmt: skip
    return np.array(w), np.array(losses) / m


def equal_bits(fit, w):
    return fit.model.w.tobytes() == w[:-1].tobytes() and fit.model.intercept == w[-1]


def small(seed=0, n_rows=75, weighted=False, labels=True):
    examples, _ = sparse_classification(n_rows, 12, 3, seed)
    random = np.random.default_rng(seed)
    y = examples.y if labels else random.normal(size=n_rows)
    weight = random.uniform(0.0, 3.0, n_rows) if weighted else None
    return Examples(examples.to_scipy(), y, sample_weight=weight)


options = st.fixed_dictionaries(
    {
        "loss": st.sampled_from(sorted(LOSSES)),
        "penalty": st.sampled_from(["none", "l2", "l1", "elasticnet", "sparse_l2"]),
        "reg": st.sampled_from([1e-3, 0.1]),
        "step": st.sampled_from(STEPS),
        "batch_size": st.sampled_from([1, 3, 4]),
        "update_threshold": st.sampled_from([None, 0.05]),
        "intercept": st.booleans(),
        "shuffle": st.booleans(),
        "seed": st.integers(0, 99),
    }
)


@given(options=options, n_rows=st.integers(1, 80), weighted=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_serial_schedule_equals_the_reference_to_the_bit(options, n_rows, weighted):
    examples = small(n_rows=n_rows, weighted=weighted)
    w, losses = reference_fit(examples, **options)
    fit = fit_linear(examples, schedule="serial", kernel="python", epochs=2, **options)
    assert equal_bits(fit, w)
    assert [record.loss for record in fit.history] == pytest.approx(losses, rel=1e-12, abs=1e-300)


def test_the_compiled_serial_schedule_equals_the_reference_to_the_bit():
    pytest.importorskip("numba")
    examples = small(weighted=True)
    options = {"loss": "logistic", "penalty": "l2", "step": InverseScaling(0.1), "batch_size": 3}
    w, _ = reference_fit(examples, **options)
    assert equal_bits(
        fit_linear(examples, schedule="serial", kernel="numba", epochs=2, seed=0, **options), w
    )


def test_a_large_dense_penalty_is_folded_in_on_the_way_and_still_agrees():
    # 1.5 shrinks the scale below 1e-4 every 11 updates: many stretches an epoch
    examples = small(n_rows=200)
    settings = {"penalty": "l2", "reg": 10.0, "step": 0.1, "epochs": 3, "shuffle": False}
    fit = fit_linear(examples, schedule="serial", kernel="python", **settings)
    w = np.zeros(13)
    rows, y = rows_of(examples.to_scipy()), examples.y.tolist()
    for i in [*range(200)] * 3:  # folded after every update: the same but for rounding
        step = w.tolist()
        reference.sgd(rows, y, step, [[i]], [0.1], l2=10.0)
        w = np.array(step)
    assert fit.model.w == pytest.approx(w[:-1], rel=1e-9, abs=1e-12)
    assert fit.model.intercept == pytest.approx(w[-1], rel=1e-9)


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize("schedule", ["hogwild", "round_robin"])
def test_one_worker_gives_the_same_bits_as_the_serial_schedule(schedule, start_method):
    examples = small(labels=False, weighted=True)
    common = {
        "kernel": "python", "penalty": "elasticnet", "step": Backoff(0.1), "batch_size": 2,
        "epochs": 3, "seed": 5,
    }  # fmt: skip
    serial = fit_linear(examples, schedule="serial", **common)
    one = fit_linear(examples, schedule=schedule, n_workers=1, start_method=start_method, **common)
    assert one.model.w.tobytes() == serial.model.w.tobytes()
    assert one.model.intercept == serial.model.intercept
    assert [r.objective for r in one.history] == [r.objective for r in serial.history]


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize(
    "kernel, write", [("numpy", "add_at"), ("numpy", "locked"), ("numba", "atomic")]
)
def test_one_worker_gives_the_serial_bits_in_every_kernel_and_way_to_write(kernel, write):
    if kernel == "numba":
        pytest.importorskip("numba")
    examples = small(labels=False)
    common = {"kernel": kernel, "write": write, "step": 0.05, "epochs": 2, "seed": 5}
    serial = fit_linear(examples, schedule="serial", **{**common, "write": "plain"})
    one = fit_linear(examples, n_workers=1, start_method="fork", **common)
    assert one.model.w.tobytes() == serial.model.w.tobytes()


def test_the_blog_s_steps_by_the_fit_and_by_the_blog_s_program():
    X, y, w_true = blog.make_data(0)
    examples, w_true_too = blog_data(0)
    assert np.array_equal(w_true, w_true_too)
    w = blog_start(0)
    written = blog.serial_pass(X, y, w)
    fit = fit_linear(
        examples, start=blog_start(0), step=blog.STEP, update_threshold=blog.THRESHOLD, epochs=1,
        schedule="serial", kernel="python", intercept=False, shuffle=False, lost_updates=True,
    )  # fmt: skip
    assert fit.model.w == pytest.approx(w, rel=1e-12)
    assert fit.lost_updates.updates == written


# the optimum


def best(examples, loss, l2=0.0, l1=0.0):
    """The least objective by L-BFGS-B; with L1, w = u - v for u, v >= 0 makes it smooth.

    Returns the objective, and the smallest subgradient's size at the point found.
    """
    X, y = examples.to_scipy(), examples.y
    m, n = X.shape
    loss = find_loss(loss)

    def smooth(w, b):
        z = X @ w + b
        slopes = loss.slopes(z, y) / m
        return loss.values(z, y).mean() + l2 / 2 * w @ w, X.T @ slopes + l2 * w, slopes.sum()

    def split(v):
        value, gradient, slope = smooth(v[:n] - v[n : 2 * n], v[-1])
        value += l1 * v[:-1].sum()
        return value, np.concatenate([gradient + l1, -gradient + l1, [slope]])

    bounds = [(0, None)] * (2 * n) + [(None, None)]
    found = minimize(
        split, np.zeros(2 * n + 1), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9},
    )  # fmt: skip
    w, b = found.x[:n] - found.x[n : 2 * n], found.x[-1]
    _, gradient, slope = smooth(w, b)
    least = np.where(
        np.abs(w) > 1e-9, gradient + l1 * np.sign(w), np.maximum(np.abs(gradient) - l1, 0.0)
    )
    return found.fun, float(np.abs(np.append(least, slope)).max())


@pytest.fixture(scope="module")
def generated():
    return sparse_classification(2000, 40, 5, 3)[0]


PROBLEMS = [  # loss, penalty, reg, l1_ratio
    ("logistic", "l2", 1e-3, 0.0),
    ("logistic", "l1", 1e-3, 1.0),
    ("logistic", "elasticnet", 2e-3, 0.5),
    ("squared", "none", 0.0, 0.0),
    ("squared_hinge", "sparse_l2", 1e-3, 0.0),
    ("huber", "elasticnet", 2e-3, 0.3),
]


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize("loss, penalty, reg, l1_ratio", PROBLEMS)
def test_two_workers_come_within_a_hundredth_of_the_optimum(
    generated, loss, penalty, reg, l1_ratio
):
    l1 = reg * l1_ratio
    optimum, subgradient = best(generated, loss, reg - l1, l1)
    assert subgradient < 1e-5  # the measure itself is at the optimum: 0 is a subgradient there
    fit = fit_linear(
        generated, loss=loss, penalty=penalty, reg=reg, l1_ratio=l1_ratio, epochs=20, n_workers=2,
        kernel="numpy", batch_size=4, seed=1, start_method="fork",
    )  # fmt: skip
    assert optimum * (1 - 1e-6) <= fit.history[-1].objective <= 1.01 * optimum


def test_sgd_s_own_subgradient_certifies_elastic_net_without_any_other_program(generated):
    # strong convexity l2: objective - optimum <= |least subgradient|^2 / (2 l2), b held at its best
    reg, l1_ratio = 0.05, 0.2
    fit = fit_linear(
        generated, loss="squared", penalty="elasticnet", reg=reg, l1_ratio=l1_ratio, epochs=40,
        schedule="serial", kernel="numpy", batch_size=4, intercept=False, seed=1,
    )  # fmt: skip
    w, l1, l2 = fit.model.w, reg * l1_ratio, reg * (1 - l1_ratio)
    X = generated.to_scipy()
    gradient = X.T @ (2 * (X @ w - generated.y)) / len(generated) + l2 * w
    least = np.where(w != 0.0, gradient + l1 * np.sign(w), np.maximum(np.abs(gradient) - l1, 0.0))
    assert least @ least / (2 * l2) < 0.01 * fit.history[-1].objective


def test_integer_weights_count_like_repeated_rows():
    random = np.random.default_rng(0)
    X, y = sp.random(60, 5, 0.5, "csr", rng=random), random.normal(size=60)
    times = random.integers(0, 4, 60)
    weighted = Examples(X, y, sample_weight=times)
    repeated = Examples(sp.csr_matrix(X)[np.repeat(np.arange(60), times)], np.repeat(y, times))
    common = {"penalty": "l2", "reg": 0.1, "schedule": "serial", "kernel": "numpy", "seed": 0}
    fits = [fit_linear(rows, epochs=60, **common) for rows in (weighted, repeated)]
    # the same objective at the same weights ...
    at_the_same = fit_linear(
        repeated, start=fits[0].model, step=1e-300, epochs=1, **common
    ).history[0].objective  # fmt: skip
    assert at_the_same == pytest.approx(fits[0].history[-1].objective, rel=1e-12)
    # ... and so the same optimum
    objectives = [fit.history[-1].objective for fit in fits]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-3)


# the real thing


@pytest.fixture(scope="module")
def a8a(shared_data):
    return read_libsvm(shared_data / "libsvm" / "a8a")


@pytest.mark.usefixtures("no_child_left")
def test_a8a_logistic_by_two_workers_reaches_optimum_and_accuracy(a8a):
    cut = len(a8a) * 8 // 10
    train, test = a8a.rows(slice(0, cut)), a8a.rows(slice(cut, None))
    optimum, _ = best(train, "logistic", 1e-4)
    fit = fit_linear(
        train, loss="logistic", penalty="l2", reg=1e-4, epochs=20, n_workers=2, seed=0,
        validation=test, start_method="fork",
    )  # fmt: skip
    assert optimum <= fit.history[-1].objective <= 1.01 * optimum
    linear_model = pytest.importorskip("sklearn.linear_model")
    usual = linear_model.LogisticRegression(C=1 / (1e-4 * len(train)), max_iter=1000)
    usual.fit(train.to_scipy(), train.y)
    accuracy = usual.score(test.to_scipy(), test.y)
    assert fit.history[-1].validation["accuracy"] == pytest.approx(accuracy, abs=0.005)


def test_real_targets_come_within_a_hundredth_too(shared_data):
    examples = read_libsvm(shared_data / "mllib" / "sample_linear_regression_data.txt")
    optimum, _ = best(examples, "squared", 0.1)
    fit = fit_linear(
        examples, penalty="l2", reg=0.1, epochs=40, schedule="serial", kernel="numpy", seed=0
    )
    assert optimum <= fit.history[-1].objective <= 1.01 * optimum


def test_scikit_learn_s_metrics_are_the_means_of_our_losses():
    metrics = pytest.importorskip("sklearn.metrics")
    z = np.linspace(-3, 3, 25)
    y = np.where(np.arange(25) % 2, 1.0, -1.0)
    probabilities = 1 / (1 + np.exp(-z))
    for name, theirs in [
        ("logistic", metrics.log_loss(y, probabilities)),
        ("hinge", metrics.hinge_loss(y, z)),
        ("squared", metrics.mean_squared_error(y, z)),
        ("absolute", metrics.mean_absolute_error(y, z)),
    ]:
        assert find_loss(name).values(z, y).mean() == pytest.approx(theirs, rel=1e-12)
