"""Lost updates: the sums by hand, a loss made on purpose, and the writes that lose nothing."""

import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Examples, sparse_classification
from hogwild.engine.loop import drain
from hogwild.engine.schedules import RoundRobin
from hogwild.kernels import linear
from hogwild.kernels.losses import find_loss
from hogwild.kernels.records import Constants, Shared, Variant
from hogwild.models import LostUpdates, fit_linear

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


def column(m=3000):
    """One feature that every row has: each two updates collide."""
    random = np.random.default_rng(0)
    return Examples(random.uniform(0.5, 1.0, (m, 1)), random.normal(size=m) + 3.0)


# by hand


def test_nothing_applied_is_nothing_lost():
    lost = LostUpdates()
    assert (lost.share, lost.share_of_path, lost.updates) == (0.0, 0.0, 0)


def test_the_shares_by_hand():
    # two workers: (+3, -1) and (+1, -1), path 6; the weights have moved by (3, -2): 1 of 6 is lost
    lost = LostUpdates()
    applied = np.array([[3.0, -1.0, 4.0, 5.0], [1.0, -1.0, 2.0, 2.0]])
    lost.add_epoch(np.array([1.0, 1.0]), np.array([4.0, -1.0]), applied)
    assert (lost.residue, lost.net, lost.path, lost.updates) == (1.0, 6.0, 6.0, 7)
    assert lost.share == lost.share_of_path == 1 / 6


def test_opposite_deltas_shorten_the_net_distance_not_the_path():
    lost = LostUpdates()
    lost.add_epoch(np.zeros(1), np.array([1.5]), np.array([[5.0, 5.0, 1.0], [-3.0, 3.0, 1.0]]))
    assert (lost.share, lost.share_of_path) == (0.25, 0.0625)


def test_epochs_add_up_and_what_one_loses_another_does_not_make_good():
    lost = LostUpdates()
    for end in (3.0, 5.0):  # one delta of 4 each: short by 1, then too far by 1
        lost.add_epoch(np.zeros(1), np.array([end]), np.array([[4.0, 4.0, 1.0]]))
    assert lost.share == 0.25


def test_weights_kept_divided_by_a_scale_are_told_in_their_own_units():
    lost = LostUpdates()
    lost.add_epoch(np.zeros(1), np.array([6.0]), np.array([[8.0, 4.0, 2.0]]), scale=0.5)
    assert (lost.residue, lost.net, lost.path, lost.updates) == (1.0, 4.0, 4.0, 2)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.floats(-10, 10), st.integers(0, 5)
)  # fmt: skip
def test_what_is_held_back_is_what_is_found(deltas, held_back, j):
    j %= len(deltas)
    before = np.linspace(-1, 1, len(deltas))
    after = before + deltas
    after[j] -= held_back
    applied = np.array([[*deltas, float(np.abs(deltas).sum()), len(deltas)]])
    lost = LostUpdates()
    lost.add_epoch(before, after, applied)
    assert lost.residue == pytest.approx(abs(held_back), abs=1e-12)


# in a fit


@pytest.mark.parametrize("kernel", ["python", "numpy"])
@pytest.mark.parametrize("options", [{}, {"penalty": "elasticnet", "batch_size": 4}], ids=str)
def test_one_worker_leaves_rounding_only(kernel, options):
    examples = sparse_classification(500, 20, 4, 0)[0]
    fit = fit_linear(
        examples, n_workers=1, kernel=kernel, lost_updates=True, seed=0, epochs=3,
        start_method="fork", **options,
    )  # fmt: skip
    assert 0.0 <= fit.lost_updates.share < 1e-12
    # each non-zero of the rows, and an intercept a row (an update, in batches)
    if not options:
        assert fit.lost_updates.updates == 3 * (500 * 4 + 500)


@pytest.mark.parametrize("kernel", ["python", "numpy", "numba"])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("intercept", [False, True])
def test_under_a_scale_the_path_is_no_shorter_than_the_net_distance(kernel, batch_size, intercept):
    if kernel == "numba":
        pytest.importorskip("numba")
    lost = fit_linear(
        column(400), schedule="serial", kernel=kernel, lost_updates=True, penalty="l2", reg=0.5,
        step=1e-3, epochs=1, batch_size=batch_size, intercept=intercept, seed=0,
    ).lost_updates  # fmt: skip
    # the targets are all about 3, so nearly all deltas go one way
    assert lost.net <= lost.path < 1.2 * lost.net


def test_the_path_by_hand_in_the_weights_own_units():
    # w = v = 0, scale 1: the slope -2 and the step 1/4 give v = b = 1/2; then the scale is 4/5
    # z = 2/5 + 1/2, slope -1/5: the scaled delta is 1/20, that of v 1/16, that of b 1/20
    lost = fit_linear(
        Examples([[1.0], [1.0]], [1.0, 1.0]), schedule="serial", kernel="python", step=0.25,
        lost_updates=True, penalty="l2", reg=1.0, epochs=1,
    ).lost_updates  # fmt: skip
    assert lost.path == pytest.approx(0.5 + 0.5 + 0.05 + 0.05, rel=1e-12)


def test_one_compiled_worker_leaves_rounding_only():
    pytest.importorskip("numba")
    fit = fit_linear(column(), n_workers=1, kernel="numba", lost_updates=True, start_method="fork")
    assert 0.0 <= fit.lost_updates.share < 1e-12


