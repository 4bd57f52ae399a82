"""How processes share the work: memory, workers, schedules, and the trace of what happened."""

from hogwild.engine.loop import Crew, Report, context_of, drain
from hogwild.engine.schedules import Grant, Hogwild, RoundRobin, Schedule, Serial, make_schedule
from hogwild.engine.shared import SharedArray
from hogwild.engine.stdlib_pool import StdlibPool
from hogwild.engine.trace import Event, Trace
from hogwild.engine.workers import Pool, worker_number

__all__ = [
    "Crew",
    "Event",
    "Grant",
    "Hogwild",
    "Pool",
    "Report",
    "RoundRobin",
    "Schedule",
    "Serial",
    "SharedArray",
    "StdlibPool",
    "Trace",
    "context_of",
    "drain",
    "make_schedule",
    "worker_number",
]
