"""Which blocks were held at the same time although they may touch the same numbers.

For runs of random ratings or rows every two held at once are a conflict, since each may touch any
weight; over a grid only those that share a row or a column.  Without a conflict, going through the
blocks one by one in the order of their acquires gives the same result: two blocks that do share
something were not held at once, and their order is kept.

Called by ``Trace.conflicts`` and ``Trace.serial_order``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hogwild.engine.judge import has_ticks
from hogwild.engine.rules_grid import shared_line

if TYPE_CHECKING:
    from hogwild.engine.trace import Event


class Conflict(NamedTuple):
    """Two acquires of which the second came before the first one's release.

    Attributes
    ----------
    line, other_line : int
        Of the later acquire, and of the earlier one.
    event, other : Event
        Those acquires.
    """

    line: int
    other_line: int
    event: "Event"
    other: "Event"

    def __str__(self) -> str:
        one, two = self.event, self.other
        return (
            f"line {self.line}: worker {one.worker} acquires block {one.block} while worker "
            f"{two.worker} holds block {two.block} since line {self.other_line}"
        )


class _Span(NamedTuple):
    begin: int
    end: int
    line: int
    event: "Event"


def conflicts(header: Mapping[str, Any], events: Sequence["Event"]) -> list[Conflict]:
    """Return the pairs that overlap, by the clocks or by the ticks, in the order of lines."""
    found = dict(_overlaps(header, _spans(events, by_lines=False)))
    if has_ticks(events):  # the lines are in their order, over several sessions too
        found.update(_overlaps(header, _spans(events, by_lines=True)))
    return [found[key] for key in sorted(found)]


def _spans(events: Sequence["Event"], *, by_lines: bool) -> list[_Span]:
    """Return from when to when each block was held, sorted by the beginning."""
    begun: dict[int, tuple[int, Event]] = {}
    spans = []
    for line, event in enumerate(events, start=2):
        if event.event == "acquire":
            begun[event.worker] = line, event
        elif event.worker in begun:
            first, acquire = begun.pop(event.worker)
            when = (first, line) if by_lines else (acquire.t, event.t)
            spans.append(_Span(*when, first, acquire))
    return sorted(spans)


def _overlaps(
    header: Mapping[str, Any], spans: list[_Span]
) -> Iterator[tuple[tuple[int, int], Conflict]]:
    grid = header.get("grid")
    active: list[_Span] = []
    for span in spans:
        active = [other for other in active if other.end > span.begin]
        for other in active:
            if grid is None or shared_line(span.event.block, other.event.block, tuple(grid)):
                early, late = sorted((other, span), key=lambda one: one.line)
                pair = Conflict(late.line, early.line, late.event, early.event)
                yield pair[:2], pair
        active.append(span)
