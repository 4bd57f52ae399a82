"""Shards, each in a process of its own, which the parent starts again when one has died.

::

    parent                                    shard process 0
    Shards(states) -- state in a file ------> KeptShard, served at an address
        check()   <-- has it ended? --------  writes a checkpoint every few seconds
           |                                  killed
           '-- the same address, the last checkpoint, the next life --> shard process 0

What is lost are the pushes after that checkpoint; the replicas' calls wait meanwhile (the proxy's
``patience``).  Whoever fetched before the death and pushes after it has a version of another life.
The parent has no thread for this: it calls `check` while it waits for its replicas.

Used by ``downpour.fit`` and the command line.
"""

import errno
import os
import time
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from hogwild.data.npz_file import read_header
from hogwild.downpour.checkpoints import FORMAT, KIND, KeptShard, write_state
from hogwild.downpour.keys import checked_key, new_key
from hogwild.downpour.listening import Listening, start_server
from hogwild.downpour.proxy import Client, Proxy
from hogwild.downpour.sockets import checked_address
from hogwild.engine.server_process import Address, PrivateFolder
from hogwild.engine.shared import SharedArray
from hogwild.errors import ServerGone

PATIENCE = 30.0
"""Seconds that a call waits for a shard that is being restored."""

_PORT_PATIENCE = 2.0  # seconds for a port to be free again


class Restore(NamedTuple):
    """A shard that had died, and goes on from its checkpoint."""

    shard: int
    pid: int | None
    """Of the process that died."""
    exitcode: int | None
    """How it ended: -9 for SIGKILL."""
    life: int
    """The shard's life that began."""
    pushes: int
    """How many pushes the checkpoint has."""
    lost: int
    """How many had been applied since."""
    seconds: float
    """What the restart took, from its detection."""


