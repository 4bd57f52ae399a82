"""An epoch of DSGD on Spark: blocks stay where they are, item factors move, strata in order.

::

    a partition in stratum s                  the same partition in stratum s + 1
    ------------------------                  -----------------------------------
    blocks (0, *), (1, *)   ---- stay ---->   blocks (0, *), (1, *)      cached, never moved
    P of user bands 0, 1    ---- stay ---->   P of user bands 0, 1       keyed by their own band
    Q of item bands 2, 0    --- move ----->   Q of item bands 1, 3       keyed by the user band
                                                                         that needs them next

A stratum is one map over the partitions.  P and Q go from one to the next by a shuffle under the
partitioner of the blocks, which makes joining them to their blocks a narrow dependency.  A block is
updated by the kernel of a local fit, on arrays that hold its own rows alone: the same numbers in
the same order, the same bits.

What is lost with an executor, Spark makes again from what it came of: the ratings from the driver,
P and Q from the beginning of the job.  An update depends on its input alone, so it comes to the
same bits.  The driver has P and Q at the end of every job, which is an epoch, or ``LEG`` strata of
a longer one; Spark never has to go back further.

Called by ``models.spark_factors``; ``models.spark_bands`` is what executors run.
"""

import time
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hogwild.engine.spark import each_partition, send_package
from hogwild.engine.spark_session import ClusterError
from hogwild.engine.worker_loop import Report
from hogwild.kernels.compiled import have_numba
from hogwild.models.factor_memory import Constants, FactorMemory
from hogwild.models.factor_options import FactorSettings
from hogwild.models.grid import Plan
from hogwild.models.spark_bands import (
    Bands,
    Block,
    Done,
    Element,
    Items,
    Stratum,
    Turn,
    Users,
    unfailed,
)

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

LEG = 16
"""Strata in a job, at most: each leaves a copy of P and Q on the executors' disks until its end."""

SLICE = 1 << 25
"""Bytes that the driver sends with a task, where the elements allow it."""


