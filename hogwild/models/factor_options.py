"""The options of a factor fit, checked, and kept so that a trace can name them and replay the run.

Called by ``models.factors`` and ``models.factor_replay``.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hogwild.data import Ratings
from hogwild.engine.coordination import COORDINATIONS
from hogwild.engine.dsgd import STRATA
from hogwild.engine.starting import checked_processes
from hogwild.errors import DataError, MissingExtra
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.factor_records import FactorVariant
from hogwild.kernels.losses import FACTOR_LOSSES, KullbackLeibler, Loss, find_loss
from hogwild.models.checks import check_count, check_not_negative
from hogwild.models.factor_cache import default_grid, given_grid, row_bytes, rows_ahead
from hogwild.models.factor_steps import FACTOR_STEPS, RowAdaGrad, find_factor_step
from hogwild.models.grid import BALANCES, CHUNK
from hogwild.models.layout import ORDERS
from hogwild.models.steps import STEPS, StepRule

FACTOR_SCHEDULES = ("fpsgd", "dsgd", "hogwild", "serial")
FACTOR_KERNELS = ("auto", "python", "numpy", "numba")
STARTS = ("libmf", "paper", "libmf2")

Pair = tuple[float, float]


@dataclass(frozen=True)
class FactorSettings:
    """Everything that decides the bits of a run, besides the ratings and the order of the blocks.

    `grid` is None for HogWild, which has runs of ratings in place of blocks.  `ahead` alone changes
    no bit (``factor_cache``): it is found anew for each fit, and no file holds it.
    """

    n_factors: int
    loss: Loss
    reg: Pair
    reg_l1: Pair
    step: StepRule
    dtype: str
    kernel: str
    order: str
    by_level: bool
    balance: str
    grid: tuple[int, int] | None
    start: str
    biases: bool
    nonnegative: bool
    seed: int
    ahead: int = 0

    @property
    def vectors(self) -> bool:
        """Whether rows are padded and updated as vectors."""
        return self.kernel == "numba" and self.dtype == "float32"

    @property
    def padded(self) -> int:
        """The number of factors, up to a multiple of 8."""
        return -(-self.n_factors // 8) * 8

    @property
    def variant(self) -> FactorVariant:
        """What the kernel has to do."""
        return FactorVariant(
            self.padded if self.vectors else self.n_factors,
            biased=self.biases,
            adaptive=self.step.adaptive,
            sparse=any(self.reg_l1),
            nonnegative=self.nonnegative,
            ahead=self.ahead,
        )

    def to_json(self) -> dict[str, Any] | None:
        """Return the settings as JSON can hold them; None for a loss or a rule of your own."""
        names = {kind: name for name, kind in {**STEPS, **FACTOR_STEPS}.items()}
        losses = {kind: name for name, kind in FACTOR_LOSSES.items()}
        if type(self.step) not in names or type(self.loss) not in losses or self.start == "given":
            return None
        return {
            **{name: getattr(self, name) for name in KEPT},
            "loss": {"name": losses[type(self.loss)], **dataclasses.asdict(self.loss)},
            "step": {"rule": names[type(self.step)], **vars(self.step)},
        }

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "FactorSettings":
        """Return the settings that ``to_json`` has written; KeyError, TypeError or ValueError."""
        fields = {name: given[name] for name in KEPT}
        loss, step = dict(fields["loss"]), dict(fields["step"])
        fields["loss"] = FACTOR_LOSSES[loss.pop("name")](**loss)
        fields["step"] = {**STEPS, **FACTOR_STEPS}[step.pop("rule")](**step)
        for name in ("reg", "reg_l1", "grid"):
            fields[name] = None if fields[name] is None else tuple(fields[name])
        return cls(**fields)


KEPT = tuple(name for name in FactorSettings.__dataclass_fields__ if name != "ahead")
"""The settings that files hold."""


def make_settings(
    ratings: Ratings,
    *,
    n_factors: int,
    loss: str | Loss,
    reg: Any,
    reg_l1: Any,
    step: Any,
    dtype: Any,
    kernel: str,
    order: str,
    by_level: bool,
    balance: str,
    grid: Any,
    start: Any,
    biases: bool,
    nonnegative: bool,
    seed: int,
    schedule: str,
    n_workers: int,
) -> FactorSettings:
    """Return the options, each checked; ValueError with name and value, DataError for ratings."""
    if not isinstance(ratings, Ratings):
        raise ValueError(f"ratings must be Ratings, got {type(ratings).__name__}")
    if len(ratings) == 0:
        raise DataError("there is no rating to fit to")
    check_count("n_factors", n_factors)
    for name, value, known in (("order", order, ORDERS), ("balance", balance, BALANCES)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    settings = FactorSettings(
        n_factors=int(n_factors),
        loss=_loss(loss, ratings, nonnegative),
        reg=_pair("reg", reg),
        reg_l1=_pair("reg_l1", reg_l1),
        step=find_factor_step(step),
        dtype=_dtype(dtype),
        kernel=pick_factor_kernel(kernel),
        order=order,
        by_level=bool(by_level),
        balance=balance,
        grid=None,
        start=_start(start),
        biases=bool(biases),
        nonnegative=bool(nonnegative),
        seed=seed,
    )
    if settings.kernel == "numpy" and not by_level:
        raise ValueError('kernel="numpy" goes level by level; it needs by_level=True')
    width = settings.variant.width
    if settings.vectors:
        settings = dataclasses.replace(settings, ahead=rows_ahead(ratings, width, 4))
    if schedule == "hogwild":
        if grid is not None:
            raise ValueError(f'schedule="hogwild" draws from the whole matrix; got grid={grid!r}')
        return settings
    if grid is None:
        size = row_bytes(width, settings.dtype)
        shape = default_grid(ratings, size, settings.kernel, schedule, n_workers)
    else:
        shape = given_grid(grid, ratings, schedule, n_workers)
    return dataclasses.replace(settings, grid=shape)


def count_factor_workers(schedule: str, n_workers: int | None, coordination: str) -> int:
    """Return the number of workers, after checking what they need."""
    if schedule not in FACTOR_SCHEDULES:
        raise ValueError(
            f"unknown schedule {schedule!r}; the schedules are {', '.join(FACTOR_SCHEDULES)}"
        )
    if coordination not in COORDINATIONS:
        raise ValueError(
            f"coordination must be one of {', '.join(COORDINATIONS)}, got {coordination!r}"
        )
    if schedule == "serial":
        if n_workers not in (None, 1):
            raise ValueError(f'schedule="serial" has one worker, got n_workers={n_workers!r}')
        return 1
    if n_workers is not None:
        check_count("n_workers", n_workers)
        n_workers = int(n_workers)
    return checked_processes(n_workers)


def check_strata(strata: str) -> None:
    """Raise ValueError for an unknown way to order DSGD's strata."""
    if strata not in STRATA:
        raise ValueError(f"strata must be one of {', '.join(STRATA)}, got {strata!r}")


