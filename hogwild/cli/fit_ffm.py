"""``hogwild fit ffm``: a field-aware factorization machine from a libFFM file.

Contract: as for ``fit linear``: files are written before the summary is printed.  Losses are shown
to five decimals, as libFFM shows them.
"""

import dataclasses
import math
import secrets
from argparse import Namespace
from typing import Any

from hogwild.cli import report
from hogwild.cli.command import Commands, add_command, check_outputs
from hogwild.cli.factor_report import rate
from hogwild.cli.ffm_options import add_options
from hogwild.cli.field_data import Data, measure_fields, read_data
from hogwild.cli.kept import load_fields
from hogwild.engine.starting import checked_processes
from hogwild.models.field_libffm import write_libffm_model
from hogwild.models.field_record import FieldEpoch, FieldFit
from hogwild.models.fields import fit_ffm

EXAMPLE = """example:
  hogwild fit ffm train.ffm --test test.ffm --factors 4 --epochs 15 \\
      --workers 2 --model m.npz

The objective is the sum over the rows of log(1 + exp(-y z)), z the sum over
pairs of w[feature, field of the other] . w[other, field of the feature], and
reg / 2 times the squares of both for each pair."""


def add(kinds: Commands) -> None:
    """Add ``fit ffm``."""
    parser = add_command(
        kinds,
        "ffm",
        run,
        "a field-aware factorization machine, by parallel SGD",
        EXAMPLE,
        "Fit a field-aware factorization machine to a file of libFFM's format, a row a\n"
        "line: label field:feature:value ... Several processes update it as Hogwild!",
        "TRAIN [--test FILE] [--model FILE] ...",
    )
    add_options(parser)


def run(args: Namespace) -> int:
    """Fit, write the files, print the epochs and the summary."""
    _check_together(args)
    outputs = [args.model, args.libffm_model, args.trace]
    check_outputs(outputs, [args.train, args.validation, args.test, args.start_from])
    start = None if args.start_from is None else load_fields(args.start_from, "--start-from")
    if args.factors is None:
        args.factors = 4 if start is None else start.n_factors
    settings = _settings(args)
    data = read_data(args, settings["seed"] or 0)
    watched = "test" if data.validation is None else "valid."
    with report.Progress(args.epochs, args.quiet, lambda epoch: _words(epoch, watched)) as progress:
        fit = fit_ffm(
            data.train, validation=data.watched, start=start, callback=progress, **settings
        )
    _write(args, fit)
    record = _record(args, settings, data, fit)
    for name, rows in (("validation", data.validation), ("test", data.test)):
        if rows is not None:
            record[name] = {"rows": len(rows), **measure_fields(fit.model, rows)}
    if args.json:
        report.emit_json(record)
    else:
        _emit_epochs(fit, "test" if data.validation is None else "validation")
        report.emit_table(_summary(args, record))
    return 0


def _check_together(args: Namespace) -> None:
    """Raise ValueError for options that need, or exclude, one another."""
    for option in ("model", "libffm_model", "trace", "start_from"):
        if getattr(args, option) == "-":
            raise ValueError(f"--{option.replace('_', '-')} needs a file, got '-'")
    if [args.train, args.validation, args.test].count("-") > 1:
        raise ValueError("standard input can be one of TRAIN, --test and --validation only")
    if args.schedule == "serial" and args.workers not in (None, 1):
        raise ValueError(f"--schedule serial has one worker, got --workers {args.workers}")
    if args.validation is not None and args.validation_share is not None:
        raise ValueError("--validation and --validation-share exclude one another")
    if args.auto_stop and not (args.validation or args.validation_share or args.test):
        raise ValueError("--auto-stop needs --validation, --validation-share or --test")
    if args.layout is not None and args.libffm_model is None:
        raise ValueError("--layout belongs to --libffm-model")
    if args.random == "libffm" and args.seed is not None:
        raise ValueError("--random libffm has no seed: leave out --seed")
    for option in ("bias", "linear", "one_field"):
        if args.libffm_model is not None and getattr(args, option):
            raise ValueError(
                f"libFFM's models have no place for --{option.replace('_', '-')}: leave out that "
                "or --libffm-model"
            )
    if args.libffm_model is not None and args.loss != "logistic":
        raise ValueError("libFFM's models are for --loss logistic: leave out --libffm-model")


def _settings(args: Namespace) -> dict[str, Any]:
    """Return the arguments of ``fit_ffm`` that the command line gives."""
    seed = None
    if args.random == "numpy":  # short, so that it can be typed and survives every JSON reader
        seed = secrets.randbits(32) if args.seed is None else args.seed
    return {
        "n_factors": args.factors,
        "step": args.step,
        "reg": args.reg,
        "epochs": args.epochs,
        "normalise": not args.no_norm,
        "auto_stop": args.auto_stop,
        "loss": args.loss,
        "bias": args.bias,
        "linear": args.linear,
        "one_field": args.one_field,
        "clip": args.clip,
        "schedule": args.schedule,
        "n_workers": args.workers or (1 if args.schedule == "serial" else checked_processes(None)),
        "kernel": args.kernel,
        "dtype": args.dtype,
        "random": args.random,
        "seed": seed,
        "trace": args.trace is not None,
        "start_method": args.start_method,
    }


