"""Java's random numbers and Spark's, bit for bit: a seed keeps the same rows here as there.

Contract: ``JavaRandom(seed)`` and ``XORShiftRandom(seed)`` give the integers of the Java classes of
those names; a seed is a signed 64-bit integer.  ``next_doubles`` continues where the last call
stopped, whatever was called before, and gives the numbers that ``next_double`` would, one by one.

How thousands of xorshift states are found at a time: a step only shifts and xors, so it is linear
over bits, and so are k steps: the state k steps after x is the xor, over the bits set in x, of the
states k steps after each bit alone.  One table holds, for each of the 64 bits, the states after 0,
32, 64, ... steps; the xor of its rows is the starts of 2048 lanes, 32 steps apart, and all the
lanes then step together.

Called by ``sampling``.
"""

import functools
import operator
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_MULTIPLIER, _INCREMENT, _STATE = 0x5DEECE66D, 0xB, (1 << 48) - 1
_INT, _LONG = (1 << 32) - 1, (1 << 64) - 1
_UNIT = 2.0**-53

_STEPS, _LANES = 32, 2048  # a block is 512 kB of states and 1 MB of table: second-level cache
_LANE_DOUBLES = _STEPS // 2
_BLOCK: Final = _LANES * _LANE_DOUBLES
_FEW = 128  # doubles that the plain loop has done before numpy's 200 calls have


class RandomBits(ABC):
    """What ``java.util.Random`` makes of its bits; a generator says how they come: ``next``."""

    @abstractmethod
    def next(self, bits: int) -> int:
        """Return that many bits, 1 to 32, as Java's int: 32 of them may be negative."""

    def next_long(self) -> int:
        """Return a signed 64-bit integer: two draws of 32 bits, the second one added with its sign.

        Examples
        --------
        >>> JavaRandom(42).next_long()
        -5025562857975149833
        """
        return signed((self.next(32) << 32) + self.next(32), 64)

    def next_double(self) -> float:
        """Return a multiple of 2^-53 in [0, 1), from draws of 26 and of 27 bits.

        Examples
        --------
        >>> XORShiftRandom(42).next_double()
        0.619189370225301
        """
        return ((self.next(26) << 27) + self.next(27)) * _UNIT

    def next_doubles(self, n: int) -> Floats:
        """Return the next `n` doubles, drawn one by one.

        Examples
        --------
        >>> JavaRandom(42).next_doubles(2).tolist()
        [0.7275636800328681, 0.6832234717598454]
        """
        return np.array([self.next_double() for _ in range(checked_count(n))], np.float64)


