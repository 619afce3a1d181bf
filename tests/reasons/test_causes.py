from __future__ import annotations

import pyarrow as pa
import pytest

from churnml.reasons.causes import (
    cause_control,
    causes,
    is_trouble,
    locate,
    low_score,
    may_be_named,
    reason_causes,
    source_class,
)
from churnml.wording import has_words

KINDS = {
    "orders": "events",
    "order_notes": "events",
    "changes": "calendar",
    "plans": "spells",
    "customers": "customers",
}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("orders_recency_days", "silence"),
        ("orders_silence_ratio", "silence"),
        ("orders_count_90d", "falling_activity"),
        ("orders_count_trend_30d_90d", "falling_activity"),
        ("orders_amount_sum_365d", "falling_value"),
        ("orders_amount_last", "falling_value"),
        ("orders_refunded_share_all", "refunds"),
        ("orders_refunds_count_90d", "refunds"),
        ("orders_gap_latest_days", "silence"),
        ("orders_repeat_days", "low_engagement"),
        ("orders_tenure_days", "new_customer"),
        ("orders_channel_web_count_90d", "activity"),
        ("orders_channel_last", "activity"),
        ("orders_discount_mean_90d", "price"),
        ("orders_amount_per_items_90d", "falling_value"),
        ("orders_items_per_weight_365d", "falling_value"),
        ("visits_pages_per_clicks_365d", "low_engagement"),
        ("customers_jan_spend_per_feb_spend", "profile"),
        ("customers_spend_total", "profile"),
        ("visits_count_30d", "low_engagement"),
        ("visits_recency_days", "silence"),
        ("tickets_count_90d", "service_trouble"),
        ("support_calls_hours_mean_90d", "service_trouble"),
        ("surveys_score_last", "dissatisfaction"),
        ("surveys_feedback_last", "dissatisfaction"),
        ("tickets_csat_last", "dissatisfaction"),
        ("payments_status_failed_count_90d", "payment_failure"),
        ("payments_method_last", "payment"),
        ("dunning_letters_count_90d", "payment_failure"),
        ("orders_chargebacks_count_90d", "payment_failure"),
        ("changes_competitor_launch_since_days", "market"),
        ("customers_PaymentMethod", "payment"),
        ("customers_MonthlyCharges", "price"),
        ("customers_Contract", "contract_end"),
        ("customers_tenure", "new_customer"),
        ("customers_months_inactive", "silence"),
        ("customers_number_customer_service_calls", "service_trouble"),
        ("customers_total_day_calls", "profile"),
        ("customers_complaints", "service_trouble"),
        ("customers_satisfaction_score", "dissatisfaction"),
        ("customers_relocated", "life_event"),
        ("customers_umgezogen", "life_event"),
        ("Bestellungen_recency_days", "silence"),
        ("Bestellungen_count_90d", "falling_activity"),
        ("Bestellungen_Umsatz_sum_90d", "falling_value"),
        ("Beschwerden_count_90d", "service_trouble"),
        ("Zahlungen_abgelehnt_count_90d", "payment_failure"),
        ("Umfragen_Zufriedenheit_last", "dissatisfaction"),
        ("Vertraege_to_planned_end_days", "contract_end"),
        ("Besuche_count_30d", "low_engagement"),
        ("\u8ba2\u5355_count_90d", "falling_activity"),
        ("\u8ba2\u5355_amount_sum_90d", "falling_value"),
        ("\u4ed8\u6b3e_\u5931\u8d25_count_90d", "payment_failure"),
        ("\u95ee\u5377_score_last", "dissatisfaction"),
        ("\u8ba2\u5355_\u6298\u6263_mean_90d", "price"),
        ("\u5408\u540c_to_planned_end_days", "contract_end"),
        ("\u516c\u544a_since_days", "company_change"),
        ("\u5ba2\u6237_\u642c\u8fc1", "life_event"),
        ("\u8bbf\u95ee_count_30d", "low_engagement"),
        ("campaigns_count_365d", "campaign_response"),
        ("company_changes_outage_since_days", "company_change"),
        ("company_changes_price_rise_since_days", "price"),
        ("subscriptions_to_planned_end_days", "contract_end"),
        ("subscriptions_active_count", "contract_end"),
        ("subscriptions_plan_last", "contract_end"),
        ("subscriptions_amount_now", "price"),
        ("customers_age", "profile"),
        ("customers_tenure_days", "new_customer"),
        ("\u8ba2\u5355_recency_days", "silence"),
        ("\u6295\u8bc9_count_90d", "service_trouble"),
        ("things_unheard_of", "activity"),
    ],
)
def test_cause_of_a_feature(name: str, cause: str) -> None:
    assert locate(name).cause == cause


def test_declared_tables_say_where_the_source_ends() -> None:
    place = locate("order_notes_count_90d", kinds=KINDS)
    assert (place.source, place.measure, place.window) == ("order_notes", "count", "90d")
    assert locate("changes_outage_since_days", kinds=KINDS).cause == "company_change"
    assert locate("plans_age_days", kinds=KINDS).cause == "contract_end"
    assert locate("customers_joined_days", kinds=KINDS).cause == "new_customer"


def test_words_are_beginnings_or_whole_words() -> None:
    assert source_class("postcodes") == "other"
    assert source_class("posts") == "usage"
    assert locate("orders_gap_latest_days").cause != "payment"
    assert is_trouble(locate("payments_status_late_count_90d"))
    assert not is_trouble(locate("payments_status_latest_count_90d"))


def test_every_cause_has_words_and_says_whether_it_can_be_acted_on() -> None:
    assert all(has_words(f"cause.{cause}") and has_words(f"reason.{cause}.neutral") for cause in causes())
    assert {cause_control(cause) for cause in causes()} == {"controllable", "not_controllable", "involuntary"}
    assert all(has_words(f"control.{cause_control(cause)}") for cause in causes())
    assert cause_control("silence") == "controllable"
    assert cause_control("profile") == "not_controllable"


def test_what_counts_as_a_low_score_depends_on_the_scale() -> None:
    assert (low_score("nps_last"), low_score("csat_last"), low_score("stars_last")) == (6, 3, 3)


def test_causes_of_a_column_of_reasons() -> None:
    codes = pa.array(["silence;source=orders;days=61", "profile;source=customers", "", None, "silence"])
    expected = ["silence", "profile", None, None, "silence"]
    assert reason_causes(codes).to_pylist() == expected
    assert reason_causes(pa.chunked_array([codes[:2], codes[2:]])).to_pylist() == expected
    assert reason_causes(pa.array([None])).equals(pa.array([None], pa.string()))


def test_an_unknown_cause_is_nobodys_doing() -> None:
    with pytest.raises(KeyError, match="weather"):
        cause_control("weather")


@pytest.mark.parametrize(
    "name",
    [
        "customers_age",
        "customers_Gender",
        "customers_SeniorCitizen",
        "customers_birthday",
        "customers_Geschlecht",
        "customers_Religion",
        "customers_health_status",
        "customers_nationality",
        "customers_\u6027\u522b",
        "customers_\u5e74\u9f84",
        "customers_\u6c11\u65cf",
        "orders_product_group_health_count_90d",
    ],
)
def test_what_is_private_is_never_named(name: str) -> None:
    assert not may_be_named(locate(name))


@pytest.mark.parametrize(
    "name", ["subscriptions_age_days", "customers_seniority", "orders_usage_mean_90d", "pages_count_30d", "customers_x"]
)
def test_names_that_only_look_alike_may_be_named(name: str) -> None:
    assert may_be_named(locate(name))
    assert not may_be_named(locate(name), never=["a", name])
