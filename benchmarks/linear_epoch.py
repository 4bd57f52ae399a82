"""One epoch of sparse logistic regression: this package beside scikit-learn's SGDClassifier.

    pip install '.[bench]' && python benchmarks/linear_epoch.py

Rows: 100,000 x 47,236 with 75 entries each (the shape of RCV1), features of a
power law, the commonest in nearly all rows (--exponent 0: all alike); L2, 1e-4.  The
contenders run in turn, several times, and the medians and the ratios within a turn are printed: a
shared machine drifts, a ratio within a turn drifts less.  An epoch's time is the time of its
updates; taking the objective after it, which scikit-learn does not do, has a column of its own.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

from hogwild import Examples, fit_linear
from hogwild.data import sparse_classification
from hogwild.kernels.compiled import have_numba

EPOCHS = 6


def sklearn_epoch(examples: Examples, **options: object) -> tuple[float, float]:
    from sklearn.linear_model import SGDClassifier

    X = examples.to_scipy()
    seconds = []
    for epochs in (1, EPOCHS):
        begin = time.perf_counter()
        SGDClassifier(max_iter=epochs, tol=None, random_state=0, **options).fit(X, examples.y)
        seconds.append(time.perf_counter() - begin)
    return (seconds[1] - seconds[0]) / (EPOCHS - 1), 0.0


def our_epoch(examples: Examples, **options: object) -> tuple[float, float]:
    fit = fit_linear(
        examples, loss="logistic", penalty="l2", reg=1e-4, epochs=EPOCHS, seed=0, **options
    )
    later = fit.history[1:]
    return (
        statistics.median(record.seconds for record in later),
        statistics.median(record.evaluation_seconds for record in later),
    )


def contenders(slow: bool) -> dict[str, Callable[[Examples], tuple[float, float]]]:
    found: dict[str, Callable[[Examples], tuple[float, float]]] = {
        "SGDClassifier(), its defaults": lambda e: sklearn_epoch(e),
        "SGDClassifier(loss='log_loss')": lambda e: sklearn_epoch(e, loss="log_loss"),
    }
    if have_numba():
        found |= {
            "numba, serial": lambda e: our_epoch(e, kernel="numba", schedule="serial"),
            "numba, 1 worker": lambda e: our_epoch(e, kernel="numba", n_workers=1),
            "numba, 2 workers": lambda e: our_epoch(e, kernel="numba", n_workers=2),
            "numba, 2 workers, atomic": lambda e: our_epoch(
                e, kernel="numba", n_workers=2, write="atomic"
            ),
        }
    if slow:
        found |= {
            "numpy, batch_size=1": lambda e: our_epoch(e, kernel="numpy", schedule="serial"),
            "numpy, batch_size=128": lambda e: our_epoch(
                e, kernel="numpy", schedule="serial", batch_size=128
            ),
            "numpy, batch_size=512": lambda e: our_epoch(
                e, kernel="numpy", schedule="serial", batch_size=512
            ),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=47_236)
    parser.add_argument("--entries", type=int, default=75, help="entries a row")
    parser.add_argument("--exponent", type=float, default=1.0, help="of the features' frequencies")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--no-numpy", action="store_true", help="leave the slow kernels out")
    given = parser.parse_args()
    examples, _ = sparse_classification(
        given.rows, given.features, given.entries, seed=0, exponent=given.exponent
    )
    found = contenders(not given.no_numpy)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for _ in range(given.turns):
        for name, run in found.items():
            times[name].append(run(examples))
    defaults, logistic = list(found)[:2]
    print(
        f"{examples!r}, {len(os.sched_getaffinity(0))} processors, medians of {given.turns} turns"
    )
    print(f"{'':32}{'ms an epoch':>12}{'/ defaults':>11}{'/ log_loss':>11}{'objective, ms':>15}")
    for name, runs in times.items():
        epoch = statistics.median(seconds for seconds, _ in runs)
        ratios = [
            statistics.median(
                ours[0] / theirs[0] for ours, theirs in zip(runs, times[rival], strict=True)
            )
            for rival in (defaults, logistic)
        ]
        objective = statistics.median(seconds for _, seconds in runs)
        print(
            f"{name:32}{epoch * 1e3:12.1f}{ratios[0]:11.2f}{ratios[1]:11.2f}{objective * 1e3:15.1f}"
        )


if __name__ == "__main__":
    main()
