from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from factories import AS_OF, WINDOWS, random_company
from spenders import features_of, spenders

from churnml.features.btyd_features import PurchaseModels
from churnml.features.build import build_features
from churnml.features.dictionary import describe, feature_words
from churnml.features.plan import Feature, FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.wording import MISSING, catalogue

LEVELS = {"orders.channel": ("web", "shop"), "changes.type": ("outage",)}
PLAN = FeaturePlan(WINDOWS, LEVELS, btyd_table="orders", btyd_horizons_days=(60.0, 365.0))


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> list[Feature]:
    history = random_company(1).prepare(Path(tmp_path_factory.mktemp("company")))
    bucket = Bucket(history, 0)
    dates = pa.array([AS_OF] * len(bucket.customers), pa.int64()).cast(TIME)
    spine = pa.table({"customer_id": bucket.customers, "observation_date": dates})
    return build_features(bucket, bucket, history, PLAN, {AS_OF: PurchaseModels(None, None)}, spine)[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_feature_has_words_of_its_own(features: list[Feature], language: str) -> None:
    told = {feature.name: feature_words(feature, language) for feature in features}
    assert len(told) == len(features) == len(set(told.values()))
    assert {feature.family for feature in features} > {"levels", "calendar", "spells", "refunds", "btyd", "profile"}
    for name, text in told.items():
        # A gap in the sentence, or a key of the catalogue, would show that a figure was not filled in.
        assert not re.search(r"[{}]|_days\b|  ", text), name
        assert MISSING not in text, name


def test_no_phrase_is_left_without_a_feature(features: list[Feature], tmp_path: Path) -> None:
    ratios = features_of(spenders(tmp_path))[1]
    families = {(feature.family, feature.measure) for feature in [*features, *ratios]}
    keys = {tuple(key.split(".")[1:3]) for key in catalogue() if key.startswith("feature.")}
    assert {key for key in keys if key[0] != "window"} == families


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("orders_count_30d", "Entries in orders in the last 30 days"),
        ("orders_amount_sum_all", "Sum of amount in orders over the whole history"),
        ("orders_amount_trend_7d_30d", "Pace of amount in orders: the last 7 days relative to the last 30 days "),
        ("orders_count_trend_30d_90d", "Pace of entries in orders: the last 30 days relative to the last 90 days "),
        ("orders_channel_web_share_90d", "Share of entries in orders with \u201cchannel web\u201d in the last 90 days"),
        ("orders_expected_purchases_60d", "Entries expected in orders in the next 60 days (BG/NBD or MBG/CNBD-k)"),
        ("orders_expected_purchases_365d", "Entries expected in orders in the next 365 days (BG/NBD or MBG/CNBD-k)"),
        ("orders_p_silent_60d", "Probability of no entry in orders in the next 60 days (BG/NBD or MBG/CNBD-k)"),
        ("plans_end_reason_last", "Why the last period in plans ended"),
        ("changes_any_count_7d", "Entries in changes that concern the customer, begun in the last 7 days"),
        ("orders_amount_per_items_7d", "Sum of amounts per unit of items in orders in the last 7 days"),
        ("customers_segment", "segment of the customer, from customers"),
    ],
)
def test_phrases(features: list[Feature], name: str, english: str) -> None:
    entry = next(entry for entry in describe(features) if entry["name"] == name)
    assert entry["words"]["en"].startswith(english)
    assert entry["words"]["zh"] != entry["words"]["en"]


def test_two_columns_of_one_name_are_told_alike_but_numbered() -> None:
    feature = Feature("orders_count_trend_30d_90d_2", "orders", "trend", "trend", "ratio", 30)
    assert "the last 30 days relative to the last 90 days" in feature_words(feature, "en")


def test_a_feature_without_words_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"no words for 'feature\.frequency\.nothing'"):
        feature_words(Feature("orders_nothing", "orders", "frequency", "nothing", "count"), "en")
