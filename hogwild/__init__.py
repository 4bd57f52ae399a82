"""Parallel stochastic gradient descent over weights in shared memory.

An *update* touches a few coordinates; a *schedule* says which updates may run at the same time;
*workers* apply them in place to *weights in shared memory*; a *trace* says what happened, so that
it can be checked and replayed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hogwild.data import (
        Examples,
        FieldEncoder,
        FieldRows,
        Ratings,
        read_libffm,
        read_libsvm,
        read_ratings,
        write_libffm,
        write_libsvm,
        write_ratings,
    )
    from hogwild.downpour import DownpourFit, fit_downpour, fit_sandblaster, join_downpour
    from hogwild.estimators import (
        FieldAwareClassifier,
        HogwildClassifier,
        HogwildRegressor,
        MatrixFactorization,
    )
    from hogwild.models import (
        FactorFit,
        FactorModel,
        FieldFit,
        FieldModel,
        LinearFit,
        LinearModel,
        Sparsity,
        fit_factors,
        fit_factors_on_spark,
        fit_ffm,
        fit_linear,
        replay_factors,
    )
    from hogwild.models import sparsity as sparsity  # type: ignore[no-redef]  # also a module

__version__ = "0.1.0"

__all__ = [
    "DownpourFit",
    "Examples",
    "FactorFit",
    "FactorModel",
    "FieldAwareClassifier",
    "FieldEncoder",
    "FieldFit",
    "FieldModel",
    "FieldRows",
    "HogwildClassifier",
    "HogwildRegressor",
    "LinearFit",
    "LinearModel",
    "MatrixFactorization",
    "Ratings",
    "Sparsity",
    "fit_downpour",
    "fit_factors",
    "fit_factors_on_spark",
    "fit_ffm",
    "fit_linear",
    "fit_sandblaster",
    "join_downpour",
    "read_libffm",
    "read_libsvm",
    "read_ratings",
    "replay_factors",
    "sparsity",
    "write_libffm",
    "write_libsvm",
    "write_ratings",
]

_HOMES = {
    "data": (
        "Examples",
        "FieldEncoder",
        "FieldRows",
        "Ratings",
        "read_libffm",
        "read_libsvm",
        "read_ratings",
        "write_libffm",
        "write_libsvm",
        "write_ratings",
    ),
    "downpour": ("DownpourFit", "fit_downpour", "fit_sandblaster", "join_downpour"),
    "estimators": (
        "FieldAwareClassifier",
        "HogwildClassifier",
        "HogwildRegressor",
        "MatrixFactorization",
    ),
    "models": (
        "FactorFit",
        "FactorModel",
        "FieldFit",
        "FieldModel",
        "LinearFit",
        "LinearModel",
        "Sparsity",
        "fit_factors",
        "fit_factors_on_spark",
        "fit_ffm",
        "fit_linear",
        "replay_factors",
        "sparsity",
    ),
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: a worker needs the engine, and not scipy."""
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = getattr(import_module(f"hogwild.{home}"), name)
            return globals()[name]
    raise AttributeError(f"module 'hogwild' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
