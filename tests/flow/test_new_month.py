"""A month that comes as one more file: every byte is that of a project that sees all for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_company import run

from churnml.flow.raw import KEPT
from churnml.storage import digest_file

ROWS = [f"C{day % 70},2023-{day // 28 + 1:02d}-{day % 28 + 1:02d},{10 + day % 9}" for day in range(336)]


def deliver(folder: Path, *, months: int, **histories: Any) -> Path:
    """Lay the first months into the folder, a file each; ``as_of`` is the first day after them."""
    (folder / "raw" / "orders").mkdir(parents=True, exist_ok=True)
    for month in range(months):
        rows = ["id,at,paid", *ROWS[28 * month : 28 * (month + 1)], ROWS[28 * month], ""]
        (folder / "raw" / "orders" / f"2023-{month + 1:02d}.csv").write_text("\n".join(rows), encoding="utf-8")
    orders = {"kind": "events", "file": "orders", "id": "id", "time": "at", "amount": "paid"}
    as_of = f"2023-{months + 1:02d}-01"
    params = {
        "histories": {"folder": "raw", "as_of": as_of, "tables": {"orders": orders}} | histories,
        "churn": {"definition": "inactivity", "table": "orders"},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def outputs(folder: Path) -> dict[str, str]:
    """Run the stage and return the digests of all it wrote."""
    assert run(folder, "configure", "prepare") == 0
    paths = [*(folder / "data" / "prepared").rglob("*.*"), *(folder / "reports").glob("data_check.*")]
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in sorted(paths)}


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """Return a project that was run on nine months before the tenth came."""
    assert outputs(deliver(tmp_path / "grown", months=9))
    return deliver(tmp_path / "grown", months=10)


def test_the_store_and_the_data_check_are_those_of_a_first_run(grown: Path, tmp_path: Path) -> None:
    assert outputs(grown) == outputs(deliver(tmp_path / "new", months=10))


def test_a_damaged_store_of_rows_is_no_matter(grown: Path, tmp_path: Path) -> None:
    for path in (grown / KEPT / "orders").iterdir():
        path.write_bytes(path.read_bytes()[:-7] + b"\0" * 7)
    assert outputs(grown) == outputs(deliver(tmp_path / "new", months=10))


def test_who_wants_nothing_kept_finds_nothing_kept(grown: Path) -> None:
    assert (grown / KEPT / "orders" / "rows.arrow").is_file()
    outputs(deliver(grown, months=10, keep_rows=False))
    assert not (grown / KEPT).exists()
