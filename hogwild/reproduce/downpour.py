"""The target "downpour": what "Large Scale Distributed Deep Networks" says of Downpour SGD.

``reproduce(say, plan)`` runs the parts one after the other and puts their sections together: real
processes (``downpour_real``), and virtual time up to the paper's 200 replicas
(``downpour_virtual``).

Called by ``reproduce.run``.
"""

import dataclasses

from hogwild.reproduce import (
    downpour_data,
    downpour_exchange,
    downpour_real,
    downpour_scale,
    downpour_stated,
    downpour_virtual,
)
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.machine import load_beside
from hogwild.reproduce.parts import Outcome, Say
from hogwild.reproduce.stopwatch import Stopwatch

TITLE = "Downpour SGD: Large Scale Distributed Deep Networks"
SOURCE = "J. Dean et al., NIPS 2012"
LINK = "https://papers.nips.cc/paper/4687-large-scale-distributed-deep-networks"


def reproduce(say: Say, plan: Plan | None = None) -> Outcome:
    """Return what the paper states beside what comes out here.

    Parameters
    ----------
    say : callable
        Told one line at a time how far it is.
    plan : Plan, optional
        Sizes, and where a8a is; by default those of the real report, on made rows.

    Raises
    ------
    DataError
        When the plan's folder doesn't have a8a, or a broken one.
    """
    plan = Plan() if plan is None else plan
    timed = Stopwatch(say)
    task = timed("rows", lambda: downpour_data.load(plan))
    say(f"  {task.name}: {len(task.rows)} rows, {task.rows.n_features} features")
    fits = timed("real processes", lambda: downpour_real.measure(task, plan, say))
    crowd = load_beside(max(plan.replicas) + 1)
    virtual = timed("virtual time", lambda: downpour_virtual.measure(plan, say))
    return Outcome(
        TITLE, SOURCE, LINK,
        sections=[
            *downpour_exchange.sections(fits, task, plan),
            *downpour_scale.sections(virtual, plan),
            downpour_stated.section(virtual, plan),
        ],
        data={
            "plan": dataclasses.asdict(plan) | {"data": None},  # a path tells of the machine
            "rows": {
                "name": task.name, "rows": len(task.rows), "features": task.rows.n_features,
                "reg": task.reg, "least": task.least, "start": task.start,
            },
            "seconds": timed.seconds,
            "fits": downpour_real.data(fits),
            "virtual": downpour_virtual.data(virtual),
        },
        summary=[
            *downpour_exchange.summary(fits, task, plan), "",
            *downpour_scale.summary(virtual, plan), "",
            "What is stated, and what came out here", *downpour_stated.summary(virtual, plan),
        ],
        loads=[crowd],
    )  # fmt: skip
