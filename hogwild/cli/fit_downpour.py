"""A fit by Downpour SGD: run it, write the model, say what the exchanges were like.

Contract: as for every ``fit``: the model is written before the summary is printed.

Called by ``cli.fit`` and ``cli.fit_factors`` for ``--schedule downpour``, and by ``cli.downpour``.
"""

import dataclasses
import secrets
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hogwild.cli import report
from hogwild.cli.downpour_log import log_on_stderr
from hogwild.cli.downpour_options import (
    NOT_OF_FACTORS,
    NOT_OF_LINEAR,
    check_penalty,
    exchange_of,
    refuse_others,
)
from hogwild.cli.downpour_work import Work, factor_work, linear_work
from hogwild.cli.fit_options import step_of
from hogwild.downpour import DownpourFit, fit_downpour
from hogwild.downpour.record import mean_staleness

STALE_BINS = ((0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, None))
BAR = 10  # marks of the whole histogram


def run_linear(args: Namespace) -> int:
    """Fit a linear model."""
    if args.train == args.test == "-":
        raise ValueError("standard input can be TRAIN or --test, not both")
    refuse_others(args, NOT_OF_LINEAR)
    check_penalty(args)
    exchange = exchange_of(args) | {"step": step_of(args)}
    return fit_and_tell(args, linear_work(args), exchange, seed_of(args))


def run_factors(args: Namespace) -> int:
    """Fit factors."""
    refuse_others(args, NOT_OF_FACTORS)
    if not isinstance(args.reg, float):
        raise ValueError("--schedule downpour takes one --reg, for users and items alike")
    seed = seed_of(args)
    exchange = exchange_of(args) | {"step": args.step}
    return fit_and_tell(args, factor_work(args, seed), exchange, seed)


def seed_of(args: Namespace) -> int:
    """Return the seed that was asked for, or a new one."""
    # short, so that it can be typed and survives every JSON reader
    return secrets.randbits(32) if args.seed is None else args.seed


def fit_and_tell(
    args: Namespace, work: Work, exchange: dict[str, Any], seed: int, **serving: Any
) -> int:
    """Fit, write the model, print the summary; `serving` is what a run that others join needs."""
    # who comes is news only where somebody else may
    quiet = args.quiet or not serving
    with report.Progress(args.epochs, args.quiet) as progress, log_on_stderr(quiet=quiet):
        fit = fit_downpour(
            work.train, validation=work.test, callback=progress, epochs=args.epochs, seed=seed,
            start_method=args.start_method, **exchange, **work.model, **serving,
        )  # fmt: skip
    fit.model = work.kept(fit.model)
    if args.model is not None:
        fit.model.save(args.model)
    record = _record(args, work, exchange, fit)
    if args.json:
        report.emit_json(record)
    else:
        report.emit_table(_summary(args, record))
    return 0


def _record(
    args: Namespace, work: Work, exchange: dict[str, Any], fit: DownpourFit
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    stale = fit.staleness
    shown = {name: value for name, value in exchange.items() if name not in ("step", "local_step")}
    return {
        "model": args.model,
        "train": getattr(args, "train", None) or args.ratings,
        "schedule": "downpour",
        **work.told,
        **work.model,
        **shown,
        "seed": fit.seed,
        "epochs": len(fit.history),
        "stopped": fit.stopped,
        "objective": fit.history[-1].objective,
        "test": None if args.test is None else work.measured(fit),
        "updates": sum(epoch.updates for epoch in fit.history),
        "fetches": sum(epoch.fetches for epoch in fit.history),
        "pushes": sum(epoch.pushes for epoch in fit.history),
        "staleness": {
            "mean": mean_staleness(stale),
            "largest": max(stale, default=0),
            "counts": {str(value): stale[value] for value in sorted(stale)},
        },
        "worked": len(fit.work),
        "dropped": fit.dropped,
        "restored": fit.restored,
        "work": {str(number): done for number, done in fit.work.items()},
        "timings": fit.timings,
        "history": [dataclasses.asdict(epoch) for epoch in fit.history],
    }


def _summary(args: Namespace, record: dict[str, Any]) -> dict[str, str]:
    """Return what is printed without ``--json``, name by name."""
    history, seconds = record["history"], record["timings"]
    first, last = history[0]["step"], history[-1]["step"]
    counts = Counter({int(value): count for value, count in record["staleness"]["counts"].items()})
    rows = {
        "loss": f"{record['loss']}, {_model_words(record)}",
        "objective": f"{record['objective']:.6g}",
        "epochs": f"{record['epochs']} of {args.epochs}",
        "step": f"{first:.4g}" if first == last else f"{first:.4g} falling to {last:.4g}",
        "rule": f"{record['rule']}, batches of {record['batch_size']}, a fetch every "
        f"{record['n_fetch']}, a push every {record['n_push']}",
        "replicas": f"{record['worked']} at work, {_lost(record['dropped'], 'dropped')}",
        "shards": f"{record['shards']}, {_lost(record['restored'], 'restored')}",
        "pushes": f"{record['pushes']:,} of {record['updates']:,} gradients",
        "staleness": f"mean {record['staleness']['mean']:.3g}, "
        f"largest {record['staleness']['largest']}",
        "  of pushes": stale_words(counts),
        "seconds": f"{seconds['epochs']:.2f} in updates, {seconds['evaluation']:.2f} in measuring, "
        f"{seconds['start']:.2f} to start",
        "seed": str(record["seed"]),
    }
    if record["test"] is not None:
        skipped = ("rows", "entries_ignored", "unknown")
        metrics = {k: v for k, v in record["test"].items() if k not in skipped}
        for name, words in report.metric_words(metrics).items():
            rows[f"test {name}"] = words
    rows["model"] = args.model or "not kept; --model FILE keeps it"
    return rows


def _model_words(record: Mapping[str, Any]) -> str:
    if "penalty" in record:
        return f"penalty {record['penalty']}"
    return f"{record['n_factors']} factors, reg {record['reg']:g}"


def _lost(numbers: list[int], what: str) -> str:
    """Return how many were lost, and which.

    >>> _lost([], "dropped"), _lost([2, 5], "restored")
    ('none dropped', '2 restored (number 2, 5)')
    """
    if not numbers:
        return f"none {what}"
    which = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    return f"{len(numbers)} {what} (number {which})"


def stale_words(counts: Counter[int]) -> str:
    """Return a histogram in one line: what share of the pushes was how stale.

    Examples
    --------
    >>> stale_words(Counter({0: 50, 1: 25, 2: 15, 3: 10}))
    '0 ##### 50 %, 1 ## 25 %, 2-3 ## 25 %'
    """
    known = {stale: count for stale, count in counts.items() if stale >= 0}
    total = sum(known.values())
    parts = []
    for low, high in STALE_BINS:
        count = sum(c for s, c in known.items() if s >= low and (high is None or s <= high))
        if not count:
            continue
        name = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
        marks = "#" * max(1, round(BAR * count / total))
        share = 100 * count / total
        parts.append(f"{name} {marks} {share:.0f} %" if share >= 0.5 else f"{name} # <1 %")
    if counts[-1]:
        parts.append(f"{counts[-1]:,} across a restart")
    return ", ".join(parts) or "none"
