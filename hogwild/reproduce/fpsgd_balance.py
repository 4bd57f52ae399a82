"""Do all blocks get as many updates?  The degree of imbalance over time (the article's Fig. 7).

    DoI(t) = (largest - smallest number of updates of a block) / t          (section 4.1)

Called by ``fpsgd``.
"""

import math
import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.simulate import simulate
from hogwild.reproduce.fpsgd_costs import block_sizes
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import MARKS, Plan
from hogwild.reproduce.fpsgd_published import GRID, IMBALANCE, THREADS
from hogwild.reproduce.fpsgd_race import Race
from hogwild.reproduce.fpsgd_runs import thinned
from hogwild.reproduce.parts import Column, Curve, Figure, Say, Section, Table, between

BANDS = THREADS + 1


@dataclass(frozen=True)
class Heavy:
    """Largest over smallest block of a grid, seed by seed; `raw` without shuffling."""

    bands: int
    ratios: list[float]
    raw: float | None


@dataclass(frozen=True)
class Balance:
    """Degrees of imbalance by iteration: virtual, a list a seed; real, a list a run."""

    virtual: list[list[float]]
    real: list[list[float]]
    real_grid: tuple[int, int]
    heavy: list[Heavy]


def measure(split: Split, plan: Plan, race: Race, say: Say) -> Balance:
    """Return the imbalance in virtual time, and that of the real runs."""
    virtual = []
    bands = min(BANDS, split.train.n_users, split.train.n_items)
    for seed in range(plan.seeds):
        found = simulate(
            FPSGD((bands, bands), seed), bands - 1, block_sizes(split, bands, seed),
            epochs=plan.iterations, barrier=False,
        )  # fmt: skip
        virtual.append(found.imbalance.tolist())
    real = race.of("fpsgd", 2)
    say(f"  {plan.seeds} seeds, {plan.iterations} iterations of {bands} x {bands} blocks")
    return Balance(
        virtual, [run.imbalance for run in real], real[0].grid, _heavy(split, plan, bands)
    )


def _heavy(split: Split, plan: Plan, bands: int) -> list[Heavy]:
    found = []
    for b in sorted({bands, min(GRID, split.train.n_users, split.train.n_items)}):
        ratios = [_ratio(block_sizes(split, b, seed)) for seed in range(plan.seeds)]
        found.append(Heavy(b, ratios, _ratio(block_sizes(split, b, shuffle=False))))
    return found


def _ratio(sizes: np.ndarray) -> float:
    return float(sizes.max() / sizes.min()) if sizes.min() else math.inf


def data(found: Balance) -> dict[str, Any]:
    """Return everything, for report.json."""
    return asdict(found)


def section(found: Balance, plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "Imbalance over time",
        [
            f"A worker gets a free block with the fewest updates, so all blocks should come to as "
            f"many. The article's Figure 7 follows the degree of imbalance of {THREADS} threads on "
            f"{BANDS} x {BANDS} blocks for 1,000 iterations of {BANDS**2} blocks. With two "
            f"processors that is done in virtual time here: the real schedule, the real sizes of "
            f"the blocks, {THREADS} workers that each take as long as a block has ratings, no "
            f"barrier; {plan.seeds} seeds.",
            _verdict(found),
            _heaviest(found.heavy),
        ],
        [_table(found, plan), _heavy_table(found.heavy)],
        [_figure(found, plan)],
        _code(plan),
    )


def _code(plan: Plan) -> str:
    """Return a program that does the like on made ratings."""
    n_users, n_items, n_ratings = plan.shape
    return f"""\
from hogwild.data import generate_ratings
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.simulate import simulate
from hogwild.models.grid import plan_grid

train = generate_ratings({n_users}, {n_items}, {n_ratings}, seed=0)
sizes = plan_grid(train, {BANDS}, 0).sizes
schedule = FPSGD(({BANDS}, {BANDS}), 0)
found = simulate(schedule, {THREADS}, sizes, epochs={plan.iterations}, barrier=False)
print(found.imbalance)"""


