"""The reference of ``params.yaml``, made from the models themselves: ``python -m churnml.config.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from churnml.config.params import Params
from churnml.config.tables import CalendarTable, CustomersTable, EventsTable, SpellsTable

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
        models = list(_models(field.annotation))
        parts += ["", f"## {name}", "", field.description or "", "", *_rows(models[0])]
        if name == "histories":
            for table in _TABLES:
                kind = get_args(table.model_fields["kind"].annotation)[0]
                parts += ["", f"### tables of kind {kind}", "", (table.__doc__ or "").strip(), "", *_rows(table)]
    return "\n".join(parts) + "\n"


def _rows(model: type[BaseModel], prefix: str = "") -> list[str]:
    head = [] if prefix else ["| key | default | meaning |", "|---|---|---|"]
    rows = []
    for name, field in model.model_fields.items():
        if name == "tables":
            rows.append(f"| `{prefix}tables` | | {field.description} See below. |")
            continue
        inner = [m for m in _models(field.annotation) if m not in _TABLES]
        if inner and field.description:
            rows.append(f"| `{prefix}{name}` | {_default(field.default)} | {field.description} |")
            rows += _rows(inner[0], f"{prefix}{name}.")
        else:
            rows.append(f"| `{prefix}{name}` | {_default(field.default)} | {field.description or ''} |")
    return [*head, *rows]


def _default(value: Any) -> str:
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None:
        return "`null`"
    return f"`{list(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models an annotation stands for."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    elif get_origin(annotation) is not dict:
        for argument in get_args(annotation):
            yield from _models(argument)


if __name__ == "__main__":
    sys.stdout.write(reference_markdown())
