"""Texts that a spreadsheet would run as formulas: neutralised by an apostrophe, and restored exactly.

Which characters are dangerous is data (``formula_leads.json``), because the published lists have grown twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["neutralise", "restore"]


def neutralise(texts: pa.Array) -> pa.Array:
    """Put an apostrophe where a spreadsheet would start to read a formula.

    A text that begins with a dangerous character, also after blanks, quotes or marks without width, gets one
    apostrophe in front. A dangerous character that follows a separator or line break inside the text gets one before
    it, since a spreadsheet of another country splits cells there. Nothing else changes; :func:`restore` undoes it.

    Parameters
    ----------
    texts : Array of string
        Nulls stay null.

    Returns
    -------
    Array of string

    References
    ----------
    .. [1] OWASP, CSV Injection.

    Examples
    --------
    >>> neutralise(pa.array(["=1+1", "Smith; -2", "12-5"])).to_pylist()
    ["'=1+1", "Smith; '-2", '12-5']
    """
    start, inside = _patterns()
    texts = pc.replace_substring_regex(texts, pattern=f"({inside[0]})({inside[1]})", replacement=r"\1'\2")
    return pc.replace_substring_regex(texts, pattern=f"^({start})", replacement=r"'\1")


def restore(texts: pa.Array) -> pa.Array:
    """Return the texts that :func:`neutralise` was given.

    Examples
    --------
    >>> restore(pa.array(["'=1+1", "Smith; '-2", "12-5"])).to_pylist()
    ['=1+1', 'Smith; -2', '12-5']
    """
    start, inside = _patterns()
    texts = pc.replace_substring_regex(texts, pattern=f"^'({start})", replacement=r"\1")
    return pc.replace_substring_regex(texts, pattern=f"({inside[0]})'({inside[1]})", replacement=r"\1\2")


@cache
def _patterns() -> tuple[str, tuple[str, str]]:
    """Return what a dangerous start looks like, and the two halves of a dangerous place inside."""
    listed = json.loads(resources.files("churnml.exports").joinpath("formula_leads.json").read_text(encoding="utf-8"))
    leads, at_start, passed, separators = (
        _points(listed[name]) for name in ("leads", "leads_at_start", "passed_over", "separators")
    )
    # Apostrophes are among the marks passed over: a text that has one already gets a second, so undoing stays exact.
    return f"[{passed}]*[{leads}{at_start}]", (f"[{separators}][{passed}]*", f"[{leads}]")


def _points(groups: dict[str, list[str]]) -> str:
    """Return the code points of some groups as the inside of a character class."""
    return "".join(_range(points) for group in groups.values() for points in group)


def _range(points: str) -> str:
    ends: Iterable[str] = points.replace("U+", "").split("..")
    return "-".join(rf"\x{{{end}}}" for end in ends)
