"""Local partitions: what goes in, the sums' order, workers, selections, errors."""

import gc
import operator
import os
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from mllib_cases import clouds

from hogwild.data import Examples
from hogwild.errors import WorkerDied, WorkerFailed
from hogwild.mllib import (
    LabeledPoint,
    LocalPartitions,
    LogisticGradient,
    Rows,
    SparseVector,
    append_bias,
    as_partitions,
    k_fold,
    load_libsvm_file,
    random_split,
    sample,
)
from hogwild.mllib.cost import AddRows, Sums, add_sums, sums_at
from hogwild.mllib.crew import partition_rows
from hogwild.mllib.moments import moments
from hogwild.mllib.partitions import chunks, combine, tree_groups
from hogwild.mllib.products import _transposed
from hogwild.mllib.vectors import as_vector

X, Y = np.arange(12.0).reshape(6, 2), np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])


def joined(left, right):
    return left + right


def firsts(seen, rows):
    """The first feature of each row, in order."""
    dense = rows.X.toarray() if sp.issparse(rows.X) else rows.X
    return [*seen, *dense[:, 0].tolist()]


def process(seen, rows):
    return seen | {os.getpid()}


def killed(seen, rows):
    os.kill(os.getpid(), 9)


def failing(seen, rows):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (X.tolist(), Y.tolist()),
        (X.astype(np.float32), Y.astype(int)),
        (sp.csr_matrix(X), Y),
        (sp.coo_matrix(X), Y),
        Rows(X, Y),
        Examples(X, Y),
        [LabeledPoint(y, x) for x, y in zip(X, Y, strict=True)],
        [LabeledPoint(y, SparseVector(2, [0, 1], x)) for x, y in zip(X, Y, strict=True)],
        tuple(LabeledPoint(y, x) for x, y in zip(X, Y, strict=True)),
        LocalPartitions((X, Y)),
    ],
)
def test_rows_come_in_many_forms(data):
    rows = as_partitions(data).collect()
    dense = rows.X.toarray() if sp.issparse(rows.X) else rows.X
    assert dense.dtype == rows.y.dtype == np.float64
    assert (dense == X).all()
    assert (rows.y == Y).all()
    points = as_partitions(data).take(2)
    assert [point.label for point in points] == [0.0, 1.0]
    assert np.asarray(points[1].features).tolist() == [2.0, 3.0]


def test_no_labelled_points_are_no_rows():
    assert as_partitions([]).count() == 0
    assert as_partitions([LabeledPoint(1.0, [])] * 3).collect().X.shape == (3, 0)


def test_arrays_that_fit_are_not_copied():
    assert np.shares_memory(LocalPartitions((X, Y)).collect().X, X)
    S = sp.csr_matrix(X)
    assert np.shares_memory(LocalPartitions((S, Y)).collect().X.data, S.data)


