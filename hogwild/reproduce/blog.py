"""The target "blog": the figures of the post "Hogwild!? Implementing Async SGD in Python" (2017).

``reproduce(say, plan)`` runs the parts one after the other and puts their sections together; what
each measures and why is said in its own module.

Called by ``reproduce.run``.
"""

from dataclasses import asdict
from typing import Any

from hogwild.data import blog_data
from hogwild.kernels.compiled import have_numba
from hogwild.models import sparsity
from hogwild.reproduce import blog_counter, blog_lost, blog_passes, blog_script, blog_time
from hogwild.reproduce.blog_plan import Plan, full_plan
from hogwild.reproduce.machine import load_beside, start_method
from hogwild.reproduce.parts import Column, Outcome, Say, Section, Table
from hogwild.reproduce.stopwatch import Stopwatch

TITLE = "The blog: Hogwild!? Implementing Async SGD in Python"
SOURCE = "S. Rome, 18 November 2017"
LINK = "https://srome.github.io"


def reproduce(say: Say, plan: Plan | None = None) -> Outcome:
    """Return the blog's figures beside ours, lost updates, and the objective against time.

    Parameters
    ----------
    say : callable
        Told one line at a time how far it is.
    plan : Plan, optional
        Sizes; by default those of the real report.
    """
    plan = full_plan() if plan is None else plan
    timed = Stopwatch(say)
    passes = timed("the printed figures", lambda: blog_passes.run(plan, say))
    script = timed("the post's own program", lambda: blog_script.run(plan, say))
    counted = timed("a shared counter", lambda: blog_counter.run(plan, say))
    lost = timed("lost updates", lambda: blog_lost.run(plan, say))
    race = timed("objective against time", lambda: blog_time.run(plan, say))
    loads = [load_beside(max(plan.workers))]  # of the part before, which the load still holds
    sparse = {seed: sparsity(blog_data(seed)[0]) for seed in plan.seeds}
    return Outcome(
        TITLE, SOURCE, LINK,
        sections=[
            blog_passes.section(passes, plan),
            blog_script.section(script),
            blog_counter.section(counted, plan),
            blog_lost.section(lost, plan),
            blog_time.section(race, plan),
            _sparsity_section(sparse),
            _differences(),
        ],
        data={
            "plan": asdict(plan),
            "start_method": start_method(),
            "seconds": timed.seconds,
            "passes": blog_passes.data(passes),
            "script": blog_script.data(script),
            "counter": blog_counter.data(counted),
            "lost_updates": blog_lost.data(lost),
            "time": blog_time.data(race),
            "sparsity": {str(seed): asdict(found) for seed, found in sparse.items()},
        },
        summary=blog_passes.summary(passes),
        loads=loads,
    )  # fmt: skip


def _sparsity_section(found: dict[int, Any]) -> Section:
    columns = [Column("seed"), Column("Ω", "d"), Column("Δ", ".4f"), Column("ρ", ".4f")]
    rows = [[seed, each.omega, each.delta, each.rho] for seed, each in found.items()]
    least = min(each.rho for each in found.values())
    return Section(
        "Is this data sparse?",
        [
            "The paper (Niu, Recht, Ré, Wright 2011, section 2) measures sparsity by Ω, the most "
            "features in one row, Δ, the share of rows that have the commonest feature, and ρ, the "
            "largest share of rows that meet one row. Its theory wants Δ and ρ near 0.",
            f"In the blog's data some row shares a feature with at least {100 * least:.0f} % of "
            "all rows, whatever the seed. With ten features that is not sparse in the paper's "
            "sense; that collisions are rare does not follow from the data.",
        ],
        [Table("The paper's three numbers of the blog's data", columns, rows)],
        code="sparsity(blog_data(seed)[0])",
    )


def _differences() -> Section:
    compiled = (
        "compiled kernels (numba)" if have_numba() else "numpy kernels (numba is not installed)"
    )
    return Section(
        "What differs from the post, and why",
        [
            "The post sets no seed, so its data can't be had again; here the same recipe is drawn "
            "for each seed. It runs five processes; here there are two, handed runs of rows "
            "instead of pickled rows. The steps are the same: one row, step .001, filter .01, rows "
            "in order, no intercept, each coordinate written by itself.",
            f"The parts on time and on lost updates use {compiled}, and made data of other sizes, "
            "said there. Absolute times depend on the machine and on what else ran; ratios of the "
            "same run are what to compare.",
        ],
    )
