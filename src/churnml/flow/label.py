"""Stage label: what came after each observation date, rows in the order of the spine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.errors import DataError
from churnml.flow.buckets import bucket_path
from churnml.flow.cause_sources import unpreventable
from churnml.flow.roles import (
    churn_definition,
    churn_window,
    is_value_carried,
    signs_of_life,
    treatment_log,
    value_definition,
)
from churnml.flow.spine import read_plan
from churnml.flow.treatments import check_treatments_known
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.labels.churn import CENSORED, churn_labels, static_labels
from churnml.labels.duration import duration_labels
from churnml.labels.holes import first_hole, touches_hole
from churnml.labels.leaving import leaving_labels
from churnml.labels.treatments import ListedLog, TreatmentLog, first_treatment, treated_within
from churnml.labels.value import ValueDefinition, value_labels
from churnml.parquet import read_parquet, write_parquet
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import new_folder
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["Outcomes", "label"]

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_TREATED, _IN_HOLE, _UNPREVENTABLE = -2, -3, -4
"""Why a snapshot has no label, beside that its outcome is not settled or cannot be known."""
_COUNTED = {"churned": 1, "stayed": 0, "censored": CENSORED, "treated": _TREATED, "in_hole": _IN_HOLE}
_COUNTED |= {"unpreventable": _UNPREVENTABLE}


def label(
    history: History,
    params: Params,
    spine: Path,
    target: Path,
    *,
    lists: Path | None = None,
    listed: ListedLog | None = None,
) -> dict[str, Any]:
    """Write ``churn/``, ``value/`` and ``duration/``, rows in the order of the spine, unsettled outcomes missing.

    Parameters
    ----------
    history : History
    params : Params
    spine, target : Path
    lists : Path, optional
        Folder of campaigns already delivered: whom they reached must be known before outcomes are learned from.
    listed : ListedLog, optional
        Who stood on them, where that is the log of contacts, or a part of it.

    Returns
    -------
    dict
        After how many days outcomes count as known; and per observation date (with dates of each customer's own, per
        month) how many churned, stayed, are censored, were treated, lie where rows are missing, or were lost for a
        cause that nobody can act on and is not learned from.

    Raises
    ------
    TimeContractError
        If lists were delivered inside labelled outcomes and no treatments are declared, or none is kept of their day.
    DataError
        If missing rows leave no outcome to learn from.
    """
    plan = read_plan(spine)
    check_treatments_known(params, plan, lists, listed, reach_us=churn_window(params, plan).reach_us)
    has_durations = churn_definition(params).kind != "label"
    with new_folder(target) as temp:
        (temp / "churn").mkdir()
        (temp / "value").mkdir()
        if has_durations:
            (temp / "duration").mkdir()

        def one(number: int) -> tuple[dict[int, Int64s], Int64s]:
            table = read_parquet(bucket_path(spine, number))
            outcome = Outcomes(params, history, plan, Bucket(history, number), table, listed)
            labels, values = outcome.churn(), outcome.value()
            churned = pa.array(labels, pa.int8(), mask=labels < 0)
            write_parquet(outcome.table.append_column("is_churned", churned), bucket_path(temp / "churn", number))
            write_parquet(outcome.with_values(values), bucket_path(temp / "value", number))
            if has_durations:
                write_parquet(outcome.duration(), bucket_path(temp / "duration", number))
            why = np.array([0, CENSORED, _TREATED, _IN_HOLE])
            return outcome.counted(labels), (values.why[:, None] == why).sum(axis=0)

        parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
        by_date = _merged([counts for counts, _ in parts], months=bool(plan.anchors_us))
        _check_not_all_missing(by_date, history)
    value = dict(zip(("labelled", "censored", "treated", "in_hole"), _summed([n for _, n in parts]), strict=True))
    return {
        "settle_days": plan.settle_us // DAY_US,
        "outcomes_known_until": us_to_iso(plan.settled_until),
        "by_date": by_date,
        "value": value,
    }


@dataclass(frozen=True, slots=True)
class _Values:
    """Values of snapshots, and why there is none: 0 where there is one."""

    value: Floats
    why: Int8s


class Outcomes:
    """The snapshots of one bucket and what came after them."""

    def __init__(
        self,
        params: Params,
        history: History,
        plan: SnapshotPlan,
        bucket: Bucket,
        table: pa.Table,
        listed: ListedLog | None = None,
    ) -> None:
        self.params, self.history, self.plan, self.bucket, self.table = params, history, plan, bucket, table
        self.listed = listed
        self.customer, self.dates = bucket.snapshots(table)

    def churn(self) -> Int8s:
        """Return 1 churned, 0 stayed, or why it is not known."""
        definition, window, plan = churn_definition(self.params), churn_window(self.params, self.plan), self.plan
        if definition.kind == "label":
            return self._ready_labels(definition.table)
        labels = churn_labels(
            self.bucket, definition, window, self.customer, self.dates, settled_until=plan.settled_until
        )
        labels[~(self.dates < plan.as_of if plan.anchors_us else np.isin(self.dates, plan.churn_dates))] = CENSORED
        labels[(labels >= 0) & self._treated("churn", window.reach_us)] = _TREATED
        # Silence before a date decides who is at risk there: that, too, must have been observed.
        before = (definition.active_within_us or 0) if definition.kind == "inactivity" else 0
        labels[(labels != CENSORED) & self._in_hole(definition.table, before, window.reach_us)] = _IN_HOLE
        labels[self._unpreventable(labels == 1)] = _UNPREVENTABLE
        return labels

    def duration(self) -> pa.Table:
        """Return the days to the event, those observed, and whether something else ended them first.

        Snapshots too young for a whole outcome have durations too. Those treated in the outcome, and those that need
        rows that are missing, have none, as they have no label; what disturbs later ends what is observed.
        """
        definition, window = churn_definition(self.params), churn_window(self.params, self.plan)
        holes = [hole for hole in self.history.holes if hole[1] <= self.plan.settled_until]
        until = np.minimum(self.plan.settled_until, first_hole(self.dates, holes, tables={definition.table}))
        for log in self._logs("churn"):
            until = np.minimum(until, first_treatment(self.bucket, log, self.customer, self.dates))
        before = (definition.active_within_us or 0) if definition.kind == "inactivity" else 0
        reach = {"before_us": before, "reach_us": window.reach_us}
        disturbed = self._treated("churn", window.reach_us)
        disturbed |= touches_hole(self.dates, holes, tables={definition.table}, **reach)
        disturbed |= self._unpreventable(np.ones(len(self.dates), dtype=bool))
        found = duration_labels(
            self.bucket,
            definition,
            window,
            self.customer,
            self.dates,
            observed_until=np.where(disturbed, self.dates, until),
        )
        columns = {
            "event_days": pa.array(found.event_days, from_pandas=True),
            "observed_days": pa.array(found.observed_days, from_pandas=True),
            "is_competing": pa.array(found.is_competing),
        }
        if definition.kind == "inactivity":
            left = self.leaving()
            columns["has_left"] = pa.array(left, pa.int8(), mask=left < 0)
        return pa.table({name: self.table[name] for name in self.table.column_names} | columns)

    def leaving(self) -> Int8s:
        """Return 1 who was there and left within the horizon, 0 who did not, -1 where it is not known."""
        window, tables = churn_window(self.params, self.plan), signs_of_life(self.params)
        left = leaving_labels(
            self.bucket,
            tables,
            self.customer,
            self.dates,
            horizon_us=window.horizon_us,
            settled_until=self.plan.settled_until,
        )
        left[self._treated("churn", window.horizon_us)] = CENSORED
        for table in tables:
            left[self._in_hole(table, 0, 2 * window.horizon_us)] = CENSORED
        return left

    def value(self) -> _Values:
        """Return the values that are settled."""
        plan, definition, n_rows = self.plan, value_definition(self.params), len(self.dates)
        values, why = np.zeros(n_rows), np.full(n_rows, CENSORED, dtype=np.int8)
        if definition is None or not plan.value_horizon_us:
            return _Values(values, why)
        settled = self.dates + plan.value_horizon_us <= plan.settled_until
        why[settled if plan.anchors_us else settled & np.isin(self.dates, plan.value_dates)] = 0
        why[(why == 0) & self._treated("value", plan.value_horizon_us)] = _TREATED
        why[(why != CENSORED) & self._in_hole(definition.table, 0, plan.value_horizon_us)] = _IN_HOLE
        values[why == 0] = self._summed_values(definition, why == 0, horizon_us=plan.value_horizon_us)
        return _Values(values, why)

    def with_values(self, values: _Values) -> pa.Table:
        """Return the snapshots with their values; ``value_half`` is what came in half the horizon, where needed.

        That is where the value asked for reaches beyond any label: from it the carrying of values is checked.
        """
        table = self.table.append_column("value", pa.array(values.value, mask=values.why != 0))
        definition = value_definition(self.params)
        if definition is None or not is_value_carried(self.params, self.plan):
            return table
        half, wanted = np.zeros(len(self.dates)), values.why == 0
        half[wanted] = self._summed_values(definition, wanted, horizon_us=self.plan.value_half_us)
        return table.append_column("value_half", pa.array(half, mask=~wanted))

    def _summed_values(self, definition: ValueDefinition, wanted: Bools, *, horizon_us: int) -> Floats:
        return value_labels(
            self.bucket,
            definition,
            self.customer[wanted],
            self.dates[wanted],
            horizon_us=horizon_us,
            is_spells=self.history.tables[definition.table].kind == "spells",
        )

    def counted(self, labels: Int8s) -> dict[int, Int64s]:
        """Return per date how many snapshots have each label, or none and why."""
        days, place = np.unique(self.dates, return_inverse=True)
        kinds = [np.bincount(place[labels == kind], minlength=len(days)) for kind in _COUNTED.values()]
        return dict(zip(days.tolist(), np.stack(kinds, axis=1), strict=True))

    def _treated(self, outcome: str, reach_us: int) -> Bools:
        treated = np.zeros(len(self.dates), dtype=bool)
        for log in self._logs(outcome):
            treated |= treated_within(self.bucket, log, self.customer, self.dates, reach_us=reach_us)
        return treated

    def _logs(self, outcome: str) -> list[TreatmentLog | ListedLog]:
        """Return the logs of contacts whose customers' outcomes are left out."""
        declared, treatments = treatment_log(self.params, outcome), self.params.treatments
        logs: list[TreatmentLog | ListedLog] = [] if declared is None else [declared]
        if self.listed is not None and treatments is not None and outcome in treatments.outcomes:
            logs.append(self.listed)
        return logs

    def _unpreventable(self, asked: Bools) -> Bools:
        """Return which of the losses asked for are not learned from: nobody could have kept these customers."""
        found = np.zeros(len(self.dates), dtype=bool)
        if self.params.causes.learn_from_uncontrollable or not asked.any():
            return found
        window = churn_window(self.params, self.plan)
        rows = self.customer[asked], self.dates[asked]
        found[asked] = unpreventable(self.params, self.history, self.bucket, window, *rows)
        return found

    def _in_hole(self, table: str, before_us: int, reach_us: int) -> Bools:
        return touches_hole(self.dates, self.history.holes, tables={table}, before_us=before_us, reach_us=reach_us)

    def _ready_labels(self, name: str) -> Int8s:
        info = self.history.tables[name]
        ready = static_labels(
            self.bucket.table(name)["label"],
            churned_values=self.params.churn.label_values,
            file=info.file,
            name=self.params.churn.label or "",
        )
        by_customer = np.full(len(self.bucket.customers), CENSORED, dtype=np.int8)
        by_customer[self.bucket.rows_of(self.bucket.table(name)["customer_id"])] = ready
        return by_customer[self.customer]


