"""The row that meets most rows, found exactly by bounds instead of the matrix product B B^T.

Two rows meet if they share a feature. Contract: `widest_row` takes a boolean CSR pattern and
returns a row that attains the maximum, and the maximum; no bound is a guess, so the answer is
exact. Steps:

1. identical rows are counted once, with a weight (`_distinct`);
2. rows that promise most are counted outright: a good figure to beat, early;
3. bounds strike out the rows that can't beat it (`_by_degrees`, `_by_witnesses`);
4. the rows left over are counted one by one, in falling order of promise (`_count_all`).

Called by `hogwild.models.sparsity`; the counting itself is `hogwild.models.union`.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hogwild.models.union import UnionSizes, chunks, popcount

Ints = npt.NDArray[np.int64]

_BATCH = 32  # rows counted at a time; the first are enough for a good figure to beat
_WORDS = 160  # asking 64 witnesses costs a row about 1/160 of what counting it costs


@dataclass
class _Search:
    """The rows that are left, and the best one found."""

    rows: sparse.csr_matrix  # distinct, none empty
    weight: Ints  # how many rows of the data each stands for
    total: int  # the summed weight: what no row can exceed
    alive: Ints  # rows that may still beat the best, the most promising first
    best: int = 0
    best_row: int = 0
    degree: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.degree = _degrees(self.rows, self.weight)

    @property
    def gap(self) -> int:
        """What the best row fails to meet: who fails to meet as much can't beat it."""
        return self.total - self.best


def widest_row(pattern: sparse.csr_matrix) -> tuple[int, int]:
    """Return the row that meets most rows, itself included, and their number.

    Parameters
    ----------
    pattern : boolean csr_matrix in canonical format, at least one row not empty

    Returns
    -------
    row, met : int

    Examples
    --------
    >>> widest_row(sparse.csr_matrix(np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], bool)))
    (1, 3)
    """
    first, weight = _distinct(pattern)
    rows = pattern[first] if len(first) < pattern.shape[0] else pattern
    search = _Search(rows, weight, int(weight.sum()), np.arange(len(first)))
    # were features independent, a row would miss the product of the shares that lack each feature
    lacking = np.maximum(1 - search.degree / search.total, 0.5 / search.total)
    search.alive = np.argsort(per_row(np.add, rows, np.log(lacking)), kind="stable")
    reach = per_row(np.add, rows, search.degree)
    hard_first = np.argsort(reach, kind="stable")

    everything = [UnionSizes(rows, weight)]
    _count_some(search, everything)
    _by_degrees(search, hard_first)
    _by_witnesses(search, hard_first)
    _count_all(search, everything, hard_first)
    return int(first[search.best_row]), search.best


