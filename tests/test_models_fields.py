"""fit_ffm: libFFM's printed digits, Hogwild! beside serial, and every option by what it does."""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from field_cases import KERNELS, random_rows, tidy_rows

from hogwild.data import FieldRows, read_libffm
from hogwild.errors import DivergenceError
from hogwild.models import FieldFit, FieldModel, fit_ffm
from hogwild.models.field_rows import are_worth_asking_for, make_data
from hogwild.reference import ffm

# printed by libFFM 1.23, both builds, one thread, for its own sample: training, validation
PRINTED = [
    ("1.12420", "0.88889"),
    ("0.71238", "0.68856"),
    ("0.61740", "0.61925"),
    ("0.58520", "0.59228"),
    ("0.56697", "0.58012"),
]


@pytest.fixture(scope="module")
def sample(shared_data: Path) -> tuple[FieldRows, FieldRows]:
    folder = shared_data / "ffm"
    return read_libffm(folder / "bigdata.tr.txt"), read_libffm(folder / "bigdata.te.txt")


def same_bits(a: FieldModel, b: FieldModel) -> bool:
    arrays = zip(
        (a.w, a.squares, a.linear, a.linear_squares),
        (b.w, b.squares, b.linear, b.linear_squares),
        strict=True,
    )
    same = all(x is y if x is None else np.array_equal(x, y) for x, y in arrays)
    return same and (a.bias, a.bias_squares) == (b.bias, b.bias_squares)


def losses(fit: FieldFit) -> list[tuple[float, float]]:
    return [(row.train_loss, row.validation_loss) for row in fit.history]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_five_epochs_print_what_libffm_prints(
    sample: tuple[FieldRows, FieldRows], kernel: str, dtype: str
) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    train, test = sample
    fit = fit_ffm(
        train, validation=test, epochs=5, random="libffm", schedule="serial", kernel=kernel,
        dtype=dtype,
    )  # fmt: skip
    assert [(f"{a:.5f}", f"{b:.5f}") for a, b in losses(fit)] == PRINTED
    assert (fit.stopped, fit.best_epoch, fit.seed) == ("epochs", None, None)
    assert fit.history[0].updates == 200


@pytest.mark.parametrize("kernel", ["numpy", "auto"])
def test_weights_and_sums_are_those_of_a_plain_float32_program(
    sample: tuple[FieldRows, FieldRows], shared_data: Path, kernel: str
) -> None:
    lines = [
        (shared_data / "ffm" / f"bigdata.{part}.txt").read_text().splitlines()
        for part in ("tr", "te")
    ]
    plain = ffm.train(*([ffm.parse(line) for line in part] for part in lines), epochs=3)
    train, test = sample
    model = fit_ffm(
        train, validation=test, epochs=3, random="libffm", schedule="serial", kernel=kernel
    ).model
    assert model.squares is not None
    assert np.abs(model.w - plain.w).max() < 1e-6
    assert np.abs(model.squares - plain.G).max() < 1e-6


@pytest.mark.timeout(120)
def test_one_worker_has_the_bits_of_serial_and_two_come_close(
    sample: tuple[FieldRows, FieldRows], start_method: str
) -> None:
    train, test = sample
    options: dict[str, Any] = {"validation": test, "random": "libffm", "kernel": "numpy"}
    serial = fit_ffm(train, schedule="serial", **options)
    one, two = (fit_ffm(train, n_workers=n, start_method=start_method, **options) for n in (1, 2))
    assert same_bits(one.model, serial.model)
    assert losses(one) == losses(serial)
    # what numpy reads and writes back at once loses more of another's updates than a compiled loop
    assert abs(losses(two)[-1][1] - losses(serial)[-1][1]) < 0.003


@pytest.mark.timeout(60)
def test_the_compiled_kernel_under_two_workers_comes_close_too(
    sample: tuple[FieldRows, FieldRows],
) -> None:
    pytest.importorskip("numba")
    train, test = sample
    fits = [
        fit_ffm(train, validation=test, random="libffm", kernel="numba", **how)
        for how in ({"schedule": "serial"}, {"n_workers": 2})
    ]
    for ours, its in zip(losses(fits[1])[-1], losses(fits[0])[-1], strict=True):
        assert abs(ours - its) < 0.003


