"""A run in one sentence: how large it was, which rules it was held to, how even, what met.

Called by ``Trace.summary``.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hogwild.engine.conflicts import conflicts
from hogwild.engine.judge import GRID_SCHEDULES, has_ticks, with_replacement
from hogwild.engine.table import imbalance

if TYPE_CHECKING:
    from hogwild.engine.trace import Event


def summary(header: Mapping[str, Any], events: Sequence["Event"]) -> str:
    """Return the sentence."""
    parts = [_size(header, events)]
    schedule = header.get("schedule")
    if not events:
        return parts[0]
    if schedule == "fpsgd":
        parts.append(
            "only free blocks, the least updated first, nobody starved"
            if has_ticks(events)
            else "only free blocks (without ticks it can't be told whether the least updated)"
        )
    elif schedule == "dsgd":
        once = "" if with_replacement(header) else "each block once an epoch, "
        parts.append(f"{once}only free blocks, a barrier after each stratum")
    else:
        parts.append("each block once an epoch")
    if schedule == "fpsgd":
        parts.append(_evenness(header, events))
        parts += _sessions(events)
    if schedule not in GRID_SCHEDULES:
        parts.append(_meetings(header, events))
    return "; ".join(parts)


def _size(header: Mapping[str, Any], events: Sequence["Event"]) -> str:
    blocks = sum(event.event == "acquire" for event in events)
    epochs = len({event.epoch for event in events})
    grid = header.get("grid")
    on = "" if grid is None else f" on a {grid[0]} x {grid[1]} grid"
    workers = len({event.worker for event in events})
    return (
        f"{header.get('schedule', 'a run')}{on}: {_many(blocks, 'grant')} in "
        f"{_many(epochs, 'epoch')} to {_many(workers, 'worker')}"
    )


def _evenness(header: Mapping[str, Any], events: Sequence["Event"]) -> str:
    rows, columns = header["grid"]
    released = [event.block for event in events if event.event == "release"]
    updates = np.bincount(released, minlength=rows * columns)
    if updates.min() == updates.max():
        return f"{_many(int(updates.min()), 'update')} each"
    return (
        f"{updates.min()} to {updates.max()} updates a block (imbalance {imbalance(updates):.2g})"
    )


def _sessions(events: Sequence["Event"]) -> list[str]:
    """Say where ticks begin anew: right for a run that was resumed, else a table that forgets."""
    pairs = itertools.pairwise(events) if has_ticks(events) else ()
    anew = [str(event.epoch) for before, event in pairs if event.tick <= before.tick]
    if not anew:
        return []
    epochs = "epoch" if len(anew) == 1 else "epochs"
    return [f"updates counted anew from {epochs} {', '.join(anew)} on, as in a resumed run"]


def _meetings(header: Mapping[str, Any], events: Sequence["Event"]) -> str:
    found = conflicts(header, events)
    if not found:
        return "no conflict"
    return (
        f"{_many(len(found), 'conflict')} of blocks held at the same time, "
        f"the first in lines {found[0].other_line} and {found[0].line}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
