"""Made rows of fields: one long-tailed category a field, labels from planted field-aware factors.

Contract: the same seed gives the same bits, and numpy's global random state is neither read nor
changed. Planted factors and signs are whole numbers, so that their sums are exact in whatever order
a matrix product adds them up.

Called by tests, benchmarks, the reproduction of the articles and the command line.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import MAX_FEATURES, Array, float_dtype
from hogwild.data.field_rows import FieldRows

_SMALLEST = 2  # features of a field, at least
_ROWS_AT_A_TIME = 1 << 14


def generate_fields(
    n_rows: int,
    n_fields: int,
    n_features: int,
    seed: Any,
    *,
    exponent: float = 1.1,
    rank: int = 2,
    signal: float = 2.0,
    dtype: npt.DTypeLike = np.float32,
) -> FieldRows:
    """Return rows that look like hashed click data: one feature of value 1 in each field.

    Field sizes grow as the cube of the field's rank, so that some fields have a handful of features
    and one has a tenth of all. Within a field a feature is drawn with a probability close to
    proportional to rank**-exponent (Zipf's law). Feature numbers are shuffled over all fields, as a
    hash would leave them.

    Labels 1 and 0 follow a planted field-aware machine: with z_j a vector of `rank` random signs
    for each feature, and c_fg a random sign for each pair of fields,

        score = sum over pairs f < g of c_fg z_(j_f) . z_(j_g)        P(y = 1) = 1 / (1 + exp(-s))

    where s is the score over its standard deviation for independent signs, times `signal`. That is
    the model of Juan et al. 2016, eq. 4, with w_(j,g) = c_fg z_j on one side: a plain
    factorization machine, which knows no c_fg, can't represent it.

    Parameters
    ----------
    n_rows, n_fields, n_features : int
        100000, 39 and 527304 have the shape of a piece of Criteo's click data. Each field has two
        features at least; features that are never drawn count in `n_features` all the same.
    seed : int, SeedSequence or Generator
    exponent : float
        0: all features of a field are alike; larger: fewer of them matter. Not negative.
    rank : int
        Length of z.
    signal : float
        Spread of the log odds; 0 makes labels that nobody can learn.
    dtype : float32 or float64
        Of the values.

    Returns
    -------
    rows : FieldRows
        Entries in the order of the fields.

    Examples
    --------
    >>> rows = generate_fields(100, 5, 300, seed=0)
    >>> rows
    FieldRows(100 rows, 5 fields, 300 features, 500 entries, float32)
    >>> rows.fields[:5].tolist(), sorted(set(rows.y.tolist()))
    ([0, 1, 2, 3, 4], [0.0, 1.0])
    """
    float_type = float_dtype(dtype, np.dtype(np.float32), "dtype")
    _check(n_rows, n_fields, n_features, exponent, rank, signal)
    rng = np.random.default_rng(seed)
    sizes = rng.permutation(field_sizes(n_fields, n_features))
    numbers = rng.permutation(n_features).astype(np.int32)
    features = np.empty((n_rows, n_fields), dtype=np.int32)
    first = 0
    for field, size in enumerate(sizes.tolist()):
        ranks = _zipf(rng.random(n_rows, dtype=np.float32), size, exponent)
        features[:, field] = numbers[first + ranks]
        first += size
    y = _labels(features, n_features, rank, signal, rng)
    return FieldRows._trusted(
        np.arange(n_rows + 1, dtype=np.int64) * n_fields,
        np.tile(np.arange(n_fields, dtype=np.int32), n_rows),
        features.ravel(),
        np.ones(n_rows * n_fields, dtype=float_type),
        y,
        n_fields,
        n_features,
    )


def _check(
    n_rows: int, n_fields: int, n_features: int, exponent: float, rank: int, signal: float
) -> None:
    if n_rows < 0 or n_fields < 1:
        raise ValueError(
            f"n_rows must be 0 or more and n_fields 1 or more, got {n_rows} and {n_fields}"
        )
    if not _SMALLEST * n_fields <= n_features <= MAX_FEATURES:
        raise ValueError(
            f"n_features must be {_SMALLEST * n_fields} (two a field) to {MAX_FEATURES}, "
            f"got {n_features}"
        )
    if not (0.0 <= exponent < np.inf and 0.0 <= signal < np.inf) or rank < 1:
        raise ValueError(
            "exponent and signal must be 0 or more and rank 1 or more, "
            f"got {exponent}, {signal} and {rank}"
        )


def field_sizes(n_fields: int, n_features: int) -> Array:
    """Return how many features each field has, rising as cubes, two at least, and all in all
    `n_features`.

    >>> field_sizes(4, 100).tolist()
    [3, 9, 27, 61]
    """
    cubes = np.arange(1, n_fields + 1, dtype=np.float64) ** 3
    spare = n_features - _SMALLEST * n_fields
    borders = np.rint(np.cumsum(cubes) / cubes.sum() * spare).astype(np.int64)
    return np.diff(borders, prepend=0) + _SMALLEST


def _zipf(uniform: Array, size: int, exponent: float) -> Array:
    """Return ranks 0 to size - 1: the density x**-exponent on 1 to size + 1, cut to whole numbers.

    Its distribution function is inverted in closed form: a table of sums would cost ten times more.
    """
    power = 1.0 - exponent
    if abs(power) < 1e-6:
        x = np.exp(uniform * np.float32(np.log(size + 1.0)))
    else:
        top = np.float32((size + 1.0) ** power - 1.0)
        x = (uniform * top + np.float32(1.0)) ** np.float32(1.0 / power)
    return np.clip(x.astype(np.int64) - 1, 0, size - 1)


def _labels(
    features: Array, n_features: int, rank: int, signal: float, rng: np.random.Generator
) -> Array:
    n_rows, n_fields = features.shape
    z = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=(n_features, rank))
    signs = np.triu(rng.choice(np.array([-1.0, 1.0], dtype=np.float32), (n_fields, n_fields)), 1)
    spread = max(1.0, np.sqrt(rank * n_fields * (n_fields - 1) / 2))
    uniform = rng.random(n_rows)
    y = np.empty(n_rows)
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        picked = slice(start, start + _ROWS_AT_A_TIME)
        mine = z[features[picked]]  # rows, fields, rank
        score = np.zeros(len(mine))
        for c in range(rank):
            score += np.einsum("if,if->i", mine[:, :, c] @ signs, mine[:, :, c])
        odds = score * (signal / spread)
        y[picked] = uniform[picked] < 1.0 / (1.0 + np.exp(-odds))
    return y
