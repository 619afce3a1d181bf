"""How far the scores can be trusted: who answered, raw and weighted scores, and whether silence goes with risk."""

from __future__ import annotations

from typing import Any

import numpy as np

from churnml.relationship.assessment.cells import HIDDEN, Side
from churnml.relationship.assessment.figures import FIGURES
from churnml.relationship.assessment.gathered import Customers
from churnml.relationship.assessment.groups import Way
from churnml.relationship.assessment.response import non_response, risk_way, weighted_score
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.small_cells import hidden_cells

__all__ = ["survey_study"]


def survey_study(now: Side, before: Side | None, customers: Customers, *, minimum: int) -> dict[str, Any] | None:
    """Return raw and weighted scores, response by predicted risk, and the test of non-response; None without surveys.

    Response by segment stands with the other figures (``response``). Where no risk is known, customers are weighted by
    segment alone.
    """
    if "responded" not in now.columns or not now.columns["responded"].any():
        return None
    inside = now.columns["base"] > 0
    risk = risk_way(customers.p_churn, inside) if np.isfinite(customers.p_churn[inside]).any() else None
    classes = _classes(now, risk)
    scores = {}
    for figure in FIGURES:
        if figure.name in {"csat", "nps"} and all(name in now.columns for name in figure.needs):
            base = now.columns[figure.base]
            if int((base > 0).sum()) < minimum:
                continue
            top = figure.counted(now.columns)
            raw = top.sum() / base.sum() * figure.unit if base.sum() else None
            weighted = weighted_score(top, base, classes, inside, unit=figure.unit)
            scores[figure.name] = {"raw": rounded(raw), "n": int(base.sum()), "weighted": weighted}
    earlier = None if before is None or "responded" not in before.columns else before.columns
    return {
        "scores": scores,
        "weighted_by": (["risk"] if risk is not None else [])
        + [w.name for w in now.ways if w.name.startswith("segment")][:1],
        "by_risk": None if risk is None else _by_risk(now, risk, minimum=minimum),
        "relation": non_response(now.columns, customers.p_churn, earlier),
    }


def _classes(now: Side, risk: Way | None) -> Any:
    """Return the class of each customer: predicted risk within the first segment."""
    segment = next((way for way in now.ways if way.name.startswith("segment")), None)
    inner = np.zeros(len(now.columns["base"]), dtype=np.int64) if risk is None else risk.codes
    return inner if segment is None else segment.codes * 6 + inner


def _by_risk(now: Side, risk: Way, *, minimum: int) -> dict[str, Any]:
    inside, answered = now.columns["base"] > 0, now.columns["responded"] > 0
    members = np.column_stack([np.ones(len(inside), bool), *(risk.codes == at for at in range(len(risk.levels)))])
    families = {"all": [0], "risk": range(1, len(risk.levels) + 1)}
    hidden = hidden_cells(members[inside], families, minimum=minimum)
    hidden |= hidden_cells(members[inside & answered], families, minimum=minimum)
    rows: dict[str, Any] = {}
    for at, level in enumerate(risk.levels):
        chosen = inside & (risk.codes == at)
        n, count = int(chosen.sum()), int((chosen & answered).sum())
        rows[level] = dict(HIDDEN) if hidden[at + 1] else {"n": n, "count": count, "value": rounded(count / n)}
    return rows
