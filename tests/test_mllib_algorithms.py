"""The training classes: Spark's runs, each step by hand, what they refuse, data in trouble."""

import inspect
import logging
import multiprocessing
import re

import numpy as np
import pytest
import scipy.sparse as sp
from mllib_cases import clouds, golden, sample_rows
from spark_sessions import on_one_machine

from hogwild.errors import DivergenceError
from hogwild.mllib import (
    OWLQN,
    GradientDescent,
    HingeGradient,
    L1Updater,
    LabeledPoint,
    LeastSquaresGradient,
    LocalPartitions,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    append_bias,
    load_libsvm_file,
    run_lbfgs,
    run_mini_batch_sgd,
)
from hogwild.mllib.algorithms import (
    LassoWithSGD,
    LinearRegressionWithSGD,
    LogisticRegressionWithSGD,
    RidgeRegressionWithSGD,
    SVMWithSGD,
)
from hogwild.mllib.classification import LogisticRegressionModel, SVMModel
from hogwild.mllib.generalized_linear import GeneralizedLinearAlgorithm
from hogwild.mllib.logistic_lbfgs import LogisticRegressionWithLBFGS
from hogwild.mllib.regression import LassoModel, LinearRegressionModel, RidgeRegressionModel

SGD = [
    LogisticRegressionWithSGD, SVMWithSGD, LinearRegressionWithSGD, LassoWithSGD,
    RidgeRegressionWithSGD,
]  # fmt: skip
ALL = {kind.__name__: kind for kind in [*SGD, LogisticRegressionWithLBFGS]}
BINARY = [LogisticRegressionWithSGD, SVMWithSGD, LogisticRegressionWithLBFGS]
HAND = ([[1.0, 2.0], [3.0, 2.0], [2.0, 2.0]], [1.0, 3.0, 2.0])  # the second feature is constant


def snake(name):
    return re.sub("([A-Z])", lambda found: "_" + found[1].lower(), name)


# ---- Spark's runs ------------------------------------------------------------------------------


def golden_data(shared_data, name):
    folder = shared_data / "mllib"
    if name == "svm":
        table = np.loadtxt(folder / "sample_svm_data.txt")
        return LocalPartitions((np.ascontiguousarray(table[:, 1:]), table[:, 0]), sizes=[161, 161])
    if name == "scaled255":
        return LocalPartitions(sample_rows(shared_data, 255.0, bias=False))
    files = {"linreg": "linear_regression", "multi": "multiclass_classification"}
    return load_libsvm_file(folder / f"sample_{files[name]}_data.txt")


@pytest.mark.parametrize("number", range(24))
def test_every_run_of_spark_is_repeated(shared_data, number):
    run = golden(shared_data, "glm_algorithms.json")["runs"][number]
    data = golden_data(shared_data, run["dataset"])
    settings = {snake(name): value for name, value in run["args"].items()}
    train = ALL[run["algorithm"]].train
    if "error" in run:
        with pytest.raises((ValueError, RuntimeError)) as info:
            train(data, **settings)
        meant = {
            "Input validation failed": "input validation failed: labels must be 0 or 1",
            "Multinomial models": "More classes are a multinomial model",
            "'regType'": "reg_type must be 'l1', 'l2' or None, got 'l3'",
        }
        (ours,) = (ours for spark, ours in meant.items() if spark in run["error"])
        assert ours in str(info.value)
        return
    model = train(data, **settings)
    weights = np.array(run["weights"])
    assert model.weights == pytest.approx(weights, rel=1e-8, abs=1e-12)
    assert ((model.weights == 0.0) == (weights == 0.0)).all()
    assert model.intercept == pytest.approx(run["intercept"], rel=1e-8)
    first_ten = [point.features for point in data.take(10)]
    predictions = [model.predict(features) for features in first_ten]
    assert predictions == pytest.approx(run["predict_first10"], rel=1e-8)


