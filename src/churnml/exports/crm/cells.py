"""From one column of the rows to the texts of one column of a file, or the reason why a cell does not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from churnml.exports.crm.audiences import hashed, in_form
from churnml.exports.crm.people import Unfit, e164, email_address, plain_text, split_name
from churnml.exports.crm.target import Column, Layout
from churnml.wording import has_words, words

__all__ = ["Cell", "cell_of"]

Cell = Callable[[Any, str], str]
"""Value and country of the customer -> text of the cell, empty for a blank; raises ``Unfit``."""

_MARKUP = re.compile(r"<\s*[A-Za-z/!?]|&#?\w{1,31};|\{\{|\{%|javascript:", re.IGNORECASE)


def cell_of(column: Column, layout: Layout, *, from_name: bool = False) -> Cell:
    """Return how a cell of a column is made.

    Parameters
    ----------
    column : Column
    layout : Layout
    from_name : bool, optional
        The value is a whole name that the column's part is taken from.
    """
    make = _KINDS[column.kind]

    def cell(value: Any, country: str) -> str:
        if column.constant:
            text = column.constant
        else:
            text = "" if _is_blank(value) else make(_part(value, column, from_name), country, column, layout)
        if not text:
            if column.required:
                raise Unfit("missing_required")
            return ""
        if column.pattern and not re.fullmatch(column.pattern, text):
            raise Unfit("bad_id" if column.kind == "id" else "bad_value")
        return text

    return cell


def _is_blank(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )


def _part(value: Any, column: Column, from_name: bool) -> Any:
    return split_name(value, column.source) if from_name else value


def _text(value: Any, country: str, column: Column, layout: Layout) -> str:
    """Return a customer's text, which is written as it is or not at all."""
    return _fitting(plain_text(str(value)), layout)


def _words(value: Any, country: str, column: Column, layout: Layout) -> str:
    """Return a text of ours, with other marks where the target forbids some."""
    text = str(value)
    if column.source == "action" and has_words(f"action.{text}"):
        text = words(f"action.{text}", layout.language)
    for mark, instead in layout.own_text.items():
        text = text.replace(mark, instead)
    return _fitting(plain_text(text), layout)


def _fitting(text: str, layout: Layout) -> str:
    if any(mark in text for mark in layout.forbidden):
        raise Unfit("forbidden_character")
    if layout.no_markup and _MARKUP.search(text):
        raise Unfit("markup")
    if len(text) > layout.max_text:
        raise Unfit("too_long")
    return text


def _pick(value: Any, country: str, column: Column, layout: Layout) -> str:
    code = str(value)
    if column.picks is not None:
        if code not in column.picks:
            raise Unfit("not_in_pick_list")
        return column.picks[code]
    key = f"{column.family}.{code}"
    return words(key, layout.language) if has_words(key) else _text(code, country, column, layout)


def _number(value: Any, country: str, column: Column, layout: Layout) -> str:
    number = float(value)
    if not math.isfinite(number):
        raise Unfit("not_finite")
    # Adding zero keeps "-0.00" out.
    return f"{round(number, column.decimals) + 0.0:.{column.decimals}f}"


def _date(value: date, country: str, column: Column, layout: Layout) -> str:
    return value.strftime(layout.date)


def _datetime(value: datetime, country: str, column: Column, layout: Layout) -> str:
    return value.strftime(layout.datetime)


def _boolean(value: Any, country: str, column: Column, layout: Layout) -> str:
    return layout.booleans[bool(value)]


def _id(value: Any, country: str, column: Column, layout: Layout) -> str:
    return _text(value, country, column, layout)


def _email(value: Any, country: str, column: Column, layout: Layout) -> str:
    return _fitting(email_address(str(value)), layout)


def _phone(value: Any, country: str, column: Column, layout: Layout) -> str:
    return e164(str(value), country)


def _hash(value: Any, country: str, column: Column, layout: Layout) -> str:
    form = in_form(str(value), column.normalise, country)
    return hashed(form) if form else ""


def _plain(value: Any, country: str, column: Column, layout: Layout) -> str:
    return in_form(str(value), column.normalise, country)


_KINDS: Mapping[str, Callable[[Any, str, Column, Layout], str]] = {
    "id": _id,
    "email": _email,
    "phone": _phone,
    "text": _text,
    "words": _words,
    "pick": _pick,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "boolean": _boolean,
    "hash": _hash,
    "plain": _plain,
}
