"""One update of a factor model, three executions: by hand, by differences, by the reference."""

import numpy as np
import pytest
from factor_cases import KERNELS, SCALAR, copies, few_ratings, start_factors, update
from hypothesis import given, settings
from hypothesis import strategies as st

from hogwild.data import Ratings
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.factor_records import N_SLOW, FactorVariant
from hogwild.kernels.factors import make_predict
from hogwild.kernels.losses import FACTOR_LOSSES
from hogwild.reference import factors as page

DTYPES = [np.float32, np.float64]
# every loss and every switch, and many pairs; compiling each takes half a second
CASES = [
    ("squared", {}),
    ("squared", {"biased": True}),
    ("squared", {"adaptive": True}),
    ("squared", {"adaptive": True, "biased": True, "sparse": True, "nonnegative": True}),
    ("absolute", {"sparse": True}),
    ("kl", {"nonnegative": True}),
    ("logistic", {"biased": True}),
    ("hinge", {"adaptive": True}),
    ("squared_hinge", {}),
]


def ids_of(case):
    return "-".join([case[0], *case[1]])


def tolerance(dtype):
    return {"rtol": 2e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_worked_example_comes_out_as_by_hand(kernel, dtype):
    """p = (.1, .2), q = (.3, .4), r = 5: e = 4.89, both rows moved by the old ones."""
    one = Ratings.of_indices([0], [0], [5.0])
    variant = FactorVariant(8 if kernel == "numba" and dtype == np.float32 else 2)
    start = start_factors(one, variant, dtype)
    start.P[0], start.Q[0] = 0.0, 0.0
    start.P[0, :2], start.Q[0, :2] = (0.1, 0.2), (0.3, 0.4)
    loss = update(kernel, one, start, variant=variant, step=0.003, reg_p=0.05, reg_q=0.05)
    close = {"rtol": 1e-6} if dtype == np.float32 else {"rtol": 1e-14}
    assert np.isclose(loss, 4.89**2, **close)
    assert np.allclose(start.P[0, :2], [0.1 + 0.003 * (4.89 * 0.3 - 0.005), 0.2058380], rtol=1e-6)
    assert np.allclose(start.Q[0, :2], [0.301422, 0.402874], rtol=1e-6)
    assert not np.allclose(start.Q[0, 0], 0.30148634262, rtol=1e-6)  # with the new p: the fault
    assert not start.P[0, 2:].any()
    assert not start.Q[0, 2:].any()


@pytest.mark.parametrize("kernel", SCALAR)
@pytest.mark.parametrize("biased", [False, True])
def test_scalar_kernels_in_float64_have_the_bits_of_the_reference(kernel, biased):
    ratings, variant = few_ratings(), FactorVariant(5, biased=biased)
    mine = start_factors(ratings, variant, np.float64)
    theirs = copies(mine)
    update(kernel, ratings, mine, variant=variant, by_level=False, passes=3, reg_p=0.02, reg_q=0.02)
    r = ratings.r.astype(float)
    for _ in range(3):
        if biased:
            page.sgd_biased(
                ratings.u, ratings.i, r, theirs.P, theirs.Q, theirs.user_bias, theirs.item_bias,
                3.0, 0.05, 0.02,
            )  # fmt: skip
        else:
            page.sgd_factors(ratings.u, ratings.i, r, theirs.P, theirs.Q, 0.05, 0.02)
    for one, other in zip(mine, theirs, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("case", CASES, ids=ids_of)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [8, 24])
def test_all_kernels_agree_to_rounding(case, dtype, width):
    loss, switches = case
    ratings = few_ratings(signs=FACTOR_LOSSES[loss].classifies)
    variant = FactorVariant(width, **switches)
    found = {}
    for kernel in KERNELS:
        factors = start_factors(ratings, variant, dtype, k=width - 3)
        # steps so small that no rounding decides on which side of a kink a prediction lies
        total = update(kernel, ratings, factors, loss=loss, variant=variant, step=0.01, passes=2)
        found[kernel] = (total, factors)
    for total, factors in found.values():
        assert np.isclose(total, found["python"][0], **tolerance(dtype))
        for mine, theirs in zip(factors, found["python"][1], strict=True):
            assert np.allclose(mine, theirs, **tolerance(dtype))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    "loss", ["squared", "kl", "logistic", "squared_hinge", "absolute", "hinge"]
)
def test_an_update_steps_down_the_derivative_by_differences(kernel, loss):
    """Half the derivative of loss + reg |p|^2 + reg |q|^2 for squares, else of reg / 2."""
    signs = FACTOR_LOSSES[loss].classifies
    one = Ratings.of_indices([0], [0], [1.0 if signs else 3.0])
    variant, step, reg = FactorVariant(3), 1e-6, 0.1
    start = start_factors(one, variant, np.float64)
    share = 0.5 if loss.startswith("squared") else 1.0
    kind, r = FACTOR_LOSSES[loss](), one.r.astype(float)

    def objective(P, Q):
        value = kind.values(np.array([P[0] @ Q[0]]), r)[0]
        return share * value + reg / 2 * (P[0] @ P[0] + Q[0] @ Q[0])

    moved = copies(start)
    update(
        kernel, one, moved, loss=loss, variant=variant, step=step, reg_p=reg, reg_q=reg,
    )  # fmt: skip
    for name in ("P", "Q"):
        for d in range(3):
            ends = []
            for h in (1e-5, -1e-5):
                other = copies(start)
                getattr(other, name)[0, d] += h
                ends.append(objective(other.P, other.Q))
            slope = (ends[0] - ends[1]) / 2e-5
            went = (getattr(moved, name)[0, d] - getattr(start, name)[0, d]) / step
            assert np.isclose(went, -slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_row_accumulators_grow_as_libmf_has_them(kernel):
    """Slow: 8 dimensions and their mean square; fast: the rest, padded to a multiple of 8."""
    one = Ratings.of_indices([0], [0], [4.0])
    variant = FactorVariant(16, adaptive=True)
    start = start_factors(one, variant, np.float64, k=11)
    p, q = start.P[0].copy(), start.Q[0].copy()
    e = 4.0 - p @ q
    g_p, g_q = 0.1 * p - e * q, 0.1 * q - e * p
    update(kernel, one, start, variant=variant, step=0.1, reg_p=0.1, reg_q=0.1)
    assert np.allclose(start.P[0], p - 0.1 * g_p)
    assert np.allclose(start.Q[0], q - 0.1 * g_q)
    assert np.allclose(
        start.user_squares[0], [1 + (g_p[:8] ** 2).mean(), 1 + (g_p[8:] ** 2).mean()]
    )
    assert np.allclose(
        start.item_squares[0], [1 + (g_q[:8] ** 2).mean(), 1 + (g_q[8:] ** 2).mean()]
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_fast_dimensions_can_be_kept_still(kernel):
    ratings, variant = few_ratings(), FactorVariant(16, adaptive=True)
    start = start_factors(ratings, variant, np.float64)
    before = copies(start)
    update(kernel, ratings, start, variant=variant, fast=False)
    assert np.array_equal(start.P[:, N_SLOW:], before.P[:, N_SLOW:])
    assert np.array_equal(start.user_squares[:, 1], before.user_squares[:, 1])
    assert not np.array_equal(start.P[:, :N_SLOW], before.P[:, :N_SLOW])


@pytest.mark.parametrize("kernel", KERNELS)
def test_l1_shrinks_to_exact_zeros_and_nonnegative_factors_stay_so(kernel):
    ratings = few_ratings()
    variant = FactorVariant(8, sparse=True, nonnegative=True)
    start = start_factors(ratings, variant, np.float32)
    update(kernel, ratings, start, variant=variant, l1_p=3.0, l1_q=3.0, passes=5)
    assert (start.P >= 0).all()
    assert (start.Q >= 0).all()
    assert (start.P == 0).any()
    assert (start.Q == 0).any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_nan_is_not_hidden_by_the_bound_at_zero(kernel):
    ratings, variant = few_ratings(), FactorVariant(8, nonnegative=True)
    start = start_factors(ratings, variant, np.float32)
    start.P[ratings.u[0]] = np.nan
    assert np.isnan(update(kernel, ratings, start, variant=variant))
    assert np.isnan(start.P).any()


ORDERS = {
    "user": lambda r: np.lexsort((r.i, r.u)),
    "item": lambda r: np.lexsort((r.u, r.i)),
    "diagonal": lambda r: np.lexsort((r.u, r.u + r.i)),
    "random": lambda r: np.random.default_rng(7).permutation(len(r)),
}


@pytest.mark.parametrize("kernel", SCALAR)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 8, 16, 40])
@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 100))
def test_a_block_by_level_has_the_bits_of_its_order(kernel, dtype, k, order, seed, n):
    ratings = few_ratings(seed, n=n)
    width = -(-k // 8) * 8 if kernel == "numba" and dtype == np.float32 else k
    variant = FactorVariant(width)
    place = ORDERS[order](ratings)
    plain, by_level = (start_factors(ratings, variant, dtype, seed=1, k=k) for _ in range(2))
    update(kernel, ratings, plain, variant=variant, order=place, by_level=False, passes=2)
    update(kernel, ratings, by_level, variant=variant, order=place, by_level=True, passes=2)
    for one, other in zip(plain, by_level, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("kernel", SCALAR)
def test_user_item_and_diagonal_order_have_the_same_bits_and_random_has_not(kernel):
    ratings, variant = few_ratings(), FactorVariant(8)
    found = {}
    for name, order in ORDERS.items():
        factors = start_factors(ratings, variant, np.float32)
        update(kernel, ratings, factors, variant=variant, order=order(ratings), by_level=False)
        found[name] = factors.P.tobytes() + factors.Q.tobytes()
    assert found["user"] == found["item"] == found["diagonal"]
    assert found["user"] != found["random"]


@pytest.mark.parametrize("compiled", [False, *([True] if have_numba() else [])])
@pytest.mark.parametrize("biased", [False, True])
def test_predictions_are_those_of_a_loop(compiled, biased):
    ratings, variant = few_ratings(), FactorVariant(8, biased=biased)
    factors = start_factors(ratings, variant, np.float64)
    out = np.empty(len(ratings))
    predict = make_predict(variant, compiled=compiled, single=False)
    predict(ratings.u, ratings.i, factors, 3.0, out)
    expected = (factors.P[ratings.u] * factors.Q[ratings.i]).sum(axis=1)
    if biased:
        expected += 3.0 + factors.user_bias[ratings.u] + factors.item_bias[ratings.i]
    assert np.allclose(out, expected, rtol=1e-12)
