"""The report as a page in both languages, from the same values as the workbook; readable offline and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnml.exports.charts import Chart, bar_chart, line_chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.relationship.assessment.page_findings import (
    drivers_section,
    lines_section,
    tiers_section,
    topics_section,
    weak_section,
)
from churnml.relationship.assessment.page_parts import (
    actions_section,
    breaks_section,
    method_section,
    missing_section,
    roles_section,
    sources_section,
    survey_section,
)
from churnml.relationship.assessment.report import HEADLINES
from churnml.relationship.assessment.told import paragraph, told_band, told_grades, told_population
from churnml.relationship.assessment.written import Writer
from churnml.wording import LANGUAGES, MISSING

__all__ = ["relationship_page"]

_IN_GROUPS = ("churn", "revenue_churn", "csat", "nps", "frequency", "repeat")
_VALUES = ("clv", "year_value")
"""Of the two, what there is is told by group."""
_IN_CHARTS = (("churn",), ("csat",), ("nps",), ("frequency",), ("year_value",), ("sla_breach",))
_MOST_BARS = 12
_TONES = {"A": "good", "B": "", "C": "warning"}


def relationship_page(report: Mapping[str, Any]) -> bytes:
    """Return a self-contained page with a switch between English and Chinese; what is held back is nowhere in it."""
    return render_views([_view(Writer(report, language)) for language in LANGUAGES])


def _view(w: Writer) -> View:
    report = w.report
    period = report["period"]
    lead = w.say("lead", days=period["days"], end=w.day(period["end"]), population=told_population(w))
    if report["question"]:
        lead += " " + w.say("question", question=report["question"])
    sections = [
        _summary(w),
        _trend(w),
        _figures(w),
        _explained(w),
        *_groups(w),
        survey_section(w),
        weak_section(w),
        topics_section(w),
        drivers_section(w),
        tiers_section(w),
        lines_section(w),
        actions_section(w),
        breaks_section(w),
        missing_section(w),
        sources_section(w),
        roles_section(w),
        method_section(w),
    ]
    return View(w.say("title"), w.language, [s for s in sections if s is not None], lead)


def _everybody(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    cell: Mapping[str, Any] = entry["cells"]["all"]["all"]
    return cell


def _summary(w: Writer) -> Section:
    tiles = [
        (w.name(f["name"]), f"{w.value(f['kind'], _everybody(f)['value'])}{_mark(f)}")
        for f in w.report["figures"]
        if f["name"] in HEADLINES and not _everybody(f).get("hidden")
    ]
    blocks: list[Block] = [Tiles(tiles)]
    if w.report["grade"]:
        blocks.append(Paragraph(told_grades(w, HEADLINES), _TONES[w.report["grade"]]))
    if w.report["band"] is not None:
        blocks.append(Paragraph(*told_band(w)))
    survey = w.report["survey"]
    if survey is not None and survey["relation"]["is_related"]:
        blocks.append(Paragraph(w.say("survey.warning"), "warning"))
    blocks.append(Paragraph(w.say("grade_rule"), "note"))
    return Section(w.say("summary"), blocks)


def _mark(entry: Mapping[str, Any]) -> str:
    return f" \N{MIDDLE DOT} {entry['grade']}" if entry["grade"] else ""


def _trend(w: Writer) -> Section | None:
    series = w.report["series"]
    if len(series) < 2:
        return None
    names = [w.day(point["end"]).strftime("%y-%m-%d") for point in series]
    charts: list[Block] = []
    for group in _IN_CHARTS:
        told = {f["name"]: f for f in w.report["figures"] if f["name"] in group}
        points = {name: _points(series, name) for name in told}
        shown = {name: xy for name, xy in points.items() if len(xy[0]) > 1}
        if shown:
            kind = told[next(iter(shown))]["kind"]
            charts.append(_line(w, shown, kind=kind, x_names=names))
    note = Paragraph(w.say("trend_note", days=w.report["period"]["days"]), "note")
    return Section(w.say("trend"), [note, *charts]) if charts else None


def _points(series: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    found = [(float(at), float(p["values"][name]["value"])) for at, p in enumerate(series) if name in p["values"]]
    return [x for x, _ in found], [y for _, y in found]


def _line(
    w: Writer, points: Mapping[str, tuple[list[float], list[float]]], *, kind: str, x_names: Sequence[str]
) -> Chart:
    names = {w.name(name): xy for name, xy in points.items()}
    y_kind = "percent" if kind == "percent" else "rate"
    title = ", ".join(names)
    return line_chart(
        names, title=title, language=w.language, x_label=w.say("trend_end"), y_kind=y_kind, x_names=x_names
    )


def _figures(w: Writer) -> Section:
    heads = ("figure", "grade", "value", "previous", "change", "n")
    rows = []
    for entry in w.report["figures"]:
        cell, kind = _everybody(entry), entry["kind"]
        if cell.get("hidden"):
            rows.append([w.name(entry["name"]), "", w.say("withheld"), *[""] * 3])
            continue
        before = cell.get("previous") or {}
        star = " *" if cell.get("beyond_noise") else ""
        rows.append([
            w.name(entry["name"]), entry["grade"],
            "\n".join([w.value(kind, cell["value"]), w.span(kind, cell["low"], cell["high"])]),
            w.say("withheld") if before.get("hidden") else w.value(kind, before.get("value")),
            "\n".join([
                w.change(kind, cell.get("change")) + star,
                w.span(kind, cell.get("change_low"), cell.get("change_high"), is_change=True),
            ]),
            w.number(cell["customers" if isinstance(cell["n"], str) else "n"]),
        ])  # fmt: skip
    table = Table([w.say(f"col.{head}") for head in heads], rows, figures=frozenset(range(2, 6)))
    return Section(
        w.say("figures"), [Paragraph(w.say("figures_text", confidence=w.report["confidence"]), "note"), table]
    )


def _explained(w: Writer) -> Section:
    rows = [(w.name(entry["name"]), paragraph(w, entry)) for entry in w.report["figures"]]
    return Section(w.say("explained"), [Table(("", ""), rows)])


def _groups(w: Writer) -> list[Section]:
    figures = {f["name"]: f for f in w.report["figures"]}
    value = [name for name in _VALUES if name in figures][:1]
    told = [figures[name] for name in (*_IN_GROUPS, *value) if name in figures]
    ways = {way["name"]: way["levels"] for way in w.report["ways"] if way["name"] != "all"} if told else {}
    blocks: list[Block] = [
        Paragraph(w.say("groups_text"), "note"),
        Paragraph(w.say("withheld_text", minimum=w.report["minimum"]), "note"),
    ]
    charts = []
    for way, levels in ways.items():
        rows = [
            [w.level(way, level), *(_in_group(w, f, f["cells"][way].get(level, {})) for f in told)] for level in levels
        ]
        heads = ["", *(w.name(f["name"]) for f in told)]
        blocks.append(Table(heads, rows, figures=frozenset(range(1, len(heads))), caption=w.way(way)))
        chart = _bars(w, told[0], way, levels)
        charts += [] if chart is None else [chart]
    return [Section(w.say("groups"), [*blocks, *charts])] if ways else []


def _in_group(w: Writer, entry: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
    if cell.get("hidden"):
        return w.say("withheld")
    if cell.get("value") is None:
        return MISSING
    kind = entry["kind"]
    # Sums of money are long: of how many customers says as much.
    n = w.number(cell["customers" if isinstance(cell["n"], str) else "n"])
    lines = [w.value(kind, cell["value"]), w.span(kind, cell["low"], cell["high"]), f"n {n}"]
    if "change" in cell:
        lines.append(w.change(kind, cell["change"]) + (" *" if cell["beyond_noise"] else ""))
    return "\n".join(lines)


def _bars(w: Writer, entry: Mapping[str, Any], way: str, levels: Sequence[str]) -> Chart | None:
    """Return the first figure by group as bars; groups that are held back have none."""
    cells = entry["cells"][way]
    shown = [level for level in levels if not cells[level].get("hidden") and cells[level].get("value") is not None]
    if not 2 <= len(shown) <= _MOST_BARS:
        return None
    title = f"{w.name(entry['name'])} \N{MIDDLE DOT} {w.way(way)}"
    values = [float(cells[level]["value"]) for level in shown]
    kind = "percent" if entry["kind"] == "percent" else "rate"
    names = [w.level(way, level) for level in shown]
    return bar_chart(names, {w.name(entry["name"]): values}, title=title, language=w.language, y_kind=kind)
