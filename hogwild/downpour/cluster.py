"""The processes of one run: shards, a coordinator, replicas; and the watch over them.

::

    parent ---- starts, watches, evaluates
      |-- shard 0 .. s-1      each a Manager process with its slice      <--.  fetch, push
      |-- coordinator         a Manager process with the portions       <--|-.  next, done
      '-- replica 0 .. r-1    processes with the rows in shared memory  ---'-'

A replica that dies is dropped, and its portion goes to another; a shard that dies is restored from
its checkpoint; neither stops the run.  When the last replica has died, nobody is left to go on, and
the run ends with an error; so it does when a replica's own code raises.

Called by ``downpour.fit`` and ``downpour.sandblaster_cluster``.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hogwild.downpour.listening import start_server
from hogwild.downpour.portions import Portion, PortionTable
from hogwild.downpour.problem import SharedProblem
from hogwild.downpour.proxy import Client
from hogwild.downpour.record import Report
from hogwild.downpour.shards import Restore, Shards
from hogwild.downpour.working import live
from hogwild.engine.server_process import Address
from hogwild.engine.starting import quiet_start
from hogwild.errors import ServerGone, WorkerDied, WorkerFailed

_LOOK = 0.1  # seconds between two looks at who has died
_FAREWELL = 5.0  # seconds for the replicas to hear that the run has ended
_log = logging.getLogger("hogwild.downpour")


class Cluster:
    """Coordinator and replicas beside running shards.

    Parameters
    ----------
    shards : Shards
        Closed with the cluster.
    plan : Plan, or another
        What the coordinator tells every replica.
    problem : SharedProblem
    replicas : int
        How many to start here; others may join.
    context : multiprocessing context
    address : str or (str, int), optional
        Of the coordinator; by default a Unix socket beside the shards'.
    alone : bool
        Whether nobody else can come: the death of the last replica then ends the run.
    backup : bool
        Give the last portions twice (``downpour.portions``).
    live : callable
        ``live(coordinator, problem, name)``, a replica's whole life.
    """

    def __init__(
        self,
        shards: Shards,
        plan: Any,
        problem: SharedProblem,
        *,
        replicas: int,
        context: BaseContext,
        address: Address | None = None,
        alone: bool = True,
        backup: bool = False,
        live: Callable[[Client, SharedProblem, str], None] = live,
    ):
        self.shards, self.alone, self._live = shards, alone, live
        self.dropped: list[int] = []
        self._told = _Told(alone)
        self._processes: dict[str, BaseProcess] = {}
        self._owner = os.getpid()
        names = [f"replica {k}" for k in range(replicas)]
        try:
            self._coordinator = start_server(
                PortionTable, (plan, backup, names), context=context, address=address,
                key=shards.key, name="hogwild coordinator",
            )  # fmt: skip
            self.table = self._coordinator.connect()
            for name in names:
                self._start(name, problem, context)
        except BaseException:
            self.close()
            raise

    @property
    def client(self) -> Client:
        """What a replica elsewhere needs to join: the coordinator's address and the key."""
        return self._coordinator.client()

    def pids(self) -> dict[str, int | None]:
        """Return the process ids of the replicas that were started here, by name."""
        return {name: process.pid for name, process in self._processes.items()}

    def run(self, portions: list[Portion], warm: int = 0) -> tuple[list[Report], list[int]]:
        """Let the replicas do these portions; return their reports, and the replicas dropped.

        Raises
        ------
        WorkerDied
            The last replica has died.
        WorkerFailed
            A replica raised an error.
        ServerGone
            The coordinator has died, or a shard again and again.
        """
        before = len(self.dropped)
        self.table.start(portions, warm)
        while not self.table.wait(_LOOK):
            self.shards.check()
            self._coordinator.check()
            self._look_after_replicas()
        about = self.table.summary()
        self._told.tell(about, self.shards.restores)
        self.dropped = about["dropped"]
        reports = [about["answers"][number] for number in sorted(about["answers"])]
        return reports, self.dropped[before:]

    def finish(self) -> None:
        """Tell all replicas to stop, and wait until they have heard it.

        Whoever asks for a portion when the coordinator has gone takes the run for broken off; that
        it may have died by now changes nothing of what was done.
        """
        with contextlib.suppress(ServerGone):
            self.table.stop()
            self.table.wait_for_leave(_FAREWELL)

    def _look_after_replicas(self) -> None:
        about = self.table.summary()
        self._told.tell(about, self.shards.restores)
        for name, text in about["failures"]:
            if name in self._processes:  # another machine's troubles do not end the run
                number = about["names"].index(name) if name in about["names"] else 0
                raise WorkerFailed(number, self.pids().get(name), text)
        dead = [each for each in self._processes.values() if each.exitcode is not None]
        joined = [about["names"][number] for number in about["joined"]]
        self._told.tell_of_the_unborn(self._processes, joined)
        for number in about["replicas"]:
            process = self._processes.get(about["names"][number])
            if process is not None and process.exitcode is not None:
                self.table.drop(number)  # its connection ended, too; whichever is seen first
        if self.alone and dead and len(dead) == len(self._processes):
            last = dead[-1]
            raise WorkerDied(len(dead) - 1, last.pid, last.exitcode)

    def _start(self, name: str, problem: SharedProblem, context: BaseContext) -> None:
        process = context.Process(  # type: ignore[attr-defined]
            target=self._live,
            args=(self.client, problem, name),
            name=f"hogwild {name}",
            daemon=True,
        )
        with quiet_start(context.get_start_method()):
            process.start()
        self._processes[name] = process

    def close(self) -> None:
        """End all processes."""
        if os.getpid() != self._owner:
            return
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.join(2.0)
        coordinator = getattr(self, "_coordinator", None)
        if coordinator is not None:
            coordinator.close()
            if isinstance(coordinator.address, str):  # a path that was asked for
                Path(coordinator.address).unlink(missing_ok=True)
        self.shards.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Told:
    """What the log has told of the replicas and the shards so far."""

    def __init__(self, alone: bool) -> None:
        self._alone = alone
        self._joined = self._dropped = self._failed = self._restored = 0
        self._there: set[int] = set()
        self._unborn: set[str] = set()

    def tell_of_the_unborn(self, processes: dict[str, BaseProcess], joined: Sequence[str]) -> None:
        """Log which replicas of this machine have ended before they had joined."""
        for name in processes.keys() - set(joined) - self._unborn:
            if processes[name].exitcode is not None:
                self._unborn.add(name)
                _log.warning("%s (pid %s) died before it had joined", name, processes[name].pid)

    def tell(self, about: dict[str, Any], restores: Sequence[Restore]) -> None:
        """Log who came, who went, and what was restored since the last time."""
        names, dropped, there = about["names"], about["dropped"], set(about["replicas"])
        for number in about["joined"][self._joined :]:
            _log.info("%s has joined", _shown(number, names))
        for name, text in about["failures"][self._failed :]:
            _log.warning("replica %s raised %s", name, text.strip().splitlines()[-1])
        for number in sorted(self._there - there - set(dropped)):
            _log.info("%s has left", _shown(number, names))
        for number in dropped[self._dropped :]:
            _log.warning("%s was lost; what it had in hand goes to others", _shown(number, names))
        if self._there and not there and not self._alone:
            _log.warning("no replica is left; the run waits for others")
        for each in restores[self._restored :]:
            _log.warning(
                "shard %d (pid %s) died; it goes on from its checkpoint without %d pushes",
                each.shard, each.pid, each.lost,
            )  # fmt: skip
        self._joined, self._dropped = len(about["joined"]), len(dropped)
        self._there = there
        self._failed, self._restored = len(about["failures"]), len(restores)


def _shown(number: int, names: Sequence[str]) -> str:
    """Return a replica's number, and what it calls itself where that is something else."""
    name = names[number]
    return f"replica {number}" + ("" if name.startswith("replica ") else f" ({name})")
