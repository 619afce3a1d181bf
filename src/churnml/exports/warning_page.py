"""The page of the early warning: what is out of line, since when, and each figure's last year as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from churnml.exports.agreed import agreed_lines, agreed_sections
from churnml.exports.charts import Chart, line_chart
from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, languages_from, words

__all__ = ["warning_lines", "warning_page"]

Found = Mapping[str, Any]
_MOST_LEVELS = 12
_TONES = {"alarm": "warning", "quiet": "good", "unknown": "note"}


def warning_page(found: Found, *, language: str = "en") -> bytes:
    """Return the verdict as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.warning.verdict_of` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def warning_lines(found: Found, *, language: str) -> list[str]:
    """Return the verdict for a terminal: a line in all, and one for each figure that is out of line or unknown."""
    told = [_verdict(found, language).text, *(block.text for block in _findings(found, language))]
    return [*told, *agreed_lines(found, language)]


def _view(found: Found, language: str) -> View:
    drill = [Paragraph(words("drill.mark", language), "warning")] if found.get("drill") else []
    first: list[Block] = [*drill, _verdict(found, language), *_findings(found, language)]
    sections = [Section("", first), *agreed_sections(found, language)]
    if found["figures"]:
        sections.append(Section(words("warning.figures", language), [_table(found["figures"], language)]))
        if found["parts"]:
            sections.append(Section(words("warning.parts", language), list(_parts(found, language))))
        sections.append(Section(words("warning.year", language), list(_charts(found["figures"], language))))
    how = {"n": found["false_alarms_per_year"], "weeks": found["guard_weeks"]}
    sections.append(Section(words("warning.how", language), [Paragraph(words("warning.how_text", language, **how))]))
    lead = words("warning.lead", language, day=iso_to_date(found["as_of"]))
    title = words("warning.title", language)
    return View(words("drill.title_of", language, title=title) if drill else title, language, sections, lead)


def _verdict(found: Found, language: str) -> Paragraph:
    verdict, n = found["verdict"], len(found["alarms"])
    text = words(f"warning.verdict_{verdict}", language, day=iso_to_date(found["as_of"]), n=n)
    return Paragraph(text, _TONES[verdict])


def _findings(found: Found, language: str) -> Iterator[Paragraph]:
    for crisis in found.get("crises", ()):
        told = {key: crisis[key] for key in ("name", "start")}
        yield Paragraph(words("monitor.finding.crisis", language, **told), "warning")
    for each in found["figures"]:
        last = each["weeks"][-1]
        told = {"name": _name(each["name"], language), "start": iso_to_date(last["start"])}
        if each["status"] == "silent":
            yield Paragraph(words("warning.silent", language, expected=last["expected"], **told), "warning")
        elif each["status"] == "missing":
            yield Paragraph(words("warning.missing", language, **told), "note")
        elif each["since"] is not None:
            yield Paragraph(_alarm(each, language), "warning")
        if last["to_arrive"]:
            yield Paragraph(words("warning.to_arrive", language, n=last["to_arrive"], **told), "note")
    if found["figures"]:
        losses = found["figures"][0]
        yield Paragraph(words(f"warning.expected_by_{losses['expected_by']}", language), "note")
        if losses["baseline"] == "level":
            yield Paragraph(words("warning.no_season", language), "note")


def _alarm(each: Found, language: str) -> str:
    """Return since when a figure is out of line, and when a plain threshold would have said so."""
    text = words(
        f"warning.{'low' if each['falls'] else 'high'}",
        language,
        name=_name(each["name"], language),
        since=iso_to_date(each["since"]),
        observed=each["since_observed"],
        expected=each["since_expected"],
    )
    plain = each["plain_since"]
    if plain is None:
        return text + words("warning.plain_never", language)
    return text + words("warning.plain_since", language, since=iso_to_date(plain))


def _name(name: str, language: str) -> str:
    family, _, detail = name.partition(":")
    return words(f"warning.name_{family}", language, detail=detail)


def _table(figures: Sequence[Found], language: str) -> Table:
    names = ("figure", "observed", "to_arrive", "expected", "limit", "of", "since", "plain", "status")
    headers = [words(f"warning.head_{name}", language) for name in names]
    rows = [_cells(each, language) for each in figures]
    caption = words("warning.caption", language, start=iso_to_date(figures[0]["weeks"][-1]["start"]))
    return Table(headers, rows, figures=frozenset({1, 2, 3, 4, 5}), caption=caption)


def _cells(each: Found, language: str) -> list[str]:
    last = each["weeks"][-1]
    parts = (("observed", "whole"), ("to_arrive", "rate"), ("expected", "rate"), ("limit", "whole"), ("of", "whole"))
    # What is not known is no zero.
    texts = ["" if last[key] is None else figure(last[key], kind, language) for key, kind in parts]
    if last["observed"] is None:
        texts[0] = words("warning.status_missing", language)
    since = [
        "" if each[key] is None else figure(iso_to_date(each[key]), "date", language)
        for key in ("since", "plain_since")
    ]
    return [_name(each["name"], language), *texts, *since, words(f"warning.status_{each['status']}", language)]


def _parts(found: Found, language: str) -> Iterator[Block]:
    """Yield a table for each way to part customers, by priority."""
    yield Paragraph(words("warning.parts_text", language), "note")
    names = ("level", "observed", "expected", "excess", "share", "p_value", "at_risk", "value", "rank")
    headers = [words(f"warning.head_{name}", language) for name in names]
    for part in found["parts"]:
        family, _, detail = part["by"].partition(":")
        levels = [row | {"level": _level(row["level"], family, language)} for row in part["levels"]]
        shown, others = levels[:_MOST_LEVELS], levels[_MOST_LEVELS:]
        rows = [_part_cells(row, found["currency"], language) for row in [*shown, *_together(others, language)]]
        caption = words(f"warning.by_{family}", language, detail=detail)
        yield Table(headers, rows, figures=frozenset(range(1, len(names))), caption=caption)


def _part_cells(row: Found, currency: str, language: str) -> list[str]:
    kinds = {"observed": "whole", "due": "number", "excess": "number", "share": "percent", "p_value": "percent"}
    value = "" if row["value"] is None else figure(row["value"], "money", language, currency=currency)
    texts = [figure(row[key], kind, language) for key, kind in kinds.items()]
    at_risk = "" if row["at_risk"] is None else figure(row["at_risk"], "whole", language)
    return [row["level"], *texts, at_risk, value, figure(row["rank"], "whole", language)]


def _level(level: str | None, family: str, language: str) -> str:
    if level is None:
        return words("warning.level_unknown", language)
    return words(f"causes.cause_{level}", language) if family == "cause" else level


def _together(rows: Sequence[Found], language: str) -> list[Found]:
    """Return the rows that are not shown as one, so that the columns still add up; nothing where there are none."""
    if not rows:
        return []
    sums = {
        name: None if any(row[name] is None for row in rows) else sum(row[name] for row in rows)
        for name in ("observed", "due", "excess", "share", "at_risk", "value")
    }
    return [{"level": words("warning.level_others", language, n=len(rows)), "p_value": None, "rank": None, **sums}]


def _charts(figures: Sequence[Found], language: str) -> Iterator[Chart]:
    for each in figures:
        weeks = each["weeks"]
        if len(weeks) < 2 or all(week["expected"] is None for week in weeks):
            continue
        places = list(range(len(weeks)))
        lines = {words(f"warning.line_{key}", language): (places, _line(weeks, key)) for key in _LINES}
        yield line_chart(
            lines,
            title=_name(each["name"], language),
            note=words("warning.chart_note", language),
            language=language,
            x_label=words("warning.week", language),
            y_kind=_kind_of(lines),
            x_names=[week["start"][2:] if k % 8 == 0 else "" for k, week in enumerate(weeks)],
        )


def _kind_of(lines: Mapping[str, tuple[list[int], list[float]]]) -> str:
    """Return how the axis is written: counts are whole wherever its steps are."""
    top = max((value for _, values in lines.values() for value in values if isfinite(value)), default=0.0)
    return "whole" if top >= _WHOLE_STEPS else "number"


_LINES = ("observed", "expected", "limit")
_WHOLE_STEPS = 5


def _line(weeks: Sequence[Found], key: str) -> list[float]:
    return [float("nan") if week[key] is None else float(week[key]) for week in weeks]
