"""What the workers of the lessons run: a process finds a function by its module, and a notebook is
none.

The weights are shared, and nobody trains: every worker adds 1.0, so what should be there at the end
is known exactly, and what is missing was overwritten. How often each worker added is reckoned from
its own count of rounds; the loop that is watched does nothing but add.

Numpy and the standard library; beside it only the blog's program. Imported by the tutorials and by
tests.
"""

import time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.reference import hogwild as blog

WRITES = ("plain", "one by one", "add_at", "locked")
ROUND = 50  # additions between two looks at the clock


class Task(NamedTuple):
    """What a worker is to do.

    Attributes
    ----------
    write : str
        One of WRITES.
    n_features : int
        Additions go to the first so many weights.
    nnz : int
        How many of them, all different, one addition touches.
    seconds : float
        How long to go on adding.
    seed : int
        Of the columns drawn; each worker its own.
    """

    write: str
    n_features: int
    nnz: int
    seconds: float
    seed: int


class Count(NamedTuple):
    """What a worker has added, and when.

    Attributes
    ----------
    added : int64 array, shape (n_features,)
        How often it added 1.0 to each weight.
    begin, end : float
        Seconds by the clock that all processes share.
    """

    added: npt.NDArray[np.int64]
    begin: float
    end: float


class _Opened(NamedTuple):
    w: npt.NDArray[np.float64]
    barrier: Any
    lock: Any


_opened: _Opened | None = None


def open_memory(raw: Any, barrier: Any, lock: Any) -> None:
    """Take hold of the shared weights, a RawArray of doubles: the initializer of a pool.

    The blog's global `w` becomes the same view; its program then trains under every start method.
    """
    global _opened
    _opened = _Opened(np.frombuffer(raw, dtype=np.float64), barrier, lock)
    blog.w = _opened.w


def add_ones(task: Task) -> Count:
    """Wait for the other workers, then add 1.0 until the time is up; say how often."""
    if _opened is None:
        raise RuntimeError("open_memory must be the initializer of this worker's pool")
    w, barrier, lock = _opened
    random = np.random.default_rng(task.seed)
    rows = [random.choice(task.n_features, task.nnz, replace=False) for _ in range(ROUND)]
    barrier.wait(60)
    begin = time.monotonic()
    n_rounds = 0
    while time.monotonic() < begin + task.seconds:
        _add_round(task.write, w, rows, lock)
        n_rounds += 1
    end = time.monotonic()
    once = np.bincount(np.concatenate(rows), minlength=task.n_features)
    return Count(n_rounds * once, begin, end)


def _add_round(
    write: str, w: npt.NDArray[np.float64], rows: list[npt.NDArray[np.int64]], lock: Any
) -> None:
    """Add 1.0 to the weights of every row, once."""
    if write == "plain":
        for ix in rows:
            w[ix] += 1.0
    elif write == "one by one":
        for ix in rows:
            for j in ix:
                w[j] += 1.0
    elif write == "add_at":
        for ix in rows:
            np.add.at(w, ix, 1.0)
    elif write == "locked":
        for ix in rows:
            with lock:
                w[ix] += 1.0
    else:
        raise ValueError(f"write must be one of {', '.join(WRITES)}, got {write!r}")


def overlap(counts: list[Count]) -> float:
    """Return the share of the time from first begin to last end in which all workers were adding.

    Examples
    --------
    >>> nothing = np.zeros(1, np.int64)
    >>> overlap([Count(nothing, 0.0, 3.0), Count(nothing, 1.0, 4.0)])
    0.5
    """
    begin, end = max(c.begin for c in counts), min(c.end for c in counts)
    whole = max(c.end for c in counts) - min(c.begin for c in counts)
    return max(0.0, end - begin) / whole
