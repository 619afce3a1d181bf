"""The page of the review after a change: lessons first, then what was done, what it did, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnml.exports.impact_page import change_words
from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_date
from churnml.wording import figure, has_words, languages_from, words

__all__ = ["lesson_lines", "review_page"]

Found = Mapping[str, Any]
_TONES = {"worked": "good", "harmed": "warning", "too": "note", "no": "note", "hold": "warning"}


def review_page(found: Found, prior: Found, *, language: str = "en") -> bytes:
    """Return the review as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.review.review_of` returns it.
    prior : mapping
        As :func:`churnml.flow.review.prior_of` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, prior, each) for each in languages_from(language)])


def lesson_lines(found: Found, *, language: str) -> list[str]:
    """Return the lessons, one a line."""
    return [_lesson(each, found, language) for each in found["lessons"]]


def _lesson(lesson: Found, found: Found, language: str) -> str:
    figures = {key: value for key, value in lesson.items() if key != "key"}
    if "action" in figures:
        figures["action"] = _action(figures["action"], language)
    return words(f"review.lesson_{lesson['key']}", language, currency=found["currency"], **figures)


def _action(name: str, language: str) -> str:
    if not name:
        return words("review.any_action", language)
    return words(f"action.{name}", language) if has_words(f"action.{name}") else name


def _view(found: Found, prior: Found, language: str) -> View:
    lessons: list[Block] = [
        Paragraph(_lesson(each, found, language), _TONES.get(each["key"].partition("_")[0], ""))
        for each in found["lessons"]
    ]
    sections = [Section(words("review.lessons", language), lessons)]
    if found["actions"]:
        blocks: list[Block] = [_actions(found, language)]
        if any(row["against"] == "matched" for row in found["actions"]):
            blocks.append(Paragraph(words("review.matched_note", language), "warning"))
        sections.append(Section(words("review.actions", language), blocks))
    if found["lists"]:
        sections.append(Section(words("review.lists", language), [_lists(found["lists"], language)]))
    if prior["actions"]:
        rows = [
            [_action(name, language), *(figure(each["effect"][key], "number", language) for key in _ENDS)]
            for name, each in prior["actions"].items()
        ]
        headers = [words(f"review.head_{key}", language) for key in ("action", *_ENDS)]
        note = Paragraph(words("review.prior_text", language, name=prior["review"]), "note")
        sections.append(
            Section(words("review.prior", language), [note, Table(headers, rows, figures=frozenset({1, 2, 3}))])
        )
    sections.append(Section(words("impact.how", language), [Paragraph(words("review.how_text", language))]))
    days = {"start": iso_to_date(found["start"]), "until": iso_to_date(found["until"])}
    lead = words("review.lead", language, change=change_words(found, language), **days)
    return View(words("review.title", language), language, sections, lead)


_ENDS = ("assumed", "low", "high")


def _actions(found: Found, language: str) -> Table:
    names = ("action", "n_treated", "n_control", "not_known", "effect", "range", "against", "kept", "cost")
    rows = [_action_cells(row, found["currency"], language) for row in found["actions"]]
    headers = [words(f"review.head_{name}", language) for name in names]
    return Table(headers, rows, figures=frozenset({1, 2, 3, 4, 5, 7, 8}))


def _action_cells(row: Found, currency: str, language: str) -> list[str]:
    counts = [figure(row[key], "whole", language) for key in ("n_treated", "n_control", "not_known")]
    cost = figure(row["cost"], "money", language, currency=currency)
    against = words(f"review.against_{row['against']}", language)
    if not row["is_enough"]:
        return [_action(row["action"], language), *counts, words("review.too_few", language), "", against, "", cost]
    reach = " \N{EN DASH} ".join(figure(row[key], "percent", language) for key in ("low", "high"))
    effect, kept = figure(row["effect"], "percent", language), figure(row["kept"], "rate", language)
    return [_action(row["action"], language), *counts, effect, reach, against, kept, cost]


def _lists(lists: Sequence[Found], language: str) -> Table:
    names = ("campaign", "days", "listed", "held_out", "churn_listed", "churn_held_out", "difference", "range_95")
    rows = []
    for each in lists:
        churn = each.get("differences", {}).get("churn")
        figures = [""] * 4
        if churn is not None:
            figures = [figure(churn[key], "percent", language) for key in ("listed", "held_out")]
            figures.append(figure(100 * churn["difference"], "number", language))
            ends = (figure(100 * churn[key], "number", language) for key in ("low", "high"))
            figures.append(" \N{EN DASH} ".join(ends))
        sizes = [figure(each.get(key), "whole", language) for key in ("n_listed", "n_held_out")]
        rows.append([each["campaign"], ", ".join(each["lists"]), *sizes, *figures])
    headers = [words(f"review.head_{name}", language) for name in names]
    return Table(headers, rows, figures=frozenset(range(2, 8)), wide=frozenset({1}))
