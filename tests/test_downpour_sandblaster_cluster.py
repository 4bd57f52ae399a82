"""Sandblaster in processes: the bits of a run in one, whoever is slow, stopped or killed."""

import os
import signal
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from hogwild.data import Examples
from hogwild.downpour.sandblaster import fit_sandblaster
from hogwild.downpour.sandblaster_cluster import KeptSlice, SliceProcesses
from hogwild.downpour.slices import Slice
from hogwild.errors import WorkerDied, WorkerFailed

pytestmark = pytest.mark.timeout(60)

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((200, 6)) * (RANDOM.random((200, 6)) < 0.6)
EXAMPLES = Examples(X, np.where(X @ RANDOM.standard_normal(6) + 0.3 > 0.0, 1.0, -1.0))
OPTIONS = {"loss": "logistic", "penalty": "l2", "reg": 0.01, "shards": 2, "portion": 7, "tol": 1e-8}


@pytest.fixture(scope="module")
def expected():
    return fit_sandblaster(EXAMPLES, processes=False, **OPTIONS)


def assert_same(fit, expected):
    assert fit.losses.tolist() == expected.losses.tolist()
    assert fit.params.tobytes() == expected.params.tobytes()
    assert fit.stopped == expected.stopped == "gradient converged"


def kill(pid, how=signal.SIGKILL):
    os.kill(pid, how)


def all_there(workers):
    """Wait until every replica has joined: one that dies before is not missed."""
    while len(workers.table.summary()["replicas"]) < len(workers.pids()):
        pass


class AtStep:
    """Does something to the running processes after a step."""

    def __init__(self, act, step=2):
        self.act, self.step, self.workers = act, step, None

    def ready(self, workers):
        all_there(workers)
        self.workers = workers

    def __call__(self, row):
        if row.step == self.step:
            self.act(self.workers)


class InRound:
    """Does something to the running processes when a round has begun."""

    def __init__(self, act, number=4):
        self.act, self.number, self.rounds = act, number, 0

    def ready(self, workers):
        all_there(workers)
        whole = workers.answers

        def answers(portions):
            self.rounds += 1
            if self.rounds == self.number:
                self.act(workers)
            return whole(portions)

        workers.answers = answers


def test_processes_give_the_bits_of_one(start_method, expected):
    fit = fit_sandblaster(EXAMPLES, replicas=3, start_method=start_method, **OPTIONS)
    assert_same(fit, expected)
    assert (fit.dropped, fit.restored, fit.repeated) == ([], [], 0)
    assert fit.n_evaluations == expected.n_evaluations
    assert fit.model.w.tolist() == expected.model.w.tolist()
    assert set(fit.timings) == {"start", "steps"}


def test_a_replica_that_dies_has_its_portions_done_by_another(expected):
    killer = AtStep(lambda workers: kill(workers.pids()["replica 1"]))
    fit = fit_sandblaster(
        EXAMPLES, replicas=2, start_method="fork", ready=killer.ready, callback=killer,
        **OPTIONS,
    )  # fmt: skip
    assert_same(fit, expected)
    assert len(fit.dropped) == 1


def test_a_replica_that_stands_still_holds_nobody_up(expected):
    """It may hold a portion: that one is given out again at the end of its round."""
    stopper = AtStep(lambda workers: kill(workers.pids()["replica 0"], signal.SIGSTOP))
    fit = fit_sandblaster(
        EXAMPLES, replicas=2, start_method="fork", ready=stopper.ready, callback=stopper, **OPTIONS
    )
    assert_same(fit, expected)
    assert fit.dropped == []
    assert fit.given_again > 0


def test_a_slice_that_dies_between_two_steps_goes_on_from_its_checkpoint(expected):
    killer = AtStep(lambda workers: kill(workers.shards.pids[1]))
    fit = fit_sandblaster(
        EXAMPLES, start_method="fork", ready=killer.ready, callback=killer, **OPTIONS
    )
    assert_same(fit, expected)
    assert fit.restored == [1]
    assert fit.repeated == 1


def test_a_slice_that_dies_in_a_round_has_the_step_made_again(expected):
    killer = InRound(lambda workers: kill(workers.shards.pids[0]))
    fit = fit_sandblaster(EXAMPLES, replicas=2, start_method="fork", ready=killer.ready, **OPTIONS)
    assert_same(fit, expected)
    assert fit.restored == [0]
    assert fit.repeated >= 1


def test_all_slices_and_a_replica_may_die_at_once(start_method, expected):
    def act(workers):
        for pid in (*workers.shards.pids, workers.pids()["replica 0"]):
            kill(pid)

    killer = InRound(act)
    fit = fit_sandblaster(
        EXAMPLES, replicas=2, start_method=start_method, ready=killer.ready, **OPTIONS
    )
    assert_same(fit, expected)
    assert sorted(fit.restored) == [0, 1]
    assert len(fit.dropped) == 1


def test_when_the_last_replica_has_died_the_run_ends():
    killer = AtStep(lambda workers: kill(workers.pids()["replica 0"]), step=1)
    with pytest.raises(WorkerDied, match="was killed by SIGKILL"):
        fit_sandblaster(
            EXAMPLES,
            replicas=1,
            start_method="fork",
            ready=killer.ready,
            callback=killer,
            **OPTIONS,
        )


@dataclass(frozen=True)
class Broken:
    """A loss that can't be taken."""

    classifies: ClassVar[bool] = False
    curvature: ClassVar[float] = 1.0

    def pair(self):
        return None, None

    def values(self, z, y):
        raise ZeroDivisionError("no loss today")

    slopes = values


def test_an_error_of_a_replicas_own_code_is_told():
    with pytest.raises(WorkerFailed, match="ZeroDivisionError: no loss today"):
        fit_sandblaster(EXAMPLES, loss=Broken(), start_method="fork")


def test_nothing_is_left_of_a_run():
    seen = []
    fit_sandblaster(
        EXAMPLES, start_method="fork", max_iterations=1, **OPTIONS,
        ready=lambda workers: seen.extend([*workers.shards.pids, *workers.pids().values()]),
    )  # fmt: skip
    assert len(seen) == 4
    for pid in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_kept_slice_is_restored_as_it_was_kept(tmp_path):
    import multiprocessing

    part = Slice({"x": [1.0, np.inf], "y": [-0.0, 3.0]})
    with SliceProcesses([part], multiprocessing.get_context("fork")) as slices:
        (proxy,) = slices.connect()
        proxy.obey(1, None, [("scale", "y", 2.0)])
        proxy.checkpoint()
        proxy.obey(2, 0, [("scale", "y", 2.0)])
        kill(slices.pids[0])
        assert proxy.fetch("y").tobytes() == np.array([-0.0, 6.0]).tobytes()
        assert proxy.obey(3, 0, [("scale", "y", 2.0)]) == (1, [])
        assert proxy.obey(4, 1, [("dot", "y", "y")]) == (1, [36.0])
    assert "checkpoint" in KeptSlice.exposed
