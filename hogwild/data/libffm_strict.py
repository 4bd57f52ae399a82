"""libFFM text, line by line: the definition of what is accepted, and the words for what is not.

A line is ``label field:feature:value ...``. Contract: what `hogwild.data.entries_strict` says;
fields and features come in any order and as often as they like. Everything else raises `DataError`
with the file, the line and the reason. (libFFM's own reader checks nothing: a negative number there
writes to memory that is not its own.)

Called by `hogwild.data.libffm` for the chunks that `hogwild.data.libffm_fast` does not take.
"""

from dataclasses import dataclass

import numpy as np

from hogwild.data.entries_strict import (
    IdLimits,
    fields_of,
    label_of,
    number_of,
    parse_lines,
    show,
)
from hogwild.data.libffm_fast import Entries

LABEL_TYPE: np.dtype[np.floating] = np.dtype(np.float64)


@dataclass(frozen=True)
class Limits:
    """What the caller allows: the largest field and feature, and the type of the values."""

    field: IdLimits
    feature: IdLimits
    dtype: np.dtype[np.floating]


class StrictParser:
    """Parse chunks of whole lines one line at a time; `name` is the file as messages show it."""

    def __init__(self, name: str, limits: Limits):
        self.name, self.limits = name, limits

    def parse(self, text: bytes, first_line: int) -> Entries:
        """Return the rows of the text, whose first line has the number `first_line`."""
        return Entries(*parse_lines(text, self.name, first_line, 2, self._row))

    def _row(self, line: bytes, ids: tuple[list[int], ...], values: list[float]) -> float | None:
        parts = fields_of(line)
        if not parts:
            return None
        label = label_of(parts[0], LABEL_TYPE)
        fields, features = ids
        for part in parts[1:]:
            texts = part.split(b":")
            if len(texts) != 3:
                hint = (
                    "; this looks like LIBSVM text, which names no field"
                    if len(texts) == 2 and texts[0].isdigit()
                    else ""
                )
                raise ValueError(f"expected 'field:feature:value', got {show(part)}{hint}")
            fields.append(self.limits.field.read(texts[0], part))
            features.append(self.limits.feature.read(texts[1], part))
            what = f"value of field {fields[-1]}, feature {features[-1]}"
            values.append(number_of(texts[2], what, self.limits.dtype))
        return label
