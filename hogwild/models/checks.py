"""Numbers, counts and switches: their kind is checked here, their range where they are used.

Contract: what is accepted stays as it was given; all else is a ValueError with name and value.

Called by ``models.linear_options``, ``models.steps`` and the estimators.
"""

import math
from numbers import Real
from typing import Any

import numpy as np


def check_number(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a real number; text and truth values are none.

    Examples
    --------
    >>> check_number("reg", 1)
    >>> check_number("reg", "1e-4")
    Traceback (most recent call last):
    ValueError: reg must be a number, got '1e-4'
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, got {value!r}")


def check_positive(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a finite number above 0."""
    check_number(name, value)
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, got {value!r}")


def check_not_negative(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a finite number of 0 or more."""
    check_number(name, value)
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} must be 0 or more, got {value!r}")


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of 1 or more, got {value!r}")


def check_switches(**values: Any) -> None:
    """Raise ValueError unless each value is a bool, Python's or numpy's: "no" would be true."""
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be True or False, got {value!r}")
