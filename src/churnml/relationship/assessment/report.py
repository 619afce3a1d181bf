"""The report of one period as plain values: what page, workbook and a later report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import DataError
from churnml.histories.conform import MONEY_UNITS
from churnml.relationship.assessment.actions import Action
from churnml.relationship.assessment.cells import Side, Terms, figure_cells, in_money
from churnml.relationship.assessment.continuity import breaks, definitions_of
from churnml.relationship.assessment.driver_study import driver_study
from churnml.relationship.assessment.figures import figures_of
from churnml.relationship.assessment.followed import followed_actions
from churnml.relationship.assessment.gathered import Customers, Population, Run, customers_of, gather
from churnml.relationship.assessment.grade import grade, grade_of_all
from churnml.relationship.assessment.lines import bought_before, customers_of_lines, line_findings
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.assessment.sources import source_counts, sum_counts
from churnml.relationship.assessment.survey_study import survey_study
from churnml.relationship.assessment.target import churn_band
from churnml.relationship.assessment.tiers import migration
from churnml.relationship.assessment.topics import raised, topic_ranking
from churnml.relationship.assessment.touch_points import touched
from churnml.relationship.assessment.weak_points import weak_points
from churnml.relationship.customers import Subject
from churnml.relationship.period import Period
from churnml.timeline import DAY_US, us_to_date

__all__ = ["HEADLINES", "Brief", "assess"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Report = dict[str, Any]
_YEAR_US = 365 * DAY_US
HEADLINES = ("csat", "nps", "churn", "revenue_churn", "clv", "year_value", "frequency", "repeat")
"""Figures whose grades make that of the whole."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What is asked, of whom, for when: fixed before anything is computed.

    Parameters
    ----------
    name, question : str
        Of the series of reports.
    population : Population
    period : Period
    timezone, currency : str
    terms : Terms
    n_periods : int
        How many periods the charts show, this one included.
    fdr : float
        Share of false findings that is accepted among all findings.
    targets : mapping of str to (float or None, float or None)
        Figure -> band.
    actions : sequence of Action
    driver : str
        Measure of service whose before and after is told; empty = the first of the ranking.
    earlier : mapping, optional
        Definitions that held before, where they differ.
    """

    name: str
    question: str
    population: Population
    period: Period
    timezone: str
    currency: str
    terms: Terms
    n_periods: int = 6
    fdr: float = 0.05
    targets: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    actions: Sequence[Action] = ()
    driver: str = ""
    earlier: Mapping[str, Any] | None = None

    def day(self, instant: int) -> date:
        """Return the calendar day of an instant in the project's time zone."""
        return us_to_date(instant, timezone=self.timezone)


def assess(subject: Subject, brief: Brief, run: Run, *, scores: pa.Table | None, last: Report | None) -> Report:
    """Return the report of a period.

    Parameters
    ----------
    subject : Subject
    brief : Brief
    run : callable
        Calls a function with each bucket's number.
    scores : pyarrow.Table, optional
        Of the period's end.
    last : dict, optional
        The report before this one, of the same series.
    """
    work = _Work(subject, brief, run, scores)
    now, before = work.side(0), work.side(1) if work.has_before else None
    _refuse_nobody(now)
    figures, absent = figures_of(now.columns)
    old = None if before is None or any(n not in before.columns for f in figures for n in f.needs) else before
    if before is not None and old is None:
        # What is known of this period alone, such as predicted value, is compared with the last report instead.
        nothing = np.zeros_like(now.columns["base"])
        old = replace(before, columns={**dict.fromkeys(now.columns, nothing), **before.columns})
    cells = figure_cells(figures, now, old, brief.terms)
    series = work.series([f.name for f in figures])
    told: list[Report] = [
        {
            "name": f.name,
            "kind": f.kind,
            "better": f.better,
            "is_share": f.is_share,
            "cells": in_money(f, cells[f.name]),
            "band": list(brief.targets[f.name]) if f.name in brief.targets else None,
            "grade": grade(cells[f.name]["all"]["all"], better=f.better, band=brief.targets.get(f.name)),
        }
        for f in figures
    ]
    _value_from_last(told, last)
    if not work.has_year_before:
        _without_before(told, "year_value")
    report: Report = {
        **_head(subject, brief, now),
        "figures": told,
        "missing": absent,
        "ways": [{"name": way.name, "levels": list(way.levels)} for way in (now.everybody, *now.ways)],
        "grade": grade_of_all([f["grade"] for f in told if f["name"] in HEADLINES]),
        "series": series,
        "band": _band(now, brief, series, told),
        "survey": survey_study(now, before, work.customers, minimum=brief.terms.minimum),
        "tiers": None if before is None else _tiers(now, before, brief),
        "sources": work.sources(now),
        "breaks": breaks(work, now, before, brief=brief, last=last),
    }
    report["weak_points"] = work.weak_points(now)
    report["topics"] = work.topics(now)
    report["drivers"] = driver_study(subject, brief, run, now, before)
    report["lines"] = work.lines(now)
    report["actions"] = followed_actions(brief, told, series, last)
    return report


