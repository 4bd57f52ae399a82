"""By what a factor run is known again: a digest of its ratings, and its trace's header.

Called by ``models.factors`` and ``models.factor_replay``.
"""

import hashlib
from typing import Any

import numpy as np

from hogwild.data import Ratings
from hogwild.models.factor_options import FactorSettings
from hogwild.models.grid import Plan

SHORT = 16  # hexadecimal digits of a digest that say where a replay begins to differ


def digest_of(ratings: Ratings) -> str:
    """Return the SHA-256 of the ratings' arrays, to know them again."""
    state = hashlib.sha256()
    for array in (ratings.u, ratings.i, ratings.r):
        state.update(str(array.dtype).encode())
        state.update(np.ascontiguousarray(array).view(np.uint8).data)
    return state.hexdigest()


def trace_header(
    settings: FactorSettings, plan: Plan, schedule: str, n_workers: int, data: str
) -> dict[str, Any]:
    """Return the trace's header; its "run" is what a replay needs."""
    grid = list(plan.shape) if plan.is_grid else None
    return {
        "schedule": schedule,
        "n_workers": n_workers,
        "n_blocks": plan.n_blocks,
        **({"grid": grid} if grid else {}),
        "run": {
            "model": "factors",
            "settings": settings.to_json(),
            "data": data,
            "epochs": [],  # beginnings of the digests after each epoch
        },
    }
