"""Correctly rounded doubles from decimal digits, many at a time, and back, in plain numpy.

Contract: the double nearest to the decimal number, ties to even: the bits that ``float()`` gives.
Most numbers need one division of two exact doubles (Clinger 1990, the fast case); those of 16 to
19 digits need one correction in doubled precision; the few left over go through ``float()``.

Called by `hogwild.data.libsvm_fast` and by the writers of this folder.
"""

import numpy as np

from hogwild.data.arrays import Array

_TEN = 10.0 ** np.arange(23)  # all exact: 5**22 < 2**53
_TEN_INT = 10 ** np.arange(20, dtype=np.uint64)
_LIMIT = np.uint64(9 * 10**18)  # what int64 holds, with room
_SPLIT = 2.0**27 + 1.0
_MANTISSA = np.uint64(2**52 - 1)


def to_double(
    text: bytes,
    main: Array,
    start: Array,
    end: Array,
    has_point: Array,
    has_exponent: Array,
    minus: Array,
    digits: Array,
    fits: Array,
) -> Array | None:
    """Return the double of each number whose parts lie in consecutive pieces of the text.

    Parameters
    ----------
    text : bytes
    main : int array, shape (n,)
        The piece with the digits before the point, for each number.
    start, end : int arrays, shape (n_pieces,)
        Where the digits of each piece lie in the text.
    has_point, has_exponent : bool arrays, shape (n_pieces,)
        Whether a piece is followed by a point or by the letter of an exponent.
    minus : bool array, shape (n_pieces,)
    digits : uint64 array, shape (n_pieces,)
    fits : bool array, shape (n_pieces,)
        Whether `digits` holds the whole piece.

    Returns
    -------
    float64 array, shape (n,), or None
        None if a number is not finite.
    """
    point = has_point[main]
    fraction = main + point
    last = fraction + has_exponent[fraction]
    places = (end - start)[fraction] * point
    whole = digits[main]
    mantissa = whole * _TEN_INT[np.minimum(places, 19)]
    mantissa += digits[fraction] * point
    # 19 digits never overflow 64 bits; a whole part of 0 adds none
    sure = fits[main] & fits[fraction]
    sure &= ((end - start)[main] + places <= 19) | (whole == 0)
    power = -places
    if has_exponent.any():
        exponent = (digits[last] * (last != fraction)).astype(np.int64)
        sure &= (last == fraction) | ((end - start)[last] <= 4)
        power = power + np.where(minus[last] & (last != fraction), -exponent, exponent)
    numbers, known = scale(mantissa, power)
    np.negative(numbers, out=numbers, where=minus[main])
    unknown = np.flatnonzero(~(sure & known))
    if len(unknown):
        first = start[main[unknown]] - minus[main[unknown]]
        spans = zip(first.tolist(), end[last[unknown]].tolist(), strict=True)
        numbers[unknown] = [float(text[a:b]) for a, b in spans]
        if not np.isfinite(numbers[unknown]).all():
            return None
    return numbers


def scale(mantissa: Array, power: Array) -> tuple[Array, Array]:
    """Return mantissa * 10**power as doubles, and where the result is certainly the nearest one.

    Parameters
    ----------
    mantissa : uint64 array, shape (n,)
    power : int64 array, shape (n,)

    Examples
    --------
    >>> numbers, known = scale(np.array([25, 3], np.uint64), np.array([-1, 400]))
    >>> numbers[0].item(), known.tolist()
    (2.5, [True, False])
    """
    numbers = mantissa.astype(np.float64)
    exact = mantissa <= np.uint64(2**53)
    known = exact & (np.abs(power) <= 22)
    rising = np.clip(power, 0, 22)
    divisor = _TEN[np.clip(-power, 0, 22)]
    quotient = numbers / divisor
    if rising.any():
        quotient *= _TEN[rising]
    hard = np.flatnonzero(~exact & (mantissa < _LIMIT) & (power <= 0) & (power >= -22))
    if len(hard):
        quotient[hard], known[hard] = _divide(mantissa[hard], numbers[hard], divisor[hard])
    return quotient, known


def _divide(mantissa: Array, rounded: Array, divisor: Array) -> tuple[Array, Array]:
    """Return mantissa / divisor for integers of up to 63 bits, and where its rounding is certain.

    With q the quotient of the rounded mantissa, the exact remainder r = mantissa - q * divisor (the
    product by Dekker's splitting) gives the true value as q + r / divisor. Adding that to q rounds
    correctly unless the sum lies within 2**-30 of a unit from the middle of two doubles.
    """
    quotient = rounded / divisor
    product = quotient * divisor
    q_high, q_low = _halves(quotient)
    d_high, d_low = _halves(divisor)
    error = q_low * d_low - (((product - q_high * d_high) - q_low * d_high) - q_high * d_low)
    below = (mantissa.astype(np.int64) - rounded.astype(np.int64)).astype(np.float64)
    correction = ((rounded - product) - error + below) / divisor
    total = quotient + correction
    rest = np.abs(correction - (total - quotient))
    unit = np.spacing(total)
    certain = np.abs(rest - 0.5 * unit) > 2.0**-30 * unit
    # just below a power of two the units are half as long
    certain &= (total.view(np.uint64) & _MANTISSA) != 0
    return total, certain


def _halves(x: Array) -> tuple[Array, Array]:
    """Split each double into two of at most 26 bits that add up to it (Veltkamp)."""
    spread = _SPLIT * x
    high = spread - (spread - x)
    return high, x - high


def shortest(values: Array) -> list[str]:
    """Return the shortest decimal of each value that reads back to its bits, ``1`` for 1.0.

    >>> shortest(np.array([0.1, 3.0])), shortest(np.array([0.1], dtype=np.float32))
    (['0.1', '3'], ['0.1'])
    """
    # each number is written once: most files hold few different ones. By their bits: -0.0 == 0.0.
    bits, place = np.unique(values.view(f"u{values.dtype.itemsize}"), return_inverse=True)
    texts = np.array(_texts(bits.view(values.dtype)), dtype=object)
    return texts[place].tolist()


def _texts(values: Array) -> list[str]:
    if values.dtype == np.float64:
        return [text.removesuffix(".0") for text in map(repr, values.tolist())]
    texts = values.astype("U32")
    # reading goes through float64: rounding twice must not end elsewhere
    moved = np.flatnonzero(texts.astype(np.float64).astype(np.float32) != values)
    for place in moved:
        texts[place] = f"{values[place]:.9g}"
    return [text.removesuffix(".0") for text in texts.tolist()]
