"""A factor fit in a file: what goes on from it has the bits of a run that was never stopped."""

import numpy as np
import pytest
from replay_cases import planted

from hogwild.data import Ratings
from hogwild.data.npz_file import read_npz, write_npz
from hogwild.errors import DataError
from hogwild.models import BoldDriver, RowAdaGrad, Yun, fit_factors
from hogwild.models.factor_checkpoint import FORMAT, VERSION, look_into

pytestmark = pytest.mark.timeout(90)

TRAIN, HELD = planted().split(0.2, seed=0)
PLAIN = {"n_factors": 5, "kernel": "numpy", "seed": 7, "epochs": 6, "schedule": "serial"}


class Stopped(Exception):
    """The end of a run that something stops from outside."""


def stop_after(epoch):
    def callback(record):
        if record.epoch == epoch:
            raise Stopped

    return callback


def same_bits(one, two):
    return all(
        getattr(one.model, name).tobytes() == getattr(two.model, name).tobytes()
        for name in ("P", "Q", *(("user_bias", "item_bias") if one.model.biased else ()))
    )


def compare(tmp_path, stop, **options):
    """Fit at once, and stopped after some epochs and resumed; return both fits."""
    whole = fit_factors(TRAIN, **{**PLAIN, **options})
    path = tmp_path / "c"
    keeping = {**PLAIN, **options, "checkpoint": path, "checkpoint_every": 0}
    with pytest.raises(Stopped):
        fit_factors(TRAIN, **keeping, callback=stop_after(stop))
    assert look_into(path) == (stop, 7)
    return whole, fit_factors(TRAIN, **keeping, resume=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"step": RowAdaGrad(0.2), "reg_l1": 0.01},
        {"step": Yun(), "biases": True, "kernel": "python"},
        {"step": BoldDriver(0.02), "dtype": "float64", "order": "random"},
        {"nonnegative": True, "start": "paper", "by_level": False, "kernel": "python"},
        {"schedule": "dsgd", "n_workers": 2, "coordination": "shared", "start_method": "fork"},
        {"schedule": "dsgd", "n_workers": 2, "strata": "wr", "step": BoldDriver(0.02)},
    ],
    ids=["plain", "l1", "yun", "bold", "nonnegative", "dsgd", "strata"],
)
def test_a_resumed_run_has_the_bits_of_an_unbroken_one(tmp_path, options):
    whole, resumed = compare(tmp_path, 3, **options)
    assert same_bits(whole, resumed)
    assert [row.loss for row in whole.history] == [row.loss for row in resumed.history]
    assert [row.step for row in whole.history] == [row.step for row in resumed.history]


@pytest.mark.parametrize("stop", ["first", "after the best", "last"])
def test_patience_and_the_best_epoch_survive_a_stop(tmp_path, stop):
    options = {"validation": HELD, "patience": 2, "epochs": 60, "step": 0.05, "reg": 0.0}
    known = fit_factors(TRAIN, **{**PLAIN, **options})
    assert known.stopped == "patience"
    assert 1 < known.best_epoch == len(known.history) - 2
    epoch = {"first": 1, "after the best": known.best_epoch + 1, "last": len(known.history)}[stop]
    whole, resumed = compare(tmp_path, epoch, **options)
    assert (resumed.stopped, resumed.best_epoch) == ("patience", known.best_epoch)
    assert same_bits(whole, resumed)
    assert [row.validation for row in whole.history] == [row.validation for row in resumed.history]


def test_a_finished_run_can_be_given_more_epochs(tmp_path):
    path = tmp_path / "c"
    fit_factors(TRAIN, **{**PLAIN, "epochs": 2}, checkpoint=path, checkpoint_every=1e9)
    assert look_into(path).epoch == 2  # the last epoch is kept, however soon it comes
    longer = fit_factors(TRAIN, **PLAIN, checkpoint=path, resume=True)
    assert same_bits(longer, fit_factors(TRAIN, **PLAIN))
    with pytest.raises(ValueError, match="has done 6 epochs; epochs must be 6 or more"):
        fit_factors(TRAIN, **{**PLAIN, "epochs": 2}, checkpoint=path, resume=True)


def test_without_a_seed_the_checkpoints_own_is_taken(tmp_path):
    options = {**PLAIN, "seed": None}
    begun = fit_factors(TRAIN, **{**options, "epochs": 2}, checkpoint=tmp_path / "c")
    resumed = fit_factors(TRAIN, **options, checkpoint=tmp_path / "c", resume=True)
    assert resumed.seed == begun.seed
    assert same_bits(resumed, fit_factors(TRAIN, **{**options, "seed": begun.seed}))


