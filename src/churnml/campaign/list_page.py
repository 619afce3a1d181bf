"""What a list says about itself: the page beside it, and the first sheet of its workbook."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from churnml.campaign.columns import CONTACT, headers
from churnml.campaign.targeting import EXCLUSIONS, Decisions
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, render_page
from churnml.exports.workbook import Explanation
from churnml.wording import figure, words

__all__ = ["explanation", "list_page"]

_TOP_ROWS = 20
_KEPT_TOGETHER = ("risk_band", "channel")
_TOP_COLUMNS = ("rank", "customer_id", "risk_band", "p_churn", "value_at_risk", "expected_gain", "channel", "reason_1")


def explanation(decisions: Decisions, names: list[str]) -> Explanation:
    """Return the first sheet of the workbook: what the list is, how it is ranked, what each column means."""
    plan, language = decisions.plan, decisions.plan.language
    titles = headers(names, decisions)
    columns = [(titles[name], _meaning(name, decisions)) for name in names]
    blocks = [
        (words("list.what", language), [("", _what(decisions))]),
        (
            words("list.ranked", language),
            [("", _ranked(decisions)), (words("list.bands", language), _bands(decisions))],
        ),
        (words("list.consent", language), [("", _consent(decisions))]),
        (words("list.holdout", language), [("", _holdout(decisions))]),
        (words("list.columns", language), columns),
        (words("list.version", language), _facts(decisions)),
    ]
    heading = words("list.title", language, campaign=plan.name)
    return Explanation(words("list.about_sheet", language), heading, blocks)


def list_page(decisions: Decisions, listed: pa.Table) -> bytes:
    """Return a self-contained page: the campaign in figures, the top of the list by id, and who was left out.

    Parameters
    ----------
    decisions : Decisions
    listed : Table
        Rows of the contact file; contact details are not shown.
    """
    language = decisions.plan.language
    n = {name: decisions.of(name).num_rows for name in ("contact", "holdout", "excluded")}
    tone = "note" if decisions.consent_mode == "recorded" else "warning"
    consent = Paragraph(_consent(decisions), tone)
    rules = [_ranked(decisions), _bands(decisions), _holdout(decisions)]
    sections = [
        Section(words("list.summary", language), [_tiles(decisions, n), *_no_value(decisions), consent]),
        Section(words("list.top", language), _top(decisions, listed)),
        Section(words("list.why_excluded", language), [_excluded(decisions, n["excluded"])]),
        Section(words("list.ranked", language), [Paragraph(text) for text in rules]),
        Section(words("list.facts", language), [Table(("", ""), _facts(decisions))]),
    ]
    title = words("list.title", language, campaign=decisions.plan.name)
    return render_page(title, language, sections, lead=_what(decisions))


def _tiles(decisions: Decisions, n: dict[str, int]) -> Tiles:
    plan = decisions.plan
    counts = [(words(f"list.n_{name}", plan.language), figure(n[name], "whole", plan.language)) for name in n]
    cost = (words("list.total_cost", plan.language), _money(plan.cost * n["contact"], decisions))
    if decisions.ranking == "probability":
        kept = figure(plan.effect * decisions.total("p_churn"), "rate", plan.language)
        return Tiles([*counts, (words("list.total_kept", plan.language), kept), cost])
    gain, at_risk = (_money(decisions.total(name), decisions) for name in ("expected_gain", "value_at_risk"))
    told = [("total_gain", gain), ("total_value_at_risk", at_risk)]
    return Tiles([*counts, cost, *((words(f"list.{key}", plan.language), text) for key, text in told)])


def _no_value(decisions: Decisions) -> list[Block]:
    if decisions.ranking == "expected_gain":
        return []
    return [Paragraph(words("list.no_value", decisions.plan.language), "warning")]


def _meaning(name: str, decisions: Decisions) -> str:
    key = "list.rank_probability" if (name, decisions.ranking) == ("rank", "probability") else f"column_meaning.{name}"
    return words(key, decisions.plan.language)


def _top(decisions: Decisions, listed: pa.Table) -> list[Block]:
    language = decisions.plan.language
    if not listed.num_rows:
        return [Paragraph(words("list.nobody", language), "warning")]
    names = [name for name in _TOP_COLUMNS if name in listed.column_names]
    rows = listed.select(names).slice(0, _TOP_ROWS).to_pylist()
    kinds = {name: "number" if CONTACT[name] == "money" else CONTACT[name] for name in names}
    table = Table(
        headers=list(headers(names, decisions).values()),
        rows=[[_cell(name, row[name], kind, language) for name, kind in kinds.items()] for row in rows],
        figures=frozenset(at for at, kind in enumerate(kinds.values()) if kind != "text"),
    )
    return [Paragraph(words("list.top_text", language, n=len(rows)), "note"), table]


def _cell(name: str, value: object, kind: str, language: str) -> str:
    text = figure(value, kind, language)
    return text.replace(" ", "\N{NO-BREAK SPACE}") if name in _KEPT_TOGETHER else text


def _excluded(decisions: Decisions, n_excluded: int) -> Table:
    language = decisions.plan.language
    counts = Counter(decisions.of("excluded")["exclusion"].to_pylist())
    rows = [
        (
            words(f"exclusion.{reason}", language),
            figure(counts[reason], "whole", language),
            figure(counts[reason] / n_excluded, "percent", language),
        )
        for reason in EXCLUSIONS
        if counts[reason]
    ]
    titles = (words("column.reason", language), words("list.n_customers", language), words("list.share", language))
    return Table(titles, rows, figures=frozenset({1, 2}))


def _facts(decisions: Decisions) -> list[tuple[str, str]]:
    plan = decisions.plan
    return [
        (words("list.as_of", plan.language), figure(decisions.as_of, "date", plan.language)),
        (words("column.campaign", plan.language), plan.name),
        (words("column.model_version", plan.language), decisions.model_version),
        (words("column.policy_version", plan.language), plan.policy_version),
    ]


def _what(decisions: Decisions) -> str:
    plan = decisions.plan
    return words("list.what_text", plan.language, campaign=plan.name, as_of=decisions.as_of)


def _ranked(decisions: Decisions) -> str:
    plan = decisions.plan
    key = "list.ranked_text" if decisions.ranking == "expected_gain" else "list.ranked_text_probability"
    return words(key, plan.language, effect=plan.effect, cost=plan.cost, currency=plan.currency)


def _bands(decisions: Decisions) -> str:
    medium, high, very_high = decisions.plan.risk_bands
    return words("list.bands_text", decisions.plan.language, medium=medium, high=high, very_high=very_high)


def _holdout(decisions: Decisions) -> str:
    return words("list.holdout_text", decisions.plan.language, share=decisions.plan.holdout_share)


def _consent(decisions: Decisions) -> str:
    return words(f"list.consent_{decisions.consent_mode}", decisions.plan.language)


def _money(value: float, decisions: Decisions) -> str:
    return figure(value, "money", decisions.plan.language, currency=decisions.plan.currency)
