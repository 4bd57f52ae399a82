"""A fitted field-aware factorization machine: a vector of each feature for each partner's field.

Contract: rows may hold features and fields that the model does not know; their entries are left out
of the sum, but count in the normalisation, as libFFM has it.

Made by ``models.fields.fit_ffm`` and ``models.field_libffm``; used by the estimator and the command
line.
"""

import math
import os
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hogwild.data.field_rows import FieldRows
from hogwild.data.npz_file import read_npz, write_npz
from hogwild.errors import DataError
from hogwild.kernels.field_records import FieldData, FieldVariant, FieldWeights
from hogwild.models.checks import check_switches
from hogwild.models.field_predict import predict_scores
from hogwild.models.field_rows import are_worth_asking_for, find_field_loss, make_data

Array = npt.NDArray[Any]

FORMAT, VERSION = "hogwild-fields", 1
_SWITCHES = ("normalise", "one_field")


@dataclass(frozen=True, eq=False)
class FieldModel:
    """Vectors w, and the score sum_{a<b} w[j_a, f_b] . w[j_b, f_a] v_a v_b R of a row's entries.

    R is 1 / sum_a v_a^2 under `normalise`, else 1.  With `linear` and `bias` the score is that
    plus bias + sum_a linear[j_a] v_a sqrt(R).  (Juan et al. 2016, eq. 4.)

    Attributes
    ----------
    w : float array, shape (n_features, n_fields, k)
        ``w[j, f]`` is feature j's vector for partners of field f.
    normalise : bool
    loss : {"logistic", "squared"}
        What w was fitted to.
    bias : float
    linear : float array, shape (n_features,), or None
    squares : float array of w's shape, or None
        AdaGrad's sums G, from which a fit can go on.
    linear_squares : float array of linear's shape, or None
    bias_squares : float or None
    one_field : bool
        Fields are not looked at, each counts as field 0: a plain factorization machine.

    Raises
    ------
    ValueError
        For arrays that don't fit one another.

    Examples
    --------
    >>> w = np.zeros((2, 2, 1), np.float32)
    >>> w[0, 1], w[1, 0] = 1.0, 3.0
    >>> rows = FieldRows([0, 2], [0, 1], [0, 1], [1, 1], [1])
    >>> FieldModel(w).decision_function(rows)  # R = 1 / 2
    array([1.5])
    """

    w: Array
    _: KW_ONLY
    normalise: bool = True
    loss: str = "logistic"
    bias: float = 0.0
    linear: Array | None = None
    squares: Array | None = None
    linear_squares: Array | None = None
    bias_squares: float | None = None
    one_field: bool = False

    def __post_init__(self) -> None:
        w: Any = self.w
        if not isinstance(w, np.ndarray) or w.ndim != 3 or w.dtype not in (np.float32, np.float64):
            raise ValueError(
                "w must be an array of float32 or float64 and three dimensions "
                f"(features, fields, factors), got {_told(w)}"
            )
        if w.shape[2] == 0:
            raise ValueError("w must have at least one factor")
        check_switches(**{name: getattr(self, name) for name in _SWITCHES})
        find_field_loss(self.loss)
        if self.one_field and w.shape[1] > 1:
            raise ValueError(f"a model of one field has w for one field, got {w.shape[1]}")
        self._check_array("linear", w.shape[:1])
        self._check_array("squares", w.shape)
        self._check_array("linear_squares", w.shape[:1])
        if self.linear_squares is not None and self.linear is None:
            raise ValueError("there are linear_squares, but no linear terms")
        if not math.isfinite(self.bias):
            raise ValueError(f"bias must be finite, got {self.bias!r}")

    def _check_array(self, name: str, shape: tuple[int, ...]) -> None:
        array = getattr(self, name)
        if array is None:
            return
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name} must be floats of shape {shape}, got {_told(array)}")

    def __repr__(self) -> str:
        extras = [
            name
            for name, there in (
                ("bias", self.bias != 0.0 or self.bias_squares is not None),
                ("linear terms", self.linear is not None),
            )
            if there
        ]
        more = f", with {' and '.join(extras)}" if extras else ""
        shape = f"{self.n_features} features, {self.n_fields} fields, {self.n_factors} factors"
        return f"FieldModel({shape}, {self.loss}{more})"

    @property
    def n_features(self) -> int:
        """Features that have vectors."""
        return int(self.w.shape[0])

    @property
    def n_fields(self) -> int:
        """Fields that there are vectors for."""
        return int(self.w.shape[1])

    @property
    def n_factors(self) -> int:
        """Numbers in a vector."""
        return int(self.w.shape[2])

    def decision_function(self, rows: FieldRows) -> npt.NDArray[np.float64]:
        """Return the score of every row.

        Many rows are scored by the compiled kernel, where numba is installed; it agrees with
        numpy's to rounding.

        Raises
        ------
        ValueError
            For anything but FieldRows.
        """
        return self._scores(self._data(rows))

    def predict(self, rows: FieldRows) -> npt.NDArray[np.float64]:
        """Return the predicted target, or for the logistic loss the label, +1 or -1."""
        z = self.decision_function(rows)
        return z if self.loss == "squared" else np.where(z > 0.0, 1.0, -1.0)

    def predict_proba(self, rows: FieldRows) -> npt.NDArray[np.float64]:
        """Return the probability of +1, 1 / (1 + exp(-z)), of every row.

        It is exactly 0 or 1 where the score is large enough: for the log loss take ``mean_loss``.

        Raises
        ------
        ValueError
            For the squared loss.
        """
        if self.loss != "logistic":
            raise ValueError(
                f"probabilities mean something for the logistic loss only, not for {self.loss!r}"
            )
        return np.asarray(expit(self.decision_function(rows)))

    def mean_loss(self, rows: FieldRows) -> float:
        """Return the mean loss on these rows, taken from the scores.

        It is finite even where a probability is 0 or 1, for log(1 + exp(-y z)) is.  NaN without
        rows.
        """
        data = self._data(rows)
        values = find_field_loss(self.loss).values(self._scores(data), data.y)
        return float(values.mean()) if len(values) else math.nan

    def _data(self, rows: FieldRows) -> FieldData:
        if not isinstance(rows, FieldRows):
            raise ValueError(f"rows must be FieldRows, got {type(rows).__name__}")
        return make_data(
            rows,
            (self.n_features, self.n_fields),
            loss=self.loss,
            normalise=self.normalise,
            one_field=self.one_field,
            dtype=self.w.dtype,
        )

    def _scores(self, data: FieldData) -> npt.NDArray[np.float64]:
        k = self.n_factors
        variant = FieldVariant(
            k,
            k,
            biased=self.bias != 0.0,
            linear=self.linear is not None,
            ahead=are_worth_asking_for(data, self.n_fields, k),
        )
        linear = np.zeros((1, 2), self.w.dtype)
        if self.linear is not None:
            linear = np.column_stack([self.linear, self.linear]).astype(self.w.dtype)
        bias = np.full((1, 2), self.bias, self.w.dtype)
        weights = FieldWeights(self.w.reshape(-1), linear, bias)
        return predict_scores(data, weights, self.n_fields, variant, "auto")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as ``.npz``: its arrays, and a header in JSON; no pickle.

        The file appears whole or not at all; devices and pipes are written to directly.
        """
        header = {
            "loss": self.loss,
            **{name: bool(getattr(self, name)) for name in _SWITCHES},
            "bias": float(self.bias),
            "bias_squares": None if self.bias_squares is None else float(self.bias_squares),
        }
        names = ("w", "linear", "squares", "linear_squares")
        arrays = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        write_npz(path, FORMAT, VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` has written.

        Raises
        ------
        DataError
            When the file is no such model, or is damaged.
        """
        header, arrays = read_npz(path, FORMAT, VERSION, ("w",))
        try:
            squares = header["bias_squares"]
            given: dict[str, Any] = {
                **arrays,
                **{name: header[name] for name in ("loss", *_SWITCHES)},
                "bias": float(header["bias"]),
                "bias_squares": None if squares is None else float(squares),
            }
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the model is damaged ({error!r})", path=os.fspath(path)) from None


def _told(array: Any) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} of shape {array.shape}"
    return type(array).__name__
