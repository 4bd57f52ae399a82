"""The estimators: scikit-learn's conventions, and bugs of an ancestor that must not come back."""

import importlib.util
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild import metrics
from hogwild.data import Examples, read_libsvm, sparse_classification
from hogwild.engine.starting import checked_processes
from hogwild.errors import DataError, DivergenceError
from hogwild.estimators import HogwildClassifier, HogwildRegressor
from hogwild.estimators.doors import workers_of
from hogwild.kernels.losses import Huber
from hogwild.models import fit_linear
from hogwild.models.steps import AdaGrad, Backoff, InverseSqrt

pytestmark = pytest.mark.timeout(120)

BOTH = [HogwildRegressor, HogwildClassifier]


def regressor(**params):
    return HogwildRegressor(**{"kernel": "numpy", "random_state": 0, **params})


def classifier(**params):
    return HogwildClassifier(**{"kernel": "numpy", "random_state": 0, **params})


def plain_sgd(**params):
    """Every row in its order, at one step: what can be followed by hand and cut into pieces."""
    return {"penalty": None, "step": 0.05, "shuffle": False, "epochs": 1, **params}


def regression_data(n_rows=100, n_features=7, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, n_features)) * (random.random((n_rows, n_features)) < 0.6)
    return X, X @ np.arange(1.0, n_features + 1.0) + 0.5


