"""One epoch of matrix factorization: this package beside LIBMF, cornac and Surprise.

    pip install '.[bench]' && python benchmarks/factor_epoch.py --data DIR
    python benchmarks/factor_epoch.py --shape ml-20m

Nanoseconds a rating, float32, squared loss, of a whole epoch as seen from outside: the wall-clock
time of a fit of many epochs minus that of one of few, over the updates between.  Start-up and
evaluation are so left out, all else that happens between two epochs is in.  *Inside* is the sum of
the seconds that the history tells, without the first epoch, which pays for touching new memory.

The contenders run in turn, several times; printed are medians, and medians of the ratios within a
turn: a shared machine drifts, a ratio within a turn drifts less.  Ours are compiled, with the step
constant, unless the row says otherwise.  A rival runs in a process and one thread of its own, where
it is installed.  LIBMF and "AdaGrad" have the same step rule, cornac and Surprise a constant step.

MovieLens 1M is read from DIR/ml-1m/ratings.dat or DIR/ratings.dat (DIR: --data, else the variable
HOGWILD_TEST_DATA); without it, and for ML-20M, ratings of the same shape are generated.
"""

import argparse
import collections
import dataclasses
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peak_memory import Peak
from rivals_factors import REG, RIVALS, RivalFailed, installed_in, time_fits

from hogwild.data import MOVIELENS_SHAPES, Ratings, generate_ratings, read_ratings
from hogwild.kernels.compiled import have_numba
from hogwild.models import fit_factors

SHAPES = {"quick": (300, 200, 5_000)} | MOVIELENS_SHAPES
STEP = 0.003
MOST_FAILURES = 3  # LIBMF's old core hangs now and then: no reason to do without its other runs

Options = dict[str, Any]
ONE, TWO = "1 worker, shared table", "2 workers, shared table"

COMPILED: dict[str, Options] = {
    "serial": {"schedule": "serial"},
    ONE: {"n_workers": 1, "coordination": "shared"},
    TWO: {"n_workers": 2, "coordination": "shared"},
    "2 workers, Manager": {"n_workers": 2, "coordination": "manager"},
    "serial, AdaGrad": {"schedule": "serial", "step": "adagrad"},
    "2 workers, shared, AdaGrad": {"n_workers": 2, "coordination": "shared", "step": "adagrad"},
}
NUMPY: dict[str, Options] = {
    "numpy, serial": {"schedule": "serial", "kernel": "numpy"},
    "numpy, serial, AdaGrad": {"schedule": "serial", "kernel": "numpy", "step": "adagrad"},
}
# rows of two workers, and the row of one that each is compared with
SPEED_UPS = {
    TWO: ONE,
    "2 workers, Manager": ONE,
    "2 workers, shared, AdaGrad": "serial, AdaGrad",
}
RIVAL_ROWS = {"libmf": "LIBMF", "cornac": "cornac", "surprise": "Surprise"}


@dataclass(frozen=True)
class Figure:
    """One contender's measurement in one turn; nanoseconds a rating."""

    name: str
    k: int
    turn: int
    outside: float
    inside: float | None = None


# number of factors -> (outside, inside), nanoseconds a rating
Measure = Callable[[int], tuple[float, float | None]]


def run_ours(ratings: Ratings, k: int, epochs: int, options: Options) -> Any:
    """Return the fit, with the wall-clock seconds that it took."""
    chosen = {"kernel": "numba", "step": STEP, **options}
    begin = time.perf_counter()
    fit = fit_factors(
        ratings, n_factors=k, epochs=epochs, reg=REG, dtype="float32", seed=0, evaluate=False,
        **chosen,
    )  # fmt: skip
    return fit, time.perf_counter() - begin


def our_figures(
    ratings: Ratings, epochs: tuple[int, int], options: Options, k: int
) -> tuple[float, float]:
    (short, less), (long, more) = (run_ours(ratings, k, e, options) for e in epochs)
    # an epoch of FPSGD is a number of blocks, not quite a pass: count what was done
    done = [sum(row.updates for row in fit.history) for fit in (short, long)]
    later = long.history[1:]
    inside = sum(row.seconds for row in later) / sum(row.updates for row in later)
    return (more - less) / (done[1] - done[0]) * 1e9, inside * 1e9


def rival_figures(
    python: str, name: str, path: Path, n: int, epochs: tuple[int, int], timeout: float,
    library: str | None, k: int,
) -> tuple[float, None]:  # fmt: skip
    less, more = time_fits(python, name, path, k, epochs, timeout, library)
    return (more - less) / (epochs[1] - epochs[0]) / n * 1e9, None


def find_ratings(shape: str, folder: Path | None) -> tuple[str, Ratings]:
    """Return what the ratings are, in words, and the ratings."""
    if shape == "ml-1m" and folder is not None:
        for path in (folder / "ml-1m" / "ratings.dat", folder / "ratings.dat"):
            if path.exists():
                return "MovieLens 1M", read_ratings(path)
    return f"generated, shape {shape}", generate_ratings(*SHAPES[shape], seed=0)


