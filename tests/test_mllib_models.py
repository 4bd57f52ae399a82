"""The linear models: predictions, thresholds, what they refuse, and Spark's text of them."""

import json
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Examples, read_libsvm
from hogwild.mllib.classification import ClassificationModel, LogisticRegressionModel, SVMModel
from hogwild.mllib.local import LocalPartitions
from hogwild.mllib.regression import LassoModel, LinearRegressionModel, RidgeRegressionModel
from hogwild.mllib.vectors import SparseVector

REGRESSION = [LinearRegressionModel, LassoModel, RidgeRegressionModel]
ALL = [LogisticRegressionModel, SVMModel, *REGRESSION]
INF, NAN = float("inf"), float("nan")


def golden(shared_data, name):
    return json.loads((shared_data / "mllib_golden" / name).read_text())


def libsvm_rows(shared_data, name):
    return read_libsvm(shared_data / "mllib" / name).to_scipy()


# ---- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REGRESSION)
def test_a_regression_model_predicts_w_x_plus_b(kind):
    model = kind([1.0, -2.0], 0.5)
    assert model.predict([3.0, 1.0]) == 1.5
    assert model.predict([[3.0, 1.0], [0.0, 0.0]]).tolist() == [1.5, 0.5]


def test_a_probability_equal_to_the_threshold_is_class_0():
    model = LogisticRegressionModel([0.0, 0.0], 0.0)
    assert model.predict([1.0, 2.0]) == 0.0
    assert model.set_threshold(np.nextafter(0.5, 0)).predict([1.0, 2.0]) == 1.0


@pytest.mark.parametrize("margin, expected", [(0.0, 0.0), (-0.0, 0.0), (5e-324, 1.0), (NAN, 0.0)])
def test_a_margin_equal_to_the_threshold_is_class_0(margin, expected):
    assert SVMModel([1.0], -0.0).predict([margin]) == expected


def test_a_cleared_threshold_gives_the_score():
    logistic = LogisticRegressionModel([1.0], 0.0).clear_threshold()
    assert logistic.predict([np.log(3.0)]) == pytest.approx(0.75, rel=1e-15)
    assert SVMModel([1.0], 0.5).clear_threshold().predict([-2.0]) == -1.5


def test_a_threshold_is_set_asked_for_and_cleared():
    model = SVMModel([1.0], 0.0)
    assert model.get_threshold() == model.threshold == 0.0
    assert model.set_threshold(3).get_threshold() == 3.0
    assert model.clear_threshold().get_threshold() is None
    assert LogisticRegressionModel([1.0], 0.0).get_threshold() == 0.5


@pytest.mark.parametrize("intercept, expected", [(INF, 1.0), (-INF, 0.0)])
def test_an_infinite_intercept_is_certain_and_warns_of_nothing(intercept, expected):
    model = LogisticRegressionModel([0.0], intercept)
    assert model.predict([1.0]) == expected
    assert model.clear_threshold().predict([1.0]) == expected


def test_very_large_margins_of_either_sign_are_probabilities_1_and_0():
    model = LogisticRegressionModel([1.0], 0.0).clear_threshold()
    assert model.predict([[1e300], [-1e300]]).tolist() == [1.0, 0.0]


# Spark 3.5.9 gives these; the blocks are those of the classes 1 and 2
@pytest.mark.parametrize(
    "weights, row, expected",
    [
        ([1, 0, 0, 1], [2, 1], 1.0),
        ([1, 0, 0, 1], [1, 2], 2.0),
        ([1, 0, 1, 0], [1, 1], 1.0),  # a tie: the lower class
        ([1, 0, 0, 1], [0, 0], 0.0),  # none is above 0
        ([1, 0, 0, 1], [-1, -2], 0.0),
        ([1, 0, 5, 0, 1, 0], [-1, 1], 1.0),  # with intercepts 5 and 0: margins 4 and 1
        ([1, 0, -5, 0, 1, 0], [3, 1], 2.0),
        ([NAN, 0, 0, 1], [1, 1], 2.0),  # NaN is not greater than anything
        ([INF, 1, 0, 0], [0, 1], 1.0),  # a zero feature is passed over: no 0 * inf
    ],
)
@pytest.mark.parametrize("form", [np.array, lambda row: SparseVector(2, [0, 1], row)])
def test_several_classes_take_the_largest_margin_above_0(weights, row, expected, form):
    model = LogisticRegressionModel(weights, 100.0, num_features=2, num_classes=3)
    assert model.predict(form(np.array(row, float))) == expected
    assert model.clear_threshold().predict(form(np.array(row, float))) == expected


