from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from churnml.campaign.record import RECORD_FILE
from churnml.flow.list_files import RECORDS, keep_records
from churnml.parquet import write_parquet

FACTS = b'{"as_of": "2024-06-30", "campaign": "spring", "model_version": "m", "policy_version": "1"}'


def test_records_that_came_with_the_data_are_kept_once(tmp_path: Path) -> None:
    table = pa.table({"customer_id": ["a"]}).replace_schema_metadata({b"churnml": FACTS})
    write_parquet(table, tmp_path / "data" / "lists" / "spring" / RECORD_FILE)
    keep_records(tmp_path)
    keep_records(tmp_path)
    assert len(list((tmp_path / RECORDS / "spring" / "2024-06-30").iterdir())) == 1


def test_a_damaged_record_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "data" / "lists" / "spring").mkdir(parents=True)
    (tmp_path / "data" / "lists" / "spring" / RECORD_FILE).write_bytes(b"PAR1 cut")
    keep_records(tmp_path)
    assert not (tmp_path / RECORDS).exists()
