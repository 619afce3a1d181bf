"""How numbers are written: the mark before the fraction, marks between thousands, signs of currencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.cells import BRACKETS, number_cells

__all__ = ["Numerals", "numerals_of"]

_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?")
_GROUPED = {
    (decimal, mark): re.compile(
        rf"[+-]?\d{{1,3}}({re.escape(mark)}\d{{3}})*({re.escape(decimal)}\d+)?|[+-]?\d+({re.escape(decimal)}\d+)?"
    )
    for decimal, marks in ((".", ",' \u00a0\u2019"), (",", ".' \u00a0\u202f\u2019"))
    for mark in marks
}
_BRACKETED = re.compile(r"^\(\s*([^()+-]*?)\s*\)$")
_SIGN = re.compile(r"[€$£¥￥元円]|EUR|USD|GBP|CHF|CNY|RMB|PLN|SEK")


@dataclass(frozen=True, slots=True)
class Numerals:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : {".", ",", ""}
        "" = all are whole: either mark does.
    marks : tuple of str
        Texts to be taken out: marks between thousands, signs of currencies.
    """

    decimal: str
    marks: tuple[str, ...] = ()

    @property
    def signs(self) -> list[str]:
        """Return the signs of currencies."""
        return [mark for mark in self.marks if _SIGN.fullmatch(mark)]

    def read(self, cells: pa.Array) -> npt.NDArray[np.float64]:
        """Return the numbers as the reader reads them, missing ones as NaN."""
        _, values = number_cells(cells, decimal=self.decimal or ".", null_values=("",), marks=self.marks)
        return pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def numerals_of(texts: Sequence[str], *, decimal: str | None = None) -> Numerals | None:
    """Return how distinct texts are written if all are numbers.

    Parameters
    ----------
    texts : sequence of str
    decimal : {".", ","}, optional
        The mark that the other columns of the table have, where 1.234 could be either.

    Examples
    --------
    >>> numerals_of(["12,50", "-3"]), numerals_of(["1.234,56 €"]), numerals_of(["a"])
    (Numerals(decimal=',', marks=()), Numerals(decimal=',', marks=('€', '.')), None)
    >>> numerals_of(["12.50", "(3.00)"])
    Numerals(decimal='.', marks=('(',))
    """
    signs = sorted({sign for text in texts for sign in _SIGN.findall(text)})
    plain = [_SIGN.sub("", text).strip() for text in texts] if signs else list(texts)
    outside = [_BRACKETED.sub(r"-\1", text.strip()) for text in plain]
    brackets = [BRACKETS] if outside != [text.strip() for text in plain] else []
    found = _written(outside if brackets else plain, decimal)
    return None if found is None else Numerals(found.decimal, (*signs, *brackets, *found.marks))


def _written(texts: Sequence[str], decimal: str | None) -> Numerals | None:
    grouped = [
        Numerals(mark, (thousands,))
        for (mark, thousands), pattern in _GROUPED.items()
        if decimal in {None, mark}
        and any(thousands in text for text in texts)
        and all(pattern.fullmatch(text) for text in texts)
    ]
    if decimal in {None, "."} and all(_POINT.fullmatch(text) for text in texts):
        return Numerals("." if any("." in text for text in texts) else "")
    if decimal in {None, ","} and all(_COMMA.fullmatch(text) for text in texts):
        # 1,234 is taken for grouped thousands where every comma has three digits behind it.
        is_grouped = decimal is None and grouped and any("," in text for text in texts)
        return grouped[0] if is_grouped else Numerals("," if any("," in text for text in texts) else "")
    return grouped[0] if grouped else None
