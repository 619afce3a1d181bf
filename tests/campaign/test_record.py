from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from churnml.campaign.lists import decide, write_lists
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.record import RECORD_FILE, keep_record, previous_record, record, record_facts
from churnml.errors import DataError
from churnml.parquet import write_parquet

PLAN = CampaignPlan(name="spring", effect=0.5, cost=1.0, capacity=6, holdout_share=0.0, channels=("phone",))
DAY_US = 86_400_000_000


def decisions(day: int = 0, *, shift: int = 0, plan: CampaignPlan = PLAN):
    n = 12
    scores = pa.table(
        {
            "customer_id": [f"c{i:02}" for i in range(n)],
            "as_of": pa.array([1_719_705_600_000_000 + day * DAY_US] * n, pa.timestamp("us", "UTC")),
            "p_churn": [0.9 - 0.05 * ((i + shift) % n) for i in range(n)],
            "clv": [100.0] * n,
            "model_version": ["m"] * n,
        }
    )
    contacts = pa.table(
        {
            "customer_id": scores["customer_id"],
            "phone": ["+49 30 5551234"] * n,
            "name": ["Zo\u00eb"] * n,
            "consent_phone": ["no" if i == 0 and day else "yes" for i in range(n)],
        }
    )
    return decide(scores, contacts, plan=plan)


def kept(tmp_path: Path, *runs: object) -> Path:
    for number, each in enumerate(runs):
        write_parquet(record(each), tmp_path / f"{number}.parquet")
        keep_record(tmp_path / f"{number}.parquet", tmp_path / "store")
    return tmp_path / "store"


def test_a_record_holds_ids_and_decisions_and_nobody_s_contact_data() -> None:
    table = record(decisions(day=1))
    assert table["customer_id"].to_pylist() == [f"c{i:02}" for i in range(12)]
    assert not {"name", "reach_at", "owner", "language", "reason_1"} & set(table.column_names)
    withdrawn = table.slice(0, 1).to_pylist()[0]
    assert [name for name, value in withdrawn.items() if value is not None] == ["customer_id", "decision", "exclusion"]
    assert record_facts(table) == {
        "campaign": "spring",
        "as_of": "2024-07-01",
        "model_version": "m",
        "policy_version": "1",
    }


def test_previous_is_the_newest_run_of_the_latest_earlier_day(tmp_path: Path) -> None:
    first, second, other = decisions(0), decisions(30), decisions(0, shift=3)
    store = kept(tmp_path, first, second, first, other, other)
    assert [p.name[:4] for p in sorted((store / "spring" / "2024-06-30").iterdir())] == ["0001", "0002"]
    assert previous_record(store, "spring", before=date(2024, 7, 30)).equals(record(other))
    assert previous_record(store, "spring", before=date(2024, 7, 31)).equals(record(second))
    assert previous_record(store, "spring", before=date(2024, 6, 30)) is None
    assert previous_record(store, "autumn", before=date(2025, 1, 1)) is None


def test_going_back_to_an_earlier_decision_counts_as_the_newest(tmp_path: Path) -> None:
    first, other = decisions(0), decisions(0, shift=3)
    store = kept(tmp_path, first, other, first)
    assert len(list((store / "spring" / "2024-06-30").iterdir())) == 3
    assert previous_record(store, "spring", before=date(2024, 7, 1)).equals(record(first))


def test_a_damaged_record_is_refused_and_a_stray_file_is_not_looked_at(tmp_path: Path) -> None:
    store = kept(tmp_path, decisions(0))
    (store / "spring" / "2024-06-30" / "notes.txt").write_text("x")
    (path,) = (store / "spring" / "2024-06-30").glob("*.parquet")
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(DataError, match="its digest differs"):
        previous_record(store, "spring", before=date(2024, 7, 1))


def test_what_is_no_record_is_not_kept(tmp_path: Path) -> None:
    write_parquet(pa.table({"customer_id": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="not a record of decisions"):
        keep_record(tmp_path / "x.parquet", tmp_path / "store")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lists") / "spring"
    write_lists(decisions(30, shift=4), folder, previous=record(decisions(0)))
    return folder


def test_delta_file_sheet_page_and_manifest_say_the_same(second: Path) -> None:
    with (second / "delta.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    manifest = json.loads((second / "manifest.json").read_text("utf-8"))
    assert manifest["delta"]["since"]["as_of"] == "2024-06-30"
    assert manifest["delta"]["added"] + manifest["delta"]["removed"] + manifest["delta"]["changed"] == len(rows) > 0
    withdrawn = next(row for row in rows if row["Customer"] == "c00")
    assert (withdrawn["Change"], withdrawn["Why"], withdrawn["Probability of churn before"]) == (
        "Removed",
        "No consent any more",
        "",
    )
    book = openpyxl.load_workbook(second / "contact.xlsx")
    assert book.sheetnames[-2:] == ["Changes", "\u53d8\u5316"]
    assert [c.value for c in book["Changes"]["B"]][1:] == [row["Customer"] for row in rows]
    page = (second / "index.html").read_text("utf-8")
    assert "No consent any more" in page
    assert "\u5df2\u64a4\u56de\u540c\u610f" in page


def test_first_run_says_that_there_is_nothing_to_compare(tmp_path: Path) -> None:
    manifest = write_lists(decisions(0), tmp_path / "x")
    assert manifest["delta"] == {"since": None, "added": 0, "removed": 0, "changed": 0}
    assert len((tmp_path / "x" / "delta.csv").read_bytes().splitlines()) == 1
    assert "first list of the campaign" in (tmp_path / "x" / "index.html").read_text("utf-8")
    assert len(openpyxl.load_workbook(tmp_path / "x" / "contact.xlsx").sheetnames) == 3


def test_no_contact_data_in_the_record_the_delta_or_the_page(second: Path) -> None:
    for name in (RECORD_FILE, "delta.csv", "index.html"):
        data = (second / name).read_bytes()
        assert b"5551234" not in data
        assert "Zo\u00eb".encode() not in data


def test_a_rerun_with_the_same_input_gives_the_same_bytes(second: Path, tmp_path: Path) -> None:
    write_lists(decisions(30, shift=4), tmp_path / "x", previous=record(decisions(0)))
    assert {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


def test_chinese_delta(tmp_path: Path) -> None:
    before, now = (decisions(day, shift=day // 7, plan=replace(PLAN, language="zh")) for day in (0, 30))
    assert write_lists(now, tmp_path / "x", previous=record(before))["delta"]["added"] > 0
    assert "\u65b0\u589e" in (tmp_path / "x" / "delta.csv").read_text("utf-8-sig")
