"""The data check page: what was read and what was found, by rule and place; counts and shares, no values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import LANGUAGES, figure, has_words, words

__all__ = ["data_check_page"]

# What it means and what to do come first; the place and the rule are for whoever mends it. The meaning says the count.
_COLUMNS = {
    "severity": "text",
    "meaning": "text",
    "next_step": "text",
    "file": "text",
    "column": "text",
    "share": "percent",
    "first_row": "whole",
    "rule": "text",
}
_SEVERITIES = ("error", "warning", "info")


def data_check_page(
    findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], *, language: str = "en"
) -> bytes:
    """Return the findings as one self-contained page in English and Chinese.

    Parameters
    ----------
    findings : sequence of mappings
        ``rule``, ``severity`` (error, warning, info), ``file``, ``column``, ``share``, ``first_row``,
        ``meaning``, ``next_step``; a text may be a mapping from language to text. Worst first on the page, else in the
        given order.
    summary : mapping
        Single figures become tiles; a list of mappings becomes a table, for example ``tables`` with ``table``,
        ``kind``, ``rows``, ``first``, ``last``.
    language : str, optional
        The language shown first.

    Returns
    -------
    bytes
        UTF-8 HTML.
    """
    order = [language, *(other for other in LANGUAGES if other != language)]
    return render_views([_view(findings, summary, each) for each in order])


def _view(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> View:
    sections = [
        Section(words("data_check.summary", language), _summary(findings, summary, language)),
        Section(words("data_check.findings", language), [_findings(findings, language)]),
    ]
    return View(words("data_check.title", language), language, sections, words("data_check.lead", language))


def _summary(findings: Sequence[Mapping[str, object]], summary: Mapping[str, object], language: str) -> list[Block]:
    counts = {f"n_{s}s": sum(f.get("severity") == s for f in findings) for s in ("error", "warning")}
    plain = {k: v for k, v in {**summary, **counts}.items() if isinstance(v, Real | str)}
    blocks: list[Block] = [Tiles([(_label(k, language), _text(v, language)) for k, v in plain.items()])]
    for name, value in summary.items():
        if isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value):
            blocks.append(_rows(name, value, language))
    return blocks


def _rows(name: str, rows: Sequence[Mapping[str, object]], language: str) -> Table:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {at for at, key in enumerate(columns) if all(isinstance(r.get(key), Real | None) for r in rows)}
    return Table(
        headers=[_label(key, language) for key in columns],
        rows=[[_worded(key, row.get(key), language) for key in columns] for row in rows],
        figures=frozenset(numeric),
        caption=_label(name, language),
    )


def _findings(findings: Sequence[Mapping[str, object]], language: str) -> Block:
    if not findings:
        return Paragraph(words("data_check.no_findings", language), "good")
    worst_first = sorted(findings, key=lambda f: _rank(f.get("severity")))
    columns = [name for name in _COLUMNS if any(f.get(name) not in (None, "") for f in findings)]
    return Table(
        headers=[_label(name, language) for name in columns],
        rows=[[_cell(name, finding.get(name), language) for name in columns] for finding in worst_first],
        figures=frozenset(at for at, name in enumerate(columns) if _COLUMNS[name] != "text"),
        wide=frozenset(at for at, name in enumerate(columns) if name in {"meaning", "next_step"}),
        bold=frozenset((at, 0) for at, f in enumerate(worst_first) if f.get("severity") == "error"),
    )


def _rank(severity: object) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _cell(name: str, value: object, language: str) -> str:
    if isinstance(value, Mapping):
        value = value.get(language, "")
    if isinstance(value, str):
        return _worded(name, value, language)
    return figure(value, _COLUMNS[name] if isinstance(value, Real) else "text", language)


def _worded(name: str, value: object, language: str) -> str:
    """Return the catalogue's word for a code such as a severity or a kind of table, anything else as text."""
    key = f"data_check.{name}.{value}"
    return words(key, language) if isinstance(value, str) and has_words(key) else _text(value, language)


def _text(value: object, language: str) -> str:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return figure(value, ("whole" if whole else "number") if isinstance(value, Real) else "text", language)


def _label(name: str, language: str) -> str:
    return words(f"data_check.{name}", language) if has_words(f"data_check.{name}") else name
