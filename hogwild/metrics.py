"""How good predictions are: each metric is a short function of targets and predictions.

Contract: both are sequences of one length, 1 or more; anything else is a ``ValueError``, never
broadcast.

Called by the models, the estimators and the command line.
"""

import numpy as np
import numpy.typing as npt


def _pair(
    y: npt.ArrayLike, z: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return both as float arrays, once they are found to belong together."""
    y, z = np.asarray(y, float), np.asarray(z, float)
    if y.ndim != 1 or y.shape != z.shape or not len(y):
        raise ValueError(
            "targets and predictions must be one-dimensional, of one length, and not empty; "
            f"got shapes {y.shape} and {z.shape}"
        )
    return y, z


def rmse(y: npt.ArrayLike, z: npt.ArrayLike) -> float:
    """Return the root of the mean squared error.

    Examples
    --------
    >>> rmse([1.0, 2.0], [3.0, 4.0])
    2.0
    """
    y, z = _pair(y, z)
    return float(np.sqrt(np.mean((y - z) ** 2)))


def mae(y: npt.ArrayLike, z: npt.ArrayLike) -> float:
    """Return the mean absolute error.

    Examples
    --------
    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    y, z = _pair(y, z)
    return float(np.mean(np.abs(y - z)))


def r2(y: npt.ArrayLike, z: npt.ArrayLike) -> float:
    """Return the share of the variance of y that the predictions explain; NaN if y is constant.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    """
    y, z = _pair(y, z)
    spread = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((y - z) ** 2)) / spread if spread > 0.0 else float("nan")


def accuracy(y: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the share of labels that agree.

    Examples
    --------
    >>> accuracy([1, -1, 1, 1], [1, 1, 1, 1])
    0.75
    """
    y, labels = _pair(y, labels)
    return float(np.mean(y == labels))


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean of -log(probability given to the true label).

    Parameters
    ----------
    y : array-like of -1 and +1, shape (n,)
    p : array-like, shape (n,)
        Probabilities of +1; 0 and 1 are moved to the nearest representable probability.

    Examples
    --------
    >>> round(log_loss([1, -1], [0.5, 0.5]), 6)
    0.693147
    """
    y, p = _pair(y, p)
    p = np.clip(p, np.finfo(float).tiny, 1.0 - np.finfo(float).eps / 2)
    return float(-np.mean(np.where(y > 0, np.log(p), np.log1p(np.negative(p)))))


def generalised_kl(y: npt.ArrayLike, z: npt.ArrayLike) -> float:
    """Return the mean of y ln(y / z) - y + z, the generalised Kullback-Leibler divergence.

    0 ln 0 is 0; a prediction of 0 for what is not 0 is infinitely wrong, and so is one below 0.

    Parameters
    ----------
    y : array-like of numbers of 0 or more, shape (n,)
    z : array-like, shape (n,)

    Raises
    ------
    ValueError
        For a target below 0.

    Examples
    --------
    >>> generalised_kl([1.0, 0.0], [1.0, 3.0])
    1.5
    """
    y, z = _pair(y, z)
    if (y < 0.0).any():
        place = int(np.flatnonzero(y < 0.0)[0])
        raise ValueError(
            f"the Kullback-Leibler divergence is one of targets of 0 or more; found {y[place]} at "
            f"position {place}"
        )
    outside = (z < 0.0) | ((z == 0.0) & (y > 0.0))
    both = (y > 0.0) & (z > 0.0)
    logs = np.zeros_like(y)
    logs[both] = np.log(y[both]) - np.log(z[both])  # y / z may be 0 or infinite
    return float(np.mean(np.where(outside, np.inf, y * logs - y + z)))


def auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: how often a +1 scores above a -1; ties count one half.

    NaN when only one label occurs, or a score is NaN.

    Examples
    --------
    >>> auc([1, 1, -1, -1], [0.9, 0.4, 0.4, 0.1])
    0.875
    """
    y, score = _pair(y, score)
    positive = y > 0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_negative == 0 or np.isnan(score).any():
        return float("nan")
    _, place, ties = np.unique(score, return_inverse=True, return_counts=True)
    # ties share the mean of their ranks; scipy.stats.rankdata does the same, and doubles the time
    # that importing this package takes
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return float(
        (ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    )
