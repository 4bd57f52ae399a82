"""A label and its row of features, and their text: Spark's ``LabeledPoint``.

Contract: ``LabeledPoint.parse(str(point))`` has the numbers of ``point``, to the bit. Text is taken
and refused as Spark takes and refuses it, with one exception: the indices of a sparse row must rise
and be smaller than its size, which Spark finds out when it uses them, or never.

Used where rows are shown or given one by one: ``take``, lists of points, LIBSVM files.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hogwild.mllib.java_text import (
    BLANKS,
    java_double,
    java_doubles,
    java_split,
    parse_java_double,
)
from hogwild.mllib.vectors import SparseVector, Vector, as_vector

_TOKENS = re.compile(r"[()\[\],]|[^()\[\],]+")
_LARGEST_INT = 2**31 - 1
_LONGEST_SHOWN = 60


@dataclass(frozen=True, eq=False)
class LabeledPoint:
    """One example: a label, and the features that it goes with.

    Parameters
    ----------
    label : float
        0 or 1 for two classes, 0 to K - 1 for K classes, any number for regression.
    features : array-like of shape (d,), or whatever `hogwild.mllib.vectors.as_vector` takes

    Attributes
    ----------
    label : float
    features : float64 array of shape (d,), or SparseVector

    Examples
    --------
    >>> print(LabeledPoint(1, [0.5, 0.25]))
    (1.0,[0.5,0.25])
    >>> print(LabeledPoint(0.5, SparseVector(4, [1, 3], [2.0, -1.0])))
    (0.5,(4,[1,3],[2.0,-1.0]))
    """

    label: float
    features: Vector

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", float(self.label))
        object.__setattr__(self, "features", as_vector(self.features))

    def __eq__(self, other: object) -> bool:
        """Whether label and features are equal; how a row is stored does not matter."""
        if not isinstance(other, LabeledPoint):
            return NotImplemented
        one, two = self.features, other.features
        if len(one) != len(two) or self.label != other.label:
            return False
        if isinstance(one, SparseVector) and isinstance(two, SparseVector):
            return _stored(one) == _stored(two)
        return np.array_equal(np.asarray(one), np.asarray(two))

    def __hash__(self) -> int:
        return hash((self.label, len(self.features)))

    def __str__(self) -> str:
        row = self.features
        text = str(row) if isinstance(row, SparseVector) else f"[{','.join(java_doubles(row))}]"
        return f"({java_double(self.label)},{text})"

    @staticmethod
    def parse(text: str) -> "LabeledPoint":
        """Return the point that the text shows: what ``str`` gives, or the old ``1.5,0.5 2.0``.

        Blanks around numbers and brackets don't matter, and neither does what comes after the last
        bracket. Numbers as in `hogwild.mllib.java_text.parse_java_double`.

        Raises
        ------
        RuntimeError
            Brackets, commas or numbers that are not where they belong.
        ValueError
            A sparse row whose parts don't fit one another; in the old form, a text that is no
            number.
        IndexError
            In the old form, nothing after the comma, or no comma.

        Examples
        --------
        >>> LabeledPoint.parse("(1.0, (3, [0, 2], [0.5, -1.0]))")
        LabeledPoint(label=1.0, features=SparseVector(3, [0, 2], [0.5, -1.0]))
        >>> LabeledPoint.parse("1.5,0.5 2.0").features
        array([0.5, 2. ])
        """
        if not text.startswith("("):
            return _old_form(text)
        tokens = iter(_TOKENS.findall(text))
        next(tokens)
        try:
            parts = _tuple(tokens)
        except RuntimeError as error:
            raise RuntimeError(f"{error} The text is {_shown(text)}.") from None
        match parts:
            case [float(label), [float(size), np.ndarray() as places, np.ndarray() as values]]:
                return LabeledPoint(label, _sparse(size, places, values))
            case [float(label), np.ndarray() as values]:
                return LabeledPoint(label, values)
        raise RuntimeError(
            f"Cannot parse {_shown(text)}: expected '(label,[value,...])' or "
            "'(label,(size,[index,...],[value,...]))'"
        )


def _tuple(tokens: Iterator[str]) -> list[Any]:
    """The parts up to the closing bracket: numbers, arrays of numbers, lists of such parts."""
    parts: list[Any] = []
    after_part = False
    for token in tokens:
        if token == ")":
            return parts
        if token == ",":
            if not after_part:
                raise RuntimeError("Found a ',' at a wrong position.")
            after_part = False
        elif token.strip(BLANKS):
            readers = {"(": _tuple, "[": _array}
            parts.append(readers[token](tokens) if token in readers else _number(token))
            after_part = True
    raise RuntimeError("A tuple must end with ')'.")


def _array(tokens: Iterator[str]) -> Any:
    numbers: list[float] = []
    after_number = False
    for token in tokens:
        if token == "]":
            return np.array(numbers, dtype=np.float64)
        if token != ",":
            numbers.append(_number(token))
        elif not after_number:
            raise RuntimeError("Found a ',' at a wrong position.")
        after_number = token != ","
    raise RuntimeError("An array must end with ']'.")


def _number(token: str) -> float:
    try:
        return parse_java_double(token)
    except ValueError:
        raise RuntimeError(f"Cannot parse a double from: {token}.") from None


def _sparse(size: float, places: Any, values: Any) -> SparseVector:
    """A sparse row from numbers that were all read as doubles, cut to integers as Spark does it."""
    whole = _java_int(size)
    if whole < 0:
        raise ValueError(f"the size of a sparse vector must be no less than 0, got {whole}")
    if len(places) > whole:
        raise ValueError(
            f"{len(places)} indices and values exceed the size {whole} of the sparse vector"
        )
    return SparseVector(whole, np.array(list(map(_java_int, places)), dtype=np.int64), values)


def _java_int(x: float) -> int:
    """The number without its fraction, within 32 bits; 0 for NaN."""
    if math.isnan(x):
        return 0
    return int(min(max(x, -_LARGEST_INT - 1), _LARGEST_INT))


def _old_form(text: str) -> LabeledPoint:
    parts = java_split(text, ",")
    label = parse_java_double(parts[0]) if parts else 0.0
    if len(parts) < 2:
        raise IndexError(
            f"Index {len(parts)} out of bounds for length {len(parts)}: expected "
            f"'(label,[value,...])' or 'label,value value ...', got {_shown(text)}"
        )
    fields = parts[1].strip(BLANKS).split(" ")
    return LabeledPoint(label, np.array(list(map(parse_java_double, fields))))


def _stored(row: SparseVector) -> dict[int, float]:
    """The entries that are not 0, by their place."""
    pairs = zip(row.indices.tolist(), row.values.tolist(), strict=True)
    return {place: value for place, value in pairs if value != 0.0}


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
