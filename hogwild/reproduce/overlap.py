"""How much did workers really run at the same time?  Read from a trace.

Called by the parts of a report that measure contention.
"""

from hogwild.engine.trace import Trace


def overlap(trace: Trace | None) -> float:
    """Return the share of the working time in which two or more workers held a block.

    By the wall clock: a worker that holds a block may still be waiting for a processor.

    Examples
    --------
    >>> from hogwild.engine.trace import Event
    >>> trace = Trace({"n_workers": 2})
    >>> trace.add(1, [Event(0, 0, "acquire", 0, 0), Event(20, 0, "release", 0, 0)])
    >>> trace.add(1, [Event(10, 1, "acquire", 1, 1), Event(40, 1, "release", 1, 1)])
    >>> trace.events.sort()
    >>> overlap(trace)
    0.25
    """
    if trace is None:
        return 0.0
    working = together = held = before = 0
    for event in trace.events:
        if held:
            working += event.t - before
        if held > 1:
            together += event.t - before
        held += 1 if event.event == "acquire" else -1
        before = event.t
    return together / working if working else 0.0
