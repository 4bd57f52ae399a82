"""The options of a linear fit, checked; the small record of them that every worker gets.

Called by ``models.linear``.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data import Examples
from hogwild.engine.schedules import SCHEDULES
from hogwild.engine.starting import checked_processes
from hogwild.errors import DataError, MissingExtra
from hogwild.kernels.compiled import have_numba
from hogwild.kernels.losses import Loss
from hogwild.kernels.records import WRITES, Variant
from hogwild.models.checks import check_count, check_not_negative, check_number, check_switches
from hogwild.models.steps import Backoff, StepRule, find_step

KERNELS = ("auto", "python", "numpy", "numba")
PENALTIES = ("none", "l2", "l1", "elasticnet", "sparse_l2")
FOLD = 1e-4  # the scale of L2's dense form is folded into the weights before it falls below this


class Penalty(NamedTuple):
    """The weights of a penalty's parts: dense L2, L1, and the paper's sparse form of L2."""

    l2: float
    l1: float
    sparse_l2: float

    def value(self, w: npt.NDArray[Any]) -> float:
        """Return the penalty's part of the objective."""
        # summed without BLAS, whose threads would go on waiting busily where workers want to run
        squares = float(np.square(w).sum()) if self.l2 or self.sparse_l2 else 0.0
        size = float(np.abs(w).sum()) if self.l1 else 0.0
        return (self.l2 + self.sparse_l2) / 2 * squares + self.l1 * size


def make_penalty(penalty: str | None, reg: float, l1_ratio: float, adaptive: bool) -> Penalty:
    """Return the weights of a named penalty of strength `reg`.

    Under AdaGrad the coordinates have steps of their own, so L2 can't be one common scale and
    takes its sparse form.

    Examples
    --------
    >>> make_penalty("elasticnet", 0.5, 0.25, adaptive=False)
    Penalty(l2=0.375, l1=0.125, sparse_l2=0.0)
    """
    if penalty is None:
        penalty = "none"
    if penalty not in PENALTIES:
        raise ValueError(f"unknown penalty {penalty!r}; the penalties are {', '.join(PENALTIES)}")
    check_not_negative("reg", reg)
    check_number("l1_ratio", l1_ratio)
    if not 0.0 <= l1_ratio <= 1.0:
        raise ValueError(f"l1_ratio must be between 0 and 1, got {l1_ratio!r}")
    l1_share = {"l1": 1.0, "elasticnet": l1_ratio}.get(penalty, 0.0)
    l2 = 0.0 if penalty == "none" else reg * (1.0 - l1_share)
    sparse = penalty == "sparse_l2" or adaptive
    return Penalty(
        0.0 if sparse else l2, reg * l1_share if l1_share else 0.0, l2 if sparse else 0.0
    )


@dataclass(frozen=True)
class Settings:
    """Everything that a worker needs to know, besides the arrays; small, and sent once."""

    loss: Loss
    step: StepRule
    kernel: str
    variant: Variant
    penalty: Penalty
    batch_size: int
    run_length: int
    n_rows: int
    intercept: bool
    threshold: float


def pick_kernel(kernel: str) -> str:
    """Return the kernel to use; "auto" is numba, the fastest, where it is installed, else numpy."""
    if kernel not in KERNELS:
        raise ValueError(f"unknown kernel {kernel!r}; the kernels are {', '.join(KERNELS)}")
    if kernel == "numba" and not have_numba():
        raise MissingExtra("fast", 'kernel="numba"')
    if kernel != "auto":
        return kernel
    return "numba" if have_numba() else "numpy"


def pick_write(write: str, schedule: str, kernel: str) -> str:
    """Return how the kernel is to write; a turn, for the round-robin schedule."""
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {schedule!r}; the schedules are {', '.join(SCHEDULES)}")
    if write not in WRITES:
        raise ValueError(f"unknown write {write!r}; the ways to write are {', '.join(WRITES)}")
    if write == "atomic" and kernel != "numba":
        if not have_numba():
            raise MissingExtra("fast", 'write="atomic"')
        raise ValueError(f'write="atomic" needs kernel="numba", got kernel={kernel!r}')
    if schedule == "round_robin":
        if write != "plain":
            raise ValueError(f'under "round_robin" workers write in turn; got write={write!r}')
        return "turn"
    return write


