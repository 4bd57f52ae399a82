"""What a linear fit returns: the model, a row an epoch, and what was recorded on the way.

Filled by ``models.linear_trainer``.
"""

from dataclasses import dataclass, field
from typing import Any

from hogwild.engine.trace import Trace
from hogwild.models.fit_words import fit_words
from hogwild.models.linear_model import LinearModel
from hogwild.models.lost import LostUpdates


@dataclass(frozen=True)
class EpochRecord:
    """One row of a fit's history.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    objective : float
        Mean loss plus penalty on the training rows, after the epoch; NaN where ``evaluate=False``.
    loss : float
        Mean of the losses that the workers saw, each just before its row's update.
    validation : dict
        "loss", and "accuracy" (with "auc", for two classes) or "rmse", on the validation rows.
    seconds, evaluation_seconds : float
        Time of the epoch's updates, and of taking the objective and the validation metrics.
    updates : int
        Updates made, one a batch.
    step : float
        The step of the epoch's first update.
    """

    epoch: int
    objective: float
    loss: float
    validation: dict[str, float]
    seconds: float
    evaluation_seconds: float
    updates: int
    step: float


@dataclass(repr=False)
class LinearFit:
    """What ``fit_linear`` returns.

    Attributes
    ----------
    model : LinearModel
    history : list of EpochRecord
    trace : Trace or None
        Every acquire and release, where asked for.
    lost_updates : LostUpdates or None
        What the workers' writes did to one another, where asked for.
    timings : dict
        Seconds of "start" (sharing the data, starting workers, compiling), "epochs", "evaluation"
        (with the objective at the start, which no record has).
    seed : int, SeedSequence or Generator
        What the shuffling was drawn from: pass it as `seed` to draw the same again.  A sequence
        that was spawned from another is kept whole.  A Generator is the object itself, moved on: it
        draws something else next time.
    stopped : str
        "epochs", "tol" or "callback".
    """

    model: LinearModel
    history: list[EpochRecord] = field(default_factory=list)
    trace: Trace | None = None
    lost_updates: LostUpdates | None = None
    timings: dict[str, float] = field(default_factory=dict)
    seed: Any = None
    stopped: str = "epochs"

    def __repr__(self) -> str:
        """Return how long the fit was and how it ended, in one line."""
        return fit_words(type(self).__name__, self.history)
