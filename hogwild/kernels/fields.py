"""One update of a field-aware factorization machine: score a row, then move all of its pairs.

For a row of entries (field f_a, feature j_a, value v_a) with the label y (Juan et al. 2016, section
3, eq. 4 and algorithm 1; libFFM 1.23)::

    v_ab  = v_a v_b R                        R = 1 / sum_a v_a^2, or 1
    z     = sum_{a<b} w1 . w2 v_ab           w1 = w[j_a, f_b], w2 = w[j_b, f_a]
            (+ bias + sum_a l_{j_a} v_a sqrt(R))
    kappa = slope(z, y)

    then for each pair a < b, one after the other, component by component:
    g1 = reg w1 + kappa v_ab w2              g2 = reg w2 + kappa v_ab w1
    G1 <- G1 + g1^2                          G2 <- G2 + g2^2
    w1 <- w1 - step g1 / sqrt(G1)            w2 <- w2 - step g2 / sqrt(G2)

kappa is taken once a row.  A pair of entries with one feature and one field has one vector for w1
and w2, which makes both steps.  A linear weight moves by g = reg l + kappa v_a sqrt(R), the bias by
kappa alone, each with its own G.  `clip` limits every g: a component beyond it becomes clip, with
its sign.

This module is the scalar loop: it runs as it is, slowly, or compiled by numba, with the same bits
in float64.  Compiled for float32, the operations on pairs are those of ``kernels.field_vectors``.
It and ``kernels.field_numpy`` are the only code that writes to these shared weights.

Called by ``models.field_memory`` through the worker loop, once for every run of rows.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hogwild.kernels.compiled import jit, prefetcher
from hogwild.kernels.field_records import FieldData, FieldVariant, FieldWeights
from hogwild.kernels.losses import Loss

Update = Callable[..., float]
LINE = 16  # entries in a cache line


class EntryOperations(NamedTuple):
    """What is done with the pairs that entry a makes with those behind it, a < b < hi.

    ``join(z, a, hi, r, fields, features, values, table, n_fields)`` returns z + the sum of
    w1 . w2 v_a v_b r, added from left to right; ``move(a, hi, r, kappa, fields, features, values,
    table, n_fields, step, reg, clip)`` makes the step of one pair after the other.
    """

    join: Callable
    move: Callable


def make_entries(variant: FieldVariant) -> EntryOperations:
    """Return the operations as loops over partners and components."""
    width, slot, clipped = variant.width, variant.slot, variant.clipped
    sqrt = math.sqrt

    def join(z, a, hi, r, fields, features, values, table, n_fields):
        own, field, v_a = features[a] * n_fields, fields[a], values[a]
        for b in range(a + 1, hi):
            one = (own + fields[b]) * slot
            two = (features[b] * n_fields + field) * slot
            v = v_a * values[b] * r
            for d in range(width):
                z += table[one + d] * table[two + d] * v
        return z

    def move(a, hi, r, kappa, fields, features, values, table, n_fields, step, reg, clip):
        own, field, v_a = features[a] * n_fields, fields[a], values[a]
        for b in range(a + 1, hi):
            one = (own + fields[b]) * slot
            two = (features[b] * n_fields + field) * slot
            pull = kappa * (v_a * values[b] * r)
            for d in range(width):
                p, q = one + d, two + d
                w1, w2 = table[p], table[q]
                g1 = reg * w1 + pull * w2
                g2 = reg * w2 + pull * w1
                if clipped:
                    g1 = min(max(g1, -clip), clip)
                    g2 = min(max(g2, -clip), clip)
                table[p + width] += g1 * g1
                table[q + width] += g2 * g2
                table[p] -= step * g1 / sqrt(table[p + width])
                table[q] -= step * g2 / sqrt(table[q + width])

    return EntryOperations(join, move)


@functools.cache
def make_update(loss: Loss, variant: FieldVariant, *, compiled: bool, single: bool) -> Update:
    """Return ``update(first, stop, data, weights, constants)``.

    The function updates ``weights`` once for the row at each place first <= p < stop of
    ``data.order``.

    Parameters of the returned function
    -----------------------------------
    first, stop : int
    data : FieldData
    weights : FieldWeights
        Updated in place.
    constants : FieldConstants

    It returns the sum of losses, each before its row's update.

    `single` says that the arrays are float32.
    """
    value, slope = loss.pair()
    if compiled:
        value, slope = jit(value), jit(slope)
    real = _number(compiled, single)
    entries = _operations(variant, compiled, single)
    score = _make_score(variant, entries.join, real, compiled)
    ask = None
    if compiled and single and variant.ahead:
        ask = _make_ask(variant)
    step_at = _make_step(variant.clipped)
    if compiled:
        step_at = jit(step_at, inline=True)
    update = _make_loop(variant, value, slope, score, entries.move, step_at, ask, real)
    return jit(update) if compiled else update


@functools.cache
def make_predict(variant: FieldVariant, *, compiled: bool, single: bool) -> Callable[..., None]:
    """Return ``predict(first, stop, data, weights, n_fields, out)``.

    The function writes z of the rows first <= i < stop into `out`, from its beginning.
    """
    real = _number(compiled, single)
    score = _make_score(variant, _operations(variant, compiled, single).join, real, compiled)

    ask: Any = _make_ask(variant) if compiled and single and variant.ahead else None
    asks = ask is not None

    def predict(first, stop, data, weights, n_fields, out):
        indptr, features = data.indptr, data.features
        for i in range(first, stop):
            if asks and i + 1 < stop:
                for a in range(indptr[i + 1], indptr[i + 2]):
                    ask(weights.table, features[a], n_fields)
            out[i - first] = score(i, data, weights, n_fields)

    return jit(predict) if compiled else predict


def as_plain(record: Any) -> Any:
    """Return the arrays as memoryviews: the interpreted loop reads those faster, same bits."""
    kind: type[FieldData] | type[FieldWeights] = type(record)
    return kind(*(memoryview(array) for array in record))


def _number(compiled: bool, single: bool) -> Callable[[Any], Any]:
    """Return what turns a number into the arrays' type; interpreted arithmetic is in double."""
    if not compiled:
        return float
    return np.float32 if single else np.float64


