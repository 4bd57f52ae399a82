"""SparkPartitions: the bits of LocalPartitions, whoever computes what, and whoever is killed."""

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from spark_cases import (
    Interrupted,
    KillsItsExecutor,
    Refuses,
    Unpicklable,
    problem,
    squared_and_biased,
)
from spark_sessions import CLUSTER, executors, kill_an_executor, on_a_cluster, on_one_machine

from hogwild.engine import spark as engine_spark
from hogwild.engine.spark import send_package
from hogwild.engine.spark_session import ClusterError, import_pyspark
from hogwild.errors import DataError, MissingExtra
from hogwild.mllib import (
    LabeledPoint,
    LocalPartitions,
    LogisticGradient,
    Rows,
    SparseVector,
    SquaredL2Updater,
    as_partitions,
    run_lbfgs,
    run_mini_batch_sgd,
    run_owlqn,
)
from hogwild.mllib import spark as mllib_spark
from hogwild.mllib.cost import Sums, add_sums, sums_at
from hogwild.mllib.partitions import chosen_chunks, chunks, combine, tree_groups
from hogwild.mllib.spark import SparkPartitions
from hogwild.mllib.spark_pack import Facts, Pack
from hogwild.mllib.spark_tasks import Choice, CombineGroup, regrouped

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::UserWarning:pyspark"),
]
LAYOUTS = {"one": [300], "two, and an empty one": [200, 0, 100], "a tree": [34] * 8 + [28]}


def labelled(X, y):
    return [LabeledPoint(label, x) for label, x in zip(y, X, strict=True)]


def gradient_descent(data, fraction=1.0, gradient=None, updater=None):
    return run_mini_batch_sgd(
        data,
        gradient or LogisticGradient(),
        updater or SquaredL2Updater(),
        step_size=1.0,
        num_iterations=6,
        reg_param=0.1,
        mini_batch_fraction=fraction,
        initial_weights=np.zeros(data.n_features),
        convergence_tol=0.0,
    )


def lbfgs(data, gradient=None, updater=None):
    return run_lbfgs(
        data,
        gradient or LogisticGradient(),
        updater or SquaredL2Updater(),
        num_corrections=5,
        convergence_tol=1e-6,
        max_num_iterations=8,
        reg_param=0.01,
        initial_weights=np.zeros(data.n_features),
    )


def owlqn(data):
    return run_owlqn(data, LogisticGradient(), 5, 1e-6, 8, 0.01, np.zeros(data.n_features))


OPTIMIZERS = {
    "gradient descent": gradient_descent,
    "gradient descent, drawing": lambda data: gradient_descent(data, 0.7),
    "gradient descent, with gaps": lambda data: gradient_descent(data, 0.3),
    "L-BFGS": lbfgs,
    "OWL-QN": owlqn,
}


def assert_same_bits(one, other):
    assert one.losses.tobytes() == other.losses.tobytes()
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.stopped == other.stopped


def assert_same_rows(one, other):
    assert sp.issparse(one.X) == sp.issparse(other.X)
    for X, Y in [(one.X, other.X)]:
        assert X.shape == Y.shape
        assert (X != Y).sum() == 0
    assert one.y.tobytes() == other.y.tobytes()


def kept_rdds(context):
    """Numbers of the RDDs that Spark keeps; forgotten ones go when Java collects its garbage."""
    return set(context._jsc.getPersistentRDDs())


# ---- on Spark: the same bits -------------------------------------------------------------------


@on_one_machine
def test_a_sum_on_spark_has_the_bits_of_a_local_one(spark):
    data = problem()
    local = LocalPartitions(data, sizes=[170, 0, 130])
    with SparkPartitions.of(spark, local) as cluster:
        assert cluster.sizes() == [170, 0, 130]
        assert_same_bits(gradient_descent(cluster, 0.7), gradient_descent(local, 0.7))


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("sizes", LAYOUTS.values(), ids=LAYOUTS)
def test_every_optimizer_gives_the_bits_of_the_same_local_layout(spark, sizes, sparse):
    local = LocalPartitions(problem(sparse=sparse), sizes=sizes)
    with SparkPartitions.of(spark, local) as cluster:
        for optimize in OPTIMIZERS.values():
            assert_same_bits(optimize(cluster), optimize(local))


