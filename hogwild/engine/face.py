"""What both pools have in common: they are used with ``with``, and any error ends them.

Used by ``workers`` and ``stdlib_pool``.
"""

import multiprocessing
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from hogwild.engine.starting import checked_processes
from hogwild.errors import WorkerDied

START_HINT = (
    "It ended before it could run anything; its own message is on stderr. Under the start "
    "methods 'spawn' and 'forkserver' a worker imports the main script again: start the pool "
    'inside  if __name__ == "__main__":  and run the script from a file (not from stdin), with '
    "the functions for the workers in a module."
)


class PoolFace(ABC):
    """The state and the endings of a pool, whatever is inside."""

    def __init__(
        self,
        processes: int | None,
        timeout: float | None,
        describe: Callable[[int], object] | None,
        watch: Callable[[], object] | None,
    ):
        # a private mark of the standard library; without it the worker ends a little later
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            raise RuntimeError(
                "this worker is importing the main script again and would start workers of its "
                'own: start the pool inside  if __name__ == "__main__":'
            )
        self.processes = checked_processes(processes)
        self.timeout = timeout
        self._describe, self._watch = describe, watch
        self._started = False
        self._closed = ""  # why, once it is
        self._calling = threading.Lock()

    @abstractmethod
    def close(self) -> None:
        """Take no more calls, and tell the workers to leave."""

    @abstractmethod
    def terminate(self) -> None:
        """End the workers now and reap them; nothing of the pool is left."""

    def join(self) -> None:
        """Wait until the workers have left; after two seconds those still there are killed."""
        if not self._closed:
            raise RuntimeError("close() or terminate() the pool before join()")
        self._wait_for_workers()
        self.terminate()

    @abstractmethod
    def _wait_for_workers(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            self.join()
        else:
            self.terminate()

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Around a call: one at a time, on an open pool, which an error ends."""
        if self._closed:
            raise RuntimeError(f"this pool has ended: {self._closed}. Make a new one.")
        if not self._calling.acquire(blocking=False):
            raise RuntimeError("this pool is in the middle of another call (of another thread?)")
        try:
            with self._ending_on_error("an earlier call failed"):
                yield
        finally:
            self._calling.release()

    @contextmanager
    def _ending_on_error(self, what: str) -> Iterator[None]:
        """End the pool before an error leaves, so that nobody writes to shared arrays any more."""
        try:
            yield
        except BaseException as error:
            self._closed = self._closed or f"{what} ({type(error).__name__})"
            self.terminate()
            if isinstance(error, WorkerDied):
                raise self._told(error) from None
            raise

    def _told(self, error: WorkerDied) -> WorkerDied:
        """The same death with what the worker held, and with a hint when it never started."""
        if self._describe is not None:
            held = self._describe(error.worker)
            error = WorkerDied(error.worker, error.pid, error.exitcode, held)
        if not self._started:
            error.add_note(START_HINT)
        return error

    def _for_each(self, arguments: Sequence[Any]) -> Sequence[Any]:
        if len(arguments) != self.processes:
            raise ValueError(
                f"there must be one argument for each of the {self.processes} workers, "
                f"got {len(arguments)}"
            )
        return arguments
