"""One update of a factor model: read a user's and an item's row, take the error, write both back.

For a rating r of item i by user u (Zhuang et al. 2013, eq. 2-3 and appendix)::

    z = p_u . q_i  (+ mean + b_u + b_i)          s = -slope(z, r) / 2, or -slope(z, r)
    p_u <- p_u + step (s q_i - reg_p p_u)        b_u <- b_u + step (s - reg_p b_u)
    q_i <- q_i + step (s p_u - reg_q q_i)        b_i <- b_i + step (s - reg_q b_i)

with the old p_u and q_i on both right sides.  For the squared losses s takes half the slope, so
that it is the error r - z itself: the article leaves the factor 2 to the step.

This module is the scalar loop: it runs as it is, slowly, or compiled by numba, with the same bits
in float64.  Compiled for float32, the operations on whole rows are those of ``kernels.vectors``.
It and ``kernels.factor_levels`` are the only code that writes to shared factors.

Called by ``models.factor_memory`` through the worker loop, once for every block.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hogwild.kernels.compiled import jit
from hogwild.kernels.factor_records import N_SLOW, FactorVariant
from hogwild.kernels.losses import Loss, Squared, SquaredHinge
from hogwild.kernels.rows import RowOperations, make_rows
from hogwild.kernels.vectors import make_vectors, row_prefetcher

Update = Callable[..., float]


def share_of_slope(loss: Loss) -> float:
    """Return what part of a loss's slope pulls the factors: 1/2 for squares, which have a 2."""
    return 0.5 if isinstance(loss, Squared | SquaredHinge) else 1.0


def _make_pull(loss: Loss, compiled: bool, real: Callable) -> tuple[Callable, Callable]:
    """Return value(z, r) and pull(z, r) = s, for scalars.

    The squared loss, whose pull is the error itself, stays in the arrays' own type: going through
    the slope, in double precision, was measured to cost a fifth of an update.
    """
    value, slope = loss.pair()
    if compiled:
        value, slope = jit(value), jit(slope)
    share = -share_of_slope(loss)

    def error(z, y):
        return y - z

    def pull(z, y):
        return real(share * slope(z, y))

    chosen = error if isinstance(loss, Squared) else pull
    return value, jit(chosen) if compiled else chosen


@functools.cache
def make_update(loss: Loss, variant: FactorVariant, *, compiled: bool, single: bool) -> Update:
    """Return ``update(borders, entries, factors, step, constants)``.

    The function updates ``factors`` once for each of the ratings borders[0] <= t < borders[-1], in
    that order.

    Parameters of the returned function
    -----------------------------------
    borders : int64 array
        The block's first rating, and the one behind its last.  Whatever lies between is for
        ``kernels.factor_levels``, which has the same signature.
    entries : Entries
    factors : Factors
        Updated in place.
    step : float
        The learning rate of this block; under AdaGrad, its numerator.
    constants : FactorConstants

    It returns the sum of losses, each before its rating's update.

    `single` says that the arrays are float32.
    """
    real = _number(compiled, single)
    value, pull = _make_pull(loss, compiled, real)
    vectors = compiled and single
    width = variant.width
    first = min(N_SLOW, width) if variant.adaptive else width
    parts = (
        _make_part(0, first, variant, vectors, compiled),
        _make_part(min(first, width - 1), width, variant, vectors, compiled),
    )
    dot = _operations(0, width, variant, vectors, compiled).dot
    prefetch = row_prefetcher(variant.width) if vectors and variant.ahead else None
    update = _make_loop(value, pull, dot, parts, prefetch, real, variant)
    return jit(update) if compiled else update


@functools.cache
def make_predict(variant: FactorVariant, *, compiled: bool, single: bool) -> Callable[..., None]:
    """Return ``predict(u, i, factors, mean, out)``, which writes z of every pair into `out`."""
    dot = _operations(0, variant.width, variant, compiled and single, compiled).dot
    biased = variant.biased

    def predict(u, i, factors, mean, out):
        P, Q, user_bias, item_bias, _, _ = factors
        for t in range(len(u)):
            a, b = u[t], i[t]
            z = dot(P, a, Q, b)
            out[t] = mean + user_bias[a] + item_bias[b] + z if biased else z

    return jit(predict) if compiled else predict


