"""``predict`` and ``evaluate`` with a factor model.

Used by ``cli.apply``, once it has seen what kind of model there is.
"""

from argparse import Namespace
from typing import Any

from hogwild.cli import report
from hogwild.cli.factor_data import measure_factors, read_like
from hogwild.cli.pairs import n_fields, read_pairs
from hogwild.cli.ratings_options import layout_of
from hogwild.data import Ratings
from hogwild.data.textio import replacing
from hogwild.errors import DataError
from hogwild.models import FactorModel


def predict_factors(args: Namespace, model: FactorModel) -> int:
    """Write a prediction for each line: that of a rating, or a pair."""
    _refuse_linear_options(args)
    values = _predictions(args, model)
    record: dict[str, Any] = {"model": args.model, "data": args.data, "rows": len(values)}
    if args.output == "-" and args.json:
        report.emit_json(record | {"predictions": values})
        return 0
    with replacing(args.output) as file:
        file.write("".join(f"{report.plain(value)}\n" for value in values).encode("ascii"))
    if args.json:
        report.emit_json(record | {"output": args.output})
    return 0


def _predictions(args: Namespace, model: FactorModel) -> list[float]:
    layout, unknown = layout_of(args), args.unknown or "mean"
    # standard input can't be looked into: it has ratings, unless two columns are asked for
    pairs = len(layout.get("columns", ())) == 2 or (
        args.data != "-" and n_fields(args.data, layout) == 2
    )
    if pairs:
        users, items = read_pairs(args.data, layout, model)
        values = model.predict(users, items, unknown=unknown)
    else:
        values = model.predict(_ratings(args.data, layout, model), unknown=unknown)
    return [float(value) for value in values]


def _ratings(path: str, layout: dict[str, Any], model: FactorModel) -> Ratings:
    try:
        return read_like(model, path, layout)
    except DataError as error:
        if path != "-" or "columns" in layout or not error.reason.endswith("got 2 fields"):
            raise
        reason = f"{error.reason}; for pairs on standard input pass --columns 0,1"
        raise DataError(reason, path=error.path, line=error.line) from None


def evaluate_factors(args: Namespace, model: FactorModel) -> int:
    """Print the metrics."""
    _refuse_linear_options(args)
    ratings = read_like(model, args.data, layout_of(args))
    if args.unknown == "error":
        model.predict(ratings, unknown="error")
    found = measure_factors(model, ratings)
    if args.json:
        report.emit_json({"model": args.model, "data": args.data} | found)
        return 0
    rows, unknown = found.pop("rows"), found.pop("unknown")
    mean = f"   {unknown:,} of them by the mean" if unknown else ""
    report.emit_table({"ratings": f"{rows:,}{mean}"} | report.metric_words(found))
    return 0


def _refuse_linear_options(args: Namespace) -> None:
    for option in ("proba", "zero_based"):
        if getattr(args, option, False):
            raise ValueError(f"--{option.replace('_', '-')} is for linear models")
