"""The command line: what it prints, where, with which exit code, and that nothing is left behind.

Most commands are run in this process. What only a process can show (signals, pipes, a terminal) is
shown by one.
"""

import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hogwild
from hogwild.cli.report import plain
from hogwild.data import read_libsvm, write_libsvm
from hogwild.errors import SharedMemoryError, WorkerDied, WorkerFailed
from hogwild.kernels.losses import LOSSES
from hogwild.models import LinearModel
from hogwild.models.steps import STEPS

pytestmark = pytest.mark.timeout(90)

EVERY_COMMAND = [
    "fit linear", "predict", "evaluate", "sparsity", "trace check", "trace plot", "info",
    "reproduce",
]  # fmt: skip
ROOT = str(Path(hogwild.__file__).parent.parent)
FAST = ["--kernel", "numpy", "--workers", "2", "--start-method", "fork", "--seed", "0"]


@pytest.fixture
def files(tmp_path):
    """Files of two features: the label follows from the first one's sign."""

    def text(name, low, high):
        rows = [f"{high} 1:1 2:{i}\n{low} 1:-1 2:{i}\n" for i in range(1, 21)]
        path = tmp_path / name
        path.write_text("".join(rows))
        return path

    return {
        "signs": text("signs.txt", "-1", "+1"),
        "ones": text("ones.txt", "1", "2"),
        "bits": text("bits.txt", "0", "1"),
        "model": tmp_path / "m.npz",
        "folder": tmp_path,
    }


@pytest.fixture
def a8a(shared_data, tmp_path):
    """The first four fifths of a8a and the rest, as files; and as they are."""
    train, test = read_libsvm(shared_data / "libsvm" / "a8a").split_at(0.8)
    write_libsvm(train, tmp_path / "train.txt")
    write_libsvm(test, tmp_path / "test.txt")
    return tmp_path / "train.txt", tmp_path / "test.txt", train, test


# ---- fit, predict, evaluate --------------------------------------------------------------------


