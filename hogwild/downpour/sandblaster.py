"""Sandblaster L-BFGS: the whole batch by replicas, the method by commands to the shards' slices.

Contract: the minimiser of a smooth objective, by the very steps of single-process L-BFGS; the same
bits for any number of replicas, whoever is slow or lost.  More shards change the order in which dot
products are summed, and so the last bits.

Source: Dean et al. 2012, section 4.2 and algorithm 1.2.  Left open there and decided here: a
portion counts once, whoever answers; what a replica had is done again by another; the step is the
line search's, by strong Wolfe conditions; losses and gradients are summed in the portions' order.

The parts: ``slices`` (vectors), ``sandblaster_group`` (all slices as one),
``sandblaster_coordinator`` and ``sandblaster_direction`` (the method), ``sandblaster_replica``
(gradients), ``sandblaster_batch`` (what is summed), ``sandblaster_cluster`` (the processes).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.downpour.problems import problem_of
from hogwild.downpour.sandblaster_batch import Batch, as_batch
from hogwild.downpour.sandblaster_cluster import BatchCluster, Here, slices_of
from hogwild.downpour.sandblaster_coordinator import RIDGE, START, Coordinator, State
from hogwild.downpour.sandblaster_replica import Rounds
from hogwild.downpour.slices import Slice
from hogwild.engine.loop import context_of
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.factor_run import Seed, entropy

Array = npt.NDArray[Any]

PORTIONS = 64
"""Portions of a batch, by default: many times the replicas of one machine."""


class SandblasterStep(NamedTuple):
    """One row of a fit's history: a step of L-BFGS, or a line search that failed.

    Attributes
    ----------
    step : int
        Steps made, 0 at the start.
    loss, norm : float
        The objective, penalty included, and its gradient's norm.
    evaluations : int
        Batches evaluated so far.
    seconds : float
        Since the row before.
    """

    step: int
    loss: float
    norm: float
    evaluations: int
    seconds: float


@dataclass(repr=False)
class SandblasterFit:
    """What ``fit_sandblaster`` returns.

    Attributes
    ----------
    model : LinearModel, FactorModel or FieldModel
    params : float64 array, shape (n_parameters,)
    history : list of SandblasterStep
    stopped : str
        "gradient converged", "function values converged", "max iterations reached", "line search
        failed" or "callback".
    n_iterations, n_evaluations : int
        Steps of L-BFGS, and batches evaluated.
    validation : dict
        "loss" and the metrics of the validation rows at the end.
    given_again : int
        Portions given out more than once: backups, and what a lost replica had.
    repeated : int
        Steps made again because a slice was lost.
    dropped, restored : list of int
        Replicas that were lost, and slices that were restored.
    timings : dict
        Seconds of "start" and "steps".
    seed : int
    """

    model: Any
    params: Array = field(default_factory=lambda: np.zeros(0))
    history: list[SandblasterStep] = field(default_factory=list)
    stopped: str = ""
    n_iterations: int = 0
    n_evaluations: int = 0
    validation: dict[str, float] = field(default_factory=dict)
    given_again: int = 0
    repeated: int = 0
    dropped: list[int] = field(default_factory=list)
    restored: list[int] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    @property
    def losses(self) -> Array:
        """The objective at the start and after each step."""
        return np.array([row.loss for row in self.history])

    def __repr__(self) -> str:
        loss = f"{self.history[-1].loss:.6g}" if self.history else "none"
        return (
            f"{type(self).__name__}({self.stopped}: {self.n_iterations} iterations, "
            f"{self.n_evaluations} batches, loss {loss})"
        )


def fit_sandblaster(
    data: Any,
    *,
    replicas: int = 2,
    shards: int = 2,
    portion: int | None = None,
    n_corrections: int = 10,
    tol: float = 1e-6,
    max_iterations: int = 100,
    backup: bool = True,
    seed: Seed = None,
    callback: Callable[[SandblasterStep], object] | None = None,
    start_method: str | None = None,
    processes: bool = True,
    ready: Callable[[BatchCluster | Here], object] | None = None,
    **model: Any,
) -> SandblasterFit:
    """Minimise a smooth objective by L-BFGS with replicas and sharded vectors.

    Parameters
    ----------
    data : Examples, Ratings, FieldRows, or one of their problems
        What is to be fitted to: a linear model, factors, a field-aware factorization machine.
    replicas, shards : int
    portion : int, optional
        Rows of a portion; by default a 64th of all.  The sums, and so the bits, depend on it.
    n_corrections : int
        Pairs of steps and gradient differences kept.
    tol : float
        Stop once the gradient's norm is at most tol |F| (or 1e-8), or F has fallen by at most
        tol |F(start)| in 20 steps.
    max_iterations : int
    backup : bool
        Give the last portions of a batch to several replicas; the first answer counts.
    seed : int, SeedSequence or Generator, optional
        Of the start, where that is drawn.
    callback : callable, optional
        Gets each row of the history; a true answer ends the fit.
    start_method : {"fork", "spawn", "forkserver"}, optional
    processes : bool
        False for everything in this process, turn by turn: the same bits.
    ready : callable, optional
        ``ready(workers)``, once all processes run.
    **model
        Of the model, as for ``fit_downpour``.

    Raises
    ------
    ValueError
        For a loss that is not smooth, and an objective that is not finite at the start.
    WorkerDied, WorkerFailed
        When the last replica has died, or one of them raised an error.
    ServerGone
        When the table has died, or a slice again and again.

    Examples
    --------
    >>> from hogwild.data import Examples
    >>> examples = Examples([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])  # y = 2 x + 1
    >>> fit = fit_sandblaster(examples, portion=2, tol=1e-12, start_method="fork")
    >>> fit.model.w.round(5).tolist(), round(fit.model.intercept, 5), fit.stopped
    ([2.0], 1.0, 'gradient converged')
    """
    began = time.monotonic()
    problem = problem_of(data, model)
    counts = {"replicas": replicas, "shards": shards, "n_corrections": n_corrections}
    portion = -(-problem.n_rows // PORTIONS) if portion is None else portion
    for name, value in {**counts, "portion": portion, "max_iterations": max_iterations}.items():
        check_count(name, value)
    check_not_negative("tol", tol)
    check_switches(backup=backup, processes=processes)
    batch = as_batch(problem)
    source = entropy(seed)
    begin = np.asarray(problem.begin(np.random.default_rng(source)), float)
    slices = slices_of({START: begin, RIDGE: batch.ridge}, shards)
    fit = SandblasterFit(None, seed=source)
    with _workers(slices, batch, replicas, backup, start_method, processes) as workers:
        fit.timings["start"] = time.monotonic() - began
        if ready is not None:
            ready(workers)
        rounds = Rounds(workers.answers, problem.n_rows, portion)
        coordinator = Coordinator(
            workers.group,
            rounds,
            n_corrections=n_corrections,
            tol=tol,
            max_iterations=max_iterations,
        )
        _run(coordinator, workers, fit, callback)
    fit.model, fit.validation = problem.model(fit.params), problem.measure(fit.params)
    return fit


def _workers(
    slices: list[Slice],
    batch: Batch,
    replicas: int,
    backup: bool,
    start_method: str | None,
    processes: bool,
) -> BatchCluster | Here:
    if not processes:
        return Here(slices, batch, replicas=replicas, backup=backup)
    context = context_of(start_method)
    return BatchCluster(slices, batch, replicas=replicas, backup=backup, context=context)


def _run(
    coordinator: Coordinator,
    workers: BatchCluster | Here,
    fit: SandblasterFit,
    callback: Callable[[SandblasterStep], object] | None,
) -> None:
    """Fill the record of the run."""
    begin = last = time.monotonic()

    def look(now: State) -> object:
        nonlocal last
        seconds, last = time.monotonic() - last, time.monotonic()
        row = SandblasterStep(now.k, now.value, now.norm, coordinator.evaluations, seconds)
        fit.history.append(row)
        return None if callback is None else callback(row)

    end, fit.stopped = coordinator.run(look)
    fit.params = workers.group.fetch(f"x{end.k}")
    about = workers.table.summary()
    workers.table.stop()
    fit.timings["steps"] = time.monotonic() - begin
    fit.n_iterations, fit.n_evaluations = end.k, coordinator.evaluations
    fit.given_again, fit.repeated = about["given_again"], coordinator.repeated
    fit.dropped, fit.restored = about["dropped"], workers.restored
