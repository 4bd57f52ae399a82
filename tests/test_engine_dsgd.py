"""DSGD driven alone: strata in order, a barrier after each; and the orders of the strata."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hogwild.engine.dsgd import DSGD, STRATA, strata_order
from hogwild.engine.schedules import WAIT

RANDOM = np.random.default_rng


def ones(order):
    return np.ones(len(order), np.int64)


def test_three_workers_wait_for_the_slowest_of_a_stratum():
    schedule, order = DSGD((3, 3)), strata_order(3, RANDOM(0))
    schedule.start(order, ones(order))
    grants = [schedule.acquire(worker) for worker in range(3)]
    assert [grant.block for grant in grants] == [0, 4, 8]
    assert [grant.number for grant in grants] == [0, 1, 2]
    assert schedule.release(0, grants[0]) == 4
    assert schedule.acquire(0) is WAIT
    assert schedule.release(2, grants[2]) == 5
    assert schedule.acquire(0) is schedule.acquire(2) is WAIT
    assert schedule.release(1, grants[1]) == schedule.tick == 6
    assert [schedule.acquire(worker).block for worker in (2, 0, 1)] == [1, 5, 6]


def test_fewer_workers_than_blocks_of_a_stratum_take_them_in_turn():
    schedule, order = DSGD((4, 4)), strata_order(4, RANDOM(0))
    schedule.start(order, ones(order))
    one, two = schedule.acquire(0), schedule.acquire(1)
    schedule.release(0, one)
    three = schedule.acquire(0)
    schedule.release(0, three)
    four = schedule.acquire(0)
    assert [one.block, two.block, three.block, four.block] == [0, 5, 10, 15]
    schedule.release(0, four)
    assert schedule.acquire(0) is WAIT  # worker 1 still has its first
    schedule.release(1, two)
    assert schedule.acquire(0).block == 1


def test_one_worker_gets_the_order_as_it_is():
    schedule, order = DSGD((3, 3)), strata_order(3, RANDOM(1), "wor")
    schedule.start(order, ones(order))
    got = []
    while (grant := schedule.acquire(0)) is not None:
        got.append(grant.block)
        schedule.release(0, grant)
    assert got == order.tolist()
    assert schedule.counts().tolist() == [[1] * 3] * 3


def test_a_grid_that_is_not_square_has_strata_of_the_shorter_side():
    schedule = DSGD((2, 3))
    schedule.start(np.array([0, 4, 1, 5]), np.ones(4, np.int64))
    assert (schedule.acquire(0).block, schedule.acquire(1).block) == (0, 4)
    assert schedule.acquire(2) is WAIT


@pytest.mark.parametrize(
    "order, reason",
    [
        ([0, 3, 1], r"whole strata of 2 blocks, 4 blocks at most, got 3 blocks"),
        ([0, 3, 1, 2, 0, 3], r"4 blocks at most, got 6 blocks"),
        ([0, 3, 0, 1], r"stratum 1 of the order has two blocks in one row or column: .*\(0, 1\)"),
        ([1, 3, 0, 3], r"stratum 0 of the order has two blocks in one row or column"),
    ],
)
def test_an_order_that_is_no_strata_is_refused(order, reason):
    with pytest.raises(ValueError, match=reason):
        DSGD((2, 2)).start(np.array(order), ones(order))


def test_a_run_may_be_longer_than_an_epoch_if_that_was_said():
    order = np.concatenate([strata_order(2, RANDOM(0))] * 3)
    schedule = DSGD((2, 2), longest=12)
    schedule.start(order, ones(order))
    copies = [pickle.loads(pickle.dumps(schedule)), schedule.over(schedule.state.copy())]
    assert [copy.acquire(0).block for copy in copies] == [0, 0]
    assert schedule.tick == 0


# the orders of the strata


def strata(order, b):
    return np.stack([order // b, order % b], axis=1).reshape(b, b, 2)


@given(st.integers(1, 7), st.sampled_from(STRATA), st.integers(0, 99))
def test_no_stratum_has_a_row_or_a_column_twice(b, kind, seed):
    for stratum in strata(strata_order(b, RANDOM(seed), kind), b):
        assert sorted(stratum[:, 0]) == sorted(stratum[:, 1]) == list(range(b))


@given(st.integers(1, 7), st.sampled_from(["seq", "wor"]), st.integers(0, 99))
def test_without_replacement_an_epoch_has_each_block_once(b, kind, seed):
    assert sorted(strata_order(b, RANDOM(seed), kind)) == list(range(b * b))


def test_with_replacement_a_block_may_be_missed():
    counts = [len(set(strata_order(3, RANDOM(seed), "wr").tolist())) for seed in range(20)]
    assert min(counts) < 9


def test_the_sequence_is_the_articles():
    # subepoch l: row k gets column 1 + ((k + l - 2) mod b), all counted from 1
    wanted = [[(k - 1, (k + l - 2) % 3) for k in (1, 2, 3)] for l in (1, 2, 3)]  # noqa: E741
    found = strata(strata_order(3, RANDOM(0)), 3)
    assert [[tuple(at) for at in stratum.tolist()] for stratum in found] == wanted


def test_on_three_by_three_all_twelve_orders_come_up():
    found = {
        tuple(frozenset(map(tuple, stratum.tolist())) for stratum in strata(order, 3))
        for order in (strata_order(3, RANDOM(seed), "wor") for seed in range(300))
    }
    assert len(found) == 12


def test_the_sequence_draws_nothing_and_an_unknown_kind_is_refused():
    random = RANDOM(0)
    strata_order(4, random)
    assert random.integers(1000) == RANDOM(0).integers(1000)
    with pytest.raises(ValueError, match="strata must be one of seq, wor, wr, got 'x'"):
        strata_order(4, random, "x")


class Strata(RuleBasedStateMachine):
    """Workers ask and return in any order; a model knows the stratum that is running."""

    @initialize(b=st.integers(1, 4), kind=st.sampled_from(STRATA), seed=st.integers(0, 99))
    def begin(self, b, kind, seed):
        self.b, self.kind, self.random = b, kind, RANDOM(seed)
        self.schedule = DSGD((b, b))
        self.order, self.held, self.given, self.done = [], {}, 0, 0

    @precondition(lambda self: not self.held)
    @rule()
    def start(self):
        order = strata_order(self.b, self.random, self.kind)
        self.schedule.start(order, ones(order))
        self.order, self.given, self.done = order.tolist(), 0, 0

    @rule(worker=st.integers(0, 4))
    def acquire(self, worker):
        if worker in self.held:
            return
        answer = self.schedule.acquire(worker)
        if self.given == len(self.order):
            assert answer is None
        elif self.given % self.b == 0 and self.done < self.given:
            assert answer is WAIT
        else:
            assert (answer.number, answer.block) == (self.given, self.order[self.given])
            self.held[worker] = answer
            self.given += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data):
        worker = data.draw(st.sampled_from(sorted(self.held)))
        self.schedule.release(worker, self.held.pop(worker))
        self.done += 1

    @invariant()
    def no_two_held_blocks_share_a_row_or_a_column(self):
        blocks = [grant.block for grant in self.held.values()]
        assert len({block // self.b for block in blocks}) == len(blocks)
        assert len({block % self.b for block in blocks}) == len(blocks)
        self.schedule.table._check()


TestStrata = Strata.TestCase
TestStrata.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
