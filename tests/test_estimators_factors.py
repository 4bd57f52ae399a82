"""MatrixFactorization: fit_factors behind scikit-learn's interface, and nothing lost on the way."""

import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from replay_cases import planted

from hogwild import metrics
from hogwild.errors import DataError, DivergenceError
from hogwild.estimators import MatrixFactorization, doors
from hogwild.models import Yun, fit_factors

pytestmark = pytest.mark.timeout(90)

RATINGS = planted()
X, Y = np.column_stack([RATINGS.u, RATINGS.i]), RATINGS.r
SMALL = {"n_factors": 4, "kernel": "numpy", "random_state": 0}
STARS = [5.0, 1.0, 4.0]


def estimator(**options):
    return MatrixFactorization(**{**SMALL, **options})


# ---- what goes in ------------------------------------------------------------------------------


def test_a_fit_is_that_of_fit_factors():
    model = estimator(biases=True, step=0.02, reg=(0.1, 0.0), epochs=7).fit(X, Y)
    fit = fit_factors(
        RATINGS, n_factors=4, kernel="numpy", schedule="serial", seed=0, biases=True, step=0.02,
        reg=(0.1, 0.0), epochs=7,
    )  # fmt: skip
    assert model.P_.tobytes() == fit.model.P.tobytes()
    assert model.Q_.tobytes() == fit.model.Q.tobytes()
    assert model.user_bias_.tobytes() == fit.model.user_bias.tobytes()
    assert [row.loss for row in model.history_] == [row.loss for row in fit.history]
    assert (model.n_iter_, model.n_features_in_, model.best_epoch_) == (7, 2, None)
    assert model.mean_ == RATINGS.mean
    assert model.predict(X).tolist() == fit.model.predict(RATINGS).tolist()


PAIRS = {
    "tuples of text": [("ann", "x"), ("ann", "y"), ("bob", "x")],
    "lists of text and numbers": [["ann", 7], ["ann", 9], ["bob", 7]],
    "text array": np.array([["ann", "x"], ["ann", "y"], ["bob", "x"]]),
    "objects": np.array([["ann", 7], ["ann", 9], ["bob", 7]], dtype=object),
    "numbers": np.array([[30, 7], [30, 9], [10, 7]]),
    "whole floats": np.array([[30.0, 7.0], [30.0, 9.0], [10.0, 7.0]]),
    "lists of numbers": [[30, 7], [30, 9], [10, 7]],
}


@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_pairs_of_any_ids_are_taken_and_kept(pairs):
    model = MatrixFactorization(2, reg=0.0, epochs=300, random_state=0).fit(pairs, STARS)
    np.testing.assert_allclose(model.predict(pairs), STARS, atol=0.05)
    first = pairs[0][0]
    assert first in model.user_ids_.tolist()
    assert model.user_ids_.dtype.kind == ("U" if isinstance(first, str) else "i")
    assert (len(model.user_ids_), len(model.item_ids_)) == (2, 2)
    assert model.predict(pairs[2:]).tolist() == model.predict(pairs)[2:].tolist()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_taken_with_their_ratings_or_without(library):
    frames = pytest.importorskip(library)
    columns = {"movie_id": [7, 9, 7], "stars": STARS, "userId": ["ann", "ann", "bob"]}
    whole = frames.DataFrame(columns)
    model = MatrixFactorization(2, random_state=0).fit(whole)
    expected = MatrixFactorization(2, random_state=0).fit(PAIRS["objects"], STARS)
    assert model.P_.tobytes() == expected.P_.tobytes()
    pairs = frames.DataFrame({name: columns[name] for name in ("movie_id", "userId")})
    assert model.predict(pairs).tolist() == model.predict(whole).tolist()
    again = MatrixFactorization(2, random_state=0).fit(pairs, whole["stars"])
    assert again.P_.tobytes() == model.P_.tobytes()
    assert model.score(whole) == model.score(pairs, whole["stars"])
    unnamed = frames.DataFrame({"a": ["ann", "ann", "bob"], "b": [7, 9, 7]})
    assert model.predict(unnamed).tolist() == model.predict(pairs).tolist()
    with pytest.raises(DataError, match=r"X must have two columns.*'a', 'b', 'c'"):
        model.predict(frames.DataFrame({"a": [1], "b": [1], "c": [1]}))


