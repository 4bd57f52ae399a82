"""A pool whose workers may be killed at any moment without a hang: one pipe a worker, no lock.

::

                        pipe 0: (function, argument) ->        <- result or traceback text
            .---------------------------------------------- worker 0 --.
    parent -+                                                           +-- shared arrays (initargs)
            '---------------------------------------------- worker 1 --'
                        pipe 1: the same

    parent   hands one task to each free worker, waits for all pipes at once, hands out the next
    worker   waits for its pipe, runs the task, answers; leaves when the pipe is closed
             or the parent is gone

``multiprocessing.Pool`` shares one queue and its lock among its workers. Kill one, and the call
never returns; kill the one that holds the lock, and ``terminate()`` never returns either; let the
initializer raise, and processes are started without end (CPython issues 66587, 96062, 87472). Here
a pipe has two ends and nothing is shared: a worker that is gone closes its end, which the parent
sees at once. A dead worker is never replaced.

Any error that leaves a call ends the pool: its workers are killed and joined first, so that nothing
writes to shared arrays any more when the caller sees the error.

Used by the worker loop, and through it by the models.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any

from hogwild.engine.face import PoolFace
from hogwild.engine.handle import Handle
from hogwild.engine.starting import quiet_start
from hogwild.engine.worker_process import worker_number

__all__ = ["Pool", "worker_number"]

_LEAVE = 2.0  # seconds that a worker gets to leave by itself after close()
_LOOK = 0.2  # seconds between two looks at the processes themselves, should a pipe stay open


class Pool(PoolFace):
    """Worker processes with the face of ``multiprocessing.Pool``; none of its hangs.

    The constructor returns when every worker has run its initializer.

    Parameters
    ----------
    processes : int, optional
        How many; by default as many as this process may use processors.
    initializer : callable, optional
        ``initializer(*initargs)`` runs once in every worker; the way in for ``SharedArray``.
    initargs : tuple
    start_method : {"fork", "spawn", "forkserver"}, optional
        By default that of ``multiprocessing``.
    timeout : float, optional
        Seconds for the start and for each call; beyond it ``TimeoutError``.
    describe : callable, optional
        ``describe(worker) -> object``, asked when a worker has died: what it held, for
        ``WorkerDied.holding`` (say, the block number that it left in shared memory). By default the
        task that it was given.
    watch : callable, optional
        Called five times a second while a call lasts; it raises when something else has ended
        that the workers need.

    Raises
    ------
    WorkerDied
        A worker ended without being told to, in the constructor or in a call.
    WorkerFailed
        The initializer or a task raised; the worker's traceback is in the message. An error of this
        package (``HogwildError``) is raised as itself, with that traceback as a note.
    TimeoutError
        After ``timeout`` seconds.
    RuntimeError
        A call after the pool was closed, be it by an error.

    Examples
    --------
    >>> with Pool(2, start_method="fork") as pool:
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
        self._context: BaseContext = multiprocessing.get_context(start_method)
        self.start_method: str = self._context.get_start_method()
        self._workers: list[Handle] = []
        with self._ending_on_error("its workers could not be started"):
            with quiet_start(self.start_method):
                for number in range(self.processes):
                    worker = Handle(number, self._context)
                    self._workers.append(worker)
                    worker.start(self._workers, initializer, tuple(initargs))
            self._collect({worker: worker.number for worker in self._workers})
            self._started = True

    @property
    def pids(self) -> list[int | None]:
        """The process ids of the workers, by number; empty once the pool has ended."""
        return [worker.pid for worker in self._workers]

    def map(self, function: Callable[[Any], Any], iterable: Iterable[Any]) -> list[Any]:
        """``[function(x) for x in iterable]``, each task run by whichever worker is free.

        ``function`` and the tasks are pickled: a function at the top of a module, and small tasks
        (block numbers, not data). Results come in the order of the tasks.
        """
        tasks = list(iterable)
        with self._call():
            waiting = ((index, function, task) for index, task in enumerate(tasks))
            busy = {}
            for worker, (index, _, task) in zip(self._workers, waiting, strict=False):
                worker.hand(function, task)
                busy[worker] = index
            return self._collect(busy, waiting)

    def run_on_each(self, function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
        """Call ``function(arguments[w])`` once on every worker w; the results, by worker.

        One epoch is one such call.

        Examples
        --------
        >>> with Pool(2, start_method="fork") as pool:
        ...     pool.run_on_each(abs, [-1, -2])
        [1, 2]
        """
        each = self._for_each(arguments)
        with self._call():
            for worker, argument in zip(self._workers, each, strict=True):
                worker.hand(function, argument)
            return self._collect({worker: worker.number for worker in self._workers})

    def close(self) -> None:
        """Take no more calls, and tell the workers to leave."""
        self._closed = self._closed or "close() was called"
        for worker in self._workers:
            worker.connection.close()

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + _LEAVE
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def terminate(self) -> None:
        """Kill the workers now and reap them; nothing of the pool is left."""
        self._closed = self._closed or "terminate() was called"
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.join(_LEAVE)
            worker.release()
        self._workers.clear()

    def _collect(
        self,
        busy: dict[Handle, int],
        waiting: Iterable[tuple[int, Callable[[Any], Any], Any]] = (),
    ) -> list[Any]:
        """The answers of all busy workers, by index; whoever has answered gets the next task."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        results: dict[int, Any] = {}
        waiting = iter(waiting)
        while busy:
            for worker in self._ready(list(busy), deadline):
                index = busy.pop(worker)
                results[index] = worker.receive()
                following = next(waiting, None)
                if following is not None:
                    busy[worker], function, task = following
                    worker.hand(function, task)
        return [results[index] for index in sorted(results)]

    def _ready(self, busy: list[Handle], deadline: float | None) -> list[Handle]:
        """The busy workers whose pipe has something to read: an answer, or its end."""
        connections = {worker.connection: worker for worker in busy}
        while True:
            left = _LOOK if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer within {self.timeout} s; the workers were killed")
            ready = wait(list(connections), min(left, _LOOK))
            if ready:
                return [connections[connection] for connection in ready]  # type: ignore[index]
            for worker in busy:
                if worker.ended():
                    raise worker.death()
            if self._watch is not None:
                self._watch()
