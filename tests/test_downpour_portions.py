"""downpour.portions: every portion is done once, whoever comes, goes or dies."""

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hogwild.downpour.portions import Portion, PortionTable, portions_of

FOUR = portions_of(40, 10, round=1)


def test_portions_cover_all_rows_once():
    for n_rows, length in ((40, 10), (41, 10), (9, 10), (1, 1)):
        places = [p for each in portions_of(n_rows, length, 1) for p in range(*each[2:])]
        assert places == list(range(n_rows))


def test_what_a_dropped_replica_held_is_given_out_first_of_all():
    table = PortionTable()
    ann, bob = table.join(), table.join()
    table.start(FOUR)
    lost = table.next(ann)
    table.next(bob)
    table.drop(ann)
    assert table.next(bob) == lost
    assert table.summary()["dropped"] == [ann]
    assert table.summary()["given_again"] == 1


def test_a_dropped_replica_must_join_again():
    table = PortionTable()
    ann = table.join()
    table.start(FOUR)
    table.drop(ann)
    table.drop(ann)
    assert table.next(ann) == "join"
    assert table.join() == 1


def test_an_answer_counts_once():
    table = PortionTable(backup=True)
    ann, bob = table.join(), table.join()
    table.start(FOUR[:1])
    portion = table.next(ann)
    assert table.next(bob) == portion  # a backup
    assert table.done(bob, portion, "bob's")
    assert not table.done(ann, portion, "ann's")
    assert table.summary()["answers"] == {0: "bob's"}
    assert table.wait(0.0)


def test_replicas_that_are_awaited_have_their_numbers_whoever_comes_first():
    table = PortionTable(names=["replica 0", "replica 1"])
    assert [table.join("replica 1"), table.join("elsewhere"), table.join("replica 0")] == [1, 2, 0]
    assert table.summary()["names"] == ["replica 0", "replica 1", "elsewhere"]
    assert table.summary()["joined"] == [1, 2, 0]
    table.drop(1)
    assert table.join("replica 1") == 3  # a number is had once


def test_without_backups_nobody_gets_what_another_works_on():
    table = PortionTable()
    ann, bob = table.join(), table.join()
    table.start(FOUR[:1])
    table.next(ann)
    assert table.next(bob, patience=0.0) == "wait"


def test_a_backup_that_dies_leaves_the_portion_with_the_other():
    table = PortionTable(backup=True)
    ann, bob = table.join(), table.join()
    table.start(FOUR[:1])
    portion = table.next(ann)
    table.next(bob)
    table.drop(bob)
    assert table.summary()["given_again"] == 1  # to bob, and to nobody for him
    assert table.done(ann, portion)
    assert table.wait(0.0)


def test_an_answer_that_comes_after_its_replica_was_dropped_counts_and_is_not_given_again():
    table = PortionTable()
    ann, bob = table.join(), table.join()
    table.start(FOUR[:1])
    portion = table.next(ann)
    table.drop(ann)
    assert table.done(ann, portion)
    assert table.next(bob, patience=0.0) == "wait"


def test_a_warm_start_is_for_one_replica_until_it_is_done():
    table = PortionTable()
    ann, bob = table.join(), table.join()
    table.start(FOUR, warm=2)
    for _ in range(2):
        assert table.next(bob, patience=0.0) == "wait"
        portion = table.next(ann)
        assert table.next(bob, patience=0.0) == "wait"
        table.done(ann, portion)
    assert table.next(bob).number == 2


def test_when_the_first_replica_dies_another_does_the_warm_start():
    table = PortionTable()
    ann, bob = table.join(), table.join()
    table.start(FOUR, warm=2)
    cai = table.join()
    lost = table.next(ann)
    table.drop(ann)
    assert table.next(bob) == lost
    for number in (0, 1):  # a portion that was given out again is no second one of the warm start
        assert table.next(cai, patience=0.0) == "wait"
        table.done(bob, FOUR[number])
        if number == 0:
            assert table.next(bob) == FOUR[1]
    assert table.next(cai) == FOUR[2]


@pytest.mark.timeout(20)
def test_a_replica_that_waits_wakes_up_for_a_portion_and_for_the_end():
    table = PortionTable()
    ann = table.join()
    found = []
    took = threading.Event()

    def work():
        found.append(table.next(ann))
        took.set()
        found.append(table.next(ann))

    thread = threading.Thread(target=work)
    thread.start()
    table.start(FOUR[:1])
    took.wait(10.0)
    table.stop()
    thread.join(10.0)
    assert found == [FOUR[0], "stop"]


class Portions(RuleBasedStateMachine):
    """Replicas come, work, answer late, and die; every portion counts once."""

    def __init__(self):
        super().__init__()
        self.backup = False
        self.table = PortionTable(backup=self.backup)
        self.hands = {}
        self.alive = set()
        self.counted = []
        self.round = 0
        self.begin(3)

    def begin(self, n):
        self.round += 1
        self.n, self.counted = n, []
        self.table.start([Portion(self.round, k, k, k + 1) for k in range(n)])

    @rule()
    def join(self):
        number = self.table.join()
        assert number not in self.hands
        self.hands[number] = []
        self.alive.add(number)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def ask(self, data):
        replica = data.draw(st.sampled_from(sorted(self.alive)))
        portion = self.table.next(replica, patience=0.0)
        if portion == "wait":
            return
        others = [p for r in self.alive - {replica} for p in self.hands[r]]
        assert portion.round == self.round
        assert portion.number not in self.counted
        assert self.backup or portion not in others
        self.hands[replica].append(portion)

    @precondition(lambda self: any(self.hands.values()))
    @rule(data=st.data())
    def answer(self, data):
        replica = data.draw(st.sampled_from([r for r, held in self.hands.items() if held]))
        portion = self.hands[replica].pop(0)
        counts = self.table.done(replica, portion)
        assert counts == (portion.round == self.round and portion.number not in self.counted)
        self.counted += [portion.number] if counts else []

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def die(self, data):
        replica = data.draw(st.sampled_from(sorted(self.alive)))
        self.alive.remove(replica)
        self.table.drop(replica)

    @precondition(lambda self: len(self.counted) == self.n)
    @rule(n=st.integers(1, 6))
    def next_round(self, n):
        self.begin(n)

    @invariant()
    def what_is_left_can_always_be_done(self):
        assert self.table.wait(0.0) == (len(self.counted) == self.n)
        assert self.table.summary()["left"] == self.n - len(self.counted)

    def teardown(self):
        last = self.table.join()
        for replica in self.alive:
            self.table.drop(replica)
        while (portion := self.table.next(last, patience=0.0)) != "wait":
            self.counted += [portion.number] if self.table.done(last, portion) else []
        assert sorted(self.counted) == list(range(self.n))


class PortionsWithBackups(Portions):
    """The same, where idle replicas get what others work on."""

    def __init__(self):
        super().__init__()
        self.backup = True
        self.table = PortionTable(backup=True)
        self.begin(3)


TestPortions = Portions.TestCase
TestPortions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPortionsWithBackups = PortionsWithBackups.TestCase
TestPortionsWithBackups.settings = TestPortions.settings
