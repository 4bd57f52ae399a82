"""The program of the post "Hogwild!? Implementing Async SGD in Python", typos mended.

Least squares without noise: X is 20000 x 10, a fifth of it filled, y = X w_true; a worker takes a
row, reads the shared weights, and writes those coordinates whose gradient is above .01. Nobody
locks.

What it really does, which the post does not say:

* It prints a mean error of .00142 and a distance of .0234. One pass, as in the text, gives .015 to
  .024 and .23 to .38; the printed pair lies between the third pass over the rows and the fourth.
* It works under the start method "fork" only. The workers find the weights as a module global;
  under "spawn" and "forkserver" each of them makes zeros of its own, trains those, and nothing is
  learnt, without any error. So ``parallel_pass`` asks for "fork" by name.
* Each row is pickled and sent, which costs more than its update: the pool of five is slower than
  the plain loop of ``serial_pass``.
* The filter of .01, not the lack of locks, is why the error stays above .001 for ever.
* ``w[j] -= delta`` reads, subtracts, stores: a worker that is put to sleep in between wipes out
  what the others did meanwhile. That is rare, and may cost hundreds of updates at once.
* The post never closes its pool; here it is closed. Its printed gradient has the sign turned; its
  code, like this one, has it right.

Numpy and the standard library, scipy for the data; nothing of this package. Imported by tests, by
the tutorials, and by ``reproduce``, which runs it beside the package.
"""

import multiprocessing
from multiprocessing.sharedctypes import RawArray

import numpy as np
import numpy.typing as npt
import scipy.sparse

STEP, THRESHOLD, PROCESSES = 0.001, 0.01, 5

Matrix = npt.NDArray[np.float64]

# The view of the shared weights: a module global, as in the post. A worker that was not forked
# imports this file anew, and trains these zeros.
w: Matrix = np.zeros(10)


def make_data(
    seed: int, n_rows: int = 20000, n_features: int = 10
) -> tuple[Matrix, Matrix, Matrix]:
    """Return X, y and the true weights; the post sets no seed.

    Examples
    --------
    >>> X, y, w_true = make_data(0, n_rows=50)
    >>> X.shape, y.shape, w_true.shape, float(X.max()), np.array_equal(y, X @ w_true)
    ((50, 10), (50,), (10,), 1.0, True)
    """
    stream = np.random.RandomState(seed)
    X = scipy.sparse.random(n_rows, n_features, density=0.2, random_state=stream).toarray()
    X /= X.max()
    w_true = np.random.RandomState(seed).uniform(size=n_features)
    return X, X @ w_true, w_true


def share(start: npt.ArrayLike) -> None:
    """Put start weights into shared memory without a lock, and make the global `w` its view."""
    global w
    values = np.asarray(start, dtype=np.float64)
    w = np.frombuffer(RawArray("d", len(values)), dtype=np.float64)
    w[:] = values


def update(pair: tuple[npt.ArrayLike, float]) -> None:
    """Make the step of one (row, target) pair on the shared weights, a coordinate at a time."""
    row, target = pair
    _step(np.asarray(row).tolist(), float(target), w)


def parallel_pass(X: Matrix, y: Matrix, processes: int = PROCESSES) -> None:
    """Let a pool pass over all rows once; the pool hands them out in chunks of consecutive rows."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        pool.map(update, zip(X, y, strict=True))
        pool.close()
        pool.join()


def serial_pass(
    X: Matrix, y: Matrix, w: Matrix, *, step: float = STEP, threshold: float | None = THRESHOLD
) -> int:
    """Make the same steps in one process, in row order; return how many coordinates were written.

    Parameters
    ----------
    X : float64 array, shape (n_rows, n_features)
    y : float64 array, shape (n_rows,)
    w : float64 array, shape (n_features,)     updated in place
    step : float
    threshold : float or None
        None turns the filter off.

    Examples
    --------
    >>> w = np.zeros(2)
    >>> serial_pass(np.array([[1.0, 0.0]]), np.array([3.0]), w, step=0.5)  # -2 (3 - 0) 1 = -6
    1
    >>> w
    array([3., 0.])
    """
    weights = w.tolist()
    written = sum(
        _step(row, target, weights, step, threshold)
        for row, target in zip(X.tolist(), y.tolist(), strict=True)
    )
    w[:] = weights
    return written


def report(X: Matrix, y: Matrix, w: Matrix, w_true: Matrix) -> tuple[float, float]:
    """Return the post's two figures: the mean of |y - X w|, and the sum of |w_true - w|."""
    return float(np.abs(y - X @ w).mean()), float(np.abs(w_true - w).sum())


def _step(
    row: list[float],
    target: float,
    w: Matrix | list[float],
    step: float = STEP,
    threshold: float | None = THRESHOLD,
) -> int:
    """Move w down the gradient -2 (y - x . w) x, all of it taken before the first write."""
    error = target - sum(x * w[j] for j, x in enumerate(row) if x)
    written = 0
    for j, x in enumerate(row):
        gradient = -2.0 * error * x
        # not `<=`: without a filter a coordinate whose gradient is 0 is left alone all the same
        if abs(gradient) > (threshold or 0.0):
            w[j] -= step * gradient
            written += 1
    return written
