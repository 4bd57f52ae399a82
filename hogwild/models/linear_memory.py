"""What the workers of a linear fit share, and the update that each of them builds upon it.

Called by ``models.linear``; ``build`` runs in every worker.
"""

import mmap
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.engine.loop import Update
from hogwild.engine.schedules import Grant
from hogwild.engine.shared import SharedArray, check_room
from hogwild.kernels import linear, linear_numpy
from hogwild.kernels.records import Constants, Shared
from hogwild.models.linear_options import Settings


class Memory(NamedTuple):
    """The shared arrays of a fit; ``kernels.records.Shared`` explains those that a kernel sees.

    `clock` and `scale` hold, for each block in the order of the current run, the number of its
    first update and the scale of the weights at it.
    """

    indptr: SharedArray
    indices: SharedArray
    data: SharedArray
    y: SharedArray
    weight: SharedArray
    w: SharedArray
    share: SharedArray
    squares: SharedArray
    applied: SharedArray
    clock: SharedArray
    scale: SharedArray


def share(
    examples: Examples,
    weight: npt.NDArray[Any],
    order: npt.NDArray[np.int64] | None,
    start: npt.NDArray[Any],
    settings: Settings,
    n_workers: int,
) -> Memory:
    """Copy the examples into shared memory, once and in their shuffled order, with the weights.

    Visiting rows one by one at random costs three times as much per entry as reading on.  Whether
    there is room is asked for all arrays together, so that the error says what the fit needs.
    """
    rows = examples if order is None else examples.rows(order)
    weight = weight if order is None else weight[order]
    n, variant = examples.n_features, settings.variant
    occurs = np.bincount(examples.indices, minlength=n)
    shares = np.append(np.where(occurs > 0, len(rows) / np.maximum(occurs, 1), 0.0), 0.0)
    n_blocks = -(-len(rows) // settings.run_length)
    zeros = np.zeros(1, start.dtype)
    values = [
        rows.indptr,
        # unsigned, so that compiled code needs no test for indices from the end
        rows.indices.view(np.uint32),
        rows.data,
        rows.y,
        weight,
        start,
        shares.astype(start.dtype) if variant.penalised else zeros,
        np.broadcast_to(zeros, n + 1 if variant.adaptive else 1),
        np.broadcast_to(0.0, (n_workers, (n + 3 + 15) // 16 * 16 if variant.recorded else 16)),
        np.broadcast_to(np.int64(0), n_blocks),
        np.broadcast_to(0.0, n_blocks),
    ]
    check_room(sum(array.nbytes + 2 * mmap.PAGESIZE for array in values))  # they start on pages
    return Memory._make(map(SharedArray.copy_of, values))


def build(worker: int, settings: Settings, memory: Memory, gate: Any) -> Update:
    """Return ``update(grant, task)`` for the worker loop; `task` is the epoch, counted from 1."""
    n_weights = memory.w.shape[0]
    applied = memory.applied.array[worker]
    own = applied[: n_weights + 2] if settings.variant.recorded else applied[:1]
    shared = Shared._make([*(part.array for part in memory[:8]), own])
    constants = Constants(
        settings.batch_size, settings.intercept, settings.penalty.l1, settings.penalty.sparse_l2,
        settings.threshold, worker,
    )  # fmt: skip
    scratch = linear.make_scratch(n_weights if settings.variant.batched else 1)
    update_rows = make_kernel(settings)
    gate = gate.array if isinstance(gate, SharedArray) else gate
    plain = settings.kernel == "python"
    if plain:
        shared, scratch = linear.as_plain(shared), linear.as_plain(scratch)

    def update(grant: Grant, epoch: int) -> float:
        first = grant.block * settings.run_length
        stop = min(first + settings.run_length, settings.n_rows)
        n_updates = -(-(stop - first) // settings.batch_size)
        begin = int(memory.clock.array[grant.number])
        steps = settings.step.at(epoch, np.arange(begin, begin + n_updates))
        scale = float(memory.scale.array[grant.number])
        given = memoryview(steps.data) if plain else steps
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # the parent sees where it led, and says so
            return update_rows(
                first, stop, given, scale, settings.penalty.l2, shared, constants, gate, scratch
            )

    if settings.kernel == "numba":  # compile before the clock of the first epoch starts
        nothing = (0, 0, np.zeros(0), 1.0, settings.penalty.l2, shared, constants, gate, scratch)
        update_rows(*nothing)
    return update


def make_kernel(settings: Settings) -> linear.Update:
    """Return the update of a run of rows in the kernel that was asked for."""
    if settings.kernel == "numpy":
        return linear_numpy.make_update(settings.loss, settings.variant)
    compiled = settings.kernel == "numba"
    return linear.make_update(settings.loss, settings.variant, compiled=compiled)


def make_gate(settings: Settings, schedule: Any, context: BaseContext) -> Any:
    """Return what writers pass through: the schedule's turn, a lock, or nothing."""
    if settings.variant.write == "turn":
        return schedule.gate
    if settings.variant.write == "locked" and settings.kernel != "numba":
        return context.Lock()
    return SharedArray(1, np.int64)
