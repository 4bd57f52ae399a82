"""Every error that a caller may want to act on; the rest are plain ``ValueError``.

::

    HogwildError
    |-- DataError          (ValueError)       can't be taken: path, line, reason
    |-- DivergenceError    (ArithmeticError)  the loss became NaN, infinite or huge: epoch, step
    |-- WorkerDied         (RuntimeError)     ended by itself: worker, pid, exitcode, holding
    |-- WorkerFailed       (RuntimeError)     a task or initializer raised: worker, pid, cause
    |-- ManagerDied        (RuntimeError)     the Manager process ended: pid, exitcode
    |-- ServerGone         (ConnectionError)  a parameter server can't be reached: address, pid
    |-- KeyRefused         (PermissionError)  the two ends have not the same key: address
    |-- SharedMemoryError  (MemoryError)      no room for shared arrays: wanted, free, where
    `-- MissingExtra       (ImportError)      an optional library is missing: extra, what

In parentheses: the built-in class that it also is.

Each carries its data as attributes, so that a program need not parse the sentence.
"""

import signal
from typing import Any


class HogwildError(Exception):
    """The base of all errors of this package; catch it to catch them all."""


class DataError(HogwildError, ValueError):
    """Input that can't be represented, with the place and the reason.

    Parameters
    ----------
    reason : str
        What was wrong, the value, and what is accepted.
    path : str, optional
        The file, where there is one.
    line : int, optional
        The line in the file, counted from 1.

    Examples
    --------
    >>> print(DataError("expected 'index:value', got '7'", path="a.txt", line=17))
    a.txt, line 17: expected 'index:value', got '7'
    """

    def __init__(self, reason: str, *, path: str | None = None, line: int | None = None):
        self.reason, self.path, self.line = reason, path, line
        place = ", ".join(
            part for part in (path, f"line {line}" if line is not None else None) if part
        )
        super().__init__(f"{place}: {reason}" if place else reason)

    def __reduce__(self) -> Any:
        return _rebuild_data_error, (self.reason, self.path, self.line)


def _rebuild_data_error(reason: str, path: str | None, line: int | None) -> DataError:
    return DataError(reason, path=path, line=line)


class DivergenceError(HogwildError, ArithmeticError):
    """The objective became NaN, infinite, or far larger than at the start.

    Parameters
    ----------
    epoch : int
        The epoch (counted from 1) after which it was seen.
    step : float
        The learning rate of that epoch.
    what : str
        What became of the objective: "NaN", "infinite", or a sentence part.
    advice : str, optional
        What to try, where that is not a smaller step.

    Examples
    --------
    >>> print(DivergenceError(3, 0.5, "NaN"))
    the loss became NaN in epoch 3 (step=0.5). Try a smaller step; 0.05 is a tenth of it.
    """

    def __init__(self, epoch: int, step: float, what: str, advice: str | None = None):
        self.epoch, self.step, self.what, self.advice = epoch, step, what, advice
        super().__init__(
            f"the loss became {what} in epoch {epoch} (step={step:.4g}). "
            f"{advice or f'Try a smaller step; {step / 10:.4g} is a tenth of it.'}"
        )

    def __reduce__(self) -> Any:
        return type(self), (self.epoch, self.step, self.what, self.advice)


class WorkerDied(HogwildError, RuntimeError):
    """A worker process ended without being told to.

    Parameters
    ----------
    worker : int
        Its number, 0 to n_workers - 1.
    pid : int or None
        Its process id.
    exitcode : int or None
        As in ``multiprocessing.Process.exitcode``: -9 for SIGKILL.
    holding : object, optional
        The block or task that it held.

    Examples
    --------
    >>> print(WorkerDied(2, 4711, -9, holding=(0, 3)))
    worker 2 (pid 4711) was killed by SIGKILL while it held (0, 3); running out of memory is the
    usual cause.
    """

    def __init__(self, worker: int, pid: int | None, exitcode: int | None, holding: object = None):
        self.worker, self.pid, self.exitcode, self.holding = worker, pid, exitcode, holding
        held = f" while it held {holding}" if holding is not None else ""
        super().__init__(
            f"worker {worker} (pid {pid}) {_ending(exitcode)[0]}{held}{_ending(exitcode)[1]}"
        )

    def __reduce__(self) -> Any:
        return type(self), (self.worker, self.pid, self.exitcode, self.holding)


def _ending(exitcode: int | None) -> tuple[str, str]:
    """How a process ended, and the likely cause, as two parts of a sentence."""
    if exitcode is None or exitcode >= 0:
        return f"ended by itself (exit code {exitcode})", "."
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    causes = {
        "SIGKILL": "; running out of memory is the usual cause.",
        "SIGBUS": "; shared memory that ran full is the usual cause.",
        "SIGSEGV": "; a fault in compiled code is the usual cause.",
    }
    return f"was killed by {name}", causes.get(name, ".")


