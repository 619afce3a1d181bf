from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from churnml.config import Params
from churnml.flow.stake import stake_columns

EVENTS = {"kind": "events", "file": "o.csv", "id": "id", "time": "at", "amount": "amount"}
SPELLS = {"kind": "spells", "file": "p.csv", "id": "id", "start": "from", "end": "to", "amount": "fee"}


class Classifier:
    """A churn model with, or without, what foretells the leaving."""

    def __init__(self, p_leave: float | None) -> None:
        self.leaving_ = None if p_leave is None else self
        self.p_leave = p_leave

    def probability(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.p_leave)


def params(definition: str, *, clv: bool = True) -> Params:
    table = "orders" if definition == "inactivity" else "plans"
    histories = {"folder": "raw", "as_of": "2024-01-01", "tables": {"orders": EVENTS, "plans": SPELLS}}
    churn = {"definition": definition, "table": table, "horizon_days": 90}
    value = {"clv": {"table": table, "horizon_days": 450}} if clv else {}
    return Params.model_validate({"histories": histories, "churn": churn, **value})


def stake(params: Params, p_leave: float | None, **scored: float | None) -> tuple[float, float]:
    given = {
        name: pa.array([value], pa.float64()) if name == "p_churn_365d" else np.array([value], dtype=float)
        for name, value in scored.items()
    }
    found = stake_columns(params, Classifier(p_leave), np.zeros((1, 1), np.float32), given)
    return float(found["p_leave"][0]), float(found["value_at_stake"][0])


def test_the_silent_for_a_year_count_as_gone() -> None:
    found = stake(params("inactivity"), 0.1, p_churn=0.6, p_churn_365d=0.4, clv=51.0)
    assert found == pytest.approx((0.1, 0.1 * 51.0 / (1 - 0.4 - 0.1 * 0.9) * 0.9))


def test_without_a_hazard_silence_itself_stands_for_the_gone() -> None:
    found = stake(params("inactivity"), 0.1, p_churn=0.4, p_churn_365d=None, clv=51.0)
    assert found == pytest.approx((0.1, 0.1 * 51.0 / (1 - 0.4 - 0.1 * 0.9) * 0.9))


def test_silence_of_which_nothing_more_was_learned_is_taken_as_it_is() -> None:
    assert stake(params("inactivity"), None, p_churn=0.4, p_churn_365d=0.3, clv=50.0) == pytest.approx((0.4, 20.0))


def test_an_end_of_contract_is_a_leaving_of_somebody_who_is_there() -> None:
    found = stake(params("spell_end"), None, p_churn=0.5, p_churn_365d=0.8, clv=55.0)
    assert found == pytest.approx((0.5, 0.5 * 55.0 / (1 - 0.45) * 0.9))


def test_a_declared_value_is_at_stake_as_declared() -> None:
    assert stake(params("spell_end", clv=False), None, p_churn=0.5, p_churn_365d=0.8, clv=55.0) == pytest.approx(
        (0.5, 27.5)
    )
