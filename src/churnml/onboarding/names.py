"""What the name of a column or a file says: hints from a vocabulary in several languages."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["beside", "cell_words", "hints", "is_chinese", "is_german", "words_of"]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GERMAN = re.compile(r"[äöüß]|datum|kunde|betrag|umsatz|nummer|menge|preis|bestell|vertrag|beginn|anzahl")
_COUNT = re.compile(r"(number|num|no|nr|count) of |(num|n|anzahl|count) \S|.* (count|cnt|anzahl)$")
_LEAST_PART = 4
"""Shorter parts count only where a word begins or ends with them: `end` is no part of `calendar`."""


@cache
def cell_words(kind: str) -> frozenset[str]:
    """Return texts of cells: ``null``, ``null_for_sure`` or ``yes``."""
    return frozenset(_file()["cells"][kind])


@cache
def _file() -> dict[str, Any]:
    path = resources.files("churnml.onboarding").joinpath("vocabulary.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _vocabulary() -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
    return {
        hint: (frozenset(entry["words"]), tuple(entry["parts"]))
        for hint, entry in _file().items()
        if hint not in {"about", "cells"}
    }


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters.

    Examples
    --------
    >>> words_of("CustomerID"), words_of("Kunden-Nr. (alt)")
    (['customer', 'id'], ['kunden', 'nr', 'alt'])
    """
    text = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name)).lower()
    return re.findall(r"[^\W_]+", text)


@cache
def hints(name: str) -> frozenset[str]:
    """Return what a name hints at, for example ``customer`` and ``id``.

    Examples
    --------
    >>> sorted(hints("kundennummer") & {"customer", "id", "time"})
    ['customer', 'id']
    """
    words = words_of(name)
    whole = "".join(words)
    found = frozenset(
        hint
        for hint, (alone, parts) in _vocabulary().items()
        if any(word in alone for word in words) or any(_has_part(words, whole, part) for part in parts)
    )
    # A number of something is a quantity, and no number that names something.
    is_count = _COUNT.match(" ".join(words)) is not None
    return (found - {"id", "row_key", "customer"}) | {"quantity"} if is_count else found


def beside(name: str, hint: str) -> str:
    """Return what a name says beside a hint, the shortest way to see it.

    Examples
    --------
    >>> beside("Account Length", "customer"), beside("ClientNum", "customer")
    ('length', 'num')
    """
    words, (alone, parts) = words_of(name), _vocabulary()[hint]
    whole = "".join(words)
    rests = ["".join(w for w in words if w not in alone), *(whole.replace(part, "") for part in parts)]
    return min(rests, key=len)


def _has_part(words: list[str], whole: str, part: str) -> bool:
    if len(part) >= _LEAST_PART or not part.isascii():
        return part in whole
    return any(word.startswith(part) or word.endswith(part) for word in words)


def is_chinese(names: list[str]) -> bool:
    """Return whether most names are written in Chinese."""
    return sum(any("\u4e00" <= letter <= "\u9fff" for letter in name) for name in names) * 2 > len(names)


def is_german(names: list[str]) -> bool:
    """Return whether several names look German."""
    return sum(_GERMAN.search(name.lower()) is not None for name in names) * 5 > len(names)
