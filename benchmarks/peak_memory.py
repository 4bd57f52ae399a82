"""The most memory that a process and all that it started hold together, sampled while they run.

A page that several processes share (the ratings in shared memory, what fork has not copied) counts
once: the kernel's PSS divides each page among those that map it.  Called by factor_epoch.py.
"""

import os
import threading
from pathlib import Path

INTERVAL = 0.05  # seconds between samples


def family(root: int) -> list[int]:
    """Return the ids of a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # "pid (name) state parent ...": the name may hold blanks and parentheses
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended since
        children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def held() -> int:
    """Return the bytes that this process and its descendants hold now."""
    kilobytes = 0
    for process in family(os.getpid()):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # ended since
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024


class Peak:
    """The most that `held()` returned between `with` and its end: `.bytes`.

    A thread takes the samples, so work under it runs a little slower: don't time it.
    """

    def __enter__(self) -> "Peak":
        self.bytes = held()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(INTERVAL):
            self.bytes = max(self.bytes, held())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, held())
