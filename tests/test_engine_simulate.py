"""Virtual time: the articles' examples by hand, and what more workers than processors would do."""

import multiprocessing

import numpy as np
import pytest

from hogwild.engine.dsgd import DSGD, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.schedules import WAIT, Grant, Hogwild, Serial
from hogwild.engine.simulate import simulate

RANDOM = np.random.default_rng


def uneven(b, seed=0, spread=0.4):
    return RANDOM(seed).uniform(1 - spread, 1 + spread, (b, b))


def test_serial_takes_the_sum_of_the_costs():
    found = simulate(Serial(), 1, [1.0, 2.0, 4.0], epochs=2)
    assert (found.seconds, found.busy.tolist(), found.busy_share) == (14.0, [14.0], 1.0)
    assert found.updates.tolist() == [2, 2, 2]
    assert found.updates_a_second == 6 / 14
    assert [event.t for event in found.trace.events[:4]] == [0, 10**9, 10**9, 3 * 10**9]
    assert found.trace.check() is None


def test_three_blocks_of_20_10_and_20_seconds_waste_10_of_one_worker():
    costs = np.zeros((3, 3))
    costs[[0, 1, 2], [0, 1, 2]] = 20.0, 10.0, 20.0
    found = simulate(DSGD((3, 3)), 3, costs, order=np.array([0, 4, 8]))
    assert (found.seconds, found.busy.tolist()) == (20.0, [20.0, 10.0, 20.0])
    assert found.busy_share == 50 / 60


def test_a_stratum_lasts_as_long_as_its_slowest_block():
    costs = uneven(4)
    found = simulate(DSGD((4, 4)), 4, costs, epochs=3)
    strata = strata_order(4, RANDOM(0)).reshape(4, 4)
    assert found.seconds == pytest.approx(3 * costs.ravel()[strata].max(axis=1).sum())
    assert found.busy.sum() == pytest.approx(3 * costs.sum())
    assert found.imbalance.tolist() == [0.0, 0.0, 0.0]
    assert found.trace.check() is None


def test_fpsgd_has_no_locking_problem_where_dsgd_has_one():
    costs, n_workers = uneven(9), 8
    fpsgd = simulate(FPSGD((9, 9), 1), n_workers, costs, epochs=20)
    dsgd = simulate(DSGD((9, 9)), n_workers, costs, epochs=20)
    assert fpsgd.busy_share > 0.93
    assert dsgd.busy_share < 0.75
    assert fpsgd.trace.check() is dsgd.trace.check() is None


def test_without_a_spare_row_two_of_four_blocks_starve_and_with_one_none_does():
    starving = simulate(FPSGD((2, 2), 0), 2, uneven(2), epochs=50, barrier=False)
    assert sorted(starving.updates)[:2] == [0, 0]
    assert "starves with 0 updates" in starving.trace.check()
    fair = simulate(FPSGD((3, 3), 0), 2, uneven(3), epochs=50, barrier=False)
    assert fair.updates.min() >= 48
    assert fair.trace.check() is None


@pytest.mark.parametrize("p", [3, 4, 8])
def test_on_p_by_p_only_p_blocks_are_ever_updated(p):
    found = simulate(FPSGD((p, p), 0), p, uneven(p), epochs=10, barrier=False)
    assert (found.updates > 0).sum() == p
    assert "starves" in found.trace.check()
    wider = simulate(FPSGD((p + 1, p + 1), 0), p, uneven(p + 1), epochs=10, barrier=False)
    assert (wider.updates > 0).all()
    assert wider.trace.check() is None


def test_the_imbalance_goes_down_as_in_the_articles_figure_7():
    # 8 threads, 9 x 9 blocks, shuffled: markers at 2, 1, .67, .5, below .25 at 20, .03-.07 at 100
    found = simulate(FPSGD((9, 9), 1), 8, uneven(9), epochs=100, barrier=False)
    assert np.abs(found.imbalance[:4] - [2, 1, 0.67, 0.5]).max() <= 0.5
    assert found.imbalance[19] < 0.25
    assert found.imbalance[99] < 0.08
    assert found.busy_share > 0.99


