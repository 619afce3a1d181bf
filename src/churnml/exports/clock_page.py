"""The page of the response clock: how fast questions are answered, and how fast those lost are listed and reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churnml.exports.charts import Chart, line_chart
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.timeline import iso_to_local
from churnml.wording import figure, languages_from, words

__all__ = ["clock_lines", "clock_page"]

Found = Mapping[str, Any]


def clock_page(found: Found, *, language: str = "en") -> bytes:
    """Return the clock as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.clock.clock_of` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def clock_lines(found: Found, *, language: str) -> list[str]:
    """Return the clock for a terminal: a line on questions, on those lost, on those concerned, and what is missing."""
    questions = found["questions"]
    told = (
        []
        if questions is None or "p50" not in questions["all"]
        else [_sentence(questions["all"], "answer", found, language)]
    )
    for who in ("lost", "concerned"):
        if found[who] is not None:
            told += [
                _sentence(rows, f"{who}_{key}", found, language) for key, rows in _sources(found[who]) if rows["n"]
            ]
    return [_event(found, language), *told, *(words(f"clock.missing_{name}", language) for name in found["missing"])]


def _view(found: Found, language: str) -> View:
    head: list[Block] = [Paragraph(_event(found, language))]
    head += [Paragraph(words(f"clock.missing_{name}", language), "note") for name in found["missing"]]
    sections = [Section("", head), *_questions(found, language)]
    for who in ("lost", "concerned"):
        if found[who] is not None:
            sections.append(Section(words(f"clock.{who}", language), list(_reached(found, who, language))))
    sections.append(Section(words("warning.how", language), [Paragraph(words("clock.how", language))]))
    return View(words("clock.title", language), language, sections, words("clock.lead", language))


def _event(found: Found, language: str) -> str:
    window = found["window"]
    first, until = (iso_to_local(window[key], timezone=found["timezone"]) for key in ("first", "until"))
    return words(f"clock.event_{window['why']}", language, first=first, until=until, name=window["name"])


def _questions(found: Found, language: str) -> Iterator[Section]:
    questions = found["questions"]
    if questions is None:
        return
    heading = words("clock.questions", language)
    every = questions["all"]
    if "p50" not in every:
        yield Section(heading, [Tiles([(words("clock.head_n", language), figure(every["n"], "whole", language))])])
        return
    names = ("n", "ended", "open", "overdue", "late", "p50", "p90", "within")
    tiles = [(words(f"clock.head_{name}", language), _cell(every, name, "hours", language)) for name in names]
    blocks: list[Block] = [Tiles(tiles), Paragraph(_sentence(every, "answer", found, language))]
    yield Section(heading, [*blocks, *_chart(questions["days"], found["timezone"], language)])
    for way, rows in questions["by"].items():
        yield Section(words("clock.by", language, way=way), [_table(rows, "hours", language)])


def _chart(days: Sequence[Found], timezone: str, language: str) -> Iterator[Chart]:
    if len(days) < 2:
        return
    places = [float(place) for place in range(len(days))]
    every = max(1, len(days) // 8)
    names = [
        iso_to_local(day["until"], timezone=timezone)[5:10] if k % every == 0 else "" for k, day in enumerate(days)
    ]
    yield line_chart(
        {
            words(f"clock.head_{key}", language): (places, [float(day[key]) for day in days])
            for key in ("open", "overdue")
        },
        title=words("clock.backlog", language),
        note=words("clock.backlog_note", language),
        language=language,
        y_kind="whole",
        x_names=names,
    )


def _reached(found: Found, who: str, language: str) -> Iterator[Block]:
    rows = [(words(f"clock.{key}", language), row) for key, row in _sources(found[who])]
    yield Paragraph(words(f"clock.{who}_n", language, n=found[who]["n"]))
    for key, row in _sources(found[who]):
        yield Paragraph(_sentence(row, f"{who}_{key}", found, language))
    if rows:
        yield _table([{"level": name, **row} for name, row in rows], "days", language)


def _sources(found: Found) -> list[tuple[str, Found]]:
    return [(key, found[key]) for key in ("to_listing", "to_contact") if found[key] is not None]


def _table(rows: Sequence[Found], unit: str, language: str) -> Table:
    names = ("n", "ended", "open", "overdue", "late", "p50", "p90", "within")
    titles = [words("warning.head_level", language), *(words(f"clock.head_{name}", language) for name in names)]
    unknown = words("warning.level_unknown", language)
    lines = [
        [unknown if row["level"] is None else row["level"], *(_cell(row, name, unit, language) for name in names)]
        for row in rows
    ]
    return Table(titles, lines, figures=frozenset(range(1, len(titles))))


def _cell(row: Found, name: str, unit: str, language: str) -> str:
    if name in {"p50", "p90"}:
        if row[name] is None:
            return words("clock.not_reached", language) if row["n"] else figure(None, "rate", language)
        return words(f"clock.{unit}", language, n=row[name])
    return figure(row[name], "percent" if name == "within" else "whole", language)


def _sentence(row: Found, key: str, found: Found, language: str) -> str:
    """Return how many are done, and by when half and nine of ten were."""
    unit = "hours" if key == "answer" else "days"
    kind = "answer_hours" if key == "answer" else "list_days" if key.endswith("listing") else "contact_days"
    reached = "all" if row["p90"] is not None else "half" if row["p50"] is not None else "none"
    told = [words(f"clock.counts_{key}", language, **{name: row[name] for name in ("n", "ended", "open", "overdue")})]
    if row["n"]:
        times = {name: _cell(row, name, unit, language) for name in ("p50", "p90")}
        standard = words(f"clock.{unit}", language, n=found["standards"][kind])
        told.append(words(f"clock.reached_{reached}", language, standard=standard, **times))
    if row.get("returned"):
        told.append(words("clock.returned", language, n=row["returned"]))
    return "".join(told)
