"""The data check page: may the data be used, what was read, what was found and what to do; no single values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from numbers import Real
from typing import Any

from churnml.exports.charts import Chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.exports.volume_chart import volume_chart
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["data_check_page", "verdict_of"]

# The place, what it means and what to do come first; the rest is for whoever mends it. The meaning says the count.
_COLUMNS = {
    "file": "text",
    "meaning": "text",
    "next_step": "text",
    "column": "text",
    "share": "percent",
    "first_row": "whole",
    "rule": "text",
}
_SECTIONS = {"error": "errors", "warning": "warnings", "info": "notes"}
_TONES = {"stopped": "warning", "care": "note", "good": "good"}


def data_check_page(
    findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], *, language: str = "en"
) -> bytes:
    """Return the findings as one self-contained page in English and Chinese.

    Parameters
    ----------
    findings : sequence of mappings
        ``rule``, ``severity`` (error, warning, info), ``table``, ``file``, ``column``, ``share``, ``first_row``,
        ``meaning``, ``next_step``, ``figures``; a text may be a mapping from language to text.
    summary : mapping
        Single figures become tiles; a list of mappings becomes a table, for example ``files`` with ``table``,
        ``kind``, ``rows``, ``first``, ``last``; ``volumes`` (``table``, ``unit``, ``starts``, ``rows``) charts.
        ``stopped_by`` names what kept the data from being read at all; ``enough`` says whether the data suffice.
    language : str, optional
        The language shown first.

    Returns
    -------
    bytes
        UTF-8 HTML.
    """
    return render_views([_view(findings, summary, each) for each in languages_from(language)])


def verdict_of(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object]) -> str:
    """Return ``stopped``, ``care`` or ``good``: may the data be used."""
    severities = {finding.get("severity") for finding in findings}
    if "error" in severities or summary.get("stopped_by"):
        return "stopped"
    return "care" if "warning" in severities else "good"


def _view(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> View:
    verdict = verdict_of(findings, summary)
    head: list[Block] = [Paragraph(words(f"data_check.verdict.{verdict}", language), _TONES[verdict])]
    sections = [
        Section("", [*head, *_tiles(findings, summary, language)]),
        *_enough(summary, language),
        *_findings(findings, summary, language),
        Section(words("data_check.summary", language), _tables(summary, language)),
        *_volumes(findings, summary, language),
    ]
    return View(words("data_check.title", language), language, sections, words("data_check.lead", language))


def _enough(summary: Mapping[str, object], language: str) -> list[Section]:
    """Return whether the data suffice, where that was counted."""
    found = summary.get("enough")
    if not isinstance(found, Mapping):
        return []
    tone = "good" if found["verdict"] in {"precise", "usable"} else "warning"
    first, *rest = [str(text[language]) for text in found["texts"]]
    blocks: list[Block] = [Paragraph(first, tone), *(Paragraph(text) for text in rest)]
    if found["bring"]:
        rows = [[str(text[language])] for text in found["bring"]]
        blocks.append(Table([words("enough.bring", language)], rows, wide=frozenset({0})))
    return [Section(words("enough.title", language), blocks)]


def _tiles(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> list[Block]:
    counts = {f"n_{s}s": sum(f.get("severity") == s for f in findings) for s in ("error", "warning")}
    plain = {k: v for k, v in {**summary, **counts}.items() if isinstance(v, Real | str)}
    return [Tiles([(_label(k, language), _text(v, language)) for k, v in plain.items()])]


def _tables(summary: Mapping[str, object], language: str) -> list[Block]:
    return [
        _rows(name, value, language)
        for name, value in summary.items()
        if name != "volumes" and isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)
    ]


def _rows(name: str, rows: Sequence[Mapping[str, object]], language: str) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {at for at, key in enumerate(columns) if all(isinstance(r.get(key), Real | None) for r in rows)}
    return Table(
        headers=[_label(key, language) for key in columns],
        rows=[[_worded(key, row.get(key), language) for key in columns] for row in rows],
        figures=frozenset(numeric),
        caption=_label(name, language),
    )


def _findings(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> list[Section]:
    if not findings and summary.get("stopped_by"):
        return []
    if not findings:
        text = words("data_check.no_findings", language)
        return [Section(words("data_check.findings", language), [Paragraph(text, "good")])]
    sections = []
    # A severity that is none of the three still gets its row, among the errors.
    groups: dict[str, list[Mapping[str, object]]] = {name: [] for name in _SECTIONS}
    for finding in findings:
        severity = str(finding.get("severity"))
        groups[severity if severity in groups else "error"].append(finding)
    for severity, group in groups.items():
        if group:
            sections.append(Section(words(f"data_check.{_SECTIONS[severity]}", language), [_table(group, language)]))
    return sections


def _table(findings: Sequence[Mapping[str, object]], language: str) -> Table:
    columns = [name for name in _COLUMNS if any(f.get(name) not in (None, "") for f in findings)]
    return Table(
        headers=[_label(name, language) for name in columns],
        rows=[[_cell(name, finding.get(name), language) for name in columns] for finding in findings],
        figures=frozenset(at for at, name in enumerate(columns) if _COLUMNS[name] != "text"),
        wide=frozenset(at for at, name in enumerate(columns) if name in {"meaning", "next_step"}),
        bold=frozenset(
            (at, columns.index("meaning"))
            for at, f in enumerate(findings)
            if f.get("severity") == "error" and "meaning" in columns
        ),
    )


def _volumes(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> list[Section]:
    given = summary.get("volumes")
    if not isinstance(given, list | tuple) or not given:
        return []
    charts: list[Block] = [_chart(entry, findings, language) for entry in given]
    return [Section(words("data_check.volumes", language), charts)]


def _chart(entry: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], language: str) -> Chart:
    unit = words(f"data_check.unit.{entry['unit']}", language)
    lacking = [
        (date.fromisoformat(f["figures"]["first"]), date.fromisoformat(f["figures"]["last"]))
        for f in findings
        if f.get("rule") in {"data.gap", "data.last_days", "data.last_day_low"} and f.get("table") == entry["table"]
    ]
    return volume_chart(
        [date.fromisoformat(start) for start in entry["starts"]],
        entry["rows"],
        title=str(entry["table"]),
        language=language,
        note=words("data_check.volume_note", language, unit=unit),
        lacking=lacking,
    )


def _cell(name: str, value: object, language: str) -> str:
    if isinstance(value, Mapping):
        value = value.get(language, "")
    if isinstance(value, str):
        return _worded(name, value, language)
    return figure(value, _COLUMNS[name] if isinstance(value, Real) else "text", language)


def _worded(name: str, value: object, language: str) -> str:
    """Return the catalogue's word for a code such as a kind of table, anything else as text."""
    key = f"data_check.{name}.{value}"
    return words(key, language) if isinstance(value, str) and has_words(key) else _text(value, language)


def _text(value: object, language: str) -> str:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return figure(value, ("whole" if whole else "number") if isinstance(value, Real) else "text", language)


def _label(name: str, language: str) -> str:
    return words(f"data_check.{name}", language) if has_words(f"data_check.{name}") else name