def test_an_entry_given_in_several_parts_is_their_sum():
    parts = sp.csr_matrix((np.array([1.0, 2.0, 3.0]), [1, 1, 0], [0, 3]), shape=(1, 2))
    for array in (parts.data, parts.indices, parts.indptr):
        array.flags.writeable = False
    rows = LocalPartitions((parts, [1.0]))
    assert str(*rows.take(1)) == "(1.0,(2,[0,1],[3.0,3.0]))"
    assert moments(rows).mean.tolist() == [3.0, 3.0]
    assert str(as_vector(parts)) == "(2,[0,1],[3.0,3.0])"
    assert parts.indices.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("rows", "shape"), [(Rows(X[:, :1], Y), r"\(6, 1\)"), (Rows(X[:1], Y[:1]), r"\(2, 2\)")]
)
def test_a_function_makes_as_many_rows_as_it_said(rows, shape):
    with pytest.raises(ValueError, match=rf"made rows of shape {shape}, expected \(6, 2\)"):
        LocalPartitions((X, Y)).map_rows(lambda given: Rows(rows.X[: len(given)], given.y), 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ((X, Y[:3]), r"X has 6 rows and y has shape \(3,\)"),
        ((X[0], Y[:1]), "X must have 2 dimensions"),
        (([["a"]], [1.0]), "X must hold real numbers"),
        ((X + 1j, Y), "X must hold real numbers"),
        (7, "data must be a pair"),
        (np.ones((2, 2)), "data must be a pair .* got ndarray"),
        (sp.csr_matrix(np.ones((2, 2))), "data must be a pair .* got csr_matrix"),
        ([LabeledPoint(1.0, [1.0]), LabeledPoint(1.0, [1.0, 2.0])], "row 1 has 2 features"),
        (Examples(X, Y, sample_weight=Y), "sample_weight is not known"),
    ],
)
def test_other_data_are_refused_with_the_reason(data, reason):
    with pytest.raises(ValueError, match=reason):
        as_partitions(data)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_partitions": 0}, "num_partitions must be 1 or more, got 0"),
        ({"n_workers": 0}, "n_workers must be 1 or more, got 0"),
        ({"sizes": [2, 3]}, "add up to the 6 rows"),
        ({"sizes": [7, -1]}, "sizes must be 0 or more"),
        ({"sizes": []}, "add up to the 6 rows"),
    ],
)
def test_layouts_are_checked(options, reason):
    with pytest.raises(ValueError, match=reason):
        LocalPartitions((X, Y), **options)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("sparse", [False, True])
def test_sums_have_the_same_bits_with_and_without_workers(start_method, sparse):
    A, y = clouds(3000, 7)
    A = sp.random(3000, 7, 0.5, "csr", rng=np.random.default_rng(0)) if sparse else A
    w = np.linspace(-1, 1, 7)
    alone = LocalPartitions((A, y), num_partitions=5)
    with LocalPartitions(
        (A, y), num_partitions=5, n_workers=2, start_method=start_method
    ) as several:
        for ours, theirs in ((alone, several), (alone.sample(0.3, 1), several.sample(0.3, 1))):
            here, there = (sums_at(data, LogisticGradient(), w) for data in (ours, theirs))
            assert here.loss == there.loss
            assert here.count == there.count > 0
            assert here.gradient.tobytes() == there.gradient.tobytes()


@pytest.mark.timeout(60)
def test_the_layout_that_was_asked_for_is_not_that_of_the_workers():
    sizes = {n: LocalPartitions((X, Y), 2, n_workers=n).sizes() for n in (1, 2, 3)}
    assert sizes == {1: [3, 3], 2: [3, 3], 3: [3, 3]}
    assert LocalPartitions((X, Y), n_workers=3).sizes() == [2, 2, 2]  # nobody has nothing to do
    with LocalPartitions((X, Y), 2, n_workers=3) as data:
        data.tree_aggregate(set(), process, operator.or_)
        assert len(data._crew._pool.pids) == 2


@pytest.mark.timeout(60)
def test_one_worker_is_this_process_and_two_are_others():
    assert LocalPartitions((X, Y)).tree_aggregate(set(), process, operator.or_) == {os.getpid()}
    with LocalPartitions((X, Y), n_workers=2, num_partitions=4) as data:
        found = data.tree_aggregate(set(), process, operator.or_)
        assert os.getpid() not in found
        assert 1 <= len(found) <= 2


@pytest.mark.timeout(60)
def test_workers_end_with_their_partitions():
    def alive(pids):
        return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]

    data = LocalPartitions((X, Y), n_workers=2)
    data.tree_aggregate(set(), process, operator.or_)
    pids = data._crew._pool.pids
    assert alive(pids)
    data.close()
    assert not alive(pids)
    with pytest.raises(ValueError, match="have been closed"):
        data.tree_aggregate(set(), process, operator.or_)
    data = LocalPartitions((X, Y), n_workers=2)
    view = data.sample(0.5, 1)
    view.tree_aggregate(set(), process, operator.or_)
    pids = data._crew._pool.pids
    del data, view
    gc.collect()
    assert not alive(pids)


