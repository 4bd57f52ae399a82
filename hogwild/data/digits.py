"""Runs of ASCII digits become integers, many at a time: eight digits are one 64-bit word.

Contract: the text is given with a margin before it, so that 24 bytes can be read back from the end
of any run. `digits` trusts that a run holds digits only (its caller has split the text there);
`whole_numbers` and `short_decimals` look at every byte and return None for anything else. Three
multiplications add up the digits of a word (the well-known trick of fast JSON parsers).

Called by `hogwild.data.libsvm_fast` and `hogwild.data.ratings_fast`.
"""

import numpy as np

from hogwild.data.arrays import Array

MARGIN = 24
"""Bytes that must stand before the text."""

# Keeps the last n bytes of a little-endian word, n = 0 to 8.
_LAST_BYTES = np.array([(2**64 - 1) & ~((1 << 8 * (8 - n)) - 1) for n in range(9)], dtype=np.uint64)
_ZEROS = np.uint64(0x3030303030303030)
_POINTS = np.uint64(0x2E2E2E2E2E2E2E2E)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGH_BITS = np.uint64(0x8080808080808080)
_ABOVE_NINE = np.uint64(0x7676767676767676)  # added to a byte above 9, it sets the highest bit
_TEN = 10.0 ** np.arange(9)


def words_of(padded: bytes) -> Array:
    """Return one overlapping little-endian 64-bit word for every byte of the text but the last 7.

    >>> words_of(b"12345678" + b"9").tolist() == [0x3837363534333231, 0x3938373635343332]
    True
    """
    return np.ndarray(len(padded) - 7, dtype="<u8", buffer=padded, strides=(1,))


def digits(words: Array, start: Array, end: Array) -> tuple[Array, Array]:
    """Return each run of digits as an unsigned 64-bit integer, and if it fits (is below 9e18)."""
    length = end - start
    number = eight_digits(words[end - 8], np.minimum(length, 8))
    fits = length <= 16
    long = np.flatnonzero(length > 8)
    if len(long):
        end, length = end[long], length[long]
        number[long] += np.uint64(10**8) * eight_digits(words[end - 16], np.minimum(length - 8, 8))
        longer = np.flatnonzero(length > 16)
        if len(longer):
            top = eight_digits(words[end[longer] - 24], np.minimum(length[longer] - 16, 8))
            fits[long[longer]] = (length[longer] <= 24) & (top < 900)
            number[long[longer]] += np.uint64(10**16) * top
    return number, fits


def eight_digits(words: Array, length: Array) -> Array:
    """Add up the last `length` (0 to 8) ASCII digits of each little-endian word, in place.

    >>> eight_digits(np.frombuffer(b"xxxx1234", "<u8").copy(), np.array([4])).tolist()
    [1234]
    """
    words &= _LAST_BYTES[length]
    words &= np.uint64(0x0F0F0F0F0F0F0F0F)
    words *= np.uint64(10 * 2**8 + 1)  # pairs of digits
    words >>= np.uint64(8)
    words &= np.uint64(0x00FF00FF00FF00FF)
    words *= np.uint64(100 * 2**16 + 1)  # pairs of pairs
    words >>= np.uint64(16)
    words &= np.uint64(0x0000FFFF0000FFFF)
    words *= np.uint64(10_000 * 2**32 + 1)
    words >>= np.uint64(32)
    return words


def whole_numbers(words: Array, start: Array, end: Array) -> Array | None:
    """Return each piece as an int64, or None if one isn't 1 to 16 digits and nothing else.

    >>> padded = b" " * MARGIN + b"17,20130"
    >>> whole_numbers(words_of(padded), np.array([24, 27]), np.array([26, 32])).tolist()
    [17, 20130]
    >>> whole_numbers(words_of(padded), np.array([24]), np.array([32])) is None
    True
    """
    length = end - start
    if length.min(initial=1) < 1 or length.max(initial=1) > 16:
        return None
    number = _checked(words[end - 8], np.minimum(length, 8))
    if number is None:
        return None
    long = np.flatnonzero(length > 8)
    if len(long):
        top = _checked(words[end[long] - 16], length[long] - 8)
        if top is None:
            return None
        number[long] += np.uint64(10**8) * top
    return number.view(np.int64)


def short_decimals(words: Array, start: Array, end: Array) -> Array | None:
    """Return each piece as a double, or None if one isn't up to 8 bytes of digits with one point.

    At most eight digits over a power of ten that is exact: the quotient is the nearest double. The
    digits before the point move up by one byte, over it, and are read as a whole number.

    >>> padded = b" " * MARGIN + b"4.5,3.25,.5"
    >>> starts, ends = np.array([24, 28, 33]), np.array([27, 32, 35])
    >>> short_decimals(words_of(padded), starts, ends).tolist()
    [4.5, 3.25, 0.5]
    """
    length = end - start
    if length.min(initial=1) < 1 or length.max(initial=1) > 8:
        return None
    word = words[end - 8] & _LAST_BYTES[length]
    rest = word ^ _POINTS
    point = ~(((rest & _LOW_BITS) + _LOW_BITS) | rest | _LOW_BITS)  # the high bit of each point
    if (point & (point - np.uint64(1))).any():
        return None
    has_point = (point != 0).astype(np.uint64)
    unit = point >> np.uint64(7)  # 256**j for a point in byte j, 0 for none
    before = word & (unit - np.uint64(1))
    after = (word & ~(unit * np.uint64(256) - np.uint64(1))) * has_point
    n_digits = length - has_point.view(np.int64)
    if n_digits.min(initial=1) < 1:
        return None
    number = _checked(after | before << (has_point * np.uint64(8)), n_digits)
    if number is None:
        return None
    places = (7 - (np.frexp(unit.astype(np.float64))[1] >> 3)) * has_point.view(np.int64)
    return number.astype(np.float64) / _TEN[places]


def _checked(words: Array, length: Array) -> Array | None:
    """Return the last `length` bytes of each word as a number; None if one of them is no digit."""
    mask = _LAST_BYTES[length]
    rest = (words ^ _ZEROS) & mask
    if (((rest + _ABOVE_NINE) | rest) & _HIGH_BITS).any():
        return None
    return eight_digits(words, length)
