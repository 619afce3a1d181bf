"""The list of those a fault hit hardest: who is helped with how much, who is not and why, and how fair that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.affected import Concern, with_contact_columns
from churnml.campaign.consent import permit
from churnml.campaign.fairness import fairness, fairness_tables
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.shared_help import CENTS, Grant, shared_out
from churnml.campaign.team_list import TeamList
from churnml.exports.page import Table
from churnml.wording import figure, has_words, words

__all__ = ["HARM_UNIT", "Harm", "compensation_list"]

Int64s = npt.NDArray[np.int64]
HARM_UNIT = 10_000
"""Harm is counted in ten-thousandths of its unit, as money is."""
_SCORES = ("value_at_risk", "value_tier")


@dataclass(frozen=True, slots=True)
class Harm:
    """How hard each of those concerned was hit.

    Parameters
    ----------
    measure : str
        ``rows``, ``amount``, ``value`` or a number column.
    units : ndarray of int64, shape (n_customers,)
        In the order of the customers of the concern, in :data:`HARM_UNIT` parts of a unit.
    groups : mapping of str to Array of string
        Ways to part them, in the same order.
    """

    measure: str
    units: Int64s
    groups: Mapping[str, pa.Array]


def compensation_list(
    concern: Concern,
    harm: Harm,
    grant: Grant,
    scores: pa.Table,
    contacts: pa.Table | None,
    *,
    plan: CampaignPlan,
    as_of: date,
) -> TeamList:
    """Split those concerned into who is helped and who is not; together they are all of them, each once.

    Help does not hang on consent: who may not be told of it is helped all the same, without a channel and with the
    reason.

    Returns
    -------
    TeamList
        ``helped``: by harm, the greatest first, then by value at risk, then by id. ``not_helped``: the others in the
        same order, with the reason.
    """
    place = pc.index_in(concern.customers, value_set=scores["customer_id"].combine_chunks())
    figures = {name: scores[name].take(place) for name in _SCORES if name in scores.column_names}
    table = pa.table({"customer_id": concern.customers, "harm_units": harm.units, **figures})
    keys = [("harm_units", "descending"), ("value_at_risk", "descending"), ("customer_id", "ascending")]
    order = pc.sort_indices(table, sort_keys=keys)
    table = table.take(order)
    units = table["harm_units"].to_numpy()
    given = shared_out(units, grant, unit=HARM_UNIT)
    table = _told(table, given, contacts, plan)
    groups = {way: levels.take(order) for way, levels in harm.groups.items()}
    if "value_tier" in figures:
        groups["value_tier"] = table["value_tier"].combine_chunks()
    fair = fairness(groups, given)
    version = scores["model_version"][0].as_py() if scores.num_rows else ""
    helped, others = table.filter(pa.array(given > 0)), table.filter(pa.array(given == 0))
    why = pa.array(np.where(others["harm"].to_numpy() > 0, "over_budget", "no_harm"), pa.string())
    return TeamList(
        name=concern.name,
        kind="compensation",
        plan=plan,
        as_of=as_of,
        model_version=version,
        files={"helped": _helped_file(helped), "not_helped": _others_file(others, why)},
        paragraphs=_paragraphs(concern, harm, grant, plan.language),
        tiles=_tiles(given, grant, plan),
        tables=[
            *_reasons(why, plan.language),
            *fairness_tables(fair, language=plan.language, currency=plan.currency),
        ],
        counts={"contact": helped.num_rows, "holdout": 0, "excluded": others.num_rows},
        facts={
            "affected": table.num_rows,
            "harm": harm.measure,
            "money": _money(given, grant),
            "excluded": dict(sorted(Counter(why.to_pylist()).items())),
            "fairness": fair,
        },
    )


def _told(table: pa.Table, given: Int64s, contacts: pa.Table | None, plan: CampaignPlan) -> pa.Table:
    customers = table["customer_id"].combine_chunks()
    allowed = permit(customers, contacts, plan=plan)
    found = {"harm": table["harm_units"].to_numpy() / HARM_UNIT, "help": given / CENTS}
    for name, values in found.items():
        table = table.append_column(name, pa.array(values))
    for name, texts in (("channel", allowed.channel), ("reach_at", allowed.reach_at), ("not_told", allowed.reason)):
        table = table.append_column(name, pa.array(texts, pa.string(), mask=texts == ""))
    return with_contact_columns(table, customers, contacts)


def _helped_file(helped: pa.Table) -> pa.Table:
    columns = {"rank": pa.array(np.arange(1, helped.num_rows + 1))}
    names = ("customer_id", "name", "owner", "language", "harm", "help", "channel", "reach_at", "not_told", *_SCORES)
    return pa.table(columns | {name: helped[name] for name in names if name in helped.column_names})


def _others_file(others: pa.Table, why: pa.Array) -> pa.Table:
    columns = {name: others[name] for name in ("customer_id", "owner", "harm") if name in others.column_names}
    return pa.table({**columns, "reason": why, "reason_code": why})


def _paragraphs(concern: Concern, harm: Harm, grant: Grant, language: str) -> list[tuple[str, str]]:
    key = f"compensation.harm_{harm.measure}"
    measure = (
        words(key, language) if has_words(key) else words("compensation.harm_column", language, column=harm.measure)
    )
    how = words("compensation.how_shared" if grant.per_unit is None else "compensation.how_due", language)
    return [(concern.rule, ""), (measure, ""), (how, ""), (words("compensation.how", language), "note")]


def _tiles(given: Int64s, grant: Grant, plan: CampaignPlan) -> list[tuple[str, str]]:
    language, n = plan.language, int((given > 0).sum())
    spent = int(given.sum())
    counts = {"n_affected": len(given), "n_helped": n, "n_not_helped": len(given) - n}
    money = {"budget": grant.budget, "spent": spent, "left": grant.budget - spent, "mean": spent / n if n else None}
    told = {name: figure(count, "whole", language) for name, count in counts.items()}
    for name, amount in money.items():
        in_units = None if amount is None else amount / CENTS
        told[name] = figure(in_units, "money", language, currency=plan.currency)
    return [(words(f"compensation.{name}", language), text) for name, text in told.items()]


def _money(given: Int64s, grant: Grant) -> dict[str, Any]:
    """Return the sums as texts, exact to the cent."""
    spent = int(given.sum())
    helped = given[given > 0]
    found = {"budget": grant.budget, "spent": spent, "left": grant.budget - spent, "least": grant.least}
    found |= {"lowest": int(helped.min()) if len(helped) else 0, "highest": int(helped.max()) if len(helped) else 0}
    return {name: str(Decimal(amount) / CENTS) for name, amount in found.items()}


def _reasons(why: pa.Array, language: str) -> list[tuple[str, Table]]:
    counts = sorted(Counter(why.to_pylist()).items())
    if not counts:
        return []
    lines = [(words(f"exclusion.{code}", language), figure(n, "whole", language)) for code, n in counts]
    titles = (words("column.reason", language), words("list.n_customers", language))
    return [(words("compensation.why_not", language), Table(titles, lines, figures=frozenset({1})))]