def test_arguments_their_order_and_their_defaults_are_those_of_pyspark(shared_data):
    signatures = golden(shared_data, "glm_algorithms.json")["signatures"]
    assert set(signatures) == set(ALL)
    for name, expected in signatures.items():
        found = inspect.signature(ALL[name].train).parameters
        assert list(found) == [snake(argument) for argument in expected]
        defaults = [value for argument, value in expected.items() if argument != "data"]
        assert [parameter.default for parameter in found.values()][1:] == defaults


# ---- by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, gradient, updater, model",
    [
        (LogisticRegressionWithSGD, LogisticGradient, SquaredL2Updater, LogisticRegressionModel),
        (SVMWithSGD, HingeGradient, SquaredL2Updater, SVMModel),
        (LinearRegressionWithSGD, LeastSquaresGradient, SimpleUpdater, LinearRegressionModel),
        (LassoWithSGD, LeastSquaresGradient, L1Updater, LassoModel),
        (RidgeRegressionWithSGD, LeastSquaresGradient, SquaredL2Updater, RidgeRegressionModel),
    ],
)
def test_a_class_is_gradient_descent_with_its_loss_updater_and_defaults(
    kind, gradient, updater, model
):
    X, y = clouds()
    reg_param = 0.0 if kind is LinearRegressionWithSGD else 0.01
    found = kind().run((X, y))
    assert type(found) is model
    result = run_mini_batch_sgd(
        (X, y), gradient(), updater(), 1.0, 100, reg_param, 1.0, np.zeros(3), 0.001
    )
    assert found.weights.tolist() == result.weights.tolist()
    assert found.intercept == 0.0
    assert found.result.losses.tolist() == result.losses.tolist()
    assert found.result.stopped == result.stopped


@pytest.mark.parametrize("kind", SGD)
def test_every_setting_of_train_reaches_gradient_descent(kind, caplog):
    settings = {"iterations": 4, "step": 0.3, "mini_batch_fraction": 0.5, "reg_param": 0.2}
    model = kind.train(
        clouds(), **settings, initial_weights=[0.1, 0.2, 0.3], intercept=True, convergence_tol=0.0
    )
    expected = run_mini_batch_sgd(
        append_bias(clouds()), kind._gradient(), kind._updater(), 0.3, 4, 0.2, 0.5,
        [0.1, 0.2, 0.3, 1.0], 0.0,
    )  # fmt: skip
    assert model.result.losses.tolist() == expected.losses.tolist()
    assert [*model.weights.tolist(), model.intercept] == expected.weights.tolist()
    assert kind.train(clouds(), convergence_tol=1.0).result.stopped == "weights converged"


def test_every_setting_of_train_reaches_lbfgs():
    X, y = three_classes()
    scaled = X / X.std(axis=0, ddof=1), y
    for iterations, corrections, tolerance in ((3, 10, 0.0), (50, 1, 0.0), (50, 10, 0.01)):
        model = LogisticRegressionWithLBFGS.train(
            (X, y), iterations, [0.1] * 6, 0.02, "l2", True, corrections, tolerance, True, 3
        )
        expected = run_lbfgs(
            append_bias(scaled), LogisticGradient(3), SquaredL2Updater(), corrections, tolerance,
            iterations, 0.02, [0.1] * 6,
        )  # fmt: skip
        assert model.result.losses == pytest.approx(expected.losses, rel=1e-9)
        assert model.result.stopped == expected.stopped


