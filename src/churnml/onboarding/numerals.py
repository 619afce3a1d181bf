"""How numbers are written: the mark before the fraction, and marks between thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Numerals", "numerals_of"]

_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?")
_GROUPED = {
    (".", ","): re.compile(r"[+-]?\d{1,3}(,\d{3})*(\.\d+)?|[+-]?\d+(\.\d+)?"),
    (",", "."): re.compile(r"[+-]?\d{1,3}(\.\d{3})*(,\d+)?|[+-]?\d+(,\d+)?"),
    (",", " "): re.compile(r"[+-]?\d{1,3}([ \u00a0\u202f]\d{3})*(,\d+)?|[+-]?\d+(,\d+)?"),
    (".", "'"): re.compile(r"[+-]?\d{1,3}(['\u2019]\d{3})*(\.\d+)?|[+-]?\d+(\.\d+)?"),
}


@dataclass(frozen=True, slots=True)
class Numerals:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : {".", ",", ""}
        "" = all are whole: either mark does.
    thousands : str
        The mark between thousands, which the reader refuses; "" = there is none.
    """

    decimal: str
    thousands: str = ""

    def read(self, cells: pa.Array) -> npt.NDArray[np.float64]:
        """Return the numbers, missing ones as NaN."""
        text = cells
        if self.thousands:
            text = pc.replace_substring_regex(
                text, "[ \u00a0\u202f'\u2019]" if self.thousands in " '" else f"\\{self.thousands}", ""
            )
        if self.decimal == ",":
            text = pc.replace_substring(text, ",", ".")
        numbers = pc.fill_null(text.cast(pa.float64()), float("nan"))
        return numbers.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def numerals_of(texts: Sequence[str]) -> Numerals | None:
    """Return how distinct texts are written if all are numbers.

    Examples
    --------
    >>> numerals_of(["12,50", "-3"]), numerals_of(["1.234,56"]), numerals_of(["a"])
    (Numerals(decimal=',', thousands=''), Numerals(decimal=',', thousands='.'), None)
    """
    if all(_POINT.fullmatch(text) for text in texts):
        return Numerals("." if any("." in text for text in texts) else "")
    if all(_COMMA.fullmatch(text) for text in texts):
        # 1,234 alone could be grouped thousands; a comma with other than three digits behind it decides.
        grouped = _GROUPED[".", ","]
        if any("," in text for text in texts) and all(grouped.fullmatch(text) for text in texts):
            return Numerals(".", ",")
        return Numerals(",")
    for (decimal, thousands), pattern in _GROUPED.items():
        if all(pattern.fullmatch(text) for text in texts):
            return Numerals(decimal, thousands)
    return None
