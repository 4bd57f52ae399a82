"""A loss as entries of a model file's header: its class's name and its constants.

Called by ``models.linear_model`` and ``models.factor_model``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from hogwild.kernels.losses import FACTOR_LOSSES, Loss

KINDS = {kind.__name__: kind for kind in FACTOR_LOSSES.values()}
"""The losses that a file can name."""


def loss_to_header(loss: Loss) -> dict[str, Any]:
    """Return the header's entries for a loss.

    Raises
    ------
    ValueError
        For a loss of your own, which `loss_from_header` would not know.
    """
    if type(loss) not in KINDS.values():
        raise ValueError(
            f"a model can be kept in a file if its loss is one of {', '.join(KINDS)}; got {loss!r}"
        )
    return {"loss": type(loss).__name__, "constants": dataclasses.asdict(loss)}


def loss_from_header(header: Mapping[str, Any]) -> Loss:
    """Return the loss that the entries name; KeyError, TypeError or ValueError where they don't."""
    return KINDS[header["loss"]](**header["constants"])
