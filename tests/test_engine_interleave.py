"""Interleavings of reads and writes: repeatable, complete, and never staler than allowed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.engine.interleave import Step, interleave, run_interleaved

cases = given(
    n_updates=st.integers(0, 25), n_workers=st.integers(1, 6), staleness=st.integers(0, 6),
    seed=st.integers(0, 2**64 - 1),
)  # fmt: skip


def staleness_of(steps):
    """How many other writes fall between each update's read and its write."""
    read_at, found = {}, {}
    for number, step in enumerate(steps):
        if step.event == "read":
            read_at[step.update] = number
        else:
            between = steps[read_at[step.update] : number]
            found[step.update] = sum(other.event == "write" for other in between)
    return found


@cases
def test_every_update_is_read_then_written_by_one_worker_that_has_no_other(
    n_updates, n_workers, staleness, seed
):
    steps = interleave(n_updates, n_workers, staleness=staleness, seed=seed)
    has = {}
    for step in steps:
        assert 0 <= step.worker < n_workers
        if step.event == "read":
            assert step.worker not in has
            has[step.worker] = step.update
        else:
            assert has.pop(step.worker) == step.update
    assert has == {}
    assert [step.update for step in steps if step.event == "read"] == list(range(n_updates))
    assert len(steps) == 2 * n_updates


@cases
def test_no_update_is_staler_than_allowed(n_updates, n_workers, staleness, seed):
    steps = interleave(n_updates, n_workers, staleness=staleness, seed=seed)
    assert max(staleness_of(steps).values(), default=0) <= staleness


@given(st.integers(0, 20), st.integers(1, 5), st.integers(0, 99))
def test_staleness_0_is_the_serial_run(n_updates, n_workers, seed):
    steps = interleave(n_updates, n_workers, staleness=0, seed=seed)
    assert [(step.event, step.update) for step in steps] == [
        (event, update) for update in range(n_updates) for event in ("read", "write")
    ]


def test_a_seed_gives_the_same_order_and_others_give_others():
    def made(seed):
        return interleave(30, 3, staleness=4, seed=seed)

    assert made(1) == made(1) != made(2)
    assert made(1)[0].event == "read"


def test_the_bound_is_reached_and_all_orders_of_two_updates_come_up():
    steps = interleave(300, 4, staleness=5, seed=0)
    assert max(staleness_of(steps).values()) == 5
    orders = {
        tuple((step.event, step.update) for step in interleave(2, 2, staleness=1, seed=seed))
        for seed in range(60)
    }
    assert len(orders) == 3  # one after the other; both read, then either writes first


def test_what_is_computed_comes_from_what_was_read():
    w, seen = np.zeros(2), []
    steps = [Step(0, "read", 0), Step(1, "read", 1), Step(1, "write", 1), Step(0, "write", 0)]

    def compute(update, values):
        seen.append((update, values.tolist()))
        return values + 1 + update

    run_interleaved(steps, lambda update: w.copy(), compute, lambda update, new: w.__iadd__(new))
    assert seen == [(1, [0.0, 0.0]), (0, [0.0, 0.0])]
    assert w.tolist() == [3.0, 3.0]


@given(st.integers(1, 20), st.integers(0, 99))
def test_additions_commute_however_they_interleave(n_updates, seed):
    w = np.zeros(3)
    steps = interleave(n_updates, 4, staleness=3, seed=seed)
    run_interleaved(
        steps, lambda update: None, lambda update, _: update,
        lambda update, change: np.add.at(w, update % 3, change),
    )  # fmt: skip
    assert w.sum() == sum(range(n_updates))


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ((-1, 1, 0), "n_updates must be 0 or more, got -1"),
        ((1, 0, 0), "n_workers must be 1 or more, got 0"),
        ((1, 1, -1), "staleness must be 0 or more, got -1"),
    ],
)
def test_what_can_not_be_interleaved_is_refused(arguments, reason):
    n_updates, n_workers, staleness = arguments
    with pytest.raises(ValueError, match=reason):
        interleave(n_updates, n_workers, staleness=staleness, seed=0)
