"""Sandblaster: sums that no order changes, L-BFGS by commands, and what is lost on the way."""

import logging
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize as scipy_minimize

from hogwild.data import Examples, Ratings
from hogwild.data.field_rows import FieldRows
from hogwild.downpour import sandblaster
from hogwild.downpour.factors import FactorProblem
from hogwild.downpour.fields import FieldProblem
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.portions import Portion, PortionTable, portions_of
from hogwild.downpour.sandblaster_batch import as_batch, share_of
from hogwild.downpour.sandblaster_cluster import slices_of
from hogwild.downpour.sandblaster_coordinator import RETRIES, RIDGE, START, Coordinator
from hogwild.downpour.sandblaster_group import Again, SliceGroup
from hogwild.downpour.sandblaster_replica import BatchReplica, Rounds
from hogwild.downpour.slices import Slice
from hogwild.mllib import LogisticGradient, SquaredL2Updater, run_lbfgs
from hogwild.mllib.first_order import minimize
from hogwild.mllib.lbfgs import Wolfe


def fit_sandblaster(data, **options):
    """All in this process: the processes are tested in test_downpour_sandblaster_cluster."""
    return sandblaster.fit_sandblaster(data, processes=False, **options)


def rows_of(n=40, d=6, seed=0, weighted=False):
    """Sparse rows with labels that a line does not quite separate."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * (random.random((n, d)) < 0.6)
    y = np.where(X @ random.normal(size=d) + 0.5 * random.normal(size=n) > 0, 1.0, -1.0)
    return Examples(X, y, sample_weight=random.random(n) + 0.5 if weighted else None)


def logistic(n=40, d=6, reg=0.05, **options):
    return LinearProblem(rows_of(n, d), loss="logistic", penalty="l2", reg=reg, **options)


def ratings_of(n=60, seed=0):
    random = np.random.default_rng(seed)
    return Ratings.of_indices(
        random.integers(0, 7, n), random.integers(0, 5, n), random.integers(1, 6, n).astype(float)
    )


def fields_of(n=12, seed=0):
    random = np.random.default_rng(seed)
    fields, features = np.tile(np.arange(3), n), random.integers(0, 4, 3 * n)
    y = random.choice([-1.0, 1.0], n)
    return FieldRows(
        3 * np.arange(n + 1),
        fields,
        features,
        random.random(3 * n) + 0.5,
        y,
        n_features=4,
        dtype=float,
    )


def group_of(vectors, shards, **options):
    n = len(next(iter(vectors.values())))
    return SliceGroup(slices_of(vectors, shards), n, **options)


# ---- a slice's commands ------------------------------------------------------------------------


def test_every_command_does_to_its_slice_what_it_says():
    part = Slice({"a": [1.0, 2.0], "b": [3.0, -1.0]})
    assert part.dot("a", "b") == 1.0
    part.scale("a", 2.0)
    assert part.fetch("a").tolist() == [2.0, 4.0]
    part.add("a", -0.5, "b")
    assert part.fetch("a").tolist() == [0.5, 4.5]
    part.multiply("a", "b")
    assert part.fetch("a", np.array([1])).tolist() == [-4.5]
    part.copy("c", "b")
    part.zero("b")
    part.zero("e")
    assert [part.fetch(name).tolist() for name in "bce"] == [[0.0, 0.0], [3.0, -1.0], [0.0, 0.0]]
    part.only(("c", "not there"))
    assert sorted(part.state()) == ["life", "vector c"]


def test_vectors_are_copies():
    mine = np.ones(2)
    part = Slice({"a": mine})
    part.copy("b", "a")
    part.fetch("a")[0] = mine[0] = 7.0
    part.scale("b", 5.0)
    assert part.fetch("a").tolist() == [1.0, 1.0]


def test_a_message_that_comes_twice_is_carried_out_once():
    part = Slice({"a": [1.0]})
    commands = [("scale", "a", 3.0), ("dot", "a", "a")]
    assert part.obey(1, None, commands) == (0, [None, 9.0])
    assert part.obey(1, 0, commands) == (0, [None, 9.0])
    assert part.obey(2, 0, commands) == (0, [None, 81.0])


def test_a_restored_slice_obeys_nobody_who_knows_its_former_life():
    part = Slice.from_state(Slice({"a": [1.0]}).state(), life=4)
    assert part.obey(1, 3, [("scale", "a", 3.0)]) == (4, [])
    assert part.obey(2, 4, [("dot", "a", "a")]) == (4, [1.0])


def test_what_is_no_command_is_refused():
    part = Slice({"a": [1.0]})
    with pytest.raises(ValueError, match="unknown command 'state'"):
        part.obey(1, None, [("state",)])
    with pytest.raises(ValueError, match=r"dot\('a', 'z'\): there is no vector 'z' among \['a'\]"):
        part.obey(2, None, [("dot", "a", "z")])
    with pytest.raises(ValueError, match=r"one length, got \[1, 2\]"):
        Slice({"a": [1.0], "b": [1.0, 2.0]})


def test_a_restored_slice_has_its_vectors_and_no_batch():
    part = Slice({"a": [1.0, 2.0]})
    part.begin(3, "a")
    part.accumulate(3, 0, (None, np.ones(2)))
    other = Slice.from_state(part.state())
    assert other.fetch("a").tolist() == [1.0, 2.0]
    assert other.parameters(3) is None
    assert other.accumulate(3, 1, (None, np.ones(2))) is False
    assert other.collect(3, "g") == -1
    assert part.parameters(3).tolist() == [1.0, 2.0]
    assert part.collect(3, "g") == 1
    assert part.parameters(3) is None


# ---- what portions add up to -------------------------------------------------------------------


@given(st.data())
def test_a_slices_sum_is_that_in_the_portions_order_whatever_arrives_when(data):
    n_portions = data.draw(st.integers(1, 8))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    gradients = [
        (None, random.normal(size=5) * 10.0 ** random.integers(-8, 8))
        if random.random() < 0.5
        else (np.array([1, 3]), random.normal(size=2))
        for _ in range(n_portions)
    ]
    whole = np.zeros(5)
    for where, values in gradients:
        whole[slice(None) if where is None else where] += values
    arrivals = data.draw(
        st.permutations(
            list(range(n_portions)) + data.draw(st.lists(st.integers(0, n_portions - 1)))
        )
    )
    part = Slice({"x": np.zeros(5)})
    part.begin(1, "x")
    seen = set()
    for portion in arrivals:
        assert part.accumulate(1, portion, gradients[portion]) is (portion not in seen)
        assert part.accumulate(0, portion, gradients[portion]) is False
        seen.add(portion)
    assert part.collect(1, "g") == n_portions
    assert part.fetch("g").tobytes() == whole.tobytes()
    assert part.accumulate(1, n_portions, gradients[0]) is False


def test_a_portion_that_is_missing_is_seen_by_the_count():
    part = Slice({"x": [0.0]})
    part.begin(1, "x")
    part.accumulate(1, 0, (None, [1.0]))
    part.accumulate(1, 2, (None, [4.0]))
    assert part.collect(1, "g") == 1
    assert part.fetch("g").tolist() == [1.0]


def test_what_is_held_is_a_copy():
    part, buffer = Slice({"x": [0.0]}), np.ones(1)
    part.begin(1, "x")
    part.accumulate(1, 1, (None, buffer))
    buffer[0] = 9.0
    part.accumulate(1, 0, (None, buffer))
    part.collect(1, "g")
    assert part.fetch("g").tolist() == [10.0]


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 99))
def test_dot_products_over_shards_are_those_of_the_whole_to_rounding(n, shards, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, n))
    group = group_of({"a": a, "b": b}, min(shards, n))
    (found,) = group.obey(("dot", "a", "b"))
    assert abs(found - a @ b) <= 1e-15 * n * float(np.abs(a) @ np.abs(b))


@given(st.integers(1, 12), st.data())
def test_a_gradient_is_cut_up_by_slice(n, data):
    where = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), np.int64)
    group = group_of({"x": np.zeros(n)}, data.draw(st.integers(1, n)))
    group.obey(("begin", 1, "x"))
    assert group.accumulate(1, 0, where, where + 1.0)
    assert group.accumulate(1, 1, None, np.arange(n) * 0.5)
    assert group.obey(("collect", 1, "g")) == [2 * len(group.slices)]
    expected = np.arange(n) * 0.5
    expected[where] += where + 1.0
    assert group.fetch("g").tolist() == expected.tolist()


# ---- a problem's losses and its ridge ----------------------------------------------------------

PROBLEMS = {
    "logistic": lambda: logistic(),
    "sparse_l2": lambda: LinearProblem(rows_of(), loss="huber", penalty="sparse_l2", reg=0.1),
    "weighted": lambda: LinearProblem(rows_of(weighted=True), loss="squared_hinge"),
    "no intercept": lambda: LinearProblem(rows_of(), penalty="l2", reg=0.3, intercept=False),
    "factors": lambda: FactorProblem(ratings_of(), n_factors=2, reg=0.1),
    "biases": lambda: FactorProblem(ratings_of(), n_factors=2, reg=0.1, biases=True),
    "factors, logistic": lambda: FactorProblem(
        Ratings.of_indices([0, 0, 1, 2], [0, 1, 1, 0], [1.0, -1.0, 1.0, 1.0]),
        n_factors=2, loss="logistic", reg=0.2,
    ),
    "fields": lambda: FieldProblem(fields_of(), n_factors=2, reg=0.1),
}  # fmt: skip


def whole(batch, params, length):
    """Objective and gradient, added up over portions."""
    total, gradient = 0.0, np.zeros(len(params))
    for portion in portions_of(batch.problem.n_rows, length, 0):
        rows = np.arange(portion.first, portion.last)
        loss, where, share = share_of(batch, params, rows)
        gradient[slice(None) if where is None else where] += share
        total += loss
    value = total / batch.problem.n_rows + 0.5 * float(batch.ridge @ params**2)
    return value, gradient + batch.ridge * params


@pytest.mark.parametrize("name", PROBLEMS)
def test_portions_add_up_to_the_objective_and_its_derivative(name):
    problem = PROBLEMS[name]()
    batch = as_batch(problem)
    params = np.random.default_rng(1).normal(size=problem.n_parameters)
    if name == "no intercept":
        params[-1] = 0.0
    value, gradient = whole(batch, params, 7)
    assert value == pytest.approx(problem.objective(params), rel=1e-12)
    for j in range(problem.n_parameters - (name == "no intercept")):
        up, down = params.copy(), params.copy()
        up[j] += 1e-5
        down[j] -= 1e-5
        slope = (problem.objective(up) - problem.objective(down)) / 2e-5
        assert gradient[j] == pytest.approx(slope, abs=2e-8)


def test_the_penalty_comes_out_once_whatever_the_portions():
    """The problem's own gradient of all rows is dense, and has it inside."""
    problem = logistic()
    params = np.random.default_rng(1).normal(size=problem.n_parameters)
    _, _, once = problem.gradient(params, np.arange(problem.n_rows))
    for length in (1, 7, 40):
        assert whole(as_batch(problem), params, length)[1] == pytest.approx(once, rel=1e-12)
    assert problem.penalty == "l2"  # the problem itself is as it was


