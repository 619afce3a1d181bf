"""From a reason in machine form to a sentence for a phone call, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.reasons.causes import causes, source_class
from churnml.wording import words

__all__ = ["reason_code", "reason_sentence", "reason_sentences"]


# Figures that have a sentence of their own, and causes whose figures are told against what is usual.
_NAMED = {"amount", "ended", "last", "answer", "fee", "age", "without", "none", "tenure"}
_COUNTED = {"falling_activity", "low_engagement"}
_ROUNDED_FROM = 5
"""From so many on, nobody speaks of tenths of an order."""
_COMPARED = {"silence", "falling_activity", "falling_value", "low_engagement"}


def reason_code(cause: str, source: str, facts: str = "", *, of_class: str | None = None) -> str:
    """Return the machine form of a reason: the cause, what it is seen in, and figures.

    Examples
    --------
    >>> reason_code("silence", "orders", "days=61;usual=14")
    'silence;source=orders;days=61;usual=14'
    """
    seen_in = of_class if of_class not in (None, source_class(source)) else None
    parts = [cause, f"source={quote(source, safe='')}", f"class={seen_in}" if seen_in else "", facts]
    return ";".join(part for part in parts if part)


def reason_sentence(code: str | None, language: str) -> str:
    """Return the sentence of a reason; an empty text where there is none.

    Parameters
    ----------
    code : str or None
        Machine form, see :func:`reason_code`; ``silence;days=61;usual=14`` without a source is read too.
    language : str
        ``en`` or ``zh``.

    Raises
    ------
    DataError
        If the reason is not of that form, or of a cause unknown here.

    Examples
    --------
    >>> reason_sentence("silence;source=orders;days=61;usual=14", "en")
    'No order for 61 days, usually every 14'
    >>> reason_sentence("silence;source=orders", "en")
    'The rhythm of orders points to a higher risk'
    """
    if not code:
        return ""
    try:
        return _sentence(code, language)
    except (KeyError, ValueError) as error:
        raise DataError(
            "a reason is not of the form cause;key=value",
            rule="reasons.form",
            next_step="Score again with this version, so that reasons and words agree.",
        ) from error


def reason_sentences(codes: pa.Array | pa.ChunkedArray, language: str) -> pa.Array:
    """Return the sentences of a column of reasons; null where there is none."""
    unique = pc.unique(codes).to_pylist()
    sentences = pa.array([reason_sentence(code, language) or None for code in unique], pa.string())
    places = pc.index_in(codes, value_set=pa.array(unique, pa.string()))
    found = sentences.take(places.combine_chunks() if isinstance(places, pa.ChunkedArray) else places)
    return found if isinstance(found, pa.Array) else found.combine_chunks()


def _sentence(code: str, language: str) -> str:
    cause, *pairs = code.split(";")
    if cause not in causes():
        raise KeyError(cause)
    found = dict(pair.split("=", 1) for pair in pairs)
    # Without a source the example of every shop is meant: orders.
    seen_in = found.pop("class", None) or source_class(unquote(found.pop("source", "orders")))
    figures: dict[str, object] = {key: float(value) for key, value in found.items()}
    variant = _spoken(cause, _variant(cause, set(found)), figures)
    figures["none"] = words(f"source.{seen_in}.none", language)
    figures["name"] = words(f"source.{seen_in}.name", language)
    figures["event"] = words(f"source.{seen_in}.event", language)
    if cause in _COUNTED and float(str(figures.get("usual", 0))) >= _ROUNDED_FROM:
        figures["usual"] = round(float(str(figures["usual"])))
    if "n" in figures:
        count = words(f"source.{seen_in}.count", language, n=figures["n"])
        figures["recent"] = count if figures["n"] else figures["none"]
    if cause == "falling_value" and "n" in figures:
        figures["recent"] = figures["n"]
    if variant in {"ended", "last"}:
        figures["days"] = figures[variant]
    return words(f"reason.{cause}.{variant}", language, **figures)


def _spoken(cause: str, variant: str, figures: Mapping[str, object]) -> str:
    """Return the sentence as one would say it: "every day" for every 1, "nothing" for 0, a score with its scale."""
    if cause == "dissatisfaction" and "of" in figures:
        return f"{variant}_of"
    if cause == "silence" and figures.get("usual") == 1:
        return "daily"
    if cause == "falling_value" and figures.get("n") == 0:
        return f"no_{variant}"
    return variant


def _variant(cause: str, keys: set[str]) -> str:
    """Return which sentence of a cause the figures call for."""
    if not keys:
        return "neutral"
    if named := keys & _NAMED:
        return named.pop()
    if cause in _COMPARED and "usual" not in keys:
        return "alone" if cause == "silence" else "count"
    return "figures"
