"""Downpour SGD: replicas that fetch and push, a parameter server of shards, no common clock.

Dean et al. 2012, section 4.1 and algorithm 1.1.  The step from Hogwild!: no shared memory, so each
worker has its own copy of the parameters, and neither convexity nor sparsity is assumed.

An epoch's rows are cut into portions that go to whoever is free; after the last of them, when
nobody pushes, the objective is taken.  That barrier is ours: it makes an epoch's objective that of
a known number of updates.
"""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hogwild.downpour.cluster import Cluster
from hogwild.downpour.portions import portions_of
from hogwild.downpour.problem import Problem, SharedProblem
from hogwild.downpour.problems import of_a_replica, problem_of
from hogwild.downpour.record import (
    DownpourEpoch,
    DownpourFit,
    Report,
    add_work,
    mean_staleness,
    staleness_of,
)
from hogwild.downpour.rules import Rule
from hogwild.downpour.server import ParameterServer, cut
from hogwild.downpour.settings import Plan, Settings, digest_of, make_settings
from hogwild.downpour.shard import Shard
from hogwild.downpour.shards import Shards
from hogwild.downpour.sockets import parse_address
from hogwild.engine.loop import context_of
from hogwild.engine.server_process import Address
from hogwild.errors import DivergenceError
from hogwild.models.factor_run import Seed, entropy
from hogwild.models.steps import StepRule

RUNAWAY = 1e6  # an objective that has grown so much has left the problem's scale


def fit_downpour(
    data: Any,
    *,
    replicas: int = 2,
    shards: int = 1,
    n_fetch: int = 1,
    n_push: int = 1,
    batch_size: int = 32,
    epochs: int = 10,
    rule: str | Rule = "adagrad",
    step: float | StepRule | None = None,
    local_step: float | StepRule | None = None,
    order: str = "aligned",
    warm_start: float = 0.0,
    portion: int | None = None,
    evaluate: bool = True,
    seed: Seed = None,
    callback: Callable[[DownpourEpoch], Any] | None = None,
    start_method: str | None = None,
    checkpoint_seconds: float = 1.0,
    address: Address | None = None,
    shard_port: int | None = None,
    key: bytes | None = None,
    ready: Callable[[Cluster], Any] | None = None,
    **model: Any,
) -> DownpourFit:
    """Return the model that Downpour SGD finds, with the record of the run.

    Parameters
    ----------
    data : Examples, Ratings, FieldRows, or a Problem of your own
        What is to be fitted to: a linear model, factors, a field-aware factorization machine.
    replicas : int
        Worker processes started here; 0 to wait for others to join, with an `address`.
    shards : int
        Processes among which the parameters are divided.
    n_fetch, n_push : int
        Mini-batches between two fetches, and between two pushes (algorithm 1.1).
    batch_size : int
        Rows a mini-batch; its gradient is the mean over them.
    epochs : int
    rule : {"adagrad", "fixed"}, AdaGrad or FixedStep
        What the server does with a gradient.
    step : float or StepRule, optional
        The server's learning rate; by default found from the data, falling from epoch to epoch.
    local_step : float or StepRule, optional
        The replicas' own between fetches, always a plain one; by default the server's where that
        is fixed, else what a fixed one would be.
    order : {"aligned", "paper"}
        Whether a push follows every n_push-th gradient, so that a fetch after it returns the
        replica's own steps too; or as algorithm 1.1 is printed (``downpour.replica``).
    warm_start : float
        Epochs, or a part of one, that one replica makes alone before the others are let in.
    portion : int, optional
        Rows given out at a time; a portion that a lost replica had begun is done again from its
        start.
    evaluate : bool
        Take the objective after every epoch.
    seed : int, SeedSequence or Generator, optional
        Of the start and of the order of the rows.  One replica then gives the same bits; several
        don't, for their exchanges come in the order of the moment.
    callback : callable, optional
        ``callback(epoch_record)``; if it returns something true, the fit ends.
    start_method : {"fork", "spawn", "forkserver"}, optional
    checkpoint_seconds : float
        How often each shard keeps what a restore would need.
    address : str or (str, int), optional
        Where the coordinator listens, for replicas on other machines to join: "host:port", or a
        path with a slash; the shards then listen at the same host.  By default Unix sockets in a
        private folder.
    shard_port : int, optional
        Of the first shard at that host, the next one's is the next, so that a firewall or a tunnel
        can let them through; by default they follow the coordinator's.  0 picks free ones, as it
        does for the coordinator.
    key : bytes, optional
        What lets a replica in (``downpour.keys.new_key``); by default 32 random bytes, which
        ``ready`` finds in ``cluster.client.key``.
    ready : callable, optional
        ``ready(cluster)``, once all processes run.
    **model
        Of the model: ``loss``, ``penalty``, ``reg``, ``intercept``, ``start``; ``n_factors``,
        ``loss``, ``reg``, ``biases``; ``n_factors``, ``loss``, ``reg``, ``normalise``; and
        ``validation`` rows for each.

    Returns
    -------
    DownpourFit

    Raises
    ------
    ValueError
        For an argument that is not accepted.
    DivergenceError
        When the loss becomes NaN, infinite or huge.
    WorkerDied, WorkerFailed
        When the last replica has died, or one of them raised an error.
    ServerGone
        When the coordinator has died, or a shard again and again.

    Examples
    --------
    >>> from hogwild.data import Examples
    >>> examples = Examples([[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0])
    >>> fit = fit_downpour(
    ...     examples,
    ...     replicas=1,
    ...     batch_size=1,
    ...     rule="fixed",
    ...     step=0.25,
    ...     epochs=30,
    ...     intercept=False,
    ...     seed=0,
    ...     start_method="fork",
    ... )
    >>> fit.model.w.round(3).tolist()
    [2.0, -1.0]
    """
    began = time.monotonic()
    problem = problem_of(data, model)
    address = parse_address(address) if isinstance(address, str) else address
    if address is not None and replicas == 0 and key is None and ready is None:
        raise ValueError("replicas elsewhere need the key to join: pass key=new_key()")
    settings = make_settings(
        problem,
        replicas=replicas,
        shards=shards,
        n_fetch=n_fetch,
        n_push=n_push,
        batch_size=batch_size,
        epochs=epochs,
        rule=rule,
        step=step,
        local_step=local_step,
        order=order,
        warm_start=warm_start,
        portion=portion,
        evaluate=evaluate,
        alone=address is None,
    )
    source = entropy(seed)
    begin = problem.begin(np.random.default_rng(source))
    context = context_of(start_method)
    fit = DownpourFit(None, seed=source)
    edges = cut(len(begin), settings.shards).tolist()
    states = [
        Shard(begin[a:b], settings.rule, step=settings.step_of(1)).state()
        for a, b in itertools.pairwise(edges)
    ]
    # what may take long, or fail for want of room, comes before there are processes
    shared = SharedProblem(problem)
    digest = digest_of(problem) if address is not None else ""
    processes = Shards(
        states, context, key=key, host=_host_of(address), port=_first_port(address, shard_port),
        checkpoint_seconds=checkpoint_seconds,
    )  # fmt: skip
    plan = Plan(
        settings.exchange, settings.local, problem.n_rows, problem.n_parameters, source,
        digest, tuple(processes.addresses), of_a_replica(model),
    )  # fmt: skip
    with Cluster(
        processes, plan, shared, replicas=settings.replicas, context=context, address=address,
        alone=address is None,
    ) as cluster:  # fmt: skip
        fit.timings["start"] = time.monotonic() - began
        if ready is not None:
            ready(cluster)
        trainer = Trainer(problem, settings, cluster, fit)
        fit.stopped = trainer.run(callback)
    return fit