@pytest.mark.parametrize("loss", ["hinge", "absolute", "epsilon_insensitive"])
def test_a_loss_with_a_kink_is_refused(loss):
    with pytest.raises(ValueError, match="L-BFGS needs a smooth loss, and"):
        fit_sandblaster(rows_of(), loss=loss)


def test_a_problem_without_a_ridge_is_refused():
    with pytest.raises(ValueError, match="whose penalty is a ridge; got int"):
        as_batch(3)


def rounds_of(table, n_rows, length, wait):
    """Rounds of a table; `wait` returns when all is done."""

    def answers(portions):
        table.start(portions)
        wait()
        found = table.summary()["answers"]
        return [found[portion.number] for portion in portions]

    return Rounds(answers, n_rows, length)


def in_turn(replicas, table):
    """What lets replicas work one after the other."""

    def wait():
        while not table.wait(0.0):
            for replica in replicas:
                replica.work(0.0)

    return wait


# ---- replicas in any order, slow, lost, and late -----------------------------------------------


class Turns:
    """Replicas that take their next action when they are told to."""

    def __init__(self, batch, group, table):
        self.batch, self.group, self.table = batch, group, table
        self.actors = {}
        self.started = 0

    def add(self):
        replica = BatchReplica(self.batch, self.group, self.table, "a replica")
        self.actors[replica.number] = self.life_of(replica)

    def life_of(self, replica):
        while True:
            found = self.table.next(replica.number, 0.0)
            if isinstance(found, Portion):
                yield from replica.portion(found)
            else:
                yield found

    def advance(self, which):
        next(self.actors[sorted(self.actors)[which % len(self.actors)]])

    def kill(self, which):
        number = sorted(self.actors)[which % len(self.actors)]
        self.actors.pop(number).close()
        self.table.drop(number)
        if not self.actors:
            self.add()


