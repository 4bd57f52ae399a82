"""One factor fit as the report keeps it: test RMSE, seconds and idle shares, epoch by epoch.

Called by the parts of ``fpsgd``.
"""

import statistics
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hogwild.models.factors import FactorFit, fit_factors
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import MARKS, Plan
from hogwild.reproduce.machine import start_method


@dataclass(frozen=True)
class Run:
    """A fit; lists have an entry an epoch, `seconds` are those of the updates alone.

    `idle` is the share of the workers' time in which they had no block.
    """

    schedule: str
    n_workers: int
    grid: tuple[int, int]
    seed: int
    rmse: list[float]
    seconds: list[float]
    ns: float
    idle: float
    imbalance: list[float]

    @property
    def spent(self) -> list[float]:
        """Seconds of updates from the beginning to the end of each epoch."""
        return list(accumulate(self.seconds))

    @property
    def epoch_seconds(self) -> float:
        """An epoch's, the median."""
        return statistics.median(self.seconds)

    def epochs_to(self, rmse: float) -> int | None:
        """Return the first epoch that ends at or below this RMSE; None if there is none."""
        return next((k for k, value in enumerate(self.rmse, 1) if value <= rmse), None)

    def seconds_to(self, rmse: float) -> float | None:
        """Return how many seconds of updates that took."""
        epoch = self.epochs_to(rmse)
        return None if epoch is None else self.spent[epoch - 1]


def fit(split: Split, plan: Plan, **changes: Any) -> FactorFit:
    """Return the fit of the training part, its test part measured after every epoch."""
    settings = plan.settings(
        validation=split.test, start_method=start_method(), seed=0, epochs=plan.epochs
    )
    return fit_factors(split.train, **settings | changes)


def run(split: Split, plan: Plan, **changes: Any) -> Run:
    """Return the record of that fit."""
    seed = changes.get("seed", 0)
    n_workers = changes.get("n_workers", 1)
    return record(fit(split, plan, **changes), changes["schedule"], n_workers, seed)


def record(found: FactorFit, schedule: str, n_workers: int, seed: int = 0) -> Run:
    """Return what the report keeps of a fit."""
    history = found.history
    seconds = sum(row.seconds for row in history)
    idle = sum(sum(row.idle) for row in history)
    return Run(
        schedule, n_workers, found.grid, seed,
        [row.validation["rmse"] for row in history],
        [row.seconds for row in history],
        1e9 * statistics.median(row.seconds / max(row.updates, 1) for row in history),
        idle / (seconds * n_workers) if seconds else 0.0,
        [row.imbalance for row in history],
    )  # fmt: skip


def marks(epochs: int) -> list[int]:
    """Return the epochs that tables show.

    Examples
    --------
    >>> marks(12)
    [1, 2, 3, 5, 10, 12]
    """
    return sorted({k for k in MARKS if k <= epochs and k != 4} | {epochs})


def thinned(epochs: int) -> list[int]:
    """Return the epochs that figures show: all at first, then ever fewer.

    Examples
    --------
    >>> thinned(100)[:3], len(thinned(100))
    ([1, 2, 3], 30)
    """
    return sorted({round(epochs ** (k / 40)) for k in range(41)})


def best_reached(runs: list[Run]) -> float:
    """Return the lowest RMSE that all runs get to, rounded up to four digits."""
    return max(-(-min(run.rmse) * 1e4 // 1) / 1e4 for run in runs)
