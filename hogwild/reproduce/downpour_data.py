"""The rows of Downpour's reproduction, and the least objective on them.

a8a where the folder given has it, else sparse rows that are made.  The model is logistic
regression with an L2 penalty and without an intercept, so that this package's three ways to it,
and MLlib's, minimise the same function.

Called by ``downpour``, and by the command line before anything is run.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.optimize

from hogwild.data import Examples, read_libsvm, sparse_classification
from hogwild.downpour.linear import LinearProblem
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.folder import find_files

FILE = "a8a"
FOLDERS = (".", "libsvm", "data/libsvm")


@dataclass(frozen=True)
class Task:
    """Rows, what is minimised over them, and its least value.

    `how` is the sentence on where the rows are from; `least` and `start` are objectives.
    """

    name: str
    how: str
    rows: Examples
    reg: float
    least: float
    start: float

    def problem(self) -> LinearProblem:
        """The problem as Downpour takes it: a push moves the coordinates of its rows only."""
        return LinearProblem(
            self.rows, loss="logistic", penalty="sparse_l2", reg=self.reg, intercept=False
        )

    def above(self, objective: float) -> float:
        """Return how far an objective is above the least one, as a share of it."""
        return objective / self.least - 1.0


def plan_with(folder: Path) -> Plan:
    """Return the real report's plan on a8a of that folder; DataError where it isn't there."""
    find(folder)
    return Plan(data=folder)


def find(folder: Path) -> Path:
    """Return the path of a8a in a folder.

    Raises
    ------
    DataError
        When it isn't there.
    """
    where = "nor in its folder libsvm; it is one of the binary sets of the LIBSVM data page"
    return find_files(folder, FOLDERS, [FILE], where)[0]


def load(plan: Plan) -> Task:
    """Return the rows for real processes."""
    if plan.data is not None:
        rows = read_libsvm(find(plan.data))
        return task("a8a", f"The rows are those of {FILE}: {_sizes(rows)}.", rows, plan.reg)
    return made(plan.shape, plan.reg)


def made(shape: tuple[int, int, int], reg: float) -> Task:
    """Return made rows: long-tailed features, labels of a planted model, one in twenty turned."""
    rows, _ = sparse_classification(*shape, seed=0)
    return task("made rows", f"Rows were made: {_sizes(rows)}.", rows, reg)


def task(name: str, how: str, rows: Examples, reg: float) -> Task:
    """Return the rows with their least objective, found by L-BFGS to a gradient of 1e-9."""
    exact = LinearProblem(rows, loss="logistic", penalty="l2", reg=reg, intercept=False)
    every = np.arange(len(rows))
    found = scipy.optimize.minimize(
        lambda w: (exact.objective(w), exact.gradient(w, every)[2]),
        np.zeros(exact.n_parameters),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "gtol": 1e-9, "ftol": 1e-15},
    )
    return Task(
        name, how, rows, reg, float(found.fun), exact.objective(np.zeros(exact.n_parameters))
    )


def _sizes(rows: Examples) -> str:
    return (
        f"{len(rows):,} with {rows.n_features:,} features, {len(rows.indices) / len(rows):.0f} "
        "of them in a row"
    )
