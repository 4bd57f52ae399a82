"""downpour.replica, shard, server and rules: algorithm 1.1, each consequence a test."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import Examples
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.replica import COMPUTE, FETCH, PUSH, Exchange, Replica
from hogwild.downpour.rules import AdaGrad, FixedStep, find_rule
from hogwild.downpour.server import ParameterServer, cut
from hogwild.downpour.shard import ACROSS, Shard, Version


def made(seed=0, n_rows=40, n_features=6, loss="logistic", **options):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n_rows, n_features)) * (random.random((n_rows, n_features)) < 0.6)
    y = np.where(random.random(n_rows) < 0.5, -1.0, 1.0)
    return LinearProblem(Examples(X, y), loss=loss, **options)


def server_of(problem, n_shards=1, rule=None, step=0.5):
    begin = problem.begin(np.random.default_rng(0))
    edges = cut(len(begin), n_shards)
    shards = [Shard(begin[a:b], rule, step=step) for a, b in itertools.pairwise(edges)]
    return ParameterServer(shards, len(begin))


def serial(problem, rows, batch_size, step):
    params = problem.begin(np.random.default_rng(0))
    for first in range(0, len(rows), batch_size):
        _, where, gradient = problem.gradient(params, rows[first : first + batch_size])
        params[slice(None) if where is None else where] -= step * gradient
    return params


class Spy:
    """A shard that keeps what it was sent."""

    def __init__(self, shard):
        self.shard, self.sent = shard, []

    def fetch(self, indices=None):
        return self.shard.fetch(indices)

    def push(self, indices, gradient, version, n_gradients=1, ticket=None):
        whole = np.zeros(len(self.shard.fetch()[0]))
        whole[slice(None) if indices is None else indices] = gradient
        self.sent.append((whole, n_gradients))
        return self.shard.push(indices, gradient, version, n_gradients, ticket)


@pytest.mark.parametrize("penalty", ["none", "l2", "sparse_l2"])
def test_one_replica_that_fetches_and_pushes_at_every_step_is_serial_sgd_to_the_bit(penalty):
    problem = made(penalty=penalty, reg=0.1)
    rows = np.random.default_rng(1).permutation(problem.n_rows)
    server = server_of(problem)
    # the local step has no effect: the next fetch replaces it
    Replica(problem, server, Exchange(1, 1, batch_size=3), local_step=7.0).work(rows)
    assert np.array_equal(server.fetch().values, serial(problem, rows, 3, 0.5))


@pytest.mark.parametrize("n", [2, 3, 7])
def test_aligned_pushes_make_one_replica_serial_sgd_up_to_rounding(n):
    problem, rows = made(), np.arange(40)
    server = server_of(problem)
    Replica(problem, server, Exchange(n, n, batch_size=1), local_step=0.5).work(rows)
    assert np.allclose(server.fetch().values, serial(problem, rows, 1, 0.5), atol=1e-14)


def test_in_the_printed_order_the_replica_steps_back_to_a_point_without_its_last_gradients():
    problem, rows = made(), np.arange(8)
    server = server_of(problem)
    exchange = Exchange(4, 4, batch_size=1, aligned=False)
    replica = Replica(problem, server, exchange, local_step=0.5)
    seen = []
    actions = replica.portion(rows)
    for action in actions:
        if action == COMPUTE:
            seen.append(replica._params.copy())
    # after step 0 the first gradient was sent; the fetch before step 4 takes back steps 1 to 3
    assert np.array_equal(seen[4], seen[1])
    assert not np.array_equal(seen[4], seen[3])


@pytest.mark.parametrize(("steps", "n_push"), [(1, 1), (10, 1), (10, 3), (10, 10), (11, 10)])
def test_in_the_printed_order_the_first_push_has_one_gradient_and_the_others_n_push(steps, n_push):
    problem = made()
    server = server_of(problem)
    server.shards[0] = spy = Spy(server.shards[0])
    exchange = Exchange(1, n_push, batch_size=1, aligned=False)
    Replica(problem, server, exchange).work(np.arange(steps))
    counts = [n for _, n in spy.sent]
    regular = 1 + (steps - 1) // n_push
    assert counts[:regular] == [1] + [n_push] * (regular - 1)
    # what is left goes out at the end: nothing that was computed is lost
    assert sum(counts) == steps


@settings(max_examples=40, deadline=None)
@given(
    n_fetch=st.integers(1, 5),
    n_push=st.integers(1, 5),
    batch_size=st.integers(1, 4),
    aligned=st.booleans(),
    penalty=st.sampled_from(["none", "l2", "sparse_l2"]),
)
def test_all_that_is_pushed_is_the_sum_of_all_gradients_computed(
    n_fetch, n_push, batch_size, aligned, penalty
):
    problem = made(n_rows=17, penalty=penalty)
    computed = []
    gradient = problem.gradient

    def noting(params, rows):
        loss, where, g = gradient(params, rows)
        whole = np.zeros(problem.n_parameters)
        whole[slice(None) if where is None else where] = g
        computed.append(whole)
        return loss, where, g

    problem.gradient = noting
    server = server_of(problem)
    server.shards[0] = spy = Spy(server.shards[0])
    exchange = Exchange(n_fetch, n_push, batch_size, aligned)
    replica = Replica(problem, server, exchange, local_step=0.3)
    replica.work(np.arange(17))
    assert np.allclose(sum(g for g, _ in spy.sent), sum(computed), atol=1e-12)
    assert sum(n for _, n in spy.sent) == len(computed) == replica.gradients
    assert replica.pushes == len(spy.sent)


@pytest.mark.parametrize("rule", [FixedStep(), AdaGrad()])
def test_how_many_shards_there_are_does_not_matter_to_one_replica(rule):
    problem, rows = made(), np.arange(40)
    found = []
    for n_shards in (1, 2, 3, 7):
        server = server_of(problem, n_shards, rule)
        Replica(problem, server, Exchange(3, 2, batch_size=2), local_step=0.1).work(rows)
        found.append(server.fetch().values)
    assert all(np.array_equal(each, found[0]) for each in found)


def test_a_fetch_of_what_the_batches_read_gives_the_same_as_a_fetch_of_all():
    problem, rows = made(), np.arange(40)
    whole = made()
    whole.support = lambda rows: None
    found = []
    for each in (problem, whole):
        server = server_of(each, 2)
        Replica(each, server, Exchange(4, 2, batch_size=2), local_step=0.2).work(rows)
        found.append(server.fetch().values)
    assert np.array_equal(*found)


def test_a_replica_says_what_it_will_do_before_it_does_it():
    problem = made()
    replica = Replica(problem, server_of(problem), Exchange(2, 3, batch_size=1))
    assert list(replica.portion(np.arange(5))) == [
        FETCH, COMPUTE, COMPUTE, FETCH, COMPUTE, PUSH, COMPUTE, FETCH, COMPUTE, PUSH,
    ]  # fmt: skip


def test_staleness_is_the_number_of_pushes_since_the_fetch_at_each_shard():
    problem = made()
    server = server_of(problem, 2)
    slow, fast = (Replica(problem, server, Exchange(1, 1, 1)) for _ in range(2))
    slow.fetch([np.array([0])])
    slow.compute(np.array([0]))
    fast.work(np.arange(3))
    slow.push()
    assert slow.staleness == [Counter({3: 1})] * 2
    assert fast.staleness == [Counter({0: 3})] * 2
    assert server.shards[0].summary()["staleness"] == {0: 3, 3: 1}


def test_the_first_update_of_adagrad_has_the_length_of_the_step_whatever_the_gradient():
    shard = Shard(np.zeros(3), AdaGrad(), step=0.25)
    shard.push(None, np.array([1e-6, -1e6, 0.0]), (0, 0))
    assert shard.fetch()[0].tolist() == [-0.25, 0.25, 0.0]


def test_adagrad_squares_the_sum_that_was_pushed_and_counts_all_replicas():
    shard = Shard(np.zeros(1), AdaGrad(start=1.0), step=1.0)
    shard.push(None, np.array([3.0]), (0, 0), n_gradients=2)
    shard.push(None, np.array([4.0]), (0, 0))
    expected = -3.0 / np.sqrt(10.0) - 4.0 / np.sqrt(26.0)
    assert shard.fetch()[0][0] == pytest.approx(expected, abs=1e-15)
    assert shard.summary()["gradients"] == 3


def test_a_push_that_is_sent_twice_counts_once_also_across_a_restore():
    shard = Shard(np.zeros(1), FixedStep(), step=1.0)
    one = np.ones(1)
    for _ in range(2):
        assert shard.push(None, one, (0, 0), ticket=("ann", 0)) == 0
    assert shard.push(None, one, (0, 0), ticket=("bob", 0)) == 1
    assert shard.push(None, one, (0, 0), ticket=("ann", 1)) == 2
    again = Shard.from_state(shard.state(), life=1)
    assert again.push(None, one, (0, 0), ticket=("ann", 1)) == 2
    assert again.fetch()[0].tolist() == [-3.0]
    assert again.summary()["staleness"] == {0: 1, 1: 1, 2: 1}


def test_a_restored_shard_has_all_that_it_had_and_a_life_of_its_own():
    shard = Shard(np.array([1.0, 2.0]), AdaGrad(), step=0.5)
    version = shard.fetch()[1]
    shard.push(np.array([1]), np.array([2.0]), version)
    kept = shard.state()
    shard.push(None, np.array([1.0, 1.0]), version)
    again = Shard.from_state(kept, life=1)
    assert again.fetch()[1] == Version(1, 1)
    assert again.push(None, np.array([1.0, 1.0]), version) == ACROSS
    assert np.array_equal(again.fetch()[0], shard.fetch()[0])
    assert again.summary()["staleness"] == {0: 1, ACROSS: 1}


def test_a_fetch_is_a_copy():
    shard = Shard(np.zeros(2))
    values, _ = shard.fetch()
    values[:] = 7.0
    assert shard.fetch()[0].tolist() == [0.0, 0.0]


def test_the_step_can_change_between_epochs():
    shard = Shard(np.zeros(1), FixedStep(), step=1.0)
    shard.set_step(0.25)
    shard.push(None, np.array([1.0]), (0, 0))
    assert shard.fetch()[0].tolist() == [-0.25]


@pytest.mark.parametrize("rule", ["adam", FixedStep, 3])
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(ValueError, match="rule"):
        find_rule(rule)


def test_more_shards_than_parameters_are_refused():
    with pytest.raises(ValueError, match="3 parameters can't be cut into 4 shards"):
        cut(3, 4)
