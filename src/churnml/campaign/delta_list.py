"""The changes since the previous run in words: a file, a sheet in each language, a section of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import headers, worded
from churnml.campaign.delta import CHANGES, DELTA, WHY, compare
from churnml.campaign.record import record_facts
from churnml.campaign.targeting import Decisions
from churnml.exports.listing import ListColumn, Listing
from churnml.exports.page import Block, Paragraph, Rows, Section, Table
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["Delta", "delta_listing", "delta_of", "delta_section"]

_FAMILIES = {
    "change": "delta.change",
    "why": "delta.why",
    "risk_band": "risk_band",
    "channel": "channel",
    "action": "action",
}
_DECIMALS = {"percent": 4, "money": 2}
_IN_THE_TABLE = (
    *("change", "customer_id", "why", "before", "now", "p_churn", "p_churn_before"),
    *("expected_gain", "expected_gain_before"),
)
_UNDER = {"p_churn_before": "p_churn", "expected_gain_before": "expected_gain"}
_FILTERS = ("change", "why", "before", "now")


@dataclass(frozen=True, slots=True)
class Delta:
    """What has changed since the previous run.

    Parameters
    ----------
    rows : Table
        As :func:`churnml.campaign.delta.compare` gives them; empty where there was no previous run.
    since : mapping of str to str or None
        Facts of the previous run, see :func:`churnml.campaign.record.record_facts`; None = this is the first one.
    """

    rows: pa.Table
    since: Mapping[str, str] | None

    def counts(self) -> dict[str, dict[str, int]]:
        """Return change -> reason -> number of customers; each change is there, and reasons that occur."""
        found = Counter(zip(self.rows["change"].to_pylist(), self.rows["why"].to_pylist(), strict=True))
        return {change: {why: found[change, why] for why in WHY if found[change, why]} for change in CHANGES}


def delta_of(previous: pa.Table | None, current: pa.Table) -> Delta:
    """Return the changes between the records of two runs."""
    rows = compare(current if previous is None else previous, current)
    return Delta(rows, None if previous is None else record_facts(previous))


def delta_listing(delta: Delta, decisions: Decisions) -> Listing:
    """Return the changes as sheets and page show them."""
    plan, names = decisions.plan, list(DELTA)
    languages = languages_from(plan.language)
    titles = {each: headers(names, decisions, language=each) for each in languages}
    columns = [
        ListColumn(
            name,
            {each: titles[each][name] for each in languages},
            DELTA[name],
            {each: words(f"column_meaning.{name}", each) for each in languages},
            place="column" if name in _IN_THE_TABLE else "detail",
            under=_UNDER.get(name, ""),
            is_filter=name in _FILTERS,
        )
        for name in names
    ]
    return Listing({each: _told(delta.rows, each) for each in languages}, columns, plan.currency)


def _told(rows: pa.Table, language: str) -> pa.Table:
    found = {}
    for name, kind in DELTA.items():
        column, stem = rows[name], name.removesuffix("_before")
        if name in {"before", "now"}:
            column = _states(column, language)
        elif stem in _FAMILIES:
            column = worded(column, _FAMILIES[stem], language)
        elif kind in _DECIMALS:
            column = pc.round(column, _DECIMALS[kind])
        found[name] = column
    return pa.table(found)


def _states(column: pa.ChunkedArray, language: str) -> pa.Array:
    """Return where a customer stood: on the list, in the hold-out, not known, or why left out."""
    distinct = pc.unique(column).to_pylist()
    keys = [next((k for k in (f"delta.state.{c}", f"exclusion.{c}") if has_words(k)), "") for c in distinct]
    texts = [words(key, language) if key else code for key, code in zip(keys, distinct, strict=True)]
    places = pc.index_in(column, value_set=pa.array(distinct, pa.string()))
    return pa.array(texts, pa.string()).take(places.combine_chunks())


def delta_section(delta: Delta, listing: Listing, language: str) -> Section:
    """Return the section of the page: how many changed and why, then who."""
    heading = words("delta.title", language)
    if delta.since is None:
        return Section(heading, [Paragraph(words("delta.first_run", language), "note")])
    as_of = date.fromisoformat(delta.since["as_of"])
    blocks: list[Block] = [Paragraph(words("delta.since", language, as_of=as_of), "note")]
    if not delta.rows.num_rows:
        return Section(heading, [*blocks, Paragraph(words("delta.nothing", language))])
    rows = [
        (words(f"delta.change.{change}", language), words(f"delta.why.{why}", language), figure(n, "whole", language))
        for change, reasons in delta.counts().items()
        for why, n in reasons.items()
    ]
    titles = [words(key, language) for key in ("column.change", "column.why", "list.n_customers")]
    return Section(heading, [*blocks, Table(titles, rows, figures=frozenset({2})), Rows("changes", listing)])
