"""The report's figures in sentences: one paragraph for each, and what the grades come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnml.relationship.assessment.written import Writer

__all__ = ["paragraph", "told_band", "told_grades", "told_population"]


def paragraph(writer: Writer, entry: Mapping[str, Any]) -> str:
    """Return what one figure says: now, how sure, against before, against its target, its grade, what it counts."""
    name, kind, cell = entry["name"], entry["kind"], entry["cells"]["all"]["all"]
    if cell.get("hidden"):
        return writer.say("told.hidden", minimum=writer.report["minimum"])
    if cell["value"] is None:
        return _joined(writer, [writer.say("told.no_value"), writer.meaning(name)])
    parts = [writer.say("told.now", value=writer.value(kind, cell["value"]), out_of=writer.out_of(name, cell))]
    if cell["low"] is not None:
        low, high = writer.value(kind, cell["low"]), writer.value(kind, cell["high"])
        parts.append(writer.say("told.range", confidence=writer.report["confidence"], low=low, high=high))
    parts.append(_against_before(writer, kind, cell))
    if entry["band"] is not None:
        parts.append(writer.say("told.target", band=writer.band(kind, *entry["band"])))
    if entry["grade"]:
        parts.append(writer.say("told.grade", grade=entry["grade"]))
    return _joined(writer, [*parts, writer.meaning(name)])


def _against_before(writer: Writer, kind: str, cell: Mapping[str, Any]) -> str:
    before = cell.get("previous") or {}
    if "change" not in cell or before.get("hidden") or before.get("value") is None:
        return writer.say("told.none")
    direction = "same" if not cell["beyond_noise"] else "rose" if cell["change"] > 0 else "fell"
    told = {"before": writer.value(kind, before["value"]), "change": writer.change(kind, cell["change"])}
    return writer.say(f"told.{direction}", **told)


def _joined(writer: Writer, sentences: list[str]) -> str:
    return ("" if writer.language == "zh" else " ").join(sentences)


def told_grades(writer: Writer, headlines: tuple[str, ...]) -> str:
    """Return the overall grade and how many figures have which."""
    grades = [f["grade"] for f in writer.report["figures"] if f["name"] in headlines]
    counts = {grade.lower(): grades.count(grade) for grade in "ABC"}
    return writer.say("grade_all", grade=writer.report["grade"], **counts)


def told_population(writer: Writer) -> str:
    """Return whom the report is about."""
    whom = writer.report["population"]
    parts = []
    if whom["column"]:
        parts.append(writer.say("population.column", column=whom["column"], value=whom["value"]))
    if whom["buyers"] != "any":
        parts.append(writer.say(f"population.{whom['buyers']}"))
    return _joined(writer, parts or [writer.say("population.all")])


def told_band(writer: Writer) -> tuple[str, str]:
    """Return the sentences on the band of churn, and their tone."""
    band = writer.report["band"]
    churn = next(f for f in writer.report["figures"] if f["name"] == "churn")
    edges = writer.band("percent", band["low"], band["high"])
    told = {"rate": churn["cells"]["all"]["all"]["value"]}
    told |= {} if band["place"] == "inside" else {"p": band["p_noise"]}
    sentences = [
        writer.say(f"churn_band.{band['source']}", band=edges, n=band["n_past"]),
        writer.say(f"churn_band.{band['place']}", **told),
    ]
    if band["is_zero"]:
        sentences.append(writer.say("churn_band.zero"))
    is_bad = band["is_zero"] or band["place"] == "above"
    return _joined(writer, sentences), "warning" if is_bad else "note"
