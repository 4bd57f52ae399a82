"""A recorded run, replayed in one process: the same bits, and what is changed is found out."""

import json

import numpy as np
import pytest
from factor_cases import KERNELS
from replay_cases import planted

from hogwild.data import Ratings
from hogwild.engine.trace import Trace
from hogwild.errors import DataError
from hogwild.models import BoldDriver, RowAdaGrad, Yun, fit_factors, replay_factors

pytestmark = pytest.mark.timeout(90)

RATINGS = planted()
FEW = planted(15, 12, 80)
OPTIONS = {"n_factors": 5, "epochs": 3, "seed": 3, "n_workers": 2, "kernel": "numpy"}


def traced(ratings=RATINGS, **options):
    return fit_factors(ratings, **{**OPTIONS, "trace": True, **options})


def through_a_file(trace, folder):
    """As a user has it: what the header holds must survive JSON."""
    trace.write(folder / "run.jsonl")
    return Trace.read(folder / "run.jsonl")


def same_factors(fit, replay):
    return all(
        getattr(fit.model, name).tobytes() == getattr(replay.model, name).tobytes()
        for name in ("P", "Q", *(("user_bias", "item_bias") if fit.model.biased else ()))
    )


# ---- the same bits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule, kernel", [*(("fpsgd", kernel) for kernel in KERNELS), ("dsgd", "numpy")]
)
def test_replaying_the_trace_in_one_process_gives_the_same_bits(
    start_method, schedule, kernel, tmp_path
):
    ratings = FEW if kernel == "python" else RATINGS
    coordination = "manager" if schedule == "fpsgd" else "shared"
    fit = traced(
        ratings, schedule=schedule, kernel=kernel, start_method=start_method,
        coordination=coordination, biases=True,
    )  # fmt: skip
    replay = replay_factors(through_a_file(fit.trace, tmp_path), ratings)
    assert replay.same
    assert same_factors(fit, replay)
    assert (replay.epochs, replay.n_workers, replay.differs_after) == (3, 2, None)
    assert replay.n_blocks == 3 * fit.n_blocks


@pytest.mark.parametrize(
    "options",
    [
        {"coordination": "manager"},
        {"step": RowAdaGrad(0.2, scaled=False), "nonnegative": True, "start": "paper"},
        {"step": Yun(), "reg_l1": (0.0, 0.01), "reg": (0.1, 0.0)},
        {"step": BoldDriver(0.05), "dtype": "float64"},
        {"step": 0.01, "order": "random", "balance": "ratings", "start": "libmf2"},
        {"kernel": "python", "by_level": False, "order": "item"},
        {"schedule": "dsgd", "strata": "wr", "step": Yun(), "kernel": KERNELS[-2]},
        {"loss": "kl", "nonnegative": True},
        {"grid": (3, 5), "loss": "huber", "biases": True},
        {"schedule": "serial", "n_workers": 1, "grid": 2},
        {"schedule": "hogwild", "n_workers": 1},
    ],
    ids=[
        "manager", "nonnegative", "yun, l1", "bold", "random", "as it stands", "strata", "kl",
        "3 by 5", "serial", "hogwild alone",
    ],
)  # fmt: skip
def test_every_option_is_replayed(options, tmp_path):
    plain = {"coordination": "shared", "start_method": "fork"}
    fit = traced(FEW, **{**plain, **options})
    replay = replay_factors(through_a_file(fit.trace, tmp_path), FEW)
    assert replay.same, replay.sentence
    assert same_factors(fit, replay)


def test_the_result_is_that_of_the_last_epoch_where_patience_chose_an_earlier_one():
    train, held = RATINGS.split(0.2, seed=0)
    fit = traced(
        train, schedule="serial", n_workers=1, validation=held, patience=2, epochs=60, step=0.05,
        reg=0.0,
    )  # fmt: skip
    assert fit.stopped == "patience"
    replay = replay_factors(fit.trace, train)
    assert replay.same
    assert replay.epochs == len(fit.history) == fit.best_epoch + 2
    assert not same_factors(fit, replay)