def _check_not_all_missing(by_date: dict[str, dict[str, int]], history: History) -> None:
    """Refuse to go on where missing rows leave no outcome to learn from."""
    total = {name: sum(counts[name] for counts in by_date.values()) for name in _COUNTED}
    if total["in_hole"] and not total["churned"] + total["stayed"]:
        table, begin, end = history.holes[0]
        raise DataError(
            f"rows are missing from {us_to_iso(begin)} to {us_to_iso(end)}, and every outcome needs that period",
            rule="data.hole_in_outcomes",
            file=history.tables[table].file,
            count=total["in_hole"],
            next_step="Deliver the missing rows, a longer history, or shorten churn.horizon_days.",
        )


def _summed(parts: list[Int64s]) -> list[int]:
    total: list[int] = np.sum(parts, axis=0).tolist()
    return total


def _merged(parts: list[dict[int, Int64s]], *, months: bool) -> dict[str, dict[str, int]]:
    total: dict[str, Int64s] = {}
    for part in parts:
        for date, counts in part.items():
            name = us_to_iso(date)[:7] if months else us_to_iso(date)
            total[name] = total.get(name, np.zeros(len(_COUNTED), dtype=np.int64)) + counts
    return {name: dict(zip(_COUNTED, total[name].tolist(), strict=True)) for name in sorted(total)}
