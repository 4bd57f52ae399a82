"""Downpour SGD on a page: algorithm 1.1 of Dean et al., NIPS 2012, and its server.

No memory is shared: a replica steps on a copy of the parameters, and sends what it has gathered to
a server now and then; every push moves the server at once, by a gradient that was taken at older
parameters. What follows from the algorithm as it is printed:

* Step 0 is a multiple of all: its push carries one gradient, later ones n_push each. What is left
  at the end is lost, unless it is flushed.
* A fetch overwrites the local steps. It comes first in a step and the push last, so with
  n_fetch = n_push = n > 1 the n - 1 gradients since the push aren't in what it brings: the replica
  *steps back*. Aligned, with the push at the end of every n steps, it does not.
* AdaGrad has no start value: the first step of each coordinate is as long as the server's step,
  whatever the gradient. Where that is 0 nothing moves, for 0 / 0 is no number.

The replicas are simulated: they take turns, a turn is a fetch from one shard, a gradient, or a push
to one shard, and who comes next is drawn; so a seed gives the same staleness again.

Numpy only. Imported by tests and tutorials.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Shard:
    """A part of the parameters, which knows nothing of the others.

    Parameters
    ----------
    w : float array     copied
    step : float
        The server's, eta; for AdaGrad the article's gamma.
    adagrad : bool

    Attributes
    ----------
    squares : float array
        The sum over the pushes of their squares (section 4.1).
    staleness : list of int
        Of each push: how many came between the fetch it was computed from and its arrival.

    Examples
    --------
    >>> shard = Shard([1.0, 1.0], step=0.5, adagrad=True)
    >>> shard.push(np.array([9.0, 0.0]), 0)
    >>> shard.w, shard.squares, len(shard.staleness)
    (array([0.5, 1. ]), array([81.,  0.]), 1)
    """

    def __init__(self, w: npt.ArrayLike, step: float, adagrad: bool = False):
        self.w: Array = np.array(w, float)
        self.step, self.adagrad = step, adagrad
        self.squares = np.zeros_like(self.w)
        self.staleness: list[int] = []

    def push(self, gradient: Array, version: int) -> None:
        """Move w by a gradient computed from what was fetched after so many pushes.

        w <- w - step gradient, or with AdaGrad w_i <- w_i - step gradient_i / sqrt(squares_i), the
        present gradient among the squares.
        """
        self.staleness.append(len(self.staleness) - version)
        self.squares += gradient**2
        root = np.sqrt(np.where(gradient == 0.0, 1.0, self.squares))
        self.w -= self.step * (gradient / root if self.adagrad else gradient)


def cut(w: Array, n_shards: int, step: float, adagrad: bool = False) -> list[Shard]:
    """Return a server: so many shards of w, one behind the other, as equal as can be."""
    return [Shard(part, step, adagrad) for part in np.array_split(w, n_shards)]


def join(shards: Sequence[Shard]) -> Array:
    """Return the parameters as they stand on the server."""
    return np.concatenate([shard.w for shard in shards])


class Replica:
    """A client: its copy, what it has not sent yet, and its share of the data.

    Parameters
    ----------
    shards : list of Shard
    gradient : function (params, batch) -> array like params
    batches : iterable
        Of whatever `gradient` takes.
    local_step : float
        The article's alpha: plain SGD on the copy, also when the server has AdaGrad.
    n_fetch, n_push : int
        Steps between two fetches, and between two pushes.
    aligned : bool
        Push when step + 1 is a multiple of n_push; the article has step.
    flush : bool
        Send what is left in the end.

    Attributes
    ----------
    params, acc : float arrays
    step : int
    pushed : list of int
        How many gradients each push has carried.

    Examples
    --------
    Two replicas read 0, and pull it towards 4 with half the gradient 0 - 4 each: the second push
    is one update late.

    >>> server = cut(np.zeros(1), 1, step=0.5)
    >>> a, b = (Replica(server, lambda w, x: w - x, [4.0], 0.5).turns() for _ in range(2))
    >>> [next(who) for who in (a, b, a, b, a, b)]
    ['fetch', 'fetch', 'compute', 'compute', 'push', 'push']
    >>> join(server), server[0].staleness
    (array([4.]), [0, 1])
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        gradient: Callable[[Array, Any], Array],
        batches: Iterable[Any],
        local_step: float,
        n_fetch: int = 1,
        n_push: int = 1,
        aligned: bool = False,
        flush: bool = False,
    ):
        self.shards, self.gradient, self.batches = shards, gradient, batches
        self.local_step, self.n_fetch, self.n_push = local_step, n_fetch, n_push
        self.aligned, self.flush = aligned, flush
        self.params = np.zeros(sum(len(shard.w) for shard in shards))
        self.acc = np.zeros_like(self.params)
        self.versions = [0] * len(shards)
        self.step = self.unsent = 0
        self.pushed: list[int] = []

    def turns(self) -> Iterator[str]:
        """Do one thing after the other, each when the next item is asked for, and tell what."""
        for batch in self.batches:
            if self.step % self.n_fetch == 0:
                yield from self._fetch()
            g = self.gradient(self.params, batch)
            self.acc += g
            self.params -= self.local_step * g
            is_due = (self.step + self.aligned) % self.n_push == 0
            self.step, self.unsent = self.step + 1, self.unsent + 1
            yield "compute"
            if is_due:
                yield from self._push()
        if self.flush and self.unsent:
            yield from self._push()

    def _fetch(self) -> Iterator[str]:
        for s, (shard, mine) in enumerate(zip(self.shards, self._parts(self.params), strict=True)):
            mine[:] = shard.w
            self.versions[s] = len(shard.staleness)
            yield "fetch"

    def _push(self) -> Iterator[str]:
        # sending and zeroing are one step: what is added in between would vanish
        sent, self.acc = self.acc, np.zeros_like(self.acc)
        self.pushed.append(self.unsent)
        self.unsent = 0
        for shard, part, version in zip(self.shards, self._parts(sent), self.versions, strict=True):
            shard.push(part, version)
            yield "push"

    def _parts(self, vector: Array) -> list[Array]:
        return np.split(vector, np.cumsum([len(shard.w) for shard in self.shards])[:-1])


def interleave(
    replicas: Sequence[Replica], random: np.random.Generator, warm: int = 0
) -> list[tuple[int, str]]:
    """Let replicas take turns at random until all are done; return who did what, in order.

    The first computes `warm` gradients before the others are let in (section 4.1).
    """
    turns = {r: replica.turns() for r, replica in enumerate(replicas)}
    log = list[tuple[int, str]]()
    while turns:
        alone = 0 in turns and replicas[0].step < warm
        r = 0 if alone else list(turns)[random.integers(len(turns))]
        done = next(turns[r], None)
        if done is None:
            del turns[r]
        else:
            log.append((r, done))
    return log
