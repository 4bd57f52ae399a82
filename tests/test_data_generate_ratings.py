"""Made ratings have the tails asked for, no pair twice, and can be learnt as well as real ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import MOVIELENS_SHAPES, generate_ratings, read_ratings
from hogwild.data.generate_pairs import distinct_pairs, item_weights, long_tail

FILES = {"ml-100k": "ml-100k/u.data", "ml-1m": "ml-1m/ratings.dat"}


def counts_of(ratings):
    return np.bincount(ratings.u, minlength=ratings.n_users), np.bincount(
        ratings.i, minlength=ratings.n_items
    )


@pytest.fixture(scope="module")
def one_million():
    return generate_ratings(*MOVIELENS_SHAPES["ml-1m"], seed=0)


def test_the_shape_of_movielens_1m_is_met(one_million):
    users, items = counts_of(one_million)
    assert (len(one_million), len(users), len(items)) == (1_000_209, 6040, 3706)
    assert (users.min(), users.max(), items.min()) == (20, 2314, 1)
    assert abs(items.max() - 3428) < 0.03 * 3428
    assert 85 <= np.median(users) <= 105  # 96 in the real set
    assert 110 <= np.median(items) <= 200  # 123 there


def test_the_mean_misses_by_as_much_as_on_movielens(one_million):
    assert 3.5 < one_million.mean < 3.7  # 3.58 there
    assert 1.08 < one_million.r.std() < 1.13  # 1.117 there
    assert np.unique(one_million.r).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", FILES)
def test_the_shapes_listed_are_those_of_the_files(name, shared_data):
    ratings = read_ratings(shared_data / FILES[name])
    assert MOVIELENS_SHAPES[name] == (ratings.n_users, ratings.n_items, len(ratings))
    made = generate_ratings(*MOVIELENS_SHAPES[name], seed=1)
    for real, ours in zip(counts_of(ratings), counts_of(made), strict=True):
        assert abs(int(ours.max()) - int(real.max())) <= 0.05 * real.max()


sizes = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda pair: st.tuples(
        st.just(pair[0]), st.just(pair[1]), st.integers(max(pair), pair[0] * pair[1])
    )
)


@given(sizes, st.integers(0, 5))
def test_no_pair_occurs_twice_and_nobody_goes_without(shape, seed):
    ratings = generate_ratings(*shape, seed=seed, rank=2)
    users, items = counts_of(ratings)
    assert (len(users), len(items), len(ratings)) == shape
    assert users.min() >= 1
    assert items.min() >= 1
    pairs = ratings.u.astype(np.int64) * shape[1] + ratings.i
    assert (np.diff(pairs) > 0).all()
    assert ratings.r.min() >= 1
    assert ratings.r.max() <= 5


def test_the_same_seed_gives_the_same_ratings_and_another_others():
    one, same, other = (generate_ratings(60, 40, 600, seed=seed) for seed in (1, 1, 2))
    for name in ("u", "i", "r"):
        assert getattr(one, name).tobytes() == getattr(same, name).tobytes()
    assert one.r.tobytes() != other.r.tobytes()
    assert one.i.tobytes() != other.i.tobytes()


def test_numpys_global_state_is_left_alone():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  that is the question
    generate_ratings(60, 40, 600, seed=1)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_stars_may_come_in_halves():
    ratings = generate_ratings(60, 40, 1500, seed=1, stars="half", noise=2.0, dtype=np.float64)
    assert np.unique(ratings.r).tolist() == [x / 2 for x in range(1, 11)]
    assert ratings.dtype == np.float64


def test_without_noise_and_factors_a_rating_is_what_user_and_item_add():
    ratings = generate_ratings(30, 30, 900, seed=3, rank=0, noise=0.0)
    table = np.zeros((30, 30))
    table[ratings.u, ratings.i] = ratings.r
    # users differ by a constant for all items, so their order is the same everywhere
    order = np.argsort(table.sum(axis=1), kind="stable")
    assert (np.diff(table[order], axis=0) >= 0).all()


def test_the_tails_asked_for_are_met():
    ratings = generate_ratings(
        500, 200, 10_000, seed=0, least_per_user=7, busiest_user=150, busiest_item=300
    )
    users, items = counts_of(ratings)
    assert (users.min(), users.max()) == (7, 150)
    assert abs(items.max() - 300) < 25


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_long_tail_adds_up_and_falls(n, mean, data):
    least = data.draw(st.integers(1, mean))
    busiest = data.draw(st.integers(mean, n * mean))
    total = data.draw(st.integers(n * least, n * mean))
    counts = long_tail(n, total, least, busiest)
    assert counts.sum() == total
    assert counts.min() >= least
    assert counts.max() <= max(busiest, -(-total // n))


@pytest.mark.parametrize("rounds", [0, 1, 8])
def test_items_are_drawn_as_often_as_wanted_by_redrawing_or_by_the_exact_draw(rounds, monkeypatch):
    monkeypatch.setattr("hogwild.data.generate_pairs._ROUNDS", rounds)
    monkeypatch.setattr("hogwild.data.generate_pairs._PAIRS_AT_A_TIME", 5000)
    users = long_tail(2000, 20_000, 2, 25)
    wanted = long_tail(30, 20_000, 1, 1800)
    weights = item_weights(users, wanted)
    _, items = distinct_pairs(users, weights, np.random.default_rng(0))
    drawn = np.bincount(items, minlength=30)
    assert np.abs(drawn - wanted).max() < 120  # about 4 standard deviations, and the model's error


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_users": 0}, "n_users must be 1 to 2147483647, got 0"),
        ({"n_items": 0}, "n_items must be 1 to"),
        ({"n_ratings": 9}, r"n_ratings must be 10 \(one a user and an item\) to 80 .* got 9"),
        ({"n_ratings": 81}, "got 81"),
        ({"rank": -1}, "rank and noise must be 0 or more, got -1 and 0.84"),
        ({"noise": np.nan}, "got 10 and nan"),
        ({"stars": "third"}, "stars must be 'whole' or 'half', got 'third'"),
        ({"least_per_user": 5}, "least_per_user must be 1 to the mean, 4, got 5"),
        ({"busiest_user": 3}, r"busiest_user must be 4 \(the mean\) to 8, got 3"),
        ({"busiest_item": 11}, r"busiest_item must be 5 \(the mean\) to 10, got 11"),
        ({"dtype": int}, "dtype must be float64 or float32"),
    ],
)
def test_sizes_and_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        generate_ratings(**({"n_users": 10, "n_items": 8, "n_ratings": 40, "seed": 0} | options))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sgd_at_the_articles_setting_gets_about_as_far_as_on_movielens(one_million):
    numba = pytest.importorskip("numba")

    @numba.njit
    def epoch(u, i, r, P, Q, order):
        for n in order:
            p, q = P[u[n]], Q[i[n]]
            error = r[n] - np.dot(p, q)
            for f in range(len(p)):
                old = p[f]
                p[f] += np.float32(0.003) * (error * q[f] - np.float32(0.05) * old)
                q[f] += np.float32(0.003) * (error * old - np.float32(0.05) * q[f])

    train, test = one_million.split(0.1, seed=1)
    rng = np.random.default_rng(0)
    P, Q = (0.1 * rng.random((n, 40), dtype=np.float32) for n in (train.n_users, train.n_items))
    for _ in range(90):
        epoch(train.u, train.i, train.r, P, Q, rng.permutation(len(train)))
    rmse = np.sqrt(np.square(test.r - (P[test.u] * Q[test.i]).sum(axis=1)).mean())
    assert 0.84 < rmse < 0.86


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_million_ratings_have_the_shape_asked_for():
    ratings = generate_ratings(*MOVIELENS_SHAPES["ml-20m"], seed=0, stars="half")
    users, items = counts_of(ratings)
    assert (users.min(), users.max(), items.min()) == (20, 9254, 1)
    assert abs(int(items.max()) - 67_310) < 700
