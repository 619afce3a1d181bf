"""What was done after a change, contact by contact, and what it did: against a control group, else the alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.effects import LearnedEffect, learn_effects
from churnml.campaign.matched import MatchedEffect, matched_effect
from churnml.engines.local import map_buckets
from churnml.flow.effects import contact_outcomes, customer_segments
from churnml.flow.impact_measures import Setting, is_affected
from churnml.flow.roles import churn_definition, churn_window
from churnml.histories.bucket import Bucket
from churnml.labels.treatments import TreatmentLog, treated_within
from churnml.labels.windows import any_in_window
from churnml.relationship.impact.study import Change
from churnml.snapshots.population import at_risk
from churnml.timeline import DAY_US, NEVER

__all__ = ["Contacts", "contacts_of", "effects_of"]

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
_STEP_US = 30 * DAY_US
_DAYS = (7, 30, 90, 180)
_ROWS = (2, 5, 10)
_NOTHING = LearnedEffect(np.nan, np.nan, {}, 0, 0, 0, 0, is_enough=False)
"""Of contacts whose outcomes are not known yet."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contacts of a stretch of time, one entry each, and untreated customers beside them.

    Parameters
    ----------
    table : Table
        ``action``, ``at`` (microseconds), ``is_treated``, ``is_control``, ``is_affected``, ``has_left`` (-1 = not known
        yet), ``segment``, ``stratum``.
    alike : Table
        Customers at risk in the middle of each month who were not treated: ``has_left``, ``stratum``.
    n_affected, n_reached : int
        Customers concerned and at risk when the change began; how many of them were treated.
    """

    table: pa.Table
    alike: pa.Table
    n_affected: int
    n_reached: int


def contacts_of(setting: Setting, change: Change, *, until: int) -> Contacts | None:
    """Return the contacts in ``(start, until]``; None where ``treatments`` names no table.

    Parameters
    ----------
    setting : Setting
    change : Change
    until : int
    """
    treatments = setting.params.treatments
    if treatments is None or treatments.ignore or not treatments.table:
        return None
    log = TreatmentLog(treatments.table, treatments.column or "", treatments.treated, treatments.control)
    one = _OneBucket(setting, change, log, until)
    parts = map_buckets(one, n_buckets=setting.history.n_buckets, threads=setting.params.train.threads)
    tables = [pa.concat_tables([part[place] for part in parts]).combine_chunks() for place in (0, 1)]
    return Contacts(tables[0], tables[1], sum(part[2] for part in parts), sum(part[3] for part in parts))


def effects_of(contacts: Contacts) -> dict[str, LearnedEffect | MatchedEffect]:
    """Return what each action did to those concerned, by its control group, else by customers who were alike."""
    every = contacts.table.filter(contacts.table["is_affected"])
    table = every.filter(pc.greater_equal(every["has_left"], 0))
    arms = table.filter(pc.or_(table["is_treated"], table["is_control"]))
    left = arms["has_left"].to_numpy().astype(np.float64)
    found: dict[str, LearnedEffect | MatchedEffect] = {}
    learned = learn_effects(_texts(arms["action"]), arms["is_treated"].to_numpy(), left)
    held_out = set(_texts(every.filter(every["is_control"])["action"]).tolist())
    for action in sorted(set(_texts(every["action"]).tolist())):
        if action in held_out:
            found[action] = learned.get(action, _NOTHING)
            continue
        chosen = table.filter(pc.and_(pc.equal(table["action"], action), table["is_treated"]))
        alike = pa.chunked_array([*chosen["stratum"].chunks, *contacts.alike["stratum"].chunks], pa.string())
        stratum = alike.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        has_left = np.concatenate([t["has_left"].to_numpy() for t in (chosen, contacts.alike)]).astype(np.float64)
        is_treated = np.arange(len(stratum)) < chosen.num_rows
        found[action] = matched_effect(stratum, is_treated, has_left)
    return found


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    return np.asarray(column.to_pylist(), dtype=str)


class _OneBucket:
    """Looks at the contacts of one bucket."""

    def __init__(self, setting: Setting, change: Change, log: TreatmentLog, until: int) -> None:
        self.setting, self.change, self.log, self.until = setting, change, log, until
        self.reach = churn_window(setting.params).reach_us

    def __call__(self, number: int) -> tuple[pa.Table, pa.Table, int, int]:
        setting = self.setting
        bucket = Bucket(setting.history, number)
        affected, segment = is_affected(setting.history, bucket, self.change), customer_segments(setting.params, bucket)
        everybody = np.arange(len(bucket.customers))
        starts = np.full(len(everybody), self.change.start, dtype=np.int64)
        there = affected & self._at_risk(bucket, everybody, starts)
        treated = np.zeros(len(everybody), dtype=bool)
        rows = (
            bucket.offsets(self.log.table),
            bucket.instants(self.log.table, "occurred_at"),
            self.log.is_treatment(bucket),
        )
        any_in_window(*rows, everybody, starts, np.full(len(everybody), self.until, dtype=np.int64), treated)
        table = self._contacts(bucket, affected, segment)
        return table, self._alike(bucket, affected, segment), int(there.sum()), int((there & treated).sum())

    def _at_risk(self, bucket: Bucket, customer: Int64s, dates: Int64s) -> Bools:
        return at_risk(bucket, self.setting.history, churn_definition(self.setting.params), customer, dates)

    def _contacts(self, bucket: Bucket, affected: Bools, segment: pa.Array) -> pa.Table:
        treatments, table = self.setting.params.treatments, self.log.table
        offsets, dates = bucket.offsets(table), bucket.instants(table, "occurred_at")
        who = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        treated = self.log.is_treatment(bucket)
        control = np.zeros(len(dates), dtype=bool)
        if self.log.column and self.log.control:
            arms = bucket.categories(table, self.log.column)
            held = pc.is_in(arms, value_set=pa.array(self.log.control, pa.string()))
            control = pc.fill_null(held, False).to_numpy(zero_copy_only=False)
        keep = (dates > self.change.start) & (dates <= self.until) & (treated | control)
        keep &= bucket.known_until(table) == NEVER
        who, dates = who[keep], dates[keep]
        channel = None if treatments is None else treatments.channel
        action = (
            pa.array([""] * len(who), pa.string())
            if channel is None
            else pc.fill_null(bucket.categories(table, channel).filter(pa.array(keep)), "")
        )
        return pa.table(
            {
                "action": action,
                "at": pa.array(dates),
                "is_treated": pa.array(treated[keep]),
                "is_control": pa.array(control[keep] & ~treated[keep]),
                "is_affected": pa.array(affected[who]),
                "has_left": pa.array(contact_outcomes(self.setting.params, bucket, who, dates)),
                "segment": segment.take(pa.array(who)),
                "stratum": self._stratum(bucket, who, dates, affected, segment),
            }
        )

    def _alike(self, bucket: Bucket, affected: Bools, segment: pa.Array) -> pa.Table:
        """Return who was at risk and untreated in the middle of each month of the stretch."""
        middles = np.arange(self.change.start + _STEP_US // 2, self.until, _STEP_US, dtype=np.int64)
        some = np.arange(0, len(bucket.customers), self.setting.step)
        who, dates = np.tile(some, len(middles)), np.repeat(middles, len(some))
        keep = self._at_risk(bucket, who, dates) if len(who) else np.zeros(0, dtype=bool)
        who, dates = who[keep], dates[keep]
        # Neither treated meanwhile nor shortly before: that would still be at work.
        near = treated_within(bucket, self.log, who, dates - self.reach, reach_us=2 * self.reach)
        who, dates = who[~near], dates[~near]
        left = contact_outcomes(self.setting.params, bucket, who, dates)
        known = left >= 0
        stratum = self._stratum(bucket, who[known], dates[known], affected, segment)
        return pa.table({"has_left": pa.array(left[known]), "stratum": stratum})

    def _stratum(self, bucket: Bucket, who: Int64s, dates: Int64s, affected: Bools, segment: pa.Array) -> pa.Array:
        """Return a text equal for those who are alike: month, concerned or not, how lately and often there, segment."""
        table = churn_definition(self.setting.params).table
        at = bucket.instants(
            table, "started_at" if self.setting.history.tables[table].kind == "spells" else "occurred_at"
        )
        offsets = bucket.offsets(table)
        since, rows = np.full(len(who), NEVER, dtype=np.int64), np.zeros(len(who), dtype=np.int64)
        for place, (customer, date) in enumerate(zip(who.tolist(), dates.tolist(), strict=True)):
            low = offsets[customer]
            n = int(np.searchsorted(at[low : offsets[customer + 1]], date, side="right"))
            rows[place] = n
            if n:
                since[place] = date - at[low + n - 1]
        month = (dates - self.change.start) // _STEP_US
        late = np.searchsorted(np.array(_DAYS) * DAY_US, since)
        often = np.searchsorted(np.array(_ROWS), rows, side="right")
        numbers = [pa.array(part.astype(np.int64)).cast(pa.string()) for part in (month, affected[who], late, often)]
        return pc.binary_join_element_wise(*numbers, segment.take(pa.array(who)), "/")
