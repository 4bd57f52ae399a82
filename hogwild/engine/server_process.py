"""A process that serves at an address until it is closed, or its parent has gone.

::

    parent                                       server process
    ServerProcess(make, args) --- start ----->  server = make(address, key, *args)
       .address .key .pid      <-- ready pipe -- server.address, server.greeting
       .close()                --- SIGKILL -->  server.serve_forever()

The process is started and ended here, and not by ``BaseManager.start``, so that it is known when it
has been killed, and that it ends when its parent does, with the folder of its socket.  Whoever has
the key may run code there: it is random, and sent to nobody but who asks the parent for it.

Used by ``manager`` and ``downpour.listening``.
"""

import os
import pickle
import shutil
import signal
import tempfile
import time
import traceback
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

from hogwild.engine.face import START_HINT
from hogwild.engine.starting import quiet_start
from hogwild.engine.worker_process import become_child, travels

KEY_BYTES = 32
_START = 60.0  # seconds that a new process gets to import what it needs
_TRIES = 5
_GRACE = 1.0  # seconds for the parent's end to be seen
_SOCKET, _LONGEST_PATH = "socket", 103  # bytes of a socket's path that every system takes
_ROOM = "/tmp"
_READY, _RAISED, _FAILED = "ready", "raised", "failed"

Address = str | tuple[str, int]
"""A Unix socket's path, or a host and a port."""


class Server(Protocol):
    """What runs in the process."""

    @property
    def address(self) -> Any:
        """Where it listens."""

    def serve_forever(self) -> None:
        """Answer clients until the process ends."""


class PrivateFolder:
    """A new folder that nobody else may look into; removed with its last reference.

    A socket's path may have 107 bytes on Linux, 103 on macOS: a TMPDIR too long for that, as jobs
    on clusters have, is passed over.

    Examples
    --------
    >>> folder = PrivateFolder()
    >>> oct(os.stat(folder.path).st_mode & 0o777)
    '0o700'
    >>> folder.close()
    >>> os.path.exists(folder.path)
    False
    """

    def __init__(self) -> None:
        self.path = _new_folder()
        # under fork the children have a copy of this object, and must not act on it
        self.close: Callable[[], object] = weakref.finalize(self, _remove, self.path, os.getpid())

    def socket(self, name: str = _SOCKET) -> str:
        """Return a path in the folder for a socket of that short name."""
        return os.path.join(self.path, name)


