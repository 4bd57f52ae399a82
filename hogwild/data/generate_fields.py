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
_USUAL = 0.8  # share of the planted signs that are +1
_ROWS_AT_A_TIME = 1 << 14


def generate_fields(
    n_rows: int,
    n_fields: int,
    n_features: int,
    seed: Any,
    *,
    exponent: float = 1.1,
    rank: int = 2,
    partners: float = 4.0,
    signal: float = 3.0,
    dtype: npt.DTypeLike = np.float32,
) -> FieldRows:
    """Return rows that look like hashed click data: one feature of value 1 in each field.

    Field sizes grow as the cube of the field's rank, so that some fields have a handful of features
    and one has a tenth of all. Within a field a feature is drawn with a probability close to
    proportional to rank**-exponent (Zipf's law). Feature numbers are shuffled over all fields, as a
    hash would leave them.

    Labels 1 and 0 follow a planted field-aware machine. With z_j a vector of `rank` signs for each
    feature, four in five of them +1, and c_fg = -1, 0 or +1 for each pair of fields,

        score = sum over pairs f < g of c_fg z_(j_f) . z_(j_g)
        P(y = 1) = 1 / (1 + exp(-signal t)),  t = the score, less its mean, over its deviation

    which is the model of Juan et al. 2016, eq. 4, with w_(j,g) = c_fg z_j on one side; a plain
    factorization machine knows no c_fg and does worse. With the sizes below and the defaults, true
    probabilities have a log loss of .36; how near to it a fit comes depends on how often it sees
    each feature.

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
    partners : float
        With how many other fields a field interacts, in the mean.
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
    _check(
        n_rows,
        n_fields,
        n_features,
        rank,
        exponent=exponent,
        partners=partners,
        signal=signal,
    )
    rng = np.random.default_rng(seed)
    sizes = rng.permutation(field_sizes(n_fields, n_features))
    numbers = rng.permutation(n_features).astype(np.int32)
    features = np.empty((n_rows, n_fields), dtype=np.int32)
    first = 0
    for field, size in enumerate(sizes.tolist()):
        ranks = _zipf(rng.random(n_rows, dtype=np.float32), size, exponent)
        features[:, field] = numbers[first + ranks]
        first += size
    y = _labels(features, n_features, rank, partners, signal, rng)
    return FieldRows._trusted(
        np.arange(n_rows + 1, dtype=np.int64) * n_fields,
        np.tile(np.arange(n_fields, dtype=np.int32), n_rows),
        features.ravel(),
        np.ones(n_rows * n_fields, dtype=float_type),
        y,
        n_fields,
        n_features,
    )


def _check(n_rows: int, n_fields: int, n_features: int, rank: int, **not_negative: float) -> None:
    if n_rows < 0 or n_fields < 1:
        raise ValueError(
            f"n_rows must be 0 or more and n_fields 1 or more, got {n_rows} and {n_fields}"
        )
    if not _SMALLEST * n_fields <= n_features <= MAX_FEATURES:
        raise ValueError(
            f"n_features must be {_SMALLEST * n_fields} (two a field) to {MAX_FEATURES}, "
            f"got {n_features}"
        )
    if rank < 1:
        raise ValueError(f"rank must be 1 or more, got {rank}")
    for name, number in not_negative.items():
        if not 0.0 <= number < np.inf:
            raise ValueError(f"{name} must be 0 or more and finite, got {number}")


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
    features: Array,
    n_features: int,
    rank: int,
    partners: float,
    signal: float,
    rng: np.random.Generator,
) -> Array:
    n_rows, n_fields = features.shape
    z = np.where(rng.random((n_features, rank)) < _USUAL, np.float32(1), np.float32(-1))
    shape = (n_fields, n_fields)
    met = rng.random(shape) * max(1, n_fields - 1) < partners
    signs = np.triu(np.where(rng.random(shape) < 0.5, np.float32(-1), np.float32(1)) * met, 1)
    score = np.zeros(n_rows, dtype=np.int64)
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        picked = slice(start, start + _ROWS_AT_A_TIME)
        mine = z[features[picked]]  # rows, fields, rank
        for c in range(rank):
            products = np.einsum("if,if->i", mine[:, :, c] @ signs, mine[:, :, c])
            score[picked] += products.astype(np.int64)
    # whole numbers up to the square root, so that the same bits come out on every machine
    total, squares = int(score.sum()), int((score * score).sum())
    spread = np.sqrt(float(max(1, n_rows * squares - total * total)))
    odds = (n_rows * score - total) * (signal / spread)
    return (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-odds))).astype(np.float64)
