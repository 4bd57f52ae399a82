"""Models in files: Spark's directory and npz, there and back; and what is no model."""

import errno
import io
import json
import os
import pickle
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from spark_sessions import on_one_machine

from hogwild.errors import DataError, MissingExtra
from hogwild.mllib import model_files
from hogwild.mllib.classification import ClassificationModel, LogisticRegressionModel, SVMModel
from hogwild.mllib.regression import (
    GeneralizedLinearModel,
    LassoModel,
    LinearRegressionModel,
    RidgeRegressionModel,
)

BY_SPARK = Path(__file__).resolve().parent / "spark_models"
"""Saved by Spark 3.5.9: each model as it stands in `WHAT_SPARK_SAVED`."""

INF, NAN = float("inf"), float("nan")

WHAT_SPARK_SAVED = {
    "logistic": LogisticRegressionModel([0.5, 0.25], 0.1).set_threshold(0.7),
    "logistic_cleared": LogisticRegressionModel([0.5, 0.25], 0.1).clear_threshold(),
    "multinomial": LogisticRegressionModel([1, 2, 3, 4, 5, 6], 0.0, 2, 3),
    "svm": SVMModel([0.5, 0.25], 0.1),
    "linear": LinearRegressionModel([0.5, 0.25], 0.1),
    "linear_sparse": LinearRegressionModel([0.0, 2.0, 0.0], 0.1),
}

MODELS = {
    "logistic": LogisticRegressionModel([0.5, 0.25], 0.1).set_threshold(0.7),
    "cleared": LogisticRegressionModel([0.5, -0.0], INF).clear_threshold(),
    "multinomial": LogisticRegressionModel([1, 2, 3, 4, 5, 6], 0.0, 2, 3),
    "without intercepts": LogisticRegressionModel([1, 2, 3, 4], 0.0, 2, 3),
    "svm": SVMModel([0.5, 5e-324], 0.1).set_threshold(-INF),
    "svm cleared": SVMModel([0.5], -0.0).clear_threshold(),
    "linear": LinearRegressionModel([1 / 3, NAN], 0.1),
    "lasso": LassoModel([], -INF),
    "ridge": RidgeRegressionModel(np.random.default_rng(5).normal(size=1000), 1e300),
}

each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.fixture(params=["model.npz", "model"])
def target(request, tmp_path):
    """A path for each of the two forms."""
    if request.param == "model":
        pytest.importorskip("pyarrow")
    return tmp_path / request.param


def assert_same(found, model):
    assert type(found) is type(model)
    assert repr(found) == repr(model)
    assert found.weights.tobytes() == model.weights.tobytes()
    assert np.float64(found.intercept).tobytes() == np.float64(model.intercept).tobytes()
    assert found.num_features == model.num_features
    if isinstance(model, ClassificationModel):
        assert (found.num_classes, found.threshold) == (model.num_classes, model.threshold)


# ---- there and back ------------------------------------------------------------------------------


@each_model
def test_a_model_comes_back_with_the_same_bits(target, model):
    model.save(target)
    assert_same(type(model).load(target), model)
    assert_same(model_files.load(str(target)), model)
    assert_same(GeneralizedLinearModel.load(target), model)


def test_a_subclass_of_your_own_comes_back_as_it_is(target):
    class Mine(SVMModel):
        pass

    Mine([1.0], 0.0).save(target)
    assert type(Mine.load(target)) is Mine
    assert type(SVMModel.load(target)) is SVMModel


def test_an_npz_needs_no_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    MODELS["svm"].save(tmp_path / "m.npz")
    assert_same(model_files.load(tmp_path / "m.npz"), MODELS["svm"])


def test_without_pyarrow_the_directory_asks_for_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"npz does without.*pip install 'hogwild\[spark\]'"):
        MODELS["svm"].save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingExtra, match=r"hogwild\[spark\]"):
        model_files.load(BY_SPARK / "svm")


def test_an_npz_replaces_an_older_one(tmp_path):
    MODELS["svm"].save(tmp_path / "m.npz")
    MODELS["linear"].save(tmp_path / "m.npz")
    assert_same(model_files.load(tmp_path / "m.npz"), MODELS["linear"])