def our_contenders(ratings: Ratings, given: argparse.Namespace) -> dict[str, Measure]:
    """Return our rows, each after a first fit of one epoch, in which numba compiles."""
    fast, slow = (2, 2 + given.epochs), (1, 1 + max(1, given.epochs // 20))
    rows: dict[str, tuple[Options, tuple[int, int]]] = {}
    if have_numba():
        rows |= {n: (o, fast) for n, o in COMPILED.items() if not (given.large and "AdaGrad" in n)}
    else:
        print("numba is not installed: no compiled rows; pip install 'hogwild[fast]'")
    if given.slow:
        rows |= {name: (options, slow) for name, options in NUMPY.items()}
    return {
        name: functools.partial(our_figures, ratings, epochs, options)
        for name, (options, epochs) in rows.items()
    }


def rival_contenders(path: Path, n: int, given: argparse.Namespace) -> dict[str, Measure]:
    """Return the rows of the rivals that are installed, LIBMF's first; say which are missing."""
    here = installed_in(given.python)
    rows: dict[str, tuple[str, str | None]] = {}
    for name, row in RIVAL_ROWS.items():
        if name != "libmf" and not given.slow:
            continue
        if name in here:
            rows[f"{row} {here[name]}"] = (name, None)
        else:
            print(f"{row} is not installed, and left out: pip install {RIVALS[name][0]}")
    if "libmf" in here:
        rows |= {f"LIBMF, {Path(build).parent.name}": ("libmf", build) for build in given.libmf}
    epochs = (2, 2 + max(1, given.epochs // 3))
    timeout = given.timeout or 20 + 2e-6 * n * sum(epochs)
    return {
        row: functools.partial(rival_figures, given.python, name, path, n, epochs, timeout, library)
        for row, (name, library) in rows.items()
    }


def take_turns(
    contenders: dict[str, Measure], ks: Iterable[int], turns: int, progress: bool
) -> Iterator[Figure]:
    """Run every contender once a turn at every k; leave out one that has failed too often."""
    failures: collections.Counter[str] = collections.Counter()
    for turn in range(turns):
        for k in ks:
            for name, measure in contenders.items():
                if failures[name] == MOST_FAILURES:
                    continue
                if progress:
                    print(f"\rturn {turn + 1}, k = {k}, {name:30}", end="", file=sys.stderr)
                try:
                    yield Figure(name, k, turn, *measure(k))
                except RivalFailed as failure:
                    failures[name] += 1
                    again = "" if failures[name] < MOST_FAILURES else "; it is not run again"
                    print(f"{name}, k = {k}, turn {turn + 1}: {failure}{again}")
    if progress:
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)


class Table:
    """The figures of all turns: medians, and medians of ratios within a turn."""

    def __init__(self, figures: list[Figure]) -> None:
        self.figures = figures
        self.names = list(dict.fromkeys(f.name for f in figures))
        self.ks = list(dict.fromkeys(f.k for f in figures))
        self._at = {(f.name, f.k, f.turn): f for f in figures}

    def median(self, name: str, k: int, kind: str = "outside") -> float | None:
        values = [getattr(f, kind) for f in self.figures if (f.name, f.k) == (name, k)]
        values = [v for v in values if v is not None]
        return statistics.median(values) if values else None

    def ratio(self, name: str, base: str, k: int) -> float | None:
        """Return the median over the turns of name's time over base's."""
        ratios = [
            f.outside / self._at[base, k, f.turn].outside
            for f in self.figures
            if (f.name, f.k) == (name, k) and (base, k, f.turn) in self._at
        ]
        return statistics.median(ratios) if ratios else None

    def _row(self, name: str, cells: Iterable[tuple[float | None, str]]) -> str:
        return f"{name:28}" + "".join(
            " " * len(format(0.0, form)) if value is None else format(value, form)
            for value, form in cells
        )

    def lines(self, rival: str | None) -> Iterator[str]:
        """Yield the tables, 80 columns at four numbers of factors."""
        yield "From outside (ns)" + (", and the ratio to LIBMF's time" if rival else "")
        yield f"{'k =':28}" + "".join(f"{k:7}{'':6}" for k in self.ks)
        for name in self.names:
            cells: list[tuple[float | None, str]] = []
            for k in self.ks:
                cells.append((self.median(name, k), "7.1f"))
                cells.append((self.ratio(name, rival, k) if rival else None, "6.2f"))
            yield self._row(name, cells)
        yield ""
        yield "Inside, by the history's seconds (ns), and how many times faster than one worker"
        for name in self.names:
            cells = []
            for k in self.ks:
                cells.append((self.median(name, k, "inside"), "7.1f"))
                slower = self.ratio(SPEED_UPS[name], name, k) if name in SPEED_UPS else None
                cells.append((slower, "6.2f"))
            if cells[0][0] is not None:
                yield self._row(name, cells)


def memory_lines(ratings: Ratings, k: int) -> Iterator[str]:
    """Yield, for one worker and two, the peak memory beside the bound of three times the data."""
    data = 12 * len(ratings)
    factors = 4 * k * (ratings.n_users + ratings.n_items)
    few = generate_ratings(*SHAPES["quick"], seed=0)
    yield (
        f"\nPeak memory of all processes, MB; ratings {data / 1e6:.0f} (12 bytes each), factors "
        f"{factors / 1e6:.0f};\n3 x ratings + factors = {(3 * data + factors) / 1e6:.0f}"
    )
    yield f"{'':28}{'peak':>8}{'so much with 5,000 ratings':>28}{'difference':>12}"
    kernel = "numba" if have_numba() else "numpy"
    rows = {name: COMPILED[name] | {"kernel": kernel} for name in (ONE, TWO)}
    empty = {}
    for name, options in rows.items():  # before the large fits: what they free may stay with us
        run_ours(few, k, 1, options)
        with Peak() as peak:
            run_ours(few, k, 20, options)
        # the large set is in memory already: it counts with the fit that uses it
        empty[name] = peak.bytes - data
    for name, options in rows.items():
        with Peak() as peak:
            run_ours(ratings, k, 2, options)
        yield (
            f"{name:28}{peak.bytes / 1e6:8.0f}{empty[name] / 1e6:28.0f}"
            f"{(peak.bytes - empty[name]) / 1e6:12.0f}"
        )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    folder = os.environ.get("HOGWILD_TEST_DATA")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=folder and Path(folder), metavar="DIR")
    parser.add_argument("--shape", choices=["ml-1m", "ml-20m"], default="ml-1m")
    parser.add_argument("-k", type=int, nargs="+", help="numbers of factors")
    parser.add_argument("--turns", type=int)
    parser.add_argument("--epochs", type=int, help="how many more the long fit has")
    parser.add_argument("--no-slow", dest="slow", action="store_false",
                        help="neither the numpy kernel, nor cornac and Surprise")  # fmt: skip
    parser.add_argument("--no-rivals", dest="rivals", action="store_false")
    parser.add_argument("--python", default=sys.executable,
                        help="the Python that has the rivals (default: this one)")  # fmt: skip
    parser.add_argument("--libmf", action="append", default=[], metavar="FILE",
                        help="another build of LIBMF's library, as a row of its own")  # fmt: skip
    parser.add_argument("--timeout", type=float,
                        help="a rival's seconds (default: 20, and 2 us an update)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true",
                        help="a tiny run, whose figures mean nothing")  # fmt: skip
    given = parser.parse_args(arguments)
    large = given.large = given.shape == "ml-20m"
    if given.quick:
        given.shape = "quick"
    for name, small, usual, big in (
        ("k", [8], [8, 32, 40, 100], [32]),
        ("turns", 1, 5, 3),
        ("epochs", 2, 60, 10),
    ):
        if getattr(given, name) is None:
            setattr(given, name, small if given.quick else big if large else usual)
    if large:
        given.slow = False
    if min(given.turns, given.epochs, *given.k) < 1:
        parser.error("-k, --turns and --epochs must be 1 or more")
    return given


def main() -> None:
    given = parse()
    title, ratings = find_ratings(given.shape, given.data)
    print(
        f"{title}: {len(ratings):,} ratings of {ratings.n_users:,} users and "
        f"{ratings.n_items:,} items;\n{len(os.sched_getaffinity(0))} processors, medians of "
        f"{given.turns} turns, nanoseconds a rating\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        contenders = our_contenders(ratings, given)
        rival = None
        if given.rivals:
            path = Path(folder, "ratings.npz")
            np.savez(path, u=ratings.u, i=ratings.i, r=ratings.r)
            rivals = rival_contenders(path, len(ratings), given)
            rival = next((name for name in rivals if name.startswith("LIBMF")), None)
            contenders = rivals | contenders
        for name in contenders.keys() & (COMPILED | NUMPY).keys():
            for k in given.k:  # numba compiles here, and not in what is timed
                run_ours(ratings.rows(slice(1000)), k, 1, (COMPILED | NUMPY)[name])
        figures = list(take_turns(contenders, given.k, given.turns, sys.stderr.isatty()))
    table = Table(figures)
    print("\n".join(table.lines(rival)))
    if given.large:
        print("\n".join(memory_lines(ratings, given.k[0])))
    if given.json:
        rows = [dataclasses.asdict(figure) for figure in figures]
        given.json.write_text(json.dumps({"ratings": title, "figures": rows}, indent=1))


if __name__ == "__main__":
    main()
