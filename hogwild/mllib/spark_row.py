"""The one row of numbers in a model's directory, as the Parquet file that Spark would write.

Contract: `first_row` gives back the bits that `row_bytes` was given. Parquet is pyarrow's business
(extra ``spark``), which is imported when a row is written or read and not before.

Called by `spark_format`.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hogwild.errors import MissingExtra
from hogwild.mllib.vectors import Array, SparseVector

_ROW_METADATA = "org.apache.spark.sql.parquet.row.metadata"


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        what = "the format of Spark's models (a file named .npz does without)"
        raise MissingExtra("spark", what) from None
    return pa, pq


def _field(name: str, kind: Any, nullable: bool = True) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": nullable, "metadata": {}}


def _spark_schema(with_threshold: bool) -> str:
    """The columns in Spark's own words: without them it would not take a struct for a vector."""
    vector = {
        "type": "udt",
        "class": "org.apache.spark.mllib.linalg.VectorUDT",
        "pyClass": "pyspark.mllib.linalg.VectorUDT",
        "sqlType": {
            "type": "struct",
            "fields": [
                _field("type", "byte", nullable=False),
                _field("size", "integer"),
                _field("indices", _array_of("integer")),
                _field("values", _array_of("double")),
            ],
        },
    }
    fields = [_field("weights", vector), _field("intercept", "double", nullable=False)]
    fields += [_field("threshold", "double")] if with_threshold else []
    return json.dumps({"type": "struct", "fields": fields}, separators=(",", ":"))


def _array_of(kind: str) -> dict[str, Any]:
    return {"type": "array", "elementType": kind, "containsNull": False}


def row_bytes(weights: Array, intercept: float, threshold: tuple[float | None, ...]) -> bytes:
    """Return a Parquet file of one row.

    Parameters
    ----------
    weights : float64 array, shape (d,)
    intercept : float
    threshold : tuple
        Empty for a model that has none; else the threshold, None when cleared.

    Raises
    ------
    MissingExtra
        When pyarrow is not installed.
    """
    pa, pq = _pyarrow()

    def array_of(kind: Any) -> Any:
        return pa.list_(pa.field("element", kind, nullable=False))

    vector = pa.struct(
        [
            pa.field("type", pa.int8(), nullable=False),
            pa.field("size", pa.int32()),
            pa.field("indices", array_of(pa.int32())),
            pa.field("values", array_of(pa.float64())),
        ]
    )
    fields = [pa.field("weights", vector), pa.field("intercept", pa.float64(), nullable=False)]
    fields += [pa.field("threshold", pa.float64())] if threshold else []
    dense = {"type": 1, "size": None, "indices": None, "values": weights}
    columns = [[dense], [intercept], *([value] for value in threshold)]
    schema = pa.schema(fields, metadata={_ROW_METADATA: _spark_schema(bool(threshold))})
    table = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)],
        schema=schema,
    )
    content = io.BytesIO()
    pq.write_table(table, content, compression="snappy")
    return content.getvalue()


def first_row(file: Path, with_threshold: bool) -> tuple[Array, float, float | None] | None:
    """Return weights, intercept and threshold of a file's first row; None where it has no row.

    The threshold is None when it is cleared, or not asked for.

    Raises
    ------
    ValueError
        For columns or values that are none of a model's; damage raises what pyarrow raises.
    MissingExtra
        When pyarrow is not installed.
    """
    pq = _pyarrow()[1]
    names = ["weights", "intercept", *(["threshold"] if with_threshold else [])]
    with pq.ParquetFile(file) as parquet:
        missing = [name for name in names if name not in parquet.schema_arrow.names]
        if missing:
            raise ValueError(f"it has no column {missing[0]!r}")
        for batch in parquet.iter_batches(batch_size=1, columns=names, use_threads=False):
            for row in batch.to_pylist():
                return _checked_row(row)
    return None


def _checked_row(row: Mapping[str, Any]) -> tuple[Array, float, float | None]:
    vector, intercept, threshold = row["weights"], row["intercept"], row.get("threshold")
    if not isinstance(vector, dict) or vector.get("type") not in (0, 1) or intercept is None:
        raise ValueError("its first row is no vector of weights and an intercept")
    values = np.array(vector["values"])
    if values.dtype != np.float64 and values.shape != (0,):  # None among them makes objects
        raise ValueError(f"the weights are {values.dtype} of shape {values.shape}, not doubles")
    if vector["type"] == 1:
        weights = values.astype(np.float64)
    else:
        weights = SparseVector(vector["size"], vector["indices"], values).toarray()
    return weights, float(intercept), None if threshold is None else float(threshold)
