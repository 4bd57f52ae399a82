"""A model as the directory that Spark's ``save`` writes, format 1.0; each can read the other's.

::

    model/
    |-- metadata/part-00000             one line of JSON: class, version, numFeatures, numClasses
    |-- metadata/_SUCCESS
    |-- data/part-....snappy.parquet    one row: weights, intercept, threshold of a classifier
    `-- data/_SUCCESS

Contract: `write_directory` puts the directory in place whole or not at all; it never replaces a
model. `read_metadata` and `read_row` return what is there, checked for its types, or raise
`DataError` with the file's name; what the numbers mean is the caller's.

Called by `model_files`.
"""

import errno
import json
import os
import secrets
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hogwild.data.textio import line_chunks
from hogwild.errors import DataError, MissingExtra
from hogwild.mllib.spark_row import first_row, row_bytes
from hogwild.mllib.vectors import Array

PARTS = ("data", "metadata")
"""In the order in which they are put in place: a directory with metadata is complete."""


def write_directory(
    path: str | os.PathLike[str],
    metadata: Mapping[str, Any],
    weights: Array,
    intercept: float,
    threshold: tuple[float | None, ...] = (),
) -> None:
    """Write a model's directory; parents that are missing are made, as Spark does.

    Parameters
    ----------
    path : str or path-like
        A directory that doesn't exist, or has neither ``metadata`` nor ``data`` in it.
    threshold : tuple
        Empty for a model that has none; else the threshold, None when cleared.

    Raises
    ------
    FileExistsError
        When there is a model already, or a file.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    _check_free(path, target)
    row = row_bytes(weights, intercept, threshold)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        files = {
            "data/_SUCCESS": b"",
            f"data/part-00000-{uuid.uuid4()}-c000.snappy.parquet": row,
            "metadata/_SUCCESS": b"",
            "metadata/part-00000": json.dumps(metadata, separators=(",", ":")).encode() + b"\n",
        }
        for part in PARTS:
            (draft / part).mkdir(parents=True)
        for name, content in files.items():
            _write(draft / name, content)
        _put_in_place(draft, target, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_free(shown: str | os.PathLike[str], target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise FileExistsError(errno.EEXIST, "a model's directory can't replace a file", str(shown))
    for part in reversed(PARTS):
        if os.path.lexists(target / part):
            raise _exists(shown, part)


def _exists(shown: str | os.PathLike[str], part: str) -> FileExistsError:
    return FileExistsError(
        errno.EEXIST, "a model is saved to a new directory, this exists", str(Path(shown) / part)
    )


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(draft: Path, target: Path, shown: str | os.PathLike[str]) -> None:
    try:
        if target.exists():
            _fill(draft, target)
        else:
            os.rename(draft, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # somebody else was quicker
            raise _exists(shown, PARTS[-1]) from None
        raise


def _fill(draft: Path, target: Path) -> None:
    moved: list[str] = []
    try:
        for part in PARTS:
            os.rename(draft / part, target / part)
            moved.append(part)
    except OSError:
        for part in moved:
            os.rename(target / part, draft / part)
        raise


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the entries of the metadata's first line.

    Raises
    ------
    DataError
        When there is none, or it is no JSON object.
    """
    for file in _part_files(path, "metadata"):
        line = next(line_chunks(file), b"").partition(b"\n")[0]
        if not line:
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not the metadata of a model ({error})", path=str(file)) from None
        if not isinstance(found, dict):
            raise DataError("not the metadata of a model: no JSON object", path=str(file))
        return found
    raise DataError("the metadata of the model are empty", path=str(Path(path) / "metadata"))


def read_row(
    path: str | os.PathLike[str], with_threshold: bool
) -> tuple[Array, float, float | None]:
    """Return weights, intercept and threshold (None when cleared, or not asked for).

    Raises
    ------
    DataError
        When the row is missing or damaged.
    """
    for file in _part_files(path, "data"):
        try:
            row = first_row(file, with_threshold)
        except MissingExtra:
            raise
        except Exception as error:  # pyarrow raises kinds of its own and plain OSError at damage
            raise DataError(f"not the data of a model ({error})", path=str(file)) from None
        if row is not None:
            return row
    raise DataError("the model has no data", path=str(Path(path) / "data"))


def _part_files(path: str | os.PathLike[str], part: str) -> list[Path]:
    """The files in which Spark would look, in its order."""
    folder = Path(path) / part
    if not folder.is_dir():
        raise DataError(f"not a model of Spark's: it has no {part}", path=os.fspath(path))
    names = sorted(name for name in os.listdir(folder) if not name.startswith(("_", ".")))
    return [folder / name for name in names]
