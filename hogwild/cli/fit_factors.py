"""``hogwild fit factors``: a factor model from a file of ratings.

Contract: as for ``fit linear``: files are written before the summary is printed.  A run that is
stopped says what its checkpoint holds; one that is done leaves none unless it was asked for.
"""

import secrets
from argparse import Namespace
from typing import Any

from hogwild.cli import fit_downpour, report
from hogwild.cli.command import Commands, add_command, check_outputs
from hogwild.cli.downpour_options import refuse_downpour
from hogwild.cli.factor_checkpoints import RunFile
from hogwild.cli.factor_data import Data, check_libmf, measure_factors, read_data
from hogwild.cli.factor_options import add_options
from hogwild.cli.factor_report import bar_words, record_of, summary_of
from hogwild.models import FactorFit, FactorModel, fit_factors, fit_factors_on_spark
from hogwild.models.factor_libmf import write_libmf_model
from hogwild.models.factor_steps import FACTOR_STEPS

OF_PROCESSES = ("schedule", "n_workers", "coordination", "trace", "start_method", "pool")
"""Arguments of ``fit_factors`` that ``fit_factors_on_spark`` has not."""

EXAMPLE = """example:
  hogwild fit factors ratings.dat --test test.dat --factors 40 --epochs 50 \\
      --workers 2 --model m.npz

The objective is the sum over the ratings of (r - p.q)^2 + reg (|p|^2 + |q|^2).
Ctrl-C leaves m.npz.checkpoint; the same command with --resume goes on from it."""


def add(kinds: Commands) -> None:
    """Add ``fit factors``."""
    parser = add_command(
        kinds,
        "factors",
        run,
        "user and item factors of ratings, by parallel SGD",
        EXAMPLE,
        "Factorise a matrix of ratings by stochastic gradient descent in several\n"
        "processes: FPSGD, DSGD, HogWild or serial.",
        "RATINGS [--test FILE] [--model FILE] ...",
    )
    add_options(parser)


def run(args: Namespace) -> int:
    """Fit, write the files, print the summary."""
    for option in ("model", "libmf_model", "trace", "checkpoint"):
        if getattr(args, option) == "-":
            raise ValueError(f"--{option.replace('_', '-')} needs a file, got '-'")
    if args.schedule == "downpour":
        return fit_downpour.run_factors(args)
    file = RunFile(args)
    inputs = [args.ratings, args.test, args.validation, args.start_from]
    check_outputs([args.model, args.libmf_model, args.trace, file.path], inputs)
    settings = _settings(args, file)
    if args.resume and not (args.quiet or args.json):
        report.note(f"goes on from epoch {file.done}")
    data = read_data(args, settings["seed"])
    if args.libmf_model is not None:
        check_libmf(data.train, args.loss)
    with file.told_of():  # until the model is written, the checkpoint is all there is of it
        fit = _fit(args, settings, data, file)
        _write(args, fit, data)
    record = record_of(args, settings, data, fit)
    record |= {"resumed_after": file.done or None, "master": args.master}
    for name, ratings in (("validation", data.validation), ("test", data.test)):
        if ratings is not None:
            record[name] = measure_factors(fit.model, ratings)
    if args.json:
        report.emit_json(record)
    else:
        report.emit_table(summary_of(args, record))
    return 0


def _fit(args: Namespace, settings: dict[str, Any], data: Data, file: RunFile) -> FactorFit:
    watched = data.validation if data.validation is not None else data.test
    words = bar_words(args.loss, "valid." if data.validation is not None else "test")
    with report.Progress(args.epochs, args.quiet, words, file.done) as progress:
        if args.master is None:
            return fit_factors(data.train, validation=watched, callback=progress, **settings)
        from hogwild.engine.spark_session import spark_context

        there = {name: settings[name] for name in settings if name not in OF_PROCESSES}
        with spark_context(args.master) as context:
            return fit_factors_on_spark(
                data.train, context, validation=watched, callback=progress, **there
            )


