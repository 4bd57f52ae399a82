"""A replica of Sandblaster: fetches a batch's parameters once, sends a gradient for each portion.

Contract: first the gradient to the slices, then the answer to the table.  A replica that dies in
between has its portion done again by another; slices that had it count it once.

Driven by ``downpour.sandblaster_cluster`` in a process of its own, and in a test turn by turn,
which is why `portion` is a generator: it names what comes next, and then does it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.downpour.portions import Portion, portions_of
from hogwild.downpour.sandblaster_batch import Batch, share_of
from hogwild.downpour.sandblaster_group import SliceGroup

FETCH, COMPUTE, SEND, ANSWER = "fetch", "compute", "send", "answer"


class Answer(NamedTuple):
    """What a replica tells of a portion: the number of rows, and the sum of their losses."""

    rows: int
    loss: float


class BatchReplica:
    """One worker of a batch method.

    Parameters
    ----------
    batch : Batch
    group : SliceGroup
    table : PortionTable, or a proxy of one
    name : str

    Attributes
    ----------
    fetches : int
        How often it took the parameters: once for each batch that it had a portion of.
    """

    def __init__(self, batch: Batch, group: SliceGroup, table: Any, name: str = ""):
        self._batch, self._group, self._table = batch, group, table
        self.number: int = table.join(name)
        self._params: npt.NDArray[Any] | None = None
        self._round: int | None = None
        self.fetches = 0

    def portion(self, portion: Portion) -> Iterator[str]:
        """Work through a portion; yield FETCH, COMPUTE, SEND or ANSWER before each is done."""
        if self._round != portion.round:
            yield FETCH
            self._params, self._round = self._group.parameters(portion.round), portion.round
            self.fetches += 1
        loss = math.nan  # of a batch that is over, or must be begun again: a slice has left it
        if self._params is not None:
            yield COMPUTE
            rows = np.arange(portion.first, portion.last)
            loss, where, gradient = share_of(self._batch, self._params, rows)
            yield SEND
            self._group.accumulate(portion.round, portion.number, where, gradient)
        yield ANSWER
        self._table.done(self.number, portion, Answer(portion.last - portion.first, loss))

    def work(self, patience: float | None) -> bool:
        """Do one portion; return False when there is none for so many seconds, or at the end."""
        found = self._table.next(self.number, patience)
        if isinstance(found, str):
            return False
        for _ in self.portion(Portion(*found)):
            pass
        return True


class Rounds:
    """A round of portions for each batch.

    Parameters
    ----------
    answers : callable
        ``answers(portions)`` has portions done, and returns their answers in the same order.
    n_rows, length : int
        Rows, and rows of a portion.
    """

    def __init__(
        self, answers: Callable[[list[Portion]], Sequence[Answer]], n_rows: int, length: int
    ):
        self._answers, self._n, self._length = answers, n_rows, length

    def __call__(self, batch: int) -> tuple[float, int]:
        """Return the sum of the losses over n, added up in the portions' order, and their number.

        NaN when a slice had left the batch, which the slices will say, too.
        """
        portions = portions_of(self._n, self._length, batch)
        total = 0.0
        for answer in self._answers(portions):
            total += answer.loss
        return total / self._n, len(portions)
