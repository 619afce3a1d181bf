"""The list in every language, and how each of its columns is shown on the sheets and on the page."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from churnml.campaign.columns import headers
from churnml.campaign.list_page import GROUPS, column_meaning
from churnml.campaign.targeting import Decisions
from churnml.exports.listing import ListColumn, Listing, Place
from churnml.wording import LANGUAGES

__all__ = ["contact_listing"]

_IN_THE_TABLE = (
    *("rank", "customer_id", "name", "segment", "risk_band", "p_leave", "p_churn"),
    *("value_at_stake", "value_at_risk", "expected_gain"),
    *("contact_on", "contact_by", "channel", "team", "action", "reason_1", "reason_2", "reason_3"),
)
_WHERE_STAKE = {"p_leave": "p_churn", "value_at_stake": "value_at_risk"}
_UNDER = {
    "name": ("customer_id",),
    "segment": ("customer_id",),
    "p_leave": ("risk_band",),
    "p_churn": ("risk_band",),
    "contact_by": ("contact_on",),
    "team": ("channel",),
    "reason_2": ("reason_1",),
    "reason_3": ("reason_1",),
}
# Contact details stay in the files that are made for contacting; what every row says alike stands in the facts.
_NOT_ON_PAGE = ("reach_at", "group", "campaign", "model_version", "policy_version", "regime")


def contact_listing(
    decisions: Decisions, tables: Mapping[str, pa.Table], kinds: Mapping[str, str], *, names_on_page: bool = False
) -> Listing:
    """Return the contact list as sheets and page show it.

    Parameters
    ----------
    decisions : Decisions
    tables : mapping of str to Table
        Language -> rows in its words, the first language first.
    kinds : mapping of str to str
        Column -> kind.
    names_on_page : bool, optional
        Whether the page shows customers' names; it never shows addresses and numbers.
    """
    names = next(iter(tables.values())).column_names
    # What the gain is made of stands in the table; what else is known of risk and value is told in a row's details.
    told_by_stake = {of for stake, of in _WHERE_STAKE.items() if stake in names}
    titles = {language: headers(names, decisions, language=language) for language in LANGUAGES}
    columns = [
        ListColumn(
            name,
            {language: titles[language][name] for language in LANGUAGES},
            kinds[name],
            {language: column_meaning(name, decisions, language) for language in LANGUAGES},
            place="detail" if name in told_by_stake else _place(name, names_on_page),
            under=next((host for host in _UNDER.get(name, ()) if host in names and name not in told_by_stake), ""),
            sort_by="p_churn" if name == "risk_band" else "",
            is_filter=name in GROUPS,
        )
        for name in names
    ]
    return Listing(tables, columns, decisions.plan.currency)


def _place(name: str, names_on_page: bool) -> Place:
    if name in _NOT_ON_PAGE or (name == "name" and not names_on_page):
        return "nowhere"
    return "column" if name in _IN_THE_TABLE else "detail"
