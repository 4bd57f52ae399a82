"""The updates of ``kernels.fields`` in numpy alone: all pairs of a row at once, to the same bits.

The pairs of a row in which no field and no feature repeats touch different vectors, so they can be
read together, moved together and written back together.  Where vectors meet again, as they do when
a field has several entries, the pairs are split into levels, by the rule of ``kernels.levels``:
those of one level share nothing, and level by level is what pair by pair computes.  Which pairs
share a level depends on where the row repeats a field or a feature, not on which: rows that repeat
alike have it in common.  The score is summed from left to right, so in float64 the bits are those
of the scalar loop; in float32 every operation is one of float32, as in libFFM's build without SSE.

Weights are written by ``ufunc.at``, which reads, adds and writes number by number: what
another worker writes is lost in that instant only.  An array's ``+=`` reads all numbers before it
writes the first; on data where every row shares its vectors with every other, two workers so lost
enough to raise the train loss by .0015.

Called by ``models.field_memory`` through the worker loop, once for every run of rows.
"""

import functools
from collections.abc import Callable
from itertools import combinations
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
    width, clipped = variant.width, variant.clipped

    def update(first, stop, data, weights, constants):
        indptr, scale, y = data.indptr, data.scale, data.y
        table, linear = weights.table, weights.linear.reshape(-1)
        real = table.dtype.type
        total = 0.0
        for i in data.order[first:stop].tolist():
            entries = slice(int(indptr[i]), int(indptr[i + 1]))
            fields, features = (part[entries].astype(np.intp) for part in data[2:4])
            values = data.values[entries]
            places, v = _pairs_of_row(fields, features, values, scale[i], constants.n_fields, width)
            one, two = table[places]
            z = _sum(one * two * v)
            if variant.linear:
                values = values * np.sqrt(scale[i])
                z = z + _sum(linear[2 * features] * values)
            if variant.biased:
                z = z + weights.bias[0, 0]
            total += value(float(z), float(y[i]))
            kappa = real(slope(float(z), float(y[i])))
            pull = kappa * v
            for level in _levels(_pattern(fields), _pattern(features), width):
                _move(table, places[:, level], pull[level], width, constants, clipped)
            if variant.linear:
                _move_linear(linear, features, kappa * values, constants, clipped)
            if variant.biased:
                _step(weights.bias[0], np.array([0]), 1, np.array([kappa]), constants, clipped)
        return total

    return update


def _sum(terms: Array) -> Any:
    """Return the sum from left to right, as a loop would add."""
    return np.cumsum(terms)[-1] if len(terms) else terms.dtype.type(0)


@functools.lru_cache(64)
def _places(n: int) -> tuple[Array, Array]:
    return np.triu_indices(n, 1)


def _pairs_of_row(
    fields: Array, features: Array, values: Array, scale: Any, n_fields: int, width: int
) -> tuple[Array, Array]:
    """Return where in the table the numbers of each pair's two vectors are, and v_a v_b R of each.

    The shapes are (2, n_pairs width) and (n_pairs width,): pair by pair, number by number.
    """
    a, b = _places(len(fields))
    vectors = np.array([features[a] * n_fields + fields[b], features[b] * n_fields + fields[a]])
    places = (2 * width * vectors)[:, :, None] + np.arange(width)
    return places.reshape(2, -1), np.repeat(values[a] * values[b] * scale, width)


def _pattern(ids: Array) -> tuple[int, ...]:
    """Return where ids repeat: each by the number of different ones before its first."""
    seen: dict[int, int] = {}
    return tuple(seen.setdefault(number, len(seen)) for number in ids.tolist())


@functools.lru_cache(256)
def _levels(fields: tuple[int, ...], features: tuple[int, ...], width: int) -> list[Any]:
    """Return the numbers of each level's pairs, all at once where no field and no feature repeats.

    Parameters
    ----------
    fields, features : tuple of int
        A row's, as `_pattern` returns them.
    """
    if len(fields) < 2:
        return []
    if max(fields) == max(features) == len(fields) - 1:
        return [slice(None)]
    free: dict[tuple[int, int], int] = {}
    found = []
    for a, b in combinations(range(len(fields)), 2):
        p, q = (features[a], fields[b]), (features[b], fields[a])
        level = max(free.get(p, 0), free.get(q, 0))
        free[p] = free[q] = level + 1
        found.append(level)
    levels = np.repeat(found, width)
    order = np.argsort(levels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(levels[order])) + 1)


def _move(
    table: Array, places: Array, pull: Array, width: int, constants: Any, clipped: bool
) -> None:
    """Make the step of pairs that share no vector."""
    w = table[places]
    g = constants.reg * w + pull * w[::-1]
    _step(table, places.reshape(-1), width, g.reshape(-1), constants, clipped)


def _move_linear(linear: Array, features: Array, g: Array, constants: Any, clipped: bool) -> None:
    """Move the linear weights of a row's entries; entry by entry where a feature comes twice."""
    groups = [slice(None)]
    if len(set(features.tolist())) < len(features):
        groups = [slice(e, e + 1) for e in range(len(features))]
    for group in groups:
        places = 2 * features[group]
        own = g[group] + constants.reg * linear[places]
        _step(linear, places, 1, own, constants, clipped)


def _step(
    numbers: Array, places: Array, to_sums: int, g: Array, constants: Any, clipped: bool
) -> None:
    """Make AdaGrad's step of the weights at these places; each has its G `to_sums` further on."""
    if clipped:
        g = np.clip(g, -constants.clip, constants.clip)
    np.add.at(numbers, places + to_sums, g * g)
    delta = constants.step * g / np.sqrt(numbers[places + to_sums])
    np.subtract.at(numbers, places, delta)


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
