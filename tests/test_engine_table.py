"""The free-block table: who may have what, counted by hand and against a model of sets."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hogwild.engine import table as table_module
from hogwild.engine.splitmix import below, splitmix
from hogwild.engine.table import FreeBlocks, checked_grid, imbalance

sizes = st.integers(1, 5)


def test_the_random_numbers_are_the_published_ones():
    state, found = 1234567, []
    for _ in range(5):
        state, number = splitmix(state)
        found.append(number)
    assert found == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
        4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


@given(st.integers(0, 2**64 - 1), st.integers(1, 2000))
def test_a_number_below_n_is_below_n(number, n):
    assert 0 <= below(number, n) < n


def test_each_of_n_is_drawn_equally_often():
    state, counts = 7, [0] * 5
    for _ in range(10_000):
        state, number = splitmix(state)
        counts[below(number, 5)] += 1
    assert max(abs(count - 2000) for count in counts) < 200  # 5 standard deviations


def test_on_three_by_three_with_one_block_held_four_are_free():
    table = FreeBlocks((3, 3))
    assert table.free() == list(range(9))
    assert table.take(0, 4) == 1
    assert table.free() == [0, 2, 6, 8]
    assert [table.is_free(block) for block in range(9)] == [b in (0, 2, 6, 8) for b in range(9)]
    assert table.take(1, 8) == 2
    assert table.free() == [0]
    assert table.held() == {0: (1, 1), 1: (2, 2)}
    assert table.give_back(0, 4) == 3
    assert table.free() == [0, 1, 3, 4]
    assert table.least_updated() == [0, 1, 3]
    assert table.counts.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_on_two_by_two_a_worker_finds_only_the_block_that_it_gives_back():
    table = FreeBlocks((2, 2))
    table.take(0, 0)
    table.take(1, 3)
    assert table.free() == table.least_updated() == []
    table.give_back(0, 0)
    assert table.free() == table.least_updated() == [0]


def test_a_grid_need_not_be_square():
    table = FreeBlocks((2, 4))
    table.take(3, 6)  # row 1, column 2
    assert table.place(6) == (1, 2)
    assert table.free() == [0, 1, 3]


def test_what_can_not_be_taken_or_released_is_refused():
    table = FreeBlocks((2, 2))
    table.take(0, 0)
    with pytest.raises(ValueError, match=r"block \(0, 1\) can't be taken: its row or column is"):
        table.take(1, 1)
    with pytest.raises(ValueError, match=r"worker 1 can't release block \(0, 0\), which it does"):
        table.give_back(1, 0)
    with pytest.raises(ValueError, match=r"worker 0 can't release block \(1, 1\)"):
        table.give_back(0, 3)


def test_the_state_can_be_given_and_is_all_there_is():
    state = np.zeros(FreeBlocks.size((2, 3)), np.int64)
    one = FreeBlocks((2, 3), state)
    one.take(0, 5)
    again = FreeBlocks((2, 3), state)
    assert again.held() == {0: (1, 2)}
    again.give_back(0, 5)
    assert (one.tick, one.counts[5]) == (2, 1)
    copy = pickle.loads(pickle.dumps(one))
    copy.take(1, 0)
    assert (one.held(), copy.held(), copy.counts[5]) == ({}, {1: (0, 0)}, 1)


@pytest.mark.parametrize(
    "state", [np.zeros(3, np.int64), np.zeros(12), np.zeros(24, np.int64)[::2]]
)
def test_a_state_of_another_kind_is_refused(state):
    with pytest.raises(ValueError, match=r"contiguous int64 array of shape \(12,\), got"):
        FreeBlocks((2, 3), state)


@pytest.mark.parametrize("grid", [3, (3,), (0, 2), (2, 1.5), "33", (1, 2, 3)])
def test_a_grid_that_is_none_is_refused(grid):
    with pytest.raises(ValueError, match=r"grid must be \(rows, columns\), each 1 or more, got"):
        checked_grid(grid)


def test_the_degree_of_imbalance_is_the_gap_by_the_epochs():
    assert imbalance([[2, 0], [1, 1]]) == 2.0  # 4 updates of 4 blocks: one epoch
    assert imbalance([5, 5]) == 0.0
    assert imbalance([0, 0]) == 0.0
    assert imbalance([3, 1], t=4) == 0.5


class Taking(RuleBasedStateMachine):
    """Workers take and give back in any order; sets say what is free."""

    @initialize(rows=sizes, columns=sizes)
    def begin(self, rows, columns):
        self.table = FreeBlocks((rows, columns))
        self.blocks = {(r, c) for r in range(rows) for c in range(columns)}
        self.held, self.counts, self.decisions = {}, dict.fromkeys(self.blocks, 0), 0

    def free(self):
        return {
            (r, c)
            for r, c in self.blocks
            if all(r != row and c != column for row, column in self.held.values())
        }

    @precondition(lambda self: self.free())
    @rule(data=st.data())
    def take(self, data):
        worker = data.draw(st.sampled_from([w for w in range(9) if w not in self.held]))
        row, column = data.draw(st.sampled_from(sorted(self.free())))
        self.table.take(worker, row * self.table.grid[1] + column)
        self.held[worker] = row, column
        self.decisions += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data):
        worker = data.draw(st.sampled_from(sorted(self.held)))
        row, column = self.held.pop(worker)
        self.table.give_back(worker, row * self.table.grid[1] + column)
        self.counts[row, column] += 1
        self.decisions += 1

    @invariant()
    def the_table_agrees(self):
        table, free = self.table._check(), self.free()
        assert {table.place(block) for block in table.free()} == free
        assert table.held() == self.held
        assert table.tick == self.decisions
        least = min((self.counts[at] for at in free), default=0)
        wanted = [r * table.grid[1] + c for r, c in sorted(free) if self.counts[r, c] == least]
        assert table.least_updated() == wanted
        assert table._least_updated_of_many() == wanted


TestTaking = Taking.TestCase
TestTaking.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_a_table_out_of_order_is_noticed():
    table = FreeBlocks((2, 2))
    table.take(0, 0)
    table.state[1] = 0
    with pytest.raises(ValueError, match=r"rows are held by \[\], columns by \[1\]"):
        table._check()
    other = FreeBlocks((2, 2))
    other.counts[0] = 3
    with pytest.raises(ValueError, match="0 ticks for 3 updates"):
        other._check()


def test_large_grids_go_by_numpy():
    assert FreeBlocks((11, 11)).least_updated() == list(range(121))
    assert table_module.SMALL < 121
