"""The report of a drill: what was rehearsed, when the alarm was raised, and whether the lists were right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnml.exports.page import Block, Paragraph, Section, Table, View, render_views
from churnml.timeline import iso_to_local
from churnml.wording import figure, languages_from, words

__all__ = ["drill_lines", "drill_page"]

Found = Mapping[str, Any]


def drill_page(found: Found, *, language: str = "en") -> bytes:
    """Return the report as one self-contained page in English and Chinese.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.drill.drill` returns it.
    language : str, optional
        The language shown first.
    """
    return render_views([_view(found, each) for each in languages_from(language)])


def drill_lines(found: Found, *, language: str) -> list[str]:
    """Return the report for a terminal."""
    return [words("drill.mark", language), _what(found, language), _alarm(found, language), *_lists(found, language)]


def _view(found: Found, language: str) -> View:
    head: list[Block] = [Paragraph(words("drill.mark", language), "warning"), Paragraph(_what(found, language))]
    head.append(Paragraph(_alarm(found, language), "warning" if found["raised_at"] is None else "good"))
    tone = "warning" if found["lists"] is not None and not found["lists"]["is_exact"] else ""
    head += [Paragraph(text, tone) for text in _lists(found, language)]
    sections = [
        Section("", head),
        Section(
            words("drill.replay", language),
            [Paragraph(words("drill.replay_text", language), "note"), _replay(found, language)],
        ),
    ]
    return View(words("drill.title", language), language, sections, words("drill.lead", language))


def _what(found: Found, language: str) -> str:
    return words(
        "drill.what",
        language,
        kind=words(f"drill.kind_{found['kind']}", language),
        start=iso_to_local(found["start"], timezone=found["timezone"]),
        n=found["n_hit"],
        of=found["n_in_scope"],
        days=found["spread_days"],
        scope=found["scope"] or words("impact.everybody", language),
        seed=found["seed"],
    )


def _alarm(found: Found, language: str) -> str:
    expected = _names(found["expected"], language)
    if found["raised_at"] is None:
        return words("drill.not_raised", language, expected=expected)
    last = found["replay"][-1]
    return words(
        "drill.raised",
        language,
        days=found["raised_after_days"],
        at=iso_to_local(found["raised_at"], timezone=found["timezone"]),
        names=_names(last["new"], language),
    )


def _lists(found: Found, language: str) -> list[str]:
    lists = found["lists"]
    if lists is None:
        return [words("drill.no_scores", language)]
    key = "drill.lists_exact" if lists["is_exact"] else "drill.lists_wrong"
    told = [words(key, language, contact=lists["contact"], excluded=lists["excluded"])]
    if found["help"] is not None:
        money = {name: found["help"][name] for name in ("spent", "budget", "helped")}
        told.append(words("drill.help", language, **money))
    key = "drill.no_playbook" if found["playbook"] is None else "drill.playbook"
    return [*told, words(key, language, n=found["actions"], file=found["playbook"] or "")]


def _names(names: Sequence[str], language: str) -> str:
    kinds = dict.fromkeys(name.partition(":")[0] for name in names)
    return words("affected.comma", language).join(words(f"alert.{kind}", language) for kind in kinds)


def _replay(found: Found, language: str) -> Table:
    titles = [words(f"drill.head_{name}", language) for name in ("as_of", "days", "new", "before")]
    rows = [
        [
            iso_to_local(week["as_of"], timezone=found["timezone"]),
            figure(week["days"], "rate", language),
            _names(week["new"], language),
            _names(week["before"], language),
        ]
        for week in found["replay"]
    ]
    return Table(titles, rows, figures=frozenset({1}))
