"""The updates of ``kernels.factors`` in numpy alone: a whole level at a time, and still sequential.

The ratings of a level share no user and no item (``kernels.levels``), so their rows can be read
together, moved together and written back together: the same updates as one after the other.  Only
a row's dot product is summed in another order, so results agree to rounding.  This *is* sequential
SGD, at the speed of array operations.

Called by ``models.factor_memory`` through the worker loop, once for every block.
"""

import functools
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from hogwild.kernels.factor_records import N_SLOW, FactorVariant
from hogwild.kernels.factors import Update, share_of_slope
from hogwild.kernels.losses import Loss

Array = np.ndarray


def make_update(loss: Loss, variant: FactorVariant) -> Update:
    """Return an update with the signature of ``kernels.factors.make_update``'s.

    Its `borders` must name each level: the ratings borders[j] <= t < borders[j + 1] are disjoint.
    """
    share = -share_of_slope(loss)
    biased = variant.biased
    move = _make_move(variant)
    room: list[Array] = []

    def update(borders, entries, factors, step, constants):
        base, stop = int(borders[0]), int(borders[-1])
        # numpy wants indices of its own size, and would turn them at each of the four uses
        u, i = (part[base:stop].astype(np.intp) for part in entries[:2])
        r = entries.r[base:stop]
        P, Q = factors.P, factors.Q
        real = P.dtype.type
        step, mean = real(step), real(constants.mean)
        limits = (borders - base).tolist()
        longest = int(np.diff(borders).max(initial=0))
        if not room or len(room[0]) < longest:  # the same room for every level of every block
            room[:] = [np.empty((longest, P.shape[1]), P.dtype) for _ in range(5)]
        whole_p, whole_q = _as_items(P), _as_items(Q)
        total = 0.0
        for first, stop in itertools.pairwise(limits):
            a, b, y = u[first:stop], i[first:stop], r[first:stop]
            p, q, *free = [array[: stop - first] for array in room]
            P.take(a, 0, p, "clip")
            Q.take(b, 0, q, "clip")
            z = np.einsum("td,td->t", p, q)
            if biased:
                user_bias, item_bias = factors.user_bias[a], factors.item_bias[b]
                z = mean + user_bias + item_bias + z
            total += float(loss.values(z, y).sum())
            s = real(share) * loss.slopes(z, y)
            move(a, b, p, q, free, s, step, factors, constants)
            whole_p[a], whole_q[b] = _as_items(p), _as_items(q)
            if biased:
                factors.user_bias[a] = user_bias + step * (s - real(constants.reg_p) * user_bias)
                factors.item_bias[b] = item_bias + step * (s - real(constants.reg_q) * item_bias)
        return total

    return update


def _as_items(rows: Array) -> Array:
    """Return the rows as items of one dimension: they are written three times as fast."""
    return rows.view(_item(rows.shape[1] * rows.itemsize))[:, 0]


@cache
def _item(size: int) -> np.dtype:
    """A type of so many bytes; numpy loses a Ctrl-C that comes while it makes one."""
    return np.dtype((np.void, size))


def make_predict(variant: FactorVariant) -> Callable[..., None]:
    """Return ``predict(u, i, factors, mean, out)``, which writes z of every pair into `out`."""
    rows = max(1, (1 << 18) // variant.width)

    def predict(u, i, factors, mean, out):
        for first in range(0, len(u), rows):
            a, b = u[first : first + rows], i[first : first + rows]
            z = np.einsum("td,td->t", factors.P[a], factors.Q[b])
            if variant.biased:
                z += mean + factors.user_bias[a] + factors.item_bias[b]
            out[first : first + rows] = z

    return predict


def _make_move(variant: FactorVariant) -> Callable[..., None]:
    """Return the step of the gathered rows p and q, in place; `free` is room to work in."""
    finish = _make_finish(variant)
    if not variant.adaptive:

        def plain_move(a, b, p, q, free, s, step, factors, constants):
            real = p.dtype.type
            _pull(p, q, free, s, step, step, real(constants.reg_p), real(constants.reg_q))
            finish(p, q, step, step, constants)

        return plain_move

    parts = [(0, min(N_SLOW, variant.width))]
    if variant.width > N_SLOW:
        parts.append((N_SLOW, variant.width))

    def move(a, b, p, q, free, s, step, factors, constants):
        real = p.dtype.type
        reg_p, reg_q = real(constants.reg_p), real(constants.reg_q)
        for column, (lo, hi) in enumerate(parts):
            if column == 1 and not constants.fast:
                continue
            p_part, q_part = p[:, lo:hi], q[:, lo:hi]
            G, H = factors.user_squares[a, column], factors.item_squares[b, column]
            step_p, step_q = (step / np.sqrt(G))[:, None], (step / np.sqrt(H))[:, None]
            g_p = s[:, None] * q_part - reg_p * p_part
            g_q = s[:, None] * p_part - reg_q * q_part
            n = real(constants.n_fast if column else N_SLOW)
            factors.user_squares[a, column] = G + np.einsum("td,td->t", g_p, g_p) / n
            factors.item_squares[b, column] = H + np.einsum("td,td->t", g_q, g_q) / n
            p_part += step_p * g_p
            q_part += step_q * g_q
            finish(p_part, q_part, step_p, step_q, constants)

    return move


def _pull(
    p: Array,
    q: Array,
    free: list[Array],
    s: Array,
    step_p: Any,
    step_q: Any,
    reg_p: Any,
    reg_q: Any,
) -> None:
    """Do what ``move`` of ``kernels.rows`` does, operation by operation, to all rows."""
    x, y, z = free
    s = s[:, None]
    np.multiply(s, q, x)
    np.multiply(s, p, y)
    x -= np.multiply(p, reg_p, z)
    y -= np.multiply(q, reg_q, z)
    x *= step_p
    y *= step_q
    p += x
    q += y


def _make_finish(variant: FactorVariant) -> Callable[..., None]:
    """Return what follows a step: the L1 penalty, and the bound at 0."""
    if not (variant.sparse or variant.nonnegative):
        return lambda p, q, step_p, step_q, constants: None
    sparse, bound = variant.sparse, functools.partial(np.maximum, 0.0)

    def finish(p, q, step_p, step_q, constants):
        real = p.dtype.type
        for rows, step, l1 in ((p, step_p, constants.l1_p), (q, step_q, constants.l1_q)):
            if sparse:
                rows -= np.clip(rows, -real(l1) * step, real(l1) * step)
            if variant.nonnegative:
                bound(rows, out=rows)

    return finish
