"""The fit itself: what its arguments mean, what it returns, when it stops, and what it refuses."""

import math
import multiprocessing
import pickle
import re

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild.data import Examples, sparse_classification
from hogwild.engine import shared
from hogwild.engine.loop import drain
from hogwild.engine.schedules import Hogwild
from hogwild.errors import DataError, DivergenceError, MissingExtra, SharedMemoryError
from hogwild.kernels.losses import find_loss
from hogwild.models import LinearModel, fit_linear, linear_memory, linear_options
from hogwild.models.steps import AdaGrad, Backoff, Constant

pytestmark = pytest.mark.timeout(60)

SERIAL = {"schedule": "serial", "kernel": "python", "seed": 0}


@pytest.fixture(scope="module")
def labelled():
    return sparse_classification(203, 15, 4, 0)[0]


@pytest.fixture
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


def line(m=4, x=1.0, y=1.0):
    """m rows of one feature."""
    return Examples(np.full((m, 1), x), np.full(m, y))


# what is computed


@pytest.mark.parametrize("n_features", [1, 7, 10, 64])
@pytest.mark.parametrize("kernel", ["python", "numpy"])
def test_any_number_of_features_trains(n_features, kernel):
    examples, _ = sparse_classification(100, n_features, 1, 0)
    fit = fit_linear(examples, loss="logistic", kernel=kernel, schedule="serial", epochs=5, seed=0)
    assert fit.model.w.shape == (n_features,)
    assert fit.history[-1].objective < fit.history[0].objective < math.log(2.0)


@pytest.mark.parametrize(
    "n_rows, batch_size, updates", [(100, 1, 100), (100, 32, 4), (101, 7, 15), (5, 8, 1), (1, 1, 1)]
)
@pytest.mark.parametrize("kernel", ["python", "numpy"])
def test_remainder_rows_are_used(n_rows, batch_size, updates, kernel):
    # every row has a feature of its own: a weight that has not moved would be a row left out
    examples = Examples(sp.eye_array(n_rows, format="csr"), np.ones(n_rows))
    fit = fit_linear(
        examples, batch_size=batch_size, step=0.1, epochs=1, intercept=False, schedule="serial",
        kernel=kernel, seed=3,
    )  # fmt: skip
    assert (fit.model.w > 0.0).all()
    assert fit.history[0].updates == updates


def test_a_short_last_batch_is_averaged_over_its_own_rows():
    # batches of 2 and 1: w = .5, then .5 + .25 * 2 * .5
    fit = fit_linear(
        line(3), batch_size=2, step=0.25, epochs=1, intercept=False, shuffle=False, **SERIAL
    )
    assert fit.model.w.tolist() == [0.75]


def test_the_objective_is_the_mean_loss_plus_the_penalty(labelled):
    for penalty, l1_ratio in [("none", 0.0), ("l2", 0.0), ("l1", 1.0), ("elasticnet", 0.25)]:
        fit = fit_linear(
            labelled, loss="logistic", penalty=penalty, reg=0.1, l1_ratio=l1_ratio, epochs=1,
            **SERIAL,
        )  # fmt: skip
        w, z = fit.model.w, fit.model.decision_function(labelled)
        reg = 0.0 if penalty == "none" else 0.1
        wanted = np.logaddexp(0.0, -labelled.y * z).mean() + reg * (
            l1_ratio * np.abs(w).sum() + (1 - l1_ratio) / 2 * w @ w
        )
        assert fit.history[0].objective == pytest.approx(wanted, rel=1e-12)


def test_sparse_l2_in_the_objective_is_l2(labelled):
    fits = [
        fit_linear(
            labelled, penalty=name, reg=0.5, step=1e-300, start=np.ones(15), epochs=1, **SERIAL
        )
        for name in ("l2", "sparse_l2")
    ]
    assert fits[0].history[0].objective == fits[1].history[0].objective


def test_under_adagrad_l2_takes_its_sparse_form(labelled):
    common = {"step": AdaGrad(0.1), "reg": 0.1, "epochs": 2, **SERIAL}
    dense, sparse = (
        fit_linear(labelled, penalty=name, **common).model.w for name in ("l2", "sparse_l2")
    )
    assert dense.tobytes() == sparse.tobytes()


