"""A report as two files: index.html, whole in itself, and report.json, with every number.

The page loads nothing from anywhere: its style and its plots are inside.  Both files appear whole
or not at all.

Called by ``reproduce.run``.
"""

import re
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from hogwild.data.plain_json import to_json
from hogwild.data.textio import replacing
from hogwild.kernels.compiled import have_numba
from hogwild.reproduce.machine import BUSY, crowded
from hogwild.reproduce.page import STYLE
from hogwild.reproduce.parts import Figure, Gantt, Outcome, Section, Table
from hogwild.reproduce.plots import draw, have_matplotlib

FORMAT, VERSION = "hogwild-report", 1
NO_PLOTS = "Plots are left out, as matplotlib is missing: pip install 'hogwild[plot]'"
NO_NUMBA = "Less is run, and slower, as numba is missing: pip install 'hogwild[fast]'"


@dataclass(frozen=True)
class Report:
    """What was run, where, and what came out; `started` is UTC, `seconds` the whole run's."""

    outcomes: dict[str, Outcome]
    started: str
    seconds: float
    versions: dict[str, str | None]
    machine: dict[str, Any]
    commands: list[str]

    @property
    def crowd(self) -> float | None:
        """How many processes wanted a processor, where those were more than there are."""
        loads = [load for outcome in self.outcomes.values() for load in outcome.loads]
        return crowded([self.machine.get("load_average"), *loads])


def missing() -> list[str]:
    """Return a line for each extra that is not installed: what that costs, and its command."""
    extras = ((have_numba(), NO_NUMBA), (have_matplotlib(), NO_PLOTS))
    return [line for there, line in extras if not there]


def write(report: Report, folder: Path) -> Path:
    """Write both files and return the path of the page."""
    with replacing(folder / "report.json") as file:
        file.write(as_json(report).encode())
    page = folder / "index.html"
    with replacing(page) as file:
        file.write(as_html(report).encode())
    return page


def as_json(report: Report) -> str:
    """Return the report as JSON; a number that is not finite becomes null."""
    head = {"format": FORMAT, "version": VERSION}
    return to_json(head | asdict(report), indent=1, ensure_ascii=False)


def as_html(report: Report) -> str:
    """Return the page."""
    plots = have_matplotlib()
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        "<title>hogwild: the articles again</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<header><h1>The articles again</h1>",
        "<p>Published figures beside our own. Whatever is not marked as published was measured in "
        "the run that wrote this page, and stands, run by run, in "
        '<a href="report.json">report.json</a>.</p>',
        *([] if report.crowd is None else [_busy(report.crowd)]),
        *(f"<p class=note>{_text(line)}</p>" for line in missing()),
        "</header>",
        "<main>",
    ]
    for name, outcome in report.outcomes.items():
        parts += _outcome(name, outcome, plots, busy=report.crowd is not None)
    parts += [*_colophon(report), "</main>", "</body>", "</html>", ""]
    return "\n".join(parts)


def _busy(crowd: float) -> str:
    return (
        f"<p><strong>{_text(BUSY)}</strong> Up to {crowd:.1f} processes wanted a processor "
        "in a minute of it.</p>"
    )


def _outcome(name: str, outcome: Outcome, plots: bool, busy: bool) -> list[str]:
    link = f'<a href="{escape(outcome.link)}">{_text(outcome.source)}</a>'
    lines = [f'<article id="{escape(name)}">', f"<h2>{_text(outcome.title)}</h2>", f"<p>{link}</p>"]
    for section in outcome.sections:
        lines += _section(section, plots, busy)
    return [*lines, "</article>"]


def _section(section: Section, plots: bool, busy: bool) -> list[str]:
    lines = ["<section>", f"<h3>{_text(section.title)}</h3>"]
    lines += [f"<p>{_unbroken(_text(sentence))}</p>" for sentence in section.sentences]
    for table in section.tables:
        lines += _table(table, busy and table.timed)
    if plots:
        for figure in section.figures:
            lines += _figure(figure)
    if section.code:
        lines.append(f"<pre tabindex=0><code>{_text(section.code)}</code></pre>")
    return [*lines, "</section>"]


def _table(table: Table, busy: bool) -> list[str]:
    # the caption stands outside: inside it would be as wide as the table, and scroll away with it
    name = _text(table.caption)
    lines = [
        f"<h4>{name}</h4>",
        *([f"<p><strong>{_text(BUSY)}</strong></p>"] if busy else []),
        f'<div class=scroll tabindex=0 role=region aria-label="{name}"><table>',
    ]
    kinds = ["" if words else " class=n" for words in table.worded()]
    heads = [
        f"<th scope=col{kind}>{_text(column.name)}</th>"
        for kind, column in zip(kinds, table.columns, strict=True)
    ]
    lines.append(f"<thead><tr>{''.join(heads)}</tr></thead><tbody>")
    for row in table.text():
        cells = [f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody></table></div>")
    return [*lines, *([f"<p class=note>{_text(table.note)}</p>"] if table.note else [])]


def _figure(figure: Figure | Gantt) -> list[str]:
    return [
        "<figure>",
        draw(figure),
        f"<figcaption>{_text(figure.title)}</figcaption>",
        "</figure>",
    ]


def _colophon(report: Report) -> list[str]:
    facts = {
        "Commands": "; ".join(report.commands),
        "Started": f"{report.started} (UTC), {report.seconds:.0f} s",
        "Versions": ", ".join(f"{name} {found or '–'}" for name, found in report.versions.items()),
        **{name.replace("_", " ").capitalize(): value for name, value in report.machine.items()},
    }
    rows = "".join(
        f"<dt>{_text(name)}</dt><dd>{_text('–' if value is None else str(value))}</dd>"
        for name, value in facts.items()
    )
    return ["<section>", "<h2>How it was made</h2>", f"<dl>{rows}</dl>", "</section>"]


def _text(text: str) -> str:
    return escape(text)


def _unbroken(text: str) -> str:
    """Names such as L-BFGS don't break at their hyphen."""
    return re.sub(r"\b[A-Z]+-[A-Z]{2,}\b", r"<span class=whole>\g<0></span>", text)
