"""In which order?  Random, ordered, partial random (Figs 9, 11, 13b), as they stand and by level.

One worker throughout, so that nothing but the order differs.  The order says what comes out; laid
out by level, the same order runs without the stalls of ratings that wait for the one before, and
ends with the same bits.

Called by ``fpsgd``.
"""

from dataclasses import asdict, dataclass
from typing import Any

from hogwild.kernels.compiled import have_numba
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_published import FIGURE_11
from hogwild.reproduce.fpsgd_runs import Run, marks, run, thinned
from hogwild.reproduce.parts import Column, Curve, Figure, Say, Section, Table, between, call_text


@dataclass(frozen=True)
class Ordered:
    """The runs of one order and step; `plain` is as it stands, None without a compiled kernel."""

    name: str
    step: float
    by_level: Run
    plain: Run | None


def bands(split: Split, plan: Plan) -> int:
    """Return a grid with blocks as large as the article's, as near as whole bands allow."""
    most = min(split.train.n_users, split.train.n_items)
    return min(most, max(2, round((len(split.train) / plan.ratings_a_block) ** 0.5)))


def ways(split: Split, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the settings of each order."""
    b = bands(split, plan)
    return {
        "random": {"schedule": "hogwild", "n_workers": 1},
        "ordered": {"schedule": "serial", "grid": 1, "order": "user"},
        "partial random": {"schedule": "serial", "grid": b, "order": "user"},
        "random in blocks": {"schedule": "serial", "grid": b, "order": "random"},
    }


def measure(split: Split, plan: Plan, say: Say) -> list[Ordered]:
    """Return all runs."""
    found = []
    for step in plan.steps:
        for name, settings in ways(split, plan).items():
            wanted = {"step": step, "epochs": plan.order_epochs, **settings}
            by_level = run(split, plan, by_level=True, **wanted)
            plain = run(split, plan, by_level=False, **wanted) if have_numba() else None
            found.append(Ordered(name, step, by_level, plain))
        say(f"  step {step:g}: {plan.order_epochs} epochs of {len(ways(split, plan))} orders")
    return found


def data(found: list[Ordered]) -> list[dict[str, Any]]:
    """Return every run, for report.json."""
    return [asdict(each) for each in found]


def section(found: list[Ordered], split: Split, plan: Plan) -> Section:
    """Return the part of the report."""
    b = bands(split, plan)
    return Section(
        "Random, ordered, partial random",
        [
            f"Random is every rating of the matrix in random order; ordered is by user, from the "
            f"first to the last; partial random is by user inside blocks taken in random order. "
            f"The grid is {b} x {b}, so that a block has as many ratings as in the article "
            f"({plan.ratings_a_block:,}). One worker, {plan.order_epochs} epochs.",
            _verdict(found),
            _same_bits(found),
            _times(found),
        ],
        [
            _rmse_table(found, plan),
            _time_table(found),
            Table(
                "The article's Figures 9 and 11: Yahoo!Music, one thread, test RMSE, read off the "
                "plots",
                [Column("step", "g"), Column("seconds", ".0f"), Column("random", ".1f"),
                 Column("ordered", ".1f"), Column("partial random", ".1f")],
                [list(row) for row in FIGURE_11],
            ),
        ],
        [_figure(found, step, plan) for step in plan.steps],
        call_text(
            "fit_factors",
            plan.settings(schedule="serial", grid=b, order="user", by_level=True),
            "train, validation=test",
        ),
    )  # fmt: skip


def _verdict(found: list[Ordered]) -> str:
    parts = []
    for step in dict.fromkeys(each.step for each in found):
        mine = {each.name: each.by_level.rmse for each in found if each.step == step}
        first = ", ".join(f"{name} {rmse[0]:.3f}" for name, rmse in mine.items())
        last = [rmse[-1] for rmse in mine.values()]
        worst = max(mine, key=lambda name: mine[name][0])
        parts.append(
            f"At step {step:g} the first epoch ends at {first}, so {worst} starts worst; the last "
            f"ends at {between(last, '.4f')}."
        )
    late = FIGURE_11[-1]
    return (
        " ".join(parts) + f" In the article, on Yahoo!Music with step {late.step:g}, ordered was "
        f"still at {late.ordered:g} after {late.seconds:,.0f} s, where random was at "
        f"{late.random:g}."
    )


def _same_bits(found: list[Ordered]) -> str:
    both = [each for each in found if each.plain is not None]
    if not both:
        return (
            "As they stand the orders need a compiled kernel (pip install 'hogwild[fast]'): numpy "
            "alone goes level by level, and has no other way."
        )
    same = sum(each.by_level.rmse == each.plain.rmse for each in both if each.plain)
    return (
        f"In {same} of {len(both)} pairs of runs, laid out by level and as it stands, the test "
        "RMSE of every epoch is the same to the last bit."
    )


def _times(found: list[Ordered]) -> str:
    both = [each for each in found if each.plain is not None and each.name == "partial random"]
    if not both:
        return "Times are those of numpy, level by level."
    gain = max(each.plain.ns / each.by_level.ns for each in both if each.plain)
    return (
        f"By level, partial random is up to {gain:.1f} times as fast as it stands. What random "
        "order costs depends on whether P and Q fit the caches: see the next part."
    )


def _rmse_table(found: list[Ordered], plan: Plan) -> Table:
    epochs = marks(plan.order_epochs)
    columns = [Column("order"), Column("step", "g"), *(Column(str(k), ".4f") for k in epochs)]
    rows = [[each.name, each.step, *(each.by_level.rmse[k - 1] for k in epochs)] for each in found]
    return Table("Test RMSE after so many epochs", columns, rows)


def _time_table(found: list[Ordered]) -> Table:
    columns = [Column("order"), Column("step", "g"), Column("as it stands", ".1f")]
    columns += [Column("by level", ".1f"), Column("ratio", ".2f")]
    rows = [
        [each.name, each.step, each.plain.ns if each.plain else None, each.by_level.ns,
         each.plain.ns / each.by_level.ns if each.plain else None]
        for each in found
    ]  # fmt: skip
    return Table("Nanoseconds a rating, one worker", columns, rows, timed=True)


def _figure(found: list[Ordered], step: float, plan: Plan) -> Figure:
    curves = []
    for colour, each in enumerate(each for each in found if each.step == step):
        rmse = each.by_level.rmse
        epochs = thinned(len(rmse))
        curves.append(
            Curve(each.name.replace(" ", "\n", 1), epochs, [rmse[k - 1] for k in epochs], colour)
        )
    return Figure(
        f"Three orders (one of them in two variants), step {step:g}",
        f"Test RMSE against epochs at step {step:g} for random, ordered, partial random and random "
        "in blocks: the ordered method starts highest, then the curves come together.",
        "epochs", "test RMSE", curves, x_log=True,
    )  # fmt: skip
