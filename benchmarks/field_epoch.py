"""One epoch of a field-aware factorization machine: this package, and libFFM where it is installed.

    pip install '.[fast]' pylibffm && python benchmarks/field_epoch.py
    python benchmarks/field_epoch.py --rows 1000000 --no-rival

Nanoseconds a pair of entries.  The rows have one entry of value 1 in each of 39 fields, 741 pairs;
the fields' sizes grow from some ten features to a hundred thousand, 527,304 in all, and within a
field the feature of rank r comes with a probability of about 1 / r: a long tail.

The contenders run in turn, several times; printed are medians over the turns, and medians of the
ratios within a turn: a shared machine drifts, a ratio within a turn drifts less.  Ours is the
median of an epoch's seconds as the history tells them, without the first epoch, which pays for
touching new memory.  libFFM tells seconds to one decimal only, so it is the difference of a long
and a short run over the epochs between, in a process and one thread of its own: pylibffm is
libFFM's SSE build.  Beside the wall clock stands the processor's time, where one process does all:
on a machine that others use too it says more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hogwild.data import FieldRows
from hogwild.kernels.compiled import have_numba
from hogwild.models import fit_ffm

SERIAL, ONE, TWO = "serial, in this process", "1 worker", "2 workers"
RIVAL = "libFFM (pylibffm), 1 thread"

Figure = tuple[float, float | None]  # wall clock and processor, nanoseconds a pair

RIVAL_CODE = """
import sys, tempfile, time
import numpy as np, pylibffm, scipy.sparse as sp
data = np.load(sys.argv[1])
features, y, k, epochs = data["features"], data["y"], int(sys.argv[2]), int(sys.argv[3])
n, m = features.shape
indptr = np.arange(n + 1) * m
X = sp.csr_matrix((np.ones(n * m, np.float32), features.ravel(), indptr), (n, features.max() + 1))
fields = np.zeros(X.shape[1], np.int32)
for field in range(m):
    fields[features[:, field]] = field
with tempfile.TemporaryDirectory() as folder:
    path, _ = pylibffm.api.make_bin(folder, X, y, fields)
    seconds = []
    for more in (1, 1 + epochs):
        begin = np.array([time.perf_counter(), time.process_time()])
        pylibffm.train_with_bin(path, {"k": k, "nr_iters": more})
        seconds.append(np.array([time.perf_counter(), time.process_time()]) - begin)
print("seconds", *(seconds[1] - seconds[0]) / epochs)
"""


def long_tail_rows(n_rows: int, n_fields: int, n_features: int, seed: int = 0) -> FieldRows:
    """Return rows of one feature a field, of ranks distributed as 1 / rank, labels at random."""
    rng = np.random.default_rng(seed)
    sizes = np.geomspace(10.0, 100_000.0, n_fields)
    sizes = np.maximum(2, sizes * n_features / sizes.sum()).astype(int)
    sizes[-1] += n_features - sizes.sum()
    starts = np.cumsum(sizes) - sizes
    features = np.empty((n_rows, n_fields), np.int32)
    for field, (size, start) in enumerate(zip(sizes, starts, strict=True)):
        rank = np.exp(rng.random(n_rows) * np.log(size + 1.0)) - 1.0
        features[:, field] = start + np.minimum(rank.astype(np.int32), size - 1)
    return FieldRows(
        np.arange(n_rows + 1) * n_fields,
        np.tile(np.arange(n_fields, dtype=np.int32), n_rows),
        features.ravel(),
        np.ones(n_rows * n_fields, np.float32),
        rng.random(n_rows) < 0.25,
        n_features=n_features,
    )


def ours(rows: FieldRows, k: int, epochs: int, schedule: str, n_workers: int) -> Figure:
    """Return the medians over the epochs behind the first."""
    processor: list[float] = []
    fit = fit_ffm(
        rows, n_factors=k, epochs=1 + epochs, schedule=schedule, n_workers=n_workers, seed=0,
        kernel="numba", callback=lambda row: processor.append(time.process_time()),
    )  # fmt: skip
    unit = 1e9 / rows.n_pairs
    wall = statistics.median(row.seconds for row in fit.history[1:]) * unit
    return wall, statistics.median(np.diff(processor)) * unit if schedule == "serial" else None


def rival(rows: FieldRows, k: int, epochs: int, python: str) -> Figure:
    """Return libFFM's figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.npz")
        features = rows.features.reshape(len(rows), -1)
        np.savez(path, features=features, y=rows.y)
        done = subprocess.run(
            [python, "-c", RIVAL_CODE, str(path), str(k), str(epochs)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    wall, processor = (float(word) / rows.n_pairs * 1e9 for word in done.stdout.split()[-2:])
    return wall, processor


def has_rival(python: str) -> bool:
    """Tell whether that Python has libFFM."""
    look = [python, "-c", "import pylibffm, scipy"]
    return subprocess.run(look, capture_output=True, check=False).returncode == 0


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--fields", type=int, default=39)
    parser.add_argument("--features", type=int, default=527_304)
    parser.add_argument("-k", type=int, default=4, help="factors")
    parser.add_argument("--epochs", type=int, default=5, help="that are timed, in every turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--no-rival", dest="rival", action="store_false")
    parser.add_argument("--python", default=sys.executable,
                        help="the Python that has pylibffm (default: this one)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true",
                        help="a tiny run, whose figures mean nothing")  # fmt: skip
    given = parser.parse_args(arguments)
    if given.quick:
        given.rows, given.features, given.epochs, given.turns = [500], 2_000, 1, 1
    if min(*given.rows, given.fields, given.features, given.k, given.epochs, given.turns) < 1:
        parser.error("all counts must be 1 or more")
    return given


def main() -> None:
    given = parse()
    if not have_numba():
        raise SystemExit("the compiled kernel needs numba: pip install 'hogwild[fast]'")
    contenders: dict[str, Callable[[FieldRows], Figure]] = {
        SERIAL: lambda rows: ours(rows, given.k, given.epochs, "serial", 1),
        ONE: lambda rows: ours(rows, given.k, given.epochs, "hogwild", 1),
        TWO: lambda rows: ours(rows, given.k, given.epochs, "hogwild", 2),
    }
    if given.rival and has_rival(given.python):
        contenders[RIVAL] = lambda rows: rival(rows, given.k, given.epochs, given.python)
    elif given.rival:
        print("libFFM is not installed, and left out: pip install pylibffm")
    figures = []
    for n_rows in given.rows:
        rows = long_tail_rows(n_rows, given.fields, given.features)
        print(
            f"{n_rows:,} rows of {given.fields} fields, {given.features:,} features, "
            f"k = {given.k}, {rows.n_pairs / n_rows:.0f} pairs a row;\n"
            f"{len(os.sched_getaffinity(0))} processors, medians of {given.turns} turns, "
            "nanoseconds a pair"
        )
        turns = [
            {name: measure(rows) for name, measure in contenders.items()}
            for _ in range(given.turns)
        ]
        print(f"{'':28}{'wall':>7}{'best':>7}{'processor':>11}{'speed of 1 worker':>19}")
        for name in contenders:
            wall = [turn[name][0] for turn in turns]
            busy = [turn[name][1] for turn in turns if turn[name][1] is not None]
            ratio = statistics.median(turn[ONE][0] / turn[name][0] for turn in turns)
            processor = f"{statistics.median(busy):.2f}" if busy else ""
            print(f"{name:28}{statistics.median(wall):7.2f}{min(wall):7.2f}{processor:>11}"
                  f"{ratio:16.2f} x")  # fmt: skip
        figures.append({"rows": n_rows, "k": given.k, "turns": turns})
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