def test_the_intercept_is_a_feature_of_1_after_the_others_and_starts_at_1():
    start = LinearRegressionWithSGD(num_iterations=0).set_intercept(True).run(HAND)
    assert (start.weights.tolist(), start.intercept) == ([0.0, 0.0], 1.0)
    assert start.result.losses.tolist() == [(0.0 + 4.0 + 1.0) / 2 / 3]
    model = RidgeRegressionWithSGD(0.1, 3, 0.5).set_intercept(True).run(HAND, [0.5, -1.0])
    expected = run_mini_batch_sgd(
        append_bias(HAND), LeastSquaresGradient(), SquaredL2Updater(), 0.1, 3, 0.5, 1.0,
        [0.5, -1.0, 1.0],
    )  # fmt: skip
    assert [*model.weights.tolist(), model.intercept] == expected.weights.tolist()


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("intercept", [False, True])
def test_features_are_divided_by_their_deviations_and_the_weights_too(form, intercept):
    X, y = form(HAND[0]), HAND[1]
    deviation = 1.0  # of 1, 3, 2 with the divisor 2; the other feature becomes 0
    scaled = np.array(HAND[0]) * [1 / deviation, 0.0]
    algorithm = LinearRegressionWithSGD(0.1, 3).set_intercept(intercept).set_feature_scaling(True)
    model = algorithm.run((X, y), [0.5, 7.0])
    start, rows = ([0.5, 7.0, 1.0], append_bias((scaled, y))) if intercept else (
        [0.5, 7.0], (scaled, y)
    )  # fmt: skip
    expected = run_mini_batch_sgd(
        rows, LeastSquaresGradient(), SimpleUpdater(), 0.1, 3, 0.0, 1.0, start
    )
    assert model.weights == pytest.approx([expected.weights[0], 0.0], rel=1e-14)
    assert model.result.weights[1] == 7.0  # of a feature that is 0 now: it never moved
    assert model.intercept == pytest.approx(expected.weights[2] if intercept else 0.0, rel=1e-14)


def test_initial_weights_are_taken_for_scaled_features():
    X, y = [[2.0], [6.0]], [0.0, 1.0]  # deviation sqrt(8)
    model = LinearRegressionWithSGD(num_iterations=0).set_feature_scaling(True).run((X, y), [1.0])
    assert model.weights == pytest.approx([1 / np.sqrt(8.0)], rel=1e-15)


def test_run_starts_from_zeros_or_from_the_given_weights():
    X, y = clouds()
    algorithm = LogisticRegressionWithSGD(num_iterations=0)
    assert algorithm.run((X, y)).weights.tolist() == [0.0, 0.0, 0.0]
    assert algorithm.run((X, y), [1, 2, 3]).weights.tolist() == [1.0, 2.0, 3.0]


def test_the_zeros_are_as_many_as_the_first_data_had_features():
    algorithm = LinearRegressionWithSGD(0.1, 2)
    assert algorithm.num_features is None
    algorithm.run(HAND)
    assert algorithm.num_features == 2
    with pytest.raises(ValueError, match=r"x.size = 1, w.size = 2"):
        algorithm.run(([[1.0]], [1.0]))
    assert algorithm.run(([[1.0]], [1.0]), [0.0]).weights.shape == (1,)


def test_the_optimizer_is_there_to_be_set():
    X, y = clouds()
    algorithm = LassoWithSGD(reg_param=0.05)
    assert isinstance(algorithm.optimizer, GradientDescent)
    algorithm.optimizer.set_convergence_tol(0.0).set_num_iterations(3)
    assert len(algorithm.run((X, y)).result.losses) == 4
    algorithm.optimizer = OWLQN(LeastSquaresGradient()).set_reg_param(0.05)
    assert algorithm.run((X, y)).result.stopped == "gradient converged"


def test_a_class_of_ones_own_gives_an_optimizer_and_a_model():
    class Median(GeneralizedLinearAlgorithm[LinearRegressionModel]):
        def create_model(self, weights, intercept):
            return LinearRegressionModel(weights, intercept)

    descent = GradientDescent(LeastSquaresGradient(), SimpleUpdater())
    model = Median(descent).set_intercept(True).run(([[0.0], [0.0]], [1.0, 3.0]))
    assert (model.weights.tolist(), model.intercept) == ([0.0], 2.0)


@pytest.mark.parametrize("name", ALL)
def test_rows_may_be_given_in_any_form(name):
    X, y = clouds()
    rows = [LabeledPoint(label, x) for label, x in zip(y, X, strict=True)]
    expected = ALL[name].train((X, y), 5, intercept=True)
    for data in (rows, LocalPartitions((X, y)), (sp.csr_matrix(X), y)):
        model = ALL[name].train(data, 5, intercept=True)
        assert model.weights == pytest.approx(expected.weights, rel=1e-12)
        assert model.intercept == pytest.approx(expected.intercept, rel=1e-12)


# ---- several classes ---------------------------------------------------------------------------


