"""How processes share the work: memory, workers, schedules, and the trace of what happened."""
