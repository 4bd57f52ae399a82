"""DSGD on Spark: the bits of the local fit on any partitions, and also when executors die."""

import contextlib
import dataclasses
import itertools
import os
import pickle
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from factor_cases import KERNELS, few_ratings
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_cases import planted
from spark_sessions import executors, kill_an_executor, on_a_cluster, on_one_machine

from hogwild.data import Ratings
from hogwild.engine.spark_session import ClusterError
from hogwild.errors import DivergenceError, MissingExtra
from hogwild.kernels.losses import Squared
from hogwild.models import BoldDriver, RowAdaGrad, Yun, fit_factors, fit_factors_on_spark
from hogwild.models import spark_strata as strata_module
from hogwild.models.factor_memory import Constants, Task
from hogwild.models.factor_options import make_settings
from hogwild.models.spark_bands import Bands, Block, Items, Stratum, Turn, Users

pytestmark = pytest.mark.timeout(240)

FEW = few_ratings(3, n_users=40, n_items=30, n=400)
SIGNS = few_ratings(4, n_users=40, n_items=30, n=400, signs=True)
TRAIN, HELD = planted().split(0.2, seed=0)
SMALL = {"n_factors": 4, "epochs": 2, "grid": 2, "kernel": "numpy", "seed": 7}


def local(ratings, **options):
    """The same fit on this machine by one worker."""
    return fit_factors(ratings, schedule="dsgd", n_workers=1, coordination="shared", **options)


def bits(fit):
    model = fit.model
    biases = [] if model.user_bias is None else [model.user_bias, model.item_bias]
    return b"".join(array.tobytes() for array in (model.P, model.Q, *biases))


def history(fit):
    """All that a history tells but for seconds, as text, in which NaN is NaN."""
    timed = {"seconds", "evaluation_seconds", "idle"}
    return [
        {name: repr(value) for name, value in dataclasses.asdict(row).items() if name not in timed}
        for row in fit.history
    ]


def assert_same(one, two):
    assert history(one) == history(two)
    assert bits(one) == bits(two)
    assert (one.stopped, one.best_epoch, one.grid) == (two.stopped, two.best_epoch, two.grid)


# ---- what an executor does -----------------------------------------------------------------------


def options(**given):
    known = {
        "n_factors": 1, "loss": "squared", "reg": 0.0, "reg_l1": 0.0, "step": 0.1,
        "dtype": "float64", "kernel": "python", "order": "user", "by_level": True,
        "balance": "ids", "grid": 1, "start": "libmf", "biases": False, "nonnegative": False,
        "seed": 0, "schedule": "dsgd", "n_workers": 1,
    }  # fmt: skip
    return make_settings(FEW, **{**known, **given})


def test_a_stratum_updates_each_pair_of_bands_by_its_own_block_and_sends_the_items_on():
    unused = np.zeros(1), np.ones((1, 2))
    ints, one = np.zeros(1, np.uint32), np.array([0, 1])
    elements = [
        (0, Block(0, ints, ints, np.array([9.0]), one)),  # of another stratum
        (0, Block(1, ints, ints, np.array([3.0]), one)),
        (0, Users(np.array([[1.0]]), *unused)),
        (0, Items(1, np.array([[2.0]]), *unused)),
    ]
    turns = (Turn(5, 1, 0, heir=3), Turn(6, 0, 0, heir=2))
    stratum = Stratum(options(), Constants(3.0, 1.0), Task(1, None), turns)
    (band, users), (heir, items) = stratum(0, elements)
    assert (band, heir, items.column) == (0, 3, 1)
    assert (users.P.item(), items.Q.item()) == (1.2, 2.1)  # e = 1: 1 + .1*1*2 and 2 + .1*1*1
    assert [(done.number, done.loss) for done in users.done] == [(5, 1.0)]


@pytest.mark.parametrize("n_bands, n_partitions", [(1, 1), (5, 2), (7, 7), (9, 4)])
def test_neighbouring_bands_share_a_partition_and_none_is_empty(n_bands, n_partitions):
    found = [Bands(n_bands, n_partitions)(band) for band in range(n_bands)]
    assert found == sorted(found)
    assert set(found) == set(range(n_partitions))


# ---- the same on lists, which need no Java -------------------------------------------------------


