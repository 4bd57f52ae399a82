"""Models in a file: arrays and a header in JSON, in numpy's ``.npz``; no pickle, and a checksum.

Contract: `write_npz` puts the file in place whole or not at all; `read_npz` gives back the very
arrays that were written, or raises `DataError` with the file's name. What the header means is the
caller's: it adds its own entries, and checks them.

Called by the models that can be kept: ``models.linear_model``, ``models.factor_model`` and its
checkpoint, ``models.field_model``, ``mllib.model_files``.
"""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.textio import replacing
from hogwild.errors import DataError

Array = npt.NDArray[Any]

READERS = {
    "hogwild-linear": "holds a linear model; LinearModel.load reads it",
    "hogwild-factors": "holds a factor model; FactorModel.load reads it",
    "hogwild-factor-checkpoint": "holds the checkpoint of a factor fit; fit_factors goes on from "
    "it with resume=True",
    "hogwild-fields": "holds a field-aware machine; FieldModel.load reads it",
    "hogwild-mllib": "holds a model of hogwild.mllib; hogwild.mllib.model_files.load reads it",
}
"""What to say of a file of another kind than was asked for."""


def write_npz(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
) -> None:
    """Write arrays, and a header with the format's name and version and the arrays' checksum.

    Devices and pipes are written to directly; "-" is the name of a file.

    Raises
    ------
    ValueError
        For a number in the header that is not finite: JSON has none.
    """
    first = {"format": kind, "version": version}
    text = json.dumps({**first, **header, "sha256": digest(arrays)}, allow_nan=False).encode()
    # as a Path, "-" is the name of a file
    with replacing(Path(path), compress=False) as file:
        np.savez(file, header=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]


def read_npz(
    path: str | os.PathLike[str], kind: str, version: int, required: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays that `write_npz` has written.

    Raises
    ------
    DataError
        When the file is no such model, or is damaged.
    """
    name = os.fspath(path)
    content = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            _check_kind(header, kind, version, name)
            arrays = {key: stored[key] for key in dict.fromkeys((*required, *stored.files))}
            del arrays["header"]
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and json raise ten kinds at damaged bytes
        raise _not_ours(name, content[:2], error) from None
    if header.get("sha256") != digest(arrays):
        raise DataError("the weights are damaged: their checksum differs", path=name)
    return header, arrays


def read_header(
    path: str | os.PathLike[str], kind: str | None = None, version: int | None = None
) -> dict[str, Any]:
    """Return the header alone, of any kind or of the one asked for; the arrays are not read.

    Raises
    ------
    DataError
        When the file is no such model.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as stored:
                header = json.loads(stored["header"].tobytes())
        except Exception as error:  # as above
            file.seek(0)
            raise _not_ours(name, file.read(2), error) from None
    if not isinstance(header, dict):
        raise DataError("not a model of this package: it has no header", path=name)
    if kind is not None:
        _check_kind(header, kind, version, name)
    return header


def _not_ours(name: str, first: bytes, error: Exception) -> DataError:
    if first != b"PK":  # of every zip, as npz is; numpy would speak of pickles
        return DataError("not an .npz file", path=name)
    if "pickle" in str(error):  # numpy advises to open them
        return DataError("not a model of this package (it holds Python objects)", path=name)
    return DataError(f"not a model of this package ({error})", path=name)


def _check_kind(header: Any, kind: str, version: int | None, name: str) -> None:
    found = header.get("format") if isinstance(header, dict) else None
    if found != kind and found in READERS and kind in READERS:
        raise DataError(READERS[found], path=name)
    if found != kind:
        raise DataError(f"not a model of the format {kind}", path=name)
    if header.get("version") != version:
        raise DataError(
            f"version {header.get('version')!r} of the format; this release reads {version}",
            path=name,
        )


def digest(arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of all arrays, types and bytes, in the order of their names.

    Shapes are not in it: who reads the arrays must check that they fit one another.
    """
    state = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(str(array.dtype).encode())
        state.update(array.reshape(-1).view(np.uint8).data)
    return state.hexdigest()
