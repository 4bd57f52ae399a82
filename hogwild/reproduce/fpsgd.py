"""The target "fpsgd": the results of "A Fast Parallel SGD for Matrix Factorization" (RecSys 2013).

``reproduce(say, plan)`` runs the parts one after the other and puts their sections together; what
each measures and why is said in its own module, and what is published in ``fpsgd_published``.

Called by ``reproduce.run``.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from hogwild.kernels.compiled import have_numba
from hogwild.reproduce import (
    fpsgd_balance,
    fpsgd_batches,
    fpsgd_data,
    fpsgd_idle,
    fpsgd_large,
    fpsgd_locking,
    fpsgd_orders,
    fpsgd_proof,
    fpsgd_published,
    fpsgd_race,
)
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan, full_plan
from hogwild.reproduce.machine import load_beside, processors_text, start_method
from hogwild.reproduce.parts import Outcome, Say, Section
from hogwild.reproduce.stopwatch import Stopwatch

TITLE = "FPSGD: A Fast Parallel SGD for Matrix Factorization"
SOURCE = "Y. Zhuang, W.-S. Chin, Y.-C. Juan, C.-J. Lin, RecSys 2013"
LINK = "https://www.csie.ntu.edu.tw/~cjlin/libmf/"

T = TypeVar("T")


class Found(NamedTuple):
    """What the parts have measured."""

    race: fpsgd_race.Race
    orders: list[fpsgd_orders.Ordered]
    large: fpsgd_large.Large
    batches: fpsgd_batches.Found
    balance: fpsgd_balance.Balance
    idle: fpsgd_idle.Idle
    locking: list[fpsgd_locking.Shown]
    proof: list[fpsgd_proof.Proof]
    loads: list[float | None]


def reproduce(say: Say, plan: Plan | None = None) -> Outcome:
    """Return the article's tables and figures beside ours.

    Parameters
    ----------
    say : callable
        Told one line at a time how far it is.
    plan : Plan, optional
        Sizes, and where MovieLens is; by default those of the real report, on made ratings.

    Raises
    ------
    DataError
        When the plan's folder has no MovieLens set that is known, or a broken one.
    """
    full = full_plan() if plan is None else plan
    watch = Stopwatch(say)
    split = watch("ratings", lambda: fpsgd_data.load(full, say))
    plan = full.fitting(len(split.train))
    found = _measure(split, plan, say, watch)
    return Outcome(
        TITLE, SOURCE, LINK,
        sections=[
            _differences(split, full, plan),
            fpsgd_race.section(found.race, split, plan),
            fpsgd_locking.section(found.locking),
            fpsgd_batches.section(found.batches),
            fpsgd_idle.section(found.idle, plan),
            fpsgd_balance.section(found.balance, plan),
            fpsgd_orders.section(found.orders, split, plan),
            fpsgd_large.section(found.large),
            fpsgd_proof.section(found.proof, plan),
        ],
        data={
            "plan": dataclasses.asdict(plan) | {"data": None},  # a path tells of the machine
            "ratings": _ratings_data(split),
            "start_method": start_method(),
            "seconds": watch.seconds,
            "published": _published(),
            "race": fpsgd_race.data(found.race),
            "orders": fpsgd_orders.data(found.orders),
            "large": fpsgd_large.data(found.large),
            "batches": fpsgd_batches.data(found.batches),
            "balance": fpsgd_balance.data(found.balance),
            "idle": fpsgd_idle.data(found.idle),
            "locking": fpsgd_locking.data(found.locking),
            "proof": fpsgd_proof.data(found.proof),
        },
        summary=[
            *fpsgd_race.summary(found.race, split, plan), *_fewer(full, plan), "",
            *fpsgd_batches.summary(found.batches),
        ],
        loads=found.loads,
    )  # fmt: skip


def _measure(split: Split, plan: Plan, say: Say, watch: Stopwatch) -> Found:
    """Run the parts one after the other."""
    loads: list[float | None] = []

    def timed(name: str, part: Callable[[], T]) -> T:
        measured = watch(name, part)
        loads.append(load_beside(2))
        return measured

    race = timed("schedules", lambda: fpsgd_race.measure(split, plan, say))
    return Found(
        race,
        timed("orders", lambda: fpsgd_orders.measure(split, plan, say)),
        timed("order at the article's size", lambda: fpsgd_large.measure(plan, say)),
        timed("barriers", lambda: fpsgd_batches.measure(split, plan, say)),
        timed("imbalance", lambda: fpsgd_balance.measure(split, plan, race, say)),
        timed("idle shares", lambda: fpsgd_idle.measure(split, plan, race, say)),
        timed("the locking problem", lambda: fpsgd_locking.measure(split, say)),
        timed("traces", lambda: fpsgd_proof.measure(split, plan, say)),
        loads,
    )


def _ratings_data(split: Split) -> dict[str, Any]:
    train = split.train
    return {
        "name": split.name, "users": train.n_users, "items": train.n_items,
        "training": len(train), "test": len(split.test), "mean": train.mean,
    }  # fmt: skip


def _published() -> dict[str, Any]:
    """Return the published figures as report.json has them."""
    return {
        "table 2": [row._asdict() for row in fpsgd_published.TABLE_2],
        "figure 7": {str(t): between for t, between in fpsgd_published.IMBALANCE.items()},
        "figure 11": [row._asdict() for row in fpsgd_published.FIGURE_11],
        "figure 13b": [row._asdict() for row in fpsgd_published.FIGURE_13B],
        "figure 14a": [row._asdict() for row in fpsgd_published.FIGURE_14A],
        "LIBMF 1.0": {str(t): rmse for t, rmse in fpsgd_published.LIBMF.items()},
    }


def _differences(split: Split, full: Plan, plan: Plan) -> Section:
    compiled = (
        "compiled kernels (numba)"
        if have_numba()
        else "numpy kernels, level by level (numba is not installed)"
    )
    sentences = [
        split.sizes,
        "The article's MovieLens is the set of 10 million ratings (9.3 million of them for "
        "training), its machine has eight threads on two processors of four cores, and its program "
        f"is C++ with SSE. Here there are {processors_text()}, and {compiled}. So what takes "
        "more workers than two is done in virtual time: the very schedules of the real runs, "
        "driven event by event, with the sizes or the measured times of real blocks. Ratios of the "
        "same run are what to compare.",
    ]
    return Section("The ratings, and what differs", sentences + _fewer(full, plan))


def _fewer(full: Plan, plan: Plan) -> list[str]:
    """Return the sentence that says how many epochs there are, where those are not all."""
    most = Plan().epochs
    if plan.epochs >= most:
        return []
    why = ""
    if plan.epochs < full.epochs:
        why = ", for that many ratings"
    elif not have_numba():
        why = ", for numpy without numba's compiler"
    return [f"{plan.epochs} epochs in place of {most}{why}."]
