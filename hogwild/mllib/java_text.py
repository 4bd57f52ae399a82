"""Numbers as Java writes and reads them, so that text goes from here to Spark and back.

Contract: `java_double` writes the shortest digits that read back to the same bits, in the layout of
Java's ``Double.toString``; `parse_java_double` takes what ``Double.parseDouble`` takes, no more and
no less, and rounds as it does, to the nearest double.

Used by vectors, labelled points, LIBSVM files, PMML and the models' own text.
"""

import math
import re
from decimal import Decimal

import numpy as np
import numpy.typing as npt

BLANKS = "".join(map(chr, range(33)))
"""What Java's ``trim`` takes off both ends: the blank and every control character below it."""

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?([dDfF]?)")
_HEXADECIMAL = re.compile(
    r"([+-]?0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[dDfF]?"
)
_NAMED = re.compile(r"[+-]?(?:NaN|Infinity)")


def java_split(text: str, separator: str) -> list[str]:
    """Return the pieces between separators as Java's ``split`` does: empty ones at the end vanish.

    >>> java_split("a::b::", ":"), java_split(":", ":"), java_split("", ":")
    (['a', '', 'b'], [], [''])
    """
    pieces = text.rstrip(separator).split(separator)
    return [] if text and pieces == [""] else pieces


def java_double(x: float) -> str:
    """Return the number as Java prints it: plain from 0.001 to 10,000,000, else with ``E``.

    ``java.lang.Double.toString``, with the shortest digits that read back to the same bits, as Java
    prints them from version 19 on; for a few values, 1e23 among them, older ones print one more.

    Examples
    --------
    >>> [java_double(x) for x in (1, 0.001, 0.000999, 1e7, -0.0, float("nan"), float("-inf"))]
    ['1.0', '0.001', '9.99E-4', '1.0E7', '-0.0', 'NaN', '-Infinity']
    """
    x = float(x)
    if 1e-3 <= abs(x) < 1e7 or x == 0.0:
        return repr(x)
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    sign, places, power = Decimal(repr(x)).as_tuple()
    digits = "".join(map(str, places))
    exponent = len(digits) - 1 + int(power)
    return f"{'-' * sign}{digits[0]}.{digits[1:].rstrip('0') or '0'}E{exponent}"


def java_doubles(values: npt.NDArray[np.float64]) -> list[str]:
    """Return `java_double` of each number, quickly where most are from 0.001 to 10,000,000.

    >>> java_doubles(np.array([0.5, 1e-4]))
    ['0.5', '1.0E-4']
    """
    texts = list(map(repr, values.tolist()))
    size = np.abs(values)
    plain = ((size >= 1e-3) & (size < 1e7)) | (size == 0.0)
    for place in np.flatnonzero(~plain).tolist():
        texts[place] = java_double(values[place])
    return texts


def parse_java_double(text: str) -> float:
    """Return the double nearest to the number in the text; too large a one is infinite.

    ``java.lang.Double.parseDouble``: blanks and control characters at the ends, a sign, then a
    decimal number or a hexadecimal one with its ``p``, either followed by ``d`` or ``f`` (which
    change nothing: ``0.1f`` is the double 0.1); or exactly ``NaN`` or ``Infinity``.

    Raises
    ------
    ValueError
        Anything else: ``nan``, ``inf``, ``1_000``, digits other than 0 to 9, nothing at all.

    Examples
    --------
    >>> [parse_java_double(text) for text in ("+.5", " 1e3d", "-0x1.8p1", "1e999", "-Infinity")]
    [0.5, 1000.0, -3.0, inf, -inf]
    >>> parse_java_double("inf")
    Traceback (most recent call last):
    ValueError: For input string: "inf"
    """
    text = text.strip(BLANKS)
    if found := _DECIMAL.fullmatch(text):
        return float(text[:-1] if found[1] else text)
    if found := _HEXADECIMAL.fullmatch(text):
        try:
            return float.fromhex(found[1])
        except OverflowError:
            return -math.inf if text.startswith("-") else math.inf
    if _NAMED.fullmatch(text):
        return float(text)
    raise ValueError(f'For input string: "{text}"' if text else "empty String")
