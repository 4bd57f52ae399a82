"""The parent's side of a factor fit: let the workers make an epoch, measure, keep the best, repeat.

Called by ``models.factors`` and ``models.factor_replay``.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hogwild import metrics
from hogwild.data import Ratings
from hogwild.engine.loop import Report
from hogwild.engine.trace import Trace
from hogwild.errors import DivergenceError
from hogwild.models.factor_memory import Constants, FactorMemory, Task, make_predict
from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_options import FactorSettings
from hogwild.models.factor_record import FactorEpoch
from hogwild.models.factor_steps import BoldDriver
from hogwild.models.grid import CHUNK, Plan, count_rows

Array = npt.NDArray[Any]

RUNAWAY = 1e6  # a mean loss that has grown so much has left the problem's scale


class Workers(Protocol):
    """Whoever makes an epoch's updates: a ``Crew`` of processes, or Spark's executors."""

    def run(
        self, order: npt.NDArray[np.int64], updates: npt.NDArray[np.int64], task: Any = None
    ) -> list[Report]:
        """Update these blocks; return when all are done."""


@dataclass
class FactorTrainer:
    """The state of a fit between epochs.

    Attributes
    ----------
    order : callable
        ``order(epoch)`` returns the blocks to hand out, int64.
    base_step : float or None
        The next epoch's step, where it depends on what came of the last one.
    """

    settings: FactorSettings
    ratings: Ratings
    plan: Plan
    memory: FactorMemory
    constants: Constants
    order: Callable[[int], npt.NDArray[np.int64]]
    validation: Ratings | None = None
    evaluate: bool = False
    history: list[FactorEpoch] = field(default_factory=list)
    trace: Trace | None = None
    base_step: float | None = None
    objective: float = math.nan

    def __post_init__(self) -> None:
        self._predict = make_predict(self.settings)
        self._weights = (
            count_rows(self.ratings.u, self.plan.user_row),
            count_rows(self.ratings.i, self.plan.item_row),
        )
        self._checks = None if self.validation is None else _Pairs(self, self.validation)
        if isinstance(self.settings.step, BoldDriver):
            self.evaluate = True
            self.base_step = self.settings.step.step

    def look_first(self) -> None:
        """Take the objective before the first epoch, for the rules that compare with it."""
        if self.evaluate:
            self.objective = self._objective()

    def run_epoch(self, epoch: int, crew: Workers) -> FactorEpoch:
        """Let the workers make one epoch; then, while nobody writes, measure where it led."""
        settings, visits = self.settings, self.memory.visits.array
        before = visits.copy()
        order = self.order(epoch)
        begin = time.monotonic()
        reports = crew.run(order, self.plan.sizes[order], Task(epoch, self.base_step))
        done = time.monotonic()
        if self.trace is not None:
            self.trace.add(epoch, (event for report in reports for event in report.events))
        updates = int(((visits - before) * self.plan.sizes).sum())
        loss = sum(report.loss for report in reports) / max(updates, 1)
        step = self.base_step
        if step is None:
            step = float(settings.step.at(epoch, np.array([epoch - 1]))[0])
        self._check_finite(epoch, step, loss)
        objective = self._objective() if self.evaluate else math.nan
        record = FactorEpoch(
            epoch, objective, loss, self._validate(), done - begin, time.monotonic() - done,
            updates, step, float(visits.max() - visits.min()) / epoch,
            tuple(_idle(report, done - begin) for report in reports),
        )  # fmt: skip
        if isinstance(settings.step, BoldDriver):
            self.base_step = settings.step.after(step, self.objective, objective)
        self.objective = objective
        self.history.append(record)
        return record

    def model(self, arrays: dict[str, Array] | None = None) -> FactorModel:
        """Return the model as the factors stand, or as they stood: users and items in their order.

        A user or item without training ratings has only its start values, and is marked unseen.
        DivergenceError when a factor is not finite: the losses of an epoch come before its updates,
        so that they don't tell where the last of these led.
        """
        arrays = self.arrays() if arrays is None else arrays
        if not all(np.isfinite(array).all() for array in arrays.values()):
            last = self.history[-1]
            raise DivergenceError(last.epoch, last.step, "infinite")
        users, items, k = self.plan.user_row, self.plan.item_row, self.settings.n_factors
        biased = self.settings.biases
        return FactorModel(
            arrays["P"][users, :k],
            arrays["Q"][items, :k],
            user_bias=arrays["user_bias"][users] if biased else None,
            item_bias=arrays["item_bias"][items] if biased else None,
            mean=self.constants.mean,
            user_ids=self.ratings.user_ids,
            item_ids=self.ratings.item_ids,
            seen_users=self._weights[0][users] > 0,
            seen_items=self._weights[1][items] > 0,
            loss=self.settings.loss,
        )

    def arrays(self) -> dict[str, Array]:
        """Return the arrays that updates change, in the order of the plan; not copies."""
        return dict(self.memory.factors()._asdict())

    def keep(self) -> dict[str, Array]:
        """Return copies of them."""
        return {name: array.copy() for name, array in self.arrays().items()}

    def digest(self) -> str:
        """Return the SHA-256 of all that updates have changed: equal for equal bits only."""
        state = hashlib.sha256()
        for array in self.memory.factors():
            state.update(array.reshape(-1).view(np.uint8).data)
        return state.hexdigest()

    def _objective(self) -> float:
        """Return the sum of losses and penalties, the article's eq. (1), on the training ratings.

        Where LIBMF halves the slope (squares), the penalty counts once; elsewhere by halves, so
        that the updates are its derivative.
        """
        entries, total = self.memory, 0.0
        factors = self.memory.factors()
        z = np.empty(min(CHUNK, len(entries.u.array)), factors.P.dtype)
        with np.errstate(all="ignore"):
            for first in range(0, len(entries.u.array), CHUNK):
                part = slice(first, first + CHUNK)
                u, i, r = (array.array[part] for array in entries[:3])
                out = z[: len(u)]
                self._predict(u, i, factors, factors.P.dtype.type(self.constants.mean), out)
                total += float(self.settings.loss.values(out, r).sum(dtype=np.float64))
            return total + self._penalty()

    def _penalty(self) -> float:
        from hogwild.kernels.factors import share_of_slope

        settings, factors = self.settings, self.memory.factors()
        half = 0.5 / share_of_slope(settings.loss)
        total = 0.0
        sides = zip(
            self._weights, (factors.P, factors.Q), (factors.user_bias, factors.item_bias),
            settings.reg, settings.reg_l1, strict=True,
        )  # fmt: skip
        for weights, rows, bias, reg, l1 in sides:
            squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)
            if settings.biases:
                squares = squares + np.square(bias, dtype=np.float64)
            total += half * reg * float((weights * squares).sum())
            if l1:
                sizes = np.abs(rows).sum(axis=1, dtype=np.float64)
                total += 2.0 * half * l1 * float((weights * sizes).sum())
        return total

    def _validate(self) -> dict[str, float]:
        if self._checks is None:
            return {}
        z, r = self._checks.predict(self), self._checks.r
        loss = self.settings.loss
        with np.errstate(all="ignore"):
            found = {"loss": float(np.mean(loss.values(z, r), dtype=np.float64))}
        if not np.isfinite(z).all():
            return found
        if loss.classifies:
            return {**found, "accuracy": metrics.accuracy(r, np.where(z > 0.0, 1.0, -1.0))}
        return {**found, "rmse": metrics.rmse(r, z), "mae": metrics.mae(r, z)}

    def _check_finite(self, epoch: int, step: float, loss: float) -> None:
        if not math.isfinite(loss):
            raise DivergenceError(epoch, step, "NaN" if math.isnan(loss) else "infinite")
        if self.history and loss > RUNAWAY * max(self.history[0].loss, 1.0):
            raise DivergenceError(epoch, step, f"{loss:.2g} ({self.history[0].loss:.2g} at first)")


class _Pairs:
    """The validation ratings as rows of P and Q; where a side is unknown, the mean is predicted."""

    def __init__(self, trainer: FactorTrainer, given: Ratings):
        ratings, plan = trainer.ratings, trainer.plan
        same = given.user_ids is ratings.user_ids and given.item_ids is ratings.item_ids
        u = given.u if same else ratings.encode_users(given.user_ids)[given.u]
        i = given.i if same else ratings.encode_items(given.item_ids)[given.i]
        users, items = np.append(plan.user_row, -1)[u], np.append(plan.item_row, -1)[i]
        self.r = given.r.astype(np.float64)
        self.unknown = [
            (rows < 0) | (weights[rows] == 0)
            for rows, weights in zip((users, items), trainer._weights, strict=True)
        ]
        self.u = np.where(users < 0, 0, users).astype(np.uint32)
        self.i = np.where(items < 0, 0, items).astype(np.uint32)

    def predict(self, trainer: FactorTrainer) -> npt.NDArray[np.float64]:
        """Return z of every validation rating."""
        factors, mean = trainer.memory.factors(), trainer.constants.mean
        out = np.empty(len(self.u), factors.P.dtype)
        with np.errstate(all="ignore"):
            trainer._predict(self.u, self.i, factors, factors.P.dtype.type(mean), out)
        z = out.astype(np.float64)
        no_user, no_item = self.unknown
        z[no_user | no_item] = mean
        if trainer.settings.biases:
            alone = no_item & ~no_user
            z[alone] += factors.user_bias[self.u[alone]]
            alone = no_user & ~no_item
            z[alone] += factors.item_bias[self.i[alone]]
        return z


def _idle(report: Report, seconds: float) -> float:
    """Return the part of an epoch in which a worker held no block."""
    return max(0.0, seconds - (report.seconds - report.waited))