@pytest.mark.timeout(60)
def test_a_worker_that_dies_or_fails_is_an_error_and_no_hang():
    with LocalPartitions((X, Y), n_workers=2) as data, pytest.raises(WorkerDied, match="SIGKILL"):
        data.tree_aggregate(set(), killed, operator.or_)
    with (
        LocalPartitions((X, Y), n_workers=2) as data,
        pytest.raises(WorkerFailed, match="no such thing"),
    ):
        data.tree_aggregate(set(), failing, operator.or_)


@pytest.mark.timeout(60)
def test_after_an_error_the_next_sum_starts_other_workers():
    with LocalPartitions((X, Y), n_workers=2) as data:
        with pytest.raises(WorkerFailed, match="no such thing"):
            data.tree_aggregate(set(), failing, operator.or_)
        assert data.tree_aggregate([], firsts, operator.add) == X[:, 0].tolist()


@given(st.integers(1, 300))
def test_the_tree_keeps_the_order_and_loses_nothing(n):
    assert combine([[i] for i in range(n)], joined) == list(range(n))
    groups = tree_groups(n)
    assert [i for group in groups for i in group] == (list(range(n)) if groups else [])


@given(st.integers(0, 40), st.integers(1, 5), st.booleans())
def test_chunks_are_all_rows_in_order_without_copies(n, d, sparse):
    A = np.arange(1.0, n * d + 1).reshape(n, d)
    rows = Rows(sp.csr_matrix(A) if sparse else A, np.arange(float(n)))
    parts = list(chunks(rows))
    assert [float(y) for part in parts for y in part.y] == rows.y.tolist()
    for part in parts:
        assert np.shares_memory(part.y, rows.y)
        assert np.shares_memory(part.X.data, rows.X.data)


def test_long_rows_are_cut_in_chunks_that_fit_a_cache():
    many = Rows(np.zeros((1000, 1000)), np.zeros(1000))
    assert {len(part) for part in chunks(many)} == {65, 25}


@pytest.mark.parametrize("sparse", [False, True])
def test_selections_follow_one_another(sparse):
    A = sp.csr_matrix(X + 1) if sparse else X + 1
    data = LocalPartitions((A, Y), sizes=[4, 2])

    def every_other(partition, n_rows):
        return np.arange(0, n_rows, 2)

    once = data.select(every_other)
    twice = once.select(every_other)
    assert (once.sizes(), twice.sizes(), data.sizes()) == ([2, 1], [1, 1], [4, 2])
    for part, expected in ((once, [1.0, 5.0, 9.0]), (twice, [1.0, 9.0])):
        assert part.tree_aggregate([], firsts, joined) == expected
        assert firsts([], part.collect()) == expected
        assert part.persist().tree_aggregate([], firsts, joined) == expected
        assert [np.asarray(point.features)[0] for point in part.take(9)] == expected
    assert twice.count() == 2
    assert twice.n_features == 2


def test_splits_and_folds_are_disjoint_and_complete():
    A = np.arange(100.0)[:, None]
    data = LocalPartitions((A, A[:, 0]), sizes=[30, 0, 70])
    parts = random_split(data, [0.5, 0.3, 0.2], seed=3)
    assert sorted(y for part in parts for y in part.collect().y) == list(range(100))
    for training, validation in k_fold(data, 4, seed=3):
        both = np.concatenate([training.collect().y, validation.collect().y])
        assert sorted(both) == list(range(100))
        assert validation.count()
        assert training.num_partitions == 3
        with validation:
            pass
        assert training.collect().y.tolist() == both[: training.count()].tolist()
    drawn = sample(data, 0.2, seed=1)
    assert drawn.count() == len(drawn.collect().y) > 0


def test_split_parts_have_the_layout_of_the_rows_that_are_left():
    A = np.arange(10.0)[:, None]
    train, test = LocalPartitions((A, A[:, 0]), sizes=[5, 5]).random_split([0.6, 0.4], seed=11)
    assert (train.sizes(), test.sizes()) == ([5, 3], [0, 2])
    assert train.collect().y.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 9.0]


