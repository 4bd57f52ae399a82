"""What Downpour's log tells, as notes on stderr: who came and went, and who was not let in.

The servers are processes of their own: those that are forked have this handler too, and say
themselves whom they refused.

Used by ``cli.fit_downpour`` and ``cli.downpour``.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hogwild.cli.report import ERASE_LINE


class _Notes(logging.Handler):
    """Writes a line for each record; above a bar, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("listening at"):
            return  # of each of several servers; the command has said it once
        level = "warning: " if record.levelno >= logging.WARNING else ""
        note_above_bar(f"{level}{record.getMessage()}")


def note_above_bar(message: str) -> None:
    """Say something where a bar may be, which is drawn again after its next epoch."""
    sys.stderr.write(f"{ERASE_LINE if sys.stderr.isatty() else ''}hogwild: {message}\n")
    sys.stderr.flush()


@contextmanager
def log_on_stderr(*, quiet: bool) -> Iterator[None]:
    """Show the log meanwhile; `quiet` leaves the warnings."""
    log = logging.getLogger("hogwild.downpour")
    before = log.level, log.propagate
    handler = _Notes()
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
