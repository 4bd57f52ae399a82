"""What the workers of a factor fit share, and the update that each of them builds upon it.

Called by ``models.factors`` and ``models.factor_replay``; ``build`` runs in every worker.
"""

import functools
import mmap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data import Ratings
from hogwild.data.ratings_ids import encode_ids
from hogwild.engine.loop import Update
from hogwild.engine.schedules import Grant
from hogwild.engine.shared import SharedArray, check_room
from hogwild.kernels import factor_levels, factors
from hogwild.kernels.factor_records import N_SLOW, Entries, FactorConstants, Factors
from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_options import FactorSettings, accumulators, deviation
from hogwild.models.grid import Plan, plan_grid, plan_runs
from hogwild.models.layout import fill

Array = npt.NDArray[Any]

CUT, FILL, START, TIES, EPOCH = range(5)
"""What the random streams of a seed are for; the last has one for each epoch."""


class Task(NamedTuple):
    """What is sent to the workers for an epoch: its number, and the step where no rule knows it."""

    epoch: int
    step: float | None


class FactorMemory(NamedTuple):
    """The shared arrays of a fit: those of ``kernels.factor_records``, and who is where.

    `borders` are the levels' beginnings of all blocks, for the numpy kernel, block b's from
    border_starts[b] on; `visits` counts how often each block has been done.
    """

    u: SharedArray
    i: SharedArray
    r: SharedArray
    P: SharedArray
    Q: SharedArray
    user_bias: SharedArray
    item_bias: SharedArray
    user_squares: SharedArray
    item_squares: SharedArray
    borders: SharedArray
    border_starts: SharedArray
    visits: SharedArray

    def factors(self) -> Factors:
        """Return the arrays that updates change."""
        return Factors._make(part.array for part in self[3:9])


class Constants(NamedTuple):
    """The numbers of a fit that follow from its ratings."""

    mean: float
    stretch: float


def stream(seed: int, *purpose: int) -> np.random.SeedSequence:
    """Return the random stream of one purpose, the same whatever the others have drawn."""
    return np.random.SeedSequence(seed, spawn_key=purpose)


def make_plan(settings: FactorSettings, ratings: Ratings) -> Plan:
    """Return where every rating goes."""
    random = stream(settings.seed, CUT)
    if settings.grid is None:
        return plan_runs(ratings, random)
    return plan_grid(ratings, settings.grid, random, balance=settings.balance)


def share(
    settings: FactorSettings, ratings: Ratings, plan: Plan, start: Any
) -> tuple[FactorMemory, Constants]:
    """Copy the ratings into shared memory, cut and in order, with the factors to begin with.

    Whether there is room is asked for all arrays together, so that the error says what the fit
    needs.
    """
    n, m, k = len(ratings), ratings.n_users, ratings.n_items
    real, variant = np.dtype(settings.dtype), settings.variant
    shapes: dict[str, tuple[Any, Any]] = {
        "u": (n, np.uint32),
        "i": (n, np.uint32),
        "r": (n, real),
        "P": ((m, variant.width), real),
        "Q": ((k, variant.width), real),
        "user_bias": (m if variant.biased else 1, real),
        "item_bias": (k if variant.biased else 1, real),
        "user_squares": ((m if variant.adaptive else 1, 2), real),
        "item_squares": ((k if variant.adaptive else 1, 2), real),
        "visits": (plan.n_blocks, np.int64),
    }
    check_room(
        sum(
            int(np.prod(shape)) * np.dtype(kind).itemsize + 2 * mmap.PAGESIZE
            for shape, kind in shapes.values()
        )
    )
    arrays = {name: SharedArray(*shape) for name, shape in shapes.items()}
    borders = fill(
        plan,
        ratings,
        arrays["u"].array,
        arrays["i"].array,
        arrays["r"].array,
        stream(settings.seed, FILL),
        order=settings.order,
        by_level=settings.by_level,
        compiled=settings.kernel == "numba",
    )
    found = [] if settings.kernel != "numpy" or borders is None else borders
    lengths = [len(part) for part in found]
    arrays["borders"] = SharedArray.copy_of(np.concatenate([*found, [0]]).astype(np.int64))
    arrays["border_starts"] = SharedArray.copy_of(np.cumsum([0, *lengths]).astype(np.int64))
    memory = FactorMemory(**arrays)
    ground, stretch = accumulators(settings, ratings)
    memory.user_squares.array[:] = ground
    memory.item_squares.array[:] = ground
    _begin(settings, ratings, plan, memory, start)
    return memory, Constants(ratings.mean, stretch)


