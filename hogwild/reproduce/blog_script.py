"""The post's program itself, one pass a seed, and its time beside that of a plain loop.

Needs the start method "fork", as the program does; elsewhere it is left out, in one sentence.

Called by ``blog``.
"""

import multiprocessing
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.data import blog_start
from hogwild.reference import hogwild as script
from hogwild.reproduce.blog_plan import Plan
from hogwild.reproduce.parts import Column, Say, Section, Table


@dataclass(frozen=True)
class ScriptRun:
    """One pass of the program: its two figures, and seconds of the pool and of the plain loop."""

    seed: int
    loss: float
    distance: float
    parallel_seconds: float
    serial_seconds: float


def run(plan: Plan, say: Say) -> list[ScriptRun]:
    """Return one run a seed; none where processes can't be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return []
    runs = [_one_pass(seed, plan) for seed in plan.seeds]
    say(f"  {len(runs)} seeds, one pass each")
    return runs


def _one_pass(seed: int, plan: Plan) -> ScriptRun:
    X, y, w_true = script.make_data(seed, n_rows=plan.blog_rows)
    script.share(blog_start(seed))
    begin = time.monotonic()
    script.parallel_pass(X, y)
    parallel = time.monotonic() - begin
    loss, distance = script.report(X, y, script.w, w_true)
    weights = blog_start(seed)
    begin = time.monotonic()
    script.serial_pass(X, y, weights)
    return ScriptRun(seed, loss, distance, parallel, time.monotonic() - begin)


def data(runs: list[ScriptRun]) -> list[dict[str, Any]]:
    """Return every run, for report.json."""
    return [asdict(run) for run in runs]


def section(runs: list[ScriptRun]) -> Section:
    """Return the part of the report."""
    title = "The post's own program"
    if not runs:
        return Section(
            title, ["It needs the start method 'fork', which this system does not have."]
        )
    slower = statistics.median(run.parallel_seconds / run.serial_seconds for run in runs)
    columns = [Column("seed"), Column("mean |error|", ".5f"), Column("sum |w_true − w|", ".4f")]
    columns += [Column(f"Pool({script.PROCESSES}), s", ".3f"), Column("plain loop, s", ".3f")]
    rows = [list(asdict(run).values()) for run in runs]
    return Section(
        title,
        [
            f"One pass of the program as the post has it: every row is pickled and sent to one of "
            f"{script.PROCESSES} processes. The plain loop makes the same steps in one process; "
            f"the pool took {slower:.1f} times its time (median of {len(runs)} seeds)."
        ],
        [Table("One pass of the post's program", columns, rows, timed=True)],
    )
