"""A company's target broken down to owners and teams, so that the parts add up to the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["POOLED", "Goal", "apportion", "split_goal"]

POOLED = ""
"""The name under which owners with too few customers stand together, beside customers without an owner."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What one owner may lose.

    Parameters
    ----------
    owner, team : str
        Empty = pooled; no team.
    customers : int
        At risk.
    expected : float
        Losses to be expected: the sum of the probabilities of churn.
    allowed : int
        Losses within the company's target.
    """

    owner: str
    team: str
    customers: int
    expected: float
    allowed: int


def split_goal(
    rows: Sequence[Mapping[str, Any]], *, total: int, least: int, teams: Mapping[str, str] | None = None
) -> list[Goal]:
    """Split the losses that the company allows itself among owners, in proportion to what is to be expected of each.

    Parameters
    ----------
    rows : sequence of mapping
        ``owner`` (empty or None = nobody), ``customers``, ``expected``.
    total : int
        Losses allowed in all.
    least : int
        Owners with fewer customers are pooled: one loss more or less says nothing of them.
    teams : mapping of str to str, optional
        Owner -> team.

    Returns
    -------
    list of Goal
        By owner, the pooled last; ``allowed`` adds up to ``total`` (largest remainders, Hamilton's method).
    """
    pooled = [row for row in rows if not row["owner"] or row["customers"] < least]
    alone = sorted((row for row in rows if row["owner"] and row["customers"] >= least), key=lambda row: row["owner"])
    groups = [
        (row["owner"], (teams or {}).get(row["owner"], ""), row["customers"], float(row["expected"])) for row in alone
    ]
    if pooled:
        n, expected = (sum(row[name] for row in pooled) for name in ("customers", "expected"))
        groups.append((POOLED, "", n, float(expected)))
    shares = apportion([expected for _, _, _, expected in groups], total)
    return [Goal(*group, allowed) for group, allowed in zip(groups, shares, strict=True)]


def apportion(weights: Sequence[float], total: int) -> list[int]:
    """Split a whole number in proportion to weights; the parts add up to it.

    Examples
    --------
    >>> apportion([1, 1, 1], 4), apportion([0, 0], 3), apportion([], 0)
    ([2, 1, 1], [2, 1], [])
    """
    if not weights:
        return []
    whole = math.fsum(weights)
    exact = [total * (weight / whole if whole else 1 / len(weights)) for weight in weights]
    parts = [math.floor(share) for share in exact]
    rest = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in rest[: total - sum(parts)]:
        parts[i] += 1
    return parts
