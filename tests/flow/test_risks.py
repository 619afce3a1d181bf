"""Risks over several horizons go through the probability of churn, and there are none without a hazard."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churnml.estimators.durations import Durations
from churnml.estimators.hazard import HazardModel
from churnml.flow.risks import HORIZONS_DAYS, RISKS, risk_columns
from churnml.timeline import DAY_US

AS_OF = 19_900 * DAY_US
FUTURE = [name for name in RISKS if name.startswith("p_churn_")]


def hazard(*, is_return: bool, horizon_days: float = 90.0) -> HazardModel:
    """Return a hazard of customers of two plans, whose rates differ."""
    draw = np.random.default_rng(0)
    plan = draw.integers(0, 2, 600)
    event = draw.exponential(1 / np.array([0.004, 0.015])[plan])
    X = np.column_stack([plan, draw.normal(size=600)]).astype(np.float32)
    durations = Durations(np.where(event <= 300.0, event, np.nan), np.full(600, 300.0))
    model = HazardModel(horizon_days=horizon_days, is_return=is_return, max_rounds=15)
    return model.fit(X, durations, dates=np.zeros(600))


MODELS = {is_return: hazard(is_return=is_return) for is_return in (False, True)}
X = np.array([[0, 0], [1, 0], [0, 2], [1, -2], [np.nan, np.nan], [1, 0]], dtype=np.float32)
P = np.array([0.05, 0.4, 0.75, 0.97, 0.3, 1e-9])


def risks(*, is_return: bool = False, horizon: float = 90.0, lead: float = 0.0, p: Any = P) -> dict[str, Any]:
    model: Any = SimpleNamespace(hazard_=MODELS[is_return])
    return risk_columns(model, X, p, horizon_days=horizon, lead_days=lead, as_of=AS_OF)


@pytest.mark.parametrize("is_return", [False, True])
@pytest.mark.parametrize("days", HORIZONS_DAYS)
def test_the_risk_at_the_horizon_of_churn_is_the_probability_of_churn(is_return: bool, days: int) -> None:
    found = risks(is_return=is_return, horizon=float(days))[f"p_churn_{days}d"]
    assert found.to_numpy() == pytest.approx(P, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("is_return", [False, True])
def test_it_is_so_where_the_hazard_is_as_good_as_certain(is_return: bool) -> None:
    """Far beyond what was learned a curve falls below any probability that is told."""
    bent = risks(is_return=is_return, horizon=3_000.0)
    assert all(np.isfinite(bent[name].to_numpy()).all() for name in FUTURE)
    stay = P if is_return else 1 - P
    for name in FUTURE:
        stayed = bent[name].to_numpy() if is_return else 1 - bent[name].to_numpy()
        assert np.all(stayed >= stay - 1e-12)


@pytest.mark.parametrize("is_return", [False, True])
@pytest.mark.parametrize("horizon", [45.0, 90.0, 365.0, 500.0])
def test_risks_are_monotone_in_days(is_return: bool, horizon: float) -> None:
    found = np.column_stack([risks(is_return=is_return, horizon=horizon)[name] for name in FUTURE])
    assert np.all((found >= 0) & (found <= 1))
    steps = np.diff(found[:5], axis=1)
    assert np.all(steps < 0 if is_return else steps > 0)


def test_between_two_horizons_lies_what_lies_between() -> None:
    at = {days: risks(horizon=60.0)[f"p_churn_{days}d"].to_numpy() for days in (30, 90)}
    assert np.all((at[30] < P) & (at[90] > P))


def test_more_likely_to_leave_is_sooner_and_is_due_sooner() -> None:
    low, high = risks(p=np.full(6, 0.2)), risks(p=np.full(6, 0.9))
    assert np.all(high["expected_days"].to_numpy() < low["expected_days"].to_numpy())
    due = [columns["contact_by"].cast(pa.int64()).to_numpy() for columns in (high, low)]
    assert np.all(due[0] <= due[1])
    assert np.all((due[1] >= AS_OF) & (due[1] <= AS_OF + 45 * DAY_US))
    assert np.all((due[1] - AS_OF) % DAY_US == 0)


def test_the_lead_is_waited_before_the_event_but_not_before_the_contact() -> None:
    without, waiting = risks(lead=0.0), risks(lead=14.0)
    np.testing.assert_allclose(
        waiting["expected_days"].to_numpy(), without["expected_days"].to_numpy() + 14.0, rtol=1e-12
    )
    assert waiting["contact_by"].equals(without["contact_by"])


def test_what_never_comes_is_counted_as_two_years() -> None:
    assert risks()["expected_days"].to_numpy()[-1] == pytest.approx(730.0, abs=0.01)


def test_without_a_hazard_nothing_is_said() -> None:
    model: Any = SimpleNamespace(hazard_=None)
    found = risk_columns(model, X, P, horizon_days=90.0, lead_days=0.0, as_of=AS_OF)
    assert tuple(found) == RISKS
    assert {name: column.null_count for name, column in found.items()} == dict.fromkeys(RISKS, len(X))
    assert {name: column.type for name, column in found.items()} == {n: c.type for n, c in risks().items()}
