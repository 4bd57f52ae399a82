"""Replicas that come from elsewhere: they have the rows, the coordinator's address, and the key.

The plan that the coordinator hands out has everything else: the model's options, the shards'
addresses, what the order of the rows is drawn from.  Rows that differ from the run's by one bit are
refused.

Called by ``hogwild downpour join``.
"""

import logging
import os
import socket
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from hogwild.downpour.problem import Problem, SharedProblem
from hogwild.downpour.problems import problem_of
from hogwild.downpour.proxy import Client
from hogwild.downpour.settings import Plan
from hogwild.downpour.sockets import shown
from hogwild.downpour.working import GONE, PATIENCE, check_rows, live, work
from hogwild.engine.loop import context_of
from hogwild.engine.server_process import Address
from hogwild.engine.starting import quiet_start
from hogwild.errors import DataError, ServerGone, WorkerDied
from hogwild.models.checks import check_count

_log = logging.getLogger("hogwild.downpour")


def join_downpour(
    data: Any,
    address: Address,
    key: bytes,
    *,
    replicas: int = 1,
    patience: float = PATIENCE,
    start_method: str | None = None,
) -> int:
    """Work as replicas of a run elsewhere until it ends; return how many portions were done.

    Parameters
    ----------
    data : Examples, Ratings, FieldRows or a Problem
        The very rows of the run.
    address : str or (str, int)
        The coordinator's.
    key : bytes
        The run's.
    replicas : int
        1 works in this process; more are processes of their own, and the number of portions is
        then not known: 0.
    patience : float
        Seconds to wait for a coordinator that is not there yet.
    start_method : {"fork", "spawn", "forkserver"}, optional

    Raises
    ------
    DataError
        The rows are not those of the run.
    KeyRefused
        The run has another key.
    ServerGone
        Nobody is there, or the run's servers have gone.
    WorkerDied
        All replicas have died.
    """
    check_count("replicas", replicas)
    plan = plan_at(Client(address, key, patience))
    problem = problem_of(data, plan.model)
    check_rows(problem, plan)
    client = Client(address, key)  # a coordinator that has gone does not come again
    name = f"{socket.gethostname()} {os.getpid()}"
    if replicas == 1:
        with client.connect() as table:
            return work(table, problem, client, name)
    _work_side_by_side(client, problem, name, replicas, start_method)
    return 0


def plan_at(client: Client) -> Plan:
    """Return the plan that the coordinator at an address hands out.

    Raises
    ------
    DataError
        Another server of the run is there.
    """
    with client.connect() as door:
        if not hasattr(door, "plan"):
            raise DataError(
                "a shard listens there; the coordinator, which replicas join, has another port",
                path=shown(client.address),
            )
        plan: Plan = door.plan()
        return plan


def _work_side_by_side(
    client: Client, problem: Problem, name: str, replicas: int, start_method: str | None
) -> None:
    context, shared = context_of(start_method), SharedProblem(problem)
    processes: list[BaseProcess] = []
    try:
        with quiet_start(context.get_start_method()):
            for k in range(replicas):
                process = context.Process(  # type: ignore[attr-defined]
                    target=live, args=(client, shared, f"{name}/{k}"), daemon=True
                )
                process.start()
                processes.append(process)
        waiting = {process.sentinel: process for process in processes}
        while waiting:
            for sentinel in wait(waiting):
                process = waiting.pop(sentinel)  # type: ignore[arg-type]
                process.join()
                if process.exitcode and process.exitcode != GONE:
                    _log.warning("a replica of this machine (pid %s) was lost", process.pid)
    finally:
        for process in processes:
            process.kill()
            process.join(2.0)
    codes = [process.exitcode for process in processes]
    if GONE in codes:
        raise ServerGone(client.address)
    if all(codes):  # else the others have seen the run to its end
        raise WorkerDied(len(codes) - 1, processes[-1].pid, codes[-1])
