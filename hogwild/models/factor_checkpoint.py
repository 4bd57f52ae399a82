"""A factor fit in a file: all that its next epoch needs, so that a stopped run can go on.

Contract: the file appears whole or not at all, and always holds an epoch's end, when nobody writes.
Random numbers are drawn from streams of their own for each epoch, so nothing of them has to be
kept: a serial or a DSGD run that goes on from the file has the same bits as one that was never
stopped.

Called by ``models.factors``; the command line asks what a file holds.
"""

import dataclasses
import os
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hogwild.data.npz_file import read_header, read_npz, write_npz
from hogwild.errors import DataError
from hogwild.models.factor_record import FactorEpoch
from hogwild.models.factor_trainer import FactorTrainer

FORMAT, VERSION = "hogwild-factor-checkpoint", 1
DIGESTS = ("ratings", "validation ratings")

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


class Keeper:
    """Writes a run's checkpoint at the end of an epoch, not sooner than `every` seconds after the
    last writing, for epochs may be shorter than a file takes; the first epoch's at once.

    Parameters
    ----------
    path : path
    every : float
        Seconds.
    trainer : FactorTrainer
    run : dict
        What else makes a run this one: the schedule, the digest of the ratings, ...
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: float,
        trainer: FactorTrainer,
        run: dict[str, Any],
    ):
        self.path, self.every, self.trainer = path, every, trainer
        self._run = {**run, "settings": trainer.settings.to_json()}
        if self._run["settings"] is None:
            raise ValueError(
                "a checkpoint can't hold a loss, a step rule or start factors of your own"
            )
        self._kept, self._next = 0, -np.inf

    def epoch_done(self, best: Best) -> None:
        """Write the state if it is time to."""
        if time.monotonic() >= self._next:
            self.save(best)

    def save(self, best: Best) -> None:
        """Write the state, unless the file has it."""
        trainer = self.trainer
        if self._kept == len(trainer.history):
            return
        header = {
            **self._run,
            "epoch": len(trainer.history),
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
        write_npz(self.path, FORMAT, VERSION, header, arrays)
        self._kept, self._next = len(trainer.history), time.monotonic() + self.every

    def load(self) -> Best:
        """Bring the trainer to where the file's run was; return its best epoch.

        Raises
        ------
        DataError
            When the file is damaged, or of another run: other ratings, options or seed.
        """
        name, trainer = os.fspath(self.path), self.trainer
        required = (*trainer.arrays(), "visits")
        header, arrays = read_npz(self.path, FORMAT, VERSION, required)
        _check_same(header, self._run, name)
        for key, array in trainer.arrays().items():
            if arrays[key].shape != array.shape:
                raise DataError(
                    f"the checkpoint is of another run: its {key} has shape {arrays[key].shape}, "
                    f"not {array.shape}",
                    path=name,
                )
        try:
            best = header["best"]
            kept = None
            if "best_P" in arrays:
                kept = {key: arrays[f"best_{key}"] for key in trainer.arrays()}
            history = [
                FactorEpoch(**{key: _back(key, value) for key, value in row.items()})
                for row in header["history"]
            ]
            for key, target in (*trainer.arrays().items(), ("visits", trainer.memory.visits.array)):
                target[...] = arrays[key]
            trainer.base_step = header["base_step"]
            trainer.objective = _back("objective", header["objective"])
            trainer.history.extend(history)
            self._kept = len(history)
            return Best(best["epoch"], _back("loss", best["loss"]), kept)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the checkpoint is damaged ({error!r})", path=name) from None


class Kept(NamedTuple):
    """What a checkpoint says of itself.

    Attributes
    ----------
    epoch : int
        After how many epochs it was written.
    seed : int
    """

    epoch: int
    seed: int


def look_into(path: str | os.PathLike[str]) -> Kept:
    """Return a checkpoint's epoch and seed, without reading its arrays.

    Raises
    ------
    DataError
        When the file is no checkpoint of a factor fit.
    """
    header = read_header(path, FORMAT, VERSION)
    try:
        return Kept(int(header["epoch"]), int(header["settings"]["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the checkpoint is damaged ({error!r})", path=os.fspath(path)) from None


def _check_same(header: dict[str, Any], run: dict[str, Any], name: str) -> None:
    """Raise DataError, naming the first difference, unless the file is of this very run."""
    if not isinstance(header.get("settings"), dict):
        raise DataError("the checkpoint does not say of which run it is", path=name)
    ours = {**run, **run["settings"]}
    theirs = {**header, **header["settings"]}
    for key in ours:
        if key != "settings" and theirs.get(key) != _plain(ours[key]):
            what = f"{theirs.get(key)!r}, not {_plain(ours[key])!r}"
            raise DataError(
                f"the checkpoint is of another run: its {key} "
                + ("are others" if key in DIGESTS else f"is {what}"),
                path=name,
            )


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
