"""The post's two printed figures beside ours: seed by seed, pass by pass, filter on and off.

The post runs one ``map`` over the rows; running its last cell again, on the same weights, is the
next pass.  So a pass here is one fit of one epoch that starts where the one before ended: rows in
their order, no intercept, constant step, scalar updates written coordinate by coordinate.

Called by ``blog``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.data import blog_data, blog_start
from hogwild.models import fit_linear
from hogwild.reproduce.blog_plan import (
    PRINTED_DISTANCE,
    PRINTED_LOSS,
    STEP,
    THRESHOLD,
    Plan,
)
from hogwild.reproduce.machine import start_method
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

SETTINGS: dict[str, Any] = {
    "loss": "squared", "step": STEP, "epochs": 1, "intercept": False, "shuffle": False,
    "kernel": "python",
}  # fmt: skip
HOGWILD: dict[str, Any] = {"schedule": "hogwild", "n_workers": 2}
SERIAL: dict[str, Any] = {"schedule": "serial", "lost_updates": True}


@dataclass(frozen=True)
class Passes:
    """One run: loss is mean |y - Xw|, distance is sum |w_true - w|; entry 0 is the start.

    `written` counts the coordinates that passed the filter in each pass, where that was counted.
    """

    seed: int
    loss: list[float]
    distance: list[float]
    seconds: list[float]
    written: list[int]


def run(plan: Plan, say: Say) -> dict[str, list[Passes]]:
    """Return all runs: "hogwild" and "serial" with the filter, "unfiltered" Hogwild! without."""
    found: dict[str, list[Passes]] = {"hogwild": [], "serial": [], "unfiltered": []}
    for seed in plan.seeds:
        filtered = SETTINGS | {"update_threshold": THRESHOLD}
        parallel = HOGWILD | {"start_method": start_method()}
        found["serial"].append(_passes(seed, plan, filtered | SERIAL))
        found["hogwild"].append(_passes(seed, plan, filtered | parallel))
        found["unfiltered"].append(_passes(seed, plan, SETTINGS | parallel))
        say(f"  seed {seed}: {plan.passes} passes, loss {found['hogwild'][-1].loss[-1]:.5f}")
    return found


def _passes(seed: int, plan: Plan, settings: dict[str, Any]) -> Passes:
    examples, w_true = blog_data(seed)
    examples = examples.rows(slice(0, plan.blog_rows))
    w = blog_start(seed)
    run = Passes(seed, [], [], [], [])

    def look() -> None:
        run.loss.append(float(np.abs(examples.y - examples.to_scipy() @ w).mean()))
        run.distance.append(float(np.abs(w_true - w).sum()))

    look()
    for _ in range(plan.passes):
        fit = fit_linear(examples, start=w, seed=0, evaluate=False, **settings)
        w = fit.model.w
        look()
        run.seconds.append(fit.history[0].seconds)
        if fit.lost_updates is not None:
            run.written.append(fit.lost_updates.updates)
    return run


def first_below(values: list[float], printed: float) -> int | None:
    """Return the first pass after which the value is below the printed one; None if there is none.

    Examples
    --------
    >>> first_below([0.5, 0.02, 0.001], 0.0014)
    2
    """
    return next((number for number, value in enumerate(values) if value < printed), None)


def data(found: dict[str, list[Passes]]) -> dict[str, Any]:
    """Return everything measured, for report.json."""
    runs = {name: [asdict(run) for run in runs] for name, runs in found.items()}
    return {"printed": {"loss": PRINTED_LOSS, "distance": PRINTED_DISTANCE}, "runs": runs}


def section(found: dict[str, list[Passes]], plan: Plan) -> Section:
    """Return the part of the report."""
    return Section(
        "The printed figures, and what they need",
        [_verdict(found["hogwild"]), _floor(found), _scatter(found)],
        [
            _against_printed(
                f"Mean |error| after each pass, Hogwild! with 2 workers; printed: {PRINTED_LOSS}",
                found["hogwild"], "loss",
            ),
            _against_printed(
                f"Sum of |w_true − w| after each pass, the same runs; printed: {PRINTED_DISTANCE}",
                found["hogwild"], "distance",
            ),
            *_serial(found["serial"]),
            _unfiltered(found["unfiltered"]),
        ],
        [_figure(found)],
        call_text(
            "fit_linear", SETTINGS | {"update_threshold": THRESHOLD} | HOGWILD, "examples, start=w"
        ),
    )  # fmt: skip


def summary(found: dict[str, list[Passes]]) -> list[str]:
    """Return printed against ours for the terminal."""
    runs = found["hogwild"]
    loss = _against_printed("", runs, "loss", ".6f")
    distance = _against_printed("", runs, "distance", ".5f")
    return [
        "The blog shows one pass and prints two figures. Ours, pass by pass:", "",
        f"mean |error|, in the blog {PRINTED_LOSS:.13f}", *plain_table(loss), "",
        f"sum |w_true - w|, in the blog {PRINTED_DISTANCE:.13f}", *plain_table(distance), "",
        "One pass ends at " + _times(runs) + " the blog's mean error.",
        "Last column: the first pass that ends below the blog's figure.",
    ]  # fmt: skip


def _times(runs: list[Passes]) -> str:
    """Say how many times the printed loss one pass ends at."""
    ratios = [run.loss[1] / PRINTED_LOSS for run in runs]
    return f"{min(ratios):.0f} to {max(ratios):.0f} times"


def _against_printed(caption: str, runs: list[Passes], what: str, form: str = ".5f") -> Table:
    printed = PRINTED_LOSS if what == "loss" else PRINTED_DISTANCE
    n_passes = len(runs[0].loss) - 1
    columns = [Column("seed"), Column("start", ".4f" if what == "loss" else ".3f")]
    columns += [Column(f"pass {number}", form) for number in range(1, n_passes + 1)]
    columns.append(Column("below at"))
    rows = []
    for run in runs:
        values = getattr(run, what)
        below = first_below(values, printed)
        rows.append([run.seed, *values, None if below is None else f"pass {below}"])
    return Table(
        caption, columns, rows,
        "Last column: the first pass that ends below the printed figure.",
    )  # fmt: skip


def _serial(runs: list[Passes]) -> list[Table]:
    names = [f"pass {number}" for number in range(1, len(runs[0].loss))]
    return [
        Table(
            "Mean |error| of the same steps in one process",
            [Column("seed"), *(Column(name, ".8f") for name in names)],
            [[run.seed, *run.loss[1:]] for run in runs],
            "Deterministic: these digits come out on every machine.",
        ),
        Table(
            "Coordinates that passed the filter in the same passes, in one process",
            [Column("seed"), *(Column(name, "d") for name in names)],
            [[run.seed, *run.written] for run in runs],
        ),
    ]


def _unfiltered(runs: list[Passes]) -> Table:
    n_passes = len(runs[0].loss) - 1
    columns = [Column("seed"), *(Column(f"pass {k}", ".2e") for k in range(1, n_passes + 1))]
    rows = [[run.seed, *run.loss[1:]] for run in runs]
    return Table(
        "Mean |error| after each pass with the filter off, Hogwild! with 2 workers", columns, rows
    )


def _verdict(runs: list[Passes]) -> str:
    first = [run.loss[1] for run in runs]
    text = (
        f"The post shows one pass over the rows and prints {PRINTED_LOSS} and {PRINTED_DISTANCE}. "
        f"Here one pass ends at {min(first):.4f} to {max(first):.4f}: "
        f"{min(first) / PRINTED_LOSS:.0f} to {max(first) / PRINTED_LOSS:.0f} times the printed "
        "loss. "
    )
    for name, printed in (("loss", PRINTED_LOSS), ("distance", PRINTED_DISTANCE)):
        below = [first_below(getattr(run, name), printed) for run in runs]
        reached = sorted({number for number in below if number is not None})
        if not reached:
            text += f"No seed gets below the printed {name} in these passes. "
            continue
        count = ", ".join(f"pass {number} ({below.count(number)})" for number in reached)
        text += (
            f"Passes that first end below the printed {name}, with the number of seeds: {count}. "
        )
    return text + "Running the post's last cell again on the same weights is what gets there."


def _floor(found: dict[str, list[Passes]]) -> str:
    on = [run.loss[-1] for run in found["hogwild"]]
    off = [run.loss[-1] for run in found["unfiltered"]]
    serial = [run.loss[-1] for run in found["serial"]]
    written = [run.written[-1] for run in found["serial"]]
    text = (
        f"After pass {len(found['hogwild'][0].loss) - 1} the loss is {min(on):.5f} to "
        f"{max(on):.5f}; one process alone ends at {min(serial):.5f} to {max(serial):.5f}; with "
        f"the filter off, two workers end at {min(off):.1e} to {max(off):.1e}. "
    )
    if max(off) > min(on) / 10:
        return text + "These passes are too few to tell what the floor is made by."
    return text + (
        "So the floor is made by the filter, which lets a coordinate stand still while its "
        f"gradient is within {THRESHOLD}, and not by asynchrony: in the last serial pass "
        f"{min(written)} to {max(written)} coordinates still pass it."
    )


def _scatter(found: dict[str, list[Passes]]) -> str:
    apart = [
        abs(ours / alone - 1.0)
        for run, serial in zip(found["hogwild"], found["serial"], strict=True)
        for ours, alone in zip(run.loss[1:], serial.loss[1:], strict=True)
    ]
    return (
        "Against the serial run of the same seed and pass, the loss of two workers differs by "
        f"{100 * statistics.median(apart):.2g} % in the median and {100 * max(apart):.2g} % "
        "at most."
    )


def _figure(found: dict[str, list[Passes]]) -> Figure:
    curves = []
    for colour, (name, label) in enumerate(
        (("hogwild", "filter on"), ("unfiltered", "filter off"))
    ):
        for number, run in enumerate(found[name]):
            passes = list(range(len(run.loss)))
            curves.append(Curve(label if number == 0 else "", passes, run.loss, colour))
    return Figure(
        "Loss pass by pass",
        "Mean error against passes for each seed. With the filter the curves cross the printed "
        "value and level off; without it they go on falling.",
        "passes over the rows", "mean |error|", curves, [(PRINTED_LOSS, "printed")], y_log=True,
    )  # fmt: skip
