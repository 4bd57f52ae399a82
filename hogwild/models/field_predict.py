"""Scores of rows under a model's vectors: the kernels' predictions, a run of rows at a time.

Called by ``models.field_model``, and by ``models.field_trainer`` for validation rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.kernels import field_numpy, fields
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.field_records import FieldData, FieldVariant, FieldWeights

Array = npt.NDArray[Any]

WORTH_COMPILING = 5_000_000
"""Pairs from which on the compiled loop pays for its compilation, some half second a process."""


def predict_scores(
    data: FieldData, weights: FieldWeights, n_fields: int, variant: FieldVariant, kernel: str
) -> npt.NDArray[np.float64]:
    """Return z of every row.

    Parameters
    ----------
    kernel : {"auto", "python", "numpy", "numba"}
        "auto" takes numba where it is installed and the rows are many; the kernels agree to
        rounding.
    """
    if kernel == "auto":
        lengths = np.diff(data.indptr)
        many = int((lengths * (lengths - 1) // 2).sum()) >= WORTH_COMPILING
        kernel = "numba" if many and have_numba() else "numpy"
    n_rows = len(data.scale)
    out = np.zeros(n_rows)
    with np.errstate(over="ignore", invalid="ignore"):
        if kernel == "numpy":
            field_numpy.make_predict(variant)(0, n_rows, data, weights, n_fields, out)
            return out
        single = weights.table.dtype == np.float32
        predict = fields.make_predict(variant, compiled=kernel == "numba", single=single)
        if kernel == "python":
            data, weights = fields.as_plain(data), fields.as_plain(weights)
        predict(0, n_rows, data, weights, n_fields, out)
    return out
