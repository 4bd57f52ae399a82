"""Ratings as the options ask for them: to fit to, to watch, to test on; and a model's metrics.

Contract: what was done to come to the training ratings is recorded in words that
``hogwild trace replay`` understands.

Used by the commands on factor models.
"""

import os
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from hogwild import metrics
from hogwild.cli.ratings_options import layout_of
from hogwild.data import Ratings, read_ratings
from hogwild.data.textio import shown
from hogwild.errors import DataError
from hogwild.kernels.losses import FACTOR_LOSSES, Logistic, find_loss
from hogwild.models import FactorModel
from hogwild.models.factor_libmf import write_libmf_model


@dataclass(frozen=True)
class Data:
    """The ratings of a fit.

    Attributes
    ----------
    train, validation, test : Ratings or None
    reading : dict
        How `train` came from its file: "layout" and, where a part was taken away, "share" and
        "seed".
    """

    train: Ratings
    validation: Ratings | None
    test: Ratings | None
    reading: dict[str, Any]


def read_data(args: Namespace, seed: int) -> Data:
    """Return the ratings that the options ask for."""
    layout = layout_of(args)
    reading: dict[str, Any] = {"layout": layout}
    if args.validation_share is not None:
        reading |= {"share": args.validation_share, "seed": seed}
    train, validation = read_again(args.ratings, reading)
    others = {
        name: None if path is None else read_like(train, path, layout)
        for name, path in (("test", args.test), ("validation", args.validation))
    }
    if args.validation is not None:
        validation = others["validation"]
    return Data(train, validation, others["test"], reading)


def read_again(path: str, reading: dict[str, Any]) -> tuple[Ratings, Ratings | None]:
    """Return the training ratings, and those that were taken away for validation."""
    ratings = read_ratings(path, **reading["layout"])
    if "share" not in reading:
        return ratings, None
    train, validation = ratings.split(float(reading["share"]), seed=reading["seed"])
    if not len(train) or not len(validation):
        raise DataError(
            f"{len(ratings)} ratings are too few to take {reading['share']:g} of them away",
            path=shown(path),
        )
    return train, validation


def read_like(known: Ratings | FactorModel, path: str, layout: dict[str, Any]) -> Ratings:
    """Return the ratings of a file whose ids are of the same kind as those that are known."""
    kinds = {"int" if ids.dtype.kind in "iu" else "str" for ids in (known.user_ids, known.item_ids)}
    if len(kinds) == 1:
        layout = {"ids": kinds.pop(), **layout}
    ratings = read_ratings(path, **layout)
    for name in ("user", "item"):
        ours, theirs = getattr(known, f"{name}_ids"), getattr(ratings, f"{name}_ids")
        if (ours.dtype.kind in "iu") != (theirs.dtype.kind in "iu"):
            raise DataError(
                f"the {name} ids are unlike those that were fitted to: "
                f"{theirs[0].item()!r} here, {ours[0].item()!r} there",
                path=shown(path),
            )
    return ratings


def check_libmf(ratings: Ratings, loss: str) -> None:
    """Raise ValueError before the fit, not after it, if LIBMF's text has no place for its model."""
    P, Q = np.zeros((ratings.n_users, 1)), np.zeros((ratings.n_items, 1))
    kind = find_loss(loss, FACTOR_LOSSES)
    model = FactorModel(P, Q, user_ids=ratings.user_ids, item_ids=ratings.item_ids, loss=kind)
    write_libmf_model(model, os.devnull)


def measure_factors(model: FactorModel, ratings: Ratings) -> dict[str, float]:
    """Return the metrics that suit the model, and how many ratings have an unknown side."""
    r, z = ratings.r.astype(np.float64), model.predict(ratings)
    u = model.encode_users(ratings.user_ids)[ratings.u]
    i = model.encode_items(ratings.item_ids)[ratings.i]
    known = model.seen("user", u) & model.seen("item", i)
    counts = {"rows": len(ratings), "unknown": int((~known).sum())}
    if not model.loss.classifies:
        found = {"rmse": metrics.rmse(r, z), "mae": metrics.mae(r, z), "r2": metrics.r2(r, z)}
        return {**counts, **found}
    wrong = np.flatnonzero(np.abs(r) != 1.0)
    if len(wrong):
        raise DataError(
            f"ratings must be -1 and +1 for a model that classifies, found {r[wrong[0]]:g}"
        )
    found = {"accuracy": metrics.accuracy(r, np.where(z > 0.0, 1.0, -1.0))}
    if isinstance(model.loss, Logistic):
        found["log_loss"] = metrics.log_loss(r, expit(z))
    return {**counts, **found, "auc": metrics.auc(r, z)}