def _operations(
    lo: int, hi: int, variant: FactorVariant, vectors: bool, compiled: bool
) -> RowOperations:
    """Return the row operations for that range: as vectors, as compiled loops, or as loops."""
    if vectors:
        return make_vectors(lo, hi, nonnegative=variant.nonnegative)
    rows = make_rows(lo, hi, nonnegative=variant.nonnegative)
    return RowOperations(*(jit(operation) for operation in rows)) if compiled else rows


def _make_loop(
    value: Callable,
    pull: Callable,
    dot: Callable,
    parts: tuple[Callable, Callable],
    prefetch: Callable | None,
    real: Callable,
    variant: FactorVariant,
) -> Update:
    """Return the loop over a block's ratings.

    What concerns arrays of accumulators stands here and not in a function of its own: handing an
    array on costs as much as updating a row, unless the compiler sees through it.
    """
    asks, ahead, biased = prefetch is not None, variant.ahead, variant.biased
    ask = prefetch or _no_prefetch
    adaptive, has_fast = variant.adaptive, variant.width > N_SLOW
    move, move_fast = parts
    sqrt, n_slow = math.sqrt, real(N_SLOW)

    def update(borders, entries, factors, step, constants):
        u, i, r = entries
        P, Q, user_bias, item_bias, user_squares, item_squares = factors
        mean, reg_p, reg_q, l1_p, l1_q, n_fast, fast = constants
        step, mean, n_fast = real(step), real(mean), real(n_fast)
        reg_p, reg_q, l1_p, l1_q = real(reg_p), real(reg_q), real(l1_p), real(l1_q)
        stop = borders[len(borders) - 1]
        total = 0.0
        for t in range(borders[0], stop):
            a, b, y = u[t], i[t], r[t]
            if asks:
                later = min(t + ahead, stop - 1)
                ask(P, u[later])
                ask(Q, i[later])
            z = dot(P, a, Q, b)
            if biased:
                z = mean + user_bias[a] + item_bias[b] + z
            total += value(z, y)
            s = pull(z, y)
            if adaptive:
                step_p = real(step / sqrt(user_squares[a, 0]))
                step_q = real(step / sqrt(item_squares[b, 0]))
                sum_p, sum_q = move(P, a, Q, b, step_p, step_q, reg_p, reg_q, l1_p, l1_q, s)
                user_squares[a, 0] += sum_p / n_slow
                item_squares[b, 0] += sum_q / n_slow
                if has_fast and fast:
                    step_p = real(step / sqrt(user_squares[a, 1]))
                    step_q = real(step / sqrt(item_squares[b, 1]))
                    sum_p, sum_q = move_fast(
                        P, a, Q, b, step_p, step_q, reg_p, reg_q, l1_p, l1_q, s
                    )
                    user_squares[a, 1] += sum_p / n_fast
                    item_squares[b, 1] += sum_q / n_fast
            else:
                move(P, a, Q, b, step, step, reg_p, reg_q, l1_p, l1_q, s)
            if biased:
                user_bias[a] += step * (s - reg_p * user_bias[a])
                item_bias[b] += step * (s - reg_q * item_bias[b])
        return total

    return update


def _make_part(lo: int, hi: int, variant: FactorVariant, vectors: bool, compiled: bool) -> Callable:
    """Return the step of the dimensions lo <= d < hi of both rows, with what follows it.

    Under AdaGrad it returns the sums of squared gradients that the accumulators grow by.
    """
    rows = _operations(lo, hi, variant, vectors, compiled)
    step_rows, shrink, squares = rows.move, rows.shrink, rows.squares
    shrinks, sparse = variant.sparse or variant.nonnegative, variant.sparse
    adaptive = variant.adaptive

    def part(P, a, Q, b, step_p, step_q, reg_p, reg_q, l1_p, l1_q, s):
        sums = squares(P, a, Q, b, reg_p, reg_q, s) if adaptive else (0.0, 0.0)
        step_rows(P, a, Q, b, step_p, step_q, reg_p, reg_q, s)
        if shrinks:
            shrink(P, a, l1_p * step_p if sparse else 0.0)
            shrink(Q, b, l1_q * step_q if sparse else 0.0)
        return sums

    return jit(part, inline=True) if compiled else part


def _no_prefetch(X, a):
    """Ask for nothing: short rows come in time."""


def _number(compiled: bool, single: bool) -> Callable[[Any], Any]:
    """Return what turns a number into the arrays' type; interpreted arithmetic is in double."""
    if not compiled:
        return float
    return np.float32 if single else np.float64
