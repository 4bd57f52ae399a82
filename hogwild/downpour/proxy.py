"""A proxy, whose methods call the server's object, and go on when the server was restarted.

::

    Client (address, key, patience)  pickled to wherever it is needed
      '-- connect() --> Proxy        one connection a thread, made at its first call

A call is one message and one answer.  `asked` sends it and does not wait, so that several servers
work at the same time.  When the connection is lost, the proxy connects again, for `patience`
seconds if it must, and sends what has no answer once more: what the server had carried out by then
is done **twice**, unless the method knows the call again (``Shard.push`` does, by its ticket).

Used by the replicas, and by the parent.
"""

import errno
import functools
import os
import pickle
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any, Self

from hogwild.downpour.guard import Refused, Slot
from hogwild.downpour.served import PICKLE, RAISED, SERVED
from hogwild.downpour.sockets import connected, shown
from hogwild.engine.server_process import Address
from hogwild.errors import KeyRefused, ServerGone

CONNECT = 10.0
"""Seconds for a server that is there to let a client in."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
_TRIES = 5  # to get through a handshake with a server that is there
_LOST = (EOFError, OSError)


@dataclass(frozen=True)
class Client:
    """Where a server is, and what lets a process in; small, and can be pickled.

    Attributes
    ----------
    address : str or (str, int)
    key : bytes
        Not shown by ``repr``; but it is in the pickle, which must not be kept.
    patience : float
        Seconds that a call waits for a server that is being restarted.
    """

    address: Address
    key: bytes = field(repr=False)
    patience: float = 0.0

    def connect(self, meanwhile: Callable[[], object] | None = None) -> "Proxy":
        """Return a proxy.

        Parameters
        ----------
        meanwhile : callable, optional
            Called between two tries to reach the server: in the parent, what restarts it.

        Raises
        ------
        ServerGone
            Nobody is there.
        KeyRefused
            The server has another key.
        """
        return Proxy(self, meanwhile)


def connect(address: Address, key: bytes, *, patience: float = 0.0) -> "Proxy":
    """Return a proxy of the object served at an address.

    Raises
    ------
    ServerGone
        Nobody is there, or no server of this package.
    KeyRefused
        The server has another key.
    """
    return Client(address, key, patience=patience).connect()


_proxies: "weakref.WeakSet[Proxy]" = weakref.WeakSet()


def _forget_connections() -> None:
    """Let go of the parent's connections in a process that was just forked, however it was."""
    for proxy in list(_proxies):
        proxy._here = threading.local()


os.register_at_fork(after_in_child=_forget_connections)


@dataclass(eq=False)
class _Call:
    """A call on its way: the method's name, its message, and the answer once it is there."""

    name: str
    message: bytes
    data: bytes | None = None


