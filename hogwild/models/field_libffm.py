"""libFFM's binary models: ours written for its ``ffm-predict``, its read as ours.

::

    n, m, k        three 32-bit integers: features, fields, factors
    flag           one byte: whether rows are normalised
    numbers        32-bit floats, feature by feature, field by field; in one of two layouts:

    "sse"          k rounded up to a multiple of 4 (weights 0, sums 1 beyond k);
                   four weights, then their four sums G, then the next four
    "plain"        each weight followed by its G

libFFM is built with or without SSE, and each build reads its own layout only, without a word where
the sizes agree.  Nothing in the file says which it is.

Contract: floats keep their bits, from us to the file and back.

Called by users and by the command line.
"""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hogwild.data.textio import replacing
from hogwild.errors import DataError
from hogwild.models.field_model import FieldModel

Array = npt.NDArray[Any]

LAYOUTS = {"sse": 4, "plain": 1}
"""The layouts, and how many weights stand together."""

_HEADER = struct.Struct("<iiiB")
_CHUNK = 1 << 16  # vectors that are written at a time
_FLOAT = np.dtype("<f4")


def write_libffm_model(
    model: FieldModel, path: str | os.PathLike[str], layout: str = "sse"
) -> None:
    """Write a model as libFFM's binary file.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    model : FieldModel
        Sums that it does not have become 1; float64 is rounded to float32.
    path : str or path-like
    layout : {"sse", "plain"}
        That of the build that will read it; libFFM's own Makefile builds with SSE.

    Raises
    ------
    ValueError
        For what libFFM does not have: a bias, linear terms, the squared loss, one field for all.

    Examples
    --------
    >>> import tempfile
    >>> model = FieldModel(np.full((2, 1, 3), 0.5, np.float32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "model")
    ...     write_libffm_model(model, path)
    ...     path.stat().st_size, read_libffm_model(path).w.tolist()
    (77, [[[0.5, 0.5, 0.5]], [[0.5, 0.5, 0.5]]])
    """
    group = _group(layout)
    _check_writable(model)
    n, m, k = model.w.shape
    w = model.w.reshape(-1, k)
    squares = None if model.squares is None else model.squares.reshape(-1, k)
    with replacing(Path(path), compress=False) as file:
        file.write(_HEADER.pack(n, m, k, model.normalise))
        for first in range(0, len(w), _CHUNK):
            chosen = slice(first, first + _CHUNK)
            both = np.zeros((len(w[chosen]), 2, -(-k // group) * group), _FLOAT)
            both[:, 1] = 1.0
            both[:, 0, :k] = w[chosen]
            if squares is not None:
                both[:, 1, :k] = squares[chosen]
            groups = both.reshape(len(both), 2, -1, group).swapaxes(1, 2)
            file.write(np.ascontiguousarray(groups).data)


def _check_writable(model: FieldModel) -> None:
    for what, there in (
        ("a bias", model.bias != 0.0),
        ("linear terms", model.linear is not None),
        ("the squared loss", model.loss == "squared"),
        ("one field for all", model.one_field),
    ):
        if there:
            raise ValueError(f"libFFM's models have no place for {what}, and this one has it")
    with np.errstate(over="ignore"):
        total = model.w.sum(dtype=np.float64)
    if not np.isfinite(total) or np.abs(model.w).max(initial=0) > np.finfo(np.float32).max:
        raise ValueError("the weights must be finite as float32")


def read_libffm_model(path: str | os.PathLike[str], layout: str | None = None) -> FieldModel:
    """Return the model in one of libFFM's binary files, with its sums G.

    Parameters
    ----------
    path : str or path-like
    layout : {"sse", "plain"}, optional
        By default it is found out: by the size of the file where k is no multiple of 4, else by the
        sums, which are never below 1, as weights nearly always are.

    Raises
    ------
    DataError
        For anything that is no such model: one cut short, of another size, with numbers that no
        training makes; and for a file whose numbers would do in both layouts, with `layout` None.
    """
    name = os.fspath(path)
    chosen = list(LAYOUTS) if layout is None else [layout]
    for one in chosen:
        _group(one)
    content = Path(path).read_bytes()
    shape, normalise = _read_header(content, name)
    fitting = [one for one in chosen if _size(shape, one) == len(content)]
    if not fitting:
        sizes = " or ".join(f"{_size(shape, one)} ({one})" for one in chosen)
        raise DataError(
            f"{len(content)} bytes, but {shape[0]} features, {shape[1]} fields and {shape[2]} "
            f"factors make {sizes}; is it whole, and a model of libFFM?",
            path=name,
        )
    numbers = np.frombuffer(content, _FLOAT, offset=_HEADER.size)
    if not np.isfinite(numbers).all():
        raise DataError("the numbers must be finite; did the training diverge?", path=name)
    sound = [one for one in fitting if _is_sound(numbers, shape[2], one)]
    if not sound:
        raise DataError(
            f"no model in the layout {' or '.join(fitting)}: there are sums of squared gradients "
            "below 1, or weights beyond the last factor",
            path=name,
        )
    if len(sound) > 1:
        raise DataError(
            "the numbers would do in both layouts; pass layout='sse' or layout='plain'", path=name
        )
    w, squares = (_part(numbers, part, shape, sound[0]) for part in (0, 1))
    return FieldModel(w, normalise=normalise, squares=squares)


def _group(layout: Any) -> int:
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    return LAYOUTS[layout]


def _read_header(content: bytes, name: str) -> tuple[tuple[int, int, int], bool]:
    if len(content) < _HEADER.size:
        raise DataError(
            f"not a model of libFFM: {len(content)} bytes, its header alone has {_HEADER.size}",
            path=name,
        )
    n, m, k, flag = _HEADER.unpack_from(content)
    if min(n, m) < 0 or k < 1 or flag > 1:
        raise DataError(
            f"not a model of libFFM: its header would say {n} features, {m} fields, {k} factors "
            f"and the flag {flag}",
            path=name,
        )
    return (n, m, k), bool(flag)


def _size(shape: tuple[int, int, int], layout: str) -> int:
    n, m, k = shape
    group = LAYOUTS[layout]
    return _HEADER.size + n * m * (-(-k // group) * group) * 2 * _FLOAT.itemsize


def _groups(numbers: Array, k: int, layout: str) -> Array:
    """Return the numbers as shape (n_vectors, n_groups, 2, group): weights, then sums."""
    group = LAYOUTS[layout]
    return numbers.reshape(-1, -(-k // group), 2, group)


def _is_sound(numbers: Array, k: int, layout: str) -> bool:
    """Tell whether training can have made these numbers in this layout."""
    groups = _groups(numbers, k, layout)
    used = k - (groups.shape[1] - 1) * groups.shape[3]
    return bool((groups[:, :, 1] >= 1.0).all() and not groups[:, -1, 0, used:].any())


def _part(numbers: Array, part: int, shape: tuple[int, int, int], layout: str) -> Array:
    n, m, k = shape
    rows = _groups(numbers, k, layout)[:, :, part].reshape(n * m, -1)[:, :k]
    return rows.reshape(shape).astype(np.float32)
