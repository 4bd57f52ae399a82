"""libFFM's random numbers: its start weights and its orders of rows, so that one worker equals it.

libFFM draws from two generators that nobody seeds, so each of its runs begins alike:

* start weights from C++'s ``minstd_rand0``, x <- 16807 x mod (2^31 - 1) from x = 1;
* orders from the C library's ``rand()``, as glibc makes it after ``srand(1)``: outputs are
  r_i / 2, rounded down, with r_i = r_(i-3) + r_(i-31) mod 2^32.

Contract: what is drawn here is what libFFM 1.23, built by g++ on glibc, draws.
Called by ``models.field_memory`` and ``models.field_trainer``.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.kernels.compiled import have_numba, jit

MODULUS = 2**31 - 1
MULTIPLIER = 16807
BLOCK_ENTRIES = 10_000_000
"""libFFM keeps rows on disk in blocks: one is full once it has more entries than this."""

_RUN = 1 << 16  # draws at a time: their temporary arrays stay in the cache
_LAGS = 31
_DISCARDED = 310


def minimal_standard(n: int, first: int = 0) -> npt.NDArray[np.uint32]:
    """Return n draws of C++'s ``minstd_rand0``, from draw `first` on, counted from 0.

    Examples
    --------
    >>> minimal_standard(3).tolist(), minimal_standard(1, 9999).tolist()
    ([16807, 282475249, 1622650073], [1043618065])
    """
    powers = _powers(min(n, _RUN))
    out = np.empty(n, np.uint32)
    x = pow(MULTIPLIER, first, MODULUS)
    for begin in range(0, n, _RUN):
        part = out[begin : begin + _RUN]
        part[:] = _reduce(powers[: len(part)] * np.uint64(x))
        x = int(part[-1])
    return out


def _powers(n: int) -> npt.NDArray[np.uint64]:
    """Return 16807^1 ... 16807^n mod 2^31 - 1, doubling how many are known."""
    powers = np.array([MULTIPLIER], np.uint64)
    while len(powers) < n:
        powers = np.concatenate([powers, _reduce(powers * powers[-1])])
    return powers[:n]


def _reduce(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return x mod 2^31 - 1 for products below 2^62: there 2^31 is 1, so the halves are added."""
    x = (x & np.uint64(MODULUS)) + (x >> np.uint64(31))
    return np.where(x >= MODULUS, x - np.uint64(MODULUS), x)


def start_weights(n_vectors: int, k: int, first: int = 0) -> npt.NDArray[np.float32]:
    """Return libFFM's start of vectors `first` to `first` + n_vectors: U(0, 1) / sqrt(k).

    Examples
    --------
    >>> start_weights(1, 4).round(6).tolist() == np.float32([[4e-6, 0.065769, 0.377803, 0.229325]])
    array([[ True,  True,  True,  True]])
    """
    x = minimal_standard(n_vectors * k, first * k)
    u = (x - np.uint32(1)).astype(np.float32)
    u /= np.float32(2**31)
    # the largest draws round to 1, of which g++'s library makes the number before it
    np.minimum(u, np.nextafter(np.float32(1), np.float32(0)), out=u)
    u *= np.float32(1.0 / np.sqrt(k))
    return u.reshape(n_vectors, k)


class GlibcRandom:
    """The orders of rows of a libFFM run, one after the other.

    Examples
    --------
    >>> GlibcRandom().shuffled(10).tolist()
    [4, 3, 7, 8, 0, 5, 2, 1, 6, 9]
    """

    def __init__(self) -> None:
        x = [1]
        while len(x) < _LAGS:
            x.append(MULTIPLIER * x[-1] % MODULUS)
        # r_31 to r_33 are r_0 to r_2 once more; with them the state begins
        self._state = np.array(x[3:] + x[:3], np.int64)
        self.skip(_DISCARDED)

    def shuffled(self, n: int) -> npt.NDArray[np.int64]:
        """Return 0 to n - 1 as ``std::random_shuffle`` leaves them: n - 1 draws."""
        order = np.arange(n)
        if have_numba() and n > 1000:
            _compiled()(order, self._state)
            return order
        numbers, state = order.tolist(), self._state.tolist()
        _shuffle(numbers, state)
        self._state[:] = state
        return np.array(numbers, np.int64)

    def skip(self, n: int) -> None:
        """Draw n numbers for nobody."""
        self.shuffled(n + 1)

    def visits(self, blocks: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the order in which a pass over a file visits its rows.

        The blocks are shuffled, then the rows of each when its turn comes.

        Parameters
        ----------
        blocks : sequence of int
            Rows in each block, as `file_blocks` returns them.
        """
        starts = np.cumsum([0, *blocks])
        parts = [starts[b] + self.shuffled(blocks[b]) for b in self.shuffled(len(blocks)).tolist()]
        return np.concatenate(parts)


def file_blocks(indptr: npt.NDArray[np.int64], most: int = BLOCK_ENTRIES) -> list[int]:
    """Return the rows in each block of libFFM's file, an empty one at its end.

    Examples
    --------
    >>> file_blocks(np.array([0, 3, 6, 9, 10]), most=5)  # the second row brings more than 5
    [2, 2, 0]
    """
    n_rows = len(indptr) - 1
    blocks: list[int] = []
    first = 0
    while True:
        # the row that makes a block fuller than `most` is its last
        end = int(np.searchsorted(indptr, indptr[first] + most, side="right"))
        if end > n_rows:
            return [*blocks, n_rows - first, 0]
        blocks.append(end - first)
        first = end


def _shuffle(order: Any, state: Any) -> None:
    """Swap each place with one not behind it; `state` are the last 31 numbers, oldest first."""
    oldest = 0
    lags = len(state)
    for i in range(1, len(order)):
        # the one of 31 steps ago is the oldest, that of 3 steps ago stands 28 places on
        new = (state[oldest] + state[(oldest + lags - 3) % lags]) % 4294967296
        state[oldest] = new
        oldest = (oldest + 1) % lags
        j = (new >> 1) % (i + 1)
        order[i], order[j] = order[j], order[i]
    # the next call finds the oldest number first again
    turned = [state[(oldest + t) % lags] for t in range(lags)]
    for t in range(lags):
        state[t] = turned[t]


@functools.cache
def _compiled() -> Callable[..., None]:
    return jit(_shuffle)
