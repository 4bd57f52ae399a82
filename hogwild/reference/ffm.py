"""libFFM on a page: the model, the training and the random numbers of its version 1.23.

A feature has a vector for *each field that a partner may come from* (Juan et al., RecSys 2016).
libFFM's threads are Hogwild! workers; here is what a single one does, digit by digit:

* There is no bias and no linear term. Two entries of the same field are a pair too.
* The penalty acts once a *pair*, on what the pair touches; the sum G has the present gradient.
* The losses of an epoch are taken before each row's own update.
* The pass over the validation rows is shuffled too, and uses up random numbers.
* Auto-stop ends at the first rise, and goes back to the epoch before, G too.

But the logistic loss is the form that can't overflow: libFFM's gives nan where the label times
the score is below -709. Numbers are float32 or float64, as w is.

Numpy only. Imported by tests and tutorials.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.reference import linear

Array = npt.NDArray[Any]


class Row(NamedTuple):
    """A label, -1 or +1, and the three columns of its entries."""

    y: int
    fields: Sequence[int]
    features: Sequence[int]
    values: Sequence[float]


def parse(line: str) -> Row:
    """Return the row of a line ``label field:feature:value ...``; labels above 0 are positive.

    >>> parse("2 0:7:1 3:9:.5")
    Row(y=1, fields=(0, 3), features=(7, 9), values=(1.0, 0.5))
    """
    label, *entries = line.split()
    f, j, v = zip(*(entry.split(":") for entry in entries), strict=True) if entries else ((),) * 3
    y = 1 if int(float(label)) > 0 else -1
    return Row(y, tuple(map(int, f)), tuple(map(int, j)), tuple(map(float, v)))


def pairs(row: Row, w: Array, normalise: bool) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the places (j_a, f_b) and (j_b, f_a) in w of each pair a < b, and v = v_a v_b R.

    R = 1 / sum of v_a^2, or 1. Features and fields that w has no place for count in R only.
    """
    values = np.array(row.values, w.dtype)
    entries = list(zip(row.fields, row.features, values, strict=True))
    R = 1 / np.cumsum(values * values)[-1] if normalise and entries else w.dtype.type(1)
    entries = [entry for entry in entries if entry[1] < w.shape[0] and entry[0] < w.shape[1]]
    for a, (f_a, j_a, v_a) in enumerate(entries):
        for f_b, j_b, v_b in entries[a + 1 :]:
            yield (j_a, f_b), (j_b, f_a), v_a * v_b * R


def score(row: Row, w: Array, normalise: bool = True) -> Any:
    """Return the sum over all pairs of w[j_a, f_b] . w[j_b, f_a] v, added from left to right.

    >>> w = np.array([[[0.0], [1.0]], [[3.0], [0.0]]])  # w[0, 1] = 1 and w[1, 0] = 3
    >>> float(score(parse("1 0:0:1 1:1:1"), w))  # R = 1 / 2
    1.5
    """
    terms = [w[one] * w[two] * v for one, two, v in pairs(row, w, normalise)]
    return np.cumsum(terms, dtype=w.dtype)[-1] if terms else w.dtype.type(0)


def loss_and_slope(row: Row, w: Array, normalise: bool = True) -> tuple[float, float]:
    """Return log(1 + exp(-y score)) and its derivative in the score, in float64."""
    return linear.loss_and_slope("logistic", float(score(row, w, normalise)), float(row.y))


def probability(row: Row, w: Array, normalise: bool = True) -> Any:
    """Return the probability 1 / (1 + exp(-score)) that the label is +1."""
    return 1 / (1 + np.exp(-score(row, w, normalise)))


def update(row: Row, w: Array, G: Array, step: float, reg: float, normalise: bool = True) -> float:
    """Move the vectors of all pairs of a row, pair by pair; return the loss before.

    The slope is taken once, at the old weights. Then for each pair, with w1 and w2 its vectors:

        g1 = reg w1 + slope v w2        g2 = reg w2 + slope v w1        both from the old w1, w2
        G1 <- G1 + g1^2                 w1 <- w1 - step g1 / sqrt(G1)   and so for w2

    Examples
    --------
    >>> w, G = np.array([[[0.0], [0.0]], [[2.0], [0.0]]]), np.full((2, 2, 1), 0.75)
    >>> loss = update(parse("1 0:0:1 1:1:1"), w, G, step=0.1, reg=0.0)  # slope -1/2, v = 1/2
    >>> w[0, 1].item(), G[0, 1].item()  # g1 = -1/2 1/2 2 = -1/2; sqrt(.75 + .25) = 1
    (0.05, 1.0)
    """
    real = w.dtype.type
    loss, slope = loss_and_slope(row, w, normalise)
    step, reg, slope = real(step), real(reg), real(slope)
    for one, two, v in pairs(row, w, normalise):
        g1 = reg * w[one] + slope * v * w[two]
        g2 = reg * w[two] + slope * v * w[one]
        G[one] += g1 * g1
        G[two] += g2 * g2
        w[one] -= step * g1 / np.sqrt(G[one])
        w[two] -= step * g2 / np.sqrt(G[two])
    return loss


