"""What Downpour minimises: a start, the gradient of a batch, the objective; over rows by number.

Contract, the same for linear models, factors and field-aware factorization machines::

    n_rows, n_parameters       rows by number, parameters in one vector
    begin(random)              the vector to start from
    support(rows)              coordinates that the gradient of these rows reads, rising; None: all
    gradient(params, rows)     (sum of the losses, coordinates or None, mean gradient over the rows)
    objective(params)          what is minimised, over all rows
    measure(params)            metrics of the validation rows
    model(params)              the model, which predicts and is kept
    default_step(size, rule)   the server's step of the first epoch, when none is asked for

A gradient reads and writes no coordinate outside `support`: a replica fetches no others.  A problem
keeps its rows in `arrays`, by name, and all else in plain attributes: `SharedProblem` puts the rows
into shared memory, once for all replicas of a machine.

Called by ``downpour.replica`` and ``downpour.fit``.
"""

import copy
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.downpour.rules import Rule
from hogwild.engine.shared import SharedArray, check_room

Array = npt.NDArray[Any]


class Problem(Protocol):
    """What ``fit_downpour`` needs of a problem."""

    n_rows: int
    n_parameters: int
    arrays: dict[str, Array]

    def begin(self, random: np.random.Generator) -> Array:
        """Return the parameters to start from, shape (n_parameters,)."""

    def support(self, rows: Array) -> Array | None:
        """Return the coordinates that these rows' gradient touches, rising; None for all."""

    def gradient(self, params: Array, rows: Array) -> tuple[float, Array | None, Array]:
        """Return the sum of losses, the coordinates, and the mean gradient at them."""

    def objective(self, params: Array) -> float:
        """Return what is minimised."""

    def measure(self, params: Array) -> dict[str, float]:
        """Return the metrics of the validation rows; nothing where there are none."""

    def model(self, params: Array) -> Any:
        """Return the model."""

    def default_step(self, batch_size: int, rule: Rule) -> float:
        """Return the server's step of the first epoch."""


class SharedProblem:
    """A problem whose rows lie in shared memory, for replicas that are about to be started."""

    def __init__(self, problem: Problem):
        self._rest = copy.copy(problem)
        self._rest.arrays = {}
        check_room(sum(array.nbytes + 8192 for array in problem.arrays.values()))
        self._arrays = {name: SharedArray.copy_of(array) for name, array in problem.arrays.items()}

    def open(self) -> Problem:
        """Return the problem over views of the shared rows."""
        problem = copy.copy(self._rest)
        problem.arrays = {name: shared.array for name, shared in self._arrays.items()}
        return problem


def entries_of(indptr: Array, rows: Array) -> tuple[Array, Array]:
    """Return the places of the entries of these CSR rows, and how many each row has.

    Examples
    --------
    >>> entries_of(np.array([0, 2, 2, 5]), np.array([2, 0]))
    (array([2, 3, 4, 0, 1]), array([3, 2]))
    """
    first = indptr[rows]
    counts = indptr[rows + 1] - first
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(
        first - (ends - counts), counts
    ), counts


def distinct(numbers: Array) -> Array:
    """Return the different numbers, rising.

    ``np.unique`` without more results hashes whole numbers, which takes several times as long.

    Examples
    --------
    >>> distinct(np.array([7, 3, 7]))
    array([3, 7])
    """
    rising = np.sort(numbers)
    new = np.ones(len(rising), bool)
    np.not_equal(rising[1:], rising[:-1], out=new[1:])
    return rising[new]


def sums_at(where: Array, values: Array) -> tuple[Array, Array]:
    """Return the different coordinates, rising, and the sum of the values at each.

    Examples
    --------
    >>> sums_at(np.array([7, 3, 7]), np.array([1.0, 2.0, 3.0]))
    (array([3, 7]), array([2., 4.]))
    """
    found, place = np.unique(where, return_inverse=True)
    return found, np.bincount(place, values, minlength=len(found))
