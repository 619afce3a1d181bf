"""Customers whose account owner changed: who went from whom to whom, who is at risk by it, who left afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.intervals import share_range
from churnml.timeline import DAY_US

__all__ = ["LEAST", "POOLED", "Handed", "Handover", "handovers", "lost_share", "owner_figures", "owners_at"]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
POOLED = ""
"""The name under which owners with few hand-overs stand together."""
LEAST = 10
"""Owners with fewer hand-overs are pooled, and of fewer customers no share is told."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A customer who went from one owner to another.

    Parameters
    ----------
    customer : int
        Number in the bucket.
    at : int
        When the new owner's time began, or, without a new one, when the last one's ended; microseconds.
    before, after : int
        Codes of the owners; ``after`` is -1 where nobody followed.
    """

    customer: int
    at: int
    before: int
    after: int


def handovers(offsets: Int64s, started: Int64s, ended: Int64s, owner: Int32s, *, as_of: int) -> list[Handover]:
    """Return every change of owner up to ``as_of``, by customer and time.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_customers + 1,)
        Where each customer's assignments begin.
    started, ended : ndarray of int64, shape (n_assignments,)
        Ascending starts within a customer; ``NEVER`` = not ended, or not a thing that ends.
    owner : ndarray of int32, shape (n_assignments,)
        Code; -1 = not a row that counts.
    as_of : int

    Notes
    -----
    The owner is the one whose time began last. A pause between two times of one owner is no change.
    """
    found = []
    for customer in range(len(offsets) - 1):
        before, until = -1, 0
        for row in range(offsets[customer], offsets[customer + 1]):
            if owner[row] < 0 or started[row] > as_of:
                continue
            if before >= 0 and owner[row] != before:
                found.append(Handover(customer, int(started[row]), before, int(owner[row])))
            before, until = int(owner[row]), int(ended[row])
        if before >= 0 and until <= as_of:
            found.append(Handover(customer, until, before, -1))
    return found


def owners_at(offsets: Int64s, started: Int64s, ended: Int64s, owner: Int32s, at: int) -> Int64s:
    """Return the owner of each customer at an instant, -1 = nobody, shape (n_customers,)."""
    found = np.full(len(offsets) - 1, -1, dtype=np.int64)
    customer = np.repeat(np.arange(len(found)), np.diff(offsets))
    rows = np.flatnonzero((owner >= 0) & (started <= at))
    # Rows ascend within a customer, so the last one written is the newest.
    found[customer[rows]] = np.where(ended[rows] > at, owner[rows], -1)
    return found


@dataclass(frozen=True, slots=True)
class Handed:
    """A hand-over of a customer who was at risk of churn then.

    Parameters
    ----------
    customer : str
    before, after : str
        Owners; ``after`` is empty where nobody followed.
    at : int
        Microseconds.
    is_lost : bool or None
        Whether the customer was lost within the days looked at; None = these days are not over.
    is_at_risk : bool
        Handed over within the days looked at, and still a customer who may leave.
    p_churn, value : float
        Of the scores; NaN = not known.
    """

    customer: str
    before: str
    after: str
    at: int
    is_lost: bool | None
    is_at_risk: bool
    p_churn: float = np.nan
    value: float = np.nan


def owner_figures(handed: Sequence[Handed], left: Iterable[str], *, as_of: int) -> list[dict[str, Any]]:
    """Return what became of those whom each owner handed over, the owner with the most at risk first.

    Parameters
    ----------
    handed : sequence of Handed
    left : iterable of str
        Owners who look after nobody any more.
    as_of : int

    Returns
    -------
    list of dict
        ``owner`` (:data:`POOLED` = those with few), ``owners`` (how many stand in the row), ``has_left``, ``at_risk``,
        ``median_days`` since the hand-over, ``value_at_risk`` (None where not known), ``followed`` (hand-overs whose
        days are over), ``lost`` of them, ``share``, ``low``, ``high`` (95 % Wilson interval; None for fewer than ten).
        Counts sum to those of all hand-overs that are at risk or followed.
    """
    counted = [each for each in handed if each.is_at_risk or each.is_lost is not None]
    by_owner: dict[str, list[Handed]] = {}
    for each in counted:
        by_owner.setdefault(each.before, []).append(each)
    alone = {owner: rows for owner, rows in by_owner.items() if len(rows) >= LEAST}
    others = [each for each in counted if each.before not in alone]
    gone = set(left)
    rows = [_row(owner, 1, owner in gone, alone[owner], as_of) for owner in alone]
    rows.sort(key=lambda row: (-row["at_risk"], row["owner"]))
    if others:
        rows.append(_row(POOLED, len(by_owner) - len(alone), None, others, as_of))
    return rows


def _row(owner: str, n: int, has_left: bool | None, handed: Sequence[Handed], as_of: int) -> dict[str, Any]:
    now = [each for each in handed if each.is_at_risk]
    values = np.array([each.value for each in now], dtype=np.float64)
    days = [(as_of - each.at) / DAY_US for each in now]
    return {
        "owner": owner,
        "owners": n,
        "has_left": has_left,
        "at_risk": len(now),
        "median_days": round(float(np.median(days)), 1) if days else None,
        "value_at_risk": round(float(np.nansum(np.sort(values))), 2) if np.isfinite(values).any() else None,
        **lost_share(each.is_lost for each in handed if each.is_lost is not None),
    }


def lost_share(outcomes: Iterable[bool]) -> dict[str, Any]:
    """Return ``followed``, ``lost``, ``share``, ``low`` and ``high`` of some outcomes."""
    found = list(outcomes)
    n, lost = len(found), sum(found)
    if n < LEAST:
        return {"followed": n, "lost": lost, "share": None, "low": None, "high": None}
    low, high = share_range(lost, n, confidence=0.95)
    return {"followed": n, "lost": lost, "share": lost / n, "low": low, "high": high}
