"""The stages' features and labels beside the slow and obvious recomputation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from churnml.features.plan import Feature
from churnml.histories.store import TableInfo
from churnml.timeline import us_to_iso
from churnml.verification.findings import Finding
from churnml.verification.oracle import UNKNOWN, Row, expected, seen_at
from churnml.verification.outcomes import Outcome
from churnml.verification.rows import CustomerRows
from churnml.verification.same import row_keys

__all__ = ["Coverage", "check_features", "check_labels"]

_RELATIVE = 1e-5
_ABSOLUTE = 2e-4
_ROUNDING_OF_SPREAD = 1e-5
"""A standard deviation of nearly equal large amounts keeps fewer digits than the amounts themselves."""


@dataclass(slots=True)
class Coverage:
    """How much of the feature table was recomputed."""

    n_values: int = 0
    features: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


def check_features(
    table: pa.Table,
    features: Sequence[Feature],
    rows: Mapping[str, CustomerRows],
    tables: Mapping[str, TableInfo],
    *,
    longest: int,
    file: str,
) -> tuple[list[Finding], Coverage]:
    """Recompute features record by record.

    Parameters
    ----------
    table : pyarrow.Table
        Feature rows of sampled snapshots.
    features : sequence of Feature
    rows : mapping
        Table -> customer -> rows, as from :func:`churnml.verification.rows.plain_rows`.
    tables : mapping of str to TableInfo
    longest : int
        Longest window, days.
    file : str
        Where the feature rows come from, for findings.

    Returns
    -------
    findings : list of Finding
        One for each column with any other value.
    coverage : Coverage
    """
    keys, covered, findings = row_keys(table), Coverage(), []
    seen: dict[tuple[str, str, int], list[Row]] = {}
    for feature in features:
        source = tables.get(feature.source)
        if source is None or feature.name not in table.column_names:
            covered.unknown.add(feature.name)
            continue
        wrong: list[int] = []
        values = table[feature.name].to_pylist()
        for (customer, t), value in zip(keys, values, strict=True):
            place = (source.name, customer, t)
            if place not in seen:
                seen[place] = seen_at(source.kind, _concerned(rows, source, customer, tables), t)
            here = seen[place]
            wanted = expected(feature, source.kind, here, t, longest=longest)
            if wanted is UNKNOWN:
                covered.unknown.add(feature.name)
                break
            covered.n_values += 1
            covered.features.add(feature.name)
            if not _agree(value, wanted, _scale(feature, here)):
                wrong.append(t)
        if wrong:
            dates = us_to_iso(min(wrong))
            findings.append(
                Finding("time.oracle_differs", "error", feature.name, file, n=len(wrong), of=len(keys), date=dates)
            )
    return findings, covered


def _concerned(
    rows: Mapping[str, CustomerRows], source: TableInfo, customer: str, tables: Mapping[str, TableInfo]
) -> Sequence[Row]:
    """Return a customer's rows of a table; of a calendar the entries whose scope is empty or names the customer."""
    if source.kind != "calendar":
        return rows[source.name].get(customer, ())
    profile: dict[str, Any] = {}
    for info in tables.values():
        if info.kind == "customers":
            for row in rows[info.name].get(customer, ()):
                profile |= {key[1]: value for key, value in row.items() if isinstance(key, tuple)}
    return [e for e in rows[source.name].get("", ()) if _in_scope(e.get("scope"), profile)]


def _in_scope(scope: str | None, profile: Mapping[str, Any]) -> bool:
    if scope is None or not scope.strip():
        return True
    column, _, level = (part.strip() for part in scope.partition("="))
    return profile.get(column) == level


def _scale(feature: Feature, rows: Sequence[Row]) -> float:
    if feature.measure != "std":
        return 0.0
    key: Any = "amount" if feature.unit == "money" else ("number", feature.detail)
    return max((abs(float(r[key])) for r in rows if r.get(key) is not None), default=0.0)


def _agree(value: Any, wanted: Any, scale: float) -> bool:
    if isinstance(wanted, str) or isinstance(value, str) or wanted is None:
        return bool(value == wanted)
    if value is None or math.isnan(value) or math.isnan(wanted):
        return (value is None or math.isnan(value)) and math.isnan(wanted)
    tolerance = max(_ABSOLUTE, scale * _ROUNDING_OF_SPREAD)
    return math.isclose(value, wanted, rel_tol=_RELATIVE, abs_tol=tolerance)


def check_labels(labels: pa.Table, outcome: Outcome, rows: CustomerRows, *, file: str) -> tuple[list[Finding], int]:
    """Judge outcomes by an obvious loop; a label that is there must be settled and right, a missing one is left out.

    Parameters
    ----------
    labels : pyarrow.Table
        ``customer_id``, ``observation_date``, ``is_churned`` of sampled snapshots.
    outcome : Outcome
    rows : mapping
        Rows of the churn table by customer.
    file : str

    Returns
    -------
    findings : list of Finding
    n_checked : int
        Labels compared.
    """
    wrong: list[int] = []
    n_checked = 0
    for (customer, t), label in zip(row_keys(labels), labels["is_churned"].to_pylist(), strict=True):
        if label is None:
            continue
        n_checked += 1
        if outcome.judged(rows.get(customer, ()), t) != label:
            wrong.append(t)
    if not wrong:
        return [], n_checked
    first = min(wrong)
    opens, closes = (us_to_iso(edge) for edge in outcome.window(first))
    found = Finding(
        *("time.labels_differ", "error", "is_churned", file),
        n=len(wrong),
        of=n_checked,
        date=us_to_iso(first),
        other_date=closes,
        detail=opens,
    )
    return [found], n_checked
