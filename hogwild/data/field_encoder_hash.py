"""The hash of hashed features: 32-bit FNV-1a of UTF-8, the same in every process and language.

Contract: start with 2166136261; for each byte, exclusive-or it in, then multiply by 16777619,
modulo 2**32 (Fowler, Noll, Vo). Python's own ``hash`` of a string differs from process to process.

Called by `hogwild.data.field_encoder_words`.
"""

from collections.abc import Sequence

import numpy as np

from hogwild.data.arrays import Array

_START = 2166136261
_PRIME = 16777619
_AT_A_TIME = 1 << 16


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
