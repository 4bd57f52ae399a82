"""Real files in a folder that a user names: there, or in one of the folders where they usually lie.

Called by the targets that read such files (``mllib_data``, ``downpour_data``, ``ffm_data``).
"""

from collections.abc import Sequence
from pathlib import Path

from hogwild.errors import DataError


def find_files(folder: Path, parts: Sequence[str], names: Sequence[str], where: str) -> list[Path]:
    """Return the paths of the files, all in one place.

    Parameters
    ----------
    folder : Path
    parts : sequence of str
        Folders within it to look into, in this order; "." for itself.
    names : sequence of str
    where : str
        The rest of the sentence when they aren't there: where else they would be taken, and whose
        they are.

    Raises
    ------
    DataError
        When no place has all of them.
    """
    for part in parts:
        paths = [folder / part / name for name in names]
        if all(path.is_file() for path in paths):
            return paths
    be = "is" if len(names) == 1 else "are"
    raise DataError(f"{folder}: {' and '.join(names)} {be} not there, {where}")
