"""The parent's side of a linear fit: let the workers make a pass, fold the scale, measure, repeat.

Called by ``models.linear``.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild import metrics
from hogwild.data import Examples
from hogwild.engine.loop import Crew, Report
from hogwild.errors import DivergenceError
from hogwild.models.linear_memory import Memory
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_options import FOLD, Settings
from hogwild.models.linear_record import EpochRecord, LinearFit

RUNAWAY = 1e6  # an objective that has grown so much has left the problem's scale


@dataclass
class Trainer:
    """The parent's side of the epochs."""

    settings: Settings
    memory: Memory
    crew: Crew
    fit: LinearFit
    random: np.random.Generator | None
    updates: int = 0
    first_look: float = math.nan
    bound: float = math.inf
    first_look_seconds: float = 0.0

    def look_first(self, examples: Examples, weight: npt.NDArray[Any]) -> None:
        """Take the objective before the first epoch, to know divergence that stays finite.

        The bound is RUNAWAY times the largest of: the objective at the start; that of weights of 0,
        so that a start from a perfect model may wander within the size of the targets; and 1.
        """
        begin = time.monotonic()
        loss, n = self.settings.loss, self.memory.w.shape[0] - 1
        self.first_look = self._objective(self.model(), examples, weight)
        nothing = self._objective(LinearModel(np.zeros(n), 0.0, loss), examples, weight)
        self.bound = RUNAWAY * max(self.first_look, nothing, 1.0)
        self.first_look_seconds = time.monotonic() - begin

    def run_epoch(
        self,
        epoch: int,
        examples: Examples,
        weight: npt.NDArray[Any],
        validation: Examples | None,
        evaluate: bool,
    ) -> EpochRecord:
        """Let the workers make one pass; then, while nobody writes, measure where it led."""
        begin = time.monotonic()
        before = self.updates
        step = float(self.settings.step.at(epoch, np.array([before]))[0])
        loss = self._pass(epoch)
        done = time.monotonic()
        model = self.model()
        objective = self._objective(model, examples, weight) if evaluate else math.nan
        record = EpochRecord(
            epoch, objective, loss / len(examples), _validate(model, validation),
            done - begin, time.monotonic() - done, self.updates - before, step,
        )  # fmt: skip
        self._check_finite(record, model, evaluate)
        self.fit.history.append(record)
        return record

    def model(self) -> LinearModel:
        """Return the model as the weights stand now."""
        w = self.memory.w.array
        return LinearModel(w[:-1].copy(), float(w[-1]), self.settings.loss)

    def _pass(self, epoch: int) -> float:
        """Run all blocks once, in as many stretches as the penalty's scale needs: mostly one."""
        n_blocks = self.memory.clock.shape[0]
        order = np.arange(n_blocks) if self.random is None else self.random.permutation(n_blocks)
        starts = order * self.settings.run_length
        rows = np.minimum(self.settings.run_length, self.settings.n_rows - starts)
        counts = -(-rows // self.settings.batch_size)
        loss, first = 0.0, 0
        while first < n_blocks:
            last, scales = self._stretch(epoch, counts[first:])
            loss += self._run(epoch, order, counts, first, first + last, scales)
            first += last
        return loss

    def _stretch(
        self, epoch: int, counts: npt.NDArray[np.int64]
    ) -> tuple[int, npt.NDArray[np.float64]]:
        """Return how many blocks can run before the scale must be folded in, and the scale at each.

        The scales have one entry more, for the end.
        """
        borders = np.concatenate([[0], np.cumsum(counts)])
        l2 = self.settings.penalty.l2
        if not l2:
            return len(counts), np.ones(len(borders))
        steps = self.settings.step.at(epoch, np.arange(self.updates, self.updates + borders[-1]))
        # multiplying one after the other gives the bits that the kernel has at these places
        scales = np.cumprod(np.concatenate([[1.0], 1.0 / (1.0 + steps * l2)]))[borders]
        last = max(1, int(np.searchsorted(-scales, -FOLD, side="right")) - 1)
        return last, scales[: last + 1]

    def _run(
        self,
        epoch: int,
        order: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        first: int,
        last: int,
        scales: npt.NDArray[np.float64],
    ) -> float:
        """Run the blocks order[first:last]."""
        memory, fit = self.memory, self.fit
        order, counts = order[first:last], counts[first:last]
        memory.clock.array[: len(order)] = self.updates + np.cumsum(counts) - counts
        memory.scale.array[: len(order)] = scales[:-1]
        w = memory.w.array
        before = w.copy() if fit.lost_updates is not None else None
        reports = self.crew.run(order, counts, epoch)
        self.updates += int(counts.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            if fit.lost_updates is not None and before is not None:
                units = np.full(len(w), scales[-1])
                units[-1] = 1.0  # the intercept has no scale
                fit.lost_updates.add_epoch(before, w, memory.applied.array, units)
                memory.applied.array[:] = 0.0
            if scales[-1] != 1.0:
                w[:-1] *= scales[-1]
        if fit.trace is not None:
            fit.trace.add(epoch, _events(reports, first))
        return sum(report.loss for report in reports)

    def _objective(self, model: LinearModel, examples: Examples, weight: npt.NDArray[Any]) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            values = model.loss.values(model.decision_function(examples), examples.y)
            loss = float((weight * values).sum()) / len(examples)
            return loss + self.settings.penalty.value(model.w)

    def _check_finite(self, record: EpochRecord, model: LinearModel, evaluate: bool) -> None:
        seen = record.objective if evaluate else record.loss
        if not math.isfinite(seen):
            raise DivergenceError(
                record.epoch, record.step, "NaN" if math.isnan(seen) else "infinite"
            )
        if evaluate and seen > self.bound:
            what = f"{seen:.2g} ({self.first_look:.2g} at the start)"
            raise DivergenceError(record.epoch, record.step, what)
        if not (np.isfinite(model.w).all() and math.isfinite(model.intercept)):
            raise DivergenceError(record.epoch, record.step, "infinite in some weight")


def _events(reports: list[Report], first: int) -> Any:
    """Return the events of all workers, grants numbered from the start of the epoch."""
    return (
        event._replace(number=event.number + first) for report in reports for event in report.events
    )


def _validate(model: LinearModel, validation: Examples | None) -> dict[str, float]:
    """Return the mean loss and the usual metrics on the validation rows."""
    if validation is None:
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        z = model.decision_function(validation)
        found = {"loss": float(np.mean(model.loss.values(z, validation.y)))}
        if model.loss.classifies:
            found["accuracy"] = metrics.accuracy(validation.y, np.where(z > 0.0, 1.0, -1.0))
            if np.isfinite(z).all():
                found["auc"] = metrics.auc(validation.y, z)
        else:
            found["rmse"] = metrics.rmse(validation.y, z)
    return found
