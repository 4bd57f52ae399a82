"""Partitions on a Spark cluster: for rows that outgrow one machine.

Contract: the sums of `LocalPartitions` for the same layout, to the bit, whichever executor computes
which partition, in whatever order they are ready, and also when one of them is lost.  Rows are
packed once, into CSR or dense arrays that Spark keeps; one sum is one Spark job; what travels at
each sum is the operation with its weights, and one result a partition.

Made by `as_partitions` of an RDD, or by whoever has a ``SparkContext``; the executors' part is in
``mllib.spark_pack`` and ``mllib.spark_tasks``.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from hogwild.engine.spark import Guarded, Shipped, each_partition, send_package, shipped
from hogwild.engine.spark_session import import_pyspark
from hogwild.mllib.crew import partition_rows
from hogwild.mllib.labeled_point import LabeledPoint
from hogwild.mllib.local import LocalPartitions
from hogwild.mllib.partitions import (
    Accumulator,
    Partitions,
    Rows,
    Rule,
    combine,
    stacked,
    tree_groups,
)
from hogwild.mllib.spark_pack import Facts, Pack, facts
from hogwild.mllib.spark_tasks import Choice, CombineGroup, First, Fold, FoldForGroup, Remade

TO_DRIVER = 2**26
"""Bytes of results that the driver combines by itself; where there are more, executors begin."""


class SparkPartitions(Partitions):
    """Labelled rows in the partitions of a pyspark RDD.

    The RDD is computed once, here, to be packed and checked. Spark then keeps the blocks in the
    executors' memory, or on their disks where that is full; the RDD is needed again only if an
    executor is lost, and must then give the same rows.

    Parameters
    ----------
    rdd : pyspark.RDD
        Of labelled points (this package's or pyspark's, or rows of a DataFrame with columns
        ``label`` and ``features``), of pairs (label, features), or of `Rows`, many rows at a time.
        Features are whatever `hogwild.mllib.vectors.as_vector` takes. If any row is sparse, all are
        kept as CSR.
    n_features : int, optional
        What each row must have; by default as many as the first.

    Raises
    ------
    DataError
        An element that is no labelled point, or of another length: with its partition and row.
    MissingExtra, ClusterError
        Without pyspark; when an executor lacks numpy or scipy.

    Examples
    --------
    ::

        rdd = context.textFile("hdfs:///points").map(LabeledPoint.parse)
        with SparkPartitions(rdd) as data:
            weights, losses = run_lbfgs(
                data,
                LogisticGradient(),
                SquaredL2Updater(),
                10,
                1e-4,
                20,
                0.1,
                numpy.zeros(data.n_features),
            )
    """

    def __init__(self, rdd: Any, n_features: int | None = None):
        pyspark = import_pyspark("SparkPartitions")
        if not isinstance(rdd, pyspark.RDD):
            raise ValueError(
                f"rdd must be a pyspark RDD, got {type(rdd).__name__}; for a DataFrame pass its "
                ".rdd, for local data use SparkPartitions.of"
            )
        send_package(rdd.context)

        def packed(sparse: bool) -> Any:
            return rdd.mapPartitionsWithIndex(Guarded(Pack(n_features, sparse)))

        self._keep(_kept(packed, n_features))

    @classmethod
    def of(
        cls,
        context: Any,
        data: Any,
        num_partitions: int = 2,
        *,
        sizes: Sequence[int] | None = None,
    ) -> "SparkPartitions":
        """Local rows on the cluster of `context`, in the layout of `LocalPartitions`.

        Each partition is broadcast in one piece: rows never become Python objects. Every executor
        that computes one fetches all, so this is for data that one machine can hold; for more make
        an RDD of files.

        Parameters
        ----------
        context : pyspark.SparkContext
        data, num_partitions, sizes
            As for `LocalPartitions`; one of these keeps its own layout.
        """
        local = data
        if not isinstance(local, LocalPartitions):
            local = LocalPartitions(data, num_partitions, sizes=sizes)
        send_package(context)
        parts = partition_rows(local.collect(), local.sizes())
        sent = [context.broadcast(part) for part in parts]
        numbers = context.parallelize(range(len(sent)), len(sent))
        # not unpersisted: executors that are asked again would look for a file that is gone
        return cls(numbers.map(_Arrived(sent)), local.n_features)

    def _keep(self, kept: "_Kept", rules: tuple[Rule, ...] = ()) -> Self:
        self._kept, self._rules = kept, rules
        self.n_features, self.num_partitions = kept.n_features, len(kept.facts)
        return self

    def _choice(self) -> Choice:
        kept = self._kept
        if kept.closed:
            raise ValueError("these partitions have been closed")
        if kept.rdd.context._jsc is None:
            raise ValueError("the SparkContext of these partitions has been stopped")
        return Choice(self._rules, kept.facts, kept.n_features, kept.sparse)

    def sizes(self) -> list[int]:
        """Rows of each partition; under a rule the executors ask it again."""
        choice = self._choice()
        if not self._rules:
            return [part.n_rows for part in self._kept.facts]
        n = self.num_partitions
        return each_partition(self._kept.rdd.context.parallelize(range(n), n), _Count(choice))

    def select(self, rule: Rule) -> "SparkPartitions":
        """A view with one more rule: the same kept rows."""
        return copy.copy(self)._keep(self._kept, (*self._rules, rule))

    def persist(self) -> "SparkPartitions":
        """The chosen rows, found once and kept by Spark."""
        return self._remade(None, self.n_features) if self._rules else self

    def map_rows(self, function: Callable[[Rows], Rows], n_features: int) -> "SparkPartitions":
        """Other rows in place of these, made on the executors and kept there."""
        return self._remade(function, n_features)

    def _remade(
        self, function: Callable[[Rows], Rows] | None, n_features: int
    ) -> "SparkPartitions":
        choice, rdd = self._choice(), self._kept.rdd

        def made(sparse: bool) -> Any:
            remade = Remade(choice, function, n_features, sparse)
            return rdd.mapPartitionsWithIndex(Guarded(remade))

        return copy.copy(self)._keep(_kept(made, n_features))

    def tree_aggregate(
        self,
        zero: Accumulator,
        seq_op: Callable[[Accumulator, Rows], Accumulator],
        comb_op: Callable[[Accumulator, Accumulator], Accumulator],
    ) -> Accumulator:
        """Fold where the rows lie, then combine in the fixed tree: one Spark job.

        What an operation raises on an executor is raised here, with a note that says where.
        """
        choice = self._choice()
        if not self.num_partitions:
            return copy.deepcopy(zero)
        with shipped(self._kept.rdd.context, (zero, seq_op, comb_op)) as fetch:
            return combine(self._results(Fold(choice, fetch), fetch), comb_op)

    def _results(self, fold: Fold, fetch: Shipped) -> list[Any]:
        """Those of the partitions; or, where these are large, of their groups."""
        groups = tree_groups(self.num_partitions)
        if not groups or self.num_partitions * fetch.size <= TO_DRIVER:
            return each_partition(self._kept.rdd, fold)
        keyed = self._kept.rdd.mapPartitionsWithIndex(FoldForGroup(fold, len(groups[0])))
        return each_partition(keyed.partitionBy(len(groups), int), CombineGroup(fetch))

    def take(self, n: int) -> list[LabeledPoint]:
        """The first `n` rows: a job for each partition until there are enough."""
        choice, found = self._choice(), list[LabeledPoint]()
        for partition, part in enumerate(self._kept.facts):
            if len(found) >= n:
                break
            if part.n_rows:
                first = First(choice, n - len(found))
                found += each_partition(self._kept.rdd, first, [partition])[0]
        return found

    def collect(self) -> Rows:
        """All rows, in order, in this process; ``spark.driver.maxResultSize`` (1 GB) holds."""
        return stacked(each_partition(self._kept.rdd, self._choice().rows), self.n_features)

    def close(self) -> None:
        """Give back the executors' memory. Parts that were split off or made of these rows stay."""
        if not self._rules and not self._kept.closed:
            self._kept.closed = True
            if self._kept.rdd.context._jsc is not None:  # a stopped context has given back all
                self._kept.rdd.unpersist()


