"""Single features too good to be true: whoever knows the outcome that well was told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.features.plan import Feature
from churnml.features.ratios import is_of_attributes
from churnml.verification.evidence import Column, Pattern, column_of, pure_pattern, silent_pattern, strength_of
from churnml.verification.findings import Finding

__all__ = ["Judged", "Sources", "check_single_features"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

STRUCTURAL = frozenset({"frequency", "intensity", "recency", "tenure", "rhythm", "trend", "btyd", "spells", "refunds"})
"""Families made of times alone: they can be near perfect and honest, where silence itself decides."""
_ALMOST = 0.99
_SLACK = 0.03
_LEAST_CUSTOMERS = 20
_PURE = 0.98
_LEAST_RECALL = 0.1
_MOST_BASE = 0.7
_NEWEST_DATES = 3
_FAR_BETTER = 0.6
_FAR_BETTER_FROM = 0.8


@dataclass(frozen=True)
class Judged:
    """Snapshots with features and outcomes, rows in one order.

    Parameters
    ----------
    table : pyarrow.Table
        The features.
    dates, customers : ndarray of int64, shape (n_rows,)
    is_churned : ndarray of bool, shape (n_rows,)
    is_gone : ndarray of bool, shape (n_rows,), or None
        No longer at risk at ``as_of``; None where there is no time.
    is_listed : ndarray of bool, shape (n_rows,)
        Whether the customers table has a row.
    silence : ndarray of float64, shape (n_rows,), or None
        Days without a sign of life at ``as_of``, the same in all rows of a customer; None where there is no time.
    """

    table: pa.Table
    dates: Int64s
    customers: Int64s
    is_churned: Bools
    is_gone: Bools | None
    is_listed: Bools
    silence: Floats | None = None


@dataclass(frozen=True)
class Sources:
    """What is known of the tables that features come from.

    Parameters
    ----------
    files : mapping of str to str
        File by table.
    churn_table : str
        Whose silence, end or event is churn.
    constant : collection of str
        Columns of the customers table that never change.
    """

    files: Mapping[str, str]
    churn_table: str
    constant: Collection[str] = ()

    def place(self, feature: Feature) -> tuple[str, str]:
        """Return column and file as the user knows them: the delivered column of an attribute, else the feature."""
        column = feature.detail if feature.family == "profile" else feature.name
        return column, self.files.get(feature.source, "data/features")


def check_single_features(
    judged: Judged, features: Sequence[Feature], sources: Sources, *, alarm: float
) -> tuple[list[Finding], int]:
    """Return the features that rank customers better than is possible without knowing, and how many were looked at.

    An attribute without a date is judged by the outcome, by the outcome at the newest dates, and by who is gone at
    ``as_of``; patterns (filled in only for those who left) count too. A feature of a dated table must also beat what
    times alone say, since silence may honestly decide. Features made of times alone only warn.

    Parameters
    ----------
    judged : Judged
    features : sequence of Feature
    sources : Sources
    alarm : float
        Area under the ROC curve from which on a feature is suspected.
    """
    is_enough = _is_enough(judged, judged.is_churned)
    if not is_enough and (judged.is_gone is None or not _is_enough(judged, judged.is_gone)):
        return [], 0
    columns = {f.name: column_of(judged.table[f.name]) for f in features if f.name in judged.table.column_names}
    # What is made of attributes alone knows no more than they do; they are judged themselves.
    known = [f for f in features if f.name in columns and not is_of_attributes(f)]
    alone = {f.name: strength_of(columns[f.name], judged.is_churned, judged.customers) for f in known}
    honest = [f for f in known if f.family in STRUCTURAL and f.source in {sources.churn_table, ""} and not _told(f)]
    best = max((alone[f.name].auc for f in honest), default=0.5)
    foreseen = _best_foresight(judged, columns, known)
    found: list[Finding] = []
    for feature in known:
        strength, place = alone[feature.name], sources.place(feature)
        is_sure = is_enough and strength.auc >= alarm and strength.low >= alarm - _SLACK
        if feature.family == "profile":
            found += _attribute(
                judged, columns[feature.name], feature, sources, alarm=alarm, honest=best, foreseen=foreseen
            )
        elif feature in honest or feature.family == "calendar":
            if is_enough and strength.auc >= _ALMOST and feature.family != "calendar":
                found.append(Finding("time.near_perfect", "warning", *place, value=strength.auc))
        elif is_sure and 1 - strength.auc <= 0.5 * (1 - best):
            found.append(Finding("time.single_feature", "error", *place, value=strength.auc))
    return found, len(known)


def _best_foresight(judged: Judged, columns: Mapping[str, Column], known: Sequence[Feature]) -> float:
    """Return how well the best feature with dates tells who will be gone by the end."""
    if judged.is_gone is None:
        return 0.5
    early = _early(judged)
    dated = [columns[f.name].take(early) for f in known if f.family not in {"profile", "own"}]
    gone, who = judged.is_gone[early], judged.customers[early]
    return max((strength_of(column, gone, who).auc for column in dated), default=0.5)


def _early(judged: Judged) -> Bools:
    """Return the snapshots of the oldest dates: from there the end of the history lies far ahead."""
    early: Bools = judged.dates <= np.quantile(judged.dates, 0.34)
    return early


def _told(feature: Feature) -> bool:
    """Return whether a spell's feature is a delivered column rather than a time."""
    return feature.family == "spells" and bool(feature.detail) and feature.detail != "end_reason"


