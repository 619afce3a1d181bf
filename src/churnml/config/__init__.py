"""``params.yaml`` as frozen models: what every key means, its bounds and its unit."""

from churnml.config.blocks import (
    Churn,
    ChurnEvent,
    Clv,
    Features,
    OwnFeature,
    Simulate,
    Snapshots,
    Train,
    Treatments,
)
from churnml.config.campaign import Campaign
from churnml.config.checks import Check
from churnml.config.exports import Exports, ExportTarget
from churnml.config.fields import Channel
from churnml.config.lists import (
    Affected,
    Compensation,
    Lists,
    LoyalAlarm,
    Winback,
    affected_problems,
    compensation_problems,
)
from churnml.config.loader import load_params, parse_params, resolved, write_resolved
from churnml.config.own_files import own_file, with_own_digests
from churnml.config.params import Params
from churnml.config.registry import Tracking
from churnml.config.relationship import Relationship
from churnml.config.tables import (
    FETCHED,
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
    "FETCHED",
    "Affected",
    "CalendarTable",
    "Campaign",
    "Channel",
    "Check",
    "Churn",
    "ChurnEvent",
    "Clv",
    "Compensation",
    "Consent",
    "Contact",
    "Csv",
    "CustomersTable",
    "EventsTable",
    "ExportTarget",
    "Exports",
    "Features",
    "Histories",
    "Lists",
    "LoyalAlarm",
    "OwnFeature",
    "Params",
    "Product",
    "Relationship",
    "Simulate",
    "Snapshots",
    "SpellsTable",
    "Table",
    "Tracking",
    "Train",
    "Treatments",
    "Winback",
    "affected_problems",
    "compensation_problems",
    "load_params",
    "own_file",
    "parse_params",
    "resolved",
    "with_own_digests",
    "write_resolved",
]
