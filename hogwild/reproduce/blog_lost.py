"""How many updates are lost, by number of workers and of features, and by how a step is written.

Made rows with all features alike, so that every coordinate is equally hot; targets without noise,
and steps so small that the weights stay far from the optimum: near it updates shrink, and losing
them would not show.  Losses come in lumps (one late store wipes out all that others added
meanwhile): each cell is several runs, told by median and maximum.

Called by ``blog``.
"""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.data import Examples, sparse_classification
from hogwild.kernels.compiled import have_numba
from hogwild.models import fit_linear
from hogwild.reproduce.blog_plan import Plan
from hogwild.reproduce.machine import processors_text, start_method
from hogwild.reproduce.overlap import overlap
from hogwild.reproduce.parts import (
    ROUNDING,
    Column,
    Curve,
    Figure,
    Say,
    Section,
    Table,
    call_text,
)

WAYS = (("numpy", "plain"), ("numpy", "add_at"), ("numba", "plain"), ("numba", "atomic"))
SETTINGS: dict[str, Any] = {
    "loss": "squared", "intercept": False, "shuffle": False, "schedule": "hogwild",
    "evaluate": False, "lost_updates": True, "trace": True,
}  # fmt: skip
TRAVEL = 0.1  # the step times the number of updates: a few percent of the way to the optimum
FLOOR = 1e-7  # where "nothing but rounding" is drawn on a logarithmic axis


@dataclass(frozen=True)
class Cell:
    """The runs of one kernel, way to write, number of features and of workers; a number a run.

    `share` is the lost share of the net distance, `of_path` of the path; `seconds` of updates.
    """

    kernel: str
    write: str
    n_features: int
    n_workers: int
    share: list[float]
    of_path: list[float]
    updates: list[int]
    overlap: list[float]
    seconds: list[float]

    @property
    def median(self) -> float:
        """Median share over the runs."""
        return statistics.median(self.share)


def ways() -> list[tuple[str, str]]:
    """Return the kernels and ways to write that can be run here."""
    return [way for way in WAYS if way[0] == "numpy" or have_numba()]


def run(plan: Plan, say: Say) -> list[Cell]:
    """Return all cells."""
    cells: list[Cell] = []
    for n_features in plan.features:
        examples = _uniform_rows(n_features, plan)
        for kernel, write in ways():
            cells += _cells(examples, kernel, write, plan)
        say(f"  {n_features} features: {len(ways())} ways to write x {len(plan.workers)} crews")
    return cells


def _uniform_rows(n_features: int, plan: Plan) -> Examples:
    n_rows = max(plan.numpy_rows, plan.numba_rows if have_numba() else 0)
    rows, w_true = sparse_classification(n_rows, n_features, plan.nnz, n_features, exponent=0.0)
    matrix = rows.to_scipy()
    return Examples(matrix, matrix @ np.abs(w_true))


def _cells(examples: Examples, kernel: str, write: str, plan: Plan) -> Iterator[Cell]:
    compiled = kernel == "numba"
    rows = examples if compiled else examples.rows(slice(0, plan.numpy_rows))
    epochs = plan.numba_epochs if compiled else 1
    for n_workers in plan.workers:
        cell = Cell(kernel, write, examples.n_features, n_workers, [], [], [], [], [])
        for seed in range(plan.runs if n_workers > 1 else 1):  # one worker is the control
            fit = fit_linear(
                rows, kernel=kernel, write=write, n_workers=n_workers, seed=seed,
                step=TRAVEL / (epochs * len(rows)), epochs=epochs, start_method=start_method(),
                **SETTINGS,
            )  # fmt: skip
            if fit.lost_updates is None:
                raise RuntimeError("lost_updates=True returned no record")
            cell.share.append(fit.lost_updates.share)
            cell.of_path.append(fit.lost_updates.share_of_path)
            cell.updates.append(fit.lost_updates.updates)
            cell.overlap.append(overlap(fit.trace))
            cell.seconds.append(fit.timings["epochs"])
        yield cell


def data(cells: list[Cell]) -> list[dict[str, Any]]:
    """Return every run, for report.json."""
    return [asdict(cell) for cell in cells]


def section(cells: list[Cell], plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "Lost updates in training steps",
        [_method(plan), _control(cells), _comparison(cells)],
        _tables(cells),
        [_figure(cells)],
        call_text(
            "fit_linear",
            SETTINGS
            | {
                "kernel": "numpy",
                "write": "plain",
                "n_workers": 2,
                "step": TRAVEL / plan.numpy_rows,
            },
        ),
    )