# ---- Spark's directory ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHAT_SPARK_SAVED)
def test_what_spark_has_saved_is_read(name):
    pytest.importorskip("pyarrow")
    model = WHAT_SPARK_SAVED[name]
    assert_same(type(model).load(BY_SPARK / name), model)


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.parametrize("name", [name for name in WHAT_SPARK_SAVED if "sparse" not in name])
def test_what_we_save_has_the_files_the_columns_and_the_words_of_spark(tmp_path, name):
    pq = pytest.importorskip("pyarrow.parquet")
    ours, theirs = tmp_path / "model", BY_SPARK / name
    WHAT_SPARK_SAVED[name].save(ours)
    for part in ("metadata/_SUCCESS", "metadata/part-00000", "data/_SUCCESS"):
        assert (ours / part).read_bytes() == (theirs / part).read_bytes()
    assert len(list(ours.rglob("*"))) == 6
    files = [only(folder, "data/part-00000-*-c000.snappy.parquet") for folder in (ours, theirs)]
    found, expected = map(pq.ParquetFile, files)
    # the columns, their types, and where null may stand; the first lines name Python objects
    assert str(found.schema).splitlines()[2:] == str(expected.schema).splitlines()[2:]
    key = b"org.apache.spark.sql.parquet.row.metadata"
    assert found.metadata.metadata[key] == expected.metadata.metadata[key]
    assert found.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert found.read().to_pylist() == expected.read().to_pylist()


def test_the_metadata_are_the_golden_lines(shared_data, tmp_path):
    pytest.importorskip("pyarrow")
    golden = json.loads((shared_data / "mllib_golden" / "errors_and_formats.json").read_text())
    for name, key in (("logistic", "metadata"), ("linear", "linear_metadata")):
        WHAT_SPARK_SAVED[name].save(tmp_path / name)
        text = (tmp_path / name / "metadata" / "part-00000").read_text()
        assert text == golden["formats"][key]


def test_parents_that_are_missing_are_made(tmp_path):
    pytest.importorskip("pyarrow")
    MODELS["svm"].save(tmp_path / "a" / "b" / "model")
    assert_same(model_files.load(tmp_path / "a" / "b" / "model"), MODELS["svm"])


def test_a_model_goes_into_a_directory_that_holds_other_things(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "notes.txt").write_text("kept")
    MODELS["svm"].save(tmp_path)
    assert_same(model_files.load(tmp_path), MODELS["svm"])
    assert sorted(os.listdir(tmp_path)) == ["data", "metadata", "notes.txt"]


@pytest.mark.parametrize("part", ["metadata", "data"])
def test_a_model_is_never_replaced(tmp_path, part):
    pytest.importorskip("pyarrow")
    (tmp_path / "model" / part).mkdir(parents=True)
    with pytest.raises(FileExistsError) as caught:
        MODELS["svm"].save(tmp_path / "model")
    assert caught.value.filename == str(tmp_path / "model" / part)
    assert caught.value.errno == errno.EEXIST
    assert sorted(os.listdir(tmp_path)) == ["model"]
    assert os.listdir(tmp_path / "model") == [part]


