"""How processes share the work: memory, workers, schedules, and the trace of what happened."""

from hogwild.engine.conflicts import Conflict
from hogwild.engine.coordination import COORDINATIONS, InManager, InSharedMemory, serve
from hogwild.engine.dsgd import DSGD, STRATA, strata_order
from hogwild.engine.fpsgd import FPSGD
from hogwild.engine.gantt import gantt
from hogwild.engine.interleave import Step, interleave, run_interleaved
from hogwild.engine.loop import Crew, Report, context_of, drain
from hogwild.engine.schedules import (
    WAIT,
    Grant,
    Hogwild,
    RoundRobin,
    Schedule,
    Serial,
    Wait,
    make_schedule,
)
from hogwild.engine.shared import SharedArray
from hogwild.engine.simulate import Simulated, simulate
from hogwild.engine.stdlib_pool import StdlibPool
from hogwild.engine.table import FreeBlocks, imbalance
from hogwild.engine.trace import Event, Trace
from hogwild.engine.workers import Pool, worker_number

__all__ = [
    "COORDINATIONS",
    "Conflict",
    "Crew",
    "DSGD",
    "Event",
    "FPSGD",
    "FreeBlocks",
    "Grant",
    "Hogwild",
    "InManager",
    "InSharedMemory",
    "Pool",
    "Report",
    "RoundRobin",
    "STRATA",
    "Schedule",
    "Serial",
    "SharedArray",
    "Simulated",
    "StdlibPool",
    "Step",
    "Trace",
    "WAIT",
    "Wait",
    "context_of",
    "drain",
    "gantt",
    "imbalance",
    "interleave",
    "make_schedule",
    "run_interleaved",
    "serve",
    "simulate",
    "strata_order",
    "worker_number",
]
