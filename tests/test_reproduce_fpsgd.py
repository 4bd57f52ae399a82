"""FPSGD's results: published figures stand beside measured ones, and the data are recognised."""

import math
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_page import Page, read
from test_reproduce import TINY as BLOG

import hogwild.reproduce as reproduce
from hogwild.cli import main
from hogwild.data import Ratings
from hogwild.engine.schedules import Grant
from hogwild.errors import DataError
from hogwild.models import fit_factors
from hogwild.models.factor_memory import make_plan
from hogwild.models.factor_options import FactorSettings
from hogwild.reproduce import (
    blog,
    fpsgd,
    fpsgd_balance,
    fpsgd_batches,
    fpsgd_costs,
    fpsgd_data,
    fpsgd_locking,
    fpsgd_published,
    plots,
    report,
)
from hogwild.reproduce.fpsgd_data import Split, random_tenth
from hogwild.reproduce.fpsgd_plan import Plan, full_plan
from hogwild.reproduce.fpsgd_runs import Run, best_reached
from hogwild.reproduce.parts import Bar, Gantt, shown

TINY = Plan(
    shape=(60, 50, 900), large=(70, 60, 1500), factors=4, step=0.02, epochs=6, repeats=1,
    order_epochs=3, timed_epochs=2, ratings_a_block=100, iterations=30, seeds=2, workers=(1, 2, 4),
    virtual_epochs=5, spreads=(0.0, 0.5), calls=20,
)  # fmt: skip
TITLES = (
    "ratings", "Test RMSE", "locking", "Table 2", "waits", "Imbalance", "Random, ordered",
    "article's size", "replayed",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny report: its folder, and what was said meanwhile."""
    said = []
    folder = tmp_path_factory.mktemp("fpsgd")
    reproduce.run(["fpsgd"], folder, said.append, plans={"fpsgd": TINY})
    return folder, said


@pytest.fixture
def found(made):
    """What the tiny report's JSON holds of the target."""
    return read(made[0])[1]["outcomes"]["fpsgd"]


def run_of(rmse: list[float], seconds: list[float]) -> Run:
    return Run("fpsgd", 1, (2, 2), 0, rmse, seconds, 1.0, 0.0, [])


def small_split() -> Split:
    random = np.random.default_rng(0)
    pairs = random.permutation(40 * 30)[:600]
    ratings = Ratings(pairs // 30, pairs % 30, random.integers(1, 6, 600).astype(float))
    return Split("small", "Small:", *random_tenth(ratings))


@pytest.mark.timeout(120)
def test_the_page_loads_nothing_and_holds_every_number_of_the_json(made, found):
    page = Page(read(made[0])[0])
    assert page.loads == []
    tables = [table for section in found["sections"] for table in section["tables"]]
    assert len(page.tables) == len(tables) > 12
    for on_page, table in zip(page.tables, tables, strict=True):
        formats = [column["format"] for column in table["columns"]]
        for cells, row in zip(on_page[1:], table["rows"], strict=True):
            assert cells == [shown(v, form) for v, form in zip(row, formats, strict=True)]


def test_every_result_of_the_article_has_its_part(found):
    titles = [section["title"] for section in found["sections"]]
    assert len(titles) == len(TITLES)
    for title, word in zip(titles, TITLES, strict=True):
        assert word in title


def test_all_schedules_learn_and_one_worker_or_two_end_alike(found):
    runs = found["data"]["race"]["runs"]
    kinds = [(run["schedule"], run["n_workers"]) for run in runs]
    assert kinds == [("serial", 1)] + [
        (schedule, n) for schedule in ("fpsgd", "dsgd", "hogwild") for n in (1, 2)
    ]
    for run in runs:
        assert len(run["rmse"]) == len(run["seconds"]) == TINY.epochs
        assert run["rmse"][-1] < run["rmse"][0]
        assert 0.0 <= run["idle"] <= 1.0
    ends = [run["rmse"][-1] for run in runs]
    assert max(ends) - min(ends) < 0.1


def test_published_figures_stand_beside_ours_with_their_source(found):
    data, text = found["data"]["published"], str(found["sections"])
    assert [row["ratio"] for row in data["table 2"]] == [1.9, 1.3, 1.6]
    assert [row["seconds"] for row in data["figure 14a"]] == [10.0, 40.0, 100.0, 100.0]
    for source in (
        "Table 2",
        "Figure 7",
        "Figures 9 and 11",
        "Figure 13b",
        "Figure 14a",
        "page 18",
    ):
        assert source in text
    rows = [table["rows"] for section in found["sections"] for table in section["tables"]]
    assert [list(row) for row in fpsgd_published.TABLE_2] in rows


def test_published_ratios_follow_from_the_published_seconds():
    for row in fpsgd_published.TABLE_2:
        assert round(row.batches / row.fpsgd, 1) == row.ratio
    for t in (1, 2, 3, 4):  # a gap of two updates at first
        assert fpsgd_published.IMBALANCE[t][0] == pytest.approx(2 / t, abs=0.005)
    slowest, blocks = max(fpsgd_published.SLIDE_BLOCKS), fpsgd_published.SLIDE_BLOCKS
    assert sum(slowest - seconds for seconds in blocks) == fpsgd_published.SLIDE_WASTE


def test_orders_are_the_same_to_the_bit_as_they_stand_and_by_level(found):
    pytest.importorskip("numba")
    for each in found["data"]["orders"]:
        assert each["plain"]["rmse"] == each["by_level"]["rmse"]
    sentences = " ".join(found["sections"][6]["sentences"])
    assert "In 8 of 8 pairs of runs" in sentences


def test_traces_keep_the_rules_and_replay_to_the_bit_where_no_blocks_conflict(found):
    proof = {each["schedule"]: each for each in found["data"]["proof"]}
    assert [each["broken"] for each in proof.values()] == [None, None, None]
    for schedule in ("fpsgd", "dsgd"):
        assert (proof[schedule]["conflicts"], proof[schedule]["same"]) == (0, True)
    hogwild = proof["hogwild"]
    assert hogwild["same"] is (None if hogwild["conflicts"] else True)


def test_square_grids_starve_all_blocks_but_one_a_worker(found):
    square = [
        row for row in found["data"]["idle"]["virtual"] if row["kind"] == "FPSGD, s x s"
    ]  # fmt: skip
    for row in square:
        assert row["never"] == row["n_workers"] ** 2 - row["n_workers"]
    wider = [r for r in found["data"]["idle"]["virtual"] if r["kind"].startswith("FPSGD, (s")]
    assert [row["never"] for row in wider] == [0] * len(TINY.workers)


def test_imbalance_begins_as_the_article_has_it_and_falls(found):
    for each in found["data"]["balance"]["virtual"]:
        assert len(each) == TINY.iterations
        assert each[0] in (1.0, 2.0, 3.0)
        assert each[-1] < each[0]


def test_the_slides_example_wastes_ten_seconds_of_one_thread():
    slide, *epochs = fpsgd_locking.measure(small_split(), lambda line: None)
    assert (slide.seconds, slide.wasted) == (20.0, 10.0)
    assert [(bar.row, bar.begin, bar.end) for bar in slide.bars] == [
        (1, 0.0, 10.0), (0, 0.0, 20.0), (2, 0.0, 20.0),
    ]  # fmt: skip
    for each in epochs:  # what is not drawn was waited
        drawn = sum(bar.end - bar.begin for bar in each.bars)
        assert drawn + each.wasted == pytest.approx(3 * each.seconds)
        assert each.busy == pytest.approx(drawn / (3 * each.seconds))


def test_a_barrier_costs_more_the_more_block_times_vary():
    plan = replace(TINY, virtual_epochs=30)
    ratios = [fpsgd_batches._ratio_at(small_split(), plan, 8, spread) for spread in (0.0, 0.3, 1.0)]
    assert 1.0 < ratios[0] < ratios[1] < ratios[2]


def test_blocks_are_cut_as_a_fit_of_that_seed_cuts_them():
    split = small_split()
    fit = fit_factors(
        split.train, schedule="serial", n_factors=2, grid=5, epochs=1, seed=7, trace=True
    )
    sizes = fpsgd_costs.block_sizes(split, 5, 7)
    settings = FactorSettings.from_json(fit.trace.header["run"]["settings"])
    assert sizes.tolist() == make_plan(settings, split.train).sizes.tolist()


def test_costs_keep_their_mean_whatever_their_spread():
    cost = fpsgd_costs.scattered(np.array([2.0, 6.0]), 0.5, 0)
    drawn = [cost(0, Grant(0, 1)) for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(6.0, rel=0.05)
    assert np.std(drawn) == pytest.approx(3.0, rel=0.1)
    assert fpsgd_costs.scattered(np.array([2.0, 6.0]), 0.0, 0)(0, Grant(0, 0)) == 2.0


def test_time_to_an_rmse_is_that_of_the_first_epoch_at_or_below_it():
    run = run_of([1.0, 0.9, 0.85, 0.86], [1.0, 2.0, 3.0, 4.0])
    assert run.spent == [1.0, 3.0, 6.0, 10.0]
    assert (run.epochs_to(0.9), run.seconds_to(0.9)) == (2, 3.0)
    assert (run.epochs_to(0.8), run.seconds_to(0.8)) == (None, None)
    worse = run_of([1.0, 0.87001], [1.0, 1.0])
    assert best_reached([run, worse]) == 0.8701
    assert worse.seconds_to(best_reached([run, worse])) == 2.0


def test_larger_data_get_fewer_epochs_and_small_ones_no_more_than_asked():
    assert Plan().fitting(900_000).epochs == 100
    assert Plan().fitting(9_301_274).epochs == 53
    assert Plan(epochs=30, worked=30_000_000).fitting(9_301_274).epochs == Plan().least
    assert TINY.fitting(10**9).order_epochs == TINY.order_epochs
    assert full_plan().step == fpsgd_published.STEP


# ---- the ratings -------------------------------------------------------------------------------


def test_movielens_100k_is_recognised_and_split_as_grouplens_does(shared_data):
    split = fpsgd_data.load(Plan(data=shared_data / "ml-100k"), lambda line: None)
    assert (split.name, split.measured) == ("MovieLens 100k", False)
    assert (len(split.train), len(split.test)) == (80_000, 20_000)
    assert split.train.mean == pytest.approx(3.52835)


def test_movielens_1m_is_split_into_the_rows_that_figures_were_taken_on(shared_data):
    split = fpsgd_data.load(Plan(data=shared_data), lambda line: None)
    assert (split.name, split.measured) == ("MovieLens 1M", True)
    rows = np.load(shared_data / "ml-1m" / "split_test_rows.npy")
    lines = (shared_data / "ml-1m" / "ratings.dat").read_bytes().splitlines()
    for place in (0, 1, 50_000, len(rows) - 1):
        user, item, value, _ = map(int, lines[rows[place]].split(b"::"))
        test = split.test
        assert (test.user_ids[test.u[place]], test.item_ids[test.i[place]]) == (user, item)
        assert test.r[place] == value
    assert (len(split.train), len(split.test)) == (900_189, 100_020)


def test_the_split_does_not_depend_on_the_order_of_the_file():
    random = np.random.default_rng(1)
    pairs = random.permutation(200)[:100]
    u, i, r = pairs // 20, pairs % 20, random.random(100)
    one, other = (
        random_tenth(Ratings(u[by], i[by], r[by])) for by in (slice(None), slice(None, None, -1))
    )
    assert len(one[1]) == 10
    for mine, theirs in zip(one, other, strict=True):
        assert mine.u.tolist() == theirs.u.tolist()
        assert mine.r.tolist() == theirs.r.tolist()


def finder(*found):
    """Stands for what finds MovieLens: one set is there."""
    return lambda folder, name=None: found if name in (None, found[0]) else None


def test_of_several_sets_the_one_taken_is_named_and_those_left(tmp_path, monkeypatch):
    path = tmp_path / "ratings.dat"
    path.write_text("".join(f"{u}::{u % 3 + 1}::3::0\n" for u in range(1, 21)))
    for there, told in (
        (("ml-1m",), []),
        (("ml-1m", "ml-100k"), ["MovieLens 1M is taken, though MovieLens 100k is there, too"]),
    ):
        monkeypatch.setattr(
            fpsgd_data, "find_movielens",
            lambda folder, name="ml-1m", there=there: (name, path) if name in there else None,
        )  # fmt: skip
        said = []
        split = fpsgd_data.load(Plan(data=tmp_path), said.append)
        assert [line.strip() for line in said[:-1]] == told
        assert ("(MovieLens 100k is there, too)" in split.how) == bool(told)


def test_movielens_10m_is_split_as_the_article_does(tmp_path, monkeypatch):
    path = tmp_path / "ratings.dat"
    path.write_text("".join(f"{u}::{i}::{1 + i % 5}::0\n" for u in (1, 2) for i in range(1, 26)))
    monkeypatch.setattr(fpsgd_data, "find_movielens", finder("ml-10m", path))
    split = fpsgd_data.load(Plan(data=tmp_path), lambda line: None)
    items = split.test.item_ids[split.test.i]
    assert items.tolist() == [*range(11, 21)] * 2
    assert len(split.train) == 30


def test_a_folder_without_movielens_says_what_is_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"u\.data, ratings\.dat") as caught:
        fpsgd_data.load(Plan(data=tmp_path), lambda line: None)
    assert str(tmp_path) in str(caught.value)


def test_the_command_hands_the_folder_on(tmp_path, monkeypatch):
    monkeypatch.setattr(fpsgd_data, "find_movielens", lambda folder: ("ml-1m", folder))

    def fake(targets, output, say, *, progress, plans):
        fake.found = targets, plans["fpsgd"].data
        (tmp_path / "report.json").write_text("{}")
        return tmp_path / "index.html"

    monkeypatch.setattr(reproduce, "run", fake)
    assert main(["reproduce", "fpsgd", "--data", "some/where", "--quiet"]) == 0
    assert fake.found == (["fpsgd"], Path("some/where"))


def test_the_help_names_every_set_in_the_order_they_are_taken_and_how_long_it_takes(capsys):
    assert main(["reproduce", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "the first of 1M, 10M, 20M, 100k is taken" in text
    assert "about 3 minutes of processor time" in text


def test_the_command_finds_a_wrong_folder_before_anything_is_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "run", pytest.fail)
    assert main(["reproduce", "--data", str(tmp_path)]) == 3
    assert "MovieLens" in capsys.readouterr().err
    assert main(["reproduce", "blog", "--data", str(tmp_path)]) == 2
    assert "fpsgd" in capsys.readouterr().err


def test_programs_of_the_simulations_run_as_they_stand(found, capsys):
    programs = [each["code"] for each in found["sections"] if "simulate(" in each["code"]]
    assert len(programs) == 3
    for program in programs:
        exec(compile(program, "page", "exec"), {})
    *barriers, imbalance = capsys.readouterr().out.split("\n", 2)
    for line in barriers:
        dsgd, fpsgd = map(float, line.split())
        assert dsgd < fpsgd
    assert len(imbalance.strip("[]\n").split()) == TINY.iterations


def test_a_note_on_dashes_stands_only_where_there_is_one():
    whole = fpsgd_balance._heavy_table([fpsgd_balance.Heavy(9, [1.5, 1.6], 3.0)])
    empty = fpsgd_balance._heavy_table([fpsgd_balance.Heavy(9, [1.5, 1.6], math.inf)])
    assert (whole.note, empty.note) == ("", "A dash: some block is empty.")


# ---- how it looks ------------------------------------------------------------------------------


def test_what_is_said_fits_a_terminal(made):
    folder, said = made
    assert max(len(line) for line in said if str(folder) not in line) <= 80
    assert any(re.match(r" *schedule +workers +1 ", line) for line in said)
    assert any(str(fpsgd_published.TABLE_2[0].batches) in line for line in said)
    heads = [line.split() for line in said if line.split()[:1] in (["schedule"], ["workers"])]
    assert heads[0] == ["schedule", "workers", "1", "5", str(TINY.epochs)]
    assert heads[1][-2:] == ["epochs**", "epochs"]
    assert any(line.strip().startswith(f"{TINY.epochs} epochs in place of 100") for line in said)


def test_a_gantt_chart_takes_its_colours_from_the_page_and_is_described():
    pytest.importorskip("matplotlib")
    bars = [Bar(0, 0.0, 2.0, "5"), Bar(1, 1.0, 2.0, "1234567890" * 4)]
    svg = plots.draw(Gantt("t", "two bars", "s", ["one", "two"], bars))
    assert 'aria-label="two bars"' in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#000000", "#ffffff"}
    assert {"var(--c0)", "var(--c1)", "var(--paper)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert ">5<" in svg
    assert "1234567890" not in svg  # no text where the bar has no room for it


@pytest.mark.timeout(180)
def test_without_numba_and_matplotlib_the_same_parts_come_out(found, tmp_path):
    program = f"""
        import sys
        sys.modules.update(numba=None, matplotlib=None)
        from pathlib import Path
        from hogwild.reproduce import run
        from hogwild.reproduce.fpsgd_plan import Plan
        run(["fpsgd"], Path({str(tmp_path)!r}), print, plans={{"fpsgd": {TINY!r}}})
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in ("  left out: needs numba (pip install 'hogwild[fast]')", report.NO_NUMBA):
        assert done.stdout.splitlines().count(line) == 1
    assert f"{TINY.epochs} epochs in place of 100, for numpy" in done.stdout
    assert max(map(len, done.stdout.replace(str(tmp_path), "").splitlines())) <= 80
    text, plain = read(tmp_path)
    assert "<svg" not in text
    plain = plain["outcomes"]["fpsgd"]
    assert [each["title"] for each in plain["sections"]] == [
        each["title"] for each in found["sections"]
    ]
    assert plain["data"]["large"]["times"] == []
    assert {each["plain"] for each in plain["data"]["orders"]} == {None}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_without_a_target_all_articles_are_reproduced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fpsgd, "full_plan", lambda: TINY)
    monkeypatch.setattr(blog, "full_plan", lambda: replace(BLOG, seeds=(0,), runs=1))
    assert main(["reproduce", "--output", str(tmp_path)]) == 0
    page, found = read(tmp_path)
    names = list(reproduce.TARGETS)
    articles = ["blog", "fpsgd", "mllib", "downpour", "ffm"]
    assert list(found["outcomes"]) == names == articles
    assert found["commands"] == [f"hogwild reproduce {name}" for name in names]
    places = [page.index(f'id="{name}"') for name in names]
    assert places == sorted(places)
    assert str(tmp_path / "index.html") in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_report_holds_what_the_article_and_its_program_found(shared_data, tmp_path):
    pytest.importorskip("numba")
    plan = replace(Plan(data=Path(shared_data)), repeats=1)
    reproduce.run(["fpsgd"], tmp_path, lambda line: None, plans={"fpsgd": plan})
    data = read(tmp_path)[1]["outcomes"]["fpsgd"]["data"]
    for run in data["race"]["runs"]:
        assert run["rmse"][49] == pytest.approx(fpsgd_published.LIBMF[50], abs=0.003)
        assert run["rmse"][99] == pytest.approx(fpsgd_published.LIBMF[100], abs=0.002)
    first = {
        (each["name"], each["step"]): each["by_level"]["rmse"][0] for each in data["orders"]
    }  # fmt: skip
    for step in plan.steps:
        assert first["ordered", step] > first["partial random", step] + 0.3
    middle = np.median(data["balance"]["virtual"], axis=0)  # Figure 7
    assert middle[[0, 19, 99, 999]] == pytest.approx([2.0, 0.15, 0.05, 0.005], rel=0.5)
    assert 1.05 < data["batches"]["spreads"]["0"] < 1.3
    assert data["batches"]["spreads"]["0.5"] == pytest.approx(1.9, abs=0.3)
    assert [each["broken"] for each in data["proof"]] == [None, None, None]
