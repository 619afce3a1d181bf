from __future__ import annotations

import numpy as np
import pytest

from churnml.reasons.background import background_of
from churnml.reasons.causes import locate
from churnml.reasons.facts import Evidence, facts_of
from churnml.reasons.sentences import reason_sentence

NAN = float("nan")


@pytest.mark.parametrize(
    ("cause", "features", "expected"),
    [
        ("silence", {"orders_recency_days": 3.7, "orders_gap_mean_days": 14.0}, "last=3"),
        ("silence", {"orders_recency_days": NAN}, ""),
        ("falling_activity", {"orders_count_90d": 3.0, "orders_count_365d": 9.0}, "n=9;window=365"),
        ("falling_value", {"orders_amount_sum_365d": -3.0, "orders_amount_sum_90d": 0.0}, ""),
        ("dissatisfaction", {"surveys_csat_last": 4.0}, "answer=4"),
        ("dissatisfaction", {"surveys_csat_last": NAN, "surveys_count_all": 0.0}, "none=0"),
        ("dissatisfaction", {"surveys_csat_last": NAN, "surveys_count_all": 2.0}, ""),
        ("price", {"subscriptions_amount_now": 29.9}, "fee=29.9"),
        ("price", {"subscriptions_amount_now": 0.0}, "none=0"),
        ("campaign_response", {"contacts_recency_days": NAN, "contacts_count_all": 0.0}, "none=0"),
        ("new_customer", {"orders_tenure_days": 100.0, "customers_joined_days": 410.0}, "tenure=410"),
        ("profile", {"customers_age": 33.0}, ""),
    ],
)
def test_background(cause: str, features: dict[str, float], expected: str) -> None:
    assert told(cause, features) == expected


@pytest.mark.parametrize(
    ("active", "since", "age", "tenure", "expected"),
    [
        (0, 300, NAN, 900, "without=300"),
        (0, NAN, NAN, NAN, "none=0"),
        (1, 300, 40, 900, "age=40"),
        (NAN, NAN, NAN, NAN, ""),
    ],
)
def test_background_of_contracts(active: float, since: float, age: float, tenure: float, expected: str) -> None:
    names = ("active_count", "since_end_days", "age_days", "tenure_days")
    values = dict(zip((f"plans_{name}" for name in names), (active, since, age, tenure), strict=True))
    assert told("contract_end", values) == expected


def told(cause: str, features: dict[str, float]) -> str:
    places = [locate(name) for name in features]
    source = next(place.source for place in places if place.cause == cause)
    evidence = Evidence(np.array([list(features.values())], np.float32), places, source, cause)
    assert facts_of(evidence)[0] == ""
    text = str(background_of(evidence)[0])
    # Whatever is told has a sentence in both languages.
    assert all(reason_sentence(f"{cause};source={source};{text}".rstrip(";"), each) for each in ("en", "zh"))
    return text
