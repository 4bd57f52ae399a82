"""Downpour in real processes: replicas, intervals, rules; beside Hogwild! and synchronous descent.

Every fit works through the same rows, and all minimise the same objective.  Seconds are those of
the epochs: starting processes and taking the objective are told apart.

Called by ``downpour``.
"""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from hogwild.downpour import fit_downpour
from hogwild.downpour.record import mean_staleness
from hogwild.mllib import LogisticGradient, SquaredL2Updater, run_mini_batch_sgd
from hogwild.models import fit_linear
from hogwild.reproduce.downpour_data import Task
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.machine import start_method
from hogwild.reproduce.mllib_runs import unlogged
from hogwild.reproduce.parts import Say

DOWNPOUR, HOGWILD, SERIAL = "Downpour", "Hogwild!", "serial SGD"
SYNCHRONOUS = "mini-batch descent"
BATCHES = 10
"""Steps an epoch of synchronous descent: each takes a tenth of the rows."""


@dataclass(frozen=True)
class Fit:
    """One fit.

    Attributes
    ----------
    method : str
    rule : str or None
        Of the server.
    workers : int
        Replicas, or workers.
    interval : int or None
        n_fetch = n_push.
    warm_start : float
    seconds, above : list of float
        After each epoch: the epochs' time so far; how far the objective is above the least, as a
        share of it.
    staleness : dict
        Pushes by staleness.
    start : float
        Seconds until the processes were ready.
    step : float or None
        Of synchronous descent: the best one in hindsight, of the plan's.
    """

    method: str
    rule: str | None
    workers: int
    interval: int | None
    warm_start: float
    seconds: list[float]
    above: list[float]
    staleness: dict[int, int]
    start: float
    step: float | None = None

    @property
    def mean_staleness(self) -> float:
        """Mean over the pushes."""
        return mean_staleness(Counter(self.staleness))


def measure(task: Task, plan: Plan, say: Say) -> list[Fit]:
    """Return all fits: Downpour's, then those of the others."""
    fits = [_downpour(task, plan, replicas=n) for n in plan.replicas]
    say(f"  {len(fits)} numbers of replicas")
    fits += [_downpour(task, plan, interval=interval) for interval in plan.intervals]
    most = max(plan.intervals)
    for rule, interval, warm in (
        ("adagrad", most, plan.warm_start), ("fixed", 1, 0.0), ("fixed", most, 0.0),
        ("fixed", most, plan.warm_start),
    ):  # fmt: skip
        fits.append(_downpour(task, plan, rule=rule, interval=interval, warm=warm))
    say(f"  {len(fits) - len(plan.replicas)} intervals, rules and warm starts")
    fits += [_shared(task, plan, SERIAL), _shared(task, plan, HOGWILD), _together(task, plan)]
    say("  Hogwild!, serial, synchronous")
    return fits


def _downpour(
    task: Task,
    plan: Plan,
    *,
    replicas: int = 2,
    rule: str = "adagrad",
    interval: int = 1,
    warm: float = 0.0,
) -> Fit:
    fit = fit_downpour(
        task.rows, loss="logistic", penalty="sparse_l2", reg=task.reg, intercept=False,
        replicas=replicas, n_fetch=interval, n_push=interval, rule=rule, warm_start=warm,
        batch_size=plan.batch_size, epochs=plan.epochs, seed=0, start_method=start_method(),
    )  # fmt: skip
    return Fit(
        DOWNPOUR, "AdaGrad" if rule == "adagrad" else rule, replicas, interval, warm,
        list(accumulate(record.seconds for record in fit.history)),
        [task.above(record.objective) for record in fit.history],
        dict(fit.staleness), fit.timings["start"],
    )  # fmt: skip


def _shared(task: Task, plan: Plan, method: str) -> Fit:
    """Return a fit on shared memory, row by row."""
    settings: dict[str, Any] = {"schedule": "serial"}
    if method == HOGWILD:
        settings = {"schedule": "hogwild", "n_workers": 2, "start_method": start_method()}
    fit = fit_linear(
        task.rows, loss="logistic", penalty="sparse_l2", reg=task.reg, intercept=False,
        epochs=plan.epochs, seed=0, **settings,
    )  # fmt: skip
    return Fit(
        method, None, settings.get("n_workers", 1), None, 0.0,
        list(accumulate(record.seconds for record in fit.history)),
        [task.above(record.objective) for record in fit.history], {}, fit.timings["start"],
    )  # fmt: skip


def _together(task: Task, plan: Plan) -> Fit:
    """Return MLlib's mini-batch descent with the best of some steps, for as many rows.

    It can't be looked at on its way, so it is run anew for each number of epochs told, and the
    seconds are those of that run.
    """
    X, y = task.rows.to_scipy(), (task.rows.y > 0).astype(np.float64)
    problem = task.problem()
    epochs = [epoch for epoch in (1, 2, 4, 8, 16, 32) if epoch < plan.epochs] + [plan.epochs]
    found = []
    for step in plan.descent_steps:
        seconds, above = [], []
        for epoch in epochs:
            begin = time.monotonic()
            with unlogged():
                weights, _ = run_mini_batch_sgd(
                    (X, y), LogisticGradient(), SquaredL2Updater(), step, BATCHES * epoch,
                    task.reg, 1.0 / BATCHES, np.zeros(X.shape[1]), 0.0,
                )  # fmt: skip
            seconds.append(time.monotonic() - begin)
            above.append(task.above(problem.objective(np.append(weights, 0.0))))
        found.append(Fit(SYNCHRONOUS, None, 1, None, 0.0, seconds, above, {}, 0.0, step))
    return min(found, key=lambda fit: fit.above[-1])


def data(fits: list[Fit]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [
        asdict(fit) | {"staleness": {str(k): n for k, n in sorted(fit.staleness.items())}}
        for fit in fits
    ]
