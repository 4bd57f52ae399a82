"""A trace says what happened: who acquired and released which block, when, by one clock.

The clock is ``time.monotonic_ns``, which all processes of a machine share on Linux.  A trace is
kept as JSON lines: first a header, then an event a line::

    {"format": "hogwild-trace", "version": 1, "schedule": "hogwild", "n_workers": 2, ...}
    {"t": 1200, "worker": 0, "event": "acquire", "epoch": 1, "number": 0, "block": 5}
    {"t": 5100, "worker": 0, "event": "release", "epoch": 1, "number": 0, "block": 5}

``epoch`` counts from 1, workers, numbers and blocks from 0; ``t`` is in nanoseconds, with any
origin. ``Trace.check`` tells in one sentence what broke which rule.

Written by ``engine.loop``; read by whoever wants to check or draw a run.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hogwild.data.textio import line_chunks, replacing, shown
from hogwild.errors import DataError

FORMAT, VERSION = "hogwild-trace", 1


class Event(NamedTuple):
    """One acquire or release, as the worker saw it."""

    t: int
    worker: int
    event: str
    number: int
    block: int
    epoch: int = 0
    tick: int = -1

    def record(self) -> dict[str, Any]:
        """Return what a line of the file holds; no tick where there is none."""
        fields = self._asdict()
        if self.tick == -1:
            del fields["tick"]
        return fields


@dataclass
class Trace:
    """All events of a run, in the order of the clock.

    Attributes
    ----------
    header : dict
        ``schedule``, ``n_workers``, ``n_blocks`` and whatever else describes the run.
    events : list of Event

    Examples
    --------
    >>> trace = Trace({"schedule": "hogwild", "n_workers": 1, "n_blocks": 1})
    >>> trace.add(1, [Event(10, 0, "acquire", 0, 0), Event(20, 0, "release", 0, 0)])
    >>> trace.check() is None
    True
    """

    header: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def add(self, epoch: int, events: Iterable[Event]) -> None:
        """Add an epoch's events of all workers, in the order of their ticks, else of the clock."""
        dated = (event._replace(epoch=epoch) for event in events)
        self.events.extend(sorted(dated, key=lambda event: (event.tick, event)))

    def check(self) -> str | None:
        """Return what breaks the rules, in one sentence, or None.

        The rules: a worker's clock never runs back; it holds one block at a time and releases that
        one; nothing is held at the end; in every epoch each block is granted exactly once; and
        under "serial" no two blocks are held at once.
        """
        holding: dict[int, Event] = {}
        granted: dict[int, set[int]] = {}
        before = None
        for line, event in enumerate(self.events, start=2):
            if before is not None and event.t < before:
                return f"line {line}: the clock runs back, from {before} to {event.t}"
            before = event.t
            wrong = self._wrong(event, holding, granted.setdefault(event.epoch, set()))
            if wrong:
                return f"line {line}: {wrong}"
        for worker, event in holding.items():
            return f"worker {worker} never released block {event.block} of epoch {event.epoch}"
        n_blocks = self.header.get("n_blocks")
        for epoch, blocks in granted.items():
            if n_blocks is not None and len(blocks) != n_blocks:
                return f"epoch {epoch} granted {len(blocks)} of {n_blocks} blocks"
        return None

    def _wrong(self, event: Event, holding: dict[int, Event], granted: set[int]) -> str | None:
        """Return what is wrong with this event, and follow who holds what."""
        if event.event == "acquire":
            if event.worker in holding:
                return (
                    f"worker {event.worker} acquires block {event.block} "
                    f"while it holds block {holding[event.worker].block}"
                )
            if self.header.get("schedule") == "serial" and holding:
                return f"block {event.block} is acquired while another is held, in a serial run"
            if event.block in granted:
                return f"block {event.block} is granted a second time in epoch {event.epoch}"
            granted.add(event.block)
            holding[event.worker] = event
            return None
        held = holding.pop(event.worker, None)
        if held is None or held.block != event.block:
            has = "nothing" if held is None else f"block {held.block}"
            return f"worker {event.worker} releases block {event.block} while it holds {has}"
        return None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the trace as JSON lines; the file appears whole or not at all.

        As with every file of this package, a name that ends in ``.gz``, ``.bz2`` or ``.xz`` is
        compressed, and ``-`` is standard output.
        """
        head = {"format": FORMAT, "version": VERSION, **self.header}
        lines = [json.dumps(head, allow_nan=False)]
        lines += [json.dumps(event.record(), allow_nan=False) for event in self.events]
        with replacing(path) as file:
            file.write(("\n".join(lines) + "\n").encode())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Trace":
        """Read a trace that ``write``, or a program in another language, has written.

        Compressed files are recognised by their content; ``-`` reads standard input.

        Raises
        ------
        DataError
            With file and line, for anything that is not a trace of this version.
        """
        name = shown(path)
        try:
            text = b"".join(line_chunks(path)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"not text: {error}", path=name) from None
        if not text:
            raise DataError("an empty file is not a trace", path=name)
        # not splitlines(): a string of JSON may hold other separators than the line feed
        lines = text.removesuffix("\n").split("\n")
        head = _record(lines[0], name, 1)
        if head.pop("format", None) != FORMAT or head.pop("version", None) != VERSION:
            raise DataError(
                f"expected the header of a {FORMAT}, version {VERSION}", path=name, line=1
            )
        events = [_event(line, name, number) for number, line in enumerate(lines[1:], start=2)]
        return cls(head, events)


def _record(line: str, path: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", path=path, line=number) from None
    if not isinstance(record, dict):
        raise DataError(f"expected an object, got {line[:40]!r}", path=path, line=number)
    return record


def _event(line: str, path: str, number: int) -> Event:
    record = _record(line, path, number)
    wanted = set(Event._fields)
    if set(record) | {"tick"} != wanted:
        differing = ", ".join(sorted(wanted ^ {*record, "tick"}))
        raise DataError(f"missing or unknown fields: {differing}", path=path, line=number)
    if record["event"] not in ("acquire", "release"):
        raise DataError(
            f"event must be acquire or release, got {record['event']!r}", path=path, line=number
        )
    for key in set(record) - {"event"}:
        if type(record[key]) is not int:
            raise DataError(
                f"{key} must be a whole number, got {record[key]!r}", path=path, line=number
            )
    return Event(**record)
