"""FieldAwareClassifier: fit_ffm behind scikit-learn's conventions, whatever X is made of."""

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild.data import Binned, FieldEncoder, FieldRows, Indexed, generate_fields, read_libffm
from hogwild.errors import DataError
from hogwild.estimators import FieldAwareClassifier
from hogwild.models.fields import fit_ffm

pytestmark = pytest.mark.timeout(120)


def classifier(**params):
    return FieldAwareClassifier(**{"kernel": "numpy", "random_state": 0, **params})


def click_data(n_rows=400):
    """Words whose pairs decide: neither column tells anything alone."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, (n_rows, 2))
    city, sky = np.array(["Bonn", "Oslo"])[codes[:, 0]], np.array(["rain", "sun"])[codes[:, 1]]
    return city, sky, np.where(codes[:, 0] == codes[:, 1], "yes", "no")


def test_the_serial_fit_is_that_of_fit_ffm_to_the_bit():
    rows = generate_fields(200, 4, 40, seed=0)
    model = classifier(epochs=2, linear=True).fit(rows)
    fit = fit_ffm(rows, epochs=2, linear=True, schedule="serial", kernel="numpy", seed=0)
    assert model.model_.w.tobytes() == fit.model.w.tobytes()
    assert [r.train_loss for r in model.history_] == [r.train_loss for r in fit.history]
    assert np.array_equal(model.decision_function(rows), fit.model.decision_function(rows))
    assert (model.n_iter_, model.n_features_in_, model.classes_.tolist()) == (2, 40, [0.0, 1.0])
    assert model.encoder_ is None


def test_each_column_of_numbers_is_a_field():
    X = np.array([[0.5, 0.0, 2.0], [1.0, 3.0, 0.0]])
    y = [0, 1]
    by_hand = FieldRows([0, 2, 4], [0, 2, 0, 1], [0, 2, 0, 1], [0.5, 2.0, 1.0, 3.0], y)
    expected = classifier(epochs=3).fit(by_hand).model_.w
    pandas = pytest.importorskip("pandas")
    for kind in (np.asarray, np.ndarray.tolist, sp.csr_matrix, pandas.DataFrame):
        model = classifier(epochs=3).fit(kind(X), y)
        assert model.model_.w.tobytes() == expected.tobytes()
        assert model.n_features_in_ == 3


@pytest.mark.parametrize("library", [None, "pandas", "polars"])
def test_columns_of_words_go_through_an_encoder(library):
    city, sky, y = click_data()
    X = np.column_stack([city, sky])
    if library is not None:
        X = pytest.importorskip(library).DataFrame({"city": city, "sky": sky})
    model = classifier(epochs=10).fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_features_in_ == 2
    names = ["0=Bonn", "0=Oslo", "1=rain", "1=sun"]
    if library is not None:
        names = ["city=Bonn", "city=Oslo", "sky=rain", "sky=sun"]
        assert model.feature_names_in_.tolist() == ["city", "sky"]
    assert model.encoder_.feature_names() == names


def test_numbers_beside_words_stay_numbers():
    model = classifier(epochs=1).fit([["a", 2.5], ["b", 1.0]], [0, 1])
    assert [kind.word for kind in model.encoder_.kinds.values()] == ["indexed", "scaled"]
    assert model.encoder_.kinds[1].how == "as is"


def test_an_encoder_of_ones_own_is_copied_and_fitted():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [10.0, 70.0, 12.0, 80.0], "city": ["a", "a", "b", "c"]})
    encoder = FieldEncoder({"age": Binned(edges=[50]), "city": Indexed("other", least=2)})
    model = classifier(encoder=encoder, epochs=1).fit(frame, [0, 1, 0, 1])
    assert encoder.kinds == {}
    assert model.model_.w.shape == (4, 2, 4)
    with pytest.raises(ValueError, match="encoder must be a FieldEncoder or None, got str"):
        classifier(encoder="hashed").fit(frame, [0, 1, 0, 1])


def test_unseen_words_and_features_are_left_out():
    city, sky, y = click_data()
    model = classifier(epochs=2).fit(np.column_stack([city, sky]), y)
    assert model.decision_function([["Rome", "sun"]]).tolist() == [0.0]
    rows = generate_fields(50, 3, 20, seed=0)
    far = FieldRows([0, 2], [0, 9], [1, 99], [1, 1], [0])
    assert classifier(epochs=1).fit(rows).decision_function(far).tolist() == [0.0]


def test_probabilities_follow_the_scores():
    rows = generate_fields(100, 4, 30, seed=1)
    model = classifier(epochs=3).fit(rows)
    z, p = model.decision_function(rows), model.predict_proba(rows)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert np.array_equal(model.predict(rows), (z > 0).astype(float))
    assert model.score(rows) == np.mean(model.predict(rows) == rows.y)


def test_auto_stop_watches_a_share_of_the_rows():
    rows = generate_fields(300, 6, 60, seed=0)
    model = classifier(epochs=200, step=1.0, auto_stop=True, validation_fraction=0.3).fit(rows)
    assert model.best_epoch_ == model.n_iter_ - 1 < 199
    with pytest.raises(ValueError, match=r"auto_stop needs a validation_fraction, such as 0\.1"):
        classifier(auto_stop=True).fit(rows)
    with pytest.raises(ValueError, match="validation_fraction must be above 0 and below 1, got 1"):
        classifier(validation_fraction=1).fit(rows)


def test_libffm_numbers_are_those_of_the_sample(shared_data):
    rows = read_libffm(shared_data / "ffm" / "bigdata.tr.txt")
    model = FieldAwareClassifier(epochs=2, random="libffm", kernel="numpy").fit(rows)
    assert f"{model.history_[0].train_loss:.5f}" == "1.12420"


def test_two_jobs_learn_too():
    city, sky, y = click_data()
    X = np.column_stack([city, sky])
    assert classifier(epochs=20, n_jobs=2).fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize(
    "X, y, message",
    [
        ([[1.0, 2.0]] * 3, [0, 1, 2], "Only binary classification is supported"),
        ([[1.0, 2.0]] * 2, [1, 1], "y has one class only, 1"),
        ([[1.0, 2.0]] * 2, [0.5, 1.0], "Unknown label type: continuous"),
        ([[1.0, 2.0]] * 2, None, "requires y to be passed"),
        ([[1.0, np.nan]] * 2, [0, 1], "NaN"),
        ([1.0, 2.0], [0, 1], "Expected 2D array"),
        (FieldRows([0, 1], [0], [0], [1], [1]), [0, 1], "one value a row"),
        (FieldRows([0], [], [], [], []), [], "X has no rows"),
    ],
)
def test_what_can_not_be_fitted_is_refused(X, y, message):
    with pytest.raises((DataError, ValueError), match=message):
        classifier().fit(X, y)


def test_another_number_of_columns_is_refused():
    model = classifier(epochs=1).fit([[1.0, 2.0], [2.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 2 features"):
        model.predict([[1.0, 2.0, 3.0]])
    city, sky, y = click_data(20)
    model = classifier(epochs=1).fit(np.column_stack([city, sky]), y)
    with pytest.raises(DataError, match="no column 1"):
        model.predict(city[:, None])


@pytest.mark.parametrize("extras", [{}, {"bias": True, "linear": True}], ids=["pairs", "linear"])
@pytest.mark.filterwarnings("ignore:Estimator FieldAware.* does not inherit:UserWarning")
def test_scikit_learn_finds_its_conventions_kept(extras):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(
        FieldAwareClassifier(kernel="numpy", **extras), on_skip=None, on_fail="raise"
    )
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array"}
    assert len(results) > 50


def test_clone_and_grid_search_work():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import GridSearchCV

    city, sky, y = click_data(120)
    X = np.column_stack([city, sky])
    model = classifier(epochs=10).fit(X, y)
    twin = base.clone(model)
    assert twin.get_params() == model.get_params()
    assert base.is_classifier(model)
    search = GridSearchCV(classifier(epochs=10), {"n_factors": [1, 2]}, cv=3, error_score="raise")
    assert search.fit(X, y).best_score_ == 1.0
