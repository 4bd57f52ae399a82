"""The updates of ``kernels.linear`` in numpy alone: a whole row, or a whole batch, at a time.

With ``batch_size=1`` this is the same sequence of updates as the scalar loop; a row's dot product
is summed in another order, so results agree to rounding, not to the bit.  With larger batches the
gradient of the whole batch is taken at one w, as the scalar loop's batches do.

How the write is done decides what two workers can overwrite (`write`): ``plain`` is the blog's
``w[ix] -= g``, which copies, subtracts and stores a whole row; ``add_at`` adds coordinate by
coordinate and was measured to lose 100 to 600 times fewer updates.

Called by ``models.linear`` through the worker loop, once for every run of rows.
"""

import math
from collections.abc import Callable

import numpy as np

from hogwild.kernels.gates import python_lock, python_turn
from hogwild.kernels.linear import ADAGRAD_FLOOR, Update
from hogwild.kernels.losses import Loss
from hogwild.kernels.records import Variant


def make_update(loss: Loss, variant: Variant) -> Update:
    """Return an update with the signature of ``kernels.linear.make_update``'s."""
    gates = {"locked": python_lock, "turn": python_turn}
    enter, leave = gates[variant.write]() if variant.write in gates else (_open, _open)
    move, move_intercept = _make_move(variant), _make_move_intercept(variant)
    make_loop = _make_batch_loop if variant.batched else _make_row_loop
    return make_loop(loss, move, move_intercept, enter, leave)


def _open(gate, worker):
    """Let everybody through."""


def _make_move(variant: Variant) -> Callable:
    """Return the update of the distinct coordinates `ix`, given gradients and touching shares."""
    filtered, penalised, adaptive, recorded = variant[1:5]
    add_at = variant.write == "add_at"

    def move(ix, g, touch, step, rate, toll, sparse_l2, threshold, shared):
        if filtered:
            passing = np.abs(g) > threshold
            ix, g = ix[passing], g[passing]
            touch = touch[passing] if isinstance(touch, np.ndarray) else touch
        w = shared.w
        unit = step / rate if rate > 0.0 else 1.0  # the scale; a step may underflow to 0
        if adaptive:
            squares = shared.squares[ix] + g * g
            shared.squares[ix] = squares
            slower = 1.0 / (np.sqrt(squares) + ADAGRAD_FLOOR)
            step, rate = step * slower, rate * slower
        if penalised:
            old = w[ix]
            due = step * shared.share[ix] * touch
            new = old - rate * g
            bound = due * toll
            delta = (new - np.clip(new, -bound, bound)) / (1.0 + due * sparse_l2) - old
        else:
            delta = g * -rate
        if add_at:
            np.add.at(w, ix, delta)
        else:
            w[ix] += delta
        if recorded:
            _record(shared.applied, ix, delta, unit)

    return move


def _make_move_intercept(variant: Variant) -> Callable:
    """Return the update of the intercept, the last weight: no penalty, no scale."""
    filtered, adaptive, recorded = variant.filtered, variant.adaptive, variant.recorded

    def move_intercept(g, step, threshold, shared):
        if filtered and abs(g) <= threshold:
            return
        w, last = shared.w, len(shared.w) - 1
        if adaptive:
            shared.squares[last] += g * g
            step = step / (math.sqrt(shared.squares[last]) + ADAGRAD_FLOOR)
        w[last] -= step * g
        if recorded:
            _record(shared.applied, last, -step * g, 1.0)

    return move_intercept


def _record(
    applied: np.ndarray, ix: np.ndarray | int, delta: np.ndarray | float, unit: float
) -> None:
    """Add deltas of distinct coordinates to this worker's sums, their sizes in units of the
    scale, and their number.
    """
    applied[ix] += delta
    applied[-2] += np.abs(delta).sum() * unit
    applied[-1] += np.size(delta)


def _make_row_loop(
    loss: Loss, move: Callable, move_intercept: Callable, enter: Callable, leave: Callable
) -> Update:
    """Return the loop that updates after every row."""
    value, slope = loss.pair()

    def update(start, stop, steps, scale, l2, shared, constants, gate, scratch):
        _, intercept, l1, sparse_l2, threshold, worker = constants
        indices, data, w = shared.indices, shared.data, shared.w
        last = len(w) - 1
        bounds = shared.indptr[start : stop + 1].tolist()
        labels, weights = shared.y[start:stop].tolist(), shared.weight[start:stop].tolist()
        total = 0.0
        for i, step in enumerate(steps.tolist()):
            lo, hi = bounds[i], bounds[i + 1]
            ix, x = indices[lo:hi], data[lo:hi]
            z = float(x.dot(w[ix])) * scale + float(w[last])
            total += weights[i] * value(z, labels[i])
            g = weights[i] * slope(z, labels[i])
            enter(gate, worker)
            move(ix, g * x, 1.0, step, step / scale, l1 / scale, sparse_l2, threshold, shared)
            if intercept:
                move_intercept(g, step, threshold, shared)
            leave(gate, worker)
            scale = scale * (1.0 / (1.0 + step * l2))
        return total

    return update


def _make_batch_loop(
    loss: Loss, move: Callable, move_intercept: Callable, enter: Callable, leave: Callable
) -> Update:
    """Return the loop that updates after every batch, by the mean gradient of its rows."""

    def update(start, stop, steps, scale, l2, shared, constants, gate, scratch):
        batch_size, intercept, l1, sparse_l2, threshold, worker = constants
        indptr, w = shared.indptr, shared.w
        last = len(w) - 1
        total = 0.0
        for first, step in zip(range(start, stop, batch_size), steps.tolist(), strict=True):
            end = min(first + batch_size, stop)
            lo, hi = indptr[first], indptr[end]
            ix, x = shared.indices[lo:hi], shared.data[lo:hi]
            lengths = np.diff(indptr[first : end + 1])
            z = _row_sums(x * w[ix], lengths) * scale + w[last]
            y, weight = shared.y[first:end], shared.weight[first:end]
            total += float(weight @ loss.values(z, y))
            g = weight * loss.slopes(z, y) / (end - first)
            touched, gradient, count = _gather(ix, x * np.repeat(g, lengths), last)
            enter(gate, worker)
            move(
                touched, gradient, count / (end - first), step, step / scale, l1 / scale,
                sparse_l2, threshold, shared,
            )  # fmt: skip
            if intercept:
                move_intercept(float(g.sum()), step, threshold, shared)
            leave(gate, worker)
            scale = scale * (1.0 / (1.0 + step * l2))
        return total

    return update


def _row_sums(products: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the sums of consecutive groups of the given lengths; empty groups give 0."""
    sums = np.zeros(len(lengths))
    filled = lengths > 0
    if filled.any():
        starts = (np.cumsum(lengths) - lengths)[filled]
        sums[filled] = np.add.reduceat(products, starts)
    return sums


def _gather(
    ix: np.ndarray, terms: np.ndarray, n_features: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct coordinates of a batch, the sum of terms of each, and how often it
    occurs.

    A batch that is small beside the number of features is sorted; a large one is counted into
    arrays as long as the weights.
    """
    if 8 * len(ix) < n_features:
        touched, place, count = np.unique(ix, return_inverse=True, return_counts=True)
        return touched, np.bincount(place, terms, minlength=len(touched)), count
    count = np.bincount(ix, minlength=n_features)
    touched = np.flatnonzero(count)
    return touched, np.bincount(ix, terms, minlength=n_features)[touched], count[touched]
