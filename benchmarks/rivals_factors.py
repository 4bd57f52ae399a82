"""Other libraries' SGD for matrix factorization, each fit timed in a process of its own.

    python benchmarks/rivals_factors.py                                   which are installed
    python benchmarks/rivals_factors.py libmf RATINGS.npz K EPOCHS ...    seconds of fits so long

Contract: this file needs numpy and the rival, and nothing of this package, so another
environment's Python can run it.  A rival has one thread, no validation set, and fits P.Q without
biases.  LIBMF's old core hangs with more threads, and rarely with one: hence the time-out.  The
answer is one line of JSON, alone on stdout.  Called by factor_epoch.py.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np

REG = 0.05
Fit = Callable[[int], object]  # a number of epochs -> whatever the library returns


class RivalFailed(Exception):
    """A rival that gave no figure; the text is one sentence for the reader of the table."""


def libmf(u: np.ndarray, i: np.ndarray, r: np.ndarray, k: int) -> Fit:
    from libmf import mf

    # one C-ordered float32 table: the package garbles any other
    table = np.column_stack([u, i, r]).astype(np.float32, order="C")

    def fit(epochs: int) -> object:
        # all four penalties are named: its own defaults put .04 on L1 and nothing on L2
        model = mf.MF(
            k=k, nr_iters=epochs, nr_threads=1, nr_bins=20, eta=0.1, quiet=True,
            lambda_p1=0.0, lambda_q1=0.0, lambda_p2=REG, lambda_q2=REG,
        )  # fmt: skip
        return model.fit(table)

    return fit


def surprise(u: np.ndarray, i: np.ndarray, r: np.ndarray, k: int) -> Fit:
    from surprise import SVD, Dataset, Reader

    lines = zip(u.tolist(), i.tolist(), r.tolist(), [None] * len(r), strict=True)
    reader = Reader(rating_scale=(float(r.min()), float(r.max())))
    trainset = Dataset(reader).construct_trainset(list(lines))
    return lambda epochs: SVD(
        n_factors=k, n_epochs=epochs, biased=False, lr_all=0.003, reg_all=REG, random_state=0
    ).fit(trainset)


def cornac(u: np.ndarray, i: np.ndarray, r: np.ndarray, k: int) -> Fit:
    from cornac.data import Dataset
    from cornac.models import MF

    trainset = Dataset.from_uir(zip(u.tolist(), i.tolist(), r.tolist(), strict=True), seed=0)
    return lambda epochs: MF(
        k=k, max_iter=epochs, learning_rate=0.003, lambda_reg=REG, use_bias=False,
        num_threads=1, early_stop=False, seed=0, verbose=False,
    ).fit(trainset)  # fmt: skip


# name -> (the package on PyPI, the maker of its fit)
RIVALS = {
    "libmf": ("libmf", libmf),
    "surprise": ("scikit-surprise", surprise),
    "cornac": ("cornac", cornac),
}


def installed() -> dict[str, str]:
    """Return the rivals that this Python has, with their versions, without importing them."""
    found = {}
    for name, (package, _) in RIVALS.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _ask(python: str, *arguments: object, timeout: float, **environment: str) -> object:
    """Return what this file answers when another Python runs it."""
    command = [python, str(Path(__file__).resolve()), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, env=os.environ | environment, timeout=timeout, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise RivalFailed(f"no answer within {timeout:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise RivalFailed(f"exit code {done.returncode}: {said[-1]}")
    return json.loads(done.stdout)


def installed_in(python: str) -> dict[str, str]:
    """Return `installed()` of another environment's Python."""
    return _ask(python, timeout=60)


def time_fits(
    python: str, name: str, ratings: Path, k: int, epochs: tuple[int, int], timeout: float,
    library: str | None = None,
) -> list[float]:  # fmt: skip
    """Return the seconds of one fit for each number of epochs, taken inside a fresh process.

    Parameters
    ----------
    python : str
        The interpreter of the environment that has the rival.
    ratings : Path
        An .npz file of arrays u, i, r.
    timeout : float
        Seconds, for the process as a whole.
    library : str, optional
        LIBMF only: another build of its shared library, to be loaded in place of the installed one.

    Raises
    ------
    RivalFailed
        The process failed, or took longer.
    """
    environment = {} if library is None else {"LIBMF_OBJ": library}
    return _ask(python, name, ratings, k, *epochs, timeout=timeout, **environment)


def keep_stdout() -> TextIO:
    """Return a file on this process's stdout, and send what libraries print there to stderr."""
    ours = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rival", nargs="?", choices=list(RIVALS))
    parser.add_argument("ratings", nargs="?", help="an .npz file of u, i, r")
    parser.add_argument("k", nargs="?", type=int, help="number of factors")
    parser.add_argument("epochs", nargs="*", type=int)
    given = parser.parse_args()
    if given.rival is None:
        print(json.dumps(installed()))
        return
    if not given.epochs:
        parser.error("give a file of ratings, k, and the epochs of each fit")
    answer = keep_stdout()
    with np.load(given.ratings) as arrays:
        fit = RIVALS[given.rival][1](arrays["u"], arrays["i"], arrays["r"], given.k)
    seconds = []
    for epochs in given.epochs:
        begin = time.perf_counter()
        fit(epochs)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(seconds), file=answer, flush=True)


if __name__ == "__main__":
    main()
