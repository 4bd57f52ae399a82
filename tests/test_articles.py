"""The blog's figures: its serial steps as goldens, and its bounds with two workers.

The goldens are those of the steps in row order, which are deterministic: updates (coordinates past
the filter), mean |y - X w| and sum |w_true - w| after each pass.
"""

import multiprocessing

import numpy as np
import pytest

from hogwild.data import blog_data, blog_start
from hogwild.models import fit_linear
from hogwild.reference import hogwild as blog

pytestmark = pytest.mark.timeout(90)

START = {  # seed: loss, distance
    0: (0.490057, 4.960473),
    1: (0.360183, 4.317254),
    2: (0.348235, 4.313198),
    3: (0.491046, 4.929861),
    4: (0.595305, 6.104387),
}
PASSES = {  # seed: (updates, loss, distance) of passes 1 to 5
    0: [
        (30483, 0.01531558, 0.23040013),
        (11267, 0.00258732, 0.04053070),
        (1385, 0.00155040, 0.02472261),
        (328, 0.00131972, 0.02114388),
        (143, 0.00121813, 0.01957365),
    ],
    1: [
        (32804, 0.02400554, 0.38035912),
        (15548, 0.00332729, 0.05374896),
        (2128, 0.00169397, 0.02771774),
        (434, 0.00138865, 0.02290453),
        (178, 0.00126235, 0.02091247),
    ],
    2: [
        (30397, 0.01917052, 0.25784805),
        (13198, 0.00288670, 0.04025944),
        (1731, 0.00149454, 0.02093177),
        (272, 0.00127403, 0.01805869),
        (99, 0.00119472, 0.01705158),
    ],
    3: [
        (30939, 0.01625448, 0.26114007),
        (12123, 0.00278835, 0.04521644),
        (1580, 0.00164086, 0.02683292),
        (362, 0.00139476, 0.02289584),
        (162, 0.00128296, 0.02113188),
    ],
    4: [
        (32685, 0.02161278, 0.34157603),
        (14683, 0.00314741, 0.05095860),
        (1946, 0.00165630, 0.02722812),
        (410, 0.00137634, 0.02266776),
        (179, 0.00125812, 0.02071747),
    ],
}
PRINTED = 0.0014203406038, 0.0234173242317
# as the goldens: rounded to 8 places
GOLDEN = {"rel": 1e-6, "abs": 1e-8}


@pytest.fixture(autouse=True)
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


def figures(seed, epochs, *, threshold=blog.THRESHOLD, **options):
    """Loss and distance after each pass of the blog's steps by ``fit_linear``, and the fit."""
    examples, w_true = blog_data(seed)
    X = examples.to_scipy()
    w, found = blog_start(seed), []
    for _ in range(epochs):  # pass by pass, to see the weights in between
        fit = fit_linear(
            examples, start=w, step=blog.STEP, update_threshold=threshold, epochs=1,
            intercept=False, shuffle=False, evaluate=False, lost_updates=True, **options,
        )  # fmt: skip
        w = fit.model.w
        found.append((fit.lost_updates.updates, *blog.report(X, examples.y, w, w_true)))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_blog_s_program_run_serially_gives_the_goldens(seed):
    X, y, w_true = blog.make_data(seed)
    w = blog_start(seed)
    assert blog.report(X, y, w, w_true) == pytest.approx(START[seed], abs=6e-7)
    for updates, loss, distance in PASSES[seed]:
        assert blog.serial_pass(X, y, w) == updates
        assert blog.report(X, y, w, w_true) == pytest.approx((loss, distance), **GOLDEN)


@pytest.mark.parametrize(
    "seed, kernel, epochs", [*((seed, "python", 5) for seed in range(5)), (0, "numpy", 2)]
)
def test_the_serial_fit_gives_the_goldens(seed, kernel, epochs):
    found = figures(seed, epochs, schedule="serial", kernel=kernel)
    for ours, golden in zip(found, PASSES[seed], strict=False):
        assert ours[0] == golden[0]
        assert ours[1:] == pytest.approx(golden[1:], **GOLDEN)


