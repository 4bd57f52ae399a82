"""``hogwild fit mllib``: Spark's optimizers on a LIBSVM file, on this machine or on a cluster.

Contract: the files are written before the summary is printed. Every number is Spark's; where Spark
only logs that it stopped early, the summary says so.
"""

import contextlib
import logging
import time
from argparse import Namespace
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from hogwild import mllib
from hogwild.cli import report
from hogwild.cli.apply_mllib import features_fit, fitting, measure
from hogwild.cli.command import Commands, add_command, check_outputs
from hogwild.cli.mllib_options import ONLY, add_options
from hogwild.data.textio import replacing, shown
from hogwild.errors import DataError
from hogwild.mllib.model_files import check_path
from hogwild.mllib.validators import count_labels

EXAMPLE = """example (that of Spark's page):
  hogwild fit mllib sample_libsvm_data.txt --split 0.6 --seed 11 \\
      --intercept --reg 0.1 --tol 1e-4 --iterations 20

The objective is the mean loss plus the penalty. Labels are 0 and 1, for
--classes K up to K - 1, for least-squares any number."""


def add(kinds: Commands) -> None:
    """Add ``fit mllib``."""
    parser = add_command(
        kinds,
        "mllib",
        run,
        "a linear model, by Spark's optimizers",
        EXAMPLE,
        "Fit a linear model by the optimizers of Spark's MLlib, without Spark or on it:\n"
        "gradient descent with mini-batches, L-BFGS, OWL-QN. The losses are Spark's.",
        "DATA [--optimizer NAME] [--gradient NAME] [--model PATH] ...",
    )
    add_options(parser)


def run(args: Namespace) -> int:
    """Fit, write the files, print the summary."""
    settings = _settings(args)
    for option, name in (("--model", args.model), ("--losses", args.losses)):
        if name == "-":
            raise ValueError(f"{option} needs a file: standard output is for the summary, got '-'")
    if args.model is not None:
        check_path(args.model)
    check_outputs([args.model, args.losses], [args.data, args.test])
    begun = time.perf_counter()
    with features_fit(args), _rows(args) as (train, test):
        rows = train.count()
        if rows == 0:
            raise DataError("no rows to train on", path=shown(args.data))
        read = time.perf_counter() - begun
        begun = time.perf_counter()
        if args.gradient != "least-squares":
            _check_labels(args, train)
        with _logged():
            result = _optimized(args, settings, train)
        seconds = time.perf_counter() - begun
    model = _model(args, settings["updater"], result.weights)
    if args.model is not None:
        model.save(args.model)
    if args.losses is not None:
        with replacing(args.losses) as file:
            file.write("".join(f"{loss!r}\n" for loss in result.losses.tolist()).encode("ascii"))
    record = {
        "model": args.model,
        "data": args.data,
        "rows": rows,
        "n_features": len(model.weights) if args.classes == 2 else model.num_features,
        "intercept": model.intercept if args.intercept else None,
        **settings,
        "losses": result.losses.tolist(),
        "stopped": result.stopped,
        "iterations": result.n_iterations,
        "passes": result.n_evaluations,
        "test": None if test is None else {"rows": len(test.y), **measure(model, test)},
        "timings": {"read": read, "fit": seconds},
    }
    if args.json:
        report.emit_json(record)
    else:
        report.emit_table(_summary(args, record))
    return 0


def _settings(args: Namespace) -> dict[str, Any]:
    """What the fit is given, with the defaults of its optimizer."""
    for option, optimizers in ONLY.items():
        if getattr(args, option) is not None and args.optimizer not in optimizers:
            raise ValueError(f"--{option} belongs to --optimizer {' or '.join(optimizers)}")
    if args.classes > 2 and args.gradient != "logistic":
        raise ValueError(f"--classes {args.classes} needs --gradient logistic")
    if args.split is not None and args.test is not None:
        raise ValueError("--split leaves rows for the test already: give it or --test, not both")
    if args.master is not None and args.workers is not None:
        raise ValueError("--workers are processes of this machine: give them or --master, not both")
    owlqn = args.optimizer == "owlqn"
    updater = args.updater or ("l1" if owlqn else "l2")
    if owlqn and updater != "l1":
        raise ValueError(f"--optimizer owlqn is for --updater l1, got {updater}; lbfgs is for it")
    descent = args.optimizer == "gd"
    return {
        "optimizer": args.optimizer,
        "gradient": args.gradient,
        "updater": updater,
        "reg": args.reg,
        "tol": (0.001 if descent else 1e-6) if args.tol is None else args.tol,
        "max_iterations": args.iterations,
        "step": (args.step or 1.0) if descent else None,
        "fraction": (args.fraction or 1.0) if descent else None,
        "corrections": None if descent else args.corrections or 10,
        "n_workers": args.workers or 1,
        "master": args.master,
    }


