"""One update, three executions: plain, compiled and numpy against the reference and by hand."""

import multiprocessing
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from linear_cases import (
    PENALTIES,
    Case,
    by_kernel,
    by_reference,
    cases,
    make_case,
    shared_of,
    variant_of,
)

from hogwild.kernels import linear_numpy
from hogwild.kernels.gates import compiled_lock, compiled_turn, python_lock, python_turn
from hogwild.kernels.linear import make_scratch, make_update
from hogwild.kernels.losses import LOSSES, find_loss
from hogwild.kernels.records import Constants

# Every loss, penalty and switch, and many pairs of them. Compiling takes half a second each: all
# combinations would be 840; of these the second part is run with the slow tests.
SAMPLE = [
    {"loss": "squared"},
    {"loss": "squared", "threshold": 0.1, "intercept": False},
    {"loss": "absolute", "adagrad": True, "batch_size": 3, "intercept": False},
    {"loss": "huber", "penalty": "elasticnet", "batch_size": 3, "threshold": 0.1},
    {"loss": "epsilon_insensitive", "penalty": "l1"},
    {"loss": "logistic", "penalty": "l2", "batch_size": 3},
    {"loss": "logistic", "penalty": "adagrad's elasticnet", "adagrad": True},
    {"loss": "hinge", "penalty": "sparse_l2"},
    {"loss": "squared_hinge", "penalty": "l2"},
]
MORE = [
    {"loss": "squared", "penalty": "l2", "batch_size": 3},
    {"loss": "absolute", "penalty": "l1", "threshold": 0.1},
    {"loss": "huber", "penalty": "sparse_l2"},
    {"loss": "epsilon_insensitive", "penalty": "l2", "threshold": 0.1},
    {"loss": "logistic", "penalty": "l1", "batch_size": 3, "intercept": False},
    {"loss": "hinge", "penalty": "sparse_l2", "adagrad": True, "threshold": 0.1},
    {"loss": "hinge", "penalty": "sparse_l2", "batch_size": 3},
    {"loss": "squared_hinge", "penalty": "elasticnet"},
    {"loss": "squared_hinge", "adagrad": True, "batch_size": 3, "threshold": 0.1},
]


def name_of(options):
    return "-".join(str(value) for value in options.values())


def one_row(**options):
    """x = (2, 0, -1), y = 1, w = (1, 1, 1), b = .5: z = 1.5, e = .5, slope 1."""
    return Case(
        sp.csr_matrix([[2.0, 0.0, -1.0]]), np.array([1.0]), np.ones(1),
        np.array([1.0, 1.0, 1.0, 0.5]), np.array([0.25]), **options,
    )  # fmt: skip


BY_HAND = [
    ({}, [0.5, 1.0, 1.25, 0.25]),
    ({"intercept": False}, [0.5, 1.0, 1.25, 0.5]),
    # the third gradient, -1, and the intercept's, 1, are within the threshold
    ({"threshold": 1.0}, [0.5, 1.0, 1.0, 0.5]),
    # divided by 1 + .25 * .3, all but the intercept
    ({"penalty": "l2"}, [0.5 / 1.075, 1.0 / 1.075, 1.25 / 1.075, 0.25]),
    # .25 * .2 off the touched ones; each occurs in every row, so it pays once
    ({"penalty": "l1"}, [0.45, 1.0, 1.20, 0.25]),
    ({"penalty": "sparse_l2"}, [0.5 / 1.1, 1.0, 1.25 / 1.1, 0.25]),
    ({"penalty": "elasticnet"}, [0.475 / 1.05, 1.0 / 1.05, 1.225 / 1.05, 0.25]),
    # the first AdaGrad step has the length of the step, whatever the gradient is
    ({"adagrad": True}, [0.75, 1.0, 1.25, 0.25]),
]
KERNELS = ["python", "numpy", "numba"]


