"""How much of Downpour's reproduction is run: half a minute, with numba or without.

Called by ``downpour`` and its parts; tests pass a plan of their own, with everything tiny.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Sizes of each part.

    Attributes
    ----------
    data : Path or None
        A folder with a8a; None for made rows.
    shape : (int, int, int)
        Rows, features and entries a row, where the real processes' rows are made.
    reg : float
    batch_size, epochs : int
        Of the real processes.
    replicas : tuple of int
        Real ones, each pushing after every batch.
    intervals : tuple of int
        n_fetch = n_push of two replicas; a row for 1 is among `replicas`.
    warm_start : float
        Epochs that one real replica makes alone.
    descent_steps : tuple of float
        Steps tried for synchronous descent on the same rows.
    small : (int, int, int)
        Rows, features and entries a row in virtual time.
    small_reg : float
    small_batch : int
    virtual : tuple of int
        Replicas in virtual time; the last is the paper's 200.
    virtual_epochs : int
        After which a run in virtual time ends.
    rounds : int
        The same of synchronous descent.
    within : float
        Of the least objective: the target.
    spread : float
        Standard deviation of the logarithm of every virtual time.
    backups : float
        Share of the replicas that synchronous descent with backups doesn't wait for.
    virtual_warm : tuple of float
        Epochs of the warm starts in virtual time; the first is run with all `virtual`.
    fixed, adagrad : tuple of float
        Steps tried, as multiples of the default one.
    sync_fixed, sync_adagrad : tuple of float
        The same for synchronous descent.
    """

    data: Path | None = None
    shape: tuple[int, int, int] = (4000, 1000, 20)
    reg: float = 1e-3
    batch_size: int = 32
    epochs: int = 8
    replicas: tuple[int, ...] = (1, 2, 3, 4)
    intervals: tuple[int, ...] = (5, 10, 20)
    warm_start: float = 0.5
    descent_steps: tuple[float, ...] = (10.0, 30.0, 100.0)
    small: tuple[int, int, int] = (1000, 100, 10)
    small_reg: float = 1e-3
    small_batch: int = 10
    virtual: tuple[int, ...] = (1, 10, 50, 200)
    virtual_epochs: int = 25
    rounds: int = 200
    within: float = 0.01
    spread: float = 0.75
    backups: float = 0.1
    virtual_warm: tuple[float, ...] = (0.2, 1.0)
    fixed: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0)
    adagrad: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0)
    sync_fixed: tuple[float, ...] = (1.0, 3.0, 10.0)
    sync_adagrad: tuple[float, ...] = (0.3, 1.0, 3.0)