@pytest.mark.slow
def test_results_too_large_for_the_driver_are_combined_on_executors_to_the_same_bits(
    spark, monkeypatch
):
    local = LocalPartitions(problem(), sizes=LAYOUTS["a tree"])
    assert len(tree_groups(local.num_partitions)) == 3
    with SparkPartitions.of(spark, local) as cluster:
        here = lbfgs(cluster)
        monkeypatch.setattr(mllib_spark, "TO_DRIVER", 0)
        there = lbfgs(cluster)
        refused = Refuses(ValueError, "as a group, too")
        with pytest.raises(ValueError, match="as a group, too"):
            lbfgs(cluster, refused)
    assert_same_bits(here, lbfgs(local))
    assert_same_bits(there, here)


@pytest.mark.slow
def test_weights_of_megabytes_are_broadcast_and_nothing_of_them_stays(spark):
    X = sp.random(60, 100_000, density=1e-3, format="csr", random_state=0)
    local = LocalPartitions((X, np.arange(60.0) % 2), num_partitions=3)
    assert 8 * local.n_features > engine_spark.WITH_TASKS
    with SparkPartitions.of(spark, local) as cluster:
        before = sorted(os.listdir(spark._temp_dir))
        found = lbfgs(cluster)
        assert sorted(os.listdir(spark._temp_dir)) == before
    assert_same_bits(found, lbfgs(local))


@pytest.mark.slow
@on_one_machine
def test_a_hundred_sums_leave_one_kept_rdd(spark):
    w = np.zeros(12)
    before = kept_rdds(spark)
    with SparkPartitions.of(spark, problem()) as cluster:
        first = sums_at(cluster, LogisticGradient(), w)
        for _ in range(99):
            assert sums_at(cluster, LogisticGradient(), w).loss == first.loss
        assert len(kept_rdds(spark) - before) == 1
    assert kept_rdds(spark) <= before


# ---- on Spark: the same rows -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_samples_splits_and_folds_are_the_local_ones_to_the_row(spark, sparse):
    local = LocalPartitions(problem(sparse=sparse), sizes=[170, 0, 130])
    with SparkPartitions.of(spark, local) as cluster:
        pairs = [(cluster.sample(0.2, 7), local.sample(0.2, 7))]
        splits = [place.random_split([0.6, 0.4], 11) for place in (cluster, local)]
        pairs += zip(*splits, strict=True)
        for ours, theirs in zip(cluster.k_fold(3, 5), local.k_fold(3, 5), strict=True):
            pairs += zip(ours, theirs, strict=True)
        pairs.append((pairs[1][0].sample(0.5, 1), pairs[1][1].sample(0.5, 1)))  # of a part
        pairs.append((pairs[0][0].sample(0.5, 1), pairs[0][1].sample(0.5, 1)))  # of a sample
        for ours, theirs in pairs:
            assert ours.sizes() == theirs.sizes()
            assert ours.count() == theirs.count()
            assert ours.take(4) == theirs.take(4)
            assert_same_rows(ours.collect(), theirs.collect())
            sums = [sums_at(part, LogisticGradient(), np.ones(12)) for part in (ours, theirs)]
            assert sums[0].gradient.tobytes() == sums[1].gradient.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_rows_are_mapped_where_they_lie(spark, sparse):
    local = LocalPartitions(problem(sparse=sparse), sizes=[170, 0, 130])
    with SparkPartitions.of(spark, local) as cluster:
        for ours, theirs in ((cluster, local), (cluster.sample(0.4, 3), local.sample(0.4, 3))):
            ours = ours.map_rows(squared_and_biased, 13)
            theirs = theirs.map_rows(squared_and_biased, 13)
            assert (ours.n_features, ours.sizes()) == (13, theirs.sizes())
            assert_same_rows(ours.collect(), theirs.collect())
            assert_same_bits(lbfgs(ours), lbfgs(theirs))
        with pytest.raises(
            ValueError, match=r"shape \(170, 13\) of partition 0, expected \(170, 5"
        ):
            cluster.map_rows(squared_and_biased, 5)


