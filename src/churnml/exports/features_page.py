"""The feature dictionary as a page: every column in words, how often it is missing, its range, its drift."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from churnml.exports.page import LANGUAGE_CODES, resource, template
from churnml.wording import LANGUAGES, MISSING, figure, has_words, languages_from, words

__all__ = ["features_page"]

_TEXTS = ("search", "family", "source", "all_families", "all_sources", "only_marked", "show_all")
_HEADERS = {
    "name": "text",
    "meaning": "text",
    "source": "text",
    "family": "text",
    "window": "number",
    "unit": "text",
    "missing": "number",
    "drift": "number",
    "largest_step": "number",
    "range": "text",
    "marks": "text",
}
_KINDS = {"days": "rate", "count": "rate", "share": "percent"}
"""How figures of a unit are written; the others with two decimals."""


def features_page(entries: Sequence[Mapping[str, Any]], sample: Mapping[str, Any], *, language: str = "en") -> bytes:
    """Return the dictionary as one self-contained page in English and Chinese.

    It can be searched, filtered and sorted by the one script it holds, which its policy names by digest; without
    scripts it is a plain table. Every text is escaped.

    Parameters
    ----------
    entries : sequence of mappings
        As :func:`churnml.features.dictionary.describe` gives them.
    sample : mapping
        ``n_rows``, ``n_sampled``, ``n_customers``, ``dates`` (ISO, oldest first).
    language : str, optional
        The language shown first.

    Returns
    -------
    bytes
        UTF-8 HTML.
    """
    script = resource("features_page.js")
    page = template("features_page.html.j2").render(
        languages=languages_from(language),
        codes=LANGUAGE_CODES,
        names={each: words("page.language", each) for each in LANGUAGES},
        title=_said("title"),
        lead=_lead(entries, sample),
        texts={name: _said(name) for name in _TEXTS},
        families=[{"key": name, **_worded("family", name)} for name in _distinct(entries, "family")],
        sources=sorted(_distinct(entries, "source")),
        headers=[{"name": name, "kind": kind, **_said(name)} for name, kind in _HEADERS.items()],
        rows=[_row(entry) for entry in entries],
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.encode() + b"\n"


def _lead(entries: Sequence[Mapping[str, Any]], sample: Mapping[str, Any]) -> list[dict[str, str]]:
    dates = sample["dates"]
    said = [
        _said("lead", n_features=len(entries), **{key: sample[key] for key in ("n_rows", "n_sampled", "n_customers")})
    ]
    if len(dates) > 1:
        said.append(_said("drift_note", first=dates[0], last=dates[-1]))
    return said


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    days = entry.get("window_days")
    return {
        "name": entry["name"],
        "source": entry["source"],
        "family_key": entry["family"],
        "family": _worded("family", entry["family"]),
        "meaning": entry["words"],
        "unit": _worded("unit", entry["unit"]),
        "figures": [
            _figure(days, "days"),
            _figure(entry.get("missing_share"), "percent"),
            _figure(entry.get("drift"), "score"),
            _figure(entry.get("largest_step"), "score"),
        ],
        "range": {language: _range(entry, language) for language in LANGUAGES},
        "marks": [_worded("flag", flag) for flag in entry.get("flags", ())],
    }


def _figure(value: float | None, kind: str) -> dict[str, Any]:
    texts = {language: figure(value, kind, language) for language in LANGUAGES}
    return {"value": "" if value is None else repr(value), **texts}


def _range(entry: Mapping[str, Any], language: str) -> str:
    if "levels" in entry:
        shown = [f"{level['level']} {figure(level['share'], 'percent', language)}" for level in entry["levels"]]
        return ", ".join(shown) or MISSING
    kind = _KINDS.get(entry["unit"], "number")
    return " / ".join(figure(value, kind, language) for value in entry.get("range", ())) or MISSING


def _distinct(entries: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    return list(dict.fromkeys(entry[part] for entry in entries))


def _said(name: str, **figures: object) -> dict[str, str]:
    return {language: words(f"dictionary.{name}", language, **figures) for language in LANGUAGES}


def _worded(kind: str, name: str) -> dict[str, str]:
    """Return the catalogue's word for a family, unit or mark, or the code itself."""
    return _said(f"{kind}.{name}") if has_words(f"dictionary.{kind}.{name}") else dict.fromkeys(LANGUAGES, name)
