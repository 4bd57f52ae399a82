"""The start of workers: how many, with Ctrl-C held back, with one BLAS thread each.

Used by the pools.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import forkserver, resource_tracker
from typing import Any

from hogwild.engine.threads import one_thread_environment


def checked_processes(processes: Any) -> int:
    """The number of workers: as given, or one for each processor that this process may use."""
    if processes is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not isinstance(processes, int) or isinstance(processes, bool) or processes < 1:
        raise ValueError(f"processes must be a whole number, 1 or more, got {processes!r}")
    return processes


@contextmanager
def quiet_start(start_method: str) -> Iterator[None]:
    """Start workers with Ctrl-C held back until they ignore it, and with one BLAS thread each.

    The helper processes of the standard library are started first, outside: they stay for the whole
    program, and would pass a blocked Ctrl-C on to processes that are not ours.

    Raises
    ------
    RuntimeError
        In a daemonic process, which the standard library lets start none.
    """
    if multiprocessing.current_process().daemon:
        raise RuntimeError(
            "a daemonic process, such as a worker of multiprocessing.Pool, can't start workers: "
            'fit with schedule="serial" there, or from a process with daemon=False'
        )
    if start_method == "forkserver":
        forkserver.ensure_running()
    elif start_method == "spawn" and hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()
    environment = one_thread_environment() if start_method == "spawn" else nullcontext()
    with _interrupt_held_back(), environment:
        yield


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with _interrupt_noted():
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupt_noted() -> Iterator[None]:
    """Raise Ctrl-C again at the end, if it comes meanwhile.

    The mask is the calling thread's alone, and what a new process inherits. A library's thread,
    such as one of BLAS, may take the signal, and Python would then interrupt the main thread.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield  # only the main thread is ever interrupted, and only it may set handlers
        return
    noted = False

    def note(*_: object) -> None:
        nonlocal noted
        noted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if noted:
            signal.raise_signal(signal.SIGINT)
