"""What Downpour is to fit: rows, a model's options, how the model is kept and measured.

One function for each kind of model, the same for the run's own process and for one that joins:
both must come to the same bits of the rows, labels as -1 and +1 included.

Used by ``cli.fit_downpour`` and ``cli.downpour``.
"""

import dataclasses
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hogwild.cli.factor_data import measure_factors, read_data
from hogwild.cli.reading import MOST_FEATURES, measure, read_linear
from hogwild.data import Examples, read_libffm
from hogwild.data.textio import shown
from hogwild.downpour.record import DownpourFit
from hogwild.errors import DataError


@dataclass(frozen=True)
class Work:
    """A fit to be made.

    Attributes
    ----------
    train, test : Examples, Ratings or FieldRows; or None
    model : dict
        The model's options, as ``fit_downpour`` takes them.
    told : dict
        What ``--json`` says of them besides.
    kept : callable
        ``kept(model)``: the model as it is to be written.
    measured : callable
        ``measured(fit)``: metrics of the test rows.
    """

    train: Any
    test: Any
    model: dict[str, Any]
    told: dict[str, Any]
    kept: Callable[[Any], Any]
    measured: Callable[[DownpourFit], dict[str, Any]]


def work_of(args: Namespace, seed: int) -> Work:
    """Return the fit of a model of the kind that ``--kind`` names."""
    if args.kind == "factors":
        args.ratings = args.train
        return factor_work(args, seed)
    return field_work(args) if args.kind == "ffm" else linear_work(args)


def linear_work(args: Namespace) -> Work:
    """Return the fit of a linear model."""
    train, test, labels, ignored = read_linear(args)

    def kept(model: Any) -> Any:
        return model if labels is None else dataclasses.replace(model, labels=labels)

    def measured(fit: DownpourFit) -> dict[str, Any]:
        counts = {"rows": len(test or ()), "entries_ignored": ignored}
        return {**counts, **measure(fit.model, test)}  # type: ignore[arg-type]

    model = {
        "loss": args.loss,
        "penalty": args.penalty,
        "reg": 1e-4 if args.reg is None else args.reg,
        "intercept": not args.no_intercept,
    }
    told = {"rows": len(train), "n_features": train.n_features, "labels": labels}
    return Work(train, test, model, told, kept, measured)


def factor_work(args: Namespace, seed: int) -> Work:
    """Return the fit of factors."""
    data = read_data(args, seed)
    watched = data.validation if data.validation is not None else data.test

    def measured(fit: DownpourFit) -> dict[str, Any]:
        return measure_factors(fit.model, data.test)  # type: ignore[arg-type]

    model = {
        "n_factors": args.factors,
        "loss": args.loss,
        "reg": args.reg,
        "biases": args.biases,
    }
    told = {
        "rows": len(data.train), "n_users": data.train.n_users, "n_items": data.train.n_items
    }  # fmt: skip
    return Work(data.train, watched, model, told, lambda model: model, measured)


def field_work(args: Namespace) -> Work:
    """Return the fit of a field-aware factorization machine."""
    train = read_fields(args.train)
    test = None if args.test is None else read_fields(args.test)

    def measured(fit: DownpourFit) -> dict[str, Any]:
        found = dict(fit.history[-1].validation)
        found.pop("loss", None)  # under the name of its own it is there too
        return {"rows": len(test or ()), **found}

    model = {
        "n_factors": args.factors,
        "loss": args.loss,
        "reg": args.reg,
        "normalise": not args.no_normalise,
    }
    told = {"rows": len(train), "n_fields": train.n_fields, "n_features": train.n_features}
    return Work(train, test, model, told, lambda model: model, measured)


def read_fields(path: str) -> Any:
    """Return the rows of a libFFM file that has some."""
    rows = read_libffm(path, max_features=MOST_FEATURES)
    if not len(rows):
        raise DataError("the file has no rows", path=shown(path))
    return rows


def kind_of(model: dict[str, Any]) -> str:
    """Return the kind of model that a run's options are of.

    Examples
    --------
    >>> kind_of({"n_factors": 4, "normalise": True}), kind_of({"loss": "logistic"})
    ('ffm', 'linear')
    """
    names = {"normalise": "ffm", "biases": "factors", "n_factors": "factors"}
    return next((kind for name, kind in names.items() if name in model), "linear")


def rows_to_join(args: Namespace, plan: Any) -> Any:
    """Return the rows of a file as the run with this plan must have them."""
    kind = args.kind or kind_of(plan.model)
    sure = {"normalise", "biases", "penalty"} & set(plan.model)  # a run from Python may tell less
    if sure and kind != kind_of(plan.model):
        raise DataError(f"the run is of --kind {kind_of(plan.model)}, not {kind}")
    if kind == "ffm":
        return read_fields(args.train)
    if kind == "factors":
        args.ratings = args.train
        return read_data(args, 0).train
    args.loss = plan.model.get("loss", "squared")
    train, *_ = read_linear(args)
    return _widened(train, plan.n_parameters - 1)


def _widened(train: Examples, n_features: int) -> Examples:
    """Return the rows with the columns of the run: it may have been told of more."""
    if train.n_features >= n_features:
        return train
    matrix = train.to_scipy().copy()
    matrix.resize((len(train), n_features))
    return Examples(matrix, train.y)
