"""The study of one change: for each metric an effect, or why there is none."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from churnml.relationship.impact.effect import (
    LEAST_BEFORE,
    LEAST_SERIES,
    Effect,
    difference_in_differences,
    interrupted_series,
)
from churnml.relationship.impact.panel import Panel

__all__ = ["Change", "Refusal", "Series", "Verdict", "measured", "told", "verdict_of", "with_adjusted"]

Refusal = Literal["short_before", "nothing_after", "nobody_affected", "few_affected", "few_unaffected", "no_rows"]
Verdict = Literal["found", "not_found", "not_parallel"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the register.

    Parameters
    ----------
    table, type, scope : str
        Calendar table; kind; whom it concerns, empty = everybody.
    row : int
        Row of the register, from 1.
    announced, start : int
        Microseconds.
    end : int or None
    value : float or None
    """

    table: str
    type: str
    scope: str
    row: int
    announced: int
    start: int
    end: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Mean outcomes by period, for a chart; ``unaffected`` is empty where nobody was spared."""

    periods: tuple[int, ...]
    affected: tuple[float, ...]
    unaffected: tuple[float, ...]


def measured(panel: Panel, *, confidence: float, least: int, year: float) -> tuple[Effect, Series] | Refusal:
    """Return the effect that a panel shows and the way there, or why it shows none.

    Parameters
    ----------
    panel : Panel
    confidence : float
    least : int
        Fewest customers in a group.
    year : float
        How many periods a year has: a series must have seen one.

    Notes
    -----
    With at least ``least`` unaffected customers the two groups are compared; otherwise a series is carried on.
    """
    if not len(panel.outcome):
        return "no_rows"
    n_affected = len(np.unique(panel.customer[panel.affected]))
    n_unaffected = len(np.unique(panel.customer[~panel.affected]))
    if n_affected < least:
        return "few_affected" if n_affected else "nobody_affected"
    if not (panel.period >= 0).any():
        return "nothing_after"
    compared = n_unaffected >= least
    panel = panel if compared else panel.only(panel.affected)
    panel = _complete(panel)
    n_before = len(np.unique(panel.period[panel.period < 0]))
    if not (panel.period >= 0).any():
        return "nothing_after"
    if n_before < (LEAST_BEFORE if compared else max(LEAST_SERIES, year)):
        return "short_before"
    if n_unaffected and not compared:
        return "few_unaffected"
    if compared:
        return difference_in_differences(panel, confidence=confidence), _series(panel)
    return interrupted_series(panel, confidence=confidence, year=year), _series(panel)


def _series(panel: Panel) -> Series:
    periods = np.unique(panel.period)

    def means(group: bool) -> tuple[float, ...]:
        chosen = panel.only(panel.affected == group)
        return tuple(float(chosen.outcome[chosen.period == period].mean()) for period in periods)

    return Series(tuple(periods.tolist()), means(True), () if panel.affected.all() else means(False))


def _complete(panel: Panel) -> Panel:
    """Return the periods in which every group has somebody."""
    groups = np.unique(panel.affected)
    whole = [
        period
        for period in np.unique(panel.period)
        if all(((panel.period == period) & (panel.affected == group)).any() for group in groups)
    ]
    return panel.only(np.isin(panel.period, whole))


def verdict_of(effect: Effect) -> Verdict:
    """Return what an effect says: found, not found, or not to be laid to the change."""
    if effect.is_found:
        return "found"
    return "not_found" if effect.is_parallel else "not_parallel"


def with_adjusted(rows: list[dict[str, Any]], *, confidence: float) -> list[dict[str, Any]]:
    """Return the rows of one change with what is beyond chance decided for all of them together.

    Churn is asked by itself; of the other figures, some would be beyond chance by chance alone: among those called so,
    the share of false ones is held to ``1 - confidence`` (Benjamini, Hochberg 1995).
    """
    others = [row for row in rows if not row["refused"] and row["metric"] != "churn"]
    if others:
        adjusted = stats.false_discovery_control([row["p_value"] for row in others])
        for row, p in zip(others, adjusted.tolist(), strict=True):
            row["p_adjusted"] = p
            if row["verdict"] == "found" and p > 1 - confidence:
                row["verdict"] = "not_found"
    return rows


def told(metric: str, found: tuple[Effect, Series] | str) -> dict[str, Any]:
    """Return one row of the report, plain values."""
    if isinstance(found, str):
        return {"metric": metric, "refused": found}
    effect, series = found
    plain = {name: _plain(value) for name, value in asdict(effect).items()}
    way = {"periods": list(series.periods), "mean_affected": list(series.affected)}
    way["mean_unaffected"] = list(series.unaffected)
    return {"metric": metric, "refused": None, "verdict": verdict_of(effect), **plain, **way}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