class Trainer:
    """The parent's side of the epochs."""

    def __init__(self, problem: Problem, settings: Settings, cluster: Cluster, fit: DownpourFit):
        self.problem, self.settings, self.cluster, self.fit = problem, settings, cluster, fit
        self.bound = math.inf
        self.server = ParameterServer(cluster.shards.connect(), problem.n_parameters)
        self.params = self.server.fetch().values

    def run(self, callback: Callable[[DownpourEpoch], Any] | None) -> str:
        """Make all epochs; return why they ended."""
        fit = self.fit
        if self.settings.evaluate:
            self.bound = RUNAWAY * max(self.problem.objective(self.params), 1.0)
        stopped = "epochs"
        for epoch in range(1, self.settings.epochs + 1):
            record = self.run_epoch(epoch)
            fit.history.append(record)
            if callback is not None and callback(record):
                stopped = "callback"
                break
        self.cluster.finish()
        fit.model = self.problem.model(self.params)
        fit.timings["epochs"] = sum(record.seconds for record in fit.history)
        fit.timings["evaluation"] = sum(record.evaluation_seconds for record in fit.history)
        return stopped

    def run_epoch(self, epoch: int) -> DownpourEpoch:
        """Let the replicas work through all rows; then, while nobody pushes, see where it led."""
        settings, problem, fit = self.settings, self.problem, self.fit
        step = settings.step_of(epoch)
        begin = time.monotonic()
        self.cluster.shards.set_step(step)
        portions = portions_of(problem.n_rows, settings.portion, epoch)
        warm = settings.warm_start - (epoch - 1)
        alone = min(len(portions), math.ceil(max(0.0, warm) * len(portions)))
        reports, dropped = self.cluster.run(portions, alone)
        done = time.monotonic()
        self.params = self.server.fetch().values
        restores = self.cluster.shards.restores
        restored = [restore.shard for restore in restores[len(fit.restored) :]]
        with np.errstate(over="ignore", invalid="ignore"):
            objective = problem.objective(self.params) if settings.evaluate else math.nan
            validation = problem.measure(self.params)
        stale = staleness_of(reports)
        fit.staleness.update(stale)
        fit.dropped += dropped
        fit.restored += restored
        add_work(fit.work, reports)
        record = DownpourEpoch(
            epoch, objective, _mean_loss(reports), validation, done - begin,
            time.monotonic() - done, sum(r.gradients for r in reports),
            sum(r.fetches for r in reports), sum(r.pushes for r in reports), step,
            mean_staleness(stale), len({r.replica for r in reports}), tuple(dropped),
            tuple(restored),
        )  # fmt: skip
        self._check_finite(record)
        return record

    def _check_finite(self, record: DownpourEpoch) -> None:
        seen = record.objective if self.settings.evaluate else record.loss
        if not math.isfinite(seen):
            what = "NaN" if math.isnan(seen) else "infinite"
        elif self.settings.evaluate and seen > self.bound:
            what = f"{seen:.2g}"
        elif not np.isfinite(self.params).all():
            what = "infinite in some parameter"
        else:
            return
        raise DivergenceError(record.epoch, record.step, what)


def _mean_loss(reports: list[Report]) -> float:
    return sum(report.loss for report in reports) / sum(report.rows for report in reports)


def _first_port(address: Address | None, shard_port: int | None) -> int:
    if shard_port is not None or not isinstance(address, tuple):
        return shard_port or 0
    return address[1] + 1 if address[1] else 0


def _host_of(address: Address | None) -> str | None:
    return address[0] if isinstance(address, tuple) else None
