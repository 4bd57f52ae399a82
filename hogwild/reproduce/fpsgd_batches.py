"""What a barrier costs: FPSGD** and FPSGD to the same RMSE (the article's Table 2).

FPSGD** is FPSGD with DSGD's way of handing out blocks: as many independent ones as there are
workers, and the next when all of them are done.  Here that is the schedule DSGD with the order of
FPSGD inside the blocks, on an s x s grid; FPSGD has (s + 1) x (s + 1).

Called by ``fpsgd``.
"""

import itertools
import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.engine.dsgd import DSGD, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.simulate import simulate
from hogwild.reproduce.fpsgd_costs import (
    BlockTimes,
    Cost,
    barrier_code,
    block_sizes,
    scattered,
    time_blocks,
)
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_published import TABLE_2, THREADS
from hogwild.reproduce.fpsgd_runs import Run, best_reached, run
from hogwild.reproduce.parts import Column, Say, Section, Table, plain_table


@dataclass(frozen=True)
class Pair:
    """A row like those of Table 2: seconds of both to the same RMSE, and their epochs."""

    where: str
    batches: float
    fpsgd: float
    rmse: float
    epochs: tuple[int, int]

    @property
    def ratio(self) -> float:
        """How many times as long the batches took."""
        return self.batches / self.fpsgd


@dataclass(frozen=True)
class Found:
    """The pairs; `spreads` maps the spread of block times to the ratio that it makes alone."""

    pairs: list[Pair]
    workers: int
    spread: float
    spreads: dict[str, float]


