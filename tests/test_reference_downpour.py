"""Downpour and Sandblaster, a page each: what follows from the printed algorithms, item by item."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.reference.downpour import Replica, Shard, cut, interleave, join


def least_squares(n_batches, seed=0, n_features=5):
    """The gradient of a batch of rows of a noisy linear problem, and the batches."""
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, (n_batches, 4, n_features))
    y = X @ np.linspace(-1, 1, n_features) + 0.1 * random.normal(size=(n_batches, 4))

    def gradient(w, batch):
        return X[batch].T @ (X[batch] @ w - y[batch]) / 4

    return gradient, range(n_batches)


def serial_sgd(gradient, batches, step, n_features=5):
    w = np.zeros(n_features)
    for batch in batches:
        w = w - step * gradient(w, batch)
    return w


def finish(replica):
    return list(replica.turns())


def do(turns, n=1):
    """Let one replica take so many turns."""
    return [next(turns) for _ in range(n)]


def ones(w, batch):
    return np.ones_like(w)


counts = st.integers(1, 6)


# ---- one replica -------------------------------------------------------------------------------


@given(steps=st.integers(0, 40), n_fetch=counts, n_push=counts)
def test_the_first_push_carries_one_gradient_and_the_others_n_push(steps, n_fetch, n_push):
    replica = Replica(cut(np.zeros(2), 1, 0.1), ones, range(steps), 0.1, n_fetch, n_push)
    finish(replica)
    sent = 1 + n_push * ((steps - 1) // n_push) if steps else 0
    assert sum(replica.pushed) == sent
    assert replica.pushed == [1, *[n_push] * ((sent - 1) // n_push)][: len(replica.pushed)]
    assert replica.unsent == steps - sum(replica.pushed)


@given(steps=st.integers(0, 40), n_fetch=counts, n_push=counts)
def test_aligned_every_push_carries_n_push_gradients(steps, n_fetch, n_push):
    server = cut(np.zeros(2), 1, 0.1)
    replica = Replica(server, ones, range(steps), 0.1, n_fetch, n_push, aligned=True)
    finish(replica)
    assert replica.pushed == [n_push] * (steps // n_push)


@given(steps=st.integers(0, 40), n_push=counts, aligned=st.booleans())
def test_flushed_at_the_end_nothing_is_lost(steps, n_push, aligned):
    server = cut(np.zeros(2), 2, step=1.0)
    replica = Replica(server, ones, range(steps), 0.1, 1, n_push, aligned, flush=True)
    finish(replica)
    assert sum(replica.pushed) == steps
    assert 0 not in replica.pushed
    assert join(server).tolist() == [-steps, -steps]


def test_a_step_is_a_fetch_then_a_gradient_then_a_push():
    replica = Replica(cut(np.zeros(2), 2, 0.1), ones, range(4), 0.1, n_fetch=3, n_push=2)
    assert finish(replica) == [
        "fetch", "fetch", "compute", "push", "push",
        "compute",
        "compute", "push", "push",
        "fetch", "fetch", "compute",
    ]  # fmt: skip


def test_as_printed_a_fetch_steps_back_and_aligned_it_does_not():
    # every gradient is 1 and every step 1, so that places are counts
    places = {}
    for aligned in (False, True):
        replica = Replica(cut(np.zeros(1), 1, 1.0), ones, range(7), 1.0, 3, 3, aligned)
        places[aligned] = [
            (done, replica.params.item(), replica.acc.item()) for done in replica.turns()
        ]
    assert places[False] == [
        ("fetch", 0, 0), ("compute", -1, 1), ("push", -1, 0),
        ("compute", -2, 1), ("compute", -3, 2),
        ("fetch", -1, 2),  # two steps back, but the two gradients are in hand
        ("compute", -2, 3), ("push", -2, 0),
        ("compute", -3, 1), ("compute", -4, 2),
        ("fetch", -4 + 0, 2), ("compute", -5, 3), ("push", -5, 0),
    ]  # fmt: skip
    assert [place for place in places[True] if place[0] != "compute"] == [
        ("fetch", 0, 0), ("push", -3, 0), ("fetch", -3, 0), ("push", -6, 0), ("fetch", -6, 0),
    ]  # fmt: skip


def test_one_replica_that_fetches_and_pushes_each_step_is_serial_sgd():
    gradient, batches = least_squares(60)
    wanted = serial_sgd(gradient, batches, 0.3)
    for local_step in (0.3, 0.0, 7.0):  # the next fetch replaces what it does
        server = cut(np.zeros(5), 2, 0.3)
        finish(Replica(server, gradient, batches, local_step))
        assert join(server).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("n", [2, 3, 10])
def test_with_longer_intervals_the_aligned_order_is_serial_sgd_and_the_printed_one_is_not(n):
    gradient, batches = least_squares(60)
    wanted = serial_sgd(gradient, batches, 0.3)
    found = {}
    for aligned in (False, True):
        server = cut(np.zeros(5), 2, 0.3)
        finish(Replica(server, gradient, batches, 0.3, n, n, aligned, flush=True))
        found[aligned] = np.abs(join(server) - wanted).max()
    assert found[True] < 1e-15
    assert found[False] > 1e-3


@pytest.mark.parametrize("adagrad", [False, True])
@pytest.mark.parametrize("n_shards", [2, 3, 5])
def test_with_one_replica_the_number_of_shards_does_not_matter(n_shards, adagrad):
    gradient, batches = least_squares(30)
    whole, parts = (cut(np.zeros(5), n, 0.2, adagrad) for n in (1, n_shards))
    for server in (whole, parts):
        finish(Replica(server, gradient, batches, 0.1, 2, 3))
    assert [len(shard.w) for shard in parts] == [len(p) for p in np.array_split([0] * 5, n_shards)]
    assert join(parts).tobytes() == join(whole).tobytes()
    assert all(shard.staleness == whole[0].staleness for shard in parts)


def test_the_local_step_is_plain_also_where_the_server_has_adagrad():
    server = cut(np.zeros(1), 1, 0.5, adagrad=True)
    replica = Replica(server, lambda w, batch: 8 * ones(w, batch), [0], 0.25)
    finish(replica)
    assert replica.params.item() == -0.25 * 8
    assert join(replica.shards).item() == -0.5


# ---- the server --------------------------------------------------------------------------------


@given(
    gradient=st.lists(
        st.floats(-1e100, 1e100, allow_subnormal=False).filter(lambda g: g == 0 or abs(g) > 1e-100),
        min_size=1, max_size=4,
    ),
    step=st.floats(1e-3, 10),
)  # fmt: skip
def test_the_first_step_of_adagrad_is_as_long_as_step_or_0(gradient, step):
    shard = Shard(np.zeros(len(gradient)), step, adagrad=True)
    shard.push(np.array(gradient), 0)
    assert shard.w.tolist() == [-step * np.sign(g) for g in gradient]


def test_adagrad_by_hand():
    shard = Shard([0.0, 0.0], step=1.0, adagrad=True)
    for gradient in ([3.0, 0.0], [4.0, 2.0], [0.0, 0.0]):
        shard.push(np.array(gradient), 0)
    # the first: -3/3 - 4/5; the second is first touched by the second push; zeros move nothing
    assert shard.w.tolist() == [-1.8, -1.0]
    assert shard.squares.tolist() == [25.0, 4.0]
    assert len(shard.staleness) == 3


def test_what_adagrad_squares_is_the_sum_that_was_pushed():
    server = cut(np.zeros(1), 1, 1.0, adagrad=True)
    finish(Replica(server, lambda w, x: np.array([x]), [3.0, 4.0], 0.0, 2, 2, aligned=True))
    assert server[0].squares.item() == (3 + 4) ** 2


def test_more_replicas_shorten_the_steps_of_adagrad():
    def length(n_replicas):
        server = cut(np.zeros(1), 1, 1.0, adagrad=True)
        turns = [Replica(server, ones, range(9), 0.0).turns() for _ in range(n_replicas)]
        for _ in range(8 * 3):
            for one in turns:
                do(one)
        before = join(server).item()
        do(turns[0], 3)
        return before - join(server).item()

    assert length(1) == pytest.approx(1 / np.sqrt(9))
    assert length(4) == pytest.approx(1 / np.sqrt(4 * 8 + 1))


def test_a_push_moves_a_shard_by_a_fixed_step():
    start = np.array([1.0, 2.0])
    shard = Shard(start, step=0.5)
    shard.push(np.array([2.0, -4.0]), 0)
    assert shard.w.tolist() == [0.0, 4.0]
    assert start.tolist() == [1.0, 2.0]


# ---- staleness ---------------------------------------------------------------------------------


def test_staleness_by_hand():
    server = cut(np.zeros(1), 1, 1.0)
    a, b = (Replica(server, ones, range(3), 0.0).turns() for _ in range(2))
    do(a, 2)  # a has fetched and computed
    assert do(b, 6) == ["fetch", "compute", "push"] * 2  # two updates meanwhile
    do(a)  # a's push is late by two
    do(b)  # b fetches what a has done too
    do(a, 3)
    do(b, 2)
    assert server[0].staleness == [0, 0, 2, 0, 1]


def test_own_pushes_since_the_fetch_count_too():
    server = cut(np.zeros(1), 1, 1.0)
    finish(Replica(server, ones, range(7), 0.0, n_fetch=3, n_push=1))
    assert server[0].staleness == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("n_replicas", [1, 2, 5])
def test_in_strict_turns_pushes_are_late_by_the_replicas_that_came_between(n_replicas):
    def start():
        server = cut(np.zeros(1), 1, 0.1)
        return server[0], [Replica(server, ones, range(4), 0.1).turns() for _ in range(n_replicas)]

    shard, turns = start()
    for _ in range(4 * 3):  # all fetch, all compute, all push
        for one in turns:
            do(one)
    assert shard.staleness == list(range(n_replicas)) * 4
    shard, turns = start()
    for one in turns:
        do(one, 2)
    for _ in range(3):
        for one in turns:
            assert do(one, 3) == ["push", "fetch", "compute"]
    assert shard.staleness == [*range(n_replicas), *[n_replicas - 1] * (2 * n_replicas)]


def test_staleness_differs_between_shards_and_a_copy_mixes_ages():
    server = cut(np.zeros(2), 2, 1.0)
    reader, writer = (Replica(server, ones, [0], 0.0) for _ in range(2))
    slow, fast = reader.turns(), writer.turns()
    do(slow)  # has the first shard only
    do(fast, 5)  # fetch, fetch, compute, push, push
    do(slow)
    assert reader.params.tolist() == [0.0, -1.0]  # the server never stood there
    do(slow, 3)
    assert [shard.staleness for shard in server] == [[0, 1], [0, 0]]


def test_gradients_computed_while_a_push_is_on_its_way_are_not_lost():
    # between the pushes to two shards the buffer is a new one
    server = cut(np.zeros(2), 2, 1.0)
    replica = Replica(server, ones, range(2), 0.0, n_push=1)
    turns = replica.turns()
    assert do(turns, 4)[-1] == "push"  # the first shard has it
    assert replica.acc.tolist() == [0.0, 0.0]
    replica.acc += 5.0  # what another thread would add
    do(turns)
    assert replica.acc.tolist() == [5.0, 5.0]
    assert join(server).tolist() == [-1.0, -1.0]


# ---- several replicas --------------------------------------------------------------------------


def shares(seed, n_replicas, n_fetch, n_push, n_shards, *, adagrad=False, n_batches=24, step=0.1):
    gradient, batches = least_squares(n_batches, seed)
    server = cut(np.zeros(5), n_shards, step, adagrad)
    given = []

    def noted(w, batch):
        given.append(gradient(w, batch))
        return given[-1]

    replicas = [
        Replica(server, noted, batches[r::n_replicas], step, n_fetch, n_push)
        for r in range(n_replicas)
    ]
    return server, replicas, given


@given(seed=st.integers(0, 999), n_replicas=counts, n_fetch=counts, n_push=counts, n_shards=counts)
@settings(max_examples=30)
def test_every_gradient_has_been_pushed_or_is_still_held(
    seed, n_replicas, n_fetch, n_push, n_shards
):
    server, replicas, given_ = shares(seed, n_replicas, n_fetch, n_push, min(n_shards, 5))
    interleave(replicas, np.random.default_rng(seed))
    assert len(given_) == 24
    pushed = -join(server) / 0.1
    held = sum(replica.acc for replica in replicas)
    assert pushed + held == pytest.approx(np.sum(given_, axis=0), rel=1e-12, abs=1e-12)
    assert sum(sum(replica.pushed) + replica.unsent for replica in replicas) == 24
    for shard in server:
        assert len(shard.staleness) == sum(len(replica.pushed) for replica in replicas)
        assert all(0 <= late < len(shard.staleness) for late in shard.staleness)


def test_a_seed_repeats_the_staleness_and_another_does_not():
    runs = []
    for seed in (0, 0, 1):
        server, replicas, _ = shares(0, 3, 1, 1, 2)
        log = interleave(replicas, np.random.default_rng(seed))
        runs.append((log, [shard.staleness for shard in server], join(server).tobytes()))
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]
    assert runs[0][2] != runs[2][2]
    for r in range(3):  # each does its turns in its own order
        mine = [done for who, done in runs[0][0] if who == r]
        assert mine == ["fetch", "fetch", "compute", "push", "push"] * 8


def test_of_one_replica_nothing_is_left_to_chance():
    alone, drawn = shares(0, 1, 2, 3, 2), shares(0, 1, 2, 3, 2)
    finish(alone[1][0])
    interleave(drawn[1], np.random.default_rng(5))
    assert join(alone[0]).tobytes() == join(drawn[0]).tobytes()


class Last:
    """Draws the last of all."""

    def integers(self, n):
        return n - 1


def test_in_a_warm_start_the_first_is_alone_for_so_many_gradients():
    _, replicas, _ = shares(0, 2, 1, 1, 1)
    log = interleave(replicas, Last(), warm=5)
    step = ["fetch", "compute", "push"]
    assert [done for _, done in log[: 5 * 3 - 1]] == (step * 5)[:-1]
    assert [who for who, _ in log] == [0] * (5 * 3 - 1) + [1] * 36 + [0] * (36 - 5 * 3 + 1)
    # longer than its share of the data: the others are let in all the same
    _, replicas, _ = shares(0, 2, 1, 1, 1)
    log = interleave(replicas, np.random.default_rng(0), warm=10**6)
    assert [who for who, _ in log] == [0] * 36 + [1] * 36


def test_a_replica_that_dies_leaves_the_others_training_and_the_counters_right():
    server, replicas, given_ = shares(0, 3, 2, 2, 2)
    turns = [replica.turns() for replica in replicas]
    for _ in range(9):
        for one in turns:
            do(one)
    killed = turns.pop(1)
    killed.close()
    lost = replicas[1].acc.copy()
    before = join(server)
    while turns:
        turns = [one for one in turns if next(one, None)]
    assert np.abs(join(server) - before).max() > 0.01
    assert [replica.step for replica in replicas][::2] == [8, 8]
    held = lost + replicas[0].acc + replicas[2].acc
    assert np.any(lost)
    assert held - join(server) / 0.1 == pytest.approx(np.sum(given_, axis=0), rel=1e-12)
    for shard in server:
        assert len(shard.staleness) == sum(len(replica.pushed) for replica in replicas)


@pytest.mark.parametrize(("adagrad", "step"), [(False, 0.1), (True, 0.2)])
def test_four_replicas_come_near_the_least_squares_solution(adagrad, step):
    n_batches = 2000
    gradient, _ = least_squares(n_batches)
    eye, zero = np.eye(5), np.zeros(5)
    first = [gradient(zero, b) for b in range(n_batches)]  # a gradient is H_b w + g_b
    H = np.mean([[gradient(e, b) - first[b] for e in eye] for b in range(n_batches)], axis=0)
    wanted = np.linalg.solve(H, -np.mean(first, axis=0))
    server, replicas, _ = shares(0, 4, 3, 3, 2, adagrad=adagrad, n_batches=n_batches, step=step)
    interleave(replicas, np.random.default_rng(1))
    assert join(server) == pytest.approx(wanted, abs=0.05)
