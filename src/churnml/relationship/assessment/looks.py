"""A subject with its customers, looked at period by period and side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.bucket import Bucket
from churnml.histories.conform import MONEY_UNITS
from churnml.relationship.assessment.cells import Side, Terms
from churnml.relationship.assessment.figures import figures_of
from churnml.relationship.assessment.gathered import Customers, Population, Run, customers_of, gather
from churnml.relationship.assessment.lines import bought_before, customers_of_lines, line_findings
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.assessment.sources import source_counts, sum_counts
from churnml.relationship.assessment.topics import raised, topic_ranking
from churnml.relationship.assessment.touch_points import touched
from churnml.relationship.assessment.weak_points import weak_points
from churnml.relationship.customers import Subject
from churnml.relationship.period import Period
from churnml.timeline import DAY_US

__all__ = ["Looks"]

Bools = npt.NDArray[np.bool_]
_YEAR_US = 365 * DAY_US


class Asked(Protocol):
    """What the report says of itself."""

    @property
    def population(self) -> Population: ...

    @property
    def period(self) -> Period: ...

    @property
    def timezone(self) -> str: ...

    @property
    def terms(self) -> Terms: ...

    @property
    def n_periods(self) -> int: ...

    @property
    def fdr(self) -> float: ...

    def day(self, instant: int) -> date: ...


class Looks:
    """A subject with its customers, looked at period by period."""

    def __init__(self, subject: Subject, brief: Asked, run: Run, scores: pa.Table | None) -> None:
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
        """Return from how many rows of each table the figures are made."""
        inside = _in_population(now, self.customers, self.brief.population)
        sizes = np.cumsum([0, *self.run(lambda n: len(_ids(self.subject, n)))])

        def one(number: int) -> dict[str, dict[str, int]]:
            rows = slice(int(sizes[number]), int(sizes[number + 1]))
            listed = self.customers.is_listed[rows]
            return source_counts(self.subject, number, self.brief.period, inside=inside[rows], is_listed=listed)

        has_customers = bool(self.subject.history.of_kind("customers"))
        return sum_counts(list(self.run(one)), has_customers=has_customers)

    def weak_points(self, now: Side) -> dict[str, Any]:
        """Return the ranking of groups at touch-points."""
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
        """Return the product lines, or None where nothing names them or churn has no rate."""
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
