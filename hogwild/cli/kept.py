"""A kept model of any kind, known by its first bytes and by its header.

Used by the commands that take a MODEL.
"""

import os
from typing import Any

from hogwild.data.npz_file import read_header
from hogwild.data.textio import line_chunks, shown
from hogwild.errors import DataError
from hogwild.mllib import GeneralizedLinearModel
from hogwild.mllib.model_files import FORMAT as MLLIB
from hogwild.mllib.model_files import load as load_mllib
from hogwild.models import FactorModel, LinearModel
from hogwild.models.factor_libmf import read_libmf_model
from hogwild.models.factor_model import FORMAT as FACTORS
from hogwild.models.field_libffm import read_libffm_model
from hogwild.models.field_model import FORMAT as FIELDS
from hogwild.models.field_model import FieldModel

MODEL_HELP = (
    "what fit --model has written, LIBMF's text, libFFM's binary file, or a folder that Spark's "
    "save has written"
)


AnyModel = LinearModel | FactorModel | FieldModel | GeneralizedLinearModel


def load_model(path: str, layout: str | None = None) -> AnyModel:
    """Return the model in a file, or in one of Spark's folders.

    `layout` is that of a libFFM file, by default found out.

    Raises
    ------
    DataError
        When the file holds none, or a damaged one.
    """
    if os.path.isdir(path):
        return load_mllib(path)
    with open(path, "rb") as file:
        head = file.read(13)
    by_libffm = head[12:] in (b"\0", b"\1")  # the flag that ends its header; no text has these
    if layout is not None and (head[:2] == b"PK" or not by_libffm):
        raise ValueError(f"--layout is for libFFM's binary files, which {path} is not")
    if head[:2] == b"PK":  # a zip, as npz is
        loaders: dict[Any, Any] = {
            FACTORS: FactorModel.load, FIELDS: FieldModel.load, MLLIB: load_mllib
        }  # fmt: skip
        model: AnyModel = loaders.get(read_header(path).get("format"), LinearModel.load)(path)
        return model
    if by_libffm:
        return read_libffm_model(path, layout)
    if next(line_chunks(path), b"").lstrip()[:2] in (b"f ", b"m "):
        return read_libmf_model(path)
    raise DataError(
        "not a model, neither of this package nor LIBMF's text or libFFM's file", path=shown(path)
    )


def load_factors(path: str, command: str) -> FactorModel:
    """Return the factor model in a file; ValueError for one of another kind."""
    model = load_model(path)
    if not isinstance(model, FactorModel):
        raise ValueError(f"{command} needs a factor model; {path} holds {_kind_of(model)}")
    return model


def load_fields(path: str, command: str) -> FieldModel:
    """Return the field-aware machine in a file; ValueError for a model of another kind."""
    model = load_model(path)
    if not isinstance(model, FieldModel):
        raise ValueError(f"{command} needs a field-aware machine; {path} holds {_kind_of(model)}")
    return model


def _kind_of(model: AnyModel) -> str:
    kinds = {FactorModel: "a factor model", FieldModel: "a field-aware machine"}
    return kinds.get(type(model), "a linear one")
