"""Schedules driven alone, without a process: each block once, turns in order, nobody waits on."""

import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hogwild.engine.schedules import SCHEDULES, Grant, Hogwild, RoundRobin, Serial, make_schedule
from hogwild.kernels.gates import python_turn

FORK = multiprocessing.get_context("fork")
MOST, WORKERS = 8, 3


def make(name, n_workers=WORKERS):
    return make_schedule(name, MOST, n_workers, FORK)


class Granting(RuleBasedStateMachine):
    """Workers acquire and release in any order; a model of sets says what may be granted."""

    name = "hogwild"
    n_workers = WORKERS

    def __init__(self):
        super().__init__()
        self.schedule = make(self.name, self.n_workers)
        self.order, self.granted, self.holding = [], [], {}
        self.refused = set()

    @initialize(order=st.permutations(range(MOST)), n=st.integers(0, MOST))
    def begin(self, order, n):
        self.start(order, n)

    def start(self, order, n):
        self.order, self.granted = order[:n], []
        self.refused = set()
        self.schedule.start(np.array(self.order, np.int64), np.ones(n, np.int64))

    @precondition(lambda self: not self.holding)
    @rule(order=st.permutations(range(MOST)), n=st.integers(0, MOST))
    def start_again(self, order, n):
        """The parent starts anew while no worker runs, also before all blocks are gone."""
        self.start(order, n)

    @rule(worker=st.integers(0, WORKERS - 1))
    def acquire(self, worker):
        worker %= self.n_workers
        if worker in self.holding:
            return
        grant = self.schedule.acquire(worker)
        if grant is None:
            self.refused.add(worker)
            assert self.nothing_left_for(worker)
            return
        assert worker not in self.refused  # once there is nothing left, nothing comes back
        assert self.order[grant.number] == grant.block
        assert grant.number not in self.granted
        assert self.may_have(worker, grant)
        self.granted.append(grant.number)
        self.holding[worker] = grant

    @precondition(lambda self: self.holding)
    @rule(data=st.data())
    def release(self, data):
        worker = data.draw(st.sampled_from(sorted(self.holding)))
        self.schedule.release(worker, self.holding.pop(worker))

    def nothing_left_for(self, worker):
        return len(self.granted) == len(self.order)

    def may_have(self, worker, grant):
        return grant.number == len(self.granted)  # in the given order

    @invariant()
    def every_block_at_most_once(self):
        assert len(set(self.granted)) == len(self.granted) <= len(self.order)

    def teardown(self):
        """Whatever happened so far, draining gives out the rest."""
        for worker in range(self.n_workers):
            self.holding.pop(worker, None)
            while (grant := self.schedule.acquire(worker)) is not None:
                self.granted.append(grant.number)
                assert len(self.granted) <= len(self.order)  # else this would never end
        assert sorted(self.granted) == list(range(len(self.order)))


class SerialGranting(Granting):
    name = "serial"
    n_workers = 1


class RoundRobinGranting(Granting):
    name = "round_robin"

    def nothing_left_for(self, worker):
        return set(range(worker, len(self.order), WORKERS)) <= set(self.granted)

    def may_have(self, worker, grant):
        mine = [number for number in self.granted if number % WORKERS == worker]
        return grant.number == worker + WORKERS * len(mine)


