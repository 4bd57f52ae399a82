"""What a reproduction hands to the report: sentences, tables and figures, as plain data.

Contract: numbers stay numbers here; how they look is said beside them and done by ``shown``, so
that the page, the terminal and report.json tell the same.  Nothing here knows HTML or matplotlib.

Made by the targets (``blog`` and its parts); turned into files by ``report``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Say = Callable[[str], None]

ROUNDING = 1e-10
"""A share of lost updates up to this is what adding in another order makes (float64)."""


@dataclass(frozen=True)
class Column:
    """A table's column: its heading, and how its numbers are shown (see ``shown``)."""

    name: str
    format: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of strings, numbers and None (shown as a dash); `timed`: a busy machine spoils them."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    timed: bool = False

    def text(self) -> list[list[str]]:
        """Return the cells as they are shown."""
        return [
            [shown(cell, column.format) for cell, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]

    def worded(self) -> list[bool]:
        """Tell of each column whether it holds words alone; such a column begins at its left."""
        return [all(isinstance(row[k], str) for row in self.rows) for k in range(len(self.columns))]


@dataclass(frozen=True)
class Curve:
    """A line through points, or `dots` alone; one of each `colour` (0 to 3) has a label."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    dots: bool = False


@dataclass(frozen=True)
class Figure:
    """A plot; `levels` are labelled horizontal lines, `alt` says in words what is to be seen."""

    title: str
    alt: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    levels: Sequence[tuple[float, str]] = ()
    x_log: bool = False
    y_log: bool = False


@dataclass(frozen=True)
class Bar:
    """From when to when a row of a Gantt chart was at work, and on what."""

    row: int
    begin: float
    end: float
    text: str = ""


@dataclass(frozen=True)
class Gantt:
    """A plot of who was at work when: a line of bars for each of `rows`."""

    title: str
    alt: str
    x_label: str
    rows: Sequence[str]
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Section:
    """A heading with what belongs under it; `code` is the call that made the numbers."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table] = ()
    figures: Sequence[Figure | Gantt] = ()
    code: str = ""


@dataclass
class Outcome:
    """What a target returns.

    Attributes
    ----------
    title, source : str
        Its heading, and the article.
    link : str
        The article's address.
    sections : list of Section
    data : dict
        Everything measured, run by run, for report.json.
    summary : list of str
        Lines of at most 80 characters for the terminal.
    loads : list of float or None
        How many processes wanted a processor while times were taken.
    """

    title: str
    source: str
    link: str
    sections: list[Section] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    loads: list[float | None] = field(default_factory=list)


def shown(value: Any, form: str = "") -> str:
    """Return a cell as text: None as a dash, a number by its format.

    Besides Python's formats there is "share", a percentage to two digits; a share of at most
    `ROUNDING` is "none".  A blank stands before every percent sign.  0 with an exponent is "0".

    Examples
    --------
    >>> shown(None), shown("seed"), shown(0.0014203, ".5f"), shown(7)
    ('–', 'seed', '0.00142', '7')
    >>> shown(0.0213, "share"), shown(2e-15, "share"), shown(0.003, ".2%")
    ('2.1 %', 'none', '0.30 %')
    >>> shown(2e-9, ".1e"), shown(0.0, ".1e")
    ('2.0e-09', '0')
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "–"
    if value == 0 and form.endswith("e"):
        return "0"
    if form != "share":
        return format(value, form).replace("%", " %")
    if abs(value) <= ROUNDING:
        return "none"
    return f"{_two_digits(100.0 * value)} %"


def between(values: Sequence[float], form: str) -> str:
    """Return from where to where the values go, as text; one number where both look the same.

    Examples
    --------
    >>> between([0.3, 0.1], ".1f"), between([0.0201, 0.0199], ".2f")
    ('0.1 to 0.3', '0.02')
    """
    low, high = shown(min(values), form), shown(max(values), form)
    return low if low == high else f"{low} to {high}"


def power(value: float) -> str:
    """Return a power of ten as one writes it.

    Examples
    --------
    >>> power(1e-8), power(1e-12)
    ('1e-8', '1e-12')
    """
    return f"{value:.0e}".replace("e-0", "e-")


def _two_digits(value: float) -> str:
    """Return a number to two digits: 21, 2.1, 0.0021; an exponent only where it is tiny."""
    if abs(value) >= 99.5:
        return f"{value:.0f}"
    return f"{value:.2g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def plain_table(table: Table, width: int = 80) -> list[str]:
    """Return a table as lines for a terminal, at most `width` characters each.

    Examples
    --------
    >>> for line in plain_table(Table("", [Column("seed"), Column("loss", ".2f")], [[0, 0.5]])):
    ...     print(line)
    seed  loss
       0  0.50
    """
    cells = [[column.name for column in table.columns], *table.text()]
    widths = [max(len(row[k]) for row in cells) for k in range(len(table.columns))]
    put = [str.ljust if words else str.rjust for words in table.worded()]
    lines = [
        "  ".join(side(cell, size) for side, cell, size in zip(put, row, widths, strict=True))
        for row in cells
    ]
    return [line.rstrip()[:width] for line in lines]


def call_text(function: str, arguments: dict[str, Any], first: str = "examples") -> str:
    """Return the call of a function as it would be written, for the page.

    Examples
    --------
    >>> print(call_text("fit_linear", {"step": 0.001, "schedule": "hogwild"}))
    fit_linear(
        examples, step=0.001, schedule='hogwild',
    )
    """
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    lines, line = [], f"{first},"
    for part in given.split(", ") if given else []:
        if len(line) + len(part) + 2 > 60:
            lines.append(line)
            line = f"{part},"
        else:
            line += f" {part},"
    return "\n".join([f"{function}(", *(f"    {each}" for each in [*lines, line]), ")"])
