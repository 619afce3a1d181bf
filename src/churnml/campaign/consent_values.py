"""What the text of a consent says: a declared yes, a declared no, nothing, or something that must count as no."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["ALLOWED", "CONSENT", "REFUSED", "SILENT", "UNKNOWN", "by_value", "judge"]

CONSENT = "consent_"
"""Before the channel, in the name of a column of consents."""

REFUSED, UNKNOWN, ALLOWED, SILENT = 0, 1, 2, 3
"""A declared refusal; a text that is neither; a declared consent; nothing said. What forbids more is smaller."""


def judge(consent_values: Collection[str], refusal_values: Collection[str]) -> Callable[[str | None], int]:
    """Return the rule by which a text is read, without regard to case and blanks around.

    Examples
    --------
    >>> says = judge(["yes"], ["no"])
    >>> says(" YES ") == ALLOWED, says("No") == REFUSED, says("opted out") == UNKNOWN, says(" ") == SILENT
    (True, True, True, True)
    """
    consents, refusals = _normal(consent_values), _normal(refusal_values)

    def state(text: str | None) -> int:
        cell = (text or "").strip().casefold()
        return SILENT if not cell else ALLOWED if cell in consents else REFUSED if cell in refusals else UNKNOWN

    return state


def by_value(column: pa.ChunkedArray | pa.Array, rule: Callable[[str | None], Any]) -> npt.NDArray[Any]:
    """Apply a rule once to each distinct text of a column."""
    texts = column.cast(pa.string())
    distinct = pc.unique(texts)
    found = np.array([rule(text) for text in distinct.to_pylist()])
    places: npt.NDArray[np.int64] = pc.index_in(texts, value_set=distinct).to_numpy(zero_copy_only=False)
    return found[places] if len(places) else found[:0]


def _normal(values: Collection[str]) -> set[str]:
    return {value.strip().casefold() for value in values}