def three_classes():
    X, _ = clouds(60, 2)
    return X, np.stack([0 * X[:, 0], 2 * X[:, 0] - X[:, 1], X[:, 1]]).argmax(axis=0).astype(float)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("scaling", [False, True])
def test_several_classes_keep_intercepts_in_their_blocks(intercept, scaling):
    X, y = three_classes()
    algorithm = LogisticRegressionWithLBFGS().set_num_classes(3).set_intercept(intercept)
    algorithm.set_feature_scaling(scaling).optimizer.set_reg_param(0.01)
    model = algorithm.run((X, y))
    assert (model.num_classes, model.num_features, model.intercept) == (3, 2, 0.0)
    assert len(model.weights) == 2 * (2 + intercept)
    assert (model.predict(X) == y).mean() > 0.8
    factors = 1 / X.std(axis=0, ddof=1) if scaling else np.ones(2)
    factors = np.append(factors, 1.0) if intercept else factors
    blocks = model.result.weights.reshape(2, -1) * factors
    assert model.weights == pytest.approx(blocks.ravel(), rel=1e-12)


def test_initial_weights_of_several_classes_contain_the_intercepts():
    X, y = three_classes()
    algorithm = LogisticRegressionWithLBFGS().set_num_classes(3).set_intercept(True)
    algorithm.set_feature_scaling(False).optimizer.set_num_iterations(0)
    assert algorithm.run((X, y)).weights.tolist() == [0.0] * 6
    assert algorithm.run((X, y), range(6)).weights.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(ValueError, match="3 classes of 3 features need 6 weights, got 4"):
        algorithm.run((X, y), [0.0] * 4)


def test_labels_of_several_classes_are_checked_unless_told_otherwise():
    X, y = three_classes()
    algorithm = LogisticRegressionWithLBFGS().set_num_classes(3)
    with pytest.raises(RuntimeError, match=r"integers from 0 to 2; found 3\.0 at row"):
        algorithm.run((X, y + 1))
    assert np.isfinite(algorithm.set_validate_data(False).run((X, y + 1)).weights).all()


@pytest.mark.parametrize("wrong", [1, 0, -3])
def test_one_class_is_none(wrong):
    with pytest.raises(ValueError, match=f"num_classes must be 2 or more, got {wrong}"):
        LogisticRegressionWithLBFGS().set_num_classes(wrong)
    with pytest.raises(ValueError, match=f"num_classes must be 2 or more, got {wrong}"):
        LogisticRegressionWithLBFGS.train(clouds(), num_classes=wrong)


def test_the_number_of_classes_may_be_set_again():
    X, y = clouds()
    algorithm = LogisticRegressionWithLBFGS().set_num_classes(3).set_num_classes(2)
    algorithm.optimizer.set_updater(SimpleUpdater())
    expected = LogisticRegressionWithLBFGS.train((X, y), reg_type=None)
    assert algorithm.run((X, y)).weights.tolist() == expected.weights.tolist()


# ---- wherever the rows lie ---------------------------------------------------------------------


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reg_type", ["l1", None])
def test_workers_give_the_same_bits_and_end(start_method, reg_type):
    X, y = clouds(200)
    settings = {"intercept": True, "reg_param": 0.01, "reg_type": reg_type}
    alone = LogisticRegressionWithLBFGS.train(LocalPartitions((X, y), 4), **settings)
    before = len(multiprocessing.active_children())
    with LocalPartitions((X, y), 4, 2, start_method=start_method) as data:
        model = LogisticRegressionWithLBFGS.train(data, **settings)
        assert len(multiprocessing.active_children()) == before + 2  # those of `data`
    assert model.weights.tolist() == alone.weights.tolist()
    assert model.intercept == alone.intercept
    assert model.result.losses.tolist() == alone.result.losses.tolist()


