"""Groups of customers who are disappointed at a touch-point more often than the others who met the company there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.assessment.findings import compare, false_discovery
from churnml.relationship.assessment.groups import MAX_LEVELS, Way
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.assessment.touch_points import TouchPoint
from churnml.relationship.intervals import change_of_shares
from churnml.relationship.small_cells import hidden_cells

__all__ = ["weak_points"]

Bools = npt.NDArray[np.bool_]
_LISTED = 8
"""How many are listed at least, findings or not, where there are so many."""


def weak_points(
    points: Mapping[TouchPoint, tuple[Bools, Bools]],
    ways: Sequence[Way],
    inside: Bools,
    *,
    minimum: int,
    fdr: float,
) -> dict[str, Any]:
    """Rank segment x touch-point by how sure it is that more are disappointed there than among all others.

    Parameters
    ----------
    points : mapping of TouchPoint to (touched, disappointed)
        Each ndarray of bool, shape (n_customers,).
    ways : sequence of Way
    inside : ndarray of bool, shape (n_customers,)
        Customers looked at.
    minimum : int
        Fewest customers in a group, and among the others.
    fdr : float
        Share of false findings that is accepted among all findings.

    Returns
    -------
    dict
        ``n_tested``, ``n_found`` and ``rows``: all findings, and the nearest ones up to eight.

    Notes
    -----
    Customers are counted, not answers: each once, by the last time they were there. Fisher's exact test, one-sided,
    over all pairs at once; Benjamini and Hochberg hold the share of false findings at ``fdr``.
    """
    rows = [row for point in _readable(points) for row in _at(point, *points[point], ways, inside, minimum=minimum)]
    for row, q in zip(rows, false_discovery([row["p_value"] for row in rows]), strict=True):
        row["q_value"] = rounded(float(q))
        row["is_found"] = bool(q <= fdr)
    rows.sort(
        key=lambda row: (not row["is_found"], row["p_value"], -row["difference"], str(row["point"]), row["level"])
    )
    found = sum(row["is_found"] for row in rows)
    listed = rows[: max(found, _LISTED)]
    for row in listed:
        sides = row["count"], row["n"], row["count_rest"], row["n_rest"]
        ends = change_of_shares(*sides, confidence=0.95)
        row |= {"low": rounded(ends.low), "high": rounded(ends.high), "p_value": rounded(row["p_value"])}
    return {"n_tested": len(rows), "n_found": found, "rows": listed}


def _readable(points: Mapping[TouchPoint, tuple[Bools, Bools]]) -> list[TouchPoint]:
    """Return touch-points in order, without columns of more levels than are read side by side."""
    levels: dict[tuple[str, str, str], int] = {}
    for point in points:
        key = (point.measure, point.table, point.column)
        levels[key] = levels.get(key, 0) + 1
    return sorted(p for p in points if levels[p.measure, p.table, p.column] <= MAX_LEVELS)


def _at(
    point: TouchPoint, met: Bools, bad: Bools, ways: Sequence[Way], inside: Bools, *, minimum: int
) -> list[dict[str, Any]]:
    among = inside & met
    parts = [way for way in ways if len(way.levels) > 1]
    names = [(way.name, level) for way in parts for level in way.levels]
    if not names or among.sum() < 2 * minimum:
        return []
    groups = [way.codes == at for way in parts for at in range(len(way.levels))]
    members = np.column_stack([np.ones(int(among.sum()), bool), *(group[among] for group in groups)])
    families, first = {"all": [0]}, 1
    for way in parts:
        families[way.name] = list(range(first, first + len(way.levels)))
        first += len(way.levels)
    hidden = hidden_cells(members, families, minimum=minimum)
    rows = []
    for at, (name, level) in enumerate(names):
        n = int((groups[at] & among).sum())
        # The others are shown beside the group, so they must be many enough as well.
        if hidden[0] or hidden[at + 1] or min(n, int(among.sum()) - n) < minimum:
            continue
        seen = compare(groups[at], bad, among, alternative="greater")
        rows.append({
            "way": name, "level": level, "point": list(point),
            "count": seen.count, "n": seen.n, "count_rest": seen.count_rest, "n_rest": seen.n_rest,
            "share": rounded(seen.count / seen.n), "share_rest": rounded(seen.count_rest / seen.n_rest),
            "difference": rounded(seen.count / seen.n - seen.count_rest / seen.n_rest), "p_value": seen.p_value,
        })  # fmt: skip
    return rows
