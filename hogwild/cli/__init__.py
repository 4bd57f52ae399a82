"""The command ``hogwild``: parse, call the package, print; an error is one line and an exit code.

::

    0     all is well
    1     anything else: too little memory, a fault of ours
    2     wrong usage: an option or a value that is not accepted, an extra that is not installed
    3     bad input: a file that is missing, malformed, or a trace that breaks a rule
    4     the fit diverged
    5     a worker or a server died, or failed, or is not there
    130   Ctrl-C
    141   whoever read the output has gone (``| head``), as for every program that SIGPIPE ends

Contract: results go to stdout, everything else to stderr; ``--json`` puts exactly one JSON object
on stdout.  A file that is written appears whole or not at all.  No algorithm lives here: each
module has ``add(commands)``, which adds its parsers, and the functions that call the package.

Called by the entry point ``hogwild`` and by ``python -m hogwild``.
"""

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hogwild import __version__
from hogwild.cli import apply, check, data, downpour, fit, recommend, report, reproduce, trace
from hogwild.cli.command import WRONG_USAGE, Parser, subcommands
from hogwild.cli.interrupt import Interrupt, unhidden
from hogwild.cli.wording import sentence_of, spoken
from hogwild.errors import (
    DataError,
    DivergenceError,
    HogwildError,
    KeyRefused,
    ManagerDied,
    MissingExtra,
    ServerGone,
    WorkerDied,
    WorkerFailed,
)

__all__ = ["main"]

OTHER, BAD_INPUT, DIVERGED, WORKER_DIED, INTERRUPTED, READER_GONE = 1, 3, 4, 5, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of the command line `argv`, by default that of this process.

    Examples
    --------
    >>> main(["--version"])
    hogwild ...
    0
    """
    with _warnings_in_one_line(), Interrupt() as interrupt:
        try:
            return _run(argv)
        except KeyboardInterrupt as end:
            interrupt.over()
            report.note(f"interrupted{end}")
            return INTERRUPTED


def make_parser() -> Parser:
    """Return the parser of every command."""
    parser = Parser(
        prog="hogwild",
        description="Parallel stochastic gradient descent over weights in shared memory.",
        epilog="""examples:
  hogwild fit linear train.txt --loss logistic --model m.npz
  hogwild evaluate m.npz test.txt
  hogwild reproduce

hogwild COMMAND --help tells more. Exit codes: 0 good, 2 wrong usage,
3 bad input, 4 diverged, 5 a worker died, 130 Ctrl-C, 1 anything else.""",
    )
    parser.add_argument("--version", action="version", version=f"hogwild {__version__}")
    parser.set_defaults(debug=False)
    commands = subcommands(parser)
    for module in (fit, apply, recommend, downpour, check, trace, data, reproduce):
        module.add(commands)
    return parser


def _run(argv: Sequence[str] | None) -> int:
    """Parse and run; whatever is raised ends here, but for Ctrl-C."""
    args = Namespace(debug=False)
    try:
        args = make_parser().parse_args(argv)
        with unhidden():
            code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # help, version and wrong usage: argparse has said it all
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        _drop_output()
        return READER_GONE
    except (KeyRefused, ServerGone) as error:  # OSErrors, but of no file
        return _fail(args, _code_of(error), _sentence(error))
    except OSError as error:
        _drop_output()
        named = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        code = BAD_INPUT if named else OTHER
        return _fail(args, code, f"{named}{error.strerror or error}")
    except Exception as error:
        return _fail(args, _code_of(error), _sentence(error))


def _code_of(error: Exception) -> int:
    """Return the exit code; the order matters, since a DataError is a ValueError too."""
    codes: tuple[tuple[type[Exception], int], ...] = (
        (DataError, BAD_INPUT),
        (DivergenceError, DIVERGED),
        (WorkerDied, WORKER_DIED),
        (WorkerFailed, WORKER_DIED),
        (ManagerDied, WORKER_DIED),
        (ServerGone, WORKER_DIED),
        (KeyRefused, BAD_INPUT),
        (MissingExtra, WRONG_USAGE),
        (HogwildError, OTHER),
        (ValueError, WRONG_USAGE),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), OTHER)


def _sentence(error: Exception) -> str:
    """Return the error in one line."""
    first = (sentence_of(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, HogwildError | ValueError):
        return first
    if isinstance(error, MemoryError):
        return f"not enough memory: {first}"
    return f"{type(error).__name__}: {first}; this is a fault of hogwild, --debug shows where"


def _fail(args: Namespace, code: int, message: str) -> int:
    if args.debug:
        traceback.print_exc()
    sys.stderr.write(f"hogwild: error: {message}\n")
    return code


def _drop_output() -> None:
    """Send to nowhere what stdout can't take, or Python complains about it once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        sys.stderr.write(f"hogwild: warning: {spoken(str(message))}\n")

    with warnings.catch_warnings():
        warnings.showwarning = show
        # numpy's, on the way to a divergence that an error will tell in a sentence
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("always", "a .* grid is too small", UserWarning)
        yield
