"""downpour.virtual_time: exact, repeatable, and what a run in processes would do."""

import numpy as np
import pytest

from hogwild.data import Examples
from hogwild.downpour import Costs, Exchange, fit_downpour, simulate
from hogwild.downpour.linear import LinearProblem
from hogwild.models import Constant

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((120, 5))
EXAMPLES = Examples(X, np.where(X @ RANDOM.standard_normal(5) > 0.0, 1.0, -1.0))


def problem(**options):
    return LinearProblem(EXAMPLES, loss="logistic", **options)


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    def run(seed):
        return simulate(
            problem(), replicas=7, shards=2, exchange=Exchange(2, 3, 4), epochs=2, seed=seed,
            costs=Costs(spread=0.5),
        )  # fmt: skip

    first, second, other = run(1), run(1), run(2)
    assert np.array_equal(first.params, second.params)
    assert first.points == second.points
    assert first.staleness == second.staleness
    assert not np.array_equal(first.params, other.params)


def test_one_replica_takes_the_sum_of_its_times_and_is_never_stale():
    run = simulate(
        problem(), replicas=1, exchange=Exchange(1, 1, 4), epochs=2, seed=0,
        costs=Costs(compute=1.0, fetch=0.25, push=0.5),
    )  # fmt: skip
    assert run.seconds == pytest.approx(60 * 1.75)
    assert dict(run.staleness) == {0: 60}


def test_fetching_and_pushing_less_often_takes_less_time():
    run = simulate(
        problem(), replicas=1, exchange=Exchange(n_fetch=5, n_push=3, batch_size=4), epochs=1,
        seed=0, portion=60, costs=Costs(compute=1.0, fetch=0.25, push=0.5),
    )  # fmt: skip
    # two portions of 15 batches: 3 fetches and 5 pushes each
    assert run.seconds == pytest.approx(30 + 2 * (3 * 0.25 + 5 * 0.5))


def test_equal_replicas_go_in_step_and_each_finds_the_pushes_of_all_others():
    n = 4
    run = simulate(problem(), replicas=n, exchange=Exchange(1, 1, 4), epochs=4, seed=0)
    # fetched at the same moment, pushed one after the other: 0, 1, 2 and 3 others came first
    assert run.staleness == {stale: 30 for stale in range(n)}
    assert run.seconds == pytest.approx(120 / n * 1.4)


def test_a_replica_twice_as_fast_does_twice_the_work():
    run = simulate(
        problem(), replicas=2, speeds=[2.0, 1.0], exchange=Exchange(1, 1, 4), epochs=4, seed=0
    )
    assert run.seconds == pytest.approx(120 / 3 * 1.4, rel=0.02)


def test_a_warm_start_lets_the_others_in_when_it_is_done():
    options = {"replicas": 5, "exchange": Exchange(1, 1, 4), "epochs": 2, "seed": 0}
    warm = simulate(problem(), warm_start=1.0, **options)
    assert warm.points[1].seconds == pytest.approx(30 * 1.4)
    assert warm.seconds == pytest.approx((30 + 30 / 5) * 1.4, rel=0.05)


def test_points_are_taken_at_the_start_and_after_each_epochs_worth_of_rows():
    run = simulate(problem(), replicas=3, exchange=Exchange(1, 1, 4), epochs=3, seed=0)
    assert [int(point.epochs) for point in run.points] == [0, 1, 2, 3]
    assert run.points[0].objective == pytest.approx(np.log(2.0))
    assert run.reached(run.points[2].objective) == run.points[2].seconds
    assert run.reached(-1.0) is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("rule", ["fixed", "adagrad"])
def test_one_replica_in_virtual_time_is_one_replica_in_a_process_but_for_the_order_of_rows(rule):
    """The rows come in other orders, so both are compared on rows that are all the same."""
    same = Examples(np.ones((40, 2)), np.ones(40))
    options = {"rule": rule, "epochs": 2, "seed": 0}
    virtual = simulate(
        LinearProblem(same, loss="logistic"), replicas=1, shards=2, step=0.25,
        exchange=Exchange(1, 1, 4), **options,
    )  # fmt: skip
    real = fit_downpour(
        same, loss="logistic", replicas=1, shards=2, step=Constant(0.25), batch_size=4, **options
    )
    assert np.array_equal(virtual.params, np.append(real.model.w, real.model.intercept))
