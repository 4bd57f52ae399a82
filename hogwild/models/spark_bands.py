"""What a Spark executor does in a stratum: join its bands to its blocks, and update.

Contract: an RDD holds pairs of a user band's number, which alone decides the partition, and a
``Block``, ``Users`` or ``Items``.  In a stratum each user band meets one band of items, and no two
meet the same.  What an update raises travels in their place, to be raised on the driver.

Sent to the executors by ``models.spark_strata``.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.engine.schedules import Grant
from hogwild.engine.spark import Failure, Guarded
from hogwild.models import factor_memory
from hogwild.models.factor_memory import Constants, FactorMemory, Task
from hogwild.models.factor_options import FactorSettings

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Bands:
    """The partitioner: neighbouring user bands share a partition.

    Examples
    --------
    >>> [Bands(5, 2)(band) for band in range(5)]
    [0, 0, 0, 1, 1]
    """

    n_bands: int
    n_partitions: int

    def __call__(self, band: int) -> int:
        """Return the partition of a user band."""
        return band * self.n_partitions // self.n_bands


class Block(NamedTuple):
    """The ratings of a user band in an item band, numbered from the first row of either.

    `borders` are where its levels begin, for the numpy kernel.
    """

    column: int
    u: Array
    i: Array
    r: Array
    borders: Array

    def arrays(self) -> tuple[Array, ...]:
        """Return the arrays."""
        return self[1:]


class Done(NamedTuple):
    """A block update: the how-manieth of the job, its summed loss, its seconds."""

    number: int
    loss: float
    seconds: float


class Users(NamedTuple):
    """A band of users: its rows of P, biases and accumulators, and what has been done with them."""

    P: Array
    bias: Array
    squares: Array
    done: tuple[Done, ...] = ()

    def arrays(self) -> tuple[Array, ...]:
        """Return the arrays."""
        return self[:3]


class Items(NamedTuple):
    """A band of items: its number, its rows of Q, biases and accumulators."""

    column: int
    Q: Array
    bias: Array
    squares: Array

    def arrays(self) -> tuple[Array, ...]:
        """Return the arrays."""
        return self[1:]


Element = tuple[int, Block | Users | Items]


def unfailed(partition: int, elements: Iterable[tuple[int, Any]]) -> Iterator[Element]:
    """Yield the elements; raise a failure among them."""
    for band, part in elements:
        if isinstance(part, Failure):
            raise part.raised(partition)
        yield band, part


class Turn(NamedTuple):
    """What a user band does in a stratum: which block, done how often before, and who is next.

    Attributes
    ----------
    number : int
        The how-manieth block of the job it is.
    column : int
        The item band.
    visits : int
    heir : int
        The user band that this item band goes to.
    """

    number: int
    column: int
    visits: int
    heir: int


@dataclass(frozen=True)
class Stratum:
    """The function that Spark maps over the partitions: update the blocks of a stratum.

    It yields the bands as the updates have left them, each under its next user band.

    Parameters
    ----------
    settings : FactorSettings
    constants : Constants
    task : Task
    turns : tuple of Turn
        One for each user band.
    """

    settings: FactorSettings
    constants: Constants
    task: Task
    turns: tuple[Turn, ...]

    def __call__(
        self, partition: int, elements: Iterable[tuple[int, Any]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the bands, or what went wrong: under band 0, so that it comes first in the end."""
        for element in Guarded(self.updates)(partition, elements):
            yield (0, element) if isinstance(element, Failure) else element

    def updates(self, partition: int, elements: Iterable[tuple[int, Any]]) -> Iterator[Element]:
        """Yield the bands as the updates have left them."""
        blocks: dict[int, Block] = {}
        users: dict[int, Users] = {}
        items: dict[int, Items] = {}
        for band, part in unfailed(partition, elements):
            if isinstance(part, Users):
                users[band] = part
            elif isinstance(part, Items):
                items[band] = part
            elif part.column == self.turns[band].column:
                blocks[band] = part
        for band, turn in enumerate(self.turns):
            if band in users:
                done = self._update(turn, blocks[band], users[band], items[band])
                yield band, users[band]._replace(done=(*users[band].done, done))
                yield turn.heir, items[band]

    def _update(self, turn: Turn, block: Block, users: Users, items: Items) -> Done:
        """Update the two bands by one block, in place."""
        memory = _memory_of(block, users, items, turn.visits)
        starts = np.array([0, len(block.u)])
        update = factor_memory.build(0, self.settings, memory, starts, self.constants)
        begin = time.perf_counter()
        loss = update(Grant(turn.number, 0), self.task)
        return Done(turn.number, loss, time.perf_counter() - begin)


def _memory_of(block: Block, users: Users, items: Items, visits: int) -> FactorMemory:
    """Return the memory of a fit that has this block alone."""
    arrays = (
        block.u, block.i, block.r, users.P, items.Q, users.bias, items.bias, users.squares,
        items.squares, block.borders, np.array([0, len(block.borders)]), np.array([visits]),
    )  # fmt: skip
    return FactorMemory._make(SimpleNamespace(array=array) for array in arrays)
