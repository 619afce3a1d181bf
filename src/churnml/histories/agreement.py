"""Whether the parts of a table are of one kind: the same declared columns, stored alike, before any row is merged."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

from churnml.errors import ConfigError, DataError, did_you_mean
from churnml.histories.contract import TableContract
from churnml.histories.parts import Part

__all__ = ["check_agreement", "key_of"]

_STRANGE = re.compile(r"[\"'`;\\\x00-\x1f\x7f]|--|/\*|\*/")
"""What no plain column name holds."""


def check_agreement(parts: Sequence[Part], contract: TableContract) -> None:
    """Compare the parts of a table with its contract and with each other, and give all the same columns.

    Parameters
    ----------
    parts : sequence of Part
        At least one, in the order in which they are read.
    contract : TableContract

    Raises
    ------
    DataError
        If a declared column is missing, or is of another type than in an earlier part: both files are named.
    ConfigError
        If a column that no part has can be no column's name.
    """
    missing = [c for c in contract.columns if not any(c in part.schema.names for part in parts)]
    if missing:
        raise _no_such_column(missing, parts[0], contract)
    for column in contract.columns:
        _check_column(column, parts, contract)
    names = sorted({name for part in parts for name in part.schema.names})
    for part in parts:
        part.columns = tuple(names)


def _no_such_column(missing: Sequence[str], part: Part, contract: TableContract) -> Exception:
    strange = [name for name in missing if _STRANGE.search(name)]
    if strange:
        return ConfigError(
            "no such column",
            rule="config.column",
            file="params.yaml",
            column=key_of(contract, strange[0]),
            count=len(strange),
            next_step=f"Write the name as it stands in the header of {part.name}.",
        )
    hints = [hint for hint in (_near(name, part, contract) for name in missing) if hint]
    next_step = " ".join(hints) or f"Correct histories.tables.{contract.name} in params.yaml."
    if len(part.schema) == 1 and len(missing) > 1:
        next_step = f"The header has one column only: is histories.tables.{contract.name}.csv.delimiter right?"
    elif not hints and len(missing) == len(contract.columns):
        next_step = f"Is the first line a header? {next_step}"
    return DataError(
        f"no such column{'s' if len(missing) > 1 else ''} in the file ({', '.join(missing)})",
        rule="data.column_missing",
        file=part.name,
        line=1,
        column=missing[0],
        count=len(missing),
        next_step=next_step,
    )


def _near(column: str, part: Part, contract: TableContract) -> str | None:
    """Return ``Did you mean X?``; spaces around a name and its case make no other name of it."""
    names = [name for name in part.schema.names if name.isprintable()]
    same = [name for name in names if name.strip().casefold() == column.strip().casefold()]
    if same and same[0] != same[0].strip():
        return f'Did you mean "{same[0]}", with the space?'
    if same:
        return f"Did you mean {same[0]}?"
    # In a file without a header these names are cells, and a cell must not be shown.
    is_header = any(name in names for name in contract.columns)
    return did_you_mean(column, names) if is_header else None


def _check_column(column: str, parts: Sequence[Part], contract: TableContract) -> None:
    """Refuse a column that one part lacks or stores as another kind of thing than an earlier part."""
    first = next(part for part in parts if column in part.schema.names)
    known: tuple[Part, pa.DataType] | None = None
    for part in parts:
        if column not in part.schema.names:
            old = _type_words(first.schema.field(column).type)
            problem = f"no such column in this file, while {first.name} has it ({old})"
            raise _differs(problem, part, first, column, hint=_near(column, part, contract))
        stored = part.schema.field(column).type
        if pa.types.is_null(stored):
            continue
        if known is None:
            known = part, stored
        elif _family(stored) != _family(known[1]):
            problem = f"{_type_words(stored)} in this file, while it is {_type_words(known[1])} in {known[0].name}"
            raise _differs(problem, part, known[0], column)


def _differs(problem: str, part: Part, other: Part, column: str, *, hint: str | None = None) -> DataError:
    return DataError(
        problem,
        rule="data.parts_differ",
        file=part.name,
        column=column,
        count=1,
        next_step=hint or f"Deliver both files alike, {other.name} and {part.name}; nothing was merged.",
    )


def _plain_type(stored: pa.DataType) -> pa.DataType:
    return stored.value_type if pa.types.is_dictionary(stored) else stored


def _family(stored: pa.DataType) -> str:
    """Return what kind of thing a type stores; types of one family are read alike."""
    stored = _plain_type(stored)
    kinds = pa.types
    if kinds.is_integer(stored) or kinds.is_floating(stored) or kinds.is_decimal(stored):
        return "number"
    if kinds.is_string(stored) or kinds.is_large_string(stored) or kinds.is_string_view(stored):
        return "text"
    if kinds.is_timestamp(stored) or kinds.is_date(stored):
        return "time"
    return str(stored)


def _type_words(stored: pa.DataType) -> str:
    family = _family(stored)
    exact = str(_plain_type(stored))
    return exact if family == exact else f"a {family} ({exact})"


def key_of(contract: TableContract, column: str) -> str:
    """Return the key of ``params.yaml`` that names a column.

    Examples
    --------
    >>> orders = TableContract("orders", "events", "orders.csv", id="cid", time="at", numbers=("items",))
    >>> key_of(orders, "items")
    'histories.tables.orders.numbers'
    """
    c = contract
    time_key = {"customers": "joined", "spells": "start"}.get(c.kind, "time")
    single = {
        "id": c.id,
        time_key: c.time,
        "known_at": c.known_at,
        "end": c.end,
        "planned_end": c.planned_end,
        "end_reason": c.end_reason,
        "type": c.type,
        "scope": c.scope,
        "value": c.value,
    }
    several = {"amount": c.amount, "numbers": c.numbers, "categories": c.categories, "group": c.group}
    if column == c.label:
        return "churn.label"
    keys = [key for key, name in single.items() if name == column]
    keys += [key for key, names in several.items() if column in names]
    for block, roles in (("contact", c.contact), ("consent", c.consent)):
        keys += [f"{block}.{role}" for role, name in roles.items() if name == column]
    return ".".join(["histories.tables", c.name, *keys[:1]])
