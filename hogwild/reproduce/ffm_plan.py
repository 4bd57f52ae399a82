"""How much of the FFM paper's reproduction is run: half a minute, with numba or without.

Called by ``ffm`` and its parts; tests pass a plan of their own, with everything tiny.
"""

from dataclasses import dataclass
from pathlib import Path

from hogwild.kernels.compiled import have_numba


@dataclass(frozen=True)
class Plan:
    """Sizes of each part.

    Attributes
    ----------
    data : Path or None
        A folder with libFFM's bigdata pair; None without it.
    shape : (int, int, int)
        Made click data: rows, fields, features.
    held : float
        Share of the rows for validation, and again for the test.
    epochs : int
        Of the curves.
    most : int
        Epochs of each of the four models, at most; early stopping picks among them.
    bins : int
        What Poly2's pairs are hashed to.
    fm_factors : tuple of int
        Of the plain factorization machine.
    factors : tuple of int
        Of FFM, for the table of k.
    regs, steps : tuple of float
        Of the curves; at most four each.
    example : int
        Epochs of the readme's example.
    timed : int
        Epochs of one worker against two.
    """

    data: Path | None = None
    shape: tuple[int, int, int] = (30_000, 12, 3000)
    held: float = 0.15
    epochs: int = 20
    most: int = 60
    bins: int = 2**18
    fm_factors: tuple[int, ...] = (4, 16)
    factors: tuple[int, ...] = (1, 2, 4, 8, 16)
    regs: tuple[float, ...] = (2e-6, 2e-5, 2e-4, 2e-3)
    steps: tuple[float, ...] = (0.02, 0.1, 0.2, 0.5)
    example: int = 15
    timed: int = 10


def full_plan() -> Plan:
    """Return the sizes of the real report: fewer rows for numpy, which takes many times as long."""
    if have_numba():
        return Plan()
    return Plan(
        shape=(2400, 8, 300),
        epochs=12,
        most=40,
        fm_factors=(4,),
        factors=(1, 4, 16),
        example=12,
        timed=5,
    )
