"""The rows of MLlib's example: Spark's own sample file where it is, else made ones of its shape.

The file is looked for in the folder given, then in an installed pyspark, which ships it; pyspark is
not imported.  Spark's figures are compared only where the bytes are those they were taken on.

Called by ``mllib``, and by the command line before anything is run.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from hogwild.errors import DataError
from hogwild.mllib import LocalPartitions, Rows, append_bias, load_libsvm_file
from hogwild.reproduce.folder import find_files
from hogwild.reproduce.mllib_plan import Plan
from hogwild.reproduce.mllib_published import SHA256

FILE = "sample_libsvm_data.txt"
FOLDERS = (".", "mllib", "data/mllib")
"""Where the file may lie in a folder given: beside others, or as in Spark's own tree."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """Rows without a bias; `how` is the sentence on where they are from, `name` for headings.

    `measured` tells whether these are the very rows that Spark's figures were taken on.
    """

    name: str
    how: str
    rows: LocalPartitions
    measured: bool = False

    def with_bias(self) -> LocalPartitions:
        """The rows with the bias feature."""
        return append_bias(self.rows)

    def scaled(self) -> LocalPartitions:
        """The same with pixels from 0 to 1; the bias stays 1."""
        return append_bias(self.rows.map_rows(_from_0_to_1, self.rows.n_features))


def plan_with(folder: Path) -> Plan:
    """Return the real report's plan on the file in that folder; DataError where it isn't there."""
    find(folder)
    return Plan(data=folder)


def find(folder: Path) -> Path:
    """Return the sample file of a folder.

    Raises
    ------
    DataError
        When it isn't there.
    """
    where = (
        "nor in its folders mllib or data/mllib; Spark has it in data/mllib, and pyspark ships it"
    )
    return find_files(folder, FOLDERS, [FILE], where)[0]


def installed() -> Path | None:
    """Return pyspark's copy of the file; None where pyspark isn't installed, or has none."""
    spec = importlib.util.find_spec("pyspark")
    places = spec.submodule_search_locations if spec is not None else None
    paths = [Path(place, "data", "mllib", FILE) for place in places or ()]
    return next((path for path in paths if path.is_file()), None)


def load(plan: Plan) -> Source:
    """Return the rows of the plan's folder, of pyspark, or made ones.

    Raises
    ------
    DataError
        When the folder doesn't have the file, or the file is broken or has other labels than 0 and
        1.
    """
    if plan.data is not None:
        return _read(find(plan.data), "as it lies in the folder given")
    path = installed()
    if path is not None:
        return _read(path, "as the installed pyspark ships it")
    how = (
        "Rows were made with the shape of Spark's sample file (rings and strokes on 28 x 28 "
        "pixels, 0 and 1 as one writes them), as no folder with the file was given (--data DIR) "
        "and pyspark, which ships it, isn't installed. So Spark's figures, which are of its own "
        "file, are told but not compared."
    )
    return Source("made rows", how, LocalPartitions(made_digits()))


def _read(path: Path, where: str) -> Source:
    rows = load_libsvm_file(path)
    if set(rows.collect().y) != {0.0, 1.0}:
        raise DataError("the labels must be 0 and 1, both of them", path=str(path))
    measured = hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    how = f"Spark's {FILE}, {where}"
    if not measured:
        how += (
            ", but not with the bytes that Spark's figures were taken on; they are told and not "
            "compared"
        )
    return Source(FILE, how + ".", rows, measured)


def _from_0_to_1(rows: Rows) -> Rows:
    return Rows(rows.X / 255.0, rows.y)


def made_digits(n_rows: int = 100, n_features: int = 692, seed: int = 0) -> Rows:
    """Return pictures of rings, labelled 0, and strokes, labelled 1: pixels from 0 to 255, sparse.

    Pictures have 28 x 28 pixels, of which the first `n_features` are kept; 57 of 100 are strokes.

    Examples
    --------
    >>> rows = made_digits()
    >>> rows.X.shape, int(rows.y.sum()), rows.X.max()
    ((100, 692), 57, np.float64(255.0))
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation((np.arange(n_rows) < 0.57 * n_rows).astype(np.float64))
    pictures = [_stroke(rng) if label else _ring(rng) for label in labels]
    X = sp.csr_matrix(np.array([each.ravel()[:n_features] for each in pictures]))
    return Rows(X, labels)


def _ring(rng: np.random.Generator) -> Array:
    down, right = _grid(rng)
    high, wide = rng.uniform(7.0, 9.0), rng.uniform(4.0, 8.0)
    return _ink((np.hypot(down / high, right / wide) - 1.0) * wide)


def _stroke(rng: np.random.Generator) -> Array:
    down, right = _grid(rng)
    slant = rng.uniform(-0.2, 0.6)
    past_its_end = np.maximum(np.abs(down) - rng.uniform(7.0, 9.0), 0.0)
    return _ink(np.hypot(right + slant * down, past_its_end))


def _grid(rng: np.random.Generator) -> Any:
    """How far each pixel is below and right of a centre near the picture's."""
    return np.mgrid[:28, :28] - rng.normal(13.5, 0.7, (2, 1, 1))


def _ink(distance: Array) -> Array:
    """A line two to three pixels wide, its edges grey."""
    return np.round(255.0 * np.clip(1.8 - np.abs(distance), 0.0, 1.0))
