"""Spark's requirements on settings, and a search for what made a sum NaN.

Used by the setters of the optimizers and by whoever finds a sum that is not finite.
"""

from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from hogwild.mllib.partitions import Partitions, Rows

Found = tuple[int, tuple[int, str] | None]
"""Rows seen, and the first bad one among them with what is wrong."""


def require(holds: bool, what: str, value: object) -> None:
    """Raise ``ValueError`` with the value where a requirement doesn't hold (NaN never does).

    Examples
    --------
    >>> require(False, "number of iterations must be nonnegative", -1)
    Traceback (most recent call last):
    ValueError: number of iterations must be nonnegative, got -1
    """
    if np.ndim(holds):  # labels as a second argument, such as train(X, y)
        raise ValueError(
            f"{what}: one number is expected, got {type(value).__name__}; rows and labels are one "
            "argument, the pair (X, y)"
        )
    if not holds:
        raise ValueError(f"{what}, got {value}")


def check_finite(data: Partitions) -> None:
    """Raise ``ValueError`` naming the first row that holds NaN or an infinite number."""
    nothing: Found = (0, None)
    found = data.tree_aggregate(nothing, _first_bad, _earlier)[1]
    if found is not None:
        row, what = found
        raise ValueError(f"data must be finite; {what} at row {row}")


def refuse_start(data: Partitions, value: float) -> NoReturn:
    """Raise ``ValueError`` saying why the objective is not finite at the initial weights."""
    check_finite(data)
    raise ValueError(
        f"at the initial weights the objective is {value}, or its gradient isn't finite: start "
        "from numbers nearer to 0, or scale the features"
    )


def _first_bad(found: Found, rows: Rows) -> Found:
    seen, bad = found
    if bad is None:
        at = _bad_row(rows)
        bad = None if at is None else (seen + at[0], at[1])
    return seen + len(rows), bad


def _earlier(left: Found, right: Found) -> Found:
    if left[1] is None and right[1] is not None:
        row, what = right[1]
        return left[0] + right[0], (left[0] + row, what)
    return left[0] + right[0], left[1]


def _bad_row(rows: Rows) -> tuple[int, str] | None:
    X: Any = rows.X
    if sp.issparse(X):
        places = np.flatnonzero(~np.isfinite(X.data))
        in_rows = np.searchsorted(X.indptr, places, side="right") - 1
    else:
        in_rows = np.flatnonzero(~np.isfinite(X).all(axis=1))
    labels = np.flatnonzero(~np.isfinite(rows.y))
    if len(in_rows) and (not len(labels) or in_rows[0] <= labels[0]):
        row = X[int(in_rows[0])]
        values = row.data if sp.issparse(X) else row
        return int(in_rows[0]), f"found a feature {values[~np.isfinite(values)][0]}"
    return (int(labels[0]), f"found a label {rows.y[labels[0]]}") if len(labels) else None
