"""Is there MovieLens in this folder, and which? Told by the files' names and numbers of lines.

Contract: GroupLens' own formats are known (u.data, ratings.dat, ratings.csv), in the folder itself
or in a folder of the name that GroupLens' archive has. A file with another number of ratings is
none of the sets: it may be cut short, or a part.

Called by users and by ``hogwild reproduce``.
"""

import os
from pathlib import Path

from hogwild.data.catalogue import MOVIELENS, DataSet

_PREFERRED = ("ml-1m", "ml-10m", "ml-20m", "ml-100k")
_BLOCK = 1 << 20


def find_movielens(
    folder: str | os.PathLike[str], name: str | None = None
) -> tuple[str, Path] | None:
    """Return the name of a MovieLens set, as in `MOVIELENS_SHAPES`, and the path of its ratings.

    Parameters
    ----------
    folder : str or path-like
    name : {"ml-100k", "ml-1m", "ml-10m", "ml-20m"}, optional
        The set wanted; default: the first there is of ml-1m, ml-10m, ml-20m, ml-100k.

    Returns
    -------
    (str, Path), or None where there is none

    Raises
    ------
    ValueError
        An unknown name.
    OSError
        The folder does not exist, or can't be read.

    Examples
    --------
    >>> import tempfile
    >>> find_movielens(tempfile.mkdtemp()) is None
    True
    """
    if name is not None and name not in _PREFERRED:
        raise ValueError(f"name must be one of {', '.join(map(repr, _PREFERRED))}, got {name!r}")
    os.listdir(folder)  # a missing folder is an error, and not a folder without MovieLens
    entries = {entry.name.replace("movielens", "ml"): entry for entry in MOVIELENS}
    for wanted in _PREFERRED if name is None else (name,):
        path = _ratings_of(entries[wanted], wanted, Path(folder))
        if path is not None:
            return wanted, path
    return None


def _ratings_of(entry: DataSet, name: str, folder: Path) -> Path | None:
    """Return the file that holds the set, if there is one."""
    if entry.archive is None:
        return None
    file = entry.archive.members[0]
    lines = entry.rows + file.endswith(".csv")  # the header
    for place in (folder, folder / entry.archive.folder, folder / name):
        path = place / file
        if path.is_file() and _count_lines(path, lines) == lines:
            return path
    return None


def _count_lines(path: Path, enough: int) -> int:
    """Return the number of lines, or any larger one than `enough` if there are more."""
    count, last = 0, b"\n"
    with open(path, "rb") as file:
        while count <= enough and (block := file.read(_BLOCK)):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")
