"""Files as the models want them: labels as -1 and +1, no column that the model has no weight for.

Contract: what is left out is said on stderr; what can't be taken raises DataError with the
file's name.

Used by the commands that fit, predict and evaluate.
"""

from argparse import Namespace

import numpy as np

from hogwild import metrics
from hogwild.cli.report import note, plain
from hogwild.data import Examples, read_libsvm
from hogwild.data.textio import shown
from hogwild.errors import DataError
from hogwild.kernels.losses import Logistic, find_loss
from hogwild.models import LinearModel

Labels = tuple[float, float]


MOST_FEATURES = 1 << 27
"""Columns that are believed without being asked for: 1 GB of weights."""


def read_rows(path: str, *, zero_based: bool) -> Examples:
    """Return the rows of a LIBSVM file that has some."""
    return _not_empty(read_libsvm(path, zero_based=zero_based), path)


def read_whole(path: str, *, n_features: int | None = None, zero_based: bool) -> Examples:
    """Return the rows of a file that decides how many features there are.

    One damaged index would ask for gigabytes, and the system may end the program for it.
    """
    most = MOST_FEATURES if n_features is None else None
    return _not_empty(
        read_libsvm(path, n_features=n_features, max_features=most, zero_based=zero_based), path
    )


def read_linear(args: Namespace) -> tuple[Examples, Examples | None, Labels | None, int]:
    """Return training and test rows, the labels (of a classification), the test entries ignored."""
    train = read_whole(args.train, n_features=args.n_features, zero_based=args.zero_based)
    test, ignored = None, 0
    if args.test is not None:
        test = read_rows(args.test, zero_based=args.zero_based)
        test, ignored = fitting(test, train.n_features, args.test, quiet=args.quiet)
    if not find_loss(args.loss).classifies:
        return train, test, None, ignored
    labels = two_labels(train, args.train)
    train = as_signs(train, labels, args.train)
    if test is not None:
        test = as_signs(test, labels, args.test)
    return train, test, labels, ignored


def _not_empty(examples: Examples, path: str) -> Examples:
    if not len(examples):
        raise DataError("the file has no rows", path=shown(path))
    return examples


def two_labels(examples: Examples, path: str) -> Labels:
    """Return the two labels that occur, the smaller one first: it becomes class -1.

    Raises
    ------
    DataError
        When there are fewer or more.
    """
    found = np.unique(examples.y)
    if len(found) != 2:
        some = ", ".join(plain(label) for label in found[:5]) + (", ..." if len(found) > 5 else "")
        count = "only one label" if len(found) == 1 else f"{len(found)} different labels"
        raise DataError(f"a classification loss takes two labels; found {count}: {some}",
                        path=shown(path))  # fmt: skip
    return float(found[0]), float(found[1])


def as_signs(examples: Examples, labels: Labels, path: str) -> Examples:
    """Return the rows with -1 for the first label and +1 for the second.

    Raises
    ------
    DataError
        When another label occurs.
    """
    strange = np.flatnonzero((examples.y != labels[0]) & (examples.y != labels[1]))
    if len(strange):
        row = int(strange[0])
        raise DataError(
            f"row {row + 1} (counted from 1) has the label {plain(examples.y[row])}; "
            f"the model knows {plain(labels[0])} and {plain(labels[1])}",
            path=shown(path),
        )
    return Examples(examples.to_scipy(), np.where(examples.y == labels[1], 1.0, -1.0))


def fitting(
    examples: Examples, n_features: int, path: str, *, quiet: bool = False
) -> tuple[Examples, int]:
    """Return the rows without the columns that have no weight, and how many entries were in those.

    A test file may hold features that the training file never showed; their weights would be 0.
    """
    if examples.n_features <= n_features:
        return examples, 0
    kept = Examples(examples.to_scipy()[:, :n_features], examples.y)
    ignored = examples.nnz - kept.nnz
    if ignored and not quiet:
        note(
            f"warning: {shown(path)}: ignored {ignored} of {examples.nnz} entries, in features "
            f"beyond the model's {n_features}"
        )
    return kept, ignored


def measure(model: LinearModel, examples: Examples) -> dict[str, float]:
    """Return the metrics that suit the model; labels are to be -1 and +1 if it classifies."""
    y, z = examples.y, model.decision_function(examples)
    if not model.loss.classifies:
        return {"rmse": metrics.rmse(y, z), "mae": metrics.mae(y, z), "r2": metrics.r2(y, z)}
    found = {"accuracy": metrics.accuracy(y, np.where(z > 0.0, 1.0, -1.0))}
    if isinstance(model.loss, Logistic):
        found["log_loss"] = metrics.log_loss(y, model.predict_proba(examples)[:, 1])
    return {**found, "auc": metrics.auc(y, z)}
