"""How sparse is a problem in the sense of the Hogwild! article? Three numbers, counted exactly.

The rows of the data are the edges of a hypergraph on the weights: row e is the set of coordinates
that its update touches. Contract: the three numbers are exact, never sampled; nothing is written to
the input; memory stays near twice that of the index arrays.

Omega and Delta are counts of the index arrays. Rho asks for the row that meets most rows, which a
matrix product would answer in time quadratic in the rows; `hogwild.models.meeting` finds it by
bounds, and rows of one or two features need no search at all: see `_pairs`.

Called by users who want to know how often updates will collide before they let them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hogwild.data.examples import Examples
from hogwild.models import meeting


@dataclass(frozen=True)
class Sparsity:
    """The three numbers of the article's section 2, and where they are attained.

    Attributes
    ----------
    omega : int
        Omega, the most features in one row.
    delta : float
        Delta, the share of rows that have the commonest feature; 0 without rows.
    rho : float
        rho, the largest share of rows that meet one row (itself included); 0 without rows.
    busiest_feature : int or None
        The first feature that attains delta; None if all rows are empty.
    busiest_row : int or None
        A row that attains rho; None if all rows are empty.
    """

    omega: int
    delta: float
    rho: float
    busiest_feature: int | None = None
    busiest_row: int | None = None


def sparsity(examples: Examples) -> Sparsity:
    """Omega, Delta and rho of the rows, exactly (Niu, Recht, Re, Wright 2011, section 2, eq. 2.6).

    With E the m rows, each taken as the set of its features:

        Omega = max_e |e|
        Delta = max_v |{e : v in e}| / m
        rho   = max_e |{f : f and e share a feature}| / m

    so that Delta <= rho <= min(1, Omega Delta). Far from 1 means sparse in the article's sense.

    Every *stored* entry counts, an explicit zero too: an update reads and writes the coordinates
    that are stored. Empty rows meet nothing, not even themselves, and count in m.

    Parameters
    ----------
    examples : hogwild.data.Examples
        Labels, values and weights play no part.

    Returns
    -------
    Sparsity

    Notes
    -----
    Rho's cost depends on how well rows can be told apart. `benchmarks/sparsity.py` took, for a
    million rows of 75 features on one core: 2 to 9 s for power laws, 11 s for features all alike in
    rows of different sizes; 2 s for 14 one-hot columns; 0.3 s for rows of two features; at most
    1.3 GB beside the data. Features all alike in rows of *one size* leave nothing to strike out:
    8 to 24 s for 100,000 rows (by how busy the machine was), and time grows with the square of the
    rows, so expect some 5 to 15 minutes for a million. The same holds for features that are
    neither rare nor in most rows, where the best row misses some percent of the rows.

    Examples
    --------
    Rows {0, 1}, {1, 2}, {2, 3}, {4}: the two in the middle of the chain meet three rows of four.

    >>> chain = [[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    >>> s = sparsity(Examples(chain, [0, 0, 0, 0]))
    >>> s.omega, s.delta, s.rho
    (2, 0.5, 0.75)
    >>> s.busiest_feature, s.busiest_row
    (1, 1)
    """
    pattern = _pattern(examples)
    n_rows = pattern.shape[0]
    if pattern.nnz == 0:
        return Sparsity(0, 0.0, 0.0)
    omega = int(np.diff(pattern.indptr).max())
    degree = np.bincount(pattern.indices, minlength=pattern.shape[1])
    busiest_feature = int(degree.argmax())
    row, met = _pairs(pattern, degree) if omega <= 2 else meeting.widest_row(pattern)
    return Sparsity(
        omega=omega,
        delta=int(degree[busiest_feature]) / n_rows,
        rho=met / n_rows,
        busiest_feature=busiest_feature,
        busiest_row=row,
    )


def _pattern(examples: Examples) -> sparse.csr_matrix:
    """The rows as sets: a boolean CSR matrix that shares `indices`."""
    pattern = sparse.csr_matrix((examples.n_rows, examples.n_features), dtype=bool)
    # scipy's constructor from three arrays may copy the indices to the type of indptr
    small = examples.nnz < 2**31
    pattern.indptr = examples.indptr.astype(np.int32) if small else examples.indptr
    pattern.indices = examples.indices
    pattern.data = np.ones(examples.nnz, bool)
    pattern.has_canonical_format = True
    return pattern


def _pairs(pattern: sparse.csr_matrix, degree: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The widest row where no row has more than two features, and how many rows it meets.

    Row {u, v} meets d_u + d_v rows less those that have both, and these are its own copies;
    row {u} meets d_u. To complete a matrix without repeated entries: rho = max(d_u + d_v - 1)/m.
    """
    sizes = np.diff(pattern.indptr)
    starts = pattern.indptr[:-1]
    met = np.zeros(len(sizes), np.int64)
    filled, double = np.flatnonzero(sizes), np.flatnonzero(sizes == 2)
    first = pattern.indices[starts[filled]]
    met[filled] = degree[first]
    u = pattern.indices[starts[double]].astype(np.int64)
    v = pattern.indices[starts[double] + 1]
    _, which, copies = np.unique(u * pattern.shape[1] + v, return_inverse=True, return_counts=True)
    met[double] += degree[v] - copies[which]
    row = int(met.argmax())
    return row, int(met[row])
