"""A trace says what happened: who acquired and released which block, when, by one clock.

The clock is ``time.monotonic_ns``, which all processes of a machine share on Linux.  A trace is
kept as JSON lines: first a header, then an event a line::

    {"format": "hogwild-trace", "version": 1, "schedule": "fpsgd", "n_workers": 2, "grid": [3, 3]}
    {"t": 1200, "worker": 0, "event": "acquire", "epoch": 1, "number": 0, "block": 5, "tick": 1}
    {"t": 5100, "worker": 0, "event": "release", "epoch": 1, "number": 0, "block": 5, "tick": 2}

``epoch`` counts from 1, workers, numbers and blocks from 0; ``t`` is in nanoseconds, with any
origin.  ``tick`` counts the schedule's decisions; lines are in its order, and without it in the
order of ``t``.  The whole format is told in the documentation's page on traces.

``Trace.check`` tells in one sentence what broke which rule (``judge``); ``conflicts`` and
``serial_order`` tell whether and how the run can be replayed.

Written by ``engine.loop``; read by whoever wants to check, draw or replay a run.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hogwild.data.textio import line_chunks, replacing, shown
from hogwild.engine.conflicts import Conflict, conflicts
from hogwild.engine.judge import broken_rule
from hogwild.engine.summary import summary
from hogwild.errors import DataError

FORMAT, VERSION = "hogwild-trace", 1


class Event(NamedTuple):
    """One acquire or release, as the worker saw it; ``tick`` is -1 where there is none."""

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
        """Return what breaks the schedule's rules, in one sentence with its line, or None."""
        return broken_rule(self.header, self.events)

    def conflicts(self) -> list[Conflict]:
        """Return the pairs of blocks that were held at once and may touch the same numbers.

        Runs of random ratings, or of rows, always may; blocks of a grid (``grid`` in the header),
        if they share a row or a column.
        """
        return conflicts(self.header, self.events)

    def serial_order(self) -> list[Event]:
        """Return the acquires in an order in which one process gets the same result.

        Raises
        ------
        ValueError
            When blocks in conflict were held at the same time: no order gives that for certain.
        """
        found = self.conflicts()
        if found:
            raise ValueError(
                f"no serial order gives the same result for certain, there "
                f"{'is 1 conflict' if len(found) == 1 else f'are {len(found)} conflicts'}; "
                f"the first: {found[0]}"
            )
        return [event for event in self.events if event.event == "acquire"]

    def summary(self) -> str:
        """Return in one sentence what ran, and what ``check`` has looked at."""
        return summary(self.header, self.events)

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
        _check_header(head, name)
        events = [_event(line, name, number) for number, line in enumerate(lines[1:], start=2)]
        return cls(head, events)


def _check_header(head: dict[str, Any], path: str) -> None:
    """Take format and version out of the header, or raise DataError."""
    missing = object()
    kind, version = head.pop("format", missing), head.pop("version", missing)
    wanted = f"expected the header of a {FORMAT}, version {VERSION}"
    if kind != FORMAT:
        raise DataError(wanted, path=path, line=1)
    if version != VERSION:
        got = "no version" if version is missing else f"version {version!r}"
        raise DataError(f"{wanted}, got {got}", path=path, line=1)


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
    wanted, found = {*Event._fields}, {*record, "tick"}
    wrong = {"missing": wanted - found, "unknown": found - wanted}
    if wanted != found:
        parts = [
            f"{what} field{'s' if len(names) > 1 else ''} {', '.join(map(repr, sorted(names)))}"
            for what, names in wrong.items()
            if names
        ]
        raise DataError("; ".join(parts), path=path, line=number)
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
