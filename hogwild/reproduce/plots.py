"""A figure as inline SVG with colours from the page, so that it can be read in the dark too.

matplotlib (the extra ``plot``) draws with stand-in colours; each is then replaced by a variable of
the page's style sheet.  Text stays text: small files, and letters that can be selected.

Called by ``report``.
"""

import importlib.util
import io
import re
from html import escape
from typing import Any, NamedTuple

from hogwild.reproduce.parts import Curve, Figure, Gantt

INK, FAINT, PAPER = "#010203", "#040506", "#070809"
SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04")
VARIABLES = {INK: "--ink", FAINT: "--faint", PAPER: "--paper"} | {
    colour: f"--c{number}" for number, colour in enumerate(SERIES)
}
MARKERS = "osD^"
_SIZE = (4.5, 3.1)  # inches: as wide as a phone, where 10 points are still read
LOWEST = -0.15  # of the plot's height, below its lower edge: no label goes there
_RIGHT = 0.73  # of the width; the curves' labels stand right of it


def have_matplotlib() -> bool:
    """Tell whether the extra ``plot`` is installed, without importing it."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(figure: Figure | Gantt) -> str:
    """Return the figure as an ``<svg>`` element without any address in it."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": figure.title, "font.size": 10, "text.color": INK,
        "axes.edgecolor": FAINT, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.6,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        canvas = Canvas(figsize=_SIZE if isinstance(figure, Figure) else _flat(figure))
        FigureCanvasSVG(canvas)
        if isinstance(figure, Gantt):
            _draw_gantt(canvas, figure)
        else:
            _draw_curves(canvas, figure)
        file = io.StringIO()
        canvas.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _inline(file.getvalue(), figure.alt)


def _draw_curves(canvas: Any, figure: Figure) -> None:
    axes = canvas.add_axes((0.17, 0.16, _RIGHT - 0.17, 0.8))
    _draw_axes(axes, figure)
    for curve in figure.curves:
        _draw_curve(axes, curve)
    for level, _ in figure.levels:
        axes.axhline(level, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    _label(axes, figure)


def _flat(figure: Gantt) -> tuple[float, float]:
    """Return inches: a third of one for each row, and room for the axis."""
    return _SIZE[0], 0.33 * len(figure.rows) + 0.6


def _draw_gantt(canvas: Any, figure: Gantt) -> None:
    """Draw a line of bars for each row, the first on top, with what each bar is about on it."""
    height = _flat(figure)[1]
    axes = canvas.add_axes((0.17, 0.5 / height, 0.78, 1.0 - 0.55 / height))
    last = max((bar.end for bar in figure.bars), default=1.0)
    for bar in figure.bars:
        colour = SERIES[bar.row % len(SERIES)]
        length = bar.end - bar.begin
        axes.barh(
            bar.row, length, left=bar.begin, height=0.7, facecolor=colour, edgecolor=PAPER,
            linewidth=1.0,
        )  # fmt: skip
        if length > 0.02 * last * len(bar.text):
            axes.text(
                bar.begin + length / 2, bar.row, bar.text, color=PAPER, fontsize=8, ha="center",
                va="center",
            )  # fmt: skip
    axes.set_yticks(range(len(figure.rows)), figure.rows)
    axes.set_ylim(len(figure.rows) - 0.5, -0.5)
    axes.set_xlim(0.0, last)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(figure.x_label)
    axes.tick_params(axis="y", length=0)


def _draw_axes(axes: Any, figure: Figure) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for axis, log in ((axes.xaxis, figure.x_log), (axes.yaxis, figure.y_log)):
        if log:
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    axes.grid(True, color=FAINT, linewidth=0.5, alpha=0.35)
    axes.set_axisbelow(True)
    heights = [y for curve in figure.curves for y in curve.y] + [y for y, _ in figure.levels]
    if min(heights) == max(heights):  # matplotlib warns of an axis without extent
        axes.set_ylim(heights[0] / 2, heights[0] * 2)


def _draw_curve(axes: Any, curve: Curve) -> None:
    look = {"linestyle": "none", "alpha": 0.5} if curve.dots else {"linestyle": "-"}
    axes.plot(
        curve.x, curve.y, color=SERIES[curve.colour], marker=MARKERS[curve.colour],
        markersize=4.5 if curve.dots else 3.0, markeredgewidth=0.0, **look,
    )  # fmt: skip


def _label(axes: Any, figure: Figure) -> None:
    """Write each curve's name, in its colour, right of the plot at the height where it ends."""
    names = [
        (curve.y[-1], curve.label, SERIES[curve.colour]) for curve in figure.curves if curve.label
    ]
    names += [(level, name, INK) for level, name in figure.levels if name]
    axes.get_figure().canvas.draw()
    places = [
        (axes.transAxes.inverted().transform(axes.transData.transform((1.0, y)))[1], name, colour)
        for y, name, colour in names
    ]
    line = 0.078  # a line of text, as a share of the plot's height
    places.sort()
    heights = _spread(
        [min(max(place[0], 0.0), 1.0) for place in places],
        [line * (1 + name.count("\n")) for _, name, _ in places],
    )
    for height, (_, name, colour) in zip(heights, places, strict=True):
        axes.text(
            1.03, height, name, color=colour, fontsize=9, transform=axes.transAxes, va="center",
            linespacing=1.1,
        )  # fmt: skip


def _spread(wanted: list[float], sizes: list[float]) -> list[float]:
    """Return heights near the wanted ones (rising), at which labels of these sizes don't overlap.

    None reaches below `LOWEST`.

    Examples
    --------
    >>> _spread([0.5, 0.5], [0.1, 0.1])
    [0.45, 0.55]
    """
    groups: list[_Labels] = []
    for height, size in zip(wanted, sizes, strict=True):
        group = _Labels(max(height, LOWEST + size / 2), size, [0.0])
        while groups and groups[-1].top > group.bottom:
            group = groups.pop().joined(group)
        groups.append(group)
    return [group.centre + offset for group in groups for offset in group.offsets]


class _Labels(NamedTuple):
    """Labels that touch: their middle, their height together, each one's way from the middle."""

    centre: float
    size: float
    offsets: list[float]

    @property
    def top(self) -> float:
        return self.centre + self.size / 2

    @property
    def bottom(self) -> float:
        return self.centre - self.size / 2

    def joined(self, other: "_Labels") -> "_Labels":
        """Return these with the ones above them, at the mean of where all would like to be."""
        below, above = len(self.offsets), len(other.offsets)
        size = self.size + other.size
        centre = (self.centre * below + other.centre * above) / (below + above)
        return _Labels(
            max(centre, LOWEST + size / 2), size,
            [offset - other.size / 2 for offset in self.offsets]
            + [offset + self.size / 2 for offset in other.offsets],
        )  # fmt: skip


def _inline(svg: str, alt: str) -> str:
    """Return the element alone: no prologue, no addresses, colours from the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?)\swidth="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?)\sheight="[^"]*"', r"\1", svg, count=1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
