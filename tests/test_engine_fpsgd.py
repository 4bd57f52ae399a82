"""FPSGD driven alone: free blocks only, the least updated, ties at random, nobody waits in vain."""

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.schedules import WAIT, Grant


def start(schedule, n):
    schedule.start(np.arange(n), np.ones(n, np.int64))


def begun(grid=(3, 3), seed=0, n=9):
    schedule = FPSGD(grid, seed)
    start(schedule, n)
    return schedule


def alone(schedule):
    """The blocks that one worker gets."""
    blocks = []
    while (grant := schedule.acquire(0)) is not None:
        blocks.append(grant.block)
        schedule.release(0, grant)
    return blocks


def test_the_articles_example_of_two_workers_on_three_by_three():
    # T1 is on block (0, 0), T2 comes from (2, 2): it may have (1, 1), (1, 2) or (2, 1)
    chosen = Counter()
    for seed in range(60):
        schedule = begun(seed=seed)
        schedule.table.take(0, 0)
        schedule.table.take(1, 8)
        schedule.release(1, Grant(0, 8))
        chosen[schedule.acquire(1).block] += 1
    assert set(chosen) == {4, 5, 7}
    assert min(chosen.values()) >= 8


def test_ticks_count_the_decisions_and_numbers_the_grants():
    schedule = begun()
    one, two = schedule.acquire(0), schedule.acquire(1)
    assert (one.number, one.tick, two.number, two.tick) == (0, 1, 1, 2)
    assert schedule.release(0, one) == schedule.tick == 3
    assert schedule.release(1, two) == 4
    assert schedule.acquire(0)[::2] == (2, 5)


def test_a_run_has_as_many_grants_as_it_was_given_blocks():
    schedule = begun(n=4)
    assert len(alone(schedule)) == 4
    assert schedule.acquire(0) is None
    start(schedule, 0)
    assert schedule.acquire(0) is None


def test_alone_each_epoch_takes_every_block_once_and_the_counts_go_on():
    schedule = begun()
    first = alone(schedule)
    start(schedule, 9)
    second = alone(schedule)
    assert sorted(first) == sorted(second) == list(range(9))
    assert first != second
    assert schedule.counts().tolist() == [[2] * 3] * 3


def test_a_seed_gives_the_same_blocks_and_another_seed_others():
    assert alone(begun(seed=5)) == alone(begun(seed=5)) != alone(begun(seed=6))
    assert alone(begun(seed=5)) == alone(begun(seed=5 + 2**64))


def test_one_block_for_one_worker():
    schedule = begun(grid=(1, 1), n=3)
    grant = schedule.acquire(0)
    assert schedule.acquire(1) is WAIT
    schedule.release(0, grant)
    assert alone(schedule) == [0, 0]


def test_on_a_grid_without_a_spare_row_two_of_four_blocks_are_never_updated():
    schedule = begun(grid=(2, 2), n=40)
    held = [schedule.acquire(0), schedule.acquire(1)]
    for turn in range(38):
        worker = turn % 2
        schedule.release(worker, held[worker])
        held[worker] = schedule.acquire(worker)
    assert sorted(schedule.counts().ravel().tolist())[:2] == [0, 0]


def test_the_numbers_survive_pickling_and_a_move_into_another_array():
    schedule = begun()
    grant = schedule.acquire(0)
    memory = schedule.state.copy()
    copies = [pickle.loads(pickle.dumps(schedule)), schedule.over(memory)]
    for copy in copies:
        assert copy.grid == (3, 3)
        assert copy.release(0, grant) == 2
    assert schedule.tick == 1
    assert alone(copies[0]) == alone(copies[1])
    assert memory[3] == 18  # the table's tick: nine acquires, nine releases


class Scheduling(RuleBasedStateMachine):
    """Workers ask and return in any order, more of them than the grid can take."""

    @initialize(rows=st.integers(1, 4), columns=st.integers(1, 4), seed=st.integers(0, 99))
    def begin(self, rows, columns, seed):
        self.grid = rows, columns
        self.schedule = FPSGD(self.grid, seed)
        self.held, self.counts = {}, np.zeros(self.grid, np.int64)
        self.left = self.ticks = 0

    @precondition(lambda self: not self.held)
    @rule(n=st.integers(0, 12))
    def start(self, n):
        start(self.schedule, n)
        self.left = n

    @rule(worker=st.integers(0, 5))
    def acquire(self, worker):
        if worker in self.held:
            return
        answer = self.schedule.acquire(worker)
        free = np.ones(self.grid, bool)
        for row, column in (divmod(grant.block, self.grid[1]) for grant in self.held.values()):
            free[row], free[:, column] = False, False
        if not self.left:
            assert answer is None
            return
        if answer is WAIT:
            assert not free.any()
            return
        # with a row and a column to spare, whoever is idle finds a block: else it had to wait
        at = divmod(answer.block, self.grid[1])
        assert free[at]
        assert self.counts[at] == self.counts[free].min()
        self.ticks += 1
        assert answer.tick == self.ticks
        self.held[worker] = answer
        self.left -= 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data):
        worker = data.draw(st.sampled_from(sorted(self.held)))
        grant = self.held.pop(worker)
        self.ticks += 1
        assert self.schedule.release(worker, grant) == self.ticks
        self.counts[divmod(grant.block, self.grid[1])] += 1

    @invariant()
    def the_parent_can_read_the_counts(self):
        assert np.array_equal(self.schedule.counts(), self.counts)
        self.schedule.table._check()


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("n_workers", [1, 2, 3, 8])
def test_with_one_row_and_column_to_spare_whoever_asks_gets_a_block(n_workers):
    schedule = begun(grid=(n_workers + 1, n_workers + 1), n=500)
    random = np.random.default_rng(n_workers)
    held = {worker: schedule.acquire(worker) for worker in range(n_workers)}
    for worker in random.integers(0, n_workers, 300).tolist():
        assert isinstance(held[worker], Grant)
        schedule.release(worker, held[worker])
        held[worker] = schedule.acquire(worker)
