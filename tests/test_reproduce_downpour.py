"""Downpour's results: orders beside the paper's, and a clock on which rounds can be counted."""

import json

import numpy as np
import pytest
from report_page import Page, read

import hogwild.reproduce as reproduce
from hogwild.data import Examples
from hogwild.downpour import Costs, Exchange, simulate
from hogwild.downpour.linear import LinearProblem
from hogwild.errors import DataError
from hogwild.reproduce import downpour_data, downpour_stated, downpour_virtual
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.downpour_sync import simulate_rounds
from hogwild.reproduce.downpour_virtual import ADAGRAD, BACKUP, DOWNPOUR, FIXED, Run, Virtual
from hogwild.reproduce.parts import shown

TINY = Plan(
    shape=(128, 20, 4), batch_size=16, epochs=2, replicas=(1, 2), intervals=(4,),
    descent_steps=(1.0, 10.0), small=(100, 10, 3), virtual=(1, 4), virtual_epochs=3, rounds=6,
    virtual_warm=(0.2,), fixed=(0.1, 1.0), adagrad=(0.3, 1.0), sync_fixed=(1.0,),
    sync_adagrad=(1.0,),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny report: its folder, and what was said meanwhile."""
    said = []
    folder = tmp_path_factory.mktemp("downpour")
    reproduce.run(["downpour"], folder, said.append, plans={"downpour": TINY})
    return folder, said


@pytest.fixture
def found(made):
    return read(made[0])[1]["outcomes"]["downpour"]


# ---- rounds on the clock -----------------------------------------------------------------------


def problem_of_four():
    return LinearProblem(Examples(np.ones((4, 1)), [1.0, 3.0, 1.0, 3.0]), intercept=False)


def test_a_round_takes_as_long_as_its_slowest_answer():
    costs = Costs(compute=1.0, fetch=0.5, push=0.25, spread=1.0)
    settings = dict(exchange=Exchange(batch_size=1), step=0.1, rounds=5, costs=costs, seed=3)
    alone, three, spare = (
        simulate_rounds(problem_of_four(), replicas=n, backups=b, **settings)
        for n, b in ((1, 0), (3, 0), (3, 2))
    )
    random = np.random.default_rng(3)
    random.permutation(4)
    times = np.exp(random.standard_normal((3, 3))) @ np.array([0.5, 1.0, 0.25])
    assert three.points[1].seconds == pytest.approx(max(times))
    assert spare.points[1].seconds == pytest.approx(min(times))
    assert alone.seconds > 0.0
    assert [point.epochs for point in three.points] == [0.75 * k for k in range(6)]


def test_the_mean_of_the_answers_waited_for_is_what_moves_the_parameters():
    run = simulate_rounds(
        problem_of_four(), replicas=4, exchange=Exchange(batch_size=1), step=0.5, rounds=1
    )
    assert run.params[0] == pytest.approx(2.0)  # the mean target, in one step of half a curvature


def test_rounds_end_at_the_target_and_wrong_numbers_of_backups_are_refused():
    settings = {"exchange": Exchange(batch_size=2), "step": 0.1, "rounds": 100}
    run = simulate_rounds(problem_of_four(), replicas=2, until=2.0, **settings)
    assert run.points[-1].objective <= 2.0 < run.points[-2].objective
    for backups in (-1, 2):
        with pytest.raises(ValueError, match="fewer than the 2 replicas"):
            simulate_rounds(problem_of_four(), replicas=2, backups=backups, **settings)


def test_one_replica_in_rounds_does_what_downpour_does_with_one():
    task = downpour_data.made((60, 8, 3), 1e-2)
    rounds = simulate_rounds(
        task.problem(), replicas=1, exchange=Exchange(batch_size=60), step=0.5, rounds=3
    )
    alone = simulate(
        task.problem(), replicas=1, exchange=Exchange(batch_size=60), rule="fixed", step=0.5,
        epochs=3,
    )  # fmt: skip
    for ours, theirs in zip(rounds.points, alone.points, strict=True):
        assert ours.objective == pytest.approx(theirs.objective)
        assert (ours.seconds, ours.epochs) == pytest.approx((theirs.seconds, theirs.epochs))


# ---- the rows ----------------------------------------------------------------------------------


def test_the_least_objective_is_least():
    task = downpour_data.made((200, 20, 4), 1e-2)
    exact = LinearProblem(task.rows, loss="logistic", penalty="l2", reg=1e-2, intercept=False)
    random = np.random.default_rng(0)
    assert all(exact.objective(random.standard_normal(21)) > task.least for _ in range(20))
    assert task.start == pytest.approx(np.log(2.0))
    assert task.above(1.5 * task.least) == pytest.approx(0.5)


@pytest.mark.parametrize("where", [".", "libsvm"])
def test_a8a_is_found_where_it_lies(tmp_path, where):
    with pytest.raises(DataError, match="a8a") as caught:
        downpour_data.plan_with(tmp_path)
    assert str(tmp_path) in str(caught.value)
    (tmp_path / where).mkdir(exist_ok=True)
    (tmp_path / where / "a8a").write_text("-1 1:1 3:1\n+1 2:1\n-1 1:1\n+1 2:1 3:1\n")
    plan = downpour_data.plan_with(tmp_path)
    task = downpour_data.load(plan)
    assert (plan.data, task.name, len(task.rows)) == (tmp_path, "a8a", 4)
    assert "4 with 3 features" in task.how


# ---- the report --------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_every_method_is_there_with_its_seconds_and_objective(found):
    fits = found["data"]["fits"]
    assert {fit["method"] for fit in fits} == {
        "Downpour", "serial SGD", "Hogwild!", "mini-batch descent",
    }  # fmt: skip
    assert [(fit["workers"], fit["interval"], fit["rule"]) for fit in fits[:7]] == [
        (1, 1, "AdaGrad"), (2, 1, "AdaGrad"), (2, 4, "AdaGrad"), (2, 4, "AdaGrad"),
        (2, 1, "fixed"), (2, 4, "fixed"), (2, 4, "fixed"),
    ]  # fmt: skip
    for fit in fits:
        assert len(fit["seconds"]) == len(fit["above"])
        assert fit["seconds"][-1] > 0.0
        assert fit["above"][-1] > -1e-9
    assert sum(fits[0]["staleness"].values()) == 2 * 128 // 16
    assert set(fits[0]["staleness"]) == {"0"}


def test_the_tables_are_made_of_the_runs(found):
    sections = found["sections"]
    table = sections[0]["tables"][0]
    for fit, row in zip(found["data"]["fits"], table["rows"], strict=True):
        assert row[0] == fit["method"]
        assert row[-3:] == [fit["seconds"][-1], fit["above"][0], fit["above"][-1]]
    assert table["timed"]
    stale = sections[1]["tables"][0]["rows"]
    for fit, row in zip(found["data"]["fits"][:3], stale, strict=True):
        counts = {int(age): count for age, count in fit["staleness"].items()}
        assert row[2] == sum(counts.values())
        assert row[4:8] == [counts.get(age, 0) / row[2] for age in range(4)]
        assert row[-1] == max(counts)


def test_virtual_time_is_the_same_each_time(found):
    again = downpour_virtual.data(downpour_virtual.measure(TINY, lambda line: None))
    assert json.loads(json.dumps(again)) == found["data"]["virtual"]
    methods = {(run["method"], run["replicas"]) for run in again["runs"]}
    assert ("serial, no journeys", 1) in methods
    assert ("synchronous, backups", 4) in methods
    assert len([r for r in again["runs"] if r["warm_start"] > 0.0]) == 2


def run_of(method, rule, replicas, step, seconds, peak=1.0, warm=0.0, last=0.1):
    return Run(method, rule, replicas, step, warm, seconds, peak, last, 3.0, [(0.0, 0.0, 0.5)])


def test_statements_are_judged_by_the_runs_and_a_tie_is_no_win():
    runs = [
        run_of(DOWNPOUR, FIXED, 1, 1.0, 500.0), run_of(DOWNPOUR, ADAGRAD, 1, 1.0, 400.0),
        run_of(DOWNPOUR, FIXED, 4, 0.1, 30.0), run_of(DOWNPOUR, FIXED, 4, 1.0, None),
        run_of(DOWNPOUR, ADAGRAD, 4, 1.0, 20.0, peak=5.0),
        run_of(DOWNPOUR, ADAGRAD, 4, 1.0, 25.0, peak=1.0, warm=0.2),
        run_of(BACKUP, ADAGRAD, 4, 1.0, 20.0),
    ]  # fmt: skip
    task = downpour_data.made((40, 8, 3), 0.1)
    judged = downpour_stated.judged(Virtual(task, runs), TINY)
    assert [verdict for *_, verdict in judged] == ["yes", "no", "yes", "yes", "partly", "no"]
    assert judged[0][1] == "500 s alone, 30 s with 4"
    assert judged[1][1] == "20 s; fixed step 30 s, backups 20 s"
    assert judged[4][1] == "peak 5, warm 1; end 10 %, 10 %"
    for peak, last, verdict in ((1.0, 0.05, "yes"), (9.0, 0.1, "no")):
        runs[5] = run_of(DOWNPOUR, ADAGRAD, 4, 1.0, 25.0, peak=peak, warm=0.2, last=last)
        assert downpour_stated.judged(Virtual(task, runs), TINY)[4][2] == verdict


def test_the_best_run_is_the_first_there_and_else_the_lowest():
    task = downpour_data.made((40, 8, 3), 0.1)
    runs = [run_of(DOWNPOUR, FIXED, 4, step, seconds) for step, seconds in ((1.0, 9.0), (2.0, 5.0))]
    assert Virtual(task, runs).best(DOWNPOUR, FIXED, 4) is runs[1]
    never = [run_of(DOWNPOUR, FIXED, 4, 1.0, None)]
    assert Virtual(task, never).best(DOWNPOUR, FIXED, 4) is never[0]
    assert Virtual(task, never).best(DOWNPOUR, FIXED, 3) is None


def test_the_page_shows_the_numbers_of_the_json_and_fits_a_terminal(made, found):
    text, _ = read(made[0])
    page = Page(text)
    assert (page.loads, page.open) == ([], [])
    tables = [table for section in found["sections"] for table in section["tables"]]
    for on_page, table in zip(page.tables, tables, strict=True):
        formats = [column["format"] for column in table["columns"]]
        for cells, row in zip(on_page[1:], table["rows"], strict=True):
            assert cells == [shown(v, form) for v, form in zip(row, formats, strict=True)]
    assert max(len(line) for line in made[1] if str(made[0]) not in line) <= 80


def test_the_folder_is_not_told(tmp_path, monkeypatch):
    (tmp_path / "a8a").write_text("-1 1:1 3:1\n+1 2:1\n" * 40)
    plan = downpour_data.plan_with(tmp_path)
    assert str(tmp_path) not in json.dumps(read_data(plan, monkeypatch))


def read_data(plan, monkeypatch):
    """What report.json holds, with nothing measured."""
    from hogwild.reproduce import downpour

    for module in ("downpour_real", "downpour_virtual"):
        monkeypatch.setattr(getattr(downpour, module), "measure", lambda *_: [])
        monkeypatch.setattr(getattr(downpour, module), "data", lambda _: [])
    monkeypatch.setattr(downpour.downpour_stated, "section", lambda *_: None)
    monkeypatch.setattr(downpour.downpour_stated, "summary", lambda *_: [])
    for module in ("downpour_exchange", "downpour_scale"):
        monkeypatch.setattr(getattr(downpour, module), "sections", lambda *_: [])
        monkeypatch.setattr(getattr(downpour, module), "summary", lambda *_: [])
    return downpour.reproduce(lambda line: None, plan).data
