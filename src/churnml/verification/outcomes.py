"""Slow and obvious outcomes: did this customer churn after this date? Plain loops over one customer's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from churnml.verification.oracle import Row

__all__ = ["Outcome"]

_FOREVER = 10**18


@dataclass(frozen=True, slots=True)
class Outcome:
    """What churn means, in plain numbers.

    Parameters
    ----------
    kind : {"inactivity", "spell_end", "event"}
    lead_us, horizon_us, grace_us : int
    end_reasons : tuple of str
        Spell ends that count; empty = all.
    event_column, event_values :
        Which rows are churn events.
    """

    kind: Literal["inactivity", "spell_end", "event"]
    lead_us: int
    horizon_us: int
    grace_us: int = 0
    end_reasons: tuple[str, ...] = ()
    event_column: str = ""
    event_values: tuple[str, ...] = ()

    def window(self, t: int) -> tuple[int, int]:
        """Return the last instant before the outcome window, and its last instant."""
        return t + self.lead_us, t + self.lead_us + self.horizon_us

    def judged(self, rows: Sequence[Row], t: int) -> int | None:
        """Return 1 churned, 0 stayed, None cannot be known; by the versions of rows that hold in the end."""
        final = [r for r in rows if r.get("superseded_at") is None]
        opens, closes = self.window(t)
        if self.kind == "spell_end":
            return self._spells(final, t, opens, closes)
        if self.kind == "inactivity":
            return int(not any(opens < r["occurred_at"] <= closes for r in final if _is_activity(r)))
        events = [r for r in final if r.get(("category", self.event_column)) in self.event_values]
        if any(r["occurred_at"] <= opens and max(r["occurred_at"], r.get("known_at") or 0) > t for r in events):
            return None
        return int(any(opens < r["occurred_at"] <= closes for r in events))

    def _spells(self, rows: Sequence[Row], t: int, opens: int, closes: int) -> int | None:
        """Extend the cover in force at *t* until nothing continues it within the grace."""
        spans = [(r["started_at"], _FOREVER if r["ended_at"] is None else r["ended_at"], r) for r in rows]
        current = [span for span in spans if span[0] <= t < span[1]]
        if not current:
            return None
        cover = max(end for _, end, _ in current)
        last = [r for _, end, r in current if end == cover]
        while cover <= closes:
            later = [span for span in spans if span[0] <= cover + self.grace_us and span[1] > cover]
            if not later:
                break
            cover = max(end for _, end, _ in later)
            last = [r for _, end, r in later if end == cover]
        if cover <= opens:
            return None
        if cover > closes:
            return 0
        counts = not self.end_reasons or any(r.get("end_reason") in self.end_reasons for r in last)
        return 1 if counts else None


def _is_activity(row: Row) -> bool:
    return not row.get("is_late_line") and (row.get("amount") is None or row["amount"] >= 0)