def evaluated(problem, length, shards, replicas, backup, draw, batches=(1, 2)):
    """Loss and gradient of two batches at different points, in an order that `draw` decides."""
    batch = as_batch(problem)
    points = np.random.default_rng(5).normal(size=(2, problem.n_parameters))
    group = group_of({"trial": points[0], "p0": points[0], "p1": points[1]}, shards)
    table = PortionTable(backup=backup)
    turns = Turns(batch, group, table)
    for _ in range(replicas):
        turns.add()

    def wait():
        while not table.wait(0.0):
            action, which = draw()
            getattr(turns, action)(which)

    rounds = rounds_of(table, problem.n_rows, length, wait)
    found = []
    for number, point in zip(batches, ("p0", "p1"), strict=True):
        group.obey(("copy", "trial", point), ("begin", number, "trial"))
        loss, portions = rounds(number)
        assert group.obey(("collect", number, "g")) == [portions * shards]
        found.append((loss, group.fetch("g")))
    return points, found


@settings(max_examples=60)
@given(st.data())
def test_the_gradient_is_the_full_batchs_for_every_interleaving_with_stragglers_and_deaths(data):
    problem = logistic(n=23, d=4)
    length = data.draw(st.integers(1, 30))
    shards, replicas = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    backup = data.draw(st.booleans())
    deaths = data.draw(st.integers(0, 5))
    random = data.draw(st.randoms(use_true_random=False))
    slow = random.choice([None, 0, 1])  # this one gets hardly a turn

    def draw():
        nonlocal deaths
        if deaths and random.random() < 0.05:
            deaths -= 1
            return "kill", random.randrange(10)
        which = random.randrange(60)
        if slow is not None and which % replicas == slow and random.random() < 0.9:
            which += 1
        return "advance", which

    points, found = evaluated(problem, length, shards, replicas, backup, draw)
    _, in_order = evaluated(problem, length, 1, 1, False, lambda: ("advance", 0))
    for point, (loss, gradient), (loss1, gradient1) in zip(points, found, in_order, strict=True):
        assert loss == loss1
        assert gradient.tobytes() == gradient1.tobytes()
        value, full = problem.objective(point), problem.gradient(point, np.arange(23))[2]
        ridge = as_batch(problem).ridge
        assert loss + 0.5 * float(ridge @ point**2) == pytest.approx(value, rel=1e-13)
        assert gradient + ridge * point == pytest.approx(full, rel=1e-12, abs=1e-14)