def test_a_managers_calls_queue_and_end_the_speed_up():
    def speed(n_workers, overhead):
        b = n_workers + 1
        costs = 1e-3 * uneven(b, spread=0.2)
        return simulate(
            FPSGD((b, b), 0), n_workers, costs, epochs=4, overhead=overhead, barrier=False
        ).updates_a_second

    assert speed(16, 0.0) > 13 * speed(1, 0.0)  # the costs differ
    assert 0.9 < speed(8, 50e-6) / speed(8, 0.0) < 0.97
    # calls of 100 microseconds: never more than 10,000 a second, whoever asks
    assert 9_500 < speed(16, 100e-6) <= 10_000
    assert 9_500 < speed(40, 100e-6) <= 10_000


def test_a_call_in_the_queue_waits_for_those_before_it():
    found = simulate(FPSGD((3, 3), 0), 2, np.full((3, 3), 10.0), overhead=1.0)
    acquires = [event.t // 10**9 for event in found.trace.events if event.event == "acquire"]
    assert acquires[:4] == [1, 2, 12, 13]  # the second worker is served after the first
    assert found.trace.check() is None


def test_a_barrier_between_epochs_is_waited_for():
    costs = np.array([[1.0, 1.0], [1.0, 5.0]])
    found = simulate(FPSGD((2, 2), 0), 1, costs, epochs=2)
    assert found.seconds == 16.0
    together = simulate(Hogwild(4, multiprocessing.get_context("fork")), 2, costs, epochs=2)
    # the first three take 1, 1 and 1, the fourth begins at 1 and takes 5
    assert together.seconds == 12.0
    assert together.busy.sum() == 16.0
    assert len(together.trace.conflicts()) >= 2
    assert together.trace.check() is None


def test_one_long_run_has_its_epochs_by_the_count_of_grants():
    found = simulate(FPSGD((3, 3), 0), 2, uneven(3), epochs=4, barrier=False)
    assert found.trace.check() is None
    assert max(event.epoch for event in found.trace.events) == 4
    long = DSGD((3, 3), longest=36)
    assert simulate(long, 2, uneven(3), epochs=4, barrier=False).trace.check() is None


def test_costs_may_be_drawn_and_orders_made_for_each_epoch():
    def found(seed):
        costs, orders = RANDOM(seed), RANDOM(seed + 1)
        return simulate(
            DSGD((3, 3)), 2, lambda worker, grant: costs.exponential(), epochs=3,
            order=lambda epoch: strata_order(3, orders, "wor"),
        )  # fmt: skip

    assert found(3).trace == found(3).trace != found(4).trace


def test_workers_that_nobody_wakes_are_an_error():
    class Stubborn:
        name = "stubborn"

        def start(self, order, updates): ...

        def acquire(self, worker):
            return WAIT

        def release(self, worker, grant): ...

    with pytest.raises(RuntimeError, match=r"workers \[0, 1\] wait, and nobody is left to wake"):
        simulate(Stubborn(), 2, [1.0])


def test_what_can_not_be_simulated_is_refused():
    with pytest.raises(ValueError, match="n_workers must be 1 or more, got 0"):
        simulate(Serial(), 0, [1.0])
    with pytest.raises(ValueError, match="order must be given where neither a grid nor"):
        simulate(Serial(), 1, lambda worker, grant: 1.0)


def test_sixty_four_workers_need_no_sixty_four_processors():
    found = simulate(FPSGD((65, 65), 0), 64, np.ones((65, 65)), epochs=1)
    assert found.updates.sum() == 65 * 65
    assert found.busy_share > 0.97
    assert isinstance(found.trace.serial_order()[0].block, int)
    assert Grant(0, 0).tick == -1
