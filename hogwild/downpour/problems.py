"""Which problem goes with which data: that of the package's model for them.

Called by ``downpour.fit`` and ``downpour.joining``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hogwild.data import Examples, Ratings
from hogwild.data.field_rows import FieldRows
from hogwild.downpour.factors import FactorProblem
from hogwild.downpour.fields import FieldProblem
from hogwild.downpour.linear import LinearProblem
from hogwild.downpour.problem import Problem

PROBLEMS: dict[type, Callable[..., Problem]] = {
    Examples: LinearProblem,
    Ratings: FactorProblem,
    FieldRows: FieldProblem,
}


def problem_of(data: Any, options: Mapping[str, Any]) -> Problem:
    """Return the problem of some data with its model's options.

    Raises
    ------
    ValueError
        For data of another kind, and for an option that the model does not have.
    """
    make = PROBLEMS.get(type(data))
    if make is None:
        if hasattr(data, "gradient") and hasattr(data, "support"):
            if options:
                raise ValueError(
                    f"a problem of your own takes no options, got {', '.join(options)}"
                )
            return data
        raise ValueError(
            f"data must be Examples, Ratings, FieldRows or a Problem, got {type(data).__name__}"
        )
    if len(data) == 0:
        raise ValueError("there are no rows to learn from")
    try:
        return make(data, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        name = str(error).rsplit("'", 2)[1]
        raise ValueError(f"fit_downpour has no option {name!r} for {type(data).__name__}") from None


def of_a_replica(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a gradient depends on: no start and no validation rows."""
    return {k: v for k, v in options.items() if k not in ("start", "validation")}
