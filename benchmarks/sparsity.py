"""How long the exact Omega, Delta and rho take, and how much memory beside the data.

    python benchmarks/sparsity.py [--rows 100000 1000000] [--all]

Kinds of rows (75 features of 47,236 a row unless said otherwise):

- zipf 1.0, zipf 1.3: power laws, the commonest features are in nearly every row
- shifted zipf: chance of feature v about 1 / (v + 20), the commonest in 38 % of the rows
- one-hot: 14 categorical columns of 123 values, one value of a column always much commoner
- pairs: two features a row, a matrix to complete
- Poisson: all features alike, the sizes of the rows differ
- uniform: all features alike and rows of one size, nothing can be struck out; time grows with the
  square of the rows, so it is run up to 100,000 rows unless `--all` is given

Memory is the peak of what numpy and Python allocate during the call, the data not included; it is
taken in a second, untimed call.
"""

import argparse
import time
import tracemalloc

import numpy as np
from scipy import sparse

from hogwild.data import Examples
from hogwild.models.sparsity import sparsity

N_FEATURES, PER_ROW = 47_236, 75


def independent(n_rows: int, chance: np.ndarray, rng: np.random.Generator) -> Examples:
    """Rows that have feature v with the given chance, whatever else they have."""
    columns = []
    for p in chance:
        if p > 0.05:
            columns.append(np.flatnonzero(rng.random(n_rows, np.float32) < p).astype(np.int32))
        else:
            drawn = rng.integers(0, n_rows, rng.binomial(n_rows, p), dtype=np.int32)
            columns.append(np.unique(drawn))
    indptr = np.concatenate([[0], np.cumsum([len(c) for c in columns])])
    indices = np.concatenate(columns)
    del columns
    shape = (n_rows, len(chance))
    ones = np.ones(len(indices), np.float32)
    return Examples(sparse.csc_matrix((ones, indices, indptr), shape=shape), np.zeros(n_rows))


def zipf(exponent: float, shift: float = 0.0):
    """A maker of rows of about PER_ROW features, feature v (from 1) as (v + shift)^-exponent."""
    share = (np.arange(1, N_FEATURES + 1) + shift) ** -exponent
    low, high = 0.0, 1e9
    for _ in range(100):  # bisection for the scale that gives the wanted mean
        scale = (low + high) / 2
        low, high = (scale, high) if (1 - np.exp(-scale * share)).sum() < PER_ROW else (low, scale)
    return lambda n_rows, rng: independent(n_rows, 1 - np.exp(-low * share), rng)


def uniform(n_rows: int, rng: np.random.Generator) -> Examples:
    """PER_ROW draws a row, all features alike; a feature drawn twice makes a row shorter by one."""
    indices = rng.integers(0, N_FEATURES, (n_rows, PER_ROW), dtype=np.int32)
    indices.sort(axis=1)
    keep = np.ones(indices.shape, bool)
    keep[:, 1:] = indices[:, 1:] != indices[:, :-1]
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))])
    indices = indices[keep]
    ones = np.ones(len(indices), np.float32)
    shape = (n_rows, N_FEATURES)
    return Examples(sparse.csr_matrix((ones, indices, indptr), shape=shape), np.zeros(n_rows))


def one_hot(n_rows: int, rng: np.random.Generator) -> Examples:
    sizes = np.array([9] * 11 + [8] * 3)
    first = np.cumsum(sizes) - sizes
    values = [np.minimum(rng.geometric(0.6, n_rows) - 1, size - 1) for size in sizes]
    indices = (np.stack(values, axis=1) + first).astype(np.int32).ravel()
    indptr = np.arange(n_rows + 1) * len(sizes)
    ones = np.ones(len(indices), np.float32)
    rows = sparse.csr_matrix((ones, indices, indptr), shape=(n_rows, int(sizes.sum())))
    return Examples(rows, np.zeros(n_rows))


def pairs(n_rows: int, rng: np.random.Generator) -> Examples:
    n_users, n_items = 100_000, 20_000
    users = rng.integers(0, n_users, n_rows)
    items = n_users + np.minimum(rng.zipf(1.3, n_rows) - 1, n_items - 1)
    indices = np.stack([users, items], axis=1).astype(np.int32).ravel()
    ones = np.ones(len(indices), np.float32)
    indptr = np.arange(n_rows + 1) * 2
    shape = (n_rows, n_users + n_items)
    return Examples(sparse.csr_matrix((ones, indices, indptr), shape=shape), np.zeros(n_rows))


KINDS = {
    "zipf 1.0": zipf(1.0),
    "zipf 1.3": zipf(1.3),
    "shifted zipf": zipf(1.0, 20.0),
    "one-hot": one_hot,
    "pairs": pairs,
    "Poisson": lambda n, rng: independent(n, np.full(N_FEATURES, PER_ROW / N_FEATURES), rng),
    "uniform": uniform,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--all", action="store_true", help="uniform rows at every size")
    options = parser.parse_args()
    print(f"{'kind':14}{'rows':>10}{'entries':>12}{'seconds':>9}{'MB':>7}"
          f"{'Omega':>7}{'Delta':>8}{'rho':>9}")  # fmt: skip
    for n_rows in options.rows:
        for kind, make in KINDS.items():
            if kind == "uniform" and n_rows > 100_000 and not options.all:
                continue
            examples = make(n_rows, np.random.default_rng(0))
            start = time.perf_counter()
            s = sparsity(examples)
            seconds = time.perf_counter() - start
            tracemalloc.start()
            if kind != "uniform":  # nothing is gained by waiting twice
                sparsity(examples)
            peak = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
            print(f"{kind:14}{n_rows:10}{examples.nnz:12}{seconds:9.2f}{peak:7.0f}"
                  f"{s.omega:7}{s.delta:8.4f}{s.rho:9.6f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