def test_a8a_reaches_the_accuracy_and_objective_of_scikit_learn(a8a, run_json, tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    train_path, test_path, train, test = a8a
    fit = run_json(
        "fit", "linear", train_path, "--loss", "logistic", "--penalty", "l2", "--reg", "1e-4",
        "--test", test_path, "--workers", "2", "--model", tmp_path / "m.npz", "--seed", "0",
    )  # fmt: skip
    theirs = linear_model.LogisticRegression(C=1 / (1e-4 * len(train)), tol=1e-8, max_iter=1000)
    theirs.fit(train.to_scipy(), train.y)
    accuracy = theirs.score(test.to_scipy()[:, : train.n_features], test.y)
    assert abs(fit["test"]["accuracy"] - accuracy) < 0.005
    margin = train.y * theirs.decision_function(train.to_scipy())
    best = np.logaddexp(0, -margin).mean() + 0.5e-4 * (theirs.coef_**2).sum()
    assert best <= fit["objective"] + 1e-6 <= 1.01 * best
    assert fit["labels"] == [-1, 1]
    evaluated = run_json("evaluate", tmp_path / "m.npz", test_path)
    assert evaluated["accuracy"] == fit["test"]["accuracy"]
    assert evaluated["log_loss"] == fit["test"]["log_loss"]
    assert [row["epoch"] for row in fit["history"]] == list(range(1, 11))


def test_labels_0_and_1_come_back_as_they_were(shared_data, run, run_json, tmp_path):
    data, model = shared_data / "mllib" / "sample_libsvm_data.txt", tmp_path / "m.npz"
    fit = run_json("fit", "linear", data, "--loss", "logistic", "--model", model, *FAST)
    assert fit["labels"] == [0, 1]
    code, out, _ = run("predict", model, data)
    assert code == 0
    assert set(out.split()) == {"0", "1"}
    right = np.mean(np.array(out.split(), float) == read_libsvm(data).y)
    assert run_json("evaluate", model, data)["accuracy"] == right > 0.95


def test_labels_1_and_2_are_mapped_in_the_test_file_too(files, run_json, run):
    fit = run_json(
        "fit", "linear", files["ones"], "--loss", "hinge", "--test", files["ones"],
        "--model", files["model"], "--epochs", "20", *FAST,
    )  # fmt: skip
    assert fit["test"]["accuracy"] == 1.0
    assert LinearModel.load(files["model"]).labels == (1.0, 2.0)
    assert run("predict", files["model"], files["ones"])[1] == "2\n1\n" * 20


def test_a_regression_prints_its_metrics_and_numbers(shared_data, run, run_json, tmp_path):
    data, model = shared_data / "mllib" / "sample_linear_regression_data.txt", tmp_path / "m.npz"
    code, out, err = run("fit", "linear", data, "--test", data, "--model", model, *FAST)
    assert (code, err) == (0, "")
    assert {"test RMSE", "test MAE", "test R2"} <= {line[:9].strip() for line in out.splitlines()}
    examples = read_libsvm(data)
    predictions = LinearModel.load(model).predict(examples)
    _, out, _ = run("predict", model, data)
    assert [float(line) for line in out.splitlines()] == predictions.tolist()
    rmse = np.sqrt(np.mean((predictions - examples.y) ** 2))
    assert run_json("evaluate", model, data)["rmse"] == pytest.approx(rmse)


def test_probabilities_are_those_of_the_higher_label(files, run, run_json):
    run("fit", "linear", files["bits"], "--loss", "logistic", "--model", files["model"], *FAST)
    expected = LinearModel.load(files["model"]).predict_proba(read_libsvm(files["bits"]))[:, 1]
    _, out, _ = run("predict", files["model"], files["bits"], "--proba")
    assert [float(line) for line in out.splitlines()] == expected.tolist()
    printed = run_json("predict", files["model"], files["bits"], "--proba")
    assert printed["probabilities"] == expected.tolist()


def test_predictions_go_whole_to_a_file(files, run, run_json):
    run("fit", "linear", files["bits"], "--loss", "logistic", "--model", files["model"], *FAST)
    printed = run("predict", files["model"], files["bits"])[1]
    path = files["folder"] / "p.txt"
    assert run("predict", files["model"], files["bits"], "--output", path) == (0, "", "")
    assert path.read_text() == printed
    assert run_json("predict", files["model"], files["bits"], "--output", path)["rows"] == 40
    assert not [name for name in os.listdir(files["folder"]) if name.startswith(".")]


def test_entries_without_a_weight_are_ignored_and_counted(files, run, run_json):
    wide = files["folder"] / "wide.txt"
    wide.write_text("1 1:1 3:5 9:2\n0 1:-1 9:1\n0 1:-1\n")
    code, out, err = run(
        "fit", "linear", files["bits"], "--loss", "logistic", "--test", wide,
        "--model", files["model"], "--json", *FAST,
    )  # fmt: skip
    assert code == 0
    assert err == (
        f"hogwild: warning: {wide}: ignored 3 of 6 entries, in features beyond the model's 2\n"
    )
    assert json.loads(out)["test"]["entries_ignored"] == 3
    assert json.loads(out)["test"]["accuracy"] == 1.0
    assert "ignored 3 of 6" in run("evaluate", files["model"], wide)[2]
    code, out, err = run("predict", files["model"], wide)
    assert out.count("\n") == 3
    assert "ignored 3 of 6" in err
    narrow = files["folder"] / "narrow.txt"
    narrow.write_text("1 1:1\n")
    assert run("predict", files["model"], narrow) == (0, "1\n", "")


def test_a_metric_that_is_not_defined_is_null(files, run, run_json):
    run("fit", "linear", files["bits"], "--loss", "logistic", "--model", files["model"], *FAST)
    single = files["folder"] / "single.txt"
    single.write_text("1 1:1\n1 1:2\n")
    assert run_json("evaluate", files["model"], single)["auc"] is None
    assert "AUC       not defined\n" in run("evaluate", files["model"], single)[1]


def test_every_option_of_fit_reaches_the_fit(files, run_json, monkeypatch):
    seen = {}
    real = hogwild.cli.fit.fit_linear

    def spy(examples, **settings):
        seen.update(settings)
        return real(examples, **settings)

    monkeypatch.setattr(hogwild.cli.fit, "fit_linear", spy)
    trace = files["folder"] / "run.jsonl"
    run_json(
        "fit", "linear", files["bits"], "--loss", "squared_hinge", "--penalty", "elasticnet",
        "--reg", ".01", "--l1-ratio", ".5", "--no-intercept", "--epochs", "3", "--tol", "0",
        "--step", ".001", "--step-rule", "inverse", "--decay", ".5", "--power", "1",
        "--batch-size", "4", "--threshold", ".001", "--seed", "7", "--workers", "1",
        "--schedule", "round_robin", "--kernel", "numpy", "--write", "plain",
        "--start-method", "fork", "--lost-updates", "--trace", trace, "--n-features", "5",
        "--quiet",
    )  # fmt: skip
    del seen["callback"], seen["validation"]
    assert seen.pop("step") == STEPS["inverse"](0.001, 0.5, 1.0)
    assert seen == {
        "loss": "squared_hinge", "penalty": "elasticnet", "reg": 0.01, "l1_ratio": 0.5,
        "intercept": False, "epochs": 3, "tol": 0.0, "batch_size": 4, "update_threshold": 0.001,
        "seed": 7, "n_workers": 1, "schedule": "round_robin", "kernel": "numpy", "write": "plain",
        "start_method": "fork", "lost_updates": True, "trace": True,
    }  # fmt: skip
    assert trace.exists()


def test_backoff_takes_beta_and_columns_may_count_from_0(files, run_json):
    data = files["folder"] / "zero.txt"
    data.write_text("1 0:1 3:1\n2 0:2\n")
    fit = run_json(
        "fit", "linear", data, "--zero-based", "--epochs", "2",
        "--step", ".1", "--step-rule", "backoff", "--beta", ".5", *FAST,
    )  # fmt: skip
    assert fit["n_features"] == 4
    assert [row["step"] for row in fit["history"]] == [0.1, 0.05]


def test_the_same_seed_gives_the_same_model_with_one_worker(files, run_json):
    serial = ["fit", "linear", files["signs"], "--schedule", "serial", "--kernel", "numpy"]
    first = run_json(*serial)
    assert first["n_workers"] == 1
    again = run_json(*serial, "--seed", first["seed"])
    assert again["objective"] == first["objective"]


def test_the_summary_names_what_matters(files, run):
    code, out, err = run(
        "fit", "linear", files["signs"], "--loss", "logistic", "--test", files["signs"],
        "--lost-updates", "--trace", files["folder"] / "t.jsonl", *FAST,
    )  # fmt: skip
    assert (code, err) == (0, "")
    names = [line[:15].strip() for line in out.splitlines()]
    assert names == [
        "loss", "objective", "epochs", "step", "seconds", "seed", "test accuracy", "test log loss",
        "test AUC", "lost updates", "model", "trace",
    ]  # fmt: skip


# ---- sparsity, trace, info, reproduce ----------------------------------------------------------


def test_sparsity_by_hand(tmp_path, run, run_json):
    """Rows {1, 2}, {2, 3}, {3, 4}, {5}: the two in the middle of the chain meet three of four."""
    data = tmp_path / "chain.txt"
    data.write_text("0 1:1 2:1\n0 2:1 3:1\n0 3:1 4:1\n0 5:1\n")
    found = run_json("sparsity", data)
    assert (found["omega"], found["delta"], found["rho"]) == (2, 0.5, 0.75)
    assert (found["busiest_feature"], found["busiest_row"]) == (2, 2)
    assert "Delta     0.5        feature 2 is in the most rows" in run("sparsity", data)[1]


def test_a_trace_is_checked(files, run, run_json):
    trace = files["folder"] / "run.jsonl"
    run("fit", "linear", files["signs"], "--trace", trace, "--epochs", "2", *FAST)
    code, out, err = run("trace", "check", trace)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"OK: hogwild: .*\n", out)
    assert run_json("trace", "check", trace)["ok"] is True
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text("".join(lines[:1] + lines[2:]))
    code, out, err = run("trace", "check", trace)
    assert (code, err) == (3, "")
    # which line it is depends on what the other worker did meanwhile
    assert re.match(rf"{re.escape(str(trace))}, line \d+: worker \d releases ", out)
    code, out, err = run("trace", "check", trace, "--json")
    assert code == 3
    assert json.loads(out)["problem"] in run("trace", "check", trace)[1]


