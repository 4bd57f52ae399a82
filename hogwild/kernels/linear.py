"""One update of a sparse linear model: read the row's coordinates, take the slope, write them back.

For an example (x, y) with the coordinates e = {j : x_j stored} (Niu et al. 2011, Algorithm 1)::

    z   = b + sum_{j in e} x_j w_j          g = slope(z, y)
    w_j <- w_j - step g x_j   for j in e    b <- b - step g

A batch of several rows uses one w for all its slopes and writes the mean of their gradients once.
This module is the scalar loop: it runs as it is, slowly, or compiled by numba, with the same bits
in float64.  It and ``kernels.linear_numpy`` are the only code that writes to shared weights.

How the penalties stay sparse:

* L2, dense (``l2``): the weights are kept as w = scale * v, and a step's shrinking of *all*
  coordinates is one division of ``scale``, which follows from the number of the update and so needs
  no sharing.  ``fit`` folds it back into the weights.
* L1, and the paper's sparse L2 (``l1``, ``sparse_l2``): a coordinate that occurs in d of m examples
  pays ``share = m / d`` of the penalty whenever it is touched, so that a whole epoch pays exactly
  the penalty of the objective; the payment is a proximal step, which is stable for any size.

Called by ``models.linear`` through the worker loop, once for every run of rows.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hogwild.kernels.compiled import atomics, jit, prefetcher
from hogwild.kernels.gates import compiled_lock, compiled_turn, python_lock, python_turn
from hogwild.kernels.losses import Loss
from hogwild.kernels.records import Shared, Variant

AHEAD = 20  # entries between asking for a weight and reading it
ADAGRAD_FLOOR = (
    1e-10  # added to the root, so that a coordinate without any gradient divides by no zero
)


Update = Callable[..., float]


@functools.cache
def make_update(loss: Loss, variant: Variant, *, compiled: bool) -> Update:
    """Return ``update(start, stop, steps, scale, l2, shared, constants, gate, scratch)``.

    The function updates ``shared.w`` once for every batch of rows start <= i < stop.

    Parameters of the returned function
    -----------------------------------
    start, stop : int
        Rows of the run.
    steps : float64 array, shape (n_batches,)
        The learning rate of each update of the run.
    scale : float
        What ``w`` is multiplied by at the start of the run; below, L2's dense weight `l2` shrinks
        it.
    gate : object
        The lock or the turn of ``kernels.gates``; any value where the write needs none.
    scratch : tuple of arrays
        The worker's own zeros for a batch, from ``make_scratch``.

    It returns the sum of weighted losses, each before its row's update.
    """
    value, slope = loss.pair()
    add = _add
    if compiled:
        value, slope = jit(value), jit(slope)
        add = jit(_atomic_add()) if variant.write == "atomic" else jit(_add)
    prefetch = prefetcher() if compiled else None
    enter, leave = _gate(variant.write, compiled)
    move = _make_move(variant, add)
    if compiled:
        move = jit(move, inline=True)
    make_loop = _make_batch_loop if variant.batched else _make_row_loop
    update = make_loop(value, slope, move, enter, leave, prefetch)
    return jit(update) if compiled else update


def make_scratch(n_weights: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a worker's own gradient, row counts and list of touched coordinates, for batches."""
    return (
        np.zeros(n_weights),
        np.zeros(n_weights, dtype=np.int64),
        np.zeros(n_weights, dtype=np.int64),
    )


def as_plain(arrays: Any) -> Any:
    """Return the arrays as memoryviews: the interpreted loop reads those faster, same bits."""
    views = [memoryview(array) for array in arrays]
    return Shared(*views) if isinstance(arrays, Shared) else tuple(views)


def _add(w, j, delta):
    w[j] += delta


def _atomic_add():
    atomic = atomics().add

    def add(w, j, delta):
        atomic(w, j, delta)

    return add


def _no_gate(gate, worker):
    pass


def _gate(write: str, compiled: bool) -> tuple[Callable, Callable]:
    """Return enter and leave of the gate that this way of writing needs."""
    if write == "locked":
        return compiled_lock() if compiled else python_lock()
    if write == "turn":
        return compiled_turn() if compiled else python_turn()
    return (jit(_no_gate), jit(_no_gate)) if compiled else (_no_gate, _no_gate)