def test_the_losses_of_a_replay_are_those_of_the_run():
    fit, rows = traced(coordination="shared"), []
    replay_factors(fit.trace, RATINGS, callback=rows.append)
    # summed in another order: one sum a worker there, one in all here
    assert [row.loss for row in rows] == pytest.approx([row.loss for row in fit.history], rel=1e-12)
    assert [row.updates for row in rows] == [row.updates for row in fit.history]


def test_strata_with_replacement_may_miss_a_block_and_the_check_knows():
    options = {"schedule": "dsgd", "n_workers": 1, "strata": "wr", "coordination": "shared"}
    trace = traced(FEW, **options, grid=3, epochs=6).trace
    granted = [event.block for event in trace.serial_order() if event.epoch == 1]
    assert len(set(granted)) < 9
    assert trace.check() is None


def test_tracing_changes_no_bits():
    options = {**OPTIONS, "schedule": "dsgd", "coordination": "shared"}
    one, two = fit_factors(RATINGS, **options), fit_factors(RATINGS, **options, trace=True)
    assert one.model.P.tobytes() == two.model.P.tobytes()


# ---- broken on purpose -------------------------------------------------------------------------


@pytest.fixture
def serial():
    """A serial run on a 2 x 2 grid, whose trace can be changed without breaking its clock."""
    return traced(FEW, schedule="serial", n_workers=1, grid=2).trace


def blocks_in_epoch(trace, epoch):
    """The places of an epoch's events, two a block: acquire and release."""
    return [place for place, event in enumerate(trace.events) if event.epoch == epoch]


def test_two_blocks_in_conflict_that_are_swapped_are_found_out(serial):
    places = blocks_in_epoch(serial, 2)
    events = serial.events
    blocks = [events[place].block for place in places[::2]]
    rows = [divmod(block, 2) for block in blocks]
    first = next(n for n in range(3) if any(x == y for x, y in zip(rows[n], rows[n + 1], strict=1)))
    for one in (0, 1):
        left, right = places[2 * first + one], places[2 * first + 2 + one]
        events[left], events[right] = (
            events[left]._replace(block=events[right].block),
            events[right]._replace(block=events[left].block),
        )
    replay = replay_factors(serial, FEW)
    assert not replay.same
    assert replay.digest != replay.recorded
    assert replay.differs_after == 2
    assert replay.sentence == (
        "12 block updates of 3 epochs by 1 worker, replayed in one process: other bits "
        "from epoch 2 on"
    )


def test_two_blocks_without_conflict_that_are_swapped_make_no_difference():
    """That is why a parallel run can be replayed at all."""
    trace = traced(FEW, schedule="serial", n_workers=1, grid=2).trace
    for epoch in (1, 2, 3):
        places = blocks_in_epoch(trace, epoch)
        blocks = [trace.events[place].block for place in places[::2]]
        n = next((n for n in range(3) if blocks[n] + blocks[n + 1] == 3), None)
        if n is None:
            continue
        for one in (0, 1):
            left, right = places[2 * n + one], places[2 * n + 2 + one]
            trace.events[left], trace.events[right] = (
                trace.events[left]._replace(block=blocks[n + 1]),
                trace.events[right]._replace(block=blocks[n]),
            )
        break
    else:
        pytest.fail("no epoch has two blocks of the diagonal in a row: take another seed")
    assert replay_factors(trace, FEW).same


def test_a_changed_block_number_is_found_out(serial):
    last = len(serial.events) - 2
    other = (serial.events[last].block + 1) % 4
    serial.events[last] = serial.events[last]._replace(block=other)
    replay = replay_factors(serial, FEW)
    assert (replay.same, replay.differs_after) == (False, 3)


def test_a_block_that_is_not_there_is_named_with_its_line(serial):
    serial.events[4] = serial.events[4]._replace(block=4)
    with pytest.raises(DataError, match="line 6: block 4 in epoch 1; the run has blocks 0 to 3"):
        replay_factors(serial, FEW)


def test_a_block_too_few_is_found_out(serial):
    del serial.events[-2:]
    assert not replay_factors(serial, FEW).same


