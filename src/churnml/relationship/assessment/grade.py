"""A grade for each figure, by a rule that fits in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["grade", "grade_of_all"]

Band = tuple[float | None, float | None]


def grade(cell: Mapping[str, Any], *, better: int, band: Band | None) -> str:
    """Return A, B or C, or nothing where there is no figure or no sense of better.

    C: worse than in the period before beyond noise, or on the wrong side of its target beyond noise. A: not C, and its
    target is met; without a target, better than before beyond noise. B: everything else.

    Parameters
    ----------
    cell : mapping
        A figure with its interval and its change.
    better : int
        1 = more is better, -1 = less is better, 0 = neither.
    band : (float or None, float or None) or None
        Target.

    Examples
    --------
    >>> grade({"value": 0.1, "low": 0.08, "high": 0.12}, better=-1, band=(None, 0.15))
    'A'
    >>> grade({"value": 0.1, "low": 0.08, "high": 0.12, "change": 0.05, "beyond_noise": True}, better=-1, band=None)
    'C'
    """
    value = cell.get("value")
    if value is None or not better:
        return ""
    moved = better * (cell.get("change") or 0.0) if cell.get("beyond_noise") else 0.0
    if moved < 0 or _missed(cell, better, band):
        return "C"
    if band is not None:
        return "A" if _met(value, better, band) else "B"
    return "A" if moved > 0 else "B"


def _edge(better: int, band: Band) -> float | None:
    return band[0] if better > 0 else band[1]


def _met(value: float, better: int, band: Band) -> bool:
    edge = _edge(better, band)
    return edge is None or better * value >= better * edge


def _missed(cell: Mapping[str, Any], better: int, band: Band | None) -> bool:
    """Return whether the whole interval lies on the wrong side of the target."""
    near = cell.get("high" if better > 0 else "low")
    return band is not None and near is not None and not _met(near, better, band)


def grade_of_all(grades: Sequence[str]) -> str:
    """Return the grade of several: C where one is C, A where at least half are A and none is C, else B.

    Examples
    --------
    >>> grade_of_all(["A", "B"]), grade_of_all(["A", "C"]), grade_of_all(["B", "B", "A"]), grade_of_all([""])
    ('A', 'C', 'B', '')
    """
    given = [each for each in grades if each]
    if not given:
        return ""
    if "C" in given:
        return "C"
    return "A" if 2 * given.count("A") >= len(given) else "B"
