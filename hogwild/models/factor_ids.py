"""Which index an id has: found for all ids at once, in a table sorted once.

Contract: ids are whole numbers or text, all of one kind; an unknown id has the index -1.

Called by ``models.factor_model``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def as_ids(ids: Any, what: str) -> Array:
    """Return ids as an array of int64 or of text.

    Whole floats are taken for the whole numbers they are: frames give them where a value is
    missing in the column.

    Raises
    ------
    ValueError
        For anything else, with the first that is neither.

    Examples
    --------
    >>> as_ids([3.0, 7.0], "users")
    array([3, 7])
    """
    found = np.asarray(ids)
    if found.ndim > 1:
        raise ValueError(f"{what} must be ids in one dimension, got shape {found.shape}")
    if found.dtype.kind == "O" and found.size:
        kinds = {type(one) for one in found.reshape(-1)}
        if any(issubclass(kind, str) for kind in kinds) and not all(
            issubclass(kind, str) for kind in kinds
        ):
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"{what} must be whole numbers or text, not both; got {names}")
        found = np.array(found.tolist())
    if found.dtype.kind == "f":
        whole = np.isfinite(found) & (found == np.trunc(found)) & (np.abs(found) < 2.0**63)
        if not whole.all():
            place = int(np.flatnonzero(~whole)[0])
            raise ValueError(
                f"{what} must be whole numbers or text; got {found.reshape(-1)[place]} "
                f"at position {place}"
            )
        found = found.astype(np.int64)
    if found.dtype.kind in "iu" and (found.dtype != np.uint64 or (found < 2**63).all()):
        return found.astype(np.int64, copy=False)
    if found.dtype.kind == "U":
        return found
    raise ValueError(f"{what} must be whole numbers or text, got {found.dtype}")


class IdTable:
    """Finds the index of ids.

    Parameters
    ----------
    ids : array of int64 or text, shape (n,), no id twice
        The id of each index.
    what : str
        What an id is called in messages: "user" or "item".

    Examples
    --------
    >>> table = IdTable(np.array([30, 10, 20]), "user")
    >>> table.find([10, 99, 30])
    array([ 1, -1,  0])
    """

    def __init__(self, ids: Array, what: str):
        self.ids, self.what = ids, what
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]
        twice = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        if len(twice):
            raise ValueError(f"{what} {self._sorted[twice[0]].item()!r} has two rows")

    def find(self, ids: Any) -> Array:
        """Return the index of each id, and -1 where there is none.

        Raises
        ------
        ValueError
            For text where the table has numbers, and the reverse.
        """
        wanted = as_ids(ids, f"{self.what}s")
        if not len(self.ids) or not wanted.size:
            return np.full(wanted.shape, -1, np.intp)
        if wanted.dtype.kind != self.ids.dtype.kind:
            kinds = {"i": "whole numbers", "U": "text"}
            raise ValueError(
                f"the {self.what}s of this model are {kinds[self.ids.dtype.kind]}, got "
                f"{kinds[wanted.dtype.kind]}: {wanted.reshape(-1)[0].item()!r}"
            )
        place = np.searchsorted(self._sorted, wanted)
        place = np.minimum(place, len(self.ids) - 1)
        return np.where(self._sorted[place] == wanted, self._order[place], -1)

    @property
    def rank(self) -> Array:
        """The place of each index's id among the sorted ids, shape (n,)."""
        rank = np.empty(len(self.ids), np.intp)
        rank[self._order] = np.arange(len(self.ids))
        return rank