def measure(split: Split, plan: Plan, say: Say) -> Found:
    """Measure with two workers, then let eight run in virtual time, on block times from here."""
    two = [_both(split, plan, 2, seed, f"2 workers, seed {seed}") for seed in range(plan.repeats)]
    middle = sorted((pair for pair, _ in two), key=lambda pair: pair.ratio)[(len(two) - 1) // 2]
    s = min(THREADS, split.train.n_users - 1, split.train.n_items - 1)
    _, runs = _both(split, plan, s, 0, "", n_workers=2)
    say(f"  {len(two)} pairs of runs with 2 workers, one on {s} x {s} and {s + 1} x {s + 1} blocks")
    coarse, fine = time_blocks(split, plan, s), time_blocks(split, plan, s + 1)
    virtual = [
        _virtual(plan, runs, f"{s} virtual, {name}", s, *costs)
        for name, costs in (
            ("median times", _medians(coarse, fine)),
            ("as they came", (coarse.drawn(0), fine.drawn(1))),
        )
    ]
    return Found(
        [middle, *virtual], s, statistics.mean([coarse.spread, fine.spread]),
        {f"{spread:g}": _ratio_at(split, plan, s, spread) for spread in plan.spreads},
    )  # fmt: skip


def _medians(coarse: BlockTimes, fine: BlockTimes) -> tuple[Cost, Cost]:
    return scattered(coarse.median, 0.0, 0), scattered(fine.median, 0.0, 0)


def _both(
    split: Split, plan: Plan, s: int, seed: int, where: str, *, n_workers: int | None = None
) -> tuple[Pair, tuple[Run, Run]]:
    """Run both on the grids for s workers."""
    n_workers = s if n_workers is None else n_workers
    batches = run(split, plan, schedule="dsgd", grid=s, n_workers=n_workers, seed=seed)
    fpsgd = run(split, plan, schedule="fpsgd", grid=s + 1, n_workers=n_workers, seed=seed)
    rmse = best_reached([batches, fpsgd])
    pair = Pair(
        where, batches.seconds_to(rmse) or 0.0, fpsgd.seconds_to(rmse) or 0.0, rmse,
        (batches.epochs_to(rmse) or 0, fpsgd.epochs_to(rmse) or 0),
    )  # fmt: skip
    return pair, (batches, fpsgd)


def _virtual(
    plan: Plan, runs: tuple[Run, Run], where: str, s: int, coarse: Cost, fine: Cost
) -> Pair:
    """Take the epochs from the real runs, and an epoch's seconds from virtual time."""
    rmse = best_reached(list(runs))
    epochs = tuple(each.epochs_to(rmse) or 0 for each in runs)
    batches, fpsgd = _epoch_seconds(plan, s, coarse, fine)
    return Pair(where, epochs[0] * batches, epochs[1] * fpsgd, rmse, (epochs[0], epochs[1]))


def _epoch_seconds(plan: Plan, s: int, coarse: Cost, fine: Cost) -> tuple[float, float]:
    """Return the seconds of an epoch in batches and under FPSGD, s virtual workers."""
    random, n = np.random.default_rng(0), plan.virtual_epochs
    batches = simulate(
        DSGD((s, s)), s, coarse, epochs=n, order=lambda epoch: strata_order(s, random, "wor")
    )
    fpsgd = simulate(FPSGD((s + 1, s + 1)), s, fine, epochs=n, barrier=False)
    return batches.seconds / n, fpsgd.seconds / n


def _ratio_at(split: Split, plan: Plan, s: int, spread: float) -> float:
    """Return how many times as long an epoch in batches is, with costs by size and this spread."""
    coarse, fine = (
        scattered(block_sizes(split, bands).astype(float), spread, bands) for bands in (s, s + 1)
    )
    batches, fpsgd = _epoch_seconds(plan, s, coarse, fine)
    return batches / fpsgd


def data(found: Found) -> dict[str, Any]:
    """Return everything, for report.json."""
    return asdict(found)


def summary(found: Found) -> list[str]:
    """Return our rows and the printed one of MovieLens for the terminal."""
    return [
        "Seconds to the same RMSE, in batches with a barrier (FPSGD**) and without:", "",
        *plain_table(_pairs_table(found)),
        f"The article's Table 2, MovieLens 10M, {THREADS} threads: {TABLE_2[0].batches} and "
        f"{TABLE_2[0].fpsgd} s, {TABLE_2[0].ratio} times.",
    ]  # fmt: skip


def section(found: Found) -> Section:
    """Return the part of the report."""
    s = found.workers
    return Section(
        "What a barrier costs: Table 2",
        [
            "FPSGD** hands out as many independent blocks as there are workers and waits for all "
            "of them. The article does not say its grid nor where exactly it stopped; here it is "
            f"s x s for s workers, FPSGD has s + 1, and both go on to the lowest RMSE that both "
            f"reach. For {s} workers the epochs are those of runs on these grids with two, and an "
            "epoch's seconds come from virtual time, with each block's time as it was measured "
            "here with one worker.",
            _verdict(found),
        ],
        [_pairs_table(found), _published_table(), _spreads_table(found)],
        [],
        barrier_code(s, 0.5, 10),
    )


def _verdict(found: Found) -> str:
    sizes = found.spreads.get("0")
    if sizes is None:
        return ""
    text = (
        f"Blocks of unequal size alone make the barrier cost {100 * (sizes - 1):.0f} % of FPSGD's "
        f"time with {found.workers} workers. The printed {TABLE_2[0].ratio} needs more: block "
        "times that vary from one time to the next, which they do wherever threads share caches, "
        "memory and cores. "
    )
    enough = _spread_for(TABLE_2[0].ratio, found.spreads)
    if enough is None:
        return text + "No spread in the last table is enough for it."
    return text + (
        f"In virtual time a standard deviation of about {100 * enough:.0f} % of a block's time "
        f"makes as much; one worker alone, here, varies by {100 * found.spread:.0f} %."
    )


def _spread_for(ratio: float, spreads: dict[str, float]) -> float | None:
    """Return the spread that makes this ratio, between two that were tried; None beyond them.

    Examples
    --------
    >>> _spread_for(1.5, {"0": 1.0, "0.5": 2.0}), _spread_for(3.0, {"0": 1.0, "0.5": 2.0})
    (0.25, None)
    """
    tried = [(float(spread), found) for spread, found in spreads.items()]
    for (low, below), (high, above) in itertools.pairwise(tried):
        if below <= ratio <= above:
            return low + (high - low) * (ratio - below) / (above - below)
    return None


def _pairs_table(found: Found) -> Table:
    columns = [Column("workers"), Column("FPSGD**, s", ".3f"), Column("FPSGD, s", ".3f")]
    columns += [Column("ratio", ".2f"), Column("RMSE", ".4f")]
    columns += [Column("epochs**", "d"), Column("epochs", "d")]
    rows = [[p.where, p.batches, p.fpsgd, p.ratio, p.rmse, *p.epochs] for p in found.pairs]
    return Table(
        "Seconds to the same test RMSE, ours", columns, rows,
        "Epochs** are those of FPSGD**, epochs those of FPSGD. Times as they came hold whatever "
        "else ran meanwhile: the barrier waits for the worker that was interrupted.", timed=True,
    )  # fmt: skip


def _published_table() -> Table:
    columns = [Column("data"), Column("FPSGD**, s", ".2f"), Column("FPSGD, s", ".2f")]
    columns += [Column("ratio", ".1f"), Column("RMSE", ".3f")]
    rows = [[row.data, row.batches, row.fpsgd, row.ratio, row.rmse] for row in TABLE_2]
    return Table(f"The article's Table 2, {THREADS} threads", columns, rows)


def _spreads_table(found: Found) -> Table:
    columns = [Column("spread"), Column("FPSGD** over FPSGD", ".2f")]
    rows = [[f"{100 * float(k):.0f} %", ratio] for k, ratio in found.spreads.items()]
    return Table(
        f"How much the barrier costs {found.workers} virtual workers, by the spread of block times",
        columns, rows,
        "Costs in proportion to a block's ratings, times a random factor (gamma) of mean 1 and "
        "this standard deviation, drawn anew for each update.",
    )  # fmt: skip
