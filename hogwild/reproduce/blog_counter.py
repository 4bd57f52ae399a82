"""The simplest honest measure of lost updates: add 1 to shared numbers; what lacks was lost.

Exact, for doubles hold whole numbers exactly.  All workers start at one barrier, and it is measured
how many processors were at work, for workers that take turns lose nothing.

Called by ``blog``.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.engine.shared import SharedArray
from hogwild.engine.workers import Pool
from hogwild.reproduce.blog_plan import Plan
from hogwild.reproduce.machine import start_method
from hogwild.reproduce.parts import Column, Say, Section, Table

AT_ONCE = 5  # numbers in one addition, as many as a row has features in the training steps
PATIENCE = 60.0  # seconds for all workers to reach the barrier

_shared: tuple[SharedArray, Any] | None = None  # a worker's own; set by the Pool's initializer


def _open(counters: SharedArray, barrier: Any) -> None:
    global _shared
    _shared = counters, barrier


def _plain(counters: np.ndarray, places: np.ndarray) -> None:
    for ix in places:
        counters[ix] += 1.0


def _add_at(counters: np.ndarray, places: np.ndarray) -> None:
    add = np.add.at
    for ix in places:
        add(counters, ix, 1.0)


OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "a[ix] += 1": _plain,
    "np.add.at(a, ix, 1)": _add_at,
}


def _count(task: tuple[str, int, int, int]) -> tuple[float, float, float]:
    """Add; return when it began and ended, and the processor's seconds that it took."""
    name, length, calls, seed = task
    if _shared is None:
        raise RuntimeError("this process was not started by the counter's pool")
    counters, barrier = _shared
    random = np.random.default_rng(seed)
    # neighbours, so all different: with a repeated number `a[ix] += 1` loses by itself
    places = (random.integers(length, size=(calls, 1)) + np.arange(min(AT_ONCE, length))) % length
    barrier.wait(PATIENCE)
    begin, used = time.monotonic(), time.process_time()
    OPERATIONS[name](counters.array[:length], places)
    return begin, time.monotonic(), time.process_time() - used


@dataclass(frozen=True)
class Counted:
    """The runs of one operation, number of workers and length of the shared array.

    `lost` is a share of the additions wanted; `at_work` the mean number of processors in use.
    """

    operation: str
    length: int
    n_workers: int
    wanted: int
    lost: list[float]
    at_work: list[float]


def run(plan: Plan, say: Say) -> list[Counted]:
    """Return all measurements."""
    found = []
    context = multiprocessing.get_context(start_method())
    for n_workers in plan.workers:
        counters = SharedArray(max(plan.counts))
        barrier = context.Barrier(n_workers)
        with Pool(
            n_workers, _open, (counters, barrier), start_method=start_method(), timeout=2 * PATIENCE
        ) as pool:
            for length in plan.counts:
                for name in OPERATIONS:
                    found.append(_measure(pool, counters, name, length, n_workers, plan))
        say(f"  {n_workers} worker{'s' if n_workers > 1 else ''} on one shared array")
    return found


def _measure(
    pool: Pool, counters: SharedArray, name: str, length: int, n_workers: int, plan: Plan
) -> Counted:
    wanted = n_workers * plan.calls * min(AT_ONCE, length)
    counted = Counted(name, length, n_workers, wanted, [], [])
    for number in range(plan.runs):
        counters.array[:] = 0.0
        tasks = [(name, length, plan.calls, n_workers * number + p) for p in range(n_workers)]
        spans = pool.run_on_each(_count, tasks)
        counted.lost.append((wanted - float(counters.array.sum())) / wanted)
        wall = max(end for _, end, _ in spans) - min(begin for begin, _, _ in spans)
        counted.at_work.append(sum(used for _, _, used in spans) / wall if wall > 0 else 0.0)
    return counted


def data(found: list[Counted]) -> list[dict[str, Any]]:
    """Return every run, for report.json."""
    return [asdict(counted) for counted in found]


def section(found: list[Counted], plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "A shared counter",
        [
            f"Each worker adds 1 to {AT_ONCE} neighbouring numbers of a shared array, {plan.calls} "
            "times, at places drawn at random; what the sum lacks was overwritten. This is exact, "
            f"and measures nothing but the write: {plan.runs} runs a cell, all workers let go at "
            "one barrier.",
            _comparison(found),
        ],
        [
            _table(
                "Share of additions to n shared numbers that were lost: median of the runs",
                found,
                False,
            ),
            _table("The same: the worst of the runs", found, True),
        ],
    )


def _comparison(found: list[Counted]) -> str:
    together = {
        name: statistics.mean(
            lost for c in found if c.operation == name and c.n_workers > 1 for lost in c.lost
        )
        for name in OPERATIONS
        if any(c.operation == name and c.n_workers > 1 for c in found)
    }
    if not together:
        return "There was no run with several workers."
    parts = [f"{name} lost {100 * lost:.2g} % of all additions" for name, lost in together.items()]
    text = "Over all runs with several workers, " + " and ".join(parts)
    plain, apart = (together.get(name, 0.0) for name in OPERATIONS)
    return text + (
        f": about {float(f'{plain / apart:.1g}'):,.0f} times fewer." if plain > apart > 0.0 else "."
    )


def _table(caption: str, found: list[Counted], worst: bool) -> Table:
    lengths = sorted({c.length for c in found})
    columns = [Column("operation"), Column("workers", "d")]
    columns += [Column(f"n = {n}", "share") for n in lengths]
    columns += [] if worst else [Column("at work", ".2f")]
    rows = []
    for name in OPERATIONS:
        for n_workers in sorted({c.n_workers for c in found}):
            line = [c for c in found if (c.operation, c.n_workers) == (name, n_workers)]
            lost = {c.length: max(c.lost) if worst else statistics.median(c.lost) for c in line}
            at_work = statistics.median(each for c in line for each in c.at_work)
            rows.append(
                [name, n_workers, *(lost.get(n) for n in lengths), *([] if worst else [at_work])]
            )
    note = "At work: processors in use on average, from the first start to the last end."
    return Table(caption, columns, rows, "" if worst else note)
