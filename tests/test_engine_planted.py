"""Faults planted in the schedules, each found by the trace; and a thousand right runs without one.

A fault is a small change of a plain schedule or of its table.  What runs it knows nothing of it.
"""

import re
import threading

import numpy as np
import pytest

from hogwild.engine.coordination import InSharedMemory
from hogwild.engine.dsgd import DSGD, STRATA, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.loop import context_of, drain
from hogwild.engine.schedules import WAIT, Grant
from hogwild.engine.simulate import simulate
from hogwild.engine.trace import Trace

pytestmark = pytest.mark.timeout(120)


def costs(b, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, (b, b))


def told(schedule, b, n_workers, *, epochs=6, **options):
    found = simulate(schedule, n_workers, costs(b), epochs=epochs, **options)
    return found.trace.check()


class ForgetsTheColumn(FPSGD):
    def acquire(self, worker):
        grant = super().acquire(worker)
        if isinstance(grant, Grant):
            self.column = grant.block % self.grid[1]
            self.table._columns[self.column] = 0
        return grant

    def release(self, worker, grant):
        self.table._columns[grant.block % self.grid[1]] = 1 + worker
        return super().release(worker, grant)


class TakesTheMostUpdated(FPSGD):
    def acquire(self, worker):
        self.table.counts *= -1
        grant = super().acquire(worker)
        self.table.counts *= -1
        return grant


class IgnoresTheCounts(FPSGD):
    def acquire(self, worker):
        counts = self.table.counts.copy()
        self.table.counts[:] = 0
        grant = super().acquire(worker)
        self.table.counts[:] = counts
        return grant


class ForgetsToCount(FPSGD):
    def release(self, worker, grant):
        tick = super().release(worker, grant)
        if grant.block == 0:
            self.table.counts[0] -= 1
        return tick


class ReleasesEarly(FPSGD):
    """Gives the block back when it is taken; the real release only tells the tick of that."""

    def acquire(self, worker):
        grant = super().acquire(worker)
        if isinstance(grant, Grant):
            self.early = {**getattr(self, "early", {}), worker: super().release(worker, grant)}
        return grant

    def release(self, worker, grant):
        return self.early[worker]


class GivesABlockTwice(FPSGD):
    def acquire(self, worker):
        if worker == 1 and 0 in self.table.held() and self.tick >= 5 and not hasattr(self, "twice"):
            row, column = self.table.held()[0]
            self.twice = Grant(self._run[0], row * self.grid[1] + column, self.table._next_tick())
            self._run[0] += 1
            return self.twice
        return super().acquire(worker)

    def release(self, worker, grant):
        if grant is getattr(self, "twice", None):
            return self.table._next_tick()
        return super().release(worker, grant)


class StarvesARow(FPSGD):
    def acquire(self, worker):
        self.table._rows[0] = 99
        grant = super().acquire(worker)
        self.table._rows[0] = 0
        return grant


class StopsTooSoon(FPSGD):
    def start(self, order, updates):
        super().start(order[:-1], updates[:-1])


class SkipsTheBarrier(DSGD):
    def acquire(self, worker):
        done, self._run[2] = self._run[2], 10**6
        try:
            return super().acquire(worker)
        except ValueError:  # the table would not have it: then it waits
            return WAIT
        finally:
            self._run[2] = done


class LosesABlock(DSGD):
    def start(self, order, updates):
        super().start(np.concatenate([order[: -self.grid[0]], order[: self.grid[0]]]), updates)


class TakesAnyOrder(DSGD):
    def start(self, order, updates):
        self.state[3 : 3 + len(order)] = np.arange(len(order))
        self._run[0], self._run[1], self._run[2] = 0, len(order), 0


