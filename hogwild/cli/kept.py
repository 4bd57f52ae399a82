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

MODEL_HELP = "what fit --model has written, LIBMF's text, or a folder that Spark's save has written"


AnyModel = LinearModel | FactorModel | GeneralizedLinearModel


def load_model(path: str) -> AnyModel:
    """Return the model in a file, or in one of Spark's folders.

    Raises
    ------
    DataError
        When the file holds none, or a damaged one.
    """
    if os.path.isdir(path):
        return load_mllib(path)
    with open(path, "rb") as file:
        packed = file.read(2) == b"PK"  # a zip, as npz is
    if packed:
        loaders: dict[Any, Any] = {FACTORS: FactorModel.load, MLLIB: load_mllib}
        model: AnyModel = loaders.get(read_header(path).get("format"), LinearModel.load)(path)
        return model
    if next(line_chunks(path), b"").lstrip()[:2] in (b"f ", b"m "):
        return read_libmf_model(path)
    raise DataError("not a model, neither of this package nor LIBMF's text", path=shown(path))


def load_factors(path: str, command: str) -> FactorModel:
    """Return the factor model in a file; ValueError for one of another kind."""
    model = load_model(path)
    if not isinstance(model, FactorModel):
        raise ValueError(f"{command} needs a factor model; {path} holds a linear one")
    return model
