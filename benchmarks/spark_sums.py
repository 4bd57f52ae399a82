"""One sum over all rows on Spark: what it costs above the same sum on this machine.

    pip install '.[spark]' && python benchmarks/spark_sums.py            # local[2], Java 17

First the most memory that Spark's process and one Python worker held while two partitions were
packed, and while they were summed: the worker makes its rows by itself, so the driver holds none.

Then, for rows of three sizes, the logistic gradient at w = 0, two partitions, in turn, after a
warm-up; medians, in ms:

passing   the kept rows on their way from Spark to Python, without a sum
Spark     ``SparkPartitions.tree_aggregate``
local     ``LocalPartitions``, one process
"""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from peak_memory import family

from hogwild.engine.spark import each_partition, send_package
from hogwild.engine.spark_session import spark_context
from hogwild.mllib import LocalPartitions, LogisticGradient, Rows, SparkPartitions
from hogwild.mllib.cost import sums_at

SIZES = ((1_000, 20), (50_000, 100), (500_000, 100))


@dataclass(frozen=True)
class Made:
    """Rows that an executor draws."""

    n_rows: int
    n_features: int

    def __call__(self, seed: int) -> Rows:
        random = np.random.default_rng(seed)
        X = random.random((self.n_rows, self.n_features))
        return Rows(X, (random.random(self.n_rows) > 0.5).astype(float))


def passed(partition: int, pieces: Iterator[Any]) -> int:
    """Take all."""
    return sum(1 for _ in pieces)


def times(context: Any, n_rows: int, n_features: int, turns: int) -> None:
    local = LocalPartitions(tuple(Made(n_rows, n_features)(0)))
    w, gradient = np.zeros(n_features), LogisticGradient()
    with SparkPartitions.of(context, local) as data:
        kept = data._kept.rdd
        ways: dict[str, Callable[[], object]] = {
            "passing": lambda: each_partition(kept, passed),
            "Spark": lambda: sums_at(data, gradient, w),
            "local": lambda: sums_at(local, gradient, w),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(-turns // 2, turns):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if turn >= 0:
                    found[name].append(1e3 * (time.perf_counter() - start))
        same = sums_at(data, gradient, w).gradient == sums_at(local, gradient, w).gradient
    line = "  ".join(f"{name} {statistics.median(some):7.1f}" for name, some in found.items())
    print(f"{n_rows:9,} x {n_features}: {line}   same bits: {same.all()}", flush=True)


def memory(context: Any, n_rows: int, n_features: int) -> None:
    send_package(context)
    each = 8e-6 * n_rows * (n_features + 1)
    numbers = context.parallelize(range(2), 2)
    with Watch(context) as packing:
        data = SparkPartitions(numbers.map(Made(n_rows, n_features)))
    with Watch(context) as summing:
        for _ in range(5):
            sums_at(data, LogisticGradient(), np.zeros(n_features))
    data.close()
    print(f"two partitions of {each:.0f} MB, peak in MB:  {packing} packing  {summing} summing")


class Watch:
    """The largest resident sizes, in MB, of Spark's process and of a Python worker meanwhile."""

    def __init__(self, context: Any):
        self._spark = context._gateway.proc.pid
        self._most = [0.0, 0.0]

    def __enter__(self) -> "Watch":
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE") / 1e6
        while not self._done.wait(0.02):
            for place, process in enumerate(family(self._spark)):
                try:
                    with open(f"/proc/{process}/statm") as file:
                        held = page * int(file.read().split()[1])
                except OSError:
                    continue  # ended since
                self._most[place > 0] = max(self._most[place > 0], held)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def __str__(self) -> str:
        return f"Spark {self._most[0]:.0f}, a worker {self._most[1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--turns", type=int, default=41)
    parser.add_argument("--memory", default="4g", help="of Spark's process on this machine")
    args = parser.parse_args()
    settings = {"spark.driver.memory": args.memory}
    with spark_context(args.master, settings=settings) as context:
        memory(context, 500_000, 100)
        for n_rows, n_features in SIZES:
            times(context, n_rows, n_features, args.turns)


if __name__ == "__main__":
    main()
