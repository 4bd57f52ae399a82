"""A factor fit: what is deterministic, what stops it, what it refuses, and where it leads."""

import dataclasses
import multiprocessing

import numpy as np
import pytest
from factor_cases import KERNELS, few_ratings

from hogwild.data import Ratings
from hogwild.errors import DataError, DivergenceError
from hogwild.models import BoldDriver, InverseScaling, RowAdaGrad, Yun, fit_factors
from hogwild.reference import factors as page

pytestmark = pytest.mark.timeout(90)

FEW = few_ratings(3, n_users=40, n_items=30, n=400)
SMALL = {"n_factors": 4, "epochs": 3, "step": 0.02, "seed": 7}


@pytest.fixture(autouse=True)
def no_child_left():
    yield
    assert multiprocessing.active_children() == []


def bits(fit):
    model = fit.model
    biases = [] if model.user_bias is None else [model.user_bias, model.item_bias]
    return b"".join(array.tobytes() for array in (model.P, model.Q, *biases))


def rmse(fit, ratings):
    return np.sqrt(np.mean((fit.model.predict(ratings) - ratings.r) ** 2))


# ---- what is deterministic ---------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_serial_fit_has_the_same_bits_for_a_seed_and_others_for_another(kernel, dtype):
    one, other, third = (
        fit_factors(FEW, schedule="serial", kernel=kernel, dtype=dtype, **{**SMALL, "seed": seed})
        for seed in (7, 7, 8)
    )
    assert bits(one) == bits(other) != bits(third)
    assert one.model.P.dtype == dtype


@pytest.mark.parametrize("coordination", ["manager", "shared"])
@pytest.mark.parametrize("strata", ["seq", "wor", "wr"])
def test_dsgd_has_the_same_bits_for_any_number_of_workers(coordination, strata):
    fits = [
        fit_factors(
            FEW, schedule="dsgd", grid=3, n_workers=n, coordination=coordination, strata=strata,
            **SMALL,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    assert len({bits(fit) for fit in fits}) == 1


def test_dsgd_has_the_same_bits_under_every_start_method(start_method):
    fit = fit_factors(FEW, schedule="dsgd", grid=2, n_workers=2, start_method=start_method, **SMALL)
    alone = fit_factors(FEW, schedule="dsgd", grid=2, n_workers=1, coordination="shared", **SMALL)
    assert bits(fit) == bits(alone)


@pytest.mark.parametrize("schedule", ["fpsgd", "hogwild"])
def test_one_worker_is_deterministic_under_every_schedule(schedule):
    one, other = (
        fit_factors(FEW, schedule=schedule, n_workers=1, coordination="shared", **SMALL)
        for _ in range(2)
    )
    assert bits(one) == bits(other)


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel != "numpy"])
@pytest.mark.parametrize("order", ["user", "item", "random"])
def test_by_level_or_as_it_stands_the_bits_are_the_same(kernel, order):
    fits = [
        fit_factors(
            FEW, schedule="serial", kernel=kernel, order=order, by_level=by_level, grid=2, **SMALL
        )
        for by_level in (True, False)
    ]
    assert bits(fits[0]) == bits(fits[1])


def test_ordered_by_user_or_by_item_is_one_and_the_same():
    by_user, by_item = (
        fit_factors(FEW, schedule="serial", order=order, grid=2, **SMALL)
        for order in ("user", "item")
    )
    assert bits(by_user) == bits(by_item)


# ---- where it leads ----------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["fpsgd", "dsgd", "hogwild", "serial"])
@pytest.mark.parametrize("n_workers", [1, 2])
def test_every_schedule_fits_what_has_low_rank(schedule, n_workers):
    random = np.random.default_rng(0)
    true = random.random((60, 2)) @ random.random((2, 50))
    u, i = (part.ravel() for part in np.indices(true.shape))
    keep = random.random(len(u)) < 0.5
    known = Ratings.of_indices(u[keep], i[keep], true.ravel()[keep])
    hidden = Ratings.of_indices(u[~keep], i[~keep], true.ravel()[~keep])
    if schedule == "serial" and n_workers == 2:
        with pytest.raises(ValueError, match="has one worker, got n_workers=2"):
            fit_factors(known, schedule=schedule, n_workers=2)
        return
    fit = fit_factors(
        known, schedule=schedule, n_workers=n_workers, n_factors=3, reg=0.0, step=0.1, epochs=60,
        seed=0, coordination="shared", start="paper",
    )  # fmt: skip
    assert rmse(fit, hidden) < 0.02 < np.std(hidden.r)


