"""How much of MLlib's reproduction is run: the whole takes a few seconds, whatever is installed.

Called by ``mllib`` and its parts; tests pass a plan of their own.
"""

from dataclasses import dataclass
from pathlib import Path

GAPS = (1e-2, 1e-4, 1e-6, 1e-8)
"""How near to the least objective passes are counted to."""


@dataclass(frozen=True)
class Plan:
    """Sizes of the parts that the page doesn't fix.

    Attributes
    ----------
    data : Path or None
        Folder with Spark's sample file; None for that of an installed pyspark, or made rows.
    shape : (int, int)
        Rows and features of the well-scaled set.
    regs : tuple of float
        Regularisation weights of the methods beside one another; figures show the last.
    steps : tuple of float
        Step sizes tried for gradient descent; the first is Spark's default.
    passes : int
        Of gradient descent; also the most steps of L-BFGS and OWL-QN.
    optimum : int
        Steps at most of the run that finds the least objective.
    """

    data: Path | None = None
    shape: tuple[int, int] = (2000, 50)
    regs: tuple[float, ...] = (0.1, 0.01)
    steps: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    passes: int = 500
    optimum: int = 3000
