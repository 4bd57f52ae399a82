"""The target "mllib": the example of Spark's page "Optimization - RDD-based API", and its claims.

``reproduce(say, plan)`` runs the parts one after the other and puts their sections together; what
each measures and why is said in its own module, and Spark's figures are in ``mllib_published``.

Called by ``reproduce.run``.
"""

import dataclasses
from typing import Any

from hogwild.reproduce import (
    mllib_data,
    mllib_example,
    mllib_losses,
    mllib_pairs,
    mllib_passes,
    mllib_published,
    mllib_race,
    mllib_unsaid,
)
from hogwild.reproduce.mllib_data import Source
from hogwild.reproduce.mllib_plan import Plan
from hogwild.reproduce.parts import Outcome, Say, Section
from hogwild.reproduce.stopwatch import Stopwatch

TITLE = "MLlib: Optimization, the RDD-based API"
SOURCE = "Apache Spark 3.5, documentation"
LINK = "https://spark.apache.org/docs/latest/mllib-optimization.html"


def reproduce(say: Say, plan: Plan | None = None) -> Outcome:
    """Return the page's example beside Spark's losses, and its optimizers beside one another.

    Parameters
    ----------
    say : callable
        Told one line at a time how far it is.
    plan : Plan, optional
        Sizes, and where the sample file is; by default pyspark's, or made rows.

    Raises
    ------
    DataError
        When the plan's folder doesn't have Spark's sample file, or a broken one.
    """
    plan = Plan() if plan is None else plan
    timed = Stopwatch(say)
    source = timed("rows", lambda: mllib_data.load(plan))
    say(f"  {source.name}: {source.rows.count()} rows, {source.rows.n_features} features")
    example = timed("the page's example", lambda: mllib_example.measure(source, say))
    pairs = timed("gradients and updaters", lambda: mllib_pairs.measure(source, say))
    race = timed("passes over the data", lambda: mllib_race.measure(source, plan, say))
    facts = timed("what the page does not say", lambda: mllib_unsaid.measure(source, example, race))
    say(f"  {len(facts)} figures")
    return Outcome(
        TITLE, SOURCE, LINK,
        sections=[
            _differences(source),
            *mllib_losses.sections(example, source),
            mllib_pairs.section(pairs, source),
            *mllib_passes.sections(race, plan),
            mllib_unsaid.section(facts, source),
        ],
        data={
            "plan": dataclasses.asdict(plan) | {"data": None},  # a path tells of the machine
            "rows": _rows_data(source),
            "seconds": timed.seconds,
            "published": _published(),
            "example": mllib_example.data(example),
            "pairs": mllib_pairs.data(pairs),
            "passes": mllib_race.data(race),
            "unsaid": mllib_unsaid.data(facts),
        },
        summary=[
            *mllib_losses.summary(example, source), "",
            *mllib_passes.summary(race, plan), "",
            *mllib_unsaid.summary(facts, source),
        ],
    )  # fmt: skip


def _rows_data(source: Source) -> dict[str, Any]:
    return {
        "name": source.name, "rows": source.rows.count(), "features": source.rows.n_features,
        "partitions": source.rows.sizes(), "measured": source.measured,
    }  # fmt: skip


def _published() -> dict[str, Any]:
    """Return Spark's figures as report.json has them."""
    return {
        "scala": mllib_published.SCALA._asdict(),
        "java": mllib_published.JAVA._asdict(),
        "descent": [
            {"gradient": gradient, "updater": updater, "last": last}
            for (gradient, updater), last in mllib_published.DESCENT.items()
        ],
        "lbfgs": [each._asdict() for each in mllib_published.SCALED],
        "batches": {str(parts): sizes for parts, sizes in mllib_published.BATCHES.items()},
    }


def _differences(source: Source) -> Section:
    rows = source.rows.collect()
    sizes = " and ".join(map(str, source.rows.sizes()))
    return Section(
        "The rows, and what differs",
        [
            f"{source.how} {len(rows)} rows of {source.rows.n_features} features, "
            f"{rows.y.sum():.0f} of them labelled 1, in partitions of {sizes}.",
            "The page prints programs and no figures. Columns headed Spark 3.5.9 hold what that "
            "made of them (Java 17, two local threads), run by us once and written down; all "
            "else was measured in this run. There is no JVM here: the optimizers, and the random "
            "numbers behind splits and batches, are this package's. Sums are added in another "
            "order than in Spark, so the last digits differ.",
        ],
    )