def test_a_late_answer_to_a_former_batch_counts_nowhere():
    problem = logistic(n=20)
    group = group_of({"trial": np.zeros(7)}, 2)
    table = PortionTable(backup=True)
    turns = Turns(as_batch(problem), group, table)
    turns.add()
    turns.add()

    def first_alone():
        while not table.wait(0.0):
            next(turns.actors[0])

    group.obey(("begin", 1, "trial"))
    table.start(portions_of(20, 5, 1))
    for _ in range(3):
        next(turns.actors[1])  # has computed a portion of batch 1, and not sent it
    first_alone()  # all four: that one as a backup

    group.obey(("collect", 1, "g"), ("scale", "trial", 0.0), ("add", "trial", 1.0, "g"))

    def second_first():
        next(turns.actors[1])
        next(turns.actors[1])  # its answer to batch 1 arrives
        first_alone()

    rounds = rounds_of(table, 20, 5, second_first)
    group.obey(("begin", 2, "trial"))
    loss, portions = rounds(2)
    assert group.obey(("collect", 2, "h")) == [2 * portions]
    params = group.fetch("trial")
    expected, gradient = whole(as_batch(problem), params, 5)
    ridge = as_batch(problem).ridge
    assert loss == pytest.approx(expected - 0.5 * float(ridge @ params**2), rel=1e-13)
    assert group.fetch("h") + ridge * params == pytest.approx(gradient, rel=1e-12)


