"""Was that FPSGD?  Runs are recorded, their traces held against the rules, and replayed.

Called by ``fpsgd``.
"""

from dataclasses import asdict, dataclass
from typing import Any

from hogwild.models.factor_replay import replay_factors
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_race import FIELD, NAMES
from hogwild.reproduce.fpsgd_runs import fit
from hogwild.reproduce.overlap import overlap
from hogwild.reproduce.parts import Column, Say, Section, Table

WORKERS = 2


@dataclass(frozen=True)
class Proof:
    """What the trace of a run with two workers shows.

    `broken` is the rule that it breaks, in a sentence, or None; `conflicts` counts pairs of blocks
    that were held at once and may touch the same numbers; `same` tells whether one process got the
    same bits from the blocks in the order of their acquires, None where there is no such order.
    """

    schedule: str
    n_events: int
    overlap: float
    broken: str | None
    conflicts: int
    same: bool | None


def measure(split: Split, plan: Plan, say: Say) -> list[Proof]:
    """Record, check and replay a run of each schedule."""
    found = []
    for schedule in ("fpsgd", "dsgd", "hogwild"):
        run = fit(
            split, plan, schedule=schedule, n_workers=WORKERS, epochs=plan.timed_epochs,
            validation=None, trace=True, **FIELD[schedule],
        )  # fmt: skip
        trace = run.trace
        if trace is None:
            continue
        conflicts = len(trace.conflicts())
        same = None if conflicts else replay_factors(trace, split.train).same
        found.append(
            Proof(schedule, len(trace.events), overlap(trace), trace.check(), conflicts, same)
        )
    say(f"  {len(found)} runs recorded, checked, replayed")
    return found


def data(found: list[Proof]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(each) for each in found]


def section(found: list[Proof], plan: Plan) -> Section:
    """Return the part of the report."""
    rows = [
        [NAMES[each.schedule], each.n_events, each.overlap, each.broken or "kept", each.conflicts,
         {True: "the same", False: "other bits", None: None}[each.same]]
        for each in found
    ]  # fmt: skip
    columns = [Column("schedule"), Column("events", "d"), Column("overlap", ".0%")]
    columns += [Column("rules"), Column("conflicts", "d"), Column("replay's bits")]
    return Section(
        "A run that can be checked, and replayed",
        [
            f"Every acquire and release of {plan.timed_epochs} epochs of {WORKERS} workers was "
            "recorded. Held against the rules: a block is free when it is taken; under FPSGD it is "
            "one of those with the fewest updates, under DSGD of the next stratum; each is "
            "returned by its holder. Then one process went through the blocks in the order of "
            "their acquires. " + _verdict(found),
        ],
        [
            Table(
                f"Recorded runs of {WORKERS} workers", columns, rows,
                "Overlap: share of the time in which both held a block. Conflicts: pairs of blocks "
                "held at once that may touch the same user or item; under HogWild any two may, and "
                "no order is sure to give the same bits.",
            )
        ],
        code="fit.trace.check(); replay_factors(fit.trace, train).same",
    )  # fmt: skip


def _verdict(found: list[Proof]) -> str:
    kept = [each for each in found if each.broken is None]
    same = [NAMES[each.schedule] for each in found if each.same]
    text = f"{len(kept)} of {len(found)} runs keep their rules"
    return (
        f"{text}; {' and '.join(same)} came out the same to the last bit." if same else f"{text}."
    )
