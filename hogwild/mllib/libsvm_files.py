"""LIBSVM files as MLlib loads and saves them: the same rows, in the same partitions.

Contract: `load_libsvm_file` takes, refuses and cuts into partitions what Spark's
``MLUtils.loadLibSVMFile`` does, but refuses at once and not when the rows are first used.
`save_as_libsvm_file` writes what Spark's writes, one file a partition, in a folder that appears
complete or not at all.

Called by users, by the command line, and by `hogwild.reproduce`.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.data.textio import STDIN_OR_STDOUT, line_chunks, shown
from hogwild.errors import DataError
from hogwild.mllib.crew import partition_rows
from hogwild.mllib.java_text import java_doubles
from hogwild.mllib.layouts import text_layout
from hogwild.mllib.libsvm_chunks import count_lines, parse
from hogwild.mllib.local import LocalPartitions, as_partitions
from hogwild.mllib.partitions import Rows, chunks

_BLOCK_BYTES = 32 * 2**20  # of Hadoop's local file system: no partition of a file is much larger
_BOM = b"\xef\xbb\xbf"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")  # the first bytes of gzip, bzip2 and xz


def load_libsvm_file(
    path: str | os.PathLike[str],
    num_features: int = -1,
    min_partitions: int = 2,
    *,
    n_workers: int = 1,
    start_method: str | None = None,
) -> LocalPartitions:
    r"""Return the rows of a LIBSVM file, or of all files of a folder, sparse and in partitions.

    ``MLUtils.loadLibSVMFile``. One row a line, ``label index:value index:value ...``, indices
    rising from 1, only blanks between; lines end with LF, CR LF or CR; lines that begin with ``#``
    are comments. Numbers as in Java (`hogwild.mllib.java_text.parse_java_double`): ``NaN`` and
    ``Infinity`` are numbers, and so is ``0x1p3``. Stored zeros stay stored.

    Parameters
    ----------
    path : str or path-like
        A file, or a folder as `save_as_libsvm_file` writes it: its files in the order of their
        names, without those whose names begin with ``_`` or ``.``. gzip, bzip2 and xz are
        recognised by their content. ``-`` reads standard input.
    num_features : int
        Columns of the result; not positive: as many as the largest index asks for.
    min_partitions : int
        About so many parts of equal bytes are the partitions, more if they would exceed 32 MB: see
        `hogwild.mllib.layouts.text_layout`. No part has bytes of two files, so 1 gives each file
        of a folder its own partition; a compressed file is always one. Empty files are left out.
    n_workers, start_method
        As in `LocalPartitions`.

    Raises
    ------
    DataError
        With `path` and `line`: what is no number, indices that don't rise from 1. Also an
        IndexError, if an entry has no value. Without rows and `num_features` ("empty collection").
    OSError
        The file or folder can't be read, or the folder has folders in it.

    Notes
    -----
    An index beyond `num_features` is not reported, as in Spark: it stays in the rows, and who uses
    them finds it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "three.txt")
    >>> _ = path.write_text("1 1:0.5 3:2\n# a comment\n0 2:1\n0\n")
    >>> data = load_libsvm_file(path)
    >>> data.sizes(), data.n_features
    ([1, 2], 3)
    >>> print(*data.take(3))
    (1.0,(3,[0,2],[0.5,2.0])) (0.0,(3,[1],[1.0])) (0.0,(3,[],[]))
    """
    X, y, sizes = read_rows(path, num_features, min_partitions)
    return LocalPartitions((X, y), sizes=sizes, n_workers=n_workers, start_method=start_method)


def read_rows(
    path: str | os.PathLike[str], num_features: int = -1, min_partitions: int = 2
) -> tuple[Any, npt.NDArray[np.float64], list[int]]:
    """Return what `load_libsvm_file` loads as (X, y, sizes): CSR rows, labels, partition sizes."""
    if min_partitions < 1:
        raise ValueError(f"min_partitions must be 1 or more, got {min_partitions}")
    table = tuple(map(_Growing, ("f8", "i8", "i4", "f8")))
    files = [_read(file, table) for file in _files(path)]
    split = max(1, min(sum(file.n_bytes for file in files) // min_partitions, _BLOCK_BYTES))
    sizes: list[int] = []
    for file in files:
        if file.may_be_cut:
            sizes += text_layout(file.starts, file.n_bytes, 1, block_size=split)
        else:
            sizes.append(len(file.starts))
    X, y = _matrix(table, num_features, shown(path))
    return X, y, sizes or [0]


def _files(path: str | os.PathLike[str]) -> list[str]:
    """The file itself, or those of a folder that Hadoop would read, in the order of their names."""
    if path == STDIN_OR_STDOUT or not os.path.isdir(path):
        return [os.fsdecode(path)]
    files = []
    for entry in sorted(os.scandir(os.fsdecode(path)), key=lambda entry: entry.name):
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_dir():
            why = f"is a folder; only files are read from {os.fsdecode(path)}"
            raise IsADirectoryError(errno.EISDIR, why, entry.path)
        files.append(entry.path)
    return files


class _Text(NamedTuple):
    """What decides which row of a file belongs to which partition."""

    starts: npt.NDArray[np.int64]  # where the lines of its rows begin
    n_bytes: int
    may_be_cut: bool


def _read(path: str, table: tuple["_Growing", ...]) -> _Text:
    """Read one file, and append labels, counts, columns and values of its rows to the table."""
    starts = [np.empty(0, dtype=np.int64)]
    line, place = 1, 0
    for chunk in line_chunks(path):
        text = chunk.removeprefix(_BOM) if place == 0 else chunk
        rows = parse(text, shown(path), line)
        # a byte-order mark belongs to the first line
        mark = (len(chunk) - len(text)) * (rows.starts > 0)
        starts.append(rows.starts + (place + mark))
        found: tuple[Any, ...] = rows[:4]
        for column, more in zip(table, found, strict=True):
            column.append(more)
        line += count_lines(chunk)
        place += len(chunk)
    if path != STDIN_OR_STDOUT and os.path.isfile(path):
        place = os.path.getsize(path)  # the last chunk got a newline if it had none
    return _Text(np.concatenate(starts), place, not _is_compressed(path))


def _is_compressed(path: str) -> bool:
    if path == STDIN_OR_STDOUT or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(6).startswith(_COMPRESSED)


class _Growing:
    """An array that grows at its end; it never takes much more room than what is in it.

    Joining the parts at the end would take twice the room. The system moves pages, not bytes, when
    it makes a large array longer.
    """

    def __init__(self, dtype: str):
        self._room, self._used = np.empty(1024, dtype), 0

    def append(self, more: npt.NDArray[Any]) -> None:
        end = self._used + len(more)
        if end > len(self._room):
            self._room.resize(max(end, len(self._room) * 5 // 4), refcheck=False)
        self._room[self._used : end] = more
        self._used = end

    def finished(self) -> npt.NDArray[Any]:
        self._room.resize(self._used, refcheck=False)
        return self._room


def _matrix(
    table: tuple[_Growing, ...], num_features: int, name: str
) -> tuple[Any, npt.NDArray[np.float64]]:
    """Return CSR rows and labels."""
    labels, counts, columns, values = (column.finished() for column in table)
    if not len(labels) and num_features <= 0:
        raise DataError(
            "empty collection: without a row nobody knows the number of features; pass "
            "num_features if no rows are fine",
            path=name,
        )
    indptr = np.concatenate([[0], np.cumsum(counts)])
    width = num_features if num_features > 0 else 1 + int(columns.max(initial=0))
    return sp.csr_matrix((values, columns, indptr), shape=(len(labels), width)), labels


# ---- saving -------------------------------------------------------------------------------------


def save_as_libsvm_file(data: Any, directory: str | os.PathLike[str]) -> None:
    r"""Write rows as a folder of LIBSVM text: ``part-00000`` and so on, one file a partition.

    ``MLUtils.saveAsLibSVMFile``, with its empty file ``_SUCCESS``. Indices count from 1. Every
    entry of a dense row is written, the zeros too, and every stored one of a sparse row. Numbers
    as in `hogwild.mllib.java_text.java_double`, so all but the sign of a NaN is read back to the
    bit. The number of features is not part of the format.

    Parameters
    ----------
    data : Partitions, or what makes one: (X, y), Examples, a list of LabeledPoint, an RDD of them
    directory : str or path-like
        Made with the folders above it. It appears under its name when it is complete: it is written
        beside it and then renamed.

    Raises
    ------
    FileExistsError
        There is a file or folder of this name.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "rows")
    >>> save_as_libsvm_file(([[0.5, 0.0], [0.0, 1e-5]], [1, 0]), folder)
    >>> [file.name for file in sorted(folder.iterdir())]
    ['_SUCCESS', 'part-00000', 'part-00001']
    >>> (folder / "part-00001").read_text()
    '0.0 1:0.0 2:1.0E-5\n'
    """
    rows = as_partitions(data)
    target = Path(os.fsdecode(directory))
    if os.path.lexists(target):
        raise _exists(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        draft.mkdir()
        for number, part in enumerate(partition_rows(rows.collect(), rows.sizes())):
            _write(draft / f"part-{number:05d}", map(_lines, chunks(part)))
        _write(draft / "_SUCCESS", ())
        try:
            os.rename(draft, target)
        except OSError as error:
            raise (_exists(target) if os.path.lexists(target) else error) from None
    finally:
        if draft.exists():
            shutil.rmtree(draft)


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(
        f"Output directory {target} already exists, and nothing is overwritten; choose another "
        "name or remove it"
    )


def _write(path: Path, texts: Iterable[str]) -> None:
    with open(path, "x", encoding="ascii", newline="\n") as file:
        file.writelines(texts)
        file.flush()
        os.fsync(file.fileno())


def _lines(rows: Rows) -> str:
    X = rows.X
    if sp.issparse(X):
        columns = (X.indices + np.int64(1)).tolist()
        values, ends = X.data, X.indptr.tolist()
    else:
        n_rows, width = X.shape
        columns = list(range(1, width + 1)) * n_rows
        values, ends = X.ravel(), [row * width for row in range(n_rows + 1)]
    entries = list(map(" %d:%s".__mod__, zip(columns, java_doubles(values), strict=True)))
    return "".join(
        "".join([label, *entries[begin:end], "\n"])
        for label, (begin, end) in zip(java_doubles(rows.y), pairwise(ends), strict=True)
    )
