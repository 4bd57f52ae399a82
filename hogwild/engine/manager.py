"""The free-block table in a ``multiprocessing`` Manager process: it decides there, alone.

::

    worker 0 ---.  swap(worker, block) ->                     Manager process
    worker 1 ---+-- a socket in a folder of the user's own -- a thread a worker, one condition
    parent   ---'            <- (tick, next grant)            and the plain schedule

A worker that must wait sleeps in its call until another's release wakes its thread: nobody polls,
and nobody outside holds a lock.  The process is started and ended here, and not by
``BaseManager.start``, so that it is known when it has been killed, and that it ends when its parent
does.  Whoever reads the random key may run code there: it is sent to the workers only.

Used by ``coordination``.
"""

import os
import shutil
import signal
import tempfile
import threading
import weakref
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.managers import BaseManager, BaseProxy
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.engine.face import START_HINT
from hogwild.engine.schedules import WAIT, Grant, Wait
from hogwild.engine.starting import quiet_start
from hogwild.engine.worker_process import become_child
from hogwild.errors import ManagerDied

if TYPE_CHECKING:
    from hogwild.engine.coordination import Plain

_START = 60.0  # seconds that a new process gets to import what it needs
_SOCKET, _LONGEST_PATH = "table", 103  # bytes of a socket's path that every system takes
_ROOM = "/tmp"
_GONE = (EOFError, ConnectionError, FileNotFoundError)  # what a proxy says when nobody is there

Answer = tuple[int, int, int] | None  # a Grant as a plain tuple: it pickles in a third of the time


class Table:
    """The schedule inside the Manager process, called by one thread for each worker."""

    def __init__(self, plain: "Plain"):
        self._plain = plain
        self._changed = threading.Condition()

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Begin a run."""
        with self._changed:
            self._plain.start(order, updates)

    def acquire(self, worker: int) -> Answer:
        """Return a grant as soon as there is one."""
        with self._changed:
            return self._granted(worker)

    def release(self, worker: int, number: int, block: int) -> int | None:
        """Give a block back."""
        with self._changed:
            tick = self._plain.release(worker, Grant(number, block))
            self._changed.notify_all()
            return tick

    def swap(self, worker: int, number: int, block: int) -> tuple[int | None, Answer]:
        """Give a block back, and return the next as soon as there is one."""
        with self._changed:
            tick = self._plain.release(worker, Grant(number, block))
            self._changed.notify_all()
            return tick, self._granted(worker)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the updates of each block."""
        with self._changed:
            return self._plain.counts()

    def _granted(self, worker: int) -> Answer:
        answer: Grant | Wait | None = self._plain.acquire(worker)
        while answer is WAIT:
            self._changed.wait()
            answer = self._plain.acquire(worker)
        return None if answer is None else (answer.number, answer.block, answer.tick)


class _Proxy(BaseProxy):
    _exposed_ = ("start", "acquire", "release", "swap", "counts")


class _Manager(BaseManager):
    """The clients' side; the server's is made in ``_serve``, over the table."""


_Manager.register("table", proxytype=_Proxy)


