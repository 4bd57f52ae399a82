"""LIBMF's text models (version 2): ours written for its ``mf-predict``, its read as ours.

::

    f 0              the loss
    m 2              users, n items, k factors
    n 3
    k 2
    b 3.5            the mean rating, predicted where a row has no ratings
    p0 T 0.5 0.25    a user's factors; T: had ratings
    p1 F 0 0         F: had none
    q0 T 1 2
    ...

Contract: numbers are written so that they read back to the same bits; LIBMF itself writes six
digits. There is no place for ids: an id is a line's number, as in LIBMF's data files. There is none
for biases either, see `write_libmf_model`.

Called by users and by the command line.
"""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hogwild.data.decimal import shortest
from hogwild.data.textio import line_chunks, replacing, shown
from hogwild.errors import DataError
from hogwild.kernels.losses import (
    Absolute,
    Hinge,
    KullbackLeibler,
    Logistic,
    Loss,
    Squared,
    SquaredHinge,
)
from hogwild.models.factor_model import FactorModel

Array = npt.NDArray[Any]

CODES: dict[int, Loss] = {
    0: Squared(),
    1: Absolute(),
    2: KullbackLeibler(),
    5: Logistic(),
    6: SquaredHinge(),
    7: Hinge(),
    12: Squared(),  # one-class: squares over known and unknown entries
}
"""LIBMF's option ``-f``; 10 and 11 (BPR) rank, and have no counterpart here."""

_ROWS_AT_A_TIME = 4096
_MAX_ROWS = 2**31 - 1  # LIBMF's numbers are 32-bit


def write_libmf_model(
    model: FactorModel, path: str | os.PathLike[str], *, fold_biases: bool = False
) -> None:
    """Write a model as LIBMF's text.

    The file appears under its name only when it is complete. Numbers between the ids get a line
    each that says "no ratings": such as MovieLens' films, whose ids reach 3952 for 3706 films.

    Parameters
    ----------
    model : FactorModel
        Its ids whole numbers of 0 or more.
    path : str or path-like
        ``.gz``, ``.bz2`` and ``.xz`` are compressed; ``-`` writes to standard output.
    fold_biases : bool
        Write a model with biases as one of k + 2 factors, (p, mean + b_u, 1) and (q, 1, b_i). The
        products are the same predictions up to rounding; where a side is unknown the file
        predicts the mean alone, and similarities are others.

    Raises
    ------
    ValueError
        For biases without `fold_biases`, text ids, and losses that LIBMF does not have.
    """
    codes = [code for code, loss in CODES.items() if loss == model.loss]
    if not codes:
        known = ", ".join(dict.fromkeys(str(loss) for loss in CODES.values()))
        raise ValueError(f"LIBMF has no loss {model.loss}; it has {known}")
    P, Q = _factors(model, fold_biases)
    users, items = _lines(model.user_ids, "user"), _lines(model.item_ids, "item")
    header = {"f": codes[0], "m": users, "n": items, "k": P.shape[1]}
    with replacing(path) as file:
        mean = shortest(np.array([model.mean]))[0]
        text = "".join(f"{name} {value}\n" for name, value in header.items())
        file.write(f"{text}b {mean}\n".encode("ascii"))
        _write_rows(file, "p", P, model.user_ids, model.seen_users, users)
        _write_rows(file, "q", Q, model.item_ids, model.seen_items, items)


def _factors(model: FactorModel, fold_biases: bool) -> tuple[Array, Array]:
    if model.user_bias is None or model.item_bias is None:
        return model.P, model.Q
    if not fold_biases:
        raise ValueError(
            "LIBMF's format has no biases; fold_biases=True writes them as two more factors, "
            "with the same predictions for users and items that are known"
        )
    user_part = (model.user_bias + model.mean).astype(model.P.dtype)
    P = np.column_stack([model.P, user_part, np.ones_like(user_part)])
    Q = np.column_stack([model.Q, np.ones_like(model.item_bias), model.item_bias])
    return P, Q


def _lines(ids: Array, what: str) -> int:
    """Return how many lines the ids ask for, or raise ValueError where they are no line numbers."""
    if ids.dtype.kind != "i":
        raise ValueError(
            f"LIBMF's {what}s are numbers from 0; the ids are text, such as {ids[0].item()!r}"
        )
    wrong = (ids < 0) | (ids >= _MAX_ROWS)
    if wrong.any():
        raise ValueError(
            f"LIBMF's {what}s are numbers from 0 to {_MAX_ROWS - 1}; found the id "
            f"{ids[np.argmax(wrong)]}"
        )
    return int(ids.max(initial=-1)) + 1


def _write_rows(
    file: BinaryIO, letter: str, factors: Array, ids: Array, seen: Array, n_lines: int
) -> None:
    order = np.argsort(ids)
    order = order[seen[order]]
    nothing = f"F {'0 ' * factors.shape[1]}\n"
    borders = np.searchsorted(ids[order], np.arange(0, n_lines + _ROWS_AT_A_TIME, _ROWS_AT_A_TIME))
    for part, first in enumerate(range(0, n_lines, _ROWS_AT_A_TIME)):
        rows = order[borders[part] : borders[part + 1]]
        lines = [nothing] * min(_ROWS_AT_A_TIME, n_lines - first)
        numbers = iter(shortest(np.ascontiguousarray(factors[rows]).reshape(-1)))
        for line in (ids[rows] - first).tolist():
            # a blank ends the line, as LIBMF has it
            fields = [next(numbers) for _ in range(factors.shape[1])]
            lines[line] = " ".join(["T", *fields, "\n"])
        text = [f"{letter}{line} {end}" for line, end in enumerate(lines, first)]
        file.write("".join(text).encode("ascii"))