def test_ratings_and_sparse_matrices_bring_their_own_values():
    one = estimator().fit(RATINGS)
    two = estimator().fit(RATINGS.to_scipy())
    assert one.P_.tobytes() == two.P_.tobytes() == estimator().fit(X, Y).P_.tobytes()
    assert one.score(RATINGS) == two.score(RATINGS.to_scipy()) == one.score(X, Y)
    assert one.predict(RATINGS).tolist() == two.predict(sp.coo_array(RATINGS.to_scipy())).tolist()
    for whole in (RATINGS, RATINGS.to_scipy()):
        with pytest.raises(ValueError, match="its own ratings: y must be None"):
            estimator().fit(whole, Y)


@pytest.mark.parametrize(
    "pairs, target, what",
    [
        (X, None, "requires y to be passed, but the target y is None"),
        (X, Y[:-1], "inconsistent numbers of samples: 900 pairs in X, 899 ratings in y"),
        (X[:, :1], Y, r"exactly 2 columns, user and item; found 1 feature\(s\)"),
        (np.column_stack([X, X]), Y, r"found 4 feature\(s\) \(shape=\(900, 4\)\)"),
        (X[0], Y[:1], r"Expected 2D array, got shape \(2,\)"),
        (X[:0], Y[:0], r"0 sample\(s\)"),
        (X + 0.5, Y, "user ids must be whole numbers or text; found .*5 at row 0"),
        (np.where(X == 0, np.nan, X), Y, "must not contain NaN or infinity; found nan"),
        (X.astype(complex), Y, "Complex data not supported"),
        ([("ann", 1), (7, 1)], [1.0, 2.0], "all integers or all strings"),
        (X, np.full(900, np.nan), "finite"),
        (X, ["good"] * 900, "values must hold real numbers"),
    ],
)
def test_what_is_no_ratings_is_refused_with_the_reason(pairs, target, what):
    with pytest.raises(ValueError, match=what):
        estimator().fit(pairs, target)


# ---- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, what",
    [
        ({"n_factors": 0}, "n_factors must be"),
        ({"loss": "logistic"}, "predicts numbers and can't take the loss 'logistic'"),
        ({"loss": "l3"}, "l3"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"n_jobs": 2, "schedule": "serial"}, 'schedule="serial" has one worker'),
        ({"random_state": "x"}, "random_state must be"),
        ({"warm_start": 1}, "warm_start must be"),
        ({"patience": 2}, "patience=2 needs a validation_fraction"),
        ({"validation_fraction": 1.0}, "validation_fraction must be above 0 and below 1"),
        ({"validation_fraction": 1e-9}, "validation_fraction=1e-09 leaves 900 of 900 .* and 0"),
        ({"unknown": "zero"}, "unknown must be one of mean, error"),
    ],
)
def test_wrong_parameters_are_named_when_they_are_used(options, what):
    with pytest.raises(ValueError, match=what):
        estimator(**options).fit(X, Y).predict(X)


def test_more_than_one_job_runs_the_schedule(monkeypatch):
    seen = []

    def spy(ratings, **settings):
        seen.append((settings["schedule"], settings["n_workers"]))
        return fit_factors(ratings, **{**settings, "schedule": "serial", "n_workers": 1})

    monkeypatch.setattr("hogwild.estimators.matrix.fit_factors", spy)
    for n_jobs, schedule in ((None, "fpsgd"), (1, "dsgd"), (2, "fpsgd"), (3, "dsgd")):
        estimator(n_jobs=n_jobs, schedule=schedule, epochs=1).fit(X, Y)
    assert seen == [("serial", 1), ("serial", 1), ("fpsgd", 2), ("dsgd", 3)]


def test_two_workers_fit_under_every_start_method_and_leave_no_process(start_method):
    model = estimator(n_jobs=2, start_method=start_method, epochs=30, biases=True).fit(X, Y)
    assert model.score(X, Y) > 0.5
    assert not multiprocessing.active_children()


