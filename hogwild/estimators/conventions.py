"""What scikit-learn expects of any estimator, said without scikit-learn.

Contract: a class derived from ``Estimator`` stores every argument of its ``__init__`` unchanged
under the argument's name; then ``clone``, grid searches and pipelines work on it.  scikit-learn is
imported only by what it calls itself (``__sklearn_tags__``), or for an error that it has named.

Called by the estimators.
"""

import importlib
import inspect
import sys
from typing import Any, ClassVar, Self

from hogwild.errors import HogwildError


class NotFitted(HogwildError, ValueError, AttributeError):
    """A prediction was asked of an estimator before ``fit``; raised where scikit-learn is absent.

    Where scikit-learn is installed, its own ``NotFittedError`` is raised instead; that too is a
    ValueError and an AttributeError.
    """


class Estimator:
    """Parameters by name, and the tags by which scikit-learn knows an estimator's kind."""

    _kind: ClassVar[str]

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        """Return the default of each argument of ``__init__``."""
        arguments = inspect.signature(cls).parameters.values()
        return {argument.name: argument.default for argument in arguments}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Makes no difference: no parameter is an estimator with parameters of its own.
        """
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; they are checked in the next ``fit``.

        Raises
        ------
        ValueError
            For a name that is no parameter.
        """
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}; "
                    f"its parameters are {', '.join(known)}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in self._parameters().items()
            if repr(getattr(self, name)) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repeats(self) -> bool:
        """Tell whether a seed gives the same model again."""
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        classifies = self._kind == "classifier"
        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if classifies else None,
            regressor_tags=None if classifies else RegressorTags(),
            input_tags=InputTags(sparse=True),
            non_deterministic=not self._repeats(),
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_features_in_"):
            name = type(self).__name__
            raise not_fitted_error()(f"this {name} is not fitted yet: call fit before predicting")


def not_fitted_error() -> type[Exception]:
    """Return scikit-learn's class for it, or ours where scikit-learn is not installed."""
    try:
        return importlib.import_module("sklearn.exceptions").NotFittedError
    except ImportError:
        return NotFitted


def conversion_warning() -> type[Warning]:
    """Return the class of warnings that a user of scikit-learn may have silenced."""
    exceptions = sys.modules.get("sklearn.exceptions")
    return exceptions.DataConversionWarning if exceptions is not None else UserWarning
