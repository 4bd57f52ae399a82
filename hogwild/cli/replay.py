"""``hogwild trace replay``: a recorded factor run again, in one process: the same bits?"""

from argparse import Namespace
from typing import Any

from hogwild.cli import report
from hogwild.cli.command import Commands, add_command
from hogwild.cli.factor_data import read_again
from hogwild.cli.factor_report import bar_words
from hogwild.cli.ratings_options import OPTIONS, RATINGS_HELP, add_ratings_layout, layout_of
from hogwild.engine.trace import Trace
from hogwild.errors import DataError
from hogwild.models import replay_factors

OTHER_BITS = 3


def add(kinds: Commands) -> None:
    """Add ``replay`` to the commands of ``trace``."""
    parser = add_command(
        kinds,
        "replay",
        run,
        "run a recorded factor fit again, and compare the bits",
        "example:\n  hogwild fit factors ratings.dat --trace run.jsonl\n"
        "  hogwild trace replay run.jsonl ratings.dat",
        "Take the blocks of a recorded run one by one, in one process, and tell whether\n"
        "that gives the same bits (exit code 3 if not). RATINGS is the file that was\n"
        "fitted to; how it was read, and what was taken away for validation, is in the\n"
        "trace of `fit factors`.",
        "TRACE RATINGS [--json]",
    )
    parser.add_argument("trace", metavar="TRACE", help="what fit factors --trace has written")
    parser.add_argument("ratings", metavar="RATINGS", help=RATINGS_HELP)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_ratings_layout(parser, default="as the trace says")


def run(args: Namespace) -> int:
    """Print what came of it."""
    trace = Trace.read(args.trace)
    ratings, _ = read_again(args.ratings, _reading(trace, args))
    epochs = trace.events[-1].epoch if trace.events else 0
    with report.Progress(epochs, args.quiet, bar_words("squared", "")) as progress:
        found = replay_factors(trace, ratings, callback=progress)
    if args.json:
        report.emit_json(
            {"trace": args.trace, "ratings": args.ratings, "same": found.same}
            | {"epochs": found.epochs, "n_blocks": found.n_blocks, "n_workers": found.n_workers}
            | {"digest": found.digest, "recorded": found.recorded}
            | {"differs_after": found.differs_after}
        )
    else:
        report.emit_line(found.sentence)
    return 0 if found.same else OTHER_BITS


def _reading(trace: Trace, args: Namespace) -> dict[str, Any]:
    """Return how the ratings are to be read: as the run did, but for what is said now."""
    run = trace.header.get("run")
    told = run.get("reading") if isinstance(run, dict) else None
    reading = {"layout": {}} if told is None else told
    layout = reading.get("layout") if isinstance(reading, dict) else None
    if not isinstance(layout, dict) or not set(layout) <= set(OPTIONS):
        raise DataError("the header does not tell how to read the ratings", path=args.trace, line=1)
    return {**reading, "layout": layout | layout_of(args)}
