"""Who waits?  Idle shares of one to 64 workers in virtual time, and what coordination costs.

Shows why a grid of s x s starves blocks and (s + 1) x (s + 1) does not (section 4.1), and from
which size of blocks on a Manager's calls can be afforded.

Called by ``fpsgd``.
"""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.engine.coordination import serve
from hogwild.engine.dsgd import DSGD, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.loop import context_of
from hogwild.engine.schedules import Schedule
from hogwild.engine.simulate import simulate
from hogwild.reproduce.fpsgd_costs import block_sizes
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_published import THREADS
from hogwild.reproduce.fpsgd_race import NAMES, Race
from hogwild.reproduce.machine import start_method
from hogwild.reproduce.parts import Column, Curve, Figure, Say, Section, Table, between

KINDS = ("DSGD, s x s", "FPSGD, s x s", "FPSGD, (s + 1) x (s + 1)", "FPSGD, 2s x 2s")
WAYS = ("free", "shared", "manager")


@dataclass(frozen=True)
class Busy:
    """A schedule with so many virtual workers; updates are those of a block."""

    kind: str
    n_workers: int
    busy: float
    fewest: int
    most: int
    never: int


@dataclass(frozen=True)
class Coordinated:
    """Eight virtual workers on b x b blocks: the busy share by what a call costs."""

    bands: int
    block_seconds: float
    busy: dict[str, float]


@dataclass(frozen=True)
class Idle:
    """Real idle shares by schedule and workers, virtual ones, and seconds of a call."""

    real: list[tuple[str, int, float]]
    virtual: list[Busy]
    calls: dict[str, float]
    coordinated: list[Coordinated]


def measure(split: Split, plan: Plan, race: Race, say: Say) -> Idle:
    """Return idle shares: of the real runs, and in virtual time."""
    ns = statistics.median(run.ns for run in race.of("fpsgd", 1))
    most = min(split.train.n_users, split.train.n_items)
    virtual = [
        _busy(split, plan, kind, s, bands)
        for s in plan.workers
        for kind, bands in zip(KINDS, (s, s, s + 1, 2 * s), strict=True)
        if bands <= min(most, max(plan.workers) + 1)  # larger grids take long, and add little
    ]
    say(f"  {len(virtual)} simulations with up to {max(plan.workers)} workers")
    calls = {"free": 0.0, **{way: call_seconds(way, plan.calls) for way in WAYS[1:]}}
    bands = [b for b in (THREADS + 1, 2 * THREADS + 1, 32, 64) if b <= most]
    real = [
        (schedule, n, statistics.median(run.idle for run in race.of(schedule, n)))
        for schedule, n in race.kinds()
    ]
    return Idle(real, virtual, calls, [_coordinated(split, b, ns, calls) for b in bands])


def _busy(split: Split, plan: Plan, kind: str, s: int, bands: int) -> Busy:
    sizes, random = block_sizes(split, bands).astype(float), np.random.default_rng(s)
    schedule: Schedule
    if kind.startswith("DSGD"):
        schedule = DSGD((bands, bands))
        found = simulate(
            schedule, s, sizes, epochs=plan.virtual_epochs,
            order=lambda epoch: strata_order(bands, random, "wor"),
        )  # fmt: skip
    else:
        schedule = FPSGD((bands, bands), s)
        found = simulate(schedule, s, sizes, epochs=plan.virtual_epochs, barrier=False)
    updates = found.updates
    return Busy(
        kind, s, found.busy_share, int(updates.min()), int(updates.max()), int((updates == 0).sum())
    )


def _coordinated(split: Split, bands: int, ns: float, calls: dict[str, float]) -> Coordinated:
    costs = block_sizes(split, bands) * ns / 1e9
    workers = min(THREADS, bands - 1)
    busy = {
        way: simulate(
            FPSGD((bands, bands), 0), workers, costs, epochs=3, barrier=False, overhead=seconds
        ).busy_share
        for way, seconds in calls.items()
    }
    return Coordinated(bands, float(costs.mean()), busy)


def call_seconds(coordination: str, calls: int) -> float:
    """Return what one call (a block back, the next one out) takes, with nobody else calling."""
    context = context_of(start_method())
    served = serve(FPSGD((9, 9), 0), coordination, context)
    try:
        served.start(np.zeros(calls + 1, np.int64), np.ones(calls + 1, np.int64))
        grant, spent = served.acquire(0), []
        for _ in range(calls):
            if grant is None:
                break
            begin = time.perf_counter()
            _, grant = served.swap(0, grant)
            spent.append(time.perf_counter() - begin)
    finally:
        served.close()
    return statistics.median(spent)


