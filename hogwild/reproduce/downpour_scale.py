"""What virtual time shows: time to the target against replicas, and how steps go astray.

Called by ``downpour``.
"""

from collections.abc import Callable

from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.downpour_virtual import (
    ADAGRAD,
    BACKUP,
    DOWNPOUR,
    FIXED,
    SERIAL,
    SYNC,
    Run,
    Virtual,
)
from hogwild.reproduce.parts import Column, Curve, Figure, Section, Table, plain_table, shown

CODE = """simulate(
    problem, replicas=200, rule="adagrad", step=0.3,
    costs=Costs(compute=1.0, fetch=0.2, push=0.2, spread=0.75),
)"""
LINES: tuple[tuple[str, str, str, bool], ...] = (
    ("synchronous, fixed", SYNC, FIXED, False),
    ("synchronous, AdaGrad", SYNC, ADAGRAD, False),
    ("sync, backups, fixed", BACKUP, FIXED, False),
    ("sync, backups, AdaGrad", BACKUP, ADAGRAD, False),
    ("Downpour, fixed", DOWNPOUR, FIXED, False),
    ("Downpour, AdaGrad", DOWNPOUR, ADAGRAD, False),
    ("the same, warm start", DOWNPOUR, ADAGRAD, True),
)


def sections(found: Virtual, plan: Plan) -> list[Section]:
    """Return the sections on virtual time."""
    return [_scale(found, plan), _stability(found, plan)]


def summary(found: Virtual, plan: Plan) -> list[str]:
    """Return the lines for the terminal."""
    return [
        f"Virtual seconds until the objective is within {shown(plan.within, 'share')} of the least",
        *plain_table(_table(found, plan)),
    ]


def _scale(found: Virtual, plan: Plan) -> Section:
    task, most = found.task, plan.virtual[-1]
    return Section(
        f"Virtual time, up to {most} replicas",
        [
            f"{task.how} Mini-batches of {plan.small_batch} rows. A batch's gradient takes one "
            "virtual second, a fetch and a push .2 each; every single time is multiplied by a "
            f"log-normal number of spread {plan.spread:g}, which makes stragglers: of {most} "
            "answers the slowest takes several times the usual. Serial SGD has no journeys.",
            "Synchronous descent waits for all answers of a round, with backups for all but the "
            f"slowest {shown(plan.backups, 'share')}, and steps by their mean. Downpour's "
            "replicas wait for nobody. Told is the first look at which the objective is within "
            f"{shown(plan.within, 'share')} of the least, with the best of the steps tried, in "
            "hindsight; "
            f"Downpour is looked at once an epoch, the others at each step. A run ends after "
            f"{plan.virtual_epochs} epochs of Downpour, or {plan.rounds} rounds.",
        ],
        [_table(found, plan), _steps(found, plan)],
        _figures(found, plan),
        CODE,
    )


def _best(found: Virtual, plan: Plan, line: tuple[str, str, str, bool], n: int) -> Run | None:
    _, method, rule, warm = line
    return found.best(method, rule, n, plan.virtual_warm[0] if warm else 0.0)


def _cells(
    found: Virtual, plan: Plan, value: Callable[[Run], float | None]
) -> list[list[float | str | None]]:
    """Return a row for each method: what `value` makes of its best run at each number."""
    rows: list[list[float | str | None]] = []
    for rule in (FIXED, ADAGRAD):
        best = found.best(SERIAL, rule, 1)
        alone = None if best is None else value(best)
        rows.append([f"serial, {rule}", alone, *(None for _ in plan.virtual[1:])])
    for line in LINES:
        runs = [_best(found, plan, line, n) for n in plan.virtual]
        rows.append([line[0], *(None if run is None else value(run) for run in runs)])
    return rows


def _table(found: Virtual, plan: Plan) -> Table:
    return Table(
        "Virtual seconds to the target, by replicas",
        [Column("method"), *(Column(str(n), ".0f") for n in plan.virtual)],
        _cells(found, plan, lambda run: run.seconds),
        "A dash: not run, or never there. The warm start is that of "
        f"{plan.virtual_warm[0]:g} epochs by one replica, and its time counts.",
    )


