"""Field-aware factorization machines by parallel SGD: libFFM's model, whose threads are Hogwild!.

The problem, for rows i of entries (field, feature, value) with labels y_i (Juan et al. 2016,
eq. 3-4)::

    minimise   sum_i log(1 + exp(-y_i z_i)),   z = sum_{a<b} w[j_a, f_b] . w[j_b, f_a] v_a v_b R

with a ridge penalty on whatever a pair touches.  ``fit_ffm`` shares the rows and the weights with
the workers, and lets them visit all rows an epoch at a time, in an order that is drawn anew;
between epochs nobody writes, and the validation rows are measured.  Sources: Juan, Zhuang, Chin,
Lin, "Field-aware Factorization Machines for CTR Prediction" (RecSys 2016); libFFM 1.23; Niu, Recht,
Re, Wright, "Hogwild!" (2011).
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.engine.loop import Crew, context_of
from hogwild.engine.schedules import make_schedule
from hogwild.engine.trace import Trace
from hogwild.models import field_memory, field_options
from hogwild.models.checks import check_switches
from hogwild.models.factor_run import entropy
from hogwild.models.field_model import FieldModel
from hogwild.models.field_options import FieldSettings
from hogwild.models.field_record import FieldEpoch, FieldFit
from hogwild.models.field_rows import are_worth_asking_for, have_twins, make_data, warn_of_fractions
from hogwild.models.field_trainer import FieldTrainer, LibffmOrders, NumpyOrders, Orders

Seed = int | np.random.SeedSequence | np.random.Generator | None


def fit_ffm(
    rows: FieldRows,
    *,
    n_factors: int = 4,
    step: float = 0.2,
    reg: float = 2e-5,
    epochs: int = 15,
    normalise: bool = True,
    auto_stop: bool = False,
    loss: str = "logistic",
    bias: bool = False,
    linear: bool = False,
    one_field: bool = False,
    clip: float | None = None,
    schedule: str = "hogwild",
    n_workers: int | None = None,
    kernel: str = "auto",
    dtype: npt.DTypeLike = "float32",
    random: str = "numpy",
    seed: Seed = None,
    validation: FieldRows | None = None,
    start: FieldModel | None = None,
    callback: Callable[[FieldEpoch], Any] | None = None,
    trace: bool = False,
    start_method: str | None = None,
    pool: str = "own",
) -> FieldFit:
    """Return the field-aware factorization machine that parallel SGD finds, with its record.

    Parameters
    ----------
    rows : FieldRows
        Their `n_features` and `n_fields` are the model's.
    n_factors : int
        Numbers in a vector (the article's k).
    step : float
        AdaGrad's numerator (eta); the sums of squared gradients begin at 1.
    reg : float
        Ridge weight (lambda), once for every pair that touches a vector.
    epochs : int
        Passes over the rows, at most.
    normalise : bool
        Scale each row to norm 1, entries that the model does not know included.
    auto_stop : bool
        Stop at the first epoch whose validation loss is above the one before, and return the model
        of that one, with its sums (libFFM's ``--auto-stop``).  It need not be the best of a longer
        run.  A loss that stays equal goes on.
    loss : {"logistic", "squared"}
        log(1 + exp(-y z)), a label being +1 if its whole part is above 0, else -1; or (z - y)^2.
    bias, linear : bool
        Add bias + sum_a l_{j_a} v_a sqrt(R) to the score.  Both begin at 0 and move by AdaGrad of
        their own, with sums from 1; `reg` holds for a linear weight whenever it is touched, and
        never for the bias.
    one_field : bool
        Take all fields for one: a plain factorization machine.
    clip : float, optional
        Limit the size of each component of each gradient, the penalty's part included, before its
        square is summed.
    schedule : {"hogwild", "serial"}
        "serial" runs in this process, without workers.
    n_workers : int, optional
        By default as many as there are processors; 1 for "serial".
    kernel : {"auto", "python", "numpy", "numba"}
        How a row is computed: the plain loop; numpy over its pairs; or the plain loop compiled.
        They give the same bits in float64, and agree to rounding in float32.  "auto" takes numba
        where it is installed, else numpy.
    dtype : {"float32", "float64"}
        Of the weights; libFFM's are float32.
    random : {"numpy", "libffm"}
        Where start weights and orders come from.  With libFFM's own numbers one worker does what
        that program does with one thread, digit by digit; only its validation rows change the
        order of later epochs.
    seed : int, SeedSequence or Generator, optional
        Of numpy's numbers.  It fixes the bits of a serial fit and of one worker, not of several:
        then the order of the writes is the system's.
    validation : FieldRows, optional
        Measured after every epoch.  Features and fields beyond those of `rows` are skipped.
    start : FieldModel, optional
        Where to go on from, with its sums where it has them; by default U(0, 1) / sqrt(k).  It must
        know all features and fields of the rows.
    callback : callable, optional
        ``callback(epoch_record)`` after every epoch; if it returns something true, the fit ends.
    trace : bool
        Record who held which run of rows when.
    start_method : {"fork", "spawn", "forkserver"}, optional
    pool : {"own", "stdlib"}
        Which kind of Pool runs the workers.

    Returns
    -------
    FieldFit

    Raises
    ------
    ValueError
        For an argument that is not accepted.
    DivergenceError
        When a loss or a weight becomes NaN or infinite.
    WorkerDied, WorkerFailed, SharedMemoryError
        From the workers.

    Examples
    --------
    >>> rows = FieldRows.of_lists([[(0, 0, 1), (1, 2, 1)], [(0, 1, 1), (1, 2, 1)]], [1, 0])
    >>> fit = fit_ffm(rows, epochs=60, schedule="serial", seed=0)
    >>> fit.model.predict(rows).tolist()
    [1.0, -1.0]
    """
    begin = time.monotonic()
    check_switches(trace=trace)
    n_workers = field_options.count_field_workers(schedule, n_workers)
    field_options.check_random(random, seed)
    field_options.check_stopping(auto_stop, validation, epochs)
    settings = field_options.make_settings(
        rows, n_factors=n_factors, step=step, reg=reg, normalise=normalise, loss=loss, bias=bias,
        linear=linear, one_field=one_field, clip=clip, kernel=kernel, dtype=dtype,
        shape=None if start is None else start.w.shape[:2],
    )  # fmt: skip
    if start is not None:
        field_options.check_start(start, rows, settings)
    warn_of_fractions(rows, loss, "the training rows")
    data = _data(rows, settings)
    ahead = are_worth_asking_for(data, settings.n_fields, settings.variant.slot)
    variant = settings.variant._replace(twins=have_twins(data), ahead=ahead)
    settings = dataclasses.replace(settings, variant=variant)
    number, orders, starts = _random(random, seed, rows, validation)
    memory = field_memory.share(data, settings, start, starts)
    del data
    unseen = None
    if validation is not None:
        warn_of_fractions(validation, loss, "the validation rows")
        unseen = _data(validation, settings)
    trainer = FieldTrainer(settings, memory, orders, unseen, bool(auto_stop))
    if trace:
        trainer.trace = Trace(_header(schedule, n_workers, settings))
    with _crew(schedule, settings, memory, n_workers, start_method, pool, trace) as crew:
        trainer.prepare()
        ready = time.monotonic()
        stopped, best = trainer.go(crew, int(epochs), callback)
    history = trainer.history
    timings = {
        "start": ready - begin,
        "epochs": sum(record.seconds for record in history),
        "evaluation": sum(record.evaluation_seconds for record in history),
    }
    return FieldFit(trainer.model(), history, trainer.trace, timings, number, stopped, best)


def _data(rows: FieldRows, settings: FieldSettings) -> Any:
    return make_data(
        rows,
        (settings.n_features, settings.n_fields),
        loss=settings.loss_name,
        normalise=settings.normalise,
        one_field=settings.one_field,
        dtype=settings.dtype,
    )


def _random(
    kind: str, seed: Seed, rows: FieldRows, validation: FieldRows | None
) -> tuple[int | None, Orders, np.random.Generator | None]:
    """Return what the numbers came from, the orders of rows, and what draws start weights."""
    if kind == "libffm":
        return None, LibffmOrders(rows, validation), None
    number = entropy(seed)
    starts, orders = map(np.random.default_rng, np.random.SeedSequence(number).spawn(2))
    return number, NumpyOrders(len(rows), orders), starts


def _crew(
    schedule: str,
    settings: FieldSettings,
    memory: field_memory.FieldMemory,
    n_workers: int,
    start_method: str | None,
    pool: str,
    traced: bool,
) -> Crew:
    """Return the workers, started and ready."""
    context = context_of(start_method)
    n_blocks = -(-settings.n_rows // settings.run_length)
    arguments = (settings, memory)
    if schedule != "serial" and context.get_start_method() == "fork":
        field_memory.build(0, *arguments)  # compiles here what the workers then inherit
    return Crew(
        make_schedule(schedule, n_blocks, n_workers, context),
        field_memory.build,
        arguments,
        n_workers=n_workers,
        start_method=start_method,
        pool=pool,
        traced=traced,
    )


def _header(schedule: str, n_workers: int, settings: FieldSettings) -> dict[str, Any]:
    return {
        "schedule": schedule,
        "n_workers": n_workers,
        "n_blocks": -(-settings.n_rows // settings.run_length),
        "n_rows": settings.n_rows,
        "rows_per_block": settings.run_length,
    }