def test_the_first_epoch_is_kept_at_once_and_the_others_in_their_time(tmp_path):
    path, seen = tmp_path / "c", []

    def look(record):
        seen.append(look_into(path).epoch)

    fit_factors(TRAIN, **PLAIN, checkpoint=path, checkpoint_every=1e9, callback=look)
    assert seen == [1, 1, 1, 1, 1, 1]
    fit_factors(TRAIN, **PLAIN, checkpoint=path, checkpoint_every=0, callback=look)
    assert seen[6:] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "change, what",
    [
        ({"seed": 8}, "its seed is 7, not 8"),
        ({"reg": 0.1}, r"its reg is \[0.05, 0.05\], not \[0.1, 0.1\]"),
        ({"schedule": "hogwild", "n_workers": 1}, "its schedule is 'serial', not 'hogwild'"),
        ({"step": 0.1}, "its step is"),
        ({"validation": HELD, "patience": 1}, "its validation ratings are others"),
    ],
    ids=["seed", "reg", "schedule", "step", "validation"],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, what):
    path = tmp_path / "c"
    fit_factors(TRAIN, **PLAIN, checkpoint=path)
    with pytest.raises(DataError, match=f"the checkpoint is of another run: {what}"):
        fit_factors(TRAIN, **{**PLAIN, **change}, checkpoint=path, resume=True)


def test_a_checkpoint_of_other_ratings_or_strata_is_refused(tmp_path):
    path = tmp_path / "c"
    fit_factors(TRAIN, **PLAIN, checkpoint=path)
    with pytest.raises(DataError, match="another run: its ratings are others"):
        fit_factors(HELD, **PLAIN, checkpoint=path, resume=True)
    dsgd = {**PLAIN, "schedule": "dsgd", "n_workers": 1, "coordination": "shared"}
    fit_factors(TRAIN, **dsgd, checkpoint=path)
    with pytest.raises(DataError, match="its strata is 'wor', not 'seq'"):
        fit_factors(TRAIN, **dsgd, strata="seq", checkpoint=path, resume=True)


def test_a_checkpoint_of_fewer_items_is_refused_though_no_rating_differs(tmp_path):
    path = tmp_path / "c"
    one = Ratings.of_indices([0, 1], [0, 0], [1.0, 2.0])
    more = Ratings.of_indices([0, 1], [0, 0], [1.0, 2.0], n_items=3)
    options = {**PLAIN, "grid": 1}
    fit_factors(one, **options, checkpoint=path)
    with pytest.raises(DataError, match=r"another run: its Q has shape \(1, \d+\), not \(3, "):
        fit_factors(more, **options, checkpoint=path, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c"
    fit_factors(TRAIN, **PLAIN, checkpoint=path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not a model|damaged"):
        fit_factors(TRAIN, **PLAIN, checkpoint=path, resume=True)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"not an .npz file"):
        look_into(path)
    model = tmp_path / "m.npz"
    fit_factors(TRAIN, **PLAIN).model.save(model)
    with pytest.raises(DataError, match=r"holds a factor model; FactorModel.load reads it"):
        look_into(model)


@pytest.mark.parametrize(
    "name, value, what",
    [
        ("settings", None, "does not say of which run it is"),
        ("best", None, "the checkpoint is damaged .*best"),
        ("history", [{"epoch": 1}], "the checkpoint is damaged"),
    ],
)
def test_a_header_that_lacks_something_is_refused(tmp_path, name, value, what):
    path = tmp_path / "c"
    fit_factors(TRAIN, **PLAIN, checkpoint=path)
    header, arrays = read_npz(path, FORMAT, VERSION, ())
    for key in ("format", "version", "sha256"):
        del header[key]
    header = {key: part for key, part in (header | {name: value}).items() if part is not None}
    write_npz(path, FORMAT, VERSION, header, arrays)
    with pytest.raises(DataError, match=what):
        fit_factors(TRAIN, **PLAIN, checkpoint=path, resume=True)
    if name == "settings":
        with pytest.raises(DataError, match=r"damaged .*settings"):
            look_into(path)


def test_what_no_file_can_hold_is_refused_before_the_first_epoch(tmp_path):
    start = (np.zeros((60, 5)), np.zeros((40, 5)))
    with pytest.raises(ValueError, match="of your own"):
        fit_factors(TRAIN, **PLAIN, start=start, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint_every must be"):
        fit_factors(TRAIN, **PLAIN, checkpoint=tmp_path / "c", checkpoint_every=-1)
    with pytest.raises(ValueError, match="resume needs the checkpoint"):
        fit_factors(TRAIN, **PLAIN, resume=True)
