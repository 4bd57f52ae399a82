"""The options of a fit of a field-aware machine, checked; the small record of them for the workers.

Called by ``models.fields``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.field_rows import FieldRows
from hogwild.engine.starting import checked_processes
from hogwild.kernels.field_records import FieldVariant
from hogwild.kernels.losses import Loss
from hogwild.models.checks import (
    check_count,
    check_not_negative,
    check_positive,
    check_switches,
)
from hogwild.models.field_rows import check_rows, find_field_loss
from hogwild.models.linear_options import pick_kernel

SCHEDULES = ("hogwild", "serial")
RANDOMS = ("numpy", "libffm")
MOST_ROWS = 256  # in a run: long against the cost of handing it out, a millisecond or so of work


@dataclass(frozen=True)
class FieldSettings:
    """Everything that a worker needs to know, besides the arrays; small, and sent once."""

    loss: Loss
    loss_name: str
    kernel: str
    variant: FieldVariant
    n_factors: int
    n_features: int
    n_fields: int
    n_rows: int
    run_length: int
    step: float
    reg: float
    clip: float | None
    dtype: np.dtype[Any]
    normalise: bool
    one_field: bool

    @property
    def single(self) -> bool:
        """Whether the arrays are float32."""
        return self.dtype == np.float32


def make_settings(
    rows: FieldRows,
    *,
    n_factors: int,
    step: float,
    reg: float,
    normalise: bool,
    loss: str,
    bias: bool,
    linear: bool,
    one_field: bool,
    clip: float | None,
    kernel: str,
    dtype: npt.DTypeLike,
    shape: tuple[int, int] | None,
) -> FieldSettings:
    """Return the settings of a fit, everything checked; ``fit_ffm`` explains the arguments.

    `shape` are the features and fields of the model to start from, where there is one.
    """
    check_rows(rows, "rows")
    check_count("n_factors", n_factors)
    check_positive("step", step)
    check_not_negative("reg", reg)
    if clip is not None:
        check_positive("clip", clip)
    check_switches(normalise=normalise, bias=bias, linear=linear, one_field=one_field)
    real = _dtype(dtype)
    kernel = pick_kernel(kernel)
    compiled_single = kernel == "numba" and real == np.float32
    width = vector_width(n_factors) if compiled_single else n_factors
    n_features, n_fields = shape or (rows.n_features, 1 if one_field else rows.n_fields)
    return FieldSettings(
        loss=find_field_loss(loss),
        loss_name=loss,
        kernel=kernel,
        variant=FieldVariant(
            width=width,
            slot=2 * width,
            biased=bool(bias),
            linear=bool(linear),
            clipped=clip is not None,
        ),
        n_factors=int(n_factors),
        n_features=n_features,
        n_fields=n_fields,
        n_rows=len(rows),
        run_length=min(MOST_ROWS, max(1, len(rows) // 32)),
        step=float(step),
        reg=float(reg),
        clip=None if clip is None else float(clip),
        dtype=real,
        normalise=bool(normalise),
        one_field=bool(one_field),
    )


def vector_width(n_factors: int) -> int:
    """Return the numbers of a machine vector for so many factors.

    Examples
    --------
    >>> [vector_width(k) for k in (1, 2, 3, 4, 5)]
    [1, 2, 4, 4, 8]
    """
    return n_factors if n_factors <= 2 else -(-n_factors // 4) * 4


def _dtype(dtype: Any) -> np.dtype[Any]:
    # numpy takes None for float64
    for real in (np.dtype(np.float32), np.dtype(np.float64)):
        if dtype is not None and real == dtype:
            return real
    raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")


def count_field_workers(schedule: str, n_workers: int | None) -> int:
    """Return how many workers to start: one for "serial", else as asked, or one a processor."""
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}; the schedules are {', '.join(SCHEDULES)}")
    if schedule == "serial":
        if n_workers not in (None, 1):
            raise ValueError(f"the serial schedule has one worker, got n_workers={n_workers!r}")
        return 1
    if n_workers is not None:
        check_count("n_workers", n_workers)
        n_workers = int(n_workers)
    return checked_processes(n_workers)


def check_random(random: Any, seed: Any) -> None:
    """Raise ValueError for an unknown kind of random numbers, and a seed where none is used."""
    if random not in RANDOMS:
        raise ValueError(f"random must be one of {', '.join(RANDOMS)}, got {random!r}")
    if random == "libffm" and seed is not None:
        raise ValueError(
            f"random='libffm' has no seed, for libFFM's numbers are the same in every run; "
            f"got seed={seed!r}"
        )


def check_stopping(auto_stop: Any, validation: Any, epochs: Any) -> None:
    """Raise ValueError unless there is something to stop by."""
    check_switches(auto_stop=auto_stop)
    check_count("epochs", epochs)
    if validation is not None:
        check_rows(validation, "validation")
    elif auto_stop:
        raise ValueError("auto_stop compares validation losses: pass validation rows")


def check_start(start: Any, rows: FieldRows, settings: FieldSettings) -> None:
    """Raise ValueError unless a fit of these rows can go on from that model."""
    if start.n_factors != settings.n_factors:
        raise ValueError(
            f"start has {start.n_factors} factors; n_factors must be as many, got "
            f"{settings.n_factors}"
        )
    if start.one_field != settings.one_field:
        raise ValueError(f"start has one_field={start.one_field}, the fit {settings.one_field}")
    n_fields = min(rows.n_fields, 1) if settings.one_field else rows.n_fields
    for what, known, there in (
        ("features", start.n_features, rows.n_features),
        ("fields", start.n_fields, n_fields),
    ):
        if there > known:
            raise ValueError(f"start knows {known} {what}, the rows have {there}")
    if start.linear is not None and not settings.variant.linear:
        raise ValueError("start has linear terms: pass linear=True")
    if start.bias != 0.0 and not settings.variant.biased:
        raise ValueError("start has a bias: pass bias=True")
    for name in ("w", "squares", "linear", "linear_squares"):
        array = getattr(start, name)
        if array is None:
            continue
        if not np.isfinite(array.sum(dtype=np.float64)):
            raise ValueError(f"{name} of start must be finite")
        if "squares" in name and not (array > 0).all():
            raise ValueError(f"{name} of start must be above 0: steps are divided by their roots")
