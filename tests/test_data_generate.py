"""Made data is the same for a seed, is what its docstring says, and leaves numpy's state alone."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import Examples, blog_data, blog_start, generate, sparse_classification

# ---- the blog's data ----------------------------------------------------------------------------

START_LOSS = [0.490057, 0.360183, 0.348235, 0.491046, 0.595305]
START_DISTANCE = [4.960473, 4.317254, 4.313198, 4.929861, 6.104387]


@pytest.mark.parametrize("seed", range(5))
def test_the_blog_program_starts_where_it_was_measured_to_start(seed):
    examples, w_true = blog_data(seed)
    w = blog_start(seed)
    assert np.abs(examples.y - examples.to_scipy() @ w).mean() == pytest.approx(
        START_LOSS[seed], abs=5e-7
    )
    assert np.abs(w_true - w).sum() == pytest.approx(START_DISTANCE[seed], abs=5e-7)


@pytest.mark.parametrize(
    "seed, updates, loss, distance",
    [(0, 30483, 0.01531558, 0.23040013), (3, 30939, 0.01625448, 0.26114007)],
)
def test_one_serial_pass_of_the_blog_gives_the_measured_row(seed, updates, loss, distance):
    examples, w_true = blog_data(seed)
    w, n_updates = blog_start(seed).tolist(), 0
    borders, columns = examples.indptr.tolist(), examples.indices.tolist()
    values, targets = examples.data.tolist(), examples.y.tolist()
    for row, target in enumerate(targets):
        entries = range(borders[row], borders[row + 1])
        error = target - sum(values[k] * w[columns[k]] for k in entries)
        for k in entries:
            gradient = -2.0 * error * values[k]
            if abs(gradient) > 0.01:
                w[columns[k]] -= 0.001 * gradient
                n_updates += 1
    assert n_updates == updates
    assert np.abs(examples.y - examples.to_scipy() @ w).mean() == pytest.approx(loss, rel=1e-6)
    assert np.abs(w_true - w).sum() == pytest.approx(distance, rel=1e-6)


def test_the_blog_data_is_what_scipy_and_the_module_functions_draw():
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(7)  # noqa: NPY002  the stream of the blog's program
        w_true = np.random.uniform(size=(10, 1))  # noqa: NPY002
        start = np.random.normal(size=(10, 1)) / np.sqrt(10)  # noqa: NPY002
    finally:
        np.random.set_state(state)  # noqa: NPY002
    X = sp.random(20000, 10, density=0.2, random_state=np.random.RandomState(7)).toarray()
    X /= X.max()
    examples, ours = blog_data(7)
    assert np.array_equal(ours, w_true[:, 0])
    assert np.array_equal(blog_start(7), start[:, 0])
    assert np.array_equal(examples.to_scipy().toarray(), X)
    assert np.allclose(examples.y, (X @ w_true)[:, 0], rtol=1e-14, atol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_blog_data_has_the_known_shape(seed):
    examples, w_true = blog_data(seed)
    assert (examples.n_rows, examples.n_features, examples.nnz) == (20000, 10, 40000)
    assert examples.data.max() == 1.0
    assert w_true.shape == blog_start(seed).shape == (10,)
    assert 2121 <= (np.diff(examples.indptr) == 0).sum() <= 2175


def test_generators_leave_the_global_state_alone():
    before = np.random.get_state()  # noqa: NPY002
    blog_data(0)
    blog_start(0)
    sparse_classification(10, 10, 3, 0)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


# ---- sparse classification ----------------------------------------------------------------------


def check(examples, n_rows, n_features, nnz_per_row):
    """Let `Examples` check the rows, and check what it does not."""
    again = Examples(examples.to_scipy(), examples.y)
    assert again.dtype == examples.dtype
    assert (examples.n_rows, examples.n_features) == (n_rows, n_features)
    assert np.array_equal(np.diff(examples.indptr), np.full(n_rows, nnz_per_row))
    assert (examples.indptr.dtype, examples.indices.dtype) == (np.int64, np.int32)
    assert set(examples.y.tolist()) <= {-1.0, 1.0}
    assert (examples.data > 0).all()
    if nnz_per_row:
        lengths = np.square(examples.data).reshape(n_rows, nnz_per_row).sum(axis=1)
        assert np.allclose(lengths, 1.0, atol=1e-6)


@settings(max_examples=60)
@given(
    st.integers(0, 30),
    st.integers(1, 60),
    st.data(),
    st.sampled_from([0.0, 0.5, 1.0, 3.0, 400.0]),
    st.sampled_from([np.float64, np.float32]),
    st.integers(0, 2**32),
)
def test_rows_of_any_shape_are_valid_and_of_length_one(
    n_rows, n_features, data, exponent, dtype, seed
):
    nnz = data.draw(st.integers(0, n_features))
    examples, w_true = sparse_classification(
        n_rows, n_features, nnz, seed, exponent=exponent, dtype=dtype
    )
    assert (examples.dtype, w_true.shape) == (dtype, (n_features,))
    check(examples, n_rows, n_features, nnz)


def test_many_rows_are_drawn_in_pieces():
    examples, _ = sparse_classification(9000, 500, 20, 0)
    check(examples, 9000, 500, 20)


def test_a_seed_gives_the_same_bits_and_another_seed_others():
    one, w_one = sparse_classification(50, 40, 5, seed=3)
    for seed in (3, np.random.SeedSequence(3), np.random.default_rng(3)):
        two, w_two = sparse_classification(50, 40, 5, seed)
        assert one.indices.tobytes() == two.indices.tobytes()
        assert one.data.tobytes() == two.data.tobytes()
        assert one.y.tobytes() == two.y.tobytes()
        assert w_one.tobytes() == w_two.tobytes()
    assert one.indices.tobytes() != sparse_classification(50, 40, 5, 4)[0].indices.tobytes()


def test_without_noise_the_true_weights_make_no_mistake():
    examples, w_true = sparse_classification(2000, 300, 10, 0, noise=0.0)
    assert ((examples.to_scipy() @ w_true) * examples.y >= 0).all()


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_noise_turns_round_its_share_of_the_labels(noise):
    examples, w_true = sparse_classification(5000, 300, 10, 0, noise=noise)
    wrong = ((examples.to_scipy() @ w_true) * examples.y < 0).mean()
    assert wrong == pytest.approx(noise, abs=4 * np.sqrt(0.25 / 5000))


def test_with_exponent_zero_all_features_are_alike():
    examples, _ = sparse_classification(20_000, 50, 5, 0, exponent=0.0)
    counts = np.bincount(examples.indices, minlength=50)
    expected = 20_000 * 5 / 50
    # 5 standard deviations of a count
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * 0.9)


def exact_shares(probability, wanted):
    """Return how often each feature is among the first `wanted` different ones, by enumeration."""
    share = np.zeros(len(probability))

    def walk(chosen, chance, rest):
        if len(chosen) == wanted:
            share[list(chosen)] += chance
            return
        for feature, p in enumerate(probability):
            if feature not in chosen:
                walk((*chosen, feature), chance * p / rest, rest - p)

    walk((), 1.0, 1.0)
    return share


@pytest.mark.parametrize("n_features, wanted", [(12, 3), (9, 3), (5, 4)])
@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_features_are_drawn_as_often_as_their_law_says(n_features, wanted, rounds, monkeypatch):
    # 0 rounds: only the exact draw; 1: the exact draw completes rows that have begun
    monkeypatch.setattr("hogwild.data.generate._ROUNDS", rounds)
    n_rows, exponent = 8000, 2.0
    examples, _ = sparse_classification(n_rows, n_features, wanted, 1, exponent=exponent)
    counts = np.sort(np.bincount(examples.indices, minlength=n_features))[::-1]
    probability = np.arange(1.0, n_features + 1) ** -exponent
    expected = np.sort(exact_shares(probability / probability.sum(), wanted))[::-1] * n_rows
    assert np.abs(counts - expected).max() < 5 * np.sqrt(n_rows * 0.25)


def test_a_row_that_is_completed_keeps_what_it_has():
    rng = np.random.default_rng(0)
    features = generate._Features.zipf(50, 1.0, rng)
    for _ in range(20):
        chosen = generate._complete(np.array([3, 7, 41]), 5, features, rng)
        assert len(chosen) == 5
        assert (np.diff(chosen) > 0).all()
        assert {3, 7, 41} <= set(chosen.tolist())


@pytest.mark.parametrize(
    "sizes, options, message",
    [
        ((-1, 5, 1), {}, "n_rows must be 0 or more, got -1"),
        ((1, 0, 0), {}, "n_features must be 1 to 2147483647, got 0"),
        ((1, 5, 6), {}, "nnz_per_row must be 0 to n_features=5, got 6"),
        ((1, 5, 1), {"exponent": -1.0}, "exponent must be 0 or more and finite, got -1.0"),
        ((1, 5, 1), {"noise": 1.5}, "noise must be 0 to 1, got 1.5"),
        ((1, 5, 1), {"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        sparse_classification(*sizes, 0, **options)


@pytest.mark.slow
def test_a_collection_of_the_size_of_rcv1_is_made():
    examples, _ = sparse_classification(100_000, 47_236, 75, 0, dtype=np.float32)
    check(examples, 100_000, 47_236, 75)