# ---- rows --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _rows(args: Namespace) -> Iterator[tuple[mllib.Partitions, mllib.Rows | None]]:
    """The training rows where they will be read, and the test rows here."""
    with contextlib.ExitStack() as stack:
        data: mllib.Partitions = mllib.load_libsvm_file(
            args.data, args.features or -1, max(args.partitions, args.workers or 1),
            n_workers=args.workers or 1,
        )  # fmt: skip
        n_features = data.n_features
        if args.master is not None:
            from hogwild.engine.spark_session import spark_context

            context = stack.enter_context(spark_context(args.master))
            data = mllib.SparkPartitions.of(context, data)
        stack.enter_context(data)
        test = None
        if args.test is not None:
            rows = mllib.load_libsvm_file(args.test).collect()
            test = fitting(rows, n_features, args.test, quiet=args.quiet)[0]
        elif args.split is not None:
            data, rest = data.random_split([args.split, 1.0 - args.split], args.seed)
            stack.enter_context(data)
            test = rest.collect()
        if args.intercept:
            data = stack.enter_context(mllib.append_bias(data))
        yield data, test


def _check_labels(args: Namespace, data: mllib.Partitions) -> None:
    """Refuse labels that the gradients would take for something else."""
    first = count_labels(data, args.classes).first
    if first is None:
        return
    row, label = first
    known = "0 and 1" if args.classes == 2 else f"the integers 0 to {args.classes - 1}"
    advice = ""
    if label == -1:
        advice = "; write 0 for -1"
    elif label % 1:
        advice = "; --gradient least-squares takes any number"
    elif label >= 2:
        advice = f"; --classes {int(label) + 1} has {label:g}"
    raise DataError(
        f"training row {row + 1} (counted from 1) has the label {report.plain(label)}; "
        f"{args.gradient} takes {known}{advice}",
        path=shown(args.data),
    )


# ---- the fit -----------------------------------------------------------------------------------


def _optimized(
    args: Namespace, settings: dict[str, Any], data: mllib.Partitions
) -> mllib.OptimizerResult:
    gradient = {
        "logistic": mllib.LogisticGradient(args.classes),
        "least-squares": mllib.LeastSquaresGradient(),
        "hinge": mllib.HingeGradient(),
    }[args.gradient]
    updater = {
        "none": mllib.SimpleUpdater(),
        "l2": mllib.SquaredL2Updater(),
        "l1": mllib.L1Updater(),
    }[settings["updater"]]
    start = np.zeros(data.n_features * (args.classes - 1))
    corrections, tol = settings["corrections"], settings["tol"]
    with report.Progress(args.iterations, args.quiet, _words) as progress:
        told = _told(progress)
        if args.optimizer == "gd":
            return mllib.run_mini_batch_sgd(
                data, gradient, updater, settings["step"], args.iterations, args.reg,
                settings["fraction"], start, tol, callback=told,
            )  # fmt: skip
        if args.optimizer == "owlqn":
            return mllib.run_owlqn(
                data, gradient, corrections, tol, args.iterations, args.reg, start, callback=told
            )
        return mllib.run_lbfgs(
            data, gradient, updater, corrections, tol, args.iterations, args.reg, start,
            callback=told,
        )  # fmt: skip


def _told(progress: report.Progress) -> Any:
    """The optimizers' callback as an epoch's."""
    last = time.perf_counter()

    def tell(iteration: int, loss: float) -> None:
        nonlocal last
        now = time.perf_counter()
        if iteration:
            progress(
                SimpleNamespace(
                    epoch=iteration, loss=loss, seconds=now - last, evaluation_seconds=0.0
                )
            )
        last = now

    return tell


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """What the optimizers log, a line each on stderr."""
    logger = logging.getLogger("hogwild.mllib")
    handler = _Notes()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        report.note(f"warning: {record.getMessage()}")


def _words(record: Any) -> str:
    return f"loss {record.loss:#.5g}"


def _model(args: Namespace, updater: str, weights: Any) -> Any:
    """The model of the weights; of two classes, or a number, the intercept stands apart."""
    if args.classes > 2:
        width = len(weights) // (args.classes - 1) - args.intercept
        return mllib.LogisticRegressionModel(weights, 0.0, width, args.classes)
    intercept = float(weights[-1]) if args.intercept else 0.0
    own = weights[:-1] if args.intercept else weights
    if args.gradient == "logistic":
        return mllib.LogisticRegressionModel(own, intercept)
    if args.gradient == "hinge":
        return mllib.SVMModel(own, intercept)
    kinds = {"l1": mllib.LassoModel, "l2": mllib.RidgeRegressionModel}
    return kinds.get(updater, mllib.LinearRegressionModel)(own, intercept)


# ---- what is printed ---------------------------------------------------------------------------


def _summary(args: Namespace, record: dict[str, Any]) -> dict[str, str]:
    losses = record["losses"]
    rows = {
        "rows": str(record["rows"]),
        "loss": f"{record['gradient']}, updater {record['updater']}, reg {record['reg']:g}",
        "objective": f"{losses[-1]:.6g}, from {losses[0]:.6g}" if losses else "not measured",
        "iterations": f"{record['iterations']} of {args.iterations}: {record['stopped']}",
        "losses": f"{len(losses)}, in {record['passes']} passes over the rows",
        "seconds": f"{record['timings']['fit']:.2f}, {record['timings']['read']:.2f} to read",
    }
    if record["test"] is not None:
        measured = dict(record["test"])
        rows["test rows"] = str(measured.pop("rows"))
        for name, words in report.metric_words(measured).items():
            rows[f"test {name}"] = words
    rows["model"] = args.model or "not kept; --model PATH keeps it"
    return rows
