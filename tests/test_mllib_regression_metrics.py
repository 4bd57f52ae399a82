"""Errors of predictions: Spark's figures, exact fractions, scikit-learn, and properties."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.mllib.regression_metrics import RegressionMetrics

FOUR = [(2.5, 3.0), (0.0, -0.5), (2.0, 2.0), (8.0, 7.0)]
NAMES = (
    "explained_variance",
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "r2",
)
NAN, INF = math.nan, math.inf
numbers = st.floats(-1e3, 1e3)
rows = st.lists(st.tuples(numbers, numbers, st.integers(0, 3)), min_size=1, max_size=12)


def figures(metrics):
    found = [getattr(metrics, name) for name in NAMES]
    assert all(type(figure) is float for figure in found)
    return found


def exactly(p, y, w):
    """The formulas in fractions; the root and r2 of a variance of 0 are left out."""
    p, y, w = ([Fraction(float(value)) for value in column] for column in (p, y, w))
    total = sum(w)
    mean = sum(a * b for a, b in zip(w, y, strict=True)) / total
    each = list(zip(p, y, w, strict=True))
    sse = sum(c * (b - a) ** 2 for a, b, c in each)
    freedom = total - sum(c * c for c in w) / total
    spread = sum(c * (b - mean) ** 2 for _, b, c in each) / freedom * (total - 1)
    squares = sum(c * b * b for _, b, c in each)
    return [
        float(sum(c * (a - mean) ** 2 for a, b, c in each) / total),
        float(sum(c * abs(b - a) for a, b, c in each) / total),
        float(sse / total),
        math.sqrt(sse / total),
        float(1 - sse / spread),
        float(1 - sse / squares),
    ]


# ---- values by hand ----------------------------------------------------------------------------


def test_four_rows_give_sparks_figures():
    wanted = [8.859375, 0.5, 0.375, 0.6123724356957945, 0.9486081370449679]
    assert figures(RegressionMetrics(FOUR)) == pytest.approx(wanted, rel=1e-14)


def test_four_weighted_rows_give_sparks_figures():
    wanted = [13.198224852071007, 0.6923076923076923, 0.576923076923077, 0.75955452531275]
    metrics = RegressionMetrics(FOUR, weights=[1, 2, 0.5, 3])
    assert figures(metrics) == pytest.approx([*wanted, 0.9579726822434582], rel=1e-14)
    triples = [(*pair, w) for pair, w in zip(FOUR, [1, 2, 0.5, 3], strict=True)]
    assert figures(RegressionMetrics(triples)) == figures(metrics)
    assert figures(RegressionMetrics(np.array(triples))) == figures(metrics)


def test_through_the_origin_r2_compares_with_zero_and_nothing_else_changes():
    p, y = zip(*FOUR, strict=True)
    metrics = RegressionMetrics(p, y, through_origin=True)
    assert metrics.r2 == pytest.approx(1 - 1.5 / (9 + 0.25 + 4 + 49), rel=1e-15)
    assert figures(metrics)[:4] == figures(RegressionMetrics(p, y))[:4]
    weighted = RegressionMetrics(p, y, [1, 2, 0.5, 3], through_origin=True)
    assert weighted.r2 == pytest.approx(1 - 3.75 / (9 + 0.5 + 2 + 147), rel=1e-15)


def test_the_documented_example_of_pyspark_reads_the_same():
    class Pairs:  # all that is asked of an RDD
        def collect(self):
            return [(2.5, 3.0, 0.5), (0.0, -0.5, 1.0), (2.0, 2.0, 0.3), (8.0, 7.0, 0.9)]

    assert math.floor(RegressionMetrics(Pairs()).root_mean_squared_error * 100) == 68


def test_other_weights_than_one_change_r2_by_w_minus_one_as_in_spark():
    half = RegressionMetrics(FOUR, weights=[0.5] * 4)  # V = 10.03..., W - 1 = 1 where 3/2 is usual
    full = RegressionMetrics(FOUR)
    assert 1 - half.r2 == pytest.approx((1 - full.r2) * 1.5, rel=1e-12)
    less_than_one = RegressionMetrics([(1.0, 2.0, 0.2), (2.0, 3.0, 0.3)])
    assert less_than_one.r2 == pytest.approx(3.0, rel=1e-14)  # Spark 3.5.9: 3.000000000000001


# ---- where the formulas divide by zero ---------------------------------------------------------


def test_constant_observations_make_r2_minus_infinity_even_where_their_mean_is_rounded():
    metrics = RegressionMetrics([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])
    *errors, r2 = figures(metrics)
    assert errors == pytest.approx([12.83 / 3, 1.9, 12.83 / 3, math.sqrt(12.83 / 3)])
    assert r2 == -INF


def test_constant_observations_predicted_exactly_have_no_r2():
    assert math.isnan(RegressionMetrics([0.1] * 3, [0.1] * 3).r2)


@pytest.mark.parametrize("weight, r2", [(1.0, -INF), (2.0, -INF), (0.5, INF)])
def test_one_row_has_no_variance(weight, r2):
    assert RegressionMetrics([(1.0, 2.0, weight)]).r2 == r2


def test_observations_of_zero_through_the_origin():
    assert RegressionMetrics([1.0], [0.0], through_origin=True).r2 == -INF


def test_a_prediction_that_is_not_a_number_shows_in_every_figure():
    assert all(math.isnan(figure) for figure in figures(RegressionMetrics([NAN, 1.0], [2.0, 3.0])))


def test_a_prediction_without_weight_shows_in_none():
    metrics = RegressionMetrics([(NAN, 5.0, 0.0), *((*pair, 1.0) for pair in FOUR)])
    assert figures(metrics) == figures(RegressionMetrics(FOUR))


def test_errors_too_large_to_square_are_infinite():
    metrics = RegressionMetrics([1e300, 0.0], [0.0, 1.0])
    assert metrics.mean_squared_error == metrics.root_mean_squared_error == INF
    assert metrics.mean_absolute_error == pytest.approx(5e299)
    assert metrics.r2 == -INF


# ---- oracles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_fractions_agree_even_where_the_mean_is_large(offset, weighted):
    rng = np.random.default_rng(3)
    p = 3 * rng.normal(size=100) + offset
    y, w = p + rng.normal(size=100), rng.random(100) if weighted else np.ones(100)
    wanted = exactly(p, y, w)
    found = figures(RegressionMetrics(p, y, w if weighted else None))
    assert found == pytest.approx(wanted[:5], rel=1e-12)
    origin = RegressionMetrics(p, y, w, through_origin=True).r2
    assert origin == pytest.approx(wanted[5], rel=1e-12)


def test_scikit_learn_agrees():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    y, w = rng.normal(size=200), rng.random(200)
    p = y + rng.normal(size=200)
    plain, weighted = RegressionMetrics(p, y), RegressionMetrics(p, y, w)
    assert plain.r2 == pytest.approx(sk.r2_score(y, p), rel=1e-12)
    for metrics, weight in ((plain, None), (weighted, w)):
        mae = sk.mean_absolute_error(y, p, sample_weight=weight)
        mse = sk.mean_squared_error(y, p, sample_weight=weight)
        assert metrics.mean_absolute_error == pytest.approx(mae, rel=1e-12)
        assert metrics.mean_squared_error == pytest.approx(mse, rel=1e-12)


# ---- properties --------------------------------------------------------------------------------


@given(rows)
def test_a_whole_weight_is_that_many_equal_rows(data):
    repeated = [(p, y) for p, y, times in data for _ in range(times)]
    if not repeated:
        with pytest.raises(ValueError, match="none of"):
            RegressionMetrics(data)
        return
    a, b = RegressionMetrics(data), RegressionMetrics(repeated)
    assert figures(a)[:4] == pytest.approx(figures(b)[:4], rel=1e-9, abs=1e-9)


@given(st.data())
def test_the_order_of_the_rows_does_not_matter(data):
    given_rows = [(p, y) for p, y, _ in data.draw(rows)]
    shuffled = data.draw(st.permutations(given_rows))
    a, b = figures(RegressionMetrics(given_rows)), figures(RegressionMetrics(shuffled))
    assert a[:4] == pytest.approx(b[:4], rel=1e-9, abs=1e-9)


@given(st.lists(numbers, min_size=1))
def test_exact_predictions_have_no_error(y):
    metrics = RegressionMetrics(y, y)
    assert figures(metrics)[1:4] == [0.0, 0.0, 0.0]
    assert metrics.r2 == 1.0 or math.isnan(metrics.r2)


# ---- what is not taken -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1.0, 2.0], [1.0]), "predictions and observations must have one length, got 2 and 1"),
        (([1.0],), "observations are missing"),
        (([1.0], ["1.0"]), "observations must be numbers; found '1.0' at row 0"),
        (([1.0, 2.0], [1.0, NAN]), "observations must be finite; found nan at row 1"),
        (([1.0, 2.0], [-INF, 1.0]), "observations must be finite; found -inf at row 0"),
        (([1.0], [1.0], [-1.0]), "weights must be finite and >= 0.0; found -1.0 at row 0"),
        (([],), "nothing to measure: none of 0 rows has a weight above 0"),
        (([1.0, 2.0], [1.0, 2.0], [0, 0]), "none of 2 rows has a weight above 0"),
        ((FOUR, None, None, "no"), "through_origin must be True or False, got 'no'"),
        ((FOUR, None, None, 1), "through_origin must be True or False, got 1"),
    ],
)
def test_wrong_input_is_refused_with_its_place_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        RegressionMetrics(*arguments)
