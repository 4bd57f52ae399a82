"""The one worker loop, for every schedule: acquire a block, update, release it, until none is left.

::

    grant = schedule.acquire(worker)
    while grant is not None:
        loss += update(grant, task)                     writes shared memory
        tick, grant = schedule.swap(worker, grant)      release, and acquire the next

Where a schedule has no ``swap``, it is those two calls.  What is stamped lies within what the
schedule decides: an acquire after the grant has arrived, a release before it is given back.

Run by ``loop.Crew``, in its workers or in the parent; by tests also in threads.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from hogwild.engine.coordination import Served
from hogwild.engine.schedules import WAIT, Grant, Schedule, Wait
from hogwild.engine.shared import SharedArray
from hogwild.engine.trace import Event

Update = Callable[[Grant, Any], float]


class Report(NamedTuple):
    """What one worker did in one run of the loop.

    Attributes
    ----------
    loss : float
        Sum of what the updates returned.
    n_blocks : int
    seconds : float
        From the first acquire to the last release.
    events : list of Event
        Empty unless traced.
    waited : float
        The seconds of those in which it had no block: from each release, and from the beginning,
        to the next grant, and to the word that there is none.  The rest it was busy.
    """

    loss: float
    n_blocks: int
    seconds: float
    events: list[Event]
    waited: float = 0.0


def drain(
    schedule: Schedule | Served,
    worker: int,
    update: Update,
    task: Any = None,
    *,
    held: SharedArray | None = None,
    traced: bool = False,
) -> Report:
    """Work until the schedule has nothing left for this worker; this is the loop.

    Parameters
    ----------
    schedule : Schedule
    worker : int
    update : callable
        ``update(grant, task) -> loss``, which changes shared memory.
    task : object
        Handed to every update.
    held : SharedArray of int64, shape (n_workers, 16), optional
        Where column 0 says which block each worker holds, 1 + block, 0 for none: should a worker be
        killed, the error can name it.
    traced : bool
        Record an event for each acquire and release.
    """
    swap = getattr(schedule, "swap", None) or partial(_release_and_acquire, schedule)
    holds = None if held is None else held.array[worker, :1].data
    events: list[Event] = []
    loss, n_blocks, waited = 0.0, 0, 0
    begin = released = time.monotonic_ns()
    grant = schedule.acquire(worker)
    while True:
        granted = time.monotonic_ns()
        waited += granted - released
        if grant is None:
            return Report(loss, n_blocks, (granted - begin) / 1e9, events, waited / 1e9)
        if grant is WAIT:
            raise _unserved(schedule, worker)
        if holds is not None:
            holds[0] = 1 + grant.block
        done = grant
        loss += update(done, task)
        n_blocks += 1
        released = time.monotonic_ns()
        if holds is not None:
            holds[0] = 0
        tick, grant = swap(worker, done)
        if traced:
            at = (done.number, done.block, 0)
            events.append(Event(granted, worker, "acquire", *at, done.tick))
            events.append(Event(released, worker, "release", *at, -1 if tick is None else tick))


def _release_and_acquire(
    schedule: Schedule | Served, worker: int, grant: Grant
) -> tuple[int | None, Grant | Wait | None]:
    return schedule.release(worker, grant), schedule.acquire(worker)


def _unserved(schedule: object, worker: int) -> RuntimeError:
    return RuntimeError(
        f"{type(schedule).__name__} lets worker {worker} wait, and nobody is there to wake it: "
        "serve it with engine.serve(schedule, 'manager', context)"
    )
