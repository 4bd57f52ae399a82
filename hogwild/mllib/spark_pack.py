"""The elements of an RDD packed into rows, where they lie: once, and checked.

Contract: what comes out is the chunks of one block of rows for each partition, as `LocalPartitions`
cuts them; a wrong element is named by its partition and row.  Sent out by ``mllib.spark``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import scipy.sparse as sp

from hogwild.engine.spark import unfailed
from hogwild.errors import DataError
from hogwild.mllib.given import as_rows
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.partitions import Rows, chunks, stacked

POINTS_AT_A_TIME = 4096
"""Points that are objects of their own while a partition is packed."""


class Facts(NamedTuple):
    """What the driver knows of a partition; the last two are None if it has no rows."""

    n_rows: int
    n_features: int | None
    sparse: bool | None


def facts(partition: int, pieces: Iterator[Any]) -> Facts:
    """Count a partition's rows, and have Spark keep them."""
    n_rows, n_features, sparse = 0, None, None
    for rows in unfailed(partition, pieces):
        n_rows += len(rows)
        n_features, sparse = rows.X.shape[1], sp.issparse(rows.X)
    return Facts(n_rows, n_features, sparse)


@dataclass(frozen=True)
class Pack:
    """The elements of an RDD as the chunks of one block of rows: dense if all are dense.

    Parameters
    ----------
    n_features : int, optional
        What each row must have; by default as many as the partition's first.
    sparse : bool
        CSR also if all are dense.

    Examples
    --------
    >>> [rows] = Pack(None, False)(0, iter([(1.0, [2.0, 3.0]), LabeledPoint(0, [4.0, 5.0])]))
    >>> rows.X.tolist(), rows.y.tolist()
    ([[2.0, 3.0], [4.0, 5.0]], [1.0, 0.0])
    >>> list(Pack(None, False)(3, iter([(1.0, [2.0, 3.0]), (0.0, [4.0])])))
    Traceback (most recent call last):
    hogwild.errors.DataError: partition 3 of the RDD, row 1: 1 features; the rows before it have 2
    """

    n_features: int | None
    sparse: bool

    def __call__(self, partition: int, elements: Iterator[Any]) -> Iterator[Rows]:
        """Yield the chunks of a partition."""
        blocks: list[Rows] = []
        waiting: list[LabeledPoint] = []
        row, width = 0, self.n_features
        for element in elements:
            if isinstance(element, Rows):
                blocks += [as_rows(waiting)] if waiting else []
                waiting = []
                blocks.append(as_rows((element.X, element.y)))
                found, more = blocks[-1].X.shape[1], len(element)
            else:
                waiting.append(_point(element, partition, row))
                found, more = len(waiting[-1].features), 1
            if found != (width := found if width is None else width):
                before = "expected" if self.n_features == width else "the rows before it have"
                raise _wrong(partition, row, f"{found} features; {before} {width}")
            row += more
            if len(waiting) == POINTS_AT_A_TIME:
                blocks.append(as_rows(waiting))
                waiting = []
        if waiting:
            blocks.append(as_rows(waiting))
        del waiting
        yield from chunks(in_one(blocks, width or 0, self.sparse))


def _point(element: Any, partition: int, row: int) -> LabeledPoint:
    if isinstance(element, LabeledPoint):
        return element
    if hasattr(element, "label") and hasattr(element, "features"):
        label, features = element.label, element.features
    elif isinstance(element, tuple | list) and len(element) == 2:
        label, features = element
    else:
        raise _wrong(
            partition,
            row,
            "expected a labelled point or a pair (label, features), got "
            f"{type(element).__name__} {_shown(element)}",
        )
    try:
        return LabeledPoint(label, features)
    except (TypeError, ValueError) as error:
        raise _wrong(partition, row, f"{error}, in {_shown(element)}") from None


def _wrong(partition: int, row: int, reason: str) -> DataError:
    return DataError(reason, path=f"partition {partition} of the RDD, row {row}")


def _shown(element: Any) -> str:
    text = repr(element)
    return text if len(text) <= 80 else f"{text[:77]}..."


def in_one(parts: Sequence[Rows], n_features: int, sparse: bool) -> Rows:
    """The rows one after the other; without a copy if there is one part only."""
    rows = parts[0] if len(parts) == 1 else stacked(parts, n_features)
    if sparse and not sp.issparse(rows.X):
        return Rows(sp.csr_matrix(rows.X), rows.y)
    return rows
