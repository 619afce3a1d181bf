"""No sentence contradicts the customer's features: every figure told is found again by other code."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.reasons.causes import locate
from churnml.reasons.ranking import top_reasons
from churnml.reasons.sentences import reason_sentence
from churnml.wording import figure

LONGEST = 365
NAMES = [
    *(f"{source}_{measure}" for source in ("orders", "visits") for measure in ("recency_days", "gap_mean_days")),
    *(f"{source}_count_{days}d" for source in ("orders", "visits", "tickets") for days in (30, 90, LONGEST)),
    *(f"orders_amount_sum_{days}d" for days in (30, 90, LONGEST)),
    *(f"payments_status_failed_count_{days}d" for days in (30, 90, LONGEST)),
    *("orders_tenure_days", "visits_tenure_days", "orders_refunds_count_90d", "orders_refunded_sum_90d"),
    *("surveys_csat_last", "surveys_nps_last", "surveys_count_all", "tickets_recency_days", "contacts_recency_days"),
    *("contacts_count_all", "changes_outage_since_days", "changes_price_rise_since_days"),
    *("subscriptions_to_planned_end_days", "subscriptions_active_count", "subscriptions_since_end_days"),
    *("subscriptions_age_days", "subscriptions_amount_now", "subscriptions_tenure_days", "customers_joined_days"),
    *("customers_region", "things_kind_last"),
]
PLACES = [locate(name) for name in NAMES]
Row = dict[str, float]
Told = dict[str, float]


def is_gap(row: Row, told: Told, source: str) -> bool:
    return told["usual"] == max(1, round(row[f"{source}_gap_mean_days"])) and told["days"] > told["usual"]


def is_fall(row: Row, told: Told, source: str, measure: str) -> bool:
    """Recompute what was usual before the window, over as long as the customer has been seen."""
    recent, whole = (row[f"{source}_{measure}_{days:g}d"] for days in (told["window"], LONGEST))
    seen = min(LONGEST, row[f"{source}_tenure_days"]) if not math.isnan(row[f"{source}_tenure_days"]) else LONGEST
    usual = (whole - recent) * told["window"] / (seen - told["window"])
    return told["n"] == round(recent) and abs(told["usual"] - usual) <= 0.5 and told["n"] < told["usual"]


def tenure(row: Row) -> float:
    return np.nanmax([row[name] for name in NAMES if name.endswith(("tenure_days", "joined_days"))])


def since(row: Row, name: str, days: float) -> bool:
    return days == math.floor(row[name])


def holds(row: Row, cause: str, source: str, told: Told) -> bool:
    """Return whether the figures of a reason are those of the row."""
    keys, window = set(told), f"{told.get('window', 0):g}d"
    recency = f"{source}_recency_days"
    match cause:
        case "silence" if "last" in told:
            return since(row, recency, told["last"])
        case "silence":
            return since(row, recency, told["days"]) and ("usual" not in told or is_gap(row, told, source))
        case "falling_activity" | "low_engagement" if "usual" in told:
            return is_fall(row, told, source, "count")
        case "falling_value" if "usual" in told:
            return is_fall(row, told, source, "amount_sum")
        case "falling_activity" | "low_engagement":
            return told["n"] == round(row[f"{source}_count_{window}"])
        case "falling_value":
            return told["n"] == round(row[f"orders_amount_sum_{window}"]) >= 0
        case "service_trouble" if "last" in told:
            return since(row, recency, told["last"])
        case "service_trouble":
            return told["n"] == round(row[f"tickets_count_{window}"]) > 0
        case "payment_failure":
            return told["n"] == round(row[f"payments_status_failed_count_{window}"]) > 0
        case "refunds":
            return ("n" in told and told["n"] == round(row["orders_refunds_count_90d"]) > 0) or (
                told.get("amount") == round(row["orders_refunded_sum_90d"]) > 0
            )
        case "dissatisfaction" if "none" in told:
            return row["surveys_count_all"] == 0
        case "dissatisfaction":
            shown = told.get("score", told.get("answer"))
            answers = [row["surveys_csat_last"], row["surveys_nps_last"]]
            return any(shown == round(a, 1) and ("score" not in told or a <= 6) for a in answers if not math.isnan(a))
        case "price" if keys & {"fee", "none"}:
            return round(told.get("fee", 0.0), 2) == round(row["subscriptions_amount_now"], 2)
        case "price":
            return since(row, "changes_price_rise_since_days", told["days"]) and told["days"] <= 180
        case "company_change":
            return since(row, "changes_outage_since_days", told["days"]) and told["days"] <= 180
        case "contract_end" if "age" in told:
            return row["subscriptions_active_count"] > 0 and since(row, "subscriptions_age_days", told["age"])
        case "contract_end" if "none" in told:
            return row["subscriptions_active_count"] == 0 and math.isnan(row["subscriptions_tenure_days"])
        case "contract_end" if keys & {"ended", "without"}:
            days = told.get("ended", told.get("without", -1))
            return row["subscriptions_active_count"] == 0 and since(row, "subscriptions_since_end_days", days)
        case "contract_end":
            return since(row, "subscriptions_to_planned_end_days", told["days"])
        case "new_customer" | "relationship":
            days = told.get("days", told.get("tenure", -1))
            return days == math.floor(tenure(row)) and (days < 180) == (cause == "new_customer")
        case "campaign_response" if "none" in told:
            return row["contacts_count_all"] == 0
        case "campaign_response":
            return since(row, "contacts_recency_days", told["last"])
    return False


VALUES: dict[str, Callable[[np.random.Generator], float]] = {
    "count": lambda draw: float(draw.poisson(draw.choice([0.3, 3, 20]))),
    "csat": lambda draw: float(draw.integers(1, 6)),
    "nps": lambda draw: float(draw.integers(0, 11)),
    "sum": lambda draw: round(float(draw.normal(60, 80)), 2),
    "amount": lambda draw: float(draw.choice([0, 9.99, 29.9, 1200])),
    "days": lambda draw: round(float(draw.gamma(1, 150)), 3),
}


def row_of(draw: np.random.Generator) -> Row:
    """Return a customer's features, each window holding what the shorter ones hold; some are missing."""
    row = {}
    for name in NAMES:
        kind = next((key for key in VALUES if key in name and not (key == "days" and "amount" in name)), "count")
        missing = draw.random() < 0.15
        row[name] = math.nan if missing else float(np.float32(VALUES[kind](draw)))
    for stem in {name.rsplit("_", 1)[0] for name in NAMES if name.endswith("_30d")}:
        row[f"{stem}_90d"] += row[f"{stem}_30d"]
        row[f"{stem}_365d"] += row[f"{stem}_90d"]
    return {name: float(np.float32(value)) for name, value in row.items()}


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_figure_of_a_reason_is_the_customers_own(seed: int) -> None:
    draw = np.random.default_rng(seed)
    row = row_of(draw)
    X = np.array([list(row.values())], np.float32)
    table = top_reasons(draw.normal(0.05, 0.1, (1, len(NAMES))), X, PLACES, n_reasons=8)
    for code in filter(None, (table[name][0].as_py() for name in table.column_names)):
        cause, *pairs = code.split(";")
        found = dict(pair.split("=") for pair in pairs)
        source = found.pop("source")
        told = {key: float(value) for key, value in found.items() if key != "class"}
        assert not told or holds(row, cause, source, told), (code, row)
        for language in ("en", "zh"):
            sentence = reason_sentence(code, language)
            shown = [v for k, v in told.items() if k not in {"none", "n", "usual", "score", "answer", "fee", "of"}]
            assert all(figure(value, "whole", language) in sentence for value in shown), (code, sentence)