# ---- rows that Spark keeps ---------------------------------------------------------------------


@dataclass
class _Kept:
    """An RDD of chunks that Spark keeps, and what is known of it."""

    rdd: Any
    facts: tuple[Facts, ...]
    n_features: int
    sparse: bool
    closed: bool = False


def _kept(made: Callable[[bool], Any], n_features: int | None) -> _Kept:
    """Have Spark compute and keep the chunks; anew, as CSR, if only some partitions are sparse."""
    rdd, found = _computed(made(False))
    kinds = {part.sparse for part in found if part.n_rows}
    if len(kinds) > 1:
        rdd.unpersist()
        rdd, found = _computed(made(True))
        kinds = {True}
    for partition, part in enumerate(found):
        if part.n_features is None:
            continue
        n_features = part.n_features if n_features is None else n_features
        if part.n_features != n_features:
            rdd.unpersist()
            raise ValueError(
                f"the rows of partition {partition} have {part.n_features} features, and those of "
                f"the partitions before it {n_features}"
            )
    return _Kept(rdd, tuple(found), n_features or 0, True in kinds)


def _computed(rdd: Any) -> tuple[Any, list[Facts]]:
    # objects as they are, in memory first: bytes are what Spark keeps for Python, and to compress
    # or copy them at each sum would cost more than the sum
    rdd.persist(import_pyspark().StorageLevel(True, True, False, True))
    try:
        return rdd, each_partition(rdd, facts)
    except BaseException:
        rdd.unpersist()
        raise


@dataclass(frozen=True)
class _Arrived:
    """The rows of a partition, of those that were broadcast."""

    sent: list[Any]

    def __call__(self, number: int) -> Rows:
        return self.sent[number].value


@dataclass(frozen=True)
class _Count:
    """How many rows are chosen; no row is looked at."""

    choice: Choice

    def __call__(self, partition: int, elements: Iterator[Any]) -> int:
        return sum(self.choice.count(number) for number in elements)