def _is_enough(judged: Judged, y: Bools) -> bool:
    return min(_n(judged, y), _n(judged, ~y)) >= _LEAST_CUSTOMERS


def _n(judged: Judged, which: Bools) -> int:
    return len(np.unique(judged.customers[which]))


def _attribute(
    judged: Judged, column: Column, feature: Feature, sources: Sources, *, alarm: float, honest: float, foreseen: float
) -> list[Finding]:
    """Judge an attribute that carries no date against every outcome it might know."""
    column_name, file = sources.place(feature)
    severity = "warning" if column_name in sources.constant else "error"
    rows = judged.is_listed
    for y, when in _outcomes(judged):
        if min(_n(judged, y & rows & when), _n(judged, ~y & rows & when)) < _LEAST_CUSTOMERS:
            continue
        chosen = rows & when
        part, outcome, who = column.take(chosen), y[chosen], judged.customers[chosen]
        strength = strength_of(part, outcome, who)
        beats = judged.is_gone is None or y is judged.is_gone or 1 - strength.auc < 1 - honest
        if strength.auc >= alarm and strength.low >= alarm - _SLACK and beats:
            return [Finding("time.single_feature", severity, column_name, file, value=strength.auc)]  # type: ignore[arg-type]
        # Seen from the oldest dates, history tells little of who is gone by the end, and hindsight everything.
        is_far_better = y is judged.is_gone and not when.all() and 1 - strength.low <= _FAR_BETTER * (1 - foreseen)
        if is_far_better and strength.auc >= _FAR_BETTER_FROM:
            facts = {"value": strength.auc, "date": f"{foreseen:.3f}"}
            return [Finding("time.knows_the_end", severity, column_name, file, **facts)]  # type: ignore[arg-type]
        pattern = pure_pattern(part, outcome, who)
        if (
            pattern is not None
            and pattern.precision >= _PURE
            and pattern.recall >= _LEAST_RECALL
            and pattern.n_customers >= 1.5 * _LEAST_CUSTOMERS
            and outcome.mean() <= _MOST_BASE
        ):
            counts = {"n": pattern.n_customers, "value": pattern.precision}
            return [Finding("time.pattern", severity, column_name, file, **counts)]  # type: ignore[arg-type]
    silent = _silent(judged, column)
    if silent is not None and silent.recall >= _LEAST_RECALL and silent.n_customers >= 1.5 * _LEAST_CUSTOMERS:
        counts = {"n": silent.n_customers, "value": silent.precision}
        return [Finding("time.pattern", severity, column_name, file, **counts)]  # type: ignore[arg-type]
    return []


def _silent(judged: Judged, column: Column) -> Pattern | None:
    if judged.silence is None:
        return None
    listed = np.flatnonzero(judged.is_listed)
    one_each = listed[np.unique(judged.customers[listed], return_index=True)[1]]
    return silent_pattern(column.take(one_each), judged.silence[one_each])


def _outcomes(judged: Judged) -> list[tuple[Bools, Bools]]:
    """Return outcomes and the rows they are judged on: all, the newest dates, and gone by the end."""
    every = np.ones(len(judged.dates), dtype=bool)
    found = [(judged.is_churned, every)]
    distinct = np.unique(judged.dates)
    if len(distinct) > 1:
        # What is filled in after the fact is filled in for nearly all who left by the end, and only for them: at the
        # newest dates outcome and end of the data lie closest.
        newest = judged.dates >= distinct[-1]
        for back in range(1, min(_NEWEST_DATES, len(distinct)) + 1):
            newest = judged.dates >= distinct[-back]
            if _n(judged, judged.is_churned & newest) >= _LEAST_CUSTOMERS:
                break
        found.append((judged.is_churned, newest))
    if judged.is_gone is not None:
        found += [(judged.is_gone, every), (judged.is_gone, _early(judged))]
    return found