def test_l1_gives_exact_zeros_and_a_strong_one_gives_nothing_else(labelled):
    common = {"loss": "logistic", "penalty": "l1", "epochs": 20, **SERIAL}
    some = fit_linear(labelled, reg=0.02, **common).model.w
    assert 0 < np.count_nonzero(some) < 15
    assert np.count_nonzero(fit_linear(labelled, reg=1.0, **common).model.w) == 0


def test_the_intercept_is_never_penalised():
    examples = Examples(sp.csr_matrix((50, 3)), np.full(50, 4.0))
    for penalty in ("l2", "l1", "sparse_l2", "elasticnet"):
        fit = fit_linear(examples, penalty=penalty, reg=10.0, epochs=20, **SERIAL)
        assert fit.model.intercept == pytest.approx(4.0, abs=1e-3)
        assert not fit.model.w.any()


def test_without_an_intercept_there_is_none(labelled):
    assert fit_linear(labelled, intercept=False, epochs=1, **SERIAL).model.intercept == 0.0


def test_a_constant_factor_of_all_weights_changes_nothing(labelled):
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 203)
    models = [
        fit_linear(
            Examples(labelled.to_scipy(), labelled.y, sample_weight=factor * weight), **SERIAL
        ).model.w
        for factor in (1.0, 4.0)
    ]
    assert models[0].tobytes() == models[1].tobytes()


@pytest.mark.parametrize("kernel", ["python", "numpy"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_what_stands_in_a_row_of_weight_0_has_no_effect(kernel, batch_size):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 4)), random.normal(size=40)
    weight = np.where(random.random(40) < 0.5, 0.0, 1.0)
    other_X, other_y = X.copy(), y.copy()
    other_X[weight == 0.0] *= -30.0
    other_y[weight == 0.0] = 99.0
    models = [
        fit_linear(
            Examples(rows, labels, sample_weight=weight), step=0.01, epochs=3, schedule="serial",
            kernel=kernel, batch_size=batch_size, penalty="l2", seed=1,
        )
        for rows, labels in ((X, y), (other_X, other_y))
    ]  # fmt: skip
    assert models[0].model.w == pytest.approx(models[1].model.w, rel=1e-12)
    assert models[0].history[-1].objective == pytest.approx(models[1].history[-1].objective)


def test_the_objective_does_not_count_rows_of_weight_0(labelled):
    weight = np.where(np.arange(203) < 100, 2.0, 0.0)
    X = labelled.to_scipy()
    common = {"start": np.ones(15), "step": 1e-300, "epochs": 1, **SERIAL}
    with_them = fit_linear(Examples(X, labelled.y, sample_weight=weight), **common)
    without = fit_linear(labelled.rows(slice(0, 100)), **common)
    assert with_them.history[0].objective == pytest.approx(without.history[0].objective, rel=1e-12)


def test_sparse_input_equals_dense_input(labelled):
    dense = Examples(labelled.to_scipy().toarray(), labelled.y)
    a, b = (fit_linear(rows, epochs=2, **SERIAL).model.w for rows in (labelled, dense))
    assert a.tobytes() == b.tobytes()


def test_float32_stays_float32_and_close(labelled):
    short = Examples(labelled.to_scipy().astype("f4"), labelled.y.astype("f4"))
    for kernel in ("python", "numpy"):
        options = {"loss": "logistic", "kernel": kernel, "schedule": "serial", "seed": 0}
        fit = fit_linear(short, **options)
        assert fit.model.w.dtype == np.float32
        assert fit.model.w == pytest.approx(fit_linear(labelled, **options).model.w, abs=1e-3)


def test_the_update_threshold_holds_small_gradients_back():
    # x = 1, y = 1, w = 0: the gradient is -2
    still = fit_linear(line(), step=0.1, update_threshold=2.0, intercept=False, epochs=1, **SERIAL)
    moved = fit_linear(line(), step=0.1, update_threshold=1.9, intercept=False, epochs=1, **SERIAL)
    assert still.model.w.tolist() == [0.0]
    assert moved.model.w[0] == pytest.approx(0.2)  # one step, then the gradient is -1.6


