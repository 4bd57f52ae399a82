"""The locking problem in virtual time: at a barrier, everybody waits for the slowest block.

The article's Figure 4 and the example of its authors' slides, then two epochs of DSGD and of FPSGD
on blocks of real sizes, whose times vary.  Called by ``fpsgd``.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.engine.dsgd import DSGD
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.simulate import Simulated, simulate
from hogwild.reproduce.fpsgd_costs import Cost, barrier_code, block_sizes, scattered
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_published import SLIDE_BLOCKS, SLIDE_WASTE
from hogwild.reproduce.parts import Bar, Column, Gantt, Say, Section, Table

S = len(SLIDE_BLOCKS)
SPREAD = 0.5  # of a block's times: what makes a barrier cost as much as in the article's Table 2
EPOCHS = 2


@dataclass(frozen=True)
class Shown:
    """A simulation: seconds, seconds of all workers without a block, bars to draw."""

    name: str
    seconds: float
    wasted: float
    busy: float
    bars: list[Bar]


def measure(split: Split, say: Say) -> list[Shown]:
    """Return the slides' stratum, and two epochs of both schedules."""
    costs = np.full((S, S), np.nan)
    np.fill_diagonal(costs, SLIDE_BLOCKS)
    slide = simulate(DSGD((S, S)), S, costs, order=np.arange(S) * (S + 1))
    dsgd = simulate(DSGD((S, S)), S, _costs(split, S), epochs=EPOCHS)
    fpsgd = simulate(
        FPSGD((S + 1, S + 1), 0), S, _costs(split, S + 1), epochs=EPOCHS, barrier=False
    )
    say(f"  {EPOCHS} epochs of {S} virtual workers under both schedules")
    return [
        _shown("the slides' stratum", slide),
        _shown(f"DSGD, {S} x {S}", dsgd),
        _shown(f"FPSGD, {S + 1} x {S + 1}", fpsgd),
    ]


def _costs(split: Split, bands: int) -> Cost:
    """Return costs that vary around the blocks' sizes; an epoch takes 100 s of work."""
    sizes = block_sizes(split, bands).astype(float)
    return scattered(100.0 * sizes / sizes.sum(), SPREAD, bands)


def _shown(name: str, found: Simulated) -> Shown:
    begun: dict[int, int] = {}
    bars = []
    for event in found.trace.events:
        if event.event == "acquire":
            begun[event.worker] = event.t
        else:
            first = begun.pop(event.worker)
            bars.append(Bar(event.worker, first / 1e9, event.t / 1e9, str(event.block)))
    workers = len(found.busy)
    wasted = workers * found.seconds - float(found.busy.sum())
    return Shown(name, found.seconds, wasted, found.busy_share, bars)


def data(found: list[Shown]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(each) for each in found]


def section(found: list[Shown]) -> Section:
    """Return the part of the report."""
    slide, dsgd, fpsgd = found
    blocks = ", ".join(f"{seconds:g}" for seconds in SLIDE_BLOCKS)
    return Section(
        "The locking problem",
        [
            f"The authors' slides (page 18) have three blocks of {blocks} s on three threads: one "
            f"thread waits for {SLIDE_WASTE:g} s. The schedule itself, run on these costs in "
            f"virtual time, loses {slide.wasted:g} s. (The article's Figure 4 shows the same: one "
            "block is done when another is a third through.)",
            f"Below, {EPOCHS} epochs of {S} workers on blocks of the sizes that they have here, an "
            f"epoch about 100 s of work; a block's time varies by {100 * SPREAD:.0f} % from one "
            "time to the next, which is what Table 2 asks for (the next part). DSGD's workers are "
            f"busy {100 * dsgd.busy:.0f} % of the time, FPSGD's {100 * fpsgd.busy:.0f} %.",
        ],
        [
            Table(
                "Virtual seconds",
                [Column("schedule"), Column("seconds", ".1f"), Column("waited, all workers", ".1f"),
                 Column("busy", ".0%")],
                [[each.name, each.seconds, each.wasted, each.busy] for each in found],
            )
        ],
        [
            Gantt(
                f"{each.name}: who holds which block",
                f"Bars of {S} workers over {each.seconds:.0f} s: gaps are waiting.",
                "virtual seconds", [f"worker {worker}" for worker in range(S)], each.bars,
            )
            for each in found
        ],
        barrier_code(S, SPREAD, EPOCHS),
    )  # fmt: skip
