"""``MatrixFactorization``: ratings as rows (user, item) with a target, in scikit-learn's manner.

Contract: ``n_jobs=1``, the default, is serial SGD, and ``random_state`` gives the same bits again.
More jobs run the blocks of ``schedule``: "dsgd" gives the same bits for any number of them, "fpsgd"
and "hogwild" do not repeat.  A fit that fails leaves the estimator as it was.

Called by users, and by scikit-learn's tools on their behalf.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hogwild import metrics
from hogwild.data import Ratings
from hogwild.estimators import doors, pairs
from hogwild.estimators.conventions import Estimator
from hogwild.kernels.losses import FACTOR_LOSSES, Loss, find_loss
from hogwild.models import FactorEpoch, FactorFit, FactorModel, fit_factors
from hogwild.models.checks import check_switches
from hogwild.models.steps import StepRule

Array = npt.NDArray[Any]


class MatrixFactorization(Estimator):
    """Factors of users and items by stochastic gradient descent, serial or with ``n_jobs`` workers.

    Minimises the sum over the ratings of (r - p_u . q_i)^2 + reg |p_u|^2 + reg |q_i|^2 (Zhuang et
    al. 2013, eq. 1), or of another loss, as ``fit_factors`` states it.

    Parameters
    ----------
    n_factors : int
        Numbers in a user's and in an item's row.
    loss : str or Loss
        "squared", "absolute", "huber", "epsilon_insensitive", "kl" (with `nonnegative`).
    reg, reg_l1 : float or (float, float)
        Ridge and L1 weights of a rating; or those of users and of items.
    step : float, name or StepRule, optional
        A constant learning rate; "yun", "bold", "adagrad"; a rule; by default AdaGrad's .1.
    epochs : int
        At most.
    biases, nonnegative : bool
        Add the mean and biases of users and items; keep the factors at 0 or above.
    start : {"libmf", "paper", "libmf2"}
        How the first factors are drawn.
    n_jobs : int, optional
        1 or None: serial.  More: that many processes; -1: one for each processor.
    schedule : {"fpsgd", "dsgd", "hogwild"}
        Of more than one job.
    grid : int or (int, int), optional
        Bands of users and items.
    order : {"user", "item", "random"}
        Of the ratings in a block.
    dtype : {"float32", "float64"}
    kernel : {"auto", "python", "numpy", "numba"}
    coordination : {"shared", "manager"}
        Where the table of free blocks is.
    validation_fraction : float, optional
        This share of the ratings is not fitted to, but measured after each epoch.
    patience : int, optional
        Stop after so many epochs in which the loss on these has not fallen; keep the best epoch.
    unknown : {"mean", "error"}
        What ``predict`` does with users and items without training ratings.
    random_state : int, RandomState, Generator, SeedSequence, optional
        Of everything drawn; numpy's global state is never touched.
    warm_start : bool
        Let ``fit`` begin with the factors of the last one, for the ids that it knows; the sums of
        AdaGrad begin anew.
    start_method : {"fork", "spawn", "forkserver"}, optional
        Of the processes.

    Attributes
    ----------
    P_, Q_ : float arrays, shape (n_users, n_factors) and (n_items, n_factors)
    user_bias_, item_bias_ : float arrays, or None
    mean_ : float
        Of the training ratings.
    user_ids_, item_ids_ : arrays
        The id of each row.
    model_ : FactorModel
        All of these together: ``recommend``, ``similar``, ``fold_in``, ``save``.
    history_ : list of FactorEpoch
    n_iter_ : int
        Epochs made.
    best_epoch_ : int or None
        The epoch whose factors these are, where `patience` has chosen one.
    n_features_in_ : int
        2: a user and an item.

    Examples
    --------
    >>> X = [("ann", "x"), ("ann", "y"), ("bob", "x")]
    >>> model = MatrixFactorization(2, reg=0.0, epochs=200, random_state=0).fit(X, [5, 1, 4])
    >>> model.predict(X).round(1).tolist(), round(model.score(X, [5, 1, 4]), 3)
    ([5.0, 1.0, 4.0], 1.0)
    >>> model.model_.recommend("bob", 1, exclude=["x"])[0].tolist()
    ['y']
    """

    _kind: ClassVar[str] = "regressor"

    model_: FactorModel
    history_: list[FactorEpoch]
    n_iter_: int
    best_epoch_: int | None
    n_features_in_: int

    def __init__(
        self, n_factors: int = 40, *, loss: str | Loss = "squared", reg: Any = 0.05,
        reg_l1: Any = 0.0, step: float | str | StepRule | None = None, epochs: int = 20,
        biases: bool = False, nonnegative: bool = False, start: str = "libmf",
        n_jobs: int | None = 1, schedule: str = "fpsgd", grid: Any = None, order: str = "user",
        dtype: str = "float32", kernel: str = "auto", coordination: str = "shared",
        validation_fraction: float | None = None, patience: int | None = None,
        unknown: str = "mean", random_state: Any = None, warm_start: bool = False,
        start_method: str | None = None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.loss = loss
        self.reg = reg
        self.reg_l1 = reg_l1
        self.step = step
        self.epochs = epochs
        self.biases = biases
        self.nonnegative = nonnegative
        self.start = start
        self.n_jobs = n_jobs
        self.schedule = schedule
        self.grid = grid
        self.order = order
        self.dtype = dtype
        self.kernel = kernel
        self.coordination = coordination
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.unknown = unknown
        self.random_state = random_state
        self.warm_start = warm_start
        self.start_method = start_method

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to ratings; return self.

        Parameters
        ----------
        X : array-like or frame of two columns, user and item, shape (n_ratings, 2)
            Ids, each column all whole numbers or all text.  Or all in one: Ratings, a scipy sparse
            matrix of users by items, a frame that has a column of ratings too.
        y : array-like, shape (n_ratings,)
            The ratings; None where X has them.

        Raises
        ------
        ValueError
            For a parameter or data that can't be taken.
        DivergenceError
            When the loss becomes NaN, infinite, or a million times what it was.
        """
        ratings = pairs.as_ratings(X, y, type(self).__name__, self.dtype)
        check_switches(warm_start=self.warm_start)
        fit = self._fitted(ratings)
        self.model_, self.history_ = fit.model, fit.history
        self.P_, self.Q_ = fit.model.P, fit.model.Q
        self.user_bias_, self.item_bias_ = fit.model.user_bias, fit.model.item_bias
        self.user_ids_, self.item_ids_ = fit.model.user_ids, fit.model.item_ids
        self.mean_, self.n_iter_ = fit.model.mean, len(fit.history)
        self.best_epoch_, self.n_features_in_ = fit.best_epoch, 2
        return self

    def _fitted(self, ratings: Ratings) -> FactorFit:
        loss, seed = find_loss(self.loss, FACTOR_LOSSES), doors.seed_of(self.random_state)
        if loss.classifies:
            raise ValueError(
                f"{type(self).__name__} predicts numbers and can't take the loss {self.loss!r}; "
                "fit_factors takes it"
            )
        n_workers = doors.workers_of(self.n_jobs)
        held, fraction = None, self.validation_fraction
        if self.patience is not None and fraction is None:
            raise ValueError(
                f"patience={self.patience!r} needs a validation_fraction, such as 0.1, to watch"
            )
        if fraction is not None:
            ratings, held = pairs.split(ratings, fraction, seed)
        begun = self.warm_start and hasattr(self, "model_")
        return fit_factors(
            ratings, n_factors=self.n_factors, loss=loss, reg=self.reg, reg_l1=self.reg_l1,
            step=self.step, epochs=self.epochs, biases=self.biases, nonnegative=self.nonnegative,
            start=self.model_ if begun else self.start,
            schedule="serial" if n_workers == 1 else self.schedule, n_workers=n_workers,
            grid=self.grid, order=self.order, dtype=self.dtype, kernel=self.kernel,
            coordination=self.coordination, validation=held, patience=self.patience, seed=seed,
            start_method=self.start_method,
        )  # fmt: skip

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """Return the prediction of every pair, shape (n_pairs,).

        Parameters
        ----------
        X : as for ``fit``
            Ratings in it play no part; a sparse matrix stands for the pairs that it has stored.
        """
        self._check_fitted()
        if isinstance(X, Ratings):
            return self.model_.predict(X, unknown=self.unknown)
        users, items = pairs.as_pairs(X)
        return self.model_.predict(users, items, unknown=self.unknown)

    def score(self, X: Any, y: Any = None) -> float:
        """Return R^2, the share of the variance of the ratings that the predictions explain.

        At best 1; 0 is what the mean of y gives.  Where all ratings are alike, it is 1 if every
        prediction is right, else 0, as in scikit-learn.  For the error in the ratings' own
        units ask ``hogwild.metrics.rmse(y, model.predict(X))``, or give scikit-learn's tools
        ``scoring="neg_root_mean_squared_error"``.

        Parameters
        ----------
        X, y : as for ``fit``
        """
        z = self.predict(X)
        r = pairs.as_ratings(X, y, type(self).__name__, "float64").r
        if np.ptp(r) == 0.0:
            return float(np.array_equal(z, r))
        return metrics.r2(r, z)

    def _repeats(self) -> bool:
        alone = self.n_jobs is None or bool(np.array_equal(self.n_jobs, 1))
        return alone or self.schedule == "dsgd"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False  # not as rows of features
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags
