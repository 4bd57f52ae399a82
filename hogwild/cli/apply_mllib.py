"""MLlib's models in the commands that predict and measure, and the rows that they take.

Labels stay as they are: 0 and 1 (and up), as Spark has them.  Used by ``cli.apply`` and
``cli.fit_mllib``.
"""

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np

from hogwild import metrics
from hogwild.cli import report
from hogwild.data.textio import shown
from hogwild.errors import DataError
from hogwild.mllib import (
    BinaryClassificationMetrics,
    ClassificationModel,
    GeneralizedLinearModel,
    LogisticRegressionModel,
    RegressionMetrics,
    Rows,
    load_libsvm_file,
)


def predict_mllib(args: Namespace, model: GeneralizedLinearModel) -> int:
    """Write the predictions of ``hogwild predict``."""
    if args.proba:
        if not isinstance(model, LogisticRegressionModel) or model.num_classes > 2:
            raise ValueError("--proba needs a logistic model of two classes")
        model.clear_threshold()
    rows, ignored = rows_for(model, args)
    values = np.atleast_1d(model.predict(rows.X)).tolist()
    record = {
        "model": args.model,
        "data": args.data,
        "rows": len(rows),
        "entries_ignored": ignored,
    }
    report.emit_predictions(args, record, values)
    return 0


def evaluate_mllib(args: Namespace, model: GeneralizedLinearModel) -> int:
    """Print the metrics of ``hogwild evaluate``."""
    rows, ignored = rows_for(model, args)
    measured = measure(model, rows)
    report.emit_metrics(args, len(rows), ignored, measured)
    return 0


def rows_for(model: GeneralizedLinearModel, args: Namespace) -> tuple[Rows, int]:
    """Return the rows of a file that has some, in the model's columns."""
    if args.zero_based:
        raise ValueError("--zero-based is for linear models: MLlib counts columns from 1")
    rows = load_libsvm_file(args.data).collect()
    if not len(rows):
        raise DataError("the file has no rows", path=shown(args.data))
    return fitting(rows, model.num_features, args.data)


def fitting(rows: Rows, n_features: int, path: str, *, quiet: bool = False) -> tuple[Rows, int]:
    """Return the rows in `n_features` columns, and how many entries lay beyond."""
    X = rows.X.tocsc()
    beyond = X[:, n_features:].nnz if X.shape[1] > n_features else 0
    if beyond and not quiet:
        report.note(
            f"warning: {shown(path)}: ignored {beyond} of {X.nnz} entries, in features beyond the "
            f"model's {n_features}"
        )
    X.resize(X.shape[0], n_features)
    return Rows(X.tocsr(), rows.y), beyond


def measure(model: GeneralizedLinearModel, rows: Rows) -> dict[str, float]:
    """Return the metrics that suit the model, by MLlib's definitions."""
    X, y = rows
    if not isinstance(model, ClassificationModel):
        found = RegressionMetrics(model.predict(X), y)
        return {
            "rmse": found.root_mean_squared_error,
            "mae": found.mean_absolute_error,
            "r2": found.r2,
        }
    measured = {"accuracy": float(np.mean(model.predict(X) == y))}
    if getattr(model, "num_classes", 2) > 2:
        return measured
    scores = _scores(model, X)
    if isinstance(model, LogisticRegressionModel):
        measured["log_loss"] = metrics.log_loss(np.where(y > 0.5, 1.0, -1.0), scores)
    return {**measured, "auc": BinaryClassificationMetrics(scores, y).area_under_roc}


def _scores(model: ClassificationModel, X: Any) -> Any:
    """Probabilities or margins, whatever the threshold."""
    threshold = model.get_threshold()
    try:
        return model.clear_threshold().predict(X)
    finally:
        if threshold is not None:
            model.set_threshold(threshold)


@contextlib.contextmanager
def features_fit(args: Namespace) -> Iterator[None]:
    """An index beyond --features is found when rows are used; it is the input's fault."""
    try:
        yield
    except IndexError as error:
        if args.features is None:
            raise
        raise DataError(
            f"{error}; raise --features, or leave it out", path=shown(args.data)
        ) from error
