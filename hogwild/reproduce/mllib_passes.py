"""What the report says of gradient descent, L-BFGS and OWL-QN by passes: tables and figures.

Called by ``mllib``; the runs are those of ``mllib_race``.
"""

import math
from typing import Any

from hogwild.reproduce.mllib_plan import GAPS, Plan
from hogwild.reproduce.mllib_race import Problem
from hogwild.reproduce.mllib_runs import Run
from hogwild.reproduce.parts import Column, Curve, Figure, Section, Table, plain_table, power

COLOURS = {"L-BFGS": 2, "OWL-QN": 3}
FLOOR = 1e-10  # what a figure shows: below, rounding is near

CODE = """\
import numpy as np
from hogwild.mllib import LogisticGradient, L1Updater, append_bias, run_lbfgs, run_owlqn

rng = np.random.default_rng(0)
X = rng.standard_normal((2000, 50))
w = np.where(rng.random(50) < 0.3, rng.standard_normal(50), 0.0)
y = (rng.random(2000) < 1 / (1 + np.exp(-X @ w))).astype(float)
data, start = append_bias((X, y)), np.zeros(51)
for found in (
    run_lbfgs(data, LogisticGradient(), L1Updater(), 10, 1e-12, 500, 0.01, start),
    run_owlqn(data, LogisticGradient(), 10, 1e-12, 500, 0.01, start),
):
    print(found, (found.weights == 0).sum())"""


def summary(problems: list[Problem], plan: Plan) -> list[str]:
    """Return the passes of the example's rows for the terminal, with L2 and with L1."""
    lines: list[str] = []
    for problem in problems:
        if problem.reg == plan.regs[-1]:
            title = f"{problem.name}, {problem.penalty.upper()}, regularisation {problem.reg:g}"
            lines += ["", f"{title}:", *plain_table(_table([problem], plan))]
    return ["Passes over the data until the objective is so near to the least:", *lines]


def sections(problems: list[Problem], plan: Plan) -> list[Section]:
    """Return the part of the report with L2, and the one with L1."""
    smooth = [problem for problem in problems if problem.penalty == "l2"]
    l1 = [problem for problem in problems if problem.penalty == "l1"]
    return [
        Section(
            "Gradient descent and L-BFGS by passes over the data",
            [
                "The page recommends L-BFGS over gradient descent. Both read all rows once for a "
                "gradient; L-BFGS also for each trial of a line search. So passes over the data "
                "are what to compare, here for logistic regression with an L2 penalty, up to "
                f"{plan.passes} of them. Gradient descent's step t is its step size / √t: Spark's "
                f"default is {plan.steps[0]:g}, and {_steps(plan)} were tried as well, of which "
                "the best in hindsight is told, without the passes that it took to find it.",
                "The rows are the example's, with pixels divided by 255, and "
                f"{plan.shape[0]:,} made ones of {plan.shape[1]} standard normal features, labels "
                "drawn from a model that uses three of ten features; a bias in both. The least "
                "objective is that of a run to a gradient of norm 1e-8, or of any run that came "
                "lower.",
                *[_faster(problem) for problem in smooth],
            ],
            _tables(smooth, plan),
            _figures(smooth, plan),
        ),
        Section(
            "An L1 penalty: L-BFGS gives up, OWL-QN finds the zeros",
            [
                "The page says that L-BFGS is not for L1. Spark takes L1Updater nevertheless: then "
                "the objective's value has λ|w|, and what stands for its gradient is sign(w) "
                "min(|w|, λ), which is 0 at w = 0 and so isn't its gradient. Line searches fail; "
                "after two failures in a row L-BFGS returns the weights it has, and only the log "
                "says so. OWL-QN minimises L1; MLlib has no entry of its own for it, but logistic "
                "regression with L1 runs it (LogisticRegressionWithLBFGS).",
                *[_given_up(problem) for problem in l1],
            ],
            _tables(l1, plan),
            _figures(l1, plan),
            CODE,
        ),
    ]


def _steps(plan: Plan) -> str:
    steps = [f"{step:g}" for step in plan.steps[1:]]
    return ", ".join(steps[:-1]) + (" and " if len(steps) > 1 else "") + "".join(steps[-1:])


def _where(problem: Problem) -> str:
    return f"{problem.name}, regularisation {problem.reg:g}"


def _needed(problem: Problem, run: Run) -> str:
    """Return how many passes a run needed to the smallest gap."""
    mark = problem.marks(run)[-1]
    return f"more than {run.passes[-1]}" if mark is None else f"{mark}"