@pytest.fixture(params=KERNELS)
def kernel(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


@pytest.mark.parametrize("options, w", BY_HAND, ids=str)
@pytest.mark.parametrize("kernel", ["python", "numpy"])
def test_one_update_by_hand(kernel, options, w):
    outcome = by_kernel(one_row(**options), kernel)
    assert outcome.w == pytest.approx(w, rel=1e-9)
    assert outcome.loss == 0.25


def test_a_batch_moves_by_the_mean_gradient_taken_at_one_w(kernel):
    # y = 1 and 3, x = 1, w = 0: slopes -2 and -6, mean -4, and b gets the same
    case = Case(
        sp.csr_matrix([[1.0], [1.0]]), np.array([1.0, 3.0]), np.ones(2), np.zeros(2),
        np.array([0.125]), batch_size=3,
    )  # fmt: skip
    outcome = by_kernel(case, kernel)
    assert outcome.w.tolist() == [0.5, 0.5]
    assert outcome.loss == 10.0


def test_a_batch_pays_the_penalty_by_the_share_of_its_rows_that_touch(kernel):
    # of 2 rows one has the feature: share 2, touched by half of the batch, so it pays l1 once
    case = Case(
        sp.csr_matrix([[1.0], [0.0]]), np.array([0.0, 0.0]), np.ones(2), np.array([0.0, 0.0]),
        np.array([0.5]), batch_size=2, penalty="l1", intercept=False,
    )  # fmt: skip
    start = case.with_changes(w=np.array([1.0, 0.0]), y=np.array([1.0, 0.0]))  # no error at all
    assert by_kernel(start, kernel).w.tolist() == [0.9, 0.0]


@given(cases())
@settings(max_examples=250, deadline=None)
def test_the_plain_loop_equals_the_reference_to_the_bit(case):
    plain, wanted = by_kernel(case), by_reference(case)
    assert plain.w.tobytes() == wanted.w.tobytes()
    if not case.border:  # in two calls the sums of losses are added up in two parts
        assert plain.loss == wanted.loss


@pytest.mark.parametrize(
    "options",
    [*SAMPLE, *(pytest.param(options, marks=pytest.mark.slow) for options in MORE)],
    ids=name_of,
)
def test_the_compiled_loop_equals_the_reference_to_the_bit(options):
    pytest.importorskip("numba")
    for seed in range(6):
        case = make_case(seed, border=seed, **options)
        compiled, wanted = by_kernel(case, "numba"), by_reference(case)
        assert compiled.w.tobytes() == wanted.w.tobytes()
        assert compiled.loss == pytest.approx(wanted.loss, rel=1e-15)


def test_the_sample_covers_each_choice():
    for name, wanted in [
        ("loss", LOSSES), ("penalty", PENALTIES), ("batch_size", [1, 3]),
        ("adagrad", [False, True]), ("threshold", [None, 0.1]), ("intercept", [False, True]),
    ]:  # fmt: skip
        chosen = [options.get(name, getattr(one_row(), name)) for options in SAMPLE]
        assert {*chosen} == {*wanted}


@given(cases())
@settings(max_examples=250, deadline=None)
def test_numpy_agrees_to_rounding(case):
    ours, wanted = by_kernel(case, "numpy"), by_reference(case)
    if case.threshold or case.loss in ("absolute", "hinge", "epsilon_insensitive"):
        # rounding may decide on which side of a jump a number falls; here it never has
        assert ours.w == pytest.approx(wanted.w, rel=1e-9, abs=1e-9)
    assert ours.w == pytest.approx(wanted.w, rel=1e-11, abs=1e-12)
    assert ours.loss == pytest.approx(wanted.loss, rel=1e-11, abs=1e-12)


def test_numpy_gathers_a_small_batch_of_many_features_like_a_large_one_of_few():
    # 8 entries in 400 features are sorted, in 6 features counted: the same w
    few = make_case(3, n_rows=6, n_features=6, density=0.3, batch_size=3)
    wide = sp.csr_matrix((few.X.data, few.X.indices, few.X.indptr), shape=(6, 400))
    w = np.concatenate([few.w[:-1], np.zeros(394), few.w[-1:]])
    many = few.with_changes(X=wide, w=w)
    found = by_kernel(many, "numpy").w
    assert found[[0, 1, 2, 3, 4, 5, -1]].tobytes() == by_kernel(few, "numpy").w.tobytes()


def test_float32_agrees_to_1e_5(kernel):
    case = make_case(
        1, n_rows=40, dtype="f4", loss="huber", penalty="elasticnet", batch_size=3, threshold=0.1
    )
    outcome, wanted = by_kernel(case, kernel), by_reference(case)
    assert outcome.w.dtype == np.float32
    assert outcome.w == pytest.approx(wanted.w, rel=1e-5, abs=1e-5)
    assert outcome.loss == pytest.approx(wanted.loss, rel=1e-5)


def test_the_loss_is_summed_before_each_update(kernel):
    # w = 0: (0 - 2)^2 = 4; then w = .25 * 4 = 1: (1 - 2)^2 = 1
    case = Case(
        sp.csr_matrix([[1.0], [1.0]]), np.array([2.0, 2.0]), np.ones(2), np.zeros(2),
        np.full(2, 0.25), intercept=False,
    )  # fmt: skip
    assert by_kernel(case, kernel).loss == 5.0


def test_an_empty_run_and_empty_rows_change_nothing_but_the_intercept(kernel):
    nothing = make_case(n_rows=0)
    assert by_kernel(nothing, kernel).w.tobytes() == nothing.w.tobytes()
    empty = make_case(n_rows=3, density=0.0, intercept=False)
    assert by_kernel(empty, kernel).w.tobytes() == empty.w.tobytes()
    moved = by_kernel(empty.with_changes(intercept=True), kernel).w
    assert moved[:-1].tobytes() == empty.w[:-1].tobytes()
    assert moved[-1] != empty.w[-1]


def test_a_row_of_weight_0_moves_nothing(kernel):
    case = make_case(2)
    idle = case.with_changes(weight=np.zeros(13))
    outcome = by_kernel(idle, kernel)
    assert np.array_equal(outcome.w, case.w)
    assert outcome.loss == 0.0


def test_l1_pulls_to_exactly_zero_and_not_beyond(kernel):
    case = make_case(5, n_rows=30, penalty="l1", loss="epsilon_insensitive")
    still = case.with_changes(
        y=np.zeros(30),
        weight=np.zeros(30),
        w=np.append(np.full(6, 0.3), 0.0),
        steps=np.full(30, 0.5),
    )
    assert by_kernel(still, kernel).w.tolist() == [0.0] * 7


def test_a_step_of_l2_can_be_huge_without_overshooting(kernel):
    case = make_case(2, n_rows=3, penalty="sparse_l2", loss="hinge").with_changes(
        weight=np.zeros(3), steps=np.full(3, 1e9)
    )
    w = by_kernel(case, kernel).w
    assert (np.abs(w) <= np.abs(case.w)).all()


@pytest.mark.parametrize("kernel", ["python", "numpy"])
@pytest.mark.parametrize("options", [{}, {"batch_size": 3, "penalty": "l1"}], ids=name_of)
def test_what_is_recorded_is_what_was_added(kernel, options):
    case = make_case(4, threshold=0.1, **options)
    bare, outcome = by_kernel(case, kernel), by_kernel(case, kernel, recorded=True)
    assert outcome.w.tobytes() == bare.w.tobytes()  # the instrument changes no weight
    deltas = outcome.applied[:7]
    assert case.w + deltas == pytest.approx(outcome.w, abs=1e-14)
    assert outcome.applied[7] >= np.abs(deltas).sum() - 1e-12
    assert outcome.applied[8] == int(outcome.applied[8]) > 0


def test_the_number_of_writes_is_that_of_coordinates_that_pass(kernel):
    # 3 rows with 2 entries each and an intercept: 9; above the largest gradient: none
    X = sp.csr_matrix(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]))
    case = Case(X, np.ones(3), np.ones(3), np.zeros(4), np.full(3, 0.01))
    assert by_kernel(case, kernel, recorded=True).applied[5] == 9
    if kernel == "numba":  # one more variant to compile says no more
        return
    blocked = case.with_changes(threshold=100.0)
    assert by_kernel(blocked, kernel, recorded=True).applied[5] == 0


