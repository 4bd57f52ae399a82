"""Curves of scores: Spark's figures, the definitions word for word, scikit-learn, properties."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hogwild.mllib.binary_metrics import (
    BinaryClassificationMetrics,
    area_under_curve,
    f_beta,
)

SEVEN = [(0.9, 1), (0.7, 0), (0.7, 1), (0.7, 1), (0.3, 0), (0.2, 1), (0.1, 0)]
NINE = list(zip(range(10, 1, -1), [1, 1, 0, 1, 0, 0, 1, 0, 0], strict=True))
NAN, INF = math.nan, math.inf

# few distinct scores, so that ties are common; both zeros, NaN and the infinities among them
scores = st.sampled_from([-INF, -2.0, -0.0, 0.0, 0.25, 1.0, 3.0, INF, NAN])
rows = st.lists(st.tuples(scores, st.sampled_from([-1.0, 0.0, 0.5, 1.0])), max_size=20)
counted_rows = st.lists(st.tuples(scores, st.sampled_from([0.0, 1.0]), st.integers(0, 4)))


def ordered(score):
    """A key that sorts as Java does: -0.0 is 0.0 here, NaN is above all."""
    return (1, 0.0) if math.isnan(score) else (0, score + 0.0)


def counts(data, at):
    """TP and FP at a threshold by their definition."""
    above = [row for row in data if ordered(row[0]) >= ordered(at)]
    return [
        sum((row[2] if len(row) > 2 else 1.0) for row in above if (row[1] > 0.5) == side)
        for side in (True, False)
    ]


def by_definition(data, beta=1.0):
    """(threshold, precision, recall, false positive rate, F) of each distinct score."""
    levels = sorted({ordered(row[0]) for row in data}, reverse=True)
    positives, negatives = counts(data, -INF)
    found = []
    for is_nan, score in levels:
        at = NAN if is_nan else score
        tp, fp = counts(data, at)
        precision = tp / (tp + fp) if tp + fp else 1.0
        recall = tp / positives if positives else 0.0
        both = precision + recall
        f = (1 + beta**2) * (precision * recall) / (beta**2 * precision + recall) if both else 0.0
        found.append((at, precision, recall, fp / negatives if negatives else 0.0, f))
    return np.array(found).reshape(-1, 5)


def same(a, b):
    assert a.dtype == b.dtype == np.float64
    np.testing.assert_array_equal(a, b)  # NaN equals NaN here


# ---- values by hand ----------------------------------------------------------------------------


def test_every_curve_of_seven_rows_by_hand():
    metrics = BinaryClassificationMetrics(SEVEN)
    thresholds = [0.9, 0.7, 0.3, 0.2, 0.1]
    third = 1 / 3
    same(metrics.thresholds(), np.array(thresholds))
    roc = [(0, 0), (0, 0.25), (third, 0.75), (2 / 3, 0.75), (2 / 3, 1), (1, 1), (1, 1)]
    same(metrics.roc(), np.array(roc, dtype=float))
    precision, recall = [1.0, 0.75, 0.6, 4 / 6, 4 / 7], [0.25, 0.75, 0.75, 1.0, 1.0]
    same(metrics.pr(), np.array([(0.0, 1.0), *zip(recall, precision, strict=True)]))
    same(metrics.precision_by_threshold(), np.column_stack([thresholds, precision]))
    same(metrics.recall_by_threshold(), np.column_stack([thresholds, recall]))
    f = metrics.f_measure_by_threshold()
    np.testing.assert_array_equal(f[:, 0], thresholds)
    np.testing.assert_allclose(f[:, 1], [0.4, 0.75, 2 / 3, 0.8, 8 / 11], rtol=1e-15)
    assert metrics.area_under_roc == pytest.approx(0.75, rel=1e-15)
    assert metrics.area_under_pr == pytest.approx(0.8458333333333333, rel=1e-15)


def test_beta_weighs_recall():
    precision, recall = 0.75, 0.5
    metrics = BinaryClassificationMetrics([(3, 1), (2, 1), (2, 1), (2, 0), (1, 1), (1, 1), (1, 1)])
    for beta, at_two in [
        (2.0, 5 * precision * recall / (4 * precision + recall)),
        (0.5, 1.25 * precision * recall / (0.25 * precision + recall)),
        (0.0, precision),
    ]:
        assert metrics.f_measure_by_threshold(beta)[1, 1] == pytest.approx(at_two, rel=1e-15)


def test_bins_keep_the_lowest_score_of_each_and_what_is_left_over():
    assert BinaryClassificationMetrics(NINE).area_under_roc == pytest.approx(0.8, rel=1e-15)
    thirds = BinaryClassificationMetrics(NINE, num_bins=3)
    same(thirds.thresholds(), np.array([8.0, 5.0, 2.0]))
    assert thirds.area_under_roc == pytest.approx(0.65, rel=1e-15)
    # 9 // 4 = 2: four pairs and the last alone
    same(
        BinaryClassificationMetrics(NINE, num_bins=4).thresholds(),
        np.array([9.0, 7.0, 5.0, 3.0, 2.0]),
    )


@pytest.mark.parametrize("num_bins", [0, 5, 9, 1000])
def test_fewer_than_two_scores_a_bin_are_not_binned(num_bins):
    binned = BinaryClassificationMetrics(NINE, num_bins=num_bins)
    same(binned.roc(), BinaryClassificationMetrics(NINE).roc())


def test_one_bin_is_one_point():
    same(BinaryClassificationMetrics(NINE, num_bins=1).roc(), np.array([[0.0, 0], [1, 1], [1, 1]]))


def test_nan_is_the_highest_score_and_both_zeros_are_one_as_in_spark():
    data = [(NAN, 1), (1, 0), (0.0, 1), (-0.0, 0), (INF, 1), (NAN, 0), (-1, 1), (-INF, 0)]
    metrics = BinaryClassificationMetrics(data)
    same(metrics.thresholds(), np.array([NAN, INF, 1.0, 0.0, -1.0, -INF]))
    assert not np.signbit(metrics.thresholds()[3])
    quarters = [(0, 0), (1, 1), (1, 2), (2, 2), (3, 3), (3, 4), (4, 4), (4, 4)]
    same(metrics.roc(), np.array(quarters) / 4)
    assert metrics.area_under_roc == 0.5625
    assert metrics.area_under_pr == pytest.approx(0.5297619047619048, rel=1e-15)  # Spark 3.5.9


def test_negative_zero_alone_is_reported_as_zero():
    assert not np.signbit(BinaryClassificationMetrics([-0.0], [1]).thresholds()[0])


def test_weights_by_hand_and_a_first_row_that_weighs_nothing():
    metrics = BinaryClassificationMetrics(
        [(0.9, 1, 0), (0.5, 1, 0.3), (0.4, 0, 0.1), (0.3, 1, 0.2)]
    )
    np.testing.assert_allclose(
        metrics.pr(), [(0, 1), (0, 1), (0.6, 1), (0.6, 0.75), (1, 5 / 6)], rtol=1e-15
    )
    np.testing.assert_allclose(
        metrics.roc(), [(0, 0), (0, 0), (0, 0.6), (1, 0.6), (1, 1), (1, 1)], rtol=1e-15
    )
    assert metrics.area_under_roc == pytest.approx(0.6, rel=1e-15)
    assert metrics.area_under_pr == pytest.approx(0.6 + 0.4 * (0.75 + 5 / 6) / 2, rel=1e-15)
    # precision 1 and recall 0: F_0 is 0 / 0, and Spark says so too
    assert math.isnan(metrics.f_measure_by_threshold(0.0)[0, 1])
    assert metrics.f_measure_by_threshold(1.0)[0, 1] == 0.0


def test_the_documented_example_of_pyspark_reads_the_same():
    class Pairs:  # all that is asked of an RDD
        def __init__(self, values):
            self.values = values

        def collect(self):
            return list(self.values)

    score_and_labels = Pairs(
        [(0.1, 0.0), (0.1, 1.0), (0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.6, 1.0), (0.8, 1.0)]
    )
    metrics = BinaryClassificationMetrics(score_and_labels)
    assert metrics.area_under_roc == pytest.approx(0.7083333333333333, rel=1e-15)
    assert metrics.area_under_pr == pytest.approx(0.8339285714285714, rel=1e-15)
    weights = [1.0, 0.4, 0.2, 0.6, 0.9, 0.5, 0.7]
    weighted = Pairs([(*pair, w) for pair, w in zip(score_and_labels.values, weights, strict=True)])
    metrics = BinaryClassificationMetrics(weighted)
    assert math.floor(metrics.area_under_roc * 100) == 79
    assert math.floor(metrics.area_under_pr * 100) == 88


def test_the_area_of_the_articles_example_is_sparks(shared_data):
    golden = json.loads((shared_data / "mllib_golden" / "seed_example_split.json").read_text())
    metrics = BinaryClassificationMetrics(golden["test_scores_and_labels"])
    assert len(metrics.thresholds()) == 39
    assert metrics.area_under_roc == golden["areaUnderROC"] == 1.0


# ---- one class, no data ------------------------------------------------------------------------


def test_positives_alone_give_finite_curves():
    metrics = BinaryClassificationMetrics([0.9, 0.5], [1, 1])
    same(metrics.roc(), np.array([(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (1.0, 1.0)]))
    same(metrics.pr(), np.array([(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]))
    assert metrics.area_under_roc == metrics.area_under_pr == 1.0


def test_negatives_alone_give_finite_curves():
    metrics = BinaryClassificationMetrics([0.9, 0.5], [0, 0])
    same(metrics.roc(), np.array([(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 1.0)]))
    same(metrics.pr(), np.zeros((3, 2)))
    same(metrics.f_measure_by_threshold(), np.array([(0.9, 0.0), (0.5, 0.0)]))
    assert metrics.area_under_roc == metrics.area_under_pr == 0.0


def test_rows_that_all_weigh_nothing_have_precision_one():
    metrics = BinaryClassificationMetrics([0.9, 0.5], [1, 0], [0.0, 0.0])
    same(metrics.pr(), np.array([(0.0, 1.0)] * 3))
    assert (metrics.area_under_roc, metrics.area_under_pr) == (0.5, 0.0)


@pytest.mark.parametrize("num_bins", [0, 3])
@pytest.mark.parametrize("empty", [[], (), np.empty((0, 2)), np.empty((0, 3)), np.empty(0)])
def test_no_data_has_a_diagonal_and_no_precision(empty, num_bins):
    metrics = BinaryClassificationMetrics(empty, num_bins=num_bins)
    same(metrics.roc(), np.array([(0.0, 0.0), (1.0, 1.0)]))
    assert metrics.area_under_roc == 0.5
    assert metrics.thresholds().shape == (0,)
    for curve in (metrics.precision_by_threshold(), metrics.f_measure_by_threshold()):
        assert curve.shape == (0, 2)
    with pytest.raises(ValueError, match="empty collection"):
        metrics.pr()
    with pytest.raises(ValueError, match="empty collection"):
        _ = metrics.area_under_pr
    assert BinaryClassificationMetrics([], []).area_under_roc == 0.5


def test_a_curve_of_one_point_or_none_has_no_area():
    assert area_under_curve([]) == area_under_curve([(1.0, 2.0)]) == 0.0


# ---- oracles -----------------------------------------------------------------------------------


@given(rows, st.sampled_from([0.5, 1.0, 2.0]))
def test_the_curves_are_their_definitions_to_the_bit(data, beta):
    metrics, wanted = BinaryClassificationMetrics(data), by_definition(data, beta)
    at, precision, recall, fpr, f = wanted.T
    same(metrics.thresholds(), at)
    same(metrics.precision_by_threshold(), np.column_stack([at, precision]))
    same(metrics.recall_by_threshold(), np.column_stack([at, recall]))
    same(metrics.f_measure_by_threshold(beta), np.column_stack([at, f]))
    same(metrics.roc(), np.array([(0.0, 0.0), *zip(fpr, recall, strict=True), (1.0, 1.0)]))
    if data:
        same(metrics.pr(), np.array([(0, precision[0]), *zip(recall, precision, strict=True)]))


@pytest.mark.parametrize("decimals", [0, 2])  # long ties; a long curve
def test_sums_are_taken_in_order_to_the_bit(decimals):
    rng = np.random.default_rng(5)
    score, weight = np.round(rng.normal(size=2000), decimals), rng.random(2000)
    label = (rng.random(2000) < 0.5).astype(float)
    sums = {}
    for s, y, w in zip(score.tolist(), label.tolist(), weight.tolist(), strict=True):
        sums.setdefault(s + 0.0, [0.0, 0.0])[0 if y > 0.5 else 1] += w
    tp = fp = 0.0
    points = []
    for s in sorted(sums, reverse=True):
        tp, fp = tp + sums[s][0], fp + sums[s][1]
        points.append((fp, tp))
    wanted = [(0.0, 0.0), *((f / fp, t / tp) for f, t in points), (1.0, 1.0)]
    metrics = BinaryClassificationMetrics(score, label, weight)
    same(metrics.roc(), np.array(wanted))
    area = 0.0
    for (x1, y1), (x2, y2) in pairwise(wanted):
        area += (x2 - x1) * (y2 + y1) / 2.0
    assert metrics.area_under_roc == area


@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learn_agrees(weighted):
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    score, weight = np.round(rng.normal(size=400), 1), rng.random(400)  # many ties
    label = (rng.random(400) < 1 / (1 + np.exp(-score))).astype(int)
    weight = weight if weighted else None
    metrics = BinaryClassificationMetrics(score, label, weight)
    area = sk.roc_auc_score(label, score, sample_weight=weight)
    assert metrics.area_under_roc == pytest.approx(area, rel=1e-12)
    curve = sk.roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    np.testing.assert_allclose(metrics.roc()[:-1], np.column_stack(curve[:2]), atol=1e-12)
    np.testing.assert_allclose(metrics.thresholds(), curve[2][1:])
    precision, recall, _ = sk.precision_recall_curve(label, score, sample_weight=weight)
    theirs = np.column_stack([recall, precision])[-2::-1]  # theirs starts at (0, 1), added
    np.testing.assert_allclose(metrics.pr()[1:], theirs, atol=1e-12)


# ---- properties --------------------------------------------------------------------------------


@given(rows)
def test_scores_turned_around_turn_the_area_around(data):
    data = [(s, y) for s, y in data if not math.isnan(s)]  # NaN is above all either way
    assume({y > 0.5 for _, y in data} == {True, False})
    area = BinaryClassificationMetrics(data).area_under_roc
    turned = BinaryClassificationMetrics([(-s, y) for s, y in data]).area_under_roc
    assert turned == pytest.approx(1.0 - area, abs=1e-12)


@given(st.data())
def test_the_order_of_the_rows_does_not_matter(data):
    given_rows = data.draw(rows)
    shuffled = data.draw(st.permutations(given_rows))
    a, b = BinaryClassificationMetrics(given_rows), BinaryClassificationMetrics(shuffled)
    same(a.roc(), b.roc())
    same(a.precision_by_threshold(), b.precision_by_threshold())


@given(counted_rows, st.integers(0, 3))
def test_a_whole_weight_is_that_many_equal_rows(data, num_bins):
    data = [row for row in data if row[2]]
    repeated = [(s, y) for s, y, times in data for _ in range(times)]
    a = BinaryClassificationMetrics(data, num_bins=num_bins)
    b = BinaryClassificationMetrics(repeated, num_bins=num_bins)
    same(a.roc(), b.roc())
    same(a.precision_by_threshold(), b.precision_by_threshold())


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_binned_points_are_every_gth_point_and_the_last(n, num_bins, seed):
    rng = np.random.default_rng(seed)
    score, label = rng.permutation(n), rng.integers(0, 2, n)
    every = BinaryClassificationMetrics(score, label)
    binned = BinaryClassificationMetrics(score, label, num_bins=num_bins)
    g = max(n // num_bins, 1)
    kept = sorted({*range(g - 1, n, g), n - 1})
    same(binned.thresholds(), every.thresholds()[kept])
    same(binned.roc()[1:-1], every.roc()[1:-1][kept])
    same(binned.pr()[1:], every.pr()[1:][kept])


@given(rows)
def test_the_curves_rise_and_stay_between_zero_and_one(data):
    roc = BinaryClassificationMetrics(data).roc()
    assert (np.diff(roc, axis=0) >= 0.0).all()
    assert roc.min() >= 0.0
    assert roc.max() <= 1.0


# ---- what is taken, and what is not ------------------------------------------------------------


@pytest.mark.parametrize(
    "given_rows",
    [
        SEVEN,
        tuple(SEVEN),
        iter(SEVEN),
        np.array(SEVEN),
        np.array(SEVEN, dtype=np.float32),
        [list(row) for row in SEVEN],
        [np.array(row) for row in SEVEN],
        np.array([(s, y) for s, y in SEVEN], dtype=[("score", "f8"), ("label", "i4")]),
    ],
)
def test_rows_come_in_many_shapes(given_rows):
    metrics = BinaryClassificationMetrics(given_rows)
    assert metrics.area_under_roc == pytest.approx(0.75, rel=1e-15)


@pytest.mark.parametrize(
    "convert",
    [
        list,
        np.array,
        iter,
        lambda column: np.array(column, dtype=object),
        lambda column: np.array(column, dtype=np.float32),
    ],
)
def test_columns_come_in_many_shapes(convert):
    score, label = zip(*SEVEN, strict=True)
    metrics = BinaryClassificationMetrics(convert(list(score)), convert([y > 0 for y in label]))
    assert metrics.area_under_roc == pytest.approx(0.75, rel=1e-15)


def test_truth_values_in_an_array_of_objects_are_labels():
    score, label = zip(*SEVEN, strict=True)
    objects = np.array([np.bool_(y) for y in label], dtype=object)
    assert BinaryClassificationMetrics(score, objects).area_under_roc == pytest.approx(0.75)


def test_frames_are_arrays_of_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SEVEN, columns=["score", "label"])
    for metrics in (
        BinaryClassificationMetrics(frame),
        BinaryClassificationMetrics(frame.score, frame.label),
    ):
        assert metrics.area_under_roc == pytest.approx(0.75, rel=1e-15)


def test_the_data_and_the_object_stay_as_they_were():
    data, weight = np.array(SEVEN), np.ones(7)
    metrics = BinaryClassificationMetrics(data, weights=weight)
    wanted = metrics.roc()
    metrics.thresholds()[:] = metrics.roc()[:] = metrics.pr()[:] = 7.0
    np.testing.assert_array_equal(data, SEVEN)
    data[:], weight[:] = 0.0, 0.0
    same(metrics.roc(), wanted)
    same(metrics.thresholds(), np.array([0.9, 0.7, 0.3, 0.2, 0.1]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1.0, 2.0], [1]), "scores and labels must have one length, got 2 and 1"),
        (([1.0, 2.0], [1, 0], [1.0]), "scores and weights must have one length, got 2 and 1"),
        (([1.0, 2.0],), "labels are missing"),
        ((np.array([1.0, 2.0]),), "labels are missing"),
        ((SEVEN, None, [1.0]), "scores and weights must have one length, got 7 and 1"),
        (([(1.0, 1, 2.0)], None, [1.0]), "weights are given twice"),
        (([(1.0, 1), (2.0, 1, 3.0)],), "2 to 3 fields, scores, labels, weights; found 2 and 3"),
        (([(1.0,)],), "found 1"),
        ((np.zeros((5, 4)),), "found 4"),
        ((([1.0] * 5, [1] * 5),), "found 5. For whole columns give them one by one"),
        ((SEVEN, 100), "labels must be an array or a sequence, got 100"),
        ((3.0,), "scores must be an array or a sequence, got 3.0"),
        (("abc",), "scores must be an array or a sequence, got 'abc'"),
        ((["ab", "cd"],), "labels must be numbers; found 'b' at row 0"),
        (([0.5, "0.5"], [1, 0]), "scores must be numbers; found '0.5' at row 1"),
        ((np.array(["0.5"]), [1]), "scores must be numbers; found .*'0.5'.* at row 0"),
        (([0.5, None], [1, 0]), "scores must be numbers; found None at row 1"),
        (([0.5, 1j], [1, 0]), "scores must be numbers; found 1j at row 1"),
        (([0.5, 1.0], [1, "yes"]), "labels must be numbers; found 'yes' at row 1"),
        (([[0.5], [1.0, 2.0]], [1, 0]), r"scores must be numbers; found \[0.5\] at row 0"),
        (([[0.5, 1.0]], [1]), r"one dimension, got shape \(1, 2\)"),
        (([0.5, 1.0], [1, NAN]), "labels must be finite; found nan at row 1"),
        (([0.5], [1], [-1.0]), "weights must be finite and >= 0.0; found -1.0 at row 0"),
        (([0.5, 1], [1, 1], [1, NAN]), "weights must be finite and >= 0.0; found nan at row 1"),
        (([0.5], [1], [INF]), "weights must be finite and >= 0.0; found inf at row 0"),
        ((SEVEN, None, None, -1), "num_bins must be a nonnegative whole number, got -1"),
        ((SEVEN, None, None, 2.0), "num_bins must be a nonnegative whole number, got 2.0"),
        ((SEVEN, None, None, True), "num_bins must be a nonnegative whole number, got True"),
    ],
)
def test_wrong_input_is_refused_with_its_place_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        BinaryClassificationMetrics(*arguments)


@pytest.mark.parametrize("beta", ["1", None, NAN])
def test_beta_is_a_number(beta):
    with pytest.raises(ValueError, match="beta must be a number, got"):
        f_beta(np.ones(1), np.ones(1), beta)
    with pytest.raises(ValueError, match="beta must be a number, got"):
        BinaryClassificationMetrics(SEVEN).f_measure_by_threshold(beta)