class Shards:
    """One process a shard; they end with this object, or with this process.

    Parameters
    ----------
    states : sequence of dict
        What ``Shard.state()`` returns, one for each shard.
    context : multiprocessing context
        How to start the processes.
    host : str, optional
        For TCP; by default Unix sockets in a private folder.
    port : int
        Of the first shard, the next one's is the next; 0 picks free ones.
    key : bytes, optional
        By default a new one, for all of them.
    checkpoint_seconds : float
        Between two checkpoints of a shard.
    checkpoint_pushes : int, optional
        A checkpoint is also due after so many pushes.
    directory : str or path-like, optional
        Where the checkpoints ``shard-0.npz`` ... go, and stay (``checkpoints.read_state`` reads
        them); by default to the private folder, and with it.
    most_restores : int
        How often a shard may die `within` so many seconds.
    within : float

    Raises
    ------
    ValueError
        For a key, a host or a port that is none.
    OSError
        Where nobody may listen or write.

    Examples
    --------
    >>> import multiprocessing, os, signal
    >>> from hogwild.downpour.shard import Shard
    >>> states = [Shard([1.0, 2.0], step=0.5).state(), Shard([3.0]).state()]
    >>> with Shards(states, multiprocessing.get_context("fork")) as shards:
    ...     first, second = shards.connect()
    ...     values, version = first.fetch()
    ...     first.push(None, values, version)
    ...     first.checkpoint()
    ...     os.kill(shards.pids[0], signal.SIGKILL)
    ...     first.fetch()
    0
    1
    (array([0.5, 1. ]), Version(life=1, number=1))
    """

    def __init__(
        self,
        states: Sequence[dict[str, Any]],
        context: BaseContext,
        *,
        host: str | None = None,
        port: int = 0,
        key: bytes | None = None,
        checkpoint_seconds: float = 5.0,
        checkpoint_pushes: int | None = None,
        directory: str | os.PathLike[str] | None = None,
        most_restores: int = 5,
        within: float = 60.0,
    ):
        self.key = new_key() if key is None else checked_key(key)
        self.restores: list[Restore] = []
        self._context, self._every = context, (checkpoint_seconds, checkpoint_pushes)
        self._most, self._within = most_restores, within
        self._deaths: list[list[float]] = [[] for _ in states]
        self._lives = [int(state["life"]) for state in states]
        self._owner = os.getpid()  # under fork the replicas have a copy of all this
        self._folder = PrivateFolder()
        self._directory = Path(self._folder.path if directory is None else directory)
        self._pushed = SharedArray(len(states), np.int64)
        self._servers: list[Listening] = []
        try:
            for number, state in enumerate(states):
                write_state(self._path(number), state)
                self._servers.append(self._started(number, self._address(number, host, port)))
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int | None]:
        """The process ids, by shard."""
        return [server.pid for server in self._servers]

    @property
    def addresses(self) -> list[Address]:
        """Where they listen, by shard; the same for all their lives."""
        return [server.address for server in self._servers]

    def clients(self, patience: float = PATIENCE) -> list[Client]:
        """Return what another process needs to call them, by shard."""
        return [server.client(patience) for server in self._servers]

    def connect(self, patience: float = PATIENCE) -> list[Proxy]:
        """Return proxies for this process; while one waits for a shard, that is restored."""
        return [client.connect(meanwhile=self.check) for client in self.clients(patience)]

    def set_step(self, step: float) -> None:
        """Change the learning rate of all shards, for all their lives."""
        for proxy in self.connect():
            with proxy:
                proxy.set_step(step)

    def check(self) -> list[Restore]:
        """Start each shard that has died again, from its checkpoint; return what was done.

        Costs some microseconds when all are well.

        Raises
        ------
        ServerGone
            A shard dies again and again.
        DataError, OSError
            Its checkpoint can't be read, or its address is taken.
        """
        found = [
            self._restored(number)
            for number, server in enumerate(self._servers)
            if server.exitcode is not None
        ]
        self.restores.extend(found)
        return found

    def close(self) -> None:
        """End the processes, without a last checkpoint; nothing of them is left."""
        for server in self._servers:
            server.close()
        if os.getpid() == self._owner:
            self._remove_drafts()
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _restored(self, number: int) -> Restore:
        begin, dead = time.monotonic(), self._servers[number]
        self._count_death(number, dead, begin)
        pushed = int(self._pushed.array[number])  # it may lag a push behind the checkpoint
        dead.close()
        self._remove_drafts(number)
        self._lives[number] += 1
        saved = int(read_header(self._path(number), KIND, FORMAT)["state"]["pushes"])
        self._servers[number] = self._started(number, dead.address)
        return Restore(
            number, dead.pid, dead.exitcode, self._lives[number], saved, max(0, pushed - saved),
            time.monotonic() - begin,
        )  # fmt: skip

    def _count_death(self, number: int, dead: Listening, now: float) -> None:
        deaths = self._deaths[number]
        deaths[:] = [*(then for then in deaths if now - then < self._within), now]
        if len(deaths) > self._most:
            raise ServerGone(
                dead.address, dead.pid,
                reason=f"died {len(deaths)} times within {self._within:g} s, the last time with "
                f"exit code {dead.exitcode}; shard {number} is not started again",
            )  # fmt: skip

    def _started(self, number: int, address: Address) -> Listening:
        deadline = time.monotonic() + _PORT_PATIENCE
        while True:
            try:
                return start_server(
                    *self._served(number), context=self._context, address=address, key=self.key,
                    name=f"hogwild shard {number}", life=self._lives[number], folder=self._folder,
                )  # fmt: skip
            except OSError as error:
                # a client that looked for the dead shard may have been lent its port for a moment
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _served(self, number: int) -> tuple[type, tuple[Any, ...]]:
        """What a process serves, and what that is made of."""
        path, life = self._path(number), self._lives[number]
        return KeptShard, (path, life, self._pushed, number, *self._every)

    def _address(self, number: int, host: str | None, port: int) -> Address:
        if host is None:
            return self._folder.socket(f"shard{number}")
        return checked_address((host, port + number if port else 0))

    def _path(self, number: int) -> Path:
        return self._directory / f"shard-{number}.npz"

    def _remove_drafts(self, *numbers: int) -> None:
        """Remove checkpoints in whose writing a process was killed."""
        for number in numbers or range(len(self._deaths)):
            for draft in self._directory.glob(f".{self._path(number).name}.*.tmp"):
                draft.unlink(missing_ok=True)
