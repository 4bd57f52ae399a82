"""FieldModel: scores, files of our own and of libFFM's; and what is refused."""

import contextlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from field_cases import random_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import FieldRows
from hogwild.errors import DataError
from hogwild.models import (
    FieldModel,
    LinearModel,
    field_predict,
    fit_ffm,
    read_libffm_model,
    write_libffm_model,
)


def made(k: int = 3, seed: int = 0, **options: Any) -> FieldModel:
    """A model of 6 features and 2 fields, with sums."""
    rng = np.random.default_rng(seed)
    w = (rng.random((6, 2, k)) / 2).astype(np.float32)
    squares = (1 + rng.random((6, 2, k))).astype(np.float32)
    return FieldModel(w, **{"squares": squares, **options})


def test_a_score_by_hand_with_bias_and_linear_terms() -> None:
    w = np.zeros((2, 2, 1))
    w[0, 1], w[1, 0] = 1.0, 3.0
    rows = FieldRows.of_lists([[(0, 0, 1.0), (1, 1, 2.0)], []], [1, 0])  # R = 1/5
    model = FieldModel(w, bias=0.5, linear=np.array([10.0, 20.0]))
    linear = (10.0 * 1 + 20.0 * 2) / np.sqrt(5.0)
    np.testing.assert_allclose(model.decision_function(rows), [3 * 2 / 5 + linear + 0.5, 0.5])
    model = FieldModel(w, bias=0.5, linear=np.array([10.0, 20.0]), normalise=False)
    np.testing.assert_allclose(model.decision_function(rows), [56.5, 0.5])


def test_what_the_model_does_not_know_is_skipped_but_counts_in_the_norm() -> None:
    w = np.zeros((2, 2, 1), np.float32)
    w[0, 1], w[1, 0] = 1.0, 3.0
    known = [(0, 0, 1), (1, 1, 1)]
    lists = [known, [*known, (0, 7, 1)], [(5, 0, 1), *known, (1, 9, 1)]]
    z = FieldModel(w, linear=np.ones(2, np.float32)).decision_function(
        FieldRows.of_lists(lists, [1, 0, 1])
    )
    roots = 2 / np.sqrt([2, 3, 4])
    np.testing.assert_allclose(z, 3 / np.array([2, 3, 4]) + roots, rtol=1e-6)


def test_fields_are_not_looked_at_where_there_is_one() -> None:
    model = FieldModel(np.array([[[1.0]], [[3.0]]]), one_field=True)
    rows = FieldRows.of_lists([[(4, 0, 1), (9, 1, 1)]], [1])
    assert model.decision_function(rows).tolist() == [1.5]
    with pytest.raises(ValueError, match="a model of one field has w for one field, got 2"):
        FieldModel(np.ones((1, 2, 1)), one_field=True)


def test_many_rows_are_scored_by_the_compiled_kernel_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")
    rows = random_rows(longest=12)
    model = FieldModel(np.random.default_rng(0).random((30, 4, 3)).astype(np.float32))
    few = model.decision_function(rows)
    monkeypatch.setattr(field_predict, "WORTH_COMPILING", 0)
    np.testing.assert_allclose(model.decision_function(rows), few, rtol=1e-5, atol=1e-6)


