"""One worker and two: the curves should look alike, and two should be faster.

libFFM's threads are Hogwild!: they write to the shared weights without any lock.

Called by ``ffm``.
"""

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from hogwild.models import fit_ffm
from hogwild.reproduce.ffm_data import Split
from hogwild.reproduce.ffm_plan import Plan
from hogwild.reproduce.machine import load_beside, processors_text, start_method
from hogwild.reproduce.parts import Column, Curve, Figure, Section, Table, plain_table


@dataclass(frozen=True)
class Threads:
    """A fit with so many workers: losses and seconds by epoch, and nanoseconds a pair."""

    n_workers: int
    training: list[float]
    validation: list[float]
    seconds: list[float]
    ns_a_pair: float
    load: float | None

    @property
    def median(self) -> float:
        """Seconds an epoch."""
        return statistics.median(self.seconds)


def measure(split: Split, plan: Plan) -> list[Threads]:
    """Fit with one worker and with two."""
    found = []
    for n_workers in (1, 2):
        fit = fit_ffm(
            split.train, epochs=plan.timed, validation=split.validation, seed=0,
            schedule="hogwild", n_workers=n_workers, start_method=start_method(),
        )  # fmt: skip
        seconds = [record.seconds for record in fit.history]
        found.append(
            Threads(
                n_workers, [record.train_loss for record in fit.history],
                [record.validation_loss for record in fit.history], seconds,
                1e9 * statistics.median(seconds) / max(1, split.train.n_pairs),
                load_beside(n_workers),
            )
        )  # fmt: skip
    return found


def largest_difference(found: list[Threads]) -> float:
    """Return the largest difference of the two validation losses of one epoch."""
    one, two = found
    return max(abs(a - b) for a, b in zip(one.validation, two.validation, strict=True))


def section(found: list[Threads]) -> Section:
    """Return the section."""
    one, two = found
    return Section(
        "One worker and two",
        [
            "In the paper the curves of 1 to 12 threads look alike, and the speed-up is good for "
            "few threads and then flattens, to about 4 with 12. Its threads share weights without "
            "locks, and so do the workers here, which are processes.",
            f"Here are {processors_text()}. An epoch takes {one.median / two.median:.2f} times as "
            "long with one worker as with two. The largest difference of their validation losses "
            f"in any epoch is {largest_difference(found):.5f}.",
        ],
        [_table(found)],
        [
            Figure(
                "Validation loss by epoch: one worker, and two without locks",
                "Two curves that lie on one another: at the end "
                f"{one.validation[-1]:.4f} and {two.validation[-1]:.4f}.",
                "epoch", "log loss",
                [
                    Curve(f"{each.n_workers} worker{'s' * (each.n_workers > 1)}",
                          list(range(1, len(each.validation) + 1)), each.validation, colour,
                          dots=each.n_workers > 1)
                    for colour, each in enumerate(found)
                ],
            )
        ],
    )  # fmt: skip


def _table(found: list[Threads]) -> Table:
    return Table(
        "Workers: time and loss",
        [
            Column("workers", "d"), Column("s an epoch", ".4f"), Column("ns a pair", ".2f"),
            Column("training", ".5f"), Column("validation", ".5f"),
        ],
        [
            [each.n_workers, each.median, each.ns_a_pair, each.training[-1], each.validation[-1]]
            for each in found
        ],
        f"Medians of {len(found[0].seconds)} epochs; losses of the last.",
        timed=True,
    )  # fmt: skip


def summary(found: list[Threads]) -> list[str]:
    """Return the lines for the terminal."""
    return [
        "FFM, one worker and two",
        *plain_table(_table(found)),
        f"largest difference of their validation losses: {largest_difference(found):.5f}",
    ]


def data(found: list[Threads]) -> list[dict[str, Any]]:
    """Return everything, for report.json."""
    return [asdict(each) for each in found]
