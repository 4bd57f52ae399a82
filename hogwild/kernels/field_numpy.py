"""The updates of ``kernels.fields`` in numpy alone: all pairs of a row at once, to the same bits.

The pairs of a row in which no field and no feature repeats touch different vectors, so they can be
read together, moved together and written back together.  Where vectors meet again, as they do when
a field has several entries, the pairs are split into levels, by the rule of ``kernels.levels``:
those of one level share nothing, and level by level is what pair by pair computes.  The score is
summed from left to right, so in float64 the bits are those of the scalar loop; in float32 every
operation is one of float32, as in libFFM's build without SSE.

Called by ``models.field_memory`` through the worker loop, once for every run of rows.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from hogwild.kernels.field_records import FieldVariant
from hogwild.kernels.fields import Update
from hogwild.kernels.losses import Loss

Array = np.ndarray
MANY = 200_000  # pairs that are predicted at once: their temporary arrays stay in the cache


def make_update(loss: Loss, variant: FieldVariant) -> Update:
    """Return an update with the signature of ``kernels.fields.make_update``'s."""
    value, slope = loss.pair()
    move = _make_move(variant)

    def update(first, stop, data, weights, constants):
        indptr, scale, y = data.indptr, data.scale, data.y
        table = weights.table.reshape(-1, 2, variant.width)
        real = table.dtype.type
        total = 0.0
        for i in data.order[first:stop].tolist():
            entries = slice(int(indptr[i]), int(indptr[i + 1]))
            fields, features = (part[entries].astype(np.intp) for part in data[2:4])
            values = data.values[entries]
            one, two, v = _pairs_of_row(fields, features, values, scale[i], constants.n_fields)
            terms = table[one, 0] * table[two, 0] * v[:, None]
            z = _sum(terms.reshape(-1))
            if variant.linear:
                values = values * np.sqrt(scale[i])
                z = z + _sum(weights.linear[features, 0] * values)
            if variant.biased:
                z = z + weights.bias[0, 0]
            total += value(float(z), float(y[i]))
            kappa = real(slope(float(z), float(y[i])))
            pull = (kappa * v)[:, None]
            for level in _levels(one, two, fields, features):
                move(table, one[level], two[level], pull[level], constants)
            if variant.linear:
                _move_linear(weights.linear, features, kappa * values, constants, variant.clipped)
            if variant.biased:
                _move_bias(weights.bias[0], kappa, constants, variant.clipped)
        return total

    return update


def _sum(terms: Array) -> Any:
    """Return the sum from left to right, as a loop would add."""
    return np.cumsum(terms)[-1] if len(terms) else terms.dtype.type(0)


@functools.lru_cache(64)
def _places(n: int) -> tuple[Array, Array]:
    return np.triu_indices(n, 1)


def _pairs_of_row(
    fields: Array, features: Array, values: Array, scale: Any, n_fields: int
) -> tuple[Array, Array, Array]:
    """Return the two vectors of each pair of a row, by number, and v_a v_b R."""
    a, b = _places(len(fields))
    return (
        features[a] * n_fields + fields[b],
        features[b] * n_fields + fields[a],
        values[a] * values[b] * scale,
    )


def _levels(one: Array, two: Array, fields: Array, features: Array) -> list[Any]:
    """Return the pairs of each level; all at once where neither a field nor a feature repeats."""
    if len(one) == 0:
        return []
    if all(len(set(ids.tolist())) == len(ids) for ids in (fields, features)):
        return [slice(None)]
    free: dict[int, int] = {}
    found = []
    for p, q in zip(one.tolist(), two.tolist(), strict=True):
        level = max(free.get(p, 0), free.get(q, 0))
        free[p] = free[q] = level + 1
        found.append(level)
    levels = np.array(found)
    order = np.argsort(levels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(levels[order])) + 1)