def test_info_tells_versions_and_extras(run, run_json):
    facts = run_json("info")
    assert facts["numpy"] == np.__version__
    assert set(facts["extras"]) == {"fast", "plot", "progress", "sklearn", "spark"}
    assert f"hogwild     {hogwild.__version__}\n" in run("info")[1]


def test_info_tells_how_to_get_an_extra_that_is_missing(run, monkeypatch):
    monkeypatch.setattr(hogwild.cli.check.importlib.util, "find_spec", lambda name: None)
    assert "[plot]      no: pip install 'hogwild[plot]'\n" in run("info")[1]


@pytest.fixture
def fake_reproduce(monkeypatch):
    reproduce = pytest.importorskip("hogwild.reproduce")
    calls = []

    def fake(targets, output, say, *, progress, plans=None):
        calls.append((targets, output, plans and plans["blog"].seeds))
        progress("half of it")
        say("a line")
        output.mkdir()
        (output / "report.json").write_text('{"found": [1.5]}')
        return output / "index.html"

    monkeypatch.setattr(reproduce, "run", fake)
    return calls


def test_reproduce_passes_on_what_it_is_told(fake_reproduce, run, run_json, tmp_path):
    out = tmp_path / "out"
    assert run("reproduce", "blog", "--output", out, "--seeds", "3,4") == (
        0,
        "a line\n",
        "half of it\n",
    )
    assert fake_reproduce == [(["blog"], out, (3, 4))]
    page = tmp_path / "two" / "index.html"
    assert run_json("reproduce", "--output", page.parent) == {"page": str(page), "found": [1.5]}
    page = tmp_path / "three" / "index.html"
    assert run("reproduce", "--quiet", "--output", page.parent) == (0, f"{page}\n", "")


