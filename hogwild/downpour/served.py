"""The Manager's server for one plain object: it lets in who has the key, and outlives who has not.

A ``multiprocessing.managers.Server``, with its messages (a ``BaseManager`` with the key reaches the
object too, under the name ``served``), and three parts of it made again:

* accepting: a connection that is refused, or can't be taken, never stops the next (``guard``);
* a client's thread: any error of a method goes back to the client as what it is or as text, half a
  message ends this thread alone, and the object is told when a client has gone;
* what a client may ask of the server itself: not to end it.

Used by ``downpour.listening``, in the server's process.
"""

import errno
import itertools
import logging
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import managers
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseProxy, Server
from typing import Any

from hogwild.downpour.guard import Guard
from hogwild.downpour.sockets import listening_socket, peer_of, tuned
from hogwild.engine.server_process import Address
from hogwild.engine.worker_process import travels

SERVED = "served"
"""The object's name among a Manager's."""
GUARDED = ("refused", "refused_count")
"""Methods that every server has, beside the object's own."""

PICKLE = 5
"""Protocol of the messages: arrays are copied once less than in 4."""

RAISED = "#RAISED"
"""What an answer to this package's proxies begins with: an error and its traceback follow."""

# what a client may ask of a Manager's server: not to end, and not what others have there
_REQUESTS = ("accept_connection", "get_methods", "create", "incref", "decref", "dummy")
_BREATH = 0.05  # seconds to wait for a free file descriptor
_log = logging.getLogger("hogwild.downpour")
_here = threading.local()


def current_client() -> int | None:
    """Return the number of the connection whose call this thread answers; None outside a call.

    Each connection has its own, and none has another's later.  A client has one connection for each
    of its threads.
    """
    return getattr(_here, "client", None)


class _Door:
    """A Manager's listener: what it accepts comes with the peer's name."""

    def __init__(self, address: Address, backlog: int = 0):
        # the standard's backlog of 16 would keep true clients waiting behind a flood
        self._socket = listening_socket(address)
        self.address: Any = self._socket.getsockname()

    def accept(self) -> tuple[Connection, str]:
        accepted, name = self._socket.accept()
        try:
            accepted.setblocking(True)
            tuned(accepted)
            peer = peer_of(accepted, name)
        except BaseException:
            accepted.close()
            raise
        return Connection(accepted.detach()), peer


def _no_client(*_: object, **__: object) -> None:
    raise RuntimeError("a server is no client")


managers.listener_client[SERVED] = (_Door, _no_client)  # type: ignore[attr-defined]


class GuardedServer(Server):
    """Serves one object at an address, to whoever proves the key.

    Parameters
    ----------
    served : object
        With a tuple ``exposed`` of its methods' names; they may be called by several threads at the
        same time.  If it has ``disconnected(client)``, that is called when a connection whose
        calls had that ``current_client()`` has ended.
    address : str or (str, int)
    key : bytes
    life : int
        How many servers were at the address before.
    options
        Of the `Guard`.
    """

    listener: _Door

    def __init__(self, served: Any, address: Address, key: bytes, *, life: int = 0, **options: Any):
        exposed = (*served.exposed, *GUARDED)
        if len(set(exposed)) < len(exposed):
            raise ValueError(
                f"{type(served).__name__}.exposed repeats a name, or has one of {GUARDED}"
            )
        self.public = list(_REQUESTS)
        self._guard = Guard(key, **options)
        face = _Face(served, self._guard)
        registry: Any = {SERVED: (lambda: face, exposed, None, BaseProxy)}
        super().__init__(registry, address, key, SERVED)
        # under its own name it is there for good, whatever a Manager's clients count
        self.id_to_obj[SERVED] = (face, set(exposed), {})
        self._served, self._life = served, life
        self._clients = itertools.count(1)
        self.greeting = exposed

    def accepter(self) -> None:
        """Accept for ever."""
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    # whoever came waits on: accept would fail again at once
                    if not self._guard.make_room():
                        self._guard.refuse("a new connection", f"finds no room ({error.strerror})")
                    time.sleep(_BREATH)
                continue
            try:
                threading.Thread(
                    target=self._meet, args=(connection, peer), name=peer, daemon=True
                ).start()
            except RuntimeError as error:  # the system gives no more threads
                self._guard.refuse(peer, f"finds no room ({error})")
                connection.close()
                time.sleep(_BREATH)

    def _meet(self, connection: Connection, peer: str) -> None:
        """One connection's life."""
        try:
            if self._guard.let_in(connection, peer):
                self._handle_request(connection)
        except (EOFError, OSError) as error:
            if not isinstance(error, (EOFError, ConnectionError)):
                self._guard.refuse(peer, f"had the key, and broke off ({error})")
        finally:
            connection.close()

    def _handle_request(self, connection: Connection) -> None:
        """Answer the first message: to get calls answered, or one of a Manager's own requests."""
        try:
            _, name, arguments, named = connection.recv()
            if name not in self.public:
                raise ValueError(f"a client may not ask for {name!r}")
            if name == "accept_connection":
                return self.accept_connection(connection, *arguments, **named)
            answer = ("#RETURN", getattr(self, name)(connection, *arguments, **named))
        except (EOFError, OSError):
            raise
        except Exception:
            answer = ("#TRACEBACK", traceback.format_exc())
        connection.send(answer)

    def accept_connection(self, connection: Connection, name: str) -> None:
        """Answer the calls of a client until it hangs up."""
        client = next(self._clients)
        _here.client = client
        connection.send(("#RETURN", (client, self._life, self.greeting, os.getpid())))
        try:
            self.serve_client(connection)
        finally:
            _here.client = None
            self._tell_disconnected(client)

    def serve_client(self, connection: Connection) -> None:
        """Answer calls for ever; the end is an EOFError or an OSError."""
        while True:
            message = connection.recv_bytes()
            answer = self._answer(message)
            try:
                data = pickle.dumps(answer, PICKLE)
            except Exception:
                data = pickle.dumps(("#UNSERIALIZABLE", traceback.format_exc()))
            connection.send_bytes(data)

    def _answer(self, message: bytes) -> tuple[str, Any]:
        ident = None
        try:
            ident, name, arguments, named = pickle.loads(message)
            served, exposed, _ = self.id_to_obj[ident]
            if name not in exposed:
                raise ValueError(f"{name!r} is not one of {', '.join(sorted(exposed))}")
            return "#RETURN", getattr(served, name)(*arguments, **named)
        except BaseException as error:  # SystemExit too: a server ends only when it is told to
            text = traceback.format_exc()
            if not travels(error, ValueError):
                return "#TRACEBACK", text
            # a standard proxy raises what follows "#ERROR"
            return (RAISED, (error, text)) if ident == SERVED else ("#ERROR", error)

    def _tell_disconnected(self, client: int) -> None:
        told: Callable[[int], object] | None = getattr(self._served, "disconnected", None)
        if told is not None:
            try:
                told(client)
            except Exception:
                _log.exception(
                    "the served object could not be told that client %d has gone", client
                )


class _Face:
    """The object's methods, and the guard's."""

    def __init__(self, served: Any, guard: Guard):
        self._served = served
        for name in GUARDED:
            setattr(self, name, getattr(guard, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._served, name)
