"""The row that meets most rows, found exactly by bounds instead of the matrix product B B^T.

Two rows meet if they share a feature. Contract: `widest_row` takes a boolean CSR pattern and returns
a row that attains the maximum, and the maximum. Steps, each exact:

1. identical rows are counted once, with a weight (`_distinct`);
2. rows that promise most are counted outright: a good figure to beat, early;
3. bounds strike out the rows that can't beat it (`_could_meet`);
4. the rows left over are counted, in falling order of promise (`_Counter`).

Called by `hogwild.models.sparsity`.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]

_CHUNK = 1 << 22  # entries handled at a time where a temporary array is needed
_HOT_BYTES = 1 << 28  # room for the bitsets of common features
_SAMPLE = 32  # rows counted before the bounds: enough for a good figure to beat


def widest_row(pattern: sparse.csr_matrix) -> tuple[int, int]:
    """The row that meets most rows, itself included, and their number.

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
    degree = _degrees(rows, weight)
    total = int(weight.sum())
    counter = _Counter(rows, weight)
    promise = _sums(rows, -np.log1p(-np.minimum(degree / total, 1 - 1 / (2 * total))))

    alive = np.argsort(-promise, kind="stable")
    best, best_row = 0, 0
    bound = np.minimum(_sums(rows, degree), total)
    sized = np.argsort(bound, kind="stable")
    n_hard = len(sized)
    while len(alive):
        batch, alive = alive[:_SAMPLE], alive[_SAMPLE:]
        met = counter.met(batch)
        if met.max() > best:
            best, best_row = int(met.max()), int(batch[met.argmax()])
        if best == total:
            break
        alive = alive[bound[alive] > best]
        if n_hard > 64 and len(alive) > _SAMPLE:
            n_hard //= 2
            hard = sized[:n_hard]
            limit = _could_meet(rows, weight, hard, alive, total)
            bound[alive] = np.minimum(bound[alive], limit)
            alive = alive[bound[alive] > best]
    return int(first[best_row]), best


def _could_meet(rows, weight, hard, alive, total) -> Ints:
    """Upper bounds of what each row of `alive` meets.

    For any set A of rows, row e meets at most all the rows outside A, and inside A at most
    sum over v in e of d_v(A), the rows of A that have v. Rows of few and rare features make
    the best A: few of them are met twice.
    """
    inside = _degrees(rows[hard], weight[hard])
    return total - int(weight[hard].sum()) + _sums(rows[alive], inside)


def _degrees(rows: sparse.csr_matrix, weight: Ints) -> Ints:
    """d_v, the summed weight of the rows that have feature v."""
    n_features = rows.shape[1]
    if (weight == 1).all():
        return np.bincount(rows.indices, minlength=n_features)
    each = np.repeat(weight, np.diff(rows.indptr))
    # sums of integers below 2^53: exact in float64
    return np.bincount(rows.indices, each, minlength=n_features).astype(np.int64)


def _sums(rows: sparse.csr_matrix, value: npt.NDArray) -> npt.NDArray:
    """For each row the sum of value[v] over its features; no row may be empty."""
    out = np.empty(rows.shape[0], value.dtype)
    for start, stop in _chunks(rows.indptr):
        lo, hi = rows.indptr[start], rows.indptr[stop]
        out[start:stop] = np.add.reduceat(value[rows.indices[lo:hi]], rows.indptr[start:stop] - lo)
    return out


