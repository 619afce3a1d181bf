"""The reference of ``params.yaml``, made from the models themselves: ``python -m churnml.config.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from churnml.config.checks import Check
from churnml.config.params import Params
from churnml.config.tables import CalendarTable, CustomersTable, EventsTable, Histories, SpellsTable
from churnml.histories.rules import CATALOGUE, Rule
from churnml.wording import words

__all__ = ["reference_markdown"]

_TABLES = (CustomersTable, EventsTable, SpellsTable, CalendarTable)


def reference_markdown() -> str:
    """Return every key with its default and meaning as Markdown."""
    parts = [
        "# params.yaml, key by key",
        "",
        "Made by `python -m churnml.config.reference > docs/params.md`. A key without a default is required where its",
        "block is given. Put dates in quotes, so that DVC can read the file too.",
    ]
    for name, field in Params.model_fields.items():
        models = [Check] if name == "checks" else list(_models(field.annotation))
        parts += ["", f"## {name}", "", field.description or "", "", *_rows(models[0])]
        if name == "checks":
            parts += _rules()
        if name == "histories":
            for table in _TABLES:
                kind = get_args(table.model_fields["kind"].annotation)[0]
                parts += ["", f"### tables of kind {kind}", "", (table.__doc__ or "").strip(), "", *_rows(table)]
    return "\n".join(parts) + "\n"


def _rules() -> list[str]:
    """Return every rule of the data check with what it does unless `checks` says otherwise."""
    head = [
        "",
        "For example `checks: {data.placeholder_ids: {severity: error, max_count: 10}}`. A bound given here takes",
        "the place of both bounds of the rule; a breach lies above either one, and below them it is a note. Rules",
        "marked *always* cannot be lowered: going on would make every later figure wrong. Where churn and value are",
        "not counted from a table, an error about its volume, times or amounts is a warning; so are placeholder times",
        "in at most one percent of the rows. Counts of customers are exact up to 65,536 in a table, and estimates to",
        "within one percent beyond.",
        "",
        "| rule | breach is | borne up to | for example | what to do |",
        "|---|---|---|---|---|",
    ]
    return [*head, *(_rule_row(rule) for rule in CATALOGUE.values())]


_EXAMPLE: dict[str, object] = {
    "n": 1,
    "first": date(2024, 3, 1),
    "last": date(2024, 3, 31),
    "days": 1,
    "found": 0,
    "expected": 620,
    "low": 540,
    "rows": 700,
    "before": 1000,
    "drop": 0.3,
    "factor": "100",
    "other": "orders_1.csv",
    "names": "colour",
    "early": 0.4,
    "late": 0.0,
}


def _rule_row(rule: Rule) -> str:
    severity = "error, always" if rule.is_fixed else rule.severity
    borne = "" if rule.max_share is None else f"{100 * rule.max_share:g} %"
    texts = (words(f"finding.{rule.name}.{part}", "en", **_EXAMPLE) for part in ("meaning", "next"))
    return " | ".join([f"| `{rule.name}`", severity, borne, *texts]) + " |"


def _rows(model: type[BaseModel], prefix: str = "") -> list[str]:
    head = [] if prefix else ["| key | default | meaning |", "|---|---|---|"]
    rows = []
    for name, field in model.model_fields.items():
        if model is Histories and name == "tables":
            rows.append(f"| `{prefix}tables` | | {field.description} See below. |")
            continue
        rows.append(f"| `{prefix}{name}` | {_default(field.default)} | {field.description or ''} |")
        named = [*_models(field.annotation, in_dicts=True)]
        inner = [m for m in _models(field.annotation) if m not in _TABLES] or named
        # What stands elsewhere is not told twice.
        if inner and not (field.description or "").startswith("As `"):
            rows += _rows(inner[0], f"{prefix}{name}.<name>." if named else f"{prefix}{name}.")
    return [*head, *rows]


def _default(value: Any) -> str:
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "`null`"
    return f"`{list(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _models(annotation: Any, *, in_dicts: bool = False) -> Iterator[type[BaseModel]]:
    """Yield the models an annotation stands for, or those that are the entries of its blocks by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from () if in_dicts else (annotation,)
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0], in_dicts=in_dicts)
    elif get_origin(annotation) is dict:
        yield from _models(get_args(annotation)[1]) if in_dicts else ()
    else:
        for argument in get_args(annotation):
            yield from _models(argument, in_dicts=in_dicts)


if __name__ == "__main__":
    sys.stdout.write(reference_markdown())
