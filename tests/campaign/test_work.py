from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from churnml.campaign.record import RECORDS
from churnml.campaign.work import WORK, keep_work, kept_work, work_rows, write_work
from churnml.dated import keep_dated
from churnml.errors import DataError
from churnml.parquet import parquet_bytes, write_parquet

DAY = date(2024, 6, 30)
CONTACT = pa.table({"customer_id": ["b", "a"], "owner": ["Ann", "Bo"], "contact_by": [DAY, None], "name": ["x", "y"]})


def kept(root: Path, name: str, day: date, *customers: str, holdout: tuple[str, ...] = ()) -> None:
    arms = {"contact": pa.table({"customer_id": customers}), "holdout": pa.table({"customer_id": holdout})}
    write_work(work_rows(arms), root / "work.parquet", name=name, day=day)
    keep_work(root / "work.parquet", root / WORK)


def test_work_is_who_by_whom_until_when_and_nothing_to_reach_them_by() -> None:
    rows = work_rows({"contact": CONTACT, "holdout": pa.table({"customer_id": pa.array(["c"])})})
    assert rows.column_names == ["customer_id", "decision", "owner", "team", "channel", "contact_by"]
    assert rows["customer_id"].to_pylist() == ["a", "b", "c"]
    assert rows["decision"].to_pylist() == ["contact", "contact", "holdout"]
    assert rows["owner"].to_pylist() == ["Bo", "Ann", None]


def test_every_day_of_every_list_is_kept(tmp_path: Path) -> None:
    kept(tmp_path, "retention", DAY, "a")
    kept(tmp_path, "retention", date(2024, 7, 7), "b")
    kept(tmp_path, "winback", DAY, "c", holdout=("d",))
    found = [(each.name, each.day, each.table["customer_id"].to_pylist()) for each in kept_work(tmp_path)]
    assert found == [
        ("retention", DAY, ["a"]),
        ("retention", date(2024, 7, 7), ["b"]),
        ("winback", DAY, ["c", "d"]),
    ]


def test_of_a_list_from_before_its_decisions_tell_who_was_to_be_contacted(tmp_path: Path) -> None:
    decisions = pa.table({"customer_id": ["a", "b", "c"], "decision": ["contact", "excluded", "holdout"]})
    keep_dated(parquet_bytes(decisions), tmp_path / RECORDS / "retention", DAY)
    (only,) = kept_work(tmp_path)
    assert only.table["decision"].to_pylist() == ["contact", "holdout"]


def test_a_file_that_is_no_work_is_refused(tmp_path: Path) -> None:
    write_parquet(CONTACT, tmp_path / "work.parquet")
    with pytest.raises(DataError, match="not the work of a list"):
        keep_work(tmp_path / "work.parquet", tmp_path / WORK)