def test_the_history_takes_the_articles_objective_and_the_running_loss():
    fit = fit_factors(FEW, schedule="serial", dtype="float64", evaluate=True, reg=0.1, **SMALL)
    model, last = fit.model, fit.history[-1]
    expected = page.objective(FEW.u, FEW.i, FEW.r.astype(float), model.P, model.Q, 0.1)
    assert np.isclose(last.objective, expected, rtol=1e-12)
    assert [row.epoch for row in fit.history] == [1, 2, 3]
    assert last.loss > 0
    assert last.updates == len(FEW)
    assert last.step == 0.02
    assert last.objective < fit.history[0].objective
    assert len(last.idle) == 1
    assert last.imbalance == 0.0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"biases": True},
        {"loss": "logistic", "biases": True},
        {"loss": "squared_hinge"},
    ],
    ids=str,
)
def test_a_long_fit_ends_where_the_derivative_vanishes(options):
    """The certificate: no row of P or Q, and no bias, can be moved to lower the objective."""
    signs = "loss" in options
    ratings = few_ratings(1, n_users=8, n_items=7, n=40, signs=signs)
    reg = 0.3
    fit = fit_factors(
        ratings, schedule="serial", n_factors=2, grid=1, reg=reg, dtype="float64", seed=1,
        step=InverseScaling(0.05, 0.05), epochs=6000, **options,
    )  # fmt: skip
    model, r = fit.model, ratings.r.astype(float)
    z = model.predict_indices(ratings.u, ratings.i)
    share = 0.5 if fit.model.loss.__class__.__name__.startswith("Squared") else 1.0
    s = -share * model.loss.slopes(z, r)
    for rows, others, mine, theirs in (
        (model.P, model.Q, ratings.u, ratings.i),
        (model.Q, model.P, ratings.i, ratings.u),
    ):
        pull = np.zeros_like(rows)
        np.add.at(pull, mine, s[:, None] * others[theirs] - reg * rows[mine])
        assert np.abs(pull).max() < 0.02
    if model.biased:
        pull = np.zeros(8)
        np.add.at(pull, ratings.u, s - reg * model.user_bias[ratings.u])
        assert np.abs(pull).max() < 0.02


def test_users_and_items_come_back_in_the_order_of_their_ids():
    ratings = Ratings(["b", "a", "b", "c"], [30, 10, 10, 20], [5.0, 1.0, 2.0, 4.0])
    fit = fit_factors(ratings, n_factors=3, schedule="serial", epochs=400, reg=0.0, seed=0)
    assert fit.model.user_ids.tolist() == ["a", "b", "c"]
    assert fit.model.predict(["b", "a", "b", "c"], [30, 10, 10, 20]).round(1).tolist() == [
        5,
        1,
        2,
        4,
    ]


def test_who_has_no_training_rating_is_predicted_the_mean():
    whole = Ratings(["a", "b", "c"], ["x", "y", "z"], [1.0, 2.0, 5.0])
    fit = fit_factors(
        whole.rows([0, 1]), n_factors=2, schedule="serial", epochs=2, validation=whole.rows([2])
    )
    assert fit.model.predict("c", "z") == 1.5
    assert fit.history[-1].validation["rmse"] == 3.5
    stranger = Ratings(["zed", "a"], ["x", "?"], [3.0, 1.0])
    again = fit_factors(whole.rows([0, 1]), schedule="serial", epochs=1, validation=stranger)
    assert again.history[-1].validation["mae"] == 1.0


def test_the_validation_metrics_are_those_of_the_model():
    train, test = FEW.split(test=0.2, seed=0)
    for options in ({}, {"biases": True}):
        fit = fit_factors(train, schedule="serial", validation=test, **SMALL, **options)
        assert np.isclose(fit.history[-1].validation["rmse"], rmse(fit, test), rtol=1e-5)


def test_factors_can_start_from_a_model_by_its_ids():
    first = fit_factors(FEW, schedule="serial", biases=True, **SMALL)
    # the same ratings, others in front: other indices, the same ids
    more = Ratings(
        np.concatenate([[-1], FEW.user_ids[FEW.u]]),
        np.concatenate([[-1], FEW.item_ids[FEW.i]]),
        np.concatenate([[3.0], FEW.r]),
    )
    again = fit_factors(
        more, schedule="serial", start=first.model, biases=True,
        **{**SMALL, "epochs": 1, "step": 1e-12},
    )  # fmt: skip
    assert np.allclose(again.model.P[1:], first.model.P)
    assert np.allclose(again.model.item_bias[1:], first.model.item_bias)
    P, Q = np.ones((40, 4)), np.ones((30, 4))
    given = fit_factors(FEW, schedule="serial", start=(P, Q), **{**SMALL, "step": 1e-12})
    assert np.allclose(given.model.P, 1.0)