@on_one_machine
@pytest.mark.timeout(240)
def test_on_spark_rows_stay_there_and_the_bits_are_the_same(spark):
    from hogwild.mllib.spark import SparkPartitions

    X, y = clouds(60)
    with SparkPartitions.of(spark, (X, y), 3) as data:
        data.collect = None
        for settings in ({"reg_type": "l1"}, {"num_classes": 3}):
            settings = {"intercept": True, "reg_param": 0.01, **settings}
            model = LogisticRegressionWithLBFGS.train(data, 4, **settings)
            here = LogisticRegressionWithLBFGS.train(LocalPartitions((X, y), 3), 4, **settings)
            assert model.weights.tolist() == here.weights.tolist()
            assert model.result.losses.tolist() == here.result.losses.tolist()


def test_only_what_was_opened_here_is_closed():
    X, y = clouds()
    with LocalPartitions((X, y), 2) as data:
        for _ in range(2):
            LogisticRegressionWithSGD.train(data, 2, intercept=True)


# ---- what is refused, and data in trouble ------------------------------------------------------


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("wrong", [0.5, -1.0, 2.0, np.nan])
def test_labels_that_are_no_classes_are_refused(kind, wrong):
    X, y = clouds()
    y[7] = wrong
    with pytest.raises(RuntimeError, match=f"labels must be 0 or 1; found {wrong} at row 7"):
        kind.train((X, y))
    with pytest.raises(ValueError, match="input validation failed"):
        kind().run((X, y))


@pytest.mark.parametrize("kind", [LogisticRegressionWithSGD, SVMWithSGD])
def test_labels_are_numbers_for_who_does_not_have_them_checked(kind):
    X, y = clouds()
    model = kind.train((X, 2 * y - 1), 5, validate_data=False)
    expected = run_mini_batch_sgd(
        (X, 2 * y - 1), kind._gradient(), SquaredL2Updater(), 1.0, 5, 0.01, 1.0, np.zeros(3)
    )
    assert model.weights.tolist() == expected.weights.tolist()


@pytest.mark.parametrize("kind", [LogisticRegressionWithLBFGS, SVMWithSGD])
def test_labels_as_a_second_argument_are_told_where_they_belong(kind):
    X, y = clouds(20, 2)
    with pytest.raises(ValueError, match=r"one argument, the pair \(X, y\)"):
        kind.train(X, y)


@pytest.mark.parametrize("kind", [LinearRegressionWithSGD, LassoWithSGD, RidgeRegressionWithSGD])
def test_regression_takes_any_label(kind):
    X, y = clouds()
    assert np.isfinite(kind.train((X, y - 7.5), 5).weights).all()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"step_size": 0}, "initial step size must be positive, got 0"),
        ({"num_iterations": -1}, "number of iterations must be nonnegative, got -1"),
        ({"reg_param": -1.0}, "regularization parameter must be nonnegative, got -1.0"),
        ({"mini_batch_fraction": 1.5}, r"must be in range \(0, 1\], got 1.5"),
    ],
)
@pytest.mark.parametrize("kind", SGD)
def test_settings_are_checked_by_the_optimizers_setters(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)


@pytest.mark.parametrize("kind", [LogisticRegressionWithLBFGS, *SGD[:3]])
def test_an_unknown_penalty_is_refused(kind):
    with pytest.raises(ValueError, match="reg_type must be 'l1', 'l2' or None, got 'L2'"):
        kind.train(clouds(), reg_type="L2")
    assert kind.train(clouds(), 2, reg_type="none").weights.shape == (3,)


@pytest.mark.parametrize("name", ALL)
def test_no_rows_are_nothing_to_train_on(name):
    for data in ((np.zeros((0, 2)), []), (sp.csr_matrix((0, 2)), [])):
        for intercept in (False, True):
            with pytest.raises(ValueError, match="there are no rows to train on"):
                ALL[name].train(data, intercept=intercept)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_is_named_by_its_row(name, bad):
    X, y = clouds()
    X[11, 2] = bad
    for scaling in (False, True):
        for intercept in (False, True):
            algorithm = ALL[name]().set_feature_scaling(scaling).set_intercept(intercept)
            with pytest.raises(ValueError, match=f"found a feature {bad} at row 11"):
                algorithm.run((X, y))


