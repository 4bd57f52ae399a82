"""What the workers of the pool tests run: functions at the top of a module, so that they pickle."""

import ctypes
import os
import signal
import sys
import threading
import time

import numpy as np

from hogwild.engine.shared import SharedArray
from hogwild.engine.stdlib_pool import StdlibPool
from hogwild.engine.worker_process import worker_number
from hogwild.engine.workers import Pool
from hogwild.errors import DataError, DivergenceError

POOLS = {"own": Pool, "stdlib": StdlibPool}
shared: SharedArray


class TwoArguments(Exception):
    """It pickles, and can't be unpickled: the standard pool hangs on it."""

    def __init__(self, one, two):
        super().__init__(one)


class Unreadable:
    """A result that pickles, and raises when it is unpickled."""

    def __reduce__(self):
        return int, ("not a number",)


# initializers


def take(array):
    global shared
    shared = array


def take_and_fill(array, value):
    array.array[...] = value


def take_and_sign(array):
    take(array)
    array.array[worker_number()] = worker_number() + 1


def fail_to_start(reason):
    raise OSError(reason)


def die_at_start(who):
    if worker_number() == who:
        os.kill(os.getpid(), signal.SIGKILL)


# tasks


def work_on():
    """Work far longer than any test waits, and still not for ever: pytest itself may be killed."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass


def square(x):
    return x * x


def number(_):
    return worker_number()


def who_and_what(x):
    return worker_number(), os.getpid(), x


def write(value):
    shared.array[worker_number()] = value


def facts(_):
    a = shared.array
    return a.shape, a.dtype, a.flags.writeable, a.flags.aligned, a.ctypes.data % 128, a.sum()


def boom(x):
    raise ValueError(f"no use for {x}")


def boom_or_spin(x):
    if x is not None:
        boom(x)
    work_on()


def slow_if_zero(x):
    """The worker; for task 0 only once all the other tasks are surely done by the other one."""
    if x == 0:
        threading.Event().wait(0.5)
    return worker_number()


def raise_two_arguments(_):
    raise TwoArguments("a", "b")


def raise_unpicklable(_):
    error = ValueError("holds a lock")
    error.lock = threading.Lock()
    raise error


def raise_diverged(epoch):
    raise DivergenceError(epoch, 0.5, "NaN")


def raise_unpicklable_of_ours(_):
    raise DataError("bad", path=threading.Lock())


def unpicklable_result(_):
    return threading.Lock()


def unreadable_result(_):
    return Unreadable()


def leave(code):
    sys.exit(code)


def interrupt(_):
    raise KeyboardInterrupt


def leave_at_once(code):
    os._exit(code)


def kill_me(_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_if(doomed):
    if doomed:
        os.kill(os.getpid(), signal.SIGKILL)
    work_on()


def note_and_die(block):
    shared.array[worker_number()] = block
    os.kill(os.getpid(), signal.SIGKILL)


def big(size):
    return bytes(size)


def spin(_):
    os.write(1, b"busy\n")
    work_on()


def in_compiled_code(_):
    """A long call of a compiled function that has released the interpreter's lock."""
    os.write(1, b"busy\n")
    ctypes.CDLL(None).sleep(60)


def some_work(n):
    return float(np.arange(n).sum())


def signals(_):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return signal.getsignal(signal.SIGINT), signal.SIGINT in blocked


def threads(_):
    import threadpoolctl

    np.ones((2, 2)) @ np.ones((2, 2))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    blas = [lib["num_threads"] for lib in threadpoolctl.threadpool_info()]
    return blas, [os.environ.get(name) for name in names]


def born_with(_):
    """The environment that this process was started with, whatever it has set since."""
    with open("/proc/self/environ", "rb") as file:
        return file.read().split(b"\0")


# whole programs


def program(kind, method, task):
    """Start two workers, tell their pids, and wait in a task for ever (or do nothing at all)."""
    with POOLS[kind](2, start_method=method) as pool:
        print(*pool.pids, flush=True)
        if task == "idle":
            sys.stdin.read()
        else:
            pool.run_on_each(globals()[task], [None, None])


def fill_memory(size, n):
    """Make n arrays of that size; tell how many there were when memory ran short."""
    from hogwild.errors import SharedMemoryError

    arrays = []
    try:
        for _ in range(n):
            arrays.append(SharedArray(size, np.uint8))
            arrays[-1].array[:] = 1
    except SharedMemoryError as error:
        print(len(arrays), error.wanted, error.free, error.where)
