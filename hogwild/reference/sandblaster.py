"""Sandblaster L-BFGS on a page: algorithm 1.2 of Dean et al., NIPS 2012.

A batch method on the same server. Its shards hold slices of named vectors, the history too, and
carry out short commands, each on its own; only numbers come back to the coordinator. Replicas add
up the gradient, portion after portion of the rows, much smaller than a share of the batch each:
who is fast takes more of them. When none is left, those still out are given to others as well.

The article's fourth command, the product coefficient by coefficient, is not needed here. Decided
where its pseudo-code is silent:

* A portion counts once. The first to answer adds it to its sum; what others bring is thrown away.
* A sum is zero again when it has been sent. Who dies before takes its portions along: they are
  given out once more, as is what it had in work.
* A batch is all rows; each trial of the line search is a pass, at parameters fetched anew.
* w moves by t d, not by the gradient; t fulfils the weak Wolfe conditions, found by bisection.

The replicas are simulated: they take turns, at random but faithful to their speeds.

Numpy only. Imported by tests and tutorials.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Evaluate = Callable[[str, str], float]


class Server:
    """Named vectors, each cut into as many slices as there are shards.

    Examples
    --------
    >>> server = Server(np.array([1.0, 2.0, 3.0]), n_shards=2)
    >>> server.scale("g", 2.0, "w")
    >>> server.add("d", "w", -1.0, "g")
    >>> server.fetch("d"), server.dot("w", "d")  # 1 + 4 of one shard, 9 of the other
    (array([-1., -2., -3.]), -14.0)
    """

    def __init__(self, w: Array, n_shards: int):
        self.shards = [{"w": part.copy()} for part in np.array_split(w, n_shards)]

    def dot(self, x: str, y: str) -> float:
        """Return x . y, the sum of what each shard finds."""
        return sum(float(shard[x] @ shard[y]) for shard in self.shards)

    def scale(self, to: str, c: float, x: str) -> None:
        """Make ``to = c x``."""
        for shard in self.shards:
            shard[to] = c * shard[x]

    def add(self, to: str, x: str, c: float, y: str) -> None:
        """Make ``to = x + c y``."""
        for shard in self.shards:
            shard[to] = shard[x] + c * shard[y]

    def fetch(self, x: str) -> Array:
        """Return a whole vector: for replicas, the coordinator never asks."""
        return np.concatenate([shard[x] for shard in self.shards])

    def push(self, x: str, vector: Array) -> None:
        """Add a replica's vector to x."""
        for shard, part in zip(self.shards, np.array_split(vector, len(self.shards)), strict=True):
            shard[x] = shard[x] + part


class Coordinator:
    """Knows of each portion whether it waits, is out, is in a sum not yet sent, or has arrived.

    Examples
    --------
    >>> coordinator = Coordinator(1)
    >>> coordinator.give("a"), coordinator.give("b"), coordinator.give("a")  # b's is a backup
    (0, 0, None)
    >>> coordinator.answer("b", 0), coordinator.answer("a", 0)
    (True, False)
    >>> coordinator.bury("b")  # before it has sent
    >>> coordinator.give("a")
    0
    """

    def __init__(self, n_portions: int):
        self.waiting = list(range(n_portions))
        self.out: dict[int, set[Any]] = {}
        self.held: dict[Any, list[int]] = {}

    def give(self, replica: Any) -> int | None:
        """Return the next portion, or one that is out and has the fewest backups; None if none."""
        others = [portion for portion, who in self.out.items() if replica not in who]
        if self.waiting:
            portion = self.waiting.pop(0)
        elif others:
            portion = min(others, key=lambda portion: len(self.out[portion]))
        else:
            return None
        self.out.setdefault(portion, set()).add(replica)
        return portion

    def answer(self, replica: Any, portion: int) -> bool:
        """Return whether the answer is the first, to be added to the replica's sum."""
        is_first = self.out.pop(portion, None) is not None
        if is_first:
            self.held.setdefault(replica, []).append(portion)
        return is_first

    def sent(self, replica: Any) -> None:
        """Take note that a replica's sum has arrived."""
        self.held.pop(replica, None)

    def bury(self, replica: Any) -> None:
        """Let what a dead replica had in its sum, or alone in work, wait again."""
        self.waiting += self.held.pop(replica, [])
        for portion, who in list(self.out.items()):
            who.discard(replica)
            if not who:
                del self.out[portion]
                self.waiting.append(portion)

    def is_done(self) -> bool:
        """Return whether every portion has arrived."""
        return not (self.waiting or self.out or self.held)


