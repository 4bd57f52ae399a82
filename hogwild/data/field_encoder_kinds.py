"""The kinds by their words, as users name them and as JSON keeps them.

Called by `hogwild.data.field_encoder`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hogwild.data.field_encoder_kind import Kind
from hogwild.data.field_encoder_numbers import Binned, Scaled
from hogwild.data.field_encoder_words import Hashed, Indexed

KINDS: dict[str, type[Kind]] = {kind.word: kind for kind in (Hashed, Indexed, Binned, Scaled)}


def as_kind(kind: Any) -> Kind:
    """Return a kind, made with its defaults if only its word is given."""
    if isinstance(kind, str) and kind in KINDS:
        return KINDS[kind]()
    if not isinstance(kind, Hashed | Indexed | Binned | Scaled):
        raise ValueError(
            f"a column becomes {', '.join(map(repr, KINDS))}, or a Hashed, Indexed, Binned or "
            f"Scaled; got {kind!r}"
        )
    return kind


def to_plain(kind: Any) -> dict[str, Any]:
    """Return what JSON can hold of a kind."""
    return {"kind": kind.word, **asdict(kind)}


def from_plain(plain: dict[str, Any]) -> Kind:
    """Return the kind that `to_plain` has written."""
    arguments = {key: _as_tuple(value) for key, value in plain.items() if key != "kind"}
    return KINDS[plain["kind"]](**arguments)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
