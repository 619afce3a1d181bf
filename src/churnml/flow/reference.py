"""What a churn model has kept of what it learned from, read when it scores: profiles, tables and columns by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from churnml.config import CalendarTable, CustomersTable, EventsTable, Params, SpellsTable
from churnml.errors import ModelError
from churnml.estimators.reference import Profile
from churnml.features.columns import slug

__all__ = [
    "CONTRACT",
    "P_CHURN",
    "REFERENCE",
    "column_of",
    "contract",
    "is_expectation",
    "profile_in",
    "require_known_columns",
    "trained_auc",
]

P_CHURN = "p_churn"
REFERENCE, CONTRACT = "reference", "contract"
"""Keys of a model's record."""
_OF_MONEY = ("_net_", "_refunded_", "_paid_", "_expected_spend_", "_expected_value_", "_change_amount_")
"""Measures that are made of amounts and do not say so in their names."""
_EXPECTED = ("p_alive", "p_silent_", "expected_")


def trained_auc(meta: Mapping[str, Any]) -> float | None:
    """Return the AUC that was found when the model was made; None where it is not recorded."""
    auc = (meta.get(REFERENCE) or {}).get("auc")
    return None if auc is None else float(auc)


def profile_in(meta: Mapping[str, Any], which: str) -> Profile | None:
    """Return a profile of a model's record, ``features`` or ``scores``; None for a model from before there were any."""
    found = meta.get(REFERENCE)
    return None if found is None else Profile.from_json(found[which])


def contract(params: Params) -> dict[str, dict[str, Any]]:
    """Return what the tables are: kind and, by role, the columns that features are made of."""
    return {name: {"kind": table.kind, **_columns(table)} for name, table in sorted(params.histories.tables.items())}


def _columns(table: CustomersTable | EventsTable | SpellsTable | CalendarTable) -> dict[str, Sequence[str]]:
    amount = [] if getattr(table, "amount", None) is None else ["amount"]
    if isinstance(table, CalendarTable):
        return {"numbers": ["value"] if table.value else [], "categories": ["type"]}
    reason = ["end_reason"] if getattr(table, "end_reason", None) else []
    return {"numbers": [*amount, *table.numbers], "categories": [*table.categories, *reason]}


def require_known_columns(params: Params, meta: Mapping[str, Any], *, model: str = "churn") -> None:
    """Refuse histories that lack a table or a column the model has learned from, or have it as another kind.

    Columns are found by name, in any order; those the model has not seen are left alone.

    Raises
    ------
    ModelError
        Naming the first one.
    """
    now = contract(params)
    for name, learned in (meta.get(CONTRACT) or {}).items():
        here = now.get(name)
        if here is None or here["kind"] != learned["kind"]:
            what = "is not declared any more" if here is None else f"was of kind {learned['kind']}, is {here['kind']}"
            raise _changed(what, f"histories.tables.{name}", model)
        for role in ("numbers", "categories"):
            other = "categories" if role == "numbers" else "numbers"
            for column in learned[role]:
                if column in here[role]:
                    continue
                place = f"is among {other}" if column in here[other] else "is not there any more"
                raise _changed(f"{column} was among {role}, and {place}", f"histories.tables.{name}", model)


def _changed(what: str, place: str, model: str) -> ModelError:
    return ModelError(
        f"{what}, and the {model} model has learned from it",
        rule="model.schema",
        file="params.yaml",
        column=place,
        next_step="Declare it as in training, or train again.",
    )


def column_of(feature: str, params: Params) -> tuple[str, str]:
    """Return the table and the column that a feature is made of, as the histories call them; column may be empty.

    Names are such as ``orders_amount_sum_90d`` and ``visits_device_mobile_count_30d``; own features are of no table.
    """
    tables = params.histories.tables
    named = [name for name in tables if feature.startswith(f"{name}_")]
    if not named:
        return "", ""
    table = max(named, key=len)
    rest = f"{feature.removeprefix(table)}_"
    parts = _columns(tables[table])
    fitting = [column for role in ("numbers", "categories") for column in parts[role] if f"_{slug(column)}_" in rest]
    if not fitting and "amount" in parts["numbers"] and any(word in rest for word in _OF_MONEY):
        fitting = ["amount"]
    column = max(fitting, key=len, default="")
    return table, _written(tables[table], column)


def is_expectation(feature: str, tables: Collection[str]) -> bool:
    """Return whether a feature comes from a buy-till-you-die model, which is fitted anew at each date."""
    return any(feature.removeprefix(f"{name}_").startswith(_EXPECTED) for name in tables if feature.startswith(name))


def _written(table: CustomersTable | EventsTable | SpellsTable | CalendarTable, column: str) -> str:
    """Return how the delivered file calls a column."""
    if isinstance(table, CalendarTable):
        return {"type": table.type, "value": table.value or ""}.get(column, column)
    if column == "end_reason":
        return getattr(table, "end_reason", None) or column
    if column != "amount":
        return column
    amount = getattr(table, "amount", None)
    return amount if isinstance(amount, str) else " x ".join(getattr(amount, "multiply", ()))
