"""Tables that hold only who is still there: those who left are missing from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.timeline import us_to_iso
from churnml.verification.findings import Finding

__all__ = ["Presence", "check_listed", "check_table"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_LEAST_MISSING = 20
_LEAST_SHARE = 0.05
_TIMES_MORE = 4.0
_LEAST_GONE = 50
_LEAST_PRESENT = 0.2


@dataclass(frozen=True)
class Presence:
    """Customers at risk at some dates, and whether a table has a row of them.

    Parameters
    ----------
    dates : ndarray of int64, shape (n_rows,)
    is_present : ndarray of bool, shape (n_rows,)
    is_gone : ndarray of bool, shape (n_rows,)
        No longer at risk at ``as_of``.
    """

    dates: Int64s
    is_present: Bools
    is_gone: Bools


def check_listed(presence: Presence, *, column: str, file: str) -> list[Finding]:
    """Return whether the customers table lacks those who left.

    Compared are, among customers at risk at the first date with enough of both, those gone by ``as_of`` and those
    still there.
    """
    for date in np.unique(presence.dates):
        here = presence.dates == date
        gone, missing = presence.is_gone[here], ~presence.is_present[here]
        if gone.sum() < _LEAST_MISSING or (~gone).sum() < _LEAST_MISSING:
            continue
        of_gone, of_others = float(missing[gone].mean()), float(missing[~gone].mean())
        if missing[gone].sum() >= _LEAST_MISSING and of_gone >= _LEAST_SHARE and of_gone >= _TIMES_MORE * of_others:
            newest = presence.dates == presence.dates.max()
            share_newest = float((~presence.is_present[newest]).mean())
            return [
                Finding(
                    *("time.survivors_only", "error", column, file),
                    n=int(missing.sum()),
                    of=int(here.sum()),
                    value=share_newest,
                    date=us_to_iso(int(date)),
                    other_date=us_to_iso(int(presence.dates.max())),
                )
            ]
    return []


def check_table(presence: Presence, *, column: str, file: str) -> list[Finding]:
    """Return whether another table has rows of those still there and hardly any of those gone."""
    gone, present = presence.is_gone, presence.is_present
    if gone.sum() < _LEAST_GONE or (~gone).sum() < _LEAST_GONE:
        return []
    of_gone, of_others = float(present[gone].mean()), float(present[~gone].mean())
    if of_others < _LEAST_PRESENT or of_gone > of_others / 20:
        return []
    oldest = us_to_iso(int(presence.dates.min()))
    return [
        Finding(
            *("time.table_of_survivors", "warning", column, file),
            n=int(present[gone].sum()),
            of=int(gone.sum()),
            value=of_others,
            date=oldest,
        )
    ]
