"""The target "ffm": tables and figures of "Field-aware Factorization Machines for CTR Prediction".

``reproduce(say, plan)`` runs the parts one after the other and puts their sections together; what
each measures and why is said in its own module, and what is published in ``ffm_published``.

Called by ``reproduce.run``.
"""

import dataclasses
from typing import Any

from hogwild.kernels.compiled import have_numba
from hogwild.reproduce import (
    ffm_curves,
    ffm_data,
    ffm_golden,
    ffm_models,
    ffm_published,
    ffm_threads,
)
from hogwild.reproduce.ffm_curves import Curves
from hogwild.reproduce.ffm_data import Split
from hogwild.reproduce.ffm_golden import Golden
from hogwild.reproduce.ffm_models import Fitted
from hogwild.reproduce.ffm_plan import Plan, full_plan
from hogwild.reproduce.ffm_threads import Threads
from hogwild.reproduce.machine import load_beside
from hogwild.reproduce.parts import Outcome, Say, Section
from hogwild.reproduce.stopwatch import Stopwatch

TITLE = "FFM: Field-aware Factorization Machines for CTR Prediction"
SOURCE = "Y. Juan, Y. Zhuang, W.-S. Chin, C.-J. Lin, RecSys 2016"
LINK = "https://www.csie.ntu.edu.tw/~cjlin/libffm/"


def reproduce(say: Say, plan: Plan | None = None) -> Outcome:
    """Return the paper's tables and figures beside ours.

    Parameters
    ----------
    say : callable
        Told one line at a time how far it is.
    plan : Plan, optional
        Sizes, and where libFFM's bigdata pair is; by default those of the real report, without it.

    Raises
    ------
    DataError
        When the plan's folder doesn't have the pair, or a broken one.
    """
    plan = full_plan() if plan is None else plan
    timed = Stopwatch(say)
    golden = None
    if (folder := plan.data) is not None:
        golden = timed("libFFM's example", lambda: ffm_golden.measure(folder))
        say(f"  {golden.equal} losses equal")
    split = timed("click data", lambda: ffm_data.made(plan))
    say(f"  {len(split.train)} rows to fit to")
    models = timed("four models", lambda: ffm_models.measure(split, plan, say))
    curves = timed("k, λ and η", lambda: ffm_curves.measure(split, plan, say))
    threads = timed("one worker and two", lambda: ffm_threads.measure(split, plan))
    return Outcome(
        TITLE, SOURCE, LINK,
        sections=[
            _differences(split, plan),
            *([] if golden is None else [ffm_golden.section(golden)]),
            ffm_models.section(models, split, plan),
            *ffm_curves.sections(curves, plan),
            ffm_threads.section(threads),
        ],
        data={
            "plan": dataclasses.asdict(plan) | {"data": None},  # a path tells of the machine
            "rows": {
                "training": len(split.train), "validation": len(split.validation),
                "test": len(split.test), "fields": split.train.n_fields,
                "features": split.train.n_features,
            },
            "seconds": timed.seconds,
            "published": _published(),
            "golden": ffm_golden.data(golden),
            "models": ffm_models.data(models),
            "curves": ffm_curves.data(curves),
            "threads": ffm_threads.data(threads),
        },
        summary=_summary(golden, models, curves, threads, plan),
        loads=[load_beside(1), *(each.load for each in threads)],
    )  # fmt: skip


def _summary(
    golden: Golden | None,
    models: list[Fitted],
    curves: Curves,
    threads: list[Threads],
    plan: Plan,
) -> list[str]:
    return [
        *([] if golden is None else [*ffm_golden.summary(golden), ""]),
        *ffm_models.summary(models, plan), "",
        *ffm_curves.summary(curves, plan), "",
        *ffm_threads.summary(threads),
    ]  # fmt: skip


def _published() -> dict[str, Any]:
    """Return the published figures as report.json has them."""
    return {
        "table 3": [row._asdict() for row in ffm_published.TABLE_3],
        "table 4": {
            name: dict(zip(ffm_published.MODELS, row, strict=True))
            for name, row in ffm_published.OTHERS.items()
        },
        "k": {str(k): list(row) for k, row in ffm_published.FACTORS.items()},
        "readme": [list(row) for row in ffm_published.EXAMPLE],
        "libFFM 1.23": [list(row) for row in ffm_published.GOLDEN],
    }


def _differences(split: Split, plan: Plan) -> Section:
    kernel = (
        "the compiled kernels (numba)"
        if have_numba()
        else "the numpy kernels, on few rows (numba is not installed)"
    )
    sentences = [
        "The paper's data are click logs of 40 and 46 million rows. Here the rows are made, "
        f"{sum(map(len, (split.train, split.validation, split.test))):,} of them, and "
        f"fitted with {kernel}. So published figures are of other data; what can be compared are "
        "orders and shapes.",
    ]
    if plan.data is None:
        sentences.append(
            "With --data DIR and the pair bigdata.tr.txt and bigdata.te.txt that comes with "
            "libFFM in it, that program's own losses are compared digit by digit."
        )
    return Section("The rows, and what differs", sentences)