def test_every_way_to_write_gives_one_worker_the_same_weights(kernel):
    case = make_case(6, penalty="elasticnet")
    plain = by_kernel(case, kernel).w
    lock = (
        np.zeros(1, np.int64) if kernel == "numba" else multiprocessing.get_context("fork").Lock()
    )
    ways = {"add_at": None, "locked": lock, "turn": np.array([0, 13])}
    if kernel == "numba":
        ways["atomic"] = None
    for write, gate in ways.items():
        found = run_with_gate(case, kernel, write, gate)
        assert found.tobytes() == plain.tobytes()


def run_with_gate(case, kernel, write, gate):
    variant = variant_of(case, write=write)
    loss = find_loss(case.loss)
    update = (
        linear_numpy.make_update(loss, variant)
        if kernel == "numpy"
        else make_update(loss, variant, compiled=kernel == "numba")
    )
    l2, l1, sparse_l2 = PENALTIES[case.penalty]
    shared = shared_of(case, variant)
    constants = Constants(1, True, l1, sparse_l2, -1.0, 0)
    gate = np.zeros(1, np.int64) if gate is None else gate
    update(0, 13, case.steps, 1.0, l2, shared, constants, gate, make_scratch(7))
    if write == "turn":
        assert gate.tolist() == [0, 0]  # every turn was taken
    w = shared.w.copy()
    scale = 1.0
    for step in case.steps.tolist():
        scale = scale * (1.0 / (1.0 + step * l2))
    w[:-1] *= scale
    return w


def test_a_lock_is_open_again_after_leaving():
    enter, leave = python_lock()
    lock = multiprocessing.get_context("fork").Lock()
    enter(lock, 0)
    assert not lock.acquire(block=False)
    leave(lock, 0)
    assert lock.acquire(block=False)