class JavaRandom(RandomBits):
    """``java.util.Random``: x <- (25214903917 x + 11) mod 2^48, the top bits of x are drawn.

    Parameters
    ----------
    seed : int
        A signed 64-bit integer.

    Raises
    ------
    ValueError
        If the seed has more bits.

    Examples
    --------
    >>> random = JavaRandom(0)
    >>> random.next_long(), random.next_long()
    (-4962768465676381896, 4437113781045784766)
    """

    def __init__(self, seed: int):
        self._state = (checked_seed(seed) ^ _MULTIPLIER) & _STATE

    def next(self, bits: int) -> int:
        """Return the top bits of the next state, as Java's int."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _STATE
        return signed(self._state >> (48 - bits), 32)

    def skip(self, n: int) -> None:
        """Go on as if ``next`` had been called `n` times; the cost grows as log n.

        After n steps x is a^n x + c (a^n - 1) / (a - 1), with a and c as above.

        Examples
        --------
        >>> random = JavaRandom(0)
        >>> random.skip(2)
        >>> random.next_long()
        4437113781045784766
        """
        # a - 1 has no inverse mod 2^48; mod (a - 1) 2^48 the division is exact
        power = pow(_MULTIPLIER, checked_count(n), (_MULTIPLIER - 1) << 48)
        steps = (power - 1) // (_MULTIPLIER - 1)
        self._state = (self._state * power + _INCREMENT * steps) & _STATE


class XORShiftRandom(RandomBits):
    """Spark's generator (``org.apache.spark.util.random``): the low bits of a 64-bit xorshift.

    A step is x ^= x << 21; x ^= x >>> 35; x ^= x << 4 (Marsaglia, "Xorshift RNGs", Journal of
    Statistical Software 8(14), 2003).  The start is a hash of the seed, see ``hashed_seed``.

    Parameters
    ----------
    seed : int
        A signed 64-bit integer.

    Raises
    ------
    ValueError
        If the seed has more bits.

    Examples
    --------
    >>> XORShiftRandom(0).next_doubles(3).tolist()
    [0.7604953758285915, 0.5234194256885571, 0.0953472826424725]
    """

    def __init__(self, seed: int):
        self._state = hashed_seed(seed)

    def next(self, bits: int) -> int:
        """Return the low bits of the next state, as Java's int."""
        x = self._state
        x ^= (x << 21) & _LONG
        x ^= x >> 35
        x ^= (x << 4) & _LONG
        self._state = x
        return signed(x & ((1 << bits) - 1), 32)

    def next_doubles(self, n: int) -> Floats:
        """Return the next `n` doubles, the same as one by one, in about a fiftieth of the time.

        Examples
        --------
        >>> one, other = XORShiftRandom(7), XORShiftRandom(7)
        >>> bool((one.next_doubles(10**5) == [other.next_double() for _ in range(10**5)]).all())
        True
        """
        if checked_count(n) < _FEW:
            return super().next_doubles(n)
        out = np.empty(n)
        for start in range(0, n, _BLOCK):
            self._fill(out[start : start + _BLOCK])
        return out

    def _fill(self, out: Floats) -> None:
        """Fill `out`, at most a block of it, and leave the state of its last double."""
        n = len(out)
        states = _run(_after(self._state, _table()[:, : -(-n // _LANE_DOUBLES)]))
        lane, step = divmod(2 * n - 1, _STEPS)
        self._state = int(states[step, lane])
        high, low = states[0::2] & ((1 << 26) - 1), states[1::2] & ((1 << 27) - 1)
        high <<= np.uint64(27)
        high |= low
        lanes = high.view(np.int64).T  # a lane's doubles follow one another
        whole = n // _LANE_DOUBLES
        first = out[: whole * _LANE_DOUBLES]
        np.multiply(lanes[:whole], _UNIT, out=first.reshape(whole, _LANE_DOUBLES))
        if len(first) < n:
            out[len(first) :] = lanes[whole, : n - len(first)] * _UNIT


def hashed_seed(seed: int) -> int:
    """Return the 64-bit state in which Spark's generator starts.

    With the 8 bytes of the seed, the most significant one first: low = MM3(bytes, 0x3c074a61),
    high = MM3(bytes, low), where MM3 is MurmurHash3 for 32 bits.

    Examples
    --------
    >>> f"{hashed_seed(11):x}"
    '211f9c3769dc4529'
    """
    key = checked_seed(seed).to_bytes(8, "big", signed=True)
    low = _murmur3(key, 0x3C074A61)
    return (_murmur3(key, low) << 32) | low


def checked_seed(seed: int) -> int:
    """Return the seed as a plain int, once it is known to be one of 64 bits.

    Raises
    ------
    ValueError
        If it is not from -2^63 to 2^63 - 1.
    """
    number = operator.index(seed)
    if number != signed(number, 64):
        raise ValueError(f"seed must be a signed 64-bit integer, -2**63 to 2**63 - 1, got {number}")
    return number


def checked_count(n: int) -> int:
    """Return `n`, or raise a ValueError if it is negative."""
    if n < 0:
        raise ValueError(f"n must be 0 or more, got {n}")
    return n


def signed(number: int, bits: int) -> int:
    """Return what Java's arithmetic keeps of `number`: its low bits, the highest counted negative.

    Examples
    --------
    >>> signed(2**63, 64) == -(2**63)
    True
    """
    half = 1 << (bits - 1)
    return ((number + half) & ((1 << bits) - 1)) - half


def _murmur3(key: bytes, h: int) -> int:
    """MurmurHash3 x86-32 of whole 4-byte blocks; every product and sum modulo 2^32."""
    for place in range(0, len(key), 4):
        k = int.from_bytes(key[place : place + 4], "little") * 0xCC9E2D51
        h ^= _rotated(k & _INT, 15) * 0x1B873593 & _INT
        h = (_rotated(h, 13) * 5 + 0xE6546B64) & _INT
    h ^= len(key)
    h = (h ^ (h >> 16)) * 0x85EBCA6B & _INT
    h = (h ^ (h >> 13)) * 0xC2B2AE35 & _INT
    return h ^ (h >> 16)


def _rotated(word: int, places: int) -> int:
    return ((word << places) | (word >> (32 - places))) & _INT


def _run(starts: Words) -> Words:
    """The next states of each start, one row a step: shape (32, lanes)."""
    states, spare = np.empty((_STEPS, len(starts)), np.uint64), np.empty_like(starts)
    left, right, last = np.uint64(21), np.uint64(35), np.uint64(4)
    before = starts
    for x in states:
        np.left_shift(before, left, out=spare)
        np.bitwise_xor(before, spare, out=x)
        np.right_shift(x, right, out=spare)
        np.bitwise_xor(x, spare, out=x)
        np.left_shift(x, last, out=spare)
        np.bitwise_xor(x, spare, out=x)
        before = x
    return states


def _after(state: int, table: Words) -> Words:
    """The starts of as many lanes as the table has columns, from the state before the first one."""
    bits = [bit for bit in range(64) if state >> bit & 1]
    return np.bitwise_xor.reduce(table[bits], axis=0)


@functools.cache
def _table() -> Words:
    """Row b, column k: the state 32 k steps after 1 << b; shape (64, 2048), made once (20 ms).

    Twice as many columns each time: the new ones start at the state after the last old one.
    """
    table = np.empty((64, _LANES), np.uint64)
    table[:, 0] = [1 << bit for bit in range(64)]
    known = 1
    while known < _LANES:
        following = _run(table[:, known - 1].copy())[-1]
        for row, state in zip(table, following.tolist(), strict=True):
            row[known : 2 * known] = _after(state, table[:, :known])
        known *= 2
    table.flags.writeable = False
    return table
