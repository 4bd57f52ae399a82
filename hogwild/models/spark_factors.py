"""DSGD for ratings on a Spark cluster: the same model to the bit as DSGD on one machine.

Gemulla et al., "Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent"
(KDD 2011), distribute it so: a machine keeps a band of users with its ratings, and the bands of
items go round.  Which blocks make a stratum, in which order a block's ratings come, what is drawn
and what is measured are the very pieces of the local fit; only who makes the updates is another
(``models.spark_strata``).

Called by users and by the command line.
"""

import dataclasses
import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.engine.spark_session import import_pyspark
from hogwild.kernels.losses import Loss
from hogwild.models import factor_memory, factor_options
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.factor_cache import row_bytes
from hogwild.models.factor_checkpoint import look_into
from hogwild.models.factor_options import FactorSettings
from hogwild.models.factor_record import FactorEpoch, FactorFit
from hogwild.models.factor_run import FactorRun, Seed, check_stopping, entropy
from hogwild.models.factor_schedules import orders
from hogwild.models.factor_traced import digest_of
from hogwild.models.factor_trainer import FactorTrainer
from hogwild.models.spark_strata import SLICE, SparkCrew
from hogwild.models.steps import StepRule


def fit_factors_on_spark(
    ratings: Ratings,
    context: Any,
    *,
    n_partitions: int | None = None,
    n_factors: int = 40,
    grid: int | tuple[int, int] | None = None,
    order: str = "user",
    loss: str | Loss = "squared",
    reg: float | tuple[float, float] = 0.05,
    step: float | str | StepRule | None = None,
    epochs: int = 20,
    dtype: npt.DTypeLike = "float32",
    kernel: str = "auto",
    validation: Ratings | None = None,
    seed: Seed = None,
    callback: Callable[[FactorEpoch], Any] | None = None,
    biases: bool = False,
    nonnegative: bool = False,
    reg_l1: float | tuple[float, float] = 0.0,
    start: Any = "libmf",
    balance: str = "ids",
    by_level: bool = True,
    strata: str = "wor",
    patience: int | None = None,
    evaluate: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 2.0,
    resume: bool = False,
) -> FactorFit:
    """Return the factor model that DSGD finds on a Spark cluster, with the record of the run.

    For the same ratings, seed, grid and options it has the bits of ``fit_factors(ratings,
    schedule="dsgd", ...)``, whatever the number of partitions, and also when executors die; the
    history too but for its seconds, where the local fit has one worker (several add the losses of
    their blocks in another order).

    The ratings and the factors have to fit the driver's memory: it cuts the ratings into blocks,
    and after every epoch it has P and Q back, to measure them and to be able to go on when
    executors are lost.

    Parameters
    ----------
    ratings : Ratings
    context : pyspark.SparkContext or SparkSession
        ``hogwild.engine.spark_session.spark_context(master)`` starts one.
    n_partitions : int, optional
        Into how many partitions the bands of users go: as many blocks are updated at the same time.
        By default the cores that Spark tells of (``defaultParallelism``), or the bands if they are
        fewer.
    grid : int or (int, int), optional
        Bands of users and of items, as many of both; by default as many as there are partitions,
        and a multiple of these where blocks or bands would be more than a task should carry.  Each
        stratum, of which an epoch has as many as bands, costs a round of tasks.
    checkpoint : path, optional
        On the driver.  A checkpoint of a local DSGD fit can be gone on from here, and one from here
        there.
    n_factors, order, loss, reg, step, epochs, dtype, kernel, validation, seed, callback, biases, \
nonnegative, reg_l1, start, balance, by_level, strata, patience, evaluate, checkpoint_every, resume
        As for ``fit_factors``.  What concerns processes of one machine (`schedule`, `n_workers`,
        `coordination`, `trace`, `start_method`, `pool`) is no option here.

    Returns
    -------
    FactorFit
        The history's `idle` is, for each partition, the time in which no block of it was updated:
        what Spark itself needs.

    Raises
    ------
    ValueError
        For an argument that is not accepted; DataError for ratings that don't suit the loss, and
        for a checkpoint of another run.
    DivergenceError
        When the loss becomes NaN, infinite, or a million times what it was.
    ClusterError
        When executors lack what the fit needs.
    MissingExtra
        Without pyspark.

    Examples
    --------
    The same bits here and there::

        with spark_context("local[2]") as context:
            there = fit_factors_on_spark(ratings, context, grid=2, seed=1)
        here = fit_factors(ratings, schedule="dsgd", grid=2, seed=1)
        assert (there.model.P == here.model.P).all()
    """
    begin = time.monotonic()
    context = _checked_context(context)
    check_switches(
        biases=biases, nonnegative=nonnegative, by_level=by_level, evaluate=evaluate, resume=resume
    )
    check_count("epochs", epochs)
    check_not_negative("checkpoint_every", checkpoint_every)
    check_stopping(patience, validation, checkpoint, resume)
    if n_partitions is not None:
        check_count("n_partitions", n_partitions)
    if resume and checkpoint is not None and seed is None:
        seed = look_into(checkpoint).seed
    factor_options.check_strata(strata)
    cores = int(context.defaultParallelism) if n_partitions is None else int(n_partitions)
    settings = factor_options.make_settings(
        ratings, n_factors=n_factors, loss=loss, reg=reg, reg_l1=reg_l1, step=step, dtype=dtype,
        kernel=kernel, order=order, by_level=by_level, balance=balance,
        grid=1 if grid is None else grid, start=start, biases=biases, nonnegative=nonnegative,
        seed=entropy(seed), schedule="dsgd", n_workers=cores,
    )  # fmt: skip
    if grid is None:
        b = _default_bands(settings, ratings, cores)
        settings = dataclasses.replace(settings, grid=(b, b))
    plan = factor_memory.make_plan(settings, ratings)
    bands = plan.shape[0]
    if n_partitions is not None and n_partitions > bands:
        raise ValueError(
            f"n_partitions must be {bands} or less, for that many bands of users there are, "
            f"got {n_partitions}"
        )
    memory, constants = factor_memory.share(settings, ratings, plan, start)
    trainer = FactorTrainer(
        settings, ratings, plan, memory, constants, orders(settings, plan, "dsgd", strata),
        validation, evaluate,
    )  # fmt: skip
    run = FactorRun(trainer, epochs, patience, callback)
    if checkpoint is not None:
        run.keep(
            checkpoint, checkpoint_every, resume=resume, schedule="dsgd", strata=strata,
            data=digest_of(ratings),
        )  # fmt: skip
    with SparkCrew(context, settings, plan, memory, constants, min(cores, bands)) as crew:
        run.timings["start"] = time.monotonic() - begin
        stopped = run.go(crew)
    return run.fit(stopped)


def _checked_context(given: Any) -> Any:
    """Return the SparkContext, also of a session; ValueError for what is none, or has ended."""
    pyspark = import_pyspark("fit_factors_on_spark")
    context = getattr(given, "sparkContext", given)
    if not isinstance(context, pyspark.SparkContext):
        raise ValueError(
            f"context must be a SparkContext or a SparkSession, got {type(given).__name__}"
        )
    if context._jsc is None:
        raise ValueError("the SparkContext has been stopped")
    return context


def _default_bands(settings: FactorSettings, ratings: Ratings, n_partitions: int) -> int:
    """Return as many bands as partitions; a multiple where a block or a band would be too large.

    A local fit takes more, for a block's rows to fit a cache; here a stratum costs more than that.
    """
    users, items = ratings.n_users, ratings.n_items
    rating = 8 + row_bytes(1, settings.dtype)
    row = row_bytes(settings.variant.width + 4, settings.dtype)
    least = max(math.sqrt(len(ratings) * rating / SLICE), max(users, items) * row / SLICE)
    b = n_partitions * max(1, math.ceil(least / n_partitions))
    return min(b, users, items)
