"""What an optimizer returns: Spark's pair (weights, losses), and why it stopped.

Called by the optimizers.
"""

from typing import Self

from hogwild.mllib.vectors import Array

MAX_ITERATIONS = "max iterations reached"
VALUES_CONVERGED = "function values converged"
GRADIENT_CONVERGED = "gradient converged"
SEARCH_FAILED = "line search failed"
WEIGHTS_CONVERGED = "weights converged"
NO_DATA = "no data"


class OptimizerResult(tuple[Array, Array]):
    """The pair (weights, losses), which unpacks as Spark's does, with what Spark only logs.

    Attributes
    ----------
    weights : float64 array, shape (d,)
    losses : float64 array
        The objective, penalty included, at each step (see each optimizer for which).
    stopped : str
        "max iterations reached", "weights converged" or "no data" (gradient descent);
        "max iterations reached", "function values converged", "gradient converged" or
        "line search failed" (L-BFGS, OWL-QN).
    n_iterations : int
        Steps made.
    n_evaluations : int
        Passes over the data.

    Examples
    --------
    >>> import numpy as np
    >>> result = OptimizerResult(np.zeros(1), np.array([0.5]), "gradient converged", 0, 1)
    >>> weights, losses = result
    >>> result.stopped, len(losses)
    ('gradient converged', 1)
    """

    stopped: str
    n_iterations: int
    n_evaluations: int

    def __new__(
        cls, weights: Array, losses: Array, stopped: str, n_iterations: int, n_evaluations: int
    ) -> Self:
        """Make the pair, and hang the facts on it."""
        result = super().__new__(cls, (weights, losses))
        result.stopped = stopped
        result.n_iterations, result.n_evaluations = n_iterations, n_evaluations
        return result

    def __getnewargs__(self) -> tuple[object, ...]:
        """What pickle and copy make it of again."""
        return (*self, self.stopped, self.n_iterations, self.n_evaluations)

    @property
    def weights(self) -> Array:
        """Where it stopped."""
        return self[0]

    @property
    def losses(self) -> Array:
        """The objective on the way."""
        return self[1]

    def __repr__(self) -> str:
        return (
            f"OptimizerResult({self.stopped}: {self.n_iterations} iterations, "
            f"{self.n_evaluations} passes over the data, loss "
            f"{self.losses[-1] if len(self.losses) else 'none'})"
        )
