"""Test RMSE against epochs and against time: serial, FPSGD, DSGD, HogWild (the article's Fig. 14).

Each schedule as the article has it: FPSGD and the serial run by user inside random blocks (partial
random), DSGD at random inside the blocks of an s x s grid, HogWild at random over the whole matrix.
All are laid out by level, so that what differs is the schedule; the parts on orders tell the rest.

Called by ``fpsgd``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_published import FIGURE_14A, LIBMF
from hogwild.reproduce.fpsgd_runs import Run, best_reached, marks, run, thinned
from hogwild.reproduce.machine import processors_text
from hogwild.reproduce.parts import (
    Column,
    Curve,
    Figure,
    Say,
    Section,
    Table,
    call_text,
    plain_table,
)

NAMES = {"serial": "serial", "fpsgd": "FPSGD", "dsgd": "DSGD", "hogwild": "HogWild"}
FIELD: dict[str, dict[str, Any]] = {
    "serial": {},
    "fpsgd": {},
    "dsgd": {"order": "random"},
    "hogwild": {},
}
DRAWN = (("fpsgd", 2), ("dsgd", 2), ("hogwild", 2), ("serial", 1))


@dataclass(frozen=True)
class Race:
    """All runs; `target` is the lowest RMSE that every one of them gets to."""

    runs: list[Run]
    target: float

    def of(self, schedule: str, n_workers: int) -> list[Run]:
        """Return the runs of one schedule."""
        return [r for r in self.runs if (r.schedule, r.n_workers) == (schedule, n_workers)]

    def kinds(self) -> list[tuple[str, int]]:
        """Return schedules and numbers of workers, in the order they were run."""
        return list(dict.fromkeys((run.schedule, run.n_workers) for run in self.runs))


def measure(split: Split, plan: Plan, say: Say) -> Race:
    """Run all schedules in turns, so that a busy minute hits them alike."""
    run(split, plan, schedule="serial", epochs=1)  # compiles
    runs = []
    for number in range(plan.repeats):
        for schedule, settings in FIELD.items():
            for n_workers in (1,) if schedule == "serial" else (1, 2):
                runs.append(
                    run(
                        split, plan, schedule=schedule, n_workers=n_workers, seed=number, **settings
                    )
                )
        say(f"  round {number + 1} of {plan.repeats}: {plan.epochs} epochs of 7 runs")
    return Race(runs, best_reached(runs))


def data(race: Race) -> dict[str, Any]:
    """Return every run, for report.json."""
    return asdict(race)


def median_rmse(runs: list[Run], epoch: int) -> float:
    """Return the test RMSE after that epoch, the median of the runs."""
    return statistics.median(run.rmse[epoch - 1] for run in runs)


def summary(race: Race, split: Split, plan: Plan) -> list[str]:
    """Return the RMSE by epochs for the terminal, LIBMF's below where it may be compared."""
    shown = sorted({k for k in (1, 5, 10, 30, 50, 100) if k <= plan.epochs} | {plan.epochs})
    table = _rmse_table(race, split, plan, shown)
    return [f"Test RMSE by epochs, {split.name}:", "", *plain_table(table)]


def section(race: Race, split: Split, plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "Test RMSE by epochs and by time",
        [_method(plan), _alike(race, plan), _faster(race)],
        [
            _rmse_table(race, split, plan, marks(plan.epochs)),
            _time_table(race),
            Table(
                "The article's Figure 14a, MovieLens 10M, 8 threads, read off the plot",
                [Column("method"), Column("test RMSE", ".3f"), Column("seconds", ".0f"),
                 Column("times FPSGD's", ".0f")],
                [[*point, point.seconds / FIGURE_14A[0].seconds] for point in FIGURE_14A],
                "CCD++ is another method (coordinate descent), which is not part of this package.",
            ),
        ],
        [_figure(race, by_time=True), _figure(race, by_time=False)],
        call_text(
            "fit_factors",
            plan.settings(schedule="fpsgd", n_workers=2, epochs=plan.epochs),
            "train, validation=test",
        ),
    )  # fmt: skip


def _method(plan: Plan) -> str:
    times = "once"
    if plan.repeats > 1:
        times = f"{plan.repeats} times, with another seed each time, of which medians are told"
    return (
        f"k = {plan.factors}, reg {plan.reg:g}, constant step {plan.step:g}: the article's "
        f"settings for MovieLens. {plan.epochs} epochs; every schedule {times}. Seconds are those "
        "of training alone, as in the article: start-up and the test RMSE, taken between "
        f"epochs, are off the clock. It ran on {processors_text()}."
    )


def _alike(race: Race, plan: Plan) -> str:
    ends = [run.rmse[-1] for run in race.runs]
    return (
        f"After {plan.epochs} epochs the RMSE of all {len(ends)} runs lies between {min(ends):.4f} "
        f"and {max(ends):.4f}: what the schedules differ in is time. An epoch is as many blocks as "
        "the grid has, which for all but FPSGD is a pass over the ratings, and for FPSGD nearly."
    )


