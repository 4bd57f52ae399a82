"""Which column is the user, the item and the rating: by the caller's word, or by the names' own.

Contract: a name counts whatever its case, blanks, underscores and hyphens. Nothing is guessed where
none or several columns could be meant.

Called by `hogwild.data.ratings` for frames, and by the reader of rating files for headers.
"""

import re
from collections.abc import Sequence
from typing import Any

from hogwild.data.arrays import as_array

ROLES = ("user", "item", "rating")

_NAMES: dict[str, frozenset[str]] = {
    "user": frozenset({"user", "userid", "users", "uid", "u", "customer", "customerid",
                       "reviewer", "reviewerid", "member", "memberid"}),
    "item": frozenset({"item", "itemid", "items", "iid", "i", "movie", "movieid", "product",
                       "productid", "asin", "book", "bookid", "isbn", "track", "trackid", "song",
                       "songid", "artist", "artistid", "business", "businessid"}),
    "rating": frozenset({"rating", "ratings", "r", "stars", "score", "value", "overall"}),
}  # fmt: skip


def recognised(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of the columns that could be meant, for each role.

    >>> recognised(["userId", "movie_id", "rating", "timestamp"])
    {'user': [0], 'item': [1], 'rating': [2]}
    """
    plain = [re.sub(r"[\s_-]", "", str(name)).lower() for name in names]
    return {
        role: [place for place, name in enumerate(plain) if name in _NAMES[role]] for role in ROLES
    }


def from_frame(
    frame: Any, *, user: str | None, item: str | None, rating: str | None
) -> tuple[Any, Any, Any]:
    """Return the three columns of a frame, as arrays."""
    if not (hasattr(frame, "columns") and hasattr(frame, "__getitem__")):
        raise ValueError(f"expected a pandas or polars frame, got {type(frame).__name__}")
    names = list(frame.columns)
    found = recognised(names)
    chosen = []
    for role, given in zip(ROLES, (user, item, rating), strict=True):
        if given is None and len(found[role]) != 1:
            which = "several columns" if found[role] else "no column"
            raise ValueError(
                f"{which} could hold the {role}: the frame has {_listed(names)}; pass {role}='...'"
            )
        name = names[found[role][0]] if given is None else given
        if name not in names:
            raise ValueError(f"no column {name!r} for {role}; the frame has {_listed(names)}")
        chosen.append(as_array(frame[name], f"column {name!r}"))
    return chosen[0], chosen[1], chosen[2]


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "") or "no columns"