@pytest.mark.parametrize("kind", [LinearRegressionWithSGD, LassoWithSGD, RidgeRegressionWithSGD])
def test_a_label_that_is_not_finite_is_named_by_its_row(kind):
    X, y = clouds()
    y[4] = np.nan
    with pytest.raises(ValueError, match="found a label nan at row 4"):
        kind.train((X, y))


def test_descent_that_runs_away_is_an_error_and_scaling_the_cure():
    X, y = clouds()
    X = X * [1000.0, 1.0, 1.0]
    with pytest.raises(DivergenceError, match="Try a smaller step"):
        LinearRegressionWithSGD().run((X, y))
    model = LinearRegressionWithSGD().set_feature_scaling(True).run((X, y))
    exact = np.linalg.lstsq(X, y, rcond=None)[0]
    assert model.weights == pytest.approx(exact, rel=0.05)


TROUBLE = {
    "a single row": ([[1.0, 2.0]], [1.0]),
    "a single row of class 0": ([[1.0, 2.0]], [0.0]),
    "one class": ([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]], [1.0, 1.0, 1.0]),
    "separable": ([[1.0, 2.0], [2.0, 1.0], [-1.0, -2.0]], [1.0, 1.0, 0.0]),
    "equal columns": ([[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]], [1.0, 0.0, 1.0]),
    "a constant column": ([[1.0, 3.0], [2.0, 3.0], [-1.0, 3.0]], [1.0, 0.0, 1.0]),
    "columns of zeros": (np.zeros((3, 2)), [1.0, 0.0, 1.0]),
    "no columns": (np.zeros((3, 0)), [1.0, 0.0, 1.0]),
    "huge": ([[1e300, 1.0], [-1e300, 2.0], [1e299, 0.0]], [1.0, 0.0, 1.0]),
    "tiny": ([[1e-300, 1.0], [-1e-310, 2.0], [5e-324, 0.0]], [1.0, 0.0, 1.0]),
    "huge and tiny": ([[1e150, 1e-300], [-1e-300, 1e150], [1.0, 1.0]], [1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_data_in_trouble_give_a_finite_model_or_a_clear_error(name, trouble, form, caplog):
    caplog.set_level(logging.CRITICAL)
    X, y = TROUBLE[trouble]
    with LocalPartitions((form(X), y), sizes=[0, 1, 0, len(y) - 1]) as data:
        for settings in ({}, {"intercept": True}, {"initial_weights": np.ones(data.n_features)}):
            for penalty in ({}, {"reg_type": "l1", "reg_param": 0.1}, {"reg_type": None}):
                if "reg_type" in penalty and name in ("LassoWithSGD", "RidgeRegressionWithSGD"):
                    continue
                model, error = outcome(ALL[name].train, data, 30, **settings, **penalty)
                if error is not None:
                    assert trouble in ("huge", "huge and tiny", "no columns"), error
                    assert re.search("scale|smaller step|need", str(error))
                    continue
                assert np.isfinite(model.weights).all()
                assert np.isfinite(model.result.losses).all()
                assert np.isfinite(model.intercept) or len(set(y)) == 1


def outcome(train, *arguments, **settings):
    """What came of it: a model, or an error meant for the user."""
    try:
        return train(*arguments, **settings), None
    except (ValueError, DivergenceError) as error:
        return None, error


@pytest.mark.parametrize("name", ALL)
def test_empty_partitions_change_nothing(name):
    X, y = clouds()
    expected = ALL[name].train(LocalPartitions((X, y), sizes=[15, 25]), 10, intercept=True)
    data = LocalPartitions((X, y), sizes=[0, 15, 25, 0])
    model = ALL[name].train(data, 10, intercept=True)
    assert model.weights == pytest.approx(expected.weights, rel=1e-12)


@pytest.mark.parametrize("kind", BINARY)
def test_separable_data_are_separated_without_a_penalty(kind):
    X, _ = clouds(80)
    X = X[np.abs(X @ [1.0, -2.0, 0.5]) > 0.5]
    y = (X @ [1.0, -2.0, 0.5] > 0).astype(float)
    model = kind.train((X, y), 200, reg_param=0.0)
    assert model.predict(X).tolist() == y.tolist()
    assert np.isfinite(model.weights).all()
