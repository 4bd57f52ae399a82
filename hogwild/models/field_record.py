"""What a fit of a field-aware machine returns: the model, a row an epoch, and what was recorded.

Filled by ``models.field_trainer``.
"""

import math
from dataclasses import dataclass, field

from hogwild.engine.trace import Trace
from hogwild.models.field_model import FieldModel


@dataclass(frozen=True)
class FieldEpoch:
    """One row of a fit's history.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    train_loss : float
        Mean of the losses that the workers saw, each just before its row's update: a running
        figure, not the loss of the finished model (libFFM's ``tr_logloss``).
    validation_loss : float
        Mean loss of the validation rows after the epoch (``va_logloss``); NaN without any.
    seconds, evaluation_seconds : float
        Time of the epoch's updates, and of measuring the validation rows.
    updates : int
        Rows worked through.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    seconds: float
    evaluation_seconds: float
    updates: int


@dataclass(repr=False)
class FieldFit:
    """What ``fit_ffm`` returns.

    Attributes
    ----------
    model : FieldModel
    history : list of FieldEpoch
    trace : Trace or None
        Every acquire and release, where asked for.
    timings : dict
        Seconds of "start" (sharing the rows, starting workers, compiling), "epochs", "evaluation".
    seed : int or None
        What all random numbers were drawn from: pass it as `seed` to draw the same again.  None for
        libFFM's own, which have no seed.
    stopped : str
        "epochs", "auto_stop" or "callback".
    best_epoch : int or None
        The epoch whose model this is, where `auto_stop` has chosen one.
    """

    model: FieldModel
    history: list[FieldEpoch] = field(default_factory=list)
    trace: Trace | None = None
    timings: dict[str, float] = field(default_factory=dict)
    seed: int | None = None
    stopped: str = "epochs"
    best_epoch: int | None = None

    def __repr__(self) -> str:
        """Return how long the fit was and how it ended, in one line."""
        n = len(self.history)
        parts = ["1 epoch" if n == 1 else f"{n} epochs"]
        if self.history:
            last = self.history[-1]
            parts.append(f"train loss {last.train_loss:.4g}")
            if not math.isnan(last.validation_loss):
                parts.append(f"validation loss {last.validation_loss:.4g}")
        return f"FieldFit({', '.join(parts)})"
