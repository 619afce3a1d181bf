import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from factories import AS_OF, random_company

from churnml.features.build import build_features
from churnml.features.plan import FeaturePlan, choose_levels
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME


@pytest.mark.parametrize(("every", "few", "extreme"), [(False, [0, 2], [2]), (True, [0, 1, 2], [0, 1, 2])])
def test_windows_of_means_and_extremes(every: bool, few: list[int], extreme: list[int]) -> None:
    plan = FeaturePlan((7, 30, 90), every_window=every)
    assert (plan.few_windows, plan.extreme_windows) == (few, extreme)


def test_a_plan_comes_back_from_json() -> None:
    families, own = ("recency", "own"), {"a": "0f"}
    plan = FeaturePlan((7,), {"o.c": ("x",)}, "o", (60.0, 365.0), families, every_window=True, own=own)
    assert FeaturePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.keeps("own")
    assert not plan.keeps("levels")


def test_a_plan_with_one_horizon_can_still_be_read() -> None:
    value = FeaturePlan((7,)).to_json()
    del value["btyd_horizons_days"]
    assert FeaturePlan.from_json(value | {"btyd_horizon_days": 60.0}).btyd_horizons_days == (60.0,)


def test_levels_kept_by_number_and_share() -> None:
    parts = [{"o.c": Counter(a=60, b=25, c=10)}, {"o.c": Counter(b=4, d=1)}]
    assert choose_levels(parts) == {"o.c": ("a", "b", "c", "d")}
    assert choose_levels(parts, kept=2) == {"o.c": ("a", "b")}
    assert choose_levels(parts, least_share=0.05) == {"o.c": ("a", "b", "c")}
    assert choose_levels(parts, kept=0) == {"o.c": ()}


def test_only_the_families_asked_for_get_columns(tmp_path: Path) -> None:
    history = random_company(1).prepare(tmp_path)
    bucket = next(b for b in (Bucket(history, i) for i in range(history.n_buckets)) if len(b.customers))
    dates = pa.array([AS_OF] * len(bucket.customers), pa.int64()).cast(TIME)
    spine = pa.table({"customer_id": bucket.customers, "observation_date": dates})
    for families in [("recency", "profile"), ("levels",)]:
        plan = FeaturePlan((7, 30), {"orders.channel": ("web",)}, families=families)
        table, features = build_features(bucket, Bucket(history, 0), history, plan, {}, spine)
        assert {feature.family for feature in features} == set(families)
        assert table.column_names[2:] == [feature.name for feature in features]
