"""What ``hogwild fit factors`` shows: words beside the bar, the summary, the JSON object.

Used by ``cli.fit_factors``.
"""

import dataclasses
import math
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from hogwild.cli import report
from hogwild.cli.factor_data import Data
from hogwild.models import FactorEpoch, FactorFit

Words = Callable[[FactorEpoch], str]

SHOWN = ("n_factors", "loss", "reg", "reg_l1", "biases", "nonnegative", "schedule", "order")


def bar_words(loss: str, watched: str) -> Words:
    """Return the function that says of an epoch: running RMSE, that of the watched ratings, speed.

    >>> words = bar_words("squared", "test")
    >>> words(
    ...     FactorEpoch(1, 0.0, 0.25, {"loss": 1.0, "rmse": 1.0}, 2.0, 0.0, 3_000_000, 0.1, 0.0, ())
    ... )
    'RMSE 0.5000, test 1.000, 1.5 M/s'
    """

    def words(epoch: FactorEpoch) -> str:
        running = math.sqrt(epoch.loss) if loss == "squared" else epoch.loss
        parts = [f"{'RMSE' if loss == 'squared' else 'loss'} {running:#.4g}"]
        for name in ("accuracy", "rmse"):
            if name in epoch.validation:
                parts.append(f"{watched} {epoch.validation[name]:#.4g}")
        return ", ".join([*parts, rate(epoch.updates, epoch.seconds)])

    return words


def rate(updates: int, seconds: float) -> str:
    """Return ratings a second, in few digits.

    >>> rate(3_000_000, 2.0), rate(500, 1.0), rate(1, 0.0)
    ('1.5 M/s', '0.5 k/s', '- /s')
    """
    if seconds <= 0.0:
        return "- /s"
    speed = updates / seconds
    return f"{speed / 1e6:.3g} M/s" if speed >= 1e6 else f"{speed / 1e3:.3g} k/s"


def record_of(
    args: Namespace, settings: dict[str, Any], data: Data, fit: FactorFit
) -> dict[str, Any]:
    """Return what ``--json`` prints, but for the metrics of the model."""
    watched = "validation" if data.validation is not None else "test" if args.test else None
    return {
        "model": args.model,
        "libmf_model": args.libmf_model,
        "trace": args.trace,
        "ratings": args.ratings,
        "n_ratings": len(data.train),
        "n_users": fit.model.n_users,
        "n_items": fit.model.n_items,
        **{name: settings[name] for name in SHOWN},
        "n_workers": len(fit.history[-1].idle),
        "grid": fit.grid,
        "n_blocks": fit.n_blocks,
        "seed": fit.seed,
        "epochs": len(fit.history),
        "stopped": fit.stopped,
        "best_epoch": fit.best_epoch,
        "validation": None,
        "test": None,
        "timings": fit.timings,
        "watched": watched,  # which ratings the history's "validation" is on
        "history": [dataclasses.asdict(epoch) for epoch in fit.history],
    }


def summary_of(args: Namespace, record: dict[str, Any]) -> dict[str, str]:
    """Return what is printed without ``--json``, name by name."""
    history, seconds = record["history"], record["timings"]
    last = history[-1]
    workers = "1 worker" if record["n_workers"] == 1 else f"{record['n_workers']} workers"
    blocks = "{} x {} blocks".format(*record["grid"])
    if record["schedule"] == "hogwild":
        blocks = f"{record['n_blocks']} runs of ratings"
    updates = sum(epoch["updates"] for epoch in history)
    rows = {
        "ratings": f"{record['n_ratings']:,} by {record['n_users']:,} users "
        f"of {record['n_items']:,} items",
        "loss": f"{record['loss']}, {record['n_factors']} factors, reg {_weights(record['reg'])}",
        "schedule": f"{record['schedule']}, {workers}, {blocks}",
        "epochs": f"{record['epochs']} of {args.epochs}{_because(record)}",
        **_resumed(record),
        "step": _steps(history),
        "seconds": f"{seconds['epochs']:.2f} in updates, {seconds['evaluation']:.2f} in measuring, "
        f"{seconds['start']:.2f} to start",
        "speed": rate(updates, seconds["epochs"]).replace("/", " ratings/"),
        "seed": str(record["seed"]),
    }
    if args.loss == "squared":
        rows["running RMSE"] = f"{math.sqrt(last['loss']):.5g}"
    else:
        rows["running loss"] = f"{last['loss']:.5g}"
    if args.objective:
        rows["objective"] = f"{last['objective']:.6g}"
    for kind in ("validation", "test"):
        rows |= _metric_rows(kind, record[kind])
    rows["model"] = args.model or "not kept; --model FILE keeps it"
    for name, path in (("LIBMF model", args.libmf_model), ("trace", args.trace)):
        if path is not None:
            rows[name] = path
    return rows


def _resumed(record: dict[str, Any]) -> dict[str, str]:
    done = record["resumed_after"]
    return {} if done is None else {"resumed": f"from epoch {done}"}


def _because(record: dict[str, Any]) -> str:
    if record["best_epoch"] is None:
        return ""
    ended = " (patience)" if record["stopped"] == "patience" else ""
    return f"{ended}; the model is that of epoch {record['best_epoch']}"


def _steps(history: list[dict[str, Any]]) -> str:
    first, last = history[0]["step"], history[-1]["step"]
    return f"{first:.4g}" if first == last else f"{first:.4g}, {last:.4g} in the end"


def _weights(reg: Any) -> str:
    return f"{reg:g}" if isinstance(reg, float) else "{:g} and {:g}".format(*reg)


def _metric_rows(kind: str, found: dict[str, Any] | None) -> dict[str, str]:
    """Return the metrics' lines; the first says how many ratings count as the mean."""
    if found is None:
        return {}
    metrics = {name: value for name, value in found.items() if name not in ("rows", "unknown")}
    rows = {f"{kind} {name}": words for name, words in report.metric_words(metrics).items()}
    if found["unknown"]:
        first = next(iter(rows))
        rows[first] += f"   {found['unknown']:,} of {found['rows']:,} ratings by the mean"
    return rows