def test_validation_rows_change_libffms_later_orders_and_no_others() -> None:
    rows = tidy_rows()
    for random, alike in (("libffm", False), ("numpy", True)):
        how: dict[str, Any] = {"random": random, "epochs": 2, "schedule": "serial"}
        if random == "numpy":
            how["seed"] = 0
        alone = fit_ffm(rows, **how)
        measured = fit_ffm(rows, validation=tidy_rows(seed=1), **how)
        assert alone.history[0].train_loss == measured.history[0].train_loss
        assert (alone.history[1].train_loss == measured.history[1].train_loss) is alike
        assert np.isnan(alone.history[0].validation_loss)


def test_a_seed_fixes_the_bits_and_is_returned() -> None:
    rows = tidy_rows()
    first = fit_ffm(rows, epochs=2, schedule="serial", seed=3)
    assert first.seed == 3
    assert same_bits(first.model, fit_ffm(rows, epochs=2, schedule="serial", seed=3).model)
    assert not same_bits(first.model, fit_ffm(rows, epochs=2, schedule="serial", seed=4).model)
    drawn = fit_ffm(rows, epochs=2, schedule="serial", seed=np.random.default_rng(5))
    again = fit_ffm(rows, epochs=2, schedule="serial", seed=drawn.seed)
    assert same_bits(drawn.model, again.model)


def test_the_start_is_uniform_up_to_one_over_the_root_of_k() -> None:
    rows = FieldRows([0, 0], [], [], [], [1], n_fields=30, n_features=50)  # nothing to learn
    for dtype in ("float32", "float64"):
        model = fit_ffm(rows, n_factors=4, epochs=1, schedule="serial", dtype=dtype, seed=0).model
        assert model.w.dtype == dtype
        assert 0.0 <= model.w.min() < 0.001
        assert 0.499 < model.w.max() < 0.5
        assert model.w.mean() == pytest.approx(0.25, abs=0.01)
        assert (model.squares == 1.0).all()


def rising() -> dict[str, Any]:
    """Rows whose labels mean nothing: what is learned of them is wrong elsewhere."""
    rng = np.random.default_rng(0)
    train, test = (tidy_rows(80, seed=s) for s in (1, 2))
    train, test = (
        FieldRows(
            r.indptr, r.fields, r.features, r.values, rng.integers(0, 2, len(r)),
            n_fields=5, n_features=40,
        )
        for r in (train, test)
    )  # fmt: skip
    return {"rows": train, "validation": test, "schedule": "serial", "seed": 1, "step": 0.1}


def test_auto_stop_goes_back_to_the_epoch_before_the_first_rise() -> None:
    case = rising()
    rows = case.pop("rows")
    stopped = fit_ffm(rows, auto_stop=True, epochs=60, bias=True, linear=True, **case)
    seen = [row.validation_loss for row in stopped.history]
    assert stopped.stopped == "auto_stop"
    assert 1 < len(seen) < 60
    assert seen[-1] > seen[-2]
    assert all(np.diff(seen[:-1]) <= 0)
    assert stopped.best_epoch == len(seen) - 1
    shorter = fit_ffm(rows, epochs=stopped.best_epoch, bias=True, linear=True, **case)
    assert same_bits(stopped.model, shorter.model)  # the sums too


