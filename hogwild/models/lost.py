"""Lost updates, measured: what the workers added against what the weights hold.

Each worker sums the deltas that it applies into an array of its own, where nobody can overwrite
them. After an epoch, with w the shared weights before and w' after it::

    residue_j = w'_j - (w_j + sum_p D_pj)        0 up to rounding, if every write took effect

Neither the loss nor the difference from a serial run measures this: stale reads move both without
any write being lost.  Opposite losses cancel within an epoch, so the share is a lower bound; and
the instrument makes a step longer, so losses are rarer than without it.

Filled by ``models.linear`` for ``lost_updates=True``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass
class LostUpdates:
    """Sums over all epochs of a fit.

    Attributes
    ----------
    residue : float
        Sum of |residue_j|: how far the weights are from where all deltas would have led.
    net : float
        Sum of |sum_p D_pj|: how far those deltas lead, opposite ones cancelling.
    path : float
        Sum of all |delta|: how far they lead without cancelling.
    updates : int
        Number of coordinates written.
    """

    residue: float = 0.0
    net: float = 0.0
    path: float = 0.0
    updates: int = 0

    @property
    def share(self) -> float:
        """Residue over net distance; 1e-10 or less is rounding, in float64."""
        return self.residue / self.net if self.net > 0.0 else 0.0

    @property
    def share_of_path(self) -> float:
        """Residue over the path: the share of all movement that was overwritten, or more."""
        return self.residue / self.path if self.path > 0.0 else 0.0

    def add_epoch(
        self,
        before: npt.NDArray[np.floating],
        after: npt.NDArray[np.floating],
        applied: npt.NDArray[np.float64],
        scale: float | npt.NDArray[np.float64] = 1.0,
    ) -> None:
        """Add an epoch: weights before and after it, and each worker's row of sums.

        Weights and sums are divided by `scale`, one number or one a weight, where a dense penalty
        keeps the weights so.

        A row of `applied` holds the sum of deltas of each weight, then the sum of their sizes, each
        multiplied by the scale of its time already, then their number.

        Examples
        --------
        >>> lost = LostUpdates()
        >>> lost.add_epoch(
        ...     np.zeros(1), np.array([3.0]), np.array([[2.0, 2.0, 1.0], [2.0, 2.0, 1.0]])
        ... )
        >>> lost.share, lost.updates
        (0.25, 2)
        """
        n = len(before)
        deltas = applied[:, :n].sum(axis=0)
        self.residue += float((scale * np.abs(after - (before + deltas))).sum())
        self.net += float((scale * np.abs(deltas)).sum())
        self.path += float(applied[:, n].sum())
        self.updates += int(applied[:, n + 1].sum())
