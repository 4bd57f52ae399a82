"""The factor articles' pages: by hand, by differences; and which orders are the same order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import read_ratings
from hogwild.kernels.factor_records import Entries, FactorConstants, Factors, FactorVariant
from hogwild.kernels.factors import make_update
from hogwild.kernels.levels import levels as packaged_levels
from hogwild.kernels.losses import Squared
from hogwild.reference import dsgd, factors, fpsgd, hogwild_factors, levels

ONE = np.array([0])


def matrix(seed, n_ratings=60, n_users=9, n_items=7, k=3, dtype=np.float64):
    """Ratings of a small matrix, no pair twice, in random order; and start factors."""
    random = np.random.default_rng(seed)
    u, i = np.divmod(random.choice(n_users * n_items, n_ratings, replace=False), n_items)
    P, Q = random.random((n_users, k)).astype(dtype), random.random((n_items, k)).astype(dtype)
    return u, i, (1 + 4 * random.random(n_ratings)).astype(dtype), P, Q


# the update


def test_the_worked_example_by_hand_and_the_common_fault_differs():
    # e = 5 - (.03 + .08) = 4.89; p = .1 + .003 (4.89 * .3 - .05 * .1), and so on
    P, Q = np.array([[0.1, 0.2]]), np.array([[0.3, 0.4]])
    factors.sgd_factors(ONE, ONE, np.array([5.0]), P, Q, step=0.003, reg=0.05)
    assert P[0] == pytest.approx([0.104386, 0.205838], rel=1e-12)
    assert Q[0] == pytest.approx([0.301422, 0.402874], rel=1e-12)
    with_the_new_p = np.array([0.3, 0.4]) + 0.003 * (4.89 * P[0] - 0.05 * np.array([0.3, 0.4]))
    assert with_the_new_p == pytest.approx([0.30148634262, 0.40295964346], rel=1e-12)
    assert np.abs(Q[0] - with_the_new_p).min() > 6e-5


def test_the_biased_update_by_hand():
    P, Q, b, c = np.array([[0.1, 0.2]]), np.array([[0.3, 0.4]]), np.array([0.5]), np.array([-1.0])
    factors.sgd_biased(ONE, ONE, np.array([5.0]), P, Q, b, c, mean=3.5, step=0.01, reg=0.1)
    e = 5 - (3.5 + 0.5 - 1.0 + 0.11)  # 1.89
    assert P[0] == pytest.approx([0.1 + 0.01 * (e * 0.3 - 0.01), 0.2 + 0.01 * (e * 0.4 - 0.02)])
    assert Q[0] == pytest.approx([0.3 + 0.01 * (e * 0.1 - 0.03), 0.4 + 0.01 * (e * 0.2 - 0.04)])
    assert (b.item(), c.item()) == pytest.approx((0.5 + 0.01 * (e - 0.05), -1 + 0.01 * (e + 0.1)))


def test_without_biases_and_mean_the_biased_update_of_the_factors_is_the_plain_one():
    u, i, r, P, Q = matrix(0)
    P2, Q2 = P.copy(), Q.copy()
    factors.sgd_factors(u, i, r, P, Q, 0.05, 0.1)
    for t in range(len(u)):  # one rating at a time, so that the biases stay at 0
        one = slice(t, t + 1)
        factors.sgd_biased(u[one], i[one], r[one], P2, Q2, np.zeros(9), np.zeros(7), 0.0, 0.05, 0.1)
    assert P.tobytes() == P2.tobytes()
    assert Q.tobytes() == Q2.tobytes()


def test_an_update_goes_down_the_objective_by_differences():
    # the article leaves the gradient's factor 2 to the step: a step moves by -step/2 of it
    u, i, r, P, Q = matrix(1)
    t, reg, h = slice(3, 4), 0.3, 1e-6
    moved_p, moved_q = P.copy(), Q.copy()
    factors.sgd_factors(u[t], i[t], r[t], moved_p, moved_q, step=1e-3, reg=reg)
    for X, moved in ((P, moved_p), (Q, moved_q)):
        for place in np.ndindex(*X.shape):
            kept = X[place]
            X[place] = kept + h
            above = factors.objective(u[t], i[t], r[t], P, Q, reg)
            X[place] = kept - h
            below = factors.objective(u[t], i[t], r[t], P, Q, reg)
            X[place] = kept
            slope = (above - below) / (2 * h)
            assert moved[place] - kept == pytest.approx(-1e-3 * slope / 2, rel=1e-6, abs=1e-12)


def test_the_objective_counts_the_penalty_once_a_rating():
    u, i, r, P, Q = matrix(2)
    users, items = np.bincount(u, minlength=9), np.bincount(i, minlength=7)
    penalty = users @ (P**2).sum(axis=1) + items @ (Q**2).sum(axis=1)
    errors = sum((r[t] - P[u[t]] @ Q[i[t]]) ** 2 for t in range(len(u)))
    assert factors.objective(u, i, r, P, Q, 0.7) == pytest.approx(errors + 0.7 * penalty, rel=1e-12)
    assert factors.rmse(u, i, r, P, Q) == pytest.approx(np.sqrt(errors / len(u)), rel=1e-12)


def test_float32_stays_float32():
    u, i, r, P, Q = matrix(3, dtype=np.float32)
    wide_p, wide_q = P.astype(float), Q.astype(float)
    factors.sgd_factors(u, i, r, P, Q, 0.05, 0.1)
    factors.sgd_factors(u, i, r.astype(float), wide_p, wide_q, 0.05, 0.1)
    assert P.dtype == np.float32
    np.testing.assert_allclose(P, wide_p, rtol=1e-5)


@pytest.mark.parametrize("biased", [False, True])
def test_the_package_s_scalar_loop_gives_the_same_bits(biased):
    u, i, r, P, Q = matrix(4, k=5)
    b, c = np.linspace(-1, 1, 9), np.linspace(0.5, -0.5, 7)
    theirs = Factors(P.copy(), Q.copy(), b.copy(), c.copy(), np.ones((1, 2)), np.ones((1, 2)))
    update = make_update(Squared(), FactorVariant(5, biased), compiled=False, single=False)
    update(
        np.array([0, len(u)]), Entries(u, i, r), theirs, 0.05,
        FactorConstants(3.0, 0.1, 0.1, 0.0, 0.0, 0, False),
    )  # fmt: skip
    if biased:
        factors.sgd_biased(u, i, r, P, Q, b, c, 3.0, 0.05, 0.1)
        assert b.tobytes() == theirs.user_bias.tobytes()
        assert c.tobytes() == theirs.item_bias.tobytes()
    else:
        factors.sgd_factors(u, i, r, P, Q, 0.05, 0.1)
    assert P.tobytes() == theirs.P.tobytes()
    assert Q.tobytes() == theirs.Q.tobytes()


# order and levels


def trained(order, dtype, seed):
    u, i, r, P, Q = matrix(seed, dtype=dtype)
    rows = {
        "user": lambda: np.lexsort((i, u)),
        "item": lambda: np.lexsort((u, i)),
        "diagonal": lambda: np.lexsort((u, u + i)),
        "random": lambda: np.arange(len(u)),
    }[order.removesuffix(" by level")]()
    if order.endswith("by level"):
        rows = rows[levels.by_level(u[rows], i[rows])]
    for _ in range(2):
        factors.sgd_factors(u[rows], i[rows], r[rows], P, Q, 0.05, 0.1)
    return P.tobytes() + Q.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_user_by_item_and_by_diagonal_are_one_order_to_the_bit(dtype):
    by_user = trained("user", dtype, 5)
    for order in ("item", "diagonal", "user by level", "item by level", "diagonal by level"):
        assert trained(order, dtype, 5) == by_user, order
    assert trained("random", dtype, 5) != by_user


@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([np.float32, np.float64]))
@settings(max_examples=20, deadline=None)
def test_any_order_laid_out_by_level_gives_its_bits(seed, dtype):
    assert trained("random by level", dtype, seed) == trained("random", dtype, seed)


ratings = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40)


@given(ratings)
def test_a_level_holds_no_user_and_no_item_twice_and_the_order_in_rows_stays(pairs):
    u, i = np.array(pairs, int).reshape(-1, 2).T
    found = levels.levels(u, i)
    for level in range(found.max(initial=-1) + 1):
        inside = found == level
        assert inside.any()
        assert len(set(u[inside])) == inside.sum() == len(set(i[inside]))
    order = levels.by_level(u, i)
    for side in (u, i):
        for row in set(side):
            assert order[side[order] == row].tolist() == np.flatnonzero(side == row).tolist()


@given(ratings)
def test_the_package_finds_the_same_levels(pairs):
    u, i = np.array(pairs, np.int32).reshape(-1, 2).T.copy()
    assert packaged_levels(u, i, 6, 5).tolist() == levels.levels(u, i).tolist()


# HogWild


def test_one_worker_loses_nothing_and_is_sgd_on_random_ratings():
    u, i, r, P, Q = matrix(6)
    P2, Q2 = P.copy(), Q.copy()
    random = np.random.default_rng(8)
    assert hogwild_factors.hogwild(u, i, r, P, Q, 0.05, 0.1, 50, 1, random) == 0
    random, drawn = np.random.default_rng(8), []
    while len(drawn) < 50:
        random.integers(1)  # whose turn: to read
        drawn.append(random.integers(len(r)))
        random.integers(1)  # and to write
    factors.sgd_factors(u[drawn], i[drawn], r[drawn], P2, Q2, 0.05, 0.1)
    assert P.tobytes() == P2.tobytes()
    assert Q.tobytes() == Q2.tobytes()


def test_many_workers_collide_where_rows_are_few_and_a_seed_repeats_it():
    few = [matrix(7, n_ratings=9, n_users=3, n_items=3) for _ in range(2)]
    lost = [
        hogwild_factors.hogwild(*data, 0.05, 0.1, 500, 4, np.random.default_rng(0)) for data in few
    ]
    assert lost[0] == lost[1] > 100
    assert few[0][3].tobytes() == few[1][3].tobytes()
    many = matrix(7, n_ratings=900, n_users=300, n_items=300)
    assert hogwild_factors.hogwild(*many, 0.05, 0.1, 500, 4, np.random.default_rng(0)) < 30


# DSGD and FPSGD


@pytest.mark.parametrize("s", [1, 2, 3, 5])
def test_patterns_cover_the_grid_once_and_share_no_row_and_no_column_inside(s):
    patterns = dsgd.patterns(s)
    assert sorted(block for pattern in patterns for block in pattern) == [*np.ndindex(s, s)]
    for pattern in patterns:
        assert len({a for a, _ in pattern}) == len({c for _, c in pattern}) == s


def test_blocks_hold_every_rating_once():
    u, i, *_ = matrix(8)
    blocks = dsgd.cut(u, i, 9, 7, 3)
    assert sorted(np.concatenate([block for row in blocks for block in row])) == [*range(60)]
    for a, row in enumerate(blocks):
        for c, block in enumerate(row):
            assert set(u[block] * 3 // 9) <= {a}
            assert set(i[block] * 3 // 7) <= {c}


def test_the_scheduler_picks_among_the_three_blocks_of_the_article_s_example():
    # section 4.1: T1 works on (0, 0), T2 comes from (2, 2): it may have (1, 1), (1, 2) or (2, 1)
    seen = set()
    for seed in range(30):
        scheduler = fpsgd.Scheduler(3, np.random.default_rng(seed))
        scheduler.busy += [(0, 0), (2, 2)]
        scheduler.put((2, 2))
        assert scheduler.free() == [(1, 1), (1, 2), (2, 1), (2, 2)]
        assert scheduler.candidates() == [(1, 1), (1, 2), (2, 1)]
        seen.add(scheduler.get())
        assert scheduler.busy[0] == (0, 0)
    assert seen == {(1, 1), (1, 2), (2, 1)}


def test_a_grid_as_wide_as_the_workers_leaves_blocks_that_are_never_done():
    # section 4.1 again: 2 workers on 2 x 2 get the same two blocks for ever
    u, i, r, P, Q = matrix(9)
    random = np.random.default_rng(0)
    assert sorted(fpsgd.fpsgd(u, i, r, P, Q, 0.01, 0.1, 2, 2, 10, random).ravel()) == [
        0, 0, 20, 20,
    ]  # fmt: skip
    updates = fpsgd.fpsgd(u, i, r, P, Q, 0.01, 0.1, 2, 3, 10, random)
    assert updates.sum() in (90, 91)
    assert updates.min() >= 8
    assert updates.max() <= 12


def test_nothing_is_handed_out_when_every_row_is_busy():
    scheduler = fpsgd.Scheduler(2, np.random.default_rng(0))
    one, two = scheduler.get(), scheduler.get()
    assert {one, two} in ({(0, 0), (1, 1)}, {(0, 1), (1, 0)})
    assert scheduler.get() is None
    scheduler.put(one)
    assert scheduler.get() == one


def assert_is_plain_sgd(run, order_of):
    u, i, r, P, Q = matrix(10)
    wanted_p, wanted_q, random = P.copy(), Q.copy(), np.random.default_rng(3)
    run(u, i, r, P, Q, np.random.default_rng(3))
    order = order_of(u, i, random)
    factors.sgd_factors(u[order], i[order], r[order], wanted_p, wanted_q, 0.05, 0.1)
    assert P.tobytes() == wanted_p.tobytes()
    assert Q.tobytes() == wanted_q.tobytes()


def test_dsgd_on_one_block_is_sgd_in_random_order():
    def order_of(u, i, random):
        random.permutation(1)  # the order of the patterns
        return random.permutation(len(u))

    assert_is_plain_sgd(lambda *data: dsgd.dsgd(*data[:5], 0.05, 0.1, 1, 1, data[5]), order_of)


def test_fpsgd_on_one_block_is_sgd_by_shuffled_user():
    def order_of(u, i, random):
        user, item = random.permutation(9)[u], random.permutation(7)[i]
        return np.lexsort((item, user))

    assert_is_plain_sgd(lambda *data: fpsgd.fpsgd(*data[:5], 0.05, 0.1, 1, 1, 1, data[5]), order_of)


@pytest.mark.timeout(60)
def test_all_three_lower_the_error_on_movielens(shared_data):
    whole = read_ratings(shared_data / "ml-100k" / "u1.base")
    some = whole.rows((whole.u < 150) & (whole.i < 300))
    u, i, r = some.u.astype(int), some.i.astype(int), some.r.astype(float)
    n_passes, n = 3, len(some)
    runs = {
        "hogwild": lambda P, Q, random: hogwild_factors.hogwild(
            u, i, r, P, Q, 0.05, 0.05, n_passes * n, 2, random
        ),
        "dsgd": lambda P, Q, random: dsgd.dsgd(u, i, r, P, Q, 0.05, 0.05, 3, n_passes, random),
        "fpsgd": lambda P, Q, random: fpsgd.fpsgd(
            u, i, r, P, Q, 0.05, 0.05, 2, 3, n_passes, random
        ),
    }
    for name, run in runs.items():
        random = np.random.default_rng(0)
        P, Q = 0.1 * random.random((150, 8)), 0.1 * random.random((300, 8))
        before = factors.rmse(u, i, r, P, Q)
        run(P, Q, random)
        assert before > 3.0
        assert factors.rmse(u, i, r, P, Q) < 1.3, name
