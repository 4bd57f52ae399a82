"""What the tests of field-aware machines share: rows of every shape, and kernels by name."""

from typing import Any

import numpy as np
import pytest

from hogwild.data import FieldRows
from hogwild.kernels import field_numpy, fields
from hogwild.kernels.field_records import (
    FieldConstants,
    FieldData,
    FieldVariant,
    FieldWeights,
)
from hogwild.kernels.losses import Loss

KERNELS = ("python", "numpy", "numba")


def random_rows(
    n_rows: int = 40, n_features: int = 30, n_fields: int = 4, longest: int = 6, seed: int = 0
) -> FieldRows:
    """Rows of 0 to `longest` entries, in which fields, features and both together repeat."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest + 1, n_rows)
    n = int(lengths.sum())
    return FieldRows(
        np.append(0, np.cumsum(lengths)),
        rng.integers(0, n_fields, n),
        rng.integers(0, n_features, n),
        rng.normal(size=n),
        rng.integers(0, 2, n_rows),
        n_fields=n_fields,
        n_features=n_features,
    )


def tidy_rows(n_rows: int = 200, n_fields: int = 5, each: int = 8, seed: int = 0) -> FieldRows:
    """Rows of one entry a field, whose labels follow from one pair of features."""
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, each, (n_rows, n_fields))
    y = (picked[:, 0] + picked[:, 1]) % 2
    return FieldRows(
        np.arange(n_rows + 1) * n_fields,
        np.tile(np.arange(n_fields), n_rows),
        (picked + np.arange(n_fields) * each).ravel(),
        np.ones(n_rows * n_fields),
        np.where(rng.random(n_rows) < 0.1, 1 - y, y),
        n_fields=n_fields,
        n_features=n_fields * each,
    )


def make_weights(variant: FieldVariant, shape: tuple[int, int, int], dtype: Any) -> FieldWeights:
    """Weights drawn at random, the same numbers for every width; all sums 1."""
    n_features, n_fields, k = shape
    rng = np.random.default_rng(7)
    table = np.zeros((n_features, n_fields, 2, variant.width), dtype)
    table[..., 0, :k] = rng.random(shape)
    table[..., 1, :] = 1.0
    linear, bias = np.ones((n_features, 2), dtype), np.ones((1, 2), dtype)
    linear[:, 0], bias[0, 0] = rng.normal(size=n_features), 0.25
    return FieldWeights(table.reshape(-1), linear, bias)


def run_kernel(
    kernel: str,
    loss: Loss,
    variant: FieldVariant,
    data: FieldData,
    weights: FieldWeights,
    n_fields: int,
    step: float = 0.2,
    reg: float = 2e-3,
    clip: float = 0.1,
) -> float:
    """Update the weights once for every row; return the sum of losses."""
    real = float if kernel == "python" else weights.table.dtype.type
    constants = FieldConstants(n_fields, real(step), real(reg), real(clip))
    n_rows = len(data.scale)
    if kernel == "numpy":
        return field_numpy.make_update(loss, variant)(0, n_rows, data, weights, constants)
    if kernel == "python":
        update = fields.make_update(loss, variant, compiled=False, single=False)
        plain = fields.as_plain(data), fields.as_plain(weights)
        return update(0, n_rows, *plain, constants)
    pytest.importorskip("numba")
    single = weights.table.dtype == np.float32
    update = fields.make_update(loss, variant, compiled=True, single=single)
    return update(0, n_rows, data, weights, constants)


def variant_of(kernel: str, dtype: Any, k: int, **switches: bool) -> FieldVariant:
    """What a fit would choose for this kernel."""
    vectors = kernel == "numba" and dtype == np.float32
    width = -(-k // 4) * 4 if vectors and k > 2 else k
    return FieldVariant(width, 2 * width, ahead=vectors, **switches)
