"""The parent's side of a field-aware fit: an order of rows, a pass of the workers, a measurement.

Called by ``models.fields``.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.engine.loop import Crew
from hogwild.engine.trace import Trace
from hogwild.errors import DivergenceError
from hogwild.kernels.field_records import FieldData, FieldWeights
from hogwild.models.field_memory import FieldMemory, vectors
from hogwild.models.field_model import FieldModel
from hogwild.models.field_options import FieldSettings
from hogwild.models.field_predict import predict_scores
from hogwild.models.field_record import FieldEpoch
from hogwild.models.libffm_random import GlibcRandom, file_blocks

Array = npt.NDArray[Any]

LARGE = 1e3
"""Values beyond this are named as the cause where a fit diverges."""


class Orders(Protocol):
    """Where the orders of rows come from."""

    def training(self) -> Array:
        """Return the order of the next epoch."""

    def validation(self) -> None:
        """Take notice of a pass over the validation rows."""


class NumpyOrders:
    """A permutation an epoch, of numpy's."""

    def __init__(self, n_rows: int, random: np.random.Generator):
        self._n_rows, self._random = n_rows, random

    def training(self) -> Array:
        """Return a permutation of the rows."""
        return self._random.permutation(self._n_rows)

    def validation(self) -> None:
        """Draw nothing: the order of measuring does not matter."""


class LibffmOrders:
    """libFFM's orders; its validation pass shuffles too, and so uses up random numbers."""

    def __init__(self, rows: FieldRows, validation: FieldRows | None):
        self._random = GlibcRandom()
        self._blocks = file_blocks(rows.indptr)
        blocks = [] if validation is None else file_blocks(validation.indptr)
        self._spent = sum(max(n - 1, 0) for n in (len(blocks), *blocks))

    def training(self) -> Array:
        """Return the order of the next epoch."""
        return self._random.visits(self._blocks)

    def validation(self) -> None:
        """Use up what a pass over the validation rows does."""
        self._random.skip(self._spent)


@dataclass
class FieldTrainer:
    """The parent's side of the epochs."""

    settings: FieldSettings
    memory: FieldMemory
    orders: Orders
    validation: FieldData | None
    auto_stop: bool
    history: list[FieldEpoch] = field(default_factory=list)
    trace: Trace | None = None
    best: float = math.inf
    kept: FieldWeights | None = None

    def go(
        self, crew: Crew, epochs: int, callback: Callable[[FieldEpoch], Any] | None
    ) -> tuple[str, int | None]:
        """Run the epochs; return why they ended, and the epoch whose weights stand now.

        The latter is None without `auto_stop`.
        """
        for epoch in range(1, epochs + 1):
            record = self.run_epoch(crew, epoch)
            if self.auto_stop and self._has_risen(record.validation_loss):
                self._restore()
                return "auto_stop", epoch - 1
            if callback is not None and callback(record):
                return "callback", epoch if self.auto_stop else None
        return "epochs", epochs if self.auto_stop else None

    def prepare(self) -> None:
        """Compile what measures the validation rows, before any clock starts."""
        if self.validation is not None:
            data = self.validation
            self._measure(data._replace(indptr=data.indptr[:2], scale=data.scale[:1], y=data.y[:1]))

    def run_epoch(self, crew: Crew, epoch: int) -> FieldEpoch:
        """Let the workers visit every row once; then, while nobody writes, measure."""
        begin = time.monotonic()
        memory, n_rows, length = self.memory, self.settings.n_rows, self.settings.run_length
        memory.order.array[:] = self.orders.training()
        n_blocks = -(-n_rows // length)
        updates = np.full(n_blocks, length)
        updates[-1] = n_rows - (n_blocks - 1) * length
        reports = crew.run(np.arange(n_blocks), updates, epoch)
        if self.trace is not None:
            self.trace.add(epoch, (event for report in reports for event in report.events))
        done = time.monotonic()
        loss = sum(report.loss for report in reports) / n_rows
        self._check_finite(epoch, loss)
        unseen = math.nan
        if self.validation is not None:
            unseen = self._measure(self.validation)
            self.orders.validation()
            self._check_finite(epoch, unseen)
        record = FieldEpoch(
            epoch, loss, unseen, done - begin, time.monotonic() - done, int(updates.sum())
        )
        self.history.append(record)
        return record

    def _measure(self, data: FieldData) -> float:
        settings = self.settings
        z = predict_scores(
            data, self.memory.weights, settings.n_fields, settings.variant, settings.kernel
        )
        with np.errstate(over="ignore", invalid="ignore"):
            return float(settings.loss.values(z, data.y).mean())

    def _has_risen(self, loss: float) -> bool:
        """Tell whether the loss is above the last one; if not, keep the weights as they stand."""
        if loss > self.best:
            return True
        self.best = loss
        if self.kept is None:
            self.kept = FieldWeights(*(part.copy() for part in self.memory.weights))
        else:
            for copy, part in zip(self.kept, self.memory.weights, strict=True):
                copy[:] = part
        return False

    def _restore(self) -> None:
        if self.kept is not None:
            for part, copy in zip(self.memory.weights, self.kept, strict=True):
                part[:] = copy

    def _check_finite(self, epoch: int, loss: float) -> None:
        if not math.isfinite(loss):
            what = "NaN" if math.isnan(loss) else "infinite"
            raise self._divergence(epoch, what)

    def _divergence(self, epoch: int, what: str) -> DivergenceError:
        """Return the error with its likely cause: AdaGrad keeps steps small, nothing keeps values.

        Values are squared, multiplied in pairs and squared again in G.
        """
        values = self.memory.values.array
        largest = float(np.abs(values).max(initial=0))
        advice = None
        if largest > LARGE:
            advice = f"Values are as large as {largest:.3g}: scale or bin them"
            advice += "." if self.settings.normalise else ", or take normalise=True."
        return DivergenceError(epoch, self.settings.step, what, advice)

    def model(self) -> FieldModel:
        """Return the model as the weights stand now.

        Raises
        ------
        DivergenceError
            When a weight is no number, or infinite.
        """
        settings, (table, linear, bias) = self.settings, self.memory.weights
        shape = settings.n_features, settings.n_fields, settings.n_factors
        both = vectors(table, settings.variant)[:, :, : settings.n_factors]
        w, squares = (np.array(both[:, part]).reshape(shape) for part in (0, 1))
        # a sum G that is infinite would hold its weight fast for ever
        for array in (w, squares, linear, bias):
            with np.errstate(over="ignore", invalid="ignore"):
                total = array.sum(dtype=np.float64)
            if not np.isfinite(total):
                raise self._divergence(len(self.history), "infinite in some weight")
        model = FieldModel(
            w,
            normalise=settings.normalise,
            loss=settings.loss_name,
            squares=squares,
            one_field=settings.one_field,
        )
        if settings.variant.linear:
            model = dataclasses.replace(
                model, linear=linear[:, 0].copy(), linear_squares=linear[:, 1].copy()
            )
        if settings.variant.biased:
            model = dataclasses.replace(
                model, bias=float(bias[0, 0]), bias_squares=float(bias[0, 1])
            )
        return model
