"""What blocks cost, measured here, so that virtual time can run them on workers that are not here.

Called by the parts of ``fpsgd`` that simulate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hogwild.engine.schedules import Grant
from hogwild.models.grid import plan_grid
from hogwild.reproduce.fpsgd_data import Split
from hogwild.reproduce.fpsgd_plan import Plan
from hogwild.reproduce.fpsgd_runs import fit

Cost = Callable[[int, Grant], float]


@dataclass(frozen=True)
class BlockTimes:
    """Seconds of each block of a b x b grid, shape (n_blocks, n_epochs), one worker."""

    bands: int
    seconds: npt.NDArray[np.float64]

    @property
    def median(self) -> npt.NDArray[np.float64]:
        """Seconds of each block, the median over the epochs."""
        return np.median(self.seconds, axis=1)

    @property
    def spread(self) -> float:
        """Standard deviation of a block's times, relative to its median; the median of blocks."""
        middle = np.maximum(self.median, 1e-12)
        return float(np.median(self.seconds.std(axis=1) / middle))

    def drawn(self, seed: int) -> Cost:
        """Return a cost that draws one of the block's own times for each grant."""
        random = np.random.default_rng(seed)
        return lambda worker, grant: float(random.choice(self.seconds[grant.block]))


def time_blocks(split: Split, plan: Plan, bands: int) -> BlockTimes:
    """Return the times of the blocks of such a grid, from the trace of a serial run."""
    found = fit(
        split, plan, schedule="serial", grid=bands, epochs=plan.timed_epochs, validation=None,
        trace=True,
    )  # fmt: skip
    seconds = np.zeros((found.n_blocks, plan.timed_epochs))
    events = found.trace.events if found.trace is not None else []
    for begin, end in zip(events[::2], events[1::2], strict=True):
        seconds[begin.block, begin.epoch - 1] = (end.t - begin.t) / 1e9
    return BlockTimes(bands, seconds)


def block_sizes(split: Split, bands: int, seed: int = 0, *, shuffle: bool = True) -> npt.NDArray:
    """Return the ratings in each block of such a grid, ids shuffled as a fit of that seed does."""
    return plan_grid(split.train, bands, seed, shuffle=shuffle).sizes


def scattered(means: npt.NDArray[np.float64], spread: float, seed: int) -> Cost:
    """Return costs drawn from a gamma distribution: these means, this relative deviation."""
    if spread == 0.0:
        return lambda worker, grant: float(means[grant.block])
    random, shape = np.random.default_rng(seed), spread**-2
    return lambda worker, grant: float(random.gamma(shape, means[grant.block] / shape))


def barrier_code(workers: int, spread: float, epochs: int) -> str:
    """Return a program that runs both schedules in virtual time, on blocks of one size."""
    s, b = workers, workers + 1
    return f"""\
import numpy as np
from hogwild.engine.dsgd import DSGD
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.simulate import simulate

random = np.random.default_rng(0)

def costs(mean):  # an epoch is 100 s of work; a block's time varies by {100 * spread:.0f} %
    return lambda worker, grant: random.gamma({spread**-2:g}, mean / {spread**-2:g})

dsgd = simulate(DSGD(({s}, {s})), {s}, costs(100 / {s**2}), epochs={epochs})
fpsgd = simulate(FPSGD(({b}, {b}), 0), {s}, costs(100 / {b**2}), epochs={epochs}, barrier=False)
print(dsgd.busy_share, fpsgd.busy_share)"""
