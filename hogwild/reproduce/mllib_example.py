"""The page's example, loss by loss beside Spark's: the Scala program, and the Java one.

Both fit a logistic regression by L-BFGS and print the losses and the area under the ROC curve.  The
Scala program splits the rows; the Java program draws a training part too, but fits all rows.

Called by ``mllib``; what the report says of it is in ``mllib_losses``.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.mllib import (
    BinaryClassificationMetrics,
    LogisticGradient,
    LogisticRegressionModel,
    Partitions,
    SquaredL2Updater,
    append_bias,
    run_lbfgs,
)
from hogwild.mllib.partitions import Rule
from hogwild.mllib.sampling import BernoulliSample
from hogwild.reproduce import mllib_published as published
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_published import CORRECTIONS, ITERATIONS, REG, TOLERANCE
from hogwild.reproduce.mllib_runs import unlogged
from hogwild.reproduce.parts import Say


@dataclass(frozen=True)
class Program:
    """What one of the programs came to.

    Attributes
    ----------
    fitted, test : int
        Rows that were fitted, and rows that were scored.
    losses : list of float
    passes, stopped
        Passes over the data, and why L-BFGS ended.
    norm, intercept, nonzeros
        Of the weights: Euclidean norm, the bias's, how many are not 0.
    area : float
        Under the ROC curve of the test rows.
    lowest_of_ones, highest_of_zeros : float
        Scores of the test rows.
    """

    fitted: int
    test: int
    losses: list[float]
    passes: int
    stopped: str
    norm: float
    intercept: float
    nonzeros: int
    area: float
    lowest_of_ones: float
    highest_of_zeros: float

    @property
    def repeated(self) -> list[int]:
        """Numbers (from 1) of the losses that equal the one before: failed searches."""
        return [k + 2 for k in np.flatnonzero(np.diff(self.losses) == 0.0).tolist()]


@dataclass(frozen=True)
class Example:
    """Both programs; `drawn` are the rows that the Java one draws and doesn't use."""

    scala: Program
    java: Program
    drawn: int


def measure(source: Source, say: Say) -> Example:
    """Run both programs."""
    training, test = source.rows.random_split(published.SHARES, published.SPLIT_SEED)
    scala = _program(training, test)
    draw = BernoulliSample(published.SHARES[0], published.SPLIT_SEED)
    drawn, rest = source.rows.select(draw), source.rows.select(_Rest(draw)).persist()
    java = _program(source.rows, rest)
    for name, found in (("Scala", scala), ("Java", java)):
        say(f"  {name}: {len(found.losses)} losses, {found.passes} passes over the data")
    return Example(scala, java, drawn.count())


@dataclass(frozen=True)
class _Rest:
    """The rows that `rule` leaves; ``RDD.subtract``, whose order doesn't matter here."""

    rule: Rule

    def __call__(self, partition: int, n_rows: int) -> npt.NDArray[np.int64]:
        """Return them, ascending."""
        return np.setdiff1d(np.arange(n_rows), self.rule(partition, n_rows))


def _program(fitted: Partitions, test: Partitions) -> Program:
    with unlogged():
        found = run_lbfgs(
            append_bias(fitted), LogisticGradient(), SquaredL2Updater(), CORRECTIONS, TOLERANCE,
            ITERATIONS, REG, np.zeros(fitted.n_features + 1),
        )  # fmt: skip
    w = found.weights
    model = LogisticRegressionModel(w[:-1], w[-1]).clear_threshold()
    rows = test.collect()
    scores = model.predict(rows.X)
    return Program(
        fitted.count(), test.count(), found.losses.tolist(), found.n_evaluations, found.stopped,
        float(np.linalg.norm(w)), float(w[-1]), int(np.count_nonzero(w)),
        BinaryClassificationMetrics(scores, rows.y).area_under_roc,
        float(scores[rows.y == 1].min(initial=1.0)), float(scores[rows.y == 0].max(initial=0.0)),
    )  # fmt: skip


def data(found: Example) -> dict[str, Any]:
    """Return everything, for report.json."""
    return asdict(found)
