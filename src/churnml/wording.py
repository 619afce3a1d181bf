"""Words and figures for readers, in English and Simplified Chinese, from the one catalogue ``wording.json``.

A text may hold named places with the kind of figure that stands there, for example ``{days:days}`` or
``{share:percent}``. How a number looks in a language is decided in :func:`figure` and nowhere else.
"""

from __future__ import annotations

import json
import math
import string
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from numbers import Real

from churnml.errors import ConfigError

__all__ = ["LANGUAGES", "MISSING", "catalogue", "figure", "has_words", "languages_from", "words"]

LANGUAGES = ("en", "zh")
"""Languages of the catalogue: English and Simplified Chinese."""

MISSING = "\N{EN DASH}"
"""What stands where a figure is missing."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return every text: key -> language -> text."""
    found: Mapping[str, Mapping[str, str]] = json.loads(
        resources.files("churnml").joinpath("wording.json").read_text(encoding="utf-8")
    )
    return found


def languages_from(first: str) -> list[str]:
    """Return every language, one of them first.

    Examples
    --------
    >>> languages_from("zh")
    ['zh', 'en']
    """
    return [first, *(other for other in LANGUAGES if other != first)]


def has_words(key: str) -> bool:
    """Return whether the catalogue knows a key."""
    return key in catalogue()


def words(key: str, language: str, **figures: object) -> str:
    """Return one text of the catalogue with its figures filled in.

    Parameters
    ----------
    key : str
        For example ``column.rank``.
    language : str
        ``en`` or ``zh``.
    **figures : object
        A value for each place of the text; ``currency`` also says which currency amounts are in.

    Raises
    ------
    ConfigError
        If the language is not one of :data:`LANGUAGES`.
    KeyError
        If the catalogue has no such key, or a place of the text gets no value.

    Examples
    --------
    >>> words("risk_band.very_high", "en")
    'Very high'
    >>> words("reason.new_customer.figures", "en", days=1)
    'Customer for only 1 day'
    """
    _check_language(language)
    if key not in catalogue():
        raise KeyError(f"no words for {key!r} in wording.json")
    return _Filler(language, str(figures.get("currency", ""))).vformat(catalogue()[key][language], (), figures)


def figure(value: object, kind: str, language: str, *, currency: str = "") -> str:
    """Return a value as people of a language read it.

    Parameters
    ----------
    value : object
        Number, date or text; None and not-a-number give :data:`MISSING`.
    kind : str
        ``text``, ``whole``, ``rate`` (at most one decimal), ``number`` (two), ``score`` (three), ``percent`` (one
        decimal, for columns of figures), ``portion`` (percent in a sentence, "10%"), ``money``, ``days``, ``date``, or
        ``plural:one|many`` (English noun after its number).
    language : str
        ``en`` or ``zh``.
    currency : str, optional
        Code before amounts of money.

    Raises
    ------
    ValueError
        If the kind is unknown.

    Examples
    --------
    >>> figure(0.1234, "percent", "en"), figure(61, "days", "zh"), figure(1234.5, "money", "en", currency="EUR")
    ('12.3%', '61 天', 'EUR 1,234.50')
    """
    _check_language(language)
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return MISSING
    if kind in {"", "text"}:
        return str(value)
    if kind == "date" and isinstance(value, date):
        return _day(value, language)
    name, _, forms = kind.partition(":")
    if not isinstance(value, Real | Decimal) or name not in _NUMBERS:
        raise ValueError(f"no way to write a {type(value).__name__} as {kind!r}")
    return _NUMBERS[name](float(value), language, currency if name == "money" else forms)


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise ConfigError(
            "unknown language", rule="config.language", column="language", next_step="Use one of: en, zh."
        )


def _fixed(value: float, decimals: int) -> str:
    # Rounding first and adding zero keeps "-0.00" off the page.
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def _percent(value: float) -> str:
    # Three rows of a million are few, but not none.
    return "<0.1%" if 0 < value < 0.0005 else f"{_fixed(100 * value, 1)}%"


def _portion(value: float) -> str:
    return f"{_rate(100 * value)}%"


def _rate(value: float) -> str:
    return _fixed(value, 1).removesuffix(".0")


def _day(value: date, language: str) -> str:
    if language == "zh":
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def _days(value: float, language: str) -> str:
    number = _fixed(value, 0)
    if language == "zh":
        return f"{number} 天"
    return f"{number} day" if number == "1" else f"{number} days"


def _plural(value: float, forms: str) -> str:
    one, _, many = forms.partition("|")
    number = _rate(value)
    return f"{number} {one if number == '1' else many}"


_NUMBERS: dict[str, Callable[[float, str, str], str]] = {
    "whole": lambda value, _language, _extra: _fixed(value, 0),
    "rate": lambda value, _language, _extra: _rate(value),
    "number": lambda value, _language, _extra: _fixed(value, 2),
    "score": lambda value, _language, _extra: _fixed(value, 3),
    "percent": lambda value, _language, _extra: _percent(value),
    "portion": lambda value, _language, _extra: _portion(value),
    "money": lambda value, _language, currency: f"{currency} {_fixed(value, 2)}".strip(),
    "days": lambda value, language, _extra: _days(value, language),
    "plural": lambda value, _language, forms: _plural(value, forms),
}


class _Filler(string.Formatter):
    """Fills the places of one text; the part after the colon is a kind of :func:`figure`."""

    def __init__(self, language: str, currency: str) -> None:
        self._language = language
        self._currency = currency

    def format_field(self, value: object, format_spec: str) -> str:
        return figure(value, format_spec, self._language, currency=self._currency)
