"""MLlib's results: Spark's figures stand beside ours, and what is claimed of methods is seen."""

import json
import logging
import math
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from report_page import Page, read

import hogwild.reproduce as reproduce
from hogwild.cli import main
from hogwild.errors import DataError
from hogwild.mllib import (
    LocalPartitions,
    LogisticGradient,
    SquaredL2Updater,
    append_bias,
    run_lbfgs,
)
from hogwild.reproduce import (
    fpsgd_data,
    mllib_data,
    mllib_example,
    mllib_passes,
    mllib_published,
    mllib_race,
    mllib_runs,
    mllib_unsaid,
    report,
)
from hogwild.reproduce.mllib_data import FILE
from hogwild.reproduce.mllib_plan import GAPS, Plan
from hogwild.reproduce.mllib_race import Problem
from hogwild.reproduce.mllib_runs import Run
from hogwild.reproduce.parts import Column, Table, plain_table, power, shown
from hogwild.reproduce.stopwatch import Stopwatch

TINY = Plan(shape=(200, 8), steps=(1.0, 10.0), passes=40, optimum=300)
STEPS = (1.0, 10.0, 50.0)
TITLES = (
    "The rows", "loss by loss", "Java program", "Every gradient", "Gradient descent and L-BFGS",
    "An L1 penalty", "does not say",
)  # fmt: skip


@pytest.fixture(scope="module")
def on_made_rows(tmp_path_factory):
    """A tiny report on made rows: its folder, and what was said meanwhile."""
    said = []
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mllib_data, "installed", lambda: None)
        reproduce.run(["mllib"], folder, said.append, plans={"mllib": TINY})
    return folder, said


@pytest.fixture(scope="module")
def on_sparks_rows(tmp_path_factory, shared_data):
    """The report on Spark's own file, with fewer step sizes: its folder, and what was said."""
    said = []
    folder = tmp_path_factory.mktemp("sparks")
    plan = Plan(data=shared_data, steps=STEPS)
    reproduce.run(["mllib"], folder, said.append, plans={"mllib": plan})
    return folder, said


@pytest.fixture
def found(on_sparks_rows):
    """What the JSON of the report on Spark's file holds of the target."""
    return read(on_sparks_rows[0])[1]["outcomes"]["mllib"]


@pytest.fixture
def made(on_made_rows):
    """The same of the report on made rows."""
    return read(on_made_rows[0])[1]["outcomes"]["mllib"]


def table_of(found, caption):
    tables = [table for section in found["sections"] for table in section["tables"]]
    return next(table for table in tables if table["caption"].startswith(caption))


def golden(folder, name):
    return json.loads((folder / "mllib_golden" / name).read_text())


# ---- Spark's figures ---------------------------------------------------------------------------


def test_what_is_published_is_to_the_bit_what_spark_computed(shared_data):
    example = golden(shared_data, "seed_example_split.json")
    java = golden(shared_data, "lbfgs_logistic_l2_full100.json")
    for ours, theirs in ((mllib_published.SCALA, example), (mllib_published.JAVA, java)):
        w = np.array(theirs["weights"])
        assert list(ours.losses) == theirs["loss"]
        assert ours.norm == pytest.approx(np.linalg.norm(w), rel=1e-15)
        assert (ours.intercept, ours.nonzeros) == (w[-1], np.count_nonzero(w))
    scores = np.array(example["test_scores_and_labels"])
    assert len(scores) == mllib_published.TEST_ROWS
    assert sum(map(len, example["train_row_indices"])) == mllib_published.TRAINING_ROWS
    assert scores[scores[:, 1] == 1, 0].min() == mllib_published.LOWEST_OF_ONES
    assert scores[scores[:, 1] == 0, 0].max() == mllib_published.HIGHEST_OF_ZEROS
    assert example["areaUnderROC"] == mllib_published.AREA


