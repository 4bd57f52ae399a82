"""``HogwildRegressor``: real targets, by serial SGD or Hogwild!, in scikit-learn's manner.

Called by users, and by scikit-learn's tools on their behalf.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hogwild.estimators import doors
from hogwild.estimators.linear import LinearEstimator
from hogwild.kernels.losses import Loss
from hogwild.models.steps import StepRule


class HogwildRegressor(LinearEstimator):
    """A linear regression by stochastic gradient descent, serial or with ``n_jobs`` processes.

    Minimises the mean loss of w . x + b plus the penalty of w, as ``fit_linear`` states it.
    Features of very different sizes slow SGD down: scale them first.

    Parameters
    ----------
    loss : str or Loss
        "squared", without the factor 1/2, "absolute", "huber", "epsilon_insensitive"; or a record
        such as ``hogwild.kernels.losses.Huber(delta=2.0)``.
    penalty : {"l2", "l1", "elasticnet", "sparse_l2", "none"} or None
        reg/2 |w|^2; reg |w|_1; a mixture; L2 in the paper's sparse form.  Never on the intercept.
        Under AdaGrad L2 takes its sparse form; and a weight whose feature occurs in no row (after a
        warm start) never shrinks by L1 or the sparse form.
    reg, l1_ratio : float
        Strength of the penalty, and L1's share of it under "elasticnet".
    step : float or StepRule, optional
        Learning rate, or a rule of ``hogwild.models.steps``; by default found from the data, and
        falling to 1/200 of its first value over the epochs.
    epochs : int
        Passes over the rows, at most.
    batch_size : int
        Rows an update.
    tol : float, optional
        Stop when an epoch lowers the objective by no more than this share of it.
    fit_intercept, shuffle : bool
    n_jobs : int, optional
        1 or None: serial.  More: that many Hogwild! processes; -1: one for each processor.
    kernel : {"auto", "python", "numpy", "numba"}
        How an update is computed: "auto" takes numba where it is installed (to the bit what
        "python" gives in float64), else numpy, which agrees to rounding.
    write : {"plain", "add_at", "locked", "atomic"}
        How an update reaches shared weights.
    update_threshold : float, optional
        A coordinate whose gradient is not larger than this stands still (the blog's .01).
    random_state : int, RandomState, Generator, SeedSequence, optional
        Of the shuffling; numpy's global state is never touched.
    warm_start : bool
        Let ``fit`` begin with the weights of the last one.
    start_method : {"fork", "spawn", "forkserver"}, optional
        Of the processes.

    Attributes
    ----------
    coef_ : float array, shape (n_features,)
    intercept_ : float array, shape (1,)
    n_features_in_ : int
    feature_names_in_ : object array, shape (n_features,)
        Where X was a frame whose column names are all strings.
    n_iter_ : int
        Passes made by the last ``fit`` or ``partial_fit``.
    t_ : float
        1 + the number of updates since the last ``fit`` began.
    history_ : list of one list of EpochRecord
        Of the last ``fit`` or ``partial_fit``.
    loss_curve_ : list of float
        The objective after each of its epochs.

    Examples
    --------
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0]
    >>> model = HogwildRegressor(penalty=None, step=0.25, epochs=30, fit_intercept=False)
    >>> model.fit(X, y).coef_.round(3).tolist()
    [2.0, -1.0]
    >>> model.predict([[1.0, 1.0]]).round(3).tolist()
    [1.0]
    """

    _kind: ClassVar[str] = "regressor"

    def __init__(
        self, loss: str | Loss = "squared", *, penalty: str | None = "l2", reg: float = 1e-4,
        l1_ratio: float = 0.15, step: float | StepRule | None = None, epochs: int = 20,
        batch_size: int = 1, tol: float | None = None, fit_intercept: bool = True,
        shuffle: bool = True, n_jobs: int | None = 1, kernel: str = "auto", write: str = "plain",
        update_threshold: float | None = None, random_state: Any = None, warm_start: bool = False,
        start_method: str | None = None,
    ):  # fmt: skip
        super().__init__(
            loss, penalty=penalty, reg=reg, l1_ratio=l1_ratio, step=step, epochs=epochs,
            batch_size=batch_size, tol=tol, fit_intercept=fit_intercept, shuffle=shuffle,
            n_jobs=n_jobs, kernel=kernel, write=write, update_threshold=update_threshold,
            random_state=random_state, warm_start=warm_start, start_method=start_method,
        )  # fmt: skip

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to the rows of X and the targets y; return self.

        Parameters
        ----------
        X : array-like, scipy sparse matrix or array, or frame, shape (n_rows, n_features)
        y : array-like, shape (n_rows,)
        sample_weight : array-like, shape (n_rows,), optional
            How much each row counts, relative to the mean of them all.

        Raises
        ------
        ValueError
            For a parameter or data that can't be taken.
        DivergenceError
            When the loss becomes NaN, infinite, or a million times what it was.
        """
        return self._learn(X, y, sample_weight, one_pass=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Make one pass over these rows, from the present weights; return self.

        A number given as ``step`` stays as it is; a rule goes on by its clock, except that the sums
        of AdaGrad begin anew with each call.  Without ``step`` each call takes one that suits its
        rows.  Weights of rows are relative within a call.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
        """
        return self._learn(X, y, sample_weight, one_pass=True)

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, one_pass: bool) -> Self:
        rows = self._rows(X, as_fitted=self._goes_on(one_pass))
        target = doors.checked_target(y, type(self).__name__)
        if target.dtype == object:
            target = target.astype(np.float64)  # numpy's own error names what is no number
        self._train(X, rows, [target], sample_weight, one_pass=one_pass)
        self.coef_ = self.coef_.ravel()
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return w . x + b of every row, shape (n_rows,).

        Parameters
        ----------
        X : array-like, scipy sparse matrix or array, or frame, shape (n_rows, n_features)
        """
        self._check_fitted()
        return np.asarray(self._rows(X) @ self.coef_ + self.intercept_[0])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, the share of the variance of y that the predictions explain; at best 1.

        For constant y it is 1 if all predictions are right, else 0, as in scikit-learn.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
        """
        z, y = self.predict(X), doors.checked_target(y, type(self).__name__).astype(np.float64)
        weight = np.ones(len(z)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        missed = float(weight @ (y - z) ** 2)
        spread = float(weight @ (y - np.average(y, weights=weight)) ** 2)
        return 1.0 - missed / spread if spread > 0.0 else float(missed == 0.0)
