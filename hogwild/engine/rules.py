"""The rules that every recorded run keeps, and those on how often a block is granted.

Contract: a rule is an object that follows the lines of a trace; it is told of each one by
``line(number, event)`` and of the end by ``end()``, and answers with a sentence or None.

Used by ``judge``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hogwild.engine.trace import Event


class Rule:
    """What follows the lines of a trace; this one is never broken."""

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line, if something is."""
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end, with the line where there is one."""
        return None


class Clock(Rule):
    """Time runs forward: for each worker, and without ticks for all; ticks count up."""

    def __init__(self, ticked: bool):
        self.ticked = ticked
        self.times: dict[int, int] = {}
        self.tick, self.epoch = -1, 0

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        who = event.worker if self.ticked else -1
        before = self.times.get(who)
        if before is not None and event.t < before:
            return f"the clock runs back, from {before} to {event.t}"
        self.times[who] = event.t
        if (event.tick >= 0) != self.ticked:
            return "some events have a tick and some have none"
        # a run that was resumed counts its ticks anew
        if self.ticked and event.tick <= self.tick and event.epoch == self.epoch:
            return f"tick {event.tick} comes after tick {self.tick}"
        self.tick, self.epoch = event.tick, event.epoch
        return None


class Existing(Rule):
    """Workers and blocks are among those that the header counts."""

    def __init__(self, header: Mapping[str, Any]):
        self.n_workers, grid = header.get("n_workers"), header.get("grid")
        self.n_blocks = header.get("n_blocks") if grid is None else grid[0] * grid[1]
        self.where = "the run" if grid is None else "the grid"

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.worker < 0 or (self.n_workers is not None and event.worker >= self.n_workers):
            return f"there is no worker {event.worker}: there are {self.n_workers}, from 0"
        if event.block < 0 or (self.n_blocks is not None and event.block >= self.n_blocks):
            return f"there is no block {event.block}: {self.where} has {self.n_blocks}, from 0"
        return None


class Holding(Rule):
    """A worker holds one block at a time, releases that one, and nothing is held at the end."""

    def __init__(self) -> None:
        self.held: dict[int, Event] = {}
        self.since: dict[int, int] = {}  # the line of a worker's last acquire

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        held = self.held.get(event.worker)
        if event.event == "acquire":
            self.held[event.worker], self.since[event.worker] = event, number
            if held is not None:
                return (
                    f"worker {event.worker} acquires block {event.block} "
                    f"while it holds block {held.block}"
                )
            return None
        self.held.pop(event.worker, None)
        if held is None or held.block != event.block:
            has = "nothing" if held is None else f"block {held.block}"
            return f"worker {event.worker} releases block {event.block} while it holds {has}"
        if (held.number, held.epoch) != (event.number, event.epoch):
            return (
                f"worker {event.worker} releases block {event.block} as grant {event.number} of "
                f"epoch {event.epoch}, while it was grant {held.number} of epoch {held.epoch}"
            )
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end."""
        for worker, event in self.held.items():
            return (
                f"worker {worker} never released block {event.block} of epoch {event.epoch}, "
                f"acquired in line {self.since[worker]}"
            )
        return None


class Epochs(Rule):
    """Epochs follow one another, none is left out; where the run tells how many, all are there."""

    def __init__(self, header: Mapping[str, Any]):
        run = header.get("run")
        told = run.get("epochs") if isinstance(run, dict) else None
        self.told = len(told) if isinstance(told, list) else None
        self.first: int | None = None
        self.now = 0

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "release":
            return None  # as acquired (Holding); without a barrier, after the next epoch has begun
        if self.first is None:
            if event.epoch < 1:
                return f"epochs count from 1, got {event.epoch}"
            self.first = self.now = event.epoch  # of a run that was resumed, not 1
        if event.epoch not in (self.now, self.now + 1):
            return f"epoch {event.epoch} comes where epoch {self.now} or {self.now + 1} is due"
        self.now = event.epoch
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end."""
        found = 0 if self.first is None else self.now - self.first + 1
        if self.told is not None and found != self.told:
            return f"line 1: the run had {self.told} epochs, the lines have {found}"
        return None


class Alone(Rule):
    """In a serial run nothing is held when something is acquired."""

    def __init__(self) -> None:
        self.held = 0

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        self.held += 1 if event.event == "acquire" else -1
        if self.held > 1:
            return f"block {event.block} is acquired while another is held, in a serial run"
        return None


class EachOnce(Rule):
    """Each block is granted exactly once an epoch."""

    def __init__(self, n_blocks: int | None):
        self.n_blocks = n_blocks
        self.granted: dict[int, set[int]] = {}

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "release":
            return None
        granted = self.granted.setdefault(event.epoch, set())
        if event.block in granted:
            return f"block {event.block} is granted a second time in epoch {event.epoch}"
        granted.add(event.block)
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end."""
        for epoch, blocks in self.granted.items():
            if self.n_blocks is not None and len(blocks) != self.n_blocks:
                return f"epoch {epoch} granted {len(blocks)} of {self.n_blocks} blocks"
        return None


class Counted(Rule):
    """An epoch is as many grants as there are blocks, whichever they are."""

    def __init__(self, n_blocks: int):
        self.n_blocks = n_blocks
        self.granted: dict[int, int] = {}

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "acquire":
            self.granted[event.epoch] = self.granted.get(event.epoch, 0) + 1
        return None

    def end(self) -> str | None:
        """Return what is wrong at the end."""
        for epoch, count in self.granted.items():
            if count != self.n_blocks:
                return f"epoch {epoch} has {count} grants, not {self.n_blocks}"
        return None


class Numbers(Rule):
    """The grants of an epoch are numbered as they are decided, from 0."""

    def __init__(self) -> None:
        self.following: dict[int, int] = {}

    def line(self, number: int, event: "Event") -> str | None:
        """Return what is wrong with this line."""
        if event.event == "release":
            return None
        wanted = self.following.get(event.epoch, 0)
        if event.number != wanted:
            return f"grant {event.number} of epoch {event.epoch} comes where {wanted} is due"
        self.following[event.epoch] = wanted + 1
        return None
