"""All slices as one: a command goes to every slice, the partial answers are summed here.

The coordinator's whole view of the parameters: what comes back is numbers, never a vector.
Replicas have their own group over the same slices, to fetch parameters and to send gradients, cut
up by slice.

Used by ``downpour.sandblaster_coordinator`` and ``downpour.sandblaster_replica``.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.downpour.server import asked, cut, parts
from hogwild.downpour.slices import Command

Array = npt.NDArray[Any]


class SliceLike(Protocol):
    """A ``Slice``, or a proxy of one."""

    def obey(
        self, message: int, life: int | None, commands: Sequence[Command]
    ) -> tuple[int, list[Any]]:
        """Carry out commands; return the slice's life, and what each returned."""

    def fetch(self, name: str, indices: Array | None = None) -> Array:
        """Return a copy of a vector."""

    def parameters(self, batch: int) -> Array | None:
        """Return what a batch's gradient is taken at; None for another batch."""

    def accumulate(self, batch: int, portion: int, gradient: tuple[Array | None, Any]) -> bool:
        """Take a portion's gradient; return whether it counts."""


class Again(Exception):
    """Something was lost on the way; the step must be made again.  The reason is the text."""


class SliceGroup:
    """The slices of all shards.

    Parameters
    ----------
    slices : sequence of Slice, or of proxies
    n_parameters : int
        Over all slices, which are cut as ``server.cut`` says.
    kept : bool
        Whether each slice writes a checkpoint when asked to (``checkpoint()``).

    Attributes
    ----------
    restored : list of int
        Slices that were seen to have been restored, in order.

    Examples
    --------
    >>> from hogwild.downpour.slices import Slice
    >>> group = SliceGroup([Slice({"x": [1.0, 2.0]}), Slice({"x": [3.0]})], 3)
    >>> group.obey(("scale", "x", 2.0), ("dot", "x", "x"))  # 4 + 16 from one, 36 from the other
    [None, 56.0]
    >>> group.obey(("begin", 1, "x"))
    [None]
    >>> group.accumulate(1, 0, np.array([1, 2]), np.array([5.0, 7.0]))
    True
    >>> group.obey(("collect", 1, "g")), group.fetch("g")
    ([2], array([0., 5., 7.]))
    """

    def __init__(
        self,
        slices: Sequence[SliceLike],
        n_parameters: int,
        *,
        kept: bool = False,
    ):
        self.slices = list(slices)
        self.edges = cut(n_parameters, len(self.slices))
        self.restored: list[int] = []
        self._kept = kept
        self._lives: list[int | None] = [None] * len(self.slices)
        self._message = 0

    def obey(self, *commands: Command) -> list[Any]:
        """Have every slice carry out the commands; return for each the sum over slices, or None.

        The sum is in the slices' order, whichever answers first.

        Raises
        ------
        Again
            When a slice was restored from a checkpoint since the last call.
        """
        self._message += 1
        replies = self._on_each("obey", [(self._message, life, commands) for life in self._lives])
        lost = [
            number
            for number, (known, (life, _)) in enumerate(zip(self._lives, replies, strict=True))
            if known is not None and known != life
        ]
        self._lives = [life for life, _ in replies]
        if lost:
            self.restored += lost
            raise Again(f"slices {lost} were restored from their checkpoints")
        answers = zip(*(answers for _, answers in replies), strict=True)
        return [None if found[0] is None else sum(found) for found in answers]

    def fetch(self, name: str) -> Array:
        """Return a vector, put together."""
        return np.concatenate(self._on_each("fetch", [(name,)] * len(self.slices)))

    def parameters(self, batch: int) -> Array | None:
        """Return where a batch's gradient is taken, put together; None if a slice is not in it."""
        found = self._on_each("parameters", [(batch,)] * len(self.slices))
        return None if any(part is None for part in found) else np.concatenate(found)

    def accumulate(self, batch: int, portion: int, where: Array | None, values: Array) -> bool:
        """Send each slice its part of a portion's gradient; return whether it counts everywhere.

        Every slice gets its part, though it may be empty: they all count portions.

        Parameters
        ----------
        batch, portion : int
        where : integer array, rising, or None for all coordinates
        values : float array
        """
        sent = [(batch, portion, (part, values[place])) for part, place in parts(self.edges, where)]
        return all(self._on_each("accumulate", sent))

    def keep(self) -> None:
        """Have a checkpoint of every slice written."""
        if self._kept:
            self._on_each("checkpoint", [()] * len(self.slices))

    def _on_each(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every slice, each with its arguments; return the answers in order."""
        answers = [
            asked(each, method, *given) for each, given in zip(self.slices, arguments, strict=True)
        ]
        return [answer() for answer in answers]
