"""The same schedules in virtual time: any number of workers, any block costs, one process.

What a real run would do is computed event by event: a worker asks the schedule, works as long as
its block costs, gives it back and asks again.  Only the clock is not real, so 64 workers need no 64
processors, and the same arguments give the same run.

::

    worker 0  |-- block --|call|---- block ----|call|.. parked ..|-- block --|
    worker 1  |---- block ----| queue |call|-- block --|call|--- block ---|
                                  one call at a time, each takes `overhead`

A call is what a Manager or a lock does for one worker: release and acquire together.  A worker told
to WAIT is parked, and asked again after each release, as ``coordination`` does.

Used by the lessons and by ``reproduce``; nothing here starts a process.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hogwild.engine.dsgd import strata_order
from hogwild.engine.judge import has_ticks
from hogwild.engine.schedules import WAIT, Grant, Schedule
from hogwild.engine.table import imbalance
from hogwild.engine.trace import Event, Trace

Costs = npt.ArrayLike | Callable[[int, Grant], float]
Order = npt.NDArray[np.int64] | Callable[[int], npt.NDArray[np.int64]]


@dataclass
class Simulated:
    """What happened in virtual time.

    Attributes
    ----------
    seconds : float
        From the start to the last release.
    busy : float array, shape (n_workers,)
        Seconds of work of each worker; the rest of ``seconds`` it was idle.
    updates : int array, shape (n_blocks,)
        How often each block was updated.
    imbalance : float array, shape (n_epochs,)
        The degree of imbalance after each n_blocks updates.
    trace : Trace
    """

    seconds: float
    busy: npt.NDArray[np.float64]
    updates: npt.NDArray[np.int64]
    imbalance: npt.NDArray[np.float64]
    trace: Trace

    @property
    def busy_share(self) -> float:
        """The share of all workers' time that was work."""
        return float(self.busy.sum() / (self.seconds * len(self.busy))) if self.seconds else 1.0

    @property
    def updates_a_second(self) -> float:
        """Block updates a second, of all workers together."""
        return float(self.updates.sum() / self.seconds) if self.seconds else np.inf


def simulate(
    schedule: Schedule,
    n_workers: int,
    costs: Costs,
    *,
    epochs: int = 1,
    order: Order | None = None,
    barrier: bool = True,
    overhead: float = 0.0,
    grid: tuple[int, int] | None = None,
) -> Simulated:
    """Return what the schedule makes of so many workers and such blocks.

    Parameters
    ----------
    schedule : Schedule
        A plain one, not served: an ``FPSGD``, a ``DSGD``, ``Serial``, ``Hogwild``.
    n_workers : int
    costs : float array with one entry a block, or callable
        Seconds of an update of each block; or ``costs(worker, grant)``, which may draw noise.
    epochs : int
    order : int64 array, or callable, optional
        What ``start`` gets in each epoch; or ``order(epoch)``, epochs counted from 1.  By default
        the blocks in turn; for a DSGD its strata, "seq".
    barrier : bool
        The next epoch starts when every worker is done, as in the real loop; else all epochs are
        one run (a DSGD then needs ``longest=`` for all of them).
    overhead : float
        Seconds of each call, one call at a time.
    grid : (int, int), optional
        Rows and columns, for schedules that have none; it goes into the trace.

    Raises
    ------
    RuntimeError
        When all workers wait and none is left to wake them.

    Examples
    --------
    Three blocks of 10, 20 and 10 s for three workers: until the barrier, one works and two wait
    for 10 s each (the slides of Zhuang et al., page 18).

    >>> from hogwild.engine.dsgd import DSGD
    >>> costs = np.full((3, 3), 20.0)
    >>> costs[0, 0], costs[2, 2] = 10.0, 10.0
    >>> found = simulate(DSGD((3, 3)), 3, costs, order=np.array([0, 4, 8]))
    >>> found.seconds, found.busy.tolist()
    (20.0, [10.0, 20.0, 10.0])
    """
    if n_workers < 1:
        raise ValueError(f"n_workers must be 1 or more, got {n_workers}")
    grid = getattr(schedule, "grid", None) if grid is None else grid
    cost = _as_function(costs)
    orders = [_order_of(epoch, order, grid, schedule, costs) for epoch in range(1, epochs + 1)]
    n_blocks = len(orders[0]) if grid is None else grid[0] * grid[1]
    header = {"schedule": schedule.name, "n_workers": n_workers, "n_blocks": n_blocks}
    if grid is not None:
        header["grid"] = list(grid)
    clock = _Clock(schedule, n_workers, cost, overhead, Trace(header), n_blocks)
    if barrier:
        for epoch, blocks in enumerate(orders, start=1):
            clock.run(blocks, epoch, len(blocks))
    else:
        clock.run(np.concatenate(orders), 1, len(orders[0]))
    return clock.found()


