"""Models that SGD can fit: ``fit -> record``, ``predict``, ``save``, ``load``."""

from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_record import FactorEpoch, FactorFit
from hogwild.models.factor_steps import BoldDriver, RowAdaGrad, Yun
from hogwild.models.factors import fit_factors
from hogwild.models.grid import Plan, fill, plan_grid, plan_runs
from hogwild.models.linear import fit_linear
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_record import EpochRecord, LinearFit
from hogwild.models.lost import LostUpdates
from hogwild.models.sparsity import Sparsity, sparsity
from hogwild.models.steps import (
    AdaGrad,
    Backoff,
    Constant,
    InverseScaling,
    InverseSqrt,
    StepRule,
    find_step,
)
from hogwild.models.theory import backoff_iterations, paper_iterations, paper_step

__all__ = [
    "plan_runs",
    "plan_grid",
    "fit_factors",
    "fill",
    "Yun",
    "RowAdaGrad",
    "Plan",
    "FactorModel",
    "FactorFit",
    "FactorEpoch",
    "BoldDriver",
    "AdaGrad",
    "Backoff",
    "Constant",
    "EpochRecord",
    "InverseScaling",
    "InverseSqrt",
    "LinearFit",
    "LinearModel",
    "LostUpdates",
    "Sparsity",
    "StepRule",
    "backoff_iterations",
    "find_step",
    "fit_linear",
    "paper_iterations",
    "paper_step",
    "sparsity",
]