def test_predictions_probabilities_and_a_log_loss_that_is_never_infinite() -> None:
    w = np.full((2, 2, 1), 1.0)
    rows = FieldRows.of_lists([[(0, 0, 50.0), (1, 1, 50.0)], [(0, 0, 1)]], [0, 2])
    model = FieldModel(w, normalise=False)  # scores 2500 and 0
    assert model.predict(rows).tolist() == [1.0, -1.0]
    assert model.predict_proba(rows).tolist() == [1.0, 0.5]
    assert model.mean_loss(rows) == pytest.approx((2500.0 + np.log(2.0)) / 2)
    assert np.isnan(model.mean_loss(rows.rows([])))
    squared = FieldModel(w, loss="squared", normalise=False)
    assert squared.predict(rows).tolist() == [2500.0, 0.0]
    assert squared.mean_loss(rows) == (2500.0**2 + 4.0) / 2
    with pytest.raises(ValueError, match="logistic loss only, not for 'squared'"):
        squared.predict_proba(rows)
    with pytest.raises(ValueError, match="rows must be FieldRows, got list"):
        model.predict([[1]])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"w": np.ones((2, 2))}, "three dimensions .*, got float64 of shape"),
        ({"w": np.ones((2, 2, 1), int)}, "float32 or float64"),
        ({"w": [[[1.0]]]}, "got list"),
        ({"w": np.ones((2, 2, 0))}, "at least one factor"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
        ({"normalise": 1}, "normalise must be True or False, got 1"),
        ({"squares": np.ones((2, 2, 2))}, r"squares must be floats of shape \(2, 2, 1\)"),
        ({"linear": np.ones(3)}, r"linear must be floats of shape \(2,\)"),
        ({"linear_squares": np.ones(2)}, "linear_squares, but no linear terms"),
        ({"bias": np.inf}, "bias must be finite"),
    ],
)
def test_arrays_that_do_not_fit_one_another(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldModel(**{"w": np.ones((2, 2, 1)), **options})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"squares": None, "loss": "squared", "normalise": False},
        {"bias": -0.5, "bias_squares": 2.0, "linear": np.arange(6.0), "linear_squares": np.ones(6)},
    ],
)
def test_a_saved_model_comes_back_to_the_bit(tmp_path: Path, options: dict[str, Any]) -> None:
    model = made(**options)
    model.save(tmp_path / "model.npz")
    back = FieldModel.load(tmp_path / "model.npz")
    assert repr(back) == repr(model)
    for name in FieldModel.__dataclass_fields__:
        ours, its = getattr(model, name), getattr(back, name)
        if isinstance(ours, np.ndarray):
            assert (ours.dtype, ours.tobytes()) == (its.dtype, its.tobytes())
        else:
            assert ours == its or name == "_"


def test_a_file_that_is_no_model_of_ours_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"model\.npz: not a model of this package"):
        FieldModel.load(path)
    LinearModel(np.ones(2)).save(path)
    with pytest.raises(DataError, match="model"):
        FieldModel.load(path)


# ---- libFFM's files


def test_the_bytes_of_both_layouts(tmp_path: Path) -> None:
    w = np.array([[[0.5, 0.25, 0.125, 0.0625, 0.75]]], np.float32)
    model = FieldModel(w, squares=w + 1, normalise=False)
    header = struct.pack("<iiib", 1, 1, 5, 0)
    g = (w + 1).ravel().tolist()
    x = w.ravel().tolist()
    write_libffm_model(model, tmp_path / "sse")
    sse = [*x[:4], *g[:4], x[4], 0, 0, 0, g[4], 1, 1, 1]
    assert (tmp_path / "sse").read_bytes() == header + struct.pack("<16f", *sse)
    write_libffm_model(model, tmp_path / "plain", "plain")
    plain = [number for pair in zip(x, g, strict=True) for number in pair]
    assert (tmp_path / "plain").read_bytes() == header + struct.pack("<10f", *plain)


def test_a_file_of_libffms_sample_has_the_size_that_libffms_has(tmp_path: Path) -> None:
    for k in (1, 4):
        write_libffm_model(FieldModel(np.zeros((9991, 18, k), np.float32)), tmp_path / "model")
        assert (tmp_path / "model").stat().st_size == 5_754_829


@pytest.mark.parametrize("layout", ["sse", "plain"])
@pytest.mark.parametrize("k", [1, 3, 4, 8, 17])
def test_files_come_back_to_the_bit_whatever_the_layout(
    tmp_path: Path, k: int, layout: str
) -> None:
    model = made(k, normalise=False)
    write_libffm_model(model, tmp_path / "model", layout)
    for asked in (None, layout):
        back = read_libffm_model(tmp_path / "model", asked)
        assert back.w.tobytes() == model.w.tobytes()
        assert back.squares is not None
        assert model.squares is not None
        assert back.squares.tobytes() == model.squares.tobytes()
        assert back.normalise is False
        assert back.w.flags.c_contiguous