def _method(plan: Plan) -> str:
    return (
        f"Each row has {plan.nnz} of the n features, all equally often. Every worker also sums its "
        "own deltas where nobody else writes, in steps so small that all of them are alike; what "
        "the shared weights then lack was overwritten. "
        "The share is of the net distance that the deltas lead (in the JSON also of the path, the "
        "sum of their sizes). Opposite losses cancel, so it is a lower bound; and summing makes a "
        "step longer, so losses are rarer than in the bare program. Median and maximum of "
        f"{plan.runs} runs a cell, for such events come in lumps: one late store can wipe out "
        "hundreds of additions. Workers lose updates only while they run at the same instant, "
        f"here on {processors_text()}."
    )


def _control(cells: list[Cell]) -> str:
    alone = [share for cell in cells if cell.n_workers == 1 for share in cell.share]
    if not alone:
        return "There was no run with one worker, so no control."
    if max(alone) <= ROUNDING:
        return (
            "The control, one worker, shows rounding only: "
            f"at most {max(alone):.0e} of the distance, in {len(alone)} runs."
        )
    return f"The control failed: one worker alone seems to lose {max(alone):.1e} of the distance."


def _comparison(cells: list[Cell]) -> str:
    parts = []
    for kernel, write in ways():
        crews = [c for c in cells if (c.kernel, c.write) == (kernel, write) and c.n_workers > 1]
        if not crews:
            continue
        worst = max(crews, key=lambda cell: max(cell.share))
        hit = sum(share > ROUNDING for cell in crews for share in cell.share)
        total = sum(len(cell.share) for cell in crews)
        text = f"{kernel}, {write}: {hit} of {total} runs with several workers lost something"
        if hit:
            text += (
                f", at most {100 * max(worst.share):.2g} % "
                f"({worst.n_features} features, {worst.n_workers} workers)"
            )
        parts.append(text)
    return "; ".join(parts) + "."


def _tables(cells: list[Cell]) -> list[Table]:
    note = (
        "Overlap: share of the working time in which two or more workers held a block, by the wall "
        "clock, median over all runs of the line; a worker may hold a block and wait for a "
        f"processor. None: what rounding makes, at most {ROUNDING:g} of the distance."
    )
    return [
        _table(
            "Share of updates lost, by number of workers and of features n: median of the runs",
            cells,
            False,
            note,
        ),
        _table("The same: the worst of the runs", cells, True),
    ]


def _table(caption: str, cells: list[Cell], worst: bool, note: str = "") -> Table:
    features = sorted({c.n_features for c in cells})
    columns = [Column("kernel"), Column("write"), Column("workers", "d")]
    columns += [Column(f"n = {n}", "share") for n in features]
    columns += [] if worst else [Column("overlap", ".0%")]
    rows = []
    for kernel, write in ways():
        for n_workers in sorted({c.n_workers for c in cells}):
            line = [
                c for c in cells if (c.kernel, c.write, c.n_workers) == (kernel, write, n_workers)
            ]
            shares = {c.n_features: max(c.share) if worst else c.median for c in line}
            held = statistics.median(each for c in line for each in c.overlap)
            rows.append([kernel, write, n_workers, *(shares.get(n) for n in features)])
            rows[-1] += [] if worst else [held]
    return Table(caption, columns, rows, note)


def _figure(cells: list[Cell]) -> Figure:
    curves = []
    for colour, (kernel, write) in enumerate(ways()):
        line = [c for c in cells if (c.kernel, c.write, c.n_workers) == (kernel, write, 2)]
        apart = 1.12 ** (colour - 1.5)  # side by side, where all have lost nothing
        runs = [(c.n_features * apart, 100 * max(x, FLOOR)) for c in line for x in c.share]
        curves.append(Curve("", [x for x, _ in runs], [y for _, y in runs], colour, dots=True))
        curves.append(Curve(
            f"{kernel}\n{write}", [c.n_features * apart for c in line],
            [100 * max(c.median, FLOOR) for c in line], colour,
        ))  # fmt: skip
    return Figure(
        "Updates lost by two workers: a dot a run, a line through the medians",
        "Share of updates lost against number of features, for each way to write.",
        "features", "lost, % of the net distance", curves, [(100 * FLOOR, "none")],
        x_log=True, y_log=True,
    )  # fmt: skip
