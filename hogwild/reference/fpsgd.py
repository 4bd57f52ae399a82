"""FPSGD on a page: algorithms 3 to 5 of Zhuang et al. 2013.

DSGD's workers wait for the slowest; here nobody waits for another. Who ends a block gets a *free*
one, which shares no row and no column of the grid with those in work, and of the free ones one with
the fewest updates. For that the grid needs a row and a column more than there are workers: on s x s
the only free block is the one that the worker has just done.

The printed scheduler (algorithm 4) lacks what its text has, and what is written out here: ties go
to a random block, not to the last; a block that is handed out is marked, in the same step.

The workers are simulated: they end their blocks in turns. Since blocks in work have no user and no
item in common, an update may be made when its block is given back.

Numpy only. Imported by tests and tutorials.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.reference.factors import sgd_factors

Array = npt.NDArray[Any]


class Scheduler:
    """Hands out free blocks with the fewest updates (algorithm 4).

    Parameters
    ----------
    b : int
        Blocks a side.
    random : Generator
        Of the ties.

    Attributes
    ----------
    updates : int array, shape (b, b)
        How often each block was done.
    busy : list of (row, column)
        Blocks in work.

    Examples
    --------
    >>> scheduler = Scheduler(3, np.random.default_rng(0))
    >>> scheduler.busy.append((0, 0))
    >>> scheduler.free()
    [(1, 1), (1, 2), (2, 1), (2, 2)]
    """

    def __init__(self, b: int, random: np.random.Generator):
        self.updates, self.random = np.zeros((b, b), int), random
        self.busy: list[tuple[int, int]] = []

    def free(self) -> list[tuple[int, int]]:
        """Return the blocks that share no row and no column with those in work."""
        return [
            (int(a), int(c))
            for a, c in np.ndindex(*self.updates.shape)
            if all(a != row and c != column for row, column in self.busy)
        ]

    def candidates(self) -> list[tuple[int, int]]:
        """Return the free blocks with the fewest updates."""
        free = self.free()
        least = min((self.updates[block] for block in free), default=0)
        return [block for block in free if self.updates[block] == least]

    def get(self) -> tuple[int, int] | None:
        """Return one of the candidates at random, now in work; None if nothing is free."""
        candidates = self.candidates()
        if not candidates:
            return None
        self.busy.append(candidates[self.random.integers(len(candidates))])
        return self.busy[-1]

    def put(self, block: tuple[int, int]) -> None:
        """Take a block back, done once more."""
        self.busy.remove(block)
        self.updates[block] += 1


def fpsgd(
    u: Array,
    i: Array,
    r: Array,
    P: Array,
    Q: Array,
    step: float,
    reg: float,
    s: int,
    b: int,
    n_epochs: int,
    random: np.random.Generator,
) -> Array:
    """Update until so many epochs of b x b blocks are done; return each block's updates.

    An epoch is b^2 blocks, whichever they were: not quite a pass (algorithm 3).

    Parameters
    ----------
    u, i, r : arrays, shape (n_ratings,)
    P : float array, shape (n_users, k)     updated in place
    Q : float array, shape (n_items, k)     updated in place
    step, reg : float
    s : int
        Workers.
    b : int
        Blocks a side, s + 1 or more.
    n_epochs : int
    random : Generator
    """
    # 1. permute users and items: blocks become more equal
    user, item = random.permutation(len(P))[u], random.permutation(len(Q))[i]
    # 2. cut into b x b blocks; 3. sort the ratings of each by user
    row, column = user * b // len(P), item * b // len(Q)
    order = np.lexsort((item, user))
    blocks = {
        (a, c): order[(row[order] == a) & (column[order] == c)] for a in range(b) for c in range(b)
    }
    # 4. make the scheduler; 5. start the workers
    scheduler = Scheduler(b, random)
    held = [scheduler.get() for _ in range(s)]
    while scheduler.updates.sum() < n_epochs * b * b:  # 6. until all is done
        for worker in range(s):
            block = held[worker]
            if block is not None:
                rows = blocks[block]
                sgd_factors(u[rows], i[rows], r[rows], P, Q, step, reg)
                scheduler.put(block)
            held[worker] = scheduler.get()
    return scheduler.updates