def test_a_bias_is_appended_to_whatever_has_features():
    assert append_bias([2.0, 3.0]).tolist() == [2.0, 3.0, 1.0]
    point = append_bias(LabeledPoint(1.0, SparseVector(3, [0, 2], [1.0, 3.0])))
    assert str(point) == "(1.0,(4,[0,2,3],[1.0,3.0,1.0]))"
    for A in (X, sp.csr_matrix(X)):
        with_bias = append_bias(LocalPartitions((A, Y), sizes=[1, 5]))
        assert (with_bias.n_features, with_bias.sizes()) == (3, [1, 5])
        rows = with_bias.collect()
        assert sp.issparse(rows.X) == sp.issparse(A)
        assert rows.X[:, [2]].sum() == 6.0


def test_empty_partitions_and_no_rows_have_sums_too():
    nothing = LocalPartitions((np.zeros((0, 3)), []))
    assert (nothing.count(), nothing.take(5), nothing.n_features) == (0, [], 3)
    assert nothing.tree_aggregate(0.0, lambda a, rows: a + 1, operator.add) == 0.0
    none = LocalPartitions((np.zeros((0, 3)), []), sizes=[])  # an empty text file has no partition
    assert none.tree_aggregate(0.5, lambda a, rows: a + 1, operator.add) == 0.5
    assert (none.sample(0.5, 1).count(), none.persist().take(1)) == (0, [])
    assert none.random_split([1.0], 1)[0].collect().X.shape == (0, 3)
    holes = LocalPartitions((X, Y), sizes=[0, 6, 0])
    whole = LocalPartitions((X, Y), sizes=[6])
    w = np.array([0.1, -0.1])
    found, expected = (sums_at(data, LogisticGradient(), w) for data in (holes, whole))
    assert found.gradient.tobytes() == expected.gradient.tobytes()


def test_what_is_sent_to_workers_pickles():
    op = AddRows(LogisticGradient(), np.zeros(2))
    again = pickle.loads(pickle.dumps(op))
    sums = add_sums(again(Sums(np.zeros(2)), Rows(X, Y)), Sums(np.ones(2), 1.0, 1))
    assert sums.count == 7


@pytest.mark.timeout(60)
def test_entries_beyond_the_features_are_found_before_they_are_used(tmp_path):
    (tmp_path / "rows").write_text("0 1:1\n1 2:3 7:1\n0 1:1\n")
    data = load_libsvm_file(tmp_path / "rows", num_features=3)  # as Spark, no error
    said = "row 1 has a feature at index 6"
    with pytest.raises(IndexError, match=said):
        sums_at(data, LogisticGradient(), np.zeros(3))
    with pytest.raises(IndexError, match=said):
        append_bias(data)
    with LocalPartitions(data, n_workers=2) as both, pytest.raises(IndexError, match=said):
        sums_at(both, LogisticGradient(), np.zeros(3))


@pytest.mark.timeout(60)
def test_closing_a_view_leaves_the_rows_it_looks_at():
    with LocalPartitions((X, Y), n_workers=2) as data:
        with data.sample(0.5, 1) as some:
            some.tree_aggregate(set(), process, operator.or_)
        assert len(data.tree_aggregate(set(), process, operator.or_)) >= 1


def test_chunks_of_many_sparse_rows_and_what_is_made_of_them_share_their_memory():
    """scipy's constructor copies a small part of a large array; all chunks would be all rows."""
    n = 60_000
    S = sp.csr_matrix(
        (np.ones(8 * n), np.tile(np.arange(8), n), np.arange(0, 8 * n + 1, 8)), shape=(n, 8)
    )
    (rows, _) = partition_rows(Rows(S, np.zeros(n)), [n // 4, 3 * n // 4])
    parts = list(chunks(rows))
    assert len(parts) > 1
    for part in parts:
        for made in (part.X, _transposed(part.X)):
            assert np.shares_memory(made.data, S.data)
            assert np.shares_memory(made.indices, S.indices)
    assert _transposed(part.X).toarray().tolist() == part.X.toarray().T.tolist()
