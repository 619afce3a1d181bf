from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from factories import AS_OF, DAY
from spenders import PLAN, features_of, spenders

from churnml.features.columns import Columns
from churnml.features.dictionary import feature_words
from churnml.features.plan import FAMILIES, FeaturePlan
from churnml.features.ratios import is_of_attributes, ratio_columns

NAN = math.nan


def of_numbers(joined: list[float] | None = None, **numbers: list[float]) -> dict[str, np.ndarray]:
    columns = Columns("customers", len(next(iter(numbers.values()))))
    if joined is not None:
        columns.add("joined_days", np.array(joined), family="tenure", unit="days")
    for name, values in numbers.items():
        columns.add("", np.array(values), family="profile", unit="number", detail=name, word="attribute")
    return {feature.name: values for feature, values in ratio_columns(columns, PLAN)}


def test_total_and_ratio_of_numbers_named_alike() -> None:
    found = of_numbers(jan_spend=[1, 2, NAN, -1, 6], feb_spend=[3, 0, 1, 2, 4], age=[1, 1, 1, 1, 1])
    assert [*found] == ["customers_spend_total", "customers_jan_spend_per_feb_spend"]
    np.testing.assert_array_equal(found["customers_spend_total"], np.float32([4, 2, NAN, NAN, 10]))
    np.testing.assert_array_equal(
        found["customers_jan_spend_per_feb_spend"], np.float32([1, NAN, NAN, -1.5, 4.5]) / np.float32([3, 1, 1, 3, 3])
    )


def test_a_number_per_day_since_joining() -> None:
    found = of_numbers([10, 0, NAN], spend=[5, 5, 5])
    np.testing.assert_array_equal(found["customers_spend_per_day"], np.float32([0.5, NAN, NAN]))


def test_what_single_precision_cannot_hold_is_missing() -> None:
    found = of_numbers(jan_spend=[1e38], feb_spend=[1e-5])
    assert np.isnan(found["customers_jan_spend_per_feb_spend"]).all()


def test_no_ratios_in_groups_of_more_than_six_and_at_most_150_columns() -> None:
    assert [*of_numbers(**{f"spend_{'abcdefg'[i]}x": [1.0] for i in range(7)})] == ["customers_spend_total"]
    many = {f"{a}{a}_{b}{b}": [1.0] for a in "abcdefghijkl" for b in "mnopqr"}
    found = [*of_numbers(**many)]
    assert len(found) == 150
    assert found == [*of_numbers(**many)]


def test_events_get_the_price_of_each_number_and_the_ratio_of_sums(tmp_path: Path) -> None:
    at, order = AS_OF - 10 * DAY, {"id": "new", "loaded": None, "weight": 0.5}
    orders = [
        order | {"at": at, "amount": Decimal("8.00"), "items": 3.0},
        order | {"at": at - 40 * DAY, "amount": Decimal("4.00"), "items": 1.0},
        order | {"at": at, "amount": Decimal("-4.00"), "items": 9.0},
    ]
    table, features = features_of(spenders(tmp_path, extra=orders), dates=(AS_OF,))
    row = next(row for row in table.to_pylist() if row["customer_id"] == "new")
    assert row["orders_amount_per_items_30d"] == pytest.approx(8 / 3)
    assert row["orders_amount_per_items_90d"] == row["orders_amount_per_items_all"] == 3.0
    assert row["orders_items_per_weight_90d"] == 4.0
    units = {f.name: (f.unit, f.window_days) for f in features if f.family == "ratios"}
    assert units["orders_amount_per_items_30d"] == ("money", 30)
    assert units["orders_items_per_weight_90d"] == ("ratio", 90)


def test_five_numbers_of_events_are_compared_only_where_named_alike() -> None:
    columns = Columns("orders", 1)
    for name in ("items", "weight", "points", "card_fee", "post_fee"):
        columns.add("sum", np.ones(1), family="value", unit="number", detail=name, suffix="90d", window_days=90)
    found = [feature.name for feature, _ in ratio_columns(columns, PLAN)]
    assert found == ["orders_card_fee_per_post_fee_90d"]


@pytest.mark.parametrize("without", ["ratios", "profile", "value"])
def test_only_where_the_family_and_those_of_its_parts_are_asked_for(without: str, tmp_path: Path) -> None:
    plan = FeaturePlan(PLAN.windows_days, families=tuple(family for family in FAMILIES if family != without))
    features = features_of(spenders(tmp_path), plan)[1]
    sources = {feature.source for feature in features if feature.family == "ratios"}
    assert sources == {"ratios": set(), "profile": {"orders"}, "value": {"customers"}}[without]


def test_a_plan_from_before_there_was_the_family_keeps_its_columns() -> None:
    old = PLAN.to_json()
    del old["families"]
    assert not FeaturePlan.from_json(old).keeps("ratios")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_ratio_has_words_of_its_own(language: str, tmp_path: Path) -> None:
    features = [f for f in features_of(spenders(tmp_path))[1] if f.family == "ratios"]
    assert {f.measure for f in features} == {"total", "ratio", "per_day", "price", "sums_ratio"}
    assert {f.measure for f in features if is_of_attributes(f)} == {"total", "ratio", "per_day"}
    assert len({feature_words(feature, language) for feature in features}) == len(features)
