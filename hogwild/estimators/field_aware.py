"""``FieldAwareClassifier``: field-aware factorization machines in scikit-learn's manner.

Contract: ``n_jobs=1``, the default, is serial, and ``random_state`` gives the same bits again; more
jobs are Hogwild! processes, and it does not.  A fit that fails leaves the estimator as it was.

Called by users, and by scikit-learn's tools on their behalf.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hogwild.data import FieldEncoder, FieldRows
from hogwild.errors import DataError
from hogwild.estimators import doors, field_inputs
from hogwild.estimators.conventions import Estimator
from hogwild.models.field_model import FieldModel
from hogwild.models.field_record import FieldEpoch, FieldFit
from hogwild.models.fields import fit_ffm

Array = npt.NDArray[Any]


class FieldAwareClassifier(Estimator):
    """Two classes by the pairs of a row's features, each with a vector for the other's field.

    The score is the sum over the pairs of a row of w[j_a, f_b] . w[j_b, f_a] v_a v_b, over the
    squared norm of the row (Juan et al. 2016, eq. 4), fitted as ``fit_ffm`` states it.  There is
    nothing else in it unless `bias` and `linear` ask for it: a single column predicts nothing.

    Parameters
    ----------
    n_factors : int
        Numbers in a vector.
    step, reg : float
        AdaGrad's numerator, and the ridge weight of a pair.
    epochs : int
        Passes over the rows, at most.
    normalise : bool
        Scale each row to norm 1.
    bias, linear : bool
        Add an intercept, and a weight for each feature alone.
    one_field : bool
        Take all fields for one: a plain factorization machine.
    clip : float, optional
        Limit each component of a gradient.
    encoder : FieldEncoder, optional
        How the columns of frames and of arrays with words become fields; a copy is fitted.  By
        default words are indexed, and numbers are values as they are.
    validation_fraction : float, optional
        This share of the rows is not fitted to, but measured after each epoch.
    auto_stop : bool
        Stop at the first epoch in which the loss on these has risen, and keep the model before it.
    n_jobs : int, optional
        1 or None: serial.  More: that many Hogwild! processes; -1: one for each processor.
    kernel : {"auto", "python", "numpy", "numba"}
    dtype : {"float32", "float64"}
        Of the weights.
    random : {"numpy", "libffm"}
        "libffm" draws that library's own numbers, and takes no `random_state`.
    random_state : int, RandomState, Generator, SeedSequence, optional
        Of everything drawn; numpy's global state is never touched.
    start_method : {"fork", "spawn", "forkserver"}, optional
        Of the processes.

    Attributes
    ----------
    classes_ : array, shape (2,)
        Sorted; a positive score means the second.
    model_ : FieldModel
        Its ``w`` has the shape (n_features, n_fields, n_factors); ``save`` keeps it.
    encoder_ : FieldEncoder or None
        Fitted, where X had words.
    history_ : list of FieldEpoch
    n_iter_ : int
        Epochs made.
    best_epoch_ : int or None
        The epoch whose model this is, where `auto_stop` has chosen one.
    n_features_in_ : int
        Columns of X; of FieldRows, their features.
    feature_names_in_ : object array
        Where X was a frame whose column names are all strings.

    Examples
    --------
    >>> X = [["Oslo", "rain"], ["Oslo", "sun"], ["Bonn", "rain"], ["Bonn", "sun"]]
    >>> model = FieldAwareClassifier(epochs=200, random_state=0).fit(X, ["no", "yes", "yes", "no"])
    >>> model.predict([["Oslo", "sun"], ["Bonn", "sun"]]).tolist()
    ['yes', 'no']
    """

    _kind: ClassVar[str] = "classifier"

    classes_: Array
    model_: FieldModel
    encoder_: FieldEncoder | None
    history_: list[FieldEpoch]
    n_iter_: int
    best_epoch_: int | None
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self, n_factors: int = 4, *, step: float = 0.2, reg: float = 2e-5, epochs: int = 15,
        normalise: bool = True, bias: bool = False, linear: bool = False, one_field: bool = False,
        clip: float | None = None, encoder: FieldEncoder | None = None,
        validation_fraction: float | None = None, auto_stop: bool = False, n_jobs: int | None = 1,
        kernel: str = "auto", dtype: str = "float32", random: str = "numpy",
        random_state: Any = None, start_method: str | None = None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.step = step
        self.reg = reg
        self.epochs = epochs
        self.normalise = normalise
        self.bias = bias
        self.linear = linear
        self.one_field = one_field
        self.clip = clip
        self.encoder = encoder
        self.validation_fraction = validation_fraction
        self.auto_stop = auto_stop
        self.n_jobs = n_jobs
        self.kernel = kernel
        self.dtype = dtype
        self.random = random
        self.random_state = random_state
        self.start_method = start_method

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to the rows of X and their labels y; return self.

        Parameters
        ----------
        X : FieldRows; frame, array-like or scipy sparse matrix, shape (n_rows, n_columns)
            Each column is a field.
        y : array-like, shape (n_rows,)
            Labels of two classes: text, whole numbers or booleans.  None takes those of FieldRows.

        Raises
        ------
        ValueError
            For a parameter or data that can't be taken.
        DivergenceError
            When the loss becomes NaN or infinite.
        """
        name = type(self).__name__
        if isinstance(X, FieldRows) and y is None:
            y = X.y
        encoder = None
        if not isinstance(X, FieldRows) and (self.encoder is not None or field_inputs.has_words(X)):
            encoder = field_inputs.fitted_encoder(self.encoder, X)
        rows = self._rows(X, encoder)
        if not len(rows):
            raise DataError("X has no rows")
        labels = doors.checked_labels(y, name)
        classes = doors.classes_of(labels)
        if len(classes) < 2:
            raise ValueError(
                f"y has one class only, {classes.tolist()[0]!r}; a classifier needs two"
            )
        if len(classes) > 2:
            raise ValueError(
                f"Only binary classification is supported. {name} takes two classes, and found "
                f"{len(classes)}"
            )
        codes = doors.encode(labels, classes)
        fit = self._fitted(field_inputs.with_labels(rows, codes.astype(np.float64)))
        self._take_over(X, rows, encoder, classes, fit)
        return self

    def _rows(self, X: Any, encoder: FieldEncoder | None) -> FieldRows:
        """Return X as rows of fields, their labels all 0 unless X has some."""
        if isinstance(X, FieldRows):
            return X
        if encoder is not None:
            return encoder.transform(field_inputs.columns_of(X))
        return field_inputs.rows_of_numbers(X, self.dtype)

    def _fitted(self, rows: FieldRows) -> FieldFit:
        held, fraction = None, self.validation_fraction
        if self.auto_stop and fraction is None:
            raise ValueError("auto_stop needs a validation_fraction, such as 0.1, to watch")
        given = self.random_state
        seed = None if self.random == "libffm" and given is None else doors.seed_of(given)
        if fraction is not None:
            if not 0.0 < fraction < 1.0:
                raise ValueError(f"validation_fraction must be above 0 and below 1, got {fraction}")
            rows, held = rows.split(float(fraction), seed=seed or 0)
            if not len(held):
                raise DataError(f"a validation_fraction of {fraction} leaves no row to watch")
        n_workers = doors.workers_of(self.n_jobs)
        return fit_ffm(
            rows, n_factors=self.n_factors, step=self.step, reg=self.reg, epochs=self.epochs,
            normalise=self.normalise, auto_stop=self.auto_stop, bias=self.bias, linear=self.linear,
            one_field=self.one_field, clip=self.clip,
            schedule="serial" if n_workers == 1 else "hogwild", n_workers=n_workers,
            kernel=self.kernel, dtype=self.dtype, random=self.random, seed=seed, validation=held,
            start_method=self.start_method,
        )  # fmt: skip

    def _take_over(
        self, X: Any, rows: FieldRows, encoder: FieldEncoder | None, classes: Array, fit: FieldFit
    ) -> None:
        self.model_, self.history_, self.encoder_ = fit.model, fit.history, encoder
        self.classes_, self.best_epoch_ = classes, fit.best_epoch
        self.n_iter_ = len(fit.history)
        self.n_features_in_ = rows.n_features if encoder is None else len(field_inputs.names_of(X))
        self.__dict__.pop("feature_names_in_", None)
        names = doors.feature_names(X)
        if names is not None:
            self.feature_names_in_ = names

    def decision_function(self, X: Any) -> Array:
        """Return the score of every row, shape (n_rows,); above 0 it means the second class.

        Features, words and fields that were not there in ``fit`` are left out.

        Parameters
        ----------
        X : as for ``fit``
        """
        self._check_fitted()
        if isinstance(X, FieldRows):
            return self.model_.decision_function(X)
        doors.check_same_names(doors.feature_names(X), getattr(self, "feature_names_in_", None))
        rows = self._rows(X, self.encoder_)
        if self.encoder_ is None and rows.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {rows.n_features} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return self.model_.decision_function(rows)

    def predict(self, X: Any) -> Array:
        """Return the class of every row, shape (n_rows,).

        Parameters
        ----------
        X : as for ``fit``
        """
        positive = self.decision_function(X) > 0.0
        return self.classes_[positive.astype(np.intp)]

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, shape (n_rows, 2).

        Parameters
        ----------
        X : as for ``fit``
        """
        scores = self.decision_function(X)
        return np.column_stack([expit(-scores), expit(scores)])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy, the (weighted) share of rows whose class is predicted.

        Parameters
        ----------
        X, y : as for ``fit``
        sample_weight : array-like, shape (n_rows,), optional
        """
        if isinstance(X, FieldRows) and y is None:
            y = X.y
        right = self.predict(X) == doors.checked_target(y, type(self).__name__)
        return float(np.average(right, weights=sample_weight))

    def _repeats(self) -> bool:
        return self.n_jobs is None or bool(np.array_equal(self.n_jobs, 1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = not self.linear  # pairs alone can't part two blobs
        tags.input_tags.categorical = True
        return tags