def test_the_other_published_figures_are_sparks_too(shared_data):
    descent = golden(shared_data, "gd_matrix_full100_scaled255_step0.01_tol0.json")
    assert descent["params"]["stepSize"] == mllib_published.DESCENT_STEP
    theirs = {
        (run["gradient"].replace("_", " "), run["updater"]): run["loss"][-1]
        for run in descent["runs"] if run["regParam"] == mllib_published.REG
    }  # fmt: skip
    assert theirs == mllib_published.DESCENT
    scaled = {
        (run["regParam"], run["convergenceTol"]): (len(run["loss"]), run["loss"][-1])
        for run in golden(shared_data, "lbfgs_full100_scaled255.json")["runs"]
    }
    for reg, tolerance, *rest in mllib_published.SCALED:
        assert scaled[reg, tolerance] == tuple(rest)
    for parts, counts in mllib_published.BATCHES.items():
        for seed, count in zip((43, 44), counts, strict=True):
            case = next(
                case for case in golden(shared_data, "rdd_sampling_indices.json")["cases"]
                if case["partition_sizes"] == [100 // parts] * parts and case["seed"] == seed
                and case.get("fraction") == mllib_published.FRACTION
            )  # fmt: skip
            assert case["count"] == count
    margin = next(
        case for case in golden(shared_data, "gradient_unit.json")["cases"]
        if case["gradient"] == "logistic2" and case["label"] == 0.0
        and np.dot(case["x"], case["weights"]) == mllib_published.MARGIN
    )  # fmt: skip
    assert margin["loss"] == mllib_published.LOSS_AT_MARGIN


def test_the_example_comes_out_as_in_spark(found):
    scala, java = found["data"]["example"]["scala"], found["data"]["example"]["java"]
    assert (scala["fitted"], scala["test"], scala["area"]) == (61, 39, 1.0)
    assert (len(scala["losses"]), scala["passes"]) == (21, 34)
    assert (len(java["losses"]), java["passes"], java["fitted"]) == (22, 38, 100)
    assert scala["losses"] == pytest.approx(mllib_published.SCALA.losses, rel=1e-9)
    assert java["losses"] == pytest.approx(mllib_published.JAVA.losses, rel=1e-9)
    assert java["losses"][4] == java["losses"][5]
    assert (found["data"]["example"]["drawn"], java["test"]) == (62, 38)
    assert scala["norm"] == pytest.approx(mllib_published.SCALA.norm, rel=1e-8)
    assert scala["lowest_of_ones"] == pytest.approx(mllib_published.LOWEST_OF_ONES, rel=1e-8)
    assert scala["highest_of_zeros"] == pytest.approx(mllib_published.HIGHEST_OF_ZEROS, rel=1e-8)


def test_each_loss_stands_beside_sparks_with_their_difference(found):
    for name, theirs in (("Scala", mllib_published.SCALA), ("Java", mllib_published.JAVA)):
        table = table_of(found, f"Losses of the {name}")
        assert [column["name"] for column in table["columns"]][1:] == [
            "loss here", "Spark 3.5.9", "difference",
        ]  # fmt: skip
        for k, (number, mine, other, difference) in enumerate(table["rows"]):
            assert (number, other) == (k + 1, theirs.losses[k])
            assert difference == abs(mine - other) / other < 1e-9
        rest = {row[0]: row[1:] for row in table_of(found, f"What else the {name}")["rows"]}
        assert rest["losses"] == [len(theirs.losses)] * 2
        assert rest["passes over the data"] == [theirs.passes] * 2
    text = " ".join(found["sections"][2]["sentences"])
    assert "Losses 5 and 6 are equal" in text


def test_every_pair_and_setting_comes_out_as_in_spark(found):
    descent = table_of(found, "Gradient descent, 20 steps")["rows"]
    assert [tuple(row[:2]) for row in descent] == list(mllib_published.DESCENT)
    assert all(row[2] == 21 and row[-1] < 1e-12 for row in descent)
    for row in table_of(found, "L-BFGS, logistic")["rows"]:
        assert row[2] == row[3]
        assert row[-1] < 1e-9


# ---- the rows ----------------------------------------------------------------------------------


def test_made_rows_are_told_from_sparks_and_nothing_is_compared(made):
    assert made["data"]["rows"] == {
        "name": "made rows", "rows": 100, "features": 692, "partitions": [50, 50],
        "measured": False,
    }  # fmt: skip
    assert "told but not compared" in made["sections"][0]["sentences"][0]
    table = table_of(made, "Losses of the Scala")
    assert [column["name"] for column in table["columns"]][2:] == ["Spark 3.5.9, its file"]
    assert not any("Largest relative difference" in str(each) for each in made["sections"])
    assert {row[-1] for row in table_of(made, "Gradient descent, 20 steps")["rows"]} == {None}


def test_made_digits_are_the_same_each_time_and_can_be_told_apart(made):
    one, two = mllib_data.made_digits(), mllib_data.made_digits()
    assert (one.X != two.X).nnz == 0
    assert one.y.tolist() == two.y.tolist()
    assert (one.X.data == np.round(one.X.data)).all()
    assert 0 < one.X.data.min() <= one.X.data.max() == 255.0
    scala = made["data"]["example"]["scala"]
    assert (scala["fitted"], scala["test"], scala["area"]) == (61, 39, 1.0)


@pytest.mark.parametrize("where", [".", "mllib", "data/mllib"])
def test_the_file_is_found_where_spark_has_it(shared_data, tmp_path, where):
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    shutil.copy(shared_data / "mllib" / FILE, tmp_path / where)
    source = mllib_data.load(Plan(data=tmp_path))
    assert source.measured
    assert "the folder given" in source.how
    assert (source.rows.sizes(), source.rows.n_features) == ([50, 50], 692)
    assert source.scaled().collect().X.max() == 1.0
    assert mllib_data.plan_with(tmp_path) == Plan(data=tmp_path)


def test_other_bytes_are_not_compared(shared_data, tmp_path):
    text = (shared_data / "mllib" / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(b"# a comment\n" + text)
    source = mllib_data.load(Plan(data=tmp_path))
    assert not source.measured
    assert "not with the bytes" in source.how
    assert source.rows.count() == 100


def test_a_file_with_other_labels_is_refused(tmp_path):
    (tmp_path / FILE).write_text("1 1:2\n-1 2:3\n")
    with pytest.raises(DataError, match="labels must be 0 and 1") as caught:
        mllib_data.load(Plan(data=tmp_path))
    assert caught.value.path == str(tmp_path / FILE)


def test_a_folder_without_the_file_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(DataError, match="data/mllib") as caught:
        mllib_data.load(Plan(data=tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_pyspark_is_asked_for_its_file_and_never_imported(tmp_path, monkeypatch):
    package = tmp_path / "pyspark"
    (package / "data" / "mllib").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert mllib_data.installed() is None
    (package / "data" / "mllib" / FILE).write_text("1 1:7\n0 2:3\n")
    assert mllib_data.installed() == package / "data" / "mllib" / FILE
    source = mllib_data.load(Plan())
    assert "pyspark" in source.how
    assert "pyspark" not in sys.modules
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert mllib_data.installed() is None


# ---- a folder for several targets --------------------------------------------------------------


def fill(folder):
    (folder / FILE).write_text("1 1:7\n0 2:3\n")
    return folder


def test_a_folder_gives_plans_to_the_targets_that_find_their_data_in_it(tmp_path, monkeypatch):
    plans = reproduce.plans_with(fill(tmp_path), None)
    assert list(plans) == ["mllib"]
    assert plans["mllib"].data == tmp_path
    monkeypatch.setattr(fpsgd_data, "find_movielens", lambda folder: ("ml-1m", folder))
    assert list(reproduce.plans_with(tmp_path, None)) == ["fpsgd", "mllib"]
    assert list(reproduce.plans_with(tmp_path, ["blog", "fpsgd"])) == ["fpsgd"]


def test_a_folder_for_nobody_names_all_that_was_looked_for(tmp_path):
    with pytest.raises(DataError) as caught:
        reproduce.plans_with(tmp_path, [])
    assert "MovieLens" in str(caught.value)
    assert FILE in str(caught.value)
    with pytest.raises(ValueError, match="for fpsgd and mllib"):
        reproduce.plans_with(fill(tmp_path), ["blog"])


def test_the_command_hands_the_folder_on_and_finds_a_wrong_one_first(tmp_path, monkeypatch, capsys):
    calls = []

    def fake(targets, output, say, *, progress, plans):
        calls.append((targets, plans))
        (tmp_path / "report.json").write_text("{}")
        return tmp_path / "index.html"

    monkeypatch.setattr(reproduce, "run", fake)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["reproduce", "mllib", "--data", str(empty)]) == 3
    assert FILE in capsys.readouterr().err
    assert main(["reproduce", "mllib", "--data", str(fill(tmp_path)), "--quiet"]) == 0
    assert calls == [(["mllib"], {"mllib": Plan(data=tmp_path)})]


def test_the_report_names_the_command_and_not_the_folder(on_sparks_rows, shared_data):
    page, found = read(on_sparks_rows[0])
    assert found["commands"] == ["hogwild reproduce mllib --data DIR"]
    assert found["outcomes"]["mllib"]["data"]["plan"]["data"] is None
    assert str(shared_data) not in page + json.dumps(found)


# ---- the methods beside one another ------------------------------------------------------------


def problems_of(found, penalty):
    return [each for each in found["data"]["passes"] if each["penalty"] == penalty]


def run_of(losses, **changes):
    settings = {"method": "L-BFGS", "step": None, "reg": 0.1, "stopped": "", "failures": 0}
    given = settings | {"zeros": 0, "n_features": 3} | changes
    return Run(losses=losses, passes=list(range(1, len(losses) + 1)), **given)


def test_passes_are_those_that_the_optimizer_counts():
    rows = mllib_data.made_digits()
    data = append_bias((rows.X, rows.y))
    run = mllib_runs.lbfgs(data, "l2", 0.1, 20, 1e-4)
    with mllib_runs.unlogged():
        direct = run_lbfgs(
            data, LogisticGradient(), SquaredL2Updater(), 10, 1e-4, 20, 0.1, np.zeros(693)
        )
    assert run.passes[-1] == direct.n_evaluations
    assert run.losses == direct.losses.tolist()
    assert run.failures == len(direct.losses) - 1 - direct.n_iterations
    assert run.passes == sorted(run.passes)
    assert run.passes[0] == 1


def test_gradient_descent_makes_a_pass_for_each_loss():
    data = LocalPartitions(([[1.0, 0.0], [2.0, 0.0]], [0.0, 1.0]))
    run = mllib_runs.descent(data, "l2", 0.1, 1.0, 7)
    assert run.passes == [1, 2, 3, 4, 5, 6, 7]
    assert (run.failures, run.step, run.n_features) == (None, 1.0, 1)


def test_passes_to_a_value_are_those_of_the_first_loss_at_or_below_it():
    run = run_of([1.0, 0.5, 0.7, 0.2])
    assert [run.passes_to(value) for value in (2.0, 0.5, 0.3, 0.1)] == [1, 2, 4, None]
    problem = Problem("x", "l2", 0.1, 0.2 - 5e-5, "", [run], [])
    assert problem.marks(run) == [4, 4, None, None]
    assert GAPS == (1e-2, 1e-4, 1e-6, 1e-8)


def test_the_best_step_is_the_fastest_to_the_smallest_gap_or_else_ends_lowest():
    problem = Problem("x", "l2", 0.1, 0.0, "", [], [])
    fast, slow = run_of([9.0, 1e-9]), run_of([0.1, 0.01, 1e-9])
    low, high = run_of([0.5, 0.001]), run_of([0.001, 0.4])
    assert min([slow, low, fast], key=lambda run: mllib_race._slowness(problem, run)) is fast
    assert min([high, low], key=lambda run: mllib_race._slowness(problem, run)) is low


def test_lbfgs_fails_on_l1_and_owlqn_finds_zeros(found, made):
    for target in (found, made):
        for problem in problems_of(target, "l1"):
            runs = {run["method"]: run for run in problem["runs"]}
            lbfgs, owlqn = runs["L-BFGS"], runs["OWL-QN"]
            assert lbfgs["zeros"] in (0, None)
            assert lbfgs["losses"][-1] > problem["least"] + 1e-6
            assert owlqn["zeros"] > 0
            assert owlqn["losses"][-1] < lbfgs["losses"][-1]
    for problem in problems_of(found, "l1"):
        runs = {run["method"]: run for run in problem["runs"]}
        assert runs["L-BFGS"]["stopped"] == "line search failed"
        assert runs["L-BFGS"]["failures"] >= 2
        assert runs["OWL-QN"]["losses"][-1] < problem["least"] + 1e-8
        assert problem["ended"] == "gradient converged"


def test_lbfgs_is_faster_than_descent_with_l2_and_never_fails_on_scaled_rows(found):
    for problem in problems_of(found, "l2"):
        least = problem["least"]
        passes = [
            next((n for n, loss in zip(run["passes"], run["losses"], strict=True)
                  if loss <= least + 1e-8), math.inf)
            for run in problem["runs"]
        ]  # fmt: skip
        assert problem["runs"][-1]["method"] == "L-BFGS"
        assert passes[-1] < min(passes[:-1])
        assert problem["runs"][-1]["failures"] == 0
        assert problem["ended"] == "gradient converged"
        assert [step for step, _ in problem["tried"]] == list(STEPS)
        tried = [(marks[-1] or math.inf) for _, marks in problem["tried"]]
        assert passes[:-1] == list(dict.fromkeys([tried[0], min(tried)]))  # the default, the best


def test_tables_hold_what_the_runs_came_to(found):
    for problem in problems_of(found, "l1"):
        caption = (
            f"Passes until the objective is within so much of the least: {problem['name']}, L1"
        )
        table = table_of(found, caption)
        names = [column["name"] for column in table["columns"]]
        assert names[3:7] == [power(gap) for gap in GAPS]
        rows = [row for row in table["rows"] if row[0] == problem["reg"]]
        for row, run in zip(rows, problem["runs"], strict=True):
            cells = dict(zip(names, row, strict=True))
            assert cells["method"] == run["method"]
            assert cells["passes"] == run["passes"][-1]
            assert (cells["failed"], cells["zeros"]) == (run["failures"], run["zeros"])
            assert cells["at end"] == run["losses"][-1] - problem["least"]


def test_a_figure_ends_at_its_floor_and_thins_what_is_dense():
    losses = [2.0**-k for k in range(60)]
    problem = Problem("x", "l2", 0.1, 0.0, "", [run_of(losses)], [])
    points = mllib_passes._points(problem, problem.runs[0])
    assert points[0] == (1.0, 1.0)
    assert points[-1] == (35.0, mllib_passes.FLOOR)  # 2^-34 is the first below 1e-10
    assert len(points) < 30
    assert all(y >= mllib_passes.FLOOR for _, y in points)
    flat = run_of([0.5] * 400)
    assert mllib_passes._points(problem, flat)[-1] == (400.0, 0.5)


# ---- what the page doesn't say -----------------------------------------------------------------


def test_facts_are_measured(found):
    facts = {fact["what"]: fact for fact in found["data"]["unsaid"]}

    def here(words):
        return next(fact["here"] for what, fact in facts.items() if words in what)

    assert here("20 steps of descent") == 21
    assert here("not scaled") > 1000
    assert here("20 steps of L-BFGS, 1 failure") == 22
    assert here("passes over the data") == 38
    assert here("tolerance 0.9") == 20
    assert here("size 1e-9") == 2
    assert here("2 partitions") == here("run again") == "13 and 4"
    assert here("4 partitions") == "11 and 7"
    assert here("50 steps on 1 %") == 26
    assert here("mean prediction") == pytest.approx(0.4926, abs=1e-4)
    assert here("margin -30") == mllib_published.LOSS_AT_MARGIN
    assert here("margin -34") == 0.0
    assert here("zeros by L-BFGS") == 0
    for fact in facts.values():
        assert fact["here"] != fact["expected"]
        assert fact["spark"] in (None, fact["here"])


def test_sparks_figures_that_hang_on_its_rows_are_left_out_on_made_ones(made):
    facts = {fact["what"]: fact["spark"] for fact in made["data"]["unsaid"]}
    assert facts["passes over the data for these"] is None
    assert facts["losses of 20 steps of descent"] == 21


# ---- how it looks ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["on_made_rows", "on_sparks_rows"])
def test_the_page_loads_nothing_and_holds_every_number_of_the_json(which, request):
    folder, _ = request.getfixturevalue(which)
    text, numbers = read(folder)
    found, page = numbers["outcomes"]["mllib"], Page(text)
    assert page.loads == page.open == []
    titles = [section["title"] for section in found["sections"]]
    assert len(titles) == len(TITLES)
    assert all(word in title for word, title in zip(TITLES, titles, strict=True))
    tables = [table for section in found["sections"] for table in section["tables"]]
    assert len(page.tables) == len(tables) == 11
    for on_page, table in zip(page.tables, tables, strict=True):
        formats = [column["format"] for column in table["columns"]]
        for cells, row in zip(on_page[1:], table["rows"], strict=True):
            assert cells == [shown(v, form) for v, form in zip(row, formats, strict=True)]
    assert sum(len(section["figures"]) for section in found["sections"]) == 5


@pytest.mark.parametrize("which", ["on_made_rows", "on_sparks_rows"])
def test_what_is_said_fits_a_terminal(which, request):
    folder, said = request.getfixturevalue(which)
    lines = [line for line in said if str(folder) not in line]
    assert max(map(len, lines)) <= 80
    heads = [line for line in lines if line.startswith(("no.", "method", "   "))]
    assert any(line.endswith("Spark 3.5.9") for line in heads)  # nothing is cut off
    assert any(line.endswith("zeros") for line in heads)
    first = next(k for k, line in enumerate(lines) if line.startswith("no."))
    assert lines[first + 1].split()[:2] == ["1", "0.69314718056"]


def test_programs_on_the_page_run_as_they_stand(found, shared_data, monkeypatch, capsys):
    monkeypatch.chdir(shared_data / "mllib")
    programs = [section["code"] for section in found["sections"] if section["code"]]
    assert len(programs) == 2
    with mllib_runs.unlogged():
        for program in programs:
            exec(compile(program, "page", "exec"), {})
    out = capsys.readouterr().out
    assert "e-05] 1.0\n" in out
    problem = next(
        each for each in problems_of(found, "l1")
        if each["name"].startswith("made") and each["reg"] == 0.01
    )  # fmt: skip
    ends = re.findall(r"loss ([\d.]+)\) (\d+)", out)
    runs = {run["method"]: run for run in problem["runs"]}
    for (loss, zeros), method in zip(ends, ("L-BFGS", "OWL-QN"), strict=True):
        assert float(loss) == pytest.approx(runs[method]["losses"][-1], rel=1e-9)
        assert int(zeros) == runs[method]["zeros"]


@pytest.mark.timeout(120)
def test_without_any_extra_the_same_parts_come_out_and_nothing_is_logged(tmp_path, made):
    program = f"""
        import sys
        sys.modules.update(numba=None, matplotlib=None, pyspark=None)
        from pathlib import Path
        from hogwild.reproduce import run
        from hogwild.reproduce.mllib_plan import Plan
        run(["mllib"], Path({str(tmp_path)!r}), print, plans={{"mllib": {TINY!r}}})
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    text, plain = read(tmp_path)
    assert "<svg" not in text
    plain = plain["outcomes"]["mllib"]
    assert plain["data"]["unsaid"] == made["data"]["unsaid"]
    assert [each["title"] for each in plain["sections"]] == [
        each["title"] for each in made["sections"]
    ]


def test_what_optimizers_log_is_kept_and_the_logger_left_as_it_was(caplog):
    logger = logging.getLogger("hogwild.mllib")
    caplog.set_level(logging.DEBUG, logger.name)
    before = logger.propagate, logger.level, list(logger.handlers)
    with mllib_runs.unlogged() as lines:
        logger.error("kept")
    assert lines == ["kept"]
    assert (logger.propagate, logger.level, list(logger.handlers)) == before
    with pytest.raises(KeyError), mllib_runs.unlogged():
        raise KeyError
    assert (logger.propagate, logger.level, list(logger.handlers)) == before
    assert caplog.records == []


def test_names_with_a_hyphen_stay_on_a_line_and_words_begin_at_the_left():
    assert report._unbroken("L-BFGS, OWL-QN; RDD-based L1-x") == (
        "<span class=whole>L-BFGS</span>, <span class=whole>OWL-QN</span>; RDD-based L1-x"
    )
    table = Table("", [Column("method"), Column("n", "d")], [["a", 10], ["long", 9]])
    assert plain_table(table) == ["method   n", "a       10", "long     9"]
    assert table.worded() == [True, False]
    assert (shown(0.0, ".1e"), shown(2e-16, ".1e"), power(1e-9)) == ("0", "2.0e-16", "1e-9")


def test_a_stopwatch_announces_a_part_and_keeps_its_seconds():
    said = []
    watch = Stopwatch(said.append)
    assert watch("one", lambda: 7) == 7
    assert said == ["one ..."]
    assert watch.seconds["one"] >= 0.0


def test_losses_that_repeat_are_numbered_from_one():
    program = mllib_example.Program(2, 1, [3.0, 2.0, 2.0, 1.0, 1.0, 1.0], 9, "", *[0.0] * 6)
    assert program.repeated == [3, 5, 6]


def test_the_highest_loss_is_told_as_a_multiple_of_the_first():
    facts = [mllib_unsaid.Fact("x", 1, 2), mllib_unsaid.Fact(mllib_unsaid.HIGHEST, 0.5, 1000.0)]
    assert mllib_unsaid._times(facts) == "2,000"
