"""On what a report was made: versions, processors, load; no host names, no paths.

Called by ``reproduce.run`` and the targets.
"""

import importlib.metadata
import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import hogwild
from hogwild.engine.starting import checked_processes

LIBRARIES = ("numpy", "scipy", "numba", "matplotlib")
BUSY = "The machine was busy: times of this run say little."
SLACK = 0.5  # of a process: what a parent adds that sets its workers to work


def versions() -> dict[str, str | None]:
    """Return versions of Python, of this package and of libraries; None where not installed."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "hogwild": hogwild.__version__,
    }
    for name in LIBRARIES:
        there = importlib.util.find_spec(name) is not None
        found[name] = importlib.metadata.version(name) if there else None
    return found


def machine() -> dict[str, Any]:
    """Return the processors, the system, and how busy it is."""
    return {
        "processors": checked_processes(None),
        "processor": _processor(),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": load(),
    }


def load() -> float | None:
    """Return how many processes wanted a processor in the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def load_beside(n_workers: int) -> float | None:
    """Return the load without those of our own workers that had no processor to themselves."""
    wanted = load()
    return None if wanted is None else wanted - max(0, n_workers - checked_processes(None))


def crowded(loads: Sequence[float | None]) -> float | None:
    """Return the largest of these loads if it exceeds the processors, and None otherwise.

    Examples
    --------
    >>> crowded([None, 0.0]), crowded([1.0, 1e6, None])
    (None, 1000000.0)
    """
    most = max((each for each in loads if each is not None), default=0.0)
    return most if most > checked_processes(None) + SLACK else None


def processors_text() -> str:
    """Return how many processors there are and how busy they are, as part of a sentence."""
    n, wanted = checked_processes(None), load()
    busy = "" if wanted is None else f", which {wanted:.1f} processes wanted in the last minute"
    return f"{n} processor{'s' if n != 1 else ''}{busy}"


def start_method() -> str | None:
    """Return "fork" on Linux, as the blog has it: otherwise many short fits mostly start up."""
    if sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods():
        return "fork"
    return None


def now() -> str:
    """Return date and time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:  # not Linux
        names = []
    return names[0] if names else platform.processor() or "unknown"