def _make_move(variant: FieldVariant) -> Callable:
    """Return the step of pairs that share no vector.

    Each array is read again right before it is written: whatever another worker writes meanwhile is
    lost, and most of a row's time is spent elsewhere.
    """
    clipped = variant.clipped

    def move(table, one, two, pull, constants):
        step, reg = constants.step, constants.reg
        w, G = table[:, 0], table[:, 1]
        w1, w2 = w[one], w[two]
        g1 = reg * w1 + pull * w2
        g2 = reg * w2 + pull * w1
        if clipped:
            np.clip(g1, -constants.clip, constants.clip, out=g1)
            np.clip(g2, -constants.clip, constants.clip, out=g2)
        G[one] += g1 * g1
        G[two] += g2 * g2
        delta = step * g1 / np.sqrt(G[one])
        w[one] -= delta
        delta = step * g2 / np.sqrt(G[two])
        w[two] -= delta

    return move


def _move_linear(linear: Array, features: Array, g: Array, constants: Any, clipped: bool) -> None:
    """Move the linear weights of a row's entries; entry by entry where a feature comes twice."""
    groups = [features]
    if len(set(features.tolist())) < len(features):
        groups = [features[e : e + 1] for e in range(len(features))]
    done = 0
    for group in groups:
        own = g[done : done + len(group)] + constants.reg * linear[group, 0]
        done += len(group)
        if clipped:
            own = np.clip(own, -constants.clip, constants.clip)
        linear[group, 1] += own * own
        linear[group, 0] -= constants.step * own / np.sqrt(linear[group, 1])


def _move_bias(bias: Array, g: Any, constants: Any, clipped: bool) -> None:
    if clipped:
        g = min(max(g, -constants.clip), constants.clip)
    bias[1] += g * g
    bias[0] -= constants.step * g / np.sqrt(bias[1])


def make_predict(variant: FieldVariant) -> Callable[..., None]:
    """Return a function with the signature of ``kernels.fields.make_predict``'s.

    It takes many rows at once, and sums their pairs in an order of numpy's choice.
    """

    def predict(first, stop, data, weights, n_fields, out):
        lengths = np.diff(data.indptr[first : stop + 1])
        pairs = np.cumsum(lengths * (lengths - 1) // 2)
        begin = 0
        while begin < stop - first:
            before = int(pairs[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(pairs, before + MANY, side="right")))
            out[begin:end] = _scores(first + begin, first + end, data, weights, n_fields, variant)
            begin = end

    return predict


def _scores(
    first: int, stop: int, data: Any, weights: Any, n_fields: int, variant: FieldVariant
) -> Array:
    lo, hi = int(data.indptr[first]), int(data.indptr[stop])
    lengths = np.diff(data.indptr[first : stop + 1])
    fields, features = (part[lo:hi].astype(np.intp) for part in data[2:4])
    values, scale = data.values[lo:hi], data.scale[first:stop]
    # each entry's partners are those behind it in its row
    partners = np.repeat(data.indptr[first + 1 : stop + 1] - lo, lengths) - np.arange(hi - lo) - 1
    a = np.repeat(np.arange(hi - lo), partners)
    b = a + 1 + np.arange(len(a)) - np.repeat(np.cumsum(partners) - partners, partners)
    rows = np.repeat(np.arange(stop - first), lengths)
    table = weights.table.reshape(-1, variant.slot)[:, : variant.width]
    w1, w2 = table[features[a] * n_fields + fields[b]], table[features[b] * n_fields + fields[a]]
    products = np.einsum("pd,pd->p", w1, w2) * (values[a] * values[b] * scale[rows[a]])
    z = np.bincount(rows[a], products, stop - first).astype(np.float64)  # int64 without a pair
    if variant.linear:
        shares = weights.linear[features, 0] * (values * np.sqrt(scale[rows]))
        z += np.bincount(rows, shares, stop - first)
    return z + weights.bias[0, 0] if variant.biased else z
