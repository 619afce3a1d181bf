"""The columns of the files people open: which, in what order, of what kind, under which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.targeting import Decisions
from churnml.reasons.sentences import reason_sentences
from churnml.wording import has_words, words

__all__ = ["CONTACT", "EXCLUDED", "HOLDOUT", "WITHOUT_FIGURES", "file_table", "headers", "regime_cell", "worded"]

_WORTH = {
    "risk_band": "text",
    "p_churn": "percent",
    "p_leave": "percent",
    "value_tier": "text",
    "clv": "money",
    "value_at_risk": "money",
    "value_at_stake": "money",
    "expected_gain": "money",
}
_VERSIONS = {"campaign": "text", "model_version": "text", "policy_version": "text", "regime": "text"}

CONTACT: Mapping[str, str] = {
    "rank": "whole",
    "customer_id": "text",
    "name": "text",
    "owner": "text",
    "team": "text",
    "language": "text",
    "segment": "text",
    **_WORTH,
    "gain_low": "money",
    "gain_high": "money",
    "contact_on": "date",
    "contact_by": "date",
    "channel": "text",
    "reach_at": "text",
    "action": "text",
    "cause": "text",
    "control": "text",
    "reason_1": "text",
    "reason_2": "text",
    "reason_3": "text",
    "group": "text",
    **_VERSIONS,
}
"""Columns of the contact list and their kinds; personal ones only where the data have them."""

HOLDOUT: Mapping[str, str] = {
    "customer_id": "text",
    "group": "text",
    "segment": "text",
    **_WORTH,
    "action": "text",
    **_VERSIONS,
}
"""Columns of the hold-out list: nothing by which anybody could be contacted."""

EXCLUDED: Mapping[str, str] = {
    "customer_id": "text",
    "reason": "text",
    "reason_code": "text",
    "risk_band": "text",
    "value_at_risk": "money",
    "expected_gain": "money",
    **_VERSIONS,
}
"""Columns of the list of those left out."""

_DECIMALS = {"percent": 4, "money": 2}
_WORDED = {
    "risk_band": "risk_band",
    "channel": "channel",
    "action": "action",
    "group": "group",
    "reason": "exclusion",
    "cause": "cause",
    "control": "control",
}
_OF_VALUE = ("value_tier", "clv", "value_at_risk", "value_at_stake", "expected_gain", "gain_low", "gain_high")
_WHERE_OTHER = {"p_leave": "p_churn", "value_at_stake": "value_at_risk"}
"""Left out where no row differs from the other column: it would say the same twice."""
_WHERE_KNOWN = ("gain_low", "gain_high", "cause", "control")
"""Left out where no row has a value."""
# Who never agreed, or objected, is named with the reason alone: no figures about them are passed on.
WITHOUT_FIGURES = ("objected", "no_consent", "no_consent_recorded")


def file_table(
    decisions: Decisions, decision: str, columns: Mapping[str, str], *, language: str | None = None
) -> pa.Table:
    """Return the rows of one file, in words of a language and rounded for reading.

    Parameters
    ----------
    decisions : Decisions
    decision : str
        ``contact``, ``holdout`` or ``excluded``.
    columns : mapping of str to str
        Column -> kind; a column that the decisions do not have is left out, and what speaks of value where no value
        is known.
    language : str, optional
        Default: the campaign's.

    Returns
    -------
    Table
    """
    language = language or decisions.plan.language
    rows = decisions.of(decision)
    silent = pc.is_in(pc.fill_null(rows["exclusion"], ""), value_set=pa.array(WITHOUT_FIGURES))
    found = {}
    for name, kind in columns.items():
        column = _column(decisions, rows, name, language)
        if column is None or (decisions.ranking == "probability" and name in _OF_VALUE):
            continue
        if name in _WHERE_KNOWN and decisions.table[name].null_count == decisions.table.num_rows:
            continue
        if name in _WHERE_OTHER and decisions.table[name].equals(decisions.table[_WHERE_OTHER[name]]):
            continue
        if kind in _DECIMALS:
            column = pc.round(column, _DECIMALS[kind])
        if decision == "excluded" and name in {"risk_band", "value_at_risk", "expected_gain"}:
            column = pc.if_else(silent, None, column)
        found[name] = worded(column, _WORDED[name], language) if name in _WORDED else column
        if name == "action":
            found[name] = _in_own_words(decisions, rows, found[name], language)
        elif name == "reason":
            found[name] = _with_detail(rows, found[name], language)
    return pa.table(found)


def _in_own_words(decisions: Decisions, rows: pa.Table, texts: pa.Array, language: str) -> pa.Array:
    """Return what is to be done in the playbook's words, else in those of the campaign, else in the catalogue's."""
    labels = {action.name: action.label.get(language) for action in decisions.plan.choices}
    named = pa.array([labels.get(name) for name in rows["action"].to_pylist()], pa.string())
    own = f"action_words_{language}"
    return pc.coalesce(*([rows[own]] if own in rows.column_names else []), named, texts)


def _with_detail(rows: pa.Table, texts: pa.Array, language: str) -> pa.Array:
    """Return the reasons with the rule, or the team and channel, that made them."""
    details = worded(pc.replace_substring_regex(rows["exclusion_detail"], "^.*/", ""), "channel", language)
    team = pc.replace_substring_regex(rows["exclusion_detail"], "/[^/]*$", "")
    of_team = pc.and_(pc.equal(rows["exclusion"], "over_capacity"), pc.is_valid(rows["exclusion_detail"]))
    details = pc.if_else(of_team, pc.binary_join_element_wise(team, details, ", "), rows["exclusion_detail"])
    colon = ": " if language == "en" else "\uff1a"
    return pc.coalesce(pc.binary_join_element_wise(texts, details, colon), texts)


def _column(decisions: Decisions, rows: pa.Table, name: str, language: str) -> pa.ChunkedArray | pa.Array | None:
    """Return a column of a file as the decisions hold it; None where they do not."""
    constants = {
        "campaign": decisions.plan.name,
        "model_version": decisions.model_version,
        "policy_version": decisions.plan.policy_version,
        "regime": regime_cell(decisions.plan, language),
    }
    if name == "regime" and constants[name] is None:
        return None
    if name in constants:
        return pa.repeat(pa.scalar(constants[name], pa.string()), rows.num_rows)
    if name.startswith("reason_") and name != "reason_code":
        told = reason_sentences(rows[name], language)
        # Who is listed for what is at stake alone has no cause that raises the risk: the caller is told just that.
        return pc.fill_null(told, words(f"list.no_cause_{decisions.ranking}", language)) if name == "reason_1" else told
    stored = {"group": "decision", "reason": "exclusion", "reason_code": "exclusion"}.get(name, name)
    return rows[stored] if stored in rows.column_names else None


def regime_cell(plan: CampaignPlan, language: str) -> str | None:
    """Return what the column ``regime`` holds; None in the normal regime, in which there is no such column."""
    return None if plan.regime.state == "normal" else words(f"regime.state_{plan.regime.state}", language)


def worded(column: pa.ChunkedArray | pa.Array, family: str, language: str) -> pa.Array | pa.ChunkedArray:
    """Return the words for each code; what the catalogue does not know stays as it is."""
    codes = column.cast(pa.string())
    distinct = pc.unique(codes).to_pylist()
    texts = [words(f"{family}.{c}", language) if c and has_words(f"{family}.{c}") else c for c in distinct]
    return pa.array(texts, pa.string()).take(pc.index_in(codes, value_set=pa.array(distinct, pa.string())))


def headers(names: Sequence[str], decisions: Decisions, *, language: str | None = None) -> dict[str, str]:
    """Return the header of each column in a language, by default the campaign's."""
    plan = decisions.plan
    texts = {name: words(f"column.{name}", language or plan.language, currency=plan.currency) for name in names}
    # Without a declared currency its brackets would stand empty.
    return {name: text.replace(" ()", "").replace("\uff08\uff09", "") for name, text in texts.items()}