class Proxy:
    """Calls the methods of an object in another process.

    Exceptions of this package and ``ValueError`` are raised as the method raised them, others as a
    ``RuntimeError`` with the server's traceback.

    Parameters
    ----------
    client : Client
    meanwhile : callable, optional
        As in ``Client.connect``.

    Examples
    --------
    >>> import multiprocessing
    >>> from hogwild.downpour.listening import start_server
    >>> from hogwild.downpour.shard import Shard
    >>> context = multiprocessing.get_context("fork")
    >>> with start_server(Shard, ([1.0, 2.0],), context=context) as server:
    ...     shard = server.connect()
    ...     values, version = shard.fetch()
    ...     shard.push(None, values, version)
    ...     shard.close()
    0
    """

    def __init__(self, client: Client, meanwhile: Callable[[], object] | None = None):
        self._client, self._meanwhile = client, meanwhile
        self._here = threading.local()
        _proxies.add(self)
        self._exposed: frozenset[str] = frozenset()
        self._pid: int | None = None  # as the server has told it: for messages
        self._connection()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in self._exposed:
            raise AttributeError(f"{name!r} is not one of the methods {sorted(self._exposed)}")
        return functools.partial(self._call, name)

    def __repr__(self) -> str:
        return f"<proxy of the object at {self._shown()}>"

    def __reduce__(self) -> Any:
        return Proxy, (self._client,)

    @property
    def client_id(self) -> int:
        """The server's number of this thread's connection: its ``current_client()``."""
        self._connection()
        return self._here.client_id

    @property
    def life(self) -> int:
        """Which server at the address this thread's last call was answered by, counted from 0."""
        self._connection()
        return self._here.life

    def asked(self, name: str, *arguments: Any) -> Callable[[], Any]:
        """Send a call; return what waits for its answer, in the same thread.

        Calls may follow before that.  Their messages may be long, but not the answers of any but
        the last: a server that writes an answer reads no call.
        """
        if name not in self._exposed:
            raise AttributeError(f"{name!r} is not one of the methods {sorted(self._exposed)}")
        return functools.partial(self._answer, self._sent(name, arguments, {}))

    def close(self) -> None:
        """Close this thread's connection; the next call makes another."""
        self._drop()
        self._unanswered().clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        return self._answer(self._sent(name, arguments, named))

    def _sent(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> "_Call":
        # not as Connection.send does it: a view of a buffer that ends up in an error's traceback
        # crashes the collector of Python 3.12.1, and fails in 3.13's (CPython 111049, 111331)
        call = _Call(name, pickle.dumps((SERVED, name, arguments, named), PICKLE))
        self._unanswered().append(call)
        connection = getattr(self._here, "connection", None)
        if connection is not None:
            try:
                self._tried(connection.send_bytes, call.message)
            except BaseException:  # half a message has gone, say
                self.close()
                raise
        return call

    def _answer(self, call: "_Call") -> Any:
        """Return what a call returned, or raise what it raised."""
        if call.data is None:
            try:
                self._await(call)
            except BaseException:
                # Ctrl-C, say: its answer would be taken for that of the next call; and what was
                # given up must not be sent after all
                self.close()
                raise
        kind, content = pickle.loads(call.data)  # type: ignore[arg-type]
        if kind == "#RETURN":
            return content
        if kind == RAISED:
            error, text = content
            error.add_note(f"raised by {call.name}() in the server at {self._shown()}:\n{text}")
            raise error
        raise RuntimeError(f"{call.name}() failed in the server at {self._shown()}:\n\n{content}")

    def _await(self, call: "_Call") -> None:
        """Take answers until this call's is there; send again what has none, until time is up."""
        unanswered, deadline = self._unanswered(), None
        while call.data is None:
            connection = getattr(self._here, "connection", None)
            if connection is None:
                if deadline is None:
                    deadline = time.monotonic() + self._client.patience
                elif time.monotonic() >= deadline:
                    raise self._gone(EOFError())
                connection = self._connection(deadline)
                if call not in unanswered:  # the connection was closed before it had one
                    unanswered.append(call)
                for each in unanswered:
                    self._tried(connection.send_bytes, each.message)
            data = self._tried(connection.recv_bytes)
            if data is not None:
                unanswered.popleft().data = data

    def _tried(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Send or receive; None when the connection was lost."""
        try:
            return act(*arguments)
        except _LOST:
            self._drop()
            return None

    def _unanswered(self) -> "deque[_Call]":
        """Return this thread's calls that have no answer yet, in order."""
        return self._here.__dict__.setdefault("unanswered", deque())

    def _drop(self) -> None:
        connection = self._here.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _connection(self, deadline: float = 0.0) -> Connection:
        """Return this thread's connection; made, if there is none, by that time."""
        connection = getattr(self._here, "connection", None)
        deadline = deadline or time.monotonic() + self._client.patience
        pause = _FIRST_PAUSE
        while connection is None:
            try:
                connection = self._made()
            except KeyRefused:
                raise
            except _LOST as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._gone(error) from None
                if self._meanwhile is not None:
                    self._meanwhile()
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return connection

    def _made(self) -> Connection:
        connection = _proven(self._client.address, self._client.key)
        try:
            connection.send((None, "accept_connection", (threading.current_thread().name,), {}))
            kind, content = connection.recv()
            if kind != "#RETURN":
                raise RuntimeError(f"the server at {self._shown()} answers no calls:\n\n{content}")
        except BaseException:
            connection.close()
            raise
        here = self._here
        here.client_id, here.life, exposed, self._pid = content
        self._exposed, here.connection = frozenset(exposed), connection
        return connection

    def _gone(self, error: BaseException) -> ServerGone:
        seen = getattr(error, "strerror", None) or str(error)
        reason = f"can't be reached: {seen}" if seen else "hung up"
        return ServerGone(self._client.address, self._pid, reason=reason)

    def _shown(self) -> str:
        return shown(self._client.address)


def _proven(address: Address, key: bytes) -> Connection:
    """Return a connection both ends of which have proved the key."""
    for left in reversed(range(_TRIES)):
        begin = time.monotonic()
        connection = connected(address, CONNECT)
        slot = Slot(connection, shown(address), CONNECT)
        try:
            answer_challenge(slot, key)  # type: ignore[arg-type]
            deliver_challenge(slot, key)  # type: ignore[arg-type]
            return connection
        except (Refused, OSError, AssertionError) as error:
            connection.close()
            # it listens, and hung up: a flood of others may have pushed this one out
            if not left or time.monotonic() - begin >= CONNECT:  # or it is no server of this kind
                raise ConnectionResetError(errno.ECONNRESET, f"no handshake: {error}") from None
        except AuthenticationError:
            connection.close()
            raise KeyRefused(address) from None
        except BaseException:
            connection.close()
            raise
    raise RuntimeError("unreachable")
