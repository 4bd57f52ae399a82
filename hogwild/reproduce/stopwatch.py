"""Parts of a target run one after the other: each is announced, and its seconds are kept.

Called by the targets.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from hogwild.reproduce.parts import Say

T = TypeVar("T")


class Stopwatch:
    """Runs parts; `seconds` has each one's time by its name.

    Examples
    --------
    >>> timed = Stopwatch(print)
    >>> timed("a sum", lambda: 2 + 2)
    a sum ...
    4
    >>> list(timed.seconds)
    ['a sum']
    """

    def __init__(self, say: Say):
        self.seconds: dict[str, float] = {}
        self._say = say

    def __call__(self, name: str, part: Callable[[], T]) -> T:
        """Return what the part returns."""
        self._say(f"{name} ...")
        begin = time.monotonic()
        found = part()
        self.seconds[name] = time.monotonic() - begin
        return found
