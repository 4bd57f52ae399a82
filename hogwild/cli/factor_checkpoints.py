"""The checkpoint of ``hogwild fit factors``: where it is, what is said of it, when it goes.

Used by ``cli.fit_factors``.
"""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from hogwild.cli import report
from hogwild.cli.interrupt import unhidden
from hogwild.errors import DivergenceError, ManagerDied, WorkerDied, WorkerFailed
from hogwild.models.factor_checkpoint import look_into

Stamp = tuple[int, int] | None


class RunFile:
    """The checkpoint that the options ask for, if any.

    Attributes
    ----------
    path : str or None
        ``--checkpoint``; else beside ``--model``, for as long as the run lasts.
    done : int
        The epochs that the run to go on from has made.
    seed : int or None
        ``--seed``, or that of the run to go on from.
    """

    def __init__(self, args: Namespace):
        self.path: str | None = args.checkpoint
        self._passing = self.path is None
        if self.path is None and args.model is not None and args.start_from is None:
            self.path = f"{args.model}.checkpoint"
        if args.start_from is not None and (args.checkpoint is not None or args.resume):
            raise ValueError("a checkpoint does not hold the factors of --start-from: leave it out")
        if args.resume and self.path is None:
            raise ValueError("--resume needs the --checkpoint, or --model, of the run that stopped")
        self.epochs, self.done, self.seed = args.epochs, 0, args.seed
        self._before: Stamp = None
        if args.resume and self.path is not None:
            self.done, seed = look_into(self.path)
            self.seed = seed if args.seed is None else args.seed
        elif self.path is not None:
            self._before = _stamp(self.path)  # of another run: nothing is said of that one

    @contextmanager
    def told_of(self) -> Iterator[None]:
        """Say what the file holds if the run is stopped; remove it when it serves no more."""
        try:
            with unhidden():
                yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._sentence()) from None
        except (WorkerDied, WorkerFailed, ManagerDied, OSError, MemoryError):
            if self._has_epochs():
                report.note(f"stopped{self._sentence()}")
            raise
        except DivergenceError:
            self._remove()  # whoever goes on from there, gets there again
            raise
        self._remove()

    def _sentence(self) -> str:
        if self.path is None:
            return ""
        if not self._has_epochs():
            return " before the first epoch's end"
        kept = look_into(self.path)
        return (
            f"; {self.path} holds epoch {kept.epoch} of {self.epochs}: "
            "the same command with --resume goes on from there"
        )

    def _has_epochs(self) -> bool:
        return self.path is not None and _stamp(self.path) not in (None, self._before)

    def _remove(self) -> None:
        if self._passing and self.path is not None and self._has_epochs():
            os.unlink(self.path)


def _stamp(path: str) -> Stamp:
    """Return what tells one file of that name from the next; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
