"""``hogwild trace``: a sentence and an exit code for every history; a picture with a name."""

import json
import shutil
from pathlib import Path

import pytest

from hogwild.cli import main
from hogwild.engine.trace import Trace

HISTORIES = Path(__file__).parent / "histories"


@pytest.fixture
def run(capsys):
    def run_one(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_one


@pytest.fixture
def trace(tmp_path):
    return Path(shutil.copy(HISTORIES / "good_fpsgd_manager.jsonl", tmp_path / "run.jsonl"))


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_history_is_judged_in_one_line(path, run):
    code, out, err = run("trace", "check", path)
    assert (out.count("\n"), err) == (1, "")
    if path.stem.startswith("good"):
        assert (code, out) == (0, f"OK: {Trace.read(path).summary()}\n")
    else:
        assert (code, out) == (3, f"{path}, {Trace.read(path).check()}\n")


def test_a_program_gets_the_same_as_json(run):
    code, out, _ = run("trace", "check", HISTORIES / "good_hogwild_recorded.jsonl", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["problem"]) == (0, True, None)
    assert found["conflicts"] > 0
    assert found["summary"].startswith("hogwild: 12 grants")
    code, out, _ = run("trace", "check", HISTORIES / "bad_dsgd_barrier.jsonl", "--json")
    found = json.loads(out)
    assert (code, found["ok"], "summary" in found) == (3, False, False)
    assert found["problem"].startswith("line 5: the barrier is broken")


def test_the_picture_lies_beside_the_trace_unless_named(trace, run, tmp_path):
    pytest.importorskip("matplotlib")
    assert run("trace", "plot", trace) == (0, f"{tmp_path / 'run.png'}\n", "")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    other = tmp_path / "g.svg"
    assert run("trace", "plot", trace, "--out", other, "--epochs", "2-3") == (0, f"{other}\n", "")
    assert b"<svg" in other.read_bytes()
    _, out, _ = run("trace", "plot", trace, "--output", tmp_path / "h.pdf", "--json")
    assert json.loads(out) == {"trace": str(trace), "picture": str(tmp_path / "h.pdf")}


def test_a_compressed_trace_gives_its_picture_the_same_name(run, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "run.jsonl.gz"
    Trace.read(HISTORIES / "good_dsgd_manager.jsonl").write(path)
    assert run("trace", "plot", path)[1] == f"{tmp_path / 'run.png'}\n"


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--out", "g.jpeg"], "--output must end in one of .png, .svg, .pdf, got 'g.jpeg'"),
        (["--epochs", "0"], "argument --epochs: must be an epoch, or two as in 1-3, got '0'"),
        (["--epochs", "3-1"], "got '3-1'"),
        (["--epochs", "all"], "got 'all'"),
        (["--epochs", "7-9"], "the trace has epochs 1 to 3, none of 7 to 9"),
    ],
)
def test_a_wrong_wish_is_told_in_one_line(trace, run, options, reason):
    pytest.importorskip("matplotlib")
    code, out, err = run("trace", "plot", trace, *options)
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_an_unreadable_trace_ends_with_3_and_leaves_no_picture(run, tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("{}\n")
    for action in ("check", "plot"):
        code, out, err = run("trace", action, path)
        assert (code, out) == (3, "")
        assert f"{path}, line 1: expected the header" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.jsonl"]


def test_a_terminal_gets_the_sentence_in_lines_of_80_columns(trace, run, monkeypatch):
    whole = run("trace", "check", trace)[1]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = run("trace", "check", trace)[1].splitlines()
    assert (" ".join(lines) + "\n", max(map(len, lines)) <= 80) == (whole, True)


def test_help_says_where_the_layout_comes_from_and_the_catalogue_what_the_terms_are(run):
    assert "(default: as the trace says)" in run("trace", "replay", "--help")[1]
    assert "(default: as the first line shows)" in run("fit", "factors", "--help")[1]
    assert "    terms: Apache-2.0\n" in run("data", "list")[1]