def test_a_loss_of_one_s_own_is_taken(labelled):
    class Quartic:
        classifies, curvature = False, math.inf

        def pair(self):
            return (lambda z, y: (z - y) ** 4), (lambda z, y: 4 * (z - y) ** 3)

        def values(self, z, y):
            return (z - y) ** 4

        def slopes(self, z, y):
            return 4 * (z - y) ** 3

    fit = fit_linear(labelled, loss=Quartic(), step=0.01, epochs=3, **SERIAL)
    assert fit.history[-1].objective < fit.history[0].objective < 1.0


# where it starts, and in which order it goes


def test_it_starts_where_it_is_told(labelled):
    start = np.linspace(-1, 1, 15)
    fit = fit_linear(labelled, start=start, step=1e-300, epochs=1, **SERIAL)
    assert fit.model.w == pytest.approx(start, abs=1e-290)


def test_going_on_from_a_model_takes_its_intercept_too(labelled):
    first = fit_linear(labelled, epochs=2, step=0.05, shuffle=False, **SERIAL)
    second = fit_linear(labelled, epochs=1, step=0.05, shuffle=False, start=first.model, **SERIAL)
    whole = fit_linear(labelled, epochs=3, step=0.05, shuffle=False, **SERIAL)
    assert second.model.w.tobytes() == whole.model.w.tobytes()
    assert second.model.intercept == whole.model.intercept


def test_the_same_seed_gives_the_same_bits_in_every_form(labelled):
    def run(seed):
        return fit_linear(labelled, epochs=2, schedule="serial", kernel="python", seed=seed)

    one = run(3)
    assert run(3).model.w.tobytes() == one.model.w.tobytes()
    assert run(np.random.SeedSequence(3)).model.w.tobytes() == one.model.w.tobytes()
    assert run(np.random.default_rng(3)).model.w.tobytes() == one.model.w.tobytes()
    assert run(4).model.w.tobytes() != one.model.w.tobytes()


def test_a_fit_without_a_seed_tells_the_one_it_drew(labelled):
    unseeded = fit_linear(labelled, epochs=1, schedule="serial", kernel="python")
    again = fit_linear(labelled, epochs=1, schedule="serial", kernel="python", seed=unseeded.seed)
    assert again.model.w.tobytes() == unseeded.model.w.tobytes()
    assert fit_linear(labelled, epochs=1, seed=7, schedule="serial", kernel="python").seed == 7


def test_a_spawned_seed_is_told_whole():
    child = np.random.SeedSequence(3).spawn(2)[1]
    examples = sparse_classification(203, 15, 4, 0)[0]
    options = {"epochs": 1, "schedule": "serial", "kernel": "python"}
    first = fit_linear(examples, seed=child, **options)
    again = fit_linear(examples, seed=first.seed, **options)
    assert again.model.w.tobytes() == first.model.w.tobytes()
    assert first.model.w.tobytes() != fit_linear(examples, seed=3, **options).model.w.tobytes()


def test_the_generator_passed_in_is_the_one_used(labelled):
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    fit = fit_linear(labelled, epochs=1, schedule="serial", kernel="python", seed=generator)
    assert fit.seed is generator
    assert generator.bit_generator.state != before


def test_the_global_random_state_is_left_alone(labelled):
    np.random.seed(1)  # noqa: NPY002  # the very thing that must not be touched
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    fit_linear(labelled, epochs=1, schedule="serial", kernel="python")
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_the_caller_s_examples_and_start_are_left_alone(labelled):
    start = np.ones(15)
    before = [labelled.data.tobytes(), labelled.indices.tobytes(), labelled.y.tobytes()]
    fit_linear(labelled, epochs=1, start=start, **SERIAL)
    assert [labelled.data.tobytes(), labelled.indices.tobytes(), labelled.y.tobytes()] == before
    assert start.tolist() == [1.0] * 15