def _write(args: Namespace, fit: FieldFit) -> None:
    if args.model is not None:
        fit.model.save(args.model)
    if args.libffm_model is not None:
        write_libffm_model(fit.model, args.libffm_model, args.layout or "sse")
    if args.trace is not None and fit.trace is not None:
        fit.trace.write(args.trace)


def _words(epoch: FieldEpoch, watched: str) -> str:
    """Return what the bar says of an epoch.

    >>> _words(FieldEpoch(1, 1.1242, 0.88889, 0.5, 0.1, 200), "test")
    'loss 1.1242, test 0.8889, 0.4 k rows/s'
    """
    parts = [f"loss {epoch.train_loss:.4f}"]
    if not math.isnan(epoch.validation_loss):
        parts.append(f"{watched} {epoch.validation_loss:.4f}")
    return ", ".join([*parts, _speed(epoch.updates, epoch.seconds)])


def _speed(updates: int, seconds: float) -> str:
    return rate(updates, seconds).replace("/", " rows/")


def _record(args: Namespace, settings: dict[str, Any], data: Data, fit: FieldFit) -> dict[str, Any]:
    """Return what ``--json`` prints, but for the metrics of the model."""
    watched = "validation" if data.validation is not None else "test" if args.test else None
    shown = ("loss", "n_factors", "step", "reg", "normalise", "bias", "linear", "one_field",
             "schedule", "n_workers", "dtype", "random")  # fmt: skip
    return {
        "model": args.model,
        "libffm_model": args.libffm_model,
        "trace": args.trace,
        "train": args.train,
        "rows": len(data.train),
        "n_features": fit.model.n_features,
        "n_fields": fit.model.n_fields,
        "n_entries": data.train.n_entries,
        "n_pairs": data.train.n_pairs,
        **{name: settings[name] for name in shown},
        "seed": fit.seed,
        "epochs": len(fit.history),
        "stopped": fit.stopped,
        "best_epoch": fit.best_epoch,
        "validation": None,
        "test": None,
        "timings": fit.timings,
        "watched": watched,  # which rows the history's validation_loss is on
        "history": [dataclasses.asdict(epoch) for epoch in fit.history],
    }


def _emit_epochs(fit: FieldFit, watched: str) -> None:
    """Print a line an epoch: its losses, and the seconds of updates so far."""
    has_watched = not math.isnan(fit.history[-1].validation_loss)
    head = ["epoch", "train loss", *([f"{watched} loss"] if has_watched else []), "seconds"]
    report.emit_line("  ".join(head))
    seconds = 0.0
    for epoch in fit.history:
        seconds += epoch.seconds
        cells = [str(epoch.epoch), f"{epoch.train_loss:.5f}"]
        cells += [f"{epoch.validation_loss:.5f}"] if has_watched else []
        cells.append(f"{seconds:.2f}")
        row = (cell.rjust(len(name)) for cell, name in zip(cells, head, strict=True))
        report.emit_line("  ".join(row))
    report.emit_line("")


def _summary(args: Namespace, record: dict[str, Any]) -> dict[str, str]:
    """Return what is printed below the epochs, name by name."""
    seconds = record["timings"]
    updates = sum(epoch["updates"] for epoch in record["history"])
    workers = record["n_workers"]
    count = "1 worker" if workers == 1 else f"{workers} workers"
    extras = [name.replace("_", " ") for name in ("bias", "linear", "one_field") if record[name]]
    rows = {
        "rows": f"{record['rows']:,} of {record['n_features']:,} features in "
        f"{record['n_fields']:,} fields",
        "loss": ", ".join(
            [record["loss"], f"{record['n_factors']} factors", f"reg {record['reg']:g}", *extras]
        ),
        "schedule": f"{record['schedule']}, {count}",
        "epochs": f"{record['epochs']} of {args.epochs}{_because(record)}",
        "seconds": f"{seconds['epochs']:.2f} in updates, {seconds['evaluation']:.2f} in measuring, "
        f"{seconds['start']:.2f} to start",
        "speed": _speed(updates, seconds["epochs"]),
        "seed": "libFFM's own numbers" if record["seed"] is None else str(record["seed"]),
    }
    for kind in ("validation", "test"):
        if record[kind] is not None:
            metrics = {name: value for name, value in record[kind].items() if name != "rows"}
            for name, words in report.metric_words(metrics).items():
                rows[f"{kind} {name}"] = words
    rows["model"] = args.model or "not kept; --model FILE keeps it"
    for name, path in (("libFFM model", args.libffm_model), ("trace", args.trace)):
        if path is not None:
            rows[name] = path
    return rows


def _because(record: dict[str, Any]) -> str:
    if record["best_epoch"] is None:
        return ""
    ended = " (auto-stop)" if record["stopped"] == "auto_stop" else ""
    return f"{ended}; the model is that of epoch {record['best_epoch']}"
