"""One run of an optimizer as the report keeps it: losses by passes over the data, and its zeros.

Called by the parts of ``mllib``.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hogwild.mllib import (
    L1Updater,
    LocalPartitions,
    LogisticGradient,
    OptimizerResult,
    Partitions,
    SquaredL2Updater,
    run_lbfgs,
    run_mini_batch_sgd,
    run_owlqn,
)
from hogwild.reproduce.mllib_published import CORRECTIONS

UPDATERS: dict[str, Callable[[], Any]] = {"l2": SquaredL2Updater, "l1": L1Updater}
TINY = 1e-12  # a tolerance that lets a run go on as far as it can, and doesn't ask for more


class Counted(LocalPartitions):
    """Rows that count how often they are read through."""

    passes = 0

    @classmethod
    def of(cls, rows: Partitions) -> "Counted":
        """Return the same rows in the same partitions."""
        return cls(rows.collect(), sizes=rows.sizes())

    def tree_aggregate(self, *asked: Any) -> Any:
        """One pass more."""
        self.passes += 1
        return super().tree_aggregate(*asked)


@dataclass(frozen=True)
class Run:
    """A run of `method` with penalty `reg`; `step` is gradient descent's first one.

    Attributes
    ----------
    losses, passes : list
        The objective, and after how many passes over the data it was known.
    stopped : str
        Why it ended.
    failures : int or None
        Searches for a step that failed; None for gradient descent, which doesn't search.
    zeros : int or None
        Weights that are exactly 0 though their feature isn't; None if the start was never left.
    n_features : int
        Features that aren't 0 in all rows, the bias among them.
    """

    method: str
    step: float | None
    reg: float
    losses: list[float]
    passes: list[int]
    stopped: str
    failures: int | None
    zeros: int | None
    n_features: int

    def passes_to(self, value: float) -> int | None:
        """Return the passes after which the objective was first known to be at or below it."""
        pairs = zip(self.passes, self.losses, strict=True)
        return next((n for n, loss in pairs if loss <= value), None)


def descent(rows: Partitions, penalty: str, reg: float, step: float, passes: int) -> Run:
    """Return a run of gradient descent on all rows: a pass a step, to the end."""
    return _run(
        "gradient descent", step, reg, rows,
        lambda counted, start, note: run_mini_batch_sgd(
            counted, LogisticGradient(), UPDATERS[penalty](), step, passes - 1, reg, 1.0, start,
            0.0, callback=note,
        ),
    )  # fmt: skip


def lbfgs(
    rows: Partitions, penalty: str, reg: float, steps: int, tolerance: float = TINY
) -> Run:  # fmt: skip
    """Return a run of L-BFGS."""
    return _run(
        "L-BFGS", None, reg, rows,
        lambda counted, start, note: run_lbfgs(
            counted, LogisticGradient(), UPDATERS[penalty](), CORRECTIONS, tolerance, steps, reg,
            start, callback=note,
        ),
    )  # fmt: skip


def owlqn(rows: Partitions, reg: float, steps: int, tolerance: float = TINY) -> Run:
    """Return a run of OWL-QN, whose penalty is L1."""
    return _run(
        "OWL-QN", None, reg, rows,
        lambda counted, start, note: run_owlqn(
            counted, LogisticGradient(), CORRECTIONS, tolerance, steps, reg, start, callback=note
        ),
    )  # fmt: skip


def _run(
    method: str,
    step: float | None,
    reg: float,
    rows: Partitions,
    run: Callable[[Counted, Any, Callable[[int, float], None]], OptimizerResult],
) -> Run:
    counted, seen = Counted.of(rows), []
    with unlogged():
        found = run(
            counted, np.zeros(rows.n_features), lambda _, loss: seen.append((counted.passes, loss))
        )
    occurs = np.asarray((counted.collect().X != 0).sum(axis=0)).ravel() > 0
    zeros = int(np.count_nonzero(found.weights[occurs] == 0.0))
    failures = len(found.losses) - 1 - found.n_iterations if step is None else None
    return Run(
        method, step, reg, [loss for _, loss in seen], [passes for passes, _ in seen],
        found.stopped, failures, zeros if found.weights.any() else None, int(occurs.sum()),
    )  # fmt: skip


@contextmanager
def unlogged() -> Iterator[list[str]]:
    """Keep what the optimizers log from the terminal; gives the lines."""
    logger, lines = logging.getLogger("hogwild.mllib"), _Lines()
    before = logger.propagate, logger.level
    logger.addHandler(lines)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield lines.found
    finally:
        logger.removeHandler(lines)
        logger.propagate, logger.level = before


class _Lines(logging.Handler):
    """Keeps the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())
