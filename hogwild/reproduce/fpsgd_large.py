"""What order costs at the article's size: made ratings of MovieLens 10M's shape (Fig. 13b).

There the rows of P and Q do not fit a core's own caches any more.  Time alone is measured, one
worker, a few epochs; it needs a compiled kernel.  Called by ``fpsgd``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.data import generate_ratings
from hogwild.kernels.compiled import have_numba
from hogwild.models import fit_factors
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_published import FIGURE_13B, GRID, LIBMF_ORDERS
from hogwild.reproduce.machine import start_method
from hogwild.reproduce.parts import Column, Say, Section, Table

EPOCHS = 3
LEFT_OUT = "left out: needs numba (pip install 'hogwild[fast]')"


@dataclass(frozen=True)
class Timed:
    """Nanoseconds a rating of one order, as it stands or by level."""

    order: str
    by_level: bool
    ns: float


@dataclass(frozen=True)
class Large:
    """The sizes, and the times; no times without a compiled kernel."""

    n_ratings: int
    megabytes: float
    times: list[Timed]

    def ns(self, order: str, by_level: bool) -> float:
        """Return the nanoseconds a rating of that run."""
        return next(t.ns for t in self.times if (t.order, t.by_level) == (order, by_level))


def measure(plan: Plan, say: Say) -> Large:
    """Return the times of random and of partial random."""
    n_users, n_items, n_ratings = plan.large
    megabytes = (n_users + n_items) * plan.factors * 4 / 1e6
    if not have_numba():
        say(f"  {LEFT_OUT}")
        return Large(n_ratings, megabytes, [])
    ratings = generate_ratings(*plan.large, seed=0)
    grid = min(GRID, n_users, n_items)
    ways: dict[str, dict[str, Any]] = {
        "random": {"schedule": "hogwild", "n_workers": 1},
        "partial random": {"schedule": "serial", "grid": grid, "order": "user"},
    }
    times = []
    for order, by_level in (
        ("random", False),
        ("partial random", False),
        ("partial random", True),
    ):
        fit = fit_factors(
            ratings, epochs=EPOCHS, by_level=by_level, seed=0, start_method=start_method(),
            **plan.settings(**ways[order]),
        )  # fmt: skip
        ns = statistics.median(1e9 * row.seconds / row.updates for row in fit.history)
        times.append(Timed(order, by_level, ns))
    say(f"  {len(times)} fits of {len(ratings):,} made ratings")
    return Large(n_ratings, megabytes, times)


def data(found: Large) -> dict[str, Any]:
    """Return every time, for report.json."""
    return asdict(found)


def section(found: Large) -> Section:
    """Return the part of the report."""
    return Section(
        "What order costs at the article's size",
        [
            f"On {found.n_ratings:,} made ratings of the shape of MovieLens 10M, P and Q take "
            f"{found.megabytes:.0f} MB, more than a core's own caches. {_verdict(found)}"
        ],
        [
            *([_table(found)] if found.times else []),
            Table(
                "LIBMF 1.0 (the authors' program, one thread, k = 40), nanoseconds a rating",
                [Column("ratings"), Column("random", ".1f"), Column("random in blocks", ".1f"),
                 Column("partial random", ".1f"), Column("ratio", ".1f")],
                [[row.data, row.random, row.random_in_blocks, row.partial,
                  row.random / row.partial] for row in LIBMF_ORDERS],
                "Measured once, on another day than this page. Grid 32 x 32; ratio: random over "
                "partial random. In the small set P and Q fit the caches, and order gains nothing.",
            ),
            Table(
                "The article's Figure 13b: seconds to about the same test RMSE, 8 threads, read "
                "off the plot",
                [Column("data"), Column("test RMSE"), Column("random", ".0f"),
                 Column("partial random", ".0f"), Column("ratio", ".1f")],
                [[*row, row.random / row.partial] for row in FIGURE_13B],
            ),
        ],
    )  # fmt: skip


def _verdict(found: Large) -> str:
    if not found.times:
        return f"Timing the orders is {LEFT_OUT}."
    plain, quick = (found.ns("partial random", by_level) for by_level in (False, True))
    random = found.ns("random", False)
    return (
        f"Here the random order takes {random / plain:.1f} times as long as partial random, both "
        f"as they stand, and {random / quick:.1f} times as long as partial random by level. The "
        f"article's plot shows {FIGURE_13B[0].random / FIGURE_13B[0].partial:.1f} times, with "
        "eight threads that share two processors' caches."
    )


def _table(found: Large) -> Table:
    rows = [
        [each.order, "by level" if each.by_level else "as it stands", each.ns]
        for each in found.times
    ]
    columns = [Column("order"), Column("laid out"), Column("ns", ".1f")]
    return Table("Nanoseconds a rating, one worker, ours", columns, rows, timed=True)
