"""What the real processes show: seconds and objective, and how stale pushes are.

Called by ``downpour``.
"""

from hogwild.reproduce.downpour_data import Task
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.downpour_real import BATCHES, DOWNPOUR, HOGWILD, SERIAL, SYNCHRONOUS, Fit
from hogwild.reproduce.machine import processors_text
from hogwild.reproduce.parts import Column, Curve, Figure, Section, Table, plain_table, shown

CODE = """fit_downpour(
    rows, replicas=2, n_fetch=10, n_push=10, rule="adagrad",
    loss="logistic", penalty="sparse_l2", intercept=False,
)"""
FLOOR = 1e-5  # where a figure's objective ends


def sections(fits: list[Fit], task: Task, plan: Plan) -> list[Section]:
    """Return the sections on real processes."""
    return [_race(fits, task, plan), _staleness(fits, plan)]


def summary(fits: list[Fit], task: Task, plan: Plan) -> list[str]:
    """Return the lines for the terminal."""
    return [
        f"Downpour on {task.name}: real processes, {plan.epochs} epochs",
        *plain_table(_table(fits, plan)),
    ]


def _race(fits: list[Fit], task: Task, plan: Plan) -> Section:
    return Section(
        "Real processes: replicas, intervals, rules",
        [
            f"{task.how} Logistic regression, L2 penalty {task.reg:g}, {plan.epochs} epochs, "
            f"mini-batches of {plan.batch_size} rows; a server of one shard, in a process of its "
            f"own. Here are {processors_text()}: with two replicas and the server there are "
            "already more processes than two processors hold, so more replicas can't show what "
            "they would do on machines of their own. Virtual time, below, can.",
            *_spoken(fits),
            f"{HOGWILD} and serial SGD update shared memory row by row; mini-batch descent is "
            f"MLlib's, in this process, {BATCHES} steps an epoch, with the best of "
            f"{len(plan.descent_steps)} step sizes in hindsight. {_price(fits, task, plan)} A "
            "parameter server is for rows, or for parameters, that one machine doesn't hold.",
        ],
        [_table(fits, plan)],
        [_curves(fits, task)],
        CODE,
    )


def _spoken(fits: list[Fit]) -> list[str]:
    """Return what replicas and intervals did to the time, in words."""
    alone = [fit for fit in fits if fit.method == DOWNPOUR and fit.interval == 1 and fit.rule]
    alone = [fit for fit in alone if fit.rule == "AdaGrad"]
    first = alone[0]
    ratios = ", ".join(
        f"{fit.workers} replicas {fit.seconds[-1] / first.seconds[-1]:.2f}" for fit in alone[1:]
    )
    said = []
    if ratios:
        said.append(f"Seconds, of those of one replica: {ratios}.")
    two = {
        fit.interval: fit for fit in fits
        if (fit.method, fit.workers, fit.rule, fit.warm_start) == (DOWNPOUR, 2, "AdaGrad", 0.0)
    }  # fmt: skip
    if 1 in two and len(two) > 1:
        most = max(k for k in two if k is not None)
        said.append(
            f"Two replicas that exchange every {most} batches take "
            f"{two[most].seconds[-1] / two[1].seconds[-1]:.2f} of the time of an exchange after "
            f"each batch, and end {shown(two[most].above[-1], 'share')} above the least objective "
            f"in place of {shown(two[1].above[-1], 'share')}."
        )
    return said


def _price(fits: list[Fit], task: Task, plan: Plan) -> str:
    """Return what a batch takes beside a row in shared memory, in words."""
    first = next(fit for fit in fits if fit.method == DOWNPOUR and fit.interval == 1)
    serial = next(fit for fit in fits if fit.method == SERIAL)
    batch = 1e6 * first.seconds[-1] / max(1, sum(first.staleness.values()))
    row = 1e6 * serial.seconds[-1] / (plan.epochs * len(task.rows))
    return (
        f"With {first.workers} replica{'s' * (first.workers > 1)} a batch takes {batch:.0f} µs, "
        f"its fetch and push included; a row of serial SGD {row:.2g} µs."
    )


