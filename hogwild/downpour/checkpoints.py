"""A shard that keeps a copy of itself in a file, without holding anybody up.

::

    push, push, push ...        under the shard's lock, as ever
         copy of the state      under it too: some milliseconds for a million parameters
              file              written outside, by a thread of its own, put in place whole

Every `seconds`, or every `pushes`, whichever is first, and only if something has changed; less
often where writing takes long, so that it never takes more than a twentieth of the time.  The file
is numpy's ``.npz`` without pickle.  How many pushes were applied is told in shared memory, which
outlives the process: so the parent knows how many a death has cost.

Called by ``downpour.shards``, in the shard's process.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from hogwild.data.npz_file import read_npz, write_npz
from hogwild.downpour.shard import Shard
from hogwild.engine.shared import SharedArray
from hogwild.errors import DataError

KIND, FORMAT = "hogwild-shard", 1
_REST = 19.0  # what comes between two checkpoints, in times of what one takes
_log = logging.getLogger("hogwild.downpour")


def write_state(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write what ``Shard.state()`` has returned; the file is there whole, or as it was before.

    Raises
    ------
    ValueError
        For numbers, outside of the arrays, that are not finite.
    OSError
        It can't be written.
    """
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    write_npz(path, KIND, FORMAT, {"state": _plain(state)}, arrays)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `write_state` has written.

    Raises
    ------
    DataError
        The file is no shard's, or is damaged.
    """
    header, arrays = read_npz(path, KIND, FORMAT, ())
    if not isinstance(header.get("state"), dict):
        raise DataError("the shard's numbers are missing", path=os.fspath(path))
    return {**header["state"], **arrays}


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not isinstance(value, np.ndarray)}


class KeptShard:
    """A shard as its process serves it: the shard's methods, and the checkpoints.

    Parameters
    ----------
    path : str or path-like
        Where the state to begin with is, and where the checkpoints go.
    life : int
        The shard's, from now on.
    pushed : SharedArray, shape (n_shards,), int64
        Told there at `number`: how many pushes are in the shard.
    seconds : float
        Between two checkpoints.
    pushes : int, optional
        A checkpoint is also due after so many.
    """

    exposed: tuple[str, ...] = (*Shard.exposed, "checkpoint")

    def __init__(
        self,
        path: str | os.PathLike[str],
        life: int,
        pushed: SharedArray,
        number: int,
        seconds: float,
        pushes: int | None = None,
    ):
        state = read_state(path)
        self._shard = Shard.from_state(state, life)
        self._path = Path(path)
        self._pushed, self._number = pushed.array, number
        self._seconds, self._every = seconds, pushes
        self._count = threading.Lock()
        self._pushed[number] = self._saved = int(state["pushes"])
        self._told = _plain(state)  # of the last checkpoint
        self._writing, self._due = threading.Lock(), threading.Event()
        threading.Thread(target=self._keep, name="checkpoints", daemon=True).start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shard, name)

    def push(self, *arguments: Any, **named: Any) -> int:
        """Push, as ``Shard.push``, and count."""
        staleness = self._shard.push(*arguments, **named)
        with self._count:
            self._pushed[self._number] += 1
            due = self._every is not None and self._due_after(self._every)
        if due:
            self._due.set()
        return staleness

    def set_step(self, step: float) -> None:
        """Change the learning rate, and keep it: a restore must not bring the old one back."""
        self._shard.set_step(step)
        self._try_checkpoint()

    def checkpoint(self) -> int:
        """Write a checkpoint now, if anything has changed; return the pushes that it has.

        Raises
        ------
        OSError
            It can't be written; the one before is still there.
        """
        with self._writing:
            state = self._shard.state()
            told = _plain(state)
            if told != self._told:
                write_state(self._path, state)
                self._told, self._saved = told, int(state["pushes"])
            return self._saved

    def _due_after(self, every: int) -> bool:
        return int(self._pushed[self._number]) - self._saved >= every

    def _keep(self) -> None:
        pause = self._seconds
        while True:
            self._due.wait(pause)
            self._due.clear()
            begin = time.monotonic()
            self._try_checkpoint()
            # a large shard must not do nothing but write itself down
            pause = max(self._seconds, _REST * (time.monotonic() - begin))

    def _try_checkpoint(self) -> None:
        try:
            self.checkpoint()
        except Exception as error:  # a full disk, say: it may be less full the next time
            _log.warning("no checkpoint of shard %d: %s", self._number, error)
