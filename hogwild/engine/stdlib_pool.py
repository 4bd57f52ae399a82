"""The standard ``multiprocessing.Pool`` with the face of ours, and a watch against its hangs.

::

    parent --> task queue (one lock) --> whichever worker holds the lock
       ^                                           |
       '------ result queue (one lock) <-----------'
       watch: every 20 ms, are all workers still there?

The articles use this pool, so it can be chosen (``pool="stdlib"``). What it can't do by itself, and
how that is made good here:

* a killed worker's task is lost and the call waits for ever: the workers' sentinels are watched
  beside the results;
* an initializer that raises is started again without end: here it never raises, its error is sent
  as text;
* exceptions that don't unpickle, and ``sys.exit``, hang the call: tasks are wrapped, errors are
  text;
* a worker killed while it holds a queue's lock makes ``terminate()`` wait for ever: it runs in a
  thread, the workers are killed, and then the lock is opened (private attributes of the standard
  library: this may stop working, and would then leave a sleeping thread behind, as does a message
  that a worker had read half of when it was killed).

A watch is no proof that nothing hangs, only a bound: prefer ``Pool``.

Used by the worker loop when asked to.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from hogwild.engine import worker_process
from hogwild.engine.face import PoolFace
from hogwild.engine.shared import SharedArray
from hogwild.engine.starting import quiet_start
from hogwild.errors import WorkerDied

_LOOK = 0.02  # seconds between two looks at the workers
_LEAVE = 2.0  # seconds that terminate() gets

_outcome: bytes = b""
_meeting: Any = None


def _initialize(
    seats: Any,
    pids: SharedArray,
    meeting: Any,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """Runs first in each worker; never raises, else the standard pool starts it again for ever."""
    global _outcome, _meeting
    _meeting = meeting
    _outcome = worker_process.answer(lambda: _settle(seats, pids, initializer, initargs))


def _settle(
    seats: Any,
    pids: SharedArray,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    with seats.get_lock():
        number = seats.value
        seats.value += 1
    worker_process.settle(number)
    if number >= len(pids.array):
        raise RuntimeError(f"worker {number} was started in the place of one that had died")
    pids.array[number] = os.getpid()
    if initializer is not None:
        initializer(*initargs)


def _task(message: bytes) -> tuple[int, bytes]:
    return os.getpid(), bytes(worker_process.answer(lambda: worker_process.run(message)))


def _ready(_: object) -> tuple[int, bytes]:
    _meeting.wait()
    return os.getpid(), bytes(_outcome)


def _task_of_each(messages: list[bytes]) -> tuple[int, bytes]:
    _meeting.wait()  # nobody takes a second one before everybody has one
    return _task(messages[worker_process.worker_number()])


class StdlibPool(PoolFace):
    """``multiprocessing.Pool`` with a watch over its workers; parameters and errors of ``Pool``.

    Without ``describe`` a ``WorkerDied`` can't tell what the worker held: the standard pool doesn't
    know who took which task. Nor is its exit code certain: a thread of the standard pool asks for
    it too, and one of the two may come too late (then it is None, or 255 under forkserver).

    Examples
    --------
    >>> with StdlibPool(2, start_method="fork") as pool:
    ...     pool.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        start_method: str | None = None,
        timeout: float | None = None,
        describe: Callable[[int], object] | None = None,
        watch: Callable[[], object] | None = None,
    ):
        super().__init__(processes, timeout, describe, watch)
        self._pids = SharedArray(self.processes, np.int64)
        context: Any = multiprocessing.get_context(start_method)
        self.start_method: str = context.get_start_method()
        meeting = context.Barrier(self.processes)
        guarded = (context.Value("i", 0), self._pids, meeting, initializer, tuple(initargs))
        before = set(multiprocessing.active_children())
        self._pool: Any = None
        self._watched: list[BaseProcess] = []
        with self._ending_on_error("its workers could not be started"):
            with quiet_start(self.start_method):
                self._pool = context.Pool(self.processes, _initialize, guarded)
            self._watched = [x for x in multiprocessing.active_children() if x not in before]
            self._collect([(_ready, None)] * self.processes)
            self._started = True

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers, by number; empty once the pool has ended."""
        return [] if self._pool is None else [int(pid) for pid in self._pids.array]

    def map(self, function: Callable[[Any], Any], iterable: Iterable[Any]) -> list[Any]:
        """``[function(x) for x in iterable]``, each task run by whichever worker is free."""
        messages = [bytes(ForkingPickler.dumps((function, task))) for task in iterable]
        with self._call():
            return [result for _, result in self._collect([(_task, one) for one in messages])]

    def run_on_each(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        """Call ``function(arguments[w])`` once on every worker w; the results, by worker.

        The standard pool can't address a worker, so all the arguments go to each of them, and they
        meet at a barrier before they start.
        """
        messages = [
            bytes(ForkingPickler.dumps((function, task))) for task in self._for_each(arguments)
        ]
        with self._call():
            answers = self._collect([(_task_of_each, messages)] * self.processes)
        return [result for _, result in sorted(answers, key=lambda answer: answer[0])]

    def close(self) -> None:
        """Take no more calls, and tell the workers to leave."""
        self._closed = self._closed or "close() was called"
        if self._pool is not None:
            self._pool.close()

    def _wait_for_workers(self) -> None:
        if self._pool is not None:
            self._bounded(self._pool.join, patience=_LEAVE)

    def terminate(self) -> None:
        """End the workers, one way or the other."""
        self._closed = self._closed or "terminate() was called"
        if self._pool is not None:
            self._bounded(self._pool.terminate, patience=0.3)
            self._pool = None
            for child in self._watched:
                if child.exitcode is not None:
                    child.close()

    def _collect(self, tasks: list[tuple[Callable[[Any], Any], Any]]) -> list[tuple[int, Any]]:
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        waiting = {
            index: self._pool.apply_async(function, (argument,))
            for index, (function, argument) in enumerate(tasks)
        }
        done: dict[int, tuple[int, Any]] = {}
        while waiting:
            next(iter(waiting.values())).wait(_LOOK)
            for index in [index for index, result in waiting.items() if result.ready()]:
                pid, data = waiting.pop(index).get()
                if pid not in self._pids.array:  # it replaces one that is gone
                    self._look(None)
                    raise WorkerDied(self._missing(), None, None)
                worker = self._number(pid)
                done[index] = worker, worker_process.opened(data, worker, pid)
            if waiting:
                self._look(deadline)
        return [done[index] for index in range(len(tasks))]

    def _look(self, deadline: float | None) -> None:
        """Raise WorkerDied or TimeoutError where there is cause."""
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {self.timeout} s; the workers were killed")
        if self._watch is not None:
            self._watch()
        gone = wait([child.sentinel for child in self._watched], 0)
        for child in self._watched:
            if child.sentinel in gone:
                raise WorkerDied(self._number(child.pid), child.pid, _exitcode(child))
        if len(self._watched) < self.processes:  # one was gone before the first look
            raise WorkerDied(self._missing(), None, None)

    def _missing(self) -> int:
        """The first number that none of the watched workers has."""
        seated = np.isin(self._pids.array, [child.pid or -1 for child in self._watched])
        return int(np.argmin(seated))

    def _number(self, pid: int | None) -> int:
        """The number of the worker with this pid; its place in the row if it died without one."""
        found = np.flatnonzero(self._pids.array == pid)
        if len(found):
            return int(found[0])
        return [child.pid for child in self._watched].index(pid)

    def _bounded(self, call: Callable[[], None], patience: float) -> None:
        """Make a call that may never return; after ``patience`` seconds kill the workers."""

        def attempt() -> None:
            # it raises when a dead worker has left a message half read; the workers end all the
            # same
            with suppress(Exception):
                call()

        thread = threading.Thread(target=attempt, name="end of a pool", daemon=True)
        thread.start()
        thread.join(patience)
        # with those that the pool has started in the place of the dead
        children = {*self._watched, *getattr(self._pool, "_pool", ())}
        deadline = time.monotonic() + _LEAVE
        while thread.is_alive() and time.monotonic() < deadline:
            children.update(getattr(self._pool, "_pool", ()))
            for child in children:
                child.kill()
            thread.join(_LOOK)
            if thread.is_alive():
                _open_locks(self._pool)
        for child in children:
            child.kill()
            child.join(_LEAVE)


def _exitcode(child: BaseProcess) -> int | None:
    """The exit code; the pool's own thread may have fetched it and not have stored it yet."""
    deadline = time.monotonic() + 0.5
    while child.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return child.exitcode


def _open_locks(pool: Any) -> None:
    """Open the queues' locks that dead workers took with them."""
    for queue, name in (("_inqueue", "_rlock"), ("_outqueue", "_wlock")):
        lock = getattr(getattr(pool, queue, None), name, None)
        if lock is not None:
            with suppress(ValueError):  # it was not held
                lock.release()