def test_the_compiled_serial_fit_gives_the_goldens():
    pytest.importorskip("numba")
    found = figures(4, 5, schedule="serial", kernel="numba")
    for ours, golden in zip(found, PASSES[4], strict=True):
        assert ours == pytest.approx(golden, **GOLDEN)


def test_the_printed_pair_lies_between_the_third_pass_and_the_fourth():
    for seed, passes in PASSES.items():
        third, fourth = passes[2][1:], passes[3][1:]
        assert fourth[0] < PRINTED[0] < third[0], seed
        if seed != 2:  # whose third pass is nearer to the weights than the article's
            assert fourth[1] < PRINTED[1] < third[1], seed
        assert passes[0][1] > 10 * PRINTED[0]


@pytest.mark.parametrize("seed", [0, 3])
def test_the_floor_is_the_filter_s_and_without_it_pass_5_is_below_1e_4(seed):
    X, y, w_true = blog.make_data(seed)
    w = blog_start(seed)
    for _ in range(5):
        blog.serial_pass(X, y, w, threshold=None)
    assert blog.report(X, y, w, w_true)[0] < 1e-4
    assert figures(seed, 5, threshold=None, schedule="serial", kernel="python")[-1][1] < 1e-4
    assert PASSES[seed][4][1] > 1e-3


def bounds_hold(seed, start_method, kernel):
    passes = figures(seed, 4, n_workers=2, start_method=start_method, kernel=kernel)
    assert 0.012 < passes[0][1] < 0.030  # one pass never gives what the article prints
    assert passes[3][1] <= 0.0016
    assert passes[3][2] <= 0.026


FAST = [(0, "fork"), (1, "spawn"), (2, "forkserver"), (3, "fork"), (4, "fork")]


@pytest.mark.parametrize("seed, start_method", FAST)
def test_after_four_passes_two_workers_are_where_the_article_is(seed, start_method):
    # one fit of four passes; the single passes of all seeds and methods are among the slow tests
    examples, w_true = blog_data(seed)
    first = []
    fit = fit_linear(
        examples, start=blog_start(seed), step=blog.STEP, update_threshold=blog.THRESHOLD, epochs=4,
        intercept=False, shuffle=False, n_workers=2, start_method=start_method, kernel="python",
        callback=lambda record: first.append(record.objective),
    )  # fmt: skip
    loss, distance = blog.report(examples.to_scipy(), examples.y, fit.model.w, w_true)
    assert loss <= 0.0016
    assert distance <= 0.026
    assert first == sorted(first, reverse=True)


def test_the_first_pass_of_two_workers_is_in_the_measured_band():
    for seed in range(5):
        ((_, loss, _),) = figures(seed, 1, n_workers=2, start_method="fork", kernel="python")
        assert 0.012 < loss < 0.030


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kernel", ["python", "numpy", "numba"])
def test_the_article_s_bounds_hold_for_every_seed_start_method_and_kernel(
    seed, start_method, kernel
):
    if kernel == "numba":
        pytest.importorskip("numba")
    bounds_hold(seed, start_method, kernel)


def test_the_blog_s_program_with_its_pool_of_five_ends_in_the_measured_band():
    X, y, w_true = blog.make_data(0)
    blog.share(blog_start(0))
    blog.parallel_pass(X, y)
    loss, distance = blog.report(X, y, blog.w, w_true)
    assert 0.012 < loss < 0.030
    assert 0.18 < distance < 0.45


def test_the_shared_weights_of_the_blog_s_program_are_a_module_global():
    blog.share([0.5, 0.25])
    assert blog.w.tolist() == [0.5, 0.25]
    before = blog.w
    blog.update((np.array([1.0, 0.0]), 3.0))  # error 2.5, gradient -5
    assert before.tolist() == [0.505, 0.25]


def test_the_data_are_those_of_the_generator():
    for seed in range(2):
        X, y, w_true = blog.make_data(seed)
        examples, w_too = blog_data(seed)
        assert np.array_equal(examples.to_scipy().toarray(), X)
        assert np.array_equal(w_true, w_too)
        assert examples.y == pytest.approx(y, rel=1e-14)
