"""downpour.fit: whole runs in processes; replicas that die; what a run records."""

import os
import signal

import numpy as np
import pytest

from hogwild.data import Examples, Ratings, read_libsvm
from hogwild.data.field_rows import FieldRows
from hogwild.downpour import fit_downpour
from hogwild.downpour.fit import Trainer
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.portions import portions_of
from hogwild.downpour.settings import order_of
from hogwild.errors import DataError, DivergenceError, WorkerDied, WorkerFailed
from hogwild.models import Backoff, Constant

pytestmark = pytest.mark.timeout(60)

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((240, 8)) * (RANDOM.random((240, 8)) < 0.5)
TRUTH = RANDOM.standard_normal(8)
EXAMPLES = Examples(X, np.where(X @ TRUTH + 0.3 > 0.0, 1.0, -1.0))
REALS = Examples(X, X @ TRUTH + 0.5)


def small(**options):
    return {"loss": "logistic", "batch_size": 4, "epochs": 3, "seed": 1} | options


def serial(problem, fit, step, batch_size, portion):
    """Plain SGD over the rows in the order that the run had."""
    params = problem.begin(np.random.default_rng(fit.seed))
    for epoch in range(1, len(fit.history) + 1):
        order = order_of(fit.seed, epoch, problem.n_rows)
        for each in portions_of(problem.n_rows, portion, epoch):
            rows = order[each.first : each.last]
            for first in range(0, len(rows), batch_size):
                _, where, gradient = problem.gradient(params, rows[first : first + batch_size])
                params[slice(None) if where is None else where] -= step * gradient
    return params


class Killer:
    """Ends a replica of a running cluster after an epoch."""

    def __init__(self, name="replica 1", epoch=1):
        self.name, self.epoch, self.cluster = name, epoch, None

    def ready(self, cluster):
        self.cluster = cluster

    def __call__(self, record):
        if record.epoch == self.epoch:
            number = int(self.name.removeprefix("replica "))
            while number not in self.cluster.table.summary()["joined"]:
                pass  # under spawn it may still be on its way
            os.kill(self.cluster.pids()[self.name], signal.SIGKILL)


def test_one_replica_is_serial_sgd_to_the_bit(start_method):
    fit = fit_downpour(
        EXAMPLES, replicas=1, shards=2, rule="fixed", step=Constant(0.5), portion=20,
        start_method=start_method, **small(),
    )  # fmt: skip
    params = serial(LinearProblem(EXAMPLES, loss="logistic"), fit, 0.5, 4, 20)
    assert np.array_equal(np.append(fit.model.w, fit.model.intercept), params)
    assert set(fit.staleness) == {0}


def test_the_local_steps_fall_with_the_servers_from_epoch_to_epoch():
    """Aligned, a replica's own steps are what the server does: seldom or often is the same."""
    often, seldom = (
        fit_downpour(
            EXAMPLES, replicas=1, rule="fixed", step=Backoff(0.5, 0.5), portion=40, n_fetch=n,
            n_push=n, start_method="fork", **small(),
        )
        for n in (1, 5)
    )  # fmt: skip
    assert np.allclose(seldom.model.w, often.model.w, rtol=0.0, atol=1e-13)


def test_several_replicas_do_every_row_once_and_record_it():
    fit = fit_downpour(EXAMPLES, replicas=3, shards=2, n_fetch=2, n_push=3, **small())
    assert [record.updates for record in fit.history] == [60] * 3
    assert sum(work["rows"] for work in fit.work.values()) == 720
    # each whole push reaches both shards
    assert sum(fit.staleness.values()) == 2 * sum(record.pushes for record in fit.history)
    assert fit.history[-1].objective < fit.history[0].objective
    assert fit.stopped == "epochs"
    assert fit.dropped == []
    assert "3 epochs" in repr(fit)


def test_a_replica_that_is_killed_is_dropped_and_the_run_goes_on(start_method):
    killer = Killer()
    fit = fit_downpour(
        EXAMPLES, replicas=2, start_method=start_method, callback=killer, ready=killer.ready,
        **small(epochs=4),
    )  # fmt: skip
    assert fit.dropped == [1]
    assert fit.history[1].dropped == (1,)
    assert [record.replicas for record in fit.history[2:]] == [1, 1]
    # no row of an epoch is left out: the lost portion is done again
    assert all(record.updates == 60 for record in fit.history)