class Lists:
    """An RDD and its context at once, in this process: partitions are pickled lists."""

    defaultParallelism = 2

    def __init__(self, parts=(), partitioner=None):
        self.parts, self.partitioner = [pickle.dumps(part) for part in parts], partitioner

    def lists(self):
        return [pickle.loads(part) for part in self.parts]

    @property
    def context(self):
        return self

    def addPyFile(self, path):
        pass

    def getConf(self):
        return {}

    def parallelize(self, elements, slices):
        return Lists([elements[first::slices] for first in range(slices)])

    def partitionBy(self, n, function):
        parts = [[] for _ in range(n)]
        for part in self.lists():
            for key, value in part:
                parts[function(key) % n].append((key, value))
        return Lists(parts, (n, function))

    def union(self, rdds):
        assert len({rdd.partitioner for rdd in rdds}) == 1 != rdds[0].partitioner, "a wide join"
        together = zip(*(rdd.lists() for rdd in rdds), strict=True)
        return Lists([list(itertools.chain(*parts)) for parts in together])

    def mapPartitionsWithIndex(self, function):
        return Lists([list(function(n, iter(part))) for n, part in enumerate(self.lists())])

    def getNumPartitions(self):
        return len(self.parts)

    def runJob(self, rdd, function, partitions):
        return list(itertools.chain(*(function(rdd.lists()[n]) for n in partitions)))

    def persist(self, level):
        return self

    def unpersist(self):
        pass

    cleanShuffleDependencies = unpersist


@pytest.fixture
def lists(monkeypatch):
    pytest.importorskip("pyspark", reason="needs the extra 'spark'")
    monkeypatch.setattr("hogwild.models.spark_factors._checked_context", lambda given: given)
    return Lists()


