"""``hogwild reproduce``: the articles' tables and figures again, in a folder that it names."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from hogwild.cli import report
from hogwild.cli.command import Commands, add_command


def add(commands: Commands) -> None:
    """Add ``reproduce``."""
    parser = add_command(
        commands,
        "reproduce",
        run,
        "compute the articles' published figures again",
        "example:\n  hogwild reproduce fpsgd --data ml-1m --output report",
        "Compute the articles' published figures again, print them beside ours, and write\n"
        "a page with the plots, and the numbers as JSON, to a folder.\n"
        "All articles take about 3 minutes of processor time on two quiet cores with\n"
        "numba, about 6 without it; on a busy machine you wait a multiple of that.",
        "[TARGET ...] [--data DIR] [--output DIR] [--json]",
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="which articles: blog, fpsgd, mllib, downpour, ffm (default: all)",
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder with MovieLens (100k, 1M, 10M or 20M, as GroupLens has them), for fpsgd; of "
        "several in it the first of 1M, 10M, 20M, 100k is taken; or with Spark's "
        "sample_libsvm_data.txt, for mllib, which otherwise takes that of an installed pyspark; or "
        "with a8a, for downpour; or with bigdata.tr.txt and bigdata.te.txt of libFFM, for ffm; "
        "default: data are made",
    )
    parser.add_argument(
        "--output",
        default="hogwild-report",
        metavar="DIR",
        help="folder for the report (default: hogwild-report)",
    )
    parser.add_argument(
        "--seeds", type=_seeds, metavar="N,N", help="of the blog's data (default: 0,1,2,3,4)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the page's path only")


def run(args: argparse.Namespace) -> int:
    """Run the targets; ``--json`` prints what report.json holds, and where the page is."""
    # the drawing libraries are slow to import, and no other command needs them
    from hogwild.reproduce import blog_plan, plans_with
    from hogwild.reproduce import run as reproduce

    plans: dict[str, Any] = {}
    if args.seeds:
        plans["blog"] = dataclasses.replace(blog_plan.full_plan(), seeds=args.seeds)
    if args.data is not None:
        # a wrong folder is found out before anything is run
        plans |= plans_with(Path(args.data), args.targets)
    quiet = args.quiet or args.json
    page = reproduce(
        args.targets,
        Path(args.output),
        _silence if quiet else report.emit_line,
        progress=_silence if quiet else _tell,
        plans=plans,
    )
    if args.json:
        numbers = json.loads(page.with_name("report.json").read_text(encoding="utf-8"))
        report.emit_json({"page": str(page), **numbers})
    elif args.quiet:
        report.emit_line(str(page))
    return 0


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = (-1,)
    if min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"must be whole numbers with commas, got {text!r}")
    return seeds


def _tell(line: str) -> None:
    """Say how far it is, apart from the results."""
    sys.stderr.write(line + "\n")


def _silence(line: str) -> None:
    """Say nothing."""
