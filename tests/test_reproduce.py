"""The report: it says what was measured, needs nothing beside it, and its files are whole."""

import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from report_page import Page, read

import hogwild.reproduce as reproduce
from hogwild.reproduce import plots, report
from hogwild.reproduce.blog_passes import Passes, first_below
from hogwild.reproduce.blog_passes import summary as passes_summary
from hogwild.reproduce.blog_plan import PRINTED_DISTANCE, PRINTED_LOSS, Plan
from hogwild.reproduce.parts import Column, Curve, Figure, Outcome, Section, Table, shown

# the package has a function of this name, too
machine = importlib.import_module("hogwild.reproduce.machine")

TINY = Plan(
    seeds=(0, 1), passes=2, blog_rows=400, features=(10, 20), workers=(1, 2), runs=2,
    numpy_rows=100, numba_rows=400, numba_epochs=1, calls=50, counts=(10,),
    time_rows=200, time_features=50, time_nnz=5, time_epochs=2, turns=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny report: its folder, and what was said meanwhile."""
    said = []
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    page = reproduce.run(["blog"], folder, said.append, plans={"blog": TINY})
    assert page == folder / "index.html"
    return folder, said


def test_progress_and_result_can_go_two_ways(tmp_path, monkeypatch):
    def target(say, plan):
        say("half of it")
        return Outcome("t", "s", "https://example.org", summary=["the table"])

    monkeypatch.setattr(reproduce, "TARGETS", {"one": target})
    monkeypatch.setattr(machine, "load", lambda: 0.0)
    said, progress = [], []
    page = reproduce.run(None, tmp_path, said.append, progress=progress.append)
    assert progress == ["half of it"]
    assert said[:2] == ["", "the table"]
    assert said[-1].endswith(str(page))


@pytest.mark.parametrize(("before", "meanwhile"), [(1e4, None), (None, 1e4), (0.0, 1e4)])
def test_a_busy_machine_is_told_at_the_top_and_at_each_table_of_times(
    tmp_path, monkeypatch, before, meanwhile
):
    def target(say, plan):
        tables = [
            Table("a", [Column("seconds")], [[1]], timed=True), Table("b", [Column("RMSE")], [[1]])
        ]  # fmt: skip
        sections = [Section("s", [], tables)]
        return Outcome("t", "s", "x", sections, summary=["the table"], loads=[meanwhile])

    monkeypatch.setattr(reproduce, "TARGETS", {"one": target})
    monkeypatch.setattr(machine, "load", lambda: before)
    said = []
    text, _ = read(reproduce.run(None, tmp_path, said.append).parent)
    told = f"<strong>{machine.BUSY}</strong>"
    assert text.count(told) == 2
    assert text.index(told) < text.index("<main>")
    assert text.index("<h4>a</h4>") < text.rindex(told) < text.index("<h4>b</h4>")
    assert said[:4] == ["", machine.BUSY, "", "the table"]


def test_a_quiet_machine_is_not_called_busy_nor_one_that_only_our_workers_crowd(monkeypatch):
    assert machine.BUSY not in report.as_html(page_of([Section("s", [])]))
    processors = machine.checked_processes(None)
    monkeypatch.setattr(machine, "load", lambda: processors + 3.0)
    assert machine.crowded([machine.load_beside(processors + 3)]) is None
    assert machine.crowded([machine.load_beside(2 if processors > 1 else 1)]) == processors + 3.0


def page_of(sections: list[Section], **changes) -> report.Report:
    outcome = replace(Outcome("T", "S", "https://example.org"), sections=sections)
    made = report.Report({"x": outcome}, "now", 1.0, {"python": "3"}, {"load": None}, ["run"])
    return replace(made, **changes)


@pytest.mark.timeout(120)
def test_the_page_loads_nothing_and_runs_nothing(made):
    text, _ = read(made[0])
    page = Page(text)
    assert page.loads == []
    assert page.open == []
    assert not re.search(r"url\((?!\s*['\"]?#)|@import|<\?xml|javascript:|\son\w+=", text)
    # an address may only be something to click on
    assert set(re.findall(r'(\S+)="https?://', text)) == {"href"}
    assert {tag for tag, href in page.links if "://" in href} == {"a"}


def test_every_number_of_every_table_is_in_the_json(made):
    text, found = read(made[0])
    tables = [
        table for section in found["outcomes"]["blog"]["sections"] for table in section["tables"]
    ]
    shown_tables = Page(text).tables
    assert len(shown_tables) == len(tables) > 5
    for on_page, table in zip(shown_tables, tables, strict=True):
        assert on_page[0] == [column["name"] for column in table["columns"]]
        formats = [column["format"] for column in table["columns"]]
        for cells, row in zip(on_page[1:], table["rows"], strict=True):
            assert cells == [shown(v, form) for v, form in zip(row, formats, strict=True)]


def test_the_main_table_is_made_of_the_runs(made):
    _, found = read(made[0])
    blog = found["outcomes"]["blog"]
    runs = blog["data"]["passes"]["runs"]["hogwild"]
    loss, distance = blog["sections"][0]["tables"][:2]
    for run, loss_row, distance_row in zip(runs, loss["rows"], distance["rows"], strict=True):
        assert loss_row[:-1] == [run["seed"], *run["loss"]]
        assert distance_row[:-1] == [run["seed"], *run["distance"]]


def test_the_json_says_where_and_how_it_was_made(made):
    _, found = read(made[0])
    assert found["format"] == "hogwild-report"
    assert found["commands"] == ["hogwild reproduce blog"]
    assert {"python", "numpy", "scipy", "hogwild"} <= set(found["versions"])
    assert found["machine"]["processors"] >= 1
    data = found["outcomes"]["blog"]["data"]
    assert data["plan"]["seeds"] == [0, 1]
    assert set(data) >= {"passes", "script", "counter", "lost_updates", "time", "sparsity"}
    for cell in data["lost_updates"]:
        assert len(cell["share"]) == (TINY.runs if cell["n_workers"] > 1 else 1)


def test_one_worker_loses_nothing_and_an_atomic_write_neither(made):
    data = read(made[0])[1]["outcomes"]["blog"]["data"]
    cells = [c for c in data["lost_updates"] if c["n_workers"] == 1 or c["write"] == "atomic"]
    assert cells
    assert max(share for cell in cells for share in cell["share"]) < 1e-10
    assert max(lost for c in data["counter"] if c["n_workers"] == 1 for lost in c["lost"]) == 0.0


def test_what_is_said_fits_a_terminal_and_shows_printed_beside_ours(made):
    said = made[1]
    assert max(len(line) for line in said if str(made[0]) not in line) <= 80
    assert any(str(PRINTED_LOSS) in line for line in said)
    assert any(str(PRINTED_DISTANCE) in line for line in said)
    assert any(re.match(r"seed +start +pass 1 +pass 2", line) for line in said)


def test_no_file_is_left_beside_the_two(made):
    assert sorted(os.listdir(made[0])) == ["index.html", "report.json"]


def test_an_old_report_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    report.write(page_of([Section("old", [])]), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        report.write(page_of([Section("new", [])]), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_text_is_escaped_everywhere_and_numbers_that_are_not_finite_become_null():
    evil = '<script>"&'
    section = Section(
        evil,
        [evil],
        [Table(evil, [Column(evil), Column("n", ".1f")], [[evil, float("nan")]], evil)],
        code=evil,
    )
    made = page_of([section], started=evil)
    text = report.as_html(made)
    assert "<script>" not in text
    page = Page(text)
    assert page.tables == [[[evil, "n"], [evil, "–"]]]
    table = json.loads(report.as_json(made))["outcomes"]["x"]["sections"][0]["tables"][0]
    assert table["rows"] == [[evil, None]]


def test_an_unknown_target_is_named_before_anything_is_made(tmp_path):
    with pytest.raises(ValueError, match="unknown target 'blg'; the targets are blog"):
        reproduce.run(["blg"], tmp_path / "out", print)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_can_not_be_made_is_found_out_before_anything_is_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        reproduce.run(["blog"], tmp_path / "file", pytest.fail)


@pytest.mark.timeout(120)
def test_without_numba_and_matplotlib_the_same_content_comes_out(made, tmp_path):
    program = f"""
        import sys
        sys.modules.update(numba=None, matplotlib=None)
        from pathlib import Path
        from hogwild.reproduce import run
        from hogwild.reproduce.blog_plan import Plan
        run(["blog"], Path({str(tmp_path)!r}), print, plans={{"blog": {TINY!r}}})
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install 'hogwild[plot]'") == 1
    text, found = read(tmp_path)
    assert text.count("pip install &#x27;hogwild[plot]&#x27;") == 1
    assert "<svg" not in text
    assert (found["versions"]["numba"], found["versions"]["matplotlib"]) == (None, None)
    blog = found["outcomes"]["blog"]
    assert {cell["kernel"] for cell in blog["data"]["lost_updates"]} == {"numpy"}
    with_extras = read(made[0])[1]["outcomes"]["blog"]
    titles = [section["title"] for section in with_extras["sections"]]
    assert [section["title"] for section in blog["sections"]] == titles


def test_plots_take_their_colours_from_the_page_and_are_described():
    pytest.importorskip("matplotlib")
    figure = Figure(
        "t", 'what "you" see', "x", "y", [Curve("a", [1, 2], [1e-3, 1.0], 3)], [(0.1, "b")],
        x_log=True, y_log=True,
    )  # fmt: skip
    svg = plots.draw(figure)
    assert svg.startswith('<svg role="img" aria-label="what &quot;you&quot; see"')
    assert "http" not in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#000000", "#ffffff"}
    assert {"var(--ink)", "var(--c3)", "var(--faint)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert ">a<" in svg
    assert ">b<" in svg


def test_labels_never_overlap_nor_leave_the_plot_below():
    sizes = [0.1, 0.2, 0.1, 0.2, 0.1]
    heights = plots._spread([0.0, 0.0, 0.01, 0.02, 0.9], sizes)
    for (low, size), (high, other) in zip(
        zip(heights, sizes, strict=True), list(zip(heights, sizes, strict=True))[1:], strict=False
    ):
        assert high - low >= (size + other) / 2 - 1e-12
    assert heights[0] - sizes[0] / 2 >= plots.LOWEST - 1e-12
    assert heights[-1] == 0.9


def test_first_below_is_strict_and_may_not_happen():
    assert first_below([0.5, 0.2, 0.1], 0.2) == 2
    assert first_below([0.5, 0.2], 0.1) is None


def test_a_pass_that_stays_above_the_printed_figure_is_a_dash_in_the_summary():
    run = Passes(0, [0.5, 0.4], [5.0, 4.0], [0.1], [])
    assert passes_summary({"hogwild": [run]})[4].split()[-1] == "–"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_real_report_shows_what_the_article_leaves_out(tmp_path):
    said = []
    reproduce.run(["blog"], tmp_path, said.append)
    blog = read(tmp_path)[1]["outcomes"]["blog"]["data"]
    runs = blog["passes"]["runs"]
    for run in runs["hogwild"]:
        assert 0.012 < run["loss"][1] < 0.030
        assert run["loss"][1] > 10 * PRINTED_LOSS
        assert run["loss"][2] > PRINTED_LOSS > run["loss"][5]  # a race moves a pass by some percent
        assert run["loss"][4] <= 0.0016
        assert run["distance"][2] > PRINTED_DISTANCE > run["distance"][5]
        assert run["distance"][4] <= 0.026
    for run in runs["serial"]:
        assert run["loss"][3] > PRINTED_LOSS > run["loss"][4]  # between the third and the fourth
    for run in runs["unfiltered"]:  # without the filter there is no floor
        assert run["loss"][5] < 1e-4
    golden = [0.00155040, 0.00169397, 0.00149454, 0.00164086, 0.00165630]  # serial, third pass
    assert [run["loss"][3] for run in runs["serial"]] == pytest.approx(golden, rel=1e-5)
    assert [run["written"][0] for run in runs["serial"]] == [30483, 32804, 30397, 30939, 32685]
    for run in blog["script"]:
        assert 0.012 < run["loss"] < 0.030
        assert run["parallel_seconds"] > run["serial_seconds"]
    lost = {(c["operation"], c["length"], c["n_workers"]): sum(c["lost"]) for c in blog["counter"]}
    # nothing is lost where the system let the workers run one after the other
    assert lost["a[ix] += 1", 10, 4] >= lost["np.add.at(a, ix, 1)", 10, 4]
    assert {seed: each["omega"] for seed, each in blog["sparsity"].items()} == {
        "0": 8, "1": 8, "2": 7, "3": 8, "4": 8,
    }  # fmt: skip