def test_starts_are_drawn_as_said():
    for start, high in (("libmf", 0.1), ("paper", 0.5), ("libmf2", np.sqrt(np.std(FEW.r)) / 2)):
        fit = fit_factors(FEW, schedule="serial", start=start, **{**SMALL, "step": 1e-12})
        assert 0.9 * high < fit.model.P.max() < high * 1.0001


# ---- what ends it ------------------------------------------------------------------------------


def test_patience_ends_the_fit_and_gives_back_the_best_epoch():
    train, test = FEW.split(test=0.3, seed=1)
    fit = fit_factors(
        train, schedule="serial", n_factors=8, epochs=200, reg=0.0, step=0.1, patience=3, seed=0,
        validation=test,
    )  # fmt: skip
    losses = [row.validation["loss"] for row in fit.history]
    assert fit.stopped == "patience"
    assert fit.best_epoch == int(np.argmin(losses)) + 1 == len(losses) - 3
    assert np.isclose(rmse(fit, test) ** 2, min(losses), rtol=1e-5)


def test_a_callback_can_end_it():
    fit = fit_factors(FEW, schedule="serial", callback=lambda row: row.epoch == 2, **SMALL)
    assert fit.stopped == "callback"
    assert len(fit.history) == 2


def test_divergence_says_so_with_epoch_and_step():
    with pytest.raises(DivergenceError, match=r"epoch \d+ \(step=50\)"):
        fit_factors(FEW, schedule="serial", **{**SMALL, "step": 50.0, "epochs": 30})


@pytest.mark.parametrize("kernel", ["python", "numpy"])
def test_factors_that_the_last_updates_sent_to_infinity_are_no_model(kernel):
    one = Ratings(["ann"], ["x"], [3.0])  # its loss comes before its only update
    with pytest.raises(DivergenceError, match="infinite in epoch 1"):
        fit_factors(one, schedule="serial", epochs=1, step=1e300, dtype="float32", kernel=kernel)


# ---- steps -------------------------------------------------------------------------------------


def test_the_rules_give_their_steps():
    yun = fit_factors(FEW, schedule="serial", **{**SMALL, "step": Yun(0.012, 0.05)})
    assert np.allclose(
        [row.step for row in yun.history], [0.012, 0.012 / 1.05, 0.012 / (1 + 0.05 * 2**1.5)]
    )
    bold = fit_factors(FEW, schedule="serial", **{**SMALL, "step": BoldDriver(0.01)})
    assert np.allclose([row.step for row in bold.history], [0.01, 0.0105, 0.011025])
    assert all(np.isfinite(row.objective) for row in bold.history)


def test_the_row_accumulators_do_not_care_for_the_unit_of_the_ratings():
    """LIBMF divides by the standard deviation: ratings in tenths give the same model, in tenths."""
    tenths = Ratings.of_indices(FEW.u, FEW.i, FEW.r / 10, n_users=40, n_items=30)
    options = {**SMALL, "step": RowAdaGrad(0.1), "dtype": "float64", "start": "libmf2"}
    one = fit_factors(FEW, schedule="serial", reg=0.1, **options)
    other = fit_factors(tenths, schedule="serial", reg=0.01, **options)
    u, i = FEW.u, FEW.i
    assert np.allclose(
        one.model.predict_indices(u, i), 10 * other.model.predict_indices(u, i), rtol=1e-6
    )


def test_only_the_slow_dimensions_move_in_the_first_epoch():
    options = {"schedule": "serial", "n_factors": 12, "epochs": 1, "seed": 1}
    still = fit_factors(FEW, **options, step=1e-300).model
    moved = fit_factors(FEW, **options).model
    assert np.array_equal(still.P[:, 8:], moved.P[:, 8:])
    assert not np.array_equal(still.P[:, :8], moved.P[:, :8])
    with_l1 = fit_factors(FEW, **options, reg_l1=0.01).model
    assert not np.array_equal(still.P[:, 8:], with_l1.P[:, 8:])


