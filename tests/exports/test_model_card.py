"""The model card: every part of it in both languages, from what the model's record holds."""

from __future__ import annotations

from typing import Any

import pytest

from churnml.exports.model_card import card_files, card_page

INTERVAL = {"roc_auc": 0.8125, "roc_auc_low": 0.79, "roc_auc_high": 0.835, "log_loss": 0.4}
FIGURES = {
    "own": INTERVAL,
    "rules": {"recency": {"roc_auc": 0.75}},
    "ranking": "roc_auc",
    "is_out_of_time": True,
    "n_customers": 1234,
    "n_rows": 2000,
    "calibration": {"cut_off": "2024-05-01", "n_rows": 400, "predicted_mean": 0.2, "actual_mean": 0.21, "slope": 1.05},
    "curves": {"reliability": {"model": ["churnml"] * 3, "p_mean": [0.1, 0.3, 0.6], "churn_rate": [0.1, 0.25, 0.7]}},
    "slices": [
        {"by": "tenure", "group": "new", "n_customers": 300, "is_enough": True, "mean_outcome": 0.2, **INTERVAL},
        {"by": "tenure", "group": "long", "n_customers": 20, "is_enough": False, "mean_outcome": 0.1},
    ],
    "min_group": 100,
    "hidden_groups": {"tenure": 1},
}
META = {
    "window": {"first": "2024-01-01", "last": "2024-06-29", "until": "2024-09-30"},
    "population": {"key": "inactivity_within", "table": "orders", "days": 90},
    "horizon_days": 60.0,
    "n_customers": 1500,
    "n_snapshots": 9000,
    "mean_outcome": 0.125,
    "seed": 1,
    "limits": [{"key": "treatments_ignored"}],
    "forbidden": ["customers_gender*"],
    "figures": FIGURES,
    "weights_by_cut_off": {"2024-01-02": {"trees": 0.5, "logistic": 0.5}, "2024-02-01": {"trees": 0.9}},
}
FACTS: dict[str, Any] = {
    "kind": "churn",
    "n_rounds": 9,
    "features": ["a", "b"],
    "levels": {"b": ["x"]},
    "dropped": {"customers_gender_female": "forbidden", "note": "identifier", "empty": "constant"},
    "state": {"weights": {"trees": 0.7, "logistic": 0.3, "hazard": 0.0}},
    "meta": META,
}
DIGEST = "0123456789abcdef" * 4


def card(name: str, **changes: Any) -> str:
    return card_files({**FACTS, **changes}, DIGEST)[name].decode()


def test_there_is_a_card_in_each_language_and_a_page() -> None:
    assert sorted(card_files(FACTS, DIGEST)) == ["card.html", "card.md", "card.zh.md"]


@pytest.mark.parametrize(
    "part",
    [
        "# Model card: churn",
        "Observation dates 1 Jan 2024 to 29 Jun 2024, outcomes up to 30 Sep 2024",
        "Customers active in orders within 90 days",
        "| ROC AUC | 0.812 (0.790\N{EN DASH}0.835) |",
        "Recency rule | 0.750 |",
        "too few to judge",
        "Used: boosted trees 70%, logistic regression 30%.",
        "Tried, and left without weight: hazard over time.",
        "| boosted trees | 70% | 50%\N{EN DASH}90% |",
        "kept out of every part of the model: customers\\_gender\\*",
        "| note | Looks like an identifier |",
        "Past campaigns were ignored by configuration",
        "GDPR Art. 22",
        "PIPL Art. 24",
        "Who approved it, and when, stands in models/promotions.jsonl",
    ],
)
def test_the_card_tells(part: str) -> None:
    assert part.casefold() in card("card.md").casefold()


@pytest.mark.parametrize(
    "part", ["模型卡：客户流失", "90 天内在 orders 中有活动的客户", "《个人信息保护法》第二十四条", "提升树 70%"]
)
def test_the_card_tells_it_in_chinese(part: str) -> None:
    assert part in card("card.zh.md")
    assert part in card("card.html")


def test_the_page_draws_the_calibration_and_asks_nobody() -> None:
    page = card("card.html")
    assert "<polyline" in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_record_with_little_in_it_still_has_a_card() -> None:
    told = card("card.md", meta={}, state={}, dropped={})
    assert "Decisions about persons" in told
    assert "carry weight" not in told


def test_texts_of_earlier_releases_are_shown_as_they_are() -> None:
    told = card("card.md", meta={"population": "customers in x", "limits": ["EU only"]})
    assert "customers in x" in told
    assert "EU only" in told


def test_the_card_of_a_search_tells_what_it_brought() -> None:
    tuning = {"n_trials": 20, "loss_default": 0.4, "loss_best": 0.39, "gain": 0.01, "standard_error": 0.002}
    told = card("card.md", meta={"tuning": tuning | {"is_better": True, "parameters": {"num_leaves": 7}}})
    assert "with 20 trials: log loss of held-out rows 0.400 by default, 0.390" in told
    assert "Used: num\\_leaves = 7." in told
    assert "the defaults are kept" in card("card.md", meta={"tuning": tuning | {"is_better": False, "parameters": {}}})


def test_approvals_are_told_with_who_and_why() -> None:
    line = {"at": "2024-07-01", "version": 3, "approved_by": "R. Osei <b>", "forced": True, "refusal": "x", "why": ""}
    page = card_page(FACTS, DIGEST, approvals=[line]).decode()
    assert "R. Osei &lt;b&gt;" in page
    assert "Nobody has approved" not in page
    assert "Nobody has approved" in card_page(FACTS, DIGEST, approvals=[]).decode()
    assert "Nobody has approved" in card_page(FACTS, DIGEST, approvals=[line | {"approved_by": None}]).decode()
