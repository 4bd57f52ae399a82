"""How much of the blog's reproduction is run: sizes that fit two minutes, with numba or without.

Called by ``blog`` and its parts; tests pass a plan of their own, with everything tiny.
"""

from dataclasses import dataclass

from hogwild.kernels.compiled import have_numba

# Published: S. Rome's post; mean |error| and sum |w_true - w|, printed once, without a seed.
PRINTED_LOSS = 0.0014203406038
PRINTED_DISTANCE = 0.0234173242317

STEP, THRESHOLD = 0.001, 0.01  # the post's learning rate, and its filter on gradients


@dataclass(frozen=True)
class Plan:
    """Sizes and repetitions of each part.

    Attributes
    ----------
    seeds, passes, blog_rows
        Of the printed figures; 20000 rows are all.
    features, workers, nnz, runs
        Of the lost updates: cells of the table, non-zeros of a row, runs a cell.
    numpy_rows, numba_rows, numba_epochs
        Updates of one such run, by kernel: enough for the workers to overlap.
    calls, counts
        Of the shared counter: additions a worker, and lengths of the shared array.
    time_rows, time_features, time_nnz, time_epochs, turns, repeats
        Of the objective against time; `turns` are the epochs of the round-robin comparator.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    passes: int = 5
    blog_rows: int = 20_000
    features: tuple[int, ...] = (10, 100, 1000, 47_236)
    workers: tuple[int, ...] = (1, 2, 4)
    nnz: int = 5
    runs: int = 5
    numpy_rows: int = 2_500
    numba_rows: int = 100_000
    numba_epochs: int = 3
    calls: int = 10_000
    counts: tuple[int, ...] = (10, 100, 1000)
    time_rows: int = 20_000
    time_features: int = 5_000
    time_nnz: int = 30
    time_epochs: int = 10
    turns: int = 3
    repeats: int = 1


def full_plan() -> Plan:
    """Return the sizes of the real report: larger data for compiled kernels, which need them."""
    if not have_numba():
        return Plan()
    return Plan(time_rows=60_000, time_features=20_000, repeats=3)
