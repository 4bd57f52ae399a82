"""Columns of numbers: binned, or scaled.

Contract: that of `hogwild.data.field_encoder_kind`.

Called by `hogwild.data.field_encoder`.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np

from hogwild.data.arrays import Array
from hogwild.data.decimal import shortest
from hogwild.data.field_encoder_cells import Cells, Name, numbers_of
from hogwild.data.field_encoder_kind import NOTHING, as_whole, check_missing, name_of_missing
from hogwild.errors import DataError


@dataclass(frozen=True)
class Binned:
    """Numbers by the interval that they lie in: m edges make m + 1 bins.

    Bin b holds ``edges[b - 1] <= x < edges[b]``; the first and the last are open at their outer
    ends, so that nothing lies beyond.

    Parameters
    ----------
    n_bins : int
        How many bins `fit` makes at most: edges are quantiles, ``inverted_cdf`` in numpy's words,
        so that bins hold about as many numbers each. Equal edges become one: a number that many
        rows share fills more than one share.
    edges : sequence of float, optional
        Rising edges, if they are known already.
    missing : {"skip", "own"}
        A missing cell gives no entry, or a feature of its own.
    """

    n_bins: int = 10
    edges: tuple[float, ...] | None = None
    missing: str = "skip"
    word: ClassVar[str] = "binned"

    def __post_init__(self) -> None:
        check_missing(self.missing)
        object.__setattr__(self, "n_bins", as_whole("n_bins", self.n_bins))
        if self.edges is not None:
            edges = tuple(map(float, self.edges))
            rise = all(a < b for a, b in pairwise(edges))
            if not rise or not np.isfinite(edges).all():
                raise ValueError(f"edges must be finite and rise, got {list(edges)}")
            object.__setattr__(self, "edges", edges)

    @property
    def n_features(self) -> int:
        """The bins, and one more for missing cells where asked for."""
        return len(self.edges or ()) + 1 + (self.missing == "own")

    def fit(self, cells: Cells) -> Self:
        """Return the kind with edges at the quantiles of the cells."""
        if self.edges is not None:
            return self
        numbers = _present(cells, "bins")
        shares = np.arange(1, self.n_bins) / self.n_bins
        edges = np.unique(np.quantile(numbers, shares, method="inverted_cdf"))
        edges = edges[edges > numbers.min()]  # nothing lies below the least
        return replace(self, edges=tuple(edges.tolist()))

    def encode(self, cells: Cells) -> tuple[Array, Array]:
        """Return the bin of each cell, and 1."""
        numbers = numbers_of(cells)
        bins = np.searchsorted(np.array(self.edges or ()), numbers, side="right")
        own = self.n_features - 1 if self.missing == "own" else NOTHING
        return np.where(np.isnan(numbers), own, bins), np.ones(len(numbers))

    def names(self, column: Name) -> list[str]:
        """Return ``low <= column < high`` for each."""
        edges = shortest(np.array(self.edges or (), dtype=np.float64))
        below = ["", *(f"{edge} <= " for edge in edges)]
        above = [*(f" < {edge}" for edge in edges), ""]
        names = [f"{low}{column}{high}" for low, high in zip(below, above, strict=True)]
        return names + name_of_missing(self.missing, column)


@dataclass(frozen=True)
class Scaled:
    """Numbers as one feature whose value is ``(g(x) - shift) / scale``.

    Parameters
    ----------
    how : {"standard", "minmax", "log1p", "as is"}
        ``standard``: less the mean, over the standard deviation; ``minmax``: 0 for the least and 1
        for the largest number of `fit` (others may lie beyond); ``log1p``: g(x) = log(1 + x), then
        ``standard``; ``as is``: x itself. A column whose numbers are all alike is not divided.
    missing : {"skip", "own"}
        A missing cell gives no entry, or a second feature, of value 1.
    shift, scale : float, optional
        If they are known already.
    """

    how: str = "standard"
    missing: str = "skip"
    shift: float | None = None
    scale: float | None = None
    word: ClassVar[str] = "scaled"

    def __post_init__(self) -> None:
        check_missing(self.missing)
        if self.how not in ("standard", "minmax", "log1p", "as is"):
            raise ValueError(
                f"how must be 'standard', 'minmax', 'log1p' or 'as is', got {self.how!r}"
            )
        if self.scale is not None and not (np.isfinite(self.scale) and self.scale != 0.0):
            raise ValueError(f"scale must be finite and not 0, got {self.scale}")

    @property
    def n_features(self) -> int:
        """One, and one more for missing cells where asked for."""
        return 1 + (self.missing == "own")

    def fit(self, cells: Cells) -> Self:
        """Return the kind with shift and scale of the cells."""
        if self.shift is not None and self.scale is not None:
            return self
        if self.how == "as is":
            shift, scale = 0.0, 1.0
        else:
            numbers = self._transformed(cells, _present(cells, "a scale"))
            with np.errstate(over="ignore", invalid="ignore"):
                shift, scale = float(numbers.mean()), float(numbers.std())
                if self.how == "minmax":
                    shift, scale = float(numbers.min()), float(np.ptp(numbers))
            if not np.isfinite([shift, scale]).all():
                raise DataError(
                    f"column {cells.name!r}: its numbers are too large for a scale; bin them"
                )
        return replace(
            self,
            shift=shift if self.shift is None else self.shift,
            scale=(scale or 1.0) if self.scale is None else self.scale,
        )

    def encode(self, cells: Cells) -> tuple[Array, Array]:
        """Return 0 and the scaled value of each cell."""
        if (np.diff(cells.rows) == 0).any():
            row = int(cells.rows[np.flatnonzero(np.diff(cells.rows) == 0)[0]])
            raise DataError(
                f"column {cells.name!r}, row {row}: a list of numbers can be binned, not scaled"
            )
        numbers = self._transformed(cells, numbers_of(cells))
        with np.errstate(over="ignore"):  # the encoder names what is too large
            values = (numbers - (self.shift or 0.0)) / (self.scale or 1.0)
        gone = np.isnan(numbers)
        values[gone] = 1.0
        return np.where(gone, 1 if self.missing == "own" else NOTHING, 0), values

    def _transformed(self, cells: Cells, numbers: Array) -> Array:
        if self.how != "log1p":
            return numbers
        if (numbers <= -1.0).any():
            place = int(np.flatnonzero(numbers_of(cells) <= -1.0)[0])
            raise DataError(
                f"column {cells.name!r}, row {cells.rows[place]}: log1p needs numbers above -1, "
                f"got {cells.flat[place]}"
            )
        return np.log1p(numbers)

    def names(self, column: Name) -> list[str]:
        """Return the column's own name."""
        return [str(column), *name_of_missing(self.missing, column)]


def _present(cells: Cells, what: str) -> Array:
    numbers = numbers_of(cells)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        raise DataError(f"column {cells.name!r} holds no number to learn {what} from")
    return numbers