class ServerProcess(ABC):
    """A server in a process of its own; the constructor returns when it answers.

    Parameters
    ----------
    make : callable
        ``make(address, key, *args) -> Server``, called in the process.  A function at the top of a
        module.
    args : tuple
        Copied as they stand.
    context : multiprocessing context
        How to start the process.
    name : str
        What it is called in messages and lists of processes.
    address : str or (str, int), optional
        A Unix socket's path, or host and port (0 picks one); by default a socket in a new folder
        that nobody else may look into.
    key : bytes, optional
        By default 32 random bytes.
    folder : PrivateFolder, optional
        A folder of several processes, for the process to remove should the parent end first.

    Attributes
    ----------
    address : str or (str, int)
        Where it listens.
    greeting : object
        What the server had to say when it was ready: its attribute ``greeting``, or None.

    Raises
    ------
    ValueError, OSError, HogwildError
        As ``make`` raised it there.
    RuntimeError
        Any other error of ``make``, with its traceback.
    Exception
        That of `death`, when the process ended before it was ready.
    """

    def __init__(
        self,
        make: Callable[..., Server],
        args: tuple[Any, ...] = (),
        *,
        context: BaseContext,
        name: str,
        address: Address | None = None,
        key: bytes | None = None,
        folder: PrivateFolder | None = None,
    ):
        self.name = name
        self.key = os.urandom(KEY_BYTES) if key is None else key
        own = PrivateFolder() if address is None and folder is None else None
        self._folder = own or folder
        if address is None and self._folder is not None:
            address = self._folder.socket()
        self.address: Any = address
        self.process: BaseProcess | None = None
        ending = [None, own]  # the process as soon as there is one: the finalizer sees it too
        self._owner = os.getpid()
        self.close: Callable[[], object] = weakref.finalize(self, _end, ending, self._owner)
        try:
            removed = None if self._folder is None else (self._folder.path, own is not None)
            reader = self._start(context, ending, (make, self.address, self.key, removed, args))
            self.address, self.greeting = self._ready(reader)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """The process id."""
        return None if self.process is None else self.process.pid

    @property
    def exitcode(self) -> int | None:
        """How it ended; None as long as it runs, and in any other process than the parent."""
        process = self.process
        return None if process is None or os.getpid() != self._owner else process.exitcode

    def alive(self) -> bool:
        """Whether the process runs."""
        return os.getpid() == self._owner and self.process is not None and self.process.is_alive()

    def check(self, patience: float = 0.0) -> None:
        """Raise when the process has ended, or ends within so many seconds."""
        if patience and self.process is not None and os.getpid() == self._owner:
            self.process.join(patience)
        if self.exitcode is not None:
            raise self.death()

    @abstractmethod
    def death(self) -> Exception:
        """Return the error that tells of the process's end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, context: BaseContext, ending: list[Any], args: tuple[Any, ...]) -> Connection:
        """Start the process; return the end of a pipe on which it says that it is ready."""
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(  # type: ignore[attr-defined]
            target=_live, args=(*args, writer), name=self.name, daemon=True
        )
        self.process = ending[0] = process
        try:
            with quiet_start(context.get_start_method()):
                process.start()
        except BaseException:
            reader.close()
            raise
        finally:
            writer.close()  # else the process's early end would not close the pipe
        return reader

    def _ready(self, reader: Connection) -> tuple[Any, Any]:
        with reader:
            wait([reader, self.process.sentinel], _START)  # type: ignore[union-attr]
            try:
                if reader.poll():
                    return self._opened(*pickle.loads(reader.recv_bytes()))
            except EOFError:
                pass  # it ended before it was ready
        self.process.join(1.0)  # type: ignore[union-attr]
        error = self.death()
        error.add_note(START_HINT)
        raise error

    def _opened(self, kind: str, content: Any, text: str) -> tuple[Any, Any]:
        if kind == _READY:
            return content
        if kind == _RAISED:
            content.add_note(f"raised in the process {self.name!r} (pid {self.pid}):\n{text}")
            raise content
        raise RuntimeError(f"{self.name} (pid {self.pid}) could not start:\n\n{text}")


def _new_folder() -> str:
    folder = tempfile.mkdtemp(prefix="hogwild-")
    longest = len(os.fsencode(os.path.join(folder, _SOCKET)))
    if longest <= _LONGEST_PATH or not os.path.isdir(_ROOM):
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix="hogwild-", dir=_ROOM)


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


def _end(ending: list[Any], owner: int) -> None:
    """Kill the process, if this is the one that started it, and remove its folder."""
    process, folder = ending
    if os.getpid() != owner:
        return
    if process is not None and process.pid is not None:
        process.kill()
        process.join(2.0)
    if folder is not None:
        folder.close()


def _live(
    make: Callable[..., Server],
    address: Address,
    key: bytes,
    removed: tuple[str, bool] | None,
    args: tuple[Any, ...],
    ready: Connection,
) -> None:
    """The process's life; it ends by a signal, or when its parent has gone."""
    path, alone = removed or ("", True)

    def leave(*_: object) -> None:
        for _attempt in range(_TRIES):
            if path and os.path.exists(path):  # another thread may have been writing there
                shutil.rmtree(path, ignore_errors=True)
        os._exit(1)

    def linger(*_: object) -> None:
        # the folder is needed by others, unless the parent was told to end as well: then the
        # watch over it removes the folder, and ends this process before its time
        time.sleep(_GRACE)
        os._exit(1)

    become_child(leave)
    signal.signal(signal.SIGTERM, leave if alone else linger)
    server, report = _made(make, address, key, args)
    ready.send_bytes(report)
    ready.close()
    if server is not None:
        server.serve_forever()


def _made(
    make: Callable[..., Server], address: Address, key: bytes, args: tuple[Any, ...]
) -> tuple[Server | None, bytes]:
    """The server and what is told to the parent: that it is ready, or why there is none."""
    try:
        server = make(address, key, *args)
        about = server.address, getattr(server, "greeting", None)
        return server, pickle.dumps((_READY, about, ""))
    except BaseException as error:  # SystemExit too: the parent is told why in any case
        text = "".join(traceback.format_exception(error))
        if travels(error, ValueError) or isinstance(error, OSError):
            return None, pickle.dumps((_RAISED, error, text))
        return None, pickle.dumps((_FAILED, None, text))
