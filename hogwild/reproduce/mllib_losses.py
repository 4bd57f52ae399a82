"""What the report says of the page's two programs: their losses beside Spark's, one by one.

Called by ``mllib``; the runs are those of ``mllib_example``.
"""

from itertools import zip_longest
from typing import Any

from hogwild.reproduce import mllib_published as published
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_example import Example, Program
from hogwild.reproduce.mllib_published import CORRECTIONS, ITERATIONS, REG, TOLERANCE
from hogwild.reproduce.parts import Column, Curve, Figure, Section, Table, plain_table

CODE = """\
import numpy as np
from hogwild.mllib import (
    BinaryClassificationMetrics, LogisticGradient, LogisticRegressionModel, SquaredL2Updater,
    append_bias, load_libsvm_file, random_split, run_lbfgs,
)

data = load_libsvm_file("sample_libsvm_data.txt")
training, test = random_split(data, [0.6, 0.4], seed=11)
weights, losses = run_lbfgs(
    append_bias(training), LogisticGradient(), SquaredL2Updater(),
    10, 1e-4, 20, 0.1, np.zeros(data.n_features + 1),
)
model = LogisticRegressionModel(weights[:-1], weights[-1])
model.clear_threshold()
rows = test.collect()
metrics = BinaryClassificationMetrics(model.predict(rows.X), rows.y)
print(losses, metrics.area_under_roc)"""


def summary(found: Example, source: Source) -> list[str]:
    """Return both programs' losses for the terminal."""
    return [
        f"The page's Scala program, {source.name}: {found.scala.fitted} training and "
        f"{found.scala.test} test rows,",
        f"{_counted(found.scala)}, area under ROC {found.scala.area:g}:",
        "",
        *plain_table(_losses(found.scala, published.SCALA, source, "Scala")),
        "",
        f"Its Java program fits all {found.java.fitted} rows, test rows too:",
        f"{_counted(found.java)}.",
        *_difference(found.java, published.JAVA, source),
    ]


def sections(found: Example, source: Source) -> list[Section]:
    """Return a part of the report for each program."""
    return [_scala(found, source), _java(found, source)]


def _scala(found: Example, source: Source) -> Section:
    run = found.scala
    return Section(
        "The page's example, loss by loss",
        [
            "Logistic regression with an L2 penalty by L-BFGS: a random split into .6 and .4, a "
            f"bias appended, {CORRECTIONS} corrections, tolerance {TOLERANCE:g}, at most "
            f"{ITERATIONS} steps, regularisation {REG}, a start at zero.",
            f"{run.fitted} training and {run.test} test rows; {_counted(run)} ({run.stopped}); "
            f"area under the ROC curve {run.area:g}.",
            *([_repeats(run)] if run.repeated else []),
            *_difference(run, published.SCALA, source),
        ],
        [
            _losses(run, published.SCALA, source, "Scala"),
            _rest(
                run, published.SCALA, source, "Scala",
                [
                    ("training rows", run.fitted, published.TRAINING_ROWS),
                    ("test rows", run.test, published.TEST_ROWS),
                    ("area under ROC", run.area, published.AREA),
                    ("lowest score of a row labelled 1", run.lowest_of_ones,
                     published.LOWEST_OF_ONES),
                    ("highest score of a row labelled 0", run.highest_of_zeros,
                     published.HIGHEST_OF_ZEROS),
                ],
            ),
        ],
        [_figure(found, source)],
        CODE,
    )  # fmt: skip


def _java(found: Example, source: Source) -> Section:
    run = found.java
    return Section(
        "The page's Java program fits its test rows",
        [
            f"It draws {found.drawn} rows to train on and scores the other {run.test}, but then "
            f"hands L-BFGS all {run.fitted} rows: the rows that it scores are among those it has "
            f"fitted, so its area under the ROC curve, {run.area:g}, says nothing of new rows.",
            f"{_counted(run)}. {_repeats(run)}",
            *_difference(run, published.JAVA, source),
        ],
        [
            _losses(run, published.JAVA, source, "Java"),
            _rest(run, published.JAVA, source, "Java", []),
        ],
    )


def _counted(run: Program) -> str:
    return f"{len(run.losses)} losses, {run.passes} passes over the data"


def _repeats(run: Program) -> str:
    if not run.repeated:
        return "No line search failed."
    pairs = " and ".join(f"{k - 1} and {k}" for k in run.repeated)
    return (
        f"Losses {pairs} are equal: a line search failed there; L-BFGS forgot its corrections "
        "and went on, and Spark says so in its log only."
    )


def _largest(run: Program, theirs: published.Run) -> float:
    """Return the largest relative difference of the losses that both have."""
    return max(abs(a - b) / abs(b) for a, b in zip(run.losses, theirs.losses, strict=False))


def _difference(run: Program, theirs: published.Run, source: Source) -> list[str]:
    if not source.measured:
        return []
    return [f"Largest relative difference from Spark's losses: {_largest(run, theirs):.1e}."]


def _heading(source: Source) -> str:
    return "Spark 3.5.9" if source.measured else "Spark 3.5.9, its file"


def _losses(run: Program, theirs: published.Run, source: Source, name: str) -> Table:
    columns = [Column("no.", "d"), Column("loss here", ".12g"), Column(_heading(source), ".12g")]
    rows: list[list[Any]] = [
        [k, mine, other]
        for k, (mine, other) in enumerate(zip_longest(run.losses, theirs.losses), 1)
    ]
    if source.measured:
        columns.append(Column("difference", ".1e"))
        for row in rows:
            row.append(_relative(row[1], row[2]))
    return Table(
        f"Losses of the {name} program", columns, rows,
        "Relative differences: sums are added in another order." if source.measured else
        "Not the same rows: nothing to compare.",
    )  # fmt: skip


def _relative(mine: float | None, other: float | None) -> float | None:
    return None if mine is None or other is None else abs(mine - other) / abs(other)


def _rest(
    run: Program,
    theirs: published.Run,
    source: Source,
    name: str,
    more: list[tuple[str, Any, Any]],
) -> Table:
    rows = [
        ("losses", len(run.losses), len(theirs.losses)),
        ("passes over the data", run.passes, theirs.passes),
        ("norm of the weights", run.norm, theirs.norm),
        ("weight of the bias", run.intercept, theirs.intercept),
        ("weights that are not 0", run.nonzeros, theirs.nonzeros),
    ]
    columns = [Column(""), Column("here", ".10g"), Column(_heading(source), ".10g")]
    return Table(f"What else the {name} program comes to", columns, [*more, *rows])


def _figure(found: Example, source: Source) -> Figure:
    programs = [("Scala", found.scala, published.SCALA), ("Java", found.java, published.JAVA)]
    curves = []
    for colour, (name, run, _) in enumerate(programs):
        numbers = [float(k) for k in range(1, len(run.losses) + 1)]
        curves.append(Curve(name, numbers, run.losses, colour))
    for (_, _, theirs), label in zip(
        programs, ("", _heading(source).replace(" 3", "\n3")), strict=True
    ):
        numbers = [float(k) for k in range(1, len(theirs.losses) + 1)]
        curves.append(Curve(label, numbers, theirs.losses, 2, dots=True))
    return Figure(
        "Losses of the page's two programs, Spark's as dots",
        "The losses of both programs fall, on a logarithmic scale, by orders of magnitude within "
        "a few steps, and slowly after that; Spark's losses are dots.",
        "number of the loss", "loss", curves, y_log=True,
    )  # fmt: skip