class SparkCrew:
    """The workers of a fit on Spark: ``run`` as that of ``engine.loop.Crew``.

    Parameters
    ----------
    context : pyspark.SparkContext
    settings : FactorSettings
    plan : Plan
        A square grid.
    memory : FactorMemory
        The driver's: every run brings its P, Q, biases, accumulators and visits up to date.
    constants : Constants
    n_partitions : int
        At most as many as there are bands.

    Raises
    ------
    ClusterError
        When executors lack what the kernel needs.
    ValueError
        When a block or a band is too large to be sent with a task.
    """

    def __init__(
        self,
        context: Any,
        settings: FactorSettings,
        plan: Plan,
        memory: FactorMemory,
        constants: Constants,
        n_partitions: int,
    ):
        self.context, self.settings, self.constants = context, settings, constants
        self.plan, self.memory = plan, memory
        self.bands = Bands(plan.shape[0], n_partitions)
        send_package(context)
        blocks = [self._block(*divmod(block, plan.shape[1])) for block in range(plan.n_blocks)]
        self._blocks = self._spread(blocks).persist(_memory_and_disk())
        compiled = each_partition(self._blocks, _arrived)  # before the clock of the first epoch
        if settings.kernel == "numba" and not all(compiled):
            raise ClusterError(
                "kernel='numba', also as 'auto', is compiled on the executors, and they have no "
                "numba: pip install 'hogwild[fast]' there, or take kernel='numpy'"
            )

    def run(self, order: Ints, updates: Ints, task: Any = None) -> list[Report]:
        """Update the blocks, stratum after stratum; return one report a partition.

        The losses are added in the order of the blocks, as one worker adds them, and stand in the
        first report.
        """
        begin = time.monotonic()
        strata = order.reshape(-1, self.bands.n_bands)
        done: list[tuple[int, Done]] = []
        for first in range(0, len(strata), LEG):
            leg = self._run_leg(strata[first : first + LEG], task)
            done += sorted(leg, key=lambda block: block[1].number)
        loss = 0.0
        for _, block in done:  # not sum(), which since Python 3.12 rounds once, in the end
            loss += block.loss
        seconds = time.monotonic() - begin
        reports = []
        for partition in range(self.bands.n_partitions):
            own = [block for band, block in done if self.bands(band) == partition]
            busy = sum(block.seconds for block in own)
            reports.append(Report(0.0, len(own), seconds, [], seconds - busy))
        reports[0] = reports[0]._replace(loss=loss)
        return reports

    def _run_leg(self, strata: Ints, task: Any) -> Iterator[tuple[int, Done]]:
        """Make these strata in one job, and take P and Q back; yield what was done, and by whom."""
        turns = self._turns(strata)
        rdd = self._spread(self._state(turns[0]))
        for number, stratum in enumerate(turns, start=1):
            update = Stratum(self.settings, self.constants, task, stratum)
            rdd = self.context.union([rdd, self._blocks]).mapPartitionsWithIndex(update)
            if number < len(turns):
                rdd = rdd.partitionBy(self.bands.n_partitions, self.bands)
        found = each_partition(rdd, _all)
        rdd.cleanShuffleDependencies()
        np.add.at(self.memory.visits.array, strata.ravel(), 1)
        for band, part in (element for partition in found for element in partition):
            self._put(band, part)
            if isinstance(part, Users):
                yield from ((band, done) for done in part.done)

    def _turns(self, strata: Ints) -> list[tuple[Turn, ...]]:
        """Return what each user band does in each stratum."""
        b, visits = self.bands.n_bands, self.memory.visits.array.copy()
        turns = []
        for s, stratum in enumerate(strata):
            following = strata[min(s + 1, len(strata) - 1)]
            heirs = {int(block) % b: int(block) // b for block in following}
            by_band = [
                Turn(s * b + place, int(block) % b, int(visits[block]), heirs[int(block) % b])
                for place, block in enumerate(stratum)
            ]
            turns.append(tuple(by_band[place] for place in np.argsort(stratum)))
            visits[stratum] += 1
        return turns

    def _state(self, turns: tuple[Turn, ...]) -> list[Element]:
        """Return P and Q in bands, each under the user band that needs it first."""
        elements: list[Element] = []
        for band, turn in enumerate(turns):
            elements.append((band, Users(*self._rows("user", band))))
            elements.append((band, Items(turn.column, *self._rows("item", turn.column))))
        return elements

    def _put(self, band: int, part: Users | Items) -> None:
        """Write a band's rows to the driver's memory."""
        side, number = ("user", band) if isinstance(part, Users) else ("item", part.column)
        for into, array in zip(self._rows(side, number), part.arrays(), strict=True):
            into[...] = array

    def _rows(self, side: str, band: int) -> tuple[Array, Array, Array]:
        """Return views of a band's rows, biases and accumulators; of unused ones, the whole."""
        factors, variant = self.memory.factors(), self.settings.variant
        edges = self.plan.user_edges if side == "user" else self.plan.item_edges
        rows, whole = slice(int(edges[band]), int(edges[band + 1])), slice(None)
        return (
            (factors.P if side == "user" else factors.Q)[rows],
            getattr(factors, f"{side}_bias")[rows if variant.biased else whole],
            getattr(factors, f"{side}_squares")[rows if variant.adaptive else whole],
        )

    def _block(self, band: int, column: int) -> Element:
        """Return a block's ratings, numbered from the first rows of its bands."""
        plan, memory = self.plan, self.memory
        block = band * plan.shape[1] + column
        part = slice(int(plan.starts[block]), int(plan.starts[block + 1]))
        borders = memory.borders.array[:0]
        if self.settings.kernel == "numpy":
            first, last = memory.border_starts.array[block : block + 2]
            borders = memory.borders.array[first:last] - part.start
        return band, Block(
            column,
            memory.u.array[part] - np.uint32(plan.user_edges[band]),
            memory.i.array[part] - np.uint32(plan.item_edges[column]),
            memory.r.array[part],
            borders,
        )

    def _spread(self, elements: list[Element]) -> Any:
        """Return an RDD of the elements, each in the partition of its user band."""
        sizes = [sum(array.nbytes for array in part.arrays()) for _, part in elements]
        self._check_sizes(max(sizes))
        slices = min(len(elements), max(self.bands.n_partitions, -(-sum(sizes) // SLICE)))
        sent = self.context.parallelize(elements, slices)
        return sent.partitionBy(self.bands.n_partitions, self.bands)

    def _check_sizes(self, largest: int) -> None:
        """Raise ValueError if an element does not fit into a message to an executor."""
        limit = int(self.context.getConf().get("spark.rpc.message.maxSize", "128"))
        if largest > 0.9 * limit * 2**20:
            b = self.bands.n_bands
            raise ValueError(
                f"a block or band of the {b} x {b} grid has {largest / 2**20:.0f} MiB, and Spark "
                f"sends {limit} MiB at most (spark.rpc.message.maxSize): take a finer grid"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._blocks.unpersist()
        self._blocks.cleanShuffleDependencies()


def _arrived(partition: int, elements: Iterator[Element]) -> bool:
    """Take the elements, so that they are cached; tell whether numba is there."""
    for _ in elements:
        pass
    return have_numba()


def _all(partition: int, elements: Iterator[Element]) -> list[Element]:
    return list(unfailed(partition, elements))


def _memory_and_disk() -> Any:
    from pyspark import StorageLevel

    return StorageLevel.MEMORY_AND_DISK
