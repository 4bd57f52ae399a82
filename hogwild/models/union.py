"""Sizes of unions of lists of rows: common features as bitsets, rare ones as lists.

Contract: `UnionSizes(rows, weight).of(queries)` is exact: for each query row the summed weight of
the rows that share a feature with it. A query costs about a nanosecond for each entry of a list and
for every 500 rows of a bitset; many queries with short lists are answered by a sparse product.

Called by `hogwild.models.meeting` alone.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]

_CHUNK = 1 << 22  # entries handled at a time where a temporary array is needed
_HOT_BYTES = 1 << 28  # room for the bitsets of common features


class UnionSizes:
    """How many rows each query meets.

    Rows are laid out by weight, each weight from a new 64-bit word on, so that the bits of a word
    all weigh the same.

    Parameters
    ----------
    rows : boolean csr_matrix, shape (n_rows, n_features)
    weight : int64 array, shape (n_rows,)
        1 or more.

    Examples
    --------
    >>> rows = sparse.csr_matrix(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], bool))
    >>> UnionSizes(rows, np.array([1, 1, 5])).of(rows).tolist()
    [2, 2, 5]
    """

    def __init__(self, rows: sparse.csr_matrix, weight: Ints):
        self.total = int(weight.sum())
        self._weight = weight
        self._by_feature = rows.T.tocsr()
        self._length = np.diff(self._by_feature.indptr)
        self._place, self._word_weight = _layout(weight)
        self._plain = bool((weight == 1).all())
        n_bits = 64 * len(self._word_weight)
        self._mark = np.zeros(n_bits, bool)
        self._bits: dict[int, npt.NDArray[np.uint64]] = {}
        # a list of n/128 rows takes as long to mark as a bitset to join
        common = np.argsort(-self._length)[: 1 + 8 * _HOT_BYTES // max(1, n_bits)]
        self._hot = np.zeros(rows.shape[1], bool)
        self._hot[common[self._length[common] > n_bits // 128]] = True

    def of(self, queries: sparse.csr_matrix) -> Ints:
        """For each query the summed weight of the rows that it meets."""
        listed = int(self._length[queries.indices].sum())
        # a product takes some 8 ns for a pair; the union 1, and a fixed share for the marks
        if 8 * listed < queries.shape[0] * (len(self._mark) // 16 + 10_000):
            return self._by_product(queries)
        parts = np.split(queries.indices, queries.indptr[1:-1])
        return np.array([self._union(part) for part in parts], np.int64)

    def _by_product(self, queries: sparse.csr_matrix) -> Ints:
        met = queries @ self._by_feature  # boolean: sums can't wrap around to 0
        return np.asarray(met @ self._weight) if not self._plain else np.diff(met.indptr)

    def _union(self, features: npt.NDArray[np.int32]) -> int:
        hot = self._hot[features]
        self._mark_rows(features[~hot].tolist())
        if self._plain and not hot.any():
            return int(np.count_nonzero(self._mark))
        union = np.packbits(self._mark).view(np.uint64)
        for v in features[hot].tolist():
            union |= self._bitset(v)
        ones = popcount(union)
        return int(ones.sum() if self._plain else ones @ self._word_weight)

    def _mark_rows(self, features: list[int]) -> None:
        self._mark.fill(False)
        lists, starts = self._by_feature.indices, self._by_feature.indptr
        pieces = [lists[starts[v] : starts[v + 1]] for v in features]
        if pieces:
            # an index of another type than intp is converted, slowly, by each use
            rows = np.concatenate(pieces, dtype=np.intp)
            self._mark[rows if self._plain else self._place[rows]] = True

    def _bitset(self, v: int) -> npt.NDArray[np.uint64]:
        if v not in self._bits:
            self._mark_rows([v])
            self._bits[v] = np.packbits(self._mark).view(np.uint64)
        return self._bits[v]


def _layout(weight: Ints) -> tuple[Ints, Ints]:
    """A bit for each row, such that the bits of a word weigh the same; the weight of each word."""
    values, which, counts = np.unique(weight, return_inverse=True, return_counts=True)
    words = -(-counts // 64)
    start = 64 * (np.cumsum(words) - words)
    order = np.argsort(which, kind="stable")
    place = np.empty(len(weight), np.int64)
    place[order] = np.arange(len(weight)) + np.repeat(start - (np.cumsum(counts) - counts), counts)
    return place, np.repeat(values, words)


def chunks(indptr: npt.NDArray) -> list[tuple[int, int]]:
    """Ranges of rows, each of about _CHUNK entries."""
    marks = np.arange(0, int(indptr[-1]), _CHUNK)
    edges = np.unique(np.append(np.searchsorted(indptr, marks, side="right") - 1, len(indptr) - 1))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def popcount(words: npt.NDArray[np.uint64]) -> Ints:
    """The number of ones in each word."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.bitwise_count(words).astype(np.int64)
    return _ONES[words.view(np.uint16)].reshape(-1, 4).sum(axis=1, dtype=np.int64)


_ONES = np.array([bin(i).count("1") for i in range(1 << 16)], np.uint8)
