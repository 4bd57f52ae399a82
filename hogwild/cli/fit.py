"""``hogwild fit linear``: a linear model from a LIBSVM file.

Contract: the model's file is written before the summary is printed, so that a reader who leaves
early loses nothing.
"""

import dataclasses
import secrets
from argparse import Namespace
from typing import Any

from hogwild.cli import fit_downpour, fit_factors, fit_ffm, fit_mllib, report
from hogwild.cli.command import Commands, add_command, check_outputs, subcommands
from hogwild.cli.downpour_options import refuse_downpour
from hogwild.cli.fit_options import add_options, step_of
from hogwild.cli.reading import measure, read_linear
from hogwild.engine.starting import checked_processes
from hogwild.models import LinearFit, fit_linear

EXAMPLE = """example:
  hogwild fit linear train.txt --test test.txt --loss logistic \\
      --penalty l2 --reg 1e-4 --epochs 20 --workers 2 --model m.npz

The objective is the mean loss plus the penalty, on the training rows. Without
--step, the step is found from the data and falls from epoch to epoch."""


def add(commands: Commands) -> None:
    """Add ``fit`` with its kinds of models."""
    fit = commands.add_parser(
        "fit",
        help="fit a model to a file",
        description="Fit a model to a file.",
        epilog="examples:\n  hogwild fit linear train.txt --loss logistic --model m.npz\n"
        "  hogwild fit factors ratings.dat --test test.dat --model m.npz\n"
        "  hogwild fit ffm train.ffm --test test.ffm --model m.npz\n"
        "  hogwild fit mllib train.txt --optimizer lbfgs --model m.npz",
    )
    kinds = subcommands(fit)
    parser = add_command(
        kinds,
        "linear",
        run,
        "a sparse linear model, by parallel SGD",
        EXAMPLE,
        "Fit a sparse linear model by stochastic gradient descent in several processes.",
        "TRAIN [--loss NAME] [--test FILE] [--model FILE] ...",
    )
    add_options(parser)
    fit_factors.add(kinds)
    fit_ffm.add(kinds)
    fit_mllib.add(kinds)


def run(args: Namespace) -> int:
    """Fit, write the files, print the summary."""
    for option, name in (("--model", args.model), ("--trace", args.trace)):
        if name == "-":
            raise ValueError(f"{option} needs a file: standard output is for the summary, got '-'")
    check_outputs([args.model, args.trace], [args.train, args.test])
    if args.schedule == "downpour":
        return fit_downpour.run_linear(args)
    settings = _settings(args)

    train, test, labels, ignored = read_linear(args)
    with report.Progress(args.epochs, args.quiet) as progress:
        fit = fit_linear(train, validation=test, callback=progress, **settings)
    if labels is not None:
        fit.model = dataclasses.replace(fit.model, labels=labels)
    if args.model is not None:
        fit.model.save(args.model)
    if args.trace is not None and fit.trace is not None:
        fit.trace.write(args.trace)
    record = _record(args, settings, fit)
    if test is not None:
        record["test"] = {"rows": len(test), "entries_ignored": ignored, **measure(fit.model, test)}
    if args.json:
        report.emit_json(record)
    else:
        report.emit_table(_summary(args, record))
    return 0


def _settings(args: Namespace) -> dict[str, Any]:
    """Return the arguments of ``fit_linear`` that the command line gives."""
    if args.train == args.test == "-":
        raise ValueError("standard input can be TRAIN or --test, not both")
    if args.reg is not None and args.penalty == "none":
        raise ValueError("--reg needs a --penalty")
    if args.l1_ratio is not None and args.penalty != "elasticnet":
        raise ValueError("--l1-ratio belongs to --penalty elasticnet")

    refuse_downpour(args)

    serial = args.schedule == "serial"
    if serial and args.workers not in (None, 1):
        raise ValueError(f"--schedule serial has one worker, got --workers {args.workers}")
    return {
        "loss": args.loss,
        "penalty": args.penalty,
        "reg": 1e-4 if args.reg is None else args.reg,
        "l1_ratio": 0.15 if args.l1_ratio is None else args.l1_ratio,
        "step": step_of(args),
        "epochs": args.epochs,
        "batch_size": args.batch_size or 1,
        "schedule": args.schedule,
        "n_workers": args.workers or (1 if serial else checked_processes(None)),
        "kernel": args.kernel,
        "write": args.write,
        "update_threshold": args.threshold,
        "intercept": not args.no_intercept,
        # short, so that it can be typed and survives every JSON reader
        "seed": secrets.randbits(32) if args.seed is None else args.seed,
        "tol": args.tol,
        "trace": args.trace is not None,
        "lost_updates": args.lost_updates,
        "start_method": args.start_method,
    }


def _record(args: Namespace, settings: dict[str, Any], fit: LinearFit) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    lost = fit.lost_updates
    return {
        "model": args.model,
        "trace": args.trace,
        "train": args.train,
        "labels": fit.model.labels if fit.model.loss.classifies else None,
        "n_features": fit.model.n_features,
        "intercept": fit.model.intercept,
        **{
            name: settings[name]
            for name in ("loss", "penalty", "reg", "schedule", "n_workers", "batch_size", "seed")
        },
        "epochs": len(fit.history),
        "stopped": fit.stopped,
        "objective": fit.history[-1].objective,
        "test": None,
        "timings": fit.timings,
        "lost_updates": None if lost is None else {**dataclasses.asdict(lost), "share": lost.share},
        "history": [dataclasses.asdict(epoch) for epoch in fit.history],
    }


def _summary(args: Namespace, record: dict[str, Any]) -> dict[str, str]:
    """Return what is printed without ``--json``, name by name."""
    first, last = record["history"][0]["step"], record["history"][-1]["step"]
    seconds = record["timings"]
    because = {"tol": ": the objective has settled"}.get(record["stopped"], "")
    rows = {
        "loss": f"{record['loss']}, penalty {record['penalty']}",
        "objective": f"{record['objective']:.6g}",
        "epochs": f"{record['epochs']} of {args.epochs}{because}",
        "step": f"{first:.4g}" if first == last else f"{first:.4g} falling to {last:.4g}",
        "seconds": f"{seconds['epochs']:.2f} in updates, {seconds['evaluation']:.2f} in measuring, "
        f"{seconds['start']:.2f} to start",
        "seed": str(record["seed"]),
    }
    if record["test"] is not None:
        metrics = {k: v for k, v in record["test"].items() if k not in ("rows", "entries_ignored")}
        for name, words in report.metric_words(metrics).items():
            rows[f"test {name}"] = words
    if record["lost_updates"] is not None:
        lost = record["lost_updates"]
        share = "none" if lost["share"] < 1e-10 else f"{100 * lost['share']:.2g} %"
        rows["lost updates"] = f"{share} of the net distance, in {lost['updates']} writes"
    rows["model"] = args.model or "not kept; --model FILE keeps it"
    if args.trace is not None:
        rows["trace"] = args.trace
    return rows
