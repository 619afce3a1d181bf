"""A list beside the retention list, and its folder: files for people, a page, and the manifest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import regime_cell, worded
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.work import WORK_FILE, work_rows, write_work
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, render_page
from churnml.exports.tables import write_csv
from churnml.exports.workbook import MAX_ROWS, Explanation, Sheet, SheetColumn, write_workbook
from churnml.histories.crises import regime_words
from churnml.reasons.sentences import reason_sentences
from churnml.storage import digest_file, new_folder, write_bytes, write_json
from churnml.wording import figure, has_words, words

__all__ = ["TeamList", "write_team_list"]

_KINDS = {
    **dict.fromkeys(("p_churn", "p_return"), "percent"),
    **dict.fromkeys(("clv", "value_at_risk", "value_after_return", "winback_gain", "help"), "money"),
    "harm": "number",
    **dict.fromkeys(("contact_by", "churned_on", "stop_date"), "date"),
    **dict.fromkeys(("rank", "days_gone", "tenure_days", "n_affected"), "whole"),
}
"""Kinds of columns; all others are texts."""

_FAMILIES = {
    "risk_band": "risk_band",
    "channel": "channel",
    "action": "action",
    "group": "group",
    "reason": "exclusion",
    "not_told": "exclusion",
    "barrier": "barrier",
    "loyal_by": "loyal_by",
}
_DECIMALS = {"percent": 4, "money": 2}
_TOP_ROWS = 20
_WHO = ("rank", "customer_id", "owner")
_ON_PAGE = {
    "winback": (*_WHO, "churned_on", "stop_date", "p_return", "value_after_return", "winback_gain", "channel"),
    "loyal_alarm": (*_WHO, "tenure_days", "past_tier", "risk_band", "p_churn", "value_at_risk", "reason_1"),
    "compensation": (*_WHO, "harm", "help", "channel", "value_at_risk", "value_tier"),
    "affected": (*_WHO, "contact_by", "channel", "n_affected", "risk_band", "p_churn", "value_at_risk"),
}
"""Columns of the page's first rows; nobody's name or address stands there."""

_KEPT_TOGETHER = ("risk_band", "channel")


@dataclass(frozen=True, slots=True)
class TeamList:
    """What is known of one list before it becomes files.

    Parameters
    ----------
    name : str
        Name and folder.
    kind : str
        ``winback``, ``loyal_alarm``, ``affected`` or ``compensation``: which words of the catalogue it is told in.
    plan : CampaignPlan
        Language, currency, versions.
    as_of : date
    model_version : str
    files : mapping of str to Table
        Name without ending -> rows in codes; the first one is what the list is for, and becomes the workbook too.
    paragraphs : sequence of (str, str)
        Sentences about the list, each with its tone (``note``, ``warning``, ``good`` or empty).
    tiles : sequence of (str, str)
        Headline figures.
    tables : sequence of (str, Table)
        Further tables of the page under their headings.
    counts : mapping of str to int
        For the manifest: ``contact``, ``holdout``, ``excluded``.
    facts : mapping
        What else the manifest says.
    documents : mapping of str to mapping
        JSON files beside the list: name without ending -> content.
    stale : tuple of str
        Tables that are older than agreed.
    """

    name: str
    kind: str
    plan: CampaignPlan
    as_of: date
    model_version: str
    files: Mapping[str, pa.Table]
    paragraphs: Sequence[tuple[str, str]]
    tiles: Sequence[tuple[str, str]]
    counts: Mapping[str, int]
    tables: Sequence[tuple[str, Table]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stale: tuple[str, ...] = ()


def write_team_list(found: TeamList, folder: Path, *, config_digest: str = "") -> dict[str, Any]:
    """Write a list into one folder, complete or absent.

    One CSV file for each table of the list, the first one as a workbook too, ``index.html``, and ``manifest.json``
    last. Texts that a spreadsheet would run are neutralised.

    Parameters
    ----------
    found : TeamList
    folder : Path
        Takes the place of an earlier folder of that name.
    config_digest : str, optional
        SHA-256 of the configuration behind the list.

    Returns
    -------
    dict
        The manifest: counts, versions, and rows and SHA-256 of each file.

    Raises
    ------
    PrivacyError
        If a value does not fit a file, or would be cut.
    EnvironmentFault
        If the folder cannot be written.
    """
    found = _marked(found)
    told = {name: _told(table, found.plan.language) for name, table in found.files.items()}
    first = next(iter(told))
    with new_folder(folder) as temp:
        for name, table in told.items():
            write_csv(table, temp / f"{name}.csv", headers=_headers(table, found), bom=True)
        _write_workbook(found, told[first], temp / f"{first}.xlsx")
        for name, content in found.documents.items():
            write_json(dict(content), temp / f"{name}.json")
        write_bytes(_page(found, told[first]), temp / "index.html")
        if found.counts["contact"] or found.counts["holdout"]:
            arms = {"contact": found.files[first], "holdout": found.files.get("holdout")}
            write_work(work_rows(arms), temp / WORK_FILE, name=found.name, day=found.as_of)
        rows = {f"{name}.csv": table.num_rows for name, table in told.items()}
        manifest = _manifest(found, temp, {**rows, f"{first}.xlsx": told[first].num_rows}, config_digest)
        write_json(manifest, temp / "manifest.json")
    return manifest


def _marked(found: TeamList) -> TeamList:
    """Return the list with what is to be borne in mind: tables too old, a regime that is not normal (a column too)."""
    plan = found.plan
    if found.stale:
        told = words("list.stale", plan.language, tables=", ".join(found.stale))
        found = replace(found, paragraphs=[(told, "warning"), *found.paragraphs])
    if plan.regime.state == "normal":
        return found
    cell = pa.scalar(regime_cell(plan, plan.language), pa.string())
    files = {n: t.append_column("regime", pa.repeat(cell, t.num_rows)) for n, t in found.files.items()}
    told = words("list.regime", plan.language, what=regime_words(plan.regime, plan.language))
    return replace(found, files=files, paragraphs=[(told, "warning"), *found.paragraphs])


def _told(table: pa.Table, language: str) -> pa.Table:
    """Return rows in words, rounded for reading."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if name.startswith("reason_") and name != "reason_code":
            column = reason_sentences(column, language)
        elif name in _FAMILIES:
            column = worded(column, _FAMILIES[name], language)
        elif _KINDS.get(name) in _DECIMALS:
            column = pc.round(column.cast(pa.float64()), _DECIMALS[_KINDS[name]])
        columns[name] = column
    return pa.table(columns)


