"""The learning rates of factor models, beside those of ``models.steps``.

``rule.at(epoch, t)`` gives the step of a block that has been done t times before (int array).  In a
grid schedule a block's ratings are always done together, so t is also the number of updates that
each of its ratings has had, which is what Yun's rule asks for.

Called by ``models.factors``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hogwild.models.checks import check_not_negative, check_positive
from hogwild.models.steps import AdaGrad, Constant, Floats, Ints, StepRule, find_step


@dataclass(frozen=True)
class Yun:
    """alpha / (1 + beta t^1.5), t the updates a rating has had.

    Yun et al., "NOMAD" (2014), with (alpha, beta) = (.012, .05) for Netflix.

    Examples
    --------
    >>> Yun(0.012, 0.05).at(1, np.array([0, 4])).round(6)
    array([0.012   , 0.008571])
    """

    step: float = 0.012
    beta: float = 0.05
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step", self.step)
        check_not_negative("beta", self.beta)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the step of blocks done t times before."""
        return np.asarray(self.step / (1.0 + self.beta * np.asarray(t) ** 1.5), np.float64)


@dataclass(frozen=True)
class BoldDriver:
    """The same within an epoch; 5 % longer after the objective fell, half as long after it rose.

    Gemulla et al. 2011.  It takes the objective after every epoch, which costs an epoch's share.

    Examples
    --------
    >>> BoldDriver(0.1).after(0.1, before=2.0, now=1.0), BoldDriver(0.1).after(0.1, 1.0, 2.0)
    (0.10500000000000001, 0.05)
    """

    step: float = 0.01
    longer: float = 1.05
    shorter: float = 0.5
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("step", "longer", "shorter"):
            check_positive(name, getattr(self, name))

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the first step: the later ones depend on what came of it (``after``)."""
        return np.full(len(t), float(self.step))

    def after(self, step: float, before: float, now: float) -> float:
        """Return the next epoch's step, from this one's and the objectives around it."""
        return step * (self.longer if now <= before else self.shorter)


@dataclass(frozen=True)
class RowAdaGrad:
    """AdaGrad with two accumulators a row, as LIBMF 1.2 and later have it.

    The first 8 dimensions of a row share a *slow* accumulator G, the others a *fast* one; a step is
    step / sqrt(G), and G grows by the mean of the squared gradients that it serves.  In the first
    epoch only the first 8 dimensions move, unless there is an L1 penalty.

    Parameters
    ----------
    step : float
    scaled : bool
        Count ratings in units of their standard deviation, as LIBMF does for the squared loss: G
        starts at 1 in these units.  Makes the step independent of the scale of the ratings.

    Examples
    --------
    >>> RowAdaGrad(0.1).at(1, np.array([0])), RowAdaGrad(0.1).adaptive
    (array([0.1]), True)
    """

    step: float = 0.1
    scaled: bool = True
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("step", self.step)

    def at(self, epoch: int, t: Ints) -> Floats:
        """Return the numerator of the step."""
        return np.full(len(t), float(self.step))


FACTOR_STEPS: dict[str, type[Any]] = {
    "constant": Constant,
    "adagrad": RowAdaGrad,
    "yun": Yun,
    "bold": BoldDriver,
}


def find_factor_step(step: "float | str | StepRule | None") -> StepRule:
    """Return the rule: `RowAdaGrad` for None, `Constant` for a number, a name's with its defaults.

    Raises
    ------
    ValueError
        For what is no rule.

    Examples
    --------
    >>> find_factor_step(None), find_factor_step(0.003)
    (RowAdaGrad(step=0.1, scaled=True), Constant(step=0.003))
    """
    if step is None:
        return RowAdaGrad()
    if isinstance(step, str):
        if step not in FACTOR_STEPS or step == "constant":
            known = ", ".join(name for name in FACTOR_STEPS if name != "constant")
            raise ValueError(f"step must be a number, a rule, or one of {known}; got {step!r}")
        return FACTOR_STEPS[step]()
    if isinstance(step, AdaGrad):
        raise ValueError(
            "AdaGrad with a sum for every coordinate is for linear models; "
            f"factor models have RowAdaGrad({step.step})"
        )
    return find_step(step)