def _by_degrees(search: _Search, hard_first: Ints) -> None:
    """Strike out rows by sums of degrees.

    For any set A of rows, row e meets at most all the rows outside A, and inside A at most
    sum over v in e of d_v(A), the rows of A that have v. Rows of few and rare features make
    the best A: few of them are met twice. Tried are all rows, the hardest quarter, sixteenth, ...
    """
    size = len(hard_first)
    while size >= 64 and len(search.alive):
        hard = hard_first[:size]
        weight = search.weight[hard]
        whole = size == len(hard_first)  # no copy for these: it would be the largest
        inside = search.degree if whole else _degrees(search.rows[hard], weight)
        sample = search.alive[:: 1 + len(search.alive) // 1000]
        # all rows are tried only where the sample says that it pays
        for some in (sample, search.alive):
            missed = int(weight.sum()) - per_row(np.add, search.rows[some], inside)
            if (missed >= search.gap).mean() < 0.1:
                break
        else:
            search.alive = search.alive[missed < search.gap]
        size //= 4


def _by_witnesses(search: _Search, hard_first: Ints) -> None:
    """Strike out rows that miss as many of a few hard rows as the best row misses of all.

    64 witnesses fit a word: each feature has the word of the witnesses that it occurs in, and what
    a row meets is the OR of its features' words. Stops when too few rows fall for the trouble.
    """
    if len(search.alive) == 0:
        return
    alive, missed = search.alive, np.zeros(len(search.alive), np.int64)
    rows, n_struck = search.rows[alive], 0
    for n in range(len(hard_first) // 64):
        witnesses = hard_first[64 * n : 64 * n + 64]
        words = np.zeros(search.rows.shape[1], np.uint64)
        for bit, features in enumerate(np.split(*_flat(search.rows, witnesses))):
            words[features] |= np.uint64(1 << bit)
        lightest = int(search.weight[witnesses].min())
        missed += lightest * (64 - popcount(per_row(np.bitwise_or, rows, words)))
        left = missed < search.gap
        n_new = len(left) - int(np.count_nonzero(left)) - n_struck
        n_struck += n_new
        # it pays if rows fall now, or are on their way to fall before it has cost too much
        on_the_way = missed.mean() * _WORDS >= search.gap * (n + 1)
        if n_struck == len(left) or not (on_the_way or n_new * _WORDS >= len(left)):
            break
        if 5 * n_struck > len(left):
            alive, missed, rows, n_struck = alive[left], missed[left], rows[left], 0
    search.alive = alive[missed < search.gap]


def _flat(rows: sparse.csr_matrix, some: Ints) -> tuple[npt.NDArray[np.int32], Ints]:
    """The features of some rows in one array, and where to split it."""
    part = rows[some]
    return part.indices, part.indptr[1:-1]


def _count_all(search: _Search, everything: list[UnionSizes], hard_first: Ints) -> None:
    """Count the rows that are left; against the hard rows first, where that can settle it."""
    sections = everything
    n_hard = 8 * search.gap
    if 64 <= n_hard < len(hard_first) // 2 and len(search.alive) > 8 * _BATCH:
        hard, easy = np.sort(hard_first[:n_hard]), np.sort(hard_first[n_hard:])
        sections = [UnionSizes(search.rows[part], search.weight[part]) for part in (hard, easy)]
    while len(search.alive):
        _count_some(search, sections)


def _count_some(search: _Search, sections: list[UnionSizes]) -> None:
    """Count the most promising rows that are left, each until it has missed too many."""
    batch, search.alive = search.alive[:_BATCH], search.alive[_BATCH:]
    missed = np.zeros(len(batch), np.int64)
    for section in sections:
        missed += section.total - section.of(search.rows[batch])
        batch, missed = batch[missed < search.gap], missed[missed < search.gap]
        if len(batch) == 0:
            return
    winner = int(missed.argmin())
    search.best, search.best_row = search.total - int(missed[winner]), int(batch[winner])
    if search.gap == 0:
        search.alive = search.alive[:0]


def _degrees(rows: sparse.csr_matrix, weight: Ints) -> Ints:
    """d_v, the summed weight of the rows that have feature v."""
    if (weight == 1).all():
        return np.bincount(rows.indices, minlength=rows.shape[1])
    each = np.repeat(weight, np.diff(rows.indptr))
    # whole numbers below 2^53: float64 adds them exactly
    return np.bincount(rows.indices, each, minlength=rows.shape[1]).astype(np.int64)


def per_row(ufunc: np.ufunc, rows: sparse.csr_matrix, value: npt.NDArray) -> npt.NDArray:
    """For each row the values of its features, reduced by `ufunc`; no row may be empty."""
    out = np.empty(rows.shape[0], value.dtype)
    for start, stop in chunks(rows.indptr):
        lo, hi = rows.indptr[start], rows.indptr[stop]
        out[start:stop] = ufunc.reduceat(value[rows.indices[lo:hi]], rows.indptr[start:stop] - lo)
    return out


def _distinct(pattern: sparse.csr_matrix) -> tuple[Ints, Ints]:
    """The first of each set of identical rows, and how many rows it stands for; no empty rows."""
    sizes = np.diff(pattern.indptr)
    filled = np.flatnonzero(sizes)
    rows = pattern[filled] if len(filled) < len(sizes) else pattern
    # sums of random 64-bit words: equal rows have equal sums, others almost never
    words = np.random.default_rng(0).integers(0, 2**64, pattern.shape[1], dtype=np.uint64)
    key = per_row(np.add, rows, words)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    if len(first) == len(filled):
        return filled, np.ones(len(filled), np.int64)
    leader = first[which]
    leader = np.where(_same(rows, leader), leader, np.arange(len(filled)))
    weight = np.bincount(leader, minlength=len(filled))
    first = np.flatnonzero(weight)
    return filled[first], weight[first]


def _same(rows: sparse.csr_matrix, leader: Ints) -> npt.NDArray[np.bool_]:
    """Whether each row really is identical with its leader."""
    sizes = np.diff(rows.indptr)
    same = sizes == sizes[leader]
    check = np.flatnonzero(same & (leader != np.arange(len(leader))))
    for part in np.array_split(check, 1 + int(sizes[check].sum()) // (1 << 22)):
        if len(part):
            mine, theirs = rows[part], rows[leader[part]]
            differs = mine.indices != theirs.indices
            same[part] = ~np.logical_or.reduceat(differs, mine.indptr[:-1])
    return same
