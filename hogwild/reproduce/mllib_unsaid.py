"""What Spark does that its page does not say: each is shown happening, beside what one expects.

Called by ``mllib``.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hogwild.mllib import (
    LocalPartitions,
    LogisticGradient,
    LogisticRegressionModel,
    SquaredL2Updater,
    run_lbfgs,
    run_mini_batch_sgd,
)
from hogwild.mllib.gradient_descent import FIRST_SEED
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_example import Example
from hogwild.reproduce.mllib_published import (
    BATCHES,
    CORRECTIONS,
    FRACTION,
    ITERATIONS,
    JAVA,
    LOSS_AT_MARGIN,
    MARGIN,
    REG,
)
from hogwild.reproduce.mllib_race import Problem
from hogwild.reproduce.mllib_runs import unlogged
from hogwild.reproduce.parts import Column, Section, Table, plain_table, power

HIGHEST = "the highest of them, rows not scaled"
LOOSE = 0.9  # a tolerance that the first step meets
SMALL_STEP, SMALL_FRACTION, MANY_STEPS, STRONG = 1e-9, 0.01, 50, 10.0
LOST = -34.0  # a margin at which no digit of the loss is left


@dataclass(frozen=True)
class Fact:
    """What one would expect from the page, what comes out, and in Spark, where that is known."""

    what: str
    expected: Any
    here: Any
    spark: Any = None


def measure(source: Source, example: Example, problems: list[Problem]) -> list[Fact]:
    """Return the facts, each measured: in `example`, in `problems`, or here."""
    rows = source.with_bias()
    with unlogged():
        return [
            *_losses(rows, example, source.measured),
            *_stops(rows),
            *_batches(rows),
            *_objective(source.scaled()),
            _zeros(problems),
        ]


def _descent(rows: LocalPartitions, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "step_size": 1.0, "num_iterations": ITERATIONS, "reg_param": REG,
        "mini_batch_fraction": 1.0, "convergence_tol": 0.0,
    }  # fmt: skip
    return run_mini_batch_sgd(
        rows, LogisticGradient(), SquaredL2Updater(),
        initial_weights=np.zeros(rows.n_features), **settings | changes,
    )  # fmt: skip


def _lbfgs(rows: LocalPartitions, tolerance: float, reg: float, steps: int) -> Any:
    return run_lbfgs(
        rows, LogisticGradient(), SquaredL2Updater(), CORRECTIONS, tolerance, steps, reg,
        np.zeros(rows.n_features),
    )  # fmt: skip


def _losses(rows: LocalPartitions, example: Example, measured: bool) -> list[Fact]:
    descent, run = _descent(rows), example.java
    failed = len(run.repeated)
    failures = f"{failed} failure" + ("" if failed == 1 else "s")
    return [
        Fact(f"losses of {ITERATIONS} steps of descent", ITERATIONS, len(descent.losses), 21),
        Fact(HIGHEST, float(descent.losses[0]), float(descent.losses.max())),
        Fact(
            f"losses of {ITERATIONS} steps of L-BFGS, {failures}", ITERATIONS, len(run.losses),
            len(JAVA.losses) if measured else None,
        ),
        Fact(
            "passes over the data for these", ITERATIONS, run.passes,
            JAVA.passes if measured else None,
        ),
        Fact(
            "rows that the Java program fits", example.drawn, run.fitted, 100 if measured else None
        ),
    ]  # fmt: skip


def _stops(rows: LocalPartitions) -> list[Fact]:
    found = _lbfgs(rows, LOOSE, REG, 5 * ITERATIONS)
    falls = np.abs(np.diff(found.losses)) <= LOOSE * found.losses[0]
    small = _descent(rows, step_size=SMALL_STEP, convergence_tol=0.001)
    return [
        Fact(f"steps of L-BFGS at tolerance {LOOSE}", int(falls.argmax()) + 1, found.n_iterations),
        Fact(f"steps of descent of size {power(SMALL_STEP)}", ITERATIONS, small.n_iterations),
    ]


def _batches(rows: LocalPartitions) -> list[Fact]:
    n = rows.count()
    facts = []
    for again, parts in ((False, 2), (True, 2), (False, 4)):
        sizes = _two_batches(LocalPartitions(rows.collect(), parts))
        facts.append(
            Fact(
                "the same, run again" if again else f"two batches of a tenth, {parts} partitions",
                "two others" if again else _pair(n * FRACTION, n * FRACTION), _pair(*sizes),
                _pair(*BATCHES[parts]) if n == 100 else None,
            )
        )  # fmt: skip
    sparse = _descent(rows, num_iterations=MANY_STEPS, mini_batch_fraction=SMALL_FRACTION)
    what = f"losses of {MANY_STEPS} steps on {100 * SMALL_FRACTION:g} % of the rows"
    return [*facts, Fact(what, MANY_STEPS + 1, len(sparse.losses))]


def _two_batches(rows: LocalPartitions) -> list[int]:
    return [rows.sample(FRACTION, FIRST_SEED + step).count() for step in (1, 2)]


def _pair(a: float, b: float) -> str:
    return f"{a:g} and {b:g}"


def _objective(scaled: LocalPartitions) -> list[Fact]:
    w = _lbfgs(scaled, 1e-9, STRONG, 5 * ITERATIONS).weights
    model = LogisticRegressionModel(w[:-1], w[-1]).clear_threshold()
    X, y = scaled.collect()
    mean = float(model.predict(X[:, :-1]).mean())
    return [
        Fact(f"mean prediction at regularisation {STRONG:g}", float(y.mean()), mean),
        *[
            Fact(f"loss of a 0 at margin {margin:g}", float(np.log1p(np.exp(margin))),
                 LogisticGradient().compute([1.0], 0.0, [margin])[1], theirs)
            for margin, theirs in ((MARGIN, LOSS_AT_MARGIN), (LOST, None))
        ],
    ]  # fmt: skip


def _zeros(problems: list[Problem]) -> Fact:
    """What one expects is what OWL-QN, on the same objective, ends with."""
    example = next(p for p in problems if p.penalty == "l1")
    zeros = [example.of(method).zeros for method in ("OWL-QN", "L-BFGS")]
    return Fact(f"zeros by L-BFGS, L1 of {example.reg:g}", *zeros)


def data(facts: list[Fact]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(fact) for fact in facts]


def summary(facts: list[Fact], source: Source) -> list[str]:
    """Return the table for the terminal."""
    return ["What Spark does that its page does not say:", "", *plain_table(_table(facts, source))]


def section(facts: list[Fact], source: Source) -> Section:
    """Return the part of the report."""
    return Section(
        "What Spark does that its page does not say",
        [
            "Gradient descent returns a loss more than it makes steps: the last pass only "
            "evaluates. L-BFGS repeats a loss for each failed search, and the passes over the data "
            "for the trials of its searches are counted nowhere.",
            "On rows that are not scaled, a step size of 1 makes the loss "
            f"{_times(facts)} times as large before it falls: that is a result, not an error.",
            "L-BFGS compares a loss with the highest of the last 20, which include infinity until "
            "20 steps are made: no tolerance lets it stop by its losses before. Gradient descent "
            "compares weights, not losses, so a tiny step counts as convergence; the start is "
            "never compared, so two steps are the least.",
            "Each row is in a batch with the probability given, so the size of a batch is random; "
            "but the seeds are 42 plus the number of the step and can't be set, so each run has "
            "the same batches, and other ones with another number of partitions. An empty batch "
            "leaves no loss and makes no step, yet counts as one.",
            "The bias is penalised like any weight, so the mean prediction is not the share of "
            "rows labelled 1, as it is where the bias is free. The loss of a row labelled 0 is "
            "computed as a difference, so it loses digits where the prediction is good, and far "
            "out it is 0.",
            "L-BFGS takes an L1 penalty without complaint and returns no zero (see above).",
        ],
        [_table(facts, source)],
    )


def _times(facts: list[Fact]) -> str:
    fact = next(fact for fact in facts if fact.what == HIGHEST)
    return f"{fact.here / fact.expected:,.0f}"


def _table(facts: list[Fact], source: Source) -> Table:
    columns = [Column(""), Column("expected", ".5g"), Column("here", ".5g")]
    columns.append(Column("Spark 3.5.9", ".5g"))
    rows = [[fact.what, fact.expected, fact.here, fact.spark] for fact in facts]
    return Table(
        f"What one would expect and what comes out, {source.name}", columns, rows,
        "A dash: not among the figures taken from Spark.",
    )  # fmt: skip