def blobs(n_classes, n_rows=150, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(n_rows) % n_classes
    centers = 4.0 * np.array([[0, 1], [1, -1], [-1, -1], [2, 2]])[:n_classes]
    return centers[codes] + random.normal(size=(n_rows, 2)), codes


# ---- values by hand ----------------------------------------------------------------------------


def test_one_row_makes_the_step_that_one_finds_by_hand():
    model = regressor(**plain_sgd(step=0.1, fit_intercept=False)).fit([[1.0, 2.0]], [3.0])
    # slope 2 (0 - 3) = -6, so w = 0.1 * 6 * (1, 2)
    np.testing.assert_allclose(model.coef_, [0.6, 1.2], rtol=1e-15)
    assert (model.n_iter_, model.t_, model.n_features_in_) == (1, 2.0, 2)


def test_the_serial_fit_is_that_of_fit_linear_to_the_bit():
    X, y = regression_data()
    model = regressor(epochs=3).fit(X, y)
    fit = fit_linear(
        Examples(X, y), loss="squared", penalty="l2", epochs=3, schedule="serial", kernel="numpy",
        seed=0,
    )  # fmt: skip
    assert model.coef_.tobytes() == fit.model.w.tobytes()
    assert model.intercept_.tolist() == [fit.model.intercept]
    assert model.loss_curve_ == [record.objective for record in fit.history]


def test_each_class_is_fitted_against_the_rest():
    X, codes = blobs(3)
    model = classifier(epochs=3).fit(X, codes)
    for k in range(3):
        alone = classifier(epochs=3).fit(X, codes == k)
        assert model.coef_[k].tobytes() == alone.coef_[0].tobytes()
        assert model.intercept_[k] == alone.intercept_[0]
        assert [r.objective for r in model.history_[k]] == alone.loss_curve_


# ---- shapes and labels -------------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [1, 7, 10, 33])
def test_any_number_of_features_trains(n_features):
    X, y = regression_data(n_features=n_features)
    model = regressor().fit(X, y)
    assert model.coef_.shape == (n_features,)
    assert model.intercept_.shape == (1,)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("batch_size, updates", [(1, 100), (3, 34), (7, 15), (32, 4), (1000, 1)])
def test_the_rows_left_over_by_the_batches_are_used(batch_size, updates):
    X, y = regression_data(n_rows=100)
    settings = plain_sgd(batch_size=batch_size)
    model = regressor(**settings).fit(X, y)
    assert model.history_[0][0].updates == updates
    assert model.t_ == 1 + updates
    changed = y + np.where(np.arange(100) == 99, 10.0, 0.0)
    assert (regressor(**settings).fit(X, changed).coef_ != model.coef_).any()


def test_predictions_have_one_dimension():
    X, y = regression_data()
    assert regressor(epochs=1).fit(X, y).predict(X).shape == (100,)
    for n_classes in (2, 3):
        X, codes = blobs(n_classes)
        assert classifier(epochs=1).fit(X, codes).predict(X).shape == (150,)


def test_two_classes_share_one_weight_vector_and_more_have_one_each():
    for n_classes, rows in ((2, 1), (3, 3), (4, 4)):
        X, codes = blobs(n_classes)
        model = classifier().fit(X, codes)
        assert (model.coef_.shape, model.intercept_.shape) == ((rows, 2), (rows,))
        assert model.decision_function(X).shape == ((150,) if n_classes == 2 else (150, n_classes))
        assert model.predict_proba(X).shape == (150, n_classes)
        assert model.score(X, codes) > 0.95


@pytest.mark.parametrize(
    "names",
    [
        ["ham", "spam"],
        np.array(["a", "bb", "ccc"]),
        np.array(["a", "bb", "ccc"], dtype=object),
        [3, 9],
        [-1.0, 1.0, 7.0],
        [False, True],
        [b"x", b"y"],
    ],
    ids=str,
)
def test_labels_of_any_type_come_back_as_they_went_in(names):
    X, codes = blobs(len(names))
    y = np.asarray(names)[codes]
    model = classifier(epochs=5).fit(X, y)
    assert model.classes_.tolist() == sorted(list(names))
    assert model.classes_.dtype == y.dtype
    assert model.predict(X).dtype == y.dtype
    assert np.mean(model.predict(X) == y) > 0.95


def test_a_positive_score_means_the_second_class():
    X, codes = blobs(2)
    model = classifier().fit(X, np.array(["yes", "no"])[codes])
    assert (model.predict(X) == np.where(model.decision_function(X) > 0, "yes", "no")).all()


def test_one_class_alone_is_refused_by_its_name():
    with pytest.raises(ValueError, match="one class only, 'ham'"):
        classifier().fit([[1.0], [2.0]], ["ham", "ham"])


@pytest.mark.parametrize(
    "y, message",
    [
        ([0.5, 1.5, 0.5], "continuous"),
        ([1.0, np.nan, 0.0], "NaN"),
        (np.array(["a", None, "b"], dtype=object), "none missing"),
        (np.array(["a", 1, "b"], dtype=object), "all text or all numbers"),
        ([1j, 2j, 1j], "Unknown label type"),
        (None, "target y is None"),
        ([[0, 1], [1, 0], [0, 1]], "1d array"),
        ([0, 1], "3 rows in X, 2 in y"),
    ],
    ids=repr,
)
def test_what_is_no_label_is_refused_with_the_reason(y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit([[1.0], [2.0], [3.0]], y)


def test_a_column_of_targets_is_taken_with_a_warning():
    X, y = regression_data()
    with pytest.warns(UserWarning, match="column-vector y"):
        model = regressor(epochs=2).fit(X, y[:, None])
    assert (model.coef_ == regressor(epochs=2).fit(X, y).coef_).all()


@pytest.mark.parametrize(
    "X, message",
    [
        ([[1.0, np.nan]], "NaN or infinity; found nan at row 0, column 1"),
        ([[np.inf, 0.0]], "found inf at row 0, column 0"),
        (sp.csr_matrix([[0.0, np.nan]]), "found nan at row 0, column 1"),
        ([[1j, 0.0]], "Complex data not supported"),
        (sp.csr_matrix([[1j, 0.0]]), "Complex data not supported"),
        ([1.0, 2.0], "Reshape your data"),
        (np.zeros((0, 2)), "0 sample"),
        (np.zeros((1, 0)), "0 feature"),
        ([["a", "b"]], "real numbers"),
    ],
    ids=range(9),
)
def test_rows_that_cannot_be_taken_are_refused_by_fit_and_by_predict(X, message):
    with pytest.raises(ValueError, match=message):
        regressor().fit(X, [1.0])
    model = regressor(epochs=1).fit([[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError, match=message):
        model.predict(X)


def test_another_number_of_features_is_refused_everywhere():
    X, codes = blobs(2)
    model = classifier(epochs=1).fit(X, codes)
    for use in (model.predict, model.decision_function, model.predict_proba):
        with pytest.raises(ValueError, match="3 features, but HogwildClassifier is expecting 2"):
            use(np.ones((4, 3)))
    with pytest.raises(ValueError, match="is expecting 2 features"):
        model.partial_fit(np.ones((4, 3)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="is expecting 2 features"):
        model.set_params(warm_start=True).fit(np.ones((4, 3)), [0, 1, 0, 1])


# ---- the same data in another dress ------------------------------------------------------------


@pytest.mark.parametrize(
    "form", [sp.csr_matrix, sp.csc_array, sp.coo_matrix, np.asfortranarray, list]
)
def test_sparse_input_gives_the_weights_of_dense_input_to_the_bit(form):
    X, y = regression_data()
    dense, other = regressor(epochs=3).fit(X, y), regressor(epochs=3).fit(form(X), y)
    assert other.coef_.tobytes() == dense.coef_.tobytes()
    assert other.intercept_.tobytes() == dense.intercept_.tobytes()
    np.testing.assert_allclose(other.predict(form(X)), dense.predict(X), rtol=1e-12)


def test_float32_stays_float32():
    X, codes = blobs(2)
    model = classifier().fit(X.astype(np.float32), codes)
    assert model.coef_.dtype == np.float32
    assert model.score(X, codes) > 0.95


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_give_their_column_names_and_must_come_back_in_their_order(library):
    frames = pytest.importorskip(library)
    X, y = regression_data(n_features=3)
    frame = frames.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
    model = regressor(epochs=2).fit(frame, frames.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.coef_.tobytes() == regressor(epochs=2).fit(X, y).coef_.tobytes()
    np.testing.assert_allclose(model.predict(frame), model.predict(X), rtol=1e-12)
    with pytest.raises(ValueError, match="in the same order"):
        model.predict(frame[["c", "b", "a"]])
    with pytest.raises(ValueError, match="yet now missing:\n- c"):
        model.predict(frame[["a", "b"]])
    assert not hasattr(model.fit(X, y), "feature_names_in_")


def test_text_labels_come_from_a_series_too():
    pandas = pytest.importorskip("pandas")
    X, codes = blobs(3)
    y = np.array(["x", "y", "z"])[codes]
    for series in (pandas.Series(y), pandas.Series(y).astype("category")):
        assert classifier(epochs=3).fit(X, series).score(X, series) > 0.95


# ---- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_every_parameter_is_kept_as_it_was_given_and_can_be_read_and_set(kind):
    names = list(kind().get_params())
    marks = {name: object() for name in names}
    made = kind(**marks)
    assert all(getattr(made, name) is mark for name, mark in marks.items())
    assert all(made.get_params()[name] is mark for name, mark in marks.items())
    again = kind().set_params(**marks)
    assert all(getattr(again, name) is mark for name, mark in marks.items())
    assert set(vars(made)) == set(names)


def test_a_float_step_is_no_string_of_a_parent():
    assert regressor(step=0.001).fit([[1.0]], [1.0]).get_params()["step"] == 0.001


def test_an_unknown_parameter_is_named():
    with pytest.raises(
        ValueError, match="'alpha' for HogwildRegressor; its parameters are loss, penalty"
    ):
        regressor().set_params(alpha=1.0)


def test_the_representation_shows_what_is_not_the_default():
    assert repr(HogwildRegressor()) == "HogwildRegressor()"
    assert repr(HogwildClassifier("hinge", n_jobs=2)) == "HogwildClassifier(loss='hinge', n_jobs=2)"


def test_an_unknown_loss_is_named():
    with pytest.raises(ValueError, match="'squared_error'"):
        regressor(loss="squared_error").fit([[1.0]], [1.0])


def test_a_loss_of_the_other_kind_is_refused():
    with pytest.raises(ValueError, match="can't take the loss 'hinge'; it takes squared, absolute"):
        regressor(loss="hinge").fit([[1.0]], [1.0])
    with pytest.raises(ValueError, match="'squared'; it takes logistic, hinge, squared_hinge"):
        classifier(loss="squared").fit([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize(
    "name, value",
    [
        ("penalty", "l3"), ("reg", -1.0), ("reg", "small"), ("l1_ratio", 2.0), ("l1_ratio", []),
        ("step", 0.0), ("step", "fast"), ("epochs", 0), ("epochs", 1.5), ("batch_size", 0),
        ("tol", -1.0), ("tol", "none"), ("n_jobs", 0), ("n_jobs", 1.5), ("n_jobs", "all"),
        ("kernel", "fortran"), ("write", "twice"), ("update_threshold", -0.1),
        ("update_threshold", "x"), ("random_state", -1), ("random_state", "x"),
        ("random_state", True), ("start_method", "thread"), ("reg", None), ("l1_ratio", "1"),
        ("fit_intercept", "no"), ("shuffle", "no"), ("warm_start", "no"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_taken_is_named_by_fit(name, value):
    model = regressor(**{name: value})
    with pytest.raises(ValueError, match=name.removeprefix("fit_").split("_")[0]) as caught:
        model.fit([[1.0], [2.0]], [1.0, 2.0])
    assert repr(value) in str(caught.value)


def test_a_loss_record_carries_its_constants():
    X, y = regression_data()
    narrow, wide = (regressor(loss=Huber(delta=d), step=0.01).fit(X, y) for d in (0.1, 100.0))
    assert narrow.score(X, y) < wide.score(X, y)


def test_n_jobs_counts_as_scikit_learn_does():
    n = checked_processes(None)
    assert [workers_of(k) for k in (None, 1, 3, -1, -2, -99)] == [1, 1, 3, n, max(1, n - 1), 1]


# ---- chance ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: np.int64(7),
        lambda: np.random.RandomState(7),
        lambda: np.random.default_rng(7),
        lambda: np.random.SeedSequence(7),
    ],
)
def test_a_seeded_serial_fit_repeats_to_the_bit(make):
    X, codes = blobs(3)
    first, second = (classifier(random_state=make(), epochs=2).fit(X, codes) for _ in range(2))
    assert first.coef_.tobytes() == second.coef_.tobytes()
    assert (
        first.coef_.tobytes() != classifier(random_state=8, epochs=2).fit(X, codes).coef_.tobytes()
    )


def test_without_a_seed_the_order_differs_from_fit_to_fit():
    X, y = regression_data()
    model = regressor(random_state=None, epochs=1)
    assert model.fit(X, y).coef_.tobytes() != model.fit(X, y).coef_.tobytes()


def test_fitting_leaves_the_global_random_state_alone():
    X, codes = blobs(3)
    np.random.seed(5)  # noqa: NPY002  # the caller's
    expected = np.random.RandomState(5).get_state()[1]
    for seed in (None, 0, np.random.default_rng(0)):
        classifier(random_state=seed, epochs=1).fit(X, codes).predict(X)
    assert (np.random.get_state()[1] == expected).all()  # noqa: NPY002


def test_two_models_fitted_at_once_do_not_touch_each_other():
    data = [regression_data(seed=seed) for seed in (1, 2)]
    alone = [regressor(epochs=5).fit(X, y).coef_.copy() for X, y in data]
    with ThreadPoolExecutor(2) as threads:
        models = list(threads.map(lambda pair: regressor(epochs=5).fit(*pair), data))
    for model, coef in zip(models, alone, strict=True):
        assert model.coef_.tobytes() == coef.tobytes()


# ---- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.05, InverseSqrt(0.1), Backoff(0.05)], ids=repr)
def test_partial_fits_of_the_parts_are_one_fit_of_the_whole(step):
    X, y = regression_data()
    whole = regressor(**plain_sgd(step=step)).fit(X, y)
    parts = regressor(**plain_sgd(step=step))
    if isinstance(step, Backoff):  # its step belongs to an epoch, and each call is one
        whole, parts = (
            regressor(**plain_sgd(step=step, epochs=2)).fit(X, y),
            parts.partial_fit(X, y),
        )
        parts.partial_fit(X, y)
    else:
        for rows in (slice(0, 30), slice(30, 31), slice(31, 100)):
            parts.partial_fit(X[rows], y[rows])
    assert parts.coef_.tobytes() == whole.coef_.tobytes()
    assert (parts.intercept_ == whole.intercept_).all()
    assert (parts.t_, parts.n_iter_) == (whole.t_, 1)


def test_partial_fit_learns_classes_that_come_one_at_a_time():
    X, codes = blobs(3)
    y = np.array(["a", "b", "c"])[codes]
    model = classifier()
    for _ in range(20):
        for label in "abc":
            model.partial_fit(X[y == label][:5], y[y == label][:5], classes=["c", "b", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.score(X, y) > 0.9


def test_partial_fit_asks_for_the_classes_once_and_holds_to_them():
    X = [[1.0], [2.0]]
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        classifier().partial_fit(X, [0, 1])
    model = classifier().partial_fit(X, [0, 1], classes=[0, 1]).partial_fit(X, [1, 1])
    with pytest.raises(
        ValueError, match=r"label 2 at row 1, which is none of the classes \[0, 1\]"
    ):
        model.partial_fit(X, [1, 2])
    with pytest.raises(ValueError, match=r"classes are \[0, 2\], .* fitted to \[0, 1\]"):
        model.partial_fit(X, [0, 0], classes=[0, 2])
    with pytest.raises(ValueError, match="all text or all numbers"):
        model.partial_fit(X, np.array(["a", 1], dtype=object))


def test_fit_goes_on_from_a_partial_fit_only_when_asked_to():
    X, y = regression_data()
    fresh = regressor(epochs=2).fit(X, y)
    used = regressor(epochs=2).partial_fit(X, -y)
    assert used.fit(X, y).coef_.tobytes() == fresh.coef_.tobytes()
    assert used.t_ == fresh.t_


def test_a_warm_start_begins_with_the_last_weights():
    X, y = regression_data()
    twice = regressor(**plain_sgd(warm_start=True)).fit(X, y).fit(X, y)
    assert twice.coef_.tobytes() == regressor(**plain_sgd(epochs=2)).fit(X, y).coef_.tobytes()
    X, codes = blobs(3)
    many = classifier(**plain_sgd(warm_start=True)).fit(X, codes).fit(X, codes)
    whole = classifier(**plain_sgd(epochs=2)).fit(X, codes)
    assert many.coef_.tobytes() == whole.coef_.tobytes()
    with pytest.raises(ValueError, match="fitted to"):
        many.fit(X, codes + 1)


def test_adagrad_can_be_continued():
    X, y = regression_data()
    model = regressor(step=AdaGrad(0.5))
    for _ in range(30):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    X, y = regression_data()
    model = regressor(epochs=2).fit(X, y)
    before = {name: pickle.dumps(value) for name, value in vars(model).items() if name[-1] == "_"}
    with pytest.raises(DivergenceError):
        model.set_params(step=100.0, epochs=50).fit(X, y)
    with pytest.raises(DataError):
        model.fit(X, y[:-1])
    assert before == {name: pickle.dumps(getattr(model, name)) for name in before}


def test_it_stops_by_tolerance():
    X, y = regression_data()
    model = regressor(epochs=200, tol=1e-3, step=0.01).fit(X, y)
    assert 1 < model.n_iter_ < 200
    assert len(model.loss_curve_) == model.n_iter_


# ---- weights of rows, probabilities, scores ----------------------------------------------------


def test_a_row_without_weight_does_not_count():
    X, y = regression_data()
    wrong = np.concatenate([y, -100.0 * np.ones(100)])
    weight = np.repeat([1.0, 0.0], 100)
    model = regressor(epochs=50).fit(np.vstack([X, X]), wrong, sample_weight=weight)
    assert model.score(X, y) > 0.99
    assert model.score(np.vstack([X, X]), wrong, sample_weight=weight) > 0.99
    with pytest.raises(ValueError, match="all sample weights are zero"):
        regressor().fit(X, y, sample_weight=np.zeros(100))


def test_probabilities_are_there_for_the_logistic_loss_alone():
    X, codes = blobs(2)
    for loss in ("hinge", "squared_hinge"):
        assert not hasattr(classifier(loss=loss).fit(X, codes), "predict_proba")
    with pytest.raises(AttributeError, match="logistic loss only, not for 'hinge'"):
        classifier(loss="hinge").predict_proba  # noqa: B018
    p = classifier().fit(X, codes).predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15)


def test_probabilities_that_all_underflow_still_sum_to_one():
    X, codes = blobs(3)
    model = classifier().fit(X, codes)
    model.intercept_ = np.array([-2000.0, -2001.0, -2000.0])  # exp(-2000) is 0 in float64
    p, scores = model.predict_proba(X), model.decision_function(X)
    assert (scores < -800).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert (p.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_scores_are_the_usual_ones():
    X, y = regression_data()
    model = regressor(epochs=1).fit(X, y)
    assert model.score(X, y) == pytest.approx(metrics.r2(y, model.predict(X)), rel=1e-12)
    constant = regressor(epochs=1).fit([[0.0], [0.0]], [0.0, 0.0])
    assert constant.score([[0.0], [0.0]], [0.0, 0.0]) == 1.0
    assert constant.score([[0.0], [0.0]], [1.0, 1.0]) == 0.0
    X, codes = blobs(3)
    named = classifier(epochs=1).fit(X, codes)
    right = named.predict(X) == codes
    assert named.score(X, codes) == pytest.approx(right.mean())
    weight = np.arange(150.0)
    assert named.score(X, codes, weight) == pytest.approx(weight @ right / weight.sum())


# ---- processes ---------------------------------------------------------------------------------


def test_two_workers_train_under_every_start_method_and_leave_no_process(start_method):
    X, y = regression_data(n_rows=600)
    settings = {"n_jobs": 2, "start_method": start_method}
    model = regressor(epochs=10, **settings).fit(X, y)
    assert model.score(X, y) > 0.99
    assert [record.updates for record in model.history_[0]] == [600] * 10
    assert not multiprocessing.active_children()
    X, codes = blobs(2)
    second = classifier(epochs=3, **settings).fit(X, codes)
    assert second.score(X, codes) > 0.9
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    "n_jobs, schedule, n_workers",
    [(None, "serial", 1), (1, "serial", 1), (2, "hogwild", 2), (3, "hogwild", 3)],
)
def test_more_than_one_job_is_hogwild(monkeypatch, n_jobs, schedule, n_workers):
    seen = []

    def spy(examples, **settings):
        seen.append((settings["schedule"], settings["n_workers"]))
        return fit_linear(examples, **{**settings, "schedule": "serial", "n_workers": 1})

    monkeypatch.setattr("hogwild.estimators.linear.fit_linear", spy)
    regressor(n_jobs=n_jobs, epochs=1).fit([[1.0]], [1.0])
    assert seen == [(schedule, n_workers)]


def test_no_process_is_left_after_an_error_either(start_method):
    X, y = regression_data()
    model = regressor(kernel="python", n_jobs=2, start_method=start_method, step=1e3, epochs=200)
    with pytest.raises(DivergenceError):
        model.fit(X, y)
    assert not multiprocessing.active_children()
    assert not hasattr(model, "coef_")


def test_a_rule_that_goes_on_reaches_workers_that_were_started_afresh():
    X, y = regression_data(n_rows=200)
    model = regressor(n_jobs=2, start_method="spawn", step=InverseSqrt(0.05))
    model.partial_fit(X, y).partial_fit(X, y)
    assert model.t_ == 401.0


# ---- with scikit-learn -------------------------------------------------------------------------

# scikit-learn expects the same two of its own SGDClassifier and SGDRegressor: a row of weight 2
# makes one long step, two rows of weight 1 make two; the path differs, the objective does not
EXPECTED = dict.fromkeys(
    (
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ),
    "sample_weight is not equivalent to removing/repeating samples",
)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.filterwarnings("ignore:Estimator Hogwild.* does not inherit:UserWarning")
def test_scikit_learn_finds_its_conventions_kept(kind):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(
        kind(), expected_failed_checks=EXPECTED, on_skip=None, on_fail="raise"
    )
    status = {result["check_name"]: result["status"] for result in results}
    assert {name for name, found in status.items() if found == "xfail"} <= set(EXPECTED)
    skipped = {name for name, found in status.items() if found == "skipped"}
    needs_pandas = {
        "check_sample_weights_pandas_series",
        "check_regressor_data_not_an_array",
        "check_classifier_data_not_an_array",
    }
    # the other one is for array interfaces besides numpy's, where they are switched on
    has_pandas = importlib.util.find_spec("pandas") is not None
    assert skipped - (set() if has_pandas else needs_pandas) <= {"check_array_api_input"}
    assert len(results) > 50


@pytest.mark.parametrize("kind", BOTH)
def test_scikit_learn_finds_column_names_kept(kind):
    pytest.importorskip("pandas")
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    checks.check_dataframe_column_names_consistency(kind.__name__, kind(kernel="numpy"))


def test_clone_grid_search_and_pipelines_work():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, codes = blobs(3)
    model = classifier(step=Backoff(0.1), epochs=3)
    twin = base.clone(model.fit(X, codes))
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "coef_")
    assert base.is_classifier(model)
    assert base.is_regressor(regressor())
    assert not base.is_classifier(regressor())
    search = GridSearchCV(model, {"reg": [1e-4, 10.0], "loss": ["logistic", "hinge"]}, cv=3)
    assert search.fit(X, codes).best_params_["reg"] == 1e-4
    line = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(line, X, codes, cv=3, error_score="raise").mean() > 0.95
    assert "HogwildClassifier" in line._repr_html_()
    target, y = regression_data()
    assert cross_val_score(regressor(), target, y, cv=3, error_score="raise").mean() > 0.9


def test_hogwild_is_not_reproducible_and_says_so():
    utils = pytest.importorskip("sklearn.utils")
    assert not utils.get_tags(classifier()).non_deterministic
    assert not utils.get_tags(classifier(n_jobs=None)).non_deterministic
    assert utils.get_tags(classifier(n_jobs=2)).non_deterministic


def test_the_error_before_a_fit_is_the_one_that_scikit_learn_knows():
    exceptions = pytest.importorskip("sklearn.exceptions")
    for use in (regressor().predict, classifier().decision_function, classifier().to_sklearn):
        with pytest.raises(exceptions.NotFittedError, match="not fitted yet"):
            use() if use.__name__ == "to_sklearn" else use([[1.0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge"])
def test_an_exported_classifier_predicts_the_same(loss, n_classes, dtype):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, codes = blobs(n_classes)
    X, y = X.astype(dtype), np.array(["a", "b", "c"])[codes]
    model = classifier(loss=loss, epochs=2).fit(X, y)
    theirs = model.to_sklearn()
    assert type(theirs) is linear_model.SGDClassifier
    assert theirs.t_ == model.t_ == 301.0
    assert (theirs.classes_ == model.classes_).all()
    assert (theirs.predict(X) == model.predict(X)).all()
    np.testing.assert_allclose(
        theirs.decision_function(X), model.decision_function(X), rtol=1e-5, atol=1e-5
    )
    if loss == "logistic":
        np.testing.assert_allclose(
            theirs.predict_proba(X), model.predict_proba(X), rtol=1e-4, atol=1e-6
        )
    before = model.coef_.copy()
    assert theirs.partial_fit(X, y).t_ == 451.0
    assert (model.coef_ == before).all()


@pytest.mark.parametrize(
    "loss", ["squared", "absolute", "epsilon_insensitive", "huber", Huber(delta=2.0)], ids=str
)
def test_an_exported_regressor_predicts_the_same(loss):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = regression_data()
    model = regressor(loss=loss, epochs=3, reg=0.1).fit(X, y)
    theirs = model.to_sklearn()
    assert type(theirs) is linear_model.SGDRegressor
    np.testing.assert_allclose(theirs.predict(X), model.predict(X), rtol=1e-12)
    assert (theirs.coef_.shape, theirs.intercept_.shape) == ((7,), (1,))
    assert theirs.alpha == (0.05 if loss == "squared" else 0.1)
    assert theirs.partial_fit(X, y).t_ == 401.0


def test_the_exported_objective_is_ours():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = regression_data(n_rows=300)
    model = regressor(reg=2.0, epochs=100).fit(X, y)
    theirs = model.to_sklearn()
    exact = linear_model.Ridge(alpha=theirs.alpha * len(y)).fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=0.02)


def test_a_loss_that_scikit_learn_does_not_have_is_not_exported():
    pytest.importorskip("sklearn")

    class Cubed(Huber):
        pass

    model = regressor(loss=Cubed(), epochs=1).fit([[1.0]], [1.0])
    with pytest.raises(ValueError, match="no counterpart"):
        model.to_sklearn()


def test_it_is_as_accurate_as_scikit_learns_sgd_on_generated_data():
    linear_model = pytest.importorskip("sklearn.linear_model")
    examples, _ = sparse_classification(4000, 300, 15, seed=1)
    train, test = examples.split_at(0.75)
    ours = classifier(kernel="auto").fit(train.to_scipy(), train.y)
    theirs = linear_model.SGDClassifier(loss="log_loss", random_state=0).fit(
        train.to_scipy(), train.y
    )
    held = test.to_scipy()
    assert ours.score(held, test.y) > theirs.score(held, test.y) - 0.02


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_it_is_as_accurate_as_scikit_learns_sgd_on_a8a(shared_data, n_jobs):
    linear_model = pytest.importorskip("sklearn.linear_model")
    train, test = read_libsvm(shared_data / "libsvm" / "a8a").split_at(0.8)
    ours = classifier(kernel="auto", n_jobs=n_jobs).fit(train.to_scipy(), train.y)
    theirs = linear_model.SGDClassifier(loss="log_loss", random_state=0).fit(
        train.to_scipy(), train.y
    )
    held = test.to_scipy()
    # better is no fault, and two workers never end at quite the same place
    assert ours.score(held, test.y) >= theirs.score(held, test.y) - 0.005


def test_it_tells_three_kinds_apart_in_a_file_from_outside(shared_data):
    examples = read_libsvm(shared_data / "mllib" / "sample_multiclass_classification_data.txt")
    model = classifier().fit(examples.to_scipy(), examples.y)
    assert model.classes_.tolist() == [0.0, 1.0, 2.0]
    assert model.score(examples.to_scipy(), examples.y) > 0.93


# ---- without scikit-learn ----------------------------------------------------------------------

USE = """
from hogwild.estimators import HogwildClassifier, HogwildRegressor
from hogwild.errors import MissingExtra
X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["a", "a", "b", "b"]
model = HogwildClassifier(kernel="numpy", random_state=0).fit(X, y)
assert model.set_params(**model.get_params()).score(X, y) == 1.0, model.predict(X)
HogwildRegressor(kernel="numpy", n_jobs=2).fit(X, [1.0, 2.0, 3.0, 4.0]).predict(X)
"""

BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""

ABSENT = """
for asked, kind, text in (
    (lambda: HogwildRegressor().predict(X), (ValueError, AttributeError), "not fitted yet"),
    (model.to_sklearn, MissingExtra, "pip install 'hogwild[sklearn]'"),
):
    try:
        asked()
    except kind as error:
        assert text in str(error), error
    else:
        raise SystemExit("no error")
"""


def run_python(code):
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_of_scikit_learn_is_imported_by_import_fit_and_predict():
    run_python(USE + "import sys\nassert not [m for m in sys.modules if m.startswith('sklearn')]\n")


def test_everything_but_the_export_works_where_scikit_learn_is_absent():
    run_python(BLOCKED + USE + ABSENT)


def test_no_warning_is_raised_by_a_whole_session():
    X, codes = blobs(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = pickle.loads(pickle.dumps(classifier(epochs=2).fit(X, codes)))
        assert model.score(X, codes) > 0.9
