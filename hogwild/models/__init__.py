"""Models that SGD can fit: ``fit -> record``, ``predict``, ``save``, ``load``."""

from hogwild.models.factor_fold import FoldedUser
from hogwild.models.factor_libmf import read_libmf_model, write_libmf_model
from hogwild.models.factor_model import FactorModel
from hogwild.models.factor_record import FactorEpoch, FactorFit
from hogwild.models.factor_replay import Replay, replay_factors
from hogwild.models.factor_steps import BoldDriver, RowAdaGrad, Yun
from hogwild.models.factors import fit_factors
from hogwild.models.field_libffm import read_libffm_model, write_libffm_model
from hogwild.models.field_model import FieldModel
from hogwild.models.field_record import FieldEpoch, FieldFit
from hogwild.models.fields import fit_ffm
from hogwild.models.grid import Plan, plan_grid, plan_runs
from hogwild.models.layout import fill
from hogwild.models.linear import fit_linear
from hogwild.models.linear_model import LinearModel
from hogwild.models.linear_record import EpochRecord, LinearFit
from hogwild.models.lost import LostUpdates
from hogwild.models.measures import measure
from hogwild.models.spark_factors import fit_factors_on_spark
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
    "AdaGrad",
    "Backoff",
    "BoldDriver",
    "Constant",
    "EpochRecord",
    "FactorEpoch",
    "FactorFit",
    "FactorModel",
    "FieldEpoch",
    "FieldFit",
    "FieldModel",
    "FoldedUser",
    "InverseScaling",
    "InverseSqrt",
    "LinearFit",
    "LinearModel",
    "LostUpdates",
    "Plan",
    "RowAdaGrad",
    "replay_factors",
    "Replay",
    "Sparsity",
    "StepRule",
    "Yun",
    "backoff_iterations",
    "fill",
    "find_step",
    "fit_factors",
    "fit_factors_on_spark",
    "fit_ffm",
    "fit_linear",
    "measure",
    "paper_iterations",
    "paper_step",
    "plan_grid",
    "plan_runs",
    "read_libffm_model",
    "read_libmf_model",
    "sparsity",
    "write_libffm_model",
    "write_libmf_model",
]
