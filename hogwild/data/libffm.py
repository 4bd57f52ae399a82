"""libFFM text files, one row a line: ``label field:feature:value field:feature:value ...``.

Called by users, by the command line and by the estimators.
"""

import os

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.data.textio import line_chunks, shown
from hogwild.errors import DataError


def read_libffm(
    path: str | os.PathLike[str],
    *,
    n_fields: int | None = None,
    n_features: int | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> FieldRows:
    """Return the rows of a libFFM text file."""
    labels: list[float] = []
    rows: list[list[tuple[int, int, float]]] = []
    line = 0
    for chunk in line_chunks(path):
        for text in chunk.decode("ascii").splitlines():
            line += 1
            parts = text.split()
            if not parts:
                continue
            try:
                labels.append(float(parts[0]))
                entries = [part.split(":") for part in parts[1:]]
                rows.append([(int(f), int(j), float(v)) for f, j, v in entries])
            except ValueError as error:
                raise DataError(str(error), path=shown(path), line=line) from None
    return FieldRows.of_lists(rows, labels, n_fields=n_fields, n_features=n_features, dtype=dtype)