# ---- L-BFGS by commands ------------------------------------------------------------------------


class Cost:
    """The same sums in one process, for ``mllib.first_order.minimize``."""

    def __init__(self, batch, length):
        self.batch, self.length, self.n_evaluations, self.last = batch, length, 0, None

    def __call__(self, w):
        if self.last is None or not (self.last[0] == w).all():
            self.n_evaluations += 1
            total, gradient = 0.0, np.zeros(len(w))
            for portion in portions_of(self.batch.problem.n_rows, self.length, 0):
                rows = np.arange(portion.first, portion.last)
                loss, where, share = share_of(self.batch, w, rows)
                gradient[slice(None) if where is None else where] += share
                total += loss
            pull = w * self.batch.ridge
            value = total / self.batch.problem.n_rows + 0.5 * float(np.dot(pull, w))
            self.last = w.copy(), value, gradient + pull
        return self.last[1:]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("corrections", [1, 3, 10])
def test_with_one_shard_the_run_is_that_of_single_process_lbfgs_to_the_bit(name, corrections):
    problem = PROBLEMS[name]()
    start = np.asarray(problem.begin(np.random.default_rng(3)), float)
    cost = Cost(as_batch(problem), 7)
    single = minimize(cost, Wolfe(), start, corrections, 1e-8, 40)
    fit = fit_sandblaster(
        problem, replicas=3, shards=1, portion=7, n_corrections=corrections, tol=1e-8,
        max_iterations=40, seed=3,
    )  # fmt: skip
    assert fit.losses.tolist() == single.losses.tolist()
    assert fit.params.tobytes() == single.weights.tobytes()
    assert (fit.stopped, fit.n_iterations) == (single.stopped, single.n_iterations)
    assert fit.n_evaluations == single.n_evaluations
    assert fit.n_iterations > 3


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_logistic_regression_goes_the_way_of_mllibs_lbfgs(shards):
    examples = rows_of(300, 8)
    X = examples.to_scipy().toarray()
    single = run_lbfgs(
        (X, (examples.y > 0).astype(float)), LogisticGradient(), SquaredL2Updater(), 10, 1e-9, 50,
        0.02, np.zeros(8),
    )  # fmt: skip
    fit = fit_sandblaster(
        examples, loss="logistic", penalty="l2", reg=0.02, intercept=False, tol=1e-9,
        max_iterations=50, shards=shards, portion=11,
    )  # fmt: skip
    assert fit.losses == pytest.approx(single.losses, rel=1e-9)
    assert fit.model.w == pytest.approx(single.weights, abs=1e-9)
    assert (fit.stopped, fit.n_iterations) == (single.stopped, single.n_iterations)


