"""Which cause a feature speaks of: by its measure first, by the words of its source second, from a data table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "Control",
    "FeaturePlace",
    "cause_control",
    "causes",
    "highest_score",
    "is_trouble",
    "locate",
    "low_score",
    "may_be_named",
    "reason_causes",
    "source_class",
]

Control = Literal["controllable", "not_controllable", "involuntary"]
"""The company can act on a cause; it cannot; or the customer would leave without wanting to."""

_CAMEL = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_WINDOW = re.compile(r"_(?P<window>\d+d(?:_\d+d)?|all)$")


@dataclass(frozen=True, slots=True)
class FeaturePlace:
    """What a feature is about.

    Parameters
    ----------
    name : str
        ``<source>_<measure>_<window>``.
    source, measure, window : str
        Parts of the name; the measure includes the column or level it is about. No window = empty.
    source_class : str
        What kind of thing the source records: ``purchases``, ``usage``, ``service``, ``survey``, ..., ``other``.
    cause : str
        Key of the cause.
    """

    name: str
    source: str
    measure: str
    window: str
    source_class: str
    cause: str


@cache
def _tables() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(
        resources.files("churnml.reasons").joinpath("causes.json").read_text(encoding="utf-8")
    )
    return found


def causes() -> list[str]:
    """Return every cause, in the order of the data table."""
    return list(_tables()["causes"])


def cause_control(cause: str) -> Control:
    """Return whose doing a cause is.

    Parameters
    ----------
    cause : str
        One of :func:`causes`.

    Returns
    -------
    {"controllable", "not_controllable", "involuntary"}
        In words: ``control.<kind>`` of the catalogue.

    Raises
    ------
    KeyError
        If there is no such cause.

    Examples
    --------
    >>> cause_control("silence"), cause_control("profile"), cause_control("payment_failure")
    ('controllable', 'not_controllable', 'involuntary')
    """
    kind: Control = _tables()["causes"][cause]
    return kind


def reason_causes(codes: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the cause of each reason of a column such as ``reason_1``; null where there is no reason.

    Parameters
    ----------
    codes : Array or ChunkedArray of string
        Reasons in machine form.

    Examples
    --------
    >>> reason_causes(pa.array(["silence;source=orders;days=61", None])).to_pylist()
    ['silence', None]
    """
    heads = pc.replace_substring_regex(codes.cast(pa.string()), pattern=";.*", replacement="")
    found = pc.if_else(pc.equal(heads, ""), pa.scalar(None, pa.string()), heads)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def low_score(measure: str) -> float:
    """Return up to which survey score an answer counts as low on the scale of that measure."""
    limits: Mapping[str, float] = _tables()["low_scores"]
    return next((limit for word, limit in limits.items() if word and word in measure.lower()), limits[""])


def highest_score(measure: str) -> float | None:
    """Return the upper end of the scale of a survey measure; None where it is not known."""
    ends: Mapping[str, float] = _tables()["highest_scores"]
    return next((end for word, end in ends.items() if word in measure.lower()), None)


def source_class(source: str, *, kind: str | None = None) -> str:
    """Return what kind of thing a source records, by its table kind or its name; ``other`` where nothing fits.

    Examples
    --------
    >>> source_class("support_tickets"), source_class("orders"), source_class("xyz"), source_class("x", kind="spells")
    ('service', 'purchases', 'other', 'contract')
    """
    if kind in _tables()["class_of_kind"]:
        return str(_tables()["class_of_kind"][kind])
    # The last word of a name is its noun: "support_orders" are orders.
    for token in reversed(source.lower().split("_")):
        for name, stems in _tables()["source_classes"].items():
            if _is_one_of(token, stems):
                return str(name)
    return "other"


def locate(name: str, *, kinds: Mapping[str, str] | None = None) -> FeaturePlace:
    """Take a feature's name apart and find its cause.

    Parameters
    ----------
    name : str
    kinds : mapping of str to str, optional
        Table name -> kind (customers, events, spells, calendar). Without it, the source is guessed from its words.

    Examples
    --------
    >>> place = locate("orders_silence_ratio")
    >>> place.source, place.measure, place.cause
    ('orders', 'silence_ratio', 'silence')
    """
    found = _WINDOW.search(name)
    window = found["window"] if found else ""
    stem = name[: found.start()] if found else name
    source = _source(stem, kinds or {})
    measure = stem[len(source) :].strip("_")
    of_class = source_class(source, kind=(kinds or {}).get(source))
    return FeaturePlace(name, source, measure, window, of_class, _cause(source, measure, of_class))


def _source(stem: str, kinds: Mapping[str, str]) -> str:
    declared = [table for table in kinds if stem == table or stem.startswith(f"{table}_")]
    if declared:
        return max(declared, key=len)
    tokens = stem.split("_")
    known = [place for place, token in enumerate(tokens[:3]) if source_class(token) != "other"]
    return "_".join(tokens[: known[0] + 1 if known else 1])


def _cause(source: str, measure: str, of_class: str) -> str:
    tokens = _words_of(f"{source}_{measure}")
    for rule in _tables()["rules"]:
        if (
            ("classes" not in rule or of_class in rule["classes"])
            and ("measures" not in rule or any(fnmatchcase(measure, pattern) for pattern in rule["measures"]))
            and ("words" not in rule or _has_word(tokens, rule["words"]))
        ):
            return str(rule["cause"])
    return "activity"


def is_trouble(place: FeaturePlace) -> bool:
    """Return whether a feature's measure names a payment that went wrong."""
    tokens = _words_of(place.measure)
    return _has_word(tokens, "payment_trouble") or _has_word(tokens, "unpaid")


def may_be_named(place: FeaturePlace, *, never: Sequence[str] = ()) -> bool:
    """Return whether a feature may be part of a reason; what is private to a customer must not be.

    Parameters
    ----------
    place : FeaturePlace
    never : sequence of str, optional
        Further features, by name; a trailing * stands for any ending.

    Examples
    --------
    >>> may_be_named(locate("customers_gender")), may_be_named(locate("subscriptions_age_days"))
    (False, True)
    """
    if any(fnmatchcase(place.name, pattern) for pattern in never):
        return False
    is_age_of_contract = place.source_class != "profile" and place.measure == "age_days"
    return is_age_of_contract or not any(_is_one_of(word, _tables()["never_named"]) for word in _words_of(place.name))


def _words_of(name: str) -> list[str]:
    """Return the words of a name in lower case; ``PaymentMethod`` has two."""
    return _CAMEL.sub("_", name).lower().split("_")


def _has_word(tokens: Sequence[str], group: str) -> bool:
    return any(_is_one_of(token, _tables()["word_groups"][group]) for token in tokens)


def _is_one_of(token: str, stems: Sequence[str]) -> bool:
    """Return whether a word begins with a stem, or is it where ``$`` says so; Chinese has no blanks between words."""
    return any(
        f"{token}$" == stem if stem.endswith("$") else token.startswith(stem) if stem.isascii() else stem in token
        for stem in stems
    )