def test_the_compiled_lock_marks_its_place():
    pytest.importorskip("numba")
    enter, leave = compiled_lock()
    gate = np.zeros(1, np.int64)
    enter(gate, 0)
    assert gate[0] == 1
    leave(gate, 0)
    assert gate[0] == 0


@pytest.mark.parametrize("make", [python_turn, compiled_turn])
def test_the_turn_goes_round_and_passes_over_who_has_nothing_left(make):
    if make is compiled_turn:
        pytest.importorskip("numba")
    enter, leave = make()
    gate = np.array([0, 2, 0, 3])  # worker 0 has two updates, worker 1 none, worker 2 three
    seen = []
    while gate[1:].any():
        worker = int(gate[0])
        enter(gate, worker)
        leave(gate, worker)
        seen.append(worker)
    assert seen == [0, 2, 0, 2, 2]


def test_numba_s_absence_costs_one_sentence(monkeypatch):
    from hogwild.errors import MissingExtra
    from hogwild.kernels import compiled

    monkeypatch.setattr(compiled, "have_numba", lambda: False)
    with pytest.raises(MissingExtra, match=r'kernel="numba" .*pip install .hogwild\[fast\]'):
        compiled.jit(abs)
    with pytest.raises(MissingExtra, match=r'write="atomic" .*pip install .hogwild\[fast\]'):
        compiled.atomics()


def test_an_update_is_built_once_for_a_loss_and_a_variant():
    from hogwild.kernels.records import Variant

    first = make_update(find_loss("huber"), Variant(), compiled=False)
    assert make_update(find_loss("huber"), Variant(), compiled=False) is first


class Watched:
    """A lock in whose absence the weights must stand still."""

    def __init__(self, w):
        self.w, self.last, self.held, self.times = w, w.copy(), False, 0

    def acquire(self):
        assert not self.held
        assert self.w.tobytes() == self.last.tobytes()
        self.held = True

    def release(self):
        self.held, self.last = False, self.w.copy()
        self.times += 1


@pytest.mark.parametrize("kernel", ["python", "numpy"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_locked_updates_write_only_while_they_hold_the_lock(kernel, batch_size):
    case = make_case(6, batch_size=batch_size)
    variant = variant_of(case, write="locked")
    shared = shared_of(case, variant)
    lock = Watched(shared.w)
    constants = Constants(batch_size, True, 0.0, 0.0, 0.0, 0)
    if kernel == "numpy":
        update = linear_numpy.make_update(find_loss("squared"), variant)
    else:
        update = make_update(find_loss("squared"), variant, compiled=False)
    update(0, 13, case.steps, 1.0, 0.0, shared, constants, lock, make_scratch(7))
    assert lock.times == len(case.steps)
    assert shared.w.tobytes() == lock.last.tobytes() != case.w.tobytes()


@pytest.mark.parametrize("write", ["locked", "turn"])
def test_a_compiled_update_waits_at_its_gate(write):
    pytest.importorskip("numba")
    case = make_case(6)
    variant = variant_of(case, write=write)
    shared = shared_of(case, variant)
    constants = Constants(1, True, 0.0, 0.0, 0.0, 0)
    update = make_update(find_loss("squared"), variant, compiled=True)
    gate = np.array([1, 13, 1])  # taken, and the turn of worker 1: closed both ways
    given = (case.steps, 1.0, 0.0, shared, constants, gate, make_scratch(7))
    update(0, 0, *given)  # compiles
    thread = threading.Thread(target=update, args=(0, 13, *given))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    assert shared.w.tobytes() == case.w.tobytes()
    gate[2] = 0
    gate[0] = 0
    thread.join(30)
    assert not thread.is_alive()
    assert shared.w.tobytes() == by_kernel(case, "numba").w.tobytes()


def test_the_atomic_update_is_compiled_to_compare_and_swap():
    # losses of a plain addition are too rare to be waited for, so the code itself is looked at
    pytest.importorskip("numba")
    case = make_case(6)
    for write, wanted in (("atomic", True), ("plain", False)):
        by_kernel(case, "numba", write=write)
        update = make_update(find_loss("squared"), variant_of(case, write=write), compiled=True)
        code = "".join(update.inspect_llvm().values())
        assert ("cmpxchg" in code or "atomicrmw fadd" in code) == wanted


def test_atomic_additions_of_two_threads_all_arrive():
    pytest.importorskip("numba")
    from hogwild.kernels.compiled import atomics, jit

    add = atomics().add

    @jit
    def hammer(a, n):
        for _ in range(n):
            add(a, 0, 1.0)

    total = np.zeros(1)
    hammer(total, 0)
    threads = [threading.Thread(target=hammer, args=(total, 3_000_000)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert total[0] == 6_000_000.0
