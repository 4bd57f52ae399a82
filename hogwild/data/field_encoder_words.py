"""Columns of categories: hashed, or numbered by those that occur.

The hash is 32-bit FNV-1a of UTF-8, the same in every process and language (Python's own ``hash`` of
a string differs from process to process): start with 2166136261; for each byte, exclusive-or it in,
then multiply by 16777619, modulo 2**32 (Fowler, Noll, Vo).

Contract: that of `hogwild.data.field_encoder_kind`. A cell's category is its word, as
`hogwild.data.field_encoder_cells` writes it.

Called by `hogwild.data.field_encoder`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from hogwild.data.arrays import MAX_FEATURES, Array
from hogwild.data.field_encoder_cells import Cells, Name, words_of
from hogwild.data.field_encoder_kind import (
    NOTHING,
    UNSEEN,
    as_whole,
    check_missing,
    name_of_missing,
)

_START = 2166136261
_PRIME = 16777619
_AT_A_TIME = 1 << 16


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
        object.__setattr__(self, "n_buckets", as_whole("n_buckets", self.n_buckets, MAX_FEATURES))

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
        object.__setattr__(self, "least", as_whole("least", self.least))
        if self.categories is not None:
            self._take_categories(self.categories)

    def _take_categories(self, given: Any) -> None:
        if isinstance(given, str):
            raise ValueError(f"categories must be a sequence of words, got {given!r}")
        categories = tuple(map(str, given))
        if len(set(categories)) < len(categories):
            twice = next(word for word in categories if categories.count(word) > 1)
            raise ValueError(f"the category {twice!r} occurs twice")
        object.__setattr__(self, "categories", categories)

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


def fnv1a(texts: Sequence[str], prefix: str = "") -> Array:
    """Return the hash of each text, written behind the prefix, as uint32.

    >>> [f"{number:08x}" for number in fnv1a(["", "a", "foobar"]).tolist()]
    ['811c9dc5', 'e40c292c', 'bf9cf968']
    >>> f"{fnv1a(['bar'], prefix='foo')[0]:08x}"
    'bf9cf968'
    """
    state = _START
    for byte in prefix.encode():
        state = (state ^ byte) * _PRIME % 2**32
    result = np.full(len(texts), state, dtype=np.uint32)
    for start in range(0, len(texts), _AT_A_TIME):
        piece = slice(start, start + _AT_A_TIME)
        _update(result[piece], [text.encode() for text in texts[piece]])
    return result


def _update(states: Array, texts: list[bytes]) -> None:
    """Take one byte of every text at a time, in place; the longest texts stand first."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    letters = np.frombuffer(b"".join(texts), dtype=np.uint8)
    order = np.argsort(-lengths, kind="stable")
    places = (np.cumsum(lengths) - lengths)[order]
    hashes = states[order]
    # how many texts are longer than 0, 1, 2 ... bytes
    left = len(texts) - np.cumsum(np.bincount(lengths))
    for offset, n_left in enumerate(left[:-1].tolist()):
        hashes[:n_left] ^= letters[places[:n_left] + offset]
        hashes[:n_left] *= np.uint32(_PRIME)
    states[order] = hashes