def _faster(problem: Problem) -> str:
    default, best = problem.runs[0], problem.of("gradient descent")
    text = (
        f"{_where(problem)}. Passes to within {power(GAPS[-1])} of the least objective, "
        f"{problem.least:.6g}: L-BFGS {_needed(problem, problem.of('L-BFGS'))}, gradient descent "
        f"{_needed(problem, default)} with step {default.step:g}"
    )
    if best is not default:
        text += f" and {_needed(problem, best)} with step {best.step:g}"
    return _sentence(text)


def _given_up(problem: Problem) -> str:
    run, good = problem.of("L-BFGS"), problem.of("OWL-QN")
    steps = len(run.losses) - 1 - (run.failures or 0)
    zeros = (
        "it never left its start, where all are 0"
        if run.zeros is None
        else f"{run.zeros} of its {run.n_features} weights are 0"
    )
    return _sentence(
        f"{_where(problem)}. L-BFGS: {steps} steps in {run.passes[-1]} passes ({run.stopped}); it "
        f"ended {run.losses[-1] - problem.least:.2g} above the least objective, "
        f"{problem.least:.6g}, and {zeros}. OWL-QN: within {power(GAPS[-1])} in "
        f"{_needed(problem, good)} passes, and {good.zeros or 0} weights are 0"
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _tables(problems: list[Problem], plan: Plan) -> list[Table]:
    names = list(dict.fromkeys(problem.name for problem in problems))
    return [_table([p for p in problems if p.name == name], plan) for name in names]


def _table(problems: list[Problem], plan: Plan) -> Table:
    l1 = problems[0].penalty == "l1"
    several = len(problems) > 1
    columns = [Column("method"), Column("step", "g"), *(Column(power(gap), "d") for gap in GAPS)]
    columns += [Column("at end", ".1e"), Column("passes", "d")]
    if several:
        columns.insert(0, Column("reg", "g"))
    if l1:
        columns += [Column("failed", "d"), Column("zeros", "d")]
    rows = []
    for problem in problems:
        for run in problem.runs:
            row: list[Any] = [problem.reg] if several else []
            row += [run.method, run.step, *problem.marks(run)]
            row += [max(run.losses[-1] - problem.least, 0.0), run.passes[-1]]
            rows.append([*row, run.failures, run.zeros] if l1 else row)
    return Table(
        f"Passes until the objective is within so much of the least: {problems[0].name}, "
        f"{problems[0].penalty.upper()}",
        columns, rows, _note(problems, plan, l1),
    )  # fmt: skip


def _note(problems: list[Problem], plan: Plan, l1: bool) -> str:
    parts = [
        f"A dash: not within its passes, {plan.passes} for gradient descent. At end: how far above "
        "the least; near 1e-16 that is rounding."
    ]
    if l1:
        parts.append(
            "Failed: searches for a step. Zeros: weights that are exactly 0, of the "
            f"{problems[0].runs[0].n_features} whose feature isn't 0 in all rows."
        )
        if any(run.zeros is None for problem in problems for run in problem.runs):
            parts.append("No zeros are counted where the start, which is 0, was never left.")
    return " ".join(parts)


def _figures(problems: list[Problem], plan: Plan) -> list[Figure]:
    return [_figure(problem) for problem in problems if problem.reg == plan.regs[-1]]


def _figure(problem: Problem) -> Figure:
    curves = []
    for run in problem.runs:
        colour = COLOURS.get(run.method, 0 if run is problem.runs[0] else 1)
        label = run.method if run.step is None else f"gradient\ndescent,\nstep {run.step:g}"
        points = _points(problem, run)
        curves.append(Curve(label, [x for x, _ in points], [y for _, y in points], colour))
    penalty = problem.penalty.upper()
    ends = [f"{run.method} ends at {run.losses[-1] - problem.least:.1e}" for run in problem.runs]
    return Figure(
        f"Above the least objective: {_where(problem)}, {penalty}",
        f"How far each method is above the least objective, falling with the passes over the data "
        f"({penalty}, {problem.name}), on logarithmic scales: "
        + "; ".join(ends)
        + ".",
        "passes over the data", "above the least", curves, x_log=True, y_log=True,
    )  # fmt: skip


def _points(problem: Problem, run: Run) -> list[tuple[float, float]]:
    """Passes and gaps down to the first below the floor, at even distances on the scale.

    The last one stays whatever its distance.
    """
    points: list[tuple[float, float]] = []
    last = len(run.losses) - 1
    place = -1
    for k, (passes, loss) in enumerate(zip(run.passes, run.losses, strict=True)):
        gap = max(loss - problem.least, FLOOR)
        ends = gap == FLOOR or k == last
        if ends or int(20 * math.log10(passes)) > place:
            place = int(20 * math.log10(passes))
            points.append((float(passes), gap))
        if ends:
            break
    return points
