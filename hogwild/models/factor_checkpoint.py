"""A factor fit in a file: all that its next epoch needs, so that a stopped run can go on.

Contract: the file appears whole or not at all.  Random numbers are drawn from streams of their own
for each epoch, so nothing of them has to be kept: a serial or a DSGD run that goes on from the file
has the same bits as one that was never stopped.

Called by ``models.factors``.
"""

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.errors import DataError
from hogwild.models.factor_options import FactorSettings
from hogwild.models.factor_record import FactorEpoch
from hogwild.models.factor_trainer import FactorTrainer
from hogwild.models.npz_file import read_npz, write_npz

FORMAT, VERSION = "hogwild-factor-checkpoint", 1

Array = npt.NDArray[Any]


@dataclass
class Best:
    """The best epoch so far on the validation ratings.

    Attributes
    ----------
    epoch : int or None
    loss : float
    arrays : dict or None
        The factors of that epoch.
    """

    epoch: int | None = None
    loss: float = np.inf
    arrays: dict[str, Array] | None = None


def save_checkpoint(
    path: str | os.PathLike[str], trainer: FactorTrainer, schedule: str, data: str, best: Best
) -> None:
    """Write the state after an epoch.

    Parameters
    ----------
    path : path
    trainer : FactorTrainer
    schedule : str
    data : str
        The digest of the ratings.
    best : Best
    """
    header = {
        "settings": trainer.settings.to_json(),
        "schedule": schedule,
        "data": data,
        "base_step": trainer.base_step,
        "objective": _number(trainer.objective),
        "best": {"epoch": best.epoch, "loss": _number(best.loss)},
        "history": [
            {name: _number(value) for name, value in dataclasses.asdict(row).items()}
            for row in trainer.history
        ],
    }
    arrays = {**trainer.arrays(), "visits": trainer.memory.visits.array}
    if best.arrays is not None:
        arrays |= {f"best_{name}": array for name, array in best.arrays.items()}
    write_npz(path, FORMAT, VERSION, header, arrays)


def load_checkpoint(
    path: str | os.PathLike[str], trainer: FactorTrainer, schedule: str, data: str
) -> Best:
    """Bring the trainer to where the file's run was; return its best epoch.

    Raises
    ------
    DataError
        When the file is damaged, or of another run: other ratings, options or seed.
    """
    name = os.fspath(path)
    required = (*trainer.arrays(), "visits")
    header, arrays = read_npz(path, FORMAT, VERSION, required)
    _check_same(header, trainer.settings, schedule, data, name)
    try:
        best = header["best"]
        kept = (
            {key: arrays[f"best_{key}"] for key in trainer.arrays()} if "best_P" in arrays else None
        )
        history = [
            FactorEpoch(**{key: _back(key, value) for key, value in row.items()})
            for row in header["history"]
        ]
        for key, target in (*trainer.arrays().items(), ("visits", trainer.memory.visits.array)):
            target[...] = arrays[key]
        trainer.base_step = header["base_step"]
        trainer.objective = _back("objective", header["objective"])
        trainer.history.extend(history)
        return Best(best["epoch"], _back("loss", best["loss"]), kept)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the checkpoint is damaged ({error!r})", path=name) from None


def _check_same(
    header: dict[str, Any], settings: FactorSettings, schedule: str, data: str, name: str
) -> None:
    """Raise DataError, naming the first difference, unless the file is of this very run."""
    theirs, ours = header.get("settings"), settings.to_json()
    if not isinstance(theirs, dict) or ours is None:
        raise DataError("the checkpoint does not say of which run it is", path=name)
    pairs = {"schedule": (header.get("schedule"), schedule), "ratings": (header.get("data"), data)}
    pairs |= {key: (theirs.get(key), _plain(value)) for key, value in ours.items()}
    for key, (theirs_, ours_) in pairs.items():
        if theirs_ != ours_:
            what = "ratings differ" if key == "ratings" else f"{key} is {theirs_!r}, not {ours_!r}"
            raise DataError(f"the checkpoint is of another run: its {what}", path=name)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _number(value: Any) -> Any:
    """Return the value as JSON can hold it: NaN and infinity become words."""
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {key: _number(part) for key, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _back(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _back(name, part) for name, part in value.items()}
    if isinstance(value, str):
        return float(value)
    return tuple(value) if key == "idle" else value
