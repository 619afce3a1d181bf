"""The brief of an event: a section for each role, all from one set of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_local
from churnml.wording import figure, languages_from, words

__all__ = ["brief_lines", "brief_page"]

Found = Mapping[str, Any]
_HOURS, _DAYS = {"answer_p50", "answer_p90"}, {"contact_p50", "contact_p90"}
_MONEY = {"value_at_risk", "budget", "spent", "left"}


def brief_page(found: Found, *, language: str = "en") -> bytes:
    """Return the brief as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.brief.brief_of` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def brief_lines(found: Found, *, language: str) -> list[str]:
    """Return the brief for a terminal: a line on the run, and one for each role."""
    told = [_event(found, language)]
    for role, names in found["views"].items():
        known = [f"{words(f'brief.{name}', language)} {_cell(found, name, language)}" for name in names]
        told.append(f"{words(f'brief.role_{role}', language)}: {words('affected.comma', language).join(known)}")
    return told


def _view(found: Found, language: str) -> View:
    head: list[Block] = [Paragraph(_event(found, language))]
    head += [Paragraph(words(f"clock.missing_{name}", language), "note") for name in found["missing"]]
    if found["concerned"] is None:
        head.append(Paragraph(words("brief.nobody_named", language), "note"))
    sections = [Section("", head)]
    for role, names in found["views"].items():
        rows = [[words(f"brief.{name}", language), _cell(found, name, language)] for name in names]
        blocks: list[Block] = [Table(("", ""), rows, figures=frozenset({1}))]
        if role == "communication":
            blocks += _spoken(found, language)
        sections.append(Section(words(f"brief.role_{role}", language), blocks))
    return View(words("brief.title", language), language, sections, words("brief.lead", language))


def _event(found: Found, language: str) -> str:
    first, until = (iso_to_local(found["window"][key], timezone=found["timezone"]) for key in ("first", "until"))
    verdict = words(f"brief.verdict_{found['verdict']}", language)
    return words("brief.event", language, run=found["run_id"], first=first, until=until, verdict=verdict)


def _spoken(found: Found, language: str) -> list[Block]:
    """Return how many each channel reaches, and what is to be told."""
    blocks: list[Block] = []
    for family, counts in (("channel", found["channels"]), ("message", found["messages"])):
        if counts:
            rows = [[words(f"{family}.{name}", language), figure(n, "whole", language)] for name, n in counts.items()]
            blocks.append(Table(("", ""), rows, figures=frozenset({1}), caption=words(f"brief.by_{family}", language)))
    return blocks


def _cell(found: Found, name: str, language: str) -> str:
    value = found["numbers"][name]
    if value is None:
        return figure(None, "whole", language)
    if name in _HOURS | _DAYS:
        return words("clock.hours" if name in _HOURS else "clock.days", language, n=value)
    if name in _MONEY:
        return figure(value, "money", language, currency=found["currency"])
    return figure(value, {"within": "percent", "losses_due": "rate"}.get(name, "whole"), language)
