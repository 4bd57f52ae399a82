"""The paper's statements on speed and stability, each beside what came out in virtual time.

A method counts with its best step in hindsight; at the same time is not before.  Called by
``downpour``.
"""

from hogwild.reproduce import downpour_published as published
from hogwild.reproduce.downpour_plan import Plan
from hogwild.reproduce.downpour_virtual import ADAGRAD, BACKUP, DOWNPOUR, FIXED, Run, Virtual
from hogwild.reproduce.parts import Column, Section, Table


def summary(found: Virtual, plan: Plan) -> list[str]:
    """Return the lines for the terminal."""
    return [
        line
        for text, here, verdict in judged(found, plan)
        for line in (f"  {text}", f"    {verdict}: {here}")
    ]


def section(found: Virtual, plan: Plan) -> Section:
    """Return the section."""
    rows = [[text, verdict, here] for text, here, verdict in judged(found, plan)]
    return Section(
        "What is stated, and what came out here",
        [
            "The paper's runs are deep networks with tens of millions of parameters on thousands "
            "of machines; here it is one small convex problem on a clock of our own. So only "
            "orderings are set side by side. They are as we read them in a translation of the "
            "paper, and in an account of its makers' later article: check the originals before "
            "you quote. Here every method has its best step in hindsight, which favours those "
            "that are sensitive to it."
        ],
        [
            Table(
                "Statements",
                [Column("stated"), Column("here?"), Column("found")],
                rows,
                "Misses: how many of the steps tried never get there. Peak and end: as in the "
                "table above, with the step that is best for one replica.",
            )
        ],
    )


def judged(found: Virtual, plan: Plan) -> list[tuple[str, str, str]]:
    """Return each statement, what came out here, and whether that agrees."""
    n = plan.virtual[-1]
    fixed, adagrad = (found.best(DOWNPOUR, rule, n) for rule in (FIXED, ADAGRAD))
    one = found.best(DOWNPOUR, FIXED, plan.virtual[0])
    backup = _quicker(*(found.best(BACKUP, rule, n) for rule in (FIXED, ADAGRAD)))
    rows = [
        (
            published.SLOWEST, f"{_seconds(one)} alone, {_seconds(fixed)} with {n}",
            _yes(_quicker(fixed, one) is fixed),
        ),
        (
            published.FASTEST,
            f"{_seconds(adagrad)}; fixed step {_seconds(fixed)}, backups {_seconds(backup)}",
            _yes(_first(adagrad, fixed, backup)),
        ),
    ]  # fmt: skip
    missed = {rule: _missed(found, plan, rule) for rule in (FIXED, ADAGRAD)}
    rows.append(
        (
            published.MISSES,
            ", ".join(
                f"{rule} {sum(each)} of {len(each)}" for rule, each in missed.items()
            ),
            _yes(2 * sum(missed[FIXED]) >= len(missed[FIXED])),
        )
    )  # fmt: skip
    if fixed is not None and adagrad is not None:
        ratio = adagrad.step / fixed.step
        rows.append((published.LARGER, f"{ratio:.2g} times, with {n} replicas", _yes(ratio >= 3.0)))
    rows.append(_warm(found, plan))
    rows.append(
        (
            published.SYNCHRONOUS, f"backups {_seconds(backup)}, Downpour {_seconds(adagrad)}",
            _yes(_first(backup, adagrad)),
        )
    )  # fmt: skip
    return rows


def _warm(found: Virtual, plan: Plan) -> tuple[str, str, str]:
    """Judge warm starts with the step that is best for one replica: too large for many."""
    cold, *warm = (
        run for each in (0.0, *plan.virtual_warm) for run in found.liked(ADAGRAD, plan, each)
    )
    peaks = ", ".join(f"{run.peak:.3g}" for run in warm)
    ends = ", ".join(f"{run.last:.0%}" for run in warm)
    better = [
        all(run.peak < cold.peak for run in warm), all(run.last < cold.last for run in warm)
    ]  # fmt: skip
    verdict = "yes" if all(better) else "partly" if any(better) else "no"
    text = f"peak {cold.peak:.3g}, warm {peaks}; end {cold.last:.0%}, {ends}"
    return published.WARM, text.replace("%", " %"), verdict


def _missed(found: Virtual, plan: Plan, rule: str) -> list[bool]:
    n = plan.virtual[-1]
    return [run.seconds is None for run in found.of(DOWNPOUR, rule, n)]


def _quicker(*runs: Run | None) -> Run | None:
    """Return the run that was there first; None where none was there."""
    there = [run for run in runs if run is not None and run.seconds is not None]
    return min(there, key=lambda run: run.seconds or 0.0, default=None)


def _first(run: Run | None, *others: Run | None) -> bool:
    """Whether a run was there before all others; at the same time is not before."""
    if run is None or run.seconds is None:
        return False
    times = [other.seconds for other in others if other is not None]
    return all(time is None or run.seconds < time for time in times)


def _seconds(run: Run | None) -> str:
    return "never" if run is None or run.seconds is None else f"{run.seconds:.0f} s"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