# ---- exit codes and messages -------------------------------------------------------------------


def one_line(err):
    assert err.startswith("hogwild: error: "), err
    assert err.count("\n") == 1, err
    return err.removeprefix("hogwild: error: ").rstrip("\n")


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--epochs", "0"], "argument --epochs: must be a whole number, 1 or more, got '0'"),
        (["--workers", "two"], "argument --workers: must be a whole number, 1 or more, got 'two'"),
        (["--step", "nan"], "argument --step: must be a number above 0, got 'nan'"),
        (["--step", "-1"], "argument --step: must be a number above 0, got '-1'"),
        (["--beta", "2"], "argument --beta: must be a number above 0 and at most 1, got '2'"),
        (["--loss", "l3"], "argument --loss: invalid choice: 'l3'"),
        (["--epo", "3"], "unrecognized arguments: --epo 3"),
        (["--reg", "1"], "--reg needs a --penalty"),
        (["--penalty", "l2", "--l1-ratio", "1"], "--l1-ratio belongs to --penalty elasticnet"),
        (["--step-rule", "adagrad"], "--step-rule adagrad needs a --step to begin with"),
        (["--step", "1", "--beta", ".5"], "--beta belongs to --step-rule backoff"),
        (["--schedule", "serial", "--workers", "2"], "--schedule serial has one worker"),
        (["--write", "atomic", "--kernel", "numpy"], "--write atomic needs"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(files, run, options, sentence):
    code, out, err = run("fit", "linear", files["signs"], *options)
    assert (code, out) == (2, "")
    assert sentence in one_line(err)


@pytest.mark.parametrize("option", ["--model", "--trace"])
def test_a_fit_does_not_write_its_files_to_standard_output(run, files, monkeypatch, option):
    monkeypatch.chdir(files["folder"])
    code, out, err = run("fit", "linear", files["signs"], option, "-", *FAST)
    assert (code, out) == (2, "")
    assert err == (
        f"hogwild: error: {option} needs a file: standard output is for the summary, got '-'\n"
    )
    assert not Path("-").exists()


def test_standard_input_is_read_once(run):
    code, _, err = run("fit", "linear", "-", "--test", "-")
    assert (code, one_line(err)) == (2, "standard input can be TRAIN or --test, not both")


def test_a_result_never_replaces_an_input(files, run):
    before = files["signs"].read_bytes()
    code, _, err = run("fit", "linear", files["signs"], "--model", files["signs"])
    assert code == 2
    assert "is named twice" in one_line(err)
    code, _, err = run(
        "fit", "linear", files["signs"], "--model", files["model"], "--trace", files["model"]
    )
    assert code == 2
    assert files["signs"].read_bytes() == before


def test_probabilities_of_another_loss_are_wrong_usage(files, run):
    run("fit", "linear", files["bits"], "--loss", "hinge", "--model", files["model"], *FAST)
    code, _, err = run("predict", files["model"], files["bits"], "--proba")
    assert code == 2
    assert "logistic loss only" in one_line(err)


def test_a_missing_extra_is_one_sentence(files, run, monkeypatch):
    monkeypatch.setattr("hogwild.models.linear_options.have_numba", lambda: False)
    code, _, err = run("fit", "linear", files["signs"], "--kernel", "numba")
    assert code == 2
    assert one_line(err).endswith("needs the extra 'fast': pip install 'hogwild[fast]'")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "the file has no rows"),
        ("1 1:1\n1 1:2\n", "takes two labels; found only one label: 1"),
        ("1 1:1\n2 1:2\n3 1:1\n", "takes two labels; found 3 different labels: 1, 2, 3"),
        ("1 1:1\n0 1:x\n", "line 2: the value of index 1 must be a decimal number, got 'x'"),
        ("1 1:1\n0 0:1\n", "line 2: "),
        ("1 2147483647:1\n0 1:1\n", "line 1: "),
    ],
)
def test_bad_data_ends_with_3_and_the_file_and_line(tmp_path, run, text, sentence):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    code, out, err = run("fit", "linear", path, "--loss", "logistic", *FAST)
    assert (code, out) == (3, "")
    assert one_line(err).startswith(str(path))
    assert sentence in err


