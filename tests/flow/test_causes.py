"""The ledger of losses against the raw rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from page_reader import PageReader

NOW = datetime(2024, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "reports/causes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ledger(golden: Path) -> pa.Table:
    return pq.read_table(golden / "data/causes/ledger.parquet")


def test_every_silence_of_the_year_is_entered_once(golden: Path, ledger: pa.Table) -> None:
    orders = pq.read_table(golden / "data/simulated/orders.parquet").to_pylist()
    times: dict[str, list[datetime]] = {}
    for row in orders:
        if row["net_amount"] >= 0 and row["loaded_at"] <= NOW:
            times.setdefault(row["customer_id"], []).append(row["ordered_at"])
    wanted = set()
    for customer, at in times.items():
        at.sort()
        for last, following in zip(at, [*at[1:], NOW + timedelta(days=9999)], strict=True):
            lost = last + timedelta(days=30)
            if following > lost and NOW - timedelta(days=365) < lost <= NOW:
                wanted.add((customer, lost.date().isoformat(), following <= NOW))
    found = [(r["customer_id"], r["lost_on"], r["returned"]) for r in ledger.to_pylist()]
    assert len(found) == len(wanted)
    assert set(found) == wanted


def test_the_report_counts_the_ledger(told: dict[str, Any], ledger: pa.Table) -> None:
    assert told["losses"] == ledger.num_rows
    for name in ("control", "group", "cause"):
        counts = {v["values"]: v["counts"] for v in ledger[name].value_counts().to_pylist()}
        assert {code: each["losses"] for code, each in told[f"by_{name}"].items()} == counts
    assert told["cost"]["total"] == str(sum(ledger["cost"].to_pylist()))


def test_reasons_of_ended_contracts_are_found(golden: Path, ledger: pa.Table) -> None:
    stated = [r for r in ledger.to_pylist() if r["source"] == "end_reason"]
    assert stated
    spells = pq.read_table(golden / "data/simulated/subscriptions.parquet").to_pylist()
    ends = {(r["customer_id"], r["reason"]) for r in spells if r["ends_on"] is not None}
    assert {(r["customer_id"], r["stated"]) for r in stated} <= ends


def test_the_goal_s_parts_add_up(told: dict[str, Any], golden: Path) -> None:
    goal, scores = told["goal"], pq.read_table(golden / "data/scored/scores.parquet")
    p = scores["p_churn"].drop_null().to_numpy()
    assert goal["customers"] == len(p)
    assert goal["allowed"] == round(0.1 * len(p))
    for parts in (goal["by_owner"], goal["by_team"]):
        assert sum(part["allowed"] for part in parts) == goal["allowed"]
        assert sum(part["customers"] for part in parts) == len(p)
        assert sum(part["expected"] for part in parts) == pytest.approx(np.sum(p))


def test_the_csv_speaks_words(golden: Path) -> None:
    table = pcsv.read_csv(golden / "data/causes/ledger.csv")
    assert table.column_names[:4] == ["Customer", "Lost on", "Last there", "Has come back"]
    assert set(table["Has come back"].to_pylist()) <= {"Yes", "No"}
    assert "poor_service" not in table["Cause"].to_pylist()


def test_the_page_reads_in_both_languages(golden: Path) -> None:
    page = PageReader((golden / "reports/causes.html").read_bytes())
    assert "Why customers were lost" in page.text
    assert "客户流失原因" in page.text
    assert "script" not in page.tags