def test_two_interleavings_of_two_workers_give_different_weights():
    # Hogwild! is not reproducible: the same blocks, by hand in one process, in two interleavings
    examples = sparse_classification(200, 6, 3, 0)[0]

    def run(interleaved):
        settings = linear_options.make_settings(
            examples, loss=find_loss("squared"), penalty=("none", 0.0, 0.0), step=0.1, epochs=1,
            batch_size=1, schedule="hogwild", kernel="python", write="plain", threshold=None,
            intercept=True, recorded=False,
        )  # fmt: skip
        memory = linear_memory.share(examples, np.ones(200), None, np.zeros(7), settings, 2)
        schedule = Hogwild(40, multiprocessing.get_context("fork"))
        n_blocks = memory.clock.shape[0]
        schedule.start(np.arange(n_blocks), np.full(n_blocks, settings.run_length))
        memory.scale.array[:] = 1.0
        gate = linear_memory.make_gate(settings, schedule, multiprocessing.get_context("fork"))
        update, other = (linear_memory.build(p, settings, memory, gate) for p in range(2))

        def overtaken(grant, epoch):
            """Worker 0 has its block, and is put to sleep before it begins."""
            if interleaved and grant.number == 0:
                assert drain(schedule, 1, other, epoch).n_blocks == n_blocks - 1
            return update(grant, epoch)

        assert drain(schedule, 0, overtaken, 1).n_blocks == (1 if interleaved else n_blocks)
        return memory.w.array.copy()

    assert run(False).tobytes() == run(False).tobytes()
    assert run(True).tobytes() == run(True).tobytes()
    assert run(True).tobytes() != run(False).tobytes()


# what comes back, and when it stops


def test_the_history_has_a_row_an_epoch(labelled):
    fit = fit_linear(
        labelled, loss="logistic", epochs=3, batch_size=10, step=Backoff(0.5, 0.5),
        validation=labelled, **SERIAL,
    )  # fmt: skip
    assert [record.epoch for record in fit.history] == [1, 2, 3]
    assert [record.step for record in fit.history] == [0.5, 0.25, 0.125]
    assert {record.updates for record in fit.history} == {21}
    assert [r.validation["loss"] for r in fit.history] == pytest.approx(
        [r.objective for r in fit.history]
    )
    assert all(0.0 <= record.seconds < 60.0 for record in fit.history)
    assert fit.stopped == "epochs"
    assert set(fit.timings) == {"start", "epochs", "evaluation"}
    assert fit.timings["epochs"] == sum(record.seconds for record in fit.history)


def test_the_loss_of_the_history_is_the_mean_of_what_the_updates_saw():
    # w: 0 -> .5 -> .75, so the errors seen are 1 and .5
    fit = fit_linear(line(2), step=0.25, epochs=1, intercept=False, shuffle=False, **SERIAL)
    assert fit.history[0].loss == (1.0 + 0.25) / 2
    assert fit.history[0].objective == 0.0625


