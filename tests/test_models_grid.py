"""The grid: nothing lost, nothing twice, every rating in the block of its bands, in its order."""

import numpy as np
import pytest
from factor_cases import few_ratings
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import Ratings, generate_ratings
from hogwild.kernels.levels import levels
from hogwild.models import fill, plan_grid, plan_runs

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))


def laid_out(plan, ratings, **options):
    n = len(ratings)
    u, i, r = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.float64)
    return u, i, r, fill(plan, ratings, u, i, r, 3, **options)


def triples(u, i, r):
    return sorted(zip(u.tolist(), i.tolist(), r.tolist(), strict=True))


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    shape=SHAPES,
    balance=st.sampled_from(["ids", "ratings"]),
    order=st.sampled_from(["user", "item", "random"]),
    by_level=st.booleans(),
)
def test_every_rating_is_in_the_block_of_its_bands_once(seed, shape, balance, order, by_level):
    ratings = few_ratings(seed)
    plan = plan_grid(ratings, shape, seed, balance=balance)
    u, i, r, _ = laid_out(plan, ratings, order=order, by_level=by_level)
    assert triples(u, i, r) == triples(
        plan.user_row[ratings.u], plan.item_row[ratings.i], ratings.r
    )
    for block in range(plan.n_blocks):
        a, c = divmod(block, plan.shape[1])
        part = slice(plan.starts[block], plan.starts[block + 1])
        assert (u[part] >= plan.user_edges[a]).all()
        assert (u[part] < plan.user_edges[a + 1]).all()
        assert (i[part] >= plan.item_edges[c]).all()
        assert (i[part] < plan.item_edges[c + 1]).all()
    assert sorted(plan.user_row) == list(range(ratings.n_users))
    assert sorted(plan.item_row) == list(range(ratings.n_items))
    assert (np.diff(plan.user_edges) > 0).all()
    assert (np.diff(plan.item_edges) > 0).all()


@settings(deadline=None)
@given(seed=st.integers(0, 1000), shape=SHAPES, order=st.sampled_from(["user", "item"]))
def test_blocks_by_level_hold_the_sorted_order_level_by_level(seed, shape, order):
    ratings = few_ratings(seed)
    plan = plan_grid(ratings, shape, seed)
    plain = laid_out(plan, ratings, order=order, by_level=False)
    u, i, _r, borders = laid_out(plan, ratings, order=order)
    for block in range(plan.n_blocks):
        part = slice(plan.starts[block], plan.starts[block + 1])
        x, y = plain[0][part].astype(np.int64), plain[1][part].astype(np.int64)
        key = x * 100 + y if order == "user" else y * 100 + x
        assert (np.diff(key) > 0).all()
        level = levels(x, y, ratings.n_users, ratings.n_items)
        by = np.argsort(level, kind="stable")
        assert u[part].tolist() == x[by].tolist()
        assert i[part].tolist() == y[by].tolist()
        ends = borders[block]
        assert ends[0] == part.start
        assert ends[-1] == part.stop
        assert np.diff(ends).tolist() == np.bincount(level).tolist()


def test_many_ratings_go_through_in_chunks(monkeypatch):
    monkeypatch.setattr("hogwild.models.grid.CHUNK", 7)
    monkeypatch.setattr("hogwild.models.layout.CHUNK", 7)
    ratings = few_ratings(5)
    for plan in (plan_grid(ratings, 3, 5), plan_runs(ratings, 5, length=11)):
        u, i, r, _ = laid_out(plan, ratings)
        assert triples(u, i, r) == triples(
            plan.user_row[ratings.u], plan.item_row[ratings.i], ratings.r
        )


def test_runs_are_the_whole_matrix_in_random_order():
    ratings = few_ratings()
    plan = plan_runs(ratings, 0, length=16)
    assert plan.sizes.tolist() == [16, 16, 16, 12]
    assert not plan.is_grid
    one, other = (laid_out(plan, ratings, by_level=False)[0] for _ in range(2))
    assert one.tolist() == other.tolist()  # a seed's order
    assert one.tolist() != plan.user_row[ratings.u].tolist()


def test_shuffling_evens_out_what_the_file_has_in_one_corner():
    u, i = (part.ravel() for part in np.indices((30, 30)))
    corner = Ratings.of_indices(u, i, np.ones(900), n_users=90, n_items=90)
    as_it_is = plan_grid(corner, 3, shuffle=False).sizes
    shuffled = plan_grid(corner, 3, 0).sizes
    assert as_it_is.max() == 900
    assert shuffled.max() < 300


def test_balanced_bands_have_ratings_alike():
    random = np.random.default_rng(0)
    u = (90 * random.random(5000) ** 1.5).astype(np.int32)
    skewed = Ratings.of_indices(u, random.integers(0, 90, 5000), np.ones(5000), n_users=90)
    unevenness = {
        balance: np.mean(
            [
                np.ptp(plan_grid(skewed, 3, seed, balance=balance).sizes.reshape(3, 3).sum(axis=1))
                for seed in range(10)
            ]
        )
        for balance in ("ids", "ratings")
    }
    assert unevenness["ratings"] < 0.5 * unevenness["ids"]


@pytest.mark.parametrize(
    ("shape", "options", "what"),
    [
        (0, {}, "a grid needs 1 to 12 bands of users"),
        (10, {}, "a grid needs 1 to 9 bands of items"),
        (2, {"balance": "x"}, "balance must be one of ids, ratings, got 'x'"),
    ],
)
def test_impossible_grids_are_refused(shape, options, what):
    with pytest.raises(ValueError, match=what):
        plan_grid(few_ratings(), shape, **options)


def test_an_unknown_order_is_refused():
    ratings = few_ratings()
    with pytest.raises(ValueError, match="order must be one of user, item, random, got 'x'"):
        laid_out(plan_grid(ratings, 2, 0), ratings, order="x")


def test_ratings_made_from_the_same_seed_are_shuffled_all_the_same():
    """A generator's first permutation of users must not be undone by the grid's."""
    made = generate_ratings(300, 300, 9000, 0)
    sizes = plan_grid(made, 3, 0).sizes
    assert sizes.max() < 2 * sizes.min()