class Replicas:
    """Evaluate the loss of all portions and its gradient, together and each at its own speed.

    Parameters
    ----------
    server : Server
    gradient : function (w, portion) -> loss, gradient      sums over the rows of a portion
    portions : list of whatever `gradient` takes
    speeds : list of float, one a replica
    random : Generator
        Of who comes next, the chances being as the speeds.
    n_send : int
        Portions in a sum before it is sent; fewer when there is no more to do.
    deaths : dict
        After how many turns a replica dies, for those that do; dead it stays.
    """

    def __init__(
        self,
        server: Server,
        gradient: Callable[[Array, Any], tuple[float, Array]],
        portions: Sequence[Any],
        speeds: Sequence[float],
        random: np.random.Generator,
        n_send: int = 3,
        deaths: Mapping[int, int] | None = None,
    ):
        self.server, self.gradient, self.portions = server, gradient, portions
        self.speeds, self.random, self.n_send = np.array(speeds, float), random, n_send
        self.left = dict(deaths or {})
        self.loss = 0.0

    def evaluate(self, at: str, to: str) -> float:
        """Return the loss at the server's vector `at`; its gradient becomes the vector `to`."""
        coordinator = Coordinator(len(self.portions))
        self.server.scale(to, 0.0, at)
        self.loss = 0.0
        work = [self._work(r, at, to, coordinator) for r in range(len(self.speeds))]
        while not coordinator.is_done():
            if not self.speeds.any():
                raise RuntimeError("every replica is dead, and the batch is not done")
            r = self.random.choice(len(work), p=self.speeds / self.speeds.sum())
            if self.left.get(r) == 0:
                self.speeds[r] = 0.0
                coordinator.bury(r)
                continue
            self.left[r] = self.left.get(r, -1) - 1
            next(work[r])
        return self.loss

    def _work(self, r: int, at: str, to: str, coordinator: Coordinator) -> Iterator[None]:
        w, mine = None, list[tuple[float, Array]]()
        while True:
            portion = coordinator.give(r)
            if portion is not None:
                yield
                w = self.server.fetch(at) if w is None else w
                found = self.gradient(w, self.portions[portion])
                if coordinator.answer(r, portion):
                    mine.append(found)
            yield
            if len(mine) >= self.n_send or (mine and portion is None):
                self.server.push(to, np.sum([g for _, g in mine], axis=0))
                self.loss += sum(loss for loss, _ in mine)
                coordinator.sent(r)
                mine = []
                yield


def direction(server: Server, pairs: Sequence[tuple[str, str]]) -> None:
    """Make d = -H g, by two loops over the names of steps s and changes y of g, newest first.

    Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4.

    Examples
    --------
    >>> server = Server(np.array([4.0]), 1)
    >>> server.scale("g", 1.0, "w"), server.scale("s", 0.25, "w"), server.scale("y", 0.5, "w")
    (None, None, None)
    >>> direction(server, [("s", "y")])  # F'' = 2 / 1
    >>> server.fetch("d")
    array([-2.])
    """
    server.scale("d", -1.0, "g")
    alphas = []
    for s, y in pairs:
        alphas.append(server.dot(s, "d") / server.dot(s, y))
        server.add("d", "d", -alphas[-1], y)
    if pairs:
        s, y = pairs[0]
        server.scale("d", server.dot(s, y) / server.dot(y, y), "d")
    for (s, y), alpha in zip(reversed(pairs), reversed(alphas), strict=True):
        server.add("d", "d", alpha - server.dot(y, "d") / server.dot(s, y), s)


def search(server: Server, evaluate: Evaluate, loss: float, t: float) -> float | None:
    """Leave w + t d in "trial" and its gradient in "g trial"; return its loss, None if none does.

    Weak Wolfe: the loss falls by .0001 of what the slope promises, the slope to .9 of itself.
    """
    slope, low, high = server.dot("g", "d"), 0.0, np.inf
    for _ in range(50):
        server.add("trial", "w", t, "d")
        found = evaluate("trial", "g trial")
        if not found <= loss + 1e-4 * t * slope:
            high = t
        elif server.dot("g trial", "d") < 0.9 * slope:
            low = t
        else:
            return found
        t = (low + high) / 2 if np.isfinite(high) else 2 * low
    return None


def lbfgs(
    server: Server, evaluate: Evaluate, m: int = 10, tol: float = 1e-8, n_iterations: int = 100
) -> list[float]:
    """Move the server's w downhill; return the loss at the start and after each step.

    The end is where |g| <= tol, or where no step is found.

    Examples
    --------
    >>> server = Server(np.array([0.0]), 1)
    >>> replicas = Replicas(
    ...     server,
    ...     lambda w, x: ((w.item() - x) ** 2 / 2, w - x),
    ...     [2.0, 4.0],
    ...     [1.0],
    ...     np.random.default_rng(0),
    ... )
    >>> lbfgs(server, replicas.evaluate)  # a step of 1, and then the minimum
    [10.0, 5.0, 1.0]
    >>> server.fetch("w")
    array([3.])
    """
    losses, pairs = [evaluate("w", "g")], list[tuple[str, str]]()
    for k in range(n_iterations):
        size = np.sqrt(server.dot("g", "g"))
        if size <= tol:
            break
        direction(server, pairs)
        found = search(server, evaluate, losses[-1], 1.0 if pairs else 1.0 / size)
        if found is None:
            break
        s, y = f"s{k % m}", f"y{k % m}"
        server.add(s, "trial", -1.0, "w")
        server.add(y, "g trial", -1.0, "g")
        server.scale("w", 1.0, "trial")
        server.scale("g", 1.0, "g trial")
        pairs = [(s, y), *pairs][:m]
        losses.append(found)
    return losses
