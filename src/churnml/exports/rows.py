"""Rows of a list as the compact JSON that a page's one script shows: searched, sorted, filtered, summed, printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.exports.listing import ListColumn, Listing
from churnml.wording import words

__all__ = ["Rows", "json_for_script", "rows_data"]

_DECIMALS = {"percent": 4, "money": 2, "number": 4}
_TEXTS = (
    *("search", "search_hint", "all", "clear", "sort", "as_ranked", "up", "down", "previous", "next", "per_page"),
    *("more", "less", "none_fit", "print", "group_by", "others", "no_group", "customers", "missing", "region"),
)
_UNSAFE = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Rows:
    """A block of a page: a list of any length that its reader can search, sort and filter.

    The block stands in the view of each language under the same name; there is one list, shown in the language chosen.

    Parameters
    ----------
    name : str
        Of the list on this page: ASCII letters.
    listing : Listing
    measures : sequence of str, optional
        Columns of money or counts whose sums are told and drawn by group.
    groups : sequence of str, optional
        Columns of texts to group by; the first one with more than one text is shown first.
    """

    kind: ClassVar[str] = "rows"
    name: str
    listing: Listing
    measures: Sequence[str] = ()
    groups: Sequence[str] = ()


def json_for_script(value: Any) -> str:
    r"""Return JSON that may stand inside a script element: nothing in it can close the element or break a line.

    Examples
    --------
    >>> json_for_script("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def rows_data(rows: Rows) -> dict[str, Any]:
    """Return what the script of the page needs: columns with their cells, and its words in every language.

    Texts that repeat, or differ by language, are numbers into a list of texts; days are whole numbers such as
    20240714; amounts are rounded as they are read.
    """
    listing = rows.listing
    shown = [column for column in listing.columns if column.place != "nowhere"]
    names = {column.name for column in shown}
    return {
        "name": rows.name,
        "n": listing.n_rows,
        "currency": listing.currency,
        "columns": [_column(listing, column, names) for column in shown],
        "measures": [name for name in rows.measures if name in names],
        "groups": [name for name in rows.groups if name in names],
        "words": {each: _words(each) for each in listing.tables},
    }


def _words(language: str) -> dict[str, str]:
    """Return the script's texts; some have places that it fills."""
    return {name: words(f"rows.{name}", language) for name in _TEXTS} | {
        "shown": words("rows.shown", language, first="{first}", last="{last}", n="{n}", all="{all}"),
        "sum": words("rows.sum", language, measure="{measure}", total="{total}"),
        "printed": words("rows.printed", language, shown="{shown}", n="{n}"),
        "chart": words("rows.chart", language, measure="{measure}", group="{group}"),
    }


def _column(listing: Listing, column: ListColumn, names: set[str]) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "head": dict(column.headers),
        "meaning": dict(column.meanings),
        "place": column.place,
        "under": column.under if column.under in names else "",
        "sortBy": column.sort_by if column.sort_by in names else "",
        "filter": column.is_filter,
        **_cells(listing, column),
    }


def _cells(listing: Listing, column: ListColumn) -> dict[str, Any]:
    each = [
        _texts(table[column.name]) if column.kind == "text" else table[column.name] for table in listing.tables.values()
    ]
    if column.kind == "text":
        return _coded(each, list(listing.tables))
    values = each[0]
    if column.kind == "date":
        values = pc.cast(pc.strftime(values, format="%Y%m%d"), pa.int32())
    elif column.kind in _DECIMALS:
        values = pc.round(values.cast(pa.float64()), _DECIMALS[column.kind])
        values = pc.if_else(pc.is_finite(values), values, None)
    return {"values": values.to_pylist()}


def _texts(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    texts = pc.fill_null(values.cast(pa.string()), "")
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _coded(each: Sequence[pa.Array], languages: Sequence[str]) -> dict[str, Any]:
    """Return a number for each row, and the texts behind the numbers in each language; -1 = no text."""
    coded = [texts.dictionary_encode() for texts in each]
    codes = np.zeros(len(each[0]), dtype=np.int64)
    for column in coded:
        codes = codes * (len(column.dictionary) or 1) + np.asarray(column.indices)
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    texts = {language: texts.take(pa.array(first)).to_pylist() for language, texts in zip(languages, each, strict=True)}
    empty = np.array([not text for text in texts[languages[0]]], dtype=bool)
    places = np.where(empty[places], -1, places) if len(places) else places
    return {"codes": places.tolist(), "texts": texts}
