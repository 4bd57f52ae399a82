"""The options about workers that several kinds of fit have, with the same words.

Used by the modules of this folder that add options.
"""

import argparse
from collections.abc import Sequence

from hogwild.cli.command import whole


def add_n_workers(group: argparse._ArgumentGroup) -> None:
    """Add how many processes to start."""
    group.add_argument(
        "--workers",
        type=whole(1),
        metavar="N",
        help="processes (default: one for each processor; 1 for serial)",
    )


def add_kernel(group: argparse._ArgumentGroup, kernels: Sequence[str]) -> None:
    """Add how an update is computed."""
    group.add_argument(
        "--kernel",
        choices=kernels,
        default="auto",
        metavar="NAME",
        help=f"{', '.join(kernels)}: how to compute an update (auto: numba if there, else numpy)",
    )


def add_dtype(group: argparse._ArgumentGroup) -> None:
    """Add the type of the weights."""
    group.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        metavar="NAME",
        help="float32 (default), float64",
    )


def add_start_method(group: argparse._ArgumentGroup) -> None:
    """Add how processes are started."""
    group.add_argument(
        "--start-method",
        choices=("fork", "spawn", "forkserver"),
        metavar="NAME",
        help="fork, spawn or forkserver (default: the system's)",
    )
