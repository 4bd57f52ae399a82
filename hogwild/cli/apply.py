"""``hogwild predict`` and ``hogwild evaluate``: a model that was kept, on other rows.

The model's file says of which kind it is.
"""

from argparse import Namespace
from typing import Any

import scipy.sparse as sp

from hogwild.cli import report
from hogwild.cli.apply_factors import evaluate_factors, predict_factors
from hogwild.cli.apply_fields import evaluate_fields, predict_fields
from hogwild.cli.apply_mllib import evaluate_mllib, predict_mllib
from hogwild.cli.command import Commands, Parser, add_command, add_reading, check_outputs
from hogwild.cli.kept import MODEL_HELP, AnyModel, load_model
from hogwild.cli.ratings_options import OPTIONS, add_ratings_layout
from hogwild.cli.reading import as_signs, fitting, measure, read_rows
from hogwild.mllib import GeneralizedLinearModel
from hogwild.models import FactorModel
from hogwild.models.factor_predict import UNKNOWN
from hogwild.models.field_libffm import LAYOUTS
from hogwild.models.field_model import FieldModel

DATA_HELP = (
    "LIBSVM file for a linear model, ratings for a factor model, libFFM file for a field-aware "
    "machine; also compressed; - is standard input"
)


def add(commands: Commands) -> None:
    """Add ``predict`` and ``evaluate``."""
    parser = add_command(
        commands,
        "predict",
        predict,
        "predict a label or a number for each row of a file",
        "examples:\n  hogwild predict m.npz test.txt --output predictions.txt\n"
        "  hogwild predict train.model test.ffm\n"
        "  hogwild predict factors.npz pairs.txt --unknown error",
        "Print a prediction a line. A linear model predicts a label as in the training\n"
        "file, or a number; the labels in the file play no part, but the format wants\n"
        "them: 0 will do. A factor model takes a user and an item a line, and predicts\n"
        "the rating; if there is a third field, it plays no part. A field-aware machine\n"
        "takes libFFM's format and prints the probability of a positive label, as\n"
        "libFFM does, or with the squared loss a number.",
        "MODEL DATA [--output FILE] [--proba] [--json]",
    )
    linear = _add_model_and_data(parser, pairs=True)
    parser.add_argument(
        "--output", default="-", metavar="FILE", help="write there; - is standard output (default)"
    )
    linear.add_argument(
        "--proba",
        action="store_true",
        help="print the probability of the higher label (logistic loss only)",
    )
    parser = add_command(
        commands,
        "evaluate",
        evaluate,
        "measure a model on a file with the true labels",
        "example:\n  hogwild evaluate m.npz test.txt --json",
        "Print accuracy, log loss and AUC for two classes, RMSE, MAE and R2 for numbers\n"
        "and ratings.",
        "MODEL DATA [--json]",
    )
    _add_model_and_data(parser)


def _add_model_and_data(parser: Parser, *, pairs: bool = False) -> Any:
    """Add what both have; return the group for linear models."""
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    linear = parser.add_argument_group("for a linear model")
    add_reading(linear)
    factors = parser.add_argument_group("for a factor model")
    factors.add_argument(
        "--unknown",
        choices=UNKNOWN,
        metavar="WHAT",
        help="mean or error: for users and items without training ratings (default: mean)",
    )
    add_ratings_layout(parser, pairs=pairs)
    fields = parser.add_argument_group("for a field-aware machine")
    fields.add_argument(
        "--layout",
        choices=tuple(LAYOUTS),
        metavar="NAME",
        help="sse or plain: of libFFM's binary file (default: found out)",
    )
    return linear


def predict(args: Namespace) -> int:
    """Write the predictions; with ``--json`` and a file, stdout says what the file holds."""
    check_outputs([args.output], [args.model, args.data])
    model = _loaded(args)
    if isinstance(model, FactorModel):
        return predict_factors(args, model)
    _refuse_factor_options(args)
    if isinstance(model, FieldModel):
        return predict_fields(args, model)
    if isinstance(model, GeneralizedLinearModel):
        return predict_mllib(args, model)
    if args.proba:
        nothing = sp.csr_matrix((1, model.n_features))
        model.predict_proba(nothing)  # refuses before the rows are read
    rows, ignored = fitting(
        read_rows(args.data, zero_based=args.zero_based), model.n_features, args.data
    )
    values = (model.predict_proba(rows)[:, 1] if args.proba else model.predict(rows)).tolist()
    record: dict[str, Any] = {
        "model": args.model,
        "data": args.data,
        "rows": len(rows),
        "entries_ignored": ignored,
        "labels": model.labels if model.loss.classifies else None,
    }
    report.emit_predictions(args, record, values)
    return 0


def evaluate(args: Namespace) -> int:
    """Print the metrics."""
    model = _loaded(args)
    if isinstance(model, FactorModel):
        return evaluate_factors(args, model)
    _refuse_factor_options(args)
    if isinstance(model, FieldModel):
        return evaluate_fields(args, model)
    if isinstance(model, GeneralizedLinearModel):
        return evaluate_mllib(args, model)
    rows, ignored = fitting(
        read_rows(args.data, zero_based=args.zero_based), model.n_features, args.data
    )
    if model.loss.classifies:
        rows = as_signs(rows, model.labels, args.data)
    metrics = measure(model, rows)
    report.emit_metrics(args, len(rows), ignored, metrics)
    return 0


def _loaded(args: Namespace) -> AnyModel:
    model = load_model(args.model, args.layout)
    if isinstance(model, FieldModel) and args.zero_based:
        raise ValueError("--zero-based is for linear models: libFFM's files always count from 0")
    return model


def _refuse_factor_options(args: Namespace) -> None:
    for option in ("unknown", *OPTIONS):
        if getattr(args, option, None) is not None:
            raise ValueError(f"--{option} is for factor models")
