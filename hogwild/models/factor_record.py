"""What a factor fit returns: the model, a row an epoch, and what was recorded on the way.

Filled by ``models.factor_trainer``.
"""

from dataclasses import dataclass, field
from typing import Any

from hogwild.engine.trace import Trace
from hogwild.models.factor_model import FactorModel
from hogwild.models.fit_words import fit_words


@dataclass(frozen=True)
class FactorEpoch:
    """One row of a fit's history.

    An epoch is as many blocks as the grid has: under FPSGD not quite a pass, for it counts a block
    whichever it was.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    objective : float
        The training objective (``fit_factors``), after the epoch; NaN where it was not asked for.
    loss : float
        Mean of the losses that the workers saw, each just before its rating's update: for the
        squared loss its root is the running training RMSE.
    validation : dict
        "loss", and "rmse" and "mae", or "accuracy", on the validation ratings.
    seconds, evaluation_seconds : float
        Time of the epoch's updates, and of taking the objective and the validation metrics.
    updates : int
        Ratings worked through.
    step : float
        The step of the epoch; under rules that go by block, that of a block not yet done, or done
        once an epoch.
    imbalance : float
        The article's degree of imbalance (section 4.1): the largest minus the smallest number of
        updates of a block, over the epoch's number.
    idle : tuple of float
        Seconds of the epoch in which each worker had no block.
    """

    epoch: int
    objective: float
    loss: float
    validation: dict[str, float]
    seconds: float
    evaluation_seconds: float
    updates: int
    step: float
    imbalance: float
    idle: tuple[float, ...]


@dataclass(repr=False)
class FactorFit:
    """What ``fit_factors`` returns.

    Attributes
    ----------
    model : FactorModel
    history : list of FactorEpoch
    trace : Trace or None
        Every acquire and release, where asked for.
    timings : dict
        Seconds of "start" (cutting and sharing the ratings, starting workers, compiling), "epochs",
        "evaluation".
    seed : int
        What all random numbers were drawn from: pass it as `seed` to draw the same again.
    stopped : str
        "epochs", "patience" or "callback".
    best_epoch : int or None
        The epoch whose model this is, where `patience` has chosen one.
    grid : (int, int)
        User bands and item bands; (1, 1) for HogWild, which has runs in their place.
    n_blocks : int
    """

    model: FactorModel
    history: list[FactorEpoch] = field(default_factory=list)
    trace: Trace | None = None
    timings: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    stopped: str = "epochs"
    best_epoch: int | None = None
    grid: tuple[int, int] = (1, 1)
    n_blocks: int = 1

    @property
    def summary(self) -> dict[str, Any]:
        """The last epoch, in the words of a progress bar."""
        last = self.history[-1]
        return {"epoch": last.epoch, "loss": last.loss, **last.validation}

    def __repr__(self) -> str:
        """Return how long the fit was and how it ended, in one line."""
        return fit_words(type(self).__name__, self.history)
