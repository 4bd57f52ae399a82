"""How much of FPSGD's reproduction is run: sizes that fit two minutes, with numba or without.

Called by ``fpsgd`` and its parts; tests pass a plan of their own, with everything tiny.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hogwild.data import MOVIELENS_SHAPES
from hogwild.kernels.compiled import have_numba
from hogwild.reproduce.fpsgd_published import FACTORS, REG, STEP, TRAINING_RATINGS

MARKS = (1, 2, 3, 4, 5, 10, 20, 30, 50, 100, 300, 1000)
"""Epochs that tables show."""


@dataclass(frozen=True)
class Plan:
    """Sizes and repetitions of each part.

    Attributes
    ----------
    data : Path or None
        A folder with MovieLens files; None for made ratings.
    shape : (int, int, int)
        Users, items and ratings, where they are made.
    large : (int, int, int)
        The same for the cost of order at the article's size.
    factors, reg, step
        Of the model; the article's.
    epochs, repeats
        Of the schedules beside one another.
    worked : int
        Ratings that a fit works through at most: larger data get fewer epochs, `least` at least.
    steps, order_epochs
        Of the three orders.
    timed_epochs
        In which the times of blocks are taken.
    ratings_a_block
        Of a block that is about as large as the article's.
    iterations, seeds
        Of the imbalance in virtual time.
    workers, virtual_epochs
        Of the idle shares in virtual time.
    spreads
        Standard deviations of a block's time, relative to its mean, in virtual time.
    calls
        To what coordinates, to see what one takes.
    """

    data: Path | None = None
    shape: tuple[int, int, int] = MOVIELENS_SHAPES["ml-1m"]
    large: tuple[int, int, int] = MOVIELENS_SHAPES["ml-10m"]
    factors: int = FACTORS
    reg: float = REG
    step: float = STEP
    epochs: int = 100
    repeats: int = 3
    worked: int = 500_000_000
    least: int = 5
    steps: tuple[float, ...] = (STEP, 0.02)
    order_epochs: int = 20
    timed_epochs: int = 10
    ratings_a_block: int = TRAINING_RATINGS // 32**2
    iterations: int = 1000
    seeds: int = 5
    workers: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    virtual_epochs: int = 10
    spreads: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0)
    calls: int = 500

    def fitting(self, n_ratings: int) -> "Plan":
        """Return the plan with no more epochs than fit that many ratings."""
        most = max(self.least, self.worked // max(n_ratings, 1))
        return dataclasses.replace(
            self,
            epochs=min(self.epochs, most),
            order_epochs=min(self.order_epochs, most),
            timed_epochs=min(self.timed_epochs, most),
            repeats=self.repeats if most >= 2 * self.epochs else 1,
        )

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return arguments of ``fit_factors``: the article's, with these changes."""
        same = {"n_factors": self.factors, "reg": self.reg, "step": self.step}
        return same | {"coordination": "shared"} | changes


def full_plan() -> Plan:
    """Return the sizes of the real report: fewer epochs for numpy, which takes ten times as long.

    Examples
    --------
    >>> Plan().fitting(10_000_000).epochs, Plan().fitting(900_000).epochs
    (50, 100)
    """
    if have_numba():
        return Plan()
    return Plan(epochs=20, repeats=1, worked=20_000_000, order_epochs=10, timed_epochs=5)