def test_a_test_label_that_training_never_showed_is_bad_data(files, run):
    code, _, err = run(
        "fit", "linear", files["bits"], "--loss", "logistic", "--test", files["ones"]
    )
    assert code == 3
    assert one_line(err) == (
        f"{files['ones']}: row 1 (counted from 1) has the label 2; the model knows 0 and 1"
    )


def test_files_that_are_missing_or_not_what_they_should_be_end_with_3(files, run, tmp_path):
    for command in (
        ["fit", "linear", tmp_path / "none"],
        ["evaluate", tmp_path / "none", files["signs"]],
        ["predict", files["signs"], files["signs"]],
        ["sparsity", tmp_path],
        ["trace", "check", files["signs"]],
        ["fit", "linear", files["signs"], "--model", tmp_path / "no" / "m.npz"],
        ["fit", "linear", files["signs"], "--model", tmp_path],
    ):
        code, out, err = run(*command)
        assert (code, out) == (3, ""), command
        assert str(tmp_path) in one_line(err)


def test_divergence_ends_with_4_and_writes_no_model(files, run):
    code, out, err = run(
        "fit", "linear", files["signs"], "--step", "1e200", "--model", files["model"], *FAST
    )
    assert (code, out) == (4, "")
    assert "Try a smaller step" in one_line(err)
    assert not files["model"].exists()


