"""The options of a Downpour fit, checked; and the plan, which is all that a replica is told.

Called by ``downpour.fit`` and ``downpour.joining``.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hogwild.downpour.problem import Problem
from hogwild.downpour.replica import Exchange
from hogwild.downpour.rules import FixedStep, Rule, find_rule
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.steps import Backoff, StepRule, find_step

ORDERS = ("aligned", "paper")
FALL = {"fixed": 200.0, "adagrad": 20.0}
"""By how much the default step falls until the last epoch: AdaGrad's falls by itself besides."""


class Plan(NamedTuple):
    """What a replica must know before it begins.

    Attributes
    ----------
    exchange : Exchange
    local : StepRule
        Of the replicas' own steps, by epoch.
    n_rows, n_parameters : int
    entropy : int
        What the order of the rows is drawn from.
    digest : str
        Of the rows: a replica that comes with other data is refused.
    shards : tuple
        The shards' addresses.
    model : dict
        The model's options.
    """

    exchange: Exchange
    local: StepRule
    n_rows: int
    n_parameters: int
    entropy: int
    digest: str
    shards: tuple[Any, ...]
    model: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """A fit's options, checked."""

    replicas: int
    shards: int
    exchange: Exchange
    epochs: int
    rule: Rule
    step: StepRule
    local: StepRule
    warm_start: float
    portion: int
    evaluate: bool

    def step_of(self, epoch: int) -> float:
        """Return the server's step in an epoch, counted from 1."""
        return step_at(self.step, epoch)


def step_at(rule: StepRule, epoch: int) -> float:
    """Return a rule's step at an epoch, counted from 1; a rule by updates takes epochs for them."""
    return float(rule.at(epoch, np.array([epoch - 1]))[0])


def order_of(entropy: int, epoch: int, n_rows: int) -> Any:
    """Return the order of the rows in an epoch: the same for everybody who draws it."""
    return np.random.default_rng([entropy, epoch]).permutation(n_rows)


def make_settings(
    problem: Problem,
    *,
    replicas: int,
    shards: int,
    n_fetch: int,
    n_push: int,
    batch_size: int,
    epochs: int,
    rule: Any,
    step: Any,
    local_step: Any,
    order: str,
    warm_start: float,
    portion: int | None,
    evaluate: bool,
    alone: bool = True,
) -> Settings:
    """Return the options, each checked; ValueError with name and value."""
    counts = {
        "replicas": replicas, "shards": shards, "n_fetch": n_fetch, "n_push": n_push,
        "batch_size": batch_size, "epochs": epochs,
    }  # fmt: skip
    if not alone and replicas == 0:
        del counts["replicas"]  # all of them will join
    for name, value in counts.items():
        check_count(name, value)
    if shards > problem.n_parameters:
        raise ValueError(
            f"shards must be at most the {problem.n_parameters} parameters, got {shards}"
        )
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
    check_not_negative("warm_start", warm_start)
    check_switches(evaluate=evaluate)
    rule = find_rule(rule)
    exchange = Exchange(
        int(n_fetch), int(n_push), min(int(batch_size), problem.n_rows), order == "aligned"
    )
    if portion is None:
        portion = default_portion(problem.n_rows, max(1, replicas), exchange)
    check_count("portion", portion)
    return Settings(
        replicas=int(replicas),
        shards=int(shards),
        exchange=exchange,
        epochs=int(epochs),
        rule=rule,
        step=_rule_of(problem, step, rule, exchange, epochs),
        local=_rule_of(problem, local_step, FixedStep(), exchange, epochs)
        if local_step is not None or step is None or not isinstance(rule, FixedStep)
        else find_step(step),
        warm_start=float(warm_start),
        portion=int(portion),
        evaluate=bool(evaluate),
    )


def _rule_of(problem: Problem, step: Any, rule: Rule, exchange: Exchange, epochs: int) -> StepRule:
    """Return the steps by epoch: as asked for, or the problem's, falling."""
    if step is not None:
        return find_step(step)
    first = problem.default_step(exchange.batch_size, rule)
    return Backoff(first, FALL.get(rule.name, 20.0) ** (-1.0 / max(1, epochs - 1)))


def default_portion(n_rows: int, replicas: int, exchange: Exchange) -> int:
    """Return how many rows a portion has: a sixteenth of a replica's share, in whole exchanges.

    Short enough that little is done twice when a replica is lost and that all end together; long
    enough that asking for the next one costs nothing beside the exchanges.

    Examples
    --------
    >>> default_portion(22_696, 2, Exchange(n_fetch=10, n_push=10, batch_size=32))
    640
    """
    whole = math.lcm(exchange.n_fetch, exchange.n_push)
    if whole > 4 * max(exchange.n_fetch, exchange.n_push):
        whole = max(exchange.n_fetch, exchange.n_push)
    unit = exchange.batch_size * whole
    return max(1, round(n_rows / (16 * replicas) / unit) or 1) * unit


def digest_of(problem: Problem) -> str:
    """Return a hash of the rows, for replicas elsewhere to compare theirs with."""
    state = hashlib.sha256()
    for name in sorted(problem.arrays):
        array = np.ascontiguousarray(problem.arrays[name])
        state.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        state.update(array.view(np.uint8).data if array.size else b"")
    return state.hexdigest()
