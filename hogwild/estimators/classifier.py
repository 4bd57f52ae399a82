"""``HogwildClassifier``: classes of any name, by serial SGD or Hogwild!, in scikit-learn's manner.

Two classes share one weight vector.  More are one against the rest: one fit a class, one after the
other, all with the same order of rows.

Called by users, and by scikit-learn's tools on their behalf.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit

from hogwild.estimators import doors
from hogwild.estimators.linear import LinearEstimator
from hogwild.kernels.losses import Logistic, Loss
from hogwild.models.steps import StepRule

Array = npt.NDArray[Any]


class HogwildClassifier(LinearEstimator):
    """A linear classifier by stochastic gradient descent, serial or with ``n_jobs`` processes.

    Minimises the mean loss of w . x + b plus the penalty of w, as ``fit_linear`` states it, with
    labels -1 and +1 inside.  Features of very different sizes slow SGD down: scale them first.

    Parameters
    ----------
    loss : str or Loss
        "logistic", "hinge", "squared_hinge".
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
        A coordinate whose gradient is not larger than this stands still.
    random_state : int, RandomState, Generator, SeedSequence, optional
        Of the shuffling; numpy's global state is never touched.
    warm_start : bool
        Let ``fit`` begin with the weights of the last one.
    start_method : {"fork", "spawn", "forkserver"}, optional
        Of the processes.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        Sorted.
    coef_ : float array, shape (1, n_features) for two classes, else (n_classes, n_features)
        Of two classes, a positive w . x + b means the second.
    intercept_ : float array, shape (1,) or (n_classes,)
    n_features_in_ : int
    feature_names_in_ : object array, shape (n_features,)
        Where X was a frame whose column names are all strings.
    n_iter_ : int
        Passes made by the last ``fit`` or ``partial_fit``, the most that a class needed.
    t_ : float
        1 + the number of updates since the last ``fit`` began.
    history_ : list of lists of EpochRecord
        Of the last ``fit`` or ``partial_fit``: one list for each row of ``coef_``.
    loss_curve_ : list of float
        The objective after each of its epochs, summed over the rows of ``coef_``.

    Examples
    --------
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["ham", "ham", "spam", "spam"]
    >>> model = HogwildClassifier(random_state=0).fit(X, y)
    >>> model.predict([[-3.0], [3.0]]).tolist(), model.coef_.shape
    (['ham', 'spam'], (1, 1))
    """

    _kind: ClassVar[str] = "classifier"

    classes_: Array

    def __init__(
        self, loss: str | Loss = "logistic", *, penalty: str | None = "l2", reg: float = 1e-4,
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
        """Fit to the rows of X and their labels y; return self.

        Parameters
        ----------
        X : array-like, scipy sparse matrix or array, or frame, shape (n_rows, n_features)
        y : array-like, shape (n_rows,)
            Labels: text, whole numbers or booleans, of two classes or more.
        sample_weight : array-like, shape (n_rows,), optional
            How much each row counts, relative to the mean of them all.

        Raises
        ------
        ValueError
            For a parameter or data that can't be taken.
        DivergenceError
            When the loss becomes NaN, infinite, or a million times what it was.
        """
        rows = self._rows(X, as_fitted=self._goes_on(one_pass=False))
        labels = doors.checked_labels(y, type(self).__name__)
        classes = doors.classes_of(labels)
        if self._goes_on(one_pass=False):
            self._check_same_classes(classes)
        return self._learn(X, rows, labels, classes, sample_weight, one_pass=False)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Make one pass over these rows, from the present weights; return self.

        A number given as ``step`` stays as it is; a rule goes on by its clock, except that the sums
        of AdaGrad begin anew with each call.  Without ``step`` each call takes one that suits its
        rows.  Weights of rows are relative within a call.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
            Not every class need occur in y.
        classes : array-like, shape (n_classes,)
            All classes that will ever occur; needed in the first call only.
        """
        going_on = self._goes_on(one_pass=True)
        rows = self._rows(X, as_fitted=going_on)
        if classes is None:
            if not going_on:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            classes = self.classes_
        else:
            classes = doors.classes_of(doors.checked_labels(classes, type(self).__name__))
            if going_on:
                self._check_same_classes(classes)
        labels = doors.checked_labels(y, type(self).__name__)
        return self._learn(X, rows, labels, classes, sample_weight, one_pass=True)

    def _check_same_classes(self, classes: Array) -> None:
        if classes.tolist() != self.classes_.tolist():
            raise ValueError(
                f"the classes are {classes.tolist()}, but the weights to go on from were fitted to "
                f"{self.classes_.tolist()}"
            )

    def _learn(
        self, X: Any, rows: doors.Rows, labels: Array, classes: Array, sample_weight: Any, *,
        one_pass: bool,
    ) -> Self:  # fmt: skip
        if len(classes) < 2:
            raise ValueError(
                f"y has one class only, {classes.tolist()[0]!r}; a classifier needs two or more"
            )
        codes = doors.encode(labels, classes)
        ones = [1] if len(classes) == 2 else range(len(classes))
        targets = [np.where(codes == one, 1.0, -1.0) for one in ones]
        self._train(X, rows, targets, sample_weight, one_pass=one_pass)
        self.classes_ = classes
        return self

    def decision_function(self, X: Any) -> Array:
        """Return w . x + b, shape (n_rows,) for two classes, else (n_rows, n_classes).

        Parameters
        ----------
        X : array-like, scipy sparse matrix or array, or frame, shape (n_rows, n_features)
        """
        self._check_fitted()
        scores = np.asarray(self._rows(X) @ self.coef_.T + self.intercept_)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> Array:
        """Return the class of every row, shape (n_rows,).

        Parameters
        ----------
        X : as for ``decision_function``
        """
        scores = self.decision_function(X)
        best = (scores > 0.0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]

    @property
    def predict_proba(self) -> Any:
        """``predict_proba(X)``: the probability of each class, shape (n_rows, n_classes).

        There for the logistic loss only: other scores are no log-odds.  Of more than two classes,
        each against the rest, the probabilities are divided by their sum.
        """
        if self.loss != "logistic" and not isinstance(self.loss, Logistic):
            raise AttributeError(
                f"probabilities mean something for the logistic loss only, not for {self.loss!r}"
            )
        return self._predict_proba

    def _predict_proba(self, X: Any) -> Array:
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        logs = log_expit(scores)  # where all probabilities underflow, their logarithms still differ
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, the (weighted) share of rows whose class is predicted.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
        """
        right = self.predict(X) == doors.checked_target(y, type(self).__name__)
        return float(np.average(right, weights=sample_weight))