def pick_run_length(n_rows: int, batch_size: int, rule: StepRule, l2: float) -> int:
    """Return how many consecutive rows make a block: a few hundred, in whole batches.

    Long enough to hide the cost of handing out a block, short enough that there are some dozens for
    the workers to share, and that the scale of a dense L2 penalty stays within a block's reach.
    """
    length = min(1024, max(1, n_rows // 32))
    shrink = math.log1p(l2 * float(rule.at(1, np.zeros(1, np.int64))[0]))
    if shrink > 0.0:
        length = min(length, int(-math.log(FOLD) / shrink) * batch_size)
    return max(1, length // batch_size) * batch_size


def check_labels(examples: Examples, loss: Loss) -> None:
    """Raise DataError unless the labels suit the loss."""
    if not loss.classifies:
        return
    wrong = np.flatnonzero(np.abs(examples.y) != 1.0)
    if len(wrong):
        name = type(loss).__name__
        raise DataError(
            f"labels must be -1 and +1 for the loss {name}; found {examples.y[wrong[0]]} "
            f"at row {wrong[0]}. For 0/1 labels pass 2*y - 1; for any two, "
            "np.where(y == y.max(), 1, -1)."
        )


def count_workers(schedule: str, n_workers: int | None) -> int:
    """Return how many workers to start: one for "serial", else as asked, or one a processor."""
    if schedule == "serial":
        if n_workers not in (None, 1):
            raise ValueError(f"the serial schedule has one worker, got n_workers={n_workers!r}")
        return 1
    if n_workers is not None:
        check_count("n_workers", n_workers)
        n_workers = int(n_workers)
    return checked_processes(n_workers)


def check_tolerance(tol: float | None, evaluate: bool) -> None:
    """Raise ValueError unless `tol` can be used."""
    if tol is None:
        return
    check_not_negative("tol", tol)
    if not evaluate:
        raise ValueError("tol compares objectives, which evaluate=False does not take")


def make_settings(
    examples: Examples,
    *,
    loss: Loss,
    penalty: tuple[str | None, float, float],
    step: float | StepRule | None,
    epochs: int,
    batch_size: int,
    schedule: str,
    kernel: str,
    write: str,
    threshold: float | None,
    intercept: bool,
    recorded: bool,
) -> Settings:
    """Return the settings of a fit, everything checked; ``fit_linear`` explains the arguments."""
    _check_counts(examples, epochs, batch_size)
    batch_size = min(int(batch_size), len(examples))
    check_labels(examples, loss)
    check_switches(intercept=intercept)
    if threshold is not None:
        check_not_negative("update_threshold", threshold)
    kernel = pick_kernel(kernel)
    rule = default_step(examples, loss, epochs, intercept) if step is None else find_step(step)
    weights = make_penalty(*penalty, adaptive=rule.adaptive)
    variant = Variant(
        batched=batch_size > 1,
        filtered=threshold is not None,
        penalised=weights.l1 > 0.0 or weights.sparse_l2 > 0.0,
        adaptive=rule.adaptive,
        recorded=recorded,
        write=pick_write(write, schedule, kernel),
    )
    return Settings(
        loss=loss,
        step=rule,
        kernel=kernel,
        variant=variant,
        penalty=weights,
        batch_size=batch_size,
        run_length=pick_run_length(len(examples), batch_size, rule, weights.l2),
        n_rows=len(examples),
        intercept=bool(intercept),
        threshold=0.0 if threshold is None else float(threshold),
    )


def _check_counts(examples: Any, epochs: Any, batch_size: Any) -> None:
    if not isinstance(examples, Examples):
        raise ValueError(f"examples must be Examples(X, y), got {type(examples).__name__}")
    if len(examples) == 0:
        raise ValueError("there are no rows to learn from")
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)


def check_validation(validation: Examples | None, n_features: int, loss: Loss) -> None:
    """Raise unless the model will be able to predict these rows, and the loss to measure it."""
    if validation is None:
        return
    if not isinstance(validation, Examples):
        raise ValueError(f"validation must be Examples(X, y), got {type(validation).__name__}")
    if validation.n_features > n_features:
        raise ValueError(
            f"the validation rows have {validation.n_features} features, the training rows "
            f"{n_features}"
        )
    if len(validation) == 0:
        raise ValueError("there are no validation rows")
    if validation.sample_weight is not None:
        raise ValueError("validation rows must have no sample weights: each counts the same")
    check_labels(validation, loss)


def mean_one(examples: Examples) -> npt.NDArray[Any]:
    """Return the example weights, scaled to a mean of 1; ones where there are none."""
    if examples.sample_weight is None:
        return np.ones(len(examples), examples.dtype)
    total = float(examples.sample_weight.sum(dtype=np.float64))
    if total == 0.0:
        raise ValueError("all sample weights are 0")
    return (examples.sample_weight * (len(examples) / total)).astype(examples.dtype)


def default_step(examples: Examples, loss: Loss, epochs: int, intercept: bool = True) -> StepRule:
    """Return the rule that ``fit_linear`` takes when none is given.

    It begins at 1 / (c |x|^2), with c the largest curvature of the loss and |x|^2 the mean of the
    rows' squared norms, the intercept's 1 included.  A loss whose slope has no bound takes half of
    the largest squared norm where that is more: on a longer row a step would overshoot, and the
    next one more.  A row of weight s, of a mean of 1, counts as if its squared norm were s times as
    large.  A loss with kinks takes the spread of the targets in place of 1/c.

    From there it falls by the same factor an epoch to 1/200 in the last one, for the noise of SGD
    falls with the step.

    Examples
    --------
    >>> from hogwild.kernels import Logistic
    >>> examples = Examples([[1.0], [1.0]], [1.0, -1.0])
    >>> default_step(examples, Logistic(), epochs=2)
    Backoff(step=2.0, beta=0.005)
    """
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.indptr))
    weight = mean_one(examples)
    squares = np.bincount(rows, np.square(examples.data, dtype=np.float64), minlength=len(examples))
    squares = squares * weight  # which also makes numbers of the counts that empty rows give
    size, ones = float(squares.mean()), 1.0
    far = np.array([-1e9])
    if abs(loss.slopes(far, -far / 1e9)[0]) > 1e6:
        size = max(size, float(squares.max()) / 2)
        ones = max(ones, float(weight.max()) / 2)
    size += ones * float(intercept)
    if math.isfinite(loss.curvature):
        reach = 1.0 / loss.curvature
    else:
        spread = 1.0 if loss.classifies else float(examples.y.std())
        reach = spread if spread > 0.0 else 1.0
    step = reach / size if size > 0.0 else 1.0
    return Backoff(step, beta=200.0 ** (-1.0 / max(1, epochs - 1)))
