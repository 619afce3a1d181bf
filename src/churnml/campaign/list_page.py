"""What a list says about itself: the page beside it, and the first sheet of its workbook, in every language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import headers
from churnml.campaign.targeting import EXCLUSIONS, Decisions
from churnml.exports.listing import Listing
from churnml.exports.page import Block, Paragraph, Rows, Section, Table, Tiles, View, render_views
from churnml.exports.workbook import Explanation
from churnml.histories.crises import regime_words
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["column_meaning", "explanation", "list_page", "listed_total"]

GROUPS = ("segment", "risk_band", "value_tier", "channel", "action", "cause", "team", "owner", "language")
"""Columns of texts that a page can filter and group by."""


def explanation(decisions: Decisions, names: Sequence[str]) -> Explanation:
    """Return the first sheet of the workbook: what the list is, how it is ranked, what each column means.

    It is told in the campaign's language, and beside it in the other one.
    """
    first, other = languages_from(decisions.plan.language)
    return _explanation(decisions, names, first, also=_explanation(decisions, names, other))


def _explanation(
    decisions: Decisions, names: Sequence[str], language: str, *, also: Explanation | None = None
) -> Explanation:
    titles = headers(names, decisions, language=language)
    blocks = [
        (words("list.what", language), [("", _what(decisions, language))]),
        (
            words("list.ranked", language),
            [("", _ranked(decisions, language)), (words("list.bands", language), _bands(decisions, language))],
        ),
        (words("list.consent", language), [("", _consent(decisions, language))]),
        (words("list.holdout", language), [("", _holdout(decisions, language))]),
        (words("list.columns", language), [(titles[n], column_meaning(n, decisions, language)) for n in names]),
        (words("list.version", language), _facts(decisions, language)),
    ]
    heading = words("list.title", language, campaign=decisions.plan.name)
    return Explanation(words("list.about_sheet", language), heading, blocks, also)


def list_page(
    decisions: Decisions, listing: Listing, *, further: Mapping[str, Sequence[Section]] | None = None
) -> bytes:
    """Return a self-contained page in both languages: the campaign in figures, its list, and who was left out.

    Parameters
    ----------
    decisions : Decisions
    listing : Listing
        Rows of the contact file; its columns say what is shown.
    further : mapping of str to sequence of Section, optional
        Language -> sections about something else.
    """
    has_stake = any(column.name == "value_at_stake" for column in listing.columns)
    value = "value_at_stake" if has_stake else "value_at_risk"
    rows = Rows("contact", listing, measures=(value, "expected_gain"), groups=GROUPS)
    languages = languages_from(decisions.plan.language)
    return render_views([_view(decisions, rows, each, (further or {}).get(each, ())) for each in languages])


def _view(decisions: Decisions, rows: Rows, language: str, further: Sequence[Section]) -> View:
    n = {name: decisions.of(name).num_rows for name in ("contact", "holdout", "excluded")}
    tone = "note" if decisions.consent_mode == "recorded" else "warning"
    consent = Paragraph(_consent(decisions, language), tone)
    rules = [_ranked(decisions, language), _bands(decisions, language), _holdout(decisions, language)]
    listed: list[Block] = [Paragraph(words("list.rows_text", language), "note"), rows]
    if not n["contact"]:
        listed = [Paragraph(words("list.nobody", language), "warning")]
    marks = [Paragraph(text, "warning") for text in _marks(decisions, language)]
    summary = [*marks, _tiles(decisions, n, language), *_no_value(decisions, language), consent]
    sections = [
        Section(words("list.summary", language), summary),
        Section(words("list.rows", language), listed),
        *_not_fitted(decisions, language),
        *further,
        Section(words("list.why_excluded", language), [_excluded(decisions, n["excluded"], language)]),
        Section(words("list.ranked", language), [Paragraph(text) for text in rules]),
        Section(words("list.facts", language), [Table(("", ""), _facts(decisions, language))]),
    ]
    title = words("list.title", language, campaign=decisions.plan.name)
    return View(title, language, sections, lead=_what(decisions, language))


def column_meaning(name: str, decisions: Decisions, language: str) -> str:
    """Return what a column of the list means."""
    key = "list.rank_probability" if (name, decisions.ranking) == ("rank", "probability") else f"column_meaning.{name}"
    return words(key, language)


def _tiles(decisions: Decisions, n: dict[str, int], language: str) -> Tiles:
    counts = [(words(f"list.n_{name}", language), figure(n[name], "whole", language)) for name in n]
    cost = (words("list.total_cost", language), _money(decisions.spent, decisions, language))
    if decisions.ranking == "probability":
        kept = figure(decisions.kept, "rate", language)
        return Tiles([*counts, (words("list.total_kept", language), kept), cost])
    value = (
        "value_at_risk"
        if decisions.table["value_at_stake"].equals(decisions.table["value_at_risk"])
        else "value_at_stake"
    )
    told = [
        (f"total_{key}", _money(listed_total(decisions, name), decisions, language))
        for key, name in (("gain", "expected_gain"), (value, value))
    ]
    return Tiles([*counts, cost, *((words(f"list.{key}", language), text) for key, text in told)])


def listed_total(decisions: Decisions, name: str) -> float:
    """Return the sum of an amount over the contacts as the files show it: whoever adds up the rows gets the same."""
    return float(pc.sum(pc.round(decisions.of("contact")[name], 2)).as_py() or 0.0)


def _no_value(decisions: Decisions, language: str) -> list[Block]:
    if decisions.ranking == "expected_gain":
        return []
    return [Paragraph(words("list.no_value", language), "warning")]


def _not_fitted(decisions: Decisions, language: str) -> list[Section]:
    """Return what would have been worth a contact and did not fit the limits, with its number and value."""
    left = decisions.of("excluded")
    rows: list[tuple[str, ...]] = []
    for reason in ("over_budget", "over_capacity", "after_stop"):
        over = left.filter(pc.equal(pc.fill_null(left["exclusion"], ""), reason))
        if over.num_rows:
            sums = [_sum(over, name, decisions, language) for name in ("value_at_risk", "expected_gain")]
            rows.append((words(f"exclusion.{reason}", language), figure(over.num_rows, "whole", language), *sums))
    if not rows:
        return _used(decisions, language)
    titles = [words("column.reason", language), words("list.n_customers", language)]
    titles += headers(["value_at_risk", "expected_gain"], decisions, language=language).values()
    table = Table(titles, rows, figures=frozenset({1, 2, 3}))
    told: list[Block] = [Paragraph(words("list.not_fitted_text", language)), table]
    return [Section(words("list.not_fitted", language), told), *_used(decisions, language)]


def _used(decisions: Decisions, language: str) -> list[Section]:
    """Return how far each limit went, and what one more unit of it would gain."""
    rows = [
        (
            _limit_name(one.name, one.team, one.channel, language),
            figure(one.used, "rate", language),
            figure(one.at_most, "rate", language),
            figure(None if decisions.ranking == "probability" else one.price, "number", language),
        )
        for one in decisions.limits
    ]
    if not rows:
        return []
    titles = [words(f"list.limit_{key}", language) for key in ("name", "used", "at_most")]
    titles += [words("list.limit_price", language, currency=decisions.plan.currency)]
    table = Table(titles, rows, figures=frozenset({1, 2, 3}))
    return [Section(words("list.limits", language), [Paragraph(words("list.limits_text", language)), table])]


def _limit_name(name: str, team: str, channel: str, language: str) -> str:
    if not team:
        return words(f"list.limit_of_{name}", language)
    return f"{team}, {words(f'channel.{channel}', language) if has_words(f'channel.{channel}') else channel}"


def _sum(rows: pa.Table, name: str, decisions: Decisions, language: str) -> str:
    value = None if decisions.ranking == "probability" else pc.sum(rows[name]).as_py()
    return figure(value, "number", language)


def _excluded(decisions: Decisions, n_excluded: int, language: str) -> Table:
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


def _facts(decisions: Decisions, language: str) -> list[tuple[str, str]]:
    plan = decisions.plan
    return [
        (words("list.as_of", language), figure(decisions.as_of, "date", language)),
        (words("column.campaign", language), plan.name),
        (words("column.model_version", language), decisions.model_version),
        (words("column.policy_version", language), plan.policy_version),
        *([(words("list.effective_from", language), plan.effective_from)] if plan.effective_from else []),
    ]


def _what(decisions: Decisions, language: str) -> str:
    text = words("list.what_text", language, campaign=decisions.plan.name, as_of=decisions.as_of)
    return " ".join([text, *_marks(decisions, language)])


def _marks(decisions: Decisions, language: str) -> list[str]:
    """Return what is to be borne in mind with every row: data that are too old, and a regime that is not normal."""
    regime = decisions.plan.regime
    marks = [words("list.regime", language, what=regime_words(regime, language))] if regime.state != "normal" else []
    if decisions.stale:
        marks.append(words("list.stale", language, tables=", ".join(decisions.stale)))
    return marks


def _ranked(decisions: Decisions, language: str) -> str:
    plan = decisions.plan
    if plan.actions:
        return words(f"list.ranked_actions_{decisions.ranking}", language, gap=decisions.gap)
    key = "list.ranked_text" if decisions.ranking == "expected_gain" else "list.ranked_text_probability"
    return words(key, language, effect=plan.effect, cost=plan.cost, currency=plan.currency)


def _bands(decisions: Decisions, language: str) -> str:
    medium, high, very_high = decisions.plan.risk_bands
    return words("list.bands_text", language, medium=medium, high=high, very_high=very_high)


def _holdout(decisions: Decisions, language: str) -> str:
    return words("list.holdout_text", language, share=decisions.plan.holdout_share)


def _consent(decisions: Decisions, language: str) -> str:
    return words(f"list.consent_{decisions.consent_mode}", language)


def _money(value: float, decisions: Decisions, language: str) -> str:
    return figure(value, "money", language, currency=decisions.plan.currency)
