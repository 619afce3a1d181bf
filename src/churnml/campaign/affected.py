"""The list of those a change or a fault concerns: who can be told, on which channel, and who cannot, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent import permit
from churnml.campaign.coverage import coverage
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList
from churnml.exports.page import Table
from churnml.wording import figure, words

__all__ = ["Concern", "affected_list", "with_contact_columns"]


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom something concerns.

    Parameters
    ----------
    name : str
        Name of the list.
    rule : str
        What says who is concerned, in words for people.
    customers : Array of string
        Every customer concerned, each once.
    counts : ndarray of int64, shape (n_customers,), or None
        How many of each one's rows are meant; None where a change of the company is meant.
    begins_on : date or None
        Day on which a change begins that is still ahead.
    contact_by : date or None
        Last day on which customers can still be told before it.
    """

    name: str
    rule: str
    customers: pa.Array
    counts: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
    begins_on: date | None = None
    contact_by: date | None = None


def affected_list(
    concern: Concern, scores: pa.Table, contacts: pa.Table | None, *, plan: CampaignPlan, as_of: date
) -> TeamList:
    """Split those concerned into who can be told and who cannot; together they are all of them, each once.

    Parameters
    ----------
    concern : Concern
    scores : Table
        ``customer_id``, ``p_churn``, ``risk_band``, ``clv``, ``value_at_risk``, ``model_version``; who is not scored
        is listed without figures.
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    plan : CampaignPlan
        Channels in order of preference; neither limits nor hold-out matter here.
    as_of : date

    Returns
    -------
    TeamList
        ``contact``: whom to tell, by value at risk, the greatest first, unknown last, ties by id. ``unreachable``: the
        others by id, with the reason, and nothing to contact them by.
    """
    customers = concern.customers.take(pc.sort_indices(concern.customers))
    allowed = permit(customers, contacts, plan=plan)
    covered = coverage(customers, contacts, allowed, plan=plan)
    reached = allowed.reason == ""
    table = _with_figures(concern, customers, scores)
    for name, texts in (("channel", allowed.channel), ("reach_at", allowed.reach_at), ("reason", allowed.reason)):
        table = table.append_column(name, pa.array(texts, pa.string(), mask=texts == ""))
    table = table.append_column("other_channels", covered.elsewhere(plan.language))
    table = with_contact_columns(table, customers, contacts)
    listed = table.filter(pa.array(reached)).sort_by([("value_at_risk", "descending"), ("customer_id", "ascending")])
    others = table.filter(pa.array(~reached))
    version = scores["model_version"][0].as_py() if scores.num_rows else ""
    return TeamList(
        name=concern.name,
        kind="affected",
        plan=plan,
        as_of=as_of,
        model_version=version,
        files={"contact": _contact_file(listed, concern), "unreachable": _unreachable_file(others)},
        paragraphs=[*_paragraphs(concern, allowed.mode, plan), *covered.paragraphs(plan.language)],
        tiles=_tiles(listed, others, plan),
        tables=[*covered.tables(plan.language), *_tables(listed, others, plan.language)],
        counts={"contact": listed.num_rows, "holdout": 0, "excluded": others.num_rows},
        facts={
            "affected": table.num_rows,
            "excluded": dict(sorted(Counter(others["reason"].to_pylist()).items())),
            "channels": dict(sorted(Counter(listed["channel"].to_pylist()).items())),
            "coverage": covered.facts(),
            "consent": {"mode": allowed.mode, "meaning": words(f"list.consent_{allowed.mode}", plan.language)},
        },
    )


def _with_figures(concern: Concern, customers: pa.Array, scores: pa.Table) -> pa.Table:
    place = pc.index_in(customers, value_set=scores["customer_id"].combine_chunks())
    found = {"customer_id": customers}
    found |= {name: scores[name].take(place) for name in ("risk_band", "p_churn", "clv", "value_at_risk")}
    if concern.counts is not None:
        order = pc.sort_indices(concern.customers)
        found["n_affected"] = pa.array(concern.counts).take(order)
    return pa.table(found)


