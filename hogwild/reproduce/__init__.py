"""The articles' tables and figures again, side by side with the printed ones, in one report.

A *target* is an article: a module with ``reproduce(say, plan=None) -> Outcome`` and a row in
`TARGETS`; one that can use a folder of the user's data has a row in `WITH_DATA`, too.  ``run`` runs
targets and writes a folder: index.html, which needs nothing beside it, and report.json with every
number.

Called by the command line.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hogwild.errors import DataError
from hogwild.reproduce import (
    blog,
    downpour,
    downpour_data,
    ffm,
    ffm_data,
    fpsgd,
    fpsgd_data,
    mllib,
    mllib_data,
)
from hogwild.reproduce.machine import BUSY, machine, now, versions
from hogwild.reproduce.parts import Outcome, Say
from hogwild.reproduce.report import Report, missing, write

TARGETS: dict[str, Callable[..., Outcome]] = {
    "blog": blog.reproduce,
    "fpsgd": fpsgd.reproduce,
    "mllib": mllib.reproduce,
    "downpour": downpour.reproduce,
    "ffm": ffm.reproduce,
}
WITH_DATA: dict[str, Callable[[Path], Any]] = {
    "fpsgd": fpsgd_data.plan_with,
    "mllib": mllib_data.plan_with,
    "downpour": downpour_data.plan_with,
    "ffm": ffm_data.plan_with,
}
"""The plan of a target that reads a folder; DataError where the folder has nothing for it."""


def plans_with(folder: Path, targets: Sequence[str] | None) -> dict[str, Any]:
    """Return the plans of those targets that find their data in the folder.

    Parameters
    ----------
    folder : Path
    targets : list of str or None
        Names in `TARGETS`; None or empty for all.

    Raises
    ------
    ValueError
        When no target asked for reads a folder.
    DataError
        When none of those that do finds its data there.
    """
    wanted = [name for name in WITH_DATA if not targets or name in targets]
    if not wanted:
        raise ValueError(f"a folder with data is for {' and '.join(WITH_DATA)}, not asked for")
    plans, missed = {}, []
    for name in wanted:
        try:
            plans[name] = WITH_DATA[name](folder)
        except DataError as error:
            missed.append(str(error))
    if not plans:
        raise DataError("; ".join(missed))
    return plans


def run(
    targets: Sequence[str] | None,
    output: Path,
    say: Say,
    *,
    progress: Say | None = None,
    plans: Mapping[str, Any] | None = None,
) -> Path:
    """Reproduce the targets and return the path of the report's page.

    Parameters
    ----------
    targets : list of str or None
        Names in `TARGETS`; None for all.
    output : Path
        Folder for index.html and report.json; made where missing.
    say : callable
        Takes one line of the result, of at most 80 characters.
    progress : callable, optional
        Takes one line of how far it is; default: `say` takes those, too.
    plans : dict, optional
        Sizes by target, in place of the real ones.

    Raises
    ------
    ValueError
        For an unknown target.
    OSError
        When the folder can't be made or written to; it is made before anything is run.
    """
    names = list(dict.fromkeys(targets)) if targets else list(TARGETS)
    for name in names:
        if name not in TARGETS:
            raise ValueError(f"unknown target {name!r}; the targets are {', '.join(TARGETS)}")
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    begin, where, started = time.monotonic(), machine(), now()
    outcomes = {name: TARGETS[name](progress or say, (plans or {}).get(name)) for name in names}
    report = Report(
        outcomes,
        started,
        time.monotonic() - begin,
        versions(),
        where,
        [_command(name, (plans or {}).get(name)) for name in names],
    )
    page = write(report, output)
    if report.crowd is not None:
        say("")
        say(BUSY)
    for outcome in outcomes.values():
        say("")
        for line in outcome.summary:
            say(line)
    say("")
    for line in missing():
        say(line)
    say(f"{report.seconds:.0f} s; the report: {page}")
    return page


def _command(name: str, plan: Any) -> str:
    """Return the command for the report; which folder the data were in is the machine's affair."""
    return f"hogwild reproduce {name}" + (" --data DIR" if getattr(plan, "data", None) else "")
