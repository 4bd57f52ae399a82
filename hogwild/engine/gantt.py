"""A trace as a picture: a lane for each worker, a bar for each block, and what is left is waiting.

Needs the extra ``plot`` (matplotlib).  Over a grid the colour tells the row of a block, so that
the same colour in two lanes at once would be a conflict, and its label row and column; else the
colour tells the epoch.

Used by ``hogwild trace plot`` and the lessons.
"""

from typing import Any, NamedTuple

from hogwild.engine.trace import Event, Trace
from hogwild.errors import MissingExtra

FEW = 150
"""Bars that can still be told apart."""
LETTERS = 140
"""How many stand side by side for certain: 11 inches take about 170."""
COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#eeca3b", "#9d755d",
)  # fmt: skip
IDLE, INK = "#ececec", "#333333"


class Bar(NamedTuple):
    """A block in a worker's hands."""

    worker: int
    begin: int
    end: int
    block: int
    epoch: int


def bars(trace: Trace, epochs: tuple[int, int] | None = None) -> list[Bar]:
    """Return the bars of these epochs (first and last); by default of the first that are few.

    Raises
    ------
    ValueError
        When there are none.
    """
    begun: dict[int, Event] = {}
    found = []
    for event in trace.events:
        if event.event == "acquire":
            begun[event.worker] = event
        elif event.worker in begun:
            first = begun.pop(event.worker)
            found.append(Bar(event.worker, first.t, event.t, event.block, event.epoch))
    if not found:
        raise ValueError("the trace has no block that was acquired and released")
    if epochs is None:
        first_epoch = min(bar.epoch for bar in found)
        last = sorted(bar.epoch for bar in found)[: FEW + 1][-1]
        whole = last if len(found) <= FEW else max(first_epoch, last - 1)
        epochs = first_epoch, whole
    chosen = [bar for bar in found if epochs[0] <= bar.epoch <= epochs[1]]
    if not chosen:
        known = f"{min(bar.epoch for bar in found)} to {max(bar.epoch for bar in found)}"
        raise ValueError(f"the trace has epochs {known}, none of {epochs[0]} to {epochs[1]}")
    return chosen


def gantt(trace: Trace, epochs: tuple[int, int] | None = None) -> Any:
    """Return the Gantt chart as a matplotlib Figure (``savefig`` writes it).

    Parameters
    ----------
    trace : Trace
    epochs : (int, int), optional
        The first and the last epoch to draw; by default as many as can be told apart.

    Raises
    ------
    MissingExtra
        Without matplotlib.
    ValueError
        When nothing of the trace lies in these epochs.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("plot", "drawing a trace") from None
    chosen = bars(trace, epochs)
    n_lanes = max(1 + max(bar.worker for bar in chosen), trace.header.get("n_workers") or 0)
    figure = Figure(figsize=(11.0, 1.5 + 0.42 * n_lanes), layout="constrained")
    axes = figure.add_subplot()
    scale, unit = _unit(max(bar.end for bar in chosen) - min(bar.begin for bar in chosen))
    _draw(axes, chosen, n_lanes, scale, trace.header.get("grid"))
    axes.set_xlabel(f"{unit} since the first block")
    axes.set_title(_title(trace, chosen), loc="left", fontsize=10, color=INK)
    return figure


def _draw(axes: Any, chosen: list[Bar], n_lanes: int, scale: float, grid: Any) -> None:
    origin = min(bar.begin for bar in chosen)
    end = (max(bar.end for bar in chosen) - origin) / scale
    for worker in range(n_lanes):
        mine = [bar for bar in chosen if bar.worker == worker]
        spans = [((bar.begin - origin) / scale, (bar.end - bar.begin) / scale) for bar in mine]
        axes.broken_barh([(0.0, end)], (worker - 0.4, 0.8), facecolor=IDLE, linewidth=0)
        colours = [_colour(bar, grid) for bar in mine]
        axes.broken_barh(
            spans, (worker - 0.4, 0.8), facecolors=colours, edgecolor="white", linewidth=0.6
        )
        for bar, (begin, width) in zip(mine, spans, strict=True):
            _label(axes, _name(bar.block, grid), begin + width / 2, worker, width / end)
        busy = sum(width for _, width in spans) / end if end else 1.0
        axes.text(1.01, worker, f"{busy:.0%} busy", transform=axes.get_yaxis_transform(),
                  va="center", fontsize=9, color=INK)  # fmt: skip
    free = 0.0  # where the last label ends
    for epoch in sorted({bar.epoch for bar in chosen}):
        begin = (min(bar.begin for bar in chosen if bar.epoch == epoch) - origin) / scale
        axes.axvline(begin, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        label = f" epoch {epoch}"
        if begin >= free:
            axes.text(begin, -0.48, label, fontsize=8, color=INK, va="bottom")
            free = begin + (len(label) + 1) * end / LETTERS
    axes.set_yticks(range(n_lanes), [f"worker {worker}" for worker in range(n_lanes)])
    axes.set_ylim(n_lanes - 0.5, -0.75)  # worker 0 on top
    axes.set_xlim(0.0, end)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _label(axes: Any, name: str, middle: float, worker: int, share: float) -> None:
    """Write into the bar, if it is wide enough."""
    if share * LETTERS > len(name):
        axes.text(middle, worker, name, ha="center", va="center", fontsize=7.5, color="white")


def _name(block: int, grid: Any) -> str:
    return str(block) if grid is None else "{},{}".format(*divmod(block, grid[1]))


def _colour(bar: Bar, grid: Any) -> str:
    index = bar.epoch - 1 if grid is None else bar.block // grid[1]
    return COLOURS[index % len(COLOURS)]


def _unit(nanoseconds: int) -> tuple[float, str]:
    for scale, unit in ((1e9, "seconds"), (1e6, "milliseconds")):
        if nanoseconds >= 2 * scale:
            return scale, unit
    return 1e3, "microseconds"


def _title(trace: Trace, chosen: list[Bar]) -> str:
    grid, total = trace.header.get("grid"), max(event.epoch for event in trace.events)
    first, last = min(bar.epoch for bar in chosen), max(bar.epoch for bar in chosen)
    which = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    words = f"{trace.header.get('schedule', 'a run')}, {which} of {total}"
    if grid is None:
        return f"{words}; a bar is a block, grey is waiting"
    return f"{words}, {grid[0]} x {grid[1]} grid; a bar is block row,column, grey is waiting"
