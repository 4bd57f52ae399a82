"""Who works on what: portions of the rows, given out to whoever is free, and given again when lost.

Contract: a portion is given to one replica at a time; when that replica is dropped, all that it
held goes to others, first of all.  With `backup`, as Sandblaster has it (Dean et al. 2012, section
4.2), a replica that finds nothing left gets a portion that another still works on: the first answer
counts, and `done` says whether it was the first.

A plain object with one condition.  In a Manager process (``downpour.listening``) `next` sleeps
until there is something to say, and a replica whose connection ends is dropped.  Called by
``downpour.fit``, ``downpour.sandblaster`` and ``downpour.virtual_time``.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from hogwild.downpour.served import current_client


class Portion(NamedTuple):
    """Rows first <= place < last of a round's order; `round` counts epochs, or batches of
    L-BFGS.
    """

    round: int
    number: int
    first: int
    last: int


class PortionTable:
    """The portions of a round, and the replicas that are there.

    Examples
    --------
    >>> table = PortionTable()
    >>> ann, bob = table.join("ann"), table.join("bob")
    >>> table.start([Portion(1, 0, 0, 50), Portion(1, 1, 50, 100)])
    >>> held = table.next(ann)
    >>> table.next(bob).number
    1
    >>> table.drop(bob)
    >>> table.done(ann, held, "report of portion 0"), table.next(ann).number
    (True, 1)
    """

    exposed: ClassVar[tuple[str, ...]] = (
        "join", "leave", "next", "done", "drop", "start", "stop", "wait", "summary", "plan", "fail",
        "wait_for_leave",
    )  # fmt: skip

    def __init__(self, plan: Any = None, backup: bool = False, names: Sequence[str] = ()):
        self._plan, self._backup = plan, backup
        self._changed = threading.Condition()
        self._replicas: dict[int, str] = {}  # those that are there
        self._names = list(names)  # of all that ever were, and of those that are awaited
        self._awaited = {name: number for number, name in enumerate(names)}
        self._joined: list[int] = []
        self._waiting: deque[Portion] = deque()
        self._held: dict[int, list[Portion]] = {}
        self._answers: dict[int, Any] = {}
        self._open: set[Portion] = set()  # not answered yet; an answer to an old round is none
        self._warm: set[Portion] = set()  # of the open ones; till then one replica works alone
        self._stopped = False
        self._again = 0
        self._clients: dict[int, int] = {}  # replica by the connection that it came by
        self._failures: list[tuple[str, str]] = []
        self._dropped: list[int] = []

    def plan(self) -> Any:
        """Return what a replica must know before it begins."""
        return self._plan

    def join(self, name: str = "") -> int:
        """Take a replica in; return its number, which no other has had.

        Those that were named to the table have their place among the names, whoever comes first.
        """
        with self._changed:
            number = self._awaited.pop(name, len(self._names))
            if number == len(self._names):
                self._names.append(name)
            self._joined.append(number)
            self._replicas[number] = name
            client = current_client()
            if client is not None:
                self._clients[client] = number
            self._held[number] = []
            self._changed.notify_all()
            return number

    def leave(self, replica: int) -> None:
        """Let a replica go that has nothing in hand."""
        with self._changed:
            self._remove(replica)

    def drop(self, replica: int) -> None:
        """Give what a lost replica held to others; nothing happens to one that is not there."""
        with self._changed:
            if self._remove(replica):
                self._dropped.append(replica)

    def disconnected(self, client: int) -> None:
        """Drop the replica that came by this connection."""
        replica = self._clients.pop(client, None)
        if replica is not None:
            self.drop(replica)

    def fail(self, name: str, text: str) -> None:
        """Take note of a replica's own error, with its traceback."""
        with self._changed:
            self._failures.append((name, text))
            self._changed.notify_all()

    def start(self, portions: Iterable[Portion], warm: int = 0) -> None:
        """Begin a round; one replica alone does the first `warm` portions (a warm start)."""
        with self._changed:
            self._waiting = deque(portions)
            self._open, self._warm = set(self._waiting), set(islice(self._waiting, warm))
            self._answers = {}
            for held in self._held.values():
                held.clear()
            self._changed.notify_all()

    def next(self, replica: int, patience: float | None = None) -> Portion | str:
        """Return a portion as soon as there is one.

        "stop" at the end, "wait" when patience ran out, "join" to a replica that was dropped.
        """
        limit = None if patience is None else time.monotonic() + patience
        with self._changed:
            while True:
                if self._stopped:
                    return "stop"
                if replica not in self._replicas:
                    return "join"
                portion = self._pick(replica)
                if portion is not None:
                    self._held[replica].append(portion)
                    return portion
                rest = None if limit is None else limit - time.monotonic()
                if rest is not None and rest <= 0.0:
                    return "wait"
                self._changed.wait(rest)

    def done(self, replica: int, portion: Portion, report: Any = None) -> bool:
        """Take the answer to a portion; return whether it was the first, and so counts."""
        portion = Portion(*portion)
        with self._changed:
            held = self._held.get(replica, [])
            if portion in held:
                held.remove(portion)
            counts = portion in self._open
            if counts:
                self._answers[portion.number] = report
                self._open.remove(portion)
                self._warm.discard(portion)
                if portion in self._waiting:  # it had been taken from this replica meanwhile
                    self._waiting.remove(portion)
            self._changed.notify_all()
            return counts

    def wait(self, patience: float) -> bool:
        """Return whether all portions are done, once they are or after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, patience)

    def stop(self) -> None:
        """Tell every replica that asks, now or later, to stop."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait_for_leave(self, patience: float) -> bool:
        """Return whether no replica is there, once that is so or after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._replicas, patience)

    def summary(self) -> dict[str, Any]:
        """Return who is there, who ever joined, who was dropped, what is left, and the answers."""
        with self._changed:
            return {
                "replicas": sorted(self._replicas), "names": list(self._names),
                "joined": list(self._joined),
                "dropped": list(self._dropped), "given_again": self._again,
                "left": len(self._open), "answers": dict(self._answers),
                "failures": list(self._failures),
            }  # fmt: skip

    def _remove(self, replica: int) -> bool:
        if self._replicas.pop(replica, None) is None:
            return False
        lost = [portion for portion in self._held.pop(replica) if portion in self._open]
        elsewhere = {portion for held in self._held.values() for portion in held}
        lost = [portion for portion in lost if portion not in elsewhere]
        self._waiting.extendleft(reversed(lost))
        self._again += len(lost)
        self._changed.notify_all()
        return True

    def _pick(self, replica: int) -> Portion | None:
        """Return what this replica can do now."""
        if self._warm and replica != min(self._replicas):
            return None
        if self._waiting:
            return self._waiting.popleft()
        if self._backup:
            mine = self._held[replica]
            held = [p for each in self._held.values() for p in each]
            free = sorted((held.count(p), p) for p in held if p in self._open and p not in mine)
            if free:
                self._again += 1
                return free[0][1]
        return None


def portions_of(n_rows: int, length: int, round: int) -> list[Portion]:
    """Return portions of `length` rows each, the last one shorter.

    Examples
    --------
    >>> portions_of(5, 2, round=3)
    [Portion(round=3, number=0, first=0, last=2), Portion(round=3, number=1, first=2, last=4), \
Portion(round=3, number=2, first=4, last=5)]
    """
    return [
        Portion(round, number, first, min(first + length, n_rows))
        for number, first in enumerate(range(0, n_rows, length))
    ]
