"""Which rules a recorded run is held to, and the one sentence that says which line breaks which.

Contract: ``broken_rule(header, events)`` goes through the lines in their order and returns the
first break, or None.

========== =======================================================================================
every one  workers and blocks that exist; one block at a time; released as acquired; all released;
           the clock of a worker never runs back; ticks count up; no epoch is left out
serial     nothing overlaps; each block once an epoch
hogwild,   each block once an epoch
others
dsgd       each block once an epoch (unless the strata are drawn with replacement, "wr"); strata
           without a row or a column twice; a barrier after each; free blocks only
fpsgd      as many grants an epoch as there are blocks; free blocks only; the least updated first;
           nobody starves
========== =======================================================================================

Rules about the order of decisions need ticks: without them fpsgd's last two are not looked at.

The rules themselves are in ``rules`` and ``rules_grid``.

Called by ``Trace.check``.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hogwild.engine.rules import (
    Alone,
    Clock,
    Counted,
    EachOnce,
    Epochs,
    Existing,
    Holding,
    Numbers,
    Rule,
)
from hogwild.engine.rules_grid import ApartByTheClocks, FreeOnly, LeastUpdated, Strata

if TYPE_CHECKING:
    from hogwild.engine.trace import Event

GRID_SCHEDULES = ("fpsgd", "dsgd")


def broken_rule(header: Mapping[str, Any], events: Sequence["Event"]) -> str | None:
    """Return the first break of a rule, in one sentence, or None."""
    wrong = _wrong_header(header)
    if not wrong and "schedule" not in header:
        wrong = "the header names no schedule, and so no rules to check"
    if wrong:
        return f"line 1: {wrong}"
    rules = rules_of(header, ticked=has_ticks(events))
    for number, event in enumerate(events, start=2):
        for rule in rules:
            wrong = rule.line(number, event)
            if wrong:
                return f"line {number}: {wrong}"
    for rule in rules:
        wrong = rule.end()
        if wrong:
            return wrong
    return None if events else "the trace holds no event"


def has_ticks(events: Sequence["Event"]) -> bool:
    """Return whether the events say in which order they were decided."""
    return bool(events) and events[0].tick >= 0


def rules_of(header: Mapping[str, Any], *, ticked: bool) -> list[Rule]:
    """Return the rules of the header's schedule, in the order in which they are asked."""
    schedule, n_blocks = header.get("schedule"), header.get("n_blocks")
    rules: list[Rule] = [Clock(ticked), Existing(header), Holding(), Epochs(header)]
    if schedule == "serial":
        rules.append(Alone())
    if schedule not in GRID_SCHEDULES:
        return [*rules, EachOnce(n_blocks)]
    rows, columns = header["grid"]
    n_blocks = rows * columns
    if ticked:
        rules.append(Numbers())
    if schedule == "dsgd":
        once = Counted(n_blocks) if with_replacement(header) else EachOnce(n_blocks)
        rules += [Strata((rows, columns)), once]
    else:
        rules.append(Counted(n_blocks))
    rules += [FreeOnly((rows, columns)), ApartByTheClocks((rows, columns))]
    if schedule == "fpsgd" and ticked:
        rules.append(LeastUpdated((rows, columns), header.get("n_workers")))
    return rules


def with_replacement(header: Mapping[str, Any]) -> bool:
    """Return whether a block may be missed in an epoch of this DSGD."""
    run = header.get("run")
    named = header.get("strata", run.get("strata") if isinstance(run, dict) else None)
    return named == "wr"


def _wrong_header(header: Mapping[str, Any]) -> str | None:
    for key in ("n_workers", "n_blocks"):
        value = header.get(key)
        if value is not None and (type(value) is not int or value < 1):
            return f"{key} must be a whole number of 1 or more, got {value!r}"
    grid = header.get("grid")
    if header.get("schedule") in GRID_SCHEDULES and grid is None:
        return f"a run of {header['schedule']} needs its grid, [rows, columns], in the header"
    if grid is not None and not _is_grid(grid):
        return f"grid must be [rows, columns], each 1 or more, got {grid!r}"
    if grid is not None and header.get("n_blocks") not in (None, grid[0] * grid[1]):
        return f"a grid of {grid[0]} x {grid[1]} has not {header['n_blocks']} blocks"
    return None


def _is_grid(grid: Any) -> bool:
    return (
        isinstance(grid, list | tuple)
        and len(grid) == 2
        and all(type(size) is int and size >= 1 for size in grid)
    )