def test_off_it_records_nothing():
    assert fit_linear(column(50), schedule="serial", kernel="python").lost_updates is None


def test_two_workers_in_a_collision_rich_set_count_every_write(start_method):
    fit = fit_linear(
        column(2000), n_workers=2, kernel="python", lost_updates=True, epochs=2, step=0.01, seed=0,
        start_method=start_method, intercept=False,
    )  # fmt: skip
    assert fit.lost_updates.share >= 0.0
    assert fit.lost_updates.updates == 4000
    assert fit.lost_updates.path >= fit.lost_updates.net


class EveryTenthIsLost:
    """An addition that now and then never reaches the weights, as one that is overwritten."""

    def __init__(self):
        self.calls, self.dropped = 0, 0.0

    def __call__(self, w, j, delta):
        self.calls += 1
        if self.calls % 10:
            w[j] += delta
        else:
            self.dropped += delta


def test_writes_that_never_arrive_are_found_to_the_last_bit_but_rounding(monkeypatch):
    losing = EveryTenthIsLost()
    monkeypatch.setattr(linear, "_add", losing)
    linear.make_update.cache_clear()
    try:
        fit = fit_linear(
            column(400), schedule="serial", kernel="python", lost_updates=True, epochs=1, step=0.01,
            seed=0, intercept=False,
        )  # fmt: skip
    finally:
        linear.make_update.cache_clear()
    assert losing.calls == fit.lost_updates.updates == 400
    assert fit.lost_updates.residue == pytest.approx(abs(losing.dropped), rel=1e-9)
    assert fit.lost_updates.share > 0.01


def test_two_interleaved_writes_lose_one_of_them_and_it_is_found():
    # read, read, store, store: what a plain `w[j] += delta` of two workers can come to
    w, deltas = np.array([1.0]), (0.25, 0.5)
    first, second = w[0] + deltas[0], w[0] + deltas[1]
    w[0] = second
    w[0] = first
    lost = LostUpdates()
    lost.add_epoch(np.array([1.0]), w, np.array([[0.25, 0.25, 1.0], [0.5, 0.5, 1.0]]))
    assert lost.residue == 0.5
    assert lost.share == pytest.approx(2 / 3)


SAFE = [("python", "locked"), ("numpy", "locked"), ("numba", "locked"), ("numba", "atomic")]


@pytest.mark.parametrize("kernel, write", SAFE)
def test_locked_and_atomic_writes_lose_nothing(kernel, write):
    if kernel == "numba":
        pytest.importorskip("numba")
    rows = column(100_000 if kernel == "numba" else 3000)
    fit = fit_linear(
        rows, n_workers=2, kernel=kernel, write=write, lost_updates=True, epochs=2, step=0.001,
        seed=0, start_method="fork",
    )  # fmt: skip
    assert fit.lost_updates.share < 1e-10
    assert fit.lost_updates.updates == 2 * 2 * len(rows)


# round robin


@pytest.mark.parametrize("kernel", ["python", "numpy", "numba"])
def test_round_robin_makes_every_update_and_loses_none(kernel):
    if kernel == "numba":
        pytest.importorskip("numba")
    fit = fit_linear(
        column(701), schedule="round_robin", n_workers=2, kernel=kernel, lost_updates=True,
        epochs=2, step=0.01, seed=0, start_method="fork", trace=True,
    )  # fmt: skip
    assert [record.updates for record in fit.history] == [701, 701]
    assert fit.lost_updates.updates == 2 * 2 * 701
    assert fit.lost_updates.share < 1e-10
    assert fit.trace.check() is None
    assert {event.worker for event in fit.trace.events} == {0, 1}


def test_round_robin_works_under_every_start_method(start_method):
    fit = fit_linear(
        column(60), schedule="round_robin", n_workers=2, kernel="python", epochs=2, step=0.01,
        seed=0, start_method=start_method, batch_size=7,
    )  # fmt: skip
    assert fit.history[-1].objective < fit.history[0].objective


def test_under_round_robin_writes_alternate_as_long_as_both_have_updates(monkeypatch):
    # two threads, with the gate of processes: who wrote is noted while it is his turn
    wrote = []
    enter, leave = linear.python_turn()

    def noting(gate, worker):
        wrote.append(worker)
        leave(gate, worker)

    monkeypatch.setattr(linear, "python_turn", lambda: (enter, noting))
    variant = Variant(write="turn", recorded=True)  # no other test has this one cached
    linear.make_update.cache_clear()
    rows = linear.make_update(find_loss("squared"), variant, compiled=False)
    linear.make_update.cache_clear()
    m, length = 50, 10  # five blocks: worker 0 has three of them, worker 1 two
    shared = Shared(
        np.arange(m + 1), np.zeros(m, np.uint32), np.ones(m), np.ones(m), np.ones(m), np.zeros(2),
        np.zeros(1), np.zeros(1), None,
    )  # fmt: skip
    schedule = RoundRobin(5, 2)
    schedule.start(np.arange(5), np.full(5, length))

    def work(worker):
        own = shared._replace(applied=np.zeros(4))
        constants = Constants(1, True, 0.0, 0.0, 0.0, worker)

        def update(grant, task):
            first, steps = grant.block * length, np.full(length, 0.01)
            gate = schedule.gate.array
            return rows(first, first + length, steps, 1.0, 0.0, own, constants, gate, None)

        drain(schedule, worker, update)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrote == [0, 1] * 20 + [0] * 10
