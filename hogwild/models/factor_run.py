"""The epochs of a factor fit, until something ends them: whoever the workers are.

What is watched, kept, resumed and returned is the same for processes and for Spark's executors.

Called by ``models.factors`` and ``models.spark_factors``.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hogwild.data import Ratings
from hogwild.models.checks import check_count
from hogwild.models.factor_checkpoint import Best, Keeper
from hogwild.models.factor_record import FactorEpoch, FactorFit
from hogwild.models.factor_traced import SHORT, digest_of
from hogwild.models.factor_trainer import FactorTrainer, Workers

Seed = int | np.random.SeedSequence | np.random.Generator | None


@dataclass
class FactorRun:
    """A fit that is under way.

    Attributes
    ----------
    trainer : FactorTrainer
    epochs : int
        At most.
    patience : int or None
    callback : callable or None
    timings : dict
        Seconds of "start", where the fit has taken them; ``fit`` adds the others.
    best : Best
    keeper : Keeper or None
    """

    trainer: FactorTrainer
    epochs: int
    patience: int | None = None
    callback: Callable[[FactorEpoch], Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    best: Best = field(default_factory=Best)
    keeper: Keeper | None = None

    def keep(
        self,
        path: str | os.PathLike[str],
        every: float,
        *,
        resume: bool,
        schedule: str,
        strata: str | None,
        data: str,
    ) -> None:
        """Write checkpoints there; with `resume`, go on from the one that is there.

        Raises
        ------
        DataError
            When that one is of another run; ValueError when it has done more epochs.
        """
        watched = self.trainer.validation if self.patience is not None else None
        run = {
            "schedule": schedule, "strata": strata, "ratings": data,
            "validation ratings": None if watched is None else digest_of(watched),
        }  # fmt: skip
        self.keeper = Keeper(path, every, self.trainer, run)
        if resume:
            self.best = self.keeper.load()
        done = len(self.trainer.history)
        if done > self.epochs:
            raise ValueError(
                f"the checkpoint has done {done} epochs; epochs must be {done} or more"
            )

    def go(self, crew: Workers) -> str:
        """Make the epochs that are left; return why they ended."""
        trainer = self.trainer
        if not trainer.history:
            trainer.look_first()
        while not self._waited():
            if len(trainer.history) == self.epochs:
                return "epochs"
            record = trainer.run_epoch(len(trainer.history) + 1, crew)
            if self.patience is not None and record.validation["loss"] < self.best.loss:
                self.best.epoch, self.best.loss = record.epoch, record.validation["loss"]
                self.best.arrays = trainer.keep()
            if trainer.trace is not None:
                trainer.trace.header["run"]["epochs"].append(trainer.digest()[:SHORT])
            if self.keeper is not None:
                self.keeper.epoch_done(self.best)
            if self.callback is not None and self.callback(record):
                return "callback"
        return "patience"

    def fit(self, stopped: str) -> FactorFit:
        """Return the record of the run, with the best epoch's model or the last one's."""
        trainer = self.trainer
        if self.keeper is not None:
            self.keeper.save(self.best)
        if trainer.trace is not None:
            trainer.trace.header["run"]["result"] = trainer.digest()
        self.timings["epochs"] = sum(record.seconds for record in trainer.history)
        self.timings["evaluation"] = sum(record.evaluation_seconds for record in trainer.history)
        return FactorFit(
            trainer.model(self.best.arrays), trainer.history, trainer.trace, self.timings,
            trainer.settings.seed, stopped, self.best.epoch, trainer.plan.shape,
            trainer.plan.n_blocks,
        )  # fmt: skip

    def _waited(self) -> bool:
        """Tell whether patience has run out: also of a run that goes on from its last epoch."""
        waited = len(self.trainer.history) - (self.best.epoch or 0)
        return self.patience is not None and waited >= self.patience


def check_stopping(
    patience: int | None, validation: Ratings | None, checkpoint: Any, resume: bool
) -> None:
    """Raise ValueError where patience, validation, checkpoint and resume don't go together."""
    if patience is not None:
        check_count("patience", patience)
        if validation is None:
            raise ValueError("patience needs validation ratings to watch")
    if validation is not None and not isinstance(validation, Ratings):
        raise ValueError(f"validation must be Ratings, got {type(validation).__name__}")
    if validation is not None and len(validation) == 0:
        raise ValueError("validation has no rating")
    if resume and checkpoint is None:
        raise ValueError("resume needs the checkpoint to go on from")


def entropy(seed: Any) -> int:
    """Return one number that everything is drawn from, and that a file can hold."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(1 << 63))
    if isinstance(seed, np.random.SeedSequence):
        return int.from_bytes(seed.generate_state(4, np.uint32).tobytes(), "little")
    if seed is None:
        return int.from_bytes(os.urandom(6), "little")  # every reader of JSON keeps so many bits
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number of 0 or more, got {seed!r}")
    return int(seed)
