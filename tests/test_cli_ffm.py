"""Field-aware machines on the command line: fitted, kept in both formats, used."""

import json
import sys

import numpy as np
import pytest
from test_cli import Terminal, one_line

import hogwild.cli.fit_ffm
from hogwild.data import FieldRows, generate_fields, read_libffm, write_libffm
from hogwild.engine.trace import Trace
from hogwild.errors import WorkerDied
from hogwild.models import LinearModel
from hogwild.models.field_libffm import read_libffm_model, write_libffm_model
from hogwild.models.field_model import FieldModel
from hogwild.models.fields import fit_ffm

pytestmark = pytest.mark.timeout(90)

SERIAL = ["--schedule", "serial", "--kernel", "numpy"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with rows to fit to and to test on, which is the current one."""
    rows = generate_fields(300, 5, 60, seed=0)
    write_libffm(rows.rows(slice(0, 240)), tmp_path / "r.ffm")
    write_libffm(rows.rows(slice(240, None)), tmp_path / "t.ffm")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here, run):
    """A model of these rows, in m.npz and in m.ffm."""
    files = "--model", "m.npz", "--libffm-model", "m.ffm"
    assert run("fit", "ffm", "r.ffm", *files, "--epochs", "2", "--seed", "1", *SERIAL)[0] == 0
    return FieldModel.load("m.npz")


# ---- fit ---------------------------------------------------------------------------------------


def test_a_fit_is_that_of_fit_ffm(here, run_json):
    options = ["--factors", "3", "--step", ".1", "--reg", "1e-3", "--epochs", "2", "--seed", "7",
               "--bias", "--linear", "--clip", "1", "--no-norm"]  # fmt: skip
    record = run_json("fit", "ffm", "r.ffm", "--test", "t.ffm", "--model", "m.npz", *options,
                      *SERIAL)  # fmt: skip
    train = read_libffm("r.ffm")
    fit = fit_ffm(
        train, n_factors=3, step=0.1, reg=1e-3, epochs=2, seed=7, bias=True, linear=True,
        clip=1.0, normalise=False, schedule="serial", kernel="numpy",
        validation=read_libffm("t.ffm"),
    )  # fmt: skip
    assert FieldModel.load("m.npz").w.tobytes() == fit.model.w.tobytes()
    assert [epoch["train_loss"] for epoch in record["history"]] == [
        epoch.train_loss for epoch in fit.history
    ]
    assert record["history"][-1]["validation_loss"] == record["test"]["log_loss"]
    assert (record["rows"], record["n_fields"], record["n_pairs"]) == (240, 5, 2400)
    assert (record["watched"], record["stopped"], record["seed"]) == ("test", "epochs", 7)


def test_libffm_numbers_give_its_printed_losses(shared_data, tmp_path, run):
    folder = shared_data / "ffm"
    code, out, err = run(
        "fit", "ffm", folder / "bigdata.tr.txt", "--test", folder / "bigdata.te.txt",
        "--random", "libffm", "--epochs", "3", *SERIAL,
    )  # fmt: skip
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["epoch", "train", "loss", "test", "loss", "seconds"]
    assert [line[:3] for line in lines[1:4]] == [
        ["1", "1.12420", "0.88889"],
        ["2", "0.71238", "0.68856"],
        ["3", "0.61740", "0.61925"],
    ]
    assert "libFFM's own numbers" in out
    assert max(map(len, out.splitlines())) <= 80


def test_two_workers_fit_too_and_leave_a_trace(here, run_json):
    record = run_json("fit", "ffm", "r.ffm", "--workers", "2", "--epochs", "2", "--trace", "x",
                      "--kernel", "numpy", "--start-method", "fork")  # fmt: skip
    assert (record["schedule"], record["n_workers"]) == ("hogwild", 2)
    assert len(Trace.read("x").events) > 0


def test_auto_stop_keeps_the_model_before_the_rise(here, run, run_json):
    options = ["--auto-stop", "--epochs", "300", "--step", "2", "--seed", "0", *SERIAL]
    record = run_json(
        "fit", "ffm", "r.ffm", "--validation-share", ".3", "--test", "t.ffm", *options
    )
    assert (record["stopped"], record["watched"]) == ("auto_stop", "validation")
    assert record["best_epoch"] == record["epochs"] - 1
    best = record["history"][record["best_epoch"] - 1]
    assert record["validation"]["log_loss"] == pytest.approx(best["validation_loss"], abs=1e-6)
    out = run("fit", "ffm", "r.ffm", "--test", "t.ffm", *options)[1]
    assert "(auto-stop); the model is that of epoch" in out


def test_a_fit_goes_on_from_a_model(here, model, run_json):
    record = run_json("fit", "ffm", "r.ffm", "--start-from", "m.ffm", "--epochs", "1", "--seed",
                      "0", *SERIAL)  # fmt: skip
    whole = run_json("fit", "ffm", "r.ffm", "--epochs", "1", "--seed", "0", *SERIAL)
    assert record["n_factors"] == 4
    assert record["history"][0]["train_loss"] < whole["history"][0]["train_loss"]


def test_the_squared_loss_predicts_numbers(here, run, run_json):
    record = run_json("fit", "ffm", "r.ffm", "--loss", "squared", "--bias", "--test", "t.ffm",
                      "--model", "m.npz", *SERIAL)  # fmt: skip
    assert set(record["test"]) == {"rows", "rmse", "mae", "r2"}
    expected = FieldModel.load("m.npz").predict(read_libffm("t.ffm"))
    values = run("predict", "m.npz", "t.ffm")[1].split()
    assert list(map(float, values)) == expected.tolist()
    code, _, err = run("predict", "m.npz", "t.ffm", "--proba")
    assert (code, one_line(err)) == (
        2, "--proba is for the logistic loss; this model's is the squared one",
    )  # fmt: skip


# ---- kept models -------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["sse", "plain"])
def test_libffm_files_hold_the_same_model(layout, here, run):
    code, _, err = run("fit", "ffm", "r.ffm", "--model", "m.npz", "--libffm-model", "m.bin",
                       "--layout", layout, "--epochs", "1", *SERIAL)  # fmt: skip
    assert (code, err) == (0, "")
    one, two = FieldModel.load("m.npz"), read_libffm_model("m.bin", layout)
    assert one.w.tobytes() == two.w.tobytes()
    assert one.squares.tobytes() == two.squares.tobytes()
    assert (
        run("predict", "m.bin", "t.ffm", "--layout", layout)[1]
        == run("predict", "m.npz", "t.ffm")[1]
    )


def test_predict_prints_a_probability_a_line(here, model, run, run_json):
    expected = model.predict_proba(read_libffm("t.ffm")).tolist()
    for kept in ("m.npz", "m.ffm"):
        code, out, err = run("predict", kept, "t.ffm")
        assert (code, err) == (0, "")
        assert list(map(float, out.split())) == expected
    assert run_json("predict", "m.npz", "t.ffm")["probabilities"] == expected
    record = run_json("predict", "m.npz", "t.ffm", "--output", "p.txt")
    assert (record["output"], record["rows"]) == ("p.txt", 60)
    assert (here / "p.txt").read_text() == run("predict", "m.npz", "t.ffm")[1]


def test_evaluate_measures_as_the_fit_has_done(here, model, run, run_json):
    found = run_json("evaluate", "m.ffm", "t.ffm")
    assert found["log_loss"] == pytest.approx(model.mean_loss(read_libffm("t.ffm")), abs=1e-12)
    assert (found["rows"], found["entries_ignored"]) == (60, 0)
    out = run("evaluate", "m.npz", "t.ffm")[1]
    assert [line.split("  ")[0] for line in out.splitlines()] == [
        "rows", "accuracy", "log loss", "AUC",
    ]  # fmt: skip


def test_features_beyond_the_model_are_told_of(here, model, run):
    (here / "far.ffm").write_text("1 0:1:1 1:60:1 5:2:1\n")
    code, out, err = run("predict", "m.npz", "far.ffm")
    assert (code, out) == (0, "0.5\n")
    assert err == (
        "hogwild: warning: far.ffm: ignored 2 of 3 entries, beyond the model's 60 features and 5 "
        "fields\n"
    )


def test_a_machine_of_one_field_knows_every_field(here, run):
    assert run("fit", "ffm", "r.ffm", "--one-field", "--model", "m.npz", *SERIAL)[0] == 0
    code, _, err = run("evaluate", "m.npz", "t.ffm")
    assert (code, err) == (0, "")


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--auto-stop"], "--auto-stop needs --validation, --validation-share or --test"),
        (["--layout", "sse"], "--layout belongs to --libffm-model"),
        (["--random", "libffm", "--seed", "1"], "--random libffm has no seed: leave out --seed"),
        (["--bias", "--libffm-model", "x"], "libFFM's models have no place for --bias"),
        (["--loss", "squared", "--libffm-model", "x"], "libFFM's models are for --loss logistic"),
        (["--schedule", "serial", "--workers", "2"], "--schedule serial has one worker"),
        (["--validation", "t.ffm", "--validation-share", ".1"], "exclude one another"),
        (["--model", "-"], "--model needs a file, got '-'"),
        (["--model", "r.ffm"], "r.ffm is named twice"),
        (["--start-from", "linear.npz"], "--start-from needs a field-aware machine; linear.npz"),
        (["--start-from", "m.npz", "--factors", "3"], "4 factors"),
        (["--loss", "hinge"], "invalid choice: 'hinge'"),
    ],
)
def test_wrong_usage_is_refused_in_one_line(options, sentence, here, model, run):
    LinearModel(np.ones(3)).save("linear.npz")
    code, out, err = run("fit", "ffm", "r.ffm", *options)
    assert (code, out) == (2, "")
    assert sentence in one_line(err)


@pytest.mark.parametrize(
    "text, options, sentence",
    [
        ("1 1:2\n", [], "bad.ffm, line 1: expected 'field:feature:value', got '1:2'; this looks"),
        ("\n", [], "bad.ffm: the file has no rows"),
        ("1 0:1:1 1:2:1\n", ["--n-features", "2"],
         "bad.ffm, line 1: feature 2 is too large: 1 is the largest that --n-features 2 allows"),
        ("1 0:2147483646:1 1:2:1\n", [], "ask for 137 GB of weights; if no number is damaged"),
        ("1 0:1:1\n", ["--validation-share", ".5"], "leaves 1 rows to fit to and 0 to watch"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_one_line(text, options, sentence, here, run):
    (here / "bad.ffm").write_text(text)
    code, out, err = run("fit", "ffm", "bad.ffm", *options)
    assert (code, out) == (3, "")
    assert sentence in one_line(err)


def test_other_commands_tell_a_field_model_from_theirs(here, model, run):
    code, _, err = run("recommend", "m.npz", "--user", "1")
    assert (code, one_line(err)) == (
        2, "recommend needs a factor model; m.npz holds a field-aware machine",
    )  # fmt: skip
    code, _, err = run("predict", "m.npz", "t.ffm", "--zero-based")
    assert (code, "--zero-based is for linear models" in err) == (2, True)
    code, _, err = run("evaluate", "m.npz", "t.ffm", "--layout", "sse")
    assert (code, "--layout is for libFFM's binary files" in err) == (2, True)


def test_a_damaged_libffm_file_is_refused(here, model, run):
    (here / "cut.ffm").write_bytes((here / "m.ffm").read_bytes()[:-4])
    code, _, err = run("predict", "cut.ffm", "t.ffm")
    assert (code, "is it whole, and a model of libFFM?" in one_line(err)) == (3, True)


def test_a_file_that_would_do_in_both_layouts_wants_to_be_told(here, run):
    ones = np.ones((2, 2, 4), np.float32)
    write_libffm_model(FieldModel(ones), "both.ffm")
    write_libffm(FieldRows([0, 2], [0, 1], [0, 1], [1, 1], [1]), "one.ffm")
    code, _, err = run("predict", "both.ffm", "one.ffm")
    assert code == 3
    assert "pass --layout sse or --layout plain" in one_line(err)
    assert run("predict", "both.ffm", "one.ffm", "--layout", "plain")[0] == 0


# ---- what is shown -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fit ffm", "predict", "evaluate"])
def test_help_fits_80_columns_and_gives_an_example(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "example" in out
    assert f"  hogwild {command}" in out


def test_the_summary_fits_80_columns(here, run):
    code, out, err = run("fit", "ffm", "r.ffm", "--test", "t.ffm", "--validation-share", ".2",
                         "--bias", "--linear", "--one-field", "--auto-stop", "--model", "m.npz",
                         *SERIAL)  # fmt: skip
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "validation loss" in out.splitlines()[0]


def test_a_dead_worker_has_its_exit_code(here, run, monkeypatch):
    def die(*_, **__):
        raise WorkerDied(1, 99, -9)

    monkeypatch.setattr(hogwild.cli.fit_ffm, "fit_ffm", die)
    code, _, err = run("fit", "ffm", "r.ffm")
    assert (code, "worker 1 (pid 99) was killed" in one_line(err)) == (5, True)


def test_an_epoch_a_line_is_noted_on_a_terminal_without_tqdm(here, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    code, _, err = run("fit", "ffm", "r.ffm", "--test", "t.ffm", "--epochs", "2", *SERIAL)
    assert code == 0
    assert err.count("hogwild: epoch") == 2
    assert "rows/s" in err


def test_json_stands_alone_on_stdout(here, run):
    code, out, _ = run("fit", "ffm", "r.ffm", "--epochs", "1", "--json", *SERIAL)
    assert (code, out.count("\n")) == (0, 1)
    assert json.loads(out)["history"][0]["validation_loss"] is None
