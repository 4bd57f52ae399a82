"""A fit in one line: what a prompt shows of it, in place of its arrays and its whole history.

Called by ``models.factor_record`` and ``models.linear_record``.
"""

from collections.abc import Sequence
from typing import Any


def fit_words(kind: str, history: Sequence[Any]) -> str:
    """Return the epochs made, and the last one's loss and first validation metric.

    Parameters
    ----------
    kind : str
        The class's name.
    history : sequence of FactorEpoch or EpochRecord
    """
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    if not history:
        return f"{kind}({epochs})"
    last = history[-1]
    parts = [epochs, f"loss {last.loss:.4g}"]
    metrics = [name for name in last.validation if name != "loss"]
    parts += [f"validation {name} {last.validation[name]:.4g}" for name in metrics[:1]]
    return f"{kind}({', '.join(parts)})"
