"""Golden files of a real Spark, and the rows that they were computed from."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from hogwild.mllib import (
    HingeGradient,
    L1Updater,
    LeastSquaresGradient,
    LogisticGradient,
    SimpleUpdater,
    SquaredL2Updater,
    load_libsvm_file,
)

GRADIENTS = {
    "logistic": LogisticGradient(),
    "logistic2": LogisticGradient(2),
    "logistic3": LogisticGradient(3),
    "logistic4": LogisticGradient(4),
    "least_squares": LeastSquaresGradient(),
    "hinge": HingeGradient(),
}
UPDATERS = {"simple": SimpleUpdater(), "l2": SquaredL2Updater(), "l1": L1Updater()}


def golden(shared_data: Path, name: str) -> Any:
    """A golden file, its non-finite numbers as floats."""
    return _numbers(json.loads((shared_data / "mllib_golden" / name).read_text()))


def _numbers(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _numbers(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_numbers(value) for value in found]
    words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    return words.get(found, found) if isinstance(found, str) else found


@cache
def sample_rows(shared_data: Path, scale: float = 1.0, bias: bool = True) -> Any:
    """X and y of sample_libsvm_data.txt, features divided by `scale`, with a bias feature of 1."""
    data = load_libsvm_file(shared_data / "mllib" / "sample_libsvm_data.txt")
    assert data.sizes() == [50, 50]
    X, y = data.collect()
    X = X / scale
    return (sp.hstack([X, np.ones((len(y), 1))], format="csr") if bias else X), y


def relative(found: Any, expected: Any) -> float:
    """The largest relative difference; infinite for another length."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return math.inf
    tiny = np.finfo(float).tiny
    return float((np.abs(found - expected) / np.maximum(np.abs(expected), tiny)).max(initial=0.0))


def clouds(n: int = 40, d: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """Well-scaled rows with labels 0 and 1 that no plane divides."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ np.linspace(-1, 1, d)))).astype(float)
    return X, y
