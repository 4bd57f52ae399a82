"""Virtual time: how long until the objective is near the least one, with up to 200 replicas.

The very shards and replicas of the real runs, driven event by event on one processor
(``downpour.virtual_time``); synchronous descent beside them on the same clock
(``downpour_sync``).  Each method is run with several steps, and the best one in hindsight is told.

Called by ``downpour``.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.downpour import AdaGrad, Exchange, FixedStep
from hogwild.downpour.virtual_time import Costs, Simulated, simulate
from hogwild.reproduce import downpour_data
from hogwild.reproduce.downpour_data import Task
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.downpour_sync import simulate_rounds
from hogwild.reproduce.parts import Say

SERIAL = "serial, no journeys"
SYNC, BACKUP = "synchronous", "synchronous, backups"
DOWNPOUR = "Downpour"
FIXED, ADAGRAD = "fixed", "AdaGrad"
MOST_POINTS = 60


@dataclass(frozen=True)
class Run:
    """One method with one step.

    Attributes
    ----------
    method, rule : str
    replicas : int
    step : float
        The server's.
    warm_start : float
        Epochs that one replica makes alone.
    seconds : float or None
        Virtual, until the target; None where it never was reached.
    peak : float
        The highest objective after the start, relative to that at the start.
    last : float
        How far above the least objective it ended, as a share of it.
    staleness : float or None
        Mean over the pushes.
    points : list of (float, float, float)
        Virtual seconds, epochs' worth of rows, and share above the least objective; not more than
        about `MOST_POINTS`.
    """

    method: str
    rule: str
    replicas: int
    step: float
    warm_start: float
    seconds: float | None
    peak: float
    last: float
    staleness: float | None
    points: list[tuple[float, float, float]]


@dataclass(frozen=True)
class Virtual:
    """All runs, and the rows they were on."""

    task: Task
    runs: list[Run]

    def best(self, method: str, rule: str, replicas: int, warm: float = 0.0) -> Run | None:
        """Return the run of a method that reached the target first.

        Where none did it is the one that ended lowest; None where none was made.
        """
        runs = self.of(method, rule, replicas, warm)
        reached = [run for run in runs if run.seconds is not None]
        if reached:
            return min(reached, key=lambda run: run.seconds or 0.0)
        return min(runs, key=lambda run: run.last, default=None)

    def of(self, method: str, rule: str, replicas: int, warm: float = 0.0) -> list[Run]:
        """Return the runs of a method, one for each step tried."""
        return [
            run for run in self.runs
            if (run.method, run.rule, run.replicas) == (method, rule, replicas)
            and run.warm_start == warm
        ]  # fmt: skip

    def liked(self, rule: str, plan: Plan, warm: float) -> list[Run]:
        """Return Downpour's run with most replicas and the step that is best with fewest."""
        alone = self.best(DOWNPOUR, rule, plan.virtual[0])
        runs = self.of(DOWNPOUR, rule, plan.virtual[-1], warm)
        return [run for run in runs if alone is not None and run.step == alone.step]


def measure(plan: Plan, say: Say) -> Virtual:
    """Run everything."""
    found = Virtual(downpour_data.made(plan.small, plan.small_reg), [])
    for replicas in (0, *plan.virtual):
        found.runs.extend(_runs(found.task, plan, replicas))
        say(f"  {replicas or 'no'} replicas")
    return found


def _runs(task: Task, plan: Plan, replicas: int) -> Iterator[Run]:
    """Yield the runs with that many replicas; 0 stands for one process without a server."""
    problem = task.problem()
    exchange = Exchange(1, 1, plan.small_batch)
    costs = Costs(spread=plan.spread)
    until = task.least * (1.0 + plan.within)
    steps = {
        FIXED: problem.default_step(plan.small_batch, FixedStep()),
        ADAGRAD: problem.default_step(plan.small_batch, AdaGrad()),
    }

    def together(method: str, rule: str, step: float, backups: int, alone: bool = False) -> Run:
        rounds = plan.rounds
        if replicas <= 1:
            rounds = plan.virtual_epochs * problem.n_rows // plan.small_batch
        run = simulate_rounds(
            problem, replicas=max(1, replicas), backups=backups, exchange=exchange,
            rule=rule.lower(), step=step, rounds=rounds, until=until,
            costs=costs._replace(fetch=0.0, push=0.0) if alone else costs,
        )  # fmt: skip
        return _record(task, method, rule, replicas, step, 0.0, run, until)

    def apart(method: str, rule: str, step: float, warm: float) -> Run:
        run = simulate(
            problem, replicas=replicas, exchange=exchange, rule=rule.lower(), step=step,
            epochs=plan.virtual_epochs, costs=costs, warm_start=warm,
        )  # fmt: skip
        return _record(task, method, rule, replicas, step, warm, run, until)

    grids = {FIXED: plan.fixed, ADAGRAD: plan.adagrad}
    if not replicas:
        for rule, grid in grids.items():
            for factor in grid:
                yield together(SERIAL, rule, factor * steps[rule], 0, alone=True)
        return
    for rule, grid in grids.items():
        for factor in grid:
            yield apart(DOWNPOUR, rule, factor * steps[rule], 0.0)
    if replicas == 1:
        return
    last = replicas == plan.virtual[-1]
    for warm in plan.virtual_warm if last else plan.virtual_warm[:1]:
        for factor in plan.adagrad:
            yield apart(DOWNPOUR, ADAGRAD, factor * steps[ADAGRAD], warm)
    backups = max(1, round(plan.backups * replicas))
    for rule, grid in ((FIXED, plan.sync_fixed), (ADAGRAD, plan.sync_adagrad)):
        for factor in grid:
            yield together(SYNC, rule, factor * steps[rule], 0)
            yield together(BACKUP, rule, factor * steps[rule], backups)


def _record(
    task: Task,
    method: str,
    rule: str,
    replicas: int,
    step: float,
    warm: float,
    run: Simulated,
    until: float,
) -> Run:
    points = run.points
    every = -(-len(points) // MOST_POINTS)
    kept = [*points[:-1:every], points[-1]]
    pushes = sum(run.staleness.values())
    stale = sum(age * count for age, count in run.staleness.items())
    return Run(
        method, rule, max(1, replicas), step, warm, run.reached(until),
        max(point.objective for point in points[1:]) / points[0].objective,
        task.above(points[-1].objective), stale / pushes if pushes else None,
        [(point.seconds, point.epochs, task.above(point.objective)) for point in kept],
    )  # fmt: skip


def data(found: Virtual) -> dict[str, Any]:
    """Return everything, for report.json."""
    task = found.task
    return {
        "rows": len(task.rows), "features": task.rows.n_features, "reg": task.reg,
        "least": task.least, "start": task.start, "runs": [asdict(run) for run in found.runs],
    }  # fmt: skip