def with_contact_columns(table: pa.Table, customers: pa.Array, contacts: pa.Table | None) -> pa.Table:
    """Return rows with name, owner and language of their customers, as far as the contact data have them."""
    if contacts is None:
        return table
    place = pc.index_in(customers, value_set=contacts["customer_id"].combine_chunks())
    for name in ("name", "owner", "language"):
        if name in contacts.column_names:
            table = table.append_column(name, contacts[name].cast(pa.string()).take(place))
    return table


def _contact_file(listed: pa.Table, concern: Concern) -> pa.Table:
    columns = {"rank": pa.array(np.arange(1, listed.num_rows + 1))}
    columns |= {
        name: listed[name] for name in ("customer_id", "name", "owner", "language") if name in listed.column_names
    }
    if concern.contact_by is not None:
        columns["contact_by"] = pa.array([concern.contact_by] * listed.num_rows, pa.date32())
    columns |= {name: listed[name] for name in ("channel", "reach_at", "n_affected") if name in listed.column_names}
    return pa.table(columns | {name: listed[name] for name in ("risk_band", "p_churn", "clv", "value_at_risk")})


def _unreachable_file(others: pa.Table) -> pa.Table:
    names = [name for name in ("customer_id", "owner") if name in others.column_names]
    can = pc.equal(others["reason"], "no_contact_data")
    return pa.table(
        {
            **{name: others[name] for name in names},
            "barrier": pc.if_else(can, "cannot", "may_not"),
            "reason": others["reason"],
            "other_channels": others["other_channels"],
            "reason_code": others["reason"],
        }
    )


def _paragraphs(concern: Concern, mode: str, plan: CampaignPlan) -> list[tuple[str, str]]:
    consent = (words(f"list.consent_{mode}", plan.language), "note" if mode == "recorded" else "warning")
    ranked = (words("affected.ranked", plan.language), "")
    begins = []
    if concern.begins_on is not None:
        begins = [(words("affected.begins", plan.language, day=concern.begins_on), "")]
    return [(concern.rule, ""), *begins, ranked, consent]


def _tiles(listed: pa.Table, others: pa.Table, plan: CampaignPlan) -> list[tuple[str, str]]:
    language, n = plan.language, listed.num_rows + others.num_rows
    at_risk = pc.sum(listed["value_at_risk"]).as_py()
    tiles = [
        (words("affected.n_affected", language), figure(n, "whole", language)),
        (words("affected.n_reachable", language), figure(listed.num_rows, "whole", language)),
        (words("affected.n_unreachable", language), figure(others.num_rows, "whole", language)),
        (words("affected.coverage", language), figure(listed.num_rows / n if n else None, "percent", language)),
    ]
    if at_risk is not None:
        money = figure(at_risk, "money", language, currency=plan.currency)
        tiles.append((words("list.total_value_at_risk", language), money))
    return tiles


def _tables(listed: pa.Table, others: pa.Table, language: str) -> list[tuple[str, Table]]:
    """Return how many are told on which channel, and how many cannot be told for which reason."""
    found = []
    for heading, column, rows, family in (
        ("affected.by_channel", "channel", listed, "channel"),
        ("affected.why_unreachable", "reason", others, "exclusion"),
    ):
        counts = sorted(Counter(rows[column].to_pylist()).items())
        lines = [
            (
                words(f"{family}.{code}", language),
                figure(count, "whole", language),
                figure(count / rows.num_rows, "percent", language),
            )
            for code, count in counts
        ]
        if lines:
            titles = (
                words(f"column.{column}", language),
                words("list.n_customers", language),
                words("list.share", language),
            )
            found.append((words(heading, language), Table(titles, lines, figures=frozenset({1, 2}))))
    return found
