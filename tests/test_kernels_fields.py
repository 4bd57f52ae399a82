"""The update of a field-aware machine: by hand, by differences, and kernel against kernel."""

from typing import Any

import numpy as np
import pytest
from field_cases import KERNELS, make_weights, random_rows, run_kernel, tidy_rows, variant_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import FieldRows
from hogwild.kernels import field_numpy, fields
from hogwild.kernels.field_records import FieldData, FieldVariant, FieldWeights
from hogwild.kernels.losses import Logistic, Loss, Squared
from hogwild.models.field_rows import make_data
from hogwild.reference import ffm


def data_of(rows: FieldRows, loss: str = "logistic", dtype: type = np.float64) -> FieldData:
    shape = rows.n_features, rows.n_fields
    return make_data(rows, shape, loss=loss, normalise=True, one_field=False, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_pair_by_hand(kernel: str, dtype: type) -> None:
    rows = FieldRows([0, 2], [0, 1], [0, 1], [1, 1], [1])  # R = 1/2
    variant = variant_of(kernel, dtype, 1)
    table = np.zeros((2, 2, 2), dtype)
    table[0, 1] = 0.0, 0.75
    table[1, 0] = 2.0, 1.0
    weights = FieldWeights(table.reshape(-1), np.ones((1, 2), dtype), np.ones((1, 2), dtype))
    loss = run_kernel(
        kernel, Logistic(), variant, data_of(rows, dtype=dtype), weights, 2, step=0.1, reg=0.5
    )
    # z = 0, kappa = -1/2, v = 1/2: g1 = .5 0 - .25 2 = -.5, G1 = .75 + .25; g2 = .5 2 - .25 0 = 1
    assert loss == pytest.approx(np.log(2.0))
    assert table[0, 1] == pytest.approx([0.05, 1.0], rel=1e-6)
    assert table[1, 0] == pytest.approx([2.0 - 0.1 / np.sqrt(2.0), 2.0], rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_vector_paired_with_itself_makes_both_steps(kernel: str, dtype: type) -> None:
    rows = FieldRows([0, 2], [0, 0], [0, 0], [1, 1], [1])  # R = 1/2
    table = np.array([2.0, 1.0], dtype)
    weights = FieldWeights(table, np.ones((1, 2), dtype), np.ones((1, 2), dtype))
    variant = variant_of(kernel, dtype, 1, twins=True)
    data = data_of(rows, "squared", dtype)
    run_kernel(kernel, Squared(), variant, data, weights, 1, step=0.1, reg=0.0)
    # z = 2, kappa = 2 (2 - 1) = 2: g = 2 1/2 2 = 2 twice, G = 1 + 4 + 4
    assert table == pytest.approx([2.0 - 2 * 0.1 * 2.0 / 3.0, 9.0], rel=1e-6)


@pytest.mark.parametrize("loss", [Logistic(), Squared()])
def test_the_step_goes_along_the_gradient_that_differences_give(loss: Loss) -> None:
    rows = tidy_rows(1)
    variant = variant_of("python", np.float64, 3, biased=True, linear=True)
    shape = rows.n_features, rows.n_fields, 3
    data = data_of(rows, "logistic" if loss == Logistic() else "squared")
    score = fields.make_predict(variant, compiled=False, single=False)

    def value(weights: FieldWeights) -> float:
        out = np.zeros(1)
        score(0, 1, data, weights, rows.n_fields, out)
        return loss.values(out, data.y)[0]

    before = make_weights(variant, shape, np.float64)
    after = make_weights(variant, shape, np.float64)
    run_kernel("python", loss, variant, data, after, rows.n_fields, reg=0.0)
    moved = 0
    for old, new, width in zip(before, after, (3, 1, 1), strict=True):
        flat, rest = old.reshape(-1), new.reshape(-1)
        for place in range(len(flat)):
            if place // width % 2:
                continue  # a sum: it stands behind its weights
            keep, h = flat[place], 1e-6
            flat[place] = keep + h
            up = value(before)
            flat[place] = keep - h
            slope = (up - value(before)) / (2 * h)
            flat[place] = keep
            assert rest[place + width] == pytest.approx(1.0 + slope**2, abs=1e-7)
            expected = keep - 0.2 * slope / np.sqrt(1.0 + slope**2)
            assert rest[place] == pytest.approx(expected, abs=1e-7)
            moved += rest[place] != keep
    assert moved == 5 * 4 * 3 + 5 + 1  # each of 5 entries has 4 vectors, a linear weight; a bias


def reference_rows(rows: FieldRows) -> list[ffm.Row]:
    cuts = [slice(a, b) for a, b in zip(rows.indptr, rows.indptr[1:], strict=False)]
    return [
        ffm.Row(1 if y > 0 else -1, rows.fields[c], rows.features[c], rows.values[c])
        for y, c in zip(rows.y, cuts, strict=True)
    ]


@pytest.mark.parametrize("k", [1, 3, 5, 8, 17])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pass_is_that_of_libffm_on_a_page(kernel: str, k: int) -> None:
    rows = random_rows()
    shape = rows.n_features, rows.n_fields, k
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        variant = variant_of(kernel, dtype, k, twins=True)
        weights = make_weights(variant, shape, dtype)
        table = weights.table.reshape(*shape[:2], 2, variant.width)
        w, G = table[..., 0, :k].copy(), table[..., 1, :k].copy()
        steps = [ffm.update(row, w, G, 0.2, 2e-3) for row in reference_rows(rows)]
        loss = run_kernel(
            kernel, Logistic(), variant, data_of(rows, dtype=dtype), weights, rows.n_fields
        )
        assert loss == pytest.approx(sum(steps), rel=tolerance)
        np.testing.assert_allclose(table[..., 0, :k], w, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(table[..., 1, :k], G, rtol=tolerance, atol=tolerance)
        assert not table[..., 0, k:].any()  # what fills the vectors up stays as it was
        assert (table[..., 1, k:] == 1.0).all()


SWITCHES = [
    {},
    {"biased": True, "linear": True},
    {"biased": True, "linear": True, "clipped": True},
]


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.parametrize("loss", [Logistic(), Squared()])
def test_all_kernels_give_the_same_bits_in_float64(loss: Loss, switches: dict[str, bool]) -> None:
    rows = random_rows(seed=3)
    variant = FieldVariant(3, 6, twins=True, **switches)
    shape = rows.n_features, rows.n_fields, 3
    data = data_of(rows, "logistic" if loss == Logistic() else "squared")
    results = []
    for kernel in KERNELS:
        weights = make_weights(variant, shape, np.float64)
        total = run_kernel(kernel, loss, variant, data, weights, rows.n_fields)
        results.append((total, *(part.tobytes() for part in weights)))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("switches", SWITCHES)
def test_compiled_float32_agrees_with_float64_to_rounding(switches: dict[str, bool]) -> None:
    pytest.importorskip("numba")
    rows = random_rows(seed=4)
    shape = rows.n_features, rows.n_fields, 5
    tables = []
    for dtype in (np.float32, np.float64):
        variant = variant_of("numba", dtype, 5, twins=True, **switches)
        weights = make_weights(variant, shape, dtype)
        run_kernel("numba", Logistic(), variant, data_of(rows, dtype=dtype), weights, 4)
        table = weights.table.reshape(*shape[:2], 2, variant.width)[..., :5]
        tables.append([table, weights.linear, weights.bias])
    for single, double in zip(*tables, strict=True):
        np.testing.assert_allclose(single, double, rtol=2e-6, atol=2e-6)


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([0.0, 1.0, -2.5]))
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 3),
)
def test_numpy_gives_the_bits_of_the_loop_for_any_rows(
    lists: list[list[tuple[int, int, float]]], k: int
) -> None:
    rows = FieldRows.of_lists(lists, [1] * len(lists), n_fields=3, n_features=4)
    data, variant = data_of(rows), FieldVariant(k, 2 * k, linear=True, twins=True)
    results = []
    for kernel in ("python", "numpy"):
        weights = make_weights(variant, (4, 3, k), np.float64)
        total = run_kernel(kernel, Logistic(), variant, data, weights, 3)
        results.append((total, *(part.tobytes() for part in weights)))
    assert results[0] == results[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_clip_limits_each_component_of_the_gradient(kernel: str, dtype: type) -> None:
    rows = tidy_rows(1)
    variant = variant_of(kernel, dtype, 3, biased=True, linear=True, clipped=True)
    weights = make_weights(variant, (rows.n_features, rows.n_fields, 3), dtype)
    data = data_of(rows, dtype=dtype)
    run_kernel(kernel, Logistic(), variant, data, weights, rows.n_fields, clip=0.01, reg=0.0)
    G = weights.table.reshape(-1, 2, variant.width)[:, 1]
    assert G.max() == pytest.approx(1.0 + 0.01**2, rel=1e-6)
    assert ((G > 1.0) & (G < 1.0 + 0.9 * 0.01**2)).any()  # smaller ones are not touched
    assert weights.bias[0, 1] == pytest.approx(1.0 + 0.01**2, rel=1e-6)
    assert weights.linear[:, 1].max() == pytest.approx(1.0 + 0.01**2, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_clip_hides_no_nan(kernel: str, dtype: type) -> None:
    rows = tidy_rows(1)
    variant = variant_of(kernel, dtype, 3, clipped=True)
    weights = make_weights(variant, (rows.n_features, rows.n_fields, 3), dtype)
    weights.table.reshape(-1, 2, variant.width)[:, 0, 0] = np.nan
    run_kernel(
        kernel, Logistic(), variant, data_of(rows, dtype=dtype), weights, rows.n_fields, clip=0.01
    )
    row = weights.table.reshape(rows.n_features, rows.n_fields, 2, -1)[rows.features[0], 1]
    assert np.isnan(row[0, :3]).all()


@pytest.mark.parametrize("k", [1, 4, 5])
def test_predictions_of_all_kernels_agree_also_from_weights_without_sums(k: int) -> None:
    pytest.importorskip("numba")
    rows = random_rows(300, longest=9, seed=5)
    variant = FieldVariant(k, k, biased=True, linear=True, ahead=True)
    rng = np.random.default_rng(0)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        data = data_of(rows, dtype=dtype)
        weights = FieldWeights(
            rng.normal(size=30 * 4 * k).astype(dtype),
            rng.normal(size=(30, 2)).astype(dtype),
            np.full((1, 2), 0.5, dtype),
        )
        found = []
        for make in (
            fields.make_predict(variant, compiled=False, single=False),
            fields.make_predict(variant, compiled=True, single=dtype == np.float32),
            field_numpy.make_predict(variant),
        ):
            out = np.zeros(290)
            make(5, 295, data, weights, 4, out)
            found.append(out)
        np.testing.assert_allclose(found[1], found[0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(found[2], found[0], rtol=tolerance, atol=tolerance)


def test_numpy_finds_levels_once_for_rows_that_repeat_alike() -> None:
    def levels_of(fields: list[int], features: list[int]) -> list[Any]:
        patterns = (field_numpy._pattern(np.array(ids)) for ids in (fields, features))
        return field_numpy._levels(*patterns, 1)

    found = levels_of([3, 3, 5], [7, 9, 8])
    # of the pairs 01, 02 and 12 the last two need feature 8's vector for field 3
    assert [level.tolist() for level in found] == [[0, 1], [2]]
    assert levels_of([1, 1, 0], [2, 4, 6]) is found
    assert levels_of([3, 5, 5], [7, 9, 8]) is not found
    assert levels_of([0, 1, 2], [5, 3, 4]) == [slice(None)]
    assert levels_of([4], [4]) == levels_of([], []) == []


def test_numpy_predicts_long_rows_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(50, longest=9, seed=6)
    variant = FieldVariant(2, 2)
    none = np.zeros((1, 2))
    weights = FieldWeights(np.random.default_rng(0).random(30 * 4 * 2), none, none)
    whole, parts = np.zeros(50), np.zeros(50)
    field_numpy.make_predict(variant)(0, 50, data_of(rows), weights, 4, whole)
    monkeypatch.setattr(field_numpy, "MANY", 7)
    field_numpy.make_predict(variant)(0, 50, data_of(rows), weights, 4, parts)
    assert parts.tolist() == whole.tolist()