def _headers(table: pa.Table, found: TeamList) -> dict[str, str]:
    plan = found.plan
    texts = {name: words(f"column.{name}", plan.language, currency=plan.currency) for name in table.column_names}
    # Without a declared currency its brackets would stand empty.
    return {name: text.replace(" ()", "").replace("\uff08\uff09", "") for name, text in texts.items()}


def _write_workbook(found: TeamList, table: pa.Table, path: Path) -> None:
    language, titles = found.plan.language, _headers(table, found)
    columns = [SheetColumn(name, titles[name], _KINDS.get(name, "text")) for name in table.column_names]
    title = words(f"{found.kind}.sheet", language)
    starts = range(0, max(table.num_rows, 1), MAX_ROWS)
    sheets = [
        Sheet(f"{title} {number}" if len(starts) > 1 else title, table.slice(start, MAX_ROWS), columns)
        for number, start in enumerate(starts, start=1)
    ]
    blocks = [
        (words("list.what", language), [("", text) for text, _ in found.paragraphs]),
        (words("list.columns", language), [(titles[n], _meaning(n, found)) for n in table.column_names]),
        (words("list.version", language), _facts(found)),
    ]
    about = Explanation(words("list.about_sheet", language), _title(found), blocks)
    write_workbook(path, sheets, explanation=about, made=found.as_of)


def _meaning(name: str, found: TeamList) -> str:
    key = f"{found.kind}.meaning.{name}"
    return words(key if has_words(key) else f"column_meaning.{name}", found.plan.language)


def _title(found: TeamList) -> str:
    return words(f"{found.kind}.title", found.plan.language, name=found.name)


def _page(found: TeamList, table: pa.Table) -> bytes:
    """Return the list in figures, its first rows by id, and what else there is to say; nobody's contact details."""
    language = found.plan.language
    head: list[Block] = [Tiles(found.tiles)] if found.tiles else []
    head += [Paragraph(text, tone) for text, tone in found.paragraphs]
    sections = [
        Section(words("list.summary", language), head),
        Section(words("list.top", language), _top(found, table)),
        *(Section(heading, [block]) for heading, block in found.tables),
        Section(words("list.facts", language), [Table(("", ""), _facts(found))]),
    ]
    return render_page(_title(found), language, sections, lead=words(f"{found.kind}.lead", language, as_of=found.as_of))


def _top(found: TeamList, table: pa.Table) -> list[Block]:
    language = found.plan.language
    if not table.num_rows:
        return [Paragraph(words(f"{found.kind}.nobody", language), "note")]
    names = [name for name in _ON_PAGE[found.kind] if name in table.column_names]
    kinds = ["number" if _KINDS.get(name) == "money" else _KINDS.get(name, "text") for name in names]
    rows = [
        [_cell(name, row[name], kind, language) for name, kind in zip(names, kinds, strict=True)]
        for row in table.select(names).slice(0, _TOP_ROWS).to_pylist()
    ]
    titles = _headers(table, found)
    figures = frozenset(at for at, kind in enumerate(kinds) if kind != "text")
    wide = frozenset(at for at, name in enumerate(names) if name == "reason_1")
    note = Paragraph(words("team_list.top_text", language, n=len(rows), file=f"{next(iter(found.files))}.csv"), "note")
    return [note, Table([titles[name] for name in names], rows, figures=figures, wide=wide)]


def _cell(name: str, value: object, kind: str, language: str) -> str:
    text = figure(value, kind, language)
    return text.replace(" ", "\N{NO-BREAK SPACE}") if name in _KEPT_TOGETHER else text


def _facts(found: TeamList) -> list[tuple[str, str]]:
    language = found.plan.language
    return [
        (words("list.as_of", language), figure(found.as_of, "date", language)),
        (words("column.campaign", language), found.name),
        (words("column.model_version", language), found.model_version),
        (words("column.policy_version", language), found.plan.policy_version),
    ]


def _manifest(found: TeamList, folder: Path, rows: Mapping[str, int], config_digest: str) -> dict[str, Any]:
    plan = found.plan
    files = sorted(path for path in folder.iterdir() if path.name != "manifest.json")
    return {
        "campaign": found.name,
        "kind": found.kind,
        "as_of": found.as_of.isoformat(),
        "policy_version": plan.policy_version,
        "model_version": found.model_version,
        "regime": plan.regime.facts(),
        "stale": list(found.stale),
        "config_digest": config_digest,
        "language": plan.language,
        "currency": plan.currency,
        "counts": dict(found.counts),
        **found.facts,
        "formula_guard": "apostrophe",
        "files": {
            path.name: {"bytes": path.stat().st_size, "rows": rows.get(path.name), "sha256": digest_file(path)}
            for path in files
        },
    }
