"""What a Downpour fit returns: the model, a row an epoch, and what the exchanges were like.

Filled by ``downpour.fit``.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hogwild.models.fit_words import fit_words


class Report(NamedTuple):
    """What a replica tells of one portion.

    Attributes
    ----------
    replica, rows : int
    loss : float
        Sum over the rows, each at the parameters of its batch.
    gradients, fetches, pushes : int
    staleness : tuple of dict
        For each shard, pushes by staleness.
    seconds, waited : float
        In all, and in fetches and pushes.
    """

    replica: int
    rows: int
    loss: float
    gradients: int
    fetches: int
    pushes: int
    staleness: tuple[dict[int, int], ...]
    seconds: float
    waited: float


@dataclass(frozen=True)
class DownpourEpoch:
    """One row of a fit's history.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    objective : float
        After the epoch, when nobody pushes; NaN where ``evaluate=False``.
    loss : float
        Mean of the losses that the replicas saw, each at the parameters of its batch.
    validation : dict
        "loss" and the metrics of the validation rows.
    seconds, evaluation_seconds : float
    updates, fetches, pushes : int
        Mini-batches computed; exchanges of whole replicas, however many shards there are.
    step : float
        The server's.
    staleness : float
        Mean over the epoch's pushes, at all shards.
    replicas : int
        How many did a portion of the epoch.
    dropped : tuple of int
        Replicas lost in this epoch.
    restored : tuple of int
        Shards restored from a checkpoint in this epoch.
    """

    epoch: int
    objective: float
    loss: float
    validation: dict[str, float]
    seconds: float
    evaluation_seconds: float
    updates: int
    fetches: int
    pushes: int
    step: float
    staleness: float
    replicas: int
    dropped: tuple[int, ...] = ()
    restored: tuple[int, ...] = ()


@dataclass(repr=False)
class DownpourFit:
    """What ``fit_downpour`` returns.

    Attributes
    ----------
    model : LinearModel, FactorModel or FieldModel
    history : list of DownpourEpoch
    staleness : Counter
        Pushes by staleness, at all shards: how many other pushes the shard had applied since the
        fetch.  -1 counts those across a restore.
    work : dict of int to dict
        For each replica its "rows", "gradients", "pushes", "seconds" and "waited".
    dropped, restored : list of int
        Replicas that were lost, and shards that were restored, in order.
    timings : dict
        Seconds of "start", "epochs", "evaluation".
    seed : int
        What the start and the order of the rows were drawn from.
    stopped : str
        "epochs" or "callback".
    """

    model: Any
    history: list[DownpourEpoch] = field(default_factory=list)
    staleness: Counter[int] = field(default_factory=Counter)
    work: dict[int, dict[str, float]] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    restored: list[int] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    stopped: str = "epochs"

    def __repr__(self) -> str:
        """Return how long the fit was and how it ended, in one line."""
        return fit_words(type(self).__name__, self.history)


def staleness_of(reports: Iterable[Report]) -> Counter[int]:
    """Return the pushes of all shards by staleness."""
    total: Counter[int] = Counter()
    for report in reports:
        for counts in report.staleness:
            total.update(counts)
    return total


def mean_staleness(counts: Counter[int]) -> float:
    """Return the mean over the pushes whose staleness is known; 0 where there are none.

    Examples
    --------
    >>> mean_staleness(Counter({0: 3, 2: 1, -1: 5}))
    0.5
    """
    known = {stale: count for stale, count in counts.items() if stale >= 0}
    return sum(s * c for s, c in known.items()) / max(1, sum(known.values()))


def add_work(work: dict[int, dict[str, float]], reports: Iterable[Report]) -> None:
    """Add the reports to each replica's sums."""
    for report in reports:
        sums = work.setdefault(
            report.replica,
            {"rows": 0, "gradients": 0, "pushes": 0, "seconds": 0.0, "waited": 0.0},
        )
        for name in sums:
            sums[name] += getattr(report, name)
