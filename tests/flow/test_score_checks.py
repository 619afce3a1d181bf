"""What ``churnml score`` refuses, and what it writes down, when histories are not what the model learned from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_company import another, small_params

from churnml.config import Params
from churnml.errors import DataError, ModelError
from churnml.flow.fresh import score_as_of
from churnml.flow.reference import column_of

Change = Callable[[pa.Table], pa.Table]
QUIET = {"checks": {"data.scale_jump": {"severity": "info"}}}


def scored(golden: Path, folder: Path, *changes: dict, **tables: Change) -> dict:
    """Score changed histories with the model that the golden run has trained, and return the manifest."""
    root = another(folder, golden, QUIET, *changes)
    for name, change in tables.items():
        path = root / "data" / "simulated" / f"{name}.parquet"
        pq.write_table(change(pq.read_table(path)), path)
    (root / "models").symlink_to(golden / "models")
    params = Params.model_validate(small_params(QUIET, *changes))
    out = folder / "out" / "scores.parquet"
    manifest = score_as_of(params, root=root, reference="models/churn", out=out)
    assert json.loads(out.with_name("scores.parquet.manifest.json").read_bytes())["checks"] == manifest["checks"]
    return manifest


def with_column(name: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> Change:
    return lambda table: table.set_column(table.column_names.index(name), name, change(table[name]))


def test_quiet_histories_pass(golden: Path, tmp_path: Path) -> None:
    checks = scored(golden, tmp_path / "p")["checks"]
    assert checks["stale"] == checks["silent"] == checks["drift"]["alarms"] == []
    assert checks["drift"]["status"] == "checked"


@pytest.mark.slow
def test_columns_in_another_order_and_new_ones_pass(golden: Path, tmp_path: Path) -> None:
    def turned(table: pa.Table) -> pa.Table:
        return table.select(table.column_names[::-1]).append_column("new", pa.nulls(table.num_rows, pa.string()))

    first, second = (
        scored(golden, tmp_path / name, **tables) for name, tables in (("a", {}), ("b", {"orders": turned}))
    )
    assert first["sha256"] == second["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("orders", "net_amount", lambda c: pc.multiply(c.cast(pa.float64()), 100.0)),
        ("orders", "items", lambda c: pc.multiply(c, 100)),
        ("orders", "channel", lambda c: pc.replace_substring(c, "web", "online")),
        ("customers", "segment", lambda c: pc.utf8_upper(c)),
    ],
)
def test_a_planted_change_is_named_with_its_column(
    golden: Path, tmp_path: Path, table: str, column: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> None:
    with pytest.raises(ModelError, match=rf"{table}.{column} no longer looks as it did") as caught:
        scored(golden, tmp_path / "p", **{table: with_column(column, change)})
    assert (caught.value.exit_code, caught.value.rule, caught.value.column) == (5, "model.drift", column)


def test_nothing_is_written_where_the_model_does_not_fit(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no longer looks"):
        scored(golden, tmp_path / "p", orders=with_column("items", lambda c: pc.multiply(c, 100)))
    assert not (tmp_path / "p" / "out").exists()


@pytest.mark.slow
def test_below_the_limit_to_stop_at_the_manifest_says_so(golden: Path, tmp_path: Path) -> None:
    far = {"monitoring": {"psi_stop": 10.0}}
    found = scored(golden, tmp_path / "p", far, orders=with_column("items", lambda c: pc.multiply(c, 100)))
    alarms = [(alarm["table"], alarm["column"]) for alarm in found["checks"]["drift"]["alarms"]]
    assert alarms[0] == ("orders", "items")


@pytest.mark.slow
def test_a_silent_table_is_named(golden: Path, tmp_path: Path) -> None:
    def until_may(table: pa.Table) -> pa.Table:
        limit = pa.scalar(1_714_521_600_000_000, pa.int64())
        return table.filter(pc.less(table["opened_at"].cast(pa.int64()), limit))

    assert scored(golden, tmp_path / "p", tickets=until_may)["checks"]["silent"] == ["tickets"]
    with pytest.raises(DataError, match=r"table tickets: the newest row is \d+.\d days old"):
        scored(golden, tmp_path / "q", {"histories": {"tables": {"tickets": {"max_age_days": 7}}}}, tickets=until_may)


def test_a_table_that_is_not_declared_any_more_is_refused(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"histories.tables.surveys: is not declared any more") as caught:
        scored(golden, tmp_path / "p", {"histories": {"tables": {"surveys": None}}})
    assert caught.value.rule == "model.schema"


def test_a_column_that_became_another_kind_is_refused(golden: Path, tmp_path: Path) -> None:
    changed = {
        "histories": {"tables": {"orders": {"numbers": [], "categories": ["channel", "product_group", "items"]}}}
    }
    with pytest.raises(ModelError, match="items was among numbers, and is among categories"):
        scored(golden, tmp_path / "p", changed)


@pytest.mark.parametrize(
    ("feature", "source"),
    [
        ("orders_amount_sum_90d", ("orders", "net_amount")),
        ("orders_net_sum_90d", ("orders", "net_amount")),
        ("orders_channel_web_count_90d", ("orders", "channel")),
        ("orders_product_group_last", ("orders", "product_group")),
        ("orders_count_30d", ("orders", "")),
        ("customers_segment", ("customers", "segment")),
        ("subscriptions_end_reason_last", ("subscriptions", "reason")),
        ("changes_type_last", ("changes", "type")),
        ("own_basket_variety", ("", "")),
    ],
)
def test_features_are_named_by_the_delivered_column(feature: str, source: tuple[str, str]) -> None:
    assert column_of(feature, Params.model_validate(small_params())) == source
