"""Hogwild! made repeatable: reads and writes of several workers in an order drawn from a seed.

In a real run the system decides whose write comes between another's read and write.  Here a list
does, with a bound: at most ``staleness`` other writes fall between the read of an update and its
own write (the bounded delay tau of Niu et al. 2011, section 4).  Staleness 0 is the serial run.

Used by tests and lessons; nothing here starts a process.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from hogwild.engine.splitmix import MASK, below, splitmix

Read = TypeVar("Read")
Change = TypeVar("Change")


class Step(NamedTuple):
    """One worker reads what an update needs, or writes what it has computed from that."""

    worker: int
    event: str
    update: int


def interleave(n_updates: int, n_workers: int, *, staleness: int, seed: int) -> list[Step]:
    """Return an order of all reads and writes in which no update is staler than allowed.

    The updates are handed out in turn to workers that have none; of all next steps from which the
    bound can still be kept, one is drawn, each with the same chance.

    Parameters
    ----------
    n_updates, n_workers : int
    staleness : int
        The most other writes between an update's read and its write.
    seed : int

    Examples
    --------
    >>> for step in interleave(2, 2, staleness=1, seed=7):
    ...     print(*step)
    0 read 0
    1 read 1
    1 write 1
    0 write 0
    """
    for name, value, least in (
        ("n_updates", n_updates, 0),
        ("n_workers", n_workers, 1),
        ("staleness", staleness, 0),
    ):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    random, steps, begun = seed & MASK, [], 0
    flying: dict[int, tuple[int, int]] = {}  # worker: its update, and how many writes it can bear
    while begun < n_updates or flying:
        moves = _moves(flying, n_workers if begun < n_updates else 0, staleness)
        random, drawn = splitmix(random)
        worker = moves[below(drawn, len(moves))]
        if worker in flying:
            steps.append(Step(worker, "write", flying.pop(worker)[0]))
            flying = {other: (update, bears - 1) for other, (update, bears) in flying.items()}
        else:
            steps.append(Step(worker, "read", begun))
            flying[worker] = begun, staleness
            begun += 1
    return steps


def _moves(flying: dict[int, tuple[int, int]], n_workers: int, staleness: int) -> list[int]:
    """Return the workers that may do their next step: read if they have no update, else write."""
    bears = sorted(bear for _, bear in flying.values())
    moves = []
    for worker in range(n_workers):
        if worker not in flying and _can_end([*bears, staleness]):
            moves.append(worker)
    for worker, (_, own) in flying.items():
        rest = bears.copy()
        rest.remove(own)
        if _can_end([bear - 1 for bear in rest]):
            moves.append(worker)
    return moves


def _can_end(bears: list[int]) -> bool:
    """Whether all can still write in time: in the order of their patience, the k-th bears k."""
    return all(bear >= k for k, bear in enumerate(bears))


def run_interleaved(
    steps: Iterable[Step],
    read: Callable[[int], Read],
    compute: Callable[[int, Read], Change],
    write: Callable[[int, Change], object],
) -> None:
    """Carry out the steps: what an update computes, it computes from what it has read.

    Parameters
    ----------
    steps : iterable of Step
    read : callable
        ``read(update) -> values``: a copy of what it needs.
    compute : callable
        ``compute(update, values) -> change``.
    write : callable
        ``write(update, change)``.

    Examples
    --------
    Two updates add 1 to the same number, and the second reads before the first has written:

    >>> w = [0]
    >>> run_interleaved(
    ...     interleave(2, 2, staleness=1, seed=7),
    ...     read=lambda update: w[0],
    ...     compute=lambda update, value: value + 1,
    ...     write=lambda update, value: w.__setitem__(0, value),
    ... )
    >>> w  # one of the two is lost
    [1]
    """
    values: dict[int, Read] = {}
    for step in steps:
        if step.event == "read":
            values[step.update] = read(step.update)
        else:
            write(step.update, compute(step.update, values.pop(step.update)))
