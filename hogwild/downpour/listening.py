"""A plain object in a process of its own, called from others by address and key.

::

    parent      start_server(build, args) -> Listening         process: served = build(*args)
    a replica   client.connect()          -> Proxy  --- key, then calls --->  served.method(...)

The object is any whose class lists its methods in ``exposed``; they are called by one thread for
each connection, so it has its own lock.  It listens on a Unix socket in a private folder, or at a
TCP port of this machine; at another interface only when its address is given.

Used by ``downpour.shards``, and by the coordinator's starter.
"""

from collections.abc import Callable
from multiprocessing.context import BaseContext
from typing import Any

from hogwild.downpour.guard import HANDSHAKE
from hogwild.downpour.keys import checked_key
from hogwild.downpour.proxy import Client, Proxy
from hogwild.downpour.served import GuardedServer
from hogwild.downpour.sockets import checked_address
from hogwild.engine.server_process import Address, PrivateFolder, ServerProcess
from hogwild.errors import ServerGone

__all__ = ["Listening", "start_server"]


class Listening(ServerProcess):
    """A served object's process, as its parent sees it; ends with its last reference.

    Made by `start_server`.
    """

    def death(self) -> ServerGone:
        """Return the error that tells of the process's end."""
        return ServerGone(self.address, self.pid, self.exitcode)

    def client(self, patience: float = 0.0) -> Client:
        """Return what another process needs to call the object."""
        return Client(self.address, self.key, patience)

    def connect(
        self, patience: float = 0.0, meanwhile: Callable[[], object] | None = None
    ) -> Proxy:
        """Return a proxy for this process."""
        return self.client(patience).connect(meanwhile)


def start_server(
    build: Callable[..., Any],
    args: tuple[Any, ...] = (),
    *,
    context: BaseContext,
    address: Address | None = None,
    key: bytes | None = None,
    name: str = "hogwild server",
    life: int = 0,
    folder: PrivateFolder | None = None,
    handshake: float = HANDSHAKE,
) -> Listening:
    """Start a process that serves ``build(*args)``; return when it answers.

    Parameters
    ----------
    build : callable
        A class, or a function at the top of a module; called in the new process.  What it returns
        has ``exposed``, a tuple of the names of the methods that may be called.  If it also has
        ``disconnected(client)``, that is called when a client has gone, however it went, with what
        ``current_client()`` was in its calls.
    args : tuple
        Sent to the process as they stand.
    context : multiprocessing context
        How to start it.
    address : str or (str, int), optional
        A Unix socket's path, or host and port (0 picks one); by default a socket in a new folder
        that nobody else may look into.
    key : bytes, optional
        32 bytes or more; by default new ones.
    name : str
        Of the process.
    life : int
        What ``Proxy.life`` tells: how many servers were at this address before.
    folder : PrivateFolder, optional
        Shared with other processes: whichever is left when the parent has gone removes it.
    handshake : float
        Seconds for a connection to prove the key.

    Raises
    ------
    ValueError
        For a key or an address that is none, and as `build` raises it.
    OSError
        Nobody may listen there, or somebody does.
    RuntimeError
        Another error of `build`.
    ServerGone
        The process ended before it was ready.

    Examples
    --------
    >>> import multiprocessing
    >>> from hogwild.downpour.shard import Shard
    >>> with start_server(Shard, ([1.0, 2.0],), context=multiprocessing.get_context("fork")) as one:
    ...     with one.connect() as shard:
    ...         shard.fetch()[0]
    array([1., 2.])
    """
    return Listening(
        _serve,
        (life, handshake, build, args),
        context=context,
        name=name,
        address=None if address is None else checked_address(address),
        key=None if key is None else checked_key(key),
        folder=folder,
    )


def _serve(
    address: Address,
    key: bytes,
    life: int,
    handshake: float,
    build: Callable[..., Any],
    args: tuple[Any, ...],
) -> GuardedServer:
    return GuardedServer(build(*args), address, key, life=life, handshake=handshake)
