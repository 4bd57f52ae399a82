"""Gradient descent, L-BFGS and OWL-QN by passes over the data: how far above the least objective.

Logistic regression on two sets of rows: the example's with pixels from 0 to 1, and made ones that
are well scaled.  Passes are counted where the rows are read.  Gradient descent is run with several
step sizes; told are Spark's default and the best in hindsight.

Called by ``mllib``.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from hogwild.mllib import LocalPartitions, Partitions, append_bias
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_plan import GAPS, Plan
from hogwild.reproduce.mllib_runs import Run, descent, lbfgs, owlqn
from hogwild.reproduce.parts import Say

EXACT = 0.0  # as tolerance: a run ends where its gradient's norm is 1e-8


@dataclass(frozen=True)
class Problem:
    """One objective on one set of rows, and the runs that minimise it.

    Attributes
    ----------
    name : str
        Of the rows.
    penalty : {"l2", "l1"}
    reg : float
    least : float
        The lowest objective that any run has seen.
    ended : str
        Why the run ended that was to find it.
    runs : list of Run
        Gradient descent at Spark's default step, at the best step tried, and the others.
    tried : list of (float, list of int or None)
        Each step size, with the passes after which the objective was within each of `GAPS`.
    """

    name: str
    penalty: str
    reg: float
    least: float
    ended: str
    runs: list[Run]
    tried: list[tuple[float, list[int | None]]]

    def marks(self, run: Run) -> list[int | None]:
        """Return the passes after which a run is within each of `GAPS`; None where it never is."""
        return [run.passes_to(self.least + gap) for gap in GAPS]

    def of(self, method: str) -> Run:
        """Return the last run of that method: of gradient descent's the best."""
        return [run for run in self.runs if run.method == method][-1]


def made(plan: Plan) -> LocalPartitions:
    """Return rows of standard normal features and a bias; their labels are drawn from a model.

    Three of ten features have a weight.
    """
    rng = np.random.default_rng(0)
    n_rows, n_features = plan.shape
    X = rng.standard_normal((n_rows, n_features))
    w = np.where(rng.random(n_features) < 0.3, rng.standard_normal(n_features), 0.0)
    y = (rng.random(n_rows) < expit(X @ w)).astype(np.float64)
    rows: LocalPartitions = append_bias((X, y))
    return rows


def measure(source: Source, plan: Plan, say: Say) -> list[Problem]:
    """Return all problems with their runs: L2 first, then L1."""
    sets = [("example / 255", source.scaled()), ("made, well scaled", made(plan))]
    problems = []
    for penalty in ("l2", "l1"):
        for name, rows in sets:
            for reg in plan.regs:
                problems.append(_problem(name, rows, penalty, reg, plan))
            say(f"  {penalty.upper()}, {name}: {len(plan.regs)} objectives")
    return problems


def _problem(name: str, rows: Partitions, penalty: str, reg: float, plan: Plan) -> Problem:
    others = [lbfgs(rows, penalty, reg, plan.passes)]
    if penalty == "l2":
        exact = lbfgs(rows, penalty, reg, plan.optimum, EXACT)
    else:
        exact = owlqn(rows, reg, plan.optimum, EXACT)
        others.append(owlqn(rows, reg, plan.passes))
    descents = [descent(rows, penalty, reg, step, plan.passes) for step in plan.steps]
    least = min(min(run.losses) for run in [exact, *others, *descents])
    found = Problem(name, penalty, reg, least, exact.stopped, [], [])
    best = min(descents, key=lambda run: _slowness(found, run))
    found.tried.extend(
        (step, found.marks(run)) for step, run in zip(plan.steps, descents, strict=True)
    )
    found.runs.extend([descents[0], *([] if best is descents[0] else [best]), *others])
    return found


def _slowness(problem: Problem, run: Run) -> tuple[float, float]:
    """What is compared to find the best: passes to the smallest gap, and then how it ends."""
    mark = problem.marks(run)[-1]
    return math.inf if mark is None else float(mark), run.losses[-1]


def data(problems: list[Problem]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(problem) for problem in problems]
