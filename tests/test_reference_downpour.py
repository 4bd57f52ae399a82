"""Downpour and Sandblaster, a page each: what follows from the printed algorithms, item by item."""

from collections import Counter

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.reference.downpour import Replica, Shard, cut, interleave, join
from hogwild.reference.sandblaster import Coordinator, Replicas, Server, direction, lbfgs, search


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


# ---- Sandblaster -------------------------------------------------------------------------------


def logistic(n_rows=60, n_features=6, seed=0, reg=0.1):
    """The loss of some rows, with their share of a ridge, and its gradient."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, n_features)) * np.linspace(0.3, 3, n_features)
    y = np.where(X.sum(axis=1) + random.normal(size=n_rows) > 0, 1.0, -1.0)

    def gradient(w, rows):
        z = y[rows] * (X[rows] @ w)
        share = reg * len(z) / n_rows
        loss = np.logaddexp(0, -z).sum() + share / 2 * (w @ w)
        return float(loss), -X[rows].T @ (y[rows] / (1 + np.exp(z))) + share * w

    return gradient, np.arange(n_rows)


def replicas_of(server, gradient, rows, portion, speeds, seed=0, **options):
    portions = [rows[begin : begin + portion] for begin in range(0, len(rows), portion)]
    return Replicas(server, gradient, portions, speeds, np.random.default_rng(seed), **options)


@given(
    seed=st.integers(0, 999), portion=st.integers(1, 60), n_shards=st.integers(1, 6),
    speeds=st.lists(st.sampled_from([0.01, 0.5, 1.0]), min_size=1, max_size=5),
    n_send=st.integers(1, 9), death=st.integers(0, 30),
)  # fmt: skip
@settings(max_examples=60)
def test_the_gradient_of_any_replicas_is_that_of_the_full_batch(
    seed, portion, n_shards, speeds, n_send, death
):
    gradient, rows = logistic()
    w = np.random.default_rng(seed).normal(size=6)
    server = Server(w, n_shards)
    replicas = replicas_of(
        server, gradient, rows, portion, [1.0, *speeds], seed,
        n_send=n_send, deaths={1: death, 2: 2 * death},
    )  # fmt: skip
    wanted, full = gradient(w, rows)
    for _ in range(2):  # the second time with a zeroed sum, and without the dead
        assert replicas.evaluate("w", "g") == pytest.approx(wanted, rel=1e-12)
        assert server.fetch("g") == pytest.approx(full, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("turns", range(9))
def test_whenever_a_replica_dies_its_portions_are_done_by_the_other(turns):
    gradient, rows = logistic()
    server, w = Server(np.ones(6), 2), np.ones(6)
    replicas = replicas_of(server, gradient, rows, 7, [1.0, 1.0], n_send=3, deaths={0: turns})
    assert replicas.evaluate("w", "g") == pytest.approx(gradient(w, rows)[0], rel=1e-12)
    assert server.fetch("g") == pytest.approx(gradient(w, rows)[1], rel=1e-10)
    assert replicas.speeds.tolist() == [0.0, 1.0]


def test_when_all_replicas_are_dead_the_coordinator_says_so():
    gradient, rows = logistic()
    server = Server(np.ones(6), 2)
    replicas = replicas_of(server, gradient, rows, 7, [1.0, 1.0], deaths={0: 3, 1: 4})
    with pytest.raises(RuntimeError, match="every replica is dead"):
        replicas.evaluate("w", "g")


class Picks:
    """Draws what it is told, and then 0 for ever."""

    def __init__(self, *picks):
        self.picks = list(picks)

    def choice(self, n, p):
        return self.picks.pop(0) if self.picks else 0


def test_the_portion_of_a_replica_that_hangs_is_done_by_another():
    gradient, rows = logistic()
    server, done = Server(np.ones(6), 2), []

    def noted(w, portion):
        done.append(int(portion[0]))
        return gradient(w, portion)

    portions = [rows[:20], rows[20:40], rows[40:]]
    replicas = Replicas(server, noted, portions, [1.0, 1.0], Picks(1, 0), n_send=2)
    assert replicas.evaluate("w", "g") == pytest.approx(gradient(np.ones(6), rows)[0], rel=1e-12)
    assert done == [20, 40, 0]  # replica 1 has taken the first and never comes back


def test_fast_replicas_take_more_portions_and_fetch_once_a_batch():
    gradient, rows = logistic(n_rows=600)
    server, fetched, done = Server(np.ones(6), 2), [], Counter()
    fetch = server.fetch
    server.fetch = lambda x: fetched.append(x) or fetch(x)

    def noted(w, portion):
        done[int(portion[0])] += 1
        return gradient(w, portion)

    replicas = replicas_of(server, noted, rows, 10, [1.0, 1.0, 0.01], seed=1)
    for _ in range(20):
        replicas.evaluate("w", "g")
    assert len(done) == 60
    assert min(done.values()) == 20
    assert 20 * 60 < sum(done.values()) < 20 * (60 + 2)  # a backup or so at the end of each
    assert fetched.count("w") == len(fetched) <= 20 * 3
    assert len(fetched) > 20 * 2


@pytest.mark.parametrize(("n_send", "sums"), [(1, 12), (3, 4), (5, 3), (99, 1)])
def test_a_sum_is_sent_after_n_send_portions_and_at_the_end(n_send, sums):
    gradient, rows = logistic()
    server, sent = Server(np.ones(6), 2), []
    push = server.push
    server.push = lambda x, vector: sent.append(x) or push(x, vector)
    replicas_of(server, gradient, rows, 5, [1.0], n_send=n_send).evaluate("w", "g")
    assert sent == ["g"] * sums


def test_the_coordinator_gives_each_portion_then_backups_and_counts_one_answer():
    coordinator = Coordinator(3)
    assert [coordinator.give(who) for who in "abc"] == [0, 1, 2]
    assert coordinator.give("b") == 0  # its own would be no backup
    assert coordinator.give("c") == 1  # 0 has one
    assert coordinator.give("a") == 2
    assert coordinator.give("a") == 1
    assert coordinator.give("a") is None
    assert [coordinator.answer(who, 1) for who in "ab"] == [True, False]
    assert coordinator.answer("b", 0)
    coordinator.sent("b")
    coordinator.bury("a")  # 1 was in its sum, 2 it had with c
    assert coordinator.waiting == [1]
    assert coordinator.out == {2: {"c"}}
    coordinator.bury("c")
    assert coordinator.waiting == [1, 2]
    assert not coordinator.is_done()
    assert [coordinator.give("b"), coordinator.give("b")] == [1, 2]
    assert coordinator.answer("b", 1)
    assert coordinator.answer("b", 2)
    assert not coordinator.is_done()
    coordinator.sent("b")
    assert coordinator.is_done()


def test_an_answer_to_a_portion_that_was_lost_and_given_again_counts_once():
    coordinator = Coordinator(1)
    assert [coordinator.give(who) for who in "ab"] == [0, 0]
    assert coordinator.answer("a", 0)
    coordinator.bury("a")
    assert coordinator.give("c") == 0
    assert coordinator.answer("b", 0)  # still at work on it from before
    assert not coordinator.answer("c", 0)
    coordinator.sent("b")
    assert coordinator.is_done()


@given(seed=st.integers(0, 999), n=st.integers(1, 20), n_shards=st.integers(1, 25))
def test_commands_on_slices_are_those_on_whole_vectors(seed, n, n_shards):
    x, y = np.random.default_rng(seed).normal(size=(2, n))
    server = Server(x, n_shards)
    server.scale("y", 0.0, "w")
    server.push("y", y)
    assert server.dot("w", "y") == pytest.approx(x @ y, rel=1e-12, abs=1e-13)
    server.add("z", "w", -0.3, "y")
    server.add("z", "z", 2.0, "z")
    assert server.fetch("z") == pytest.approx(3 * (x - 0.3 * y), rel=1e-12)
    assert server.fetch("w").tobytes() == x.tobytes()  # no slice is shared between names


@pytest.mark.parametrize("n_pairs", [0, 1, 2, 4])
def test_the_direction_is_that_of_the_bfgs_matrix(n_pairs):
    random = np.random.default_rng(n_pairs)
    A = random.normal(size=(5, 5))
    A = A @ A.T + np.eye(5)
    g, steps = random.normal(size=5), random.normal(size=(n_pairs, 5))  # the oldest first
    server = Server(g, 2)
    server.scale("g", 1.0, "w")
    for i, s in enumerate(steps):
        for name, vector in ((f"s{i}", s), (f"y{i}", A @ s)):
            server.scale(name, 0.0, "w")
            server.push(name, vector)
    direction(server, [(f"s{i}", f"y{i}") for i in reversed(range(n_pairs))])
    H = np.eye(5)
    if n_pairs:
        s, y = steps[-1], A @ steps[-1]
        H *= (s @ y) / (y @ y)
    for s in steps:
        y = A @ s
        V = np.eye(5) - np.outer(y, s) / (s @ y)
        H = V.T @ H @ V + np.outer(s, s) / (s @ y)
    assert server.fetch("d") == pytest.approx(-H @ g, rel=1e-9)


@pytest.mark.parametrize(("t", "wanted"), [(1e-3, 0.128), (1.0, 1.0), (64.0, 1.0)])
def test_a_step_too_short_is_doubled_and_one_too_long_halved(t, wanted):
    # F = w^2 / 2 from 1 along -1: the slope is to be .9 of itself, so t is .1 or more, below 2
    server = Server(np.array([1.0]), 1)
    server.scale("g", 1.0, "w")
    server.scale("d", -1.0, "g")

    def evaluate(at, to):
        server.scale(to, 1.0, at)
        return server.dot(at, at) / 2

    found = search(server, evaluate, 0.5, t)
    assert server.fetch("trial").item() == pytest.approx(1 - wanted)
    assert found == pytest.approx((1 - wanted) ** 2 / 2)
    assert search(server, lambda at, to: evaluate(at, to) + 1, 0.5, t) is None


def one_process(server, gradient, rows):
    def evaluate(at, to):
        loss, g = gradient(server.fetch(at), rows)
        server.scale(to, 0.0, at)
        server.push(to, g)
        return loss

    return evaluate


def test_losses_are_those_of_one_process_and_end_at_the_optimum():
    gradient, rows = logistic()
    alone, many = Server(np.zeros(6), 1), Server(np.zeros(6), 4)
    replicas = replicas_of(many, gradient, rows, 4, [1.0, 0.7, 0.02, 1.0], deaths={3: 40})
    wanted = lbfgs(alone, one_process(alone, gradient, rows), m=5)
    losses = lbfgs(many, replicas.evaluate, m=5)
    assert losses[:10] == pytest.approx(wanted[:10], rel=1e-12)
    assert losses[-1] == pytest.approx(wanted[-1], rel=1e-12)
    assert 10 < len(losses) < 40
    assert losses == sorted(losses, reverse=True)
    assert np.abs(gradient(many.fetch("w"), rows)[1]).max() < 1e-6
    best = scipy.optimize.minimize(
        lambda w: gradient(w, rows), np.zeros(6), jac=True, method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    assert losses[-1] == pytest.approx(best.fun, rel=1e-12)
    assert many.fetch("w") == pytest.approx(best.x, rel=1e-6, abs=1e-6)


def test_no_more_pairs_are_kept_than_m():
    gradient, rows = logistic()
    server, asked = Server(np.zeros(6), 2), []
    dot = server.dot
    server.dot = lambda x, y: asked.append((x, y)) or dot(x, y)
    lbfgs(server, one_process(server, gradient, rows), m=2, n_iterations=5)
    asked = [x for x, y in asked if y == "d" and x[0] == "s"]
    assert asked == ["s0", "s1", "s0", "s0", "s1", "s1", "s0"]  # the newest first
    assert {name for name in server.shards[0] if name[0] in "sy"} == {"s0", "s1", "y0", "y1"}


def test_the_limit_of_iterations_and_a_start_at_the_optimum():
    gradient, rows = logistic()
    server = Server(np.zeros(6), 2)
    assert len(lbfgs(server, one_process(server, gradient, rows), n_iterations=3)) == 4
    flat = Server(np.zeros(2), 1)
    assert lbfgs(flat, one_process(flat, lambda w, rows: (1.0, 0 * w), rows)) == [1.0]