def test_auto_stop_goes_on_while_the_loss_stays_equal_and_needs_rows_to_measure() -> None:
    unknown = FieldRows([0, 2], [7, 8], [70, 71], [1, 1], [1])  # all skipped: the score is 0
    fit = fit_ffm(tidy_rows(), validation=unknown, auto_stop=True, epochs=4, schedule="serial")
    assert [row.validation_loss for row in fit.history] == [np.log(2.0)] * 4
    assert (fit.stopped, fit.best_epoch) == ("epochs", 4)
    with pytest.raises(ValueError, match="auto_stop compares validation losses"):
        fit_ffm(tidy_rows(), auto_stop=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", ["numpy", "numba"])
def test_a_warm_start_goes_on_with_weights_and_sums(kernel: str, dtype: str) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    row = random_rows(seed=3).rows([6])  # one row has one order
    assert row.n_entries > 2
    how: dict[str, Any] = {
        "schedule": "serial", "bias": True, "linear": True, "kernel": kernel, "dtype": dtype,
        "n_factors": 3,
    }  # fmt: skip
    whole = fit_ffm(row, epochs=5, seed=0, **how)
    half = fit_ffm(row, epochs=2, seed=0, **how)
    rest = fit_ffm(row, epochs=3, start=half.model, **how)
    assert same_bits(rest.model, whole.model)
    bare = dataclasses.replace(half.model, squares=None, linear_squares=None, bias_squares=None)
    again = fit_ffm(row, epochs=3, start=bare, **how)
    assert not np.array_equal(again.model.w, whole.model.w)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"n_factors": 3}, "start has 4 factors; n_factors must be as many, got 3"),
        ({}, {"one_field": True}, "start has one_field=False, the fit True"),
        ({"w": np.ones((9, 5, 4))}, {}, "start knows 9 features, the rows have 40"),
        ({"w": np.ones((40, 2, 4))}, {}, "start knows 2 fields, the rows have 5"),
        ({"linear": np.ones(40)}, {}, "start has linear terms: pass linear=True"),
        ({"bias": 0.5}, {}, "start has a bias: pass bias=True"),
        ({"w": np.full((40, 5, 4), np.nan)}, {}, "w of start must be finite"),
        ({"squares": np.zeros((40, 5, 4))}, {}, "squares of start must be above 0"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    start = FieldModel(**{"w": np.ones((40, 5, 4)), **change})
    with pytest.raises(ValueError, match=message):
        fit_ffm(tidy_rows(), start=start, **options)


def test_a_start_that_knows_more_than_the_rows_keeps_what_they_do_not_touch() -> None:
    start = FieldModel(np.full((60, 7, 4), 0.1, np.float32))
    model = fit_ffm(tidy_rows(), start=start, epochs=1, schedule="serial").model
    assert model.w.shape == (60, 7, 4)
    assert (model.w[40:] == np.float32(0.1)).all()
    assert (model.w[:, 5:] == np.float32(0.1)).all()
    assert (model.w[:40, :5] != np.float32(0.1)).any()


def test_one_field_is_a_plain_factorization_machine() -> None:
    rows = tidy_rows()
    how: dict[str, Any] = {"epochs": 3, "schedule": "serial", "seed": 0, "n_factors": 3}
    plain = fit_ffm(rows, one_field=True, **how)
    same = fit_ffm(rows.one_field(), **how)
    assert plain.model.w.shape == (40, 1, 3)
    assert np.array_equal(plain.model.w, same.model.w)
    v = plain.model.w[rows.features.reshape(-1, 5), 0].astype(float)  # rows, entries, factors
    products = ((v.sum(1) ** 2 - (v**2).sum(1)).sum(1)) / 2 / 5  # Rendle's form; R = 1/5
    np.testing.assert_allclose(plain.model.decision_function(rows), products, rtol=1e-5)


def test_fields_learn_what_one_field_can_not() -> None:
    rows = tidy_rows(400)
    test = tidy_rows(400, seed=1)
    how: dict[str, Any] = {"epochs": 30, "schedule": "serial", "seed": 0, "validation": test}
    fit = fit_ffm(rows, linear=True, bias=True, **how)
    assert (fit.model.predict(test) == np.where(test.y > 0, 1, -1)).mean() > 0.8
    assert "with bias and linear terms" in repr(fit.model)


def test_a_bias_alone_finds_the_log_odds_and_linear_terms_those_of_a_feature() -> None:
    rows = FieldRows.of_lists([[]] * 40, [1] * 30 + [0] * 10)
    fit = fit_ffm(rows, bias=True, epochs=200, schedule="serial", seed=0)
    assert fit.model.bias == pytest.approx(np.log(3.0), abs=0.05)
    lists = [[(0, 0, 1)], [(0, 0, 1)], [(0, 0, 1)], [(0, 0, 1)], [(0, 1, 2)]] * 8
    rows = FieldRows.of_lists(lists, [1, 1, 1, 0, 0] * 8)
    fit = fit_ffm(rows, linear=True, reg=0.0, epochs=200, schedule="serial", seed=0)
    assert fit.model.linear is not None
    # R = 1 / v^2 makes the second one's score its weight too
    np.testing.assert_allclose(
        fit.model.decision_function(rows)[:5], fit.model.linear[[0] * 4 + [1]]
    )
    assert fit.model.linear[0] == pytest.approx(np.log(3.0), abs=0.05)


def test_the_squared_loss_fits_numbers() -> None:
    lists = [[(0, a, 1), (1, 2 + b, 1)] for a in (0, 1) for b in (0, 1)]
    y = [0.5, -1.0, 2.0, 0.0]
    rows = FieldRows.of_lists(lists, y)
    fit = fit_ffm(rows, loss="squared", epochs=400, reg=0.0, schedule="serial", seed=0)
    np.testing.assert_allclose(fit.model.predict(rows), y, atol=1e-3)
    assert fit.history[-1].train_loss < 1e-6


def test_rows_of_any_shape_can_be_fitted_with_and_without_normalising() -> None:
    rows = random_rows()
    for normalise in (True, False):
        fit = fit_ffm(rows, normalise=normalise, epochs=2, schedule="serial", validation=rows)
        assert np.isfinite(losses(fit)).all()
        assert fit.model.normalise is normalise
        assert fit.model.mean_loss(rows) == pytest.approx(fit.history[-1].validation_loss)


def test_a_callback_sees_every_epoch_and_can_end_the_fit() -> None:
    seen = []
    fit = fit_ffm(
        tidy_rows(), schedule="serial", callback=lambda row: seen.append(row) or row.epoch == 3
    )
    assert fit.stopped == "callback"
    assert seen == fit.history
    assert len(seen) == 3
    assert set(fit.timings) == {"start", "epochs", "evaluation"}
    assert repr(fit).startswith("FieldFit(3 epochs, train loss 0.")


@pytest.mark.parametrize("kernel", KERNELS)
def test_divergence_is_told(kernel: str) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    rows = tidy_rows()
    huge = FieldRows(rows.indptr, rows.fields, rows.features, rows.values * 1e18, rows.y)
    given: Any = dict(loss="squared", schedule="serial", kernel=kernel, seed=0)
    with pytest.raises(DivergenceError, match=r"as large as 1e\+18: scale or bin.*normalise=True"):
        fit_ffm(huge, normalise=False, **given)
    with pytest.raises(DivergenceError, match="Try a smaller step") as caught:
        fit_ffm(rows, step=1e30, **given)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.timeout(60)
def test_the_trace_obeys_the_schedule(start_method: str) -> None:
    fit = fit_ffm(
        tidy_rows(), n_workers=2, epochs=2, kernel="numpy", trace=True, start_method=start_method
    )
    assert fit.trace is not None
    assert fit.trace.check() is None
    assert fit.trace.header["rows_per_block"] * (fit.trace.header["n_blocks"] - 1) < 200
    assert len(fit.trace.events) == 2 * 2 * fit.trace.header["n_blocks"]


def test_labels_that_are_cut_are_warned_of() -> None:
    rows = FieldRows([0, 0, 0], [], [], [], [0.7, 2.0])
    with pytest.warns(UserWarning, match="1 labels of the training rows are no whole numbers"):
        fit_ffm(rows, bias=True, epochs=1, schedule="serial")
    fit_ffm(rows, loss="squared", bias=True, epochs=1, schedule="serial")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_factors": 0}, "n_factors must be a whole number of 1 or more, got 0"),
        ({"step": 0.0}, "step must be a number above 0, got 0.0"),
        ({"reg": -1.0}, "reg must be 0 or more, got -1.0"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
        ({"clip": 0}, "clip must be a number above 0, got 0"),
        ({"loss": "hinge"}, "unknown loss 'hinge'; the losses are logistic, squared"),
        ({"schedule": "fpsgd"}, "unknown schedule 'fpsgd'; the schedules are hogwild, serial"),
        ({"schedule": "serial", "n_workers": 2}, "the serial schedule has one worker"),
        ({"n_workers": 0}, "n_workers must be a whole number of 1 or more, got 0"),
        ({"kernel": "cuda"}, "unknown kernel 'cuda'"),
        ({"dtype": "int32"}, "dtype must be float32 or float64, got 'int32'"),
        ({"random": "glibc"}, "random must be one of numpy, libffm, got 'glibc'"),
        ({"random": "libffm", "seed": 1}, "random='libffm' has no seed"),
        ({"validation": [1]}, "validation must be FieldRows, got list"),
        ({"rows": [1]}, "rows must be FieldRows, got list"),
        ({"rows": FieldRows([0], [], [], [], [])}, "there are no rows in rows"),
        ({"bias": "no"}, "bias must be True or False, got 'no'"),
        ({"pool": "other"}, "pool must be one of own, stdlib"),
    ],
)
def test_arguments_that_are_not_accepted(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_ffm(**{"rows": tidy_rows(), "epochs": 1, **options})


def test_vectors_are_asked_for_where_a_row_uses_them_and_two_rows_find_room() -> None:
    def asks(n_fields: int, used: int, slot: int) -> bool:
        rows = FieldRows.of_lists([[(f, f, 1) for f in range(used)]], [1])
        data = make_data(
            rows, (100, n_fields), loss="logistic", normalise=True, one_field=False, dtype="f4"
        )
        return are_worth_asking_for(data, n_fields, slot)

    assert asks(39, 39, 8)
    assert asks(39, 20, 8)
    assert not asks(39, 19, 8)
    assert not asks(90, 90, 32)  # 90 x 90 vectors of 128 bytes