def test_dsgd_repeats_for_any_number_of_jobs_and_serial_does_too():
    dsgd = {"schedule": "dsgd", "grid": 4, "start_method": "fork", "epochs": 3}
    two, three = (estimator(n_jobs=n, **dsgd).fit(X, Y) for n in (2, 3))
    assert two.P_.tobytes() == three.P_.tobytes()
    assert estimator().fit(X, Y).P_.tobytes() == estimator().fit(X, Y).P_.tobytes()
    drawn = [estimator(random_state=None, epochs=1).fit(X, Y).P_.tobytes() for _ in range(2)]
    assert drawn[0] != drawn[1]


def test_patience_keeps_the_best_epoch():
    options = {"validation_fraction": 0.2, "patience": 2, "epochs": 60, "step": 0.05, "reg": 0.0}
    model = estimator(**options).fit(X, Y)
    assert model.n_iter_ == model.best_epoch_ + 2 < 60
    losses = [row.validation["loss"] for row in model.history_]
    assert np.argmin(losses) == model.best_epoch_ - 1
    assert sum(row.updates for row in model.history_) == model.n_iter_ * 720


def test_a_warm_start_goes_on_and_knows_ids_again():
    once = estimator(step=Yun(), warm_start=True, epochs=5).fit(X, Y)
    first = once.history_[-1].loss
    once.fit(X, Y)
    assert once.history_[0].loss < first
    known = once.P_[3].copy()
    once.set_params(epochs=1, step=1e-12).fit(X[X[:, 0] >= 3], Y[X[:, 0] >= 3])
    assert once.user_ids_[0] == 3  # another row, the same id
    np.testing.assert_allclose(once.P_[0], known, rtol=1e-5)


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    model = estimator(epochs=2).fit(X, Y)
    before = {name: pickle.dumps(value) for name, value in vars(model).items() if name[-1] == "_"}
    with pytest.raises(DivergenceError):
        model.set_params(step=10.0, epochs=50).fit(X, Y)
    with pytest.raises(DataError):
        model.fit(X, Y[:-1])
    assert before == {name: pickle.dumps(getattr(model, name)) for name in before}


# ---- predictions and scores --------------------------------------------------------------------


def test_unknown_ids_are_the_mean_or_an_error():
    model = estimator().fit(X, Y)
    assert model.predict([[999, 0], [0, 999]]).tolist() == [model.mean_] * 2
    with pytest.raises(ValueError, match="user 999 at position 0 is unknown"):
        model.set_params(unknown="error").predict([[999, 0]])


def test_the_score_is_r2():
    model = estimator(biases=True).fit(X, Y)
    z = model.predict(X)
    assert model.score(X, Y) == pytest.approx(
        1 - ((Y - z) ** 2).sum() / ((Y - Y.mean()) ** 2).sum()
    )
    assert model.score(X, Y) == metrics.r2(Y.astype(float), z)
    assert model.score([[999, 999]] * 2, [model.mean_] * 2) == 1.0
    assert model.score([[999, 999]] * 2, [1.0, 1.0]) == 0.0


def test_the_model_inside_recommends_and_is_kept(tmp_path):
    model = estimator(biases=True).fit(X, Y)
    items, scores = model.model_.recommend(3, 2)
    pairs = np.column_stack([np.full(2, 3), items])
    assert scores.tolist() == model.predict(pairs).tolist()
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(X).tolist() == model.predict(X).tolist()


# ---- with scikit-learn -------------------------------------------------------------------------