class InManager:
    """A plain schedule in a Manager process; every call is a round trip to it.

    Parameters
    ----------
    plain : Plain
        Copied as it stands.
    context : multiprocessing context
        How to start the process.

    Raises
    ------
    ManagerDied
        From every call, when that process has ended.

    Examples
    --------
    >>> import multiprocessing
    >>> from hogwild.engine.fpsgd import FPSGD
    >>> with InManager(FPSGD((2, 2)), multiprocessing.get_context("fork")) as schedule:
    ...     schedule.start(np.arange(4), np.ones(4, np.int64))
    ...     grant = schedule.acquire(0)
    ...     schedule.swap(0, grant)[0]  # acquire was 1, release is 2, acquire 3
    2
    """

    def __init__(self, plain: "Plain", context: BaseContext):
        self.grid = plain.grid
        folder = _folder()
        process: BaseProcess | None = None
        try:
            key, address = os.urandom(32), os.path.join(folder, _SOCKET)
            process, reader = _started(plain, address, key, folder, context)
            _await_ready(process, reader)
            manager = _Manager(address, key)
            manager.connect()
            proxy = manager.table()  # type: ignore[attr-defined]
        except BaseException:
            _end(process, folder, os.getpid())
            raise
        self._process: BaseProcess | None = process
        self._owner = os.getpid()  # under fork the workers have a copy of all this
        self.close: Callable[[], object] = weakref.finalize(
            self, _end, process, folder, os.getpid()
        )
        self._bind(proxy, process.pid)

    def _bind(self, proxy: Any, pid: int | None) -> None:
        self._proxy, self.pid = proxy, pid

    def __reduce__(self) -> Any:
        return _bound, (self.grid, self._proxy, self.pid)

    def start(self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64]) -> None:
        """Begin a run; only the parent calls it, while no worker runs."""
        self._call("start", order, updates)

    def acquire(self, worker: int) -> Grant | None:
        """Return a block as soon as one is free, or None when none is left."""
        answer = self._call("acquire", worker)
        return None if answer is None else Grant(*answer)

    def release(self, worker: int, grant: Grant) -> int | None:
        """Give the block back; return the tick."""
        return self._call("release", worker, grant.number, grant.block)

    def swap(self, worker: int, grant: Grant) -> tuple[int | None, Grant | None]:
        """Release and acquire in one round trip; return the release's tick, and the next grant."""
        tick, answer = self._call("swap", worker, grant.number, grant.block)
        return tick, None if answer is None else Grant(*answer)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the updates of each block so far, in the grid's shape."""
        return self._call("counts")

    def connect(self) -> None:
        """Make this worker's connection, which takes some milliseconds."""
        self._call("counts")

    def check(self) -> None:
        """Raise ManagerDied when the process has ended."""
        process = self._process
        if process is not None and os.getpid() == self._owner and process.exitcode is not None:
            raise ManagerDied(self.pid, process.exitcode)

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return self._proxy._callmethod(method, arguments)
        except _GONE:
            if self._process is not None and os.getpid() == self._owner:
                self._process.join(1.0)  # the socket closes a moment before there is an exit code
                self.check()
            raise ManagerDied(self.pid) from None

    def __enter__(self) -> "InManager":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _folder() -> str:
    """Return a new folder for the socket; nobody else may look into it.

    A socket's path may have 107 bytes on Linux, 103 on macOS: a TMPDIR too long for that, as jobs
    on clusters have, is passed over.
    """
    folder = tempfile.mkdtemp(prefix="hogwild-")
    if len(os.fsencode(os.path.join(folder, _SOCKET))) <= _LONGEST_PATH or not os.path.isdir(_ROOM):
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix="hogwild-", dir=_ROOM)


def _bound(grid: tuple[int, int], proxy: Any, pid: int | None) -> InManager:
    served = InManager.__new__(InManager)
    served.grid, served._process, served._owner, served.close = grid, None, -1, _nothing
    served._bind(proxy, pid)
    return served


def _nothing() -> None:
    """A worker's copy has nothing to close."""


def _started(
    plain: "Plain", address: str, key: bytes, folder: str, context: BaseContext
) -> tuple[BaseProcess, Any]:
    """Return the process, started, and the end of a pipe on which it says that it is ready."""
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(  # type: ignore[attr-defined]
        target=_serve,
        args=(plain, address, key, folder, writer),
        name="hogwild Manager",
        daemon=True,
    )
    with quiet_start(context.get_start_method()):
        process.start()
    writer.close()
    return process, reader


def _await_ready(process: BaseProcess, reader: Any) -> None:
    with reader:
        wait([reader, process.sentinel], _START)
        try:
            if reader.poll():
                reader.recv_bytes()
                return
        except EOFError:
            pass  # it ended before it was ready
    process.join(1.0)
    error = ManagerDied(process.pid, process.exitcode)
    error.add_note(START_HINT)
    raise error


def _end(process: BaseProcess | None, folder: str, owner: int) -> None:
    """Kill the process, if this is the one that started it, and remove its folder."""
    if os.getpid() != owner:
        return
    if process is not None and process.pid is not None:
        process.kill()
        process.join(2.0)
    shutil.rmtree(folder, ignore_errors=True)


def _serve(plain: "Plain", address: str, key: bytes, folder: str, ready: Any) -> None:
    """The Manager process's life; it ends by a signal, or when its parent has gone."""

    def leave(*_: object) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    become_child(leave)
    signal.signal(signal.SIGTERM, leave)
    table = Table(plain)

    class Server(BaseManager):
        pass

    Server.register("table", lambda: table, proxytype=_Proxy)
    server = Server(address, key).get_server()
    ready.send_bytes(b"ready")
    ready.close()
    server.serve_forever()
