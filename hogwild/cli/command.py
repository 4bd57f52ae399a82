"""What the commands' parsers share: one-line errors, types that say what they accept.

Used by the modules of this folder that add a command.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

WRONG_USAGE = 2

Commands = Any  # argparse has no public name for what add_subparsers returns


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the example's lines, and whose columns begin at the same place."""

    def __init__(self, prog: str):
        super().__init__(prog)
        self._action_max_length = 16

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        if action.nargs == argparse.PARSER:  # a list of commands needs no line above that says so
            text = text.partition("\n")[2]
        return text


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes options by their whole names, and whose errors are one line."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, formatter_class=Help, **options)

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, and where to read more."""
        self.exit(WRONG_USAGE, f"hogwild: error: {message} (see {self.prog} --help)\n")


def subcommands(parser: argparse.ArgumentParser) -> Commands:
    """Return what commands can be added to; without one of them the parser shows its help."""

    def show_help(args: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return WRONG_USAGE

    parser.set_defaults(run=show_help)
    return parser.add_subparsers(title="commands", metavar="COMMAND")


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    epilog: str,
    description: str,
    usage: str,
) -> Parser:
    """Add a command that ``run(args)`` carries out, with the options that all have."""
    parser: Parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        usage=f"%(prog)s {usage}",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_reading(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add how LIBSVM files are to be read."""
    parser.add_argument(
        "--zero-based", action="store_true", help="the file counts its columns from 0, not from 1"
    )


def whole(least: int) -> Callable[[str], int]:
    """Return a type for argparse: a whole number, `least` or more.

    Examples
    --------
    >>> whole(1)("3")
    3
    """

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number, {least} or more, got {text!r}"
            )
        return value

    return parse


def number(accepted: str, test: Callable[[float], bool]) -> Callable[[str], float]:
    """Return a type for argparse: a finite number that passes the test.

    Examples
    --------
    >>> number("above 0", lambda x: x > 0)("1e-4")
    0.0001
    """

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and test(value)):
            raise argparse.ArgumentTypeError(f"must be a number {accepted}, got {text!r}")
        return value

    return parse


ABOVE_0 = number("above 0", lambda x: x > 0.0)
FROM_0 = number("of 0 or more", lambda x: x >= 0.0)
SHARE = number("from 0 to 1", lambda x: 0.0 <= x <= 1.0)
UP_TO_1 = number("above 0 and at most 1", lambda x: 0.0 < x <= 1.0)


def check_outputs(outputs: list[str | None], inputs: list[str | None]) -> None:
    """Raise before the work, not after it, if a result can't be written or would replace an input.

    Raises
    ------
    ValueError
        Two outputs, or an output and an input, are the same file.
    OSError
        An output's folder does not exist, or it is a folder itself.
    """
    taken = {Path(name).resolve() for name in inputs if name is not None and name != "-"}
    for name in outputs:
        if name is None or name == "-":
            continue
        path = Path(name).resolve()
        if path in taken:
            raise ValueError(f"{name} is named twice: results need a file of their own")
        taken.add(path)
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder, not a file to write to", name)
        if not path.parent.is_dir():
            raise FileNotFoundError(2, "its folder does not exist", name)
