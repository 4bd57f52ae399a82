"""What a user passes to an estimator becomes what ``fit_linear`` takes, or an error in known words.

Contract: where scikit-learn's users (and its ``check_estimator``) expect a certain sentence, the
error says it; everything else is left to ``data.Examples``, which checks the rows for good.

Called by the estimators.
"""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import Examples
from hogwild.data.arrays import as_array, float_dtype
from hogwild.engine.starting import checked_processes
from hogwild.errors import DataError
from hogwild.estimators.conventions import conversion_warning

Array = npt.NDArray[Any]
Rows = Any  # Array or sp.csr_matrix, which has no type stubs


def checked_rows(X: Any) -> Rows:
    """Return X as numbers: a 2-d numpy array, or a CSR matrix where X is sparse or a frame.

    Examples
    --------
    >>> checked_rows([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if sp.issparse(X) or is_frame(X):
        if getattr(getattr(X, "dtype", None), "kind", "") == "c":
            raise DataError("Complex data not supported: X must hold real numbers")
        check_shape(X)
        return Examples(X, np.zeros(X.shape[0])).to_scipy()
    array = as_array(X, "X")
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: X must hold real numbers")
    check_shape(array)
    if array.dtype == object:
        array = array.astype(np.float64)  # numpy's own error names what is no number
    float_dtype(None, array.dtype, "X")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise DataError(
            f"X must not contain NaN or infinity; found {array[row, column]} "
            f"at row {row}, column {column}"
        )
    return array


def is_frame(X: Any) -> bool:
    """Tell whether X is a frame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "to_numpy")


def check_shape(X: Any) -> None:
    """Raise DataError unless X has two dimensions, and at least one row and column."""
    if len(X.shape) != 2:
        raise DataError(
            f"Expected 2D array, got shape {X.shape} instead. Reshape your data: X.reshape(-1, 1) "
            "if it has a single feature, X.reshape(1, -1) if it is a single row"
        )
    for count, what in zip(X.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise DataError(
                f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required."
            )


def feature_names(X: Any) -> Array | None:
    """Return the column names of a frame where all are strings, else None."""
    names = list(X.columns) if is_frame(X) else []
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def check_same_names(names: Array | None, fitted: Array | None) -> None:
    """Raise ValueError if both have names and they differ, or come in another order."""
    if names is None or fitted is None or list(names) == list(fitted):
        return
    unseen, missing = sorted({*names} - {*fitted}), sorted({*fitted} - {*names})
    lines = ["The feature names should match those that were passed during fit."]
    lines += _listed("Feature names unseen at fit time:", unseen)
    lines += _listed("Feature names seen at fit time, yet now missing:", missing)
    if not unseen and not missing:
        lines.append("Feature names must be in the same order as they were in fit.")
    raise ValueError("\n".join(lines) + "\n")


def _listed(title: str, names: list[str]) -> list[str]:
    """Return the lines of a list of names, the first five of them."""
    return (
        [title, *(f"- {name}" for name in names[:5]), *["- ..."][: len(names) > 5]] if names else []
    )


def checked_target(y: Any, estimator: str) -> Array:
    """Return y in one dimension; a column is flattened with a warning: it is often a mistake."""
    if y is None:
        raise ValueError(f"{estimator} requires y to be passed, but the target y is None")
    array = as_array(y, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: pass y.ravel()",
            conversion_warning(),
            stacklevel=4,
        )
        array = array.ravel()
    if array.ndim != 1:
        raise DataError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    return array


def checked_labels(y: Any, estimator: str) -> Array:
    """Return one class label a row: text, whole numbers or booleans."""
    labels = checked_target(y, estimator)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise DataError("y must not contain NaN or infinity")
        broken = labels[labels != np.floor(labels)]
        if len(broken):
            raise DataError(
                f"Unknown label type: continuous. {estimator} takes classes, text or whole "
                f"numbers, and found {broken[0]}; HogwildRegressor takes real targets"
            )
    elif labels.dtype.kind not in "biuUSO":
        raise DataError(f"Unknown label type: {labels.dtype}")
    return labels


def classes_of(labels: Array) -> Array:
    """Return the classes that occur, sorted.

    Examples
    --------
    >>> classes_of(np.array(["spam", "ham", "spam"])).tolist()
    ['ham', 'spam']
    """
    try:
        return np.unique(labels)
    except TypeError as error:
        raise _no_common_order(error) from None


def _no_common_order(error: TypeError) -> DataError:
    return DataError(
        f"Unknown label type: labels must be all text or all numbers, none missing ({error})"
    )


def encode(labels: Array, classes: Array) -> npt.NDArray[np.intp]:
    """Return the number of each label's class; ValueError for a label that is none of the classes.

    Examples
    --------
    >>> encode(np.array([7, 3, 7]), np.array([3, 7])).tolist()
    [1, 0, 1]
    """
    try:
        places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    except TypeError as error:
        raise _no_common_order(error) from None
    unknown = np.flatnonzero(classes[places] != labels)
    if len(unknown):
        raise ValueError(
            f"y has the label {labels.tolist()[unknown[0]]!r} at row {unknown[0]}, "
            f"which is none of the classes {classes.tolist()}"
        )
    return places


def checked_weight(sample_weight: Any) -> Array | None:
    """Return the sample weights; Examples checks their values and number."""
    if sample_weight is None:
        return None
    weight = as_array(sample_weight, "sample_weight")
    if weight.size and not weight.any():
        raise ValueError("all sample weights are zero: no row would count")
    return weight


def seed_of(random_state: Any) -> Any:
    """Return a seed for ``fit_linear``, drawn from a generator where one is given.

    Examples
    --------
    >>> seed_of(7), seed_of(np.random.RandomState(0)) == seed_of(np.random.RandomState(0))
    (7, True)
    """
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63 - 1))
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
    whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not whole or random_state < 0:
        raise ValueError(
            "random_state must be a whole number of 0 or more, a RandomState, a Generator or None, "
            f"got {random_state!r}"
        )
    return int(random_state)


def workers_of(n_jobs: Any) -> int:
    """Return the number of workers: None is 1, -1 every processor, -2 all but one, and so on.

    Examples
    --------
    >>> workers_of(None), workers_of(3)
    (1, 3)
    """
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, int | np.integer) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(f"n_jobs must be a whole number other than 0, or None, got {n_jobs!r}")
    return int(n_jobs) if n_jobs > 0 else max(1, checked_processes(None) + 1 + int(n_jobs))
