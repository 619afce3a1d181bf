"""``params.yaml`` as frozen models: what every key means, its bounds and its unit."""

from churnml.config.blocks import Campaign, Churn, ChurnEvent, Clv, Features, Simulate, Snapshots, Train
from churnml.config.fields import Channel
from churnml.config.loader import load_params, resolved, write_resolved
from churnml.config.params import Params
from churnml.config.tables import (
    CalendarTable,
    Consent,
    Contact,
    Csv,
    CustomersTable,
    EventsTable,
    Histories,
    Product,
    SpellsTable,
    Table,
)

__all__ = [
    "CalendarTable",
    "Campaign",
    "Channel",
    "Churn",
    "ChurnEvent",
    "Clv",
    "Consent",
    "Contact",
    "Csv",
    "CustomersTable",
    "EventsTable",
    "Features",
    "Histories",
    "Params",
    "Product",
    "Simulate",
    "Snapshots",
    "SpellsTable",
    "Table",
    "Train",
    "load_params",
    "resolved",
    "write_resolved",
]