def _as_function(costs: Costs) -> Callable[[int, Grant], float]:
    if callable(costs):
        return costs
    seconds: list[float] = np.asarray(costs, float).ravel().tolist()
    return lambda worker, grant: seconds[grant.block]


def _order_of(
    epoch: int,
    order: Order | None,
    grid: tuple[int, int] | None,
    schedule: Schedule,
    costs: Costs,
) -> npt.NDArray[np.int64]:
    if callable(order):
        return order(epoch)
    if order is not None:
        return order
    if grid is None and callable(costs):
        raise ValueError("order must be given where neither a grid nor the costs tell the blocks")
    if schedule.name == "dsgd" and grid is not None and grid[0] == grid[1]:
        return strata_order(grid[0], np.random.default_rng(0))
    return np.arange(np.asarray(costs).size if grid is None else grid[0] * grid[1])


@dataclass
class _Clock:
    """Virtual time: who is at work until when, and who waits."""

    schedule: Schedule
    n_workers: int
    cost: Callable[[int, Grant], float]
    overhead: float
    trace: Trace
    n_blocks: int
    now: float = 0.0  # when the last call ended: they are made one at a time
    end: float = 0.0
    parked: list[int] = field(default_factory=list)
    calls: list[tuple[float, int, int, Grant | None]] = field(default_factory=list)
    made: int = 0  # tells calls of the same moment apart: first come, first served

    def __post_init__(self) -> None:
        self.busy = np.zeros(self.n_workers)
        self.updates = np.zeros(self.n_blocks, np.int64)
        self.gaps: list[float] = []
        self.done = 0

    def run(self, order: npt.NDArray[np.int64], epoch: int, length: int) -> None:
        """One run of the workers, from start() until each has heard that nothing is left."""
        self.schedule.start(order, np.ones(len(order), np.int64))
        self.epoch, self.length, self.leaving = epoch, length, 0
        begin = self.now = max(self.now, self.end)
        for worker in range(self.n_workers):
            self._call_at(begin, worker, None)
        while self.calls:
            asked, _, worker, held = heapq.heappop(self.calls)
            self.now = max(self.now, asked) + self.overhead
            if held is not None:
                self._release(asked, worker, held)
            self._acquire(worker)
            if held is not None:
                waiting, self.parked = self.parked, []
                for other in waiting:
                    self._acquire(other)
        if self.parked:
            raise RuntimeError(
                f"workers {sorted(self.parked)} wait, and nobody is left to wake them"
            )

    def _call_at(self, time: float, worker: int, held: Grant | None) -> None:
        heapq.heappush(self.calls, (time, self.made, worker, held))
        self.made += 1

    def _acquire(self, worker: int) -> None:
        grant = self.schedule.acquire(worker)
        if grant is None:
            return
        if grant is WAIT:
            self.parked.append(worker)
            return
        self._note(self.now, worker, "acquire", grant, grant.tick)
        seconds = self.cost(worker, grant)
        self.busy[worker] += seconds
        self._call_at(self.now + seconds, worker, grant)

    def _release(self, asked: float, worker: int, grant: Grant) -> None:
        tick = self.schedule.release(worker, grant)
        self.end = max(self.end, asked)
        self._note(asked, worker, "release", grant, -1 if tick is None else tick)
        self.updates[grant.block] += 1
        self.done += 1
        if self.done % self.n_blocks == 0:
            self.gaps.append(imbalance(self.updates, self.done / self.n_blocks))

    def _note(self, time: float, worker: int, event: str, grant: Grant, tick: int) -> None:
        epoch = self.epoch + grant.number // self.length
        number = grant.number % self.length
        t = round(time * 1e9)
        self.trace.events.append(Event(t, worker, event, number, grant.block, epoch, tick))

    def found(self) -> Simulated:
        # lines are in the order of the ticks; without them, in that of the clock
        ticked = has_ticks(self.trace.events)
        self.trace.events.sort(key=lambda event: event.tick if ticked else event.t)
        return Simulated(self.end, self.busy, self.updates, np.array(self.gaps), self.trace)
