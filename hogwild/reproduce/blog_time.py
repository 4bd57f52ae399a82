"""The objective against time: serial, Hogwild! with 1 and 2 workers, and round-robin.

Logistic loss with L2 on made sparse rows whose feature frequencies follow a power law.  Under
round-robin the workers compute at the same time and write in turn, so each update waits for the
other worker: it gets fewer epochs here, and its time per update is told beside the others'.

Called by ``blog``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from hogwild.data import Examples, sparse_classification
from hogwild.models import fit_linear
from hogwild.models.steps import Backoff
from hogwild.reproduce.blog_plan import Plan
from hogwild.reproduce.machine import processors_text, start_method
from hogwild.reproduce.overlap import overlap
from hogwild.reproduce.parts import Column, Curve, Figure, Say, Section, Table, call_text

REG = 1e-4
SETTINGS: dict[str, Any] = {
    "loss": "logistic", "penalty": "l2", "reg": REG, "step": Backoff(0.5, beta=0.9),
    "intercept": False,
}  # fmt: skip
SCHEDULES = (("serial", 1), ("hogwild", 1), ("hogwild", 2), ("round_robin", 2))
NAMES = {"serial": "serial", "hogwild": "Hogwild!", "round_robin": "round-robin"}


@dataclass(frozen=True)
class Timed:
    """One fit: seconds since the first update, without evaluation, and the objective, by epoch.

    Entry 0 is before the first epoch.
    """

    schedule: str
    n_workers: int
    seconds: list[float]
    objective: list[float]
    per_update: float
    overlap: float


@dataclass(frozen=True)
class Race:
    """All fits, and the optimum found by scipy's L-BFGS-B."""

    optimum: float
    n_rows: int
    fits: list[Timed]


def run(plan: Plan, say: Say) -> Race:
    """Return the fits of all schedules, in turns, so that a busy minute hits them alike."""
    examples, _ = sparse_classification(
        plan.time_rows, plan.time_features, plan.time_nnz, 0, exponent=1.0
    )
    optimum = _optimum(examples)
    say(f"  optimum by L-BFGS-B: {optimum:.6f}")
    fits = []
    for number in range(plan.repeats):
        for schedule, n_workers in SCHEDULES:
            if schedule == "round_robin" and number:
                continue
            fits.append(_fit(examples, schedule, n_workers, plan))
        say(f"  round {number + 1} of {plan.repeats}: {len(SCHEDULES)} schedules")
    return Race(optimum, plan.time_rows, fits)


def _fit(examples: Examples, schedule: str, n_workers: int, plan: Plan) -> Timed:
    epochs = plan.turns if schedule == "round_robin" else plan.time_epochs
    fit = fit_linear(
        examples, schedule=schedule, n_workers=n_workers, epochs=epochs, seed=0, trace=True,
        start_method=start_method(), **SETTINGS,
    )  # fmt: skip
    spent = np.cumsum([0.0, *(record.seconds for record in fit.history)]).tolist()
    objective = [float(np.log(2.0)), *(record.objective for record in fit.history)]
    per_update = statistics.median(record.seconds / record.updates for record in fit.history)
    return Timed(schedule, n_workers, spent, objective, per_update, overlap(fit.trace))


def _optimum(examples: Examples) -> float:
    """Return the least objective, for a scale that doesn't depend on our own fits."""
    X, y = examples.to_scipy(), examples.y
    Xt = X.T.tocsr()

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = y * (X @ w)
        slope = -y * expit(-margin) / len(y)
        value = float(np.logaddexp(0.0, -margin).mean() + REG / 2 * (w @ w))
        return value, Xt @ slope + REG * w

    found = minimize(objective, np.zeros(X.shape[1]), jac=True, method="L-BFGS-B",
                     options={"maxiter": 300, "ftol": 1e-12, "gtol": 1e-7})  # fmt: skip
    return float(found.fun)


def data(race: Race) -> dict[str, Any]:
    """Return every fit, for report.json."""
    return asdict(race)


