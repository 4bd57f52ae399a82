"""What a linear fit needs before its first epoch: settings checked, arrays shared, kernels built.

Called by ``models.linear`` only.
"""

import math
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.engine.loop import Update
from hogwild.engine.schedules import SCHEDULES, Grant
from hogwild.engine.shared import SharedArray
from hogwild.errors import DataError, MissingExtra
from hogwild.kernels import linear, linear_numpy
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.linear import WRITES, Constants, Shared, Variant
from hogwild.kernels.losses import Loss
from hogwild.models.steps import StepRule

KERNELS = ("auto", "python", "numpy", "numba")
PENALTIES = ("none", "l2", "l1", "elasticnet", "sparse_l2")
FOLD = 1e-4  # the scale of L2's dense form is folded into the weights before it falls below this


class Penalty(NamedTuple):
    """The three weights of a penalty: dense l2/2 |w|^2, l1 |w|_1, and the paper's sparse form of L2."""

    l2: float
    l1: float
    sparse_l2: float

    def value(self, w: npt.NDArray[Any]) -> float:
        """Return the penalty's part of the objective."""
        squares = float(w @ w) if self.l2 or self.sparse_l2 else 0.0
        size = float(np.abs(w).sum()) if self.l1 else 0.0
        return (self.l2 + self.sparse_l2) / 2 * squares + self.l1 * size


def make_penalty(penalty: str | None, reg: float, l1_ratio: float, adaptive: bool) -> Penalty:
    """Return the weights of a named penalty of strength `reg`.

    Under AdaGrad the coordinates have steps of their own, so L2 can't be one common scale and takes its
    sparse form.

    Examples
    --------
    >>> make_penalty("elasticnet", 0.5, 0.25, adaptive=False)
    Penalty(l2=0.375, l1=0.125, sparse_l2=0.0)
    """
    if penalty is None:
        penalty = "none"
    if penalty not in PENALTIES:
        raise ValueError(f"unknown penalty {penalty!r}; the penalties are {', '.join(PENALTIES)}")
    if not 0.0 <= reg < math.inf:
        raise ValueError(f"reg must be 0 or more, got {reg!r}")
    if not 0.0 <= l1_ratio <= 1.0:
        raise ValueError(f"l1_ratio must be between 0 and 1, got {l1_ratio!r}")
    l1_share = {"l1": 1.0, "elasticnet": l1_ratio}.get(penalty, 0.0)
    l2 = 0.0 if penalty == "none" else reg * (1.0 - l1_share)
    sparse = penalty == "sparse_l2" or adaptive
    return Penalty(0.0 if sparse else l2, reg * l1_share if l1_share else 0.0, l2 if sparse else 0.0)


@dataclass(frozen=True)
class Settings:
    """Everything that a worker needs to know, besides the arrays; small, and sent once."""

    loss: Loss
    step: StepRule
    kernel: str
    variant: Variant
    penalty: Penalty
    batch_size: int
    run_length: int
    n_rows: int
    intercept: bool
    threshold: float


def pick_kernel(kernel: str) -> str:
    """Return the kernel to use; "auto" is the fastest one that is exact."""
    if kernel not in KERNELS:
        raise ValueError(f"unknown kernel {kernel!r}; the kernels are {', '.join(KERNELS)}")
    if kernel == "numba" and not have_numba():
        raise MissingExtra("fast", 'kernel="numba"')
    if kernel != "auto":
        return kernel
    return "numba" if have_numba() else "numpy"


def pick_write(write: str, schedule: str, kernel: str) -> str:
    """Return how the kernel is to write; a turn, for the round-robin schedule."""
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}; the schedules are {', '.join(SCHEDULES)}")
    if write not in WRITES:
        raise ValueError(f"unknown write {write!r}; the ways to write are {', '.join(WRITES)}")
    if write == "atomic" and kernel != "numba":
        if not have_numba():
            raise MissingExtra("fast", 'write="atomic"')
        raise ValueError(f'write="atomic" needs kernel="numba", got kernel={kernel!r}')
    if schedule == "round_robin":
        if write != "plain":
            raise ValueError(f'under "round_robin" workers write in turn; got write={write!r}')
        return "turn"
    return write


def pick_run_length(n_rows: int, batch_size: int, rule: StepRule, l2: float) -> int:
    """Return how many consecutive rows make a block: a few hundred, in whole batches.

    Long enough to hide the cost of handing out a block, short enough that there are some dozens for
    the workers to share, and that the scale of a dense L2 penalty stays within a block's reach.
    """
    length = min(512, max(1, n_rows // 32))
    shrink = math.log1p(l2 * float(rule.at(1, np.zeros(1, np.int64))[0]))
    if shrink > 0.0:
        length = min(length, int(-math.log(FOLD) / shrink) * batch_size)
    return max(1, length // batch_size) * batch_size


def check_labels(examples: Examples, loss: Loss) -> None:
    """Raise DataError unless the labels suit the loss."""
    if not loss.classifies:
        return
    wrong = np.flatnonzero(np.abs(examples.y) != 1.0)
    if len(wrong):
        name = type(loss).__name__
        raise DataError(
            f"labels must be -1 and +1 for the loss {name}; found {examples.y[wrong[0]]} "
            f"at row {wrong[0]}. For 0/1 labels pass 2*y - 1."
        )


class Memory(NamedTuple):
    """The shared arrays of a fit; ``kernels.linear.Shared`` explains those that a kernel sees.

    `clock` and `scale` hold, for each block in the order of the current run, the number of its first
    update and the scale of the weights at it.
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

    Visiting rows one by one at random costs three times as much per entry as reading on.
    """
    rows = examples if order is None else examples.rows(order)
    weight = weight if order is None else weight[order]
    n, variant = examples.n_features, settings.variant
    occurs = np.bincount(examples.indices, minlength=n)
    shares = np.append(np.where(occurs > 0, len(rows) / np.maximum(occurs, 1), 0.0), 0.0)
    n_blocks = -(-len(rows) // settings.run_length)
    return Memory(
        SharedArray.copy_of(rows.indptr),
        # unsigned, so that compiled code needs no test for indices from the end
        SharedArray.copy_of(rows.indices.view(np.uint32)),
        SharedArray.copy_of(rows.data),
        SharedArray.copy_of(rows.y),
        SharedArray.copy_of(weight),
        SharedArray.copy_of(start),
        SharedArray.copy_of((shares if variant.penalised else np.zeros(1)).astype(start.dtype)),
        SharedArray(n + 1 if variant.adaptive else 1, start.dtype),
        SharedArray((n_workers, (n + 3 + 15) // 16 * 16 if variant.recorded else 16)),
        SharedArray(n_blocks, np.int64),
        SharedArray(n_blocks),
    )


def build(worker: int, settings: Settings, memory: Memory, gate: Any) -> Update:
    """Return ``update(grant, task)`` for the worker loop; `task` is the epoch, counted from 1."""
    n_weights = memory.w.shape[0]
    applied = memory.applied.array[worker]
    shared = Shared(
        *(part.array for part in memory[:8]),
        applied[: n_weights + 2] if settings.variant.recorded else applied[:1],
    )
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
        return update_rows(
            first, stop, memoryview(steps) if plain else steps, float(memory.scale.array[grant.number]),
            settings.penalty.l2, shared, constants, gate, scratch,
        )  # fmt: skip

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