@pytest.mark.slow
@on_one_machine
def test_labelled_points_of_every_kind_become_the_same_rows(spark):
    from pyspark.ml.linalg import Vectors as MLVectors
    from pyspark.mllib.linalg import SparseVector as SparkSparse
    from pyspark.mllib.linalg import Vectors
    from pyspark.mllib.regression import LabeledPoint as SparkPoint
    from pyspark.sql import Row

    X, y = problem(20, 3)
    sparse = sp.csr_matrix(X)
    dense = [
        labelled(X, y),
        [SparkPoint(b, a) for a, b in zip(X, y, strict=True)],
        [(b, a) for a, b in zip(X, y, strict=True)],
        [(int(b), a.tolist()) for a, b in zip(X, y, strict=True)],
        [(b, MLVectors.dense(a)) for a, b in zip(X, y, strict=True)],
        [Row(features=MLVectors.dense(a), label=b) for a, b in zip(X, y, strict=True)],
    ]
    of_text = spark.parallelize(list(map(str, labelled(X, y))), 2).map(LabeledPoint.parse)
    for rdd in [*(spark.parallelize(elements, 2) for elements in dense), of_text]:
        with SparkPartitions(rdd) as found:
            assert found.sizes() == [10, 10]
            assert_same_rows(found.collect(), Rows(X, y))
    kinds = [
        lambda a: SparseVector(3, a.indices, a.data),
        lambda a: SparkSparse(3, a.indices.tolist(), a.data.tolist()),
        lambda a: Vectors.sparse(3, a.indices.tolist(), a.data.tolist()),
        lambda a: a,
    ]
    for kind in kinds:
        elements = [(b, kind(a)) for a, b in zip(sparse, y, strict=True)]
        with SparkPartitions(spark.parallelize(elements, 2)) as found:
            assert_same_rows(found.collect(), Rows(sparse, y))
    blocks = [Rows(X[:3], y[:3]), Rows(X[3:10], y[3:10]), (y[10], X[10]), Rows(X[11:], y[11:])]
    with SparkPartitions(spark.parallelize(blocks, 2)) as found:
        assert found.sizes() == [10, 10]
        assert_same_rows(found.collect(), Rows(X, y))


@pytest.mark.slow
@on_one_machine
def test_one_sparse_row_makes_all_partitions_sparse_as_on_one_machine(spark):
    X, y = problem(20, 3)
    mixed = labelled(X, y)
    mixed[15] = LabeledPoint(y[15], SparseVector(3, [0, 2], X[15, [0, 2]]))
    local = LocalPartitions(mixed)
    with SparkPartitions(spark.parallelize(mixed, 2)) as cluster:
        assert sp.issparse(cluster.collect().X)
        assert_same_rows(cluster.collect(), local.collect())
        assert_same_bits(lbfgs(cluster), lbfgs(local))


@pytest.mark.slow
@on_one_machine
def test_an_optimizer_takes_an_rdd_as_it_is(spark):
    X, y = problem()
    rdd = spark.parallelize(labelled(X, y), 3)
    local = LocalPartitions((X, y), num_partitions=3)
    assert isinstance(as_partitions(rdd), SparkPartitions)
    found = run_lbfgs(
        rdd, LogisticGradient(), SquaredL2Updater(), 5, 1e-6, 8, 0.01, np.zeros(X.shape[1])
    )
    assert_same_bits(found, lbfgs(local))


@pytest.mark.slow
@on_one_machine
def test_no_rows_is_no_data_and_no_error(spark):
    send_package(spark)
    for rdd in (spark.emptyRDD(), spark.parallelize([], 3)):
        with SparkPartitions(rdd, n_features=4) as data:
            assert (data.n_features, data.count(), data.take(2)) == (4, 0, [])
            assert data.collect().X.shape == (0, 4)
            found = gradient_descent(data)
            assert (found.stopped, len(found.losses)) == ("no data", 0)
        with SparkPartitions(rdd) as data:
            assert data.n_features == 0


# ---- what goes wrong is said -------------------------------------------------------------------


@pytest.mark.slow
@on_one_machine
def test_what_an_executor_raises_is_raised_here(spark):
    with SparkPartitions.of(spark, problem()) as data:
        with pytest.raises(ValueError, match="not these weights") as caught:
            lbfgs(data, Refuses(ValueError, "not these weights"))
        assert str(caught.value) == "not these weights"
        assert "On a Spark executor, in partition 0:" in caught.value.__notes__[0]
        assert "in compute_rows" in caught.value.__notes__[0]
        with pytest.raises(ClusterError, match=r"partition 0 raised spark_cases.Unpicklable: a b"):
            lbfgs(data, Refuses(Unpicklable, "a", "b"))
        with pytest.raises(Exception, match="No space left"):  # Spark's own, after its retries
            lbfgs(data, Refuses(OSError, "No space left"))
        with pytest.raises(ValueError, match="requirement failed") as expected:
            sums_at(LocalPartitions(problem()), LogisticGradient(), np.zeros(5))
        with pytest.raises(ValueError, match="requirement failed") as found:
            sums_at(data, LogisticGradient(), np.zeros(5))
        assert str(found.value) == str(expected.value)


