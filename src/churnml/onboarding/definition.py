"""What churn is for these customers: a ready label, the end of a contract, a cancelling event, or silence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from churnml.onboarding.draft import Choice, Draft
from churnml.onboarding.names import hints
from churnml.onboarding.passage import MISSING, Passage
from churnml.onboarding.rhythm import NICE_DAYS, Silence, called_churned, nice_days, renewals, silence_of
from churnml.onboarding.roles import is_treatment_table
from churnml.timeline import DAY_US

__all__ = ["Churned", "Horizons", "churn_of", "purchases_of"]

LATE_RETURN, HARDLY_ANY, WRONGLY_CALLED = 0.2, 0.1, 0.25
"""Of all events, the share that may be followed by a silence as long as the horizon, and as the time of activity, and a
return; of those called churned, the share that may come back in a time as long again."""
_ROUNDING = 0.97
_CANCEL = re.compile(
    r"cancel|churn|terminat|unsubscrib|deactivat|kündig|kuendig|abgemeldet|退订|注销|取消|流失", re.IGNORECASE
)
_LEAST_ENDS = 20


@dataclass
class Churned:
    """The proposed block ``churn``, and the passage its figures rest on."""

    keys: dict[str, Choice]
    table: Draft
    passage: Passage | None = None

    @property
    def name(self) -> str:
        """Return how a question names it."""
        return f"{self.keys['definition'].value} of {self.table.name}"


@dataclass(frozen=True)
class Horizons:
    """What a history can carry.

    Parameters
    ----------
    span_days : int
        Length of the history of the table.
    """

    span_days: int

    @property
    def longest_days(self) -> int:
        """Return the longest outcome that can be learned and tested out of time: two, and 90 days before them."""
        return max(7, (self.span_days - 120) // 2)


def purchases_of(drafts: Sequence[Draft], passages: Mapping[str, Passage]) -> Draft | None:
    """Return the events table whose silence says most: purchases with money first, then the one with most customers."""
    events = [d for d in drafts if d.kind == "events" and not is_treatment_table(d)]
    events = [d for d in events if "cancel_table" not in hints(d.name)]

    def rank(draft: Draft) -> tuple[bool, bool, int]:
        named = "purchases_table" in hints(draft.name)
        return "amount" in draft.roles, named, len(np.unique(passages[draft.name].customer))

    return max(events, key=rank, default=None)


def churn_of(drafts: Sequence[Draft], passages: Mapping[str, Passage]) -> list[Churned]:
    """Return the definitions that dated tables allow, the likeliest first; none where no table has a history."""
    purchases = purchases_of(drafts, passages)
    spells = [d for d in drafts if d.kind == "spells" and "end" in d.roles]
    spell = max(spells, key=lambda d: len(np.unique(passages[d.name].customer)), default=None)
    cancel = _cancelling(drafts, passages)
    found: list[Churned] = []
    if spell is not None and _is_contractual(spell, purchases, passages):
        found.append(_spell_end(spell, passages[spell.name]))
    if cancel is not None:
        draft, column, values = cancel
        is_better = spell is None or _n_gone(spell, passages[spell.name]) < 0.5 * len(
            np.unique(passages[draft.name].customer)
        )
        found.insert(
            0 if is_better and (spell is not None or not _has_money(purchases)) else len(found),
            _event(draft, column, values, passages[draft.name]),
        )
    if purchases is not None:
        found.append(_inactivity(purchases, passages[purchases.name]))
    if spell is not None and not found:
        found.append(_spell_end(spell, passages[spell.name]))
    return found


def _has_money(draft: Draft | None) -> bool:
    return draft is not None and "amount" in draft.roles


def _is_contractual(spell: Draft, purchases: Draft | None, passages: Mapping[str, Passage]) -> bool:
    """Return whether enough contracts end, and most customers have one."""
    own = passages[spell.name]
    if _n_gone(spell, own) < _LEAST_ENDS:
        return False
    if purchases is None or "amount" not in purchases.roles:
        return True
    customers = np.unique(passages[purchases.name].customer)
    return bool(np.isin(customers, own.customer).mean() > 0.5)


def _n_gone(spell: Draft, passage: Passage) -> int:
    """Return how many customers have no spell any more on the last day."""
    end = passage.times[str(spell.column("end"))]
    limit = (passage.last_day + 1) * DAY_US
    runs = (end == MISSING) | (end >= limit)
    return int(len(np.unique(passage.customer)) - len(np.unique(passage.customer[runs])))


def _spell_end(draft: Draft, passage: Passage) -> Churned:
    start, end = str(draft.column("start")), str(draft.column("end"))
    gaps = renewals(passage, start=start, end=end)
    n_ends = int((passage.times[end] != MISSING).sum())
    lasted = passage.times[end] - passage.times[start]
    days = float(np.median(lasted[passage.times[end] != MISSING])) / DAY_US if n_ends else 365.0
    grace, why = 0, "hardly any ended contract is followed by another one"
    if len(gaps) > 0.05 * max(n_ends, 1):
        most = float(np.quantile(gaps, 0.9))
        grace = nice_days(most, at_most=90) if most > 0 else 0
        why = f"{len(gaps):,} of {n_ends:,} ended contracts were renewed, nine of ten within {most:.0f} days"
    horizons = Horizons(passage.last_day - passage.first_day)
    horizon = nice_days(min(max(days / 2, 30), 90), at_most=max(horizons.longest_days - grace, 7))
    keys = {
        "definition": Choice("spell_end", f"contractual: {_n_gone(draft, passage):,} customers have none any more"),
        "table": Choice(draft.name),
        "horizon_days": Choice(horizon, f"half of the ended contracts lasted {days:,.0f} days or less"),
        "grace_days": Choice(grace, why),
    }
    return Churned(keys, draft, passage)


def _cancelling(drafts: Sequence[Draft], passages: Mapping[str, Passage]) -> tuple[Draft, str, list[str]] | None:
    """Return the events table, its category and its values that tell of a customer who leaves."""
    for draft in drafts:
        if draft.kind != "events" or not draft.columns("categories"):
            continue
        columns = draft.columns("categories")
        if "cancel_table" in hints(draft.name):
            named = [c for c in columns if "end_reason" in draft.source.facts[c].hints] or columns
            return draft, named[0], sorted(draft.source.facts[named[0]].levels)
        for column in columns:
            levels = draft.source.facts[column].levels
            found = sorted(level for level in levels if _CANCEL.search(level))
            if found and len(found) < len(levels) and "purchases_table" not in hints(draft.name):
                if is_treatment_table(draft) or "end_reason" in draft.source.facts[column].hints:
                    continue
                if "type" in draft.source.facts[column].hints and passages:
                    return draft, column, found
    return None


def _event(draft: Draft, column: str, values: list[str], passage: Passage) -> Churned:
    horizons = Horizons(passage.last_day - passage.first_day)
    keys = {
        "definition": Choice("event", f"{draft.name} tells of customers who leave"),
        "table": Choice(draft.name),
        "event": Choice({"column": column, "values": values}, "the rows that are churn"),
        "horizon_days": Choice(nice_days(90, at_most=horizons.longest_days), "as far as decisions reach"),
    }
    return Churned(keys, draft, passage)


def _inactivity(draft: Draft, passage: Passage) -> Churned:
    time = str(draft.column("time"))
    silence = silence_of(passage, time)
    longest = Horizons(passage.last_day - passage.first_day).longest_days
    horizon, why = _silent_horizon(passage, time, silence, longest)
    wanted = max(silence.quiet(HARDLY_ANY), 2.0 * horizon)
    active = max(nice_days(min(wanted, 730) * _ROUNDING, at_most=max(2 * longest, horizon)), horizon)
    gap = f"half of all pauses last {silence.median_gap:,.0f} days or less" if silence.n_gaps else "nobody came twice"
    keys = {
        "definition": Choice("inactivity", f"no contract ends; customers come back: {gap}"),
        "table": Choice(draft.name),
        "horizon_days": Choice(horizon, why),
        "active_within_days": Choice(
            active, f"{silence.at(active):.0%} come back after a longer silence: they are gone"
        ),
    }
    return Churned(keys, draft, passage)


def _silent_horizon(passage: Passage, time: str, silence: Silence, longest: int) -> tuple[int, str]:
    """Return the silence that is churn: longer than usual pauses, and with few who come back all the same."""
    wanted = silence.quiet(LATE_RETURN) if silence.n_gaps else 90.0
    usual = nice_days(min(wanted, 365) * _ROUNDING, at_most=longest)
    fitting = [days for days in NICE_DAYS if usual <= days <= min(longest, 365)] or [usual]
    called = {days: called_churned(passage, time, days) for days in fitting}
    few = [days for days, found in called.items() if found is not None and found.wrong <= WRONGLY_CALLED]
    horizon = few[0] if few else usual
    found = called.get(horizon)
    why = f"of all events, {silence.at(horizon):.0%} are followed by a longer silence and a return"
    if found is not None:
        silent = f"{found.churned:.0%} of the active are silent for so long"
        why = f"{silent}; of these {found.wrong:.0%} return in as long again; {why}"
    if not few:
        why += f"; no horizon that the history carries ({longest} days) has less than {WRONGLY_CALLED:.0%} of returns"
    return horizon, why