def data(found: Idle) -> dict[str, Any]:
    """Return everything, for report.json."""
    return asdict(found)


def section(found: Idle, plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "Who waits",
        [
            "A worker is idle while it holds no block. The first table is of real runs with the "
            "processors here, on their small default grids; an epoch takes some milliseconds, so "
            "that its start and its end, where workers and parent wait for each other, weigh "
            f"much. The rest is virtual time: {plan.virtual_epochs} epochs without such a "
            "barrier, blocks that cost as much as they have ratings.",
            _starved(found),
            _calls(found),
        ],
        [_real_table(found), _busy_table(found, plan), _starved_table(found), _calls_table(found)],
        [_figure(found)],
    )


def _starved(found: Idle) -> str:
    several = [row.n_workers for row in found.virtual if row.n_workers > 1]
    if not several:
        return "There was no simulation with several workers."
    s = THREADS if THREADS in several else max(several)
    square, wider = (
        next(row for row in found.virtual if (row.kind, row.n_workers) == (kind, s))
        for kind in KINDS[1:3]
    )
    return (
        "Under FPSGD on s x s blocks no worker waits either, but each gets back the block that it "
        f"has just returned: of {s**2} blocks, {square.never} were never updated by {s} workers, "
        f"and one was {square.most} times. On {s + 1} x {s + 1} every block got "
        f"{between([wider.fewest, wider.most], 'd')} updates. With many workers a grid of "
        "2s x 2s, which is what the authors' program LIBMF 1.0 takes, keeps the counts closer "
        "together: the third table."
    )


def _calls(found: Idle) -> str:
    shared, manager = (1e6 * found.calls[way] for way in WAYS[1:])
    return (
        f"To give a block back and get the next takes {manager:.0f} µs of a Manager and "
        f"{shared:.0f} µs in shared memory, measured here, one caller. Calls are made one at a "
        "time, so they bound how many blocks all workers together can take: with "
        f"{THREADS} workers the last table shows where blocks get too small for that."
    )


def _real_table(found: Idle) -> Table:
    rows = [[NAMES[schedule], n, share] for schedule, n, share in found.real]
    return Table(
        "Idle share of the workers' time, real runs",
        [Column("schedule"), Column("workers", "d"), Column("idle", ".1%")],
        rows,
        timed=True,
    )


def _busy_table(found: Idle, plan: Plan) -> Table:
    shares = {(row.n_workers, row.kind): row.busy for row in found.virtual}
    rows = [[s, *(_idle(shares.get((s, kind))) for kind in KINDS), 0.0] for s in plan.workers]
    columns = [Column("workers", "d"), *(Column(kind, ".1%") for kind in KINDS)]
    return Table(
        "Idle share of the workers' time, virtual", [*columns, Column("HogWild", ".1%")], rows,
        "HogWild's runs are always free, so by this measure nobody waits.",
    )  # fmt: skip


def _idle(busy: float | None) -> float | None:
    return None if busy is None else max(0.0, 1.0 - busy)


def _starved_table(found: Idle) -> Table:
    columns = [Column("schedule"), Column("workers", "d"), Column("fewest", "d")]
    columns += [Column("most", "d"), Column("blocks never updated", "d")]
    rows = [
        [row.kind, row.n_workers, row.fewest, row.most, row.never]
        for row in found.virtual
        if row.kind in KINDS[1:] and row.n_workers > 1
    ]
    return Table("Updates of a block in the same simulations", columns, rows)


def _calls_table(found: Idle) -> Table:
    columns = [Column("grid"), Column("µs a block", ".3g"), Column("calls free", ".0%")]
    columns += [Column("in shared memory", ".0%"), Column("by a Manager", ".0%")]
    rows = [
        [f"{each.bands} x {each.bands}", 1e6 * each.block_seconds, *each.busy.values()]
        for each in found.coordinated
    ]
    caption = f"Busy share of {THREADS} virtual workers, by what a call costs"
    return Table(caption, columns, rows, timed=True)


def _figure(found: Idle) -> Figure:
    curves = []
    labels = ("DSGD\ns x s", "", "FPSGD (s+1)\nx (s+1)", "")
    for colour, (kind, label) in enumerate(zip(KINDS, labels, strict=True)):
        rows = [row for row in found.virtual if row.kind == kind]
        if label:
            busy = [100 * row.busy for row in rows]
            curves.append(Curve(label, [row.n_workers for row in rows], busy, colour))
    return Figure(
        "Busy share of virtual workers",
        "The busy share falls with the number of workers under DSGD and stays near 100 % under "
        "FPSGD.",
        "workers (s)", "busy, %", curves, x_log=True,
    )  # fmt: skip
