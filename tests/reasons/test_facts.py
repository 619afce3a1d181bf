from __future__ import annotations

import numpy as np
import pytest

from churnml.reasons.causes import locate
from churnml.reasons.facts import Evidence, facts_of


def fact(cause: str, **features: float) -> str:
    places = [locate(name) for name in features]
    source = next(place.source for place in places if place.cause == cause)
    return str(facts_of(Evidence(np.array([list(features.values())], np.float32), places, source, cause))[0])


NAN = float("nan")


@pytest.mark.parametrize(
    ("days", "gap", "expected"),
    [
        (61.9, 14.2, "days=61;usual=14"),
        (14.9, 14.2, ""),
        (15.0, 14.2, "days=15;usual=14"),
        (3.0, 14.0, ""),
        (1.5, 0.1, ""),
        (40.0, NAN, "days=40"),
        (29.0, NAN, ""),
        (NAN, 14.0, ""),
    ],
)
def test_silence_is_told_only_where_the_customer_is_silent(days: float, gap: float, expected: str) -> None:
    assert fact("silence", orders_recency_days=days, orders_gap_mean_days=gap) == expected


@pytest.mark.parametrize(
    ("recent", "whole", "tenure", "expected"),
    [
        (2, 13, 900, "n=2;usual=3.6;window=90"),
        (4, 13, 900, ""),
        (0, 1, 900, ""),
        (1, 5, 180, "n=1;usual=4;window=90"),
        (1, 5, 179, ""),
        (NAN, 13, 900, ""),
    ],
)
def test_a_fall_is_told_against_what_was_usual_before(
    recent: float, whole: float, tenure: float, expected: str
) -> None:
    features = {"orders_count_90d": recent, "orders_count_365d": whole, "orders_tenure_days": tenure}
    assert fact("falling_activity", **features) == expected


def test_a_fall_in_a_shorter_window_is_found_too() -> None:
    counts = {"orders_count_30d": 0, "orders_count_90d": 4, "orders_count_365d": 16, "orders_tenure_days": 900}
    assert fact("falling_activity", **counts) == "n=0;usual=1.4;window=30"


def test_value_counts_whole_money() -> None:
    sums = {"orders_amount_sum_90d": 40.4, "orders_amount_sum_365d": 500.0, "orders_tenure_days": 900.0}
    assert fact("falling_value", **sums) == "n=40;usual=150;window=90"
    monthly = {"orders_amount_sum_30d": 0.0, "orders_amount_sum_90d": 120.0, **sums, "orders_count_90d": 2.0}
    few = {"orders_count_30d": 0.0, "orders_count_365d": 8.0, "orders_amount_sum_90d": 120.0}
    assert fact("falling_value", **{**monthly, **few}) == ""
    assert fact("falling_value", **{**sums, "orders_amount_sum_90d": -5.0}) == ""


def test_counts_of_trouble() -> None:
    assert fact("service_trouble", tickets_count_90d=0, tickets_count_365d=2) == "n=2;window=365"
    assert fact("service_trouble", tickets_count_90d=0, tickets_count_365d=0) == ""
    assert fact("refunds", orders_refunded_sum_90d=25.0) == "amount=25;window=90"
    paid = {"payments_status_paid_count_90d": 9.0}
    assert fact("payment", **paid) == ""
    failed = {"payments_status_failed_count_90d": 1, "payments_status_late_count_90d": 1}
    assert fact("payment_failure", **paid, **failed) == "n=2;window=90"
    assert fact("payment_failure", **paid, payments_amount_per_failed_count_90d=70.0) == ""


def test_scores_changes_contracts_and_newness() -> None:
    assert fact("dissatisfaction", surveys_nps_last=7.0) == ""
    assert fact("dissatisfaction", surveys_nps_last=7.0, surveys_csat_last=2.0) == "score=2"
    assert fact("dissatisfaction", surveys_nps_last=6.0) == "score=6;of=10"
    assert fact("company_change", changes_outage_since_days=400.0, changes_system_since_days=23.5) == "days=23"
    assert fact("company_change", changes_outage_since_days=400.0) == ""
    assert fact("contract_end", subscriptions_to_planned_end_days=30.0) == "days=30"
    assert fact("contract_end", subscriptions_active_count=0.0, subscriptions_since_end_days=9.0) == "ended=9"
    assert fact("contract_end", subscriptions_active_count=1.0, subscriptions_since_end_days=9.0) == ""
    assert fact("new_customer", orders_tenure_days=45.0) == "days=45"
    assert fact("new_customer", orders_tenure_days=45.0, customers_tenure_days=900.0) == ""
    assert fact("profile", customers_age=33.0) == ""