def test_a_file_is_not_replaced_by_a_directory(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "model").write_text("mine")
    with pytest.raises(FileExistsError, match="can't replace a file"):
        MODELS["svm"].save(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"


@pytest.mark.parametrize("name", ["hdfs://host/model", "file:///tmp/model.npz"])
def test_an_address_is_refused(name):
    with pytest.raises(ValueError, match="must be one of this machine"):
        MODELS["svm"].save(name)


@pytest.fixture
def failing(monkeypatch):
    """A function that makes the n-th call of a function of ``os`` fail as on a full disk."""

    def make_fail(name, n):
        real, calls = getattr(os, name), []

        def call(*arguments):
            calls.append(arguments)
            if len(calls) == n:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(os, name, call)

    return make_fail


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_file_that_can_not_be_written_leaves_nothing(tmp_path, failing, n):
    pytest.importorskip("pyarrow")
    failing("fsync", n)
    with pytest.raises(OSError, match="No space left"):
        MODELS["svm"].save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing, n", [(False, 1), (True, 1), (True, 2)])
def test_a_move_that_fails_leaves_what_was_there(tmp_path, failing, existing, n):
    pytest.importorskip("pyarrow")
    if existing:
        (tmp_path / "model").mkdir()
    failing("rename", n)
    with pytest.raises(OSError, match="No space left"):
        MODELS["svm"].save(tmp_path / "model")
    assert list(tmp_path.rglob("*")) == ([tmp_path / "model"] if existing else [])


def test_the_metadata_come_last_for_they_say_that_a_model_is_there(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    moved, rename = [], os.rename
    monkeypatch.setattr(os, "rename", lambda old, new: (moved.append(new), rename(old, new)))
    MODELS["svm"].save(tmp_path)
    assert moved == [tmp_path / "data", tmp_path / "metadata"]


@pytest.mark.timeout(60)
def test_of_two_who_save_at_once_one_is_told_and_the_model_is_whole(tmp_path):
    pytest.importorskip("pyarrow")
    start, told = threading.Barrier(8), []

    def save(number):
        start.wait()
        try:
            SVMModel([float(number)] * 100, 0.0).save(tmp_path / "model")
        except FileExistsError as error:
            told.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 7
    assert len(set(model_files.load(tmp_path / "model").weights)) == 1
    assert os.listdir(tmp_path) == ["model"]


# ---- what is no model ----------------------------------------------------------------------------


def test_a_path_where_nothing_is_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        SVMModel.load(tmp_path / "nothing")


def test_another_class_is_refused_and_both_are_named(target):
    MODELS["linear"].save(target)
    with pytest.raises(DataError) as caught:
        LogisticRegressionModel.load(target)
    assert str(target) in str(caught.value)
    assert "LogisticRegressionModel.load reads" in caught.value.reason
    supported = "(org.apache.spark.mllib.classification.LogisticRegressionModel, 1.0)"
    found = "found (org.apache.spark.mllib.regression.LinearRegressionModel, 1.0)"
    assert supported in caught.value.reason
    assert found in caught.value.reason


def test_a_base_class_takes_what_is_below_it(target):
    MODELS["linear"].save(target)
    with pytest.raises(DataError, match=r"ClassificationModel.load reads .*SVMModel, 1.0\)"):
        ClassificationModel.load(target)


LOGISTIC = {
    "class": LogisticRegressionModel.spark_class,
    "version": "1.0",
    "numFeatures": 2,
    "numClasses": 2,
}


def with_metadata(folder, line):
    shutil.copytree(BY_SPARK / "logistic", folder)
    (folder / "metadata" / "part-00000").write_bytes(line)
    return folder


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"version": "2.0"}, r"reads .*, 1.0\); found .*, 2.0\)"),
        ({"version": 1.0}, "found"),
        ({"class": "org.apache.spark.mllib.classification.NaiveBayesModel"}, "found .*NaiveBayes"),
        ({"class": None}, r"found \(None, 1.0\)"),
        ({"class": ["a"]}, "found"),
        ({"numFeatures": 3}, "2 classes with num_features=3 need 3 weights, got 2"),
        ({"numFeatures": "2"}, "num_features must be a whole number, got '2'"),
        ({"numClasses": 3}, "num_classes=3 .*needs 4 weights"),
        ({"class": SVMModel.spark_class, "numClasses": 3}, "numClasses must be 2, found 3"),
        ({"class": SVMModel.spark_class, "numFeatures": 7}, "numFeatures is 7, .* 2 weights"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, changes, what):
    pytest.importorskip("pyarrow")
    line = json.dumps(LOGISTIC | changes).encode()
    folder = with_metadata(tmp_path / "model", line)
    with pytest.raises(DataError, match=what) as caught:
        model_files.load(folder)
    assert caught.value.path == str(folder)


@pytest.mark.parametrize("missing", LOGISTIC)
def test_metadata_that_lack_an_entry_are_refused(tmp_path, missing):
    pytest.importorskip("pyarrow")
    kept = {key: value for key, value in LOGISTIC.items() if key != missing}
    folder = with_metadata(tmp_path / "model", json.dumps(kept).encode())
    with pytest.raises(DataError, match=f"'{missing}' is missing|found .*None"):
        model_files.load(folder)