@pytest.mark.parametrize(
    "error, code, sentence",
    [
        (WorkerDied(1, 99, -9), 5, "worker 1 (pid 99) was killed by SIGKILL"),
        (WorkerFailed(0, 99, "Traceback\nKeyError: 3"), 5, "worker 0 (pid 99) raised KeyError: 3"),
        (SharedMemoryError(2_000_000, 1_000_000, "/dev/shm"), 1, "2.0 MB of shared memory"),
        (MemoryError("3 GiB"), 1, "not enough memory: 3 GiB"),
        (KeyError("w"), 1, "KeyError: 'w'; this is a fault of hogwild, --debug shows where"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
)
def test_whatever_is_raised_becomes_one_line(files, run, monkeypatch, error, code, sentence):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(hogwild.cli.fit, "fit_linear", fail)
    found, out, err = run("fit", "linear", files["signs"])
    assert (found, out) == (code, "")
    assert one_line(err).startswith(sentence)
    found, _, err = run("fit", "linear", files["signs"], "--debug")
    assert found == code
    assert "Traceback (most recent call last)" in err


def test_a_warning_is_one_line(files, run, recwarn):
    data = files["folder"] / "qid.txt"
    data.write_text("1 qid:1 1:1\n")
    assert run("sparsity", data)[2] == (
        f"hogwild: warning: {data}: query numbers (qid:) are not read\n"
    )


# ---- help --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "fit", "trace", *EVERY_COMMAND])
def test_help_fits_80_columns_and_gives_an_example(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "example" in out
    assert f"  hogwild {command}" in out


def test_help_names_every_choice(run):
    _, out, _ = run("fit", "linear", "--help")
    words = out.replace(",", " ").replace(":", " ").replace(";", " ").split()
    assert {*LOSSES, *STEPS, "elasticnet", "round_robin", "numba", "atomic", "forkserver"} <= {
        *words
    }


@pytest.mark.parametrize("command", ["", "fit", "trace"])
def test_without_a_command_the_help_goes_to_stderr(command, run):
    code, out, err = run(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith("usage: hogwild")


def test_version(run):
    assert run("--version") == (0, f"hogwild {hogwild.__version__}\n", "")


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, -1.0, 1e22, 123456789.0, 5e-324])
def test_printed_numbers_read_back_to_the_same_bits(value):
    assert float(plain(value)) == value


# ---- as a process ------------------------------------------------------------------------------


class Command:
    """``python -m hogwild ...`` in a session of its own, with a terminal as its stderr."""

    def __init__(self, *argv, **options):
        self.terminal, end = pty.openpty()
        # a shell's background jobs ignore Ctrl-C, and so would what they start
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hogwild", *map(str, argv)],
            stdout=subprocess.PIPE, stderr=end, stdin=subprocess.DEVNULL, start_new_session=True,
            env=environment(), **options,
        )  # fmt: skip
        signal.signal(signal.SIGINT, before)
        # it and its workers end by themselves if this process is killed before it can end them
        resource.prlimit(self.process.pid, resource.RLIMIT_CPU, (60, 60))
        os.close(end)
        self.seen = ""

    def read_until(self, text, seconds=60):
        """Read the terminal until it shows `text`, or, for None, until it is closed."""
        deadline = time.monotonic() + seconds
        while text is None or text not in self.seen:
            ready, _, _ = select.select(
                [self.terminal], [], [], max(0.0, deadline - time.monotonic())
            )
            assert ready, self.seen
            try:
                self.seen += os.read(self.terminal, 4096).decode(errors="replace")
            except OSError:  # EIO: nobody holds the other end any more
                assert text is None, self.seen
                return

    def family(self):
        """Processes of its session that run, as {pid: (parent, command line)}."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                line = (folder / "cmdline").read_bytes().decode()
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
            parent, session = int(fields[1]), int(fields[3])
            # one that ends gives its memory, and with it its command line, back before its files
            if session == self.process.pid and line:
                found[int(folder.name)] = parent, line
        return found

    def workers(self):
        """The workers' pids: of the family, who has no child and serves no one else."""
        family = self.family()
        parents = {parent for parent, _ in family.values()}
        return [
            pid for pid, (_, line) in family.items()
            if pid not in parents and "resource_tracker" not in line
        ]  # fmt: skip

    def code_within(self, seconds):
        """Its exit code; by then nobody holds the terminal any more, so nobody is left."""
        self.read_until(None, seconds)
        code = self.process.wait(1)
        assert self.family() == {}
        return code

    def close(self):
        os.close(self.terminal)
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def long_fit(files, start_method):
    """A fit that would go on for a minute of the processor, after its first epoch."""
    command = Command(
        "fit", "linear", files["signs"], "--epochs", "1000000", "--model", files["model"],
        "--kernel", "numpy", "--workers", "2", "--start-method", start_method,
    )  # fmt: skip
    try:
        command.read_until("objective")
        yield command
    finally:
        command.close()


def test_ctrl_c_ends_a_fit_with_130_and_leaves_nothing(long_fit, files):
    assert len(long_fit.workers()) == 2
    os.killpg(long_fit.process.pid, signal.SIGINT)
    assert long_fit.code_within(2) == 130
    assert long_fit.seen.endswith("hogwild: interrupted\r\n")
    assert "Traceback" not in long_fit.seen
    assert long_fit.process.stdout.read() == b""
    assert not files["model"].exists()
    assert not [name for name in os.listdir(files["folder"]) if name.startswith(".")]


def test_a_killed_worker_ends_a_fit_with_5_and_is_named(long_fit):
    victim = long_fit.workers()[0]
    os.kill(victim, signal.SIGKILL)
    assert long_fit.code_within(2) == 5
    assert f"(pid {victim}) was killed by SIGKILL" in long_fit.seen
    last = long_fit.seen.rstrip().splitlines()[-1]
    assert "hogwild: error: worker " in last
    assert "Traceback" not in long_fit.seen


def test_a_bar_is_wiped_from_the_terminal_when_the_fit_ends(files):
    pytest.importorskip("tqdm")
    command = Command("fit", "linear", files["signs"], "--epochs", "3", *FAST)
    try:
        assert command.code_within(60) == 0
        assert "epoch 0/3 |" in command.seen
        assert command.seen.endswith("\r\x1b[K")
        assert command.process.stdout.read().startswith(b"loss")
    finally:
        command.close()


def test_a_terminal_without_tqdm_gets_a_line_an_epoch(files, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(hogwild.cli.report.sys, "stderr", Terminal(hogwild.cli.report.sys.stderr))
    _, _, err = run("fit", "linear", files["signs"], "--epochs", "2", *FAST)
    assert [line.partition(":")[2][:11] for line in err.splitlines()] == [
        " epoch 1/2:",
        " epoch 2/2:",
    ]
    assert run("fit", "linear", files["signs"], "--epochs", "2", "--quiet", *FAST)[2] == ""


class Terminal:
    """A stream that takes itself for a terminal."""

    def __init__(self, stream):
        self.write, self.flush = stream.write, stream.flush

    def isatty(self):
        return True


def environment():
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "HOGWILD": f"{sys.executable} -m hogwild"}


def process(*argv, program=("-m", "hogwild"), **options):
    return subprocess.run(
        [sys.executable, *program, *map(str, argv)],
        stderr=subprocess.PIPE, timeout=60, env=environment(), **options,
    )  # fmt: skip


def shell(command, **options):
    return subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[@]}}"],
        capture_output=True, timeout=60, env=environment(), **options,
    )  # fmt: skip