def _write(args: Namespace, fit: FactorFit, data: Data) -> None:
    if args.model is not None:
        fit.model.save(args.model)
    if args.libmf_model is not None:
        write_libmf_model(fit.model, args.libmf_model, fold_biases=True)
    if args.trace is not None and fit.trace is not None:
        fit.trace.header["run"]["reading"] = data.reading
        fit.trace.write(args.trace)


def _settings(args: Namespace, file: RunFile) -> dict[str, Any]:
    """Return the arguments of ``fit_factors`` that the command line gives."""
    _check_together(args)
    serial = args.schedule == "serial"
    # short, so that it can be typed and survives every JSON reader
    seed = secrets.randbits(32) if file.seed is None else file.seed
    return {
        "n_factors": args.factors,
        "schedule": args.schedule,
        "n_workers": 1 if serial else args.workers,
        "grid": args.grid,
        "order": args.order,
        "loss": args.loss,
        "reg": args.reg,
        "reg_l1": args.reg_l1,
        "step": _step(args),
        "epochs": args.epochs,
        "dtype": args.dtype,
        "kernel": args.kernel,
        "coordination": args.coordination,
        "seed": seed if args.seed is None else args.seed,
        "trace": args.trace is not None,
        "biases": args.biases,
        "nonnegative": args.nonnegative,
        "start": args.start if args.start_from is None else FactorModel.load(args.start_from),
        "balance": args.balance,
        "by_level": not args.no_levels,
        "strata": args.strata or "wor",
        "patience": args.patience,
        "evaluate": args.objective,
        "checkpoint": file.path,
        "checkpoint_every": args.checkpoint_every,
        "resume": args.resume,
        "start_method": args.start_method,
        "pool": args.pool,
    }


def _check_together(args: Namespace) -> None:
    """Raise ValueError for options that need, or exclude, one another."""
    refuse_downpour(args)
    files = [name for name in (args.ratings, args.test, args.validation) if name == "-"]
    if len(files) > 1:
        raise ValueError("standard input can be one of RATINGS, --test and --validation only")
    if args.schedule == "serial" and args.workers not in (None, 1):
        raise ValueError(f"--schedule serial has one worker, got --workers {args.workers}")
    if args.master is not None:
        _check_spark(args)
    if args.strata is not None and args.schedule != "dsgd":
        raise ValueError("--strata belongs to --schedule dsgd")
    if args.validation is not None and args.validation_share is not None:
        raise ValueError("--validation and --validation-share exclude one another")
    if args.patience and args.validation is None and args.validation_share is None:
        raise ValueError(
            "--patience needs --validation or --validation-share: an epoch chosen by the test "
            "ratings would look better than it is"
        )
    if args.resume and args.trace is not None:
        raise ValueError("--trace can't begin in the middle of a run: leave it out with --resume")


def _check_spark(args: Namespace) -> None:
    """Raise ValueError for options that a fit on Spark has not."""
    if args.schedule != "dsgd":
        raise ValueError(f"--master runs DSGD: it needs --schedule dsgd, got {args.schedule}")
    usual = {"workers": None, "coordination": "manager", "trace": None, "start_method": None,
             "pool": "own"}  # fmt: skip
    for name, value in usual.items():
        if getattr(args, name) != value:
            option = name.replace("_", "-")
            raise ValueError(
                f"--{option} is for processes of this machine: leave out that or --master"
            )


def _step(args: Namespace) -> Any:
    """Return the rule of the steps; None leaves it to ``fit_factors``."""
    rule = args.step_rule
    if args.beta is not None and rule != "yun":
        raise ValueError("--beta belongs to --step-rule yun")
    if rule is None:
        return args.step
    given = {} if args.step is None else {"step": args.step}
    if rule == "constant" and not given:
        raise ValueError("--step-rule constant needs a --step")
    if args.beta is not None:
        given["beta"] = args.beta
    return FACTOR_STEPS[rule](**given)