def _operations(variant: FieldVariant, compiled: bool, single: bool) -> EntryOperations:
    """Return the operations: as vectors, as compiled loops, or as loops."""
    plain = make_entries(variant)
    if not compiled:
        return plain
    if not single:
        return EntryOperations(*(jit(operation) for operation in plain))
    from hogwild.kernels.field_vectors import make_vector_entries

    return EntryOperations(*make_vector_entries(variant))


def _make_ask(variant: FieldVariant) -> Callable:
    from hogwild.kernels.field_vectors import row_prefetcher

    return row_prefetcher(variant)


def _make_score(variant: FieldVariant, join: Callable, real: Callable, compiled: bool) -> Callable:
    """Return ``score(i, data, weights, n_fields)``: z of row i."""
    biased, linear = variant.biased, variant.linear
    sqrt = math.sqrt

    def score(i, data, weights, n_fields):
        _, indptr, fields, features, values, scale, _ = data
        table, slopes, bias = weights
        lo, hi, r = indptr[i], indptr[i + 1], scale[i]
        z = real(0.0)
        for a in range(lo, hi):
            z = join(z, a, hi, r, fields, features, values, table, n_fields)
        if linear:
            root, more = real(sqrt(r)), real(0.0)
            for a in range(lo, hi):
                more += slopes[features[a], 0] * (values[a] * root)
            z += more
        if biased:
            z += bias[0, 0]
        return z

    return jit(score, inline=True) if compiled else score


def _make_step(clipped: bool) -> Callable:
    """Return AdaGrad's step of a single weight, in w[j, 0] with its G in w[j, 1], by gradient g."""
    sqrt = math.sqrt

    def step_at(w, j, g, step, clip):
        if clipped:
            g = min(max(g, -clip), clip)
        w[j, 1] += g * g
        w[j, 0] -= step * g / sqrt(w[j, 1])

    return step_at


def _make_loop(
    variant: FieldVariant,
    value: Callable,
    slope: Callable,
    score: Callable,
    move: Callable,
    step_at: Callable,
    ask: Any,
    real: Callable,
) -> Update:
    """Return the loop over rows."""
    biased, linear, asks = variant.biased, variant.linear, ask is not None
    touch: Any = prefetcher() if asks else None
    sqrt = math.sqrt

    def update(first, stop, data, weights, constants):
        order, indptr, fields, features, values, scale, y = data
        table, slopes, bias = weights
        n_fields, step, reg, clip = constants
        total = 0.0
        for place in range(first, stop):
            i = order[place]
            lo, hi, r = indptr[i], indptr[i + 1], scale[i]
            if asks:
                # what tells where a row's vectors are must itself have come by then
                if place + 4 < stop:
                    later = order[place + 4]
                    touch(indptr, later)
                    touch(scale, later)
                    touch(y, later)
                if place + 2 < stop:
                    later = order[place + 2]
                    for a in range(indptr[later], indptr[later + 1], LINE):
                        touch(fields, a)
                        touch(features, a)
                        touch(values, a)
                if place + 1 < stop:
                    later = order[place + 1]
                    for a in range(indptr[later], indptr[later + 1]):
                        ask(table, features[a], n_fields)
            z = score(i, data, weights, n_fields)
            total += value(z, y[i])
            kappa = real(slope(z, y[i]))
            for a in range(lo, hi):
                move(a, hi, r, kappa, fields, features, values, table, n_fields, step, reg, clip)
            if linear:
                root = real(sqrt(r))
                for a in range(lo, hi):
                    j = features[a]
                    step_at(slopes, j, reg * slopes[j, 0] + kappa * (values[a] * root), step, clip)
            if biased:
                step_at(bias, 0, kappa, step, clip)
        return total

    return update
