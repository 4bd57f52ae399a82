"""A report as a browser and a program see it: for the tests of what writes it."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest


def read(folder: Path) -> tuple[str, dict]:
    """Page and JSON; a JSON constant such as NaN is an error."""
    text = (folder / "report.json").read_text(encoding="utf-8")
    return (folder / "index.html").read_text(encoding="utf-8"), json.loads(
        text, parse_constant=pytest.fail
    )


class Page(HTMLParser):
    """The cells of every table, and all that a browser would load; every tag must be closed."""

    VOID = ("meta", "br", "link", "img", "path", "use", "rect")

    def __init__(self, text: str):
        super().__init__()
        self.tables, self.loads, self.open, self.links = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag in ("script", "link", "img", "iframe", "object", "embed", "audio", "video", "base"):
            self.loads.append((tag, attributes))
        self.loads += [
            (tag, value) for name, value in attributes
            if name in ("src", "srcset", "xlink:href", "data", "poster")
            and not (value or "").startswith(("#", "data:"))
        ]  # fmt: skip
        self.links += [(tag, value) for name, value in attributes if name == "href"]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
