"""Models kept and read again: as Spark's directory, or as one ``.npz`` file that needs no extra.

Contract: what is loaded predicts the same bits as what was saved; infinite numbers and a cleared
threshold survive both forms. A file is read as data and nothing of it is executed; whatever is
wrong with it is a `DataError`.

Called by the models' ``save`` and ``load``.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hogwild.data.npz_file import read_npz, write_npz
from hogwild.errors import DataError, MissingExtra
from hogwild.mllib.classification import (
    ClassificationModel,
    LogisticRegressionModel,
    SVMModel,
)
from hogwild.mllib.regression import (
    GeneralizedLinearModel,
    LassoModel,
    LinearRegressionModel,
    RidgeRegressionModel,
)
from hogwild.mllib.spark_format import read_metadata, read_row, write_directory
from hogwild.mllib.vectors import Array

FORMAT, VERSION = "hogwild-mllib", 1
"""Of the ``.npz`` files."""

SPARK_VERSION = "1.0"
"""Of Spark's format, which the metadata name in both forms."""

KINDS: tuple[type[GeneralizedLinearModel], ...] = (
    LogisticRegressionModel,
    SVMModel,
    LinearRegressionModel,
    LassoModel,
    RidgeRegressionModel,
)
"""The models that a file can name."""

Model = TypeVar("Model", bound=GeneralizedLinearModel)


def save(model: GeneralizedLinearModel, path: str | os.PathLike[str]) -> None:
    """Keep a model; it appears whole or not at all.

    Parameters
    ----------
    model : GeneralizedLinearModel
    path : str or path-like
        A name that ends in ``.npz``: one file, which replaces an older one. Any other: a new
        directory in Spark's format 1.0, which Spark's ``load`` reads (extra ``spark``). The path is
        one of this machine; what belongs on a cluster's file system is saved here and copied.

    Raises
    ------
    FileExistsError
        When the directory holds a model already.
    ValueError
        For an address such as ``hdfs://...``.
    MissingExtra
        When the directory's format is asked for and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile, os
    >>> from hogwild.mllib.regression import LassoModel
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(LassoModel([0.5, 0.0], 1.0), os.path.join(folder, "lasso.npz"))
    ...     load(os.path.join(folder, "lasso.npz"))
    org.apache.spark.mllib.regression.LassoModel: intercept = 1.0, numFeatures = 2
    """
    check_path(path)
    threshold = (model.threshold,) if isinstance(model, ClassificationModel) else ()
    if Path(path).suffix != ".npz":
        write_directory(path, _described(model), model.weights, model.intercept, threshold)
        return
    arrays = {
        "weights": model.weights,
        "intercept": np.array(model.intercept),  # JSON has no infinite numbers
        "threshold": np.array([value for value in threshold if value is not None], np.float64),
    }
    write_npz(path, FORMAT, VERSION, {"model": _described(model)}, arrays)


def check_path(path: str | os.PathLike[str]) -> None:
    """Raise what `save` would raise at this path whatever the model; a long fit asks before it.

    Raises
    ------
    ValueError
        For an address such as ``hdfs://...``.
    MissingExtra
        When the directory's format is asked for and pyarrow is not installed.

    Examples
    --------
    >>> check_path("hdfs://host/model")
    Traceback (most recent call last):
    ValueError: the path must be one of this machine, got 'hdfs://host/model'
    """
    if "://" in os.fspath(path):
        raise ValueError(f"the path must be one of this machine, got {os.fspath(path)!r}")
    if Path(path).suffix != ".npz" and find_spec("pyarrow") is None:
        what = "the format of Spark's models (a file named .npz does without)"
        raise MissingExtra("spark", what)


def load(
    path: str | os.PathLike[str],
    kind: type[Model] = GeneralizedLinearModel,  # type: ignore[assignment]  # mypy issue 3737
) -> Model:
    """Read what `save` has written, or Spark's ``save``.

    Parameters
    ----------
    path : str or path-like
        A directory in Spark's format 1.0, or an ``.npz`` file.
    kind : class, optional
        The model that must be there: `SVMModel` and so on. By default any.

    Raises
    ------
    DataError
        When it is another model, of another version, or damaged.
    FileNotFoundError
        When nothing is there.
    MissingExtra
        For a directory, when pyarrow is not installed.
    """
    if Path(path).is_dir():
        described = read_metadata(path)
        found = _kind_of(described, kind, path)
        numbers = read_row(path, issubclass(found, ClassificationModel))
    else:
        header, arrays = read_npz(path, FORMAT, VERSION, ("weights", "intercept", "threshold"))
        described = header.get("model", {})
        found = _kind_of(described, kind, path)
        numbers = _checked_arrays(arrays, path)
    try:
        return _rebuilt(found, described, *numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the model is damaged: {_said(error)}", path=os.fspath(path)) from None


def _described(model: GeneralizedLinearModel) -> dict[str, Any]:
    """The metadata, with the names and in the order of Spark."""
    described = {
        "class": model.spark_class,
        "version": SPARK_VERSION,
        "numFeatures": model.num_features,
    }
    if isinstance(model, ClassificationModel):
        described["numClasses"] = model.num_classes
    return described


def _kind_of(described: Any, kind: type[Model], path: str | os.PathLike[str]) -> type[Model]:
    """The class of the model in the file, which must be `kind` or below."""
    entries = described if isinstance(described, dict) else {}
    name, version = entries.get("class"), entries.get("version")
    kinds = (kind,) if hasattr(kind, "spark_class") else KINDS
    accepted = {one.spark_class: one for one in kinds if issubclass(one, kind)}
    if isinstance(name, str) and name in accepted and version == SPARK_VERSION:
        return accepted[name]
    supported = ", ".join(f"({key}, {SPARK_VERSION})" for key in accepted)
    raise DataError(
        f"{kind.__name__}.load reads (class, version) {supported}; found ({name}, {version})",
        path=os.fspath(path),
    )


def _checked_arrays(
    arrays: Mapping[str, Any], path: str | os.PathLike[str]
) -> tuple[Array, float, float | None]:
    weights, intercept, threshold = (arrays[key] for key in ("weights", "intercept", "threshold"))
    shapes = weights.ndim == 1 and intercept.ndim == 0 and threshold.shape in ((0,), (1,))
    if not shapes or {array.dtype for array in arrays.values()} != {np.dtype(np.float64)}:
        raise DataError(
            "the arrays are damaged: "
            + ", ".join(f"{key} {array.dtype}{array.shape}" for key, array in arrays.items()),
            path=os.fspath(path),
        )
    return weights, float(intercept), float(threshold[0]) if len(threshold) else None


def _rebuilt(
    kind: type[Model],
    described: Mapping[str, Any],
    weights: Array,
    intercept: float,
    threshold: float | None,
) -> Model:
    num_features: int = described["numFeatures"]
    if issubclass(kind, LogisticRegressionModel):
        return _with_threshold(
            kind(weights, intercept, num_features, described["numClasses"]), threshold
        )
    model = kind(weights, intercept)
    if model.num_features != num_features:
        raise ValueError(f"numFeatures is {num_features}, but there are {len(weights)} weights")
    if isinstance(model, ClassificationModel) and described["numClasses"] != 2:
        raise ValueError(f"numClasses must be 2, found {described['numClasses']}")
    return _with_threshold(model, threshold)


def _with_threshold(model: Model, threshold: float | None) -> Model:
    if isinstance(model, ClassificationModel):
        model.threshold = threshold
    return model


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
