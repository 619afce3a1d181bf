"""The truth about each customer, kept apart from what is delivered."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.simulation.clock import Clock, Floats
from churnml.simulation.columns import instants, numbers, text
from churnml.simulation.lives import CAUSES, Lives
from churnml.simulation.mechanism import SEGMENTS, Mechanism
from churnml.simulation.orders import Orders, left_instants
from churnml.simulation.outlook import Outlook
from churnml.simulation.people import People
from churnml.simulation.setting import Setting
from churnml.timeline import OutcomeWindow

__all__ = ["parameters", "truth_table"]

_CHURN_STEPS = {30: 3, 90: 9, 180: 18}


def _known(values: Floats, alive: npt.NDArray[np.bool_]) -> pa.Array:
    """Return a column that is empty for those who had left."""
    return numbers(values, missing=~alive)


def _chances(outlook: Outlook, alive: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Return the chances of leaving, and what each action would change in them."""
    plain = outlook.p_churn(n_steps=max(_CHURN_STEPS.values()))
    columns = {f"p_churn_{days}d": _known(plain[steps - 1], alive) for days, steps in _CHURN_STEPS.items()}
    for action in outlook.mechanism.actions:
        effect = np.array(action.effect)[outlook.people.segment]
        difference = outlook.p_churn(n_steps=_CHURN_STEPS[90], effect=effect) - plain[: _CHURN_STEPS[90]]
        columns[f"effect_{action.name}"] = _known(difference[_CHURN_STEPS[30] - 1], alive)
        columns[f"effect_{action.name}_90d"] = _known(difference[_CHURN_STEPS[90] - 1], alive)
    return columns


def _what_came(orders: Orders, lives: Lives, clock: Clock) -> dict[str, pa.Array]:
    """Return what really happened after the end: the outcomes that no delivered row shows."""
    n = len(lives.cause)
    end = np.array([clock.end_us])
    quarter, year = (int(OutcomeWindow.of_days(horizon_days=days).closes(end)[0]) for days in (90, 365))
    after = orders.ordered_us > clock.end_us
    bought = after & (orders.ordered_us <= quarter) & (orders.refund_of < 0)
    earned = after & (orders.ordered_us <= year)
    left = left_instants(lives, clock)
    cents = np.bincount(orders.who[earned], weights=orders.cents[earned], minlength=n)
    return {
        "future_left_at": instants(left, missing=(left <= clock.end_us) | (left > year)),
        "future_n_orders_90d": numbers(np.bincount(orders.who[bought], minlength=n).astype(np.int32)),
        "future_value_365d": numbers(np.rint(cents) / 100),
    }


def truth_table(
    people: People,
    setting: Setting,
    lives: Lives,
    orders: Orders,
    *,
    ids: pa.Array,
    mechanism: Mechanism,
    clock: Clock,
) -> pa.Table:
    """Return one row per customer: state, chances, value, effects, and what came after the end."""
    outlook = Outlook.at_end(people, setting, lives, mechanism=mechanism, clock=clock)
    left = left_instants(lives, clock)
    alive = left > clock.end_us
    fading = lives.is_fading[clock.n_steps] & alive
    silent = np.where(alive, outlook.p_silent(orders, n_steps=_CHURN_STEPS[90]), 1.0)
    return pa.table(
        {
            "customer_id": ids,
            "is_alive": numbers(alive.astype(np.int8)),
            "is_fading": numbers(fading.astype(np.int8)),
            "left_at": instants(left, missing=alive),
            "cause": text(np.where(alive, -1, lives.cause), CAUSES),
            **_chances(outlook, alive),
            "p_no_order_90d": numbers(silent),
            "value_365d": numbers(np.where(alive, outlook.value(orders), 0.0)),
            **{
                f"change_{change.change_id}_effect": numbers(effect)
                for change, effect in zip(mechanism.changes, people.change_effect, strict=True)
            },
            **_what_came(orders, lives, clock),
        }
    )


def parameters(mechanism: Mechanism, *, n_customers: int, months: int, seed: int, end: str) -> dict[str, object]:
    """Return everything that was planted, as plain values."""
    return {
        "n_customers": n_customers,
        "months": months,
        "seed": seed,
        "end": end,
        "segments": list(SEGMENTS),
        "mechanism": asdict(mechanism),
    }
