"""The report of one period as plain values: what page, workbook and a later report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from churnml.errors import DataError
from churnml.relationship.assessment.actions import Action
from churnml.relationship.assessment.cells import Side, Terms, figure_cells, in_money
from churnml.relationship.assessment.continuity import breaks, definitions_of
from churnml.relationship.assessment.driver_study import driver_study
from churnml.relationship.assessment.figures import figures_of
from churnml.relationship.assessment.followed import followed_actions
from churnml.relationship.assessment.gathered import Population, Run
from churnml.relationship.assessment.grade import grade, grade_of_all
from churnml.relationship.assessment.looks import Looks
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.assessment.survey_study import survey_study
from churnml.relationship.assessment.target import churn_band
from churnml.relationship.assessment.tiers import migration
from churnml.relationship.customers import Subject
from churnml.relationship.period import Period
from churnml.timeline import us_to_date

__all__ = ["HEADLINES", "Brief", "assess"]

Report = dict[str, Any]
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
    work = Looks(subject, brief, run, scores)
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
