"""Ids in what is kept of earlier runs: hidden by pseudonyms where a project has them, with a note by which key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from churnml.privacy.pseudonyms import Pseudonyms

__all__ = ["RECORDS", "Known", "as_delivered", "hidden", "key_of_ids"]

RECORDS = Path(".churnml") / "lists"
"""Where a project keeps its lists: outside of every stage's outputs, which DVC removes before the stage runs again."""

_FACTS, _KEY = b"churnml", "pseudonyms"


class Known(Protocol):
    """Somebody who knows whose the pseudonyms of a key are."""

    key_id: str

    def known(self, pseudonyms: pa.Array) -> pa.Array:
        """Return whose some pseudonyms are; one that is not known is missing."""
        ...


def key_of_ids(table: pa.Table) -> str | None:
    """Return the name of the key by which the ids of a kept table are hidden; None = they are as delivered."""
    facts = json.loads((table.schema.metadata or {}).get(_FACTS, b"{}"))
    return None if facts.get(_KEY) is None else str(facts[_KEY])


def hidden(table: pa.Table, hides: Pseudonyms | None) -> pa.Table:
    """Return a table whose ids are as delivered with pseudonyms, and a note by which key; None = as it is.

    Rows come in the order of the pseudonyms where they were in that of the ids, which would tell of them.
    """
    if hides is None:
        return table
    ids = table["customer_id"].cast(pa.string()).combine_chunks()
    is_sorted = pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py() is not False
    table = _with(table, hides.column(ids), hides.key_id)
    return table.sort_by("customer_id").combine_chunks() if is_sorted and table.num_rows else table


def as_delivered(table: pa.Table, names: Known | None) -> pa.Table | None:
    """Return a kept table with ids as delivered; None where it is not known whose they are.

    Who is not known any more is left out.
    """
    key = key_of_ids(table)
    if key is None:
        return table
    if names is None or names.key_id != key:
        return None
    ids = names.known(table["customer_id"].combine_chunks())
    was_sorted = pc.all(pc.less_equal(table["customer_id"][:-1], table["customer_id"][1:])).as_py() is not False
    table = _with(table, ids, None).filter(pc.is_valid(ids))
    return table.sort_by("customer_id").combine_chunks() if was_sorted and table.num_rows else table


def _with(table: pa.Table, ids: pa.Array, key: str | None) -> pa.Table:
    facts = json.loads((table.schema.metadata or {}).get(_FACTS, b"{}"))
    facts = {name: value for name, value in facts.items() if name != _KEY} | ({} if key is None else {_KEY: key})
    place = table.column_names.index("customer_id")
    table = table.set_column(place, "customer_id", ids.cast(table.schema.field(place).type))
    return table.replace_schema_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})
