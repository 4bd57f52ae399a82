"""A replica's life: join the coordinator, take portions until it says stop, report each.

The same for a process that the parent starts here, and for one that joins from another machine
(``downpour.joining``).  The order of the rows is drawn from the plan's entropy, so a portion is a
pair of places and no data travel.

Called by ``downpour.cluster`` and ``downpour.joining``.
"""

import contextlib
import time
import traceback
from collections import Counter
from typing import Any

from hogwild.downpour.portions import Portion
from hogwild.downpour.problem import Problem, SharedProblem
from hogwild.downpour.proxy import Client
from hogwild.downpour.record import Report
from hogwild.downpour.replica import COMPUTE, Replica
from hogwild.downpour.server import ParameterServer
from hogwild.downpour.settings import Plan, digest_of, order_of, step_at
from hogwild.engine.server_process import Address
from hogwild.engine.worker_process import become_child
from hogwild.errors import DataError, ServerGone

PATIENCE = 30.0
"""Seconds that a replica waits for a shard that does not answer."""
GONE = 3
"""Exit code of a replica's process whose run has gone."""


def live(coordinator: Client, shared: SharedProblem, name: str) -> None:
    """Work in a process that the parent has started for nothing else."""
    become_child()
    problem = shared.open()
    table = coordinator.connect()
    try:
        work(table, problem, coordinator, name)
    except ServerGone:
        raise SystemExit(GONE) from None  # the run has ended, or its parent sees that a server died
    except Exception:
        table.fail(name, traceback.format_exc())
        raise SystemExit(1) from None


def work(table: Any, problem: Problem, coordinator: Client, name: str) -> int:
    """Do portions until there are no more; return how many.

    Parameters
    ----------
    table : PortionTable
        The coordinator's, by a proxy.
    problem : Problem
    coordinator : Client
        Its address, and the key of all servers.
    name : str
        What the replica is called.

    Raises
    ------
    DataError
        When the rows here are not those of the run.
    ServerGone
        When the coordinator has gone, or a shard for longer than `PATIENCE`.
    """
    plan: Plan = table.plan()
    check_rows(problem, plan)
    # a shard that was lost is started again, unless the whole run has gone
    shards = [
        Client(seen_from_here(address, coordinator.address), coordinator.key, PATIENCE).connect(
            meanwhile=lambda: table.wait(0.0)
        )
        for address in plan.shards
    ]
    replica = Replica(problem, ParameterServer(shards, plan.n_parameters), plan.exchange)
    number = table.join(name)
    order, drawn, done = None, -1, 0
    while True:
        portion = table.next(number)
        if portion == "stop":
            with contextlib.suppress(ServerGone):  # who said stop may go before it answers this
                table.leave(number)
            return done
        if portion == "join":
            number = table.join(name)
            continue
        if portion.round != drawn:
            order, drawn = order_of(plan.entropy, portion.round, plan.n_rows), portion.round
            replica.local_step = step_at(plan.local, portion.round)
        table.done(number, portion, _timed(replica, portion, order, number))
        done += 1


def seen_from_here(address: Address, coordinator: Address) -> Address:
    """Return a shard's address: one that listens at every interface is where its coordinator is.

    Examples
    --------
    >>> seen_from_here(("0.0.0.0", 7071), ("10.0.0.5", 7070))
    ('10.0.0.5', 7071)
    """
    if isinstance(address, tuple) and isinstance(coordinator, tuple) and address[0] == "0.0.0.0":
        return coordinator[0], address[1]
    return address


def check_rows(problem: Problem, plan: Plan) -> None:
    """Raise DataError when the rows are not those of the run."""
    if (problem.n_rows, problem.n_parameters) != (plan.n_rows, plan.n_parameters):
        raise DataError(
            f"the run has {plan.n_rows} rows and {plan.n_parameters} parameters, the data here "
            f"{problem.n_rows} and {problem.n_parameters}"
        )
    if plan.digest and digest_of(problem) != plan.digest:
        raise DataError("the rows here are not those of the run, though equally many")


def _timed(replica: Replica, portion: Portion, order: Any, number: int) -> Report:
    """Work through a portion, and tell what it took."""
    rows = order[portion.first : portion.last]
    loss = replica.loss
    before = (replica.gradients, replica.fetches, replica.pushes)
    replica.staleness = [Counter() for _ in replica.staleness]
    begin = now = time.monotonic()
    waited, action = 0.0, None
    for following in replica.portion(rows):
        then = time.monotonic()
        waited += 0.0 if action in (None, COMPUTE) else then - now
        action, now = following, then
    end = time.monotonic()
    waited += 0.0 if action in (None, COMPUTE) else end - now
    after = (replica.gradients, replica.fetches, replica.pushes)
    gradients, fetches, pushes = (b - a for a, b in zip(before, after, strict=True))
    stale = tuple(dict(counter) for counter in replica.staleness)
    return Report(
        number, len(rows), replica.loss - loss, gradients, fetches, pushes, stale, end - begin,
        waited,
    )  # fmt: skip