def test_the_end_is_the_optimum_that_scipy_finds():
    problem = logistic(200, 9)
    every = np.arange(200)
    found = scipy_minimize(
        lambda w: (problem.objective(w), problem.gradient(w, every)[2]), np.zeros(10), jac=True,
        method="BFGS", options={"gtol": 1e-10},
    )  # fmt: skip
    fit = fit_sandblaster(problem, tol=1e-10)
    assert fit.losses[-1] == pytest.approx(found.fun, rel=1e-12)
    assert fit.params == pytest.approx(found.x, abs=1e-7)
    assert problem.objective(fit.params) == pytest.approx(fit.losses[-1], rel=1e-13)


def test_the_bits_are_the_same_for_every_number_of_replicas():
    fits = [
        fit_sandblaster(logistic(), replicas=replicas, shards=3, portion=3, backup=backup)
        for replicas, backup in ((1, False), (2, True), (7, True), (40, False))
    ]
    assert len({fit.params.tobytes() for fit in fits}) == 1
    assert len({tuple(fit.losses.tolist()) for fit in fits}) == 1


def test_other_shards_and_portions_change_the_last_bits_only():
    fits = [
        fit_sandblaster(logistic(), shards=shards, portion=portion, tol=1e-9)
        for shards, portion in ((1, 7), (2, 7), (7, 7), (2, 1), (2, 40))
    ]
    for fit in fits:
        assert fit.losses == pytest.approx(fits[0].losses, rel=1e-11)
        assert fit.params == pytest.approx(fits[0].params, abs=1e-8)


def test_parameters_are_fetched_once_a_batch():
    problem = logistic()
    table = PortionTable()
    group, vectors = None, {START: np.zeros(7), RIDGE: as_batch(problem).ridge}
    group = group_of(vectors, 2)
    replica = BatchReplica(as_batch(problem), group, table)
    rounds = rounds_of(table, problem.n_rows, 3, in_turn([replica], table))
    coordinator = Coordinator(group, rounds, max_iterations=5)
    coordinator.run()
    assert replica.fetches == coordinator.evaluations


def test_the_history_tells_each_step_and_a_callback_ends_the_run():
    seen = []
    fit = fit_sandblaster(logistic(), callback=lambda row: seen.append(row) or row.step == 3)
    assert fit.history == seen
    assert [row.step for row in seen] == [0, 1, 2, 3]
    assert (fit.stopped, fit.n_iterations) == ("callback", 3)
    assert fit.losses.tolist() == sorted(fit.losses, reverse=True)
    assert seen[-1].evaluations == fit.n_evaluations
    assert repr(fit).startswith("SandblasterFit(callback: 3 iterations, ")


def test_it_stops_after_so_many_steps():
    fit = fit_sandblaster(logistic(), max_iterations=2)
    assert (fit.stopped, fit.n_iterations, len(fit.losses)) == ("max iterations reached", 2, 3)


class Uphill:
    """Rows whose gradient points the wrong way."""

    n_rows = 4

    def gradient(self, params, rows):
        return float(len(rows) * params[0]), None, np.full(1, -1.0)


