"""The factor benchmark: its arguments, its rivals (stand-ins: none is installed here), its sums."""

import argparse
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import hogwild

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
KINDS = ("serial", "1 worker, shared table", "2 workers, shared table", "2 workers, Manager")


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


@pytest.fixture
def rivals(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module("rivals_factors", monkeypatch)


@pytest.fixture
def factor_epoch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module("factor_epoch", monkeypatch)


@pytest.fixture
def ratings_file(tmp_path: Path) -> Path:
    path = tmp_path / "ratings.npz"
    u, i = np.array([0, 0, 1], np.int32), np.array([0, 1, 1], np.int32)
    np.savez(path, u=u, i=i, r=np.array([1.0, 2.0, 3.0], np.float32))
    return path


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a package called libmf, whose fit is the given code, before all others."""

    def make(fit: str) -> None:
        (tmp_path / "libmf").mkdir()
        (tmp_path / "libmf" / "__init__.py").write_text("")
        lines = ["import json, os, threading", "class MF:",
                 "    def __init__(self, **given): self.given = given",
                 f"    def fit(self, table): {fit}"]  # fmt: skip
        (tmp_path / "libmf" / "mf.py").write_text("\n".join(lines) + "\n")
        metadata = tmp_path / "libmf-0.9.2.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: libmf\nVersion: 0.9.2\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return make


# ---- rivals ------------------------------------------------------------------------------------


def test_a_rival_that_is_not_installed_is_not_there(rivals, monkeypatch):
    def missing(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert rivals.installed() == {}


@pytest.mark.timeout(60)
def test_an_installed_rival_is_found_with_its_version_though_not_imported(rivals, stand_in):
    stand_in("pass")
    assert rivals.installed_in(sys.executable)["libmf"] == "0.9.2"


@pytest.mark.timeout(60)
def test_libmf_gets_one_thread_a_table_in_c_order_and_no_l1(
    rivals, stand_in, ratings_file, tmp_path
):
    stand_in(
        "open(os.environ['SEEN'], 'w').write(json.dumps([self.given, table.flags.c_contiguous,"
        " str(table.dtype), table.tolist()]))"
    )
    os.environ["SEEN"] = str(tmp_path / "seen")
    try:
        seconds = rivals.time_fits(sys.executable, "libmf", ratings_file, 8, (2, 3), 30)
    finally:
        del os.environ["SEEN"]
    options, c_order, dtype, table = json.loads((tmp_path / "seen").read_text())
    assert len(seconds) == 2
    assert (options["k"], options["nr_threads"], options["nr_iters"]) == (8, 1, 3)
    assert (options["lambda_p1"], options["lambda_q1"]) == (0.0, 0.0)
    assert (options["lambda_p2"], options["lambda_q2"]) == (0.05, 0.05)
    assert (c_order, dtype) == (True, "float32")
    assert table == [[0.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 3.0]]


@pytest.mark.timeout(60)
def test_what_a_rival_prints_does_not_reach_the_answer(rivals, stand_in, ratings_file):
    stand_in("print('[1.0]', flush=True); os.write(1, b'tr_rmse\\n')")
    seconds = rivals.time_fits(sys.executable, "libmf", ratings_file, 8, (1, 2), 30)
    assert len(seconds) == 2


@pytest.mark.timeout(60)
def test_another_build_of_libmf_is_named_in_the_variable_that_its_package_reads(
    rivals, stand_in, ratings_file
):
    stand_in("raise OSError('loads ' + os.environ['LIBMF_OBJ'])")
    with pytest.raises(rivals.RivalFailed, match="exit code 1: OSError: loads avx/libmf"):
        rivals.time_fits(sys.executable, "libmf", ratings_file, 8, (1, 2), 30, "avx/libmf.so")


@pytest.mark.timeout(60)
def test_a_rival_that_hangs_costs_its_time_out_and_a_sentence(rivals, stand_in, ratings_file):
    stand_in("threading.Event().wait()")
    with pytest.raises(rivals.RivalFailed, match="no answer within"):
        rivals.time_fits(sys.executable, "libmf", ratings_file, 8, (1, 2), 1.5)


# ---- figures -----------------------------------------------------------------------------------


def test_a_contender_that_fails_again_and_again_is_left_out_and_the_others_go_on(
    factor_epoch, capsys
):
    def fails(k: int) -> tuple[float, None]:
        raise factor_epoch.RivalFailed("no answer within 1 s")

    contenders = {"LIBMF": fails, "ours": lambda k: (float(k), None)}
    figures = list(factor_epoch.take_turns(contenders, [8, 32], 3, progress=False))
    assert [(f.name, f.k, f.turn) for f in figures] == [
        ("ours", k, turn) for turn in range(3) for k in (8, 32)
    ]
    assert capsys.readouterr().out.splitlines() == [
        "LIBMF, k = 8, turn 1: no answer within 1 s",
        "LIBMF, k = 32, turn 1: no answer within 1 s",
        "LIBMF, k = 8, turn 2: no answer within 1 s; it is not run again",
    ]


def test_contenders_take_turns(factor_epoch):
    contenders = {"ours": lambda k: (1.0, 1.0), "theirs": lambda k: (2.0, None)}
    figures = factor_epoch.take_turns(contenders, [8], 2, progress=False)
    assert [f.name for f in figures] == ["ours", "theirs", "ours", "theirs"]


def test_ratios_are_medians_of_ratios_within_a_turn(factor_epoch):
    figure = factor_epoch.Figure
    table = factor_epoch.Table(
        [figure("theirs", 8, turn, ns) for turn, ns in enumerate((10.0, 40.0, 20.0))]
        + [figure("ours", 8, turn, ns, 1.0) for turn, ns in enumerate((5.0, 10.0, 8.0))]
    )
    assert table.median("ours", 8) == 8.0
    assert table.ratio("ours", "theirs", 8) == 0.4  # of .5, .25 and .4; of the medians it is .4 too
    assert table.ratio("theirs", "ours", 8) == 2.5
    assert table.median("theirs", 8, "inside") is None


def test_an_epoch_is_what_a_long_fit_takes_beyond_a_short_one(factor_epoch, monkeypatch):
    def run(ratings: object, k: int, epochs: int, options: object):
        # 7 s to start, the first epoch slow; FPSGD's epochs are not all passes
        rows = [argparse.Namespace(seconds=4.0, updates=10)]
        rows += [argparse.Namespace(seconds=1.0, updates=9)] * (epochs - 1)
        return argparse.Namespace(history=rows), 7.0 + 4.0 + 1.5 * (epochs - 1)

    monkeypatch.setattr(factor_epoch, "run_ours", run)
    outside, inside = factor_epoch.our_figures(None, (2, 6), {}, 8)
    assert outside == pytest.approx(1.5 / 9 * 1e9)
    assert inside == pytest.approx(1.0 / 9 * 1e9)


def test_the_table_keeps_within_80_columns(factor_epoch):
    names = ["LIBMF 0.9.2", *factor_epoch.COMPILED, *factor_epoch.NUMPY]
    figures = [
        factor_epoch.Figure(name, k, 0, 1234.5, 1234.5) for name in names for k in (8, 32, 40, 100)
    ]
    assert max(map(len, factor_epoch.Table(figures).lines("LIBMF 0.9.2"))) == 80


# ---- arguments ---------------------------------------------------------------------------------


def test_without_arguments_movielens_is_looked_for_where_the_tests_find_it(
    factor_epoch, monkeypatch
):
    monkeypatch.setenv("HOGWILD_TEST_DATA", "some/folder")
    given = factor_epoch.parse([])
    assert given.data == Path("some/folder")
    assert (given.k, given.turns, given.slow) == ([8, 32, 40, 100], 5, True)


def test_twenty_million_ratings_are_taken_at_one_k_without_the_slow_ones(factor_epoch):
    given = factor_epoch.parse(["--shape", "ml-20m"])
    assert (given.k, given.slow, given.large) == ([32], False, True)


def test_no_turns_is_refused(factor_epoch, capsys):
    with pytest.raises(SystemExit):
        factor_epoch.parse(["--turns", "0"])
    assert "--turns and --epochs must be 1 or more" in capsys.readouterr().err


@pytest.mark.timeout(120)
def test_a_quick_run_prints_every_row_and_writes_every_figure(tmp_path, stand_in):
    pytest.importorskip("numba")
    stand_in("pass")
    command = [sys.executable, BENCHMARKS / "factor_epoch.py", "--quick", "--shape", "ml-20m"]
    ours = Path(hogwild.__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ours}"}
    done = subprocess.run(
        [*command, "--json", tmp_path / "figures.json"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert {figure["name"] for figure in found} == {"LIBMF 0.9.2", *KINDS}
    assert all(kind in done.stdout for kind in KINDS)
    assert "3 x ratings + factors" in done.stdout
    assert done.stderr == ""


# ---- memory ------------------------------------------------------------------------------------


def wait(pipe) -> None:
    pipe.recv()


@pytest.mark.timeout(60)
def test_memory_that_two_processes_share_counts_once(monkeypatch):
    peak_memory = module("peak_memory", monkeypatch)
    before = peak_memory.held()
    ones = np.ones(1 << 25, np.uint8)  # 32 MiB
    alone = peak_memory.held()
    assert ones.nbytes * 0.9 < alone - before < ones.nbytes * 1.1
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=wait, args=(there,))
    child.start()
    try:
        assert child.pid in peak_memory.family(os.getpid())
        assert peak_memory.held() - alone < ones.nbytes / 2
    finally:
        here.send(None)
        child.join()


@pytest.mark.timeout(60)
def test_the_peak_is_kept_after_the_memory_is_given_back(monkeypatch):
    peak_memory = module("peak_memory", monkeypatch)
    monkeypatch.setattr(peak_memory, "INTERVAL", 0.001)
    before = peak_memory.held()
    with peak_memory.Peak() as peak:
        ones = np.ones(1 << 25, np.uint8)
        while peak.bytes < before + ones.nbytes // 2:
            pass
        size = ones.nbytes
        del ones
    assert peak.bytes > peak_memory.held() + size // 2
