"""The page of ``churnml verify``: the verdict first, then what was tried and what was found, in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import figure, languages_from, words

__all__ = ["verify_page"]

_COLUMNS = ("severity", "column", "file", "meaning", "next_step", "rule")


def verify_page(report: Mapping[str, Any], *, language: str = "en") -> bytes:
    """Return the report as one self-contained page in English and Chinese.

    Parameters
    ----------
    report : mapping
        ``verdict`` (passed or leaks), ``as_of``, ``artefacts`` (own or private), ``n_leaks``, ``n_warnings``, and
        ``probes``: ``name``, ``tried`` (what -> how often), ``skipped``, ``findings`` (``severity``, ``column``,
        ``file``, ``rule``, and ``meaning`` and ``next_step`` by language).
    language : str, optional
        The language shown first.

    Returns
    -------
    bytes
        UTF-8 HTML.
    """
    return render_views([_view(report, each) for each in languages_from(language)])


def _view(report: Mapping[str, Any], language: str) -> View:
    sections = [Section(words("verify.verdict", language), list(_verdict(report, language)))]
    findings = [finding for probe in report["probes"] for finding in probe["findings"]]
    if findings:
        sections.append(Section(words("verify.findings", language), [_findings(findings, language)]))
    sections.append(Section(words("verify.probes", language), [_probes(report["probes"], language)]))
    return View(words("verify.title", language), language, sections, words("verify.lead", language))


def _verdict(report: Mapping[str, Any], language: str) -> Iterator[Block]:
    tone = "warning" if report["verdict"] == "leaks" else "good"
    yield Paragraph(words(f"verify.verdict.{report['verdict']}", language, n=report["n_leaks"]), tone)
    tiles = [
        (words(f"verify.{key}", language), figure(report[key], "whole", language)) for key in ("n_leaks", "n_warnings")
    ]
    yield Tiles([*tiles, (words("verify.as_of", language), str(report["as_of"]))])
    yield Paragraph(words(f"verify.artefacts.{report['artefacts']}", language), "note")


def _findings(findings: Sequence[Mapping[str, Any]], language: str) -> Table:
    worst_first = sorted(findings, key=lambda finding: finding["severity"] != "error")
    return Table(
        headers=[words(f"verify.{name}", language) for name in _COLUMNS],
        rows=[[_cell(finding, name, language) for name in _COLUMNS] for finding in worst_first],
        bold=frozenset((at, 0) for at, finding in enumerate(worst_first) if finding["severity"] == "error"),
        wide=frozenset(at for at, name in enumerate(_COLUMNS) if name in {"meaning", "next_step"}),
    )


def _cell(finding: Mapping[str, Any], name: str, language: str) -> str:
    if name == "severity":
        return words(f"verify.severity.{finding['severity']}", language)
    value = finding[name]
    return str(value[language] if isinstance(value, Mapping) else value)


def _probes(probes: Sequence[Mapping[str, Any]], language: str) -> Table:
    headers = [words(f"verify.{name}", language) for name in ("probe", "what", "tried", "result")]
    rows = []
    for probe in probes:
        tried = [
            f"{figure(n, 'whole', language)} {words(f'verify.tried.{key}', language)}"
            for key, n in probe["tried"].items()
        ]
        name = probe["name"]
        rows.append(
            [
                words(f"verify.probe.{name}", language),
                words(f"verify.what.{name}", language),
                words("verify.join", language).join(tried),
                _result(probe, language),
            ]
        )
    return Table(headers=headers, rows=rows, wide=frozenset({1}))


def _result(probe: Mapping[str, Any], language: str) -> str:
    if probe["skipped"]:
        return words(f"verify.skipped.{probe['skipped']}", language)
    n_leaks = sum(finding["severity"] == "error" for finding in probe["findings"])
    n_warnings = len(probe["findings"]) - n_leaks
    parts = [words("verify.result.leaks", language, n=n_leaks)] if n_leaks else []
    parts += [words("verify.result.warnings", language, n=n_warnings)] if n_warnings else []
    return words("verify.join", language).join(parts) or words("verify.result.none", language)
