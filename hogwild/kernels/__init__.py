"""What one update does: the only code that writes to shared weights."""

from hogwild.kernels.losses import (
    Absolute,
    EpsilonInsensitive,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Squared,
    SquaredHinge,
    find_loss,
)

__all__ = [
    "Absolute",
    "EpsilonInsensitive",
    "Hinge",
    "Huber",
    "KullbackLeibler",
    "Logistic",
    "Squared",
    "SquaredHinge",
    "find_loss",
]
