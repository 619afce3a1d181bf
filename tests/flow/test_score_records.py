from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from small_company import small_params

from churnml.config import Params
from churnml.dated import days_kept
from churnml.flow.score_records import SCORE_RECORDS, keep_scores, kept_scores
from churnml.parquet import write_parquet


def params_at(as_of: str, **monitoring: int) -> Params:
    return Params.model_validate(small_params({"histories": {"as_of": as_of}, "monitoring": monitoring}))


def scores(n: int, n_at_risk: int) -> pa.Table:
    p = np.where(np.arange(n) < n_at_risk, np.linspace(0.01, 0.99, n), np.nan)
    columns = {"customer_id": [f"c{i:05}" for i in range(n)], "p_churn": pa.array(p, from_pandas=True)}
    return pa.table(columns | {"clv": np.arange(float(n)), "risk_band": ["low"] * n})


def keep(root: Path, as_of: str, table: pa.Table, **monitoring: int) -> None:
    write_parquet(table, root / "scores.parquet", row_group_size=700)
    keep_scores(params_at(as_of, **monitoring), root / "scores.parquet", root=root, model_version="churn-abc")


def test_what_a_run_said_is_kept_privately(tmp_path: Path) -> None:
    keep(tmp_path, "2024-06-01", scores(50, 40))
    (record,) = kept_scores(tmp_path, before=date(2024, 6, 30))
    assert record.table().num_rows == record.facts["n_at_risk"] == 40
    assert (record.day, record.facts["n_known"], record.facts["horizon_days"]) == (date(2024, 6, 1), 50, 30)
    assert record.path.stat().st_mode & 0o077 == 0


def test_a_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    keep(tmp_path, "2024-06-30", scores(50, 40))
    assert kept_scores(tmp_path, before=date(2024, 6, 30)) == []


def test_of_many_customers_the_same_ones_are_kept(tmp_path: Path) -> None:
    for day in ("2024-06-01", "2024-06-02"):
        keep(tmp_path, day, scores(3000, 3000), keep_customers=500)
    first, second = (record.table()["customer_id"].to_pylist() for record in kept_scores(tmp_path, before=date.max))
    assert first == second
    assert 400 < len(first) < 600


def test_old_days_are_thinned_and_forgotten(tmp_path: Path) -> None:
    for day in [f"2024-{month:02}-{day:02}" for month in (1, 4, 6) for day in range(1, 29)]:
        keep(tmp_path, day, scores(3, 3), keep_days=120)
    days = days_kept(tmp_path / SCORE_RECORDS)
    assert [sum(day.month == month for day in days) for month in (1, 4, 6)] == [0, 5, 28]


def test_the_same_run_twice_adds_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        keep(tmp_path, "2024-06-01", scores(50, 40))
    assert len(list((tmp_path / SCORE_RECORDS / "2024-06-01").iterdir())) == 1


def test_a_damaged_record_is_left_out(tmp_path: Path) -> None:
    keep(tmp_path, "2024-06-01", scores(50, 40))
    (path,) = (tmp_path / SCORE_RECORDS).rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    assert kept_scores(tmp_path, before=date.max) == []
