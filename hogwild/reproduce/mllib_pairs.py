"""Every gradient with every updater, and L-BFGS where pixels are scaled: beside Spark's figures.

Called by ``mllib``.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.mllib import (
    HingeGradient,
    L1Updater,
    LeastSquaresGradient,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    run_mini_batch_sgd,
)
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_published import (
    DESCENT,
    DESCENT_STEP,
    DESCENT_STEPS,
    REG,
    SCALED,
    SCALED_STEPS,
    Scaled,
)
from hogwild.reproduce.mllib_runs import lbfgs
from hogwild.reproduce.parts import Column, Say, Section, Table

GRADIENTS: dict[str, Callable[[], Any]] = {
    "logistic": LogisticGradient,
    "least squares": LeastSquaresGradient,
    "hinge": HingeGradient,
}
UPDATERS: dict[str, Callable[[], Any]] = {
    "simple": SimpleUpdater,
    "l2": SquaredL2Updater,
    "l1": L1Updater,
}


@dataclass(frozen=True)
class Descended:
    """A run of gradient descent: how many losses, and the last."""

    gradient: str
    updater: str
    n_losses: int
    last: float


@dataclass(frozen=True)
class Pairs:
    """Gradient descent with each pair, and L-BFGS with each setting that Spark's were taken at."""

    descended: list[Descended]
    scaled: list[Scaled]


def measure(source: Source, say: Say) -> Pairs:
    """Run both optimizers on the scaled rows."""
    rows = source.scaled()
    start = np.zeros(rows.n_features)
    descended = []
    for gradient, updater in DESCENT:
        losses = run_mini_batch_sgd(
            rows, GRADIENTS[gradient](), UPDATERS[updater](), DESCENT_STEP, DESCENT_STEPS, REG, 1.0,
            start, 0.0,
        ).losses  # fmt: skip
        descended.append(Descended(gradient, updater, len(losses), float(losses[-1])))
    scaled = []
    for reg, tolerance, *_ in SCALED:
        run = lbfgs(rows, "l2", reg, SCALED_STEPS, tolerance)
        scaled.append(Scaled(reg, tolerance, len(run.losses), run.losses[-1]))
    say(f"  {len(descended)} pairs of gradient and updater, {len(scaled)} runs of L-BFGS")
    return Pairs(descended, scaled)


def data(found: Pairs) -> dict[str, Any]:
    """Return everything, for report.json."""
    return {
        "descent": [asdict(each) for each in found.descended],
        "lbfgs": [each._asdict() for each in found.scaled],
    }


def section(found: Pairs, source: Source) -> Section:
    """Return the part of the report."""
    sentences = [
        "On all rows, pixels divided by 255 and a bias of 1: gradient descent of "
        f"{DESCENT_STEPS} steps of size {DESCENT_STEP} / √t with each gradient and updater of the "
        f"page (regularisation {REG}), and the page's L-BFGS with a limit of {SCALED_STEPS} steps.",
    ]
    if source.measured:
        sentences.append(f"Largest relative difference from Spark's: {_largest(found):.1e}.")
    return Section(
        "Every gradient with every updater",
        sentences,
        [_descent(found, source), _lbfgs(found, source)],
    )


def _largest(found: Pairs) -> float:
    pairs = [(each.last, DESCENT[each.gradient, each.updater]) for each in found.descended]
    pairs += [(each.last, theirs.last) for each, theirs in zip(found.scaled, SCALED, strict=True)]
    return max(abs(mine - theirs) / theirs for mine, theirs in pairs)


def _descent(found: Pairs, source: Source) -> Table:
    columns = [
        Column("gradient"), Column("updater"), Column("losses", "d"), Column("last here", ".12g"),
        Column("Spark 3.5.9", ".12g"), Column("difference", ".1e"),
    ]  # fmt: skip
    rows = []
    for each in found.descended:
        theirs = DESCENT[each.gradient, each.updater]
        rows.append(
            [each.gradient, each.updater, each.n_losses, each.last, theirs,
             abs(each.last - theirs) / theirs if source.measured else None]
        )  # fmt: skip
    return Table(
        f"Gradient descent, {DESCENT_STEPS} steps of size {DESCENT_STEP} / √t", columns, rows,
        f"Spark has {DESCENT_STEPS + 1} losses each time, too: the last pass only evaluates.",
    )  # fmt: skip


def _lbfgs(found: Pairs, source: Source) -> Table:
    columns = [
        Column("regularisation", "g"), Column("tolerance", "g"), Column("losses", "d"),
        Column("Spark 3.5.9", "d"), Column("last here", ".12g"), Column("Spark 3.5.9", ".12g"),
        Column("difference", ".1e"),
    ]  # fmt: skip
    rows = [
        [mine.reg, mine.tolerance, mine.n_losses, theirs.n_losses, mine.last, theirs.last,
         abs(mine.last - theirs.last) / theirs.last if source.measured else None]
        for mine, theirs in zip(found.scaled, SCALED, strict=True)
    ]  # fmt: skip
    return Table("L-BFGS, logistic with L2", columns, rows)