def minimal_standard() -> Iterator[int]:
    """Yield x <- 16807 x mod 2^31 - 1 for ever, from x = 1: of the start weights.

    >>> list(islice(minimal_standard(), 3))
    [16807, 282475249, 1622650073]
    """
    x = 1
    while True:
        x = 16807 * x % (2**31 - 1)
        yield x


def glibc_rand() -> Iterator[int]:
    """Yield what rand() of the GNU C library does after srand(1): of the shuffling.

    >>> list(islice(glibc_rand(), 3))
    [1804289383, 846930886, 1681692777]
    """
    r = [1, *islice(minimal_standard(), 30), 1, 16807, 282475249]  # r_i = r_(i-31), three times
    for t in range(-310, 2**62):
        r = [*r[1:], (r[-3] + r[-31]) % 2**32]
        if t >= 0:
            yield r[-1] >> 1


def shuffle(n: int, rand: Iterator[int]) -> list[int]:
    """Return 0 ... n-1 in the order of libstdc++'s ``random_shuffle``: n - 1 numbers are drawn.

    >>> shuffle(10, glibc_rand())
    [4, 3, 7, 8, 0, 5, 2, 1, 6, 9]
    """
    order = list(range(n))
    for i in range(1, n):
        j = next(rand) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def visits(n_rows: int, rand: Iterator[int]) -> list[int]:
    """Return a pass's order of rows. An empty block ends libFFM's file: two to shuffle first."""
    blocks = shuffle(2, rand) if n_rows else []
    return [i for block in blocks for i in shuffle((n_rows, 0)[block], rand)]


def start(n_features: int, n_fields: int, k: int, dtype: Any = np.float32) -> tuple[Array, Array]:
    """Return w, which is random between 0 and 1 / sqrt(k), and G, which is 1."""
    n = n_features * n_fields * k
    x = np.fromiter(islice(minimal_standard(), n), np.int64, n)
    w = (x - 1).astype(np.float32) / np.float32(2**31) * np.float32(1 / np.sqrt(k))
    shape = n_features, n_fields, k
    return w.reshape(shape).astype(dtype), np.ones(shape, dtype)


class Run(NamedTuple):
    """The model, the losses of each epoch in training and validation, and the model's epoch."""

    w: Array
    G: Array
    losses: list[tuple[float, float]]
    epoch: int


def train(
    rows: Sequence[Row],
    validation: Sequence[Row] = (),
    k: int = 4,
    step: float = 0.2,
    reg: float = 2e-5,
    epochs: int = 15,
    normalise: bool = True,
    auto_stop: bool = False,
    dtype: Any = np.float32,
) -> Run:
    """Return what ``ffm-train`` with one thread makes; the defaults are its own.

    w and G have the shape (n_features, n_fields, k), for what is in `rows`. Losses are pairs, nan
    where there are no validation rows.
    """
    n = 1 + max(max(row.features, default=-1) for row in rows)
    m = 1 + max(max(row.fields, default=-1) for row in rows)
    (w, G), rand = start(n, m, k, dtype), glibc_rand()
    losses, best, kept = list[tuple[float, float]](), np.inf, (w, G)
    for epoch in range(1, epochs + 1):
        before = [update(rows[i], w, G, step, reg, normalise) for i in visits(len(rows), rand)]
        unseen = [validation[i] for i in visits(len(validation), rand)]
        after = [loss_and_slope(row, w, normalise)[0] for row in unseen]
        losses.append((sum(before) / len(rows), sum(after) / len(after) if after else np.nan))
        if auto_stop and losses[-1][1] > best:
            return Run(*kept, losses, epoch - 1)
        if auto_stop:
            best, kept = losses[-1][1], (w.copy(), G.copy())
    return Run(w, G, losses, epochs)
