"""What one update does: the only code that writes to shared weights."""

from hogwild.kernels.losses import (
    LOSSES,
    Absolute,
    EpsilonInsensitive,
    Hinge,
    Huber,
    Logistic,
    Loss,
    Squared,
    SquaredHinge,
    find_loss,
)

__all__ = [
    "LOSSES",
    "Absolute",
    "EpsilonInsensitive",
    "Hinge",
    "Huber",
    "Logistic",
    "Loss",
    "Squared",
    "SquaredHinge",
    "find_loss",
]