def _steps(found: Virtual, plan: Plan) -> Table:
    return Table(
        "The steps that these are with",
        [Column("method"), *(Column(str(n), ".2g") for n in plan.virtual)],
        _cells(found, plan, lambda run: run.step),
    )


def _figures(found: Virtual, plan: Plan) -> list[Figure]:
    """Draw time against replicas, where any method was there."""
    curves = []
    picked = (
        (0, "Downpour,\nAdaGrad", LINES[5]), (1, "Downpour,\nfixed step", LINES[4]),
        (2, "synchronous,\nbackups", LINES[3]), (3, "synchronous", LINES[1]),
    )  # fmt: skip
    for colour, label, line in picked:
        points = [(n, _best(found, plan, line, n)) for n in plan.virtual]
        there = [(n, run.seconds) for n, run in points if run is not None and run.seconds]
        if there:
            curves.append(Curve(label, [n for n, _ in there], [s for _, s in there], colour))
    ends = "; ".join(
        f"{curve.label} {curve.y[-1]:.0f} s with {curve.x[-1]:.0f}".replace("\n", " ")
        for curve in curves
    )
    if not curves:
        return []
    return [
        Figure(
            "Virtual seconds to the target against the number of replicas; synchronous with "
            "AdaGrad",
            f"Time to the target against replicas, both logarithmic: {ends}.",
            "replicas", "virtual seconds", curves, x_log=True, y_log=True,
        )
    ]  # fmt: skip


def _stability(found: Virtual, plan: Plan) -> Section:
    n = plan.virtual[-1]
    rows: list[list[float | str | None]] = []
    for rule, warm in ((FIXED, 0.0), (ADAGRAD, 0.0), *((ADAGRAD, w) for w in plan.virtual_warm)):
        for run in found.of(DOWNPOUR, rule, n, warm):
            rows.append([rule, warm or None, run.step, run.seconds, run.peak, run.last])
    stale = next((run.staleness for run in found.of(DOWNPOUR, FIXED, n)), None)
    return Section(
        f"Stability with {n} replicas: every step tried",
        [
            f"A push is {shown(stale, '.0f')} pushes old, on average; an epoch has "
            f"{len(found.task.rows) // plan.small_batch} of them. The highest objective after the "
            "start, relative to the start's, tells how far a run went astray.",
        ],
        [
            Table(
                "Steps, with and without a warm start",
                [
                    Column("rule"), Column("warm", "g"), Column("step", ".2g"),
                    Column("seconds", ".0f"), Column("highest", ".3g"), Column("at end", "share"),
                ],
                rows,
                "Warm: epochs that one replica makes alone. At end: above the least objective.",
            )
        ],
        [_paths(found, plan)],
    )  # fmt: skip


def _paths(found: Virtual, plan: Plan) -> Figure:
    """Draw the runs with the steps that are best for one replica."""
    n = plan.virtual[-1]
    runs = [("fixed step", run) for run in found.liked(FIXED, plan, 0.0)]
    for warm in (0.0, *plan.virtual_warm):
        label = f"warm start,\n{warm:g} epochs" if warm else "AdaGrad"
        runs += [(label, run) for run in found.liked(ADAGRAD, plan, warm)]
    curves = [
        Curve(
            label, [epochs for _, epochs, _ in run.points],
            [max(above, 1e-4) for *_, above in run.points], colour,
        )
        for colour, (label, run) in enumerate(runs[:4])
    ]  # fmt: skip
    ends = "; ".join(f"{curve.label} {curve.y[-1]:.2g}".replace("\n", " ") for curve in curves)
    return Figure(
        f"{n} replicas with the step that is best for {plan.virtual[0]}: above the least objective",
        f"The objective by epochs of work where steps are too large; at the end: {ends}.",
        "epochs", "above the least", curves, y_log=True,
    )  # fmt: skip
