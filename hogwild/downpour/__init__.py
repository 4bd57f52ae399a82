"""Downpour SGD and Sandblaster L-BFGS: no shared memory, but a parameter server and replicas.

Source: Dean et al., "Large Scale Distributed Deep Networks", NIPS 2012.  What is where:

====================================================  =============================================
`rules`, `shard`, `server`                            a slice of the parameters; all of them as one
`problem`, `linear`, `factors`, `fields`, `problems`  what is minimised, over the package's models
`replica`                                             algorithm 1.1, one mini-batch at a time
`portions`                                            who works on what, given again when lost
`simulate`                                            the same in virtual time, hundreds of replicas
`fit`, `settings`, `record`                           `fit_downpour` and what it returns
`cluster`, `working`, `joining`                       the processes, here and on other machines
`shards`, `checkpoints`                               shards' processes, restored when they die
`listening`, `proxy`, `guard`, `keys`, `sockets`      Manager servers that let in who has the key
`sandblaster`, `slices`                               L-BFGS by commands to the shards
====================================================  =============================================
"""

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
from hogwild.downpour.simulate import Costs, Simulated, simulate

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
