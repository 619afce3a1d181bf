"""From the table blocks of ``params.yaml`` to the contracts that the reader takes."""

from __future__ import annotations

from churnml.config import CalendarTable, Csv, CustomersTable, EventsTable, Params, SpellsTable, Table
from churnml.histories.contract import CsvDialect, TableContract
from churnml.histories.rules import Limits, Rules

__all__ = ["check_rules", "contracts", "dialect_of", "fetched_files", "required_tables"]


def check_rules(params: Params) -> Rules:
    """Return the rules of the data check with what the project sets for them."""
    return Rules({name: Limits(**check.model_dump()) for name, check in params.checks.items()})


def contracts(params: Params) -> list[TableContract]:
    """Return the contract of every table, in the order of ``params.yaml``."""
    return [_contract(name, table, params) for name, table in params.histories.tables.items()]


def fetched_files(contract: TableContract) -> tuple[str, ...]:
    """Return under which names the stage ``fetch`` keeps what it read of a table, one file a relation."""
    if len(contract.sources) == 1:
        return (f"{contract.name}.parquet",)
    return tuple(f"{contract.name}-{number}.parquet" for number in range(len(contract.sources)))


def _label(names: tuple[str, ...]) -> str:
    """Return how messages name all files of a table."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def dialect_of(csv: Csv) -> CsvDialect:
    """Return how a CSV file is written, as the reader takes it."""
    formats = tuple(sorted(csv.time_formats.items()))
    return CsvDialect(
        csv.delimiter, csv.encoding, csv.decimal, csv.null_values, csv.time_format, csv.number_marks, formats
    )


def _contract(name: str, table: Table, params: Params) -> TableContract:
    rows = {
        "name": name,
        "kind": table.kind,
        "file": _label(table.file),
        "files": table.file,
        "drop_blank_ids": table.blank_ids == "drop",
        "drop_duplicates": table.duplicates == "drop",
        "csv": dialect_of(table.csv),
    }
    return TableContract(**rows, **_columns(name, table, params))  # type: ignore[arg-type]


def _columns(name: str, table: Table, params: Params) -> dict[str, object]:
    if isinstance(table, CalendarTable):
        return {
            "time": table.time,
            "known_at": table.known_at or "",
            "end": table.end or "",
            "type": table.type,
            "scope": table.scope or "",
            "value": table.value or "",
        }
    shared = {"id": table.id, "numbers": table.numbers, "categories": table.categories}
    if isinstance(table, CustomersTable):
        label = params.churn.label if params.churn.table == name else None
        contact, consent = table.contact.columns, table.consent.columns
        return {**shared, "time": table.joined or "", "label": label or "", "contact": contact, "consent": consent}
    if isinstance(table, EventsTable):
        amount = table.amount_columns
        return {
            **shared,
            "time": table.time,
            "known_at": table.known_at or "",
            "amount": amount,
            "currency": table.currency or "",
            "group": table.group,
            "key": table.key,
            "latency_days": table.latency_days,
        }
    return {**shared, **_spell_columns(table)}


def _spell_columns(table: SpellsTable) -> dict[str, object]:
    return {
        "time": table.start,
        "known_at": table.known_at or "",
        "end": table.end or "",
        "planned_end": table.planned_end or "",
        "amount": (table.amount,) if table.amount else (),
        "currency": table.currency or "",
        "end_reason": table.end_reason or "",
        "key": table.key,
        "latency_days": table.latency_days,
    }


def required_tables(params: Params) -> set[str]:
    """Return the tables that must have rows: those of churn and of value."""
    return {params.churn.table, *([params.clv.table] if params.clv else [])}
