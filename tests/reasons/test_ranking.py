from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from churnml.reasons.causes import locate
from churnml.reasons.ranking import risk_reasons, top_reasons

NAMES = ["orders_recency_days", "orders_gap_mean_days", "visits_recency_days", "tickets_count_90d", "customers_region"]
PLACES = [locate(name) for name in NAMES]


def reasons(contributed: list[float], values: list[float]) -> list[str | None]:
    table = top_reasons(np.array([contributed]), np.array([values]), PLACES)
    return [table[name][0].as_py() for name in ("reason_1", "reason_2", "reason_3")]


def test_causes_add_up_over_features_and_the_largest_come_first() -> None:
    found = reasons([0.3, 0.1, 0.3, 0.5, 0.2], [61, 14, 9, 3, 40])
    assert found == [
        "silence;source=orders;days=61;usual=14",
        "service_trouble;source=tickets;n=3;window=90",
        "profile;source=customers",
    ]


def test_the_strongest_source_of_a_cause_gives_the_figures() -> None:
    assert reasons([0.1, 0.0, 0.4, -1, -1], [61, 14, 99, 0, 40]) == ["silence;source=visits;days=99", None, None]


def test_what_lowers_the_risk_is_no_reason() -> None:
    assert reasons([-0.1, -0.1, -0.1, 0.0, -0.2], [1, 1, 1, 1, 1]) == [None, None, None]


def test_figures_that_do_not_bear_the_cause_out_are_only_background() -> None:
    assert reasons([1, 0, 0, 0, 0], [3, 14, 9, 3, 40])[0] == "silence;source=orders;last=3"
    assert reasons([1, 0, 0, 0, 0], [np.nan, np.nan, 9, 3, 40])[0] == "silence;source=orders"


@pytest.mark.parametrize(("profile", "first"), [(0.99, "service_trouble"), (1.01, "profile")])
def test_figures_go_first_unless_the_other_cause_contributes_twice_as_much(profile: float, first: str) -> None:
    found = reasons([-1, 0, 0, 0.5, profile], [3, 14, 9, 3, 40])
    assert [str(code).partition(";")[0] for code in found[:2]] == sorted(
        ["service_trouble", "profile"], key=lambda cause: cause != first
    )


def test_a_source_whose_figures_bear_the_cause_out_speaks_for_it() -> None:
    values = [3, 14, 99, 0, 40]
    assert reasons([0.7, 0.0, 0.4, -1, -1], values)[0] == "silence;source=visits;days=99"
    assert reasons([0.9, 0.0, 0.4, -1, -1], values)[0] == "silence;source=orders;last=3"


def test_reasons_of_a_booster_do_not_depend_on_batches() -> None:
    rng = np.random.default_rng(2)
    X = rng.gamma(2, 20, size=(300, len(NAMES)))
    y = (X[:, 0] > 2 * X[:, 1]).astype(float)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 7, "seed": 1}
    booster = lgb.train(settings, lgb.Dataset(X, y, feature_name=NAMES), num_boost_round=20)
    whole = risk_reasons(booster, X, names=NAMES)
    assert whole.equals(risk_reasons(booster, X, names=NAMES, batch_rows=37).combine_chunks())
    assert whole.num_rows == 300
    assert risk_reasons(booster, X[:0], names=NAMES).column_names == ["reason_1", "reason_2", "reason_3"]
    risky = np.argmax(booster.predict(X))
    assert whole["reason_1"][int(risky)].as_py().startswith("silence")


@pytest.mark.parametrize(
    ("tenure", "code"), [(45.0, "new_customer;source=orders;days=45"), (900.0, "relationship;source=orders;tenure=900")]
)
def test_a_customer_of_years_is_not_called_new(tenure: float, code: str) -> None:
    found = top_reasons(np.array([[1.0]]), np.array([[tenure]]), [locate("orders_tenure_days")])
    assert found["reason_1"].to_pylist() == [code]


def test_what_is_private_gives_no_reason() -> None:
    rng = np.random.default_rng(3)
    names = ["customers_gender", "customers_age", "customers_region", "orders_recency_days"]
    X = rng.gamma(2, 20, size=(300, 4))
    data = lgb.Dataset(X, (X[:, 1] > 40).astype(float))
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}, data, 10)
    told = risk_reasons(booster, X, names=names)
    assert not [code for column in told.columns for code in column.to_pylist() if code and "profile" in code]
    named = risk_reasons(booster, X, names=["customers_x", "customers_y", *names[2:]])
    assert named["reason_1"].null_count < told["reason_1"].null_count
    barred = risk_reasons(booster, X, names=["customers_x", "customers_y", *names[2:]], never_named=["customers_*"])
    assert barred.equals(told)


def test_a_level_number_is_never_told_as_a_score() -> None:
    rng = np.random.default_rng(4)
    X = rng.integers(0, 3, size=(300, 2)).astype(float)
    data = lgb.Dataset(X, (X[:, 0] > 1).astype(float))
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}, data, 10)
    names = ["surveys_channel_last", "orders_recency_days"]
    told = risk_reasons(booster, X, names=names, categorical=[0])["reason_1"].drop_null().unique().to_pylist()
    assert "dissatisfaction;source=surveys" in told
    assert "score" not in "".join(told)


def test_what_concerns_everybody_alike_is_no_reason_of_one() -> None:
    rng = np.random.default_rng(5)
    names = ["changes_outage_since_days", "orders_recency_days"]
    X = np.column_stack([np.repeat([20.0, 400.0], 300), rng.gamma(2, 20, 600)])
    y = (0.5 * (X[:, 0] < 100) + X[:, 1] / 100 + rng.normal(0, 0.2, 600) > 0.7).astype(float)
    data = lgb.Dataset(X, y)
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}, data, 20)
    everybody = risk_reasons(booster, X[:300], names=names)
    assert "change" not in str(everybody.to_pydict())
    some = risk_reasons(booster, X, names=names)["reason_1"].to_pylist()
    assert [code for code in some[:300] if code and code.startswith("company_change;source=changes;days=20")]
