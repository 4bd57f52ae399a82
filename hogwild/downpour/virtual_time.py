"""Downpour in virtual time: the same shards, replicas and portions, and a clock that we move.

Every action of a replica takes as long as `Costs` says: a fetch and a push a journey each, a batch
its computing.  An action has its effect when its time is over, and the next one in time comes next;
so 200 replicas run on one processor, every run with a seed is the same to the bit, and staleness is
what the times make it.

Called by ``reproduce`` and by lessons.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.downpour.portions import portions_of
from hogwild.downpour.problem import Problem
from hogwild.downpour.replica import COMPUTE, FETCH, PUSH, Exchange, Replica
from hogwild.downpour.rules import Rule, find_rule
from hogwild.downpour.server import ParameterServer, cut
from hogwild.downpour.shard import Shard

Array = npt.NDArray[Any]


class Costs(NamedTuple):
    """Virtual seconds of what a replica does.

    Attributes
    ----------
    compute : float
        One batch's gradient.
    fetch, push : float
        A journey to the server and back.
    spread : float
        Standard deviation of the logarithm of every time; 0 for none.
    """

    compute: float = 1.0
    fetch: float = 0.2
    push: float = 0.2
    spread: float = 0.0


class Point(NamedTuple):
    """The objective at a moment: virtual seconds, epochs' worth of rows done, objective."""

    seconds: float
    epochs: float
    objective: float


@dataclass
class Simulated:
    """What a run in virtual time has left.

    Attributes
    ----------
    points : list of Point
        The first at the start, the others each time that another epoch's rows are done.
    staleness : Counter
        Pushes of all shards by staleness.
    params : float array
        The server's, at the end.
    seconds : float
        Virtual, of the whole run.
    """

    points: list[Point] = field(default_factory=list)
    staleness: Counter[int] = field(default_factory=Counter)
    params: Array = field(default_factory=lambda: np.zeros(0))
    seconds: float = 0.0

    def reached(self, objective: float) -> float | None:
        """Return the virtual seconds after which the objective was this low; None if never."""
        return next((p.seconds for p in self.points if p.objective <= objective), None)


def simulate(
    problem: Problem,
    *,
    replicas: int = 2,
    shards: int = 1,
    exchange: Exchange = Exchange(),  # noqa: B008  # an immutable record
    rule: str | Rule = "adagrad",
    step: float | None = None,
    local_step: float = 0.0,
    fall: float = 1.0,
    epochs: int = 10,
    portion: int | None = None,
    warm_start: float = 0.0,
    costs: Costs = Costs(),  # noqa: B008  # an immutable record
    speeds: Any = None,
    seed: Any = 0,
) -> Simulated:
    """Return how Downpour goes with so many replicas, in virtual time.

    Parameters
    ----------
    problem : Problem
    replicas, shards : int
    exchange : Exchange
    rule, step : as for ``fit_downpour``
    local_step : float
        The replicas' own.
    fall : float
        What both steps are multiplied by after each epoch.
    epochs : int
    portion : int, optional
        Rows a portion; by default max(n_fetch, n_push) batches.
    warm_start : float
        Epochs that the first replica makes alone.
    costs : Costs
    speeds : sequence of float, optional
        What each replica's times are divided by.
    seed : int
        Of the order of the rows, the start and the spread of the times.
    """
    found = find_rule(rule)
    random = np.random.default_rng(seed)
    begin = problem.begin(random)
    step = problem.default_step(exchange.batch_size, found) if step is None else step
    edges = cut(len(begin), shards)
    parts = [Shard(begin[a:b], found, step=step) for a, b in itertools.pairwise(edges)]
    server = ParameterServer(parts, len(begin))
    run = _Run(
        problem, server, Simulated(), random, exchange, costs, epochs, step, fall, local_step
    )
    run.length = portion or exchange.batch_size * max(exchange.n_fetch, exchange.n_push)
    run.go([1.0] * replicas if speeds is None else list(speeds), warm_start)
    return run.result


@dataclass
class _Run:
    problem: Problem
    server: ParameterServer
    result: Simulated
    random: np.random.Generator
    exchange: Exchange
    costs: Costs
    epochs: int
    step: float
    fall: float
    local_step: float
    length: int = 0
    done: int = 0

    def go(self, speeds: list[float], warm_start: float) -> None:
        """Let the replicas work until all epochs are done."""
        source = self._portions()
        queue: list[tuple[float, int, int]] = []
        actors: list[Iterator[str]] = []
        warm = warm_start * self.problem.n_rows
        tick = 0
        self._look(0.0)

        def actor() -> Iterator[str]:
            replica = Replica(self.problem, self.server, self.exchange)
            for epoch, rows in source:
                replica.local_step = self.local_step * self.fall**epoch
                yield from replica.portion(rows)
                self.done += len(rows)

        def advance(k: int, now: float) -> None:
            nonlocal tick
            action = next(actors[k], None)
            if action is not None:
                tick += 1
                heapq.heappush(queue, (now + self._time(action) / speeds[k], tick, k))

        def arrive(now: float) -> None:
            while len(actors) < len(speeds) and (self.done >= warm or not actors):
                actors.append(actor())
                advance(len(actors) - 1, now)

        arrive(0.0)
        looked = 0
        while queue:
            now, _, k = heapq.heappop(queue)
            advance(k, now)
            arrive(now)
            while looked < self.done // self.problem.n_rows:
                looked += 1
                self._look(now)
            self.result.seconds = now
        self.result.params = self.server.fetch().values
        for shard in self.server.shards:
            self.result.staleness.update(shard.summary()["staleness"])  # type: ignore[attr-defined]

    def _portions(self) -> Iterator[tuple[int, Array]]:
        """Yield epoch and rows of every portion; each epoch has an order of its own."""
        n = self.problem.n_rows
        for epoch in range(self.epochs):
            for shard in self.server.shards:
                shard.set_step(self.step * self.fall**epoch)  # type: ignore[attr-defined]
            order = self.random.permutation(n)
            for portion in portions_of(n, self.length, epoch):
                yield epoch, order[portion.first : portion.last]

    def _time(self, action: str) -> float:
        cost = {FETCH: self.costs.fetch, COMPUTE: self.costs.compute, PUSH: self.costs.push}[action]
        spread = self.costs.spread
        return cost * float(np.exp(spread * self.random.standard_normal())) if spread else cost

    def _look(self, now: float) -> None:
        objective = self.problem.objective(self.server.fetch().values)
        self.result.points.append(Point(now, self.done / self.problem.n_rows, objective))
