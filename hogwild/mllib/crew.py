"""Folds partitions of rows in memory: in this process, or in a pool of workers.

::

    this process    rows -------- fork: the same pages ---------> worker 0, worker 1, ...
                         `-- spawn, forkserver: shared copies -'
                    (rules, zero, seq_op), partition ----------->  fold of its chunks
                    <------------------------------------------- the partition's result

Called by `LocalPartitions`.
"""

import itertools
import multiprocessing
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from hogwild.engine.shared import SharedArray
from hogwild.engine.workers import Pool
from hogwild.mllib.partitions import (
    Rows,
    Rule,
    check_columns,
    chosen_chunks,
    chunks,
    fold,
    places_of,
    span,
)


def partition_rows(rows: Rows, sizes: Sequence[int]) -> list[Rows]:
    """The rows of each partition, sharing the memory of all."""
    ends = np.cumsum([0, *sizes]).tolist()
    return [Rows(span(rows.X, a, b), rows.y[a:b]) for a, b in itertools.pairwise(ends)]


class Task(NamedTuple):
    """What is done with each partition."""

    rules: tuple[Rule, ...]
    zero: Any
    seq_op: Callable[..., Any]


class Crew:
    """Folds partitions: here, or in workers that it starts when first needed."""

    def __init__(self, rows: Rows, sizes: Sequence[int], n_workers: int, start_method: str | None):
        self._rows, self._sizes = rows, list(sizes)
        self._n_workers, self._start_method = n_workers, start_method
        self._pool: Pool | None = None
        self._here: Bench | None = None
        self._closed = self._checked = False

    def fold_all(self, task: Task) -> list[Any]:
        """Each partition's result, in their order."""
        if self._closed:
            raise ValueError("these partitions have been closed")
        if not self._checked:
            check_columns(self._rows)
            self._checked = True
        numbers = range(len(self._sizes))
        if self._n_workers == 1:
            if self._here is None:
                self._here = Bench(self._rows, self._sizes)
            return [self._here.fold(task, number) for number in numbers]
        if self._pool is None or not self._pool.pids:  # an error, or Ctrl-C, ends the workers
            self._pool = self._start()
        return self._pool.map(_fold, [(task, number) for number in numbers])

    def _start(self) -> Pool:
        method = self._start_method or multiprocessing.get_start_method()
        way = _inherited if method == "fork" else _shared
        pool = Pool(
            max(1, min(self._n_workers, len(self._sizes))),
            _take_place,
            (*way(self._rows), self._sizes),
            start_method=method,
        )
        weakref.finalize(self, pool.terminate)
        return pool

    def close(self) -> None:
        """End the workers, if there are any."""
        self._closed = True
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None
        self._here = None


class Bench:
    """The partitions in chunks, cut once: to cut sparse rows costs what a product costs."""

    def __init__(self, rows: Rows, sizes: Sequence[int]):
        self._parts = partition_rows(rows, sizes)
        self._chunks: dict[int, list[Rows]] = {}

    def fold(self, task: Task, number: int) -> Any:
        """One partition's result."""
        rows = self._parts[number]
        parts: Iterable[Rows]
        if task.rules:
            parts = chosen_chunks(rows, places_of(task.rules, number, len(rows)))
        else:
            if number not in self._chunks:
                self._chunks[number] = list(chunks(rows))
            parts = self._chunks[number]
        return fold(parts, task.zero, task.seq_op)


_bench: Bench  # of this worker


def _inherited(rows: Rows) -> tuple[Any, ...]:
    """Under fork: the arrays themselves."""
    return (rows,)


def _shared(rows: Rows) -> tuple[Any, ...]:
    """Under spawn and forkserver: copies in shared memory, and the shape."""
    X = rows.X
    arrays = (X.indptr, X.indices, X.data, rows.y) if sp.issparse(X) else (X, rows.y)
    return ((tuple(map(SharedArray.copy_of, arrays)), X.shape),)


def _take_place(given: Any, sizes: Sequence[int]) -> None:
    """Runs in each worker as it starts."""
    global _bench
    if not isinstance(given, Rows):
        (*X, y), shape = given
        parts = [shared.array for shared in X]
        rows = parts[0] if len(parts) == 1 else sp.csr_matrix((parts[2], parts[1], parts[0]), shape)
        given = Rows(rows, y.array)
    _bench = Bench(given, sizes)


def _fold(work: tuple[Task, int]) -> Any:
    task, number = work
    return _bench.fold(task, number)