PLANTED = [
    (ForgetsTheColumn, 2, r"block \(.*\) is not free for worker \d: it shares column \d with"),
    (TakesTheMostUpdated, 2, r"block \(.*\) with \d updates? is acquired while block .* is free"),
    (IgnoresTheCounts, 2, r"block \(.*\) with 1 update is acquired while block .* with 0 updates"),
    (ForgetsToCount, 2, r"block \(0, 0\) with \d updates? is acquired while block .* is free"),
    (ReleasesEarly, 2, r"worker \d begins block .*, while by its own clock worker \d works on"),
    (GivesABlockTwice, 2, r"block \(.*\) is not free for worker 1: worker 0 holds it since line"),
    (StarvesARow, 2, r"is acquired while block \(0, \d\) with 0 updates is free"),
    (StopsTooSoon, 2, r"epoch 1 has 8 grants, not 9"),
    (SkipsTheBarrier, 2, r"the barrier is broken: block .* of stratum 1 is acquired while worker"),
    (LosesABlock, 2, r"block 0 is granted a second time in epoch 1"),
    (TakesAnyOrder, 1, r"stratum 0 of epoch 1 is none: block \(0, 1\) shares row 0 with block"),
]


def _class_name(value):
    return value.__name__ if isinstance(value, type) else ""


@pytest.mark.parametrize("kind, n_workers, sentence", PLANTED, ids=_class_name)
def test_a_planted_fault_is_found_and_told_in_its_own_sentence(kind, n_workers, sentence):
    assert told(kind.__mro__[1]((3, 3)), 3, n_workers) is None
    problem = told(kind((3, 3)), 3, n_workers)
    assert re.search(sentence, problem), problem
    assert problem.startswith(("line ", "epoch "))


def test_a_grid_without_a_spare_row_is_told_by_the_block_that_starves():
    problem = told(FPSGD((2, 2)), 2, 2, barrier=False)
    assert "a 2 x 2 grid is too small for 2 workers" in problem


@pytest.mark.parametrize("seed", range(10))
def test_five_hundred_runs_in_virtual_time_have_no_conflict(seed):
    """Half of them FPSGD, half DSGD; any grid, any number of workers, costs of any spread."""
    random = np.random.default_rng(seed)
    for run in range(50):
        n_workers, b = int(random.integers(1, 6)), int(random.integers(1, 6))
        spread = random.exponential(1.0)
        drawn = random.lognormal(0.0, spread, (b, b))
        options = {"epochs": 2, "overhead": float(random.choice([0.0, 0.1]))}
        if run % 2:
            kind = str(random.choice(STRATA))
            found = simulate(
                DSGD((b, b)), n_workers, drawn,
                order=lambda epoch, b=b, kind=kind: strata_order(b, random, kind), **options,
            )  # fmt: skip
            found.trace.header["strata"] = kind
            assert found.trace.check() is None
        else:
            found = simulate(FPSGD((b, b), run), n_workers, drawn, **options)
            problem = found.trace.check()
            # a grid that is too small may starve a block, and that is all it may do
            assert problem is None or (n_workers >= b and "starves" in problem)
        assert found.trace.conflicts() == []
        assert len(found.trace.serial_order()) == 2 * b * b


@pytest.mark.parametrize("kind", ["fpsgd", "dsgd"])
def test_two_hundred_and_fifty_runs_in_threads_have_no_conflict(kind):
    context, random = context_of("fork"), np.random.default_rng(1)
    for run in range(250):
        n_workers = 1 + run % 3
        b = n_workers + 1
        served = InSharedMemory(FPSGD((b, b), run) if kind == "fpsgd" else DSGD((b, b)), context)
        order = strata_order(b, random, "wor")
        served.start(order, np.ones(b * b, np.int64))
        reports = []

        def work(worker, served=served, reports=reports):
            update = lambda grant, task: float(sum(range(grant.block * 20)))  # noqa: E731
            reports.append(drain(served, worker, update, traced=True))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(n_workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        trace = Trace({"schedule": kind, "n_workers": n_workers, "grid": [b, b]})
        trace.add(1, [event for report in reports for event in report.events])
        assert trace.check() is None
        assert trace.conflicts() == []
        assert served.counts().sum() == b * b
