"""What the workers cost, and how soon a dead one is known: start, round trip, kill to error.

    pip install . && python benchmarks/workers.py

Two workers under each start method that this system has.  *Round trip*: one call that gives each
worker a task which does nothing, as an epoch does.  *Kill*: SIGKILL reaches a worker in the middle
of a fit; the time until the caller has the error, and whether any process is left.
"""

import argparse
import multiprocessing
import os
import signal
import statistics
import threading
import time

import numpy as np

from hogwild import fit_linear
from hogwild.data import sparse_classification
from hogwild.engine import Pool
from hogwild.errors import WorkerDied


def start_and_round_trip(start_method: str, calls: int) -> tuple[float, float]:
    begin = time.perf_counter()
    with Pool(2, start_method=start_method) as pool:
        started = time.perf_counter() - begin
        trips = []
        for _ in range(calls):
            begin = time.perf_counter()
            pool.run_on_each(abs, [1, 2])
            trips.append(time.perf_counter() - begin)
    return started, statistics.median(trips)


def kill_to_error(start_method: str) -> float:
    examples, _ = sparse_classification(20_000, 1_000, 20, seed=0)
    killed = []

    def kill_one(record: object) -> None:
        if record.epoch == 2:  # type: ignore[attr-defined]
            victim = multiprocessing.active_children()[0].pid
            threading.Timer(
                0.05, lambda: (killed.append(time.monotonic()), os.kill(victim, signal.SIGKILL))
            ).start()

    try:
        fit_linear(
            examples, loss="logistic", kernel="numpy", epochs=10_000, n_workers=2, seed=0,
            start_method=start_method, callback=kill_one,
        )  # fmt: skip
    except WorkerDied:
        seen = time.monotonic()
        if multiprocessing.active_children():
            raise RuntimeError("a worker is left") from None
        return seen - killed[0]
    raise RuntimeError("the fit went on without its worker")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    print(f"two workers, {len(os.sched_getaffinity(0))} processors, {turns} turns")
    print(f"{'':12}{'start, ms':>12}{'round trip, ms':>16}{'kill to error, ms':>19}{'worst':>8}")
    for start_method in multiprocessing.get_all_start_methods():
        pairs = [start_and_round_trip(start_method, 200) for _ in range(turns)]
        start, trip = np.median(np.array(pairs), axis=0) * 1e3
        kills = [kill_to_error(start_method) * 1e3 for _ in range(turns)]
        print(
            f"{start_method:12}{start:12.1f}{trip:16.3f}{statistics.median(kills):19.1f}{max(kills):8.1f}"
        )


if __name__ == "__main__":
    main()
