"""A recorded factor run again, block after block in one process: the same bits, or where not.

Why that can be: workers that hold blocks without a common row or column touch different numbers, so
a parallel run has the bits of a serial one that takes the blocks in the order in which they were
acquired.  The trace holds that order and all else that decides the bits; this module takes it, with
the ratings, through the code that made the run, one block at a time.

Contract: a trace that names no such order, or not all that a replay needs, is refused with the
reason; HogWild's of several workers usually is, for there blocks in conflict run at the same time.

Called by the command line and by the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.engine.loop import Crew
from hogwild.engine.schedules import Serial
from hogwild.engine.trace import Trace
from hogwild.errors import DataError
from hogwild.models import factor_memory
from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_options import KEPT, FactorSettings, make_settings
from hogwild.models.factor_record import FactorEpoch
from hogwild.models.factor_traced import SHORT, digest_of
from hogwild.models.factor_trainer import FactorTrainer

Blocks = list[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Replay:
    """What came of a replay.

    Attributes
    ----------
    model : FactorModel
        The factors after the last epoch (where `patience` chose an earlier one, not the fit's).
    same : bool
        Whether these have the bits that the run ended with.
    digest, recorded : str
        SHA-256 of all that updates change: here, and at the end of the run.
    epochs, n_blocks, n_workers : int
        Epochs, block updates and workers of the run.
    differs_after : int or None
        The first epoch after which the bits are others, where the trace tells.
    """

    model: FactorModel
    same: bool
    digest: str
    recorded: str
    epochs: int
    n_blocks: int
    n_workers: int
    differs_after: int | None = None

    @property
    def sentence(self) -> str:
        """What came of it, in words."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        workers = "1 worker" if self.n_workers == 1 else f"{self.n_workers} workers"
        done = f"{self.n_blocks:,} block updates of {epochs} by {workers}, replayed in one process"
        if self.same:
            return f"{done}: the same bits"
        where = "" if self.differs_after is None else f" from epoch {self.differs_after} on"
        return f"{done}: other bits{where}"


def replay_factors(
    trace: Trace, ratings: Ratings, *, callback: Callable[[FactorEpoch], Any] | None = None
) -> Replay:
    """Return what one process makes of a recorded run's blocks, in the order of their acquires.

    Parameters
    ----------
    trace : Trace
        Of ``fit_factors(..., trace=True)``, from its first epoch on.
    ratings : Ratings
        Those of the run: the same, in the same order.
    callback : callable, optional
        ``callback(epoch_record)`` after every epoch.

    Raises
    ------
    DataError
        When the header does not hold what a replay needs (a trace of another program, of start
        factors or rules of your own, of a run that went on from a checkpoint); when the events name
        blocks that there are not; when the ratings are not those of the run.
    ValueError
        When blocks in conflict were held at the same time, as under HogWild.
    MissingExtra
        When the run's kernel is not installed here.

    Examples
    --------
    >>> from hogwild.models import fit_factors
    >>> ratings = Ratings(["ann", "ann", "bob"], ["x", "y", "x"], [5.0, 1.0, 4.0])
    >>> fit = fit_factors(
    ...     ratings,
    ...     n_factors=2,
    ...     schedule="fpsgd",
    ...     n_workers=1,
    ...     coordination="shared",
    ...     epochs=3,
    ...     trace=True,
    ... )
    >>> replay_factors(fit.trace, ratings).sentence
    '12 block updates of 3 epochs by 1 worker, replayed in one process: the same bits'
    """
    run = _run_of(trace)
    if run["data"] != digest_of(ratings):
        raise DataError(
            f"these are not the ratings of the run: their digest differs ({len(ratings)} ratings, "
            f"{ratings.n_users} users, {ratings.n_items} items)"
        )
    settings = _settings(run, trace.header, ratings)
    plan = factor_memory.make_plan(settings, ratings)
    blocks = _blocks(trace, plan.n_blocks)
    memory, constants = factor_memory.share(settings, ratings, plan, settings.start)
    trainer = FactorTrainer(
        settings, ratings, plan, memory, constants, lambda epoch: blocks[epoch - 1]
    )
    arguments = (settings, memory, plan.starts, constants)
    differs_after = None
    with Crew(Serial(), factor_memory.build, arguments) as crew:
        trainer.look_first()
        for epoch in range(1, len(blocks) + 1):
            record = trainer.run_epoch(epoch, crew)
            if differs_after is None and _differs(trainer, run, epoch):
                differs_after = epoch
            if callback is not None:
                callback(record)
    digest = trainer.digest()
    return Replay(
        trainer.model(), digest == run["result"], digest, run["result"], len(blocks),
        sum(map(len, blocks)), trace.header.get("n_workers", 1), differs_after,
    )  # fmt: skip


def _run_of(trace: Trace) -> dict[str, Any]:
    """Return what the header says of the run, or raise DataError where that is not enough."""
    run = trace.header.get("run")
    if not isinstance(run, dict) or run.get("model") != "factors":
        raise DataError(
            "the trace's header does not say which factor fit it is of, so that it can be checked "
            "but not replayed; fit_factors and `hogwild fit factors --trace` write that"
        )
    if run.get("settings") is None:
        raise DataError(
            "a run with a loss, a step rule or start factors of your own can't be replayed: "
            "its trace can't hold them"
        )
    for name in ("data", "result"):
        if not isinstance(run.get(name), str):
            raise DataError(f"the trace's header has no {name!r} under 'run'; is it complete?")
    return run


def _settings(run: dict[str, Any], header: dict[str, Any], ratings: Ratings) -> FactorSettings:
    """Return the run's settings, each checked as those of a new fit are."""
    try:
        told = FactorSettings.from_json(run["settings"])
        schedule, n_workers = header["schedule"], header["n_workers"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the settings in the trace's header are damaged ({error!r})") from None
    options = {name: getattr(told, name) for name in KEPT}
    return make_settings(ratings, **options, schedule=schedule, n_workers=n_workers)


def _blocks(trace: Trace, n_blocks: int) -> Blocks:
    """Return the blocks of each epoch in an order that one process can take them in."""
    for line, event in enumerate(trace.events, start=2):
        if not 0 <= event.block < n_blocks:
            raise DataError(
                f"block {event.block} in epoch {event.epoch}; the run has blocks 0 to "
                f"{n_blocks - 1}",
                line=line,
            )
    order = trace.serial_order()
    epochs = np.array([event.epoch for event in order], np.int64)
    if len(epochs) == 0 or (np.diff(epochs) < 0).any():
        raise DataError("the trace has no epochs, or they do not follow one another")
    if epochs[0] != 1:
        raise DataError(
            f"the trace begins with epoch {epochs[0]}; a run that went on from a checkpoint can be "
            "checked but not replayed"
        )
    blocks = np.array([event.block for event in order], np.int64)
    return np.split(blocks, np.searchsorted(epochs, np.arange(2, epochs[-1] + 1)))


def _differs(trainer: FactorTrainer, run: dict[str, Any], epoch: int) -> bool:
    """Tell whether an epoch has led elsewhere than that of the run, if the trace tells."""
    known = run.get("epochs")
    if not isinstance(known, list) or len(known) < epoch:
        return False
    return known[epoch - 1] != trainer.digest()[:SHORT]
