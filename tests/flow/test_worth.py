"""Value of scored customers: staying, contracts, the cost to serve, and values carried beyond their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from churnml.config import Params
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueForecast, ValueRegressor
from churnml.estimators.matrix import FeatureSpec
from churnml.estimators.survival import SurvivalCurves
from churnml.flow.staying import contract_worth, is_contract, serving_cost, staying_curves, staying_days
from churnml.flow.value_horizon import correction_for, factor_of_steps
from churnml.flow.worth import customer_worth, ends_value

SPELLS = {"kind": "spells", "id": "id", "start": "start", "end": "end", "amount": "fee", "file": "plans.csv"}
ORDERS = {"kind": "events", "id": "id", "time": "at", "amount": "paid", "file": "orders.csv"}
SPELL_END = {"definition": "spell_end", "table": "plans", "horizon_days": 90}
SILENCE = {"definition": "inactivity", "table": "orders", "horizon_days": 365}


def project(churn: dict[str, Any] = SPELL_END, **clv: Any) -> Params:
    tables = {"plans": SPELLS, "orders": ORDERS}
    histories = {"folder": "raw", "as_of": "2024-01-01", "tables": tables}
    value = {"table": "plans", "margin": 1.0, "discount_rate_yearly": 0.0, **clv}
    return Params.model_validate({"histories": histories, "churn": churn, "clv": value})


def flat(params: Params, p_churn: list[float]) -> SurvivalCurves:
    """Return the curves of a model without a hazard."""
    model = ChurnClassifier()
    model.hazard_ = None
    return staying_curves(params, model, np.zeros((len(p_churn), 1), dtype=np.float32), np.array(p_churn))


def test_without_a_hazard_of_leaving_the_constant_one_gives_the_probability_of_churn() -> None:
    curves = flat(project(), [0.0, 0.3, 1.0])
    np.testing.assert_allclose(curves.at([90.0, 180.0])[:2], [[1.0, 1.0], [0.7, 0.49]])
    assert curves.at([1.0])[2, 0] < 0.9


def test_who_is_sure_to_stay_stays_all_the_while_and_the_lead_counts() -> None:
    params = project({**SPELL_END, "lead_days": 30})
    curves = flat(params, [0.0, 1.0])
    stayed = staying_days(params, curves, np.array([0.0, 10.0, 100.0]))
    np.testing.assert_allclose(stayed[0], [0.0, 10.0, 100.0])
    assert stayed[1, 1] == 10.0
    assert 30.0 < stayed[1, 2] < 40.0


def test_serving_costs_for_the_time_one_stays() -> None:
    params = project(cost_to_serve_yearly=120.0, horizon_days=730)
    cost = serving_cost(params, flat(params, [0.0, 0.5]))
    # A hazard of ln 2 per 90 days: 90 / ln 2 = 129.8 days on average, 127.2 of them within two years.
    np.testing.assert_allclose(cost, [240.0, 120.0 * 90 / np.log(2) / 365 * (1 - 0.5 ** (730 / 90))])


def test_costs_to_come_are_discounted() -> None:
    params = project(cost_to_serve_yearly=120.0, discount_rate_yearly=1.0)
    assert serving_cost(params, flat(params, [0.0]))[0] == pytest.approx(120.0 * (1 - 0.5) / np.log(2), rel=1e-3)


def test_without_a_cost_nothing_is_taken_off() -> None:
    params = project()
    assert serving_cost(params, flat(params, [0.3])).tolist() == [0.0]


def test_a_contract_pays_its_fee_for_the_months_it_lasts() -> None:
    params = project(margin=0.5, cost_to_serve_yearly=24.0)
    rows = pa.table({"plans_amount_now": pa.array([20.0, 20.0, None], pa.float32())})
    worth = contract_worth(params, rows, flat(params, [0.0, 0.4, 0.0]))
    assert worth[[0, 2]] == pytest.approx([12 * (10 - 2), -24.0])
    assert 0 < worth[1] < worth[0] / 2


@pytest.mark.parametrize(
    ("churn", "clv", "is_it"),
    [
        (SPELL_END, {}, True),
        (SPELL_END, {"table": "orders"}, False),
        (SPELL_END, {"measure": "count"}, False),
        (SILENCE, {}, False),
    ],
)
def test_value_is_a_contract_where_its_end_is_churn(churn: dict[str, Any], clv: dict[str, Any], is_it: bool) -> None:
    assert is_contract(project(churn, **clv)) is is_it


def test_without_a_value_model_a_contract_is_worth_what_it_pays() -> None:
    params = project()
    rows = pa.table({"plans_amount_now": pa.array([20.0], pa.float32())})
    worth = customer_worth(params, None, rows, np.array([0.0]), flat(params, [0.0]))
    assert worth.value == pytest.approx([240.0])
    assert np.isnan(worth.low).all()


@pytest.mark.parametrize(
    ("churn", "table", "ends"),
    [
        (SILENCE, "orders", True),
        ({**SILENCE, "horizon_days": 364}, "orders", False),
        ({**SILENCE, "lead_days": 1}, "orders", False),
        (SILENCE, "plans", False),
        ({**SPELL_END, "horizon_days": 365}, "plans", False),
    ],
)
def test_silence_for_as_long_as_value_is_asked_for_ends_value(churn: dict[str, Any], table: str, ends: bool) -> None:
    assert ends_value(project(churn, table=table)) is ends


def test_later_steps_are_worth_less() -> None:
    cumulated, edges = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]), np.array([0.0, 365.0, 730.0])
    assert factor_of_steps(project(), cumulated, edges, near_days=365.0).tolist() == [2.0, 1.0]
    params = project(discount_rate_yearly=1.0)
    assert factor_of_steps(params, cumulated, edges, near_days=365.0).tolist() == [1.5, 1.0]


@pytest.mark.parametrize(
    ("learned_days", "correction"), [(365.0, 1.0), (182.5, 0.81), (91.25, 0.81), (365 / 2**0.5, 0.9)]
)
def test_a_correction_counts_as_far_as_it_was_checked(learned_days: float, correction: float) -> None:
    meta = {"extension": {"from_days": 50.0, "to_days": 100.0, "correction": 0.81}}
    assert correction_for(project(), meta, learned_days=learned_days) == pytest.approx(correction)
    assert correction_for(project(), {}, learned_days=learned_days) == 1.0


class Hundred(ValueRegressor):
    """A value model that says 100 of everybody, between 50 and 200."""

    def forecast(self, X, *, horizon_factor):
        value = 100.0 * np.ones(len(X)) * horizon_factor
        return ValueForecast(value, value / 2, value * 2)


def worth_by_model(params: Params, p_churn: list[float], **meta: Any) -> ValueForecast:
    model = LoadedModel(Hundred(), FeatureSpec(("a",), {}), {"horizon_days": 365.0, **meta}, "0" * 64)
    rows = pa.table({"a": pa.array([1.0] * len(p_churn), pa.float32())})
    return customer_worth(params, model, rows, np.array(p_churn), flat(params, p_churn))


def test_who_is_surely_silent_is_worth_nothing_where_silence_ends_value() -> None:
    params = project(SILENCE, table="orders")
    worth = worth_by_model(params, [0.5, 0.99, 1.0])
    np.testing.assert_allclose(worth, [[100, 50, 0], [50, 25, 0], [200, 100, 0]], atol=1e-9)
    shorter = project({**SILENCE, "horizon_days": 90}, table="orders")
    assert worth_by_model(shorter, [1.0]).value.tolist() == [100.0]


def test_the_cost_to_serve_is_taken_off_value_and_both_ends() -> None:
    worth = worth_by_model(project(cost_to_serve_yearly=60.0), [0.0])
    np.testing.assert_allclose(worth, [[40.0], [-10.0], [140.0]])


def test_carried_values_are_corrected() -> None:
    extension = {"from_days": 182.5, "to_days": 365.0, "correction": 0.9}
    worth = worth_by_model(project(horizon_days=730), [0.0], extension=extension)
    np.testing.assert_allclose(worth.value, [180.0])


def test_a_cost_needs_a_value_in_money() -> None:
    with pytest.raises(ValidationError, match="cost_to_serve_yearly"):
        project(measure="count", cost_to_serve_yearly=1.0)
