"""Sections of the page beyond the figures: surveys, actions, definitions, sources, roles, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnml.exports.page import Block, Paragraph, Section, Table
from churnml.relationship.assessment.cells import N_REPETITIONS
from churnml.relationship.assessment.response import RISK_CLASSES
from churnml.relationship.assessment.written import Writer
from churnml.wording import MISSING, figure

__all__ = [
    "actions_section",
    "breaks_section",
    "method_section",
    "missing_section",
    "roles_section",
    "sources_section",
    "survey_section",
]

_MISSING = {
    "csat": "csat", "nps": "nps", "churn": "churn", "revenue_churn": "value", "clv": "clv", "year_value": "value",
    "frequency": "frequency", "repeat": "purchases", "membership": "membership", "referral": "referral",
    "complaints": "tickets", "speed": "tickets", "sla_breach": "tickets", "open": "tickets", "overdue": "tickets",
    "reopened": "reopened", "response": "csat",
}  # fmt: skip
"""Figure -> why it cannot be told."""


def survey_section(w: Writer) -> Section | None:
    """Return raw and weighted scores, response by risk, and the test."""
    survey = w.report["survey"]
    if survey is None:
        return None
    by = [w.say(f"survey.by.{each.partition(':')[0]}") for each in survey["weighted_by"]]
    blocks: list[Block] = [
        Paragraph(w.say("survey.text", by=("、" if w.language == "zh" else ", ").join(by) or MISSING))
    ]
    kinds = {"csat": "percent", "nps": "points"}
    rows = []
    for name, score in sorted(survey["scores"].items()):
        kind, weighted = kinds[name], score["weighted"] or {}
        span = w.span(kind, weighted.get("low"), weighted.get("high"))
        raw = w.value(kind, score["raw"])
        rows.append([w.name(name), raw, w.value(kind, weighted.get("value")), span, w.number(score["n"])])
    heads = [w.say("col.figure"), w.say("survey.raw"), w.say("survey.weighted"), w.say("col.range"), w.say("col.n")]
    if rows:
        blocks.append(Table(heads, rows, figures=frozenset({1, 2, 3, 4})))
    if survey["by_risk"] is not None:
        blocks.append(_by_risk(w, survey["by_risk"]))
    return Section(w.say("survey"), [*blocks, *_relation(w, survey["relation"])])


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _by_risk(w: Writer, by_risk: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for level in (each for each in RISK_CLASSES if each in by_risk):
        cell, name = by_risk[level], w.say(f"risk.{level}")
        if cell.get("hidden"):
            rows.append([name, w.say("withheld"), "", ""])
        else:
            rows.append([name, w.value("percent", cell["value"]), w.number(cell["count"]), w.number(cell["n"])])
    heads = [w.say("survey.by_risk"), w.say("survey.rate"), w.say("survey.answered"), w.say("col.n")]
    return Table(heads, rows, figures=frozenset({1, 2, 3}))


def _relation(w: Writer, relation: Mapping[str, Any]) -> list[Block]:
    told: list[Block] = []
    if relation["predicted"] is not None:
        p = relation["predicted"]
        told.append(Paragraph(w.say("survey.predicted", p=p["p_higher"], p_value=_p(p["p_value"]))))
    if relation["observed"] is not None:
        seen = relation["observed"]
        rates = {side: seen[side]["value"] for side in ("silent", "answered")}
        counts = {f"n_{side}": seen[side]["n"] for side in ("silent", "answered")}
        told.append(Paragraph(w.say("survey.observed", **rates, **counts)))
    if told:
        key = "survey.warning" if relation["is_related"] else "survey.no_warning"
        told.append(Paragraph(w.say(key), "warning" if relation["is_related"] else "note"))
    return told


def actions_section(w: Writer) -> Section:
    """Return the register of actions and what became of them."""
    kinds = {f["name"]: f["kind"] for f in w.report["figures"]}
    rows = [
        [
            row["action"] + (f" ({row['group']})" if row["group"] else ""),
            row["owner"],
            figure(w.day(row["due"]), "date", w.language),
            w.say(f"status.{row['status']}"),
            w.name(row["metric"]),
            w.change(kinds.get(row["metric"], "rate"), row["expected_effect"]),
            w.change(kinds.get(row["metric"], "rate"), row["effect"]),
            MISSING if row["baseline_on"] is None else figure(w.day(row["baseline_on"]), "date", w.language),
            w.yes(row["is_reached"]),
        ]
        for row in w.report["actions"]
    ]
    if not rows:
        return Section(w.say("actions"), [Paragraph(w.say("actions.none"), "note")])
    heads = ("action", "owner", "due", "status", "metric", "expected", "effect", "since", "reached")
    table = Table([w.say(f"actions.{head}") for head in heads], rows, figures=frozenset({5, 6}), wide=frozenset({0}))
    return Section(w.say("actions"), [table])


def breaks_section(w: Writer) -> Section | None:
    """Return figures whose definition changed, by both definitions."""
    if not w.report["breaks"]:
        return None
    kinds = {f["name"]: f["kind"] for f in w.report["figures"]}
    rows = []
    for entry in w.report["breaks"]:
        kind, sides = kinds[entry["figure"]], (entry["by_old"], entry["by_new"])
        now = [w.say("withheld") if s.get("hidden") else w.value(kind, s["value"]) for s in sides]
        then = [s.get("previous") or {} for s in sides]
        before = [w.say("withheld") if s.get("hidden") else w.value(kind, s.get("value")) for s in then]
        what = [
            w.name(entry["figure"]),
            w.say(f"definition.{entry['definition']}"),
            _plain(entry["old"]),
            _plain(entry["new"]),
        ]
        rows.append([*what, *now, *before])
    heads = [w.say("col.figure"), *(w.say(f"breaks.{h}") for h in ("definition", "old", "new"))]
    heads += [w.say(f"breaks.{h}") for h in ("now_old", "now_new", "before_old", "before_new")]
    table = Table(heads, rows, figures=frozenset(range(2, 8)))
    return Section(w.say("breaks"), [Paragraph(w.say("breaks.text"), "warning"), table])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number:g}" for name, number in value.items())
    return f"{value:g}" if isinstance(value, int | float) else MISSING


def missing_section(w: Writer) -> Section:
    """Return what could not be told, and what would be needed."""
    reasons = dict.fromkeys(_MISSING[name] for name in w.report["missing"])
    if all("previous" not in f["cells"]["all"]["all"] for f in w.report["figures"]):
        reasons["previous"] = None
    if not w.report["roles"]["segments"]:
        reasons["segments"] = None
    if w.report["lines"] is None:
        reasons["lines"] = None
    if not reasons:
        return Section(w.say("missing"), [Paragraph(w.say("missing.none"), "note")])
    rows = [[w.say(f"missing.{reason}")] for reason in reasons]
    return Section(w.say("missing"), [Paragraph(w.say("missing.text")), Table(("",), rows)])


def sources_section(w: Writer) -> Section:
    """Return rows by source."""
    heads = ("source", "rows", "known", "in_period", "population", "used")
    rows = [
        [str(s["source"]), *(w.number(s[key]) for key in heads[1:]), w.value("percent", s["match_rate"])]
        for s in w.report["sources"]
    ]
    titles = [*(w.say(f"sources.{head}") for head in heads), w.say("sources.match_rate")]
    blocks: list[Block] = [Paragraph(w.say("sources.text")), Table(titles, rows, figures=frozenset(range(1, 7)))]
    n = sum(s.get("unmatched", 0) for s in w.report["sources"])
    if n:
        blocks.append(Paragraph(w.say("sources.unmatched", n=n), "note"))
    return Section(w.say("sources"), blocks)


def roles_section(w: Writer) -> Section:
    """Return what each table was taken for, and whether the project said so."""
    roles, rows = w.report["roles"], []
    for survey in roles["surveys"]:
        low, high = survey["scale"]
        name = w.say(f"role.{survey['kind']}", low=low, high=high, from_=survey["satisfied_from"])
        rows.append([name, f"{survey['table']}.{survey['column']}", w.say(f"roles.{survey['source']}")])
    if (tickets := roles["tickets"]) is not None:
        where = " + ".join(each for each in (tickets["table"], tickets["answers"]) if each)
        rows.append([w.say("role.tickets", sla=tickets["sla_hours"]), where, w.say(f"roles.{tickets['source']}")])
    if (member := roles["membership"]) is not None:
        rows.append([w.say("role.membership"), member["table"], w.say(f"roles.{member['source']}")])
    if (referral := roles["referral"]) is not None:
        name = w.say("role.referral", values=", ".join(referral["values"]))
        rows.append([name, f"{referral['table']}.{referral['column']}", w.say(f"roles.{referral['source']}")])
    if roles["purchases"]:
        rows.append([w.say("role.purchases"), roles["purchases"], w.say("roles.declared")])
    if roles["interactions"]:
        rows.append([w.say("role.interactions"), ", ".join(roles["interactions"]), w.say("roles.declared")])
    rows += [[w.say("role.line"), f"{table}.{column}", ""] for table, column in roles["lines"]]
    heads = [w.say(f"roles.{head}") for head in ("role", "where", "how")]
    return Section(w.say("roles"), [Table(heads, rows)])


def method_section(w: Writer) -> Section:
    """Return how to read the report, and its id."""
    report = w.report
    told = [
        w.say("method.customers", n=report["n_customers"]),
        w.say("method.time"),
        w.say("method.intervals", confidence=report["confidence"], times=N_REPETITIONS),
        w.say("method.season"),
        w.say("withheld_text", minimum=report["minimum"]),
        w.say("method.id", id=report["id"]),
    ]
    return Section(w.say("method"), [Paragraph(text) for text in told])
