"""``predict`` and ``evaluate`` with a field-aware factorization machine.

Used by ``cli.apply``, once it has seen what kind of model there is.
"""

from argparse import Namespace

from hogwild.cli import report
from hogwild.cli.field_data import measure_fields, read_fields, tell_of_unknown
from hogwild.data import FieldRows
from hogwild.models.field_model import FieldModel


def predict_fields(args: Namespace, model: FieldModel) -> int:
    """Write a line for each row: the probability of a positive label, or the predicted number."""
    if args.proba and model.loss == "squared":
        raise ValueError("--proba is for the logistic loss; this model's is the squared one")
    rows = read_fields(args.data)
    ignored = tell_of_unknown(rows, model.n_features, _fields_known(model, rows), args.data)
    classifies = model.loss == "logistic"
    values = model.predict_proba(rows) if classifies else model.predict(rows)
    record = {
        "model": args.model,
        "data": args.data,
        "rows": len(rows),
        "entries_ignored": ignored,
    }
    args.proba = classifies  # the name that the numbers have in JSON
    report.emit_predictions(args, record, values.tolist())
    return 0


def evaluate_fields(args: Namespace, model: FieldModel) -> int:
    """Print the metrics."""
    rows = read_fields(args.data)
    ignored = tell_of_unknown(rows, model.n_features, _fields_known(model, rows), args.data)
    report.emit_metrics(args, len(rows), ignored, measure_fields(model, rows))
    return 0


def _fields_known(model: FieldModel, rows: FieldRows) -> int:
    """Return how many fields the model can tell: a plain machine looks at none of them."""
    return max(model.n_fields, rows.n_fields) if model.one_field else model.n_fields
