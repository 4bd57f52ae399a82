"""Matrix factorization by parallel SGD: FPSGD, and its rivals DSGD, HogWild and serial SGD.

The problem, for ratings r_ui (Zhuang et al. 2013, eq. 1)::

    minimise   sum_(u,i) [ (r_ui - p_u . q_i)^2 + reg |p_u|^2 + reg |q_i|^2 ]

``fit_factors`` cuts the ratings into blocks in shared memory, and lets the workers run an epoch at
a time, by a schedule that says which blocks may run together; between epochs nobody writes, and the
model is measured.  Sources: Zhuang, Chin, Juan, Lin, "A Fast Parallel SGD for Matrix Factorization
in Shared Memory Systems" (RecSys 2013); Gemulla et al. (KDD 2011); Niu et al., "Hogwild!" (2011).
"""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.engine.loop import Crew, context_of
from hogwild.engine.trace import Trace
from hogwild.kernels.losses import Loss
from hogwild.models import factor_memory, factor_options
from hogwild.models.checks import check_count, check_not_negative, check_switches
from hogwild.models.factor_checkpoint import look_into
from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_record import FactorEpoch, FactorFit
from hogwild.models.factor_run import FactorRun, Seed, check_stopping, entropy
from hogwild.models.factor_schedules import make_grid_schedule, orders
from hogwild.models.factor_traced import digest_of, trace_header
from hogwild.models.factor_trainer import FactorTrainer
from hogwild.models.steps import StepRule