@pytest.mark.slow
@on_one_machine
def test_wrong_elements_are_named_by_partition_and_row(spark):
    before = kept_rdds(spark)
    good = [(1.0, [1.0, 2.0])] * 10
    wrong = [
        ("abc", r"partition 1 of the RDD, row 2: expected a labelled point .*, got str 'abc'"),
        ((1.0, [1.0]), "partition 1 of the RDD, row 2: 1 features; the rows before it have 2"),
        (("x", [1.0, 2.0]), r"partition 1 of the RDD, row 2: .*'x'"),
        ((0.0, ["a", 1]), r"partition 1 of the RDD, row 2: .*real numbers"),
    ]
    for element, message in wrong:
        with pytest.raises(DataError, match=message):
            SparkPartitions(spark.parallelize([*good[:7], element, *good[8:]], 2))
    apart = spark.parallelize([(1.0, [1.0, 2.0]), (1.0, [1.0])], 2)
    with pytest.raises(ValueError, match=r"partition 1 have 1 features, .* before it 2"):
        SparkPartitions(apart)
    with pytest.raises(DataError, match="partition 0 of the RDD, row 0: 2 features; expected 3"):
        SparkPartitions(spark.parallelize(good, 2), n_features=3)
    with pytest.raises(ZeroDivisionError):  # the caller's own mistake
        SparkPartitions(spark.parallelize([0, 0], 2).map(lambda i: 1 / i))
    with pytest.raises(ValueError, match="must be a pyspark RDD, got list"):
        SparkPartitions([(1.0, [2.0])])
    assert kept_rdds(spark) <= before


@pytest.mark.slow
@on_one_machine
def test_closed_partitions_say_so_and_their_parts_go_on(spark):
    data = SparkPartitions.of(spark, problem())
    part, view = data.random_split([0.5, 0.5], 1)[0], data.sample(0.5, 1)
    data.close()
    data.close()
    for use in (data.sizes, data.collect, view.sizes, view.collect, view.persist):
        with pytest.raises(ValueError, match="have been closed"):
            use()
    with pytest.raises(ValueError, match="have been closed"):
        lbfgs(data)
    assert part.count() == len(part.collect())
    part.close()


# ---- an executor is killed ---------------------------------------------------------------------


@pytest.mark.slow
@on_a_cluster
@pytest.mark.parametrize("how", ["broadcast", "points"])
@pytest.mark.parametrize("optimize", [gradient_descent, lbfgs], ids=["descent", "L-BFGS"])
def test_an_executor_killed_between_two_sums_does_not_change_the_result(spark, optimize, how):
    X, y = problem()
    expected = optimize(LocalPartitions((X, y), num_partitions=4))
    if how == "points":
        data = SparkPartitions(spark.parallelize(labelled(X, y), 4))
    else:
        data = SparkPartitions.of(spark, (X, y), 4)
    with data:
        before = set(executors(spark))
        killed = []
        updater = Interrupted(4, lambda: killed.append(kill_an_executor(spark)))
        found = optimize(data, updater=updater)
        assert killed[0] in before
        assert killed[0] not in executors(spark)
    assert_same_bits(found, expected)


@pytest.mark.slow
@on_a_cluster
@pytest.mark.parametrize("tree", [False, True], ids=["flat", "tree"])
def test_an_executor_killed_in_the_middle_of_a_sum_does_not_change_the_result(
    spark, tmp_path, monkeypatch, tree
):
    sizes = LAYOUTS["a tree"]
    expected = lbfgs(LocalPartitions(problem(), sizes=sizes))
    if tree:
        monkeypatch.setattr(mllib_spark, "TO_DRIVER", 0)
    with SparkPartitions.of(spark, problem(), sizes=sizes) as data:
        before = set(executors(spark))
        found = lbfgs(data, KillsItsExecutor(tmp_path / "once"))
        assert (tmp_path / "once").exists()
        assert len(before - set(executors(spark))) == 1
    assert_same_bits(found, expected)


# ---- a program of the user's -------------------------------------------------------------------

PROGRAM = """
    import numpy as np
    from hogwild.engine.spark_session import spark_context
    from hogwild.mllib import (
        Gradient, LocalPartitions, SparkPartitions, SquaredL2Updater, run_lbfgs
    )

    class Cubic(Gradient):  # of this file: no executor can import it
        def compute(self, data, label, weights, cum_gradient):
            error = data @ weights - label
            cum_gradient += 3 * abs(error) * error * data
            return abs(error) ** 3

    X = np.random.default_rng(0).normal(size=(40, 3))
    local = LocalPartitions((X, X.sum(axis=1)), num_partitions=3)
    with spark_context(MASTER) as context:
        results = [
            run_lbfgs(data, Cubic(), SquaredL2Updater(), 5, 1e-6, 5, 0.1, np.zeros(3))
            for data in (local, SparkPartitions.of(context, local))
        ]
    assert results[0].losses.tobytes() == results[1].losses.tobytes()
    print("the same", len(results[0].losses))
"""


