"""The free-block table in a ``multiprocessing`` Manager process: it decides there, alone.

::

    worker 0 ---.  swap(worker, block) ->                     Manager process
    worker 1 ---+-- a socket in a folder of the user's own -- a thread a worker, one condition
    parent   ---'            <- (tick, next grant)            and the plain schedule

A worker that must wait sleeps in its call until another's release wakes its thread: nobody polls,
and nobody outside holds a lock.  The random key is sent to the workers only.

Used by ``coordination``.
"""

import threading
from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.managers import BaseManager, BaseProxy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hogwild.engine.schedules import WAIT, Grant, Wait
from hogwild.engine.server_process import Address, ServerProcess
from hogwild.errors import ManagerDied

if TYPE_CHECKING:
    from hogwild.engine.coordination import Plain

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


class _Process(ServerProcess):
    def death(self) -> ManagerDied:
        return ManagerDied(self.pid, self.exitcode)


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
        process = _Process(_make_server, (plain,), context=context, name="hogwild Manager")
        self._process: ServerProcess | None = process
        self.close: Callable[[], object] = process.close
        try:
            manager = _Manager(process.address, process.key)
            manager.connect()
            proxy = manager.table()  # type: ignore[attr-defined]
        except BaseException:
            self.close()
            raise
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
        if self._process is not None:
            self._process.check()

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return self._proxy._callmethod(method, arguments)
        except _GONE:
            if self._process is not None:
                self._process.check(1.0)  # the socket closes before there is an exit code
            raise ManagerDied(self.pid) from None

    def __enter__(self) -> "InManager":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bound(grid: tuple[int, int], proxy: Any, pid: int | None) -> InManager:
    served = InManager.__new__(InManager)
    served.grid, served._process, served.close = grid, None, _nothing
    served._bind(proxy, pid)
    return served


def _nothing() -> None:
    """A worker's copy has nothing to close."""


def _make_server(address: Address, key: bytes, plain: "Plain") -> Any:
    """Return the server over the table, in the Manager process."""
    table = Table(plain)

    class Registry(BaseManager):
        pass

    Registry.register("table", lambda: table, proxytype=_Proxy)
    return Registry(address, key).get_server()