@pytest.mark.parametrize("change", ["value", "order", "fewer"])
def test_other_ratings_are_refused(serial, change):
    r, rows = FEW.r.copy(), np.arange(len(FEW))
    if change == "value":
        r[0] += 0.5
    elif change == "order":
        rows[:2] = 1, 0
    else:
        rows = rows[1:]
    other = Ratings.of_indices(FEW.u, FEW.i, r, n_users=15, n_items=12).rows(rows)
    with pytest.raises(DataError, match="not the ratings of the run: their digest differs"):
        replay_factors(serial, other)


# ---- what can't be replayed --------------------------------------------------------------------


def test_blocks_in_conflict_held_at_once_are_refused():
    trace = traced(FEW, schedule="hogwild", n_workers=1).trace
    trace.header["n_workers"] = 2
    one, two = trace.events[0], trace.events[1]
    # as if a second worker had held another run of ratings meanwhile
    meanwhile = [
        one._replace(t=one.t + 1, worker=1),
        two._replace(t=one.t + 2, worker=1),
    ]
    trace.events[1:1] = meanwhile
    with pytest.raises(ValueError, match=r"no serial order .* conflict"):
        replay_factors(trace, FEW)


def test_a_trace_of_another_program_is_refused():
    with pytest.raises(DataError, match="does not say which factor fit it is of"):
        replay_factors(Trace({"schedule": "fpsgd", "n_workers": 2, "n_blocks": 9}), FEW)


def test_a_run_from_factors_of_your_own_is_refused():
    start = (np.full((15, 5), 0.1), np.full((12, 5), 0.1))
    fit = traced(FEW, schedule="serial", n_workers=1, start=start)
    with pytest.raises(DataError, match="start factors of your own can't be replayed"):
        replay_factors(fit.trace, FEW)


def test_a_run_that_went_on_from_a_checkpoint_is_refused(tmp_path):
    options = {"schedule": "serial", "n_workers": 1, "checkpoint": tmp_path / "c"}
    traced(FEW, **options)
    fit = traced(FEW, **options, epochs=5, resume=True)
    with pytest.raises(DataError, match="begins with epoch 4; a run that went on"):
        replay_factors(fit.trace, FEW)


@pytest.mark.parametrize(
    "spoil, what",
    [
        (lambda run: run.pop("result"), "no 'result' under 'run'"),
        (lambda run: run["settings"].pop("seed"), "damaged .*'seed'"),
        (lambda run: run["settings"]["loss"].update(name="l3"), "damaged .*'l3'"),
        (lambda run: run["settings"].update(kernel="fortran"), "unknown kernel 'fortran'"),
        (lambda run: run["settings"].update(n_factors=0), "n_factors must be"),
        (lambda run: run.update(settings=[]), "damaged"),
    ],
)
def test_a_header_that_lacks_something_is_refused(serial, spoil, what):
    serial.header = json.loads(json.dumps(serial.header))
    spoil(serial.header["run"])
    with pytest.raises(ValueError, match=what):
        replay_factors(serial, FEW)


def test_a_trace_without_events_is_refused(serial):
    serial.events.clear()
    with pytest.raises(DataError, match="has no epochs"):
        replay_factors(serial, FEW)


def test_without_digests_of_the_epochs_the_end_alone_is_compared(serial):
    del serial.header["run"]["epochs"]
    assert replay_factors(serial, FEW).same
    serial.events[0] = serial.events[0]._replace(block=(serial.events[0].block + 1) % 4)
    replay = replay_factors(serial, FEW)
    assert (replay.same, replay.differs_after) == (False, None)
    assert replay.sentence.endswith("replayed in one process: other bits")


def test_a_kernel_that_is_not_installed_is_named(serial, monkeypatch):
    serial.header["run"]["settings"]["kernel"] = "numba"
    monkeypatch.setattr("hogwild.models.factor_options.have_numba", lambda: False)
    with pytest.raises(ImportError, match="pip install 'hogwild"):
        replay_factors(serial, FEW)