@pytest.mark.parametrize(
    "line, what",
    [
        (b"", "metadata of the model are empty"),
        (b"garbage\n", "not the metadata of a model"),
        (b"\xff\xfe\n", "not the metadata of a model"),
        (b"[1]\n", "no JSON object"),
        (b"[" * 100_000, "not the metadata of a model"),
        (pickle.dumps(print), "not the metadata of a model"),
    ],
)
def test_metadata_that_are_none_are_refused(tmp_path, line, what):
    folder = with_metadata(tmp_path / "model", line)
    with pytest.raises(DataError, match=what):
        model_files.load(folder)


def test_only_the_first_line_of_the_metadata_counts(tmp_path):
    pytest.importorskip("pyarrow")
    line = (BY_SPARK / "logistic" / "metadata" / "part-00000").read_bytes()
    folder = with_metadata(tmp_path / "model", line + b"garbage\n")
    assert_same(model_files.load(folder), WHAT_SPARK_SAVED["logistic"])


@pytest.mark.parametrize("part", ["metadata", "data"])
def test_a_directory_that_lacks_a_part_is_refused(tmp_path, part):
    shutil.copytree(BY_SPARK / "logistic", tmp_path / "model")
    shutil.rmtree(tmp_path / "model" / part)
    with pytest.raises(DataError, match=f"it has no {part}"):
        model_files.load(tmp_path / "model")


def test_a_directory_without_a_data_file_is_refused(tmp_path):
    shutil.copytree(BY_SPARK / "logistic", tmp_path / "model")
    only(tmp_path, "model/data/*.parquet").unlink()
    with pytest.raises(DataError, match="the model has no data"):
        model_files.load(tmp_path / "model")


def test_every_cut_of_the_data_file_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    shutil.copytree(BY_SPARK / "logistic", tmp_path / "model")
    file = only(tmp_path, "model/data/*.parquet")
    whole = file.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        file.write_bytes(whole[:length])
        with pytest.raises(DataError, match="not the data of a model") as caught:
            model_files.load(tmp_path / "model")
        assert caught.value.path == str(file)


def parquet_model(folder, table):
    pq = pytest.importorskip("pyarrow.parquet")
    shutil.copytree(BY_SPARK / "logistic", folder)
    pq.write_table(table, only(folder, "data/*.parquet"))
    return folder


DENSE = {"type": 1, "size": None, "indices": None, "values": [0.5, 0.25]}
ROW = {"weights": DENSE, "intercept": 0.1, "threshold": 0.7}


@pytest.mark.parametrize(
    "rows, what",
    [
        ([{"weights": DENSE, "intercept": 0.1}], "no column 'threshold'"),
        ([{"intercept": 0.1, "threshold": 0.7}], "no column 'weights'"),
        ([ROW | {"weights": [0.5, 0.25]}], "no vector of weights"),
        ([ROW | {"weights": None}], "no vector of weights"),
        ([ROW | {"intercept": None}], "no vector of weights and an intercept"),
        ([ROW | {"weights": DENSE | {"type": 2}}], "no vector of weights"),
        ([ROW | {"weights": DENSE | {"values": [0.5, None]}}], "object .*not doubles"),
        ([ROW | {"weights": DENSE | {"values": ["a", "b"]}}], "not doubles"),
        ([ROW | {"weights": DENSE | {"values": None}}], "not doubles"),
        ([ROW | {"weights": DENSE | {"type": 0, "size": 2, "indices": [1, 0]}}], "must rise"),
        ([ROW | {"intercept": "a"}], "could not convert"),
    ],
)
def test_data_of_other_columns_or_types_are_refused(tmp_path, rows, what):
    pa = pytest.importorskip("pyarrow")
    folder = parquet_model(tmp_path / "model", pa.Table.from_pylist(rows))
    with pytest.raises(DataError, match=what):
        model_files.load(folder)


def test_data_of_no_row_are_refused(tmp_path):
    pa = pytest.importorskip("pyarrow")
    folder = parquet_model(tmp_path / "model", pa.Table.from_pylist([ROW])[:0])
    with pytest.raises(DataError, match="the model has no data"):
        model_files.load(folder)


