"""A fitted estimator as scikit-learn's own: same predictions, and no ``hogwild`` needed to load it.

Called by ``to_sklearn`` of the estimators.
"""

from typing import Any

import numpy as np

from hogwild.errors import MissingExtra
from hogwild.kernels.losses import (
    LOSSES,
    Absolute,
    EpsilonInsensitive,
    Hinge,
    Huber,
    Logistic,
    Loss,
    Squared,
    find_loss,
)

PENALTIES = {"l2": "l2", "sparse_l2": "l2", "l1": "l1", "elasticnet": "elasticnet"}


def to_sklearn(estimator: Any) -> Any:
    """Return SGDClassifier or SGDRegressor with the weights of a fitted estimator."""
    try:
        from sklearn.linear_model import SGDClassifier, SGDRegressor
    except ImportError:
        raise MissingExtra("sklearn", "to_sklearn()") from None
    loss = find_loss(estimator.loss)
    parameters = {
        **_loss_in_their_words(loss),
        **_penalty_in_their_words(estimator, loss),
        "fit_intercept": bool(estimator.fit_intercept),
        "shuffle": bool(estimator.shuffle),
    }
    theirs = (SGDClassifier if loss.classifies else SGDRegressor)(**parameters)
    # on theirs, each of them: what is set on ours would stay behind
    for name in ("n_features_in_", "feature_names_in_", "n_iter_", "t_", "classes_"):
        if hasattr(estimator, name):
            setattr(theirs, name, getattr(estimator, name))
    # copies, for training goes on in place there; and of one type, or it would refuse to
    theirs.coef_ = np.array(estimator.coef_)
    theirs.intercept_ = np.array(estimator.intercept_, dtype=theirs.coef_.dtype)
    return theirs


def _loss_in_their_words(loss: Loss) -> dict[str, Any]:
    if type(loss) not in LOSSES.values():  # a class derived from one may mean something else
        raise ValueError(f"scikit-learn has no counterpart of the loss {loss!r}")
    match loss:
        case Squared():
            return {"loss": "squared_error"}
        case Absolute():
            return {"loss": "epsilon_insensitive", "epsilon": 0.0}
        case Huber(delta=delta):
            return {"loss": "huber", "epsilon": delta}
        case EpsilonInsensitive(epsilon=epsilon):
            return {"loss": "epsilon_insensitive", "epsilon": epsilon}
        case Logistic():
            return {"loss": "log_loss"}
        case Hinge():
            return {"loss": "hinge"}
        case _:
            return {"loss": "squared_hinge"}


def _penalty_in_their_words(estimator: Any, loss: Loss) -> dict[str, Any]:
    penalty = PENALTIES.get(estimator.penalty)
    if penalty is None or not estimator.reg:
        return {"penalty": None}
    half = 0.5 if isinstance(loss, Squared) else 1.0  # their squared loss has the factor 1/2
    return {"penalty": penalty, "alpha": estimator.reg * half, "l1_ratio": estimator.l1_ratio}
