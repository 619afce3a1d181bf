"""Stage featurize: the horizons that expected purchases are told for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from churnml.config import Params
from churnml.flow.featurize import purchase_horizons
from churnml.snapshots.spine import SnapshotPlan
from churnml.timeline import days_to_us

_NO_DATES = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize(
    ("value_days", "labelled_days", "expected"),
    [(365, 200, (90.0, 100.0, 200.0, 365.0)), (365, 365, (90.0, 365.0)), (90, 90, (90.0,)), (None, 0, (90.0,))],
)
def test_horizons_asked_for_and_labelled_ascend_and_differ(
    value_days: int | None, labelled_days: int, expected: tuple[float, ...]
) -> None:
    table = {"kind": "events", "file": "orders.csv", "id": "id", "time": "at", "amount": "paid"}
    blocks = {"clv": {"table": "orders", "horizon_days": value_days}} if value_days else {}
    params = Params.model_validate(
        {
            "histories": {"folder": "raw", "as_of": "2024-06-30", "tables": {"orders": table}},
            "churn": {"definition": "inactivity", "table": "orders", "horizon_days": 90, "active_within_days": 180},
            **blocks,
        }
    )
    plan = replace(SnapshotPlan(0, _NO_DATES, _NO_DATES, 0), value_horizon_us=days_to_us(labelled_days))
    assert purchase_horizons(params, plan) == expected
