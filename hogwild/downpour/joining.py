"""Replicas that come from elsewhere: they have the rows, the coordinator's address, and the key.

The plan that the coordinator hands out has everything else: the model's options, the shards'
addresses, what the order of the rows is drawn from.  Rows that differ from the run's by one bit are
refused.

Called by ``hogwild downpour join``.
"""

import os
import socket
from multiprocessing.process import BaseProcess
from typing import Any

from hogwild.downpour.problem import Problem, SharedProblem
from hogwild.downpour.problems import problem_of
from hogwild.downpour.proxy import Client
from hogwild.downpour.working import GONE, PATIENCE, check_rows, live, work
from hogwild.engine.loop import context_of
from hogwild.engine.server_process import Address
from hogwild.engine.starting import quiet_start
from hogwild.errors import ServerGone, WorkerDied
from hogwild.models.checks import check_count


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
        One of several replicas has died.
    """
    check_count("replicas", replicas)
    with Client(address, key, patience).connect() as door:
        plan = door.plan()
    problem = problem_of(data, plan.model)
    check_rows(problem, plan)
    client = Client(address, key)  # a coordinator that has gone does not come again
    name = f"{socket.gethostname()} {os.getpid()}"
    if replicas == 1:
        with client.connect() as table:
            return work(table, problem, client, name)
    _work_side_by_side(client, problem, name, replicas, start_method)
    return 0


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
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.kill()
            process.join(2.0)
    for k, process in enumerate(processes):
        if process.exitcode == GONE:
            raise ServerGone(client.address)
        if process.exitcode:
            raise WorkerDied(k, process.pid, process.exitcode)
