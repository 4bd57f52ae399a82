"""``hogwild trace``: check what a run has recorded, draw it, replay it.

Contract: each action is a function that reads one trace; a further one is added in ``add``.
"""

import argparse
import sys
import textwrap
from argparse import Namespace
from pathlib import Path

from hogwild.cli import replay, report
from hogwild.cli.command import Commands, add_command, check_outputs, subcommands
from hogwild.data.textio import replacing
from hogwild.engine.gantt import gantt
from hogwild.engine.trace import Trace

RULE_BROKEN = 3
PICTURES = (".png", ".svg", ".pdf")


def add(commands: Commands) -> None:
    """Add ``trace`` with its actions."""
    trace = commands.add_parser(
        "trace",
        help="check, draw or replay what a run has recorded",
        description="Check, draw or replay what a run has recorded.",
        epilog="example:\n  hogwild trace check run.jsonl",
    )
    actions = subcommands(trace)
    _add_check(actions)
    _add_plot(actions)
    replay.add(actions)


def _add_check(actions: Commands) -> None:
    parser = add_command(
        actions,
        "check",
        check,
        "tell whether a trace keeps the rules",
        "example:\n  hogwild fit linear train.txt --trace run.jsonl\n"
        "  hogwild trace check run.jsonl",
        "Print OK and what was looked at, or one sentence that says which line breaks\n"
        "which rule of the schedule (exit code 3).",
        "TRACE [--json]",
    )
    parser.add_argument("trace", metavar="TRACE", help="what fit --trace has written")


def _add_plot(actions: Commands) -> None:
    parser = add_command(
        actions,
        "plot",
        plot,
        "draw who worked on which block, and who waited",
        "example:\n  hogwild trace plot run.jsonl --epochs 1-3 --output gantt.png",
        "Draw a Gantt chart: a lane for each worker, a bar for each block.\nNeeds the extra plot.",
        "TRACE [--output FILE] [--epochs FIRST-LAST] [--json]",
    )
    parser.add_argument("trace", metavar="TRACE", help="what fit --trace has written")
    parser.add_argument(
        "--out",
        "--output",
        dest="output",
        metavar="FILE",
        help="picture to write: .png, .svg or .pdf (default: TRACE's name with .png)",
    )
    parser.add_argument(
        "--epochs",
        type=_epochs,
        metavar="N-N",
        help="the first and the last epoch to draw (default: as many as can be told apart)",
    )


def check(args: Namespace) -> int:
    """Print OK and what was verified, or what is wrong."""
    trace = Trace.read(args.trace)
    problem = trace.check()
    if args.json:
        found = {"trace": args.trace, "ok": problem is None, "problem": problem}
        if problem is None:
            found |= {"summary": trace.summary(), "conflicts": len(trace.conflicts())}
        report.emit_json(found)
    else:
        line = f"OK: {trace.summary()}" if problem is None else f"{args.trace}, {problem}"
        report.emit_line(textwrap.fill(line, 80) if sys.stdout.isatty() else line)
    return 0 if problem is None else RULE_BROKEN


def plot(args: Namespace) -> int:
    """Write the picture, and print its name."""
    output = args.output or _beside(args.trace)
    suffix = Path(output).suffix.lower()
    if suffix not in PICTURES:
        raise ValueError(f"--output must end in one of {', '.join(PICTURES)}, got {output!r}")
    check_outputs([output], [args.trace])
    figure = gantt(Trace.read(args.trace), args.epochs)
    with replacing(output) as file:
        figure.savefig(file, format=suffix[1:], dpi=130)
    if args.json:
        report.emit_json({"trace": args.trace, "picture": output})
    else:
        report.emit_line(output)
    return 0


def _beside(trace: str) -> str:
    """Return the trace's name without its endings, and with .png."""
    if trace == "-":
        return "trace.png"
    path = Path(trace)
    return str(path.with_name(path.name.partition(".jsonl")[0] or path.stem).with_suffix(".png"))


def _epochs(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    try:
        found = int(first), int(last if dash else first)
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1]:
        raise argparse.ArgumentTypeError(f"must be an epoch, or two as in 1-3, got {text!r}")
    return found
