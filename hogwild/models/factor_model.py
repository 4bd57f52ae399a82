"""A fitted factor model: a row of numbers a user, a row an item, and the ids that they belong to.

Contract: ids go in and come out; indices are for those who ask for them (``predict_indices``). A
user or item that had no training ratings keeps its start values, which mean nothing: it is treated
as if it were unknown.

Made by ``models.factors.fit_factors`` and ``models.factor_libmf``; used by the estimator and the
command line.
"""

import os
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.data.npz_file import read_npz, write_npz
from hogwild.data.ratings_ids import encode_ids
from hogwild.data.ratings_values import as_ids_of
from hogwild.errors import DataError
from hogwild.kernels.losses import Loss, Squared
from hogwild.models.checks import check_count, check_not_negative
from hogwild.models.factor_fold import FoldedUser, fold_in
from hogwild.models.factor_neighbours import best_items, nearest_items
from hogwild.models.factor_predict import check_indices, predict_any, predict_pairs
from hogwild.models.loss_header import loss_from_header, loss_to_header

Array = npt.NDArray[Any]

FORMAT, VERSION = "hogwild-factors", 1

_REQUIRED = ("P", "Q", "user_ids", "item_ids", "seen_users", "seen_items")


@dataclass(frozen=True, eq=False)
class FactorModel:
    """Factors of users and items: the prediction is p_u . q_i, or mean + b_u + b_i + p_u . q_i.

    The first is the model of Zhuang et al. 2013, eq. (1), the second that of their appendix,
    eq. (5).

    Attributes
    ----------
    P : float array, shape (n_users, k)
    Q : float array, shape (n_items, k)
    user_bias, item_bias : float arrays, shapes (n_users,) and (n_items,), or None
        Both or none.
    mean : float
        Of the training ratings: what is predicted where nothing is known.
    user_ids, item_ids : arrays of whole numbers or text
        The id of each row; by default the row's number.
    seen_users, seen_items : bool arrays
        Who had training ratings; by default all.
    loss : Loss
        What the factors were fitted to. For a loss that classifies, predictions are scores: the
        sign is the class.

    Raises
    ------
    ValueError
        For arrays that don't fit one another.

    Examples
    --------
    >>> model = FactorModel(
    ...     np.array([[1.0, 2.0]]),
    ...     np.array([[3.0, 0.5], [1.0, 1.0]]),
    ...     mean=3.5,
    ...     user_ids=np.array(["ann"]),
    ...     item_ids=np.array([10, 20]),
    ... )
    >>> model.predict(["ann", "ann", "bob"], [10, 20, 10])  # 1*3 + 2*.5, 1*1 + 2*1, nothing known
    array([4. , 3. , 3.5])
    >>> model.recommend("ann", 1)
    (array([10]), array([4.]))
    """

    P: Array
    Q: Array
    _: KW_ONLY
    user_bias: Array | None = None
    item_bias: Array | None = None
    mean: float = 0.0
    user_ids: Array = None  # type: ignore[assignment]  # filled below
    item_ids: Array = None  # type: ignore[assignment]
    seen_users: Array = None  # type: ignore[assignment]
    seen_items: Array = None  # type: ignore[assignment]
    loss: Loss = Squared()  # noqa: RUF009  # a frozen record without state

    def __post_init__(self) -> None:
        for name in ("P", "Q"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
                raise ValueError(f"{name} must be a float array of two dimensions, got {array!r}")
        if self.P.shape[1] != self.Q.shape[1]:
            raise ValueError(
                f"P and Q must have equally many factors, got {self.P.shape[1]} and "
                f"{self.Q.shape[1]}"
            )
        if (self.user_bias is None) != (self.item_bias is None):
            raise ValueError("biases must be given for users and items, or for neither")
        self._fill("user", len(self.P))
        self._fill("item", len(self.Q))

    def _fill(self, side: str, n_rows: int) -> None:
        """Put the defaults in place, and check that every array of a side has one entry a row."""
        ids = as_ids_of(getattr(self, f"{side}_ids"), n_rows, side)
        seen = getattr(self, f"seen_{side}s")
        seen = np.ones(n_rows, bool) if seen is None else np.asarray(seen)
        if seen.dtype != bool:
            raise ValueError(f"seen_{side}s must be True or False, got {seen.dtype}")
        object.__setattr__(self, f"{side}_ids", np.arange(n_rows) if ids is None else ids)
        object.__setattr__(self, f"seen_{side}s", seen)
        for name in (f"seen_{side}s", f"{side}_bias"):
            array = getattr(self, name)
            if array is not None and np.shape(array) != (n_rows,):
                raise ValueError(
                    f"{name} must have one entry for each of {n_rows} {side}s, "
                    f"got shape {np.shape(array)}"
                )

    def __repr__(self) -> str:
        shape = f"{self.n_users} users, {self.n_items} items, {self.n_factors} factors"
        return f"FactorModel({shape}, {self.loss}{', with biases' if self.biased else ''})"

    @property
    def n_users(self) -> int:
        """The number of rows of P."""
        return len(self.P)

    @property
    def n_items(self) -> int:
        """The number of rows of Q."""
        return len(self.Q)

    @property
    def n_factors(self) -> int:
        """The number of columns of P and Q."""
        return int(self.P.shape[1])

    @property
    def biased(self) -> bool:
        """Whether there are biases; the mean is part of predictions only then."""
        return self.user_bias is not None

    def encode_users(self, ids: Any) -> Array:
        """Return the row number of each user id, int32, -1 for one that is not known."""
        return encode_ids(self.user_ids, ids, "user")

    def encode_items(self, ids: Any) -> Array:
        """Return the row number of each item id, int32, -1 for one that is not known."""
        return encode_ids(self.item_ids, ids, "item")

    @cached_property
    def item_rank(self) -> Array:
        """The place of each item's id among the sorted ids, shape (n_items,)."""
        rank = np.empty(self.n_items, np.intp)
        rank[np.argsort(self.item_ids)] = np.arange(self.n_items)
        return rank

    def predict(self, users: Any, items: Any = None, *, unknown: str = "mean") -> Any:
        """Return the prediction for every pair of ids, as float64.

        Parameters
        ----------
        users : id, sequence of ids, or Ratings
            With a single id on one side, it is paired with all of the other. Ratings bring their
            own pairs.
        items : id or sequence of ids, as long as `users`; None for Ratings
        unknown : "mean" or "error"
            What becomes of users and items that are unknown or had no training ratings: "mean"
            predicts the training mean (with biases: and the bias of the side that is known).

        Raises
        ------
        ValueError
            With `unknown="error"`, naming the first such id and its position; for lengths that
            differ.
        """
        return predict_any(self, users, items, unknown)

    def seen(self, side: str, index: Any) -> Any:
        """Return whether each "user" or "item" row had training ratings; never for the index -1."""
        mask = self._seen_users if side == "user" else self._seen_items
        return mask[index]

    @cached_property
    def _seen_users(self) -> Array:
        return np.append(self.seen_users, False)

    @cached_property
    def _seen_items(self) -> Array:
        return np.append(self.seen_items, False)

    def predict_indices(self, u: npt.ArrayLike, i: npt.ArrayLike) -> Array:
        """Return the prediction for every pair of row numbers; -1 stands for an unknown id.

        Parameters
        ----------
        u, i : integer arrays of one shape (n,)

        Raises
        ------
        ValueError
            For row numbers that the model does not have.
        """
        u, i = check_indices(self, "user", u), check_indices(self, "item", i)
        if u.shape != i.shape:
            raise ValueError(f"{len(u)} users and {len(i)} items do not make pairs")
        return predict_pairs(self, u, i)

    def recommend(self, user: Any, n: int = 10, *, exclude: Any = None) -> tuple[Array, Array]:
        """Return (item ids, scores) of the n items with the highest prediction, best first.

        Ties go by id; items without training ratings are never among them.

        Parameters
        ----------
        user : id, or what `fold_in` has returned
        n : int
        exclude : sequence of item ids, or Ratings, optional
            Items to leave out; of Ratings, those that this user has in them. A folded-in user's own
            items are left out by default.

        Raises
        ------
        ValueError
            For a user who is unknown or had no training ratings: see `fold_in`.
        """
        check_count("n", n)
        if isinstance(user, FoldedUser):
            return user.recommend(n, exclude=exclude)
        return best_items(self, user, n, exclude)

    def similar(self, item: Any, n: int = 10) -> tuple[Array, Array]:
        """Return (item ids, cosines) of the n items of the nearest direction, nearest first.

        The cosine of two rows, q_i . q_j / (|q_i| |q_j|), is 0 where one of them is 0; ties go by
        id. The item itself, and items without training ratings, are never among them.

        Raises
        ------
        ValueError
            For an item that is unknown or had no training ratings.
        """
        check_count("n", n)
        return nearest_items(self, item, n)

    def fold_in(self, items: Any, values: npt.ArrayLike, *, reg: float = 0.05) -> FoldedUser:
        """Return the factors of a new user with these ratings; the model stays as it is.

        They minimise what the fit minimises (see ``models.factor_fold``), the items held fast: for
        the squared loss, sum_j (r_j - p . q_j)^2 + omega reg |p|^2 over his omega ratings.

        Parameters
        ----------
        items : sequence of item ids
        values : array-like, as long
        reg : float
            Ridge weight a rating, that of the fit.

        Raises
        ------
        ValueError
            For items that are unknown or had no training ratings; for values that are not finite;
            for a loss with a kink or with no bound on its second derivative (absolute, hinge, tube,
            Kullback-Leibler).
        """
        check_not_negative("reg", reg)
        return fold_in(self, items, values, reg)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as ``.npz``: its arrays, and a header in JSON; no pickle.

        The file appears whole or not at all; devices and pipes are written to directly.

        Raises
        ------
        ValueError
            For a loss of your own, which ``load`` would not know; and a mean that is not finite.
        """
        header = {**loss_to_header(self.loss), "mean": float(self.mean)}
        arrays: dict[str, Array] = {name: getattr(self, name) for name in _REQUIRED}
        if self.user_bias is not None and self.item_bias is not None:
            arrays |= {"user_bias": self.user_bias, "item_bias": self.item_bias}
        write_npz(path, FORMAT, VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` has written.

        Raises
        ------
        DataError
            When the file is no such model, or is damaged.
        """
        header, arrays = read_npz(path, FORMAT, VERSION, _REQUIRED)
        try:
            loss, mean = loss_from_header(header), float(header["mean"])
            return cls(**arrays, mean=mean, loss=loss)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the model is damaged ({error!r})", path=os.fspath(path)) from None
