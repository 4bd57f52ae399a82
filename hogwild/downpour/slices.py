"""A slice: one shard's part of every vector of a batch method, by name, and the commands it obeys.

Contract: vectors never leave for a computation.  The coordinator says what is to be done ("add",
"dot") and every slice does it to its own part; only the partial dot products travel.  Portions'
gradients are added up here, each once, whoever answers, and in the portions' order, so that the sum
has the same bits for any number of replicas in any order: what comes too early is held until its
turn.

What a straggler costs is memory: while the first portion is out, every slice holds its parts of all
the others.

A plain object with one lock, the same behind a Manager's server and in a test.  Source: Dean et al.
2012, section 4.2 and algorithm 1.2.  Called by ``downpour.sandblaster_group``.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hogwild.mllib.products import dot

Array = npt.NDArray[Any]

Command = tuple[Any, ...]
"""A method's name and its arguments, say ("add", "d", -0.5, "y3")."""

_VECTOR = "vector "


class Slice:
    """One shard's part of every vector.

    Parameters
    ----------
    values : dict of str to float array, shape (n,) each
        The vectors to begin with; copied, as float64.

    Examples
    --------
    >>> part = Slice({"x": [1.0, 2.0], "d": [3.0, -1.0]})
    >>> part.add("x", 0.5, "d")  # x <- x + d/2
    >>> part.fetch("x"), part.dot("x", "d")
    (array([2.5, 1.5]), 6.0)
    >>> part.begin(7, "x")
    >>> part.accumulate(7, 1, (np.array([1]), np.array([10.0])))  # held: portion 0 comes first
    True
    >>> (
    ...     part.accumulate(7, 0, (None, np.array([1.0, 1.0]))),
    ...     part.accumulate(7, 0, (None, [5.0, 5.0])),
    ... )
    (True, False)
    >>> part.collect(7, "g"), part.fetch("g")  # two portions, each once
    (2, array([ 1., 11.]))
    """

    exposed: ClassVar[tuple[str, ...]] = (
        "dot", "scale", "add", "multiply", "copy", "zero", "only", "fetch",
        "begin", "parameters", "accumulate", "collect", "obey", "state",
    )  # fmt: skip
    commands: ClassVar[tuple[str, ...]] = (
        "dot", "scale", "add", "multiply", "copy", "zero", "only", "begin", "collect",
    )  # fmt: skip

    def __init__(self, values: Mapping[str, npt.ArrayLike]):
        self._vectors = {name: np.array(value, float) for name, value in values.items()}
        lengths = {len(value) for value in self._vectors.values()}
        if len(lengths) != 1:
            raise ValueError(f"the vectors of a slice have one length, got {sorted(lengths)}")
        self._n = lengths.pop()
        self._life = 0
        self._answered: tuple[int, list[Any]] = (-1, [])
        self._batch: int | None = None
        self._sum = self._point = np.zeros(self._n)
        self._turn = 0  # the portion that is added next
        self._early: dict[int, tuple[Array | None, Array]] = {}
        self._lock = threading.RLock()

    def dot(self, a: str, b: str) -> float:
        """Return this slice's part of a . b."""
        with self._lock, np.errstate(all="ignore"):
            return float(dot(self._vectors[a], self._vectors[b]))

    def scale(self, a: str, c: float) -> None:
        """A <- c a."""
        with self._lock, np.errstate(all="ignore"):
            self._vectors[a] *= c

    def add(self, a: str, c: float, b: str) -> None:
        """A <- a + c b."""
        with self._lock, np.errstate(all="ignore"):
            self._vectors[a] += c * self._vectors[b]

    def multiply(self, a: str, b: str) -> None:
        """A <- a b, coordinate by coordinate."""
        with self._lock, np.errstate(all="ignore"):
            self._vectors[a] *= self._vectors[b]

    def copy(self, a: str, b: str) -> None:
        """A <- b; `a` is made where there is none."""
        with self._lock:
            self._room(a)[...] = self._vectors[b]

    def zero(self, a: str) -> None:
        """A <- 0; `a` is made where there is none."""
        with self._lock:
            self._room(a)[...] = 0.0

    def only(self, names: Sequence[str]) -> None:
        """Forget all other vectors."""
        with self._lock:
            self._vectors = {name: v for name, v in self._vectors.items() if name in names}

    def fetch(self, name: str, indices: Array | None = None) -> Array:
        """Return a copy of a vector, or of its values at `indices`."""
        with self._lock:
            found = self._vectors[name]
            return found.copy() if indices is None else found[indices]

    def begin(self, batch: int, name: str) -> None:
        """Begin to gather a batch's gradient at a vector; what was gathered before is forgotten."""
        with self._lock:
            self._batch, self._point, self._turn = batch, self._vectors[name], 0
            self._sum[...] = 0.0
            self._early.clear()

    def parameters(self, batch: int) -> Array | None:
        """Return the vector that a batch's gradient is taken at; None for another batch.

        A slice that was restored is in no batch: its vectors are of before.
        """
        with self._lock:
            return self._point.copy() if batch == self._batch else None

    def accumulate(self, batch: int, portion: int, gradient: tuple[Array | None, Any]) -> bool:
        """Take a portion's part of the batch's gradient; return whether it counts.

        Parameters
        ----------
        batch, portion : int
            Portions are numbered 0, 1, ... within a batch.
        gradient : (integer array or None, float array)
            Coordinates of this slice, without repetition, and the values there; None for all.

        Returns
        -------
        bool
            False for a portion that was there already, and for one of another batch.
        """
        with self._lock, np.errstate(all="ignore"):
            if batch != self._batch or portion < self._turn or portion in self._early:
                return False
            where, values = gradient
            self._early[portion] = where, np.array(values, float)
            while self._turn in self._early:
                where, values = self._early.pop(self._turn)
                self._sum[slice(None) if where is None else where] += values
                self._turn += 1
            return True

    def collect(self, batch: int, name: str) -> int:
        """Put the batch's gradient into a vector; return how many portions it is the sum of.

        Portions 0 to that number without a gap; what came after a gap is left out.  -1 when another
        batch is being gathered, or none: a slice that was restored has lost what it had.
        """
        with self._lock:
            if batch != self._batch:
                return -1
            self._room(name)[...] = self._sum
            self._batch = None
            self._early.clear()
            return self._turn

    def obey(
        self, message: int, life: int | None, commands: Sequence[Command]
    ) -> tuple[int, list[Any]]:
        """Carry out commands in order; return this slice's life, and what each command returned.

        The coordinator numbers its messages: one that comes again, because a connection was lost
        before the answer had arrived, is answered and not carried out again.  It also says which
        life it knows of: a slice that was restored since then carries out nothing.

        Raises
        ------
        ValueError
            For what is no command, or for a vector that is not there.
        """
        with self._lock:
            if life is not None and life != self._life:
                return self._life, []
            if message != self._answered[0]:
                self._answered = message, [self._obeyed(*command) for command in commands]
            return self._life, self._answered[1]

    def state(self) -> dict[str, Any]:
        """Return what a restore needs: the vectors, and plain numbers.

        Not what a batch has gathered: a batch whose slice was lost begins again.
        """
        with self._lock:
            vectors = {_VECTOR + name: value.copy() for name, value in self._vectors.items()}
            return {"life": self._life, **vectors}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], life: int | None = None) -> Self:
        """Return the slice as it was; with a `life`, the one that begins with this restore."""
        kept = {
            key.removeprefix(_VECTOR): value
            for key, value in state.items()
            if key.startswith(_VECTOR)
        }
        part = cls(kept)
        part._life = int(state["life"]) if life is None else life
        return part

    def _obeyed(self, name: str, *arguments: Any) -> Any:
        if name not in self.commands:
            raise ValueError(f"unknown command {name!r}; commands are {', '.join(self.commands)}")
        try:
            return getattr(self, name)(*arguments)
        except KeyError as missing:
            raise ValueError(
                f"{name}{arguments}: there is no vector {missing} among {sorted(self._vectors)}"
            ) from None

    def _room(self, name: str) -> Array:
        """Return the vector of that name, made if there is none."""
        if name not in self._vectors:
            self._vectors[name] = np.empty(self._n)
        return self._vectors[name]
