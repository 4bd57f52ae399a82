"""What the user sees: results on stdout, as text or one JSON object; notes and bar on stderr.

Used by every command.
"""

import math
import os
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from hogwild.data.plain_json import to_json
from hogwild.data.textio import replacing

NAMES = {"log_loss": "log loss", "auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
ERASE_LINE = "\r\x1b[K"


def note(message: str) -> None:
    """Say something that is not a result."""
    sys.stderr.write(f"hogwild: {message}\n")


def emit_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object; NaN and infinities become null."""
    sys.stdout.write(to_json(record) + "\n")


def emit_line(line: str) -> None:
    """Print one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def emit_table(rows: Mapping[str, str]) -> None:
    """Print a name and its value a line, the values one below the other."""
    width = max(map(len, rows))
    for name, value in rows.items():
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def plain(value: float) -> str:
    """Return the shortest decimal that reads back to the same bits, 1 for 1.0.

    Examples
    --------
    >>> plain(-1.0), plain(0.1)
    ('-1', '0.1')
    """
    return repr(float(value)).removesuffix(".0")


def metric_words(metrics: Mapping[str, float]) -> dict[str, str]:
    """Return metrics as they are shown.

    Examples
    --------
    >>> metric_words({"rmse": 0.5, "r2": float("nan")})
    {'RMSE': '0.5', 'R2': 'not defined'}
    """
    return {
        NAMES.get(name, name): "not defined" if math.isnan(value) else f"{value:.5g}"
        for name, value in metrics.items()
    }


def emit_predictions(args: Namespace, record: Mapping[str, Any], values: list[float]) -> None:
    """Write the predictions of a linear model, a line each or as JSON, where they are wanted."""
    if args.output == "-" and args.json:
        emit_json({**record, "probabilities" if args.proba else "predictions": values})
        return
    with replacing(args.output) as file:
        file.write("".join(f"{plain(value)}\n" for value in values).encode("ascii"))
    if args.json:
        emit_json({**record, "output": args.output})


def emit_metrics(args: Namespace, n_rows: int, ignored: int, metrics: Mapping[str, float]) -> None:
    """Print the metrics of a linear model, as a table or as JSON."""
    if args.json:
        told = {"model": args.model, "data": args.data, "rows": n_rows, "entries_ignored": ignored}
        emit_json({**told, **metrics})
    else:
        emit_table({"rows": str(n_rows)} | metric_words(metrics))


class Progress:
    """The callback of a fit: a bar if stderr is a terminal, nothing if it is not.

    Without the extra ``progress`` a terminal gets a line an epoch.

    Parameters
    ----------
    epochs : int
    quiet : bool
        Show nothing on a terminal either.
    words : callable, optional
        ``words(epoch_record)``: what the bar says of an epoch; by default objective and metrics.
    done : int
        Epochs made before, by a run that this one goes on from.
    """

    def __init__(
        self,
        epochs: int,
        quiet: bool,
        words: Callable[[Any], str] | None = None,
        done: int = 0,
    ):
        self.epochs, self.done = epochs, done
        self._words = _objective_words if words is None else words
        self._begun = time.monotonic()
        self._shown = not quiet and sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            self._bar = _make_bar(self.epochs, self.done)
        self._begun = time.monotonic()
        return self

    def __call__(self, record: Any) -> None:
        """Show an epoch."""
        if not self._shown:
            return
        words = self._words(record)
        if self._bar is None:
            seconds = record.seconds + record.evaluation_seconds
            mean = (time.monotonic() - self._begun) / (record.epoch - self.done)
            left = mean * (self.epochs - record.epoch)
            note(f"epoch {record.epoch}/{self.epochs}: {words}, {seconds:.2f} s, {left:.0f} s left")
            return
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.update()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            sys.stderr.write(ERASE_LINE)  # the ^C that a terminal echoes, too
            sys.stderr.flush()


def _objective_words(record: Any) -> str:
    words = f"objective {record.objective:#.5g}"
    for name in ("accuracy", "rmse"):
        if name in record.validation:
            words += f", test {NAMES.get(name, name)} {record.validation[name]:#.4g}"
    return words


def _make_bar(epochs: int, done: int) -> Any:
    """Return a bar that leaves no trace on the terminal: the summary repeats what it has shown."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread of tqdm's: forking with threads is an error waiting

    # tqdm's own lock is a semaphore shared among processes, and outlives a killed program
    Bar.set_lock(threading.RLock())
    size = os.get_terminal_size(sys.stderr.fileno())  # 0 by 0 where nobody has set it
    return Bar(
        total=epochs,
        initial=done,
        file=sys.stderr,
        leave=False,
        ncols=(size.columns or 80) - len("^C") - 1,
        nrows=size.lines or 24,
        bar_format="epoch {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}",
    )
