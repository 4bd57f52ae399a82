"""How long reading LIBSVM text takes, beside scikit-learn's reader, in one run.

    python benchmarks/read_libsvm.py [--a8a FILE] [--rows 100000] [--rounds 5]

Two files: the a8a set ten times over, where it is at hand (short lines, every value 1), and made
rows with 75 entries of 6 to 17 significant digits. The readers take turns, so that both see the
same machine; printed are medians and their ratio. The arrays read must be equal to the bit.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_svmlight_file

from hogwild.data import read_libsvm

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("HOGWILD_TEST_DATA", HERE.parent.parent / "shared" / "data"))


def write_floats(path: Path, n_rows: int) -> None:
    """Write rows of 75 entries whose values have 6 to 17 significant digits."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(n_rows):
            columns = np.sort(rng.integers(0, 47_236 - 75, 75)) + np.arange(1, 76)
            values, digits = rng.standard_normal(75), rng.integers(6, 18, 75)
            entries = zip(columns.tolist(), digits.tolist(), values.tolist(), strict=True)
            file.write("1 " + " ".join(map("%d:%.*g".__mod__, entries)) + "\n")


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long the call took, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def compare(name: str, path: Path, rounds: int) -> None:
    """Time both readers in turn and print one line."""
    ours, theirs = [], []
    for _ in range(rounds):
        taken, examples = seconds(lambda: read_libsvm(path))
        ours.append(taken)
        taken, (X, y) = seconds(lambda: load_svmlight_file(str(path), zero_based=False))
        theirs.append(taken)
    same = (
        np.array_equal(examples.indices, X.indices)
        and np.array_equal(examples.data.view(np.uint64), X.data.view(np.uint64))
        and np.array_equal(examples.y, y)
    )
    if not same:
        raise SystemExit(f"{name}: the two readers disagree")
    one, two = statistics.median(ours), statistics.median(theirs)
    print(
        f"{name:<12} {path.stat().st_size / 1e6:7.1f} MB {examples.nnz:>9} entries   "
        f"hogwild {one:6.3f} s ({one / examples.nnz * 1e9:4.0f} ns an entry)   "
        f"scikit-learn {two:6.3f} s   ratio {one / two:.2f}"
    )


def main() -> None:
    """Read the arguments, make the files in a temporary folder, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--a8a",
        type=Path,
        default=DATA / "libsvm" / "a8a",
        help="the a8a file; left out if missing (default: in the folder HOGWILD_TEST_DATA)",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the made file")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.txt")
        if arguments.a8a.exists():
            path.write_bytes(arguments.a8a.read_bytes() * 10)
            compare("a8a x 10", path, arguments.rounds)
        write_floats(path, arguments.rows)
        compare("6-17 digits", path, arguments.rounds)


if __name__ == "__main__":
    main()