def test_the_row_may_be_in_any_file_and_what_follows_it_does_not_count(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.Table.from_pylist([ROW, ROW | {"intercept": 9.0}])
    folder = parquet_model(tmp_path / "model", table)
    pq.write_table(table[:0], folder / "data" / "a.parquet")
    (folder / "data" / "_metadata").write_text("not looked at")
    assert_same(model_files.load(folder), WHAT_SPARK_SAVED["logistic"])


# ---- npz that are none ---------------------------------------------------------------------------


class Bomb:
    """Tells when it is unpickled."""

    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


def test_a_pickle_in_an_npz_is_refused_and_not_opened(tmp_path):
    MODELS["svm"].save(tmp_path / "m.npz")
    bomb = io.BytesIO()
    np.save(bomb, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "m.npz") as source:
        members = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as changed:
        for name, content in members.items():
            changed.writestr(name, bomb.getvalue() if name == "weights.npy" else content)
    with pytest.raises(DataError, match="it holds Python objects"):
        SVMModel.load(tmp_path / "m.npz")
    assert not Bomb.exploded


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK", pickle.dumps(Bomb())])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"not an \.npz file|not a model of this package"):
        model_files.load(tmp_path / "m.npz")
    assert not Bomb.exploded


def test_every_cut_of_an_npz_is_refused(tmp_path):
    file = tmp_path / "m.npz"
    MODELS["svm"].save(file)
    whole = file.read_bytes()
    for length in range(0, len(whole), 131):
        file.write_bytes(whole[:length])
        with pytest.raises(DataError):
            model_files.load(file)


def test_an_npz_whose_weights_were_changed_is_refused(tmp_path):
    MODELS["svm"].save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "m.npz", **(arrays | {"weights": np.array([1.0, 2.0])}))
    with pytest.raises(DataError, match="checksum"):
        model_files.load(tmp_path / "m.npz")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": np.zeros((1, 2))},
        {"weights": np.zeros(2, np.float32)},
        {"intercept": np.zeros(1)},
        {"threshold": np.zeros(2)},
        {"threshold": np.array(0.5)},
        {"more": np.zeros(2, int)},
    ],
)
def test_an_npz_of_other_arrays_is_refused(tmp_path, changes):
    arrays = {"weights": np.zeros(2), "intercept": np.array(0.0), "threshold": np.zeros(1)}
    header = {"model": LOGISTIC}
    model_files.write_npz(tmp_path / "m.npz", "hogwild-mllib", 1, header, arrays | changes)
    with pytest.raises(DataError, match="the arrays are damaged"):
        model_files.load(tmp_path / "m.npz")


def test_a_model_of_another_part_of_the_package_is_told_apart(tmp_path):
    from hogwild.models import LinearModel

    LinearModel(np.array([1.0])).save(tmp_path / "m.npz")
    with pytest.raises(DataError, match=r"LinearModel\.load reads it"):
        SVMModel.load(tmp_path / "m.npz")
    MODELS["svm"].save(tmp_path / "m.npz")
    with pytest.raises(DataError, match=r"mllib\.model_files\.load reads it"):
        LinearModel.load(tmp_path / "m.npz")


# ---- the real Spark ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(300)
@on_one_machine
def test_spark_reads_what_we_save_and_we_read_what_spark_saves(spark, tmp_path):
    import pyspark.mllib.classification
    import pyspark.mllib.regression

    jvm = spark._jvm.org.apache.spark.mllib
    for number, model in enumerate(MODELS.values()):
        part, name = model.spark_class.split(".")[-2:]
        ours, theirs = tmp_path / f"ours_{number}", tmp_path / f"theirs_{number}"
        model.save(ours)
        read = getattr(getattr(jvm, part), name).load(spark._jsc.sc(), str(ours))
        assert read.toString() == str(model)
        assert np.array(list(read.weights().toArray())).tobytes() == model.weights.tobytes()
        assert read.intercept() == model.intercept
        read.save(spark._jsc.sc(), str(theirs))
        assert_same(type(model).load(theirs), model)
        if getattr(model, "threshold", 0.0) is not None:  # pyspark's own loader breaks on None
            python = getattr(getattr(pyspark.mllib, part), name).load(spark, str(ours))
            assert python.intercept == model.intercept
