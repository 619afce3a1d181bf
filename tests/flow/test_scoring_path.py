"""The rows a model learns from and the rows it scores come from one path: the same date gives the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churnml.config import Params
from churnml.features.plan import FeaturePlan
from churnml.flow.buckets import read_buckets
from churnml.flow.compile import TABLES
from churnml.flow.featurize import featurize
from churnml.flow.raw import read_histories
from churnml.flow.spine import make_spine, read_plan
from churnml.simulation import simulate
from churnml.timeline import us_to_iso


def params_at(as_of: str) -> Params:
    histories = {"folder": "raw", "as_of": as_of, "tables": TABLES}
    churn = {"definition": "inactivity", "table": "orders", "horizon_days": 30}
    return Params.model_validate({"histories": histories, "churn": churn, "snapshots": {"count": 3}})


def features_of(params: Params, root: Path, name: str, plan: FeaturePlan | None = None) -> Path:
    here = root / name
    history = read_histories(params, root=root, target=here / "prepared")
    make_spine(history, params, here / "spine", to_score_only=plan is not None)
    featurize(history, params, here / "spine", here / "features", root=root, plan=plan)
    return here


def rows_at(folder: Path, date: int) -> pa.Table:
    def at_date(_: int, table: pa.Table) -> pa.Table:
        return table.filter(pc.equal(table["observation_date"].cast(pa.int64()), date))

    table = read_buckets(folder / "features", keep=at_date)
    return table.take(pc.sort_indices(table["customer_id"]))


def assert_same_bits(n_customers: int, root: Path) -> None:
    simulate(n_customers=n_customers, months=14, seed=3, end="2024-06-30", folder=root / "raw", truth=root / "truth")
    trained = features_of(params_at("2024-06-30"), root, "training")
    date = read_plan(trained / "spine").churn_dates[-1]
    plan = FeaturePlan.from_json(json.loads((trained / "features" / "plan.json").read_bytes()))
    scored = features_of(params_at(us_to_iso(int(date))), root, "scoring", plan)
    first, second = rows_at(trained, date), rows_at(scored, date)
    assert first.num_rows == second.num_rows > n_customers / 10
    assert first.column_names == second.column_names
    for name in first.column_names:
        left, right = (table[name].combine_chunks() for table in (first, second))
        if pa.types.is_floating(left.type):
            assert np.array_equal(left.to_numpy().view(np.int32), right.to_numpy().view(np.int32)), name
        else:
            assert left.cast(pa.string()).equals(right.cast(pa.string())), name


def test_scoring_rows_are_training_rows(tmp_path: Path) -> None:
    assert_same_bits(400, tmp_path)


@pytest.mark.slow
def test_tl_29_hundred_thousand_customers_give_the_same_bits(tmp_path: Path) -> None:
    assert_same_bits(100_000, tmp_path)
