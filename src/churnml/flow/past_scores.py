"""Scores of past runs against what happened, and against those of today."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.economics import RISK_BANDS
from churnml.config import Params
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.reference import Profile, ProfileCounts
from churnml.evaluation.drift import DriftLimits, moved_columns
from churnml.evaluation.matured import BandOutcome, Matured, matured
from churnml.flow.named import as_stored
from churnml.flow.past_outcomes import Horizon, past_outcomes, spaced
from churnml.flow.reference import P_CHURN, profile_in, trained_auc
from churnml.flow.score_records import ScoreRecord, churn_digest, kept_scores
from churnml.histories.store import History
from churnml.metrics.stability import shift_of
from churnml.timeline import us_to_date

__all__ = ["matured_scores", "score_drift"]

Floats = npt.NDArray[np.float64]
_APART_DAYS, _MOST = 7, 12


def score_drift(
    params: Params, history: History, scores: pa.Table, model: LoadedModel, *, root: Path
) -> dict[str, Any]:
    """Return how today's scores lie beside those of the backtest and of the run before.

    Returns
    -------
    dict
        ``now`` and ``previous`` (None where there is none): day, customers known and at risk, means; ``training`` and
        ``since_previous``: stability index with its state; ``histogram``: edges, and shares of each.
    """
    at_risk = scores.filter(pc.is_valid(scores["p_churn"]))
    p = at_risk["p_churn"].to_numpy()
    day = us_to_date(history.as_of, timezone=params.histories.timezone)
    earlier = [record for record in kept_scores(root, before=day) if record.facts["churn"] == churn_digest(params)]
    previous = earlier[-1] if earlier else None
    now = {"day": day.isoformat(), "n_known": scores.num_rows, "n_at_risk": len(p)}
    now |= {"mean_p": _mean(p), "mean_clv": _mean(pc.fill_null(at_risk["clv"], np.nan).to_numpy())}
    found: dict[str, Any] = {"now": now, "previous": _facts(previous), "training": None, "since_previous": None}
    profile = profile_in(model.meta, "scores")
    if profile is None or not len(p):
        return found
    counts = _counted(profile, p)
    block = params.monitoring
    limits = DriftLimits(block.psi_warn, block.psi_alarm, block.min_rows)
    moved = moved_columns(profile, {P_CHURN: counts}, as_of=history.as_of, limits=limits)
    if moved:
        found["training"] = {"psi": moved[0].index, "beyond": moved[0].excess, "state": moved[0].state}
    column = profile.columns[P_CHURN]
    found["histogram"] = {"edges": list(column.edges), "training": _shares(column.counts[:-1])}
    found["histogram"]["now"] = _shares(counts[:-1])
    if previous is not None:
        then = _counted(profile, previous.table()["p_churn"].to_numpy())
        found["histogram"]["previous"] = _shares(then[:-1])
        if min(then.sum(), counts.sum()) >= block.min_rows:
            found["since_previous"] = _since(then, counts, limits)
    return found


def _since(then: npt.NDArray[np.int64], now: npt.NDArray[np.int64], limits: DriftLimits) -> dict[str, Any]:
    shift = shift_of(then, now)
    beyond = shift.excess if shift.p_value < 0.01 else 0.0
    # At most a warning: between two runs lie days, a season, or another model.
    state = "warning" if beyond > limits.warn else "steady"
    return {"psi": shift.index, "beyond": beyond, "state": state}


def _counted(profile: Profile, p: Floats) -> npt.NDArray[np.int64]:
    counts = ProfileCounts(profile)
    counts.add(p.astype(np.float32)[:, None])
    return counts.counts[P_CHURN]


def _shares(counts: Any) -> list[float]:
    numbers = np.asarray(counts, dtype=np.float64)
    return [round(float(share), 4) for share in numbers / max(numbers.sum(), 1.0)]


def _mean(values: Floats) -> float | None:
    known = np.sort(values[np.isfinite(values)])
    return float(known.mean()) if len(known) else None


def _facts(record: ScoreRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    names = ("n_known", "n_at_risk", "mean_p", "mean_clv", "model_version")
    return {"day": record.day.isoformat(), **{name: record.facts[name] for name in names}}


def matured_scores(params: Params, history: History, model: LoadedModel, *, root: Path) -> dict[str, Any]:
    """Return what scores of past runs said against what happened.

    Only outcomes that are settled count, of customers whom no campaign treated in between, as in training.

    Returns
    -------
    dict
        ``runs``: newest last, each with ``day``, ``model_version``, level and ranking; ``waiting``: runs whose outcomes
        are not known yet, with the first day on which the next ones are; ``other_definition``: runs that foretold
        something else than is asked for today, or were kept under another key.
    """
    day = us_to_date(history.as_of, timezone=params.histories.timezone)
    records = kept_scores(root, before=day)
    same = [record for record in records if _is_same(record.facts, params, history)]
    found: dict[str, Any] = {"runs": [], "waiting": {"runs": 0, "next_on": None}}
    found["other_definition"] = len(records) - len(same)
    if params.churn.definition == "label":
        return found
    horizon = Horizon.of(params, history)
    ripe = [record for record in same if horizon.is_mature(record.facts["as_of_us"])]
    unripe = [record for record in same if not horizon.is_mature(record.facts["as_of_us"])]
    first = unripe[0].facts["as_of_us"] if unripe else history.as_of
    found["waiting"] = {"runs": len(unripe), "next_on": horizon.matures_on(first).isoformat()}
    by_day = {record.day: record for record in ripe}
    chosen = [by_day[each] for each in spaced(list(by_day), apart=_APART_DAYS, most=_MOST)]
    if chosen:
        found["runs"] = _compared(params, history, chosen, horizon, auc=trained_auc(model.meta), root=root)
    return found


def _is_same(facts: Mapping[str, Any], params: Params, history: History) -> bool:
    if facts.get("pseudonyms") not in (None, history.key_id):
        return False  # of another key: nobody can tell who they were
    churn = params.churn
    asked = {"horizon_days": churn.horizon_days, "lead_days": churn.lead_days, "churn": churn_digest(params)}
    return all(facts.get(name) == value for name, value in asked.items())


def _compared(
    params: Params, history: History, records: list[ScoreRecord], horizon: Horizon, *, auc: float | None, root: Path
) -> list[dict[str, Any]]:
    tables = [_customers(record, history, root) for record in records]
    dates = np.repeat([record.facts["as_of_us"] for record in records], [table.num_rows for table in tables])
    table = pa.concat_tables(tables).combine_chunks()
    known = past_outcomes(
        params, history, table["customer_id"].combine_chunks(), dates.astype(np.int64), horizon=horizon
    )["churned"]
    p, bands = table["p_churn"].to_numpy(), table["risk_band"].to_numpy().astype(str)
    found = []
    for record in records:
        rows = np.flatnonzero((dates == record.facts["as_of_us"]) & np.isfinite(known))
        one = {"day": record.day.isoformat(), "model_version": record.facts["model_version"], "n": len(rows)}
        if len(rows):
            compared = matured(
                known[rows],
                p[rows],
                bands[rows],
                order=RISK_BANDS[1:],
                trained_auc=auc,
                max_log_ratio=params.gate.max_log_ratio,
                min_rows=params.monitoring.min_rows,
            )
            one |= _plain(compared)
        found.append(one)
    return found


def _customers(record: ScoreRecord, history: History, root: Path) -> pa.Table:
    """Return the customers of a record with ids as the prepared store has them."""
    table = record.table()
    stored = as_stored(table, key_id=record.facts.get("pseudonyms"), history=history, root=root)
    return table.slice(0, 0) if stored is None else stored


def _plain(compared: Matured) -> dict[str, Any]:
    return {
        "overall": _band(compared.overall),
        "bands": [_band(band) for band in compared.bands],
        "auc": compared.auc,
        "auc_low": compared.auc_low,
        "auc_high": compared.auc_high,
        "level": compared.level,
        "ranking": compared.ranking,
    }


def _band(band: BandOutcome) -> dict[str, Any]:
    names = ("band", "n", "expected", "observed", "low", "high", "z")
    return {name: getattr(band, name) for name in names}