def fit_factors(
    ratings: Ratings,
    *,
    n_factors: int = 40,
    schedule: str = "fpsgd",
    n_workers: int | None = None,
    grid: int | tuple[int, int] | None = None,
    order: str = "user",
    loss: str | Loss = "squared",
    reg: float | tuple[float, float] = 0.05,
    step: float | str | StepRule | None = None,
    epochs: int = 20,
    dtype: npt.DTypeLike = "float32",
    kernel: str = "auto",
    coordination: str = "manager",
    validation: Ratings | None = None,
    seed: Seed = None,
    trace: bool = False,
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
    start_method: str | None = None,
    pool: str = "own",
) -> FactorFit:
    """Return the factor model that parallel SGD finds, with the record of the run.

    Parameters
    ----------
    ratings : Ratings
    n_factors : int
        Numbers in a user's and in an item's row (the article's k).
    schedule : {"fpsgd", "dsgd", "hogwild", "serial"}
        Which blocks may run at the same time: a free one with the fewest updates; strata with a
        barrier; all of them (random ratings of the whole matrix); one after the other, in this
        process.
    n_workers : int, optional
        By default as many as there are processors; 1 for "serial".
    grid : int or (int, int), optional
        Bands of users and of items; by default 2 n_workers of each (DSGD: as many of both, a
        multiple of n_workers), and more where a block's rows would not fit a core's second-level
        cache.  FPSGD needs n_workers + 1 of each to reach all blocks alike, and warns below that.
    order : {"user", "item", "random"}
        Of the ratings in a block: the article's ordered ones, which make its partial random method,
        or shuffled once.
    loss : str or Loss
        "squared", "absolute", "kl" (needs `nonnegative`), "logistic", "hinge", "squared_hinge" (the
        last three take ratings -1 and +1), "huber", "epsilon_insensitive".
    reg : float or (float, float)
        Ridge weights of users and items, inside the sum over ratings (the article's lambda): a row
        pays for each of its ratings.
    step : float, name or StepRule, optional
        A constant learning rate (the article's gamma, .003 there); "yun", "bold", "adagrad", or a
        rule of ``models.factor_steps``; by default ``RowAdaGrad(0.1)``.
    epochs : int
        At most; an epoch is as many blocks as the grid has.
    dtype : {"float32", "float64"}
    kernel : {"auto", "python", "numpy", "numba"}
        The scalar loop; numpy, a level at a time (also called "levels"); the loop compiled.  "auto"
        takes numba where it is installed, else numpy.
    coordination : {"manager", "shared"}
        Where the free-block table is: in a ``multiprocessing`` Manager, or in shared memory under a
        lock, which costs less a block and suits small data.
    validation : Ratings, optional
        Measured after every epoch.
    seed : int, SeedSequence or Generator, optional
        Of everything drawn.  It fixes the bits of serial and DSGD runs, for any number of workers.
        FPSGD's also depend on who is ready first, which the trace records; HogWild's on more.
    trace : bool
        Record who held which block when.
    callback : callable, optional
        ``callback(epoch_record)`` after every epoch; if it returns something true, the fit ends.
    biases : bool
        Predict mean + b_u + b_i + p_u . q_i (the article's appendix); `reg` is theirs too.
    nonnegative : bool
        Keep the factors at 0 or above (non-negative matrix factorization).
    reg_l1 : float or (float, float)
        L1 weights of users and items, inside the sum.
    start : {"libmf", "paper", "libmf2"}, FactorModel, or (P, Q)
        0.1 U(0, 1), as the article's own program; U(0, 1/sqrt(k)), as it says; that times the root
        of the ratings' standard deviation, as later releases of the program; or factors to go on
        from, a model's by their ids.
    balance : {"ids", "ratings"}
        Bands of as many ids, or of as many ratings.
    by_level : bool
        Lay each block out by level: the same bits, faster (``kernels.levels``).
    strata : {"wor", "seq", "wr"}
        DSGD's strata: random without replacement, in sequence, with replacement.
    patience : int, optional
        Stop after so many epochs in which the validation loss has not fallen, and return the best
        epoch's model.
    evaluate : bool
        Take the training objective after every epoch.
    checkpoint : path, optional
        Written after the first epoch, after the last, and after each that ends `checkpoint_every`
        seconds or more after the last writing.
    checkpoint_every : float
        Seconds; 0 writes after every epoch.  A run that is interrupted loses these, and the epoch
        that it was in.
    resume : bool
        Go on from `checkpoint`, with its seed where `seed` is None: serial and DSGD runs to the
        same bits as if they had never stopped.
    start_method : {"fork", "spawn", "forkserver"}, optional
    pool : {"own", "stdlib"}
        Which kind of Pool runs the workers.

    Returns
    -------
    FactorFit

    Raises
    ------
    ValueError
        For an argument that is not accepted; DataError for ratings that don't suit the loss, and
        for a checkpoint of another run.
    DivergenceError
        When the loss becomes NaN, infinite, or a million times what it was.
    WorkerDied, WorkerFailed, ManagerDied, SharedMemoryError
        From the workers.

    Examples
    --------
    >>> ratings = Ratings(["ann", "ann", "bob"], ["x", "y", "x"], [5.0, 1.0, 4.0])
    >>> fit = fit_factors(ratings, n_factors=2, schedule="serial", epochs=200, reg=0.0, seed=0)
    >>> fit.model.predict(["ann", "ann", "bob"], ["x", "y", "x"]).round(1).tolist()
    [5.0, 1.0, 4.0]
    """
    begin = time.monotonic()
    check_switches(
        trace=trace, biases=biases, nonnegative=nonnegative, by_level=by_level, evaluate=evaluate,
        resume=resume,
    )  # fmt: skip
    check_count("epochs", epochs)
    check_not_negative("checkpoint_every", checkpoint_every)
    check_stopping(patience, validation, checkpoint, resume)
    if resume and checkpoint is not None and seed is None:
        seed = look_into(checkpoint).seed
    factor_options.check_strata(strata)
    n_workers = factor_options.count_factor_workers(schedule, n_workers, coordination)
    settings = factor_options.make_settings(
        ratings, n_factors=n_factors, loss=loss, reg=reg, reg_l1=reg_l1, step=step, dtype=dtype,
        kernel=kernel, order=order, by_level=by_level, balance=balance, grid=grid, start=start,
        biases=biases, nonnegative=nonnegative, seed=entropy(seed), schedule=schedule,
        n_workers=n_workers,
    )  # fmt: skip
    plan = factor_memory.make_plan(settings, ratings)
    memory, constants = factor_memory.share(settings, ratings, plan, start)
    trainer = FactorTrainer(
        settings, ratings, plan, memory, constants, orders(settings, plan, schedule, strata),
        validation, evaluate,
    )  # fmt: skip
    data = digest_of(ratings) if trace or checkpoint is not None else ""
    if trace:
        trainer.trace = Trace(trace_header(settings, plan, schedule, n_workers, data))
        if schedule == "dsgd":
            trainer.trace.header["strata"] = strata
    run = FactorRun(trainer, epochs, patience, callback)
    if checkpoint is not None:
        known = strata if schedule == "dsgd" else None
        run.keep(
            checkpoint, checkpoint_every, resume=resume, schedule=schedule, strata=known, data=data
        )
    arguments = (settings, memory, plan.starts, constants)
    context = context_of(start_method)
    if schedule != "serial" and context.get_start_method() == "fork":
        factor_memory.build(0, *arguments)  # compiles here what the workers then inherit
    with Crew(
        make_grid_schedule(schedule, plan, settings, coordination, context),
        factor_memory.build,
        arguments,
        n_workers=n_workers,
        start_method=start_method,
        pool=pool,
        traced=trace,
    ) as crew:
        run.timings["start"] = time.monotonic() - begin
        stopped = run.go(crew)
    return run.fit(stopped)


__all__ = ["FactorFit", "FactorModel", "fit_factors"]
