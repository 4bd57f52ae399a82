"""Parallel stochastic gradient descent over weights in shared memory.

An *update* touches a few coordinates; a *schedule* says which updates may run at the same time;
*workers* apply them in place to *weights in shared memory*; a *trace* says what happened, so that
it can be checked and replayed.
"""

from hogwild.data import Examples, read_libsvm, write_libsvm
from hogwild.models import LinearFit, LinearModel, Sparsity, fit_linear, sparsity

__version__ = "0.1.0"

__all__ = [
    "Examples",
    "LinearFit",
    "LinearModel",
    "Sparsity",
    "fit_linear",
    "read_libsvm",
    "sparsity",
    "write_libsvm",
]
