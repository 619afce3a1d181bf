"""Drivers of a period: service before the last answer and before the churn date, and the same one period earlier."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from churnml.relationship.assessment.cells import Side, Terms
from churnml.relationship.assessment.drivers import Outcome, before_and_after, drivers
from churnml.relationship.assessment.gathered import Run
from churnml.relationship.assessment.service_before import last_answers, service_before
from churnml.relationship.customers import Subject
from churnml.relationship.known import BucketAt
from churnml.relationship.period import Period
from churnml.timeline import DAY_US, NEVER

__all__ = ["driver_study"]

Floats = npt.NDArray[np.float64]


class _Asked(Protocol):
    """What the report says of itself."""

    @property
    def terms(self) -> Terms: ...

    @property
    def period(self) -> Period: ...

    @property
    def fdr(self) -> float: ...

    @property
    def driver(self) -> str: ...


def driver_study(subject: Subject, brief: _Asked, run: Run, now: Side, before: Side | None) -> dict[str, Any]:
    """Return the ranking of measures, and the before and after of the chosen one (else of the first that was found)."""
    outcomes = _outcomes(subject, run, brief.period, now)
    minimum = brief.terms.minimum
    rows = drivers(outcomes, minimum=minimum, fdr=brief.fdr)
    chosen = brief.driver or next((row["measure"] for row in rows), "")
    compared: list[dict[str, Any]] = []
    if chosen and before is not None:
        earlier = _outcomes(subject, run, brief.period.previous(), before)
        compared = before_and_after(chosen, outcomes, earlier, minimum=minimum)
    return {"rows": rows, "chosen": chosen, "is_chosen": bool(brief.driver), "before_after": compared}


def _outcomes(subject: Subject, run: Run, period: Period, side: Side) -> list[Outcome]:
    found = []
    for name in ("csat", "churn"):
        if name == "csat" and not subject.roles.of_kind("csat"):
            continue
        if name == "churn" and "at_risk" not in side.columns:
            continue
        parts = run(partial(_one, subject, period, name))
        measures = {key: np.concatenate([part[1][key] for part in parts]) for key in parts[0][1]}
        happened = np.concatenate([part[0] for part in parts])
        if name == "churn":
            at_risk = side.columns["at_risk"] > 0
            happened = np.where(at_risk, side.columns["churned"].astype(np.float64), np.nan)
        happened = np.where(side.columns["base"] > 0, happened, np.nan)
        activity = np.concatenate([part[2] for part in parts])
        found.append(Outcome(name, happened, measures, _equal(side, activity, period)))
    return found


def _one(subject: Subject, period: Period, name: str, number: int) -> tuple[Floats, dict[str, Floats], Floats]:
    bucket = BucketAt(subject.history, number, period.end)
    n = len(bucket.customers)
    if name == "csat":
        dates, happened = last_answers(subject, bucket, period)
    else:
        dates = np.full(n, subject.churn_date(period), dtype=np.int64)
        happened = np.full(n, np.nan)
    before = service_before(subject, bucket, dates, days=period.days)
    return happened, before.measures, before.activity


def _equal(side: Side, activity: Floats, period: Period) -> Floats:
    """Return what is held equal: tenure, activity, value (logarithms) and the levels of the first segment."""
    first = side.columns["first_us"]
    known = first != NEVER
    days = np.where(known, period.end - np.where(known, first, 0), 0) / DAY_US
    columns = [np.log1p(np.maximum(days, 0)), np.log1p(activity)]
    if "value_before" in side.columns:
        columns.append(np.log1p(np.maximum(side.columns["value_before"], 0) / 1e4))
    segment = next((way for way in side.ways if way.name.startswith("segment")), None)
    if segment is not None:
        columns += [(segment.codes == at).astype(np.float64) for at in range(1, len(segment.levels))]
    return np.column_stack(columns)
