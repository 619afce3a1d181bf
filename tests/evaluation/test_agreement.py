import numpy as np
import pyarrow as pa

from churnml.evaluation.agreement import agreement_of
from churnml.evaluation.backtest import Predictions

N = 100
RISK = np.linspace(0.01, 0.9, N)


def _both(value, *, later=0):
    keys = {"customer_id": [f"c{k:03d}" for k in range(N)], "past_value": np.ones(N)}
    first, second = (pa.array([day] * N, pa.timestamp("us", "UTC")) for day in (0, later))
    churn = pa.table({**keys, "observation_date": first, "p_churnml": RISK})
    worth = pa.table({**keys, "observation_date": second, "v_churnml": value})
    return Predictions("churn", churn), Predictions("clv", worth)


def test_value_that_falls_with_risk_agrees():
    found = agreement_of(*_both(1.0 - RISK))
    assert (found["n_rows"], found["contradictions"]) == (N, 0.0)


def test_value_that_rises_with_risk_contradicts():
    assert agreement_of(*_both(RISK))["contradictions"] == 1.0


def test_other_dates_cannot_be_compared():
    assert agreement_of(*_both(RISK, later=86_400_000_000)) is None
