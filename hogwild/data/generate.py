"""Made data with known true weights: the blog's small set, and sparse rows of any size.

Contract: the same seed gives the same bits, and numpy's global random state is neither read nor
changed. The random streams are numpy's own, so no other library's version changes the data.

Called by tests, benchmarks, tutorials and the command line.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hogwild.data.arrays import MAX_FEATURES, Array, float_dtype
from hogwild.data.examples import Examples

BLOG_ROWS, BLOG_FEATURES, BLOG_DENSITY = 20_000, 10, 0.2

_ROWS_AT_A_TIME = 4096
_ROUNDS = 4  # of redrawing, before the few rows left get one exact draw each


def blog_data(seed: int) -> tuple[Examples, Array]:
    """Return data and true weights of the post "Hogwild!? Implementing Async SGD in Python".

    X is 20000 x 10 with exactly 40000 entries at places drawn without repetition, uniform on (0, 1)
    and divided by the largest; w_true is uniform on (0, 1); y = X w_true, without noise. About one
    row in nine (2121 to 2175 for seeds 0 to 4) has no entry at all: y is 0 there, and so is every
    gradient.

    The post sets no seed. Here X is drawn as ``scipy.sparse.random`` draws it from
    ``RandomState(seed)``, and w_true by a second ``RandomState(seed)``, as if
    ``numpy.random.seed(seed)`` and ``numpy.random.uniform`` had been called.

    Parameters
    ----------
    seed : int

    Returns
    -------
    examples : Examples
    w_true : float64 array, shape (10,)

    See Also
    --------
    blog_start : the start weights that follow in the same stream.

    Examples
    --------
    >>> examples, w_true = blog_data(0)
    >>> examples, w_true.shape
    (Examples(20000 rows, 10 features, 40000 entries, float64), (10,))
    >>> int((np.diff(examples.indptr) == 0).sum())
    2175
    """
    stream = np.random.RandomState(seed)
    size = round(BLOG_DENSITY * BLOG_ROWS * BLOG_FEATURES)
    places = stream.choice(BLOG_ROWS * BLOG_FEATURES, size=size, replace=False)
    values = stream.uniform(size=size)
    columns, rows = np.divmod(places, BLOG_ROWS)  # places count down the columns
    order = np.lexsort((columns, rows))
    indptr = np.zeros(BLOG_ROWS + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=BLOG_ROWS), out=indptr[1:])
    columns, data = columns[order].astype(np.int32), values[order] / values.max()
    w_true, _ = _blog_weights(seed)
    # bincount adds up in the order of the entries: the same bits on every machine
    y = np.bincount(rows[order], weights=data * w_true[columns], minlength=BLOG_ROWS)
    return Examples._trusted(indptr, columns, data, y, None, BLOG_FEATURES), w_true


def blog_start(seed: int) -> Array:
    """Return the start weights of the blog's program, N(0, 1) / sqrt(10), shape (10,).

    Examples
    --------
    >>> examples, w_true = blog_data(0)
    >>> round(float(np.abs(examples.y - examples.to_scipy() @ blog_start(0)).mean()), 6)
    0.490057
    """
    return _blog_weights(seed)[1]


def _blog_weights(seed: int) -> tuple[Array, Array]:
    stream = np.random.RandomState(seed)
    w_true = stream.uniform(size=BLOG_FEATURES)
    return w_true, stream.normal(size=BLOG_FEATURES) / np.sqrt(BLOG_FEATURES)


def sparse_classification(
    n_rows: int,
    n_features: int,
    nnz_per_row: int,
    seed: int | np.random.SeedSequence | np.random.Generator,
    *,
    exponent: float = 1.0,
    noise: float = 0.05,
    dtype: npt.DTypeLike = np.float64,
) -> tuple[Examples, Array]:
    """Return rows that look like a text collection's, with labels -1 and +1, and the true weights.

    Each row has exactly `nnz_per_row` different features. They are drawn one after the other with
    probability proportional to rank**-exponent (Zipf's law), repetitions thrown away; which feature
    has which rank is random. Values are tf-idf-like, (1 + log tf) * (1 - log q), with tf geometric
    and q = min(1, nnz_per_row * probability); rows are scaled to length 1. The weights are
    N(0, 1), and the label is the sign of x . w_true, turned round with probability `noise`.

    Parameters
    ----------
    n_rows, n_features, nnz_per_row : int
        100000, 47236 and 75 resemble the collection RCV1.
    seed : int, SeedSequence or Generator
    exponent : float
        0: all features are alike; 1: a few are in almost every row, most in hardly any.
    noise : float
        Fraction of labels turned round, 0 to 1.
    dtype : float64 or float32
        Of the values and labels. Labels are decided in float64.

    Returns
    -------
    examples : Examples
    w_true : float64 array, shape (n_features,)

    Examples
    --------
    >>> examples, w_true = sparse_classification(100, 50, 5, seed=0)
    >>> examples, sorted(set(examples.y.tolist()))
    (Examples(100 rows, 50 features, 500 entries, float64), [-1.0, 1.0])
    """
    float_type = float_dtype(dtype, np.dtype(np.float64), "dtype")
    _check_sizes(n_rows, n_features, nnz_per_row, exponent, noise)
    rng = np.random.default_rng(seed)
    features = _Features.zipf(n_features, exponent, rng)
    rarity = 1.0 - np.log(np.minimum(1.0, np.maximum(nnz_per_row, 1) * features.probability))
    w_true = rng.standard_normal(n_features)
    indices = np.empty((n_rows, nnz_per_row), dtype=np.int32)
    data = np.empty((n_rows, nnz_per_row), dtype=float_type)
    y = np.empty(n_rows, dtype=float_type)
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        rows = slice(start, min(start + _ROWS_AT_A_TIME, n_rows))
        columns = _distinct(rows.stop - start, nnz_per_row, features, rng)
        values = (1.0 + np.log(rng.geometric(0.5, size=columns.shape))) * rarity[columns]
        values /= np.sqrt(np.square(values).sum(axis=1, keepdims=True))
        positive = (values * w_true[columns]).sum(axis=1) >= 0.0
        positive ^= rng.random(len(positive)) < noise
        indices[rows], data[rows], y[rows] = columns, values, np.where(positive, 1.0, -1.0)
    indptr = np.arange(n_rows + 1, dtype=np.int64) * nnz_per_row
    return Examples._trusted(indptr, indices.ravel(), data.ravel(), y, None, n_features), w_true


def _check_sizes(
    n_rows: int, n_features: int, nnz_per_row: int, exponent: float, noise: float
) -> None:
    if n_rows < 0:
        raise ValueError(f"n_rows must be 0 or more, got {n_rows}")
    if not 1 <= n_features <= MAX_FEATURES:
        raise ValueError(f"n_features must be 1 to {MAX_FEATURES}, got {n_features}")
    if not 0 <= nnz_per_row <= n_features:
        raise ValueError(f"nnz_per_row must be 0 to n_features={n_features}, got {nnz_per_row}")
    if not 0.0 <= exponent < np.inf:
        raise ValueError(f"exponent must be 0 or more and finite, got {exponent}")
    if not 0.0 <= noise <= 1.0:
        raise ValueError(f"noise must be 0 to 1, got {noise}")


@dataclass(frozen=True)
class _Features:
    """How often each feature is drawn."""

    probability: Array  # (n_features,)
    ranked: Array  # features by falling probability
    upto: Array  # (n_features,) summed probability of the first ones in `ranked`

    @classmethod
    def zipf(cls, n_features: int, exponent: float, rng: np.random.Generator) -> "_Features":
        share = np.arange(1, n_features + 1, dtype=np.float64) ** -exponent
        share = np.maximum(share / share.sum(), np.finfo(np.float64).tiny)
        ranked = rng.permutation(n_features)
        probability = np.empty(n_features)
        probability[ranked] = share
        upto = np.cumsum(share)
        return cls(probability, ranked, upto / upto[-1])

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return self.ranked[np.searchsorted(self.upto, rng.random(shape), side="right")]


def _distinct(n_rows: int, wanted: int, features: _Features, rng: np.random.Generator) -> Array:
    """Return the first `wanted` different features of each row's stream of draws, rising."""
    result = np.empty((n_rows, wanted), dtype=np.int64)
    if wanted == 0:
        return result
    left = np.arange(n_rows)
    draws = np.empty((n_rows, 0), dtype=np.int64)
    for _ in range(_ROUNDS if 4 * wanted <= len(features.ranked) else 0):
        # rows that have too few go on drawing: starting again would favour rows that repeat little
        draws = np.hstack([draws, features.draw((len(left), wanted + wanted // 2 + 4), rng)])
        first = _first_distinct(draws, wanted)
        done = first[:, 0] >= 0
        result[left[done]] = first[done]
        left, draws = left[~done], draws[~done]
        if not len(left):
            return result
    for row, seen in zip(left, draws, strict=True):
        result[row] = _complete(np.unique(seen), wanted, features, rng)
    return result


def _first_distinct(draws: Array, wanted: int) -> Array:
    """Return the first `wanted` different numbers of each row, rising; -1 where there are fewer."""
    n_rows, n_draws = draws.shape
    # number and place in one integer: sorting brings equal numbers together, earliest first
    keys = draws * n_draws + np.arange(n_draws)
    keys.sort(axis=1)
    numbers, places = np.divmod(keys, n_draws)
    places[:, 1:][numbers[:, 1:] == numbers[:, :-1]] = n_draws
    last = np.partition(places, wanted - 1, axis=1)[:, wanted - 1]
    result = np.full((n_rows, wanted), -1, dtype=np.int64)
    enough = last < n_draws
    kept = places[enough] <= last[enough, None]
    result[enough] = numbers[enough][kept].reshape(-1, wanted)
    return result


def _complete(seen: Array, wanted: int, features: _Features, rng: np.random.Generator) -> Array:
    """Add to the features seen as many others as are missing, by one exact draw over all features.

    The smallest of exponential variables divided by the probabilities are distributed like the
    first different ones of a stream of draws (Efraimidis and Spirakis 2006).
    """
    with np.errstate(divide="ignore", over="ignore"):
        arrival = rng.standard_exponential(len(features.probability)) / features.probability
    arrival[seen] = -1.0
    return np.sort(np.argpartition(arrival, wanted - 1)[:wanted])
