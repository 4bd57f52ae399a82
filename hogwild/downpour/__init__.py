"""Downpour SGD and Sandblaster L-BFGS: no shared memory, but a parameter server and replicas.

Source: Dean et al., "Large Scale Distributed Deep Networks", NIPS 2012.  What is where:

====================================================  =============================================
`rules`, `shard`, `server`                            a slice of the parameters; all of them as one
`problem`, `linear`, `factors`, `fields`, `problems`  what is minimised, over the package's models
`replica`                                             algorithm 1.1, one mini-batch at a time
`portions`                                            who works on what, given again when lost
`virtual_time`                                        the same in virtual time, hundreds of replicas
`fit`, `settings`, `record`                           `fit_downpour` and what it returns
`cluster`, `working`, `joining`                       the processes, here and on other machines
`shards`, `checkpoints`                               shards' processes, restored when they die
`listening`, `served`, `proxy`                        any plain object behind a Manager's server,
`guard`, `keys`, `sockets`                            which lets in who has the key
`sandblaster`, `sandblaster_...`, `slices`            L-BFGS by commands to the shards
====================================================  =============================================
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hogwild.downpour.fit import fit_downpour
    from hogwild.downpour.joining import join_downpour
    from hogwild.downpour.portions import Portion, PortionTable
    from hogwild.downpour.problem import Problem
    from hogwild.downpour.record import DownpourEpoch, DownpourFit
    from hogwild.downpour.replica import Exchange, Replica
    from hogwild.downpour.rules import AdaGrad, FixedStep
    from hogwild.downpour.sandblaster import SandblasterFit, SandblasterStep, fit_sandblaster
    from hogwild.downpour.server import ParameterServer
    from hogwild.downpour.shard import Shard
    from hogwild.downpour.virtual_time import Costs, Simulated, simulate

__all__ = [
    "AdaGrad",
    "Costs",
    "DownpourEpoch",
    "DownpourFit",
    "Exchange",
    "FixedStep",
    "ParameterServer",
    "Portion",
    "PortionTable",
    "Problem",
    "Replica",
    "SandblasterFit",
    "SandblasterStep",
    "Shard",
    "Simulated",
    "fit_downpour",
    "fit_sandblaster",
    "join_downpour",
    "simulate",
]

_HOMES = {
    "fit": ("fit_downpour",),
    "joining": ("join_downpour",),
    "portions": ("Portion", "PortionTable"),
    "problem": ("Problem",),
    "record": ("DownpourEpoch", "DownpourFit"),
    "replica": ("Exchange", "Replica"),
    "rules": ("AdaGrad", "FixedStep"),
    "sandblaster": ("SandblasterFit", "SandblasterStep", "fit_sandblaster"),
    "server": ("ParameterServer",),
    "shard": ("Shard",),
    "virtual_time": ("Costs", "Simulated", "simulate"),
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: a shard's process needs no models, and no scipy."""
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = getattr(import_module(f"hogwild.downpour.{home}"), name)
            return globals()[name]
    raise AttributeError(f"module 'hogwild.downpour' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
