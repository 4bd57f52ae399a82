"""A shard: one slice of the parameters, which it alone keeps and updates.

Contract: `fetch` gives a copy and the version that it is of; `push` applies a gradient at once,
without waiting for anybody, and tells how stale it was; one that is sent twice counts once.
Shards know nothing of one another: no common clock, no common order.  A version is (life, number):
the number counts the pushes applied, and the life how many times this slice was restored from a
checkpoint, which takes the number back.

A plain object with one lock, the same in a process of its own (``downpour.shards``), in virtual
time (``downpour.virtual_time``) and in a test.  Source: Dean et al. 2012, section 4.1.
"""

import threading
from collections import Counter
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hogwild.downpour.rules import RULES, AdaGrad, FixedStep, Rule

Array = npt.NDArray[Any]

ACROSS = -1
"""The staleness of a push whose fetch was before a restore: it can't be counted."""


class Version(NamedTuple):
    """Which state of a shard: the pushes applied, in which of its lives."""

    life: int
    number: int


class Shard:
    """A slice of the parameters behind one lock.

    Parameters
    ----------
    values : float array, shape (n,)
        What it begins with; copied.
    rule : Rule
        What a push does (``downpour.rules``).
    step : float
        The server's learning rate, until `set_step` changes it.

    Examples
    --------
    >>> shard = Shard(np.array([1.0, 2.0, 3.0]), FixedStep(), step=0.5)
    >>> values, version = shard.fetch(np.array([0, 2]))
    >>> values, version
    (array([1., 3.]), Version(life=0, number=0))
    >>> shard.push(np.array([0]), np.array([4.0]), version)  # nobody was faster
    0
    >>> shard.push(np.array([2]), np.array([2.0]), version)  # computed at a state one push old
    1
    >>> shard.fetch()
    (array([-1.,  2.,  2.]), Version(life=0, number=2))
    """

    exposed: ClassVar[tuple[str, ...]] = (
        "fetch", "push", "set_step", "summary", "state",
    )  # fmt: skip

    def __init__(self, values: npt.ArrayLike, rule: Rule | None = None, *, step: float = 0.1):
        self._values = np.array(values)
        self._rule: Rule = FixedStep() if rule is None else rule
        self._kept = self._rule.begin(len(self._values))
        self._step = float(step)
        self._life = self._pushes = self._gradients = 0
        self._staleness: Counter[int] = Counter()
        self._last: dict[str, tuple[int, int]] = {}  # by sender: the last ticket, its staleness
        self._lock = threading.Lock()

    def fetch(self, indices: Array | None = None) -> tuple[Array, Version]:
        """Return a copy of the values, or of those at `indices`, and their version."""
        with self._lock:
            values = self._values.copy() if indices is None else self._values[_wide(indices)]
            return values, Version(self._life, self._pushes)

    def push(
        self,
        indices: Array | None,
        gradient: Array,
        version: tuple[int, int],
        n_gradients: int = 1,
        ticket: tuple[str, int] | None = None,
    ) -> int:
        """Apply a gradient now; return its staleness.

        Parameters
        ----------
        indices : integer array, shape (n,), without repetition; None for all coordinates
        gradient : float array, shape (n,)
            A sum of `n_gradients` gradients.
        version : Version
            That of the fetch which the gradient was computed after.
        n_gradients : int
        ticket : (str, int), optional
            The sender's name, and a number that rises from push to push: one that comes again, its
            answer lost on the way, is answered and not applied again.  A restore keeps what was
            known of this with the values.

        Returns
        -------
        int
            How many pushes this shard has applied since that fetch; ACROSS when it was restored in
            between.
        """
        where = slice(None) if indices is None else _wide(indices)
        sender, turn = ticket or ("", 0)
        with self._lock, np.errstate(over="ignore", invalid="ignore"):
            last, staleness = self._last.get(sender, (-1, 0))
            if ticket is not None and turn <= last:
                return staleness
            # the parent sees where it led, and says so
            self._rule.move(self._values, self._kept, where, gradient, self._step)
            life, number = version
            staleness = self._pushes - number if life == self._life else ACROSS
            self._pushes += 1
            self._gradients += n_gradients
            self._staleness[staleness] += 1
            if ticket is not None:
                self._last[sender] = turn, staleness
        return staleness

    def set_step(self, step: float) -> None:
        """Change the learning rate."""
        with self._lock:
            self._step = float(step)

    def summary(self) -> dict[str, Any]:
        """Return the counters: pushes, gradients, life, and pushes by staleness."""
        with self._lock:
            return {
                "life": self._life, "pushes": self._pushes, "gradients": self._gradients,
                "staleness": dict(self._staleness), "n_parameters": len(self._values),
            }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return all that a restore needs, as one moment has it: arrays and plain numbers."""
        with self._lock:
            return {
                "values": self._values.copy(), "kept": self._kept.copy(), "step": self._step,
                "rule": self._rule.name, "start": float(getattr(self._rule, "start", 0.0)),
                "life": self._life, "pushes": self._pushes, "gradients": self._gradients,
                "staleness": {str(key): count for key, count in self._staleness.items()},
                "last": {sender: list(last) for sender, last in self._last.items()},
            }  # fmt: skip

    @classmethod
    def from_state(cls, state: dict[str, Any], life: int | None = None) -> Self:
        """Return the shard as it was; with a `life`, the one that begins with this restore.

        Raises
        ------
        KeyError, TypeError, ValueError
            For what `state` has not returned.
        """
        kind = RULES[state["rule"]]
        rule = AdaGrad(state["start"]) if kind is AdaGrad else FixedStep()
        shard = cls(state["values"], rule)
        shard._kept[...] = state["kept"]
        shard._step = float(state["step"])
        shard._life = int(state["life"]) if life is None else life
        shard._pushes, shard._gradients = int(state["pushes"]), int(state["gradients"])
        shard._staleness.update({int(key): count for key, count in state["staleness"].items()})
        shard._last = {sender: (turn, stale) for sender, (turn, stale) in state["last"].items()}
        return shard


def _wide(indices: Array) -> Array:
    # numpy would do it at every use
    return np.asarray(indices, np.intp)
