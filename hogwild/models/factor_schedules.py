"""The schedule of a factor fit as its workers share it, and the blocks that each epoch gives it.

Called by ``models.factors``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.engine.coordination import serve
from hogwild.engine.dsgd import DSGD, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.schedules import Hogwild, Serial
from hogwild.models.factor_memory import EPOCH, TIES, stream
from hogwild.models.factor_options import FactorSettings
from hogwild.models.grid import Plan


def orders(
    settings: FactorSettings, plan: Plan, schedule: str, strata: str
) -> Callable[[int], npt.NDArray[np.int64]]:
    """Return ``order(epoch)``: the blocks to hand out, drawn from the epoch's own stream."""

    def order(epoch: int) -> npt.NDArray[np.int64]:
        if schedule == "fpsgd":  # how many; the schedule itself says which
            return np.arange(plan.n_blocks)
        random = np.random.default_rng(stream(settings.seed, EPOCH, epoch))
        if schedule == "dsgd":
            return strata_order(plan.shape[0], random, strata)
        return random.permutation(plan.n_blocks)

    return order


def make_grid_schedule(
    schedule: str, plan: Plan, settings: FactorSettings, coordination: str, context: Any
) -> Any:
    """Return the schedule, as the workers can share it."""
    if schedule == "serial":
        return Serial()
    if schedule == "hogwild":
        return Hogwild(plan.n_blocks, context)
    if schedule == "dsgd":
        return serve(DSGD(plan.shape), coordination, context)
    ties = int(stream(settings.seed, TIES).generate_state(1, np.uint64)[0]) >> 1
    return serve(FPSGD(plan.shape, ties), coordination, context)
