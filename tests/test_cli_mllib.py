"""``hogwild fit mllib``: the page's example in one command, every optimizer, models, errors."""

import sys

import numpy as np
import pytest
from mllib_cases import clouds, golden, relative

from hogwild.data import Examples, write_libsvm
from hogwild.mllib import (
    LassoModel,
    LinearRegressionModel,
    LogisticRegressionModel,
    RidgeRegressionModel,
    SVMModel,
    load_libsvm_file,
)

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with rows of two classes, of numbers, and of three classes; the current one."""
    X, y = clouds(60, 4)
    write_libsvm(Examples(X, y), tmp_path / "two.txt")
    write_libsvm(Examples(X, X @ [1.0, 0.0, -2.0, 0.5]), tmp_path / "numbers.txt")
    write_libsvm(Examples(X, np.argmax(X[:, :3], axis=1)), tmp_path / "three.txt")
    write_libsvm(Examples(X, 2 * y - 1), tmp_path / "signs.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_pages_example_is_one_command(here, shared_data, run, run_json):
    data = shared_data / "mllib" / "sample_libsvm_data.txt"
    options = ["--split", "0.6", "--seed", "11", "--intercept", "--reg", "0.1", "--tol", "1e-4",
               "--iterations", "20"]  # fmt: skip
    found = run_json("fit", "mllib", data, *options, "--losses", "losses.txt", "--model", "m.npz")
    expected = golden(shared_data, "seed_example_split.json")
    assert relative(found["losses"], expected["loss"]) < 1e-9
    assert (found["rows"], found["test"]["rows"], found["passes"]) == (61, 39, 34)
    assert found["test"]["auc"] == found["test"]["accuracy"] == 1.0
    assert [float(line) for line in (here / "losses.txt").read_text().split()] == found["losses"]
    model = LogisticRegressionModel.load("m.npz")
    both = np.append(model.weights, model.intercept)
    assert both == pytest.approx(np.array(expected["weights"]), rel=1e-8, abs=1e-12)
    code, out, err = run("fit", "mllib", data, *options)
    assert (code, err) == (0, "")
    assert "iterations     20 of 20: max iterations reached" in out
    assert "losses         21, in 34 passes over the rows" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("data", "options", "kind"),
    [
        ("two.txt", [], LogisticRegressionModel),
        ("two.txt", ["--optimizer", "gd", "--fraction", "0.5", "--tol", "0"],
         LogisticRegressionModel),
        ("two.txt", ["--optimizer", "owlqn"], LogisticRegressionModel),
        ("two.txt", ["--gradient", "hinge", "--optimizer", "gd"], SVMModel),
        ("three.txt", ["--classes", "3", "--intercept"], LogisticRegressionModel),
        ("numbers.txt", ["--gradient", "least-squares"], RidgeRegressionModel),
        ("numbers.txt", ["--gradient", "least-squares", "--updater", "none"],
         LinearRegressionModel),
        ("numbers.txt", ["--gradient", "least-squares", "--optimizer", "owlqn"], LassoModel),
        ("numbers.txt", ["--gradient", "least-squares", "--optimizer", "gd", "--updater", "l1"],
         LassoModel),
    ],
)  # fmt: skip
def test_a_model_is_kept_measured_and_predicts(here, run, run_json, data, options, kind):
    found = run_json("fit", "mllib", data, *options, "--test", data, "--model", "m.npz")
    kind.load("m.npz")
    again = run_json("evaluate", "m.npz", data)
    for name, value in found["test"].items():
        assert again[name] == value
    good = found["test"].get("r2", found["test"].get("accuracy"))
    assert good > 0.6
    rows = load_libsvm_file(data).collect()
    code, out, _ = run("predict", "m.npz", data)
    predictions = [float(line) for line in out.splitlines()]
    assert code == 0
    assert predictions == kind.load("m.npz").predict(rows.X).tolist()


def test_sparks_folder_is_written_and_read(here, run, run_json):
    pytest.importorskip("pyarrow")
    assert run("fit", "mllib", "two.txt", "--model", "kept")[0] == 0
    assert sorted(path.name for path in (here / "kept").iterdir()) == ["data", "metadata"]
    assert run_json("evaluate", "kept", "two.txt")["accuracy"] > 0.6
    code, out, _ = run("predict", "kept", "two.txt", "--proba")
    assert code == 0
    assert all(0.0 < float(line) < 1.0 for line in out.splitlines())


def test_workers_change_no_bit(here, run_json):
    one, two = (
        run_json("fit", "mllib", "two.txt", "--partitions", 2, "--workers", n) for n in (1, 2)
    )
    assert one["losses"] == two["losses"]


def test_the_test_rows_may_have_other_columns(here, run, run_json):
    (here / "wide.txt").write_text("1 1:1 9:1\n0 2:1\n")
    (here / "narrow.txt").write_text("1 1:1\n0 2:1\n")
    code, _, err = run("fit", "mllib", "two.txt", "--test", "wide.txt")
    assert code == 0
    assert err == (
        "hogwild: warning: wide.txt: ignored 1 of 3 entries, in features beyond the model's 4\n"
    )
    assert run_json("fit", "mllib", "two.txt", "--test", "narrow.txt")["test"]["rows"] == 2


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["two.txt", "--step", "1"], 2, "--step belongs to --optimizer gd"),
        (["two.txt", "--optimizer", "gd", "--corrections", "3"], 2, "--optimizer lbfgs or owlqn"),
        (["two.txt", "--optimizer", "owlqn", "--updater", "l2"], 2, "owlqn is for --updater l1"),
        (["two.txt", "--gradient", "hinge", "--classes", "3"], 2, "needs --gradient logistic"),
        (["two.txt", "--split", ".5", "--test", "two.txt"], 2, "not both"),
        (["two.txt", "--workers", "2", "--master", "local[2]"], 2, "not both"),
        (["two.txt", "--split", "1"], 2, "above 0 and below 1"),
        (["two.txt", "--fraction", "0"], 2, "above 0 and at most 1"),
        (["signs.txt"], 3, "has the label -1; logistic takes 0 and 1"),
        (["signs.txt"], 3, "write 0 for -1"),
        (["three.txt"], 3, "--classes 3 has 2"),
        (["numbers.txt"], 3, "--gradient least-squares takes any number"),
        (["two.txt", "--features", "2"], 3, "raise --features"),
        (["two.txt", "--features", "2", "--workers", "2"], 3, "raise --features"),
        (["."], 3, "folder: is a folder; only files"),
        (["two.txt", "--model", "hdfs://h/m"], 2, "one of this machine"),
        (["none.txt"], 3, "none.txt: No such file"),
        (["empty.txt"], 3, "empty"),
        (["bad.txt"], 3, "bad.txt, line 2: "),
        (["two.txt", "--model", "-"], 2, "--model needs a file"),
        (["two.txt", "--losses", "two.txt"], 2, "named twice"),
        (["numbers.txt", "--gradient", "least-squares", "--optimizer", "gd", "--step", "1e9",
          "--updater", "none"], 4, "Try a smaller step"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_a_code(here, run, options, code, reason):
    (here / "empty.txt").write_text("# nothing\n")
    (here / "bad.txt").write_text("1 1:1\n0 x:1\n")
    (here / "folder").mkdir()
    found, out, err = run("fit", "mllib", *options)
    assert (found, out) == (code, "")
    assert reason in err
    assert len(err.splitlines()) == 1
    assert sorted(here.glob("m*")) == []


def test_a_missing_extra_is_said_before_the_fit(here, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("hogwild.mllib.run_lbfgs", pytest.fail)
    code, out, err = run("fit", "mllib", "two.txt", "--model", "folder")
    assert (code, out) == (2, "")
    assert "pip install 'hogwild[spark]'" in err


def test_what_spark_logs_is_said(here, run):
    code, _, err = run("fit", "mllib", "two.txt", "--updater", "l1", "--reg", "0.1")
    assert code == 0
    assert "hogwild: warning: L-BFGS takes the L1 penalty for smooth" in err


def test_a_cluster_gives_the_same_losses(here, run_json, spark):
    found = run_json("fit", "mllib", "two.txt", "--master", spark.master)
    assert found["losses"] == run_json("fit", "mllib", "two.txt")["losses"]