class WorkerFailed(HogwildError, RuntimeError):
    """A task or an initializer raised in a worker; its traceback is part of the message.

    Parameters
    ----------
    worker : int
        The worker's number.
    pid : int or None
        Its process id.
    cause : str
        The traceback of the worker, as text (exception objects need not survive pickling).
    """

    def __init__(self, worker: int, pid: int | None, cause: str):
        self.worker, self.pid, self.cause = worker, pid, cause
        last = cause.strip().splitlines()[-1] if cause.strip() else "no traceback"
        super().__init__(f"worker {worker} (pid {pid}) raised {last}\n\n{cause}")

    def __reduce__(self) -> Any:
        return type(self), (self.worker, self.pid, self.cause)


class ManagerDied(HogwildError, RuntimeError):
    """The Manager process that keeps the free-block table ended, so no block can be handed out.

    Parameters
    ----------
    pid : int or None
        Its process id.
    exitcode : int, optional
        As in ``multiprocessing.Process.exitcode``: -9 for SIGKILL; not known to a worker.

    Examples
    --------
    >>> print(ManagerDied(4711, -9))
    the Manager process (pid 4711) that keeps the free-block table was killed by SIGKILL; running
    out of memory is the usual cause.
    >>> print(ManagerDied(4711))
    the Manager process (pid 4711) that keeps the free-block table ended.
    """

    def __init__(self, pid: int | None, exitcode: int | None = None):
        self.pid, self.exitcode = pid, exitcode
        ending = ("ended", ".") if exitcode is None else _ending(exitcode)
        super().__init__(
            f"the Manager process (pid {pid}) that keeps the free-block table "
            f"{ending[0]}{ending[1]}"
        )

    def __reduce__(self) -> Any:
        return type(self), (self.pid, self.exitcode)


class ServerGone(HogwildError, ConnectionError):
    """A parameter server, one of its shards or a coordinator, has ended or can't be reached.

    Parameters
    ----------
    address : str or (str, int)
        Where it should be: a Unix socket's path, or host and port.
    pid : int, optional
        Its process id, where known.
    exitcode : int, optional
        As in ``multiprocessing.Process.exitcode``: -9 for SIGKILL; known to its parent only.
    reason : str
        What was seen instead, a part of a sentence.

    Examples
    --------
    >>> print(ServerGone(("127.0.0.1", 7070), 4711, -9))
    the server at 127.0.0.1:7070 (pid 4711) was killed by SIGKILL; running out of memory is the
    usual cause.
    >>> print(ServerGone(("10.0.0.1", 7070), reason="can't be reached: Connection refused"))
    the server at 10.0.0.1:7070 can't be reached: Connection refused.
    """

    def __init__(
        self,
        address: str | tuple[str, int],
        pid: int | None = None,
        exitcode: int | None = None,
        reason: str = "has gone",
    ):
        self.address, self.pid, self.exitcode, self.reason = address, pid, exitcode, reason
        known = "" if pid is None else f" (pid {pid})"
        ending = (reason, ".") if exitcode is None else _ending(exitcode)
        super().__init__(f"the server at {_place(address)}{known} {ending[0]}{ending[1]}")

    def __reduce__(self) -> Any:
        return type(self), (self.address, self.pid, self.exitcode, self.reason)


def _place(address: str | tuple[str, int]) -> str:
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


class KeyRefused(HogwildError, PermissionError):
    """The two ends of a connection do not have the same key.

    Parameters
    ----------
    address : str or (str, int)
        Where the server is.

    Examples
    --------
    >>> print(KeyRefused(("127.0.0.1", 7070)))
    the server at 127.0.0.1:7070 has another key: take the key file of the server that runs there.
    """

    def __init__(self, address: str | tuple[str, int]):
        self.address = address
        super().__init__(
            f"the server at {_place(address)} has another key: take the key file of the server "
            "that runs there."
        )

    def __reduce__(self) -> Any:
        return type(self), (self.address,)


class SharedMemoryError(HogwildError, MemoryError):
    """There is less shared memory than the arrays need (using it would end in SIGBUS).

    Parameters
    ----------
    wanted, free : int
        Bytes asked for, and bytes that the file system behind shared memory has left.
    where : str
        That file system, ``/dev/shm`` on Linux.

    Examples
    --------
    >>> print(SharedMemoryError(200_000_000, 64_000_000, "/dev/shm"))
    200.0 MB of shared memory are needed and /dev/shm has 64.0 MB left; in a container, raise its
    size (docker run --shm-size).
    """

    def __init__(self, wanted: int, free: int, where: str):
        self.wanted, self.free, self.where = wanted, free, where
        super().__init__(
            f"{wanted / 1e6:.1f} MB of shared memory are needed and {where} has "
            f"{free / 1e6:.1f} MB left; in a container, raise its size (docker run --shm-size)."
        )

    def __reduce__(self) -> Any:
        return type(self), (self.wanted, self.free, self.where)


class MissingExtra(HogwildError, ImportError):
    """An optional library is needed for what was asked, and is not installed.

    Parameters
    ----------
    extra : str
        The extra that brings it, as in ``pip install 'hogwild[extra]'``.
    what : str
        What needs it.

    Examples
    --------
    >>> print(MissingExtra("plot", "drawing"))
    drawing needs the extra 'plot': pip install 'hogwild[plot]'
    """

    def __init__(self, extra: str, what: str):
        self.extra, self.what = extra, what
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'hogwild[{extra}]'")

    def __reduce__(self) -> Any:
        return type(self), (self.extra, self.what)
