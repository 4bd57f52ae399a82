"""Inside a worker: take a task, run it, send back its result, or its traceback as text.

Nothing that a task does may reach the pool in a form that can fail there: an exception is sent as
text, since one that pickles need not unpickle (and then the standard pool hangs). The one exception
is this package's own errors, which are known to survive the journey: the parent raises them again
as they were.

Used by ``workers``, ``stdlib_pool``, ``server_process``, and by tasks that ask for their
``worker_number()``.
"""

import faulthandler
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from hogwild.engine.threads import limit_threads
from hogwild.errors import HogwildError, WorkerFailed

OK, FAILED, OURS = "ok", "failed", "ours"

_number: int | None = None


def worker_number() -> int:
    """The number of the worker that this code runs in, 0 to ``processes - 1``.

    Known to the initializer and to every task.

    Raises
    ------
    RuntimeError
        Outside a worker.
    """
    if _number is None:
        raise RuntimeError("worker_number() was called outside a worker of a hogwild pool")
    return _number


def serve(
    number: int,
    connection: Connection,
    inherited: Iterable[Connection],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """A worker's life: report on the initializer, then answer tasks until the pipe is closed."""
    for end in inherited:
        # forked with copies of the parent's ends: while they are open here, nobody sees the
        # parent's close
        end.close()
    settle(number)
    ready = answer(lambda: None if initializer is None else _discard(initializer(*initargs)))
    try:
        connection.send_bytes(ready)
        while True:
            message = connection.recv_bytes()
            connection.send_bytes(answer(lambda: run(message)))  # noqa: B023  runs at once
    except (EOFError, OSError):
        return  # the parent closed the pipe: that is how a worker is told to leave


def _discard(result: object) -> None:
    """An initializer's result has no reader, and need not be one that can be pickled."""


def run(message: bytes) -> object:
    """Unpickle a task, (function, argument), and run it."""
    function, argument = pickle.loads(message)
    return function(argument)


def settle(number: int) -> None:
    """Make this process a worker: number, signals, threads, and the watch over its parent."""
    global _number
    _number = number
    become_child()


def become_child(farewell: Callable[[], object] | None = None) -> None:
    """Leave Ctrl-C to the parent, start no threads of BLAS, and end when the parent has ended.

    Parameters
    ----------
    farewell : callable, optional
        Called before the end, if the parent has ended first.
    """
    # Ctrl-C goes to the whole group; the parent alone answers it, and ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # a handler of the parent's is copied by fork and would keep a worker from being ended
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    faulthandler.enable(file=2)
    limit_threads()
    watch = threading.Thread(
        target=_leave_with_parent, args=(farewell,), name="parent watch", daemon=True
    )
    watch.start()


def _leave_with_parent(farewell: Callable[[], object] | None) -> None:
    """Wait until the parent is gone, then end this process, whatever it is computing.

    The sentinel is a pipe that the parent holds open; any process that the parent forked later
    holds a copy of it. So the parent itself is watched as well, where the system can do that
    (Linux). The thread sleeps in the kernel and takes no time; it needs the interpreter's lock to
    act, so a compiled loop should release that.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    watched: list[Any] = [parent.sentinel]
    if hasattr(os, "pidfd_open"):
        try:
            watched.append(os.pidfd_open(parent.pid))
        except ProcessLookupError:
            watched = []  # it has gone already
        except OSError:
            pass  # forbidden or too old a kernel: the sentinel does it alone
    if watched:
        wait(watched)
    if farewell is not None:
        farewell()
    os._exit(1)


def answer(call: Callable[[], object]) -> Any:
    """What is sent back, pickled: (OK, result), (FAILED, text) or (OURS, text, error)."""
    try:
        return bytes(ForkingPickler.dumps((OK, call())))
    except BaseException as error:  # SystemExit too: a worker ends only when it is told to
        text = "".join(traceback.format_exception(error))
        return bytes(
            ForkingPickler.dumps((OURS, text, error) if travels(error) else (FAILED, text))
        )


def travels(error: BaseException, *builtin: type[BaseException]) -> bool:
    """Whether the error is exactly one of this package's classes, or of those built-in ones, and
    comes back from pickling.
    """
    ours = isinstance(error, HogwildError) and type(error).__module__ == HogwildError.__module__
    if not ours and type(error) not in builtin:
        return False
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:  # it carries something that can't be pickled: then its text is sent
        return False


def opened(data: bytes, worker: int, pid: int | None) -> Any:
    """The result inside an answer, in the parent; or raise what happened.

    Raises
    ------
    WorkerFailed
        The call raised, or its result can't be unpickled here.
    HogwildError
        The call raised one of this package's errors: the same error, with the worker's traceback as
        a note.
    """
    try:
        kind, *content = pickle.loads(data)
    except Exception:
        text = f"the result could not be unpickled in the parent:\n\n{traceback.format_exc()}"
        raise WorkerFailed(worker, pid, text) from None
    if kind == OK:
        return content[0]
    if kind == OURS:
        text, error = content
        error.add_note(f"raised in worker {worker} (pid {pid}):\n{text}")
        raise error
    raise WorkerFailed(worker, pid, content[0])
