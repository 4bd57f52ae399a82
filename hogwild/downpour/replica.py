"""A model replica: its own copy of the parameters, and what it exchanges with the server.

Algorithm 1.1 of Dean et al. 2012 (appendix), one mini-batch b at a time::

    if step is a multiple of n_fetch:       params <- the server's
    g = gradient at params on b
    acc <- acc + g;   params <- params - local_step g
    if it is time to push:                  send acc;  acc <- 0
    step <- step + 1

As printed it is time when `step` is a multiple of n_push: the first push carries one gradient, and
a fetch takes the replica back to a point without the last n_push - 1 of its own
(``aligned=False``). Here by default a push follows every n_push-th gradient, so the fetch after it
returns them too, and one replica alone is serial SGD.  With n_fetch = n_push = 1 both are the same.

What is left in `acc` is sent at the end of every portion, so nothing that was computed is lost.  A
fetch asks for the coordinates that the batches until the next fetch will read, and for no others.

Driven by ``downpour.working`` in a process of its own, and by ``downpour.virtual_time`` in
virtual time, which is why `portion` is a generator: it names what comes next, and then does it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.downpour.problem import Problem, distinct
from hogwild.downpour.server import ParameterServer

Array = npt.NDArray[Any]

FETCH, COMPUTE, PUSH = "fetch", "compute", "push"


class Exchange(NamedTuple):
    """How a replica works, besides its data; small, and sent once.

    Attributes
    ----------
    n_fetch, n_push : int
        Mini-batches between two fetches, and between two pushes.
    batch_size : int
        Rows a mini-batch.
    aligned : bool
        Push after every n_push-th gradient; False for the order that the article prints.
    """

    n_fetch: int = 1
    n_push: int = 1
    batch_size: int = 32
    aligned: bool = True


class Replica:
    """One worker of Downpour SGD.

    Parameters
    ----------
    problem : Problem
    server : ParameterServer
    exchange : Exchange

    Attributes
    ----------
    local_step : float
        The replica's own step between fetches; a plain one, also where the server has AdaGrad.
    loss : float
        Sum of the losses of all rows seen, each at the parameters of its batch.
    fetches, pushes, gradients : int
        How many there were.
    staleness : list of Counter
        For each shard, pushes by staleness.
    """

    def __init__(
        self,
        problem: Problem,
        server: ParameterServer,
        exchange: Exchange,
        local_step: float = 0.0,
    ):
        self.problem, self.server, self.exchange = problem, server, exchange
        self.local_step = local_step
        start = server.shards[0].fetch(np.zeros(0, np.int64))[0]  # for its type
        self._params = np.zeros(problem.n_parameters, start.dtype)
        self._acc = np.zeros_like(self._params)
        self._touched: list[Array | None] = []
        self._versions: tuple[Any, ...] = ()
        self._in_acc = 0
        self._answer: Callable[[], list[int]] | None = None
        self.loss = 0.0
        self.fetches = self.pushes = self.gradients = 0
        self.staleness: list[Counter[int]] = [Counter() for _ in server.shards]

    def portion(self, rows: Array) -> Iterator[str]:
        """Work through rows, batch by batch; yield FETCH, COMPUTE or PUSH before each is done."""
        exchange = self.exchange
        size, n_push = exchange.batch_size, exchange.n_push
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        for step, batch in enumerate(batches):
            if step % exchange.n_fetch == 0:
                yield FETCH
                self.fetch(batches[step : step + exchange.n_fetch])
            yield COMPUTE
            self.compute(batch)
            if (step + exchange.aligned) % n_push == 0 and step + 1 < len(batches):
                yield PUSH
                self.send()
        if self._in_acc:
            yield PUSH
            self.send()
        self.settle()

    def work(self, rows: Array) -> None:
        """Work through rows, waiting for every fetch and push."""
        for _ in self.portion(rows):
            pass

    def fetch(self, batches: Sequence[Array]) -> None:
        """Take the server's values of all coordinates that these batches read."""
        where = self.problem.support(np.concatenate(batches))
        values, self._versions = self.server.fetch(where)
        self._params[slice(None) if where is None else where] = values
        self.fetches += 1
        self.settle()

    def compute(self, batch: Array) -> None:
        """Add a batch's gradient to `acc`, and take the local step."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss, where, gradient = self.problem.gradient(self._params, batch)
            place = slice(None) if where is None else where
            self._acc[place] += gradient
            self._params[place] -= self._params.dtype.type(self.local_step) * gradient
        self._touched.append(where)
        self._in_acc += 1
        self.gradients += 1
        self.loss += loss

    def send(self) -> None:
        """Begin to send `acc`, and begin a new one; the push before has been answered."""
        self.settle()
        where = _union(self._touched)
        place = slice(None) if where is None else where
        sent, self._acc[place] = self._acc[place].copy(), 0.0
        self._answer = self.server.send(where, sent, self._versions, self._in_acc)
        self._touched.clear()
        self._in_acc = 0
        self.pushes += 1

    def settle(self) -> None:
        """Await the answer of the last push, if there is one, and count its staleness."""
        if self._answer is not None:
            answer, self._answer = self._answer, None
            for counter, staleness in zip(self.staleness, answer(), strict=True):
                counter[staleness] += 1

    def push(self) -> None:
        """Send `acc`, begin a new one, and wait until the server has it."""
        self.send()
        self.settle()


def _union(parts: list[Array | None]) -> Array | None:
    """Return the coordinates of any of the parts, rising; None when a part is all of them."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return known[0] if len(known) == 1 else distinct(np.concatenate(known))