def _make_move(variant: Variant, add: Callable) -> Callable:
    """Return the update of one coordinate j, given its gradient g and the share of rows touching
    it.

    `rate` is step / scale and `toll` is l1 / scale, the same for a whole row.
    """
    filtered, penalised, adaptive, recorded = variant[1:5]
    sqrt, floor = math.sqrt, ADAGRAD_FLOOR

    def move(j, g, touch, step, rate, toll, sparse_l2, threshold, w, share, squares, applied):
        if filtered and abs(g) <= threshold:
            return
        if adaptive:
            squares[j] += g * g
            slower = 1.0 / (sqrt(squares[j]) + floor)
            step = step * slower
            rate = rate * slower
        if penalised:
            old = w[j]
            due = step * share[j] * touch
            new = old - rate * g
            bound = due * toll
            delta = (new - min(max(new, -bound), bound)) / (1.0 + due * sparse_l2) - old
        else:
            delta = -(rate * g)
        add(w, j, delta)
        if recorded:
            applied[j] += delta
            # the intercept, which has no scale, has rate == step; a step may underflow to 0
            applied[len(w)] += abs(delta) * (step / rate if rate > 0.0 else 1.0)
            applied[len(w) + 1] += 1.0

    return move


def _make_row_loop(
    value: Callable,
    slope: Callable,
    move: Callable,
    enter: Callable,
    leave: Callable,
    prefetch: Any,
) -> Update:
    """Return the loop that updates after every row."""
    asks, ahead = prefetch is not None, AHEAD

    def update(start, stop, steps, scale, l2, shared, constants, gate, scratch):
        indptr, indices, data, y, weight, w, share, squares, applied = shared
        _, intercept, l1, sparse_l2, threshold, worker = constants
        last = len(w) - 1
        final = indptr[stop] - 1
        total = 0.0
        for i in range(start, stop):
            step = steps[i - start]
            rate = step / scale
            toll = l1 / scale
            lo, hi = indptr[i], indptr[i + 1]
            z = 0.0
            for k in range(lo, hi):
                if asks:
                    prefetch(w, indices[min(k + ahead, final)])
                z += data[k] * w[indices[k]]
            z = z * scale + w[last]
            total += weight[i] * value(z, y[i])
            g = weight[i] * slope(z, y[i])
            enter(gate, worker)
            for k in range(lo, hi):
                j = indices[k]
                move(
                    j, g * data[k], 1.0, step, rate, toll, sparse_l2, threshold,
                    w, share, squares, applied,
                )  # fmt: skip
            if intercept:
                move(last, g, 1.0, step, step, 0.0, 0.0, threshold, w, share, squares, applied)
            leave(gate, worker)
            scale = scale * (1.0 / (1.0 + step * l2))
        return total

    return update


def _make_batch_loop(
    value: Callable,
    slope: Callable,
    move: Callable,
    enter: Callable,
    leave: Callable,
    prefetch: Any,
) -> Update:
    """Return the loop that updates after every batch, by the mean gradient of its rows."""
    asks, ahead = prefetch is not None, AHEAD

    def update(start, stop, steps, scale, l2, shared, constants, gate, scratch):
        indptr, indices, data, y, weight, w, share, squares, applied = shared
        batch_size, intercept, l1, sparse_l2, threshold, worker = constants
        gradient, count, touched = scratch
        last = len(w) - 1
        final = indptr[stop] - 1
        total = 0.0
        for first in range(start, stop, batch_size):
            end = min(first + batch_size, stop)
            step = steps[(first - start) // batch_size]
            rate = step / scale
            toll = l1 / scale
            n_touched = 0
            intercept_gradient = 0.0
            for i in range(first, end):
                lo, hi = indptr[i], indptr[i + 1]
                z = 0.0
                for k in range(lo, hi):
                    if asks:
                        prefetch(w, indices[min(k + ahead, final)])
                    z += data[k] * w[indices[k]]
                z = z * scale + w[last]
                total += weight[i] * value(z, y[i])
                g = weight[i] * slope(z, y[i]) / (end - first)
                intercept_gradient += g
                for k in range(lo, hi):
                    j = indices[k]
                    if count[j] == 0:
                        touched[n_touched] = j
                        n_touched += 1
                    count[j] += 1
                    gradient[j] += g * data[k]
            enter(gate, worker)
            for t in range(n_touched):
                j = touched[t]
                touch = count[j] / (end - first)
                move(
                    j, gradient[j], touch, step, rate, toll, sparse_l2, threshold,
                    w, share, squares, applied,
                )  # fmt: skip
                gradient[j] = 0.0
                count[j] = 0
            if intercept:
                move(
                    last, intercept_gradient, 1.0, step, step, 0.0, 0.0, threshold,
                    w, share, squares, applied,
                )  # fmt: skip
            leave(gate, worker)
            scale = scale * (1.0 / (1.0 + step * l2))
        return total

    return update
