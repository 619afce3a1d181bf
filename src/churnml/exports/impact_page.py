"""The page of what company changes did: for each change a sentence a metric, figures, and the way there as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.charts import Chart, line_chart, sparse_names
from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["change_words", "churn_words", "impact_page", "kind_words"]

Found = Mapping[str, Any]
_SHARES = {"churn", "repeat", "mix"}
"""Metrics told in percentage points."""


def impact_page(found: Found, *, language: str = "en") -> bytes:
    """Return the report as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.impact.make_impact` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def _view(found: Found, language: str) -> View:
    sections = [_section(study, found, language) for study in found["studies"]]
    if not sections:
        sections = [Section("", [Paragraph(words("impact.no_changes", language))])]
    sections.append(Section(words("impact.how", language), [Paragraph(words("impact.how_text", language))]))
    lead = words("impact.lead", language, day=iso_to_date(found["as_of"]), days=found["horizon_days"])
    return View(words("impact.title", language), language, sections, lead)


def change_words(study: Found, language: str) -> str:
    """Return what a change was, whom it concerned, and since when."""
    kind = kind_words(study, language)
    scope = study["scope"] or words("impact.everybody", language)
    return words("impact.change", language, kind=kind, scope=scope, day=iso_to_date(study["start"]))


def kind_words(study: Found, language: str) -> str:
    """Return the kind of a change; one that the catalogue does not know stays as it is delivered."""
    keys = (f"impact.type_{study['type']}", f"crisis.type_{study['type']}")
    known = [words(key, language) for key in keys if has_words(key)]
    return known[0] if known else study["type"] or study.get("table", "")


def _section(study: Found, found: Found, language: str) -> Section:
    blocks: list[Block] = []
    if study["announced"] != study["start"]:
        blocks.append(Paragraph(words("impact.announced", language, day=iso_to_date(study["announced"])), "note"))
    for other in study["overlapping"]:
        told = {
            "kind": kind_words(other, language),
            "scope": other["scope"] or words("impact.everybody", language),
        }
        blocks.append(
            Paragraph(words("impact.overlapping", language, day=iso_to_date(other["start"]), **told), "warning")
        )
    if not study["metrics"]:
        blocks.append(Paragraph(words("impact.ready_labels", language), "warning"))
        return Section(change_words(study, language), blocks)
    blocks += [_sentence(row, language) for row in study["metrics"] if row["metric"] == "churn"]
    blocks += _design(study["metrics"], language)
    blocks.append(_table(study["metrics"], found, language))
    blocks += _charts(study["metrics"], language)
    return Section(change_words(study, language), blocks)


def _metric(name: str, language: str) -> str:
    family, _, detail = name.partition(":")
    return words(f"impact.metric_{family}", language, detail=detail)


def churn_words(study: Found, language: str) -> str:
    """Return what a change did to churn, in a sentence."""
    found = [_sentence(row, language).text for row in study["metrics"] if row["metric"] == "churn"]
    return found[0] if found else words("impact.ready_labels", language)


def _sentence(row: Found, language: str) -> Paragraph:
    if row["refused"]:
        return Paragraph(words(f"impact.refused_{row['refused']}", language), "note")
    points = {name: 100 * row[name] for name in ("value", "low", "high")}
    tone = "warning" if row["verdict"] == "found" and row["value"] > 0 else ""
    return Paragraph(words(f"impact.churn_{row['verdict']}", language, **points), tone)


def _table(rows: Sequence[Found], found: Found, language: str) -> Table:
    names = ("metric", "before", "after", "effect", "range", "customers", "result")
    headers = [words(f"impact.head_{name}", language) for name in names]
    cells = [_cells(row, found, language) for row in rows]
    return Table(headers, cells, figures=frozenset({1, 2, 3, 4, 5}), wide=frozenset({6}))


def _cells(row: Found, found: Found, language: str) -> list[str]:
    name = _metric(row["metric"], language)
    if row["refused"]:
        return [name, *[""] * 5, words(f"impact.refused_{row['refused']}", language)]
    before, after = (_level(row, row[key], found, language) for key in ("before", "after"))
    value = _difference(row, row["value"], found, language)
    reach = " \N{EN DASH} ".join(_plain_difference(row, row[key], found, language) for key in ("low", "high"))
    people = figure(row["n_affected"], "whole", language)
    if row["n_unaffected"]:
        people += f" / {figure(row['n_unaffected'], 'whole', language)}"
    return [name, before, after, value, reach, people, words(f"impact.verdict_{row['verdict']}", language)]


def _design(rows: Sequence[Found], language: str) -> Iterator[Block]:
    """Yield with whom the affected are compared, and how often nothing would have been called something."""
    known = [row for row in rows if not row["refused"]]
    for design in sorted({row["design"] for row in known}):
        yield Paragraph(words(f"impact.design_{design}", language), "note")
    n, n_found = sum(len(row["placebo"]) for row in known), sum(row["placebo_found"] for row in known)
    if n:
        yield Paragraph(words("impact.placebo", language, n=n_found, all=n), "note")


def _level(row: Found, value: float, found: Found, language: str) -> str:
    if _family(row) == "cost":
        return figure(value, "money", language, currency=found["currency"])
    return figure(value, "percent" if _family(row) in _SHARES else "number", language)


def _difference(row: Found, value: float, found: Found, language: str) -> str:
    """Return a difference with its sign and unit."""
    sign = "+" if value > 0 else ""
    text = _plain_difference(row, value, found, language)
    return sign + (words("impact.points", language, value=text) if _family(row) in _SHARES else text)


def _plain_difference(row: Found, value: float, found: Found, language: str) -> str:
    return figure(100 * value, "rate", language) if _family(row) in _SHARES else _level(row, value, found, language)


def _family(row: Found) -> str:
    return str(row["metric"].partition(":")[0])


def _charts(rows: Sequence[Found], language: str) -> Iterator[Chart]:
    for row in rows:
        if row["refused"] or len(row["periods"]) < 2 or ":" in row["metric"]:
            continue
        places = list(range(len(row["periods"])))
        series = {words("impact.affected", language): (places, row["mean_affected"])}
        if row["mean_unaffected"]:
            series[words("impact.unaffected", language)] = (places, row["mean_unaffected"])
        yield line_chart(
            series,
            title=_metric(row["metric"], language),
            note=words("impact.chart_note", language),
            language=language,
            x_label=words("impact.period", language),
            y_kind="portion" if row["metric"] in _SHARES else "number",
            x_names=sparse_names([str(p) if p < 0 else f"+{p + 1}" for p in row["periods"]], most=12),
        )