@settings(max_examples=15)
@given(
    b=st.integers(1, 6),
    share=st.integers(1, 6),
    leg=st.integers(1, 4),
    strata=st.sampled_from(["seq", "wor", "wr"]),
    balance=st.sampled_from(["ids", "ratings"]),
    n=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_any_grid_on_any_number_of_partitions_gives_the_local_bits(
    b, share, leg, strata, balance, n, seed
):
    pytest.importorskip("pyspark", reason="needs the extra 'spark'")
    ratings = few_ratings(seed, n_users=8, n_items=7, n=min(n, 56))
    same = {**SMALL, "grid": b, "strata": strata, "balance": balance, "seed": seed}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hogwild.models.spark_factors._checked_context", lambda given: given)
        patch.setattr(strata_module, "LEG", leg)
        fit = fit_factors_on_spark(ratings, Lists(), n_partitions=min(share, b), **same)
    assert_same(fit, local(ratings, **same))
    assert len(fit.history[0].idle) == min(share, b)


@pytest.mark.parametrize(
    "given",
    [
        {"order": "random", "by_level": False, "kernel": "python"},
        {"biases": True, "step": 0.02, "reg": (0.1, 0.2)},
        {"nonnegative": True, "reg_l1": (0.01, 0.02), "start": "paper"},
        {"step": Yun(), "strata": "wr", "epochs": 4},
        {"step": BoldDriver(0.02), "dtype": "float64", "order": "item"},
        {"step": RowAdaGrad(0.2), "n_factors": 12, "biases": True, "evaluate": True},
        {"validation": HELD, "start": (np.ones((40, 4)), np.ones((30, 4)))},
    ],
    ids=["random", "biases", "nonnegative", "yun", "bold", "adagrad", "start"],
)
def test_what_the_local_fit_can_the_one_on_spark_can(given, lists):
    same = {**SMALL, "grid": 3, **given}
    assert_same(fit_factors_on_spark(FEW, lists, **same), local(FEW, **same))


def test_the_best_epoch_and_the_end_by_patience_are_those_of_the_local_fit(lists):
    same = {**SMALL, "epochs": 30, "step": 0.1, "reg": 0.0, "validation": HELD, "patience": 2}
    fit = fit_factors_on_spark(TRAIN, lists, **same)
    assert fit.stopped == "patience"
    assert fit.best_epoch == len(fit.history) - 2
    assert_same(fit, local(TRAIN, **same))


def test_a_callback_ends_it(lists):
    fit = fit_factors_on_spark(
        FEW, lists, **{**SMALL, "epochs": 9}, callback=lambda row: row.epoch == 2
    )
    assert (fit.stopped, len(fit.history)) == ("callback", 2)
    assert set(fit.timings) == {"start", "epochs", "evaluation"}


class Stopped(Exception):
    """The end of a run that something stops from outside."""


def stop_after_two(row):
    if row.epoch == 2:
        raise Stopped


@pytest.mark.parametrize("begun", ["here", "there"])
def test_a_checkpoint_of_either_is_gone_on_from_by_the_other_to_the_same_bits(
    begun, lists, tmp_path
):
    def there(ratings, **options):
        return fit_factors_on_spark(ratings, lists, **options)

    first, second = (local, there) if begun == "here" else (there, local)
    same = {**SMALL, "epochs": 4, "step": BoldDriver(0.02), "strata": "wr"}
    keeping = {**same, "checkpoint": tmp_path / "c", "checkpoint_every": 0}
    with pytest.raises(Stopped):
        first(FEW, **keeping, callback=stop_after_two)
    keeping["seed"] = None  # the file knows it
    assert_same(second(FEW, **keeping, resume=True), local(FEW, **same))


def test_a_step_too_long_is_told_as_the_local_fit_tells_it(lists):
    with pytest.raises(DivergenceError) as here:
        local(FEW, **SMALL, step=1e6)
    with pytest.raises(DivergenceError) as there:
        fit_factors_on_spark(FEW, lists, **SMALL, step=1e6)
    assert str(there.value) == str(here.value)


def test_executors_without_numba_are_told_of_before_the_first_epoch(lists, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(strata_module, "have_numba", lambda: False)
    with pytest.raises(ClusterError, match=r"hogwild\[fast\]"):
        fit_factors_on_spark(FEW, lists, **{**SMALL, "kernel": "numba"})


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, sentence",
    [
        ({"grid": (2, 3)}, "DSGD needs a square grid, got 2 x 3"),
        ({"grid": 31}, "a grid of 31 x 31 bands needs as many users and items"),
        ({"n_partitions": 3}, "n_partitions must be 2 or less, for that many bands of users"),
        ({"n_partitions": 0}, "n_partitions must be a whole number of 1 or more, got 0"),
        ({"strata": "x"}, "strata must be one of seq, wor, wr, got 'x'"),
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, got 0"),
        ({"biases": "no"}, "biases must be True or False, got 'no'"),
        ({"patience": 1}, "patience needs validation ratings to watch"),
        ({"resume": True}, "resume needs the checkpoint to go on from"),
    ],
)
def test_an_argument_that_is_not_accepted_is_named(given, sentence, lists):
    with pytest.raises(ValueError, match=sentence):
        fit_factors_on_spark(FEW, lists, **{**SMALL, **given})


def test_a_block_too_large_for_a_message_is_told_before_it_is_sent(lists, monkeypatch):
    monkeypatch.setattr(Lists, "getConf", lambda self: {"spark.rpc.message.maxSize": "0"})
    with pytest.raises(ValueError, match="2 x 2 grid has 0 MiB, and Spark sends 0 MiB at most"):
        fit_factors_on_spark(FEW, lists, **SMALL)


def test_ratings_that_are_none_and_a_context_that_is_none_are_refused(lists, monkeypatch):
    with pytest.raises(ValueError, match="ratings must be Ratings, got list"):
        fit_factors_on_spark([], lists)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="must be a SparkContext or a SparkSession, got Lists"):
        fit_factors_on_spark(FEW, lists)


def test_without_pyspark_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtra, match=r"pip install 'hogwild\[spark\]'"):
        fit_factors_on_spark(FEW, None)


def test_by_default_there_are_as_many_bands_as_cores_and_more_where_a_task_would_carry_too_much(
    lists, monkeypatch
):
    few = {name: value for name, value in SMALL.items() if name != "grid"}
    assert fit_factors_on_spark(FEW, lists, **few).grid == (2, 2)
    monkeypatch.setattr("hogwild.models.spark_factors.SLICE", 500)
    fit = fit_factors_on_spark(FEW, lists, **few)
    assert fit.grid == (4, 4)  # 400 ratings of 12 bytes: 3.1 bands of 500, a multiple of 2
    assert len(fit.history[0].idle) == 2
    one = Ratings(["ann"], ["x"], [5.0])
    assert fit_factors_on_spark(one, lists, **few).grid == (1, 1)


# ---- a real Spark --------------------------------------------------------------------------------


def test_on_spark_it_has_the_bits_and_the_losses_of_the_local_fit(spark):
    same = {**SMALL, "strata": "wr", "validation": HELD, "biases": True}
    fit = fit_factors_on_spark(TRAIN, spark, **same)
    assert_same(fit, local(TRAIN, **same))
    assert all(0.0 < idle < row.seconds for row in fit.history for idle in row.idle)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kernel_has_its_local_bits(kernel, dtype, spark):
    same = {**SMALL, "kernel": kernel, "dtype": dtype, "n_factors": 12, "reg_l1": 0.01}
    assert_same(fit_factors_on_spark(FEW, spark, **same), local(FEW, **same))