def test_a_replica_killed_in_the_middle_of_its_portion_changes_nothing_that_counts(tmp_path):
    """It kills itself between a fetch and a push; another does the portion."""
    problem = Suicidal(EXAMPLES, str(tmp_path / "done"), loss="logistic", penalty="l2", reg=1e-2)
    fit = fit_downpour(problem, replicas=2, epochs=6, batch_size=4, seed=0)
    plain = fit_downpour(
        EXAMPLES,
        replicas=2,
        epochs=6,
        batch_size=4,
        seed=0,
        loss="logistic",
        penalty="l2",
        reg=1e-2,
    )
    assert len(fit.dropped) == 1
    assert fit.history[-1].objective == pytest.approx(plain.history[-1].objective, rel=0.02)


class Suicidal(LinearProblem):
    """A problem whose 20th gradient, of all replicas, ends the process that takes it."""

    def __init__(self, examples, mark, **options):
        super().__init__(examples, **options)
        self.mark, self.taken = mark, 0

    def gradient(self, params, rows):
        self.taken += 1
        if self.taken == 20 and not os.path.exists(self.mark):
            open(self.mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().gradient(params, rows)


def test_a_shard_that_is_killed_goes_on_from_its_checkpoint(start_method):
    cluster = None

    def ready(made):
        nonlocal cluster
        cluster = made

    def kill(record):
        if record.epoch == 2:
            os.kill(cluster.shards.pids[1], signal.SIGKILL)

    fit = fit_downpour(
        EXAMPLES, replicas=2, shards=2, n_fetch=2, n_push=2, start_method=start_method,
        checkpoint_seconds=0.05, ready=ready, callback=kill, **small(epochs=5),
    )  # fmt: skip
    assert fit.restored == [1]
    assert [record.restored for record in fit.history if record.restored] == [(1,)]
    assert fit.dropped == []
    assert fit.history[-1].objective < fit.history[0].objective


def test_when_the_last_replica_dies_the_run_ends_with_its_death():
    killer = Killer("replica 0")
    with pytest.raises(WorkerDied, match="SIGKILL"):
        fit_downpour(EXAMPLES, replicas=1, callback=killer, ready=killer.ready, **small())


class Broken(LinearProblem):
    """A problem whose gradient raises."""

    def gradient(self, params, rows):
        raise RuntimeError("no gradient today")


def test_an_error_in_a_replica_ends_the_run_with_its_traceback():
    problem = Broken(EXAMPLES, loss="logistic")
    with pytest.raises(WorkerFailed, match="no gradient today"):
        fit_downpour(problem, replicas=2)


def test_nothing_is_left_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    pids = []

    def note(cluster):
        pids.extend(cluster.pids().values())

    fit_downpour(EXAMPLES, replicas=2, shards=2, ready=note, **small())
    with pytest.raises(RuntimeError, match="enough"):
        fit_downpour(EXAMPLES, replicas=2, ready=note, callback=_raise, **small())
    assert len(pids) == 4
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert list(tmp_path.iterdir()) == []


def _raise(record):
    raise RuntimeError("enough")


def test_a_callback_that_returns_something_true_ends_the_fit():
    fit = fit_downpour(EXAMPLES, callback=lambda record: record.epoch == 2, **small())
    assert (fit.stopped, len(fit.history)) == ("callback", 2)


def test_a_warm_start_is_made_by_one_replica_alone():
    fit = fit_downpour(EXAMPLES, replicas=2, warm_start=1.0, portion=8, **small(epochs=2))
    assert fit.history[0].replicas == 1
    assert fit.history[0].staleness == 0.0


def test_validation_rows_are_measured_after_each_epoch():
    fit = fit_downpour(EXAMPLES, validation=EXAMPLES, **small(epochs=8))
    assert fit.history[-1].validation["accuracy"] > 0.9
    problem = LinearProblem(EXAMPLES, loss="logistic")
    params = np.append(fit.model.w, fit.model.intercept)
    assert fit.history[-1].validation["loss"] == pytest.approx(problem.objective(params))


def test_ratings_make_a_factor_model():
    random = np.random.default_rng(2)
    P, Q = random.random((12, 2)) + 0.5, random.random((9, 2)) + 0.5
    u, i = np.divmod(random.permutation(108)[:90], 9)
    ratings = Ratings.of_indices(u, i, (P @ Q.T)[u, i])
    fit = fit_downpour(
        ratings, n_factors=3, reg=1e-4, epochs=20, batch_size=4, seed=0, validation=ratings
    )
    assert fit.history[-1].validation["rmse"] < 0.15
    assert fit.model.predict(ratings).shape == (90,)


def test_rows_of_fields_make_a_field_aware_machine():
    random = np.random.default_rng(3)
    features = np.column_stack([random.integers(0, 6, 300), 6 + random.integers(0, 6, 300)])
    y = (features.sum(axis=1) % 2).astype(float)
    rows = FieldRows(np.arange(0, 601, 2), np.tile([0, 1], 300), features.ravel(), np.ones(600), y)
    fit = fit_downpour(rows, epochs=12, batch_size=4, step=0.1, seed=0, validation=rows)
    assert fit.history[-1].validation["accuracy"] > 0.95
    assert fit.model.w.shape == (12, 2, 4)


def test_a_step_too_long_ends_in_a_divergence_error():
    with pytest.raises(DivergenceError, match="epoch 1"):
        fit_downpour(REALS, rule="fixed", step=1e3, batch_size=4, seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": 0}, "replicas must be a whole number of 1 or more, got 0"),
        ({"shards": 10}, "shards must be at most the 9 parameters, got 10"),
        ({"n_fetch": 0}, "n_fetch must be a whole number of 1 or more"),
        ({"n_push": 1.5}, "n_push must be a whole number of 1 or more"),
        ({"rule": "adam"}, "unknown rule 'adam'; the rules are adagrad, fixed"),
        ({"order": "random"}, "order must be one of aligned, paper, got 'random'"),
        ({"warm_start": -1}, "warm_start must be 0 or more"),
        ({"l1_ratio": 0.5}, "no option 'l1_ratio' for Examples"),
        ({"step": 0.0}, "step must be a number above 0"),
        ({"start_method": "thread"}, "start_method must be one of"),
        ({"address": "1.2.3.4"}, "an address is host:port, or a path with a slash"),
        ({"address": "127.0.0.1:0", "replicas": 0}, "need the key to join"),
        ({"portion": 0}, "portion must be a whole number of 1 or more"),
    ],
)
def test_what_is_not_accepted_is_said_before_any_process_is_started(options, message):
    with pytest.raises(ValueError, match=message):
        fit_downpour(EXAMPLES, loss="logistic", **options)