class OnNumbers(MatrixFactorization):
    """A row of numbers as a pair: its first and its last number, rounded, are user and item.

    scikit-learn's checks fit to rows of any width; with this, all of them can be run.
    """

    def _pairs(self, rows, fitting=False):
        if sp.issparse(rows):
            raise TypeError("sparse data is not taken as rows of pairs")
        rows = doors.checked_rows(rows)
        if not fitting and rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but OnNumbers is expecting "
                f"{self.n_features_in_} features as input"
            )
        rows = np.asarray(rows.todense()) if sp.issparse(rows) else rows
        return np.round(1000 * rows[:, [0, -1]]).astype(np.int64), rows.shape[1]

    def fit(self, X, y=None):
        pairs, width = self._pairs(X, fitting=True)
        super().fit(pairs, y)
        self.n_features_in_ = width
        return self

    def predict(self, X):
        self._check_fitted()
        return super().predict(self._pairs(X)[0])

    def score(self, X, y):
        return metrics.r2(np.asarray(y, np.float64), self.predict(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # ids drawn at random have nothing to learn
        return tags


@pytest.mark.filterwarnings("ignore:Estimator OnNumbers.* does not inherit:UserWarning")
def test_scikit_learn_finds_its_conventions_kept():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(OnNumbers(4, kernel="numpy"), on_skip=None, on_fail="raise")
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input", "check_regressor_data_not_an_array"}
    assert len(results) > 40


# What these ask for, two columns of ids are not: rows of any width, of any numbers.
CAN_NOT_APPLY = {
    "check_fit_score_takes_y", "check_dont_overwrite_parameters",
    "check_n_features_in_after_fitting", "check_positive_only_tag_during_fit",
    "check_estimators_dtypes", "check_complex_data", "check_dtype_object",
    "check_pipeline_consistency", "check_estimators_nan_inf", "check_estimators_pickle",
    "check_f_contiguous_array_estimator", "check_regressors_train",
    "check_regressor_data_not_an_array", "check_regressors_no_decision_function",
    "check_supervised_y_2d", "check_regressors_int", "check_methods_sample_order_invariance",
    "check_methods_subset_invariance", "check_fit2d_1sample", "check_dict_unchanged",
    "check_fit2d_predict1d",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Estimator MatrixFact.* does not inherit:UserWarning")
def test_the_other_checks_are_passed_by_the_estimator_itself():
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    expected = dict.fromkeys(CAN_NOT_APPLY, "two columns of ids are asked for")
    results = checks.check_estimator(
        estimator(), expected_failed_checks=expected, on_skip=None, on_fail="raise"
    )
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert {
        "check_estimator_cloneable", "check_no_attributes_set_in_init", "check_requires_y_none",
        "check_estimator_sparse_matrix", "check_estimator_sparse_tag", "check_fit1d",
        "check_parameters_default_constructible", "check_get_params_invariance",
    } <= passed  # fmt: skip


def test_clone_grid_search_and_cross_validation_work():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import GridSearchCV, cross_val_score

    model = estimator(n_factors=2, biases=True, epochs=60).fit(X, Y)
    twin = base.clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "P_")
    assert base.is_regressor(model)
    grid = {"n_factors": [2, 4], "reg": [0.02, 1.0]}
    search = GridSearchCV(model, grid, cv=3, scoring="neg_root_mean_squared_error")
    assert search.fit(X, Y).best_params_ == {"n_factors": 2, "reg": 0.02}
    texts = np.char.add("id", X.astype(str))
    scores = cross_val_score(model, texts, Y, cv=3, error_score="raise")
    assert scores.min() > 0.6


def test_only_schedules_that_do_not_repeat_say_so():
    utils = pytest.importorskip("sklearn.utils")
    assert not utils.get_tags(estimator()).non_deterministic
    assert not utils.get_tags(estimator(n_jobs=2, schedule="dsgd")).non_deterministic
    assert utils.get_tags(estimator(n_jobs=2)).non_deterministic


def test_the_error_before_a_fit_is_the_one_that_scikit_learn_knows():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError, match="not fitted yet"):
        estimator().predict(X)


def test_nothing_of_scikit_learn_is_imported_by_fit_and_predict():
    code = """
import sys
from hogwild.estimators import MatrixFactorization
model = MatrixFactorization(2, kernel="numpy").fit([("ann", 1), ("bob", 2)], [1.0, 2.0])
model.set_params(**model.get_params()).score([("ann", 1)], [1.0])
assert not [name for name in sys.modules if name.startswith("sklearn")]
"""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_ratings_of_a_planted_rank_are_predicted():
    train, test = RATINGS.split(0.2, seed=0)
    model = estimator(n_factors=2, biases=True, epochs=60, reg=0.02).fit(train)
    assert model.score(test) > 0.75