def _table(fits: list[Fit], plan: Plan) -> Table:
    rows = [
        [
            fit.method, fit.workers, fit.interval, fit.rule or "–", fit.warm_start or None,
            fit.seconds[-1], fit.above[0], fit.above[-1],
        ]
        for fit in fits
    ]  # fmt: skip
    return Table(
        "Seconds, and how far the objective is above the least",
        [
            Column("method"), Column("procs", "d"), Column("every", "d"), Column("rule"),
            Column("warm", "g"), Column("s", ".3f"), Column("1 epoch", "share"),
            Column(f"{plan.epochs} epochs", "share"),
        ],
        rows,
        "Procs: replicas or workers, the server not counted. Every: n_fetch = n_push, in batches. "
        "Warm: epochs that one replica makes alone. A rule's step is this package's default, which "
        "falls from epoch to epoch.",
        timed=True,
    )  # fmt: skip


def _curves(fits: list[Fit], task: Task) -> Figure:
    most = max((fit.interval or 0 for fit in fits), default=1)
    wanted = [
        (0, "Downpour,\neach batch", (DOWNPOUR, "AdaGrad", 2, 1)),
        (1, f"Downpour,\nevery {most}", (DOWNPOUR, "AdaGrad", 2, most)),
        (2, HOGWILD, (HOGWILD, None, 2, None)),
        (3, "mini-batch\ndescent", (SYNCHRONOUS, None, 1, None)),
    ]
    curves = []
    for colour, label, key in wanted:
        for fit in fits:
            if (fit.method, fit.rule, fit.workers, fit.interval) == key and not fit.warm_start:
                heights = [max(above, FLOOR) for above in fit.above]
                curves.append(Curve(label, fit.seconds, heights, colour))
    ends = "; ".join(
        f"{curve.label} {curve.y[-1]:.1e} in {curve.x[-1]:.2f} s".replace("\n", " ")
        for curve in curves
    )
    return Figure(
        f"Above the least objective, as a share of it, against seconds: {task.name}",
        f"How far each method's objective is above the least, falling with time: {ends}.",
        "seconds", "above the least", curves, x_log=True, y_log=True,
    )  # fmt: skip


def _staleness(fits: list[Fit], plan: Plan) -> Section:
    shown_fits = [
        fit for fit in fits
        if fit.method == DOWNPOUR and fit.rule == "AdaGrad" and not fit.warm_start
    ]  # fmt: skip
    rows = []
    for fit in shown_fits:
        shares = _shares(fit.staleness)
        rows.append(
            [
                fit.workers, fit.interval, sum(fit.staleness.values()), fit.mean_staleness,
                *(shares.get(age, 0.0) for age in range(4)),
                sum(share for age, share in shares.items() if age > 3), max(fit.staleness),
            ]
        )  # fmt: skip
    table = Table(
        "Pushes by staleness",
        [
            Column("replicas", "d"), Column("every", "d"), Column("pushes", "d"),
            Column("mean", ".2f"), *(Column(str(age), ".0%") for age in range(4)),
            Column("more", ".0%"), Column("largest", "d"),
        ],
        rows,
        "Staleness of a push: how many other pushes the shard has applied since that replica's "
        "fetch.",
    )  # fmt: skip
    several = [fit for fit in shown_fits if fit.interval == 1 and fit.workers > 1][-3:]
    return Section(
        "How stale pushes are",
        [
            "With equal replicas that take turns each push would have a staleness of their number "
            "less one. It is less where a processor is shared: a replica that isn't running "
            "neither fetches nor pushes, and one that is often makes a whole round undisturbed.",
        ],
        [table],
        [_histogram(several)] if several else [],
    )


def _histogram(fits: list[Fit]) -> Figure:
    last = min(8, max(max(fit.staleness) for fit in fits))
    curves = []
    for colour, fit in enumerate(fits):
        shares = _shares(fit.staleness)
        heights = [100.0 * shares.get(age, 0.0) for age in range(last + 1)]
        curves.append(Curve(f"{fit.workers} replicas", list(range(last + 1)), heights, colour))
    means = ", ".join(f"{fit.workers} replicas {fit.mean_staleness:.2f}" for fit in fits)
    return Figure(
        "Pushes by staleness, an exchange after each batch",
        f"The share of the pushes at each staleness; means: {means}.",
        "staleness", "pushes (%)", curves,
    )  # fmt: skip


def _shares(counts: dict[int, int]) -> dict[int, float]:
    total = sum(counts.values())
    return {age: count / total for age, count in counts.items()}