def _chunks(indptr: npt.NDArray) -> list[tuple[int, int]]:
    """Ranges of rows, each of about _CHUNK entries."""
    marks = np.arange(0, int(indptr[-1]), _CHUNK)
    edges = np.unique(np.append(np.searchsorted(indptr, marks, side="right") - 1, len(indptr) - 1))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _distinct(pattern: sparse.csr_matrix) -> tuple[Ints, Ints]:
    """The first of each set of identical rows, and how many rows it stands for; no empty rows."""
    sizes = np.diff(pattern.indptr)
    filled = np.flatnonzero(sizes)
    rows = pattern[filled] if len(filled) < len(sizes) else pattern
    # sums of random 64-bit words: equal rows have equal sums, others almost never
    words = np.random.default_rng(0).integers(0, 2**64, pattern.shape[1], dtype=np.uint64)
    key = _sums(rows, words)
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
    for part in np.array_split(check, 1 + int(sizes[check].sum()) // _CHUNK):
        if len(part):
            mine, theirs = rows[part], rows[leader[part]]
            differs = mine.indices != theirs.indices
            same[part] = ~np.logical_or.reduceat(differs, mine.indptr[:-1])
    return same


class _Counter:
    """Counts exactly how many rows one row meets, by the union of its features' lists of rows.

    Common features are kept as bitsets and joined word by word; rare ones as lists of rows, which
    set bytes of one mark array. Rows are laid out by weight, each weight from a new 64-bit word on,
    so that a word's bits all weigh the same.
    """

    def __init__(self, rows: sparse.csr_matrix, weight: Ints):
        self._rows = rows
        place, self._word_weight = _layout(weight)
        lists = rows.tocsc()
        self._starts = lists.indptr
        self._lists = place[lists.indices].astype(np.int32) if len(self._word_weight) * 64 != len(
            weight
        ) or (np.diff(place) != 1).any() else lists.indices
        self._n_bits = 64 * len(self._word_weight)
        self._mark = np.zeros(self._n_bits, bool)
        self._bits: dict[int, npt.NDArray[np.uint64]] = {}
        self._hot = np.zeros(rows.shape[1], bool)
        lengths = np.diff(self._starts)
        common = np.argsort(-lengths)[: max(1, 8 * _HOT_BYTES // self._n_bits)]
        self._hot[common[lengths[common] > self._n_bits // 64]] = True

    def met(self, batch: Ints) -> Ints:
        """For each row of the batch the summed weight of the rows that it meets."""
        indptr, indices = self._rows.indptr, self._rows.indices
        return np.array([self._met(indices[indptr[e] : indptr[e + 1]]) for e in batch.tolist()])

    def _met(self, features: npt.NDArray[np.int32]) -> int:
        hot = self._hot[features]
        self._mark.fill(False)
        self._set(features[~hot])
        union = np.packbits(self._mark).view(np.uint64)
        for v in features[hot].tolist():
            union |= self._bitset(v)
        return int(np.dot(_popcount(union), self._word_weight))

    def _set(self, features: npt.NDArray[np.int32]) -> None:
        starts, stops = self._starts[features].tolist(), self._starts[features + 1].tolist()
        if starts:
            pieces = [self._lists[a:b] for a, b in zip(starts, stops, strict=True)]
            self._mark[np.concatenate(pieces)] = True

    def _bitset(self, v: int) -> npt.NDArray[np.uint64]:
        if v not in self._bits:
            mark = np.zeros(self._n_bits, bool)
            mark[self._lists[self._starts[v] : self._starts[v + 1]]] = True
            self._bits[v] = np.packbits(mark).view(np.uint64)
        return self._bits[v]


def _layout(weight: Ints) -> tuple[Ints, Ints]:
    """A bit number for each row such that a 64-bit word holds rows of one weight; the words' weights."""
    values, which, counts = np.unique(weight, return_inverse=True, return_counts=True)
    words = -(-counts // 64)
    start = 64 * (np.cumsum(words) - words)
    order = np.argsort(which, kind="stable")
    place = np.empty(len(weight), np.int64)
    place[order] = np.arange(len(weight)) + np.repeat(start - (np.cumsum(counts) - counts), counts)
    return place, np.repeat(values, words)


def _popcount(words: npt.NDArray[np.uint64]) -> Ints:
    """The number of ones in each word."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.bitwise_count(words).astype(np.int64)
    return _ONES[words.view(np.uint16)].reshape(-1, 4).sum(axis=1, dtype=np.int64)


_ONES = np.array([bin(i).count("1") for i in range(1 << 16)], np.uint8)