@pytest.mark.slow
@pytest.mark.parametrize("master", ["local[2]", CLUSTER])
def test_a_program_with_a_gradient_of_its_own_runs_quietly_and_leaves_no_process(
    master, tmp_path, spark_process
):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).replace("MASTER", repr(master)))
    package = str(Path(mllib_spark.__file__).parents[2])
    mark = f"{tmp_path.name}-{os.getpid()}"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::FutureWarning", str(program)],  # pyspark's of pandas 3
        env={**os.environ, "HOGWILD_TEST_MARK": mark, "PYTHONPATH": package},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    noise = [line for line in ended.stderr.splitlines() if "incubator modules" not in line]
    assert (ended.returncode, noise) == (0, [])
    assert ended.stdout.startswith("the same ")
    assert processes_with(mark) == []


def processes_with(mark):
    """Numbers of the processes that inherited that environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:  # it has ended, or is not ours
                continue
            if mark.encode() in environment:
                found.append(int(entry.name))
    return found


# ---- without Spark -----------------------------------------------------------------------------


def as_chunks(rows, length):
    return [
        Rows(rows.X[i : i + length], rows.y[i : i + length]) for i in range(0, len(rows), length)
    ]


@given(st.data())
def test_chosen_rows_are_cut_as_local_ones_are(data):
    n, d = data.draw(st.integers(1, 40)), 3
    sparse = data.draw(st.booleans())
    X = np.arange(n * d, dtype=float).reshape(n, d)
    rows = Rows(sp.csr_matrix(X) if sparse else X, np.arange(float(n)))
    length = data.draw(st.integers(1, 45))
    places = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hogwild.mllib.partitions.chunk_length", lambda X: length)
        expected = list(chosen_chunks(rows, places))
        found = list(regrouped(iter(list(chunks(rows))), places))
    assert [len(some) for some in found] == [len(some) for some in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert_same_rows(ours, theirs)


@given(st.permutations(range(9)))
def test_a_group_is_combined_in_its_order_whenever_its_parts_came(order):
    parts = [Sums(np.array([0.1 * i]), 10.0**-i, 1) for i in range(9)]
    arrived = [(0, (i, pickle.loads(pickle.dumps(parts[i])))) for i in order]
    found = CombineGroup(lambda: (None, None, add_sums))(0, iter(arrived))
    expected = parts[0]
    for part in parts[1:]:
        expected = add_sums(expected, part)
    assert (found.gradient.tobytes(), found.loss) == (expected.gradient.tobytes(), expected.loss)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9, 10, 40, 300])
def test_groups_combined_apart_and_then_together_are_the_whole_tree(n):
    parts = [0.1**i for i in range(n)]
    groups = tree_groups(n)
    if groups:
        width = len(groups[0])
        numbered = {}
        for i, part in enumerate(parts):
            numbered.setdefault(i // width, []).append((None, (i, part)))
        operations = (None, None, lambda a, b: a + b)
        apart = [CombineGroup(lambda: operations)(g, iter(numbered[g])) for g in sorted(numbered)]
        assert combine(apart, operations[2]) == combine(parts, operations[2])
    else:
        assert n <= 5


def test_a_partition_that_is_computed_again_must_have_as_many_rows():
    X, y = problem(10, 2)
    choice = Choice((), (Facts(10, 2, False),), 2, False)
    assert len(list(choice.chunks(0, iter([Rows(X, y)])))) == 1
    with pytest.raises(RuntimeError, match="had 10 rows when it was first computed, and 7 when"):
        list(choice.chunks(0, iter([Rows(X[:7], y[:7])])))


def test_points_are_packed_in_batches_to_the_same_rows(monkeypatch):
    monkeypatch.setattr("hogwild.mllib.spark_pack.POINTS_AT_A_TIME", 4)
    X, y = problem(11, 2)
    elements = list(zip(y, X, strict=True))
    for given_elements in (elements, [*elements[:3], Rows(X[3:9], y[3:9]), *elements[9:]]):
        [rows] = Pack(None, False)(0, iter(given_elements))
        assert_same_rows(rows, Rows(X, y))
        [rows] = Pack(None, True)(0, iter(given_elements))
        assert_same_rows(rows, Rows(sp.csr_matrix(X), y))
    assert list(Pack(None, False)(0, iter([]))) == []


def test_without_pyspark_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtra, match=r"SparkPartitions needs .* 'hogwild\[spark\]'"):
        SparkPartitions(None)
    with pytest.raises(MissingExtra, match="a Spark cluster needs"):
        import_pyspark()
