"""Sections of the page on what was found: weak points, topics, drivers, tiers, product lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnml.exports.page import Block, Paragraph, Section, Table
from churnml.relationship.assessment.tiers import FROM, TO
from churnml.relationship.assessment.written import Writer
from churnml.wording import figure, has_words

__all__ = ["drivers_section", "lines_section", "tier_name", "tiers_section", "topics_section", "weak_section"]


def weak_section(w: Writer) -> Section:
    """Return the ranking of weak points."""
    found = w.report["weak_points"]
    if not found["n_tested"]:
        return Section(w.say("weak"), [Paragraph(w.say("weak.none"), "note")])
    text = w.say("weak.text", tested=found["n_tested"], found=found["n_found"], fdr=w.report["fdr"])
    heads = (
        "weak.group",
        "weak.point",
        "weak.share",
        "col.n",
        "weak.rest",
        "weak.range",
        "weak.q",
        "weak.finding",
    )
    rows = [
        [
            f"{w.way(row['way'])}: {w.level(row['way'], row['level'])}",
            w.point(row["point"]),
            w.value("percent", row["share"]),
            f"{w.number(row['count'])} / {w.number(row['n'])}",
            w.value("percent", row["share_rest"]),
            w.span("percent", row["low"], row["high"], is_change=True),
            figure(row["q_value"], "score", w.language),
            w.yes(row["is_found"]),
        ]
        for row in found["rows"]
    ]
    table = Table([w.say(head) for head in heads], rows, figures=frozenset({2, 3, 4, 5, 6}), wide=frozenset({1}))
    return Section(w.say("weak"), [Paragraph(text), table])


def topics_section(w: Writer) -> Section | None:
    """Return what customers raise, by what may be lost with them."""
    topics = w.report["topics"]
    if topics is None or not topics["rows"]:
        return None
    blocks: list[Block] = [Paragraph(w.say(f"topics.{topics['measure']}"))]
    if topics["n_hidden"]:
        blocks.append(Paragraph(w.say("lines.hidden", n=topics["n_hidden"]), "note"))
    rows = [
        [
            " ".join(row["topic"]),
            w.value("money", row["value"]),
            w.span("money", row["low"], row["high"]),
            w.value("money", row["mean"]),
            w.number(row["n"]),
        ]
        for row in topics["rows"]
    ]
    heads = [w.say(f"topics.{head}") for head in ("topic", "value")]
    heads += [w.say("col.range"), w.say("topics.mean"), w.say("col.customers")]
    return Section(w.say("topics"), [*blocks, Table(heads, rows, figures=frozenset({1, 2, 3, 4}))])


def drivers_section(w: Writer) -> Section:
    """Return the ranking of measures, and the chosen one before and after."""
    study = w.report["drivers"]
    if not study["rows"]:
        return Section(w.say("drivers"), [Paragraph(w.say("drivers.none"), "note")])
    heads = ("outcome", "measure", "exposed", "with", "without", "effect")
    titles = [w.say(f"drivers.{head}") for head in heads]
    titles += [w.say("col.range"), w.say("weak.q"), w.say("weak.finding")]
    rows = [
        [
            w.say(f"outcome.{row['outcome']}"),
            w.measure(row["measure"]),
            f"{w.number(row['n_exposed'])} / {w.number(row['n'])}",
            w.value("percent", row["with"]),
            w.value("percent", row["without"]),
            w.change("percent", row["effect"]),
            w.span("percent", row["low"], row["high"], is_change=True),
            figure(row["q_value"], "score", w.language),
            w.yes(row["is_found"]),
        ]
        for row in study["rows"]
    ]
    blocks: list[Block] = [
        Paragraph(w.say("drivers.text", days=w.report["period"]["days"])),
        Table(titles, rows, figures=frozenset({2, 3, 4, 5, 6, 7}), wide=frozenset({1})),
    ]
    return Section(w.say("drivers"), [*blocks, *_before_after(w, study)])


def _before_after(w: Writer, study: Mapping[str, Any]) -> list[Block]:
    rows = []
    for entry in study["before_after"]:
        for side, key in (("before", "col.previous"), ("now", "col.value")):
            seen = entry[side]
            if seen is not None:
                mean = seen["mean"]
                is_share = "with" in seen
                told = w.value("percent", mean) if is_share else figure(mean, "number", w.language)
                rest = [w.value("percent", seen.get(name)) for name in ("share", "with", "without")]
                rows.append([w.say(f"outcome.{entry['outcome']}"), w.say(key), told, *rest, w.number(seen["n"])])
    if not rows:
        return []
    heads = [w.say("drivers.outcome"), "", w.say("before_after.share"), w.say("before_after.outcome")]
    heads += [w.say("drivers.with"), w.say("drivers.without"), w.say("col.n")]
    caption = w.say("before_after", measure=w.measure(study["chosen"]))
    return [Table(heads, rows, figures=frozenset({2, 3, 4, 5, 6}), caption=caption)]


def tier_name(w: Writer, tier: str) -> str:
    """Return the name of a tier of value."""
    return w.say(f"tier.{tier}") if has_words(f"relation.tier.{tier}") else tier


def tiers_section(w: Writer) -> Section | None:
    """Return the matrix of moves between tiers."""
    tiers = w.report["tiers"]
    if tiers is None:
        return None

    def told(n: int | None) -> str:
        return w.say("withheld") if n is None else w.number(n)

    rows = [
        [
            tier_name(w, a),
            *(told(tiers["rows"][a][b]) if b in tiers["rows"][a] else "" for b in TO),
            told(tiers["totals"][a]),
        ]
        for a in FROM
    ]
    rows.append([w.say("tiers.total"), *(told(tiers["ends"][b]) for b in TO), ""])
    heads = [w.say("tiers.was"), *(tier_name(w, b) for b in TO), w.say("tiers.total")]
    blocks: list[Block] = [Paragraph(w.say("tiers.text")), Table(heads, rows, figures=frozenset(range(1, len(heads))))]
    if tiers["stayed"] is not None:
        blocks.append(Paragraph(w.say("tiers.stayed", share=tiers["stayed"])))
    return Section(w.say("tiers"), blocks)


def lines_section(w: Writer) -> Section | None:
    """Return the product lines."""
    lines = w.report["lines"]
    if lines is None or not lines["n_tested"]:
        return None
    text = w.say("lines.text", tested=lines["n_tested"], found=lines["n_found"], fdr=w.report["fdr"])
    blocks: list[Block] = [Paragraph(text)]
    if lines["n_hidden"]:
        blocks.append(Paragraph(w.say("lines.hidden", n=lines["n_hidden"]), "note"))
    rows = [
        [
            f"{row['line'][1]} {row['line'][2]}",
            w.value("percent", row["churn"]),
            f"{w.number(row['count'])} / {w.number(row['n'])}",
            w.value("percent", row["expected"]),
            figure(row["ratio"], "number", w.language),
            figure(row["q_value"], "score", w.language),
            w.yes(row["is_found"]),
        ]
        for row in lines["rows"]
    ]
    heads = ("lines.line", "lines.churn", "col.n", "lines.expected", "lines.ratio", "weak.q", "weak.finding")
    blocks.append(Table([w.say(head) for head in heads], rows, figures=frozenset({1, 2, 3, 4, 5})))
    return Section(w.say("lines"), blocks)
