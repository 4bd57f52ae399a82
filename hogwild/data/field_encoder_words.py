"""Columns of categories: hashed, or numbered by those that occur.

Contract: that of `hogwild.data.field_encoder_kind`. A cell's category is its word, as
`hogwild.data.field_encoder_cells` writes it.

Called by `hogwild.data.field_encoder`.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from hogwild.data.arrays import MAX_FEATURES, Array
from hogwild.data.field_encoder_cells import Cells, Name, words_of
from hogwild.data.field_encoder_hash import fnv1a
from hogwild.data.field_encoder_kind import NOTHING, UNSEEN, check_missing, name_of_missing


@dataclass(frozen=True)
class Hashed:
    """Categories by the hash of ``column=word``: nothing to learn, nothing is ever unseen.

    The feature is ``fnv1a(f"{column}={word}") % n_buckets`` (32-bit FNV-1a of the UTF-8 text). All
    hashed columns share the same buckets, which are the first features. Different words may meet in
    one bucket: with n different ones, about n**2 / (2 n_buckets) pairs do.

    Parameters
    ----------
    n_buckets : int
        1 to 2**31 - 1.
    missing : {"skip", "own"}
        A missing cell gives no entry, or the feature ``fnv1a(column) % n_buckets``.
    """

    n_buckets: int = 1 << 20
    missing: str = "skip"
    word: ClassVar[str] = "hashed"

    def __post_init__(self) -> None:
        check_missing(self.missing)
        if not 1 <= self.n_buckets <= MAX_FEATURES:
            raise ValueError(f"n_buckets must be 1 to {MAX_FEATURES}, got {self.n_buckets}")

    @property
    def n_features(self) -> int:
        """The buckets."""
        return self.n_buckets

    def fit(self, cells: Cells) -> Self:
        """Return the same: there is nothing to learn."""
        return self

    def encode(self, cells: Cells) -> tuple[Array, Array]:
        """Return the bucket of each cell, and 1."""
        codes, texts = words_of(cells)
        own = fnv1a([""], prefix=str(cells.name))  # of a missing cell: code -1, the last
        buckets = np.append(fnv1a(texts, prefix=f"{cells.name}="), own).astype(np.int64)
        buckets %= self.n_buckets
        if self.missing == "skip":
            buckets[-1] = NOTHING
        return buckets[codes], np.ones(len(codes))

    def names(self, column: Name) -> list[str]:
        """Return the names of the buckets, which are those of no column in particular."""
        return [f"bucket {number}" for number in range(self.n_buckets)]


@dataclass(frozen=True)
class Indexed:
    """Categories by their rank among those that `fit` has seen, in the order of Unicode.

    Parameters
    ----------
    unseen : {"skip", "other"}
        A category that was not seen gives no entry (the encoder counts them), or a feature of its
        own, which learns from the categories that `least` leaves out.
    least : int
        Categories that occur less often in `fit` count as not seen.
    missing : {"skip", "own"}
        A missing cell gives no entry, or a feature of its own.
    categories : sequence of str, optional
        Those seen, if they are known already.
    """

    unseen: str = "skip"
    least: int = 1
    missing: str = "skip"
    categories: tuple[str, ...] | None = None
    word: ClassVar[str] = "indexed"

    def __post_init__(self) -> None:
        check_missing(self.missing)
        if self.unseen not in ("skip", "other"):
            raise ValueError(f"unseen must be 'skip' or 'other', got {self.unseen!r}")
        if self.least < 1:
            raise ValueError(f"least must be 1 or more, got {self.least}")
        if self.categories is not None:
            object.__setattr__(self, "categories", tuple(map(str, self.categories)))

    @property
    def n_features(self) -> int:
        """The categories, and one more each for unseen and missing ones where asked for."""
        return len(self.categories or ()) + (self.unseen == "other") + (self.missing == "own")

    def fit(self, cells: Cells) -> Self:
        """Return the kind with the categories of the cells."""
        if self.categories is not None:
            return self
        codes, texts = words_of(cells)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        often = np.flatnonzero(counts >= self.least)
        return replace(self, categories=tuple(sorted(texts[place] for place in often)))

    def encode(self, cells: Cells) -> tuple[Array, Array]:
        """Return the rank of each cell, and 1."""
        codes, texts = words_of(cells)
        known = {text: rank for rank, text in enumerate(self.categories or ())}
        other = len(known) if self.unseen == "other" else UNSEEN
        own = len(known) + (self.unseen == "other") if self.missing == "own" else NOTHING
        ranks = np.array([*(known.get(text, other) for text in texts), own], dtype=np.int64)
        return ranks[codes], np.ones(len(codes))

    def names(self, column: Name) -> list[str]:
        """Return ``column=category`` for each."""
        names = [f"{column}={category}" for category in self.categories or ()]
        names += [f"{column} (other)"] if self.unseen == "other" else []
        return names + name_of_missing(self.missing, column)