def test_a_fitted_model_predicts_the_same_through_a_file(tmp_path: Path) -> None:
    rows = random_rows()
    model = fit_ffm(rows, epochs=3, schedule="serial", seed=0).model
    for layout in ("sse", "plain"):
        write_libffm_model(model, tmp_path / layout, layout)
        back = read_libffm_model(tmp_path / layout)
        assert back.predict_proba(rows).tolist() == model.predict_proba(rows).tolist()


def test_a_model_without_sums_gets_ones(tmp_path: Path) -> None:
    write_libffm_model(made(squares=None), tmp_path / "model")
    squares = read_libffm_model(tmp_path / "model").squares
    assert squares is not None
    assert (squares == 1.0).all()


def test_a_layout_that_can_not_be_told_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model"
    big = FieldModel(np.full((2, 1, 4), 1.5, np.float32))  # weights that could be sums
    write_libffm_model(big, path)
    with pytest.raises(DataError, match="would do in both layouts; pass layout='sse' or"):
        read_libffm_model(path)
    assert (read_libffm_model(path, "sse").w == 1.5).all()
    with pytest.raises(ValueError, match="layout must be one of sse, plain, got 'avx'"):
        read_libffm_model(path, "avx")
    write_libffm_model(made(4), path)
    with pytest.raises(DataError, match="no model in the layout plain"):
        read_libffm_model(path, "plain")


def test_files_cut_short_too_long_or_foreign_are_told(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_libffm_model(made(3), path)
    whole = path.read_bytes()
    for content, message in (
        (b"", "0 bytes, its header alone has 13"),
        (whole[:12], "12 bytes, its header alone has 13"),
        (whole[:-1], r"396 bytes, but 6 features, 2 fields and 3 factors make 397 \(sse\) or 301"),
        (whole + b"x", "398 bytes, but"),
        (struct.pack("<iiib", 2**31 - 1, 2**31 - 1, 2**31 - 1, 1), "is it whole"),
        (struct.pack("<iiib", -1, 2, 3, 1), "its header would say -1 features"),
        (struct.pack("<iiib", 1, 2, 0, 1), "0 factors"),
        (whole[:12] + b"\x07" + whole[13:], "the flag 7"),
        (whole[:13] + b"\x00\x00\xc0\x7f" + whole[17:], "did the training diverge"),
        (whole[:13] + bytes(len(whole) - 13), "sums of squared gradients below 1"),
        (whole[:25] + struct.pack("<f", 0.5) + whole[29:], "weights beyond the last factor"),
        (b"1 0:1:1 2:3:4\n" * 9, "not a model of libFFM"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            read_libffm_model(path)
        assert caught.value.path == str(path)


@settings(max_examples=60)
@given(st.binary(max_size=120))
def test_any_bytes_are_a_model_or_a_data_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        read_libffm_model(path)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"bias": 0.5}, "a bias"),
        ({"linear": np.ones(6)}, "linear terms"),
        ({"loss": "squared"}, "the squared loss"),
    ],
)
def test_what_libffm_does_not_have_is_refused(
    tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValueError, match=f"libFFM's models have no place for {what}"):
        write_libffm_model(made(**options), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_weights_that_float32_can_not_hold_are_refused(tmp_path: Path) -> None:
    for number in (np.nan, 1e300):
        with pytest.raises(ValueError, match="must be finite as float32"):
            write_libffm_model(FieldModel(np.full((1, 1, 1), number)), tmp_path / "model")
    with pytest.raises(ValueError, match="one field for all"):
        write_libffm_model(FieldModel(np.ones((1, 1, 1)), one_field=True), tmp_path / "model")
