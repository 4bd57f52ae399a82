"""All shards as one parameter server: a request is cut up by shard, an answer put together.

Each parameter belongs to one shard; the slices are contiguous and differ by one at most in length.
What is put together may mix ages: it may be a state that the server as a whole was never in (Dean
et al. 2012, section 4.1).  A request goes to all shards before the first answer is awaited: several
processes work at the same time.

Used by ``downpour.replica``, with shards that are plain objects or proxies of those in processes.
"""

import itertools
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.downpour.proxy import Proxy
from hogwild.downpour.shard import Version

Array = npt.NDArray[Any]


class ShardLike(Protocol):
    """A ``Shard``, or a proxy of one."""

    def fetch(self, indices: Array | None = None) -> tuple[Array, Version]:
        """Return values and version."""

    def push(
        self,
        indices: Array | None,
        gradient: Array,
        version: Version,
        n_gradients: int = 1,
        ticket: tuple[str, int] | None = None,
    ) -> int:
        """Apply a gradient; return its staleness."""


class Fetched(NamedTuple):
    """Parameters, and the version of each shard that they are of."""

    values: Array
    versions: tuple[Version, ...]


def cut(n_parameters: int, n_shards: int) -> npt.NDArray[np.int64]:
    """Return where each shard's slice begins, and the end: n_shards + 1 numbers.

    Raises
    ------
    ValueError
        For more shards than parameters.

    Examples
    --------
    >>> cut(10, 3)
    array([ 0,  4,  7, 10])
    """
    if n_shards > n_parameters:
        raise ValueError(f"{n_parameters} parameters can't be cut into {n_shards} shards")
    sizes = np.full(n_shards, n_parameters // n_shards)
    sizes[: n_parameters % n_shards] += 1
    return np.concatenate([[0], np.cumsum(sizes)])


class ParameterServer:
    """The face of all shards.

    Parameters
    ----------
    shards : sequence of Shard, or of proxies
    n_parameters : int

    Examples
    --------
    >>> from hogwild.downpour.shard import Shard
    >>> server = ParameterServer([Shard([1.0, 2.0]), Shard([3.0])], 3)
    >>> values, versions = server.fetch(np.array([1, 2]))
    >>> values
    array([2., 3.])
    >>> server.push(np.array([1, 2]), np.array([10.0, 10.0]), versions)
    [0, 0]
    >>> server.fetch().values
    array([1., 1., 2.])
    """

    def __init__(self, shards: Sequence[ShardLike], n_parameters: int):
        self.shards = list(shards)
        self.edges = cut(n_parameters, len(self.shards))
        self._name, self._turns = secrets.token_hex(8), itertools.count()

    def fetch(self, indices: Array | None = None) -> Fetched:
        """Return the parameters, or those at `indices` (rising), as each shard has them now."""
        answers = [
            asked(shard, "fetch", part)
            for shard, (part, _) in zip(self.shards, parts(self.edges, indices), strict=True)
        ]
        found = [answer() for answer in answers]
        return Fetched(
            np.concatenate([values for values, _ in found]), tuple(each for _, each in found)
        )

    def push(
        self,
        indices: Array | None,
        gradient: Array,
        versions: Sequence[Version],
        n_gradients: int = 1,
    ) -> list[int]:
        """Send each shard its part of a gradient; return the staleness at each."""
        return self.send(indices, gradient, versions, n_gradients)()

    def send(
        self,
        indices: Array | None,
        gradient: Array,
        versions: Sequence[Version],
        n_gradients: int = 1,
    ) -> Callable[[], list[int]]:
        """Send each shard its part of a gradient; return what awaits the staleness at each.

        A shard gets its push though its part may be empty, so that all count alike.
        """
        ticket = self._name, next(self._turns)
        answers = [
            asked(shard, "push", part, gradient[place], version, n_gradients, ticket)
            for shard, (part, place), version in zip(
                self.shards, parts(self.edges, indices), versions, strict=True
            )
        ]
        return lambda: [answer() for answer in answers]


def parts(edges: Array, indices: Array | None) -> list[tuple[Array | None, slice]]:
    """Return for each shard its part of rising indices, from its own start, and its place in them.

    Examples
    --------
    >>> parts(cut(10, 3), np.array([1, 2, 8]))[0]
    (array([1, 2], dtype=int32), slice(0, 2, None))
    >>> parts(cut(10, 3), None)[2]
    (None, slice(7, 10, None))
    """
    if indices is None:
        return [(None, slice(a, b)) for a, b in itertools.pairwise(edges.tolist())]
    # half the bytes on the way, but for a slice beyond any memory
    whole = np.int32 if edges[1] < 1 << 31 else np.int64
    marks = np.searchsorted(indices, edges).tolist()
    return [
        ((indices[a:b] - edge).astype(whole), slice(a, b))
        for a, b, edge in zip(marks, marks[1:], edges.tolist(), strict=False)
    ]


def asked(served: Any, name: str, *arguments: Any) -> Callable[[], Any]:
    """Call a method; return what awaits its answer, which of a plain object is there already.

    Examples
    --------
    >>> asked([3, 1, 3], "count", 3)()
    2
    """
    if isinstance(served, Proxy):
        return served.asked(name, *arguments)
    found = getattr(served, name)(*arguments)
    return lambda: found
