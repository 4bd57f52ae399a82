"""`Ratings`: who gave what to which item, users and items numbered from 0, their own ids kept.

Contract: whoever holds a `Ratings` holds finite values and numbers within range; kernels need not
look again. A rating costs 12 bytes (int32, int32, float32). The arrays may be the caller's own
(nothing is copied that is good already): neither side should write to them afterwards.

Called by the reader and the generator of rating files, and by every factor model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data import ratings_rows
from hogwild.data.arrays import Array, checked_selection
from hogwild.data.ratings_columns import from_frame
from hogwild.data.ratings_ids import encode_ids, number_ids
from hogwild.data.ratings_values import as_ids_of, as_numbers, as_values, check_lengths


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Ratings:
    """Checked (user, item, value) triples in the order given.

    Parameters
    ----------
    users, items : array-like or series, shape (n,)
        Ids: all integers or all strings, each of the two for itself. An id's number is its rank
        among the ids that occur.
    values : array-like or series, shape (n,)
        Finite real numbers.
    duplicates : {"keep", "error", "last"}
        What happens to several ratings of one item by one user: all are kept (the default: each is
        an observation of its own for a fit), an error, or the last one stays, at its place.
    dtype : float32 or float64
        Of the values.

    Attributes
    ----------
    u, i : int32 arrays, shape (n,)
        User and item of each rating, as numbers from 0: rows of P and of Q.
    r : float array, shape (n,)
        The ratings, in the data's units (stars, say).
    user_ids, item_ids : arrays, shapes (n_users,) and (n_items,)
        The id of each number, int64 or strings; rising, unless the caller has given others.

    Raises
    ------
    DataError
        No rating at all; lengths that differ; a value that is not finite; ids that mix integers and
        strings or are missing; more than 2**31 - 1 different ids; with ``duplicates="error"``, a
        pair that occurs twice. Rows in the message are counted from 0.

    Examples
    --------
    >>> ratings = Ratings(["eve", "bob", "eve"], [70, 50, 50], [4.0, 3.0, 5.0])
    >>> ratings
    Ratings(3 ratings, 2 users, 2 items, float32)
    >>> ratings.u.tolist(), ratings.i.tolist(), ratings.r.tolist()
    ([1, 0, 1], [1, 0, 0], [4.0, 3.0, 5.0])
    >>> ratings.user_ids.tolist(), ratings.item_ids.tolist(), ratings.mean
    (['bob', 'eve'], [50, 70], 4.0)
    """

    u: Array
    i: Array
    r: Array
    user_ids: Array
    item_ids: Array

    def __init__(
        self,
        users: Any,
        items: Any,
        values: Any,
        *,
        duplicates: str = "keep",
        dtype: npt.DTypeLike = np.float32,
    ):
        ratings_rows.check_duplicates_option(duplicates)
        r = as_values(values, dtype)
        u, user_ids = number_ids(users, "user")
        i, item_ids = number_ids(items, "item")
        check_lengths(u, i, r, least=1)
        self._set(u, i, r, user_ids, item_ids)
        self._set(*ratings_rows.without_duplicates(self, duplicates), user_ids, item_ids)

    def _set(self, *values: Any) -> None:
        for name, value in zip(("u", "i", "r", "user_ids", "item_ids"), values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def _trusted(cls, u: Array, i: Array, r: Array, user_ids: Array, item_ids: Array) -> Self:
        """Wrap arrays that this folder has made or checked itself."""
        ratings = cls.__new__(cls)
        ratings._set(u, i, r, user_ids, item_ids)
        return ratings

    @classmethod
    def of_indices(
        cls,
        u: Any,
        i: Any,
        r: Any,
        *,
        n_users: int | None = None,
        n_items: int | None = None,
        user_ids: Any = None,
        item_ids: Any = None,
        dtype: npt.DTypeLike | None = None,
    ) -> Self:
        """Return ratings whose users and items are numbered already, sharing what arrays it can.

        Parameters
        ----------
        u, i : integer array-like, shape (n,)
            Numbers from 0; int32 is not copied.
        r : array-like, shape (n,)
            Arrays of float32 and float64 are not copied; all else becomes float32.
        n_users, n_items : int, optional
            How many there are; default: as the ids say, or one more than the largest number.
        user_ids, item_ids : array-like, optional
            The id of each number, all different; default: the numbers themselves.
        dtype : float32 or float64, optional
            Of the values; default: follow r.

        Raises
        ------
        DataError
            As for the class (except that there may be no rating); numbers out of range; ids that
            are repeated, or of another number than n_users or n_items.

        Examples
        --------
        >>> Ratings.of_indices([0, 2], [1, 0], [5, 1], n_users=4)
        Ratings(2 ratings, 4 users, 2 items, float32)
        """
        known_users = as_ids_of(user_ids, n_users, "user")
        known_items = as_ids_of(item_ids, n_items, "item")
        users, user_ids = as_numbers(u, known_users, n_users, "user")
        items, item_ids = as_numbers(i, known_items, n_items, "item")
        values = as_values(r, dtype)
        check_lengths(users, items, values)
        return cls._trusted(users, items, values, user_ids, item_ids)

    @classmethod
    def from_scipy(
        cls, matrix: Any, *, duplicates: str = "keep", dtype: npt.DTypeLike = np.float32
    ) -> Self:
        """Return the stored entries of a sparse matrix, users by items, stored zeros included.

        Row and column numbers are the ids, and empty rows and columns count as users and items. A
        COO matrix keeps the order of its entries, and entries that it holds twice, unless
        `duplicates` says otherwise.
        """
        ratings_rows.check_duplicates_option(duplicates)
        if not sp.issparse(matrix) or matrix.ndim != 2:
            raise ValueError(f"expected a scipy sparse matrix, got {type(matrix).__name__}")
        coo = matrix.tocoo()
        whole = cls.of_indices(
            coo.row, coo.col, coo.data, n_users=coo.shape[0], n_items=coo.shape[1], dtype=dtype
        )
        parts = ratings_rows.without_duplicates(whole, duplicates)
        return cls._trusted(*parts, whole.user_ids, whole.item_ids)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        user: str | None = None,
        item: str | None = None,
        rating: str | None = None,
        duplicates: str = "keep",
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """Return the rows of a pandas or polars frame.

        Without `user`, `item` and `rating`, the columns are those whose names say so, whatever
        their case and underscores: ``userId``, ``movie_id``, ``Rating``. ValueError if there is no
        such column, or more than one.
        """
        columns = from_frame(frame, user=user, item=item, rating=rating)
        return cls(*columns, duplicates=duplicates, dtype=dtype)

    @property
    def n_users(self) -> int:
        """Number of users, with ratings or without."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of items, with ratings or without."""
        return len(self.item_ids)

    @property
    def mean(self) -> float:
        """Mean rating, added up in float64; NaN if there is no rating."""
        return float(self.r.mean(dtype=np.float64)) if len(self.r) else float("nan")

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, the type of the values."""
        return self.r.dtype

    def __len__(self) -> int:
        return len(self.r)

    def __repr__(self) -> str:
        return (
            f"Ratings({len(self)} ratings, {self.n_users} users, {self.n_items} items, "
            f"{self.dtype})"
        )

    def to_scipy(self) -> sp.coo_matrix:
        """Return a scipy COO matrix, users by items, that shares the arrays."""
        return sp.coo_matrix((self.r, (self.u, self.i)), shape=(self.n_users, self.n_items))

    def encode_users(self, ids: Any) -> Array:
        """Return the number of each user id, int32, -1 for one that is not known.

        >>> Ratings([30, 10], [1, 1], [5, 3]).encode_users([30, 7]).tolist()
        [1, -1]
        """
        return encode_ids(self.user_ids, ids, "user")

    def encode_items(self, ids: Any) -> Array:
        """Return the number of each item id, int32, -1 for one that is not known."""
        return encode_ids(self.item_ids, ids, "item")

    def rows(self, selection: slice | npt.ArrayLike) -> "Ratings":
        """Return the selected ratings in the order asked for; users and items keep their numbers.

        The selection is a slice, an integer or a boolean array, as for a numpy array: a slice
        shares the arrays of this record, everything else copies; IndexError if it is out of range.
        """
        rows = checked_selection(selection)
        return self._trusted(self.u[rows], self.i[rows], self.r[rows], self.user_ids, self.item_ids)

    def split(self, test: float | int = 0.1, *, seed: Any) -> tuple["Ratings", "Ratings"]:
        """Return (train, test): test ratings drawn at random, both in the order of this record.

        Parameters
        ----------
        test : float or int
            Share of the ratings, 0.0 to 1.0, rounded to the nearest; or how many.
        seed : int, SeedSequence or Generator

        Examples
        --------
        >>> train, test = Ratings.of_indices(range(10), range(10), np.ones(10)).split(0.2, seed=0)
        >>> len(train), len(test)
        (8, 2)
        """
        return self._parted(ratings_rows.random_rows(len(self), test, seed))

    def leave_out(self, per_user: int = 10, *, start: int = 10) -> tuple["Ratings", "Ratings"]:
        """Return (train, test): some ratings of each user, by their place in this record, are test.

        The default leaves out each user's 11th to 20th rating: GroupLens' split ``rb``, with which
        Zhuang et al. 2013 (section 5.1) cut MovieLens 10M. ``start=0`` is their ``ra``; a negative
        start counts from the user's end, so ``leave_out(4, start=-4)`` takes the last four. A user
        with fewer ratings gives fewer to the test part, or none.

        Parameters
        ----------
        per_user : int
            Ratings of each user, at most.
        start : int
            The place of the first of them among the user's ratings, from 0.

        Examples
        --------
        >>> ratings = Ratings.of_indices([0, 1, 0, 0], [0, 0, 1, 2], [1.0, 2.0, 3.0, 4.0])
        >>> train, test = ratings.leave_out(1, start=1)
        >>> train.r.tolist(), test.r.tolist()
        ([1.0, 2.0, 4.0], [3.0])
        """
        return self._parted(ratings_rows.rows_by_user(self.u, self.n_users, per_user, start))

    def folds(self, k: int, *, seed: Any) -> Iterator[tuple["Ratings", "Ratings"]]:
        """Yield k pairs (train, test): every rating is in the test part of exactly one, at random.

        The test parts differ by one rating at most; k is 2 to the number of ratings.

        Examples
        --------
        >>> ratings = Ratings.of_indices(range(5), range(5), np.ones(5))
        >>> [len(test) for _, test in ratings.folds(2, seed=0)]
        [3, 2]
        """
        fold = ratings_rows.random_folds(len(self), k, seed)
        return (self._parted(fold == number) for number in range(k))

    def _parted(self, is_test: Array) -> tuple["Ratings", "Ratings"]:
        return self.rows(~is_test), self.rows(is_test)
