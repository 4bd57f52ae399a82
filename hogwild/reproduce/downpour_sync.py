"""Synchronous descent in virtual time, with and without backup replicas: rounds, and their slowest.

In a round every replica fetches, takes the gradient of a mini-batch and sends it.  The server waits
for all of them but the backups, which are the last to answer: theirs are dropped.  So a round takes
as long as the slowest answer that is still waited for, and no gradient is ever stale.

The clock, the costs and the shard are those of ``downpour.virtual_time``, so both can be compared.
Source: synchronous descent with backup workers, Chen et al., arXiv:1604.00981 (2016).
Called by ``downpour_virtual``.
"""

from typing import Any

import numpy as np

from hogwild.downpour import Costs, Exchange, Shard, Simulated
from hogwild.downpour.problem import Problem
from hogwild.downpour.rules import Rule, find_rule
from hogwild.downpour.virtual_time import Point


def simulate_rounds(
    problem: Problem,
    *,
    replicas: int,
    backups: int = 0,
    exchange: Exchange = Exchange(),  # noqa: B008  # an immutable record
    rule: str | Rule = "fixed",
    step: float,
    rounds: int,
    costs: Costs = Costs(),  # noqa: B008  # an immutable record
    until: float = -np.inf,
    seed: Any = 0,
) -> Simulated:
    """Return how synchronous mini-batch descent goes, in virtual time.

    Parameters
    ----------
    problem : Problem
    replicas, backups : int
        Of the replicas so many, the slowest of each round, are not waited for.
    exchange : Exchange
        Of which the batch size counts.
    rule, step : as for ``simulate``
        Applied to the mean of the gradients waited for.
    rounds : int
        At most.
    costs : Costs
    until : float
        End at an objective this low.
    seed : int
        Of the start, the rows of each round, and the spread of the times.

    Returns
    -------
    Simulated
        A point after every round; its epochs count the rows of dropped answers, too.

    Examples
    --------
    >>> from hogwild.data import Examples
    >>> from hogwild.downpour.linear import LinearProblem
    >>> problem = LinearProblem(Examples([[1.0], [1.0]], [1.0, 3.0]), intercept=False)
    >>> run = simulate_rounds(
    ...     problem,
    ...     replicas=2,
    ...     exchange=Exchange(batch_size=1),
    ...     step=0.5,
    ...     rounds=2,
    ...     costs=Costs(compute=1.0, fetch=0.25, push=0.25),
    ... )
    >>> [(point.seconds, point.objective) for point in run.points]  # one step to the mean, 2
    [(0.0, 5.0), (1.5, 1.0), (3.0, 1.0)]
    """
    if not 0 <= backups < replicas:
        raise ValueError(
            f"backups must be 0 or more and fewer than the {replicas} replicas, got {backups}"
        )
    random = np.random.default_rng(seed)
    shard = Shard(problem.begin(random), find_rule(rule), step=step)
    size, waited = exchange.batch_size, replicas - backups
    rows = _Rows(problem.n_rows, random)
    result = Simulated()
    now = 0.0
    for number in range(rounds + 1):
        params, version = shard.fetch()
        objective = problem.objective(params)
        epochs = number * replicas * size / problem.n_rows
        result.points.append(Point(now, epochs, objective))
        if objective <= until or number == rounds:
            break
        # the slowest come last, and what they were given is lost
        taken = rows.take(replicas * size)[: waited * size]
        _, where, gradient = problem.gradient(params, taken)
        shard.push(where, gradient, version)
        now += float(np.sort(_times(replicas, costs, random))[waited - 1])
    result.seconds, result.params = now, shard.fetch()[0]
    return result


def _times(replicas: int, costs: Costs, random: np.random.Generator) -> Any:
    """Return how long each replica takes for its round."""
    parts = np.array([costs.fetch, costs.compute, costs.push])
    spread = np.exp(costs.spread * random.standard_normal((replicas, 3)))
    return (spread * parts).sum(axis=1)


class _Rows:
    """Rows in an order that is drawn anew for each pass."""

    def __init__(self, n_rows: int, random: np.random.Generator):
        self._n, self._random = n_rows, random
        self._left = random.permutation(n_rows)

    def take(self, count: int) -> Any:
        """Return the next rows."""
        while len(self._left) < count:
            self._left = np.concatenate([self._left, self._random.permutation(self._n)])
        taken, self._left = self._left[:count], self._left[count:]
        return taken
