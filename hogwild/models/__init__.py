"""Models that SGD can fit: ``fit -> record``, ``predict``, ``save``, ``load``."""

from hogwild.models.linear import EpochRecord, LinearFit, fit_linear
from hogwild.models.linear_model import LinearModel
from hogwild.models.lost import LostUpdates
from hogwild.models.sparsity import Sparsity, sparsity

__all__ = [
    "EpochRecord",
    "LinearFit",
    "LinearModel",
    "LostUpdates",
    "Sparsity",
    "fit_linear",
    "sparsity",
]
