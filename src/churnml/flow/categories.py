"""By which declared categories customers are parted."""

from __future__ import annotations

from churnml.config import CustomersTable, Params
from churnml.features.columns import slug

__all__ = ["declared_categories"]


def declared_categories(params: Params) -> list[str]:
    """Return the feature columns of the categories that the customers table declares."""
    table = params.customers_table
    declared = params.histories.tables[table] if table else None
    categories = declared.categories if isinstance(declared, CustomersTable) else ()
    return [f"{table}_{slug(name)}" for name in categories]