def _refuse_nobody(now: Side) -> None:
    """Refuse a report about nobody.

    Raises
    ------
    DataError
        If no customer of the period is in the population.
    """
    if not (now.columns["base"] > 0).any():
        raise DataError(
            "no customer of the period is in the population",
            rule="data.empty_population",
            file="params.yaml",
            column="relationship.population",
            count=0,
            next_step="Check column and value, and the end of the period.",
        )


class _Work:
    """A subject with its customers, looked at period by period."""

    def __init__(self, subject: Subject, brief: Brief, run: Run, scores: pa.Table | None) -> None:
        self.subject = subject
        self.brief = brief
        self.run = run
        columns = [*subject.roles.segments]
        if brief.population.column and brief.population.column not in columns:
            columns.append(brief.population.column)
        self.customers: Customers = customers_of(subject, run, columns=columns, scores=scores)
        self._sides: dict[int, Side] = {}

    @property
    def has_before(self) -> bool:
        """Return whether the history reaches back over a whole period before this one."""
        return self._reaches(1)

    @property
    def has_year_before(self) -> bool:
        """Return whether the history covers the year before the end of the period before; else it must be less."""
        return self._covers_year(self.brief.period.begin)

    def _covers_year(self, end: int) -> bool:
        info = self.subject.history.tables.get(self.subject.value_table)
        # What spells bring is what is paid at the time, whatever was before.
        return info is not None and (info.kind == "spells" or info.first_us <= end - _YEAR_US)

    def _reaches(self, steps: int) -> bool:
        tables = self.subject.history.tables
        names = {self.subject.churn.table, *([self.subject.roles.purchases] if self.subject.roles.purchases else [])}
        dated = [tables[n].first_us for n in names if tables[n].kind != "customers" and len(tables[n].day)]
        period = self.brief.period.previous(steps)
        first = (
            min(period.begin, self.subject.churn_date(period)) if self.subject.churn.kind != "label" else period.begin
        )
        return bool(dated) and first >= min(dated)

    def side(self, steps: int, subject: Subject | None = None) -> Side:
        """Return what is known of the period so many steps before this one."""
        if subject is None and steps in self._sides:
            return self._sides[steps]
        side = gather(
            subject or self.subject,
            self.brief.period.previous(steps),
            self.run,
            self.customers,
            population=self.brief.population,
            segments=self.subject.roles.segments,
            timezone=self.brief.timezone,
        )
        if subject is None and steps < 2:
            self._sides[steps] = side
        return side

    def series(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the figures of everybody over the last periods, oldest first; few customers are held back."""
        found = []
        for steps in range(self.brief.n_periods - 1, -1, -1):
            if steps and not self._reaches(steps):
                continue
            side = self.side(steps)
            values: dict[str, Any] = {}
            end = self.brief.period.previous(steps).end
            told = [f for f in figures_of(side.columns)[0] if f.name in names]
            for figure in (f for f in told if f.name != "year_value" or self._covers_year(end)):
                base = side.columns[figure.base]
                top, total, customers = int(figure.counted(side.columns).sum()), int(base.sum()), int((base > 0).sum())
                if customers >= self.brief.terms.minimum:
                    value = top / total * figure.factor(days=self.brief.terms.days)
                    values[figure.name] = {"value": rounded(value), "count": top, "n": total}
            found.append({"end": self.brief.day(end).isoformat(), "values": values})
        return found

    def sources(self, now: Side) -> list[dict[str, Any]]:
        inside = _in_population(now, self.customers, self.brief.population)
        sizes = np.cumsum([0, *self.run(lambda n: len(_ids(self.subject, n)))])

        def one(number: int) -> dict[str, dict[str, int]]:
            rows = slice(int(sizes[number]), int(sizes[number + 1]))
            listed = self.customers.is_listed[rows]
            return source_counts(self.subject, number, self.brief.period, inside=inside[rows], is_listed=listed)

        has_customers = bool(self.subject.history.of_kind("customers"))
        return sum_counts(list(self.run(one)), has_customers=has_customers)

    def weak_points(self, now: Side) -> dict[str, Any]:
        points = _joined(self.run(lambda n: touched(self.subject, n, self.brief.period)), self._sizes(), 2)
        pairs = {point: (arrays[0], arrays[1]) for point, arrays in points.items()}
        ways = [way for way in now.ways if way.name != "buyers" or len(way.levels) > 1]
        inside = now.columns["base"] > 0
        return weak_points(pairs, ways, inside, minimum=self.brief.terms.minimum, fdr=self.brief.fdr)

    def topics(self, now: Side) -> dict[str, Any] | None:
        """Return topics by value at risk; by what was brought in the last year where no risk is known."""
        inside, at_risk = now.columns["base"] > 0, self.customers.at_risk
        if self.subject.is_count or "tier_value" not in now.columns:
            return None
        has_risk = bool(np.isfinite(at_risk[inside]).any())
        risked = np.rint(np.nan_to_num(at_risk) * MONEY_UNITS).astype(np.int64)
        worth = risked if has_risk else np.maximum(now.columns["tier_value"], 0)
        parts = self.run(lambda n: raised(self.subject, n, self.brief.period))
        topics = {name: arrays[0] for name, arrays in _joined(parts, self._sizes(), 1).items()}
        found = topic_ranking(topics, worth, inside, minimum=self.brief.terms.minimum)
        return {"measure": "value_at_risk" if has_risk else "year_value", **found} if topics else None

    def lines(self, now: Side) -> dict[str, Any] | None:
        if not self.subject.roles.lines or "at_risk" not in now.columns:
            return None
        parts = self.run(lambda n: {k: (v,) for k, v in customers_of_lines(self.subject, n, self.brief.period).items()})
        lines = {name: arrays[0] for name, arrays in _joined(parts, self._sizes(), 1).items()}
        at_risk, churned = now.columns["at_risk"] > 0, now.columns["churned"] > 0
        often = np.concatenate(self.run(lambda n: bought_before(self.subject, n, self.brief.period)))
        minimum, fdr = self.brief.terms.minimum, self.brief.fdr
        found = line_findings(lines, at_risk, churned, often, minimum=minimum, fdr=fdr)
        return {**found, "columns": [list(pair) for pair in self.subject.roles.lines]}

    def _sizes(self) -> list[int]:
        return [int(n) for n in self.run(lambda n: len(_ids(self.subject, n)))]


def _ids(subject: Subject, number: int) -> pa.Array:
    from churnml.histories.bucket import Bucket

    return Bucket(subject.history, number).customers


def _in_population(now: Side, customers: Customers, population: Population) -> Bools:
    """Return who is in the population, whether a customer of the period or not."""
    inside = np.ones(len(customers.ids), dtype=bool)
    if population.column:
        inside &= customers.attributes[population.column] == population.value
    if population.buyers != "any":
        inside &= now.columns["base"] > 0
    return inside


def _joined(
    parts: Sequence[Mapping[Any, tuple[Bools, ...]]], sizes: Sequence[int], width: int
) -> dict[Any, list[Bools]]:
    """Return arrays of all buckets in one, False where a bucket has no such key."""
    keys = list(dict.fromkeys(key for part in parts for key in part))
    found: dict[Any, list[Bools]] = {}
    for key in keys:
        columns = [
            np.concatenate(
                [part[key][at] if key in part else np.zeros(n, bool) for part, n in zip(parts, sizes, strict=True)]
            )
            for at in range(width)
        ]
        found[key] = columns
    return found


def _head(subject: Subject, brief: Brief, now: Side) -> Report:
    period, before = brief.period, brief.period.previous()
    return {
        "name": brief.name,
        "question": brief.question,
        "population": asdict(brief.population),
        "period": {
            "begin": brief.day(period.begin).isoformat(),
            "end": brief.day(period.end).isoformat(),
            "days": period.days,
            "previous_begin": brief.day(before.begin).isoformat(),
        },
        "as_of": brief.day(subject.history.as_of).isoformat(),
        "churn_date": None if subject.churn.kind == "label" else brief.day(subject.churn_date(period)).isoformat(),
        "currency": brief.currency,
        "minimum": brief.terms.minimum,
        "confidence": brief.terms.confidence,
        "fdr": brief.fdr,
        "n_customers": _at_least(int((now.columns["base"] > 0).sum()), brief.terms.minimum),
        "value_kind": subject.history.tables[subject.value_table].kind if subject.value_table else "",
        "definitions": definitions_of(subject),
        "roles": asdict(subject.roles),
        "targets": {name: list(band) for name, band in brief.targets.items()},
    }


def _at_least(n: int, minimum: int) -> int | None:
    return n if n >= minimum else None


def _band(now: Side, brief: Brief, series: Sequence[Mapping[str, Any]], told: Sequence[Report]) -> Report | None:
    cell = next((f["cells"]["all"]["all"] for f in told if f["name"] == "churn"), {"hidden": True})
    if cell.get("hidden"):
        return None
    past = [point["values"]["churn"] for point in series[:-1] if "churn" in point["values"]]
    counts = [(each["count"], each["n"]) for each in past]
    return churn_band(cell["count"], cell["n"], brief.targets.get("churn"), counts)


def _tiers(now: Side, before: Side, brief: Brief) -> Report | None:
    if "tier_value" not in now.columns or "tier_value" not in before.columns:
        return None
    sides = [{"there": side.columns["there"], "year_value": side.columns["tier_value"]} for side in (now, before)]
    return migration(sides[0], sides[1], minimum=brief.terms.minimum)


def _without_before(told: Sequence[Report], name: str) -> None:
    """Leave out the comparison of a figure whose earlier value covers less time than the one of today."""
    for figure in (f for f in told if f["name"] == name):
        for levels in figure["cells"].values():
            for cell in levels.values():
                for key in ("previous", "change", "change_low", "change_high", "beyond_noise"):
                    cell.pop(key, None)
        figure["grade"] = grade(figure["cells"]["all"]["all"], better=figure["better"], band=figure["band"])


def _value_from_last(told: Sequence[Report], last: Report | None) -> None:
    """Compare predicted value with the last report: what was predicted then cannot be computed again."""
    figure = next((f for f in told if f["name"] == "clv"), None)
    if figure is None:
        return
    old = next((f for f in (last or {}).get("figures", ()) if f["name"] == "clv"), None)
    for way, levels in figure["cells"].items():
        for level, cell in levels.items():
            cell.pop("previous", None)
            then = (old or {}).get("cells", {}).get(way, {}).get(level)
            if cell.get("hidden") or not then:
                continue
            if then.get("hidden") or then.get("low") is None or cell.get("low") is None:
                cell["previous"] = {"hidden": True} if then.get("hidden") else None
                continue
            cell["previous"] = {key: then[key] for key in ("n", "count", "customers", "value")}
            change = cell["value"] - then["value"]
            half = ((cell["high"] - cell["low"]) ** 2 + (then["high"] - then["low"]) ** 2) ** 0.5 / 2
            cell |= {
                "change": rounded(change),
                "change_low": rounded(change - half),
                "change_high": rounded(change + half),
            }
            cell["beyond_noise"] = abs(change) > half
    figure["grade"] = grade(figure["cells"]["all"]["all"], better=figure["better"], band=figure["band"])