def test_validation_has_the_usual_figures(labelled):
    classes = fit_linear(labelled, loss="hinge", validation=labelled, epochs=1, **SERIAL)
    assert set(classes.history[0].validation) == {"loss", "accuracy", "auc"}
    accuracy = np.mean(classes.model.predict(labelled) == labelled.y)
    assert classes.history[0].validation["accuracy"] == accuracy
    targets = fit_linear(labelled, validation=labelled, epochs=1, **SERIAL)
    error = labelled.y - targets.model.predict(labelled)
    assert targets.history[0].validation["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))


def test_without_evaluation_the_objective_is_unknown_and_the_loss_is_not(labelled):
    record = fit_linear(labelled, evaluate=False, epochs=1, **SERIAL).history[0]
    assert math.isnan(record.objective)
    assert record.loss > 0.0
    assert record.validation == {}


def test_an_objective_of_0_stops_it_too():
    still = Examples(np.zeros((4, 1)), np.zeros(4))
    fit = fit_linear(still, tol=0.01, epochs=50, **SERIAL)
    assert (fit.stopped, len(fit.history)) == ("tol", 2)


def test_it_stops_when_an_epoch_gains_less_than_the_tolerance(labelled):
    fit = fit_linear(labelled, loss="logistic", step=0.05, tol=0.01, epochs=100, **SERIAL)
    objectives = [record.objective for record in fit.history]
    gains = 1 - np.divide(objectives[1:], objectives[:-1])
    assert fit.stopped == "tol"
    assert gains[-1] < 0.01
    assert (gains[:-1] >= 0.01).all()


def test_a_callback_sees_every_record_and_can_end_the_fit(labelled):
    seen = []

    def stop_at_two(record):
        seen.append(record)
        return record.epoch == 2

    fit = fit_linear(labelled, epochs=9, callback=stop_at_two, **SERIAL)
    assert fit.stopped == "callback"
    assert seen == fit.history
    assert len(seen) == 2


@pytest.mark.usefixtures("no_child_left")
def test_an_error_in_the_callback_ends_the_workers_and_comes_out(labelled):
    def fail(record):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit_linear(labelled, n_workers=2, kernel="python", callback=fail, start_method="fork")


def test_a_fit_can_be_pickled(labelled):
    fit = fit_linear(labelled, epochs=1, **SERIAL)
    again = pickle.loads(pickle.dumps(fit))
    assert again.model.w.tobytes() == fit.model.w.tobytes()
    assert again.history == fit.history


@pytest.mark.usefixtures("no_child_left")
def test_weights_move_under_every_start_method(labelled, start_method):
    fit = fit_linear(
        labelled, loss="logistic", epochs=2, n_workers=2, kernel="python", seed=0, trace=True,
        start_method=start_method, penalty="l2", reg=1e-3,
    )  # fmt: skip
    serial = fit_linear(labelled, loss="logistic", epochs=2, penalty="l2", reg=1e-3, **SERIAL)
    assert fit.model.w.any()
    # on a busy machine a worker may sleep between reading and writing, and undo much of an epoch
    assert fit.history[-1].objective < serial.history[-1].objective + 0.15 < math.log(2.0)
    assert fit.trace.check() is None
    assert fit.trace.header["n_blocks"] * 2 * 2 == len(fit.trace.events)


@pytest.mark.usefixtures("no_child_left")
def test_the_standard_pool_serves_as_well(labelled):
    fit = fit_linear(labelled, epochs=1, n_workers=1, kernel="python", pool="stdlib", seed=0,
                     start_method="fork")  # fmt: skip
    serial = fit_linear(labelled, epochs=1, **SERIAL)
    assert fit.model.w.tobytes() == serial.model.w.tobytes()


def test_more_workers_than_blocks_are_no_trouble():
    fit = fit_linear(line(1), n_workers=3, epochs=2, kernel="python", step=0.1, start_method="fork")
    assert [record.updates for record in fit.history] == [1, 1]


def test_a_serial_fit_is_traced_as_a_serial_run(labelled):
    trace = fit_linear(labelled, epochs=2, trace=True, **SERIAL).trace
    assert trace.check() is None
    assert trace.header["schedule"] == "serial"
    numbers = [event.number for event in trace.events if event.event == "acquire"]
    assert numbers == 2 * list(range(trace.header["n_blocks"]))


def test_the_trace_holds_when_an_epoch_runs_in_stretches(labelled):
    fit = fit_linear(labelled, penalty="l2", reg=10.0, step=0.1, epochs=2, trace=True, **SERIAL)
    assert fit.trace.check() is None


# when it goes wrong


@pytest.mark.parametrize(
    "kernel, batch_size",
    [("python", 1), ("python", 2), ("numpy", 1), ("numpy", 2), ("numba", 1)],
)
def test_weights_that_run_away_raise_an_error_with_epoch_and_step(kernel, batch_size):
    if kernel == "numba":
        pytest.importorskip("numba")
    # w - 1 grows by 1e100 a row: at the second epoch's end its square is beyond all numbers
    with pytest.raises(DivergenceError, match=r"became (NaN|infinite|1e\+200)") as caught:
        fit_linear(
            line(4), step=5e99, epochs=9, intercept=False, kernel=kernel, schedule="serial",
            batch_size=batch_size, lost_updates=True, penalty="l1",
        )  # fmt: skip
    assert caught.value.step == 5e99
    assert 1 <= caught.value.epoch <= 2


def test_infinite_and_nan_are_told_apart():
    with pytest.raises(
        DivergenceError, match=r"became infinite in epoch 1 .*step=5e\+199"
    ) as caught:
        fit_linear(line(1), step=5e199, epochs=9, intercept=False, **SERIAL)
    assert caught.value.epoch == 1
    with pytest.raises(DivergenceError, match="became NaN in epoch 1 "):
        fit_linear(line(9), step=5e99, epochs=9, intercept=False, **SERIAL)


def test_divergence_that_stays_finite_is_told_with_the_objective_at_the_start():
    # w = 0, then 4, then -8: w - 1 grows threefold a row, its square from 4 to 4 * 9^16
    with pytest.raises(
        DivergenceError, match=r"became 7\.4e\+15 \(4 at the start\) in epoch 1 \(step=2\)"
    ) as caught:
        fit_linear(line(16, y=2.0), step=2.0, epochs=3, intercept=False, **SERIAL)
    assert (caught.value.epoch, caught.value.step) == (1, 2.0)


def test_a_start_from_a_perfect_model_may_wander_within_the_size_of_the_targets():
    # at the start the objective is 0; the penalty then draws the weight off by some thousands
    fit = fit_linear(
        line(1, y=1e6), start=[1e6], penalty="l2", reg=0.01, step=0.1, epochs=5, intercept=False,
        **SERIAL,
    )  # fmt: skip
    assert 1e6 < fit.history[-1].loss < 1e12
    assert fit.timings["evaluation"] > sum(record.evaluation_seconds for record in fit.history)


def test_a_start_far_off_is_no_divergence():
    fit = fit_linear(line(), start=[1e100], step=1e-3, epochs=2, **SERIAL)
    assert fit.history[-1].objective > 1e150


def test_without_evaluation_divergence_is_seen_in_the_loss():
    with pytest.raises(DivergenceError, match="became NaN in epoch 1 "):
        fit_linear(line(9), step=5e99, epochs=9, intercept=False, evaluate=False, **SERIAL)


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.parametrize("kernel", ["python", "numpy"])
def test_divergence_with_workers_ends_them(kernel, capfd):
    with pytest.raises(DivergenceError):
        fit_linear(line(300), step=5e99, n_workers=2, kernel=kernel, start_method="fork")
    assert "Warning" not in capfd.readouterr().err  # numpy's, from a worker


BAD_ARGUMENTS = [
    ({"loss": "log"}, "unknown loss 'log'; the losses are squared,"),
    ({"penalty": "l3"}, "unknown penalty 'l3'; the penalties are none, l2, l1, elasticnet"),
    ({"reg": -1.0}, "reg must be 0 or more, got -1.0"),
    ({"reg": math.nan}, "reg must be 0 or more, got nan"),
    ({"reg": "1e-4"}, "reg must be a number, got '1e-4'"),
    ({"reg": None}, "reg must be a number, got None"),
    ({"reg": True}, "reg must be a number, got True"),
    ({"l1_ratio": None}, "l1_ratio must be a number, got None"),
    ({"tol": "x"}, "tol must be a number, got 'x'"),
    ({"update_threshold": "x"}, "update_threshold must be a number, got 'x'"),
    ({"intercept": "no"}, "intercept must be True or False, got 'no'"),
    ({"shuffle": "no"}, "shuffle must be True or False, got 'no'"),
    ({"evaluate": 0}, "evaluate must be True or False, got 0"),
    ({"trace": "x"}, "trace must be True or False, got 'x'"),
    ({"lost_updates": None}, "lost_updates must be True or False, got None"),
    ({"l1_ratio": 1.5}, "l1_ratio must be between 0 and 1, got 1.5"),
    ({"step": 0.0}, "step must be a number above 0, got 0.0"),
    ({"step": math.inf}, "step must be a number above 0, got inf"),
    ({"step": "fast"}, "step must be a number or a rule with at() and adaptive, got 'fast'"),
    ({"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
    ({"epochs": True}, "epochs must be a whole number of 1 or more, got True"),
    ({"epochs": 1.5}, "epochs must be a whole number of 1 or more, got 1.5"),
    ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, got 0"),
    ({"schedule": "lockfree"}, "unknown schedule 'lockfree'; the schedules are serial, hogwild"),
    ({"schedule": "serial", "n_workers": 2}, "the serial schedule has one worker, got n_workers=2"),
    ({"n_workers": 0}, "n_workers must be"),
    ({"n_workers": 1.5}, "n_workers must be"),
    ({"n_workers": True}, "n_workers must be"),
    ({"kernel": "c"}, "unknown kernel 'c'; the kernels are auto, python, numpy, numba"),
    ({"write": "fast"}, "unknown write 'fast'; the ways to write are plain, add_at, locked"),
    ({"kernel": "numpy", "write": "atomic"}, 'write="atomic" needs'),
    ({"schedule": "round_robin", "write": "locked"}, "workers write in turn; got write='locked'"),
    ({"update_threshold": -0.1}, "update_threshold must be 0 or more, got -0.1"),
    ({"start": np.ones(3)}, "start must have one weight a feature, shape (15,), got (3,)"),
    ({"start": LinearModel(np.ones(3))}, "got (3,)"),
    ({"start": np.full(15, np.nan)}, "start must be finite"),
    ({"tol": -1.0}, "tol must be 0 or more, got -1.0"),
    ({"tol": 0.1, "evaluate": False}, "tol compares objectives"),
    ({"start_method": "thread"}, "start_method must be one of"),
    ({"pool": "mine"}, "pool must be one of own, stdlib, got 'mine'"),
]


@pytest.mark.parametrize("options, message", BAD_ARGUMENTS, ids=str)
def test_a_wrong_argument_is_named_with_its_value_and_what_is_accepted(labelled, options, message):
    with pytest.raises((ValueError, MissingExtra), match=re.escape(message)):
        fit_linear(labelled, **{"kernel": "python", **options})


def test_examples_must_be_examples_and_have_rows():
    with pytest.raises(ValueError, match=r"examples must be Examples\(X, y\), got ndarray"):
        fit_linear(np.ones((2, 2)))
    with pytest.raises(ValueError, match="there are no rows to learn from"):
        fit_linear(Examples(np.ones((0, 2)), []))
    with pytest.raises(ValueError, match="all sample weights are 0"):
        fit_linear(Examples([[1.0]], [1.0], sample_weight=[0.0]), schedule="serial")


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge"])
def test_labels_of_a_classification_loss_must_be_minus_and_plus_1(loss):
    with pytest.raises(DataError, match=r"found 0\.0 at row 1. For 0/1 labels pass 2\*y - 1"):
        fit_linear(Examples([[1.0], [2.0]], [1.0, 0.0]), loss=loss, schedule="serial")


def test_labels_of_the_validation_rows_are_checked_as_well(labelled):
    zero_one = Examples(labelled.to_scipy(), (labelled.y + 1) / 2)
    with pytest.raises(DataError, match=r"labels must be -1 and \+1"):
        fit_linear(labelled, loss="logistic", validation=zero_one, epochs=1, **SERIAL)


def test_validation_rows_with_more_features_than_the_model_are_refused_before_training(labelled):
    wide = Examples(np.ones((1, 16)), [1.0])
    with pytest.raises(ValueError, match="have 16 features, the training rows 15"):
        fit_linear(labelled, validation=wide, epochs=1, **SERIAL)
    with pytest.raises(ValueError, match="there are no validation rows"):
        fit_linear(labelled, validation=labelled.rows(slice(0, 0)), epochs=1, **SERIAL)
    with pytest.raises(ValueError, match=r"validation must be Examples\(X, y\), got tuple"):
        fit_linear(labelled, validation=(1, 2), epochs=1, **SERIAL)
    weighted = Examples(np.ones((2, 15)), [1.0, -1.0], sample_weight=[1.0, 3.0])
    with pytest.raises(ValueError, match="validation rows must have no sample weights"):
        fit_linear(labelled, validation=weighted, epochs=1, **SERIAL)


def test_without_numba_auto_is_numpy_and_asking_for_it_costs_one_sentence(labelled, monkeypatch):
    monkeypatch.setattr(linear_options, "have_numba", lambda: False)
    auto = fit_linear(labelled, epochs=1, schedule="serial", seed=0)
    numpy = fit_linear(labelled, epochs=1, schedule="serial", kernel="numpy", seed=0)
    assert auto.model.w.tobytes() == numpy.model.w.tobytes()
    for options in ({"kernel": "numba"}, {"write": "atomic"}):
        with pytest.raises(MissingExtra, match=r"pip install 'hogwild\[fast\]'") as caught:
            fit_linear(labelled, **options)
        assert caught.value.extra == "fast"


def test_the_default_step_suits_rows_of_any_scale():
    random = np.random.default_rng(0)
    X, w = random.normal(size=(500, 5)), np.arange(1.0, 6.0)
    for scale in (1e-1, 1.0, 1e3):
        examples = Examples(scale * X, X @ w)
        fit = fit_linear(examples, epochs=20, **SERIAL)
        assert fit.history[-1].objective < 0.05 * np.mean((X @ w) ** 2)


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
def test_the_default_step_bears_rows_of_great_weight(size):
    random = np.random.default_rng(0)
    X, w = size * random.normal(size=(1000, 5)), np.arange(1.0, 6.0)
    weight = np.where(np.arange(1000) < 10, 1000.0, 1.0)
    examples = Examples(X, X @ w, sample_weight=weight)
    fit = fit_linear(examples, epochs=20, **SERIAL)
    assert fit.history[-1].objective < 0.3 * np.average((X @ w) ** 2, weights=weight)


def test_equal_weights_leave_the_default_step_as_it_is():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(64, 5)), random.normal(size=64)
    for loss in ("squared", "logistic", "absolute"):
        y = np.sign(y) if loss == "logistic" else y
        rules = [
            linear_options.default_step(Examples(X, y, sample_weight=s), find_loss(loss), 7)
            for s in (None, np.full(64, 2.0))
        ]
        assert rules[0] == rules[1]


def test_numpys_truth_values_are_taken_too(labelled):
    fit = fit_linear(labelled, intercept=np.bool_(False), shuffle=np.False_, epochs=1, **SERIAL)
    assert fit.model.intercept == 0.0


def test_a_batch_of_any_size_is_at_most_all_rows():
    fits = [
        fit_linear(line(7), batch_size=size, step=0.1, epochs=2, kernel="numpy", schedule="serial")
        for size in (7, 2**70)
    ]
    assert fits[0].model.w.tobytes() == fits[1].model.w.tobytes()
    assert fits[1].history[0].updates == 1


def test_a_fit_without_room_is_refused_with_what_all_of_it_needs(labelled, monkeypatch):
    asked = []
    monkeypatch.setattr(shared, "free_space", lambda: ("/dev/shm", 60_000))
    monkeypatch.setattr(shared, "RawArray", lambda *given: asked.append(given))
    with pytest.raises(SharedMemoryError) as caught:
        fit_linear(labelled, **SERIAL)
    assert asked == []
    # 203 rows of 4 entries, each 12 bytes; the arrays together, not the first that found no room
    assert caught.value.wanted > 203 * 4 * 12 + 204 * 8 + 203 * 16


def test_a_long_run_of_constant_steps_counts_its_updates_through(labelled):
    class Seen(Constant):
        def at(self, epoch, t):
            asked.append((epoch, t.copy()))
            return super().at(epoch, t)

    asked = []
    fit_linear(labelled, step=Seen(0.01), epochs=2, shuffle=False, **SERIAL)
    runs = [(epoch, t) for epoch, t in asked if len(t) > 1]
    numbers = np.concatenate([t for _, t in runs])
    assert sorted({*numbers.tolist()}) == list(range(2 * 203))
    assert {epoch for epoch, t in runs if t[0] < 203} == {1}
    assert {epoch for epoch, t in runs if t[0] >= 203} == {2}