# ---- what it refuses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"schedule": "x"}, "unknown schedule 'x'; the schedules are fpsgd, dsgd, hogwild, serial"),
        ({"coordination": "x"}, "coordination must be one of manager, shared, got 'x'"),
        ({"n_workers": 0}, "n_workers must be a whole number of 1 or more, got 0"),
        ({"validation": [1]}, "validation must be Ratings, got list"),
        ({"n_factors": 0}, "n_factors must be a whole number of 1 or more, got 0"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
        ({"order": "x"}, "order must be one of user, item, random, got 'x'"),
        ({"dtype": "int8"}, "dtype must be float32 or float64, got 'int8'"),
        ({"kernel": "x"}, "unknown kernel 'x'"),
        ({"loss": "x"}, "unknown loss 'x'; the losses are"),
        ({"loss": "kl"}, "needs predictions above 0: nonnegative=True"),
        ({"reg": -1}, "reg must be 0 or more, got -1"),
        ({"reg": (1, 2, 3)}, "reg must be a number, or one for users and one for items"),
        ({"step": "x"}, "step must be a number, a rule, or one of"),
        ({"step": 0}, "step must be a number above 0, got 0"),
        ({"grid": 31}, "needs as many users and items; there are 40 and 30"),
        ({"grid": (2, 3), "schedule": "dsgd"}, "DSGD needs a square grid, got 2 x 3"),
        ({"grid": 2, "schedule": "hogwild"}, "draws from the whole matrix; got grid=2"),
        ({"strata": "x"}, "strata must be one of seq, wor, wr, got 'x'"),
        ({"start": "x"}, "start must be one of libmf, paper, libmf2, or a model; got 'x'"),
        ({"start": (np.ones((2, 2)), 1)}, "P to start from must have shape"),
        (
            {"start": (-np.ones((FEW.n_users, SMALL["n_factors"])), 1), "nonnegative": True},
            "nonnegative=True needs factors of 0 or more to start from; P has -1",
        ),
        ({"patience": 2}, "patience needs validation ratings"),
        ({"resume": True}, "resume needs the checkpoint"),
        ({"trace": "yes"}, "trace must be True or False, got 'yes'"),
        ({"kernel": "numpy", "by_level": False}, "goes level by level"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
        ({"balance": "x"}, "balance must be one of ids, ratings, got 'x'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_arguments_are_named(options, what):
    with pytest.raises(ValueError, match=what):
        fit_factors(FEW, **{**SMALL, **options})


def test_ratings_that_do_not_suit_the_loss_are_named():
    with pytest.raises(
        DataError, match=r"must be -1 and \+1 for the loss Logistic; found .* at row 0"
    ):
        fit_factors(FEW, loss="logistic")
    below = Ratings.of_indices([0, 0], [0, 1], [1.0, -2.0])
    with pytest.raises(DataError, match=r"0 or more .* found -2.0 at row 1"):
        fit_factors(below, loss="kl", nonnegative=True)
    with pytest.raises(DataError, match="no rating to fit to"):
        fit_factors(FEW.rows(slice(0, 0)))


def test_tiny_ratings_fit_whatever_the_grid_would_be():
    one = Ratings(["a"], ["x"], [3.0])
    for schedule in ("fpsgd", "dsgd", "hogwild"):
        fit = fit_factors(one, schedule=schedule, n_workers=2, epochs=2, seed=0)
        assert fit.n_blocks == 1
        assert dataclasses.asdict(fit.history[-1])["updates"] == 1


@pytest.mark.parametrize("size", [1e15, 1e-20])
def test_ratings_beyond_single_precision_are_refused_with_the_way_out(size):
    huge = Ratings.of_indices([0, 0, 1], [0, 1, 0], np.array([1.0, 2.0, 3.0]) * size)
    with pytest.raises(DataError, match=r'is beyond what float32 can .* dtype="float64"'):
        fit_factors(huge, schedule="serial", epochs=1)
    assert fit_factors(huge, schedule="serial", epochs=1, dtype="float64").history


# ---- what it says ------------------------------------------------------------------------------


def test_a_grid_on_which_fpsgd_starves_blocks_is_warned_of():
    said = "^a 2 x 3 grid is too small for 2 workers under fpsgd: .*; take 3 x 3 or more$"
    with pytest.warns(UserWarning, match=said):
        fit_factors(FEW, grid=(2, 3), n_workers=2, coordination="shared", **SMALL)


def test_a_grid_is_not_warned_of_where_nobody_asked_for_it_or_nobody_starves():
    one_user = Ratings([1, 1, 1], [1, 2, 3], [1.0, 2.0, 3.0])
    fit_factors(one_user, n_workers=2, coordination="shared", **SMALL)
    fit_factors(FEW, grid=1, n_workers=1, coordination="shared", **SMALL)
    fit_factors(FEW, grid=2, n_workers=2, schedule="dsgd", coordination="shared", **SMALL)


def test_a_fit_is_shown_in_one_line():
    fit = fit_factors(FEW, schedule="serial", validation=FEW, **SMALL)
    last = fit.history[-1]
    shown = f"3 epochs, loss {last.loss:.4g}, validation rmse {last.validation['rmse']:.4g}"
    assert repr(fit) == f"FactorFit({shown})"
