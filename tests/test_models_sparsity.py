"""Omega, Delta and rho against the dense product, by hand, and on the articles' data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from hogwild.data import Examples, blog_data, read_libsvm
from hogwild.models import meeting, union
from hogwild.models.sparsity import Sparsity, sparsity


def from_dense(B):
    B = sparse.csr_matrix(np.asarray(B, dtype=float))
    return Examples(B, np.zeros(B.shape[0]))


def from_lists(rows, n_features):
    return from_dense(dense(rows, n_features))


def dense(rows, n_features):
    B = np.zeros((len(rows), n_features), np.int64)
    for i, row in enumerate(rows):
        B[i, list(row)] = 1
    return B


def check_by_product(B):
    """Compare with the definition: nonzeros in the rows of B B^T."""
    B = np.asarray(B, np.float64)  # whole numbers, and BLAS multiplies them
    s = sparsity(from_dense(B))
    m = len(B)
    meets = (B @ B.T > 0).sum(axis=1)
    assert s.omega == B.sum(axis=1).max(initial=0)
    if not B.any():
        assert s == Sparsity(0, 0.0, 0.0)
        return
    assert s.delta == B.sum(axis=0).max() / m
    assert s.rho == meets.max() / m
    assert s.busiest_feature == B.sum(axis=0).argmax()
    assert meets[s.busiest_row] == meets.max()
    assert s.delta <= s.rho <= min(1.0, s.omega * s.delta + 1e-12)


@st.composite
def row_sets(draw, max_size):
    n_features = draw(st.integers(1, 12))
    row = st.sets(st.integers(0, n_features - 1), max_size=max_size)
    kinds = draw(st.lists(row, min_size=1, max_size=12))
    rows = draw(st.lists(st.sampled_from(kinds), max_size=40))
    return dense(rows, n_features)


@given(row_sets(max_size=8))
@settings(deadline=None)
def test_the_numbers_are_those_of_the_dense_product(B):
    check_by_product(B)


@given(row_sets(max_size=2))
@settings(deadline=None)
def test_rows_of_at_most_two_features_need_no_search_and_agree(B):
    check_by_product(B)


@given(row_sets(max_size=2))
@settings(deadline=None)
def test_the_search_agrees_with_the_formula_for_pairs(B):
    if B.any():
        _, met = meeting.widest_row(sparse.csr_matrix(B.astype(bool)))
        assert met / len(B) == sparsity(from_dense(B)).rho


@pytest.mark.parametrize("seed", range(12))
def test_the_numbers_are_right_where_bounds_strike_rows_out(seed):
    rng = np.random.default_rng(seed)
    chance = 1.5 / (np.arange(60) + 1 + 4 * (seed % 3)) ** (0.7 + 0.1 * seed)
    B = rng.random((700, 60)) < np.minimum(chance, 0.9)
    B[rng.integers(0, 700, 100)] = B[rng.integers(0, 700, 100)]
    check_by_product(B)


def test_a_chain_of_rows_by_hand():
    s = sparsity(from_lists([[0, 1], [1, 2], [2, 3], [4]], 5))
    assert s == Sparsity(2, 0.5, 0.75, 1, 1)


def test_three_features_by_hand():
    # row 0 meets rows 1, 2 and itself; the empty row and {5} meet nobody else
    s = sparsity(from_lists([[0, 1, 2], [2, 3], [0], [5], []], 6))
    assert (s.omega, s.delta, s.rho, s.busiest_row) == (3, 2 / 5, 3 / 5, 0)


def test_no_rows_and_only_empty_rows_have_zeros():
    assert sparsity(from_lists([], 3)) == Sparsity(0, 0.0, 0.0)
    assert sparsity(from_lists([[], []], 3)) == Sparsity(0, 0.0, 0.0)


def test_no_features_at_all_is_no_error():
    assert sparsity(from_lists([[]], 0)) == Sparsity(0, 0.0, 0.0)


def test_one_column_met_by_all_rows_makes_everything_one():
    assert sparsity(from_lists([[0]] * 5, 1)) == Sparsity(1, 1.0, 1.0, 0, 0)


def test_a_stored_zero_is_touched_by_the_update_and_counts():
    X = sparse.csr_matrix((np.array([0.0, 1.0, 1.0]), np.array([0, 1, 0]), np.array([0, 2, 3])))
    s = sparsity(Examples(X, [1, -1]))
    assert (s.omega, s.delta, s.rho) == (2, 1.0, 1.0)


def test_the_input_is_left_as_it_was():
    examples = from_lists([[2, 0, 1], [1], [0, 1, 2]], 3)
    before = [a.copy() for a in (examples.indptr, examples.indices, examples.data)]
    sparsity(examples)
    for a, b in zip(before, (examples.indptr, examples.indices, examples.data), strict=True):
        np.testing.assert_array_equal(a, b)


def test_more_than_255_shared_features_do_not_wrap_around():
    assert sparsity(from_lists([list(range(256)), list(range(256)), [300]], 301)).rho == 2 / 3


def test_matrix_completion_needs_degrees_only():
    # the article's second example: entry (u, v) meets d_u + d_v - 1 entries
    rng = np.random.default_rng(3)
    u, v = np.divmod(rng.choice(40 * 30, 300, replace=False), 30)
    B = sparse.coo_matrix((np.ones(600), (np.tile(np.arange(300), 2), np.append(u, 40 + v))))
    s = sparsity(from_dense(B.toarray()))
    d_u, d_v = np.bincount(u), np.bincount(v)
    assert s.rho == (d_u[u] + d_v[v] - 1).max() / 300
    assert s.delta == max(d_u.max(), d_v.max()) / 300


def test_rows_with_equal_keys_but_other_features_stay_apart(monkeypatch):
    # every row gets the same hash: only the comparison keeps different rows apart
    rng = np.random.default_rng(5)
    B = rng.random((80, 20)) < 0.15
    pattern = sparse.csr_matrix(np.vstack([B, B[:20]]))
    per_row = meeting.per_row
    monkeypatch.setattr(
        meeting,
        "per_row",
        lambda f, rows, v: per_row(f, rows, v * 0 if v.dtype == np.uint64 else v),
    )
    _, met = meeting.widest_row(pattern)
    P = pattern.toarray().astype(int)
    assert met == (P @ P.T > 0).sum(axis=1).max()


@pytest.mark.parametrize("seed", range(4))
def test_bitsets_lists_and_products_count_the_same_unions(seed):
    rng = np.random.default_rng(seed)
    rows = rng.random((2000, 30)) < 0.5 ** rng.integers(1, 10, 30)  # common and rare features
    weight = rng.integers(1, 4, 2000) if seed % 2 else np.ones(2000, np.int64)
    queries = rng.random((50, 30)) < 0.1
    queries[0], queries[1, :] = True, False
    expected = (queries.astype(int) @ rows.T.astype(int) > 0) @ weight
    unions = union.UnionSizes(sparse.csr_matrix(rows), weight)
    asked = sparse.csr_matrix(queries)
    assert 0 < unions._hot.sum() < 30
    one_by_one = [unions._union(asked[i].indices) for i in range(50)]
    assert one_by_one == expected.tolist()
    assert unions._by_product(asked).tolist() == expected.tolist()
    assert unions.of(asked).tolist() == expected.tolist()


def test_only_rare_features_need_no_bitset():
    rows = sparse.csr_matrix(np.eye(400, dtype=bool))
    unions = union.UnionSizes(rows, np.ones(400, np.int64))
    assert not unions._hot.any()
    assert unions._union(np.array([3, 77, 399], np.int32)) == 3


def test_many_queries_with_long_lists_are_counted_one_by_one(monkeypatch):
    rng = np.random.default_rng(1)
    rows = rng.random((6000, 20)) < 0.4
    unions = union.UnionSizes(sparse.csr_matrix(rows), np.ones(6000, np.int64))
    monkeypatch.setattr(unions, "_by_product", None)
    expected = (rows[:5].astype(int) @ rows.T.astype(int) > 0).sum(axis=1)
    assert unions.of(sparse.csr_matrix(rows[:5])).tolist() == expected.tolist()


def power_law(n_rows, n_features, shift, seed, most=0.9):
    """Rows where feature v occurs with chance about 1 / (v + shift)."""
    rng = np.random.default_rng(seed)
    chance = np.minimum(most, 8 / (np.arange(n_features) + shift))
    return rng.random((n_rows, n_features)) < chance


@pytest.mark.parametrize("shift", [20, 60, 150, 400])
@pytest.mark.parametrize("repeat", [1, 3])
def test_rows_are_struck_out_rightly_at_each_density(shift, repeat):
    B = power_law(2400 // repeat, 400, shift, seed=shift)
    check_by_product(np.vstack([B] * repeat))


def half_done(B, seed):
    """A search in the state where a middling row is the best so far; what each row meets."""
    rng = np.random.default_rng(seed)
    B = B[B.any(axis=1)]
    weight = np.where(rng.random(len(B)) < 0.2, 3, 1)
    weight[::7] = 2
    rows = sparse.csr_matrix(B)
    meets = (B.astype(float) @ B.T.astype(float) > 0) @ weight
    search = meeting._Search(rows, weight, int(weight.sum()), rng.permutation(len(B)))
    search.best = int(np.quantile(meets, 0.5 + 0.12 * (seed % 4)))
    hard_first = np.argsort(B @ (weight @ B.astype(int)), kind="stable")
    return search, hard_first, meets


@pytest.mark.parametrize("shift", [5, 20, 60, 150, 400])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bound", [meeting._by_degrees, meeting._by_witnesses])
def test_no_bound_strikes_out_a_row_that_beats_the_best(bound, seed, shift):
    search, hard_first, meets = half_done(power_law(900, 300, shift, seed), seed)
    before = len(search.alive)
    bound(search, hard_first)
    assert set(np.flatnonzero(meets > search.best)) <= set(search.alive.tolist())
    assert len(search.alive) <= before


@pytest.mark.parametrize(
    ("bound", "shift"), [(meeting._by_degrees, 400), (meeting._by_witnesses, 20)]
)
def test_bounds_strike_out_rows_where_they_can(bound, shift):
    search, hard_first, _ = half_done(power_law(900, 300, shift, 3, most=0.4), seed=3)
    before = len(search.alive)
    bound(search, hard_first)
    assert len(search.alive) < before


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_the_search_does_not_matter(seed):
    search, hard_first, meets = half_done(power_law(1500, 300, 25, seed), seed)
    search.best = int(np.sort(meets)[-50])
    worst_first = np.argsort(meets, kind="stable")
    search.alive = worst_first
    meeting._count_all(search, [union.UnionSizes(search.rows, search.weight)], hard_first)
    assert search.best == meets.max()
    assert meets[search.best_row] == meets.max()


def test_degrees_are_summed_weights():
    rows = sparse.csr_matrix(np.array([[1, 1, 0], [0, 1, 0]], bool))
    assert meeting._degrees(rows, np.array([5, 2])).tolist() == [5, 7, 0]


def test_few_rows_of_many_are_counted_in_power_law_data(monkeypatch):
    counted = 0
    of = union.UnionSizes.of

    def counting(self, queries):
        nonlocal counted
        counted += queries.shape[0]
        return of(self, queries)

    monkeypatch.setattr(union.UnionSizes, "of", counting)
    check_by_product(power_law(3000, 400, 20, seed=0))
    assert counted <= 300


def test_hard_rows_are_asked_first_where_the_best_row_misses_little(monkeypatch):
    # without the other bounds this is the only thing that saves work
    monkeypatch.setattr(meeting, "_by_degrees", lambda *_: None)
    monkeypatch.setattr(meeting, "_by_witnesses", lambda *_: None)
    totals = []
    of = union.UnionSizes.of

    def noting(self, queries):
        totals.append((self.total, queries.shape[0]))
        return of(self, queries)

    monkeypatch.setattr(union.UnionSizes, "of", noting)
    check_by_product(power_law(3000, 400, 30, seed=0))
    asked = {total: sum(n for t, n in totals if t == total) for total, _ in totals}
    hard, easy, everything = sorted(asked)
    assert hard + easy == everything
    assert asked[hard] > 2 * asked[easy]


def test_large_data_is_reduced_in_pieces_of_whole_rows(monkeypatch):
    monkeypatch.setattr(union, "_CHUNK", 7)
    check_by_product(power_law(300, 60, 10, seed=2))
    assert union.chunks(np.array([0, 20, 21, 22, 23, 30, 31])) == [(0, 2), (2, 4), (4, 6)]


def test_numpy_without_bitwise_count_gives_the_same(monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**64, 100, dtype=np.uint64)
    expected = [bin(w).count("1") for w in words.tolist()]
    assert union.popcount(words).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert union.popcount(words).tolist() == expected


@pytest.mark.parametrize(
    "seed, omega, delta, rho",
    [
        (0, 8, 0.2041, 0.8317),
        (1, 8, 0.2066, 0.8337),
        (2, 7, 0.2024, 0.7925),
        (3, 8, 0.2028, 0.8333),
        (4, 8, 0.2052, 0.8331),
    ],
)
def test_the_blog_data_is_not_sparse_in_the_articles_sense(seed, omega, delta, rho):
    examples, _ = blog_data(seed)
    s = sparsity(examples)
    assert (s.omega, round(s.delta, 4), round(s.rho, 4)) == (omega, delta, rho)


def test_a8a_meets_itself_everywhere(shared_data):
    s = sparsity(read_libsvm(shared_data / "libsvm" / "a8a"))
    assert (s.omega, round(s.delta, 3), s.rho, s.busiest_feature) == (14, 0.954, 1.0, 75)