def test_passing_over_zeros_leaves_the_data_as_they_are():
    X = sp.csr_matrix(([0.0, 1.0], [0, 1], [0, 2]), shape=(1, 2))
    LogisticRegressionModel([INF, 0, 0, 1], 0.0, 2, 3).predict(X)
    assert X.nnz == 2


def test_a_model_of_no_features_predicts_by_its_intercept():
    assert LogisticRegressionModel([], 1.0).predict([]) == 1.0
    assert LinearRegressionModel([], 1.0).predict(np.zeros((2, 0))).tolist() == [1.0, 1.0]


# ---- the forms of rows ---------------------------------------------------------------------------


class VectorOfPyspark:
    """What pyspark's SparseVector shows of itself."""

    size, indices, values = 2, [1], [4.0]

    def toArray(self):
        return np.array([0.0, 4.0])


@pytest.mark.parametrize(
    "row",
    [
        [0.0, 4.0],
        (0, 4),
        np.array([0, 4], np.int8),
        SparseVector(2, [1], [4.0]),
        sp.coo_array(np.array([0.0, 4.0])),
        VectorOfPyspark(),
    ],
)
def test_one_row_gives_a_float(row):
    found = LinearRegressionModel([1.0, 0.5], 1.0).predict(row)
    assert type(found) is float
    assert found == 3.0


ROWS = np.array([[0.0, 4.0], [1.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    "form",
    [
        np.array,
        np.asfortranarray,
        np.ndarray.tolist,
        lambda X: X.astype(np.float32),
        lambda X: X.astype(int),
        sp.csr_matrix,
        sp.csc_array,
        sp.coo_matrix,
        lambda X: Examples(X, np.zeros(3)),
        lambda X: [SparseVector(2, np.flatnonzero(row), row[row != 0]) for row in X],
        lambda X: LocalPartitions((X, np.zeros(3)), sizes=[2, 0, 1]),
        lambda X: LocalPartitions((sp.csr_matrix(X), np.zeros(3))),
    ],
)
@pytest.mark.parametrize("kind", ALL)
def test_many_rows_give_an_array_in_their_order(form, kind):
    model = kind([1.0, 0.5], 1.0)
    if isinstance(model, ClassificationModel):
        model.clear_threshold()
    found = model.predict(form(ROWS))
    expected = np.array([3.0, 2.0, 1.0])
    if kind is LogisticRegressionModel:
        expected = 1 / (1 + np.exp(-expected))
    assert found.dtype == np.float64
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
def test_a_matrix_of_one_row_or_none_gives_an_array(form):
    model = LinearRegressionModel([1.0, 0.5], 1.0)
    assert model.predict(form(ROWS[:1])).tolist() == [3.0]
    assert model.predict(form(ROWS[:0])).shape == (0,)


@pytest.mark.timeout(60)
def test_workers_predict_what_one_process_predicts(start_method):
    rng = np.random.default_rng(7)
    X, w = rng.normal(size=(50, 9)), rng.normal(size=9)
    model = LogisticRegressionModel(w, 0.1).clear_threshold()
    with LocalPartitions((X, np.zeros(50)), n_workers=2, start_method=start_method) as data:
        assert model.predict(data).tolist() == model.predict(X).tolist()


def one_row(form, row):
    if form is not sp.csr_matrix:
        return row
    return SparseVector(len(row), np.flatnonzero(row), row[row != 0])


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from([np.array, np.asfortranarray, sp.csr_matrix]),
)
def test_a_row_has_the_same_prediction_alone_and_among_others(seed, n, d, form):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.5)
    model = LogisticRegressionModel(rng.normal(size=d), rng.normal()).clear_threshold()
    alone = [model.predict(one_row(form, row)) for row in X]
    assert model.predict(form(X)).tolist() == alone


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "data",
    [
        [1.0, 2.0, 3.0],
        np.zeros((4, 3)),
        sp.csr_matrix((4, 3)),
        SparseVector(3, [0], [1.0]),
        LocalPartitions((np.zeros((4, 3)), np.zeros(4))),
    ],
)
def test_another_number_of_features_is_refused(kind, data):
    with pytest.raises(ValueError, match="the model has 2 features, the data 3"):
        kind([1.0, 2.0], 0.0).predict(data)


