"""What an update passes through when its write must not overlap another's: a lock, or a turn.

A *gate* is a pair of functions, ``enter(gate, worker)`` and ``leave(gate, worker)``, around the
write of one update.  Hogwild! itself has none.  ``write="locked"`` takes one lock; the round-robin
comparator (Niu et al. 2011, section 5) lets the workers write in a fixed order, waiting busily, as
its authors did.

Each exists in the two forms in which a kernel runs.  Called by ``kernels.linear``.
"""

import time
from collections.abc import Callable
from typing import Any

from hogwild.kernels.compiled import atomics, jit

Gate = tuple[Callable[[Any, int], None], Callable[[Any, int], None]]


def python_lock() -> Gate:
    """Return the gate of a ``multiprocessing.Lock``, given as `gate`."""

    def enter(gate, worker):
        gate.acquire()

    def leave(gate, worker):
        gate.release()

    return enter, leave


def compiled_lock() -> Gate:
    """Return the gate of a spin lock in ``gate[0]``, an int64 array: 0 free, 1 taken."""
    _, swap, _, pause = atomics()

    def enter(gate, worker):
        while swap(gate, 0, 1) == 1:
            pause()

    def leave(gate, worker):
        swap(gate, 0, 0)

    return jit(enter), jit(leave)


def python_turn() -> Gate:
    """Return the gate of a fixed order: ``gate[0]`` is whose turn it is, ``gate[1 + p]`` what p
    has left.

    Only the worker whose turn it is writes to `gate`, so plain reads and writes suffice.  One that
    has nothing left is passed over.
    """

    def enter(gate, worker):
        while gate[0] != worker:
            time.sleep(0)

    def leave(gate, worker):
        gate[1 + worker] -= 1
        gate[0] = _next_turn(gate, worker)

    return enter, leave


def compiled_turn() -> Gate:
    """Return the same gate as ``python_turn`` for compiled kernels."""
    _, swap, load, pause = atomics()
    next_turn = jit(_next_turn)

    def enter(gate, worker):
        while load(gate, 0) != worker:
            pause()

    def leave(gate, worker):
        gate[1 + worker] -= 1
        swap(gate, 0, next_turn(gate, worker))

    return jit(enter), jit(leave)


def _next_turn(gate, worker):
    """Return the next worker in the circle with updates left; the same one when none has any."""
    n_workers = len(gate) - 1
    for ahead in range(1, n_workers + 1):
        other = (worker + ahead) % n_workers
        if gate[1 + other] > 0:
            return other
    return worker
