"""libFFM files for the commands that fit, predict and evaluate, and the metrics of a machine.

Contract: what the model leaves out is said on stderr; what can't be taken raises DataError with the
file's name.

Used by ``cli.fit_ffm`` and ``cli.apply_fields``.
"""

from argparse import Namespace
from typing import NamedTuple

import numpy as np

from hogwild import metrics
from hogwild.cli.report import note
from hogwild.data import FieldRows, read_libffm
from hogwild.data.textio import shown
from hogwild.errors import DataError
from hogwild.models.field_model import FieldModel
from hogwild.models.field_rows import targets

MOST_BYTES = 1 << 33
"""Bytes of weights and their sums that are believed without being asked for."""


class Data(NamedTuple):
    """The rows of a fit."""

    train: FieldRows
    validation: FieldRows | None
    test: FieldRows | None

    @property
    def watched(self) -> FieldRows | None:
        """What is measured after each epoch."""
        return self.validation if self.validation is not None else self.test


def read_fields(path: str) -> FieldRows:
    """Return the rows of a libFFM file that has some."""
    return _not_empty(read_libffm(path), path)


def _not_empty(rows: FieldRows, path: str) -> FieldRows:
    if not len(rows):
        raise DataError("the file has no rows", path=shown(path))
    return rows


def read_data(args: Namespace, seed: int) -> Data:
    """Return the training, validation and test rows that the options ask for."""
    train = _not_empty(
        read_libffm(
            args.train,
            n_fields=args.n_fields,
            n_features=args.n_features,
            max_fields=args.n_fields,
            max_features=args.n_features,
            dtype=args.dtype,
        ),
        args.train,
    )
    _check_size(args, train)
    validation, test = (
        None if path is None else _not_empty(read_libffm(path, dtype=args.dtype), path)
        for path in (args.validation, args.test)
    )
    if args.validation_share is not None:
        train, validation = train.split(args.validation_share, seed=np.random.default_rng(seed))
        if not len(train) or not len(validation):
            raise DataError(
                f"--validation-share {args.validation_share} leaves {len(train)} rows to fit to "
                f"and {len(validation)} to watch; both need one",
                path=shown(args.train),
            )
    if not args.quiet:
        for path, rows in ((args.validation, validation), (args.test, test)):
            if path is not None and rows is not None:
                tell_of_unknown(rows, train.n_features, train.n_fields, path)
    return Data(train, validation, test)


def _check_size(args: Namespace, train: FieldRows) -> None:
    """Refuse what one damaged number may have asked for; --n-features says that it is meant."""
    n_fields = 1 if args.one_field else train.n_fields
    wanted = 2 * np.dtype(args.dtype).itemsize * train.n_features * n_fields * args.factors
    if wanted > MOST_BYTES and args.n_features is None:
        raise DataError(
            f"{train.n_features} features in {n_fields} fields ask for {wanted / 1e9:.0f} GB of "
            f"weights; if no number is damaged, pass --n-features {train.n_features}",
            path=shown(args.train),
        )


def tell_of_unknown(rows: FieldRows, n_features: int, n_fields: int, path: str) -> int:
    """Return how many entries the model knows nothing of, after a note on stderr."""
    unknown = int(((rows.features >= n_features) | (rows.fields >= n_fields)).sum())
    if unknown:
        note(
            f"warning: {shown(path)}: ignored {unknown} of {rows.n_entries} entries, beyond the "
            f"model's {n_features} features and {n_fields} fields"
        )
    return unknown


def measure_fields(model: FieldModel, rows: FieldRows) -> dict[str, float]:
    """Return the metrics that suit the model's loss."""
    y, z = targets(rows, model.loss), model.decision_function(rows)
    if model.loss == "squared":
        return {"rmse": metrics.rmse(y, z), "mae": metrics.mae(y, z), "r2": metrics.r2(y, z)}
    return {
        "accuracy": metrics.accuracy(y, np.where(z > 0.0, 1.0, -1.0)),
        "log_loss": model.mean_loss(rows),
        "auc": metrics.auc(y, z),
    }