def test_data_of_another_kind_and_labels_that_do_not_suit_are_refused():
    with pytest.raises(ValueError, match="data must be Examples, Ratings, FieldRows or a Problem"):
        fit_downpour([[1.0, 2.0]])
    with pytest.raises(DataError, match="labels must be -1 and"):
        fit_downpour(REALS, loss="logistic")


def test_replicas_are_evaluated_where_nobody_writes():
    """The objective of an epoch is that of the parameters which the server then has."""
    seen = []
    run_epoch = Trainer.run_epoch

    def checked(trainer, epoch):
        record = run_epoch(trainer, epoch)
        now = trainer.server.fetch().values
        seen.append(trainer.problem.objective(now) == record.objective)
        return record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "run_epoch", checked)
        fit_downpour(EXAMPLES, replicas=2, n_fetch=3, n_push=2, **small())
    assert seen == [True] * 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "share"), [(1, 0.01), (10, 0.03)])
@pytest.mark.parametrize("killed", [False, True])
def test_two_replicas_on_a8a_come_near_the_optimum_killed_or_not(
    shared_data, seed, n, share, killed
):
    examples = read_libsvm(shared_data / "libsvm" / "a8a")
    killer = Killer(epoch=7 if killed else 0)
    fit = fit_downpour(
        examples, loss="logistic", penalty="l2", reg=1e-4, replicas=2, shards=2, n_fetch=n,
        n_push=n, epochs=20, seed=seed, callback=killer, ready=killer.ready,
    )  # fmt: skip
    optimum = 0.3272874  # L-BFGS-B's; test_articles certifies it
    assert len(fit.dropped) == killed
    assert fit.history[-1].objective <= (1.0 + share) * optimum
