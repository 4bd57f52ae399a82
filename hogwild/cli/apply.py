"""``hogwild predict`` and ``hogwild evaluate``: a model that was kept, on other rows."""

from argparse import Namespace
from typing import Any

import scipy.sparse as sp

from hogwild.cli import report
from hogwild.cli.command import Commands, Parser, add_command, add_reading, check_outputs
from hogwild.cli.reading import as_signs, fitting, measure, read_rows
from hogwild.data.textio import replacing
from hogwild.models import LinearModel

MODEL_HELP = "what fit --model has written"
DATA_HELP = "LIBSVM file, also compressed; - is standard input"


def add(commands: Commands) -> None:
    """Add ``predict`` and ``evaluate``."""
    parser = add_command(
        commands,
        "predict",
        predict,
        "predict a label or a number for each row of a file",
        "example:\n  hogwild predict m.npz test.txt --output predictions.txt",
        "Print a prediction a line: a label as in the training file, or a number. The\n"
        "labels in the file play no part, but the format wants them: 0 will do.",
        "MODEL DATA [--output FILE] [--proba] [--json]",
    )
    _add_model_and_data(parser)
    parser.add_argument(
        "--output", default="-", metavar="FILE", help="write there; - is standard output (default)"
    )
    parser.add_argument(
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
        "Print accuracy, log loss and AUC for two classes, RMSE, MAE and R2 for numbers.",
        "MODEL DATA [--json]",
    )
    _add_model_and_data(parser)


def _add_model_and_data(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    add_reading(parser)


def predict(args: Namespace) -> int:
    """Write the predictions; with ``--json`` and a file, stdout says what the file holds."""
    check_outputs([args.output], [args.model, args.data])
    model = LinearModel.load(args.model)
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
    if args.output == "-" and args.json:
        report.emit_json(record | {"probabilities" if args.proba else "predictions": values})
        return 0
    with replacing(args.output) as file:
        file.write("".join(f"{report.plain(value)}\n" for value in values).encode("ascii"))
    if args.json:
        report.emit_json(record | {"output": args.output})
    return 0


def evaluate(args: Namespace) -> int:
    """Print the metrics."""
    model = LinearModel.load(args.model)
    rows, ignored = fitting(
        read_rows(args.data, zero_based=args.zero_based), model.n_features, args.data
    )
    if model.loss.classifies:
        rows = as_signs(rows, model.labels, args.data)
    metrics = measure(model, rows)
    if args.json:
        report.emit_json(
            {"model": args.model, "data": args.data, "rows": len(rows), "entries_ignored": ignored}
            | metrics
        )
    else:
        report.emit_table({"rows": str(len(rows))} | report.metric_words(metrics))
    return 0
