"""One worker as its pool sees it: a process, the pool's end of the pipe, and what it works on.

Used by ``workers``.
"""

from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

from hogwild.engine.worker_process import opened, serve
from hogwild.errors import WorkerDied


class Handle:
    """The parent's side of a worker; made first, so that its process can always be ended."""

    def __init__(self, number: int, context: BaseContext):
        self.number = number
        self.connection, self._theirs = context.Pipe()
        self.pid: int | None = None
        self.task: object = None
        self._context = context
        self._process: BaseProcess | None = None

    def start(
        self,
        siblings: Iterable["Handle"],
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
    ) -> None:
        """Start the process; under fork it gets told which copies of pipe ends it has to close."""
        forked = self._context.get_start_method() == "fork"
        inherited = [other.connection for other in (*siblings, self)] if forked else []
        process = self._context.Process(  # type: ignore[attr-defined]
            target=serve,
            args=(self.number, self._theirs, inherited, initializer, initargs),
            name=f"hogwild worker {self.number}",
            daemon=True,
        )
        self._process = process
        try:
            process.start()
            self.pid = process.pid
        finally:
            self._theirs.close()  # else a dead worker's pipe would stay open here

    def hand(self, function: Callable[[Any], Any], task: object) -> None:
        """Give the worker a task; WorkerDied if it is gone."""
        # plain bytes: a view of a buffer, kept by a traceback, can crash the collector (3.12.1)
        message = bytes(ForkingPickler.dumps((function, task)))
        try:
            self.connection.send_bytes(message)
        except OSError:
            raise self.death() from None
        self.task = task

    def receive(self) -> Any:
        """The result of the task; or raise what became of it."""
        try:
            data = self.connection.recv_bytes()
        except (EOFError, OSError):
            raise self.death() from None
        self.task = None
        return opened(data, self.number, self.pid)

    def ended(self) -> bool:
        """Whether the process is gone and has left nothing to read.

        Its pipe tells that sooner, unless some process forked meanwhile by another thread of the
        parent holds a copy of the worker's end.
        """
        return (
            self._process is not None
            and self._process.exitcode is not None
            and not self.connection.poll()
        )

    def death(self) -> WorkerDied:
        """The error for a worker that is gone."""
        self.join(1.0)  # the pipe closes a moment before there is an exit code
        code = None if self._process is None else self._process.exitcode
        return WorkerDied(self.number, self.pid, code, self.task)

    def kill(self) -> None:
        """End the process now (SIGKILL: no handler and no busy loop can delay it)."""
        if self._process is not None and self._process.pid is not None:
            self._process.kill()

    def join(self, seconds: float) -> None:
        """Wait for the process to end, at most so long."""
        if self._process is not None and self._process.pid is not None:
            self._process.join(seconds)

    def release(self) -> None:
        """Give back the pipe and, when the process has ended, what the system keeps of it."""
        self.connection.close()
        self._theirs.close()
        if self._process is not None and self._process.exitcode is not None:
            self._process.close()
            self._process = None
