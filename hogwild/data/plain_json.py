"""JSON that every reader takes: NaN and infinities, for which JSON has no word, become null.

Called by the command line (``--json``) and by the report.
"""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any, **options: Any) -> str:
    """Return the value as JSON; `options` are those of ``json.dumps``.

    Examples
    --------
    >>> to_json({"rho": float("nan"), "runs": (1, 0.5)})
    '{"rho": null, "runs": [1, 0.5]}'
    """
    return json.dumps(_plain(value), allow_nan=False, **options)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):  # numpy's numbers
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
