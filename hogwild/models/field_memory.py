"""What the workers of a field-aware fit share, and the update that each of them builds upon it.

Called by ``models.fields``; ``build`` runs in every worker.
"""

import mmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.engine.loop import Update
from hogwild.engine.schedules import Grant
from hogwild.engine.shared import SharedArray, check_room
from hogwild.kernels import field_numpy, fields
from hogwild.kernels.field_records import FieldConstants, FieldData, FieldVariant, FieldWeights
from hogwild.models import libffm_random
from hogwild.models.field_model import FieldModel
from hogwild.models.field_options import FieldSettings

Array = npt.NDArray[Any]
CHUNK = 1 << 16  # vectors that are started at a time


class FieldMemory(NamedTuple):
    """The shared arrays of a fit, as ``kernels.field_records`` explains them."""

    order: SharedArray
    indptr: SharedArray
    fields: SharedArray
    features: SharedArray
    values: SharedArray
    scale: SharedArray
    y: SharedArray
    table: SharedArray
    linear: SharedArray
    bias: SharedArray

    @property
    def data(self) -> FieldData:
        """The rows, as a kernel takes them."""
        return FieldData(*(part.array for part in self[:7]))

    @property
    def weights(self) -> FieldWeights:
        """The weights, as a kernel takes them."""
        return FieldWeights(*(part.array for part in self[7:]))


def share(
    data: FieldData,
    settings: FieldSettings,
    start: FieldModel | None,
    random: np.random.Generator | None,
) -> FieldMemory:
    """Copy the rows into shared memory, and begin the weights there.

    Whether there is room is asked for all arrays together, so that the error says what the fit
    needs.

    Parameters
    ----------
    start : FieldModel, optional
        Where to go on from.
    random : Generator or None
        Of the start weights; None for libFFM's.
    """
    n_numbers = settings.n_features * settings.n_fields * settings.variant.slot
    n_linear = settings.n_features if settings.variant.linear else 1
    bytes_of_weights = (n_numbers + 2 * n_linear + 2) * settings.dtype.itemsize
    # arrays start on pages
    check_room(sum(part.nbytes for part in data) + bytes_of_weights + 20 * mmap.PAGESIZE)
    weights = FieldWeights(
        SharedArray(n_numbers, settings.dtype),
        SharedArray((n_linear, 2), settings.dtype),
        SharedArray((1, 2), settings.dtype),
    )
    memory = FieldMemory._make([*map(SharedArray.copy_of, data), *weights])
    if start is None:
        _begin(memory, settings, random)
    else:
        _go_on(memory, settings, start)
    return memory


def vectors(table: Array, variant: FieldVariant) -> Array:
    """Return a fit's table as shape (n_vectors, 2, width): each w, then its G."""
    return table.reshape(-1, 2, variant.width)


def _begin(
    memory: FieldMemory, settings: FieldSettings, random: np.random.Generator | None
) -> None:
    k = settings.n_factors
    table = vectors(memory.table.array, settings.variant)
    root = settings.dtype.type(1.0 / np.sqrt(k))
    for first in range(0, len(table), CHUNK):
        part = table[first : first + CHUNK]
        if random is None:
            part[:, 0, :k] = libffm_random.start_weights(len(part), k, first)
        else:
            part[:, 0, :k] = random.random((len(part), k), settings.dtype) * root
        part[:, 1] = 1.0
    memory.linear.array[:, 1] = memory.bias.array[:, 1] = 1.0


def _go_on(memory: FieldMemory, settings: FieldSettings, start: FieldModel) -> None:
    """Begin at a model; where it has no sums of squared gradients they begin at 1."""
    k = settings.n_factors
    table = vectors(memory.table.array, settings.variant)
    table[:, 0, :k] = start.w.reshape(-1, k)
    table[:, 1] = 1.0
    if start.squares is not None:
        table[:, 1, :k] = start.squares.reshape(-1, k)
    linear, bias = memory.linear.array, memory.bias.array
    linear[:, 1] = bias[:, 1] = 1.0
    if start.linear is not None:
        linear[:, 0] = start.linear
        if start.linear_squares is not None:
            linear[:, 1] = start.linear_squares
    bias[0, 0] = start.bias
    if start.bias_squares is not None:
        bias[0, 1] = start.bias_squares


def build(worker: int, settings: FieldSettings, memory: FieldMemory) -> Update:
    """Return ``update(grant, task)`` for the worker loop; the task is not looked at."""
    del worker  # all are alike
    data, weights = memory.data, memory.weights
    update_rows = make_kernel(settings)
    real = float if settings.kernel == "python" else settings.dtype.type
    constants = FieldConstants(
        settings.n_fields,
        *(real(x) for x in (settings.step, settings.reg, settings.clip or 0.0)),
    )
    if settings.kernel == "python":
        data, weights = fields.as_plain(data), fields.as_plain(weights)

    def update(grant: Grant, task: Any) -> float:
        first = grant.block * settings.run_length
        stop = min(first + settings.run_length, settings.n_rows)
        with np.errstate(over="ignore", invalid="ignore"):  # the parent sees where it led
            return update_rows(first, stop, data, weights, constants)

    if settings.kernel == "numba":  # compile before the clock of the first epoch starts
        update_rows(0, 0, data, weights, constants)
    return update


def make_kernel(settings: FieldSettings) -> fields.Update:
    """Return the update of a run of rows in the kernel that was asked for."""
    if settings.kernel == "numpy":
        return field_numpy.make_update(settings.loss, settings.variant)
    compiled = settings.kernel == "numba"
    return fields.make_update(
        settings.loss, settings.variant, compiled=compiled, single=settings.single
    )
