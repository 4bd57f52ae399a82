"""Classes taken for others: Spark's figures, the definitions word for word, and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.mllib.multiclass_metrics import MulticlassMetrics

SIX = [(0, 0), (0, 1), (2, 1), (1, 1), (0, 0), (2, 0)]  # (prediction, label); 2 is no label
NINE = [(0, 0), (0, 1), (0, 0), (1, 0), (1, 1), (1, 1), (1, 1), (2, 2), (2, 0)]  # pyspark's
NAN, INF = math.nan, math.inf

# 2.5 and NaN are predicted only
rows = st.lists(
    st.tuples(
        st.sampled_from([-1.0, -0.0, 0.0, 1.0, 2.5, NAN]),
        st.sampled_from([-1.0, 0.0, -0.0, 1.0, 7.0]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=15,
)


def share(part, whole):
    return part / whole if whole else NAN


def by_definition(data):
    """Labels, matrix, and (precision, recall, false positive rate) of each, row by row."""
    labels = sorted({y + 0.0 for _, y, _ in data})
    whole = sum(w for *_, w in data)
    matrix = [[sum(w for p, y, w in data if (y, p) == (a, b)) for b in labels] for a in labels]
    each = []
    for k, label in enumerate(labels):
        called = sum(w for p, _, w in data if p == label)
        total = sum(w for _, y, w in data if y == label)
        hits = matrix[k][k]
        precision = hits / called if called else 0.0
        each.append((precision, hits / total, share(called - hits, whole - total)))
    return labels, matrix, each


# ---- values by hand ----------------------------------------------------------------------------


def test_six_rows_give_sparks_figures():
    metrics = MulticlassMetrics(SIX)
    np.testing.assert_array_equal(metrics.labels, [0.0, 1.0])
    np.testing.assert_array_equal(metrics.confusion_matrix, [[2.0, 0.0], [1.0, 1.0]])
    assert metrics.labels.dtype == metrics.confusion_matrix.dtype == np.float64
    assert metrics.accuracy == metrics.hamming_loss == 0.5
    assert metrics.weighted_precision == pytest.approx(0.8333333333333333, rel=1e-15)
    assert metrics.weighted_recall == metrics.weighted_true_positive_rate == 0.5
    assert metrics.weighted_f_measure() == pytest.approx(0.5833333333333333, rel=1e-15)
    assert metrics.weighted_false_positive_rate == pytest.approx(1 / 6, rel=1e-15)
    assert metrics.precision(0) == metrics.recall(0) == pytest.approx(2 / 3, rel=1e-15)
    assert (metrics.precision(1), metrics.f_measure(1)) == (1.0, 0.5)
    assert metrics.recall(1) == metrics.true_positive_rate(1) == pytest.approx(1 / 3, rel=1e-15)
    assert metrics.false_positive_rate(0.0) == pytest.approx(1 / 3, rel=1e-15)
    assert metrics.false_positive_rate(1.0) == 0.0


@pytest.mark.parametrize("weights", [None, [1.0] * 9])
def test_the_documented_example_of_pyspark_reads_the_same(weights):
    metrics = MulticlassMetrics(NINE, weights=weights)
    np.testing.assert_array_equal(metrics.confusion_matrix, [[2, 1, 1], [1, 3, 0], [0, 0, 1]])
    assert metrics.false_positive_rate(0.0) == 0.2
    assert (metrics.precision(1.0), metrics.recall(2.0)) == (0.75, 1.0)
    figures = (
        metrics.f_measure(0.0, 2.0),
        metrics.accuracy,
        metrics.weighted_false_positive_rate,
        metrics.weighted_precision,
        metrics.weighted_recall,
        metrics.weighted_f_measure(),
        metrics.weighted_f_measure(2.0),
    )
    # the digits that its page prints
    assert [math.floor(figure * 100) for figure in figures] == [52, 66, 19, 68, 66, 66, 65]


def test_the_log_loss_of_pysparks_page():
    class Rows:  # all that is asked of an RDD
        def collect(self):
            return [
                (1.0, 1.0, 1.0, [0.1, 0.8, 0.1]),
                (0.0, 2.0, 1.0, [0.9, 0.05, 0.05]),
                (0.0, 0.0, 1.0, [0.8, 0.2, 0.0]),
                (1.0, 1.0, 1.0, [0.3, 0.65, 0.05]),
            ]

    wanted = -math.log(0.8 * 0.05 * 0.8 * 0.65) / 4
    assert MulticlassMetrics(Rows()).log_loss() == pytest.approx(wanted, rel=1e-14)
    assert math.floor(wanted * 1e4) == 9682


def test_weights_by_hand():
    metrics = MulticlassMetrics([(0, 0, 1.0), (1, 0, 3.0), (1, 1, 2.0)])
    np.testing.assert_array_equal(metrics.confusion_matrix, [[1.0, 3.0], [0.0, 2.0]])
    assert (metrics.accuracy, metrics.hamming_loss) == (0.5, 0.5)
    assert (metrics.precision(1), metrics.recall(0)) == (0.4, 0.25)
    assert metrics.false_positive_rate(1) == 0.75
    assert metrics.weighted_precision == pytest.approx(4 / 6 * 1 + 2 / 6 * 0.4, rel=1e-15)
    assert metrics.weighted_false_positive_rate == pytest.approx(2 / 6 * 0.75, rel=1e-15)


def test_f_beta_by_hand():
    metrics = MulticlassMetrics([(0, 0), (0, 1), (1, 1), (1, 1), (1, 1)])  # label 1: 1 and 3/4
    assert metrics.f_measure(1, 2.0) == pytest.approx(5 * 0.75 / (4 + 0.75), rel=1e-15)
    assert metrics.f_measure(1, beta=0.5) == pytest.approx(1.25 * 0.75 / (0.25 + 0.75), rel=1e-15)


# ---- where the formulas divide by zero, as Spark 3.5.9 does ------------------------------------


def test_a_label_never_predicted_has_precision_and_f_of_zero():
    metrics = MulticlassMetrics([0, 0], [0, 1])
    assert (metrics.precision(1), metrics.recall(1), metrics.f_measure(1)) == (0.0, 0.0, 0.0)


def test_one_label_has_no_false_positive_rate():
    metrics = MulticlassMetrics([0, 0, 2], [0, 0, 0])
    assert (metrics.precision(0), metrics.f_measure(0)) == (1.0, pytest.approx(0.8))
    assert math.isnan(metrics.false_positive_rate(0))
    assert math.isnan(metrics.weighted_false_positive_rate)


def test_a_label_without_weight_has_no_recall():
    metrics = MulticlassMetrics([(0, 0, 1), (1, 1, 0), (0, 0, 2)])
    assert (metrics.accuracy, metrics.weighted_precision, metrics.precision(1)) == (1.0, 1.0, 0.0)
    for figure in (metrics.recall(1), metrics.f_measure(1), metrics.weighted_recall):
        assert math.isnan(figure)
    np.testing.assert_array_equal(metrics.confusion_matrix, [[3.0, 0.0], [0.0, 0.0]])


def test_no_rows_have_no_accuracy():
    for metrics in (MulticlassMetrics([]), MulticlassMetrics([], [], probabilities=[])):
        assert math.isnan(metrics.accuracy)
        assert math.isnan(metrics.hamming_loss)
        assert metrics.weighted_precision == metrics.weighted_f_measure() == 0.0
        assert metrics.labels.shape == (0,)
        assert metrics.confusion_matrix.shape == (0, 0)
    assert math.isnan(metrics.log_loss())


def test_a_prediction_of_nan_is_a_mistake_and_no_class():
    metrics = MulticlassMetrics([NAN, 1.0], [0.0, 1.0])
    np.testing.assert_array_equal(metrics.confusion_matrix, [[0.0, 0.0], [0.0, 1.0]])
    assert metrics.accuracy == metrics.weighted_recall == 0.5
    with pytest.raises(KeyError, match="key not found: nan"):
        metrics.recall(NAN)


def test_both_zeros_are_one_label():
    metrics = MulticlassMetrics([-0.0, 0.0, 1.0], [0.0, -0.0, 1.0])
    assert metrics.labels.tolist() == [0.0, 1.0]
    assert metrics.accuracy == 1.0
    assert metrics.recall(-0.0) == 1.0
    assert not np.signbit(MulticlassMetrics([0.0], [-0.0]).labels[0])


# ---- log loss ----------------------------------------------------------------------------------


def test_log_loss_moves_probabilities_into_its_interval():
    certain = [(1, 1, 1.0, [0.1, 0.9]), (0, 0, 2.0, [0.8, 0.2]), (1, 0, 1.0, [0.0, 1.0])]
    metrics = MulticlassMetrics(certain)
    assert metrics.log_loss() == pytest.approx(8.772606003299233, rel=1e-14)  # Spark 3.5.9
    assert metrics.log_loss(eps=0.1) == pytest.approx(0.7135581778200728, rel=1e-14)
    assert MulticlassMetrics([1], [1], probabilities=[[0.0, 1.0]]).log_loss(0.25) == pytest.approx(
        -math.log(0.75), rel=1e-15
    )


@pytest.mark.parametrize("eps", [0.0, 0.5, -1.0, NAN, "0.1"])
def test_log_loss_refuses_another_eps(eps):
    metrics = MulticlassMetrics([1], [1], probabilities=[[0.0, 1.0]])
    with pytest.raises(ValueError, match=r"eps must be in range \(0, 0.5\), but got"):
        metrics.log_loss(eps)


def test_log_loss_needs_a_probability_of_each_label():
    with pytest.raises(ValueError, match="needs the probabilities"):
        MulticlassMetrics(SIX).log_loss()
    with pytest.raises(IndexError, match=r"label 2\.0 has no probability: each row has 2"):
        MulticlassMetrics([1], [2], probabilities=[[0.1, 0.9]]).log_loss()
    for label in (0.7, -1.0):
        with pytest.raises(ValueError, match=f"0, 1, 2, ...; found {label}"):
            MulticlassMetrics([1], [label], probabilities=[[0.1, 0.9]]).log_loss()


@pytest.mark.parametrize(
    "probabilities, message",
    [
        ([[0.5, 0.5]], r"as many in each of 2 rows; got float64 of shape \(1, 2\)"),
        ([0.5, 0.5], r"as many in each of 2 rows; got float64 of shape \(2,\)"),
        ([[0.5, 0.5], [1.0]], "the rows differ in length"),
        ([["a", "b"], ["c", "d"]], "must be numbers"),
        ([[0.5, 0.5], [NAN, 1.0]], "must not be NaN; found one at row 1"),
    ],
)
def test_wrong_probabilities_are_refused(probabilities, message):
    with pytest.raises(ValueError, match=message):
        MulticlassMetrics([0, 1], [0, 1], probabilities=probabilities)


# ---- oracles and properties --------------------------------------------------------------------


@given(rows)
def test_the_figures_are_their_definitions(data):
    metrics = MulticlassMetrics(data)
    labels, matrix, each = by_definition(data)
    assert metrics.labels.tolist() == labels
    np.testing.assert_array_equal(metrics.confusion_matrix, matrix)
    found = [
        (metrics.precision(label), metrics.recall(label), metrics.false_positive_rate(label))
        for label in labels
    ]
    np.testing.assert_array_equal(found, each)
    whole = sum(w for *_, w in data)
    shares = [sum(w for _, y, w in data if y == label) / whole for label in labels]
    wanted = np.array(shares) @ np.array(each)
    means = (
        metrics.weighted_precision,
        metrics.weighted_recall,
        metrics.weighted_false_positive_rate,
    )
    np.testing.assert_allclose(means, wanted, rtol=1e-12)
    assert metrics.accuracy == pytest.approx(metrics.weighted_recall, abs=1e-12)
    assert metrics.accuracy + metrics.hamming_loss == pytest.approx(1.0, rel=1e-12)


@given(rows)
def test_a_whole_weight_is_that_many_equal_rows(data):
    repeated = [(p, y) for p, y, times in data for _ in range(times)]
    a, b = MulticlassMetrics(data), MulticlassMetrics(repeated)
    np.testing.assert_array_equal(a.confusion_matrix, b.confusion_matrix)
    assert a.weighted_f_measure(2.0) == b.weighted_f_measure(2.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learn_agrees(weighted):
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    y, p, w = rng.integers(0, 4, 300), rng.integers(0, 4, 300), rng.random(300)
    chances = rng.dirichlet(np.ones(4), 300)
    w = w if weighted else None
    metrics = MulticlassMetrics(p, y, w, chances)
    matrix = sk.confusion_matrix(y, p, sample_weight=w)
    np.testing.assert_allclose(metrics.confusion_matrix, matrix, rtol=1e-12)
    for beta in (0.5, 1.0, 2.0):
        each = sk.precision_recall_fscore_support(y, p, beta=beta, sample_weight=w)
        found = [
            [figure(k) for k in range(4)]
            for figure in (metrics.precision, metrics.recall, lambda k: metrics.f_measure(k, beta))  # noqa: B023
        ]
        np.testing.assert_allclose(found, each[:3], rtol=1e-12)
        mean = sk.fbeta_score(y, p, beta=beta, average="weighted", sample_weight=w)
        assert metrics.weighted_f_measure(beta) == pytest.approx(mean, rel=1e-12)
    assert metrics.accuracy == pytest.approx(sk.accuracy_score(y, p, sample_weight=w), rel=1e-12)
    wrong = sk.hamming_loss(y, p, sample_weight=w)
    assert metrics.hamming_loss == pytest.approx(wrong, rel=1e-12)
    loss = sk.log_loss(y, chances, sample_weight=w)
    assert metrics.log_loss() == pytest.approx(loss, rel=1e-12)


def test_a_class_for_every_row_needs_no_square_matrix():
    y = np.arange(200_000.0)  # its matrix would take 320 GB
    metrics = MulticlassMetrics(y[::-1], y)
    assert (metrics.accuracy, metrics.hamming_loss, metrics.weighted_precision) == (0.0, 1.0, 0.0)


# ---- what is asked wrongly ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "figure", ["precision", "recall", "true_positive_rate", "false_positive_rate", "f_measure"]
)
def test_a_class_that_is_only_predicted_has_no_figures(figure):
    asked = getattr(MulticlassMetrics(SIX), figure)
    with pytest.raises(KeyError, match=r"key not found: 2\.0; the true labels are \[0\.0, 1\.0\]"):
        asked(2)
    with pytest.raises(ValueError, match="a label is a number, got '1'"):
        asked("1")


def test_many_labels_are_not_all_listed():
    with pytest.raises(KeyError, match=r"\[0\.0, .*, 9\.0, \.\.\.\]"):
        MulticlassMetrics(range(30), range(30)).recall(31)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1, 2], [1]), "predictions and labels must have one length, got 2 and 1"),
        (([1, 2],), "labels are missing"),
        (([1, 2], [1, NAN]), "labels must be finite; found nan at row 1"),
        (([1, 2], ["1", "2"]), "labels must be numbers; found '1' at row 0"),
        (([1, 2], [1, 2], [1, -1.0]), "weights must be finite and >= 0.0; found -1.0 at row 1"),
        (([(0, 0, 1.0, [1.0])], None, None, [[1.0]]), "probabilities are given twice"),
        (([(0, 0, 1.0, [1.0], 5)],), "2 to 4 fields, predictions, labels, weights, probabilities"),
    ],
)
def test_wrong_input_is_refused_with_its_place_and_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        MulticlassMetrics(*arguments)


def test_the_object_does_not_change_with_the_data():
    predictions, labels, weights = np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])
    chances = np.array([[0.5, 0.5], [0.5, 0.5]])
    metrics = MulticlassMetrics(predictions, labels, weights, chances)
    for array in (predictions, labels, weights, chances):
        array[...] = 0.0
    np.testing.assert_array_equal(metrics.confusion_matrix, [[1.0, 0.0], [0.0, 2.0]])
    assert metrics.log_loss() == pytest.approx(math.log(2))