@pytest.mark.slow
@pytest.mark.parametrize(
    "ratings, given",
    [
        (FEW, {"grid": 5, "n_partitions": 2, "strata": "seq"}),
        (FEW, {"grid": 4, "n_partitions": 3, "step": BoldDriver(0.02), "dtype": "float64"}),
        (SIGNS, {"loss": "logistic", "grid": 3, "step": Yun(), "balance": "ratings"}),
        (Ratings(["ann"], ["x"], [5.0]), {"grid": 1}),
    ],
    ids=["bands", "bold", "logistic", "tiny"],
)
def test_more_bands_than_partitions_other_losses_and_one_rating(ratings, given, spark):
    same = {**SMALL, **given}
    here = {name: value for name, value in same.items() if name != "n_partitions"}
    assert_same(fit_factors_on_spark(ratings, spark, **same), local(ratings, **here))


class Broken(Squared):
    """A loss that can't be taken of one rating."""

    def values(self, z, y):
        if 99.0 in y:
            raise ValueError("99 stars")
        return super().values(z, y)


@pytest.mark.parametrize("row", [0, 100, 200, 300])
def test_what_one_block_raises_is_raised_here_and_says_where_it_comes_from(row, lists):
    r = FEW.r.copy()
    r[row] = 99.0
    wrong = Ratings.of_indices(FEW.u, FEW.i, r)
    with pytest.raises(ValueError, match="99 stars") as caught:
        fit_factors_on_spark(wrong, lists, **{**SMALL, "grid": 3}, loss=Broken())
    assert str(caught.value) == "99 stars"
    (note,) = caught.value.__notes__
    assert "On a Spark executor, in partition" in note


@on_one_machine
def test_a_loss_of_your_own_reaches_the_executors_and_nothing_is_left_cached(spark):
    loss = type("Own", (Squared,), {})()  # a class that no module has
    same = {**SMALL, "epochs": 1, "loss": loss}
    before = set(spark._jsc.getPersistentRDDs())  # of other tests on this session
    fit = fit_factors_on_spark(FEW, spark, **same)
    assert_same(fit, local(FEW, **same))
    assert not set(spark._jsc.getPersistentRDDs()) - before


@pytest.mark.slow
@on_a_cluster
def test_an_executor_killed_between_two_epochs_changes_nothing(spark):
    killed = []

    def kill(row):
        if row.epoch == 1:
            killed.append(kill_an_executor(spark))

    same = {**SMALL, "epochs": 3, "grid": 3}
    fit = fit_factors_on_spark(FEW, spark, **same, callback=kill)
    assert len(killed) == 1
    assert not set(killed) & set(executors(spark))
    assert_same(fit, local(FEW, **same))


@pytest.mark.slow
@on_a_cluster
def test_an_executor_killed_within_an_epoch_changes_nothing(spark, tmp_path):
    driver, mark = os.getpid(), tmp_path / "killed"

    class KillsItsExecutor(type(Yun())):
        """Ends the Java process above it, once, in the third stratum of the second epoch."""

        def at(self, epoch, t):
            if os.getpid() != driver and epoch == 2 and self.is_third():
                daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                    os.kill(int(daemon.rpartition(")")[2].split()[1]), signal.SIGKILL)
            return super().at(epoch, t)

        def is_third(self):
            caller = sys._getframe(2)
            while caller is not None and caller.f_code.co_name != "_update":
                caller = caller.f_back
            return caller is not None and caller.f_locals["turn"].number >= 6

    same = {**SMALL, "epochs": 3, "grid": 3}
    fit = fit_factors_on_spark(FEW, spark, **same, step=KillsItsExecutor())
    assert mark.exists()
    assert_same(fit, local(FEW, **same, step=Yun()))


@on_one_machine
def test_a_session_serves_as_its_context_and_a_stopped_context_is_refused(spark, monkeypatch):
    session = type("Session", (), {"sparkContext": spark})()
    assert_same(
        fit_factors_on_spark(FEW, session, **{**SMALL, "epochs": 1}),
        local(FEW, **{**SMALL, "epochs": 1}),
    )
    monkeypatch.setattr(spark, "_jsc", None)
    with pytest.raises(ValueError, match="the SparkContext has been stopped"):
        fit_factors_on_spark(FEW, spark)
