"""From the blocks of ``params.yaml`` to the plain definitions that snapshots, labels and features take."""

from __future__ import annotations

from dataclasses import replace

from churnml.config import EventsTable, Params
from churnml.labels.treatments import TreatmentLog
from churnml.labels.value import ValueDefinition
from churnml.snapshots.population import ChurnDefinition
from churnml.snapshots.spine import SnapshotPlan
from churnml.timeline import OutcomeWindow, days_to_us

__all__ = [
    "churn_definition",
    "churn_window",
    "is_value_carried",
    "purchases_table",
    "signs_of_life",
    "treatment_log",
    "value_definition",
    "value_purchases",
]


def churn_definition(params: Params) -> ChurnDefinition:
    """Return what churn means."""
    churn = params.churn
    within = churn.active_within_days
    return ChurnDefinition(
        churn.definition,
        churn.table,
        active_within_us=None if within is None else days_to_us(within),
        end_reasons=churn.end_reasons,
        event_column=churn.event.column if churn.event else "",
        event_values=churn.event.values if churn.event else (),
    )


def churn_window(params: Params, plan: SnapshotPlan | None = None) -> OutcomeWindow:
    """Return where the outcome is looked for, or of a plan, where it is learned; grace belongs to spell ends only."""
    churn = params.churn
    grace = churn.grace_days if churn.definition == "spell_end" else 0
    window = OutcomeWindow.of_days(horizon_days=churn.horizon_days, lead_days=churn.lead_days, grace_days=grace)
    return replace(window, horizon_us=plan.churn_horizon_us) if plan and plan.churn_horizon_us else window


def value_definition(params: Params) -> ValueDefinition | None:
    """Return what value means, or None where there is no value model."""
    clv = params.clv
    if clv is None:
        return None
    return ValueDefinition(clv.table, clv.measure, clv.margin, clv.discount_rate_yearly, clv.refunds)


def is_value_carried(params: Params, plan: SnapshotPlan) -> bool:
    """Return whether value is asked for over a longer horizon than can be labelled."""
    return params.clv is not None and 0 < plan.value_horizon_us < days_to_us(params.clv.horizon_days)


def treatment_log(params: Params, outcome: str) -> TreatmentLog | None:
    """Return which rows are treatments whose snapshots are left out of an outcome (``churn``, ``value``), or None."""
    treatments = params.treatments
    if treatments is None or treatments.table is None or treatments.mode == "keep":
        return None
    if outcome not in treatments.outcomes:
        return None
    return TreatmentLog(treatments.table, treatments.column or "", treatments.treated, treatments.control)


def signs_of_life(params: Params) -> list[str]:
    """Return the events tables whose rows say that a customer is still there: those named, else all but treatments."""
    if params.churn.signs_of_life:
        return list(params.churn.signs_of_life)
    contacts = params.treatments.table if params.treatments else None
    tables = params.histories.tables.items()
    return [name for name, table in tables if isinstance(table, EventsTable) and name != contacts]


def value_purchases(params: Params) -> str:
    """Return the events table that value is counted from, or nothing where it comes from spells."""
    name = params.clv.table if params.clv else ""
    return name if name and isinstance(params.histories.tables[name], EventsTable) else ""


def purchases_table(params: Params) -> str:
    """Return the events table whose purchases feed buy-till-you-die models: of value, else of churn, else none."""
    of_churn = params.churn.table if params.churn.definition == "inactivity" else ""
    names = [params.clv.table if params.clv else "", of_churn]
    tables = params.histories.tables
    return next((name for name in names if name and isinstance(tables[name], EventsTable)), "")
