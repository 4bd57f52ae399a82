"""What a column may become, as the encoder sees it: a record that is fitted and then encodes cells.

Contract: a kind never changes. `fit` returns the same kind with what it has learned filled in; what
the caller has filled in already stays. `encode` gives each cell a number within the column's own
features, `NOTHING` for no entry, `UNSEEN` for a category that `fit` has not seen, and a value.

Called by `hogwild.data.field_encoder` and by the modules of words and of numbers.
"""

from typing import Any, ClassVar, Protocol, Self

import numpy as np

from hogwild.data.arrays import Array
from hogwild.data.field_encoder_cells import Cells, Name

NOTHING, UNSEEN = -1, -2


class Kind(Protocol):
    """What the encoder asks of a kind."""

    word: ClassVar[str]

    @property
    def missing(self) -> str:
        """What becomes of missing cells: "skip" or "own"."""

    @property
    def n_features(self) -> int:
        """Features of the column, once fitted."""

    def fit(self, cells: Cells) -> Self:
        """Return the kind with what it learns from the cells."""

    def encode(self, cells: Cells) -> tuple[Array, Array]:
        """Return a number (int64) and a value (float64) for each cell."""

    def names(self, column: Name) -> list[str]:
        """Return the name of each feature."""


def as_whole(what: str, number: Any, most: int | None = None) -> int:
    """Return a number of things as int; ValueError for anything but 1, 2 ... `most`."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise ValueError(f"{what} must be a whole number, 1 or more, got {number!r}")
    if most is not None and number > most:
        raise ValueError(f"{what} must be at most {most}, got {number}")
    return int(number)


def check_missing(missing: str) -> None:
    """Raise ValueError for a choice that does not exist."""
    if missing not in ("skip", "own"):
        raise ValueError(f"missing must be 'skip' or 'own', got {missing!r}")


def name_of_missing(missing: str, column: Name) -> list[str]:
    """Return the name of the feature of missing cells, in a list; none if there is no such."""
    return [f"{column} (missing)"] if missing == "own" else []
