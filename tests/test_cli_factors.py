"""Factor models on the command line: fitted, stopped, resumed, replayed, used."""

import json
import os
import re
import signal
import sys

import numpy as np
import pytest
from replay_cases import planted
from spark_sessions import on_one_machine
from test_cli import Command, Terminal, one_line

import hogwild.cli.fit_factors
from hogwild.data import read_ratings, write_ratings
from hogwild.engine.trace import Trace
from hogwild.errors import WorkerDied
from hogwild.kernels.losses import FACTOR_LOSSES
from hogwild.models import FactorModel, LinearModel, RowAdaGrad, Yun, fit_factors
from hogwild.models.factor_checkpoint import look_into
from hogwild.models.factor_libmf import read_libmf_model
from hogwild.models.factor_options import FACTOR_SCHEDULES
from hogwild.models.factor_steps import FACTOR_STEPS

pytestmark = pytest.mark.timeout(90)

NEW_COMMANDS = ["fit factors", "recommend", "similar", "trace replay", "predict", "evaluate"]
FAST = ["--kernel", "numpy", "--factors", "4", "--workers", "2", "--start-method", "fork",
        "--coordination", "shared"]  # fmt: skip
SERIAL = ["--kernel", "numpy", "--factors", "4", "--schedule", "serial"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with ratings of rank 2, to fit to and to test on, which is the current one."""
    train, test = planted().split(0.2, seed=1)
    write_ratings(train, tmp_path / "r.dat", format="ratings.dat")
    write_ratings(test, tmp_path / "t.dat", format="ratings.dat")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here, run):
    """A model of these ratings, in m.npz and in m.txt."""
    files = "--model", "m.npz", "--libmf-model", "m.txt"
    assert run("fit", "factors", "r.dat", *files, "--seed", "1", *SERIAL)[0] == 0
    return FactorModel.load("m.npz")


def same_bits(one, two):
    return one.P.tobytes() == two.P.tobytes() and one.Q.tobytes() == two.Q.tobytes()


# ---- fit ---------------------------------------------------------------------------------------


def test_a_fit_is_that_of_fit_factors(here, run_json):
    record = run_json(
        "fit", "factors", "r.dat", "--test", "t.dat", "--model", "m.npz", "--seed", "3", *SERIAL
    )
    train, test = read_ratings("r.dat"), read_ratings("t.dat")
    fit = fit_factors(
        train, n_factors=4, schedule="serial", kernel="numpy", seed=3, validation=test
    )
    assert same_bits(fit.model, FactorModel.load("m.npz"))
    last = fit.history[-1]
    assert record["history"][-1]["loss"] == last.loss
    assert record["history"][-1]["validation"] == last.validation
    assert record["watched"] == "test"
    assert record["test"]["rmse"] == pytest.approx(last.validation["rmse"], rel=1e-6)
    assert (record["n_ratings"], record["n_users"], record["n_items"]) == (720, 60, 40)


def test_every_option_of_fit_reaches_the_fit(here, run_json, monkeypatch):
    seen = {}
    real = hogwild.cli.fit_factors.fit_factors

    def spy(ratings, **settings):
        seen.update(settings)
        return real(ratings, **settings)

    monkeypatch.setattr(hogwild.cli.fit_factors, "fit_factors", spy)
    run_json(
        "fit", "factors", "r.dat", "--factors", "3", "--loss", "huber", "--reg", ".1,.2",
        "--reg-l1", ".01", "--biases", "--nonnegative", "--start", "paper", "--epochs", "2",
        "--step", ".02", "--step-rule", "yun", "--beta", ".1", "--patience", "2",
        "--validation", "t.dat", "--objective", "--seed", "7", "--schedule", "dsgd",
        "--workers", "1", "--grid", "3", "--order", "item", "--balance", "ratings",
        "--no-levels", "--strata", "wr", "--coordination", "shared", "--kernel", "python",
        "--dtype", "float64", "--start-method", "fork", "--pool", "stdlib",
        "--checkpoint", "c", "--checkpoint-every", "5", "--trace", "run.jsonl", "--quiet",
    )  # fmt: skip
    del seen["callback"]
    assert len(seen.pop("validation")) == 180
    assert seen.pop("step") == Yun(0.02, 0.1)
    assert seen == {
        "n_factors": 3, "loss": "huber", "reg": (0.1, 0.2), "reg_l1": 0.01, "biases": True,
        "nonnegative": True, "start": "paper", "epochs": 2, "patience": 2, "evaluate": True,
        "seed": 7, "schedule": "dsgd", "n_workers": 1, "grid": 3, "order": "item",
        "balance": "ratings", "by_level": False, "strata": "wr", "coordination": "shared",
        "kernel": "python", "dtype": "float64", "start_method": "fork", "pool": "stdlib",
        "checkpoint": "c", "checkpoint_every": 5.0, "resume": False, "trace": True,
    }  # fmt: skip
    assert os.path.exists("run.jsonl")


@pytest.mark.parametrize(
    "options, rule",
    [
        ([], None),
        (["--step", ".01"], 0.01),
        (["--step-rule", "adagrad"], RowAdaGrad()),
        (["--step-rule", "adagrad", "--step", ".2"], RowAdaGrad(0.2)),
        (["--step-rule", "constant", "--step", ".2"], FACTOR_STEPS["constant"](0.2)),
        (["--step-rule", "bold"], FACTOR_STEPS["bold"]()),
    ],
)
def test_a_step_alone_is_constant_and_a_rule_has_its_own(here, run, monkeypatch, options, rule):
    seen = []
    real = hogwild.cli.fit_factors.fit_factors
    monkeypatch.setattr(
        hogwild.cli.fit_factors,
        "fit_factors",
        lambda ratings, **settings: seen.append(settings["step"]) or real(ratings, **settings),
    )
    assert run("fit", "factors", "r.dat", *options, "--epochs", "1", *SERIAL)[0] == 0
    assert seen == [rule]


def test_the_summary_names_what_matters(here, run):
    code, out, err = run(
        "fit", "factors", "r.dat", "--test", "t.dat", "--validation-share", ".1", "--patience",
        "2", "--epochs", "50", "--objective", "--trace", "t.jsonl", "--model", "m.npz",
        "--seed", "1", *FAST,
    )  # fmt: skip
    assert (code, err) == (0, "")
    names = [line[:15].strip() for line in out.splitlines()]
    assert names == [
        "ratings", "loss", "schedule", "epochs", "step", "seconds", "speed", "seed",
        "running RMSE", "objective", "validation RMSE", "validation MAE", "validation R2",
        "test RMSE", "test MAE", "test R2", "model", "trace",
    ]  # fmt: skip
    assert re.search(r"epochs +\d+ of 50 \(patience\); the model is that of epoch \d+", out)
    assert max(map(len, out.splitlines())) <= 80


def test_a_share_taken_for_validation_is_the_same_for_a_seed(here, run_json):
    options = ["--validation-share", ".25", *SERIAL]
    first = run_json("fit", "factors", "r.dat", *options)
    again = run_json("fit", "factors", "r.dat", *options, "--seed", first["seed"])
    assert (first["n_ratings"], first["validation"]["rows"], first["watched"]) == (
        540, 180, "validation",
    )  # fmt: skip
    assert first["validation"] == again["validation"]


def test_text_ids_and_any_layout_are_read_and_kept(here, run, run_json):
    lines = [f"u{n // 5};9;x{n % 5};3.5\n" for n in range(30)]
    (here / "s.txt").write_text("who;when;what;stars\n" + "".join(lines))
    layout = ["--delimiter", ";", "--columns", "who,what,stars"]
    run_json("fit", "factors", "s.txt", *layout, "--model", "s.npz", *SERIAL)
    assert FactorModel.load("s.npz").user_ids.tolist() == [f"u{u}" for u in range(6)]
    assert run_json("evaluate", "s.npz", "s.txt", *layout)["rows"] == 30
    _, out, _ = run("recommend", "s.npz", "--user", "u3", "-n", "2")
    assert [line.split("\t")[0][0] for line in out.splitlines()] == ["x", "x"]
    (here / "pairs.txt").write_text("u1 x2\nu9 x2\n")
    assert float(run("predict", "s.npz", "pairs.txt")[1].split()[1]) == 3.5


def test_fitting_can_begin_with_a_model(here, run_json, model):
    record = run_json("fit", "factors", "r.dat", "--start-from", "m.npz", "--epochs", "1", *SERIAL)
    afresh = run_json("fit", "factors", "r.dat", "--epochs", "1", *SERIAL)
    assert record["history"][0]["loss"] < 0.5 * afresh["history"][0]["loss"]


# ---- checkpoints -------------------------------------------------------------------------------


def stopped_by_ctrl_c(*argv):
    """Run a fit that would not end, interrupt it after an epoch; return what it said at last."""
    command = Command("fit", "factors", "r.dat", "--epochs", "1000000", "--model", "m.npz",
                      "--checkpoint-every", "0", *argv)  # fmt: skip
    try:
        command.read_until("RMSE")
        os.killpg(command.process.pid, signal.SIGINT)
        assert command.code_within(10) == 130
        assert command.process.stdout.read() == b""
        assert "Traceback" not in command.seen
        return command.seen.rstrip().splitlines()[-1]
    finally:
        command.close()


def check_resumed(said, run_json, options, arguments):
    """Resume for three more epochs; compare with a run of as many that nothing has stopped."""
    found = re.search(
        r"hogwild: interrupted; m\.npz\.checkpoint holds epoch (\d+) of 1000000: "
        r"the same command with --resume goes on from there$",
        said,
    )
    assert found, said
    epochs = int(found[1]) + 3
    assert not os.path.exists("m.npz")
    resumed = run_json(
        "fit", "factors", "r.dat", "--model", "m.npz", "--resume", "--epochs", epochs, *options
    )
    assert resumed["epochs"] == epochs
    assert sorted(os.listdir()) == ["m.npz", "r.dat", "t.dat"]
    whole = fit_factors(read_ratings("r.dat"), epochs=epochs, seed=resumed["seed"], **arguments)
    assert same_bits(whole.model, FactorModel.load("m.npz"))
    assert [row["loss"] for row in resumed["history"]] == [row.loss for row in whole.history]


def test_ctrl_c_leaves_a_checkpoint_from_which_a_serial_run_gets_the_same_bits(here, run_json):
    said = stopped_by_ctrl_c(*SERIAL)
    arguments = {"n_factors": 4, "kernel": "numpy", "schedule": "serial"}
    check_resumed(said, run_json, SERIAL, arguments)


@pytest.mark.parametrize(
    "start_method",
    ["fork", *(pytest.param(name, marks=pytest.mark.slow) for name in ("spawn", "forkserver"))],
)
def test_ctrl_c_leaves_a_checkpoint_from_which_dsgd_gets_the_same_bits(
    here, run_json, start_method
):
    """With the bold driver, whose step depends on all epochs before; without a seed said."""
    options = [*FAST[:6], "--schedule", "dsgd", "--start-method", start_method, "--step-rule",
               "bold"]  # fmt: skip
    said = stopped_by_ctrl_c(*options)
    arguments = {
        "n_factors": 4, "kernel": "numpy", "schedule": "dsgd", "n_workers": 2, "step": "bold",
        "coordination": "shared",
    }  # fmt: skip
    check_resumed(said, run_json, options, arguments)


@pytest.fixture
def stopping(monkeypatch):
    """Lets a fit raise an error after an epoch."""
    real = hogwild.cli.fit_factors.fit_factors

    def stop(epoch, error):
        def fit(ratings, *, callback, **settings):
            def after(record):
                callback(record)
                if record.epoch == epoch:
                    raise error

            if epoch == 0:  # before the first
                raise error
            return real(ratings, callback=after, **settings)

        monkeypatch.setattr(hogwild.cli.fit_factors, "fit_factors", fit)

    return stop


def test_what_an_interrupted_run_has_left_is_said(here, run, stopping):
    fit = ["fit", "factors", "r.dat", *SERIAL]
    stopping(3, KeyboardInterrupt())
    assert run(*fit) == (130, "", "hogwild: interrupted\n")
    assert sorted(os.listdir()) == ["r.dat", "t.dat"]
    goes_on = "the same command with --resume goes on from there\n"
    held = f"hogwild: interrupted; m.npz.checkpoint holds epoch 1 of 20: {goes_on}"
    assert run(*fit, "--model", "m.npz") == (130, "", held)  # 2 and 3 came within two seconds
    stopping(0, KeyboardInterrupt())
    before = "hogwild: interrupted before the first epoch's end\n"
    assert run(*fit, "--model", "m.npz") == (130, "", before)  # the file there is the run before's
    kept = "hogwild: interrupted; c holds epoch 3 of 20: "
    stopping(3, KeyboardInterrupt())
    found = run(*fit, "--checkpoint", "c", "--checkpoint-every", "0")
    assert found == (130, "", kept + goes_on)
    stopping(0, KeyboardInterrupt())
    found = run(*fit, "--checkpoint", "c", "--resume", "--quiet")
    assert found == (130, "", kept + goes_on)


def test_a_run_whose_worker_died_can_go_on_too(here, run, stopping):
    stopping(2, WorkerDied(1, 99, -9))
    code, _, err = run("fit", "factors", "r.dat", "--model", "m.npz", *SERIAL)
    assert code == 5
    note, error = err.splitlines()
    assert note.startswith("hogwild: stopped; m.npz.checkpoint holds epoch 1 of 20: ")
    assert "killed by SIGKILL" in error


def test_a_model_that_can_not_be_written_is_not_lost(here, run, run_json, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "m.npz")

    with monkeypatch.context() as patch:
        patch.setattr(FactorModel, "save", full)
        code, _, err = run("fit", "factors", "r.dat", "--model", "m.npz", *SERIAL)
    assert code == 3
    note, error = err.splitlines()
    assert note.startswith("hogwild: stopped; m.npz.checkpoint holds epoch 20 of 20: ")
    assert error == "hogwild: error: m.npz: No space left on device"
    record = run_json("fit", "factors", "r.dat", "--model", "m.npz", "--resume", *SERIAL)
    assert record["epochs"] == 20
    assert sorted(os.listdir()) == ["m.npz", "r.dat", "t.dat"]


def test_a_checkpoint_that_was_asked_for_stays(here, run, run_json):
    options = ["--checkpoint", "c", "--model", "m.npz", *SERIAL]
    first = run_json("fit", "factors", "r.dat", *options)
    assert look_into("c") == (20, first["seed"])
    longer = run_json("fit", "factors", "r.dat", *options, "--resume", "--epochs", "22")
    assert (longer["seed"], longer["epochs"]) == (first["seed"], 22)


def test_a_run_that_diverges_leaves_nothing(here, run):
    code, out, err = run("fit", "factors", "r.dat", "--model", "m.npz", "--step", ".3", *SERIAL)
    assert (code, out) == (4, "")
    assert "Try a smaller step" in one_line(err)
    assert sorted(os.listdir()) == ["r.dat", "t.dat"]


def test_a_run_resumes_with_its_validation_and_best_epoch(here, run_json, run, stopping):
    options = ["--validation-share", ".2", "--patience", "3", "--epochs", "200", "--step", ".05",
               "--reg", "0", "--checkpoint-every", "0", *SERIAL]  # fmt: skip
    whole = run_json("fit", "factors", "r.dat", *options, "--seed", "5", "--model", "w.npz")
    assert whole["stopped"] == "patience"
    stopping(whole["best_epoch"] + 1, KeyboardInterrupt())
    assert run("fit", "factors", "r.dat", *options, "--seed", "5", "--model", "m.npz")[0] == 130
    stopping(-1, None)
    resumed = run_json("fit", "factors", "r.dat", *options, "--model", "m.npz", "--resume")
    for name in ("epochs", "stopped", "best_epoch", "validation", "seed"):
        assert resumed[name] == whole[name], name
    assert same_bits(FactorModel.load("w.npz"), FactorModel.load("m.npz"))


def test_resuming_asks_for_the_same_run(here, run):
    fit = ["fit", "factors", "r.dat", "--checkpoint", "c", *SERIAL]
    assert run(*fit)[0] == 0
    for options, what in (
        (["--seed", "99"], "its seed is"),
        (["--order", "item"], "its order is 'user', not 'item'"),
    ):
        code, _, err = run(*fit, "--resume", "--quiet", *options)
        assert code == 3
        assert f"c: the checkpoint is of another run: {what}" in one_line(err)
    code, _, err = run("fit", "factors", "t.dat", *fit[3:], "--resume", "--quiet")
    assert (code, one_line(err)) == (
        3,
        "c: the checkpoint is of another run: its ratings are others",
    )
    code, _, err = run(*fit, "--resume", "--quiet", "--epochs", "3")
    assert (code, one_line(err)) == (
        2,
        "the checkpoint has done 20 epochs; --epochs must be 20 or more",
    )
    code, _, err = run("fit", "factors", "r.dat", "--model", "m.npz", "--resume")
    assert code == 3
    assert one_line(err).startswith("m.npz.checkpoint: No such file")


# ---- replay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["fpsgd", "dsgd", "serial"])
def test_a_trace_is_replayed_to_the_same_bits(here, run, run_json, schedule):
    workers = ["--workers", "1" if schedule == "serial" else "2"]
    run("fit", "factors", "r.dat", *FAST, *workers, "--schedule", schedule, "--trace", "t.jsonl")
    code, out, err = run("trace", "replay", "t.jsonl", "r.dat")
    assert (code, err) == (0, "")
    assert out.endswith("replayed in one process: the same bits\n")
    found = run_json("trace", "replay", "t.jsonl", "r.dat")
    assert found["same"] is True
    assert found["digest"] == found["recorded"]


def test_a_replay_reads_and_splits_the_ratings_as_the_run_did(here, run, run_json):
    ratings = read_ratings("r.dat")
    rows = zip(ratings.r, ratings.user_ids[ratings.u], ratings.item_ids[ratings.i], strict=True)
    (here / "odd.txt").write_text("".join(f"{r}|{u}|{i}\n" for r, u, i in rows))
    layout = ["--delimiter", "|", "--columns", "1,2,0", "--dtype", "float64"]
    run_json("fit", "factors", "odd.txt", *layout, "--validation-share", ".3", "--patience", "5",
             "--trace", "t.jsonl", *FAST)  # fmt: skip
    code, out, _ = run("trace", "replay", "t.jsonl", "odd.txt")
    assert (code, out[-14:]) == (0, "the same bits\n")
    code, _, err = run("trace", "replay", "t.jsonl", "r.dat")
    assert code == 3
    assert one_line(err).startswith("r.dat, line 1: ")


def test_a_replay_that_differs_ends_with_3(here, run):
    run("fit", "factors", "r.dat", *SERIAL, "--grid", "2", "--trace", "t.jsonl")
    trace = Trace.read("t.jsonl")
    for place in (-1, -2):
        trace.events[place] = trace.events[place]._replace(
            block=(trace.events[place].block + 1) % 4
        )
    trace.write("t.jsonl")
    code, out, _ = run("trace", "replay", "t.jsonl", "r.dat")
    assert code == 3
    assert out == (
        "80 block updates of 20 epochs by 1 worker, replayed in one process: other bits "
        "from epoch 20 on\n"
    )


def test_what_can_not_be_replayed_is_refused_with_the_reason(here, run):
    run("fit", "factors", "r.dat", *SERIAL, "--trace", "t.jsonl")
    code, _, err = run("trace", "replay", "t.jsonl", "t.dat")
    assert code == 3
    assert "these are not the ratings of the run" in one_line(err)
    Trace({"schedule": "fpsgd", "n_workers": 2, "n_blocks": 9}).write("other.jsonl")
    code, _, err = run("trace", "replay", "other.jsonl", "r.dat")
    assert code == 3
    assert "can be checked but not replayed" in one_line(err)
    trace = Trace.read("t.jsonl")
    trace.header["run"]["reading"] = {"layout": {"path": "/etc/passwd"}}
    trace.write("t.jsonl")
    code, _, err = run("trace", "replay", "t.jsonl", "r.dat")
    assert code == 3
    assert "t.jsonl, line 1: the header does not tell how to read the ratings" in one_line(err)


# ---- predict, evaluate, recommend, similar -----------------------------------------------------


@pytest.mark.parametrize("kept", ["m.npz", "m.txt"])
def test_predictions_are_the_models_in_the_order_of_the_file(run, run_json, model, kept):
    test = read_ratings("t.dat")
    expected = model.predict(test)
    _, out, _ = run("predict", kept, "t.dat")
    np.testing.assert_allclose([float(line) for line in out.split()], expected, rtol=1e-6)
    assert run_json("predict", kept, "t.dat")["predictions"] == [float(z) for z in out.split()]
    found = run_json("evaluate", kept, "t.dat")
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((expected - test.r) ** 2)), rel=1e-6)
    assert (found["rows"], found["unknown"]) == (180, 0)


def test_npz_predictions_read_back_to_the_same_bits(run, model):
    _, out, _ = run("predict", "m.npz", "t.dat", "--output", "p.txt")
    assert out == ""
    with open("p.txt") as file:
        assert [float(line) for line in file] == model.predict(read_ratings("t.dat")).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "3 7\n59 0\n",
        "3\t7\r\n\r\n59\t0",
        "3::7\n59::0\n",
        "userId,movieId\n3,7\n59,0\n",
        "movieId,userId\n7,3\n0,59\n",
        "\ufeff3 7 4.5\n59 0 1\n",
    ],
)
def test_pairs_need_no_rating(here, run, model, text):
    (here / "pairs.txt").write_bytes(text.encode())
    expected = model.predict([3, 59], [7, 0])
    code, out, err = run("predict", "m.npz", "pairs.txt")
    assert (code, err) == (0, "")
    assert [float(line) for line in out.split()] == expected.tolist()


def test_pairs_can_be_named_by_their_columns(here, run, model):
    (here / "more.csv").write_text("when,film,who\n11,7,3\n12,0,59\n")
    _, out, _ = run("predict", "m.npz", "more.csv", "--columns", "who,film")
    assert [float(line) for line in out.split()] == model.predict([3, 59], [7, 0]).tolist()
    (here / "more.csv").write_text("11,7,3\n12,0,59\n")
    _, again, _ = run("predict", "m.npz", "more.csv", "--columns", "2,1")
    assert again == out


def test_a_delimiter_and_a_header_that_are_said_are_not_looked_for(here, run, run_json, model):
    (here / "bars.txt").write_text("x|y\n3|7\n")
    options = ["--delimiter", "|", "--header"]
    found = run_json("predict", "m.npz", "bars.txt", *options, "--output", "p.txt")
    assert (found["rows"], found["output"]) == (1, "p.txt")
    with open("p.txt") as file:
        assert float(file.read()) == model.predict(3, 7)
    code, _, err = run("predict", "m.npz", "bars.txt", "--delimiter", "|")
    assert code == 3
    assert one_line(err).startswith("bars.txt, line 1: expected a whole number")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("\0 7\n", "pairs.txt, line 1: a NUL byte"),
        ("3 7\n\0 7\n", "pairs.txt, line 2: a NUL byte"),
        ("3 7\n3\n", "pairs.txt, line 2: expected 2 fields, as in the first line, got 1"),
        ("3 7\n3 x\n", "pairs.txt, line 2: expected a whole number, as the model's ids are"),
        ("user item\n", "pairs.txt: the file has no pairs"),
        ("", "pairs.txt: the file has no ratings"),
    ],
)
def test_pairs_that_are_none_are_refused_with_file_and_line(here, run, model, text, sentence):
    (here / "pairs.txt").write_text(text)
    code, _, err = run("predict", "m.npz", "pairs.txt")
    assert code == 3
    assert one_line(err).startswith(sentence)


def test_unknown_ids_are_the_mean_or_an_error(here, run, run_json, model):
    (here / "new.txt").write_text("3 7 4\n99 7 4\n")
    _, out, _ = run("predict", "m.npz", "new.txt")
    assert float(out.split()[1]) == pytest.approx(model.mean)
    assert run_json("evaluate", "m.npz", "new.txt")["unknown"] == 1
    assert "2   1 of them by the mean" in run("evaluate", "m.npz", "new.txt")[1]
    for command in ("predict", "evaluate"):
        code, _, err = run(command, "m.npz", "new.txt", "--unknown", "error")
        assert (code, one_line(err)) == (2, "user 99 at position 1 is unknown")


def test_recommendations_are_the_models(here, run, run_json, model):
    items, scores = model.recommend(3, 4)
    found = run_json("recommend", "m.npz", "--user", "3", "-n", "4")
    assert [pair["item"] for pair in found["items"]] == items.tolist()
    assert [pair["prediction"] for pair in found["items"]] == scores.tolist()
    _, out, _ = run("recommend", "m.npz", "--user", "3", "-n", "4")
    assert [int(line.split("\t")[0]) for line in out.splitlines()] == items.tolist()
    ratings = read_ratings("r.dat")
    own = ratings.item_ids[ratings.i[ratings.u == ratings.encode_users(3)[0]]]
    rest = run_json("recommend", "m.npz", "--user", "3", "-n", "50", "--exclude", "r.dat")["items"]
    assert {pair["item"] for pair in rest} == set(range(40)) - set(own.tolist())


def test_similar_items_are_the_models(run_json, model):
    items, cosines = model.similar(5, 3)
    found = run_json("similar", "m.npz", "--item", "5", "-n", "3")["items"]
    assert [(pair["item"], pair["cosine"]) for pair in found] == list(
        zip(items.tolist(), cosines.tolist(), strict=True)
    )


def test_who_is_not_there_is_named(here, run, model):
    for command, sentence in (
        (["recommend", "m.npz", "--user", "99"], "user 99 is unknown"),
        (["similar", "m.npz", "--item", "x"], "the model's item ids are whole numbers, got 'x'"),
    ):
        code, _, err = run(*command)
        assert code == 2
        assert one_line(err).startswith(sentence)


def test_a_linear_model_and_a_factor_model_are_told_apart(here, run, model):
    LinearModel(np.array([1.0, 1.0])).save("linear.npz")
    (here / "rows.txt").write_text("1 1:1\n")
    assert run("predict", "linear.npz", "rows.txt")[:2] == (0, "1\n")
    for command, sentence in (
        (["recommend", "linear.npz", "--user", "1"], "recommend needs a factor model"),
        (["predict", "linear.npz", "rows.txt", "--unknown", "mean"], "--unknown is for factor"),
        (["predict", "m.npz", "t.dat", "--proba"], "--proba is for linear models"),
        (["evaluate", "m.npz", "t.dat", "--zero-based"], "--zero-based is for linear models"),
    ):
        code, _, err = run(*command)
        assert code == 2
        assert one_line(err).startswith(sentence)
    code, _, err = run("predict", "r.dat", "t.dat")
    assert (code, one_line(err)) == (
        3, "r.dat: not a model, neither of this package nor LIBMF's text or libFFM's file",
    )  # fmt: skip


def test_signs_are_fitted_and_measured(here, run, run_json):
    ratings = read_ratings("r.dat")
    signs = np.where(ratings.r > 3, 1, -1)
    rows = zip(ratings.user_ids[ratings.u], ratings.item_ids[ratings.i], signs, strict=True)
    (here / "signs.txt").write_text("".join(f"{u} {i} {r}\n" for u, i, r in rows))
    record = run_json("fit", "factors", "signs.txt", "--loss", "logistic", "--model", "s.npz",
                      "--test", "signs.txt", "--biases", *SERIAL)  # fmt: skip
    assert record["test"]["accuracy"] > 0.7
    found = run_json("evaluate", "s.npz", "signs.txt")
    assert {"accuracy", "log_loss", "auc"} <= set(found)
    assert "running loss" in run("fit", "factors", "signs.txt", "--loss", "hinge", *SERIAL)[1]
    code, _, err = run("fit", "factors", "r.dat", "--loss", "logistic", *SERIAL)
    assert code == 3
    assert "must be -1 and +1" in one_line(err)


def test_biases_go_into_libmfs_text_as_two_more_factors(here, run, run_json):
    run(
        "fit", "factors", "r.dat", "--biases", "--model", "b.npz", "--libmf-model", "b.txt", *SERIAL
    )
    assert read_libmf_model("b.txt").n_factors == 6
    one, two = (run_json("evaluate", name, "t.dat")["rmse"] for name in ("b.npz", "b.txt"))
    assert one == pytest.approx(two, rel=1e-6)


# ---- on Spark ----------------------------------------------------------------------------------


@on_one_machine
def test_on_spark_the_command_has_the_model_of_this_machine(here, run, spark):
    command = [
        "fit", "factors", "r.dat", "--schedule", "dsgd", "--grid", "2", "--seed", "1",
        "--kernel", "numpy", "--factors", "4", "--epochs", "2", "--test", "t.dat",
    ]  # fmt: skip
    code, there, _ = run(*command, "--master", spark.master, "--model", "s.npz", "--json")
    assert code == 0
    code, here, _ = run(*command, "--workers", "1", "--model", "m.npz", "--json")
    there, here = json.loads(there), json.loads(here)
    assert (there["master"], here["master"]) == ("local[2]", None)
    assert (there["n_workers"], there["grid"]) == (2, [2, 2])
    assert there["test"] == here["test"]
    assert same_bits(FactorModel.load("s.npz"), FactorModel.load("m.npz"))


# ---- messages, help, progress ------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--grid", "3x"], "argument --grid: must be like 8 or 8x5, got '3x'"),
        (["--grid", "0"], "argument --grid: must be like 8 or 8x5, got '0'"),
        (["--reg", "1,2,3"], "argument --reg: must be a number of 0 or more, or two with a comma"),
        (["--columns", "0,1"], "argument --columns: must be three places or names with commas"),
        (["--validation-share", "1"], "must be a number above 0 and below 1, got '1'"),
        (["--beta", ".1"], "--beta belongs to --step-rule yun"),
        (["--step-rule", "constant"], "--step-rule constant needs a --step"),
        (["--strata", "wr"], "--strata belongs to --schedule dsgd"),
        (["--schedule", "serial", "--workers", "2"], "--schedule serial has one worker"),
        (["--patience", "2", "--test", "t.dat"], "--patience needs --validation or"),
        (["--validation", "t.dat", "--validation-share", ".1"], "exclude one another"),
        (["--resume"], "--resume needs the --checkpoint, or --model, of the run that stopped"),
        (["--model", "-"], "--model needs a file, got '-'"),
        (["--libmf-model", "-"], "--libmf-model needs a file, got '-'"),
        (["--model", "r.dat"], "r.dat is named twice"),
        (["--trace", "x", "--checkpoint", "x"], "x is named twice"),
        (["--test", "-", "--validation", "-"], "standard input can be one of"),
        (["--loss", "kl"], "predictions above 0: --nonnegative"),
        (["--loss", "huber", "--libmf-model", "m.txt"], "LIBMF has no loss Huber"),
        (["--ids", "str", "--libmf-model", "m.txt"], "the ids are text, such as '0'"),
        (["--schedule", "hogwild", "--grid", "3"], "draws from the whole matrix"),
        (["--master", "local"], "--master runs DSGD: it needs --schedule dsgd, got fpsgd"),
        (
            ["--master", "local", "--schedule", "dsgd", "--workers", "2"],
            "--workers is for processes",
        ),
        (["--master", "local", "--schedule", "dsgd", "--trace", "t"], "--trace is for processes"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(here, run, options, sentence):
    code, out, err = run("fit", "factors", "r.dat", *options)
    assert (code, out) == (2, "")
    assert sentence in one_line(err)
    assert sorted(os.listdir()) == ["r.dat", "t.dat"]


def test_a_resumed_run_has_no_trace_and_a_given_start_no_checkpoint(here, run, model):
    assert run("fit", "factors", "r.dat", "--checkpoint", "c", *SERIAL)[0] == 0
    resume = ["fit", "factors", "r.dat", "--checkpoint", "c", "--resume", *SERIAL]
    code, _, err = run(*resume, "--trace", "t.jsonl")
    assert (code, one_line(err)[:37]) == (2, "--trace can't begin in the middle of ")
    code, _, err = run(*resume, "--start-from", "m.npz")
    assert (code, one_line(err)[:33]) == (2, "a checkpoint does not hold the fa")


def test_bad_ratings_end_with_3_and_the_file_and_line(here, run):
    (here / "bad.txt").write_text("1 1 5\n1 2 x\n")
    code, _, err = run("fit", "factors", "bad.txt", *SERIAL)
    assert code == 3
    assert one_line(err).startswith("bad.txt, line 2: ")
    (here / "text.txt").write_text("a 1 5\n")
    code, _, err = run("fit", "factors", "r.dat", "--test", "text.txt", *SERIAL)
    assert code == 3
    assert one_line(err).startswith("text.txt, line 1: ")
    (here / "one.txt").write_text("1 1 5\n")
    code, _, err = run("fit", "factors", "one.txt", "--validation-share", ".1", *SERIAL)
    assert (code, one_line(err)) == (3, "one.txt: 1 ratings are too few to take 0.1 of them away")


@pytest.mark.parametrize("command", NEW_COMMANDS)
def test_help_fits_80_columns_and_gives_an_example(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "example" in out
    assert f"  hogwild {command}" in out


def test_help_names_every_choice(run):
    _, out, _ = run("fit", "factors", "--help")
    words = out.replace(",", " ").replace(":", " ").replace(";", " ").replace(")", " ").split()
    assert {*FACTOR_LOSSES, *FACTOR_STEPS, *FACTOR_SCHEDULES, "libmf2", "numba", "wor"} <= {*words}


def test_a_bar_shows_errors_speed_and_time_left_and_is_wiped(here):
    pytest.importorskip("tqdm")
    # the bar is drawn ten times a second: epochs that are slow enough to be seen
    command = Command("fit", "factors", "r.dat", "--test", "t.dat", "--epochs", "60", "--schedule",
                      "serial", "--kernel", "python")  # fmt: skip
    try:
        assert command.code_within(60) == 0
        assert re.search(r"epoch \d+/60 \|.*\| 00:0\d<\d\d:\d\d, RMSE \d\.\d+, test \d\.\d+, .*/s",
                         command.seen)  # fmt: skip
        assert command.seen.endswith("\r\x1b[K")
        lines = re.split(r"[\r\n]", command.seen)
        assert max(map(len, lines)) < 80
    finally:
        command.close()


def test_a_terminal_without_tqdm_gets_a_line_an_epoch(here, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(hogwild.cli.report.sys, "stderr", Terminal(hogwild.cli.report.sys.stderr))
    _, _, err = run("fit", "factors", "r.dat", "--test", "t.dat", "--epochs", "2", *SERIAL)
    assert re.fullmatch(
        r"(hogwild: epoch [12]/2: RMSE \S+, test \S+, \S+ [kM]/s, \S+ s, \d+ s left\n){2}", err
    )


# ---- words -------------------------------------------------------------------------------------


def test_errors_name_options_and_no_arguments_of_python(here, run, model):
    (here / "names.csv").write_text("a,b,c\n1,2,3\n")
    (here / "mixed.csv").write_text("1,2,3\nx,2,3\n")
    (here / "twice.csv").write_text("1,2,3\n1,2,3\n")
    (here / "from0.txt").write_text("1 0:3\n")
    cases = {
        "fit factors names.csv": "--columns USER,ITEM,RATING, or --no-header",
        "fit factors r.dat --columns a,b,c --no-header": "--no-header says",
        "fit factors mixed.csv": "pass --ids str where",
        "fit factors twice.csv --duplicates error": "--duplicates last",
        "fit factors r.dat --no-levels --kernel numpy": "leave out --no-levels",
        "fit factors r.dat --schedule hogwild --grid 2x3": "got --grid 2x3",
        "fit factors r.dat --loss kl": "--nonnegative",
        "fit factors r.dat --step 1e9 --schedule serial": "Try a smaller step",
        "fit linear from0.txt": "pass --zero-based",
        "recommend m.npz --user 99": "user 99 is unknown",
    }
    for line, said in cases.items():
        code, out, err = run(*line.split())
        assert (code in (2, 3, 4), out) == (True, "")
        assert said in one_line(err)
        assert not re.search(r"\w=|fold_in", err), err


def test_a_grid_too_small_for_the_workers_is_warned_of_in_one_line(here, run):
    code, _, err = run("fit", "factors", "r.dat", "--grid", "2", "--epochs", "1", *FAST)
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("hogwild: warning: a 2 x 2 grid is too small for 2 workers under fpsgd")


def test_a_resumed_fit_says_from_where_it_goes_on(here, run):
    fit = ["fit", "factors", "r.dat", "--checkpoint", "c", *SERIAL]
    run(*fit, "--epochs", "2")
    code, out, err = run(*fit, "--resume", "--epochs", "3")
    assert (code, err) == (0, "hogwild: goes on from epoch 2\n")
    assert re.search(r"^resumed +from epoch 2$", out, re.MULTILINE)
    assert run(*fit, "--resume", "--epochs", "4", "--quiet")[2] == ""


def test_pairs_on_standard_input_are_told_which_option_they_need(here, run, model, monkeypatch):
    read, write = os.pipe()
    os.write(write, b"1 2\n")
    os.close(write)
    with os.fdopen(read) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        code, _, err = run("predict", "m.npz", "-")
    assert code == 3
    assert one_line(err).endswith("for pairs on standard input pass --columns 0,1")