def _verdict(found: Balance) -> str:
    last = [each[-1] for each in found.virtual]
    gaps = [each[-1] * len(each) for each in found.virtual]
    rows, columns = found.real_grid
    ends = [each[-1] for each in found.real]
    epochs = len(found.real[0])
    return (
        f"After {len(found.virtual[0])} iterations it is {between(last, '.4f')}: "
        f"between the block with the most updates and the one with the fewest there are "
        f"{between(gaps, '.0f')} of them. In the real runs of two workers on "
        f"{rows} x {columns} blocks it was {between(ends, '.3f')} after {epochs} "
        "epochs."
    )


def _heaviest(heavy: list[Heavy]) -> str:
    parts = [
        f"{statistics.median(each.ratios):.2f} ({between(each.ratios, '.2f')}) "
        f"at {each.bands} x {each.bands}"
        for each in heavy
        if max(each.ratios) < math.inf
    ]
    return (
        "The article finds the heaviest block, once ids are shuffled, to have less than twice the "
        f"ratings of the lightest. Here the ratio is {' and '.join(parts) or 'not defined'}."
    )


def _table(found: Balance, plan: Plan) -> Table:
    rows: list[list[Any]] = []
    for t in MARKS:
        if t > plan.iterations:
            continue
        virtual = [each[t - 1] for each in found.virtual]
        low, high = IMBALANCE.get(t, (None, None))
        real = [each[t - 1] for each in found.real if t <= len(each)]
        rows.append(
            [t, low, high, statistics.median(virtual), min(virtual), max(virtual),
             statistics.median(real) if real else None]
        )  # fmt: skip
    columns = [Column("iteration", "d"), Column("article from", ".2f"), Column("to", ".2f")]
    columns += [Column(f"{THREADS} virtual workers", ".3f"), Column("from", ".3f")]
    columns += [Column("to", ".3f"), Column("2 real workers", ".3f")]
    return Table(
        "Degree of imbalance", columns, rows,
        "Article: Figure 7, MovieLens and Netflix, read off by eye; near 0 from a few hundred "
        "iterations on. Virtual: median, least and largest of the seeds.",
    )  # fmt: skip


def _heavy_table(heavy: list[Heavy]) -> Table:
    columns = [Column("grid"), Column("shuffled", ".2f"), Column("from", ".2f")]
    columns += [Column("to", ".2f"), Column("ids as they come", ".1f")]
    rows = [
        [f"{each.bands} x {each.bands}", statistics.median(each.ratios), min(each.ratios),
         max(each.ratios), each.raw]
        for each in heavy
    ]  # fmt: skip
    empty = any(math.inf in row for row in rows)
    return Table(
        "Ratings in the heaviest block over those in the lightest", columns, rows,
        "A dash: some block is empty." if empty else "",
    )  # fmt: skip


def _figure(found: Balance, plan: Plan) -> Figure:
    epochs = thinned(plan.iterations)
    middle = [statistics.median(each[t - 1] for each in found.virtual) for t in epochs]
    curves = [Curve(f"{THREADS} virtual\nworkers", epochs, middle, 0)]
    run = found.real[0]
    points = [(t, run[t - 1]) for t in thinned(len(run))]
    if all(y > 0.0 for _, y in points):  # a logarithmic scale has no place for 0
        curves.append(_through("2 real\nworkers", points, 1))
    read = [(t, (low + high) / 2) for t, (low, high) in IMBALANCE.items() if low > 0.0]
    read = [(t, y) for t, y in read if t <= plan.iterations]
    curves.append(_through("article's\nFigure 7", read, 2, dots=True))
    return Figure(
        "Degree of imbalance over time",
        "The degree of imbalance falls with the iterations as a straight line in logarithmic "
        "scales; the points read off the article's figure lie by its beginning and at 100.",
        "iterations", "degree of imbalance", curves, x_log=True, y_log=True,
    )  # fmt: skip


def _through(
    label: str, points: list[tuple[int, float]], colour: int, *, dots: bool = False
) -> Curve:
    return Curve(label, [x for x, _ in points], [y for _, y in points], colour, dots)
