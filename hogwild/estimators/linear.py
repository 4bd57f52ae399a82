"""What regressor and classifier share: ``fit_linear`` behind scikit-learn's interface.

Contract: ``n_jobs=1``, the default, is serial SGD, and a seed gives the same bits again; more jobs
are Hogwild! processes, and it does not.  A fit that fails leaves the estimator as it was.

Called by ``estimators.regressor`` and ``estimators.classifier``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.estimators import doors, export
from hogwild.estimators.conventions import Estimator
from hogwild.kernels.losses import LOSSES, Loss, find_loss
from hogwild.models import EpochRecord, LinearFit, LinearModel, fit_linear
from hogwild.models.checks import check_switches
from hogwild.models.steps import StepRule, find_step

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ClockedOn:
    """A step rule that goes on where an earlier fit has stopped.

    Examples
    --------
    >>> from hogwild.models.steps import InverseSqrt
    >>> ClockedOn(InverseSqrt(1.0), epochs=1, updates=3).at(1, np.array([0]))
    array([0.5])
    """

    rule: StepRule
    epochs: int
    updates: int

    @property
    def adaptive(self) -> bool:
        """Whether AdaGrad divides the step of each coordinate."""
        return self.rule.adaptive

    def at(self, epoch: int, t: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the step of every update t, counted from the new start."""
        return self.rule.at(epoch + self.epochs, t + self.updates)


class LinearEstimator(Estimator):
    """What both estimators share: parameters, passes over the data, fitted attributes."""

    coef_: Array
    intercept_: Array
    n_features_in_: int
    feature_names_in_: Array
    n_iter_: int
    t_: float
    history_: list[list[EpochRecord]]
    loss_curve_: list[float]
    _passes: int

    def __init__(
        self, loss: str | Loss, *, penalty: str | None, reg: float, l1_ratio: float,
        step: float | StepRule | None, epochs: int, batch_size: int, tol: float | None,
        fit_intercept: bool, shuffle: bool, n_jobs: int | None, kernel: str, write: str,
        update_threshold: float | None, random_state: Any, warm_start: bool,
        start_method: str | None,
    ):  # fmt: skip
        self.loss = loss
        self.penalty = penalty
        self.reg = reg
        self.l1_ratio = l1_ratio
        self.step = step
        self.epochs = epochs
        self.batch_size = batch_size
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.shuffle = shuffle
        self.n_jobs = n_jobs
        self.kernel = kernel
        self.write = write
        self.update_threshold = update_threshold
        self.random_state = random_state
        self.warm_start = warm_start
        self.start_method = start_method

    def to_sklearn(self) -> Any:
        """Return scikit-learn's SGD estimator that predicts the same and needs no ``hogwild``.

        It has the weights, the clock ``t_``, the loss and the penalty; since its squared loss has a
        factor 1/2, ``alpha`` is half of ``reg`` there.  Its ``partial_fit`` goes on from here, with
        scikit-learn's steps.

        Raises
        ------
        MissingExtra
            Where scikit-learn is not installed.
        ValueError
            For a loss of your own.
        """
        self._check_fitted()
        return export.to_sklearn(self)

    def _repeats(self) -> bool:
        return self.n_jobs is None or bool(np.array_equal(self.n_jobs, 1))

    def _loss(self) -> Loss:
        """Return the loss; ValueError for an unknown one, or one of the other kind."""
        loss, classifies = find_loss(self.loss), self._kind == "classifier"
        if loss.classifies != classifies:
            takes = [name for name, kind in LOSSES.items() if kind.classifies == classifies]
            raise ValueError(
                f"{type(self).__name__} can't take the loss {self.loss!r}; "
                f"it takes {', '.join(takes)}"
            )
        return loss

    def _rows(self, X: Any, *, as_fitted: bool = True) -> doors.Rows:
        """Return the rows as numbers, after a look at whether they have the features of the fit."""
        if as_fitted:  # names first: columns put together wrongly often hold NaN too
            names = getattr(self, "feature_names_in_", None)
            doors.check_same_names(doors.feature_names(X), names)
        rows = doors.checked_rows(X)
        if as_fitted and rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return rows

    def _goes_on(self, one_pass: bool) -> bool:
        """Tell whether the next fit begins with the weights of the last one."""
        return hasattr(self, "n_features_in_") and (one_pass or bool(self.warm_start))

    def _train(
        self, X: Any, rows: doors.Rows, targets: list[Array], sample_weight: Any, *, one_pass: bool
    ) -> None:
        """Fit one weight vector for each target; take the results over when all are there."""
        check_switches(fit_intercept=self.fit_intercept, warm_start=self.warm_start)
        going_on = self._goes_on(one_pass)
        # as in scikit-learn, fit starts the clock again even from warm weights
        passes, clock = (self._passes, int(self.t_) - 1) if going_on and one_pass else (0, 0)
        step = self.step
        if passes and step is not None:
            step = ClockedOn(find_step(step), passes, clock)
        weight, seed = doors.checked_weight(sample_weight), doors.seed_of(self.random_state)
        fits = [
            self._fit_one(
                Examples(rows, y, sample_weight=weight), seed, step, 1 if one_pass else self.epochs,
                LinearModel(np.atleast_2d(self.coef_)[k], float(self.intercept_[k]))
                if going_on else None,
            )
            for k, y in enumerate(targets)
        ]  # fmt: skip
        self._take_over(X, rows, fits, passes, clock)

    def _fit_one(
        self, examples: Examples, seed: Any, step: float | StepRule | None, epochs: int,
        start: LinearModel | None,
    ) -> LinearFit:  # fmt: skip
        n_workers = doors.workers_of(self.n_jobs)
        return fit_linear(
            examples, loss=self._loss(), penalty=self.penalty, reg=self.reg, l1_ratio=self.l1_ratio,
            step=step, epochs=epochs, batch_size=self.batch_size, tol=self.tol,
            schedule="serial" if n_workers == 1 else "hogwild", n_workers=n_workers,
            kernel=self.kernel, write=self.write, update_threshold=self.update_threshold,
            intercept=self.fit_intercept, shuffle=self.shuffle, start=start, seed=seed,
            start_method=self.start_method,
        )  # fmt: skip

    def _take_over(
        self, X: Any, rows: doors.Rows, fits: list[LinearFit], passes: int, clock: int
    ) -> None:
        self.coef_ = np.vstack([fit.model.w for fit in fits])
        self.intercept_ = np.array([fit.model.intercept for fit in fits])
        self.history_ = [fit.history for fit in fits]
        self.n_iter_ = max(len(history) for history in self.history_)
        self.loss_curve_ = [
            sum(history[min(epoch, len(history) - 1)].objective for history in self.history_)
            for epoch in range(self.n_iter_)
        ]
        updates = max(sum(record.updates for record in history) for history in self.history_)
        self._passes, self.t_ = passes + self.n_iter_, 1.0 + clock + updates
        if not passes:
            self.n_features_in_ = rows.shape[1]
            self.__dict__.pop("feature_names_in_", None)
            names = doors.feature_names(X)
            if names is not None:
                self.feature_names_in_ = names