def test_a_reader_that_leaves_early_is_no_error(files):
    LinearModel(np.array([1.0, 1.0])).save(files["model"])
    reading, writing = os.pipe()
    os.close(reading)
    done = process("predict", files["model"], files["signs"], stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
    done = shell("$HOGWILD predict m.npz signs.txt | head -1", cwd=files["folder"])
    assert done.stdout.split()[0] == b"2"
    assert done.stderr == b""


def test_rows_come_from_a_pipe_and_predictions_go_to_one(files):
    done = shell(
        "$HOGWILD fit linear - --loss logistic --model m.npz --kernel numpy --quiet < bits.txt "
        "> /dev/null && gzip -c bits.txt | $HOGWILD predict m.npz - | sort | uniq -c",
        cwd=files["folder"],
    )  # fmt: skip
    assert done.stdout.split() == [b"20", b"0", b"20", b"1", b"0", b"0", b"0", b"0"]
    assert done.stderr == b""


def test_a_full_disk_is_said_once(files):
    LinearModel(np.array([1.0, 1.0])).save(files["model"])
    done = shell("$HOGWILD predict m.npz signs.txt > /dev/full", cwd=files["folder"])
    assert (done.stdout, done.stderr) == (b"1\n", b"hogwild: error: No space left on device\n")