def _begin(
    settings: FactorSettings, ratings: Ratings, plan: Plan, memory: FactorMemory, start: Any
) -> None:
    """Write the first P and Q: drawn, or those of a model for the ids that it knows."""
    random = np.random.default_rng(stream(settings.seed, START))
    k = settings.n_factors
    high = {
        "libmf": 0.1,
        "paper": 1.0 / np.sqrt(k),
        "libmf2": np.sqrt(deviation(settings, ratings)) / np.sqrt(k),
    }.get(settings.start, 0.1)
    for side, target, row in (
        ("P", memory.P.array, plan.user_row),
        ("Q", memory.Q.array, plan.item_row),
    ):
        drawn = random.random((len(row), k), dtype=np.float32) * np.float32(high)
        if settings.start == "given":
            drawn = _given(start, side, drawn, ratings)
            if settings.nonnegative and drawn.min(initial=0.0) < 0.0:
                raise ValueError(
                    f"nonnegative=True needs factors of 0 or more to start from; {side} has "
                    f"{drawn.min():.4g}"
                )
        target[row, :k] = drawn
    if isinstance(start, FactorModel) and settings.biases and start.biased:
        for side, bias, theirs, row in (
            ("P", memory.user_bias.array, start.user_bias, plan.user_row),
            ("Q", memory.item_bias.array, start.item_bias, plan.item_row),
        ):
            found = _rows_of(start, side, ratings)
            bias[row[found >= 0]] = theirs[found[found >= 0]]  # type: ignore[index]


def _rows_of(model: FactorModel, side: str, ratings: Ratings) -> Array:
    """Return the model's row for each user or item of the ratings; -1 where it has none."""
    if side == "P":
        return encode_ids(model.user_ids, ratings.user_ids, "user")
    return encode_ids(model.item_ids, ratings.item_ids, "item")


def _given(start: Any, side: str, drawn: Array, ratings: Ratings) -> Array:
    """Return the factors that the caller gave, in the order of the ratings' ids."""
    if isinstance(start, FactorModel):
        if start.n_factors != drawn.shape[1]:
            raise ValueError(f"start has {start.n_factors} factors, n_factors is {drawn.shape[1]}")
        found = _rows_of(start, side, ratings)
        drawn[found >= 0] = getattr(start, side)[found[found >= 0]]
        return drawn
    try:
        given = np.asarray(start[0 if side == "P" else 1], np.float64)
    except (TypeError, ValueError, IndexError, KeyError):
        raise ValueError(f"start must be a name, a FactorModel, or (P, Q), got {start!r}") from None
    if given.shape != drawn.shape:
        raise ValueError(f"{side} to start from must have shape {drawn.shape}, got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{side} to start from must be finite")
    return given


def build(
    worker: int,
    settings: FactorSettings,
    memory: FactorMemory,
    starts: Array,
    constants: Constants,
) -> Update:
    """Return ``update(grant, task)`` for the worker loop."""
    entries = Entries(*(part.array for part in memory[:3]))
    rows = memory.factors()
    variant, rule = settings.variant, settings.step
    plain = settings.kernel == "python"
    update_block = _kernel(settings)
    if plain:  # the interpreted loop reads memoryviews faster, same bits
        entries = Entries._make(memoryview(array) for array in entries)
        rows = Factors._make(memoryview(array) for array in rows)
    slow_first = variant.adaptive and not variant.sparse
    fixed = _numbers(settings, constants)
    both = {fast: fixed._replace(fast=fast) for fast in (False, True)}
    visits = memory.visits.array
    borders, border_starts = memory.borders.array, memory.border_starts.array
    by_level, compiled = settings.kernel == "numpy", settings.kernel == "numba"

    @functools.lru_cache(maxsize=64)  # asking a rule costs as much as a small block
    def step_at(epoch: int, visit: int) -> float:
        return float(rule.at(epoch, np.array([visit]))[0]) * constants.stretch

    def update(grant: Grant, task: Task) -> float:
        block = grant.block
        if by_level:
            limits = borders[border_starts[block] : border_starts[block + 1]]
        else:
            limits = starts[block : block + 2]
        step = step_at(task.epoch, int(visits[block])) if task.step is None else task.step
        numbers = both[not (slow_first and task.epoch == 1)]
        if compiled:
            loss = update_block(limits, entries, rows, step, numbers)
        else:
            with np.errstate(all="ignore"):  # the parent sees where it led, and says so
                loss = update_block(limits, entries, rows, step, numbers)
        visits[block] += 1
        return float(loss)

    if compiled:  # before the clock of the first epoch starts
        update_block(np.zeros(2, np.int64), entries, rows, 1.0, both[True])
    return update


def make_predict(settings: FactorSettings) -> Callable[..., None]:
    """Return ``predict(u, i, factors, mean, out)`` of the kernel."""
    if settings.kernel == "numba":
        single = settings.dtype == "float32"
        return factors.make_predict(settings.variant, compiled=True, single=single)
    return factor_levels.make_predict(settings.variant)


def _kernel(settings: FactorSettings) -> factors.Update:
    if settings.kernel == "numpy":
        return factor_levels.make_update(settings.loss, settings.variant)
    return factors.make_update(
        settings.loss,
        settings.variant,
        compiled=settings.kernel == "numba",
        single=settings.dtype == "float32",
    )


def _numbers(settings: FactorSettings, constants: Constants) -> FactorConstants:
    return FactorConstants(
        float(constants.mean), *settings.reg, *settings.reg_l1,
        max(settings.padded - N_SLOW, 1), True,
    )  # fmt: skip
