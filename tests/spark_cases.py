"""What the tests on Spark send to executors: light, because each executor imports this file."""

import os
import signal
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from hogwild.mllib import LogisticGradient, Rows, SquaredL2Updater


def problem(n=300, d=12, *, sparse=False, seed=0):
    """Rows of two classes that overlap."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    if sparse:
        X = sp.csr_matrix(X * (random.random((n, d)) < 0.3))
    y = (X @ random.normal(size=d) + random.normal(size=n) > 0).astype(float)
    return X, y


class KillsItsExecutor(LogisticGradient):
    """Kills the process above the Python that computes it: the first time, wherever that is."""

    def __init__(self, marker):
        super().__init__()
        self.marker = str(marker)

    def compute_rows(self, X, y, w, out):
        try:
            os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return super().compute_rows(X, y, w, out)
        daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
        os.kill(int(daemon.rpartition(")")[2].split()[1]), signal.SIGKILL)
        return super().compute_rows(X, y, w, out)


class Interrupted(SquaredL2Updater):
    """Calls `action` on the driver before the given one of its calls, between two sums."""

    def __init__(self, call, action):
        self.left, self.action = call, action

    def compute(self, weights_old, gradient, step_size, iter, reg_param):
        self.left -= 1
        if self.left == 0:
            self.action()
        return super().compute(weights_old, gradient, step_size, iter, reg_param)


class Refuses(LogisticGradient):
    """Raises what it is told to."""

    def __init__(self, error, *args):
        super().__init__()
        self.error, self.args = error, args

    def compute_rows(self, X, y, w, out):
        raise self.error(*self.args)


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def squared_and_biased(rows):
    """For map_rows: x -> (x^2, 1)."""
    X, y = rows
    if sp.issparse(X):
        return Rows(sp.csr_matrix(sp.hstack([X.multiply(X), np.ones((len(y), 1))])), y)
    return Rows(np.column_stack([X * X, np.ones(len(y))]), y)