def test_partitions_of_another_number_of_features_are_refused_before_they_are_read(monkeypatch):
    data = LocalPartitions((np.zeros((4, 3)), np.zeros(4)))
    monkeypatch.setattr(data, "map_rows", None)
    with pytest.raises(ValueError, match="the model has 2 features, the data 3"):
        SVMModel([1.0, 2.0], 0.0).predict(data)


def test_several_classes_check_the_features_not_the_weights():
    model = LogisticRegressionModel([1, 0, 0, 1], 0.0, 2, 3)
    with pytest.raises(ValueError, match="the model has 2 features, the data 4"):
        model.predict([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("data", [[["a", "b"]], np.ones((1, 2), complex), np.ones((1, 1, 2)), 3.0])
def test_what_are_no_rows_of_numbers_is_refused(data):
    with pytest.raises(ValueError, match=r"must be real numbers|one row is expected"):
        LinearRegressionModel([1.0, 2.0], 0.0).predict(data)


def test_sparse_rows_of_complex_numbers_are_refused():
    with pytest.raises(ValueError, match="must be real numbers, got complex128"):
        LinearRegressionModel([1.0], 0.0).predict(sp.csr_matrix(np.ones((1, 1), complex)))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("weights", [[[1.0, 2.0]], ["a"], [1j], 3.0])
def test_weights_that_are_no_vector_are_refused(kind, weights):
    with pytest.raises(ValueError, match=r"one row is expected|must be real numbers"):
        kind(weights, 0.0)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("intercept", ["1", None, [0.0], 1j])
def test_an_intercept_that_is_no_number_is_refused(kind, intercept):
    with pytest.raises(ValueError, match="intercept must be a number, got"):
        kind([1.0], intercept)


@pytest.mark.parametrize("threshold", [None, "0.5", [0.5]])
def test_a_threshold_that_is_no_number_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold must be a number, got"):
        SVMModel([1.0], 0.0).set_threshold(threshold)


def test_sparse_weights_are_for_the_models_that_spark_lets_have_them():
    weights = SparseVector(3, [1], [2.0])
    for kind in (SVMModel, *REGRESSION):
        assert kind(weights, 0.1).weights.tolist() == [0.0, 2.0, 0.0]
    with pytest.raises(ValueError, match="weights must be dense, got SparseVector"):
        LogisticRegressionModel(weights, 0.1)


@pytest.mark.parametrize(
    "arguments, what",
    [
        (([1, 2], 0, 3), "2 classes with num_features=3 need 3 weights, got 2"),
        (([1, 2], 0, 2, 3), r"3 with num_features=2 needs 4 weights .* or 6 \(with\), got 2"),
        (([1, 2, 3, 4], 0, None, 3), r"needs 8 weights .* or 10 \(with\), got 4"),
        (([1, 2], 0, 2, 1), "num_classes must be 2 or more, got 1"),
        (([1, 2], 0, 2, -1), "num_classes must be 2 or more, got -1"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(arguments, what):
    with pytest.raises(ValueError, match=what):
        LogisticRegressionModel(*arguments)


def test_classes_that_are_no_whole_number_are_refused():
    with pytest.raises(ValueError, match=r"num_classes must be a whole number, got 2\.5"):
        LogisticRegressionModel([1.0], 0.0, 1, 2.5)
    with pytest.raises(ValueError, match="num_features must be a whole number, got '1'"):
        LogisticRegressionModel([1.0], 0.0, "1")


# ---- the object ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_the_weights_are_a_copy_that_can_not_be_written_to(kind):
    weights = np.array([1.0, 2.0])
    model = kind(weights, 0.0)
    weights[0] = 7.0
    assert model.weights.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        model.weights[0] = 7.0


@pytest.mark.parametrize("kind", ALL)
def test_a_model_pickles(kind):
    model = kind([1.0, INF], -INF)
    if isinstance(model, ClassificationModel):
        model.clear_threshold()
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    assert again.weights.tolist() == model.weights.tolist()


def test_the_text_is_spark_s(shared_data):
    formats = golden(shared_data, "errors_and_formats.json")
    messages = dict(formats["messages"])
    assert str(LogisticRegressionModel([0.5, 0.25], 0.1)) == messages["LRModel.toString"]
    assert str(SVMModel([0.5, 0.25], 0.1)) == formats["formats"]["svm_toString"]


# as Spark 3.5.9 prints them
@pytest.mark.parametrize(
    "model, text",
    [
        (LassoModel([0, 0], 0.1), "regression.LassoModel: intercept = 0.1, numFeatures = 2"),
        (
            RidgeRegressionModel([0, 0], -INF),
            "regression.RidgeRegressionModel: intercept = -Infinity, numFeatures = 2",
        ),
        (
            LinearRegressionModel([0, 0], 1e-300),
            "regression.LinearRegressionModel: intercept = 1.0E-300, numFeatures = 2",
        ),
        (
            SVMModel([0], 0).clear_threshold(),
            "classification.SVMModel: intercept = 0.0, numFeatures = 1, numClasses = 2, "
            "threshold = None",
        ),
        (
            LogisticRegressionModel([0], 0).set_threshold(NAN),
            "classification.LogisticRegressionModel: intercept = 0.0, numFeatures = 1, "
            "numClasses = 2, threshold = NaN",
        ),
        (
            LogisticRegressionModel(range(6), 0, 2, 3),  # Spark counts the weights
            "classification.LogisticRegressionModel: intercept = 0.0, numFeatures = 6, "
            "numClasses = 3, threshold = 0.5",
        ),
    ],
)
def test_numbers_in_the_text_are_java_s(model, text):
    assert str(model) == repr(model) == f"org.apache.spark.mllib.{text}"


# ---- Spark's predictions -------------------------------------------------------------------------


# dense rows are added in another order: a margin of -22 is off by 1e-14 of its probability
@pytest.mark.parametrize("dense, tolerance", [(False, 1e-14), (True, 3e-14)])
def test_the_article_s_test_rows_have_spark_s_probabilities(shared_data, dense, tolerance):
    expected = golden(shared_data, "seed_example_split.json")
    X = libsvm_rows(shared_data, "sample_libsvm_data.txt")
    X = X.toarray() if dense else X
    rows = np.concatenate(expected["test_row_indices"])
    *weights, intercept = expected["weights"]
    model = LogisticRegressionModel(weights, intercept).clear_threshold()
    scores = np.array(expected["test_scores_and_labels"])[:, 0]
    assert len(scores) == 39
    np.testing.assert_allclose(model.predict(X[rows]), scores, rtol=tolerance, atol=0)


def test_the_algorithms_models_predict_what_spark_s_predict(shared_data):
    table = np.loadtxt(shared_data / "mllib" / "sample_svm_data.txt")
    data = {
        "svm": table[:, 1:],
        "linreg": libsvm_rows(shared_data, "sample_linear_regression_data.txt"),
        "multi": libsvm_rows(shared_data, "sample_multiclass_classification_data.txt"),
        "scaled255": libsvm_rows(shared_data, "sample_libsvm_data.txt") / 255.0,
    }
    kinds = {kind.__name__: kind for kind in ALL}
    runs = [run for run in golden(shared_data, "glm_algorithms.json")["runs"] if "weights" in run]
    assert len(runs) == 21
    for run in runs:
        kind = kinds[run["algorithm"].partition("With")[0] + "Model"]
        X = data[run["dataset"]][:10]
        several = {"num_features": X.shape[1], "num_classes": run["args"].get("numClasses", 2)}
        given_classes = several if several["num_classes"] > 2 else {}
        model = kind(run["weights"], run["intercept"], **given_classes)
        np.testing.assert_allclose(
            model.predict(X), run["predict_first10"], rtol=1e-14, atol=0, err_msg=str(run["args"])
        )