def section(race: Race, plan: Plan) -> Section:
    """Return the part of the report."""
    settings = SETTINGS | {"epochs": plan.time_epochs, "schedule": "hogwild", "n_workers": 2}
    return Section(
        "Objective against time",
        [_method(race, plan), _comparison(race)],
        [_table(race)],
        [_figure(race)],
        call_text("fit_linear", settings),
    )


def _method(race: Race, plan: Plan) -> str:
    return (
        f"Logistic loss with L2 {REG:g} on {plan.time_rows} made rows of {plan.time_nnz} non-zeros "
        f"in {plan.time_features} features. Seconds are those of the updates; the objective is "
        f"taken between epochs, off the clock. It ran on "
        f"{processors_text()}; every schedule {plan.repeats} "
        f"time{'s' if plan.repeats != 1 else ''}, round-robin once and for {plan.turns} epochs "
        "only, for each of its updates waits for the other worker's. The optimum, found by scipy's "
        f"L-BFGS-B, is {race.optimum:.6f}."
    )


def _median_per_update(race: Race, schedule: str, n_workers: int) -> float:
    return statistics.median(
        fit.per_update
        for fit in race.fits
        if (fit.schedule, fit.n_workers) == (schedule, n_workers)
    )


def _comparison(race: Race) -> str:
    one, two = (_median_per_update(race, "hogwild", n) for n in (1, 2))
    serial = _median_per_update(race, "serial", 1)
    turns = _median_per_update(race, "round_robin", 2)
    verdict = "faster" if two < one else "slower"
    return (
        f"An update took {1e6 * serial:.3g} µs in the serial run, {1e6 * one:.3g} µs with one "
        f"Hogwild! worker and {1e6 * two:.3g} µs with two, so two are "
        f"{max(one / two, two / one):.2f} times {verdict} than one; round-robin with two took "
        f"{1e6 * turns:.3g} µs, {turns / two:.1f} times Hogwild!'s."
    )


def _best_fits(race: Race) -> list[Timed]:
    """Return the fit of median speed of each schedule."""
    chosen = []
    for schedule, n_workers in SCHEDULES:
        fits = [f for f in race.fits if (f.schedule, f.n_workers) == (schedule, n_workers)]
        chosen.append(sorted(fits, key=lambda fit: fit.per_update)[(len(fits) - 1) // 2])
    return chosen


def _name(fit: Timed) -> str:
    return NAMES[fit.schedule] + (f" {fit.n_workers}" if fit.schedule != "serial" else "")


def _table(race: Race) -> Table:
    columns = [Column("schedule"), Column("workers", "d"), Column("epochs", "d")]
    columns += [Column("seconds", ".3f"), Column("µs an update", ".3g")]
    columns += [
        Column("objective", ".5f"),
        Column("above optimum", ".2%"),
        Column("overlap", ".0%"),
    ]
    rows = [
        [NAMES[fit.schedule], fit.n_workers, len(fit.seconds) - 1, fit.seconds[-1],
         1e6 * _median_per_update(race, fit.schedule, fit.n_workers), fit.objective[-1],
         fit.objective[-1] / race.optimum - 1.0, fit.overlap]
        for fit in _best_fits(race)
    ]  # fmt: skip
    return Table(
        "Time and objective at the end of each schedule's run", columns, rows,
        "Of several runs the one of median speed. Overlap: share of the time in which both workers "
        "held a block.", timed=True,
    )  # fmt: skip


def _figure(race: Race) -> Figure:
    curves = []
    for colour, fit in enumerate(_best_fits(race)):
        above = [100 * (value / race.optimum - 1.0) for value in fit.objective]
        points = [(t, value) for t, value in zip(fit.seconds, above, strict=True) if value > 0.0]
        curves.append(Curve(_name(fit), [t for t, _ in points], [v for _, v in points], colour))
    return Figure(
        "Objective against time",
        "How far the objective is above its optimum, against seconds of updates, for serial, "
        "Hogwild! with one and two workers, and round-robin with two.",
        "seconds of updates", "above the optimum, %", curves, y_log=True,
    )  # fmt: skip
