"""The page of the way back after a change: when each figure was usual again, with every period as chart and table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.charts import Chart, line_chart, sparse_names
from churnml.exports.impact_page import change_words
from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["recovery_lines", "recovery_page"]

Found = Mapping[str, Any]
_SHARES = {"losses", "repeat"}
"""Figures told in percentage points."""
_OF_PERIODS = (
    "start",
    "n_affected",
    "affected",
    "range",
    "index",
    "n_unaffected",
    "unaffected",
    "index_unaffected",
    "difference",
    "difference_range",
    "reach",
)
_TONES = {"recovered": "good", "no_departure": "", "not_yet": "warning"}


def recovery_page(found: Found, *, language: str = "en") -> bytes:
    """Return the report as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.recovery.report_of` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def recovery_lines(found: Found, *, language: str) -> list[str]:
    """Return a line a change: what came of its losses."""
    return [
        f"{change_words(each, language)}: {_sentence(row, language).text}"
        for each in found["recoveries"]
        for row in each["metrics"] or [{"metric": "losses", "refused": "ready_labels"}]
        if row["metric"] == "losses"
    ]


def _view(found: Found, language: str) -> View:
    sections = [_section(each, language) for each in found["recoveries"]]
    said = {"days": found["period_days"], "stays": found["stays"], "confidence": found["confidence"]}
    how = [Paragraph(words("recovery.how_text", language, **said))]
    if found["definition"] == "inactivity":
        how.append(Paragraph(words("recovery.how_silence", language), "note"))
    sections.append(Section(words("impact.how", language), how))
    lead = words("recovery.lead", language, day=iso_to_date(found["as_of"]))
    return View(words("recovery.title", language), language, sections, lead)


def _section(each: Found, language: str) -> Section:
    rows = each["metrics"]
    if not rows:
        return Section(change_words(each, language), [Paragraph(words("impact.ready_labels", language), "warning")])
    blocks: list[Block] = [_sentence(row, language) for row in rows]
    shown = [row for row in rows if not row["refused"]]
    if any(not row["is_compared"] for row in shown):
        blocks.insert(0, Paragraph(words("recovery.alone", language), "warning"))
    if shown:
        blocks.append(_summary(shown, language))
    blocks += [chart for row in shown for chart in _charts(row, language)]
    blocks += [_periods(row, language) for row in shown]
    return Section(change_words(each, language), blocks)


def _name(metric: str, language: str) -> str:
    own = f"recovery.metric_{metric}"
    return words(own if has_words(own) else f"impact.metric_{metric}", language)


def _sentence(row: Found, language: str) -> Paragraph:
    """Return what came of a figure, in a sentence."""
    name = _name(row["metric"], language)
    if row["refused"]:
        key = f"recovery.refused_{row['refused']}"
        why = words(key if has_words(key) else f"impact.refused_{row['refused']}", language)
        return Paragraph(words("recovery.refused", language, name=name, why=why), "note")
    days = {key: None if row[key] is None else iso_to_date(row[key]) for key in ("left_on", "back_on")}
    told = {"name": name, "days": row["days"], "known": row["known_days"], **days}
    return Paragraph(words(f"recovery.{row['state']}", language, **told), _TONES[row["state"]])


def _summary(rows: Sequence[Found], language: str) -> Table:
    names = ("metric", "left", "back", "days", "known", "base_affected", "base_unaffected")
    cells = [
        [
            _name(row["metric"], language),
            *(
                figure(None if row[key] is None else iso_to_date(row[key]), "date", language)
                for key in ("left_on", "back_on")
            ),
            figure(row["days"], "whole", language),
            figure(row["known_days"], "whole", language),
            *(_level(row, row[key], language) for key in ("base_affected", "base_unaffected")),
        ]
        for row in rows
    ]
    return Table(_headers(names, language), cells, figures=frozenset({3, 4, 5, 6}))


def _headers(names: Sequence[str], language: str) -> list[str]:
    return [words(f"recovery.head_{name}", language) for name in names]


def _periods(row: Found, language: str) -> Table:
    """Return every period of a figure, with what its place in the band is made of."""
    dash = " \N{EN DASH} "
    cells = [
        [
            figure(iso_to_date(point["start"]), "date", language),
            figure(point["n_affected"], "whole", language),
            _level(row, point["affected"], language),
            dash.join(_level(row, point[key], language) for key in ("low", "high")),
            figure(point["index_affected"], "rate", language),
            figure(point["n_unaffected"] or None, "whole", language),
            _level(row, point["unaffected"], language),
            figure(point["index_unaffected"], "rate", language),
            _gap(row, point["difference"], language),
            dash.join(_gap(row, point[key], language) for key in ("difference_low", "difference_high")),
            _gap(row, point["reach"], language),
        ]
        for point in row["points"]
    ]
    caption = _name(row["metric"], language)
    out = frozenset((place, _OF_PERIODS.index("difference")) for place, p in enumerate(row["points"]) if p["is_out"])
    return Table(_headers(_OF_PERIODS, language), cells, figures=frozenset(range(1, 11)), bold=out, caption=caption)


def _level(row: Found, value: float | None, language: str) -> str:
    return figure(value, "percent" if row["metric"] in _SHARES else "number", language)


def _gap(row: Found, value: float, language: str) -> str:
    return figure(100 * value if row["metric"] in _SHARES else value, "number", language)


def _charts(row: Found, language: str) -> Iterator[Chart]:
    points, name = row["points"], _name(row["metric"], language)
    if len(points) < 2:
        return
    places = list(range(len(points)))
    scale = 100 if row["metric"] in _SHARES else 1
    common: dict[str, Any] = {
        "language": language,
        "x_label": words("recovery.period", language),
        "x_names": sparse_names([point["start"][2:] for point in points], most=10),
    }
    band = {
        "difference": [scale * point["difference"] for point in points],
        "band_high": [scale * point["reach"] for point in points],
        "band_low": [-scale * point["reach"] for point in points],
    }
    yield line_chart(
        {words(f"recovery.line_{key}", language): (places, values) for key, values in band.items()},
        title=words("recovery.chart_band", language, name=name),
        note=words("recovery.chart_band_note", language),
        y_kind="number",
        **common,
    )
    lines = {
        words(f"impact.{key}", language): (places, [_or_nan(point[f"index_{key}"]) for point in points])
        for key in ("affected", "unaffected")
        if any(point[f"index_{key}"] is not None for point in points)
    }
    if lines:
        title = words("recovery.chart_index", language, name=name)
        yield line_chart(lines, title=title, note=words("recovery.chart_index_note", language), y_kind="rate", **common)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
