"""How many rows each partition of new data gets from Spark: sizes of contiguous runs of rows.

Samples, splits and the rounding of sums depend on them, so they are Spark's to the row.

Called by those who make partitions: of arrays, and of text files.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt


def layout(n_rows: int, num_partitions: int) -> list[int]:
    """Return the sizes of contiguous, nearly equal partitions (``SparkContext.parallelize``).

    Partition p = 0 ... P - 1 holds rows floor(p n / P) to floor((p + 1) n / P) - 1.

    Raises
    ------
    ValueError
        If there is no partition, or a negative number of rows.

    Examples
    --------
    >>> layout(7, 3)
    [2, 2, 3]
    """
    if num_partitions < 1:
        raise ValueError(f"num_partitions must be 1 or more, got {num_partitions}")
    if n_rows < 0:
        raise ValueError(f"n_rows must be 0 or more, got {n_rows}")
    starts = (p * n_rows // num_partitions for p in range(num_partitions + 1))
    return [after - start for start, after in pairwise(starts)]


def text_layout(
    line_starts: npt.ArrayLike,
    n_bytes: int,
    min_partitions: int = 2,
    *,
    block_size: int = 32 * 2**20,
) -> list[int]:
    """Return how many rows of a text file each partition gets (``SparkContext.textFile``).

    The file is cut at every z = max(1, min(floor(n_bytes / min_partitions), block_size)) bytes
    while more than 1.1 z remain.  A line belongs to the split with start < its offset <= end, the
    file's first line to the first split: a reader who starts inside a line leaves it to the one
    before.  A split in which no row starts is a partition without rows; an empty file has no split.

    Parameters
    ----------
    line_starts : integer array, shape (n_rows,)
        Byte offsets, rising, at which the lines begin that became rows: not those of the comments
        and empty lines that were left out.
    n_bytes : int
        The file's size.
    min_partitions : int
        At least so many come out, where the file has the bytes for it; more where it is not a
        multiple of them, and where a part would exceed a block.
    block_size : int
        Of the file system, in bytes; 32 MiB is that of Hadoop's local one.

    Raises
    ------
    ValueError
        If an offset is outside the file or not above the one before, or a number is not positive.

    Examples
    --------
    Ten lines of ten bytes: the line at 50 is the first split's.

    >>> text_layout(range(0, 100, 10), 100, min_partitions=2)
    [6, 4]
    """
    for name, number in (("min_partitions", min_partitions), ("block_size", block_size)):
        if number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number}")
    starts = np.asarray(line_starts, np.int64)
    outside = len(starts) > 0 and not 0 <= starts.min() <= starts.max() < n_bytes
    if outside or (np.diff(starts) <= 0).any():
        raise ValueError(f"line_starts must rise and be within {n_bytes} bytes, got {starts}")
    size = max(1, min(n_bytes // min_partitions, block_size))
    ends, left = [], n_bytes
    while left / size > 1.1:
        left -= size
        ends.append(n_bytes - left)
    if left:
        ends.append(n_bytes)
    return np.bincount(np.searchsorted(ends, starts), minlength=len(ends)).tolist()
