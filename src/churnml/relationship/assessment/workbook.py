"""The report as a workbook: an explaining sheet in both languages, then each table in English and in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.exports.workbook import Explanation, Sheet, SheetColumn, write_workbook
from churnml.relationship.assessment.page_findings import tier_name
from churnml.relationship.assessment.report import HEADLINES
from churnml.relationship.assessment.response import RISK_CLASSES
from churnml.relationship.assessment.tiers import FROM, TO
from churnml.relationship.assessment.told import paragraph, told_band, told_grades, told_population
from churnml.relationship.assessment.written import Writer
from churnml.wording import LANGUAGES

__all__ = ["write_relationship_workbook"]

Row = Mapping[str, Any]
_TYPES = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "percent": pa.float64()}


def write_relationship_workbook(report: Mapping[str, Any], path: Path) -> None:
    """Write the workbook; cells that are held back say so and hold no number."""
    writers = [Writer(report, language) for language in LANGUAGES]
    first, *others = (_about(writer) for writer in writers)
    told = Explanation(first.tab, first.heading, first.blocks, others[0] if others else None)
    sheets = [sheet for writer in writers for make in _SHEETS if (sheet := make(writer)) is not None]
    write_workbook(path, sheets, explanation=told, made=writers[0].day(report["period"]["end"]))


def _about(w: Writer) -> Explanation:
    period = w.report["period"]
    lead = w.say("lead", days=period["days"], end=w.day(period["end"]), population=told_population(w))
    short = [lead, *([w.say("question", question=w.report["question"])] if w.report["question"] else [])]
    short += [told_grades(w, HEADLINES)] if w.report["grade"] else []
    short += [told_band(w)[0]] if w.report["band"] is not None else []
    blocks = [
        (w.say("summary"), [("", text) for text in [*short, w.say("grade_rule")]]),
        (w.say("explained"), [(w.name(f["name"]), paragraph(w, f)) for f in w.report["figures"]]),
        (
            w.say("method"),
            [("", w.say("withheld_text", minimum=w.report["minimum"])), ("", w.say("method.time")),
             ("", w.say("method.id", id=w.report["id"]))],
        ),
    ]  # fmt: skip
    return Explanation(w.say("sheet.about"), w.say("title"), blocks)


def _sheet(w: Writer, name: str, columns: Sequence[tuple[str, str, str]], rows: Sequence[Row]) -> Sheet | None:
    """Return a sheet of rows; columns are (name, header, kind)."""
    if not rows:
        return None
    table = pa.table({key: pa.array([row.get(key) for row in rows], _TYPES[kind]) for key, _, kind in columns})
    title = w.say(f"sheet.{name}")
    return Sheet(title, table, [SheetColumn(key, header, kind) for key, header, kind in columns], frozen=1)


def _figures(w: Writer) -> Sheet | None:
    rows = []
    for entry in w.report["figures"]:
        for way in w.report["ways"]:
            cells = entry["cells"][way["name"]]
            rows += [_figure_row(w, entry, way["name"], level, cells[level]) for level in way["levels"]]
    texts = ("figure", "unit", "grade", "way", "level")
    numbers = ("value", "low", "high", "count", "n", "customers", "previous", "previous_n", "change")
    columns = [(key, w.say(f"col.{key}"), "text") for key in texts]
    columns += [(key, w.say(f"col.{key}"), "number") for key in (*numbers, "change_low", "change_high")]
    return _sheet(w, "figures", [*columns, ("beyond", w.say("col.beyond"), "text")], rows)


def _figure_row(w: Writer, entry: Row, way: str, level: str, cell: Row) -> Row:
    row: dict[str, Any] = {
        "figure": w.name(entry["name"]),
        "unit": w.say(f"unit.{entry['kind']}", currency=w.currency),
        "grade": entry["grade"] if way == "all" else "",
        "way": w.way(way),
        "level": w.level(way, level),
    }
    if cell.get("hidden"):
        return {**row, "beyond": w.say("withheld")}
    before = cell.get("previous") or {}
    names = ("value", "low", "high", "count", "n", "customers", "change", "change_low", "change_high")
    # Shares are told in percent: in one column with other units, a format could not do it.
    scale = {
        name: 100.0 if entry["kind"] == "percent" and name not in {"count", "n", "customers"} else 1.0 for name in names
    }
    row |= {name: None if cell.get(name) is None else scale[name] * float(cell[name]) for name in names}
    row["previous"] = None if before.get("value") is None else scale["value"] * before["value"]
    row["previous_n"] = None if before.get("n") is None else float(before["n"])
    row["beyond"] = w.say("withheld") if before.get("hidden") else w.yes(cell.get("beyond_noise"))
    return row


def _response(w: Writer) -> Sheet | None:
    survey = w.report["survey"]
    if survey is None or survey["by_risk"] is None:
        return None
    rows = [
        {
            "risk": w.say(f"risk.{level}"),
            "value": cell.get("value"),
            "count": cell.get("count"),
            "n": cell.get("n"),
            "note": w.say("withheld") if cell.get("hidden") else "",
        }
        for level in RISK_CLASSES
        if (cell := survey["by_risk"].get(level)) is not None
    ]
    columns = [("risk", w.say("survey.by_risk"), "text"), ("value", w.say("survey.rate"), "percent")]
    columns += [("count", w.say("survey.answered"), "whole"), ("n", w.say("col.n"), "whole"), ("note", " ", "text")]
    return _sheet(w, "response", columns, rows)


def _weak(w: Writer) -> Sheet | None:
    rows = [
        {
            **row,
            "group": f"{w.way(row['way'])}: {w.level(row['way'], row['level'])}",
            "where": w.point(row["point"]),
            "finding": w.yes(row["is_found"]),
        }
        for row in w.report["weak_points"]["rows"]
    ]
    columns = [("group", w.say("weak.group"), "text"), ("where", w.say("weak.point"), "text")]
    columns += [("share", w.say("weak.share"), "percent"), ("count", w.say("col.count"), "whole")]
    columns += [("n", w.say("col.n"), "whole"), ("share_rest", w.say("weak.rest"), "percent")]
    columns += [("q_value", w.say("weak.q"), "number"), ("finding", w.say("weak.finding"), "text")]
    return _sheet(w, "weak", columns, rows)


def _topics(w: Writer) -> Sheet | None:
    topics = w.report["topics"]
    rows = [{**row, "name": " ".join(row["topic"])} for row in (topics or {}).get("rows", ())]
    columns = [("name", w.say("topics.topic"), "text"), ("value", w.say("topics.value"), "number")]
    columns += [("low", w.say("col.low"), "number"), ("high", w.say("col.high"), "number")]
    columns += [("mean", w.say("topics.mean"), "number"), ("n", w.say("col.customers"), "whole")]
    return _sheet(w, "topics", columns, rows)


def _drivers(w: Writer) -> Sheet | None:
    rows = [
        {
            **row,
            "what": w.say(f"outcome.{row['outcome']}"),
            "which": w.measure(row["measure"]),
            "finding": w.yes(row["is_found"]),
        }
        for row in w.report["drivers"]["rows"]
    ]
    columns = [("what", w.say("drivers.outcome"), "text"), ("which", w.say("drivers.measure"), "text")]
    columns += [("n_exposed", w.say("drivers.exposed"), "whole"), ("n", w.say("col.n"), "whole")]
    columns += [(key, w.say(f"drivers.{key}"), "percent") for key in ("with", "without", "effect")]
    columns += [("low", w.say("col.low"), "percent"), ("high", w.say("col.high"), "percent")]
    columns += [("q_value", w.say("weak.q"), "number"), ("finding", w.say("weak.finding"), "text")]
    return _sheet(w, "drivers", columns, rows)


def _tiers(w: Writer) -> Sheet | None:
    tiers = w.report["tiers"]
    if tiers is None:
        return None

    def told(n: int | None) -> str:
        return w.say("withheld") if n is None else str(n)

    rows: list[Row] = [
        {"was": tier_name(w, a), **{b: told(n) for b, n in tiers["rows"][a].items()}, "total": told(tiers["totals"][a])}
        for a in FROM
    ]
    rows.append({"was": w.say("tiers.total"), **{b: told(tiers["ends"][b]) for b in TO}})
    columns = [("was", w.say("tiers.was"), "text"), *((b, tier_name(w, b), "text") for b in TO)]
    return _sheet(w, "tiers", [*columns, ("total", w.say("tiers.total"), "text")], rows)


def _lines(w: Writer) -> Sheet | None:
    lines = w.report["lines"]
    rows = [
        {**row, "name": f"{row['line'][1]} {row['line'][2]}", "finding": w.yes(row["is_found"])}
        for row in (lines or {}).get("rows", ())
    ]
    columns = [("name", w.say("lines.line"), "text"), ("churn", w.say("lines.churn"), "percent")]
    columns += [("count", w.say("col.count"), "whole"), ("n", w.say("col.n"), "whole")]
    columns += [("expected", w.say("lines.expected"), "percent"), ("ratio", w.say("lines.ratio"), "number")]
    columns += [("q_value", w.say("weak.q"), "number"), ("finding", w.say("weak.finding"), "text")]
    return _sheet(w, "lines", columns, rows)


def _actions(w: Writer) -> Sheet | None:
    rows = [
        {
            **row,
            "status": w.say(f"status.{row['status']}"),
            "metric": w.name(row["metric"]),
            "reached": w.yes(row["is_reached"]),
        }
        for row in w.report["actions"]
    ]
    columns = [(key, w.say(f"actions.{key}"), "text") for key in ("action", "owner", "due", "status", "metric")]
    columns += [("expected_effect", w.say("actions.expected"), "number"), ("effect", w.say("actions.effect"), "number")]
    columns += [("baseline_on", w.say("actions.since"), "text"), ("reached", w.say("actions.reached"), "text")]
    return _sheet(w, "actions", columns, rows)


def _sources(w: Writer) -> Sheet | None:
    counts = ("rows", "known", "in_period", "population", "used")
    columns = [("source", w.say("sources.source"), "text"), *((k, w.say(f"sources.{k}"), "whole") for k in counts)]
    return _sheet(w, "sources", [*columns, ("match_rate", w.say("sources.match_rate"), "percent")], w.report["sources"])


_SHEETS: tuple[Callable[[Writer], Sheet | None], ...] = (
    _figures, _response, _weak, _topics, _drivers, _tiers, _lines, _actions, _sources,
)  # fmt: skip
