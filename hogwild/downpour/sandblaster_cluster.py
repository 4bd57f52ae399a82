"""Sandblaster's processes: a slice server for each shard, a table of portions, replicas.

::

    parent ---- the coordinator of L-BFGS: commands, and the watch over all
      |-- slice 0 .. s-1      each a Manager process with its part of every vector  <--.
      |-- table               a Manager process with the portions                  <--|-.
      '-- replica 0 .. r-1    processes with the rows in shared memory              ---'-'

They start, are watched and end as those of ``fit_downpour`` do (``cluster``, ``shards``).  A
replica that dies has its portion done by another.  A slice that dies goes on from its checkpoint,
which is made at the end of each step and not by the clock; the step is then made again.

Called by ``downpour.sandblaster``.
"""

import itertools
import traceback
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hogwild.downpour.checkpoints import read_state, write_state
from hogwild.downpour.cluster import Cluster
from hogwild.downpour.portions import Portion, PortionTable
from hogwild.downpour.problem import SharedProblem
from hogwild.downpour.proxy import Client
from hogwild.downpour.sandblaster_batch import Batch
from hogwild.downpour.sandblaster_group import SliceGroup
from hogwild.downpour.sandblaster_replica import Answer, BatchReplica
from hogwild.downpour.server import cut
from hogwild.downpour.shards import Shards
from hogwild.downpour.slices import Slice
from hogwild.downpour.working import PATIENCE
from hogwild.engine.worker_process import become_child
from hogwild.errors import ServerGone


class KeptSlice:
    """A slice as its process serves it: its methods, and the checkpoint.

    Parameters
    ----------
    path : path-like
        Where the state to begin with is, and where checkpoints go.
    life : int
        The slice's, from now on.
    """

    exposed: tuple[str, ...] = (*Slice.exposed, "checkpoint")

    def __init__(self, path: Path, life: int):
        self._path, self._slice = path, Slice.from_state(read_state(path), life)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._slice, name)

    def checkpoint(self) -> None:
        """Write a checkpoint."""
        write_state(self._path, _kept(self._slice))


def _kept(part: Slice) -> dict[str, Any]:
    # `Shards` tells of a restore how many pushes were kept; a slice gets none
    return {**part.state(), "pushes": 0}


class SliceProcesses(Shards):
    """One process a slice, started again from its checkpoint when it has died.

    Parameters
    ----------
    slices : sequence of Slice
        What they begin with.
    context : multiprocessing context
    """

    def __init__(self, slices: Sequence[Slice], context: BaseContext):
        super().__init__([_kept(part) for part in slices], context)

    def _served(self, number: int) -> tuple[type, tuple[Any, ...]]:
        return KeptSlice, (self._path(number), self._lives[number])


class BatchPlan(NamedTuple):
    """What a replica must know before it begins: where the slices are, and the gradients' scale."""

    slices: tuple[Any, ...]
    n_parameters: int
    scale: float


class BatchCluster(Cluster):
    """The table and the replicas beside slice servers.

    Parameters
    ----------
    slices : sequence of Slice
        What the servers begin with.
    batch : Batch
    replicas : int
    backup : bool
    context : multiprocessing context

    Attributes
    ----------
    group : SliceGroup
    """

    def __init__(
        self,
        slices: Sequence[Slice],
        batch: Batch,
        *,
        replicas: int,
        backup: bool,
        context: BaseContext,
    ):
        shards, n = SliceProcesses(slices, context), batch.problem.n_parameters
        plan: Any = BatchPlan(tuple(shards.addresses), n, batch.scale)
        shared = SharedProblem(batch.problem)
        super().__init__(
            shards, plan, shared, replicas=replicas, context=context, backup=backup, live=live
        )
        self.group = SliceGroup(shards.connect(), n, kept=True)

    def answers(self, portions: list[Portion]) -> list[Answer]:
        """Have the portions done; return the answers, in the portions' order."""
        return self.run(portions)[0]  # type: ignore[return-value]  # of a BatchReplica

    @property
    def restored(self) -> list[int]:
        """The slices that were started again, in order."""
        return [restore.shard for restore in self.shards.restores]


class Here:
    """The same without processes: everything in this one, turn by turn.

    Parameters and attributes as of `BatchCluster`.
    """

    def __init__(self, slices: Sequence[Slice], batch: Batch, *, replicas: int, backup: bool):
        self.group = SliceGroup(slices, batch.problem.n_parameters)
        self.table = PortionTable(backup=backup)
        self.restored: list[int] = []
        self._replicas = [
            BatchReplica(batch, self.group, self.table, f"replica {number}")
            for number in range(replicas)
        ]

    def answers(self, portions: list[Portion]) -> list[Answer]:
        """Have the portions done, a portion a replica in turn; return the answers."""
        self.table.start(portions)
        for replica in itertools.cycle(self._replicas):
            if self.table.wait(0.0):
                break
            replica.work(0.0)
        found = self.table.summary()["answers"]
        return [found[portion.number] for portion in portions]

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""


def slices_of(values: dict[str, Any], n_shards: int) -> list[Slice]:
    """Return vectors of one length, cut into slices.

    Examples
    --------
    >>> [part.fetch("x").tolist() for part in slices_of({"x": [1.0, 2.0, 3.0]}, 2)]
    [[1.0, 2.0], [3.0]]
    """
    edges = cut(len(next(iter(values.values()))), n_shards).tolist()
    return [
        Slice({name: value[a:b] for name, value in values.items()})
        for a, b in itertools.pairwise(edges)
    ]


def live(table: Client, shared: SharedProblem, name: str) -> None:
    """Work as a replica, in a process that the parent has started for nothing else."""
    become_child()
    proxy = table.connect()
    try:
        plan: BatchPlan = proxy.plan()
        slices = [Client(address, table.key, PATIENCE).connect() for address in plan.slices]
        problem: Any = shared.open()
        replica = BatchReplica(
            Batch(problem, plan.scale, np.zeros(0)),
            SliceGroup(slices, plan.n_parameters),
            proxy,
            name,
        )
        while replica.work(None):
            pass
        proxy.leave(replica.number)
    except ServerGone:
        raise SystemExit(1) from None  # the parent has ended the run, or sees that a server died
    except Exception:
        proxy.fail(name, traceback.format_exc())
        raise SystemExit(1) from None
