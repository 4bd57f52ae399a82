"""Sparse linear models by parallel SGD: Hogwild!, its serial measure, and the round-robin
comparator.

The problem, for examples (x_i, y_i) with weights s_i of mean 1::

    minimise   (1/m) sum_i s_i loss(w . x_i + b, y_i)  +  penalty(w)

``fit_linear`` shares the rows and the weights with the workers, and lets them run an epoch at a
time; between epochs nobody writes, and the objective is taken.  Sources: srome's blog "Hogwild!?
Implementing Async SGD in Python" (2017); Niu, Recht, Re, Wright, "Hogwild!" (2011).
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.engine.loop import Crew, context_of
from hogwild.engine.schedules import make_schedule
from hogwild.engine.trace import Trace
from hogwild.kernels.losses import Loss, find_loss
from hogwild.models import linear_memory, linear_options
from hogwild.models.checks import check_switches
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_options import Settings
from hogwild.models.linear_record import EpochRecord, LinearFit
from hogwild.models.linear_trainer import Trainer
from hogwild.models.lost import LostUpdates
from hogwild.models.steps import StepRule

Seed = int | np.random.SeedSequence | np.random.Generator | None


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
        coordinate by 1/d_u (``kernels.linear`` says how each stays sparse).  Never on the
        intercept.  Under AdaGrad the L2 part of "l2" and "elasticnet" takes the sparse form.  L1
        and the sparse form touch a weight with its rows only: one whose feature occurs in no row,
        as `start` may have, never shrinks.
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
        How an update is computed: the plain loop; numpy over a row or batch; or the plain loop
        compiled, which gives the same bits in float64.  "auto" takes numba where it is installed,
        else numpy, which agrees to rounding: its dot product sums in another order.
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
        Of the shuffling; the only thing that is drawn.  It fixes the bits of a serial fit and of
        one worker, not of several: then the order of the writes is the system's.
    tol : float, optional
        Stop when an epoch lowers the objective by no more than this share of it.
    validation : Examples, optional
        Measured after every epoch; without sample weights.
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
        When the loss becomes NaN, infinite, or (seen with `evaluate` only) a million times what it
        was.
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
    check_switches(shuffle=shuffle, evaluate=evaluate, trace=trace, lost_updates=lost_updates)
    n_workers = linear_options.count_workers(schedule, n_workers)
    settings = linear_options.make_settings(
        examples,
        loss=find_loss(loss),
        penalty=(penalty, reg, l1_ratio),
        step=step,
        epochs=epochs,
        batch_size=batch_size,
        schedule=schedule,
        kernel=kernel,
        write=write,
        threshold=update_threshold,
        intercept=intercept,
        recorded=lost_updates,
    )
    linear_options.check_tolerance(tol, evaluate)
    linear_options.check_validation(validation, examples.n_features, settings.loss)
    entropy, random = _random(seed)
    weight = linear_options.mean_one(examples)
    order = random.permutation(len(examples)) if shuffle else None
    memory = linear_memory.share(
        examples, weight, order, _start(start, examples), settings, n_workers
    )
    fit = LinearFit(LinearModel(np.zeros(0)), seed=entropy)
    if trace:
        fit.trace = Trace(_header(schedule, n_workers, settings, memory.clock.shape[0]))
    if lost_updates:
        fit.lost_updates = LostUpdates()
    with _crew(schedule, settings, memory, n_workers, start_method, pool, trace) as crew:
        fit.timings["start"] = time.monotonic() - begin
        trainer = Trainer(settings, memory, crew, fit, random if shuffle else None)
        if evaluate:
            trainer.look_first(examples, weight)
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
    fit.timings["evaluation"] = trainer.first_look_seconds + sum(
        record.evaluation_seconds for record in fit.history
    )
    return fit


def _crew(
    schedule: str,
    settings: Settings,
    memory: linear_memory.Memory,
    n_workers: int,
    start_method: str | None,
    pool: str,
    traced: bool,
) -> Crew:
    """Return the workers, started and ready."""
    context = context_of(start_method)
    plan = make_schedule(schedule, memory.clock.shape[0], n_workers, context)
    gate = linear_memory.make_gate(settings, plan, context)
    arguments = (settings, memory, gate)
    if schedule != "serial" and context.get_start_method() == "fork":
        linear_memory.build(0, *arguments)  # compiles here what the workers then inherit
    return Crew(
        plan,
        linear_memory.build,
        arguments,
        n_workers=n_workers,
        start_method=start_method,
        pool=pool,
        traced=traced,
    )


def _header(schedule: str, n_workers: int, settings: Settings, n_blocks: int) -> dict[str, Any]:
    return {
        "schedule": schedule,
        "n_workers": n_workers,
        "n_blocks": n_blocks,
        "n_rows": settings.n_rows,
        "rows_per_block": settings.run_length,
    }


def _settled(history: list[EpochRecord], tol: float) -> bool:
    if len(history) < 2:
        return False
    before, now = history[-2].objective, history[-1].objective
    return before - now <= tol * abs(before)


def _start(start: npt.ArrayLike | LinearModel | None, examples: Examples) -> npt.NDArray[Any]:
    """Return weights and intercept to begin with."""
    weights = np.zeros(examples.n_features + 1, examples.dtype)
    if start is None:
        return weights
    given = start.w if isinstance(start, LinearModel) else np.asarray(start, float)
    if given.shape != (examples.n_features,):
        raise ValueError(
            f"start must have one weight a feature, shape ({examples.n_features},), "
            f"got {given.shape}"
        )
    weights[:-1] = given
    weights[-1] = start.intercept if isinstance(start, LinearModel) else 0.0
    if not np.isfinite(weights).all():
        raise ValueError("start must be finite")
    return weights


def _random(seed: Seed) -> tuple[Any, np.random.Generator]:
    """Return what the random numbers came from, enough to draw them again, and their generator."""
    if isinstance(seed, np.random.Generator):
        return seed, seed
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    whole = sequence if sequence.spawn_key or sequence.pool_size != 4 else sequence.entropy
    return whole, np.random.default_rng(sequence)
