"""Which metrics go with a loss: what a fit reports of its validation set, and what `evaluate` says.

Contract: predictions are scores (what ``predict`` of a factor model gives); the first metric named
is the one to stop by.

Called by ``models.factors`` and the command line.
"""

import numpy as np
import numpy.typing as npt

from hogwild import metrics
from hogwild.kernels.losses import Absolute, KullbackLeibler, Logistic, Loss


def measure(loss: Loss, y: npt.ArrayLike, z: npt.ArrayLike) -> dict[str, float]:
    """Return the metrics that go with a loss, by name.

    ============================  ==========================================
    loss                          metrics
    ============================  ==========================================
    squared, and others of reals  rmse, mae
    absolute                      mae, rmse
    Kullback-Leibler              generalised_kl, rmse
    logistic                      log_loss, accuracy, auc
    hinge, squared hinge          accuracy, auc
    ============================  ==========================================

    The first is the one that LIBMF prints for the loss.

    Parameters
    ----------
    loss : Loss
    y : array-like, shape (n,)
        Targets; -1 and +1 where the loss classifies.
    z : array-like, shape (n,)
        Predictions: scores where the loss classifies, whose sign is the class.

    Examples
    --------
    >>> from hogwild.kernels.losses import Hinge, Squared
    >>> measure(Squared(), [1.0, 2.0], [3.0, 4.0])
    {'rmse': 2.0, 'mae': 2.0}
    >>> measure(Hinge(), [1, -1, -1], [0.5, 0.1, -3.0])
    {'accuracy': 0.6666666666666666, 'auc': 1.0}
    """
    if loss.classifies:
        y, z = np.asarray(y, float), np.asarray(z, float)
        found = {"accuracy": metrics.accuracy(y, np.where(z > 0.0, 1.0, -1.0))}
        found["auc"] = metrics.auc(y, z)
        if isinstance(loss, Logistic):
            # from the scores: log_loss of probabilities would stop at the nearest one to 1
            return {"log_loss": float(np.mean(loss.values(z, y))), **found}
        return found
    if isinstance(loss, KullbackLeibler):
        return {"generalised_kl": metrics.generalised_kl(y, z), "rmse": metrics.rmse(y, z)}
    errors = {"rmse": metrics.rmse(y, z), "mae": metrics.mae(y, z)}
    return dict(reversed(errors.items())) if isinstance(loss, Absolute) else errors
