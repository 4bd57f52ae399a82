"""Sparse linear models by parallel SGD: Hogwild!, its serial measure, and the round-robin comparator.

The problem, for examples (x_i, y_i) with weights s_i of mean 1::

    minimise   (1/m) sum_i s_i loss(w . x_i + b, y_i)  +  penalty(w)

``fit_linear`` shares the rows and the weights with the workers, and lets them run an epoch at a time;
between epochs nobody writes, and the objective is taken.  Sources: srome's blog "Hogwild!? Implementing
Async SGD in Python" (2017); Niu, Recht, Re, Wright, "Hogwild!" (2011).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild import metrics
from hogwild.data import Examples
from hogwild.engine.loop import Crew, Report, context_of
from hogwild.engine.schedules import make_schedule
from hogwild.engine.starting import checked_processes
from hogwild.engine.trace import Trace
from hogwild.errors import DivergenceError
from hogwild.kernels.linear import Variant
from hogwild.kernels.losses import Loss, find_loss
from hogwild.models import linear_setup as setup
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_setup import FOLD, Memory, Settings
from hogwild.models.lost import LostUpdates
from hogwild.models.steps import Backoff, StepRule, find_step

Seed = int | np.random.SeedSequence | np.random.Generator | None


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


@dataclass
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
        Seconds of "start" (sharing the data, starting workers, compiling), "epochs", "evaluation".
    seed : int
        Entropy that the shuffling was drawn from: pass it as `seed` to draw the same again.
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


def fit_linear(
    examples: Examples,
    *,
    loss: str | Loss = "squared",
    penalty: str | None = "none",
    reg: float = 1e-4,
    l1_ratio: float = 0.15,
    step: float | StepRule | None = None,
    epochs: int = 10,
    batch_size: int = 1,
    schedule: str = "hogwild",
    n_workers: int | None = None,
    kernel: str = "auto",
    write: str = "plain",
    update_threshold: float | None = None,
    intercept: bool = True,
    start: npt.ArrayLike | LinearModel | None = None,
    shuffle: bool = True,
    seed: Seed = None,
    tol: float | None = None,
    validation: Examples | None = None,
    evaluate: bool = True,
    callback: Callable[[EpochRecord], Any] | None = None,
    trace: bool = False,
    lost_updates: bool = False,
    start_method: str | None = None,
    pool: str = "own",
) -> LinearFit:
    """Return the linear model that parallel SGD finds, with the record of the run.

    Parameters
    ----------
    examples : Examples
    loss : str or Loss
        "squared" (the blog's, without 1/2), "absolute", "huber", "epsilon_insensitive", "logistic",
        "hinge", "squared_hinge"; the last three take labels -1 and +1.
    penalty : {"none", "l2", "l1", "elasticnet", "sparse_l2"}
        reg/2 |w|^2; reg |w|_1; a mixture; L2 in the paper's form, split over the rows that touch a
        coordinate by 1/d_u (``kernels.linear`` says how each stays sparse).  Never on the intercept.
    reg, l1_ratio : float
        Strength of the penalty, and L1's share of it under "elasticnet".
    step : float or StepRule, optional
        A constant learning rate, or a rule of ``models.steps``; by default ``default_step``.
    epochs : int
        Passes over the rows, at most.
    batch_size : int
        Rows an update; the gradient of a batch is the mean over its rows.
    schedule : {"hogwild", "serial", "round_robin"}
        "serial" runs in this process, without workers.
    n_workers : int, optional
        By default as many as there are processors; 1 for "serial".
    kernel : {"auto", "python", "numpy", "numba"}
        How an update is computed: the plain loop, numpy over a row or batch, or the plain loop
        compiled; "auto" takes numba where it is installed, else numpy.
    write : {"plain", "add_at", "locked", "atomic"}
        How an update reaches the shared weights: as the blog does; coordinate by coordinate
        (``np.add.at``; scalar kernels do so anyway); under one lock; by a compiled atomic addition.
    update_threshold : float, optional
        A coordinate whose gradient is not larger than this stands still (the blog's .01).
    intercept : bool
        Fit b as well.
    start : array of shape (n_features,), or LinearModel, optional
        Where to begin; by default at 0.
    shuffle : bool
        Shuffle the rows once, and the order of their runs anew in every epoch.
    seed : int, SeedSequence or Generator, optional
        Of the shuffling; the only thing that is drawn.
    tol : float, optional
        Stop when an epoch lowers the objective by less than this share of it.
    validation : Examples, optional
        Measured after every epoch.
    evaluate : bool
        Take the objective after every epoch; without it only the loss seen by the workers is known.
    callback : callable, optional
        ``callback(epoch_record)`` after every epoch; if it returns something true, the fit ends.
    trace, lost_updates : bool
        Record events; measure what was overwritten.  Neither costs anything when off.
    start_method : {"fork", "spawn", "forkserver"}, optional
    pool : {"own", "stdlib"}
        Which kind of Pool runs the workers.

    Returns
    -------
    LinearFit

    Raises
    ------
    ValueError
        For an argument that is not accepted; DataError for labels that don't suit the loss.
    DivergenceError
        When the loss becomes NaN or infinite.
    WorkerDied, WorkerFailed, SharedMemoryError
        From the workers.

    Examples
    --------
    >>> examples = Examples([[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0])
    >>> fit = fit_linear(examples, step=0.25, epochs=30, schedule="serial", intercept=False, seed=0)
    >>> fit.model.w.round(3).tolist()
    [2.0, -1.0]
    """
    begin = time.monotonic()
    kernel = setup.pick_kernel(kernel)
    loss = find_loss(loss)
    n_workers = _n_workers(schedule, n_workers)
    _check(examples, loss, epochs, batch_size, tol, update_threshold)
    weight = _mean_one(examples)
    rule = default_step(examples, loss, epochs) if step is None else find_step(step)
    weights_of_penalty = setup.make_penalty(penalty, reg, l1_ratio, rule.adaptive)
    variant = Variant(
        batched=batch_size > 1,
        filtered=update_threshold is not None,
        penalised=weights_of_penalty.l1 > 0.0 or weights_of_penalty.sparse_l2 > 0.0,
        adaptive=rule.adaptive,
        recorded=lost_updates,
        write=setup.pick_write(write, schedule, kernel),
    )
    settings = Settings(
        loss, rule, kernel, variant, weights_of_penalty, batch_size,
        setup.pick_run_length(len(examples), batch_size, rule, weights_of_penalty.l2),
        len(examples), intercept, -1.0 if update_threshold is None else float(update_threshold),
    )  # fmt: skip
    sequence, random = _random(seed)
    memory = setup.share(
        examples, weight, random.permutation(len(examples)) if shuffle else None,
        _start(start, examples), settings, n_workers,
    )  # fmt: skip
    context = context_of(start_method)
    plan = make_schedule(schedule, memory.clock.shape[0], n_workers, context)
    arguments = (settings, memory, setup.make_gate(settings, plan, context))
    if context.get_start_method() == "fork":
        setup.build(0, *arguments)  # compiles here what the workers then inherit
    crew = Crew(
        plan, setup.build, arguments, n_workers=n_workers, start_method=start_method, pool=pool,
        traced=trace,
    )  # fmt: skip
    header = {
        "schedule": schedule, "n_workers": n_workers, "n_blocks": memory.clock.shape[0],
        "rows_per_block": settings.run_length, "n_rows": len(examples),
    }  # fmt: skip
    fit = LinearFit(
        LinearModel(np.zeros(0)), seed=sequence,
        trace=Trace(header) if trace else None, lost_updates=LostUpdates() if lost_updates else None,
    )  # fmt: skip
    with crew:
        fit.timings["start"] = time.monotonic() - begin
        trainer = _Trainer(settings, memory, crew, fit, random if shuffle else None)
        for epoch in range(1, epochs + 1):
            record = trainer.run_epoch(epoch, examples, weight, validation, evaluate)
            if callback is not None and callback(record):
                fit.stopped = "callback"
                break
            if tol is not None and _settled(fit.history, tol):
                fit.stopped = "tol"
                break
    fit.model = trainer.model()
    fit.timings["epochs"] = sum(record.seconds for record in fit.history)
    fit.timings["evaluation"] = sum(record.evaluation_seconds for record in fit.history)
    return fit


@dataclass
class _Trainer:
    """The parent's side of the epochs."""

    settings: Settings
    memory: Memory
    crew: Crew
    fit: LinearFit
    random: np.random.Generator | None
    updates: int = 0

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
        """Run all blocks once, in as many stretches as the dense penalty's scale needs: mostly one."""
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
        # dividing one after the other gives the bits that the kernel has at these places
        scales = np.divide.accumulate(np.concatenate([[1.0], 1.0 + steps * l2]))[borders]
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
        if fit.lost_updates is not None and before is not None:
            fit.lost_updates.add_epoch(before, w, memory.applied.array)
            memory.applied.array[:] = 0.0
        if scales[-1] != 1.0:
            w[:-1] *= scales[-1]
        if fit.trace is not None:
            fit.trace.add(epoch, _events(reports, first))
        return sum(report.loss for report in reports)

    def _objective(
        self, model: LinearModel, examples: Examples, weight: npt.NDArray[Any]
    ) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            values = model.loss.values(model.decision_function(examples), examples.y)
            return float(weight @ values) / len(examples) + self.settings.penalty.value(model.w)

    def _check_finite(self, record: EpochRecord, model: LinearModel, evaluate: bool) -> None:
        seen = record.objective if evaluate else record.loss
        if not math.isfinite(seen):
            raise DivergenceError(record.epoch, record.step, "NaN" if math.isnan(seen) else "infinite")
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


def _settled(history: list[EpochRecord], tol: float) -> bool:
    if len(history) < 2:
        return False
    before, now = history[-2].objective, history[-1].objective
    return before - now < tol * abs(before)


def _n_workers(schedule: str, n_workers: int | None) -> int:
    if schedule == "serial":
        if n_workers not in (None, 1):
            raise ValueError(f"the serial schedule has one worker, got n_workers={n_workers!r}")
        return 1
    return _positive_workers(n_workers)


def _positive_workers(n_workers: int | None) -> int:
    if n_workers is not None and (isinstance(n_workers, bool) or n_workers < 1):
        raise ValueError(f"n_workers must be 1 or more, got {n_workers!r}")
    return checked_processes(None if n_workers is None else int(n_workers))


def _check(
    examples: Examples,
    loss: Loss,
    epochs: int,
    batch_size: int,
    tol: float | None,
    threshold: float | None,
) -> None:
    if not isinstance(examples, Examples):
        raise ValueError(f"examples must be Examples(X, y), got {type(examples).__name__}")
    if len(examples) == 0:
        raise ValueError("there are no rows to learn from")
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number of 1 or more, got {value!r}")
    for name, number in (("tol", tol), ("update_threshold", threshold)):
        if number is not None and not 0.0 <= number < math.inf:
            raise ValueError(f"{name} must be 0 or more, got {number!r}")
    setup.check_labels(examples, loss)


def _mean_one(examples: Examples) -> npt.NDArray[Any]:
    """Return the example weights, scaled to a mean of 1; ones where there are none."""
    if examples.sample_weight is None:
        return np.ones(len(examples), examples.dtype)
    total = float(examples.sample_weight.sum(dtype=np.float64))
    if total == 0.0:
        raise ValueError("all sample weights are 0")
    return (examples.sample_weight * (len(examples) / total)).astype(examples.dtype)


def _start(start: npt.ArrayLike | LinearModel | None, examples: Examples) -> npt.NDArray[Any]:
    """Return weights and intercept to begin with."""
    weights = np.zeros(examples.n_features + 1, examples.dtype)
    if start is None:
        return weights
    given = start.w if isinstance(start, LinearModel) else np.asarray(start, float)
    if given.shape != (examples.n_features,):
        raise ValueError(
            f"start must have shape ({examples.n_features},), one weight a feature, got {given.shape}"
        )
    weights[:-1] = given
    weights[-1] = start.intercept if isinstance(start, LinearModel) else 0.0
    if not np.isfinite(weights).all():
        raise ValueError("start must be finite")
    return weights


def _random(seed: Seed) -> tuple[Any, np.random.Generator]:
    """Return what the random numbers came from, and their generator."""
    if isinstance(seed, np.random.Generator):
        return seed, seed
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return sequence.entropy, np.random.default_rng(sequence)


def default_step(examples: Examples, loss: Loss, epochs: int) -> StepRule:
    """Return the rule that ``fit_linear`` takes when none is given.

    It begins at 1 / (c (1 + |x|^2)), with c the largest curvature of the loss and |x|^2 the mean of
    the rows' squared norms, or half of the largest where that is more: there a step along one row no
    longer overshoots.  It falls in geometric steps to 1/200 of that in the last epoch, for the noise
    of SGD falls with the step.  A loss with kinks takes the spread of the targets in place of 1/c.

    Examples
    --------
    >>> examples = Examples([[1.0], [1.0]], [1.0, -1.0])
    >>> default_step(examples, find_loss("logistic"), epochs=2)
    Backoff(step=2.0, beta=0.005)
    """
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.indptr))
    squares = np.bincount(rows, np.square(examples.data, dtype=np.float64), minlength=len(examples))
    size = 1.0 + max(float(squares.mean()), float(squares.max()) / 2)
    if math.isfinite(loss.curvature):
        reach = 1.0 / loss.curvature
    else:
        reach = 1.0 if loss.classifies else float(examples.y.std()) or 1.0
    return Backoff(reach / size, beta=200.0 ** (-1.0 / max(1, epochs - 1)))