def pick_factor_kernel(kernel: str) -> str:
    """Return the kernel to use; "auto" is numba where it is installed, else numpy."""
    if kernel == "levels":  # what the numpy kernel does
        return "numpy"
    if kernel not in FACTOR_KERNELS:
        raise ValueError(f"unknown kernel {kernel!r}; the kernels are {', '.join(FACTOR_KERNELS)}")
    if kernel == "numba" and not have_numba():
        raise MissingExtra("fast", 'kernel="numba"')
    if kernel != "auto":
        return kernel
    return "numba" if have_numba() else "numpy"


def accumulators(settings: FactorSettings, ratings: Ratings) -> tuple[float, float]:
    """Return what AdaGrad's accumulators start at, and what its step is multiplied by.

    LIBMF divides the ratings by their standard deviation sigma, and multiplies the factors by
    sqrt(sigma) in the end.  In the ratings' own units that is G = sigma^3, and steps sqrt(sigma)
    as long: with p = sqrt(sigma) p', a gradient is sigma^1.5 times what it was.
    """
    rule = settings.step
    if not (isinstance(rule, RowAdaGrad) and rule.scaled):
        return 1.0, 1.0
    sigma = deviation(settings, ratings)
    if settings.dtype == "float32" and not 1e-30 < sigma**3 < 1e30:
        raise DataError(
            f"the ratings' standard deviation, {sigma:.3g}, is beyond what float32 can square and "
            'sum: divide the ratings by it, or take dtype="float64"'
        )
    return sigma**3, math.sqrt(sigma)


def deviation(settings: FactorSettings, ratings: Ratings) -> float:
    """Return LIBMF's unit of the ratings: their standard deviation; 1 for losses of signs.

    Where all ratings are equal, their size: LIBMF's 1e-4 makes the steps explode.
    """
    if settings.loss.classifies:
        return 1.0
    total = 0.0
    for first in range(0, len(ratings), CHUNK):  # no second copy of 20 million ratings
        part = ratings.r[first : first + CHUNK].astype(np.float64) - ratings.mean
        total += float(np.square(part).sum())
    return math.sqrt(total / len(ratings)) or abs(ratings.mean) or 1.0


def _loss(loss: str | Loss, ratings: Ratings, nonnegative: bool) -> Loss:
    """Return the loss, after looking whether the ratings suit it."""
    found = find_loss(loss, FACTOR_LOSSES)
    if found.classifies:
        wrong = np.flatnonzero(np.abs(ratings.r) != 1.0)
        if len(wrong):
            raise DataError(
                f"ratings must be -1 and +1 for the loss {type(found).__name__}; "
                f"found {ratings.r[wrong[0]]} at row {wrong[0]}"
            )
    if isinstance(found, KullbackLeibler):
        if not nonnegative:
            raise ValueError(
                "the Kullback-Leibler loss needs predictions above 0: nonnegative=True"
            )
        wrong = np.flatnonzero(ratings.r < 0.0)
        if len(wrong):
            raise DataError(
                "ratings must be 0 or more for the Kullback-Leibler loss; "
                f"found {ratings.r[wrong[0]]} at row {wrong[0]}"
            )
    return found


def _pair(name: str, value: Any) -> Pair:
    """Return the weights for users and for items."""
    both = tuple(value) if isinstance(value, tuple | list | np.ndarray) else (value, value)
    if len(both) != 2:
        raise ValueError(f"{name} must be a number, or one for users and one for items: {value!r}")
    for part in both:
        check_not_negative(name, part)
    return float(both[0]), float(both[1])


def _dtype(dtype: Any) -> str:
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = repr(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    return name


def _start(start: Any) -> str:
    """Return the name of the way to start; "given" for factors of your own."""
    if not isinstance(start, str):
        return "given"
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, or a model; got {start!r}")
    return start
