"""``hogwild data list`` and ``hogwild data fetch``: public data sets, and how to get them."""

import sys
import textwrap
from argparse import Namespace

from hogwild.cli import report
from hogwild.cli.command import Commands, add_command, subcommands
from hogwild.data import CATALOGUE, DataSet, find_data_set
from hogwild.data.fetch import fetch


def add(commands: Commands) -> None:
    """Add the two."""
    data = commands.add_parser(
        "data",
        help="list public data sets, download some",
        description="List public data sets, download some.",
        epilog="example:\n  hogwild data fetch movielens-1m --to data",
    )
    parts = subcommands(data)
    add_command(
        parts,
        "list",
        list_all,
        "tell which data sets are known, and under which terms",
        "example:\n  hogwild data list",
        "Print name, task, sizes and terms of every data set that the package knows.",
        "[--json]",
    )
    parser = add_command(
        parts,
        "fetch",
        fetch_one,
        "download a data set and check it",
        "example:\n  hogwild data fetch movielens-1m --to data",
        "Download a data set, check it against the known checksum, unpack what is needed\n"
        "of it, and print the path of the ratings. The terms of use lie beside them.",
        "NAME [--to DIR] [--url URL] [--quiet] [--json]",
    )
    names = ", ".join(entry.name for entry in CATALOGUE if entry.archive is not None)
    parser.add_argument("name", metavar="NAME", help=names)
    parser.add_argument(
        "--to", default=".", metavar="DIR", help="where its folder is made (default: here)"
    )
    parser.add_argument("--url", metavar="URL", help="another place of the same archive")
    parser.add_argument("--quiet", action="store_true", help="print the path only")


def list_all(args: Namespace) -> int:
    """Print the catalogue."""
    if args.json:
        report.emit_json({"data_sets": [_record(entry) for entry in CATALOGUE]})
        return 0
    for entry in CATALOGUE:
        sizes = f"{entry.rows} rows, {entry.features} features"
        if entry.users:
            sizes = f"{entry.rows} rows, {entry.users} users, {entry.features} items"
        report.emit_line(f"{entry.name}\n    {entry.task}, {sizes}\n    from {entry.source}")
        for line in textwrap.wrap(f"terms: {entry.licence}", 74):
            report.emit_line(f"    {line}")
        if entry.archive is not None:
            report.emit_line(f"    hogwild data fetch {entry.name}")
    return 0


def _record(entry: DataSet) -> dict[str, object]:
    names = ("name", "task", "rows", "users", "features", "form", "licence", "source")
    record = {name: getattr(entry, name) for name in names}
    return record | {"url": entry.archive.url if entry.archive else None}


def fetch_one(args: Namespace) -> int:
    """Download, and print where the ratings are."""
    entry = find_data_set(args.name)
    quiet = args.quiet or args.json
    if not quiet:
        report.note(f"{entry.name}: {entry.licence}")
    bar = _Bar(entry.name, sys.stderr.isatty() and not quiet)
    try:
        path = fetch(args.name, args.to, url=args.url, progress=bar)
    finally:
        bar.close()
    if args.json:
        report.emit_json({"name": entry.name, "path": str(path), "licence": entry.licence})
    else:
        report.emit_line(str(path))
    return 0


class _Bar:
    """One line on a terminal that tells how much has come, and goes when all has."""

    def __init__(self, name: str, is_shown: bool):
        self._name, self._is_shown = name, is_shown
        self._percent = -1

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // total
        if self._is_shown and percent != self._percent:
            self._percent = percent
            sys.stderr.write(f"\r{self._name}: {percent:3d} % of {total / 1e6:.1f} MB")
            sys.stderr.flush()

    def close(self) -> None:
        if self._percent >= 0:
            sys.stderr.write(report.ERASE_LINE)
            sys.stderr.flush()