def _faster(race: Race) -> str:
    mine = _median_to(race, "fpsgd", 2)
    if not mine:
        return "There are no times to compare."
    parts = [
        f"{NAMES[kind]} with {'two workers' if n == 2 else 'one'} "
        f"{_median_to(race, kind, n) / mine:.2f}"
        for kind, n in (("dsgd", 2), ("hogwild", 2), ("fpsgd", 1))
    ]
    alone = _median_to(race, "serial", 1) / mine
    slower = [point for point in FIGURE_14A if point.method in ("DSGD", "HogWild")]
    times = " and ".join(
        f"{point.method} {point.seconds / FIGURE_14A[0].seconds:.0f}" for point in slower
    )
    return (
        f"FPSGD with two workers took {mine:.3g} s to get to {race.target:.4f}, which all runs "
        f"reach. In multiples of that: {', '.join(parts)}, serial {alone:.2f}. In the article's "
        f"plot: {times}. There P and Q take 22 MB, random orders run as they stand, and DSGD's "
        "eight threads wait for one another; the parts below take these one by one."
    )


def _median_to(race: Race, schedule: str, n_workers: int) -> float:
    found = [run.seconds_to(race.target) for run in race.of(schedule, n_workers)]
    return statistics.median(seconds for seconds in found if seconds is not None)


def _rmse_table(race: Race, split: Split, plan: Plan, epochs: list[int]) -> Table:
    columns = [Column("schedule"), Column("workers", "d")]
    columns += [Column(str(k), ".4f") for k in epochs]
    rows: list[list[Any]] = [
        [NAMES[kind], n, *(median_rmse(race.of(kind, n), k) for k in epochs)]
        for kind, n in race.kinds()
    ]
    note = ""
    if split.measured and plan.factors == 40:
        rows.append(["LIBMF 1.0", 1, *(LIBMF.get(k) for k in epochs)])
        note = (
            "LIBMF 1.0 is the authors' own program (September 2013), run once on this very split "
            "with one thread and its 2 x 2 grid; it prints an epoch's figure about a quarter of a "
            "pass late, which is what its first columns show."
        )
    return Table(f"Test RMSE after so many epochs, {split.name}", columns, rows, note)


def _time_table(race: Race) -> Table:
    columns = [
        Column("schedule"), Column("workers", "d"), Column("grid"), Column("ns a rating", ".1f"),
        Column("speed-up", ".2f"), Column("idle", ".0%"), Column(f"s to {race.target:.4f}", ".3f"),
        Column("times FPSGD's", ".2f"),
    ]  # fmt: skip
    best = _median_to(race, "fpsgd", 2)
    rows = []
    for kind, n in race.kinds():
        runs = race.of(kind, n)
        alone = _middle(race.of(kind, 1), "epoch_seconds")
        spent = _median_to(race, kind, n)
        rows.append(
            [NAMES[kind], n, _grid_text(runs[0]), _middle(runs, "ns"),
             alone / _middle(runs, "epoch_seconds"), _middle(runs, "idle"), spent,
             spent / best if best else None]
        )  # fmt: skip
    return Table(
        "Time of the same runs", columns, rows,
        "Speed-up: the epoch of one worker under the same schedule over this one. Idle: the share "
        "of the workers' time in which they had no block.", timed=True,
    )  # fmt: skip


def _grid_text(run: Run) -> str:
    return "whole" if run.schedule == "hogwild" else f"{run.grid[0]} x {run.grid[1]}"


def _middle(runs: list[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


def _figure(race: Race, by_time: bool) -> Figure:
    drawn = [(NAMES[kind], n, _of_median_speed(race.of(kind, n))) for kind, n in DRAWN]
    # the first epochs, far above the rest, would flatten all that follows
    top = 1.0 if all(each.rmse[-1] < 0.98 for _, _, each in drawn) else float("inf")
    curves = []
    for colour, (name, n, each) in enumerate(drawn):
        epochs = [k for k in thinned(len(each.rmse)) if each.rmse[k - 1] <= top]
        x = [each.spent[k - 1] if by_time else float(k) for k in epochs]
        curves.append(Curve(f"{name} {n}", x, [each.rmse[k - 1] for k in epochs], colour))
    against = "seconds of training" if by_time else "epochs"
    return Figure(
        f"Test RMSE against {against}" + (", from 1.0 down" if top == 1.0 else ""),
        f"Test RMSE falling against {against} for FPSGD, DSGD and HogWild with two workers and for "
        "the serial run" + ("." if by_time else ": the four curves lie on one another."),
        against, "test RMSE", curves, x_log=True,
    )  # fmt: skip


def _of_median_speed(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run.epoch_seconds)[(len(runs) - 1) // 2]