def read_libmf_model(
    path: str | os.PathLike[str], *, dtype: npt.DTypeLike = np.float32
) -> FactorModel:
    """Return the model in one of LIBMF's text files; its ids are the numbers of the lines.

    Parameters
    ----------
    path : str or path-like
        Compressed or not; ``-`` reads standard input. The line ``f`` may be missing (as in LIBMF's
        own documentation): the loss is then the squared one.
    dtype : float32 or float64
        LIBMF computes in float32.

    Raises
    ------
    DataError
        With file and line, for anything that is no such model, or is incomplete.
    """
    lines = _numbered_lines(path)
    name = shown(path)
    header, line, fields = _read_header(lines, name)
    rows = _Rows(name, header["k"])
    for letter, count in (("p", header["m"]), ("q", header["n"])):
        for row in range(int(count)):
            if fields is None:
                raise DataError(
                    f"the file ends where {letter}{row} of {int(count)} should come", path=name
                )
            rows.add(f"{letter}{row}".encode(), line, fields)
            line, fields = next(lines, (line, None))
    if fields is not None:
        raise DataError(f"nothing should come after the last row, got {_cut(fields)}", path=name,
                        line=line)  # fmt: skip
    return rows.model(header, np.dtype(dtype))


def _numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[bytes] | None]]:
    number = 0
    for chunk in line_chunks(path):
        for line in chunk.split(b"\n")[:-1]:
            number += 1
            if fields := line.split():
                yield number, fields


def _read_header(
    lines: Iterator[tuple[int, list[bytes] | None]], name: str
) -> tuple[dict[str, float], int, list[bytes] | None]:
    """Return the header and the line behind it."""
    header: dict[str, float] = {}
    fields: list[bytes] | None
    for line, fields in lines:
        if fields is None or fields[0] not in (b"f", b"m", b"n", b"k", b"b"):
            break
        key = fields[0].decode()
        header[key] = _header_number(key, fields, name, line)
    else:
        line, fields = 0, None
    missing = [key for key in "mnkb" if key not in header]
    if missing:
        raise DataError(
            f"not a model of LIBMF: it should begin with lines f, m, n, k and b; "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            path=name,
        )
    if header.setdefault("f", 0) not in CODES:
        raise DataError(
            f"the loss {header['f']:g} of LIBMF has no counterpart here; "
            f"known are {', '.join(map(str, CODES))}",
            path=name,
        )
    return header, line, fields


def _header_number(key: str, fields: list[bytes], name: str, line: int) -> float:
    try:
        if len(fields) != 2:
            raise ValueError
        value = float(fields[1]) if key == "b" else int(fields[1])
        if not np.isfinite(value) or (key != "b" and not 0 <= value <= _MAX_ROWS):
            raise ValueError
    except ValueError:
        wanted = "a number" if key == "b" else "a whole number of 0 or more"
        raise DataError(f"expected '{key}' and {wanted}, got {_cut(fields)}", path=name,
                        line=line) from None  # fmt: skip
    return value


def _cut(fields: list[bytes]) -> str:
    return repr(b" ".join(fields)[:40].decode("ascii", "replace"))


class _Rows:
    """The rows of P and Q as they come, checked."""

    def __init__(self, name: str, k: float):
        self.name, self.k = name, int(k)
        self.factors: dict[bytes, list[Array]] = {b"p": [], b"q": []}
        self.seen: dict[bytes, list[bool]] = {b"p": [], b"q": []}

    def add(self, label: bytes, line: int, fields: list[bytes]) -> None:
        if fields[0] != label or len(fields) != self.k + 2 or fields[1] not in (b"T", b"F"):
            raise DataError(
                f"expected '{label.decode()}', T or F, and {self.k} numbers, got {_cut(fields)} "
                f"({len(fields)} fields)",
                path=self.name,
                line=line,
            )
        try:
            row = np.array([float(field) for field in fields[2:]])
        except ValueError as error:
            raise DataError(str(error), path=self.name, line=line) from None
        seen = fields[1] == b"T" and not (self.k and np.isnan(row).all())
        if seen and not np.isfinite(row).all():
            raise DataError(
                f"the factors of {label.decode()} must be finite; did the training diverge?",
                path=self.name,
                line=line,
            )
        self.factors[label[:1]].append(row if seen else np.zeros(self.k))
        self.seen[label[:1]].append(seen)

    def model(self, header: dict[str, float], dtype: np.dtype[Any]) -> FactorModel:
        P, Q = (
            np.array(rows).reshape(len(rows), self.k).astype(dtype)
            for rows in self.factors.values()
        )
        return FactorModel(
            P, Q, mean=float(header["b"]), loss=CODES[int(header["f"])],
            seen_users=np.array(self.seen[b"p"], bool), seen_items=np.array(self.seen[b"q"], bool),
        )  # fmt: skip