class Turns(RuleBasedStateMachine):
    """The round-robin gate: who may write next, with unequal shares and workers without any."""

    def __init__(self):
        super().__init__()
        self.schedule = RoundRobin(MOST, WORKERS)
        self.left = [0] * WORKERS
        self.enter, self.leave = python_turn()
        self.wrote = []

    @initialize(updates=st.lists(st.integers(0, 4), max_size=MOST))
    def begin(self, updates):
        self.start(updates)

    def start(self, updates):
        self.left = [sum(updates[p::WORKERS]) for p in range(WORKERS)]
        self.wrote = []
        self.schedule.start(np.arange(len(updates)), np.array(updates, np.int64))

    @precondition(lambda self: not any(self.left))
    @rule(updates=st.lists(st.integers(0, 4), max_size=MOST))
    def next_epoch(self, updates):
        self.start(updates)

    @precondition(lambda self: any(self.left))
    @rule()
    def write(self):
        gate = self.schedule.gate.array
        worker = int(gate[0])
        assert self.left[worker] > 0  # nobody waits for one that has nothing to write
        self.enter(gate, worker)
        self.leave(gate, worker)
        self.left[worker] -= 1
        self.wrote.append(worker)

    @invariant()
    def the_gate_counts_what_is_left(self):
        assert self.schedule.gate.array[1:].tolist() == self.left

    @invariant()
    def nobody_is_passed_over_while_he_has_something_to_write(self):
        for worker in range(WORKERS):
            if self.left[worker]:
                since = self.wrote[::-1]
                waited = since.index(worker) if worker in since else len(since)
                assert waited <= WORKERS - 1


few = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestHogwildGranting = Granting.TestCase
TestSerialGranting = SerialGranting.TestCase
TestRoundRobinGranting = RoundRobinGranting.TestCase
TestTurns = Turns.TestCase
TestHogwildGranting.settings = TestSerialGranting.settings = few
TestRoundRobinGranting.settings = TestTurns.settings = few


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_blocks_are_nothing_to_do(name):
    schedule = make(name, 1)
    schedule.start(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert schedule.acquire(0) is None


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_worker_gets_the_blocks_in_the_given_order(name):
    schedule = make(name, 1)
    schedule.start(np.array([5, 0, 3]), np.array([2, 2, 1]))
    grants = [schedule.acquire(0) for _ in range(4)]
    assert grants == [Grant(0, 5), Grant(1, 0), Grant(2, 3), None]


def test_hogwild_gives_the_next_block_to_whoever_asks():
    schedule = Hogwild(4, FORK)
    schedule.start(np.array([3, 1, 0, 2]), np.ones(4, np.int64))
    assert [schedule.acquire(worker).block for worker in (1, 1, 0, 1)] == [3, 1, 0, 2]
    assert schedule.acquire(0) is None


def test_round_robin_deals_in_a_circle_however_slow_a_worker_is():
    schedule = RoundRobin(5, 2)
    schedule.start(np.array([4, 3, 2, 1, 0]), np.ones(5, np.int64))
    assert [schedule.acquire(0).block for _ in range(3)] == [4, 2, 0]
    assert schedule.acquire(0) is None
    assert [schedule.acquire(1).block for _ in range(2)] == [3, 1]
    assert schedule.acquire(1) is None


def test_the_first_turn_is_of_the_first_worker_with_an_update():
    schedule = RoundRobin(3, 3)
    schedule.start(np.array([0, 1]), np.array([0, 7]))
    assert schedule.gate.array.tolist() == [1, 0, 7, 0]
    schedule.start(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert schedule.gate.array.tolist() == [0, 0, 0, 0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 4))
def test_turns_alternate_among_those_who_have_any_left(updates, n_workers):
    schedule = RoundRobin(12, n_workers)
    schedule.start(np.arange(len(updates)), np.array(updates))
    left = [sum(updates[p::n_workers]) for p in range(n_workers)]
    wanted = []
    while any(left):  # rounds: everybody who has one writes one
        for p in range(n_workers):
            if left[p]:
                left[p] -= 1
                wanted.append(p)
    _, leave = python_turn()
    gate, wrote = schedule.gate.array, []
    for _ in wanted:
        wrote.append(int(gate[0]))
        leave(gate, wrote[-1])
    assert wrote == wanted


def test_an_unknown_schedule_is_named_with_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown schedule 'rr'; the schedules are serial, hogwild"
    ):
        make("rr")


def test_the_names_are_those_of_the_classes():
    kinds = [type(make(name, 1)) for name in SCHEDULES]
    assert kinds == [Serial, Hogwild, RoundRobin]