def test_a_line_search_that_fails_twice_ends_the_run_where_it_is(caplog):
    batch = as_batch(logistic())._replace(problem=Uphill(), ridge=np.zeros(1))
    table, group = PortionTable(), group_of({START: np.zeros(1), RIDGE: np.zeros(1)}, 1)
    replica = BatchReplica(batch, group, table)
    rounds = rounds_of(table, 4, 2, in_turn([replica], table))
    states = []
    end, stopped = Coordinator(group, rounds).run(states.append)
    assert (end.k, stopped) == (0, "line search failed")
    assert [state.failures for state in states] == [0, 1, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_a_start_that_is_too_far_out_is_refused():
    with pytest.raises(ValueError, match="the objective is inf at the start"):
        fit_sandblaster(rows_of(), loss="squared", start=np.full(6, 1e200))


@pytest.mark.parametrize(
    "option", ["replicas", "shards", "portion", "n_corrections", "max_iterations"]
)
def test_counts_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be a whole number of 1 or more, got 0"):
        fit_sandblaster(logistic(), **{option: 0})


# ---- a slice that is lost ----------------------------------------------------------------------


class Mortal:
    """A slice that is lost at its n-th call, and restored from its checkpoint for the next try.

    As a proxy does it: the call is made again, whether or not the slice had obeyed it.
    """

    def __init__(self, part, dies_at, obeyed):
        self.part, self.dies_at, self.obeyed = part, dies_at, obeyed
        self.calls, self.life = 0, 0
        self.kept = part.state()

    def __getattr__(self, name):
        def call(*arguments):
            self.calls += 1
            if self.calls == self.dies_at:
                if self.obeyed:
                    getattr(self.part, name)(*arguments)
                self.life += 1
                self.part = Slice.from_state(self.kept, self.life)
            return getattr(self.part, name)(*arguments)

        return call

    def checkpoint(self):
        self.kept = self.part.state()


def run_with_deaths(problem, deaths, obeyed=False, steps=3):
    """L-BFGS over two slices that are lost at these calls; None for never."""
    batch = as_batch(problem)
    start = {START: np.zeros(problem.n_parameters), RIDGE: batch.ridge}
    parts = [Mortal(part, at, obeyed) for part, at in zip(slices_of(start, 2), deaths, strict=True)]
    group, table = SliceGroup(parts, problem.n_parameters, kept=True), PortionTable()
    replicas = [BatchReplica(batch, group, table) for _ in range(2)]
    rounds = rounds_of(table, problem.n_rows, 20, in_turn(replicas, table))
    coordinator = Coordinator(group, rounds, n_corrections=2, max_iterations=steps)
    values = []
    end, _ = coordinator.run(lambda state: values.append(state.value))
    return values, group.fetch(f"x{end.k}"), parts, coordinator


@pytest.mark.parametrize("obeyed", [False, True])
def test_a_slice_lost_at_any_moment_changes_no_bit(obeyed, caplog):
    caplog.set_level(logging.CRITICAL)
    problem = logistic(n=40, d=4)
    values, params, parts, _ = run_with_deaths(problem, (None, None))
    moments = range(1, parts[0].calls + 1)
    assert len(moments) > 45
    repeated = 0
    for moment in moments:
        deaths = (moment, None) if moment % 2 else (None, moment)
        found, there, _, coordinator = run_with_deaths(problem, deaths, obeyed)
        assert (found, there.tobytes()) == (values, params.tobytes())
        repeated += coordinator.repeated
    assert repeated > 0.9 * len(moments)


def test_slices_lost_together_and_again_change_no_bit(caplog):
    problem = logistic(n=40, d=4)
    values, params, *_ = run_with_deaths(problem, (None, None))
    found, there, _, coordinator = run_with_deaths(problem, (40, 47))
    assert (found, there.tobytes()) == (values, params.tobytes())
    assert coordinator.repeated == 2
    assert "were restored from their checkpoints" in caplog.text


def test_a_run_that_loses_something_every_time_ends():
    group = group_of({START: np.zeros(1), RIDGE: np.zeros(1)}, 1)

    def lost(batch):
        raise Again("lost once more")

    with pytest.raises(RuntimeError, match=f"made {RETRIES} times"):
        Coordinator(group, lost).run()


def test_a_batch_with_a_portion_missing_is_begun_again():
    problem = logistic()
    batch, table = as_batch(problem), PortionTable()
    group = group_of({START: np.zeros(7), RIDGE: batch.ridge}, 2)
    replica = BatchReplica(batch, group, table)
    rounds = rounds_of(table, 40, 10, in_turn([replica], table))
    liars = iter([True])

    def gather(number):
        if next(liars, False):
            group.accumulate(number, 0, None, np.zeros(7))
            return 1.0, 4
        return rounds(number)

    coordinator = Coordinator(group, gather, max_iterations=1)
    end, _ = coordinator.run()
    assert (coordinator.repeated, end.k) == (1, 1)
    assert math.isclose(
        end.value, fit_sandblaster(problem, portion=10, max_iterations=1).losses[-1]
    )
