"""The files of the win-back list, and what it says about itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList
from churnml.campaign.winback import WINBACK_EXCLUSIONS, Lost, LostDecisions, decide_lost, stop_dates
from churnml.exports.page import Table
from churnml.timeline import DAY_US, days_to_us, us_to_date
from churnml.wording import figure, words

__all__ = ["winback_list"]

Texts = npt.NDArray[np.object_]
_UNTOLD = ("not_recoverable", "reason_not_known", "objected", "no_consent", "no_consent_recorded")
"""Of those left out for these reasons nothing but the reason is passed on."""
_OF_VALUE = ("value_after_return", "winback_gain")
_HOLDOUT = ("customer_id", "group", "churned_on", "p_return", *_OF_VALUE, "campaign", "policy_version")
_EXCLUDED = ("customer_id", "reason", "reason_code", "churned_on", "p_return", "campaign", "policy_version")


def winback_list(
    lost: Lost, contacts: pa.Table | None, *, plan: CampaignPlan, as_of_us: int, model_version: str
) -> TeamList:
    """Decide for every lost customer and return the list: ``contact``, ``holdout``, ``excluded``.

    Parameters
    ----------
    lost : Lost
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    plan : CampaignPlan
        Name of the list, cost, capacity, budget, channels, hold-out share.
    as_of_us : int
    model_version : str

    Returns
    -------
    TeamList
    """
    table = lost.table.sort_by("customer_id").combine_chunks()
    found = decide_lost(table, contacts, lost=lost, plan=plan, as_of_us=as_of_us)
    columns = _columns(table, contacts, found, lost, plan, as_of_us)
    contact, holdout = (found.ranked[found.decision[found.ranked] == arm] for arm in ("contact", "holdout"))
    excluded = np.flatnonzero(found.decision == "excluded")
    counts = {"contact": len(contact), "holdout": len(holdout), "excluded": len(excluded)}
    return TeamList(
        name=plan.name,
        kind="winback",
        plan=plan,
        as_of=us_to_date(as_of_us, timezone=plan.timezone),
        model_version=model_version,
        files={
            "contact": _contact_file(columns.take(pa.array(contact))),
            "holdout": _holdout_file(columns.take(pa.array(holdout))),
            "excluded": _excluded_file(columns.take(pa.array(excluded))),
        },
        paragraphs=_paragraphs(lost, found, plan),
        tiles=_tiles(columns.take(pa.array(contact)), counts, plan),
        tables=_why_excluded(found.exclusion[excluded], plan.language),
        counts=counts,
        facts={
            "excluded": _counted(found.exclusion[excluded]),
            "economics": {"cost": plan.cost, "capacity": plan.capacity, "budget": plan.budget},
            "holdout": {"share": plan.holdout_share, "seed": plan.seed},
            "return_within_days": lost.return_within_days,
            "value_days": lost.value_days,
            "list_for_days": lost.list_for_days,
            "learned": dict(lost.learned),
            "consent": {
                "mode": found.allowed.mode,
                "meaning": words(f"list.consent_{found.allowed.mode}", plan.language),
                "channels": {channel: dict(tally) for channel, tally in found.allowed.tallies.items()},
            },
        },
    )


def _columns(
    table: pa.Table, contacts: pa.Table | None, found: LostDecisions, lost: Lost, plan: CampaignPlan, as_of_us: int
) -> pa.Table:
    """Return everything that stands in any of the files, one row a lost customer."""
    n = table.num_rows
    rank = np.zeros(n, dtype=np.int64)
    listed = found.decision == "contact"
    in_order = found.ranked[listed[found.ranked]]
    rank[in_order] = np.arange(1, len(in_order) + 1)
    since = table["since"].to_pylist()
    stops = stop_dates(table["since"], lost.list_for_days, plan)
    latest = us_to_date(as_of_us + days_to_us(plan.contact_within_days), timezone=plan.timezone)
    columns: dict[str, Any] = {
        "rank": pa.array(rank),
        "customer_id": table["customer_id"],
        **_personal(table["customer_id"], contacts),
        "churned_on": pa.array([None if at is None else us_to_date(at, timezone=plan.timezone) for at in since]),
        "days_gone": pa.array([None if at is None else (as_of_us - at) // DAY_US for at in since], pa.int64()),
        "last_reason": table["last_reason"],
        "p_return": table["p_return"],
        "value_after_return": table["value_after_return"],
        "winback_gain": pa.array(found.gain, from_pandas=True),
        "contact_by": pa.array([latest if stop is None else min(latest, stop) for stop in stops], pa.date32()),
        "stop_date": pa.array(stops, pa.date32()),
        "channel": _texts(found.channel),
        "reach_at": _texts(found.reach_at),
        "group": pa.array(found.decision, pa.string()),
        "reason": _texts(found.exclusion),
        "reason_code": _texts(found.exclusion),
        "campaign": pa.array([plan.name] * n, pa.string()),
        "policy_version": pa.array([plan.policy_version] * n, pa.string()),
    }
    columns["churned_on"] = columns["churned_on"].cast(pa.date32())
    if not found.n_known:
        columns = {name: column for name, column in columns.items() if name not in _OF_VALUE}
    return pa.table(columns)


def _personal(customers: pa.ChunkedArray, contacts: pa.Table | None) -> dict[str, pa.ChunkedArray]:
    if contacts is None:
        return {}
    place = pc.index_in(customers, value_set=contacts["customer_id"].combine_chunks())
    names = [name for name in ("name", "owner", "language") if name in contacts.column_names]
    return {name: contacts[name].cast(pa.string()).take(place) for name in names}


def _contact_file(rows: pa.Table) -> pa.Table:
    dropped = {"reason", "reason_code"}
    # A column without any address says nothing.
    dropped |= {name for name in ("reach_at", "last_reason") if rows[name].null_count == rows.num_rows}
    return rows.select([name for name in rows.column_names if name not in dropped])


def _holdout_file(rows: pa.Table) -> pa.Table:
    return rows.select([name for name in _HOLDOUT if name in rows.column_names])


def _excluded_file(rows: pa.Table) -> pa.Table:
    rows = rows.select([name for name in _EXCLUDED if name in rows.column_names])
    untold = pc.is_in(rows["reason_code"], value_set=pa.array(_UNTOLD, pa.string()))
    for name in ("churned_on", "p_return"):
        rows = rows.set_column(rows.column_names.index(name), name, pc.if_else(untold, None, rows[name]))
    return rows


def _counted(exclusion: Texts) -> dict[str, int]:
    counts = Counter(exclusion.tolist())
    return {reason: counts[reason] for reason in WINBACK_EXCLUSIONS if counts[reason]}


def _paragraphs(lost: Lost, found: LostDecisions, plan: CampaignPlan) -> list[tuple[str, str]]:
    language, mode = plan.language, found.allowed.mode
    figures: dict[str, Any] = {"days": lost.return_within_days, "value_days": lost.value_days, "cost": plan.cost}
    key = "winback.ranked" if found.n_known else "winback.ranked_by_probability"
    return [
        (words(key, language, currency=plan.currency, **figures), ""),
        *_learned(lost, language),
        (words("winback.stop", language, days=lost.list_for_days), ""),
        (words("list.holdout_text", language, share=plan.holdout_share), ""),
        (words(f"list.consent_{mode}", language), "note" if mode == "recorded" else "warning"),
    ]


def _learned(lost: Lost, language: str) -> list[tuple[str, str]]:
    """Return where the probabilities come from, and how they did on later dates."""
    learned = lost.learned
    if learned["rule"] == "assumed":
        return [(words("winback.assumed", language, share=learned["assumed_return"]), "warning")]
    cases = {"n": learned["cases"], "returned": learned["returned"], "days": lost.return_within_days}
    told = [(words(f"winback.by_{learned['rule']}", language, **cases), "")]
    if check := learned.get("check"):
        figures = {"n": check["cases"], "expected": check["expected"], "returned": check["returned"]}
        return [*told, (words("winback.checked", language, **figures), "note")]
    return [*told, (words("winback.unchecked", language), "warning")]


def _tiles(listed: pa.Table, counts: Mapping[str, int], plan: CampaignPlan) -> list[tuple[str, str]]:
    language = plan.language
    tiles = [(words(f"list.n_{name}", language), figure(n, "whole", language)) for name, n in counts.items()]
    back = float(pc.sum(listed["p_return"]).as_py() or 0.0)
    tiles.append((words("winback.expected_returns", language), figure(back, "rate", language)))
    cost = figure(plan.cost * listed.num_rows, "money", language, currency=plan.currency)
    tiles.append((words("list.total_cost", language), cost))
    if "winback_gain" in listed.column_names:
        gain = float(pc.sum(listed["winback_gain"]).as_py() or 0.0)
        tiles.append((words("winback.total_gain", language), figure(gain, "money", language, currency=plan.currency)))
    return tiles


def _why_excluded(exclusion: Texts, language: str) -> list[tuple[str, Table]]:
    lines = [
        (
            words(f"exclusion.{reason}", language),
            figure(n, "whole", language),
            figure(n / len(exclusion), "percent", language),
        )
        for reason, n in _counted(exclusion).items()
    ]
    titles = [words(key, language) for key in ("column.reason", "list.n_customers", "list.share")]
    heading = words("list.why_excluded", language)
    return [(heading, Table(titles, lines, figures=frozenset({1, 2})))] if lines else []


def _texts(texts: Texts) -> pa.Array:
    return pa.array(texts, pa.string(), mask=texts == "")
